"""By when answers would be due, said while an advisory is written: for everybody, and where a bank holiday gives longer.

It is the very moment that publishing sets (`contract.answer_by`) and that the clocks of these bodies run to. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.formats import date_format

from alerts.letters.letter_words import short
from alerts.models import Advisory
from alerts.publishing.audience import AUDIENCE
from alerts.publishing.contract import answer_by, calendar_of
from alerts.statements import run
from departments import working_time
from departments.models import Calendar

CALENDARS = f"""{AUDIENCE}
SELECT DISTINCT b.calendar
FROM audience x JOIN departments_body b ON b.id = x.body_id
WHERE x.purpose IN ('target', 'named') AND b.calendar = ANY(%(calendars)s)
"""


@dataclass(frozen=True, slots=True)
class Longer:
    """Bodies that keep other bank holidays, and have longer: by when, and for which days."""

    calendar: Calendar
    by: datetime
    holidays: tuple[date, ...]


def longer(advisory: Advisory, within: timedelta, now: datetime, severity: str = "") -> list[Longer]:
    """Where in its audience answers would be due later than everywhere else, if it were published now.

    No query where no calendar has a holiday of its own meanwhile, as on most days; otherwise one.
    """
    ours, by = calendar_of(advisory, severity), answer_by(advisory, within, now, severity)
    if ours == working_time.ROUND_THE_CLOCK:
        return []
    later = {
        calendar: at
        for calendar in Calendar
        if (at := working_time.add(now, within, calendar)) > by and calendar != ours
    }
    if not later:
        return []
    there = {calendar for (calendar,) in run(CALENDARS, advisory=advisory.pk, calendars=list(later))}
    return [
        Longer(calendar, at, tuple(_holidays(now, at, ours, calendar)))
        for calendar, at in later.items()
        if calendar in there
    ]


def words(advisory: Advisory, within: timedelta, now: datetime, severity: str = "") -> str:
    """ "Tue 1 December, 11:00 GMT; Scotland: Wed 2 December, 11:00 GMT, as Mon 30 November is a bank holiday there"."""
    said = [short(answer_by(advisory, within, now, severity))]
    for one in longer(advisory, within, now, severity):
        days = [date_format(day, "D j F") for day in one.holidays]
        listed = (
            f"{', '.join(days[:-1])} and {days[-1]} are bank holidays" if days[1:] else f"{days[0]} is a bank holiday"
        )
        said.append(f"{one.calendar.label}: {short(one.by)}, as {listed} there")
    return "; ".join(said)


def _holidays(start: datetime, end: datetime, ours: str, theirs: str) -> Iterator[date]:
    """The days between on which people are at work here and not there."""
    day, last = (at.astimezone(working_time.ZONE).date() for at in (start, end))
    while day <= last:
        if working_time.is_working_day(day, ours) and not working_time.is_working_day(day, theirs):
            yield day
        day += timedelta(days=1)
