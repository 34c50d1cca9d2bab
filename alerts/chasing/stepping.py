"""Due steps: who is reminded, who is told that a body is silent, and promises whose day has come.

Before: steps that are due and not done. After: whom they reach is written down, each once, and their mail is the post's next
work (`posting`); the next rung of a ladder has its row. A step goes over its bodies in pieces, a transaction each, and keeps
how far it is: whoever dies leaves the rest to the next look. Of several reminders of one clock that are due at once, as after a
stop, the last alone is carried out; of rungs there is never more than one, since each waits for the one before.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from itertools import groupby
from operator import itemgetter

from django.db import transaction

from alerts import record
from alerts.chasing import clocks, ladder
from alerts.chasing.escalating_sql import ESCALATE
from alerts.chasing.reminding_sql import ANYTHING, CLOSE, DUE_STEPS, PROMISED, REMIND
from alerts.chasing.turn import no_hurry, take_turn
from alerts.models import ChaseStep
from alerts.statements import run
from departments import working_time

RELAYS = 500  # looked at in one transaction
MOST = 20_000  # people reached in one
PROMISES = 5_000
BACK = timedelta(days=7)  # a promise that could not be recalled on its day
MORNING = clock_time(9)


def step(now: datetime, until: float | None = None) -> bool:
    """Carry out all that is due, the most severe first; False where the time (`until`, monotonic) was over before."""
    [(due, promised)] = run(ANYTHING, now=now, today=today(now), oldest=today(now) - BACK)
    if due:
        run(CLOSE, now=now)
        for (step_id,) in run(DUE_STEPS, now=now):
            while _piece(step_id, now):
                if until is not None and time.monotonic() > until:
                    return False
    return not promised or _promises(now, until)


def values(
    step_id: int, upto: int, now: datetime, relays: int = RELAYS, since: datetime | None = None
) -> dict[str, object]:
    """What the statements of a step are asked with; `since` (None: its own): whoever was written to after it is left out."""
    return {"step": step_id, "upto": upto, "today": today(now), "relays": relays, "since": since}


def today(now: datetime) -> date:
    """The day, where the people are."""
    return now.astimezone(working_time.ZONE).date()


@transaction.atomic
def _piece(step_id: int, now: datetime) -> bool:
    """One piece of a step; whether there is more of it to do at once."""
    found = ChaseStep.objects.filter(pk=step_id, done_at=None).values_list("clock__advisory", "clock__calendar").first()
    if found is None or not working_time.is_open(now, found[1]):
        return False
    # The turn before the step, as whoever steers takes them: the other way round each could wait for the other.
    take_turn(found[0])
    no_hurry()
    held = (
        ChaseStep.objects.select_for_update(of=("self",), no_key=True)
        .select_related("clock__advisory")
        .filter(pk=step_id, done_at=None)
        .first()
    )
    if held is None or _overtaken(held, now):
        return False
    return _remind(held, now) if held.what == ChaseStep.What.REMIND else _escalate(held, now)


def _overtaken(held: ChaseStep, now: datetime) -> bool:
    """Of reminders that are due at once the last one is enough."""
    if held.what != ChaseStep.What.REMIND or held.upto:
        return False
    later = held.clock.steps.filter(what=held.what, n__gt=held.n, done_at=None, due_at__lte=now)
    if not later.exists():
        return False
    ChaseStep.objects.filter(pk=held.pk).update(done_at=now, overtaken=True)
    return True


def _remind(held: ChaseStep, now: datetime) -> bool:
    [(written, last, relays)] = run(REMIND[held.clock.kind], **values(held.pk, held.upto, now), now=now, most=MOST)
    found = ChaseStep(pk=held.pk, people=held.people + written, upto=held.upto)
    if written < MOST and last is not None:
        found.upto = last
    return _go_on(held, found, written == MOST or relays == RELAYS, now, people=written)


def _escalate(held: ChaseStep, now: datetime) -> bool:
    [(people, bodies, last, relays, more_rungs)] = run(ESCALATE, **values(held.pk, held.upto, now), now=now)
    # Somebody to whom two pieces of a step lead counts once.
    told = held.escalations.values("person").distinct().count() if people else held.people
    found = ChaseStep(pk=held.pk, people=told, upto=held.upto if last is None else last)
    more = _go_on(held, found, relays == RELAYS, now, people=people, bodies=bodies)
    if more_rungs and not held.clock.steps.filter(what=held.what, n=held.n + 1).exists():
        # However late this one was done, the next rung has all of its time.
        due = ladder.next_rung(held.clock, held.clock.advisory.severity, now)
        ladder.rung(held.clock, held.n + 1, due).save()
    return more


def _go_on(held: ChaseStep, found: ChaseStep, more: bool, now: datetime, **did: int) -> bool:
    found.done_at = None if more else now
    found.save(update_fields=["people", "upto", "done_at"])
    if any(did.values()):
        reference = held.clock.advisory.reference
        what = "to be reminded" if held.what == ChaseStep.What.REMIND else "escalated"
        record.write(what, reference, None, clock=held.clock_id, step=held.pk, n=held.n, upto=found.upto, **did)
    return more


def _promises(now: datetime, until: float | None = None) -> bool:
    """What was promised for today, on an earlier day, comes back in the morning; the post keeps to everybody's own hours.

    Where it was promised for after the due, its own clock begins to run: what is broken climbs.
    """
    if now.astimezone(working_time.ZONE).time() < MORNING:
        return True
    after = 0
    while (last := _recall(after, now)) is not None:
        after = last
        if until is not None and time.monotonic() > until:
            return False
    return True


@transaction.atomic
def _recall(after: int, now: datetime) -> int | None:
    """The next promises after this id; up to which one, None where there was none."""
    found = run(PROMISED, today=today(now), oldest=today(now) - BACK, now=now, after=after, most=PROMISES)
    for advisory, days in groupby(found, itemgetter(1)):
        clocks.start_promised(advisory, [day for _, _, day in days if day is not None])
    return max((promise for promise, _, _ in found), default=None)
