"""When each step of a clock is due. Reads nothing: a clock's own columns and an advisory's severity say it all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from alerts.models import ChaseStep, Clock, Severity
from departments import working_time

DAILY = 5
"""Reminders after the time is up, one a day."""
HALF, MOST, END = 1, 2, 3
"""The first three reminders, by their number: at half, at nine tenths and at the end of the time."""
_PARTS = {HALF: 0.5, MOST: 0.9, END: 1.0}
# Nobody who acted on half of the time is behind with an action, and what is held goes on by itself at the end.
_REMINDS: dict[str, tuple[int, ...]] = {
    Clock.Kind.ANSWER: (HALF, MOST, END, *range(END + 1, END + 1 + DAILY)),
    Clock.Kind.ACT: (MOST, END, *range(END + 1, END + 1 + DAILY)),
    Clock.Kind.HOLD: (HALF, MOST),
}
# What was promised came back on the morning of its day already.
_PROMISED = (END, *range(END + 1, END + 1 + DAILY))
ESCALATES = (Clock.Kind.ANSWER, Clock.Kind.ACT)
# From one rung of the ladder to the next; of all but the critical, working time.
RUNG_AFTER: dict[str, timedelta] = {
    Severity.CRITICAL: timedelta(hours=1),
    Severity.HIGH: timedelta(hours=4),
    Severity.MEDIUM: timedelta(days=1),
    Severity.LOW: timedelta(days=2),
}


def steps(clock: Clock, hours: str) -> Iterator[ChaseStep]:
    """All reminders of a clock, and the first rung: the others come each after the one before (`next_rung`).

    `hours`: the calendar in whose working time mails about it leave. A reminder that would leave once the time is over is none.
    """
    worked = working_time.between(clock.starts_at, clock.by, clock.calendar)
    before = clock.starts_at
    for n in reminds(clock):
        due = _reminder(clock, n, worked)
        if clock.kind == Clock.Kind.HOLD and working_time.opens(due, hours) >= clock.by:
            continue
        # Whoever heard of it in the second half of the time since the last reminder is not reminded of it yet.
        half = working_time.between(before, due, clock.calendar) / 2
        yield _step(clock, ChaseStep.What.REMIND, n, due, working_time.advance(before, half, clock.calendar))
        before = due
    if clock.kind in ESCALATES:
        yield rung(clock, 1, clock.by)


def reminds(clock: Clock) -> tuple[int, ...]:
    """Its reminders, by their numbers."""
    return _PROMISED if promised(clock) else _REMINDS[clock.kind]


def promised(clock: Clock) -> bool:
    """Whether it runs for what was promised for a day after the due; it ends on the next morning."""
    return clock.late and clock.kind == Clock.Kind.ACT


def rung(clock: Clock, n: int, due: datetime) -> ChaseStep:
    """A rung of the ladder, not saved."""
    return _step(clock, ChaseStep.What.ESCALATE, n, due, clock.by)


def leaves(step: ChaseStep, now: datetime) -> datetime:
    """When a step that is to come is carried out: at its due, in the hours of its clock; at once, where that is over."""
    return working_time.opens(max(step.due_at, now), step.clock.calendar)


def next_rung(clock: Clock, severity: str, after: datetime) -> datetime:
    """When the rung after one that was done at that moment is due."""
    return working_time.add(after, RUNG_AFTER[severity], clock.calendar)


def _reminder(clock: Clock, n: int, worked: timedelta) -> datetime:
    if n <= END:
        return working_time.advance(clock.starts_at, worked * _PARTS[n], clock.calendar) if n < END else clock.by
    return working_time.add(clock.by, timedelta(days=n - END), clock.calendar)


def _step(clock: Clock, what: str, n: int, due: datetime, since: datetime) -> ChaseStep:
    return ChaseStep(clock=clock, what=what, n=n, planned_at=due, due_at=due, since=since)
