"""The chase, in words: its clocks, its steps, where it stands, and to whom it was escalated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from alerts.chasing import ladder
from alerts.chasing.history import Told
from alerts.chasing.outlook import Running
from alerts.chasing.steering import Whom
from alerts.models import Advisory, ChaseStep, Clock, Severity, State
from alerts.web.numbers import count, people
from alerts.web.record_words import listed
from departments import working_time
from departments.models import Calendar

NAMED = 3
"""So many people are named in a sentence."""
_REMINDERS = {
    ladder.HALF: "the reminder at half",
    ladder.MOST: "the reminder at nine tenths",
    ladder.END: "the reminder at the end",
}
_OF = {
    Clock.Kind.ANSWER: "of the time to answer",
    Clock.Kind.ACT: "of the time to act",
    Clock.Kind.HOLD: "of the time until it goes on by itself",
}
_FOR = {
    Clock.Kind.ANSWER: "To answer",
    Clock.Kind.ACT: "To act",
    Clock.Kind.HOLD: "Until what is held goes on by itself",
}
_EACH = {
    Severity.CRITICAL: "each an hour later",
    Severity.HIGH: "each 4 working hours later",
    Severity.MEDIUM: "each a working day later",
    Severity.LOW: "each 2 working days later",
}


def moment(at: datetime, now: datetime) -> str:
    """ "today 16:12 GMT", "tomorrow 09:00 GMT", "Tue 1 December, 10:00 GMT"; with the year where it is another."""
    local, today = timezone.localtime(at), timezone.localdate(now)
    clock = f"{date_format(local, 'H:i')} {local.tzname()}"
    if local.date() == today:
        return f"today {clock}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {clock}"
    return f"{date_format(local, 'D j F' if local.year == today.year else 'D j F Y')}, {clock}"


def calendar(clock: Clock) -> str:
    """ "England and Wales, working hours", "round the clock"."""
    return f"{Calendar(clock.calendar).label}, working hours" if clock.calendar else "round the clock"


def runs_for(running: Running, texts: Sequence[str] = ()) -> str:
    """What a clock is for; of one to act, with what is asked, where its viewer may read that."""
    clock = running.clock
    said = _FOR[Clock.Kind(clock.kind)]
    if clock.kind == Clock.Kind.ACT and texts:
        return f"{said}: {'; '.join(f'“{text}”' for text in texts)}"
    return f"{said}, of people who were told late" if clock.late else said


def whose(running: Running) -> str:
    """For how many it runs."""
    return people(running.people) if running.clock.late else count(running.bodies, "body", "bodies")


def named(step: ChaseStep) -> str:
    """ "the reminder at nine tenths of the time to answer", "rung 2 of the ladder"."""
    kind = Clock.Kind(step.clock.kind)
    if step.what == ChaseStep.What.ESCALATE:
        return f"rung {step.n} of the ladder{', for what was to be done' if kind == Clock.Kind.ACT else ''}"
    late = ", for people who were told late" if step.clock.late else ""
    if step.n in _REMINDERS:
        return f"{_REMINDERS[step.n]} {_OF[kind]}{late}"
    what = "to act" if kind == Clock.Kind.ACT else "to answer"
    return f"the daily reminder {what}, {step.n - ladder.END} of {ladder.DAILY}{late}"


def due(step: ChaseStep, now: datetime) -> str:
    """When its mails leave."""
    if step.due_at > now:
        return moment(step.due_at, now)
    if working_time.is_open(now, step.clock.calendar):
        return "now"
    return moment(working_time.opens(now, step.clock.calendar), now)


def reaches(whom: Whom, step: ChaseStep) -> str:
    """ "to 312 people in 40 bodies", "to 2 people, about 3 bodies", "to nobody, as things stand"."""
    if not whom.people:
        return "to nobody, as things stand"
    bodies = count(whom.bodies, "body", "bodies")
    about = f", about {bodies}" if step.what == ChaseStep.What.ESCALATE else f" in {bodies}"
    return f"to {people(whom.people)}{about}"


def first_of(whom: Whom) -> str:
    """ "Cas (A Department), Dora (contact of A Department) and 3 more"."""
    names = [f"{one.name} ({f'{one.role} of ' if one.role else ''}{one.body})" for one in whom.shown[:NAMED]]
    more = whom.people - len(names)
    return listed([*names, *([f"{more:,} more"] if more else [])])


def climbs(advisory: Advisory) -> str:
    """The rungs that are not rows yet."""
    return (
        f"Then, {_EACH[Severity(advisory.severity)]}, while anybody of a body is silent: its contacts, its deputies, its head; "
        "the contacts and deputies of the body above, its head; and so on up the line along which the warning passed, to "
        "the officers of the issuer. A rung that has nobody is left out."
    )


def stands(
    advisory: Advisory,
    step: ChaseStep | None,
    whom: Whom | None,
    silent: tuple[int, int],
    now: datetime,
    *,
    reads: bool = True,
) -> tuple[str, str]:
    """Where the chase stands, in a sentence: what is wrong, or against it (set in red; "" where nothing is), and the rest.

    `reads`: its viewer may read the warning; a reason may give it away.
    """
    if halted := _halted(advisory, now, reads=reads):
        return halted
    number, sent = silent
    if step is None and not advisory.clocked:
        return "", "Its clocks begin within a minute."
    if not sent:
        who = "Nobody has been written to yet."
    elif number:
        who = f"Chased: {people(number)} {'is' if number == 1 else 'are'} silent."
    else:
        who = "Everybody who was written to has answered."
    if step is None:
        return "", f"{who} {'Nothing more is to come by itself.' if number or not sent else 'Nobody is left to chase.'}"
    if sent and not number and whom is not None and not whom.people and step.clock.kind == Clock.Kind.ANSWER:
        return "", f"{who} Nobody is left to chase."
    return "", f"{who} Next: {named(step)}, {due(step, now)}{f', {reaches(whom, step)}' if whom else ''}."


def _halted(advisory: Advisory, now: datetime, *, reads: bool) -> tuple[str, str] | None:
    """Why nobody is chased; None where somebody is."""
    if advisory.state == State.STOOD_DOWN:
        return "", "It is stood down: nobody is chased any more."
    if advisory.state != State.LIVE:
        return "It has expired", ": nobody is chased."
    if advisory.acknowledge_within is None:
        return "", "It was published before there was a chase: nobody is reminded by itself, and nothing is escalated."
    if advisory.chase_ended_at is not None:
        by = advisory.chase_ended_by.name if advisory.chase_ended_by else "somebody"
        at, why = moment(advisory.chase_ended_at, now), _why(advisory.chase_ended_why, reads=reads)
        return "The chase was ended", f" by {by}, {at}{why or '.'}"
    if advisory.stopped_at is not None:
        return f"Stopped {moment(advisory.stopped_at, now)}", ": no reminder and no list leaves until it goes on."
    return None


def _why(reason: str, *, reads: bool) -> str:
    return f": “{reason}”" if reads else ""


def did(step: ChaseStep, *, reads: bool = True) -> str:
    """What became of a step that is done; `reads` as in `stands`."""
    why = _why(step.reason, reads=reads)
    if step.skipped_by:
        before = f", after it had reached {people(step.people)}" if step.people else ""
        return f"left out by {step.skipped_by.name}{before}{why}"
    if step.overtaken:
        return "overtaken by a later one"
    sooner = f"; brought forward by {step.hastened_by.name}{why}" if step.hastened_by else ""
    verb = "told" if step.what == ChaseStep.What.ESCALATE else "reminded"
    return f"{people(step.people)} {verb}{sooner}" if step.people else f"nobody was left to be {verb}{sooner}"


def why_told(told: Told) -> str:
    """What was wrong with the body then: "3 people had not answered"."""
    if told.of == Clock.Kind.ACT:
        return (
            f"{people(told.silent)} had not done what is asked"
            if told.silent
            else "what is asked of the body was not done"
        )
    return f"{people(told.silent)} had not answered" if told.silent else "nobody there could be told"


def told_as(told: Told) -> str:
    """ "D. Head, head of X"."""
    return f"{told.name}, {'security officer' if told.role == 'officer' else told.role} of {told.for_body}"


def raised(told: Sequence[Told], now: datetime) -> list[str]:
    """Of each body, to whom it was escalated last: "Escalated on Tue 1 December, 10:00 GMT to D. Head, head of X: ...".

    Where these are several bodies, each sentence names its own.
    """
    several = len({one.slug for one in told}) > 1
    return [
        _raised([one for one in of_body if one.at == of_body[0].at and one.of == of_body[0].of], now, several=several)
        for of_body in (
            list(those) for _, those in groupby(sorted(told, key=lambda one: one.slug), lambda one: one.slug)
        )
    ]


def _raised(told: Sequence[Told], now: datetime, *, several: bool) -> str:
    names = [told_as(one) for one in told[:NAMED]]
    more = len(told) - len(names)
    whom = "; ".join([*names, *([f"and {more:,} more"] if more else [])])
    said = moment(told[0].at, now)
    when = said if said.startswith("to") else f"on {said}"
    waits = "" if any(one.mailed for one in told) else ". Their mail waits until they are at work"
    return f"{f'{told[0].body}: escalated' if several else 'Escalated'} {when} to {whom}: {why_told(told[0])}{waits}."


def cap() -> str:
    """ "3 mails of the chase"."""
    return count(settings.CHASE_MAILS_A_DAY, "mail of the chase", "mails of the chase")
