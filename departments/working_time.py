"""Working time: how long people had, counted in the hours in which they are at work.

A working day is 09:00 to 17:00 in London, Monday to Friday, without the bank holidays of a calendar. A day of a duration is one
of these: P1D from a Friday at 15:00 is Monday at 15:00. The hours are London's whatever its offset from UTC, so a clock change
makes no working day longer. The holidays are GOV.UK's, as `govuk-bank-holidays` ships them: nothing is fetched. `known_until`
says how far they are known; after it weekends alone are left out.

No calendar (`ROUND_THE_CLOCK`) is every hour of every day: then a day is 24 hours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from govuk_bank_holidays.bank_holidays import BankHolidays

from departments.models.body import Calendar

ZONE = ZoneInfo("Europe/London")
OPENS, CLOSES = time(9), time(17)
DAY = timedelta(hours=8)
ROUND_THE_CLOCK = ""


@cache
def _holidays(calendar: str) -> frozenset[date]:
    return frozenset(one["date"] for one in _known().get_holidays(division=calendar))


@cache
def _known() -> BankHolidays:
    return BankHolidays(use_cached_holidays=True)


@cache
def known_until() -> date:
    """The last day of the last year whose bank holidays are known in every calendar."""
    return date(min(max(_holidays(calendar)).year for calendar in Calendar), 12, 31)


def is_working_day(day: date, calendar: str) -> bool:
    """Whether people of this calendar are at work on that day."""
    return not calendar or (day.weekday() < 5 and day not in _holidays(calendar))


def is_open(at: datetime, calendar: str) -> bool:
    """Whether that moment is within working hours."""
    if not calendar:
        return True
    local = at.astimezone(ZONE)
    return is_working_day(local.date(), calendar) and OPENS <= local.time() < CLOSES


def opens(at: datetime, calendar: str) -> datetime:
    """That moment where it is within working hours; otherwise when they begin next."""
    if is_open(at, calendar):
        return at
    local = at.astimezone(ZONE)
    day = local.date() if local.time() < OPENS else local.date() + timedelta(days=1)
    while not is_working_day(day, calendar):
        day += timedelta(days=1)
    return _at(day, OPENS).astimezone(at.tzinfo)


def length(duration: timedelta, calendar: str) -> timedelta:
    """A duration in working time: a day is a working day, and no part of a day is longer than one."""
    if not calendar:
        return duration
    return duration.days * DAY + min(duration - timedelta(days=duration.days), DAY)


def add(start: datetime, duration: timedelta, calendar: str) -> datetime:
    """The moment at which so much time (P1D is a working day) has passed since; never outside working hours.

    What ends with a day ends at its close, not when the next begins.
    """
    return advance(start, length(duration, calendar), calendar)


def advance(start: datetime, worked: timedelta, calendar: str) -> datetime:
    """The same for working time that was counted already (`length`, `between`)."""
    if not calendar:
        # Between two moments of one zone Python reckons by the clock on the wall, which a clock change turns.
        return (start.astimezone(UTC) + worked).astimezone(start.tzinfo)
    at = opens(start, calendar)
    while True:
        closes = _at(at.astimezone(ZONE).date(), CLOSES)
        left = closes - at
        if worked <= left:
            return (at + worked).astimezone(start.tzinfo)
        worked -= left
        at = opens(closes, calendar)


def between(start: datetime, end: datetime, calendar: str) -> timedelta:
    """How much working time lies between two moments; none where the second is not later."""
    if not calendar:
        return max(end.astimezone(UTC) - start.astimezone(UTC), timedelta())
    found, at = timedelta(), opens(start, calendar)
    while at < end:
        closes = _at(at.astimezone(ZONE).date(), CLOSES)
        found += min(closes, end) - at
        at = opens(closes, calendar)
    return found


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ZONE).astimezone(UTC)
