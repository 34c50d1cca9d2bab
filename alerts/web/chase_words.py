"""The chase, in words: its clocks, its steps, where it stands, and to whom it was escalated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator

from alerts.chasing import ladder
from alerts.chasing.history import Told
from alerts.chasing.outlook import Running
from alerts.chasing.steering import Sooner, Whom
from alerts.models import Advisory, ChaseStep, Clock, Severity, State
from alerts.web.numbers import count, people
from alerts.web.record_words import listed
from departments.models import Calendar

NAMED = 3
"""So many people are named in a sentence."""
TEXT = 60
"""So many characters of an action tell its clock from another's."""
Asked = Mapping[datetime, Sequence[tuple[int, str]]]
"""By when its clock ends: what is asked for then, with its number."""
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


def apart(clocks: Iterable[Clock], asked: Asked, material: int, now: datetime, *, reads: bool) -> dict[int, str]:
    """By its id, what tells a clock from others of its kind: "Scotland", "“Move”", "from Tue 1 December, 10:00 GMT".

    One that is alone of its kind is not among them. `asked`: of the material revision with the number `material`.
    """
    said = {}
    for _, same in groupby(sorted(clocks, key=_alike), _alike):
        those = list(same)
        for one in those if len(those) > 1 else ():
            acts = one.kind == Clock.Kind.ACT and not one.late and one.material == material
            actions = asked.get(one.by, ()) if acts else ()
            said[one.pk] = _actions(actions, reads=reads) if actions else _alone(one, those, now)
    return said


def _alike(clock: Clock) -> tuple[int, str, bool]:
    return clock.material, clock.kind, clock.late


def _actions(actions: Sequence[tuple[int, str]], *, reads: bool) -> str:
    if reads:
        return "; ".join(f"“{Truncator(text).chars(TEXT)}”" for _, text in actions)
    return f"{'action' if len(actions) == 1 else 'actions'} {listed([str(number) for number, _ in actions])}"


def _alone(clock: Clock, those: Sequence[Clock], now: datetime) -> str:
    """Its calendar, where they have several; and since or until when it runs, where others have the same."""
    kept = [one for one in those if one.calendar == clock.calendar]
    parts = []
    if len(kept) < len(those):
        parts.append(Calendar(clock.calendar).label if clock.calendar else "round the clock")
    if len({one.starts_at for one in kept}) > 1:
        parts.append(f"from {moment(clock.starts_at, now)}")
    if len({one.starts_at for one in kept}) < len(kept):
        parts.append(f"until {moment(clock.by, now)}")
    return ", ".join(parts)


def runs_for(running: Running, texts: Sequence[str] = ()) -> str:
    """What a clock is for; of one to act, with what is asked, where its viewer may read that."""
    clock = running.clock
    said = _FOR[Clock.Kind(clock.kind)]
    if ladder.promised(clock):
        return "What was promised for a day after the due"
    if clock.kind == Clock.Kind.ACT and texts:
        return f"{said}: {'; '.join(f'“{text}”' for text in texts)}"
    return f"{said}, of people who were told late" if clock.late else said


def whose(running: Running) -> str:
    """For how many it runs."""
    if ladder.promised(running.clock):
        return count(running.people, "promise", "promises")
    return people(running.people) if running.clock.late else count(running.bodies, "body", "bodies")


def named(step: ChaseStep, which: str = "") -> str:
    """ "the reminder at nine tenths of the time to answer", "rung 2 of the ladder"; `which` of several clocks (`apart`)."""
    return f"{_named(step)} ({which})" if which else _named(step)


def _named(step: ChaseStep) -> str:
    kind = Clock.Kind(step.clock.kind)
    if step.what == ChaseStep.What.ESCALATE:
        done = ", for what was promised" if ladder.promised(step.clock) else ""
        done = done or (", for what was to be done" if kind == Clock.Kind.ACT else "")
        first = ", the bodies' contacts first" if step.n == 1 else ""
        return f"rung {step.n} of the ladder{done}{first}"
    if ladder.promised(step.clock):
        which = f", {step.n - ladder.END} of {ladder.DAILY}" if step.n > ladder.END else ""
        return f"the {'daily' if which else 'first'} reminder of what was promised{which}"
    late = ", for people who were told late" if step.clock.late else ""
    if step.n in _REMINDERS:
        return f"{_REMINDERS[step.n]} {_OF[kind]}{late}"
    what = "to act" if kind == Clock.Kind.ACT else "to answer"
    return f"the daily reminder {what}, {step.n - ladder.END} of {ladder.DAILY}{late}"


def due(step: ChaseStep, now: datetime) -> str:
    """When it is carried out."""
    at = ladder.leaves(step, now)
    return moment(at, now) if at > now else "now"


def reaches(whom: Whom, step: ChaseStep) -> str:
    """ "to 312 people in 40 bodies", "to 2 people, about 3 bodies", "to nobody, as things stand"."""
    if not whom.people:
        return "to nobody, as things stand"
    bodies = count(whom.bodies, "body", "bodies")
    about = f", about {bodies}" if step.what == ChaseStep.What.ESCALATE else f" in {bodies}"
    return f"to {people(whom.people)}{about}"


def sooner(found: Sooner, step: ChaseStep, now: datetime) -> str:
    """What it would come to, brought forward now, in a sentence."""
    if found.why_not:
        return found.why_not
    if found.whom is None:
        return (
            f"Brought forward now, it is carried out {moment(found.at, now)}, when people are at work again; whom it mails is "
            "found then."
        )
    left = "" if step.what == ChaseStep.What.ESCALATE else f", leaving out whoever was written to {lately(found, now)}"
    said = f"Brought forward now, it goes {reaches(found.whom, step)}{left}: {first_of(found.whom)}."
    return " ".join(part for part in (said, full(found.whom, step)) if part)


def lately(found: Sooner, now: datetime) -> str:
    """Since when whoever was written to is left out of it."""
    if found.at - found.since == timedelta(hours=1):
        return "within the last hour"
    return f"since {moment(found.since, now)}"


def first_of(whom: Whom) -> str:
    """ "Cas (A Department), Dora (contact of A Department) and 3 more"."""
    names = [f"{one.name} ({f'{one.role} of ' if one.role else ''}{one.body})" for one in whom.shown[:NAMED]]
    more = whom.people - len(names)
    return listed([*names, *([f"{more:,} more"] if more else [])])


def full(whom: Whom, step: ChaseStep) -> str:
    """How many of them have had as many mails today as a day bears, and what becomes of theirs; "" where nobody has."""
    if not whom.full:
        return ""
    one = whom.full == 1
    waits = (
        f"{'this one waits' if one else 'these wait'} for the next day"
        if step.what == ChaseStep.What.ESCALATE
        else "held back, unless it is another day by then"
    )
    return f"Of them {whom.full:,} {'has' if one else 'have'} had {cap()} today: {waits}."


def climbs(advisory: Advisory) -> str:
    """The rungs that are not rows yet."""
    return (
        f"Then, {_EACH[Severity(advisory.severity)]}, while anybody of a body is silent: its contacts, its deputies, its head; "
        "the contacts and deputies of the body above, its head; and so on up the line along which the warning passed, to "
        "the officers of the issuer. A rung that has nobody is left out: a body's first is the first of these that has anybody."
    )


def stands(
    advisory: Advisory,
    step: ChaseStep | None,
    whom: Whom | None,
    silent: tuple[int, int],
    now: datetime,
    *,
    which: str = "",
    reads: bool = True,
) -> tuple[str, str]:
    """Where the chase stands, in a sentence: what is wrong, or against it (set in red; "" where nothing is), and the rest.

    `which` clock the step is of, where there are several; `reads`: its viewer may read the warning; a reason may give it away.
    """
    if halted := _halted(advisory, now, reads=reads):
        return halted
    number, sent = silent
    if step is None and (advisory.material is None or advisory.clocked != advisory.material.number):
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
    return "", f"{who} Next: {named(step, which)}, {due(step, now)}{f', {reaches(whom, step)}' if whom else ''}."


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


def did(step: ChaseStep, waiting: int = 0, *, critical: bool = False, reads: bool = True) -> str:
    """What became of a step that is done; `reads` as in `stands`.

    `waiting`: how many of those whom it found have no mail yet; of something critical it is written at any hour.
    """
    why = _why(step.reason, reads=reads)
    if step.skipped_by:
        before = f", after it had reached {people(step.people)}" if step.people else ""
        return f"left out by {step.skipped_by.name}{before}{why}"
    steered = f"; brought forward by {step.hastened_by.name}{why}" if step.hastened_by else ""
    if step.overtaken:
        return f"overtaken by a later one{steered}"
    verb = "told" if step.what == ChaseStep.What.ESCALATE else "reminded"
    mailed = max(step.people - waiting, 0)
    said = [f"{people(mailed)} {verb}"] if mailed else []
    said += (
        [f"{f'{waiting:,} more' if mailed else people(waiting)} {_waits(waiting, verb, critical=critical)}"]
        if waiting
        else []
    )
    return f"{' and '.join(said)}{steered}" if said else f"it reached nobody{steered}"


def _waits(waiting: int, verb: str, *, critical: bool) -> str:
    return f"{'is' if waiting == 1 else 'are'} {verb} {'within a minute' if critical else 'when they are at work'}"


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
    """ "D. Head, head of X"; "shared mailbox of X"."""
    if told.shared:
        return f"{'' if told.name == told.for_body else f'{told.name}, '}shared mailbox of {told.for_body}"
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
