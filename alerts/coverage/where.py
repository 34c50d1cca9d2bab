"""Where a warning is now: the wave as it stands, what holds it, what waits and why. Reads only; writes nothing.

A constant number of statements, whatever the size: bodies are read from their relays, people from the kept counters and what
is pending, mails from their batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from alerts.coverage import Figures
from alerts.coverage.held import COUNTED, Behind, behind_holds
from alerts.coverage.scope import scope
from alerts.coverage.where_sql import LAST_MINUTE, NEWS, OUTBOX, WAITING, WAVE
from alerts.models import Advisory, Note, Relay
from alerts.statements import run
from config.logs import scrub
from departments.models import Membership, Person, Role

NAMED = 10
"""How many bodies are named of each reason."""
LET_GO = 10
"""How many holds that are over are told of."""
_COUNTED = 20
"""In how many batches, the first of the outbox, the mails are counted."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the wave, 1 at the top: bodies that are targeted, by how far it has got; people who still wait."""

    level: int
    bodies: int
    dark: int
    """Nobody there can be told: they are in none of the next three."""
    reached: int
    held: int
    planned: int
    passing: int
    """Bodies that it only passes through, for information."""
    waiting: int
    """Each once, at the highest level at which they do; of too many, places."""


@dataclass(frozen=True, slots=True)
class Place:
    """A body, to be named."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Reason:
    """How many bodies, and how many people in them wait; the first of the bodies by name."""

    bodies: int = 0
    people: int = 0
    named: list[Place] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.bodies - len(self.named)


@dataclass(frozen=True, slots=True)
class Hold:
    """A body that holds it now, with who can be asked, and who waits behind it."""

    relay: Relay
    bodies: int
    people: int
    """Its own people and those below it, each once: the number that its contacts are told. Of too many, places."""
    counted: int
    """Those of them who are in no other hold's: together they are all who are held."""
    contacts: list[Person]
    note: Note | None

    @property
    def elsewhere(self) -> int:
        """Those of them who are counted with another hold."""
        return self.people - self.counted


@dataclass(frozen=True, slots=True)
class Outbox:
    """Mails of the revision that stands which have not left."""

    leaving: int = 0
    """In the hands of a worker."""
    due: int = 0
    later: int = 0
    """Put off, until `next_try` at the earliest."""
    next_try: datetime | None = None
    error: str = ""
    """Why, in the mail server's words, without addresses; "" where it could not be had at all."""
    ahead: list[str] = field(default_factory=list)
    """More severe advisories whose mails leave first; "": a mail of none."""
    last_done: datetime | None = None

    @property
    def mails(self) -> int:
        """All of them."""
        return self.leaving + self.due + self.later


@dataclass(frozen=True, slots=True)
class Wave:
    """All there is to see of one advisory on its way, the bodies and people of one and the same moment."""

    as_at: datetime
    planned: bool
    """False: the cascade has yet to look at it."""
    figures: Figures
    promised: int
    """How many people the signed preview counted, while they are still being written down; otherwise those written."""
    levels: list[Level]
    holds: list[Hold]
    """Those behind which most people wait first; no more than was asked for."""
    held: Reason
    reached: Reason
    """Their turn has come, and there is somebody to tell."""
    behind: Reason
    """Not reached, since a body above holds it."""
    next: Reason
    """Not reached, and nobody holds it."""
    stale: Reason
    """Bodies of the audience whose people are being written down."""
    to_write: int
    """Those, and the bodies it only passes through."""
    dark: Reason
    """Nobody there can be told, wherever the wave is: in none of the others."""
    held_people: int
    """People who wait in held bodies and below them, each once."""
    left_out: int
    let_go: list[Relay]
    """Holds that are over, the last one first."""
    let_go_bodies: int
    outbox: Outbox
    last_minute: int
    """Mails handed over within it."""

    @property
    def bodies(self) -> int:
        """Everybody's bodies: those that are targeted."""
        return sum(level.bodies for level in self.levels)

    @property
    def in_places(self) -> bool:
        """There are too many to count each once: the levels count places, and whoever sits in two bodies is in each."""
        return sum(level.waiting for level in self.levels) != self.figures.waiting

    @property
    def queueing(self) -> int:
        """People whose body was reached, and to whom it was not sent yet; whoever is held elsewhere is not counted again."""
        return min(self.reached.people, max(self.figures.waiting - self.held_people, 0))

    @property
    def arrived(self) -> bool:
        """Everybody is written down and reached, and nothing is left to be sent."""
        waits = self.held.bodies + self.behind.bodies + self.next.bodies + self.to_write + self.figures.waiting
        return self.planned and not waits


def read(advisory: Advisory, most: int) -> Wave:
    """Everything there is to see of one published advisory, with no more than `most` of the bodies that hold it."""
    revision, now = advisory.current, timezone.now()
    if revision is None:
        raise ValueError(f"{advisory.reference} was never published")
    row = _row(WAVE, advisory=advisory.pk, named=NAMED, holds=most)
    as_at, planned, *documents, left_out = row
    # Django hands jsonb over as text, for its own field to read.
    whole, levels, held, counts, named = map(json.loads, documents)
    of = {reason: _reason(reason, counts, named) for reason in counts}
    figures = Figures(**whole)
    places = of["held"].people + of["behind"].people
    behind = behind_holds(scope(advisory.pk), places)
    once = places if behind is None else sum(one.counted for one in behind.values())
    # Once everybody was looked at, a body that is looked at anew takes nobody back to the preview's figure.
    writing = not planned or (of["to_write"].bodies and advisory.queued_id != revision.pk)
    promised = revision.preview.get("people", 0) if writing else 0
    leaving, due, later, next_try, error, ahead, last_done = _row(
        OUTBOX, advisory=advisory.pk, revision=revision.pk, now=now, counted=_COUNTED
    )
    return Wave(
        as_at=as_at,
        planned=planned,
        figures=figures,
        promised=max(promised, figures.targeted),
        levels=_levels(advisory, levels, figures.waiting),
        holds=_holds(held, behind),
        held=of["held"],
        reached=of["reached"],
        behind=of["behind"],
        next=of["next"],
        stale=of["stale"],
        to_write=of["to_write"].bodies,
        dark=of["dark"],
        held_people=min(once, figures.waiting),
        left_out=left_out,
        let_go=_let_go(advisory) if of["let_go"].bodies else [],
        let_go_bodies=of["let_go"].bodies,
        outbox=Outbox(leaving, due, later, next_try, scrub(error), ahead, last_done),
        last_minute=_row(LAST_MINUTE, reference=advisory.reference, now=now)[0],
    )


def fingerprint(advisory: Advisory) -> str:
    """Changes whenever a figure, a state or the outbox does; cheap enough to ask every second."""
    return str(_row(NEWS, advisory=advisory.pk)[0])


def _row(sql: str, **values: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone()
    return tuple(found or ())


def _reason(reason: str, counts: Mapping[str, list[int]], named: Iterable[list[str]]) -> Reason:
    bodies, people = counts[reason]
    return Reason(bodies, people, [Place(slug, name) for why, slug, name in named if why == reason])


def _levels(advisory: Advisory, levels: Iterable[Mapping[str, int]], waiting: int) -> list[Level]:
    """Who waits is looked up where somebody does so at two bodies, and where they are not too many."""
    found = [Level(**level) for level in levels]
    if waiting > COUNTED or waiting == sum(level.waiting for level in found):
        return found
    once = dict(run(WAITING, advisory=advisory.pk))
    return [replace(level, waiting=once.get(level.level, 0)) for level in found]


def _holds(held: list[dict[str, int]], behind: Mapping[int, Behind] | None) -> list[Hold]:
    """Each with its contacts and the note that stands there, those behind which most people wait first."""
    if not held:
        return []
    relays = Relay.objects.select_related("body").filter(state=Relay.State.HELD).in_bulk([one["id"] for one in held])
    contacts: dict[int, list[Person]] = {}
    places = Membership.objects.filter(
        body__in=[relay.body_id for relay in relays.values()], role=Role.CONTACT, until=None, person__left_at=None
    )
    for place in places.select_related("person").order_by("order", "person__name", "pk"):
        contacts.setdefault(place.body_id, []).append(place.person)
    last = Note.objects.filter(relay__in=relays).order_by("relay", "-id").distinct("relay").select_related("by")
    notes = {note.relay_id: note for note in last if note.text}
    none = Behind()
    found = []
    for one in held:
        # One that was let go since the statement before is not held any more.
        if (relay := relays.get(one["id"])) is not None:
            waits = Behind(one["people"], one["people"]) if behind is None else behind.get(relay.pk, none)
            told = contacts.get(relay.body_id, [])
            found.append(Hold(relay, one["bodies"], waits.people, waits.counted, told, notes.get(relay.pk)))
    return sorted(found, key=lambda hold: -hold.people)


def _let_go(advisory: Advisory) -> list[Relay]:
    over = Relay.objects.filter(advisory=advisory, state=Relay.State.RELEASED, held_until__isnull=False)
    over = over.exclude(purpose=Relay.Purpose.LEFT).exclude(released_at=None)
    return list(over.select_related("body", "released_by").order_by("-released_at", "pk")[:LET_GO])
