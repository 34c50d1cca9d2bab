"""Clocks: time begins to run for bodies as they are released, for actions, for what is held, and for people told late.

Before: a live advisory in which somebody has no clock. After: each released body names one, with its steps; those of an earlier
material revision ask for nothing any more. Twice: nothing is left to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from alerts import counting, record
from alerts.chasing import ladder
from alerts.chasing.clocks_sql import (
    DUES,
    HOLDING,
    LATE,
    LATE_IN,
    OWN_CLOCK,
    RESET_RECIPIENTS,
    RESET_RELAYS,
    RESET_STEPS,
    START,
    STARTING,
    WANTING,
)
from alerts.chasing.turn import take_turn
from alerts.models import Advisory, ChaseStep, Clock, Severity, State
from alerts.publishing.contract import calendar_of
from alerts.statements import run
from departments import working_time

LATELY = timedelta(days=2)
LATE_AT_ONCE = 5_000
SOON_AFTER = timedelta(minutes=15)
_QUARTER = 900  # seconds: people told within the same quarter of an hour share a clock


def start(now: datetime) -> None:
    """Start every clock that is to run by now."""
    for (advisory_id,) in run(WANTING):
        _start(advisory_id, now)
    for (advisory_id,) in run(LATE_IN, now=now, lately=now - LATELY):
        while _start_late(advisory_id, now) == LATE_AT_ONCE:
            pass


@transaction.atomic
def _start(advisory_id: int, now: datetime) -> None:
    take_turn(advisory_id)
    advisory = _live(advisory_id)
    if advisory is None or advisory.material is None:
        return
    material = advisory.material
    if advisory.clocked != material.number:
        # Figures before rows of recipients, as everywhere.
        counting.share_figures(advisory_id)
        run(RESET_RELAYS, advisory=advisory_id)
        run(RESET_RECIPIENTS, advisory=advisory_id)
        run(RESET_STEPS, advisory=advisory_id, material=material.number, now=now)
        Advisory.objects.filter(pk=advisory_id).update(clocked=material.number)
    mine = Clock.objects.filter(advisory=advisory_id, material=material.number, kind=Clock.Kind.ANSWER, late=False)
    since = {"since": material.at, "passed": mine.aggregate(at=Max("starts_at"))["at"], "now": now}
    wanted = [
        *_answering(advisory, run(STARTING, advisory=advisory_id, **since)),
        *(_clock(advisory, Clock.Kind.ACT, calendar_of(advisory), material.at, max(due, material.at))
          for (due,) in run(DUES, current=advisory.current_id)),
        *(_clock(advisory, Clock.Kind.HOLD, working_time.ROUND_THE_CLOCK, reached, until)
          for reached, until in run(HOLDING, advisory=advisory_id)),
    ]  # fmt: skip
    begun = [one for one in _begin(wanted) if one.kind == Clock.Kind.ANSWER]
    if begun:
        run(
            START,
            advisory=advisory_id,
            **since,
            clocks=[one.pk for one in begun],
            calendars=[one.calendar for one in begun],
            starts=[one.starts_at for one in begun],
        )


@transaction.atomic
def _start_late(advisory_id: int, now: datetime) -> int:
    """Clocks for those who were told late; for how many people."""
    take_turn(advisory_id)
    advisory = _live(advisory_id)
    if advisory is None or advisory.material is None:
        return 0
    counting.share_figures(advisory_id)
    found = run(LATE, advisory=advisory_id, now=now, lately=now - LATELY, most=LATE_AT_ONCE)
    people: defaultdict[tuple[str, datetime], list[int]] = defaultdict(list)
    for recipient, told_at, calendar in found:
        people[_calendar(advisory, calendar), _rounded(told_at)].append(recipient)
    clocks = _begin(
        _clock(advisory, Clock.Kind.ANSWER, calendar, at, _by(advisory, calendar, at), late=True)
        for calendar, at in people
    )
    for clock in clocks:
        theirs = people[clock.calendar, clock.starts_at]
        run(OWN_CLOCK, recipients=theirs, clocks=[clock.pk] * len(theirs))
    if len(found) < LATE_AT_ONCE:
        Advisory.objects.filter(pk=advisory_id).update(late_upto=now)
    return len(found)


def start_promised(advisory_id: int, days: Iterable[date]) -> None:
    """Clocks for what was promised for these days, each after the action's due; in a transaction, under the advisory's turn."""
    days = list(days)
    if not days:
        return
    take_turn(advisory_id)
    advisory = _live(advisory_id)
    if advisory is None or advisory.material is None or advisory.clocked != advisory.material.number:
        return
    mornings = [(_morning(day), _morning(day + timedelta(days=1))) for day in days]
    _begin([_clock(advisory, Clock.Kind.ACT, calendar_of(advisory), at, by, late=True) for at, by in mornings])


def _morning(day: date) -> datetime:
    return datetime.combine(day, working_time.OPENS, working_time.ZONE).astimezone(UTC)


def _live(advisory_id: int) -> Advisory | None:
    """The advisory, held until the transaction ends, where it is still live: whoever publishes meanwhile comes after this."""
    of = Advisory.objects.select_for_update(of=("self",), no_key=True)
    return of.select_related("material", "issuer").filter(pk=advisory_id, state=State.LIVE).first()


def _answering(advisory: Advisory, starts: Iterable[tuple[str, datetime]]) -> Iterable[Clock]:
    for calendar, at in sorted({(_calendar(advisory, calendar), at) for calendar, at in starts}):
        yield _clock(advisory, Clock.Kind.ANSWER, calendar, at, _by(advisory, calendar, at))


def _by(advisory: Advisory, calendar: str, at: datetime) -> datetime:
    """No earlier than everybody was told that it is; and that very moment where the wave alone took some minutes longer."""
    own = working_time.add(at, advisory.acknowledge_within or timedelta(), calendar)
    if advisory.acknowledge_by is None:
        return own
    if working_time.between(advisory.acknowledge_by, own, calendar) <= SOON_AFTER:
        return advisory.acknowledge_by
    return own


def _calendar(advisory: Advisory, calendar: str) -> str:
    return working_time.ROUND_THE_CLOCK if advisory.severity == Severity.CRITICAL else calendar


def _rounded(at: datetime) -> datetime:
    return datetime.fromtimestamp(-(-at.timestamp() // _QUARTER) * _QUARTER, UTC)


def _clock(
    advisory: Advisory, kind: str, calendar: str, starts_at: datetime, by: datetime, *, late: bool = False
) -> Clock:
    number = advisory.material.number if advisory.material else 0
    return Clock(
        advisory=advisory, material=number, kind=kind, calendar=calendar, starts_at=starts_at, by=by, late=late
    )


def _begin(wanted: Iterable[Clock]) -> list[Clock]:
    """These clocks, each with its steps; those that run already as they are."""
    begun = []
    for one in wanted:
        same = {
            name: getattr(one, name)
            for name in ("advisory_id", "material", "kind", "calendar", "starts_at", "by", "late")
        }
        clock, new = Clock.objects.get_or_create(**same)
        if new:
            ChaseStep.objects.bulk_create(ladder.steps(clock, calendar_of(one.advisory)))
            record.write(
                "clock started",
                one.advisory.reference,
                None,
                clock=clock.pk,
                of=clock.kind,
                starts=clock.starts_at,
                by=clock.by,
            )
        begun.append(clock)
    return begun
