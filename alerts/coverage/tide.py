"""Answers over time: how many had answered the current material revision by when, in the whole and branch by branch.

Reads only, in two statements, whatever the size. What is drawn of it are at most `POINTS` moments; it is exact to the minute
in which an answer was counted, and ends with what is counted now.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.utils import timezone

from alerts.coverage.scope import Scope
from alerts.coverage.tide_sql import CLOCK, LINES
from alerts.hold_words import lasted
from alerts.statements import run

POINTS = 120
"""Moments of a line at most."""
BRANCHES = 8
"""Branches with a line of their own; the others share one."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
"""Minutes between two moments."""
_MINUTE = timedelta(minutes=1)
_ODD = 10
"""Of fewer, nine in ten are nobody in particular."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, or is to happen, on the way."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Times:
    """How long those who answered took, from the revision's publication on; to the minute."""

    answered: int
    half: timedelta
    nine: timedelta
    """Within which nine in ten of them had answered."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture: a branch, several of them together, or everything."""

    name: str
    body: str
    """The slug; "" where it is no single body."""
    targeted: int
    acknowledged: int
    counts: list[int]
    """How many had answered at each of the moments."""
    times: Times | None
    """None where nobody has answered."""

    def percent(self, place: int) -> float:
        """Of everybody it is for, at one of the moments."""
        return 100 * self.counts[place] / self.targeted if self.targeted else 0.0


@dataclass(frozen=True, slots=True)
class OverTime:
    """What a picture of it shows."""

    revision: int
    published: datetime
    """When this revision was: where it begins."""
    moments: list[datetime]
    """From `published` to the last one that is shown."""
    now: datetime
    deadline: datetime | None
    marks: list[Mark]
    """Later revisions, which ask nobody again."""
    whole: Line
    branches: list[Line]
    """Those with most people first, then the others together. Whoever sits in two of them counts in both."""

    @property
    def time_to_answer(self) -> str:
        """ "Half of those who answered had done so 1 h 12 min after it was published, nine in ten after 5 h."."""
        return in_words(self.whole.times)


def over_time(scope: Scope, now: datetime) -> OverTime | None:
    """Read it. None while nothing was published, and where it is for nobody."""
    found = run(CLOCK, advisory=scope.advisory_id, root=scope.relay)
    if not found:
        return None
    material, published, deadline, later, latest, name = found[0]
    marks = [_mark(*one) for one in json.loads(later or "[]")]
    start = published.replace(second=0, microsecond=0)
    end = _end(start, now, [latest, deadline, *(mark.at for mark in marks)])
    width, origin = _width(end - start), _midnight(start)
    rows = run(
        LINES,
        **scope.values(),
        whole=scope.whole,
        material=material,
        most=BRANCHES,
        start=start,
        origin=origin,
        width=width.total_seconds(),
    )
    moments = _moments(start, end, origin, width)
    lines = {row[0]: _line(row, start, origin, width, moments, name or "Altogether") for row in rows if row[3]}
    if 0 not in lines:
        return None
    branches = [line for number, line in lines.items() if number]
    return OverTime(
        revision=material,
        published=published,
        moments=moments,
        now=now,
        deadline=deadline,
        marks=marks,
        whole=lines[0],
        branches=branches if any(line.body for line in branches) else [],
    )


def in_words(times: Times | None) -> str:
    """How long it took those who answered; "" where nobody did."""
    if times is None:
        return ""
    if times.answered == 1:
        return f"The one who answered had done so {_after(times.half)}."
    if times.answered < _ODD:
        return f"Half of the {times.answered} who answered had done so {_after(times.half)}."
    if times.half == times.nine:
        return f"Nine in ten of those who answered had done so {_after(times.nine)}."
    return f"Half of those who answered had done so {_after(times.half)}, nine in ten after {lasted(times.nine)}."


def _after(time: timedelta) -> str:
    return f"{lasted(time)} after it was published"


def _mark(kind: str, number: int, at: float) -> Mark:
    moment = datetime.fromtimestamp(at, UTC)
    return Mark(moment, "stood down" if kind == "stand-down" else f"revision {number}")


def _end(start: datetime, now: datetime, known: list[datetime | None]) -> datetime:
    """Where the moments end: now, or a while after the last thing that happened, where that is long ago."""
    last = max([start, *(moment for moment in known if moment is not None and moment <= now)])
    quiet = max((last - start) / 4, timedelta(hours=1))
    return max(min(now, last + quiet), start + _MINUTE)


def _width(span: timedelta) -> timedelta:
    """Between two moments: so that they are few, and that they fall on times that one says."""
    # The two ends come on top of these.
    wanted = span / (POINTS - 3)
    return next((step for step in (timedelta(minutes=n) for n in _STEPS) if step >= wanted), _weeks(wanted))


def _weeks(wanted: timedelta) -> timedelta:
    week = timedelta(days=7)
    return week * -(-wanted // week)


def _midnight(moment: datetime) -> datetime:
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _moments(start: datetime, end: datetime, origin: datetime, width: timedelta) -> list[datetime]:
    first = (start - origin) // width + 1
    last = -((origin - end) // width)
    return [start, *(origin + width * n for n in range(first, last)), end]


def _line(
    row: tuple[Any, ...], start: datetime, origin: datetime, width: timedelta, moments: list[datetime], whole: str
) -> Line:
    number, name, slug, targeted, acknowledged, half, nine, steps, others = row
    grown = {int(bucket): more for bucket, more in json.loads(steps or "{}").items()}
    first = (start - origin) // width
    inner = [grown.get(first + n, 0) for n in range(len(moments) - 2)]
    counts = [max(count, 0) for count in accumulate([0, *inner])]
    if number == 0:
        name = whole
    elif not slug:
        name = f"{others:,} others" if others > 1 else "The others"
    return Line(
        name=name,
        body=slug,
        targeted=targeted,
        acknowledged=acknowledged,
        counts=[*counts, acknowledged],
        times=Times(acknowledged, max(half - start, timedelta()), max(nine - start, timedelta()))
        if half and acknowledged > 0
        else None,
    )
