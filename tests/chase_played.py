"""A world of `chase_oracle` made real: written into the tables, played event by event, and chased at each look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import time_machine

from alerts.cascading.cascade import cascade
from alerts.chasing.tending import tend
from alerts.models import Advisory, Message, Recipient
from alerts.publishing.draft import from_file, update_from_file
from alerts.publishing.publish import publish_draft
from departments.models import Body, Membership, Person
from tests.chase_oracle import Event, Mail, Notice, Post, World
from tests.chased import leave
from tests.office import an_advisory

_ISO = "PT{}M"
HOLD_HOURS = 2


class Played:
    """The same bodies, people and warnings in the tables."""

    def __init__(self, world: World, notices: Iterable[Notice], name: str = "w") -> None:
        self.holds = bool(world.holds)
        self.name, self.notices = name, {one.name: one for one in notices}
        self.advisories: dict[str, Advisory] = {}
        self._still: set[str] = set()
        self._answers: defaultdict[str, list[int]] = defaultdict(list)
        self.bodies = {
            number: Body(slug=f"{name}-{number}", name=f"{name} {number}", kind="team", calendar=calendar)
            for number, calendar in world.calendars.items()
        }
        self.bodies[world.issuer].may_issue = True
        for number in world.holds:
            self.bodies[number].policy, self.bodies[number].hold_hours = "hold", HOLD_HOURS
        made: set[int] = set()
        while level := [one for one in self.bodies if one not in made and world.parents[one] in {None, *made}]:
            for number in level:
                above = world.parents[number]
                self.bodies[number].parent = self.bodies[above] if above is not None else None
            Body.objects.bulk_create([self.bodies[number] for number in level])
            made |= set(level)
        self.people: dict[int, Person] = {}
        self._add(world.posts)
        officers = [post.person for post in world.posts if post.role == "officer"]
        self.ada, self.ben = self.people[officers[0]], self.people[officers[1]]
        self.issuer = self.bodies[world.issuer]

    def _add(self, posts: list[Post]) -> None:
        new = {
            post.person: Person(
                email=f"{self.name}-{post.person}@example.org", written="x", name=f"Person {post.person}"
            )
            for post in posts
            if post.person not in self.people
        }
        Person.objects.bulk_create(new.values())
        self.people |= new
        Membership.objects.bulk_create(
            Membership(person=self.people[post.person], body=self.bodies[post.body], role=post.role, hours=post.hours)
            for post in posts
        )

    def happen(self, events: list[Event]) -> None:
        """What happened until a look, in order."""
        for event in events:
            if event.what == "answered":
                self._answers[event.warning].append(self.people[event.person].pk)
                continue
            self._answered()
            getattr(self, f"_{event.what}")(event)
        self._answered()

    def look(self, now: datetime, times: int = 1) -> None:
        """The chase looks; what it wrote leaves. What was held goes on in its time."""
        if self.holds:
            self._cascade(now)
        with time_machine.travel(now, tick=False):
            for _ in range(times):
                assert tend(now)
        leave(now)

    def mails(self) -> list[Mail]:
        """What was mailed."""
        names = {one.pk: name for name, one in self.advisories.items()}
        numbers = {one.pk: number for number, one in self.people.items()}
        about: defaultdict[int, set[str]] = defaultdict(set)
        found = Message.objects.filter(kind__in=("reminder", "digest", "escalation"), person__in=numbers)
        for message, advisory, listed in found.values_list("pk", "nudges__recipient__advisory", "batch__about"):
            about[message].add(names[listed or advisory])
        return [
            (when, kind, numbers[person], frozenset(about[message]))
            for message, when, kind, person in found.values_list("pk", "batch__made_at", "kind", "person")
        ]

    def _published(self, event: Event) -> None:
        one = self.notices[event.warning]
        top = next(body for body in sorted(one.bodies))
        file = an_advisory(
            title=one.name,
            severity=one.severity,
            rule=one.rule,
            actions=[],
            topics=[],
            acknowledge_within=_ISO.format(int(one.within.total_seconds() // 60)),
            audience={"branches": [self.bodies[top].slug]},
        )
        draft = from_file(file, self.ada, self.issuer)
        revision = publish_draft(draft, self.ben, accept_gaps="told otherwise", now=event.at)
        self.advisories[one.name] = Advisory.objects.get(pk=revision.advisory_id)
        self._cascade(event.at)

    def _updated(self, event: Event) -> None:
        one, advisory = self.notices[event.warning], self.advisories[event.warning]
        advisory.refresh_from_db()
        within = _ISO.format(int(one.within.total_seconds() // 60))
        words = an_advisory(title=one.name, actions=[], topics=[], acknowledge_within=within, what_changed="All")
        words = {key: value for key, value in words.items() if key not in ("audience", "severity", "marking", "rule")}
        draft = update_from_file(advisory, words, self.ada, material=True)
        publish_draft(draft, self.ben, accept_gaps="as before", now=event.at)
        self._cascade(event.at)

    def _joined(self, event: Event) -> None:
        assert event.post is not None
        self._add([event.post])
        self._cascade(event.at)

    def _left(self, event: Event) -> None:
        of = self.people[event.person]
        Membership.objects.filter(person=of).update(until=event.at)
        Person.objects.filter(pk=of.pk).update(left_at=event.at)
        self._cascade(event.at)

    def _bounced(self, event: Event) -> None:
        Person.objects.filter(pk=self.people[event.person].pk).update(bounced_at=event.at)
        self._cascade(event.at)

    def _stopped(self, event: Event) -> None:
        self._still.add(event.warning)
        Advisory.objects.filter(pk=self.advisories[event.warning].pk).update(stopped_at=event.at)

    def _resumed(self, event: Event) -> None:
        Advisory.objects.filter(pk=self.advisories[event.warning].pk).update(stopped_at=None)
        self._still.discard(event.warning)
        self._cascade(event.at)

    def _answered(self) -> None:
        for name, people in self._answers.items():
            advisory = self.advisories[name]
            advisory.refresh_from_db()
            assert advisory.current is not None
            Recipient.objects.filter(advisory=advisory, person__in=people).update(
                answered_revision=advisory.current.number
            )
        self._answers.clear()

    def _cascade(self, when: datetime) -> None:
        with time_machine.travel(when, tick=False):
            for name, one in self.advisories.items():
                # A pass over a stopped one leaves everything as it is, and more to do.
                while name not in self._still and not cascade(one.pk):
                    pass
        leave(when)
