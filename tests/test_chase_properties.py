"""Whatever the tree, the roles, the answers and the looks: each mail that is due once, and nobody else any.

Of each example the mails are those of `chase_oracle`; where bodies hold, what must hold of any chase is looked at alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerts.models import Escalation, Nudge
from tests.chase_oracle import LONDON, Event, Mail, Notice, Oracle, Post, World, at_work
from tests.chase_played import Played
from tests.chased import at
from tests.test_chase_fortnight import differing

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = ("member", "contact", "deputy", "head")
CALENDARS = ("england-and-wales", "scotland", "northern-ireland")
STARTS = [at(text) for text in ("2026-12-23 15:00", "2026-12-30 09:30", "2026-10-23 16:45", "2026-11-27 10:00")]
QUICK = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)


@contextmanager
def taken_back() -> Iterator[None]:
    """Nothing of an example stays. It commits as it goes: a pass of the cascade waits for whatever is not committed."""
    try:
        yield
    finally:
        call_command("flush", verbosity=0, interactive=False)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two to six bodies below one, and an issuer; one to eight people in one to three of these each."""
    bodies = draw(st.integers(2, 6))
    parents: dict[int, int | None] = {0: None} | {body: draw(st.integers(0, body - 1)) for body in range(1, bodies)}
    parents[bodies] = None
    calendars = {body: draw(st.sampled_from(CALENDARS)) for body in parents}
    posts = [Post(0, bodies, "officer"), Post(1, bodies, "officer")]
    for person in range(2, 2 + draw(st.integers(1, 8))):
        seats = draw(st.lists(st.integers(0, bodies - 1), min_size=1, max_size=3, unique=True))
        for body in seats:
            role = draw(st.sampled_from(ROLES))
            posts.append(Post(person, body, role, draw(st.sampled_from(("in", "in", "in", "out")))))
    return World(parents, calendars, posts, bodies)


def notices(asked: list[tuple[str, str, timedelta]], world: World) -> list[Notice]:
    """Each (its severity, rule and time) to everybody of the tree."""
    tree = frozenset(world.parents) - {world.issuer}
    return [Notice(f"warning-{number}", *of, tree) for number, of in enumerate(asked)]


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[float, str, int]]:
    """At which part of the time, what, and to whom."""
    what = st.sampled_from(("answered", "answered", "answered", "left", "joined", "bounced", "updated"))
    return draw(st.lists(st.tuples(st.floats(0.001, 0.999), what, st.integers(0, 50)), max_size=10))


def events_of(
    found: list[tuple[float, str, int]],
    of: list[Notice],
    world: World,
    start: datetime,
    end: datetime,
    *,
    stopped: bool,
) -> list[Event]:
    """The same, with moments and names; a stop at four tenths, in which nobody comes, leaves or publishes."""
    events = [Event(start + timedelta(minutes=47) * number, "published", one.name) for number, one in enumerate(of)]
    people = sorted(set(world.people) - {0, 1})
    halt, goes_on = start + (end - start) * 0.4, start + (end - start) * 0.5
    for number, (part, what, who) in enumerate(sorted(found)):
        when = start + timedelta(hours=2) + (end - start - timedelta(hours=2)) * part
        one, person = of[who % len(of)], people[who % len(people)]
        if stopped and what != "answered" and halt <= when <= goes_on:
            continue
        if what == "joined":
            body = who % (len(world.parents) - 1)
            post = Post(100 + number, body, ROLES[who % len(ROLES)])
            events.append(Event(when, what, person=post.person, post=post))
        elif what == "updated":
            events.append(Event(when, what, one.name))
        else:
            events.append(Event(when, what, one.name, person))
    if stopped:
        events += [Event(halt, "stopped", of[0].name), Event(goes_on, "resumed", of[0].name)]
    return sorted(events, key=lambda event: event.at)


LOOKS = st.lists(st.tuples(st.integers(3, 400), st.sampled_from((1, 1, 1, 2))), min_size=5, max_size=24)
NOTICES = st.lists(
    st.tuples(
        st.sampled_from(("critical", "high", "medium", "low")),
        st.sampled_from(("all", "all", "any")),
        st.sampled_from((timedelta(hours=2), timedelta(hours=5), timedelta(days=1))),
    ),
    min_size=1,
    max_size=2,
)


@QUICK
@given(
    world=worlds(),
    asked=NOTICES,
    found=happenings(),
    looks=LOOKS,
    start=st.sampled_from(STARTS),
    stopped=st.booleans(),
    cap=st.integers(1, 3),
)
def test_each_mail_that_is_due_is_sent_once_and_no_other(
    world: World,
    asked: list[tuple[str, str, timedelta]],
    found: list[tuple[float, str, int]],
    looks: list[tuple[int, int]],
    start: datetime,
    stopped: bool,
    cap: int,
) -> None:
    of = notices(asked, world)
    moments, when = [], start
    for gap, times in looks:
        when += timedelta(minutes=gap)
        moments.append((when, times))
    events = events_of(found, of, world, start, when + timedelta(minutes=1), stopped=stopped)
    with taken_back(), override_settings(CHASE_MAILS_A_DAY=cap):
        played, oracle = Played(world, of, f"w{uuid4().hex[:8]}"), Oracle(world, of, cap)
        for now, times in moments:
            happened = [event for event in events if event.at <= now]
            events = events[len(happened) :]
            played.happen(happened)
            for event in happened:
                oracle.happens(event)
            played.look(now, times)
            oracle.looks(now)
        mails = played.mails()
    assert differing(mails, oracle.mails) == []
    critical = {one.name for one in of if one.critical}
    assert_quiet(mails, world, critical, cap)


def assert_quiet(mails: list[Mail], world: World, critical: set[str], cap: int) -> None:
    """Of all but the critical: none when no body of theirs is at work, no more a day than the cap."""
    a_day: defaultdict[tuple[int, object], int] = defaultdict(int)
    everywhere = set(world.calendars.values())
    for when, _, person, about in mails:
        if about & critical:
            continue
        theirs = {world.calendars[post.body] for post in world.people.get(person, ())} or everywhere
        assert any(at_work(when, calendar) for calendar in theirs)
        a_day[person, when.astimezone(LONDON).date()] += 1
    assert max(a_day.values(), default=0) <= cap


@QUICK
@given(world=worlds(), start=st.sampled_from(STARTS), looks=st.lists(st.integers(20, 70), min_size=18, max_size=18))
def test_where_nobody_ever_answers_all_are_reminded_to_the_end_and_every_ladder_reaches_the_issuer(
    world: World, start: datetime, looks: list[int]
) -> None:
    of = notices([("critical", "all", timedelta(hours=1))], world)
    with taken_back():
        played = Played(world, of, f"w{uuid4().hex[:8]}")
        played.happen([Event(start, "published", of[0].name)])
        when = start
        for gap in [5, 31, 20, 6, *looks, *[6 * 60] * 22]:
            when += timedelta(minutes=gap)
            played.look(when)
        people = set(world.people) - {0, 1}
        told = Nudge.objects.filter(state="mailed", step__what="remind")
        for person in people:
            numbers = sorted(told.filter(person=played.people[person]).values_list("step__n", flat=True))
            assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]
        for body in sorted(set(world.parents) - {world.issuer}):
            raised = Escalation.objects.filter(relay__body=played.bodies[body]).order_by("step__n", "pk")
            rungs: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
            heights = {played.bodies[at].pk: height for height, at in enumerate(world.above(body))}
            for n, at_body, role in raised.values_list("step__n", "body", "role"):
                rungs[n].append((heights.get(at_body, 99), role))
            climbed = [max(rungs[n], key=_place) for n in sorted(rungs)]
            assert [_place(one) for one in climbed] == sorted(_place(one) for one in climbed)
            assert climbed[-1] == (99, "officer")
            everybody = {
                played.people[post.person].pk
                for at in world.above(body)
                for post in world.places[at]
                if post.role != "member"
            } | {played.ada.pk, played.ben.pk}
            assert sorted(raised.values_list("person", flat=True)) == sorted(everybody)


def _place(rung: tuple[int, str]) -> tuple[int, int]:
    height, role = rung
    order = {"contact": 0, "deputy": 0 if height else 1, "head": 2, "officer": 3}
    return height, order[role]


@QUICK
@given(
    world=worlds(),
    holds=st.sets(st.integers(0, 5), min_size=1, max_size=2),
    found=happenings(),
    looks=LOOKS,
    start=st.sampled_from(STARTS),
)
def test_where_bodies_hold_nobody_is_mailed_twice_nor_after_they_answered_or_left(
    world: World,
    holds: set[int],
    found: list[tuple[float, str, int]],
    looks: list[tuple[int, int]],
    start: datetime,
) -> None:
    world.holds = frozenset(holds & set(world.parents) - {world.issuer})
    of = notices([("high", "all", timedelta(hours=3))], world)
    moments, when = [], start
    for gap, times in looks:
        when += timedelta(minutes=gap)
        moments.append((when, times))
    found = [row for row in found if row[1] != "updated"]
    events = events_of(found, of, world, start, when + timedelta(minutes=1), stopped=False)
    done: dict[int, datetime] = {}
    for event in events:
        if event.what in ("answered", "left", "bounced"):
            done.setdefault(event.person, event.at)
    gone: dict[int, datetime] = {}
    for event in events:
        if event.what in ("left", "bounced"):
            gone.setdefault(event.person, event.at)
    with taken_back(), override_settings(CHASE_MAILS_A_DAY=3):
        played = Played(world, of, f"w{uuid4().hex[:8]}")
        for now, times in moments:
            happened = [event for event in events if event.at <= now]
            events = events[len(happened) :]
            played.happen(happened)
            played.look(now, times)
        mails = played.mails()
        steps = Nudge.objects.filter(state="mailed").values_list("step__clock__kind", "message__person", "message")
        holding = {message for kind, _, message in steps if kind == "hold"}
    assert_quiet(mails, world, set(), 3)
    for when, kind, person, _ in mails:
        until = gone if kind == "escalation" or holding else done
        assert when < until.get(person, when + timedelta(minutes=1))
