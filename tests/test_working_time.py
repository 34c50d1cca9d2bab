"""Working time is what a clerk with a calendar would count, minute by minute, whatever the clocks do."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from departments import working_time
from departments.models import Calendar
from departments.working_time import (
    ROUND_THE_CLOCK,
    add,
    advance,
    between,
    is_open,
    is_working_day,
    known_until,
    length,
    opens,
)

LONDON = ZoneInfo("Europe/London")
ENGLAND, SCOTLAND, IRELAND = (str(one) for one in Calendar)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# Of 2026, from GOV.UK by hand: what the oracle goes by.
EVERYWHERE = {date(2026, *day) for day in ((1, 1), (4, 3), (5, 4), (5, 25), (12, 25), (12, 28))}
HOLIDAYS = {
    ENGLAND: EVERYWHERE | {date(2026, 4, 6), date(2026, 8, 31)},
    SCOTLAND: EVERYWHERE | {date(2026, 1, 2), date(2026, 8, 3), date(2026, 11, 30)},
    IRELAND: EVERYWHERE | {date(2026, 3, 17), date(2026, 4, 6), date(2026, 7, 13), date(2026, 8, 31)},
}


def london(*moment: int) -> datetime:
    """By the clocks of London."""
    return datetime(*moment, tzinfo=LONDON)  # type: ignore[arg-type, misc]


def real(moment: datetime) -> datetime:
    """To be compared: within a zone Python compares clocks, and an hour that there is twice equals nothing (PEP 495)."""
    return moment.astimezone(UTC)


def at_work(minute: datetime, calendar: str) -> bool:
    """Whether somebody is at work in this minute, as a clerk says it."""
    if not calendar:
        return True
    local = minute.astimezone(LONDON)
    return local.weekday() < 5 and local.date() not in HOLIDAYS[calendar] and time(9) <= local.time() < time(17)


def counted_on(start: datetime, minutes: int, calendar: str) -> datetime:
    """The end of so many minutes at work, one after another."""
    now = start.astimezone(UTC)
    while not at_work(now, calendar):
        now += MINUTE
    while minutes:
        minutes -= at_work(now, calendar)
        now += MINUTE
    return now


def counted_between(start: datetime, end: datetime, calendar: str) -> timedelta:
    """How many minutes somebody is at work from one to the other."""
    now, found = start.astimezone(UTC), 0
    while now < end:
        found += at_work(now, calendar)
        now += MINUTE
    return found * MINUTE


# Around everything that is odd in 2026, and anywhere else in it.
odd_days = st.sampled_from(
    [
        date(2026, *day)
        for day in (
            (1, 1),
            (3, 15),
            (3, 27),
            (3, 28),
            (4, 2),
            (5, 22),
            (7, 10),
            (8, 1),
            (10, 23),
            (10, 24),
            (11, 27),
            (12, 8),
        )
    ]
)
days = odd_days | st.dates(date(2026, 1, 1), date(2026, 12, 8))
zones = st.sampled_from([UTC, LONDON, ZoneInfo("America/New_York")])
calendars = st.sampled_from([ENGLAND, SCOTLAND, IRELAND])
every_calendar = calendars | st.just(ROUND_THE_CLOCK)


@st.composite
def minutes_of_2026(draw: st.DrawFn) -> datetime:
    """A whole minute, said in some zone."""
    day, clock = draw(days), draw(st.integers(0, 24 * 60 - 1))
    return (datetime.combine(day, time(), UTC) + clock * MINUTE).astimezone(draw(zones))


@st.composite
def moments_of_2026(draw: st.DrawFn) -> datetime:
    """Any moment, said in some zone."""
    return draw(minutes_of_2026()) + draw(st.timedeltas(timedelta(), MINUTE))


@settings(max_examples=60, deadline=None)
@given(start=minutes_of_2026(), minutes=st.integers(0, 4 * 8 * 60), calendar=every_calendar)
def test_the_end_is_where_a_clerk_ends_who_counts_minute_by_minute(
    start: datetime, minutes: int, calendar: str
) -> None:
    assert real(advance(start, minutes * MINUTE, calendar)) == counted_on(start, minutes, calendar)


@settings(max_examples=60, deadline=None)
@given(start=minutes_of_2026(), minutes=st.integers(0, 12 * 24 * 60), calendar=every_calendar)
def test_what_lies_between_two_moments_is_what_a_clerk_counts(start: datetime, minutes: int, calendar: str) -> None:
    end = (start.astimezone(UTC) + minutes * MINUTE).astimezone(start.tzinfo)
    assert between(start, end, calendar) == counted_between(start, end, calendar)
    assert between(end, start, calendar) == timedelta()


@given(start=moments_of_2026(), worked=st.timedeltas(timedelta(), timedelta(days=3)), calendar=every_calendar)
def test_so_much_time_later_exactly_so_much_time_has_passed(start: datetime, worked: timedelta, calendar: str) -> None:
    end = advance(start, worked, calendar)
    assert between(start, end, calendar) == worked
    assert real(end) >= real(start)
    assert end.tzinfo == start.tzinfo


@given(
    start=moments_of_2026(),
    one=st.timedeltas(timedelta(), timedelta(days=12)),
    other=st.timedeltas(timedelta(), timedelta(days=12)),
    calendar=every_calendar,
)
def test_longer_never_ends_earlier(start: datetime, one: timedelta, other: timedelta, calendar: str) -> None:
    shorter, longer = sorted((one, other))
    assert real(add(start, shorter, calendar)) <= real(add(start, longer, calendar))


@given(start=moments_of_2026(), later=st.timedeltas(timedelta(), timedelta(days=12)), calendar=every_calendar)
def test_who_begins_later_never_ends_earlier(start: datetime, later: timedelta, calendar: str) -> None:
    begun = (start.astimezone(UTC) + later).astimezone(start.tzinfo)
    assert real(add(start, DAY, calendar)) <= real(add(begun, DAY, calendar))


@given(start=moments_of_2026(), duration=st.timedeltas(timedelta(), timedelta(days=12)), calendar=calendars)
def test_no_time_ends_outside_working_hours(start: datetime, duration: timedelta, calendar: str) -> None:
    end = add(start, duration, calendar).astimezone(LONDON)
    assert is_working_day(end.date(), calendar)
    assert time(9) <= end.time() <= time(17)


@given(moment=moments_of_2026(), calendar=every_calendar)
def test_a_moment_opens_at_itself_or_when_the_next_working_day_does(moment: datetime, calendar: str) -> None:
    found = opens(moment, calendar)
    assert is_open(found, calendar)
    assert real(found) >= real(moment)
    assert is_open(moment, calendar) == at_work(moment, calendar)
    if not is_open(moment, calendar):
        assert found.astimezone(LONDON).time() == time(9)
        assert between(moment, found, calendar) == timedelta()
    else:
        assert found == moment


@given(
    start=moments_of_2026(),
    first=st.timedeltas(timedelta(minutes=1), timedelta(days=2)),
    then=st.timedeltas(timedelta(minutes=1), timedelta(days=2)),
    calendar=every_calendar,
)
def test_time_that_is_counted_in_two_parts_is_as_long(
    start: datetime, first: timedelta, then: timedelta, calendar: str
) -> None:
    in_two = advance(advance(start, first, calendar), then, calendar)
    assert real(in_two) == real(advance(start, first + then, calendar))


# --- the clocks ---


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (london(2026, 3, 27, 15), london(2026, 3, 30, 15)),
        (london(2026, 10, 23, 15), london(2026, 10, 26, 15)),
    ],
)
def test_a_working_day_is_as_long_over_a_clock_change(start: datetime, end: datetime) -> None:
    assert add(start, DAY, ENGLAND) == end
    assert add(start.astimezone(UTC), DAY, ENGLAND) == end
    assert between(start, end, ENGLAND) == 8 * HOUR


@pytest.mark.parametrize("zone", [UTC, LONDON])
def test_where_it_is_critical_real_hours_count_over_a_clock_change(zone: ZoneInfo) -> None:
    spring, autumn = london(2026, 3, 28, 20).astimezone(zone), london(2026, 10, 24, 20).astimezone(zone)
    assert add(spring, 12 * HOUR, ROUND_THE_CLOCK) == london(2026, 3, 29, 9).astimezone(UTC)
    assert add(autumn, 12 * HOUR, ROUND_THE_CLOCK) == london(2026, 10, 25, 7).astimezone(UTC)
    assert between(spring, london(2026, 3, 29, 9).astimezone(zone), ROUND_THE_CLOCK) == 12 * HOUR
    assert between(autumn, london(2026, 10, 25, 7).astimezone(zone), ROUND_THE_CLOCK) == 12 * HOUR
    # Also out of the hour that there is twice.
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).astimezone(zone)
    assert real(add(first, HOUR, ROUND_THE_CLOCK)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert between(first, add(first, HOUR, ROUND_THE_CLOCK), ROUND_THE_CLOCK) == HOUR


# --- the holidays ---


def test_over_christmas_only_the_working_days_count() -> None:
    # Boxing Day 2026 is a Saturday: its holiday is the Monday after.
    assert add(london(2026, 12, 24, 16), 2 * HOUR, ENGLAND) == london(2026, 12, 29, 10)
    assert add(london(2026, 12, 24, 17), HOUR, SCOTLAND) == london(2026, 12, 29, 10)


def test_easter_monday_is_a_working_day_in_scotland_alone() -> None:
    thursday = london(2026, 4, 2, 16)
    assert add(thursday, 2 * HOUR, SCOTLAND) == london(2026, 4, 6, 10)
    for calendar in (ENGLAND, IRELAND):
        assert add(thursday, 2 * HOUR, calendar) == london(2026, 4, 7, 10)


@pytest.mark.parametrize(
    ("day", "where"),
    [
        (date(2026, 1, 2), {SCOTLAND}),
        (date(2026, 3, 17), {IRELAND}),
        (date(2026, 7, 13), {IRELAND}),  # the twelfth is a Sunday
        (date(2027, 7, 12), {IRELAND}),
        (date(2026, 8, 3), {SCOTLAND}),
        (date(2026, 8, 31), {ENGLAND, IRELAND}),
        (date(2026, 11, 30), {SCOTLAND}),
        (date(2026, 12, 25), {ENGLAND, SCOTLAND, IRELAND}),
        (date(2026, 6, 10), set()),
    ],
)
def test_each_country_keeps_its_own_days(day: date, where: set[str]) -> None:
    assert {calendar for calendar in Calendar if not is_working_day(day, calendar)} == where
    assert is_working_day(day, ROUND_THE_CLOCK)


# --- how durations are meant ---


def test_a_day_is_a_working_day_and_what_ends_with_a_day_ends_at_its_close() -> None:
    assert add(london(2026, 6, 5, 15), DAY, ENGLAND) == london(2026, 6, 8, 15)
    assert add(london(2026, 6, 8, 9), DAY, ENGLAND) == london(2026, 6, 8, 17)
    assert add(london(2026, 6, 6, 11), DAY, ENGLAND) == london(2026, 6, 8, 17)
    assert add(london(2026, 6, 8, 8), timedelta(), ENGLAND) == london(2026, 6, 8, 9)
    assert length(DAY + 4 * HOUR, ENGLAND) == 12 * HOUR
    assert length(12 * HOUR, ENGLAND) == 8 * HOUR  # no part of a day is longer than one
    assert length(DAY, ROUND_THE_CLOCK) == DAY


def test_what_is_known_ends_with_a_year_that_every_calendar_knows() -> None:
    last = known_until()
    assert (last.month, last.day) == (12, 31)
    for calendar in Calendar:
        assert not is_working_day(date(last.year, 12, 25), calendar) or date(last.year, 12, 25).weekday() > 4
    # After that weekends are left out, and nothing else.
    christmas = next(
        date(year, 12, 25) for year in range(last.year + 1, last.year + 9) if date(year, 12, 25).weekday() < 5
    )
    assert all(is_working_day(christmas, calendar) for calendar in Calendar)
    assert not is_working_day(christmas + (5 - christmas.weekday()) * DAY, ENGLAND)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    fresh = working_time._known.__wrapped__()
    assert date(2026, 12, 25) in {one["date"] for one in fresh.get_holidays(division=SCOTLAND)}
