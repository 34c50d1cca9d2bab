"""An officer and the chase: whom the next step will reach, and leaving one out, bringing one forward, ending it all.

Before: steps that are to come. After `skip`: the step is done without having reached anybody, and the ladder goes on with the
rung after it in its time. After `hasten`: it is due now, and what came before it on its clock is overtaken. After `end`: no
mail of the chase leaves any more, until `go_on` or a new material revision; while it is ended, or the advisory stopped, no step
is skipped or brought forward. Each is an officer's of the issuer, with a reason, in the record; twice: the second hears that it
was done. Raises `Refused` with a sentence; then nothing was written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import record, spelling
from alerts.chasing import escalating_sql, ladder, posting_sql, reminding_sql, stepping
from alerts.chasing.posting import midnight
from alerts.chasing.turn import take_turn
from alerts.models import Advisory, ChaseStep, Clock, Escalation, Record, State
from alerts.rules import is_officer_of_issuer
from alerts.statements import run
from alerts.wake import wake
from departments import working_time
from departments.models import Body, Person
from departments.refusal import Refused

LONGEST_REASON = 500
SHOWN = 20
AT_ONCE = 100_000  # relays looked at for a preview
EVERYBODY = 2**31 - 1
_JUST_NOW = timedelta(hours=1)
_GOES_ON = "chase goes on"

_WHO = {
    Clock.Kind.ANSWER: "Everybody who is silent",
    Clock.Kind.ACT: "Everybody who has not done what is asked",
    Clock.Kind.HOLD: "Everybody who holds it",
}

NOT_YOURS = "Only an officer of the issuer steers the chase. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody whom a step would reach."""

    name: str
    body: str
    """One of theirs that the step is about; of a rung, the one for which they answer."""
    role: str
    """Of a rung: what they are there ("contact", "deputy", "head", "officer"); otherwise ""."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a step would reach, if it were carried out now."""

    people: int
    """Who would be reminded; of a rung, who would be told."""
    bodies: int
    """In how many bodies these are; of a rung, about how many bodies they would be told."""
    shown: Sequence[Reached]
    """The first of them, by name."""
    full: int = 0
    """How many of these have had as many mails today as a day bears, where it leaves today and is not critical."""

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.people - len(self.shown)


@dataclass(frozen=True, slots=True)
class Sooner:
    """What would become of a step that is brought forward now."""

    at: datetime
    """When it is carried out: now, or once people are at work again."""
    since: datetime
    """Whoever was written to after this is left out."""
    whom: Whom | None
    """Whom it would reach; None: they are found when it is carried out."""
    why_not: str
    """Where that is nobody: why, in a sentence; otherwise ""."""


def done(advisory: Advisory) -> list[ChaseStep]:
    """Its steps that were carried out, skipped or overtaken, the latest first; each with its clock."""
    of = ChaseStep.objects.filter(clock__advisory=advisory).exclude(done_at=None)
    return list(of.select_related("clock", "skipped_by", "hastened_by").order_by("-done_at", "-pk"))


def whom(step: ChaseStep, now: datetime, since: datetime | None = None) -> Whom:
    """Whom it would reach as things stand now. Reads only.

    `since`: brought forward now, leaving out whoever was written to after this (None: at its own time, after its own).
    """
    values = stepping.values(step.pk, step.upto, now, AT_ONCE, since)
    sql = reminding_sql.WHOM[step.clock.kind] if step.what == ChaseStep.What.REMIND else escalating_sql.WHOM
    full = _full(step, now, step.due_at if since is None else now)
    if full:
        [(people, bodies, first, many)] = run(posting_sql.with_full(sql, SHOWN), **values, shown=EVERYBODY, full=full)
    else:
        [(people, bodies, first)] = run(sql, **values, shown=SHOWN)
        many = 0 if full is None else people
    shown = json.loads(first)
    names = dict(Person.objects.filter(pk__in=[one[0] for one in shown]).values_list("pk", "name"))
    places = dict(Body.objects.filter(pk__in=[one[1] for one in shown]).values_list("pk", "name"))
    found = [Reached(names[who], places[body], role) for who, body, role in shown]
    return Whom(people, bodies, sorted(found, key=lambda one: (one.name, one.body)), many)


def _full(step: ChaseStep, now: datetime, due: datetime) -> list[int] | None:
    """Who has had as many mails today as a day bears; nobody by name where that is everybody, and None where it is nobody.

    None as well where it is critical, or leaves on another day: then everybody's count begins anew.
    """
    leaves = working_time.opens(max(due, now), step.clock.calendar)
    if stepping.today(leaves) != stepping.today(now):
        return None
    cap = settings.CHASE_MAILS_A_DAY
    critical: bool
    full: list[int]
    [(critical, full)] = run(posting_sql.FULL, step=step.pk, midnight=midnight(now), cap=cap)
    if critical or (cap > 0 and not full):
        return None
    return full if cap > 0 else []


def sooner(step: ChaseStep, now: datetime) -> Sooner:
    """What it would come to, brought forward now: what its page says, and what `hasten` does. Reads only."""
    at = working_time.opens(now, step.clock.calendar)
    # Whoever was written to within the hour before it is carried out is left out of it all the same.
    since = min(step.since, at - _JUST_NOW)
    if at > now:
        return Sooner(at, since, None, "")
    found = whom(step, now, since)
    return Sooner(at, since, found, "" if found.people else _why_nobody(step, since, now))


def _why_nobody(step: ChaseStep, since: datetime, now: datetime) -> str:
    """Why it would reach nobody: who would be reminded had not been written to just now, or nobody would be at all."""
    if step.what == ChaseStep.What.ESCALATE:
        return "As things stand it finds nobody to tell: brought forward now, it would mail nobody."
    if not whom(step, now, now).people:
        return "As things stand it finds nobody to remind: brought forward now, it would mail nobody."
    local = timezone.localtime(since)
    lately = (
        "within the last hour"
        if since == now - _JUST_NOW
        else f"since {date_format(local, 'H:i')} {local:%Z} on {date_format(local, 'j F')}"
    )
    return f"{_WHO[Clock.Kind(step.clock.kind)]} was written to {lately}: brought forward now, it would mail nobody."


@transaction.atomic
def skip(step_id: int, by: Person, reason: str, now: datetime) -> str:
    """Leave a step out; what was done, in a sentence."""
    step = _hold(step_id, by)
    why = _reason(reason)
    ChaseStep.objects.filter(pk=step.pk).update(done_at=now, skipped_by=by, reason=why)
    if step.what == ChaseStep.What.ESCALATE and not _has_next(step):
        due = ladder.next_rung(step.clock, step.clock.advisory.severity, max(step.due_at, now))
        ladder.rung(step.clock, step.n + 1, due).save()
    _record("chase step skipped", step, by, why)
    if step.people:
        return (
            f"Skipped: it had reached {step.people:,} already, and reaches nobody else. The next step keeps its time."
        )
    return "Skipped: nobody is mailed by it, and the next step keeps its time."


@transaction.atomic
def hasten(step_id: int, by: Person, reason: str, now: datetime) -> str:
    """Bring a step forward to now; what was done, in a sentence."""
    step = _hold(step_id, by)
    if step.due_at <= now:
        other = step.hastened_by.name if step.hastened_by else ""
        raise Refused(
            f"{other} has brought it forward already. Nothing was changed."
            if other
            else "It is due already, and is carried out within a minute of working time. Nothing was changed."
        )
    why = _reason(reason)
    found = sooner(step, now)
    if found.why_not:
        raise Refused(f"{found.why_not} Nothing was changed.")
    ChaseStep.objects.filter(pk=step.pk).update(due_at=now, since=found.since, hastened_by=by, reason=why)
    before = step.clock.steps.filter(what=step.what, n__lt=step.n, done_at=None)
    before.update(done_at=now, overtaken=True)
    _record("chase step hastened", step, by, why)
    wake("chase")
    if found.at <= now:
        return "Brought forward: its mails leave within a minute."
    opens = timezone.localtime(found.at)
    return f"Brought forward: its mails leave when people are at work again, on {date_format(opens, 'l j F, H:i')} {opens:%Z}."


@transaction.atomic
def end(advisory: Advisory, by: Person, reason: str, now: datetime) -> str:
    """Nothing of its chase leaves any more; what was done, in a sentence."""
    held = _hold_advisory(advisory, by)
    if held.chase_ended_at is not None:
        raise Refused(f"{_who_ended(held)} Nothing was changed.")
    why = _reason(reason)
    Advisory.objects.filter(pk=held.pk).update(chase_ended_at=now, chase_ended_by=by, chase_ended_why=why)
    record.write("chase ended", held.reference, by, reason=why)
    return "The chase is ended: no reminder and no list leaves any more. Answers are taken as before."


@transaction.atomic
def go_on(advisory: Advisory, by: Person, reason: str) -> str:
    """It is chased again; what was done, in a sentence."""
    held = _hold_advisory(advisory, by)
    if held.chase_ended_at is None:
        before = let_go_on(held)
        who = before.actor.name if before and before.actor else ""
        raise Refused(
            f"{f'{who} has let the chase go on already' if who else 'It is being chased already'}. Nothing was changed."
        )
    why = _reason(reason)
    dropped = _dropped(held)
    Advisory.objects.filter(pk=held.pk).update(chase_ended_at=None, chase_ended_by=None, chase_ended_why="")
    record.write(_GOES_ON, held.reference, by, reason=why)
    wake("chase")
    when = f"once {held.reference} goes on" if held.stopped else "within a minute of working time"
    return f"The chase goes on: steps that came due meanwhile are done {when}, one mail a person.{dropped}"


def let_go_on(advisory: Advisory) -> Record | None:
    """Who let its chase go on last, when and why; None where nobody ended it, or it is ended."""
    of = Record.objects.filter(subject=advisory.reference, kind__in=("chase ended", _GOES_ON)).select_related("actor")
    last = of.order_by("-id").first()
    return last if last and last.kind == _GOES_ON else None


def _dropped(advisory: Advisory) -> str:
    """That lists are gone which waited when it was ended: their steps were done, and no step is done twice."""
    lists = Escalation.objects.filter(
        step__clock__advisory=advisory,
        step__clock__material=advisory.clocked,
        state=Escalation.State.MOOT,
        person__left_at=None,
        person__bounced_at=None,
    )
    people = lists.values("person").distinct().count()
    if not people:
        return ""
    return f" Lists of who is silent that waited for {people:,} {'person' if people == 1 else 'people'} are not sent any more."


def _who_ended(advisory: Advisory) -> str:
    who = advisory.chase_ended_by.name if advisory.chase_ended_by else "Somebody"
    return f"{who} has ended the chase already."


def _hold(step_id: int, by: Person) -> ChaseStep:
    """The step, still to come, with its advisory's turn."""
    of = ChaseStep.objects.select_related("clock__advisory")
    step = of.filter(pk=step_id).first()
    if step is None:
        raise Refused("There is no such step. Nothing was changed.")
    take_turn(step.clock.advisory_id)
    held = of.select_for_update(of=("self",), no_key=True).get(pk=step_id)
    if not is_officer_of_issuer(by, held.clock.advisory):
        raise Refused(NOT_YOURS)
    if held.done_at is not None:
        raise Refused("That step was done already. Nothing was changed.")
    if held.clock.advisory.state != State.LIVE:
        raise Refused(f"{held.clock.advisory.reference} is not live: nobody is chased. Nothing was changed.")
    if rests := at_rest(held.clock.advisory):
        raise Refused(f"{rests} Nothing was changed.")
    return held


def at_rest(advisory: Advisory) -> str:
    """Why none of its steps can be skipped or brought forward now; "" where they can."""
    if advisory.chase_ended_at is not None:
        return "The chase is ended: let it go on first, and then skip a step or bring one forward."
    if advisory.stopped:
        return f"{advisory.reference} is stopped: let it go on first, and then skip a step or bring one forward."
    return ""


def _hold_advisory(advisory: Advisory, by: Person) -> Advisory:
    held = (
        Advisory.objects.select_for_update(of=("self",), no_key=True)
        .select_related("chase_ended_by")
        .get(pk=advisory.pk)
    )
    if not is_officer_of_issuer(by, held):
        raise Refused(NOT_YOURS)
    if held.state != State.LIVE:
        raise Refused(f"{held.reference} is not live: nobody is chased. Nothing was changed.")
    return held


def _has_next(step: ChaseStep) -> bool:
    return step.clock.steps.filter(what=step.what, n=step.n + 1).exists()


def _reason(reason: str) -> str:
    why = spelling.lines(reason)
    if not why:
        raise Refused("Say why in a few words: whoever looks at this later asks. Nothing was changed.")
    if len(why) > LONGEST_REASON:
        raise Refused(f"That has {len(why):,} characters; {LONGEST_REASON:,} is the most. Nothing was changed.")
    return why


def _record(kind: str, step: ChaseStep, by: Person, reason: str) -> None:
    of = {"clock": step.clock_id, "step": step.pk, "what": step.what, "n": step.n}
    record.write(kind, step.clock.advisory.reference, by, reason=reason, **of)
