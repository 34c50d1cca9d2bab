"""A fortnight over Christmas in a government of 2,000 bodies: every mail that was due, none twice, none at the wrong time.

What was due is said apart in plain Python (`chase_oracle`), from the same bodies, people, events and looks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from tests.chase_oracle import LONDON, Event, Mail, Notice, Oracle, Post, World, at_work
from tests.chase_played import Played
from tests.chased import at

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

BODIES, CHILDREN = 2_000, 7  # five levels
ISSUER = BODIES
CAP = 2
STOPPED, RESUMED = at("2026-12-29 10:40"), at("2026-12-30 14:10")
UPDATED = at("2026-12-31 11:00")
OVER = at("2027-01-06 17:30")


def below(top: int) -> frozenset[int]:
    """A body and all below it."""
    found, level = {top}, [top]
    while level := [child for body in level for child in range(CHILDREN * body + 1, CHILDREN * body + CHILDREN + 1)]:
        level = [body for body in level if body < BODIES]
        found |= set(level)
    return frozenset(found)


def made_up(random: Random) -> World:
    """Two in five bodies have a contact, one in seven is dark; a branch is Scottish, one Northern Irish, some elsewhere too."""
    parents = {body: (body - 1) // CHILDREN if body else None for body in range(BODIES)} | {ISSUER: None}
    calendars = dict.fromkeys(parents, "england-and-wales")
    calendars |= dict.fromkeys(below(3), "scotland") | dict.fromkeys(below(5), "northern-ireland")
    calendars |= {random.randrange(BODIES): "scotland" for _ in range(60)}
    posts, person = [Post(0, ISSUER, "officer"), Post(1, ISSUER, "officer")], 2
    for body in range(BODIES):
        if body and random.random() < 1 / 7:
            continue
        roles = [role for role, share in (("contact", 0.4), ("deputy", 0.12), ("head", 0.1)) if random.random() < share]
        for role in [*roles, *["member"] * random.choice((1, 1, 1, 2))]:
            hours = "out" if role == "contact" and random.random() < 0.1 else "in"
            posts.append(Post(person, body, role, hours))
            if random.random() < 0.07 and (other := random.randrange(BODIES)) != body:
                posts.append(Post(person, other, random.choice(("member", "member", "deputy"))))
            person += 1
    return World(parents, calendars, posts, ISSUER)


def notices() -> list[Notice]:
    """To everybody; a critical one; and one for which an answer a body is enough."""
    return [
        Notice("all", "high", "all", timedelta(days=1), below(0)),
        Notice("some", "medium", "any", timedelta(days=2), below(4)),
        Notice("now", "critical", "all", timedelta(hours=4), below(2)),
    ]


def what_happens(world: World, of: list[Notice], random: Random) -> list[Event]:
    """Published, a stop, an update; answers at any moment, half of the people never; leavers, joiners, mails that come back."""
    published = dict(
        zip(
            (one.name for one in of), map(at, ("2026-12-21 10:00", "2026-12-22 11:00", "2026-12-23 16:00")), strict=True
        )
    )
    events = [Event(when, "published", name) for name, when in published.items()]
    events += [Event(STOPPED, "stopped", "all"), Event(RESUMED, "resumed", "all"), Event(UPDATED, "updated", "some")]
    people = sorted(world.people)
    for one in of:
        theirs = [person for person in people if any(post.body in one.bodies for post in world.people[person])]
        for person in theirs:
            if random.random() < 0.5:
                length = (OVER - published[one.name]) * random.random() ** 3
                events.append(Event(published[one.name] + length, "answered", one.name, person))
    days = [at(f"2026-12-{day} 11:20") for day in (22, 24, 31)] + [at("2027-01-05 12:10")]
    for number in range(20):
        when = random.choice(days) + timedelta(minutes=number)
        if number % 5 < 2:
            events.append(Event(when, "left", person=random.choice(people[2:])))
        elif number % 5 < 4:
            role = random.choice(("member", "contact", "deputy"))
            post = Post(100_000 + number, random.randrange(BODIES), role)
            events.append(Event(when, "joined", person=post.person, post=post))
        else:
            events.append(Event(when, "bounced", person=random.choice(people[2:])))
    return sorted(events, key=lambda event: event.at)


def looks(random: Random) -> list[tuple[datetime, int]]:
    """Each half-hour by day, some at night, more while the critical one is new; one in three is missed, some come twice."""
    found = []
    when = at("2026-12-21 10:06")
    while when <= OVER:
        hour = when.astimezone(LONDON).hour
        critical = at("2026-12-23 16:00") <= when <= at("2026-12-24 09:00")
        if (8 <= hour < 18 or hour in (2, 22) or critical) and random.random() > 0.33:
            found.append((when, 2 if random.random() < 0.06 else 1))
        when += timedelta(minutes=30)
    return found


def test_every_mail_of_a_fortnight_is_sent_once_and_at_its_time(settings: SettingsWrapper) -> None:
    settings.CHASE_MAILS_A_DAY = CAP
    random = Random(2026)
    world = made_up(random)
    events = what_happens(world, notices(), random)
    played, oracle = Played(world, notices()), Oracle(world, notices(), CAP)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE departments_body, departments_person, departments_membership")
    answered: defaultdict[str, dict[int, datetime]] = defaultdict(dict)
    silent_since: dict[int, datetime] = {}
    for now, times in looks(random):
        happened = [event for event in events if event.at <= now]
        events = events[len(happened) :]
        played.happen(happened)
        for event in happened:
            oracle.happens(event)
            if event.what == "answered":
                answered[event.warning][event.person] = event.at
            elif event.what == "updated":
                answered[event.warning].clear()
            elif event.what in ("left", "bounced"):
                silent_since[event.person] = event.at
        played.look(now, times)
        oracle.looks(now)
    mails = played.mails()
    assert differing(mails, oracle.mails) == []
    assert len(mails) > 10_000
    assert {kind for _, kind, _, _ in mails} == {"reminder", "digest", "escalation"}
    assert_nothing_untimely(mails, world)
    for when, kind, person, about in mails:
        assert person not in silent_since or when < silent_since[person]
        if kind == "reminder":
            (name,) = about
            assert not answered[name].get(person, OVER) < when or name == "some"
        assert not ("all" in about and STOPPED < when < RESUMED)


def differing(mails: list[Mail], due: list[Mail]) -> list[tuple[str, Mail]]:
    """The first mails that were not due, or that were and did not come."""
    sent, expected = Counter(mails), Counter(due)
    wrong = [("too many", one) for one in (sent - expected)] + [("missing", one) for one in (expected - sent)]
    return sorted(wrong, key=lambda row: row[1][0])[:10]


def assert_nothing_untimely(mails: list[Mail], world: World) -> None:
    """Of all but the critical ones: none outside hours of a body of theirs, and no more a day than the cap."""
    calendars = set(world.calendars.values())
    a_day: Counter[tuple[int, object]] = Counter()
    for when, _, person, about in mails:
        if "now" in about:
            continue
        places = {world.calendars[post.body] for post in world.people.get(person, ())} or calendars
        assert any(at_work(when, calendar) for calendar in places)
        a_day[person, when.astimezone(LONDON).date()] += 1
    assert max(a_day.values()) <= CAP
