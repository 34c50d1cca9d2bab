"""Answers over time are those of the people, minute by minute and branch by branch, whoever looks and whatever was folded."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import counting
from alerts.coverage.scope import Scope, scope
from alerts.coverage.tide import BRANCHES, POINTS, Line, OverTime, Times, in_words, over_time
from alerts.models import Advisory, Delta, Recipient, Relay
from tests import rows

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Told:
    """An advisory whose people answer at such and such a time after it was published."""

    def __init__(self) -> None:
        self.advisory = rows.advisory()
        self.top = rows.relay(self.advisory, "government", purpose="between")
        self.answers: list[tuple[Relay, timedelta]] = []
        self.seats: list[Relay] = []

    @property
    def began(self) -> datetime:
        assert self.advisory.material is not None
        return self.advisory.material.at

    def answer(self, place: Relay, *after: timedelta, silent: int = 0) -> None:
        """Somebody at this place for each of these, and so many who say nothing."""
        for time in [*after, *[None] * silent]:
            one = rows.recipient(self.advisory, place)
            self.seats.append(place)
            if time is not None:
                seen = Delta.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
                Recipient.objects.filter(pk=one.pk).update(answered_revision=self.advisory.revisions.count())
                Delta.objects.filter(pk__gt=seen).update(at=self.began + time)
                self.answers.append((place, time))

    def look(self, of: Scope | None = None, after: timedelta = 4 * HOUR) -> OverTime:
        found = over_time(of or scope(self.advisory.pk), self.began + after)
        assert found is not None
        return found

    def by(self, moment: datetime, *places: Relay) -> int:
        """How many of these bodies' people had answered by then, in plain Python; the minute that has begun is not over."""
        minute = moment.replace(second=0, microsecond=0)
        when = [
            (self.began + after).replace(second=0, microsecond=0) for place, after in self.answers if place in places
        ]
        return sum(at < minute for at in when)


@pytest.fixture
def told() -> Told:
    return Told()


def test_each_line_says_how_many_had_answered_by_when_and_ends_with_the_figures(told: Told) -> None:
    chance = random.Random(4)
    teams: dict[str, list[Relay]] = {}
    for number in range(BRANCHES + 3):
        department = rows.relay(told.advisory, f"department-{number:02}", told.top)
        teams[department.body.slug] = [department, rows.relay(told.advisory, f"team-{number}", department)]
        for place in teams[department.body.slug]:
            told.answer(place, *(MINUTE * chance.random() * 230 for _ in range(number + 1)), silent=2)
        if number % 3 == 0:
            counting.fold(told.advisory.pk)
    found = told.look()
    everywhere = [place for two in teams.values() for place in two]
    assert (found.whole.targeted, found.whole.acknowledged) == (len(told.seats), len(told.answers))
    *alone, others = found.branches
    assert [line.body for line in alone] == [f"department-{n:02}" for n in range(10, 2, -1)]
    assert (others.name, others.body, others.targeted) == ("3 others", "", 2 * (3 + 4 + 5))
    together = [place for number in range(3) for place in teams[f"department-{number:02}"]]
    assert len(found.moments) <= POINTS
    for at, moment in enumerate(found.moments[:-1]):
        assert found.whole.counts[at] == told.by(moment, *everywhere)
        assert others.counts[at] == told.by(moment, *together)
        for line in alone:
            assert line.counts[at] == told.by(moment, *teams[line.body])
    assert found.moments[-1] == found.now
    assert found.whole.counts[-1] == sum(line.counts[-1] for line in found.branches) == len(told.answers)
    while counting.fold(told.advisory.pk):
        pass
    assert told.look() == found


def test_somebody_sees_their_own_branches_a_branch_alone_and_a_body_alone(told: Told) -> None:
    treasury, health = (rows.relay(told.advisory, slug, told.top) for slug in ("treasury", "health"))
    office, gilts = (rows.relay(told.advisory, slug, treasury) for slug in ("debt-office", "gilts-team"))
    told.answer(treasury, 5 * MINUTE, silent=1)
    told.answer(office, 20 * MINUTE, 30 * MINUTE)
    counting.fold(told.advisory.pk)
    told.answer(gilts, 60 * MINUTE, silent=3)
    told.answer(health, 61 * MINUTE)
    of = told.advisory.pk

    def said(line: Line) -> tuple[str, int, int, int]:
        return line.name, line.targeted, line.acknowledged, max(line.counts)

    branch = told.look(scope(of, relay=treasury.pk))
    assert [said(line) for line in [branch.whole, *branch.branches]] == [
        ("Treasury", 8, 4, 4),
        ("Gilts Team", 4, 1, 1),
        ("Debt Office", 2, 2, 2),
        ("The others", 2, 1, 1),
    ]
    alone = told.look(scope(of, relay=treasury.pk, own=True))
    assert (said(alone.whole), alone.branches) == (("Treasury", 2, 1, 1), [])
    # A contact of a body in two places, and of one whose team is somebody else's.
    own = told.look(scope(of, {office.body_id, health.body_id}))
    assert [said(line) for line in [own.whole, *own.branches]] == [
        ("Altogether", 3, 3, 3),
        ("Debt Office", 2, 2, 2),
        ("Health", 1, 1, 1),
    ]
    without = told.look(scope(of, {treasury.body_id, gilts.body_id}))
    assert said(without.whole) == ("Altogether", 6, 2, 2)
    assert without.whole.times == Times(2, 5 * MINUTE, 60 * MINUTE)


def test_time_to_answer_is_the_median_and_the_ninth_decile_of_those_who_answered(told: Told) -> None:
    team = rows.relay(told.advisory, "team", told.top)
    told.answer(team, silent=5)
    assert (told.look().whole.times, told.look().time_to_answer) == (None, "")
    told.answer(team, 72 * MINUTE)
    assert told.look().time_to_answer == "The one who answered had done so 1 h 12 min after it was published."
    told.answer(team, 10 * MINUTE, 5 * HOUR)
    assert (
        told.look(after=6 * HOUR).time_to_answer
        == "Half of the 3 who answered had done so 1 h 12 min after it was published."
    )
    told.answer(team, *[MINUTE * n for n in range(20, 40)], *[5 * HOUR] * 8)
    found = told.look(after=6 * HOUR)
    times = sorted(after for _, after in told.answers)
    assert found.whole.times is not None
    assert found.whole.times.half == times[(len(times) + 1) // 2 - 1]
    assert found.whole.times.nine == 5 * HOUR
    assert found.time_to_answer == (
        "Half of those who answered had done so 34 min after it was published, nine in ten after 5 h."
    )
    assert (
        in_words(Times(20, HOUR, HOUR)) == "Nine in ten of those who answered had done so 1 h after it was published."
    )


def test_a_material_revision_begins_anew_and_later_ones_are_marks(told: Told) -> None:
    team = rows.relay(told.advisory, "team", told.top)
    told.answer(team, 2 * MINUTE)
    rows.revise(told.advisory)
    counting.recount(told.advisory.pk)
    found = told.look()
    assert (found.revision, set(found.whole.counts), found.whole.targeted, found.marks) == (2, {0}, 1, [])
    assert found.published == told.began
    rows.revise(told.advisory, "minor")
    counting.recount(told.advisory.pk)
    rows.revise(told.advisory, "stand-down")
    counting.recount(told.advisory.pk)
    found = told.look()
    assert [mark.words for mark in found.marks] == ["revision 3", "stood down"]
    assert found.revision == 2


@pytest.mark.parametrize("life", [10 * MINUTE, 3 * HOUR, 2 * DAY, 40 * DAY, 700 * DAY])
def test_however_long_it_lives_there_are_few_moments_at_times_that_one_says(told: Told, life: timedelta) -> None:
    team = rows.relay(told.advisory, "team", told.top)
    told.answer(team, 3 * MINUTE, life - MINUTE)
    found = told.look(after=life)
    assert 5 < len(found.moments) <= POINTS
    assert found.moments == sorted(set(found.moments))
    steps = {b - a for a, b in zip(found.moments[1:-2], found.moments[2:-1], strict=True)}
    assert len(steps) <= 1
    assert found.whole.counts[0] == 0
    assert found.whole.counts[-1] == 2


def test_what_was_over_long_ago_is_shown_as_far_as_something_happened(told: Told) -> None:
    Advisory.objects.filter(pk=told.advisory.pk).update(acknowledge_by=told.began + 4 * HOUR)
    told.answer(rows.relay(told.advisory, "team", told.top), 30 * MINUTE)
    found = told.look(after=90 * DAY)
    assert found.moments[-1] < told.began + 6 * HOUR


def test_nothing_is_shown_of_what_is_for_nobody_or_not_published(told: Told) -> None:
    assert over_time(scope(told.advisory.pk), told.began) is None
    Advisory.objects.filter(pk=told.advisory.pk).update(current=None, material=None)
    assert over_time(scope(told.advisory.pk), told.began) is None


def test_the_number_of_queries_does_not_grow(told: Told) -> None:
    for number in range(12):
        told.answer(rows.relay(told.advisory, f"department-{number}", told.top), number * MINUTE, silent=1)
    with CaptureQueriesContext(connection) as asked:
        told.look()
    assert len(asked) == 2


def test_a_body_that_moved_brings_its_answers_to_the_last_moment_of_its_new_branch(told: Told) -> None:
    old, new = (rows.relay(told.advisory, slug, told.top) for slug in ("business", "energy"))
    team = rows.relay(told.advisory, "net-zero-team", old, state="planned")
    told.answer(old, silent=1)
    told.answer(new, silent=1)
    told.answer(team, 9 * MINUTE)
    counting.fold(told.advisory.pk)
    Relay.objects.filter(pk=team.pk).update(parent=new, path=[*new.path, team.pk])
    lines = {line.body: line for line in told.look().branches}
    assert (lines["business"].counts[-1], lines["energy"].counts[-1]) == (0, 1)
