"""Readiness: what a drill reached, how soon, by branch, beside the last drill. Reads only; writes nothing.

A drill (`Advisory.exercise`) runs as any warning does, so its figures are coverage's own: whoever can't be reached stays among
the people it is for, and a body with nobody to tell, which weighs nothing in people, is counted and named. How soon is counted
from the publication of the revision that asked, by the minutes in which answers came (`Tide`). A drill that was stood down is
measured until then, by whatever minute: nothing that came later counts, and no time runs on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from alerts.chasing.drills_sql import BRANCHES, DARK, EARLIER, LISTED, REACHED
from alerts.coverage.estate import estate, standing_of
from alerts.coverage.figures import Bodies
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Relay, Revision
from alerts.routing.routes import reports_delivery
from alerts.statements import run

TIMES = (timedelta(minutes=15), timedelta(minutes=60), timedelta(days=1))
"""Within which answers are counted."""
SAID = ("15 minutes", "60 minutes", "a day")
"""The same, as a page says it."""
HOUR = 1
"""Which of them the goal is about."""
GOAL = 90
"""Percent of everybody whom a good drill has answered within 60 minutes."""
NAMED = 50
"""Dark bodies that are named."""


class Reached(NamedTuple):
    """What a drill reached in one branch, or in all of it."""

    people: int = 0
    """Everybody it is for, those who can't be reached among them."""
    told: int = 0
    unreachable: int = 0
    answered: int = 0
    """Until now, or until it was stood down."""
    within: tuple[int, int, int] = (0, 0, 0)
    """How many had answered within each of `TIMES`."""
    half: timedelta | None = None
    """How long half of those who answered took; None where nobody did."""
    nine: timedelta | None = None
    """The same for nine in ten."""
    bodies: Bodies = Bodies()
    """What was left out on purpose is not counted here."""

    @property
    def shares(self) -> tuple[int | None, ...]:
        """The same in percent of everybody; None where it is for nobody."""
        return tuple(share(number, self.people) for number in self.within)


@dataclass(frozen=True, slots=True)
class Branch:
    """A body with all below it, or its own people alone."""

    body: str
    """The slug."""
    name: str
    own: bool
    reached: Reached
    before: Reached | None
    """In the last drill; None where that was not for it."""


@dataclass(frozen=True, slots=True)
class Drill:
    """When a drill began, and how long it has been going on."""

    advisory: Advisory
    revision: int
    """The one that was to be answered."""
    began: datetime
    ended: datetime | None
    """When it was stood down; None while it goes on."""
    after: timedelta
    """Since it began, until it was stood down or, while it goes on, looked at."""

    @property
    def over(self) -> tuple[bool, ...]:
        """Which of `TIMES` have passed."""
        return tuple(self.after >= time for time in TIMES)

    @property
    def until(self) -> datetime | None:
        """The end of the last minute that counts; None while it goes on."""
        return self.ended.replace(second=0, microsecond=0) + timedelta(minutes=1) if self.ended else None


@dataclass(frozen=True, slots=True)
class Report:
    """A drill beside the last one."""

    drill: Drill
    whole: Reached
    branches: list[Branch]
    """Those furthest from the goal first. Whoever sits in two of them counts in both."""
    dark: list[tuple[str, str]]
    """Slug and name of the first bodies with nobody to tell."""
    last: Drill | None
    """The last one of the same issuer that was for one of these branches."""
    before: Reached | None
    """What that one reached."""


def report(advisory: Advisory, now: datetime, of: Scope | None = None) -> Report | None:
    """What a drill reached of what is in scope. None while nobody was looked up for it, and for what is no drill."""
    asked = of or scope(advisory.pk)
    drill = _drill(advisory, now)
    if drill is None:
        return None
    found = run(BRANCHES, **asked.values())
    bodies, alone = [row[0] for row in found], [row[3] for row in found]
    reached = _reached(asked, drill, bodies, alone)
    if 0 not in reached:
        return None
    last = _last(drill, asked, bodies, alone, now)
    there = _there(asked, last.advisory) if last else None
    before = _reached(there, last, bodies, alone) if last and there else {}
    branches = [
        Branch(slug, name, own, reached[line], _if_any(before.get(line)))
        for line, (_, slug, name, own) in enumerate(found, start=1)
        if _if_any(reached.get(line))
    ]
    return Report(
        drill=drill,
        whole=reached[0],
        branches=sorted(branches, key=lambda one: _behind(one.reached, drill)),
        dark=[(slug, name) for slug, name in run(DARK, **asked.values(), named=NAMED)]
        if reached[0].bodies.dark
        else [],
        last=last if _if_any(before.get(0)) else None,
        before=_if_any(before.get(0)),
    )


def share(part: int, whole: int) -> int | None:
    """Whole percent, rounded, of everybody; 100 only where it is all of them, and 0 only where it is nobody."""
    if not whole:
        return None
    if part <= 0 or part >= whole:
        return 0 if part <= 0 else 100
    return min(max(round(100 * part / whole), 1), 99)


def missing(answered: int, people: int) -> int:
    """How many more of so many people have to answer for the goal."""
    return max(ceil(people * GOAL / 100) - answered, 0)


def compared(now: int | None, before: int | None) -> str:
    """Two shares: "12 points more", "1 point less", "the same"; "" where one of them is of nobody."""
    if now is None or before is None:
        return ""
    if now == before:
        return "the same"
    points = abs(now - before)
    return f"{points} {'point' if points == 1 else 'points'} {'more' if now > before else 'less'}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A drill in a list of them, as a whole."""

    advisory: Advisory
    people: int
    told: int
    within: tuple[int, int, int]
    over: tuple[bool, ...]
    stood_down: bool
    bodies: Bodies

    @property
    def shares(self) -> tuple[int | None, ...]:
        """In percent of everybody."""
        return tuple(share(number, self.people) for number in self.within)


def listed(drills: Sequence[Advisory], now: datetime) -> list[Listed]:
    """These drills, each as a whole, in two statements however many they are."""
    if not drills:
        return []
    ids: Collection[int] = [one.pk for one in drills]
    found = estate(drills, ids)
    times = {row[0]: row[1:] for row in run(LISTED, ids=list(ids))}
    delivery = reports_delivery()
    lines = []
    for one in drills:
        standing = standing_of(found, one)
        began, ended, *within = times[one.pk]
        figures = standing.figures
        told = _told(
            figures.targeted, figures.unsent, figures.unreachable, figures.acknowledged, figures.silent, delivery
        )
        lines.append(
            Listed(
                advisory=one,
                people=figures.targeted,
                told=told,
                within=(within[0], within[1], within[2]),
                over=tuple((ended or now) - began >= time for time in TIMES),
                stood_down=ended is not None,
                bodies=standing.bodies,
            )
        )
    return lines


def _drill(advisory: Advisory, now: datetime) -> Drill | None:
    material = advisory.material
    if not advisory.exercise or material is None:
        return None
    ends = advisory.revisions.filter(kind=Revision.Kind.STAND_DOWN, number__gt=material.number)
    ended = ends.order_by("number").values_list("at", flat=True).first()
    return Drill(advisory, material.number, material.at, ended, max((ended or now) - material.at, timedelta()))


def _last(drill: Drill, asked: Scope, bodies: list[int], alone: list[bool], now: datetime) -> Drill | None:
    values: Mapping[str, Any] = {
        "issuer": drill.advisory.issuer_id,
        "advisory": asked.advisory_id,
        "start": drill.began,
        "branches": bodies,
        "alone": alone,
    }
    found = run(EARLIER, **values)
    if not found:
        return None
    earlier = Advisory.objects.select_related("issuer", "current", "material", "draft").get(pk=found[0][0])
    return _drill(earlier, now)


def _there(asked: Scope, earlier: Advisory) -> Scope | None:
    """The same part of an earlier drill, as its tree was; None where it was not in that one."""
    if asked.relay is None:
        return scope(earlier.pk, asked.bodies)
    relay = (
        Relay.objects.filter(advisory=earlier, body__relays=asked.relay)
        .exclude(purpose=Relay.Purpose.LEFT)
        .values_list("pk", flat=True)
        .first()
    )
    return None if relay is None else scope(earlier.pk, asked.bodies, relay, own=asked.own)


def _reached(asked: Scope, drill: Drill, bodies: list[int], alone: list[bool]) -> dict[int, Reached]:
    """By line: 0 is all that is in scope, the others are these branches in their order, where they are in it."""
    start = drill.began.replace(second=0, microsecond=0)
    rows = run(
        REACHED,
        **asked.values(),
        whole=asked.whole,
        material=drill.revision,
        start=start,
        until=drill.until,
        branches=bodies,
        alone=alone,
    )
    delivery = reports_delivery()
    return {row[0]: _line(row[1:], start, delivery) for row in rows}


def _line(row: tuple[Any, ...], start: datetime, delivery: bool) -> Reached:
    targeted, unsent, unreachable, acknowledged, silent, answered, quarter, hour, day, half, nine, *bodies = row
    return Reached(
        people=targeted,
        told=_told(targeted, unsent, unreachable, acknowledged, silent, delivery),
        unreachable=unreachable,
        answered=answered,
        within=(quarter, hour, day),
        half=half - start if half else None,
        nine=nine - start if nine else None,
        bodies=Bodies(*bodies),
    )


def _told(targeted: int, unsent: int, unreachable: int, acknowledged: int, silent: int, delivery: bool) -> int:
    """As the coverage page counts it: on a route that reports no delivery, handed over is as much as can be known."""
    return acknowledged + silent if delivery else targeted - unsent - unreachable


def _if_any(reached: Reached | None) -> Reached | None:
    return reached if reached and (reached.people or reached.bodies.targeted) else None


def _behind(reached: Reached, drill: Drill) -> tuple[int, int]:
    """The share that answered in time, or so far, and how many people it is: the lowest first, of like ones the largest."""
    number = reached.within[HOUR] if drill.over[HOUR] else reached.answered
    percent = share(number, reached.people)
    return -1 if percent is None else percent, -reached.people
