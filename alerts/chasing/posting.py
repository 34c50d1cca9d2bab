"""The post of the chase: one mail a person for all of theirs that waits, within their hours, and no more than a day bears.

Before: nudges and escalations that wait. After: those who are at work now, or whom something critical concerns, have one mail
in the outbox: of one advisory its reminder, of several a digest; about each advisory one list of who is silent. What is not
owed any more is moot. Beyond `settings.CHASE_MAILS_A_DAY` nothing leaves to anybody that is not critical: a reminder is held
back, and the next step of its clock asks again; a list waits for the next day. Twice: nothing waits any more. What a mail says
is read when it leaves, and whoever answered before does not get it.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from datetime import datetime
from datetime import time as clock_time

from django.conf import settings
from django.db import transaction

from alerts import record
from alerts.chasing.posting_sql import (
    ANYTHING_WAITS,
    CRITICAL_WAITS,
    ESCALATED,
    ESCALATIONS_HELD_BACK,
    ESCALATIONS_MOOT,
    HOLD_BACK,
    MOOT,
    OLDER,
    POST,
    POST_ESCALATIONS,
    SHARE,
    WAITING,
)
from alerts.chasing.turn import take_post
from alerts.models import Advisory, Recipient, Severity
from alerts.statements import run
from alerts.wake import wake
from departments import working_time
from departments.models import Calendar

AT_ONCE = 10_000  # people in one transaction
BATCH = 500


def post(now: datetime, until: float | None = None) -> bool:
    """Write every mail that may leave now; False where the time (`until`, monotonic) was over before."""
    [(nudges, escalations)] = run(ANYTHING_WAITS)
    if escalations:
        run(ESCALATIONS_MOOT)
    for some, waits in ((_reminders, nudges), (_escalations, escalations)):
        if not waits:
            continue
        after = 0
        while (last := some(now, after)) is not None:
            after = last
            if until is not None and time.monotonic() > until:
                return False
    return True


def open_calendars(now: datetime) -> list[str]:
    """Of whom it is working time."""
    return [calendar.value for calendar in Calendar if working_time.is_open(now, calendar)]


def midnight(now: datetime) -> datetime:
    """When the day began, where the people are: a day's mails are counted from here."""
    return datetime.combine(now.astimezone(working_time.ZONE).date(), clock_time(), working_time.ZONE)


@transaction.atomic
def _reminders(now: datetime, after: int) -> int | None:
    """The mails of the next people after this id; up to which one, None where there was nobody."""
    take_post()
    at_work = open_calendars(now)
    if not at_work and not run(CRITICAL_WAITS)[0][0]:
        return None
    asked = {"open": at_work, "everywhere": len(at_work) == len(Calendar), "midnight": midnight(now)}
    found = run(WAITING, **asked, after=after, most=AT_ONCE)
    if not found:
        return None
    people = [person for person, _, may, _ in found if may]
    if people:
        run(SHARE, people=people)
        # Most minutes nothing waits since an earlier one, and the statement is long to plan.
        if run(OLDER, now=now)[0][0]:
            run(MOOT, people=people, today=now.astimezone(working_time.ZONE).date(), now=now)
    full = [
        person for person, critical, may, had in found if may and not critical and had >= settings.CHASE_MAILS_A_DAY
    ]
    if full:
        _note_held_back([row[0] for row in run(HOLD_BACK, people=full)])
    others = sorted(set(people) - set(full))
    for advisory, mails, digest in run(POST, people=others, size=BATCH, now=now) if others else ():
        about = Advisory.objects.get(pk=advisory).reference if advisory else "digests"
        record.write("chased", about, None, messages=mails, digest=digest)
        wake("deliver")
    return int(found[-1][0])


def _note_held_back(recipients: list[int]) -> None:
    held = Counter(Recipient.objects.filter(pk__in=recipients).values_list("advisory__reference", flat=True))
    for reference, number in sorted(held.items()):
        record.write("reminders held back", reference, None, people=number)


@transaction.atomic
def _escalations(now: datetime, after: int) -> int | None:
    """The same of lists of who is silent."""
    take_post()
    found = run(ESCALATED, open=open_calendars(now), midnight=midnight(now), after=after, most=AT_ONCE)
    if not found:
        return None
    had = {row[0]: row[4] for row in found}
    may = [(person, advisory, critical) for person, advisory, critical, may, _ in found if may]
    about = Advisory.objects.in_bulk({advisory for _, advisory, _ in may})
    mailed: defaultdict[int, list[int]] = defaultdict(list)
    full: list[tuple[int, int]] = []
    # The most severe first: a day's last mail is the one that matters most.
    for person, advisory, critical in sorted(may, key=lambda row: (Severity(about[row[1]].severity).rank, row)):
        if not critical and had[person] >= settings.CHASE_MAILS_A_DAY:
            full.append((person, advisory))
            continue
        had[person] += 1
        mailed[advisory].append(person)
    for advisory, people in sorted(mailed.items()):
        _mail(about[advisory], people, now)
    if full:
        people, advisories = [row[0] for row in full], [row[1] for row in full]
        run(ESCALATIONS_HELD_BACK, people=people, advisories=advisories, now=now)
    return int(found[-1][0])


def _mail(advisory: Advisory, people: list[int], now: datetime) -> None:
    rank = Severity(advisory.severity).rank
    [(mails, digest, rows)] = run(POST_ESCALATIONS, people=people, advisory=advisory.pk, rank=rank, size=BATCH, now=now)
    if mails:
        record.write("escalation mailed", advisory.reference, None, messages=mails, bodies=rows, digest=digest)
        wake("deliver")
