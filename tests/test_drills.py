"""A drill says what it reached, how soon and where, beside the last one, and never more than it did."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting
from alerts.chasing import drills
from alerts.chasing.drills import Branch, Report, compared, share
from alerts.coverage.scope import scope
from alerts.models import Advisory, Relay
from departments.models import Body
from tests import rows
from tests.drilling import Drill, hung, lay_out

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def named(found: Report) -> dict[str, Branch]:
    return {f"{one.body}{' itself' if one.own else ''}": one for one in found.branches}


@pytest.fixture
def country() -> dict[str, Body]:
    """Its bodies, by slug."""
    return lay_out()


def test_each_branch_says_how_many_had_answered_within_which_time_whatever_was_folded(country: dict[str, Body]) -> None:
    chance = random.Random(17)
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    for slug in ("cabinet", "treasury", "health", "office"):
        drill.answer(at[slug], *(MINUTE * chance.choice([1, 14, 15, 59, 60, 1439, 1440]) for _ in range(9)), silent=2)
        if slug == "treasury":
            counting.fold(drill.advisory.pk)
    found = drill.look()
    told = named(found)
    # The government has one body below it and nobody of its own; the cabinet has several: these are the branches.
    assert set(told) == {"cabinet itself", "treasury", "health", "committee"}
    assert told["treasury"].reached.within == drill.by(at["treasury"], at["office"])
    assert told["health"].reached.within == drill.by(at["health"])
    assert told["cabinet itself"].reached.within == drill.by(at["cabinet"])
    assert found.whole.within == drill.by(*at.values())
    assert (found.whole.people, found.whole.answered) == (44, 36)
    assert (told["treasury"].reached.people, told["treasury"].reached.answered) == (22, 18)
    while counting.fold(drill.advisory.pk):
        pass
    assert drill.look() == found


def test_an_answer_in_the_fifteenth_minute_counts_and_one_after_it_does_not(country: dict[str, Body]) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    second = timedelta(seconds=1)
    drill.answer(at["health"], 15 * MINUTE - second, 15 * MINUTE, 60 * MINUTE - second, 60 * MINUTE, DAY - second, DAY)
    assert drill.look().whole.within == (1, 3, 5)


def test_whoever_cannot_be_reached_stays_among_those_it_is_for_and_a_dark_body_is_named(
    country: dict[str, Body],
) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    drill.answer(at["health"], *[5 * MINUTE] * 9, unreachable=1)
    for slug in ("cabinet", "treasury", "office"):
        drill.answer(at[slug], MINUTE)
    found = drill.look()
    health = named(found)["health"].reached
    assert (health.people, health.told, health.unreachable, health.shares) == (10, 9, 1, (90, 90, 90))
    assert found.dark == [("committee", "Committee")]
    committee = named(found)["committee"].reached
    assert (committee.people, committee.bodies.dark, committee.shares) == (0, 1, (None, None, None))
    assert (found.whole.bodies.targeted, found.whole.bodies.dark, found.whole.bodies.covered) == (5, 1, 3)
    # What is worst comes first: of nobody there is no share at all.
    assert next(iter(named(found))) == "committee"


def test_it_stands_beside_the_last_drill_of_its_issuer_that_was_for_the_same_branches(country: dict[str, Body]) -> None:
    before = Drill("EX-2025-0001", -300 * DAY)
    issuer = before.advisory.issuer
    older, elsewhere = Drill("EX-2024-0001", -600 * DAY, issuer), Drill("EX-2025-0003", -100 * DAY)
    other_branch, real = Drill("EX-2025-0002", -200 * DAY, issuer), Drill("ADV-2025-0001", -150 * DAY, issuer)
    Advisory.objects.filter(pk=real.advisory.pk).update(exercise=False)
    other_branch.place(rows.body("defence"))
    for one in (older, elsewhere, real):
        one.answer(one.place(country["health"]), MINUTE)
    top = before.place(country["cabinet"], purpose="between")
    treasury = before.place(country["treasury"], top)
    before.answer(before.place(country["office"], treasury), 5 * MINUTE, 50 * MINUTE, silent=2)
    before.answer(before.place(country["health"], top), 70 * MINUTE, silent=1)
    now = Drill("EX-2026-0001", issuer=issuer)
    at = hung(now, country)
    now.answer(at["office"], *[5 * MINUTE] * 3, silent=1)
    now.answer(at["health"], 5 * MINUTE, silent=1)
    now.answer(at["cabinet"], MINUTE)
    found = now.look()
    assert found.last is not None
    assert found.before is not None
    assert found.last.advisory == before.advisory
    assert (found.before.people, found.before.within) == (6, (1, 2, 3))
    told = named(found)
    assert told["treasury"].before is not None
    assert told["health"].before is not None
    assert (told["treasury"].before.shares, told["treasury"].reached.shares) == ((25, 50, 50), (75, 75, 75))
    assert told["health"].before.shares == (0, 0, 50)
    assert told["cabinet itself"].before is None  # nobody of its own was asked then
    assert told["committee"].before is None
    assert before.look().last is not None  # and that one stands beside the one before it
    assert older.look().last is None


def test_a_body_that_moved_stands_beside_itself_as_the_tree_was_then(country: dict[str, Body]) -> None:
    before = Drill("EX-2025-0001", -300 * DAY)
    at = hung(before, country)
    before.answer(at["office"], MINUTE, silent=1)
    before.answer(at["treasury"], silent=2)
    country["office"].parent = country["cabinet"]
    now = Drill("EX-2026-0001", issuer=before.advisory.issuer)
    places = hung(now, country)
    now.answer(places["office"], MINUTE)
    now.answer(places["treasury"], MINUTE)
    told = named(now.look())
    assert told["office"].before is not None
    assert told["treasury"].before is not None
    assert (told["office"].before.people, told["office"].before.within) == (2, (1, 1, 1))
    assert (told["treasury"].before.people, told["treasury"].before.within) == (4, (1, 1, 1))


def test_a_contact_sees_their_own_branch_in_both_and_nothing_of_others(country: dict[str, Body]) -> None:
    before = Drill("EX-2025-0001", -300 * DAY)
    now = Drill("EX-2026-0001", issuer=before.advisory.issuer)
    for drill in (before, now):
        at = hung(drill, country)
        drill.answer(at["treasury"], MINUTE, silent=1 if drill is before else 0)
        drill.answer(at["office"], 30 * MINUTE)
        drill.answer(at["health"], MINUTE, silent=5)
        counting.fold(drill.advisory.pk)
    own = {country["treasury"].pk, country["office"].pk}
    found = now.look(of=scope(now.advisory.pk, own))
    assert (found.whole.people, found.whole.within, found.dark) == (2, (1, 2, 2), [])
    assert found.before is not None
    assert (found.before.people, found.before.within) == (3, (1, 2, 2))
    assert set(named(found)) == {"treasury itself", "office itself"}
    branch = now.look(
        of=scope(now.advisory.pk, relay=Relay.objects.get(advisory=now.advisory, body__slug="treasury").pk)
    )
    assert (branch.whole, branch.before) == (found.whole, found.before)
    # A hole in what they see is a hole in the figures.
    alone = now.look(of=scope(now.advisory.pk, {country["treasury"].pk}))
    assert (alone.whole.people, alone.whole.within) == (1, (1, 1, 1))


def test_while_it_runs_it_says_which_times_have_passed(country: dict[str, Body]) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    drill.answer(at["health"], 5 * MINUTE, silent=1)
    assert drill.look(7 * MINUTE).drill.over == (False, False, False)
    assert drill.look(15 * MINUTE).drill.over == (True, False, False)
    assert drill.look(DAY).drill.over == (True, True, True)
    assert drill.look(7 * MINUTE).whole.answered == 1


def test_a_material_revision_asks_anew_and_a_stand_down_is_told(country: dict[str, Body]) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    drill.answer(at["health"], 5 * MINUTE)
    drill.stand_down(DAY)
    found = drill.look()
    assert found.drill.revision == 1
    assert found.drill.after == DAY
    assert found.whole.within == (1, 1, 1)
    rows.revise(drill.advisory)
    counting.recount(drill.advisory.pk)
    drill.advisory.refresh_from_db()
    assert drill.advisory.material is not None
    again = drills.report(drill.advisory, drill.advisory.material.at + HOUR)
    assert again is not None
    assert (again.drill.revision, again.whole.within, again.whole.people) == (3, (0, 0, 0), 1)


@pytest.mark.parametrize("folded", [False, True])
def test_a_drill_that_was_stood_down_is_measured_until_then_and_not_on(country: dict[str, Body], folded: bool) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    # Whoever answers in the minute in which it is stood down has answered.
    drill.answer(at["health"], 3 * MINUTE, 9 * MINUTE, 10 * MINUTE, 70 * MINUTE, silent=1)
    drill.answer(at["treasury"], 11 * MINUTE)
    drill.stand_down(9 * MINUTE + timedelta(seconds=40))
    while folded and counting.fold(drill.advisory.pk):
        pass
    for after in (14 * MINUTE, 2 * HOUR, 2 * DAY):
        found = drill.look(after)
        assert found.drill.after == 9 * MINUTE + timedelta(seconds=40)
        assert found.drill.over == (False, False, False)
        assert (found.whole.people, found.whole.answered, found.whole.within) == (6, 2, (2, 2, 2))
        told = named(found)
        assert (told["health"].reached.answered, told["treasury"].reached.answered) == (2, 0)
        assert told["health"].reached.told == 5
        assert found.whole.nine == 9 * MINUTE
        [line] = drills.listed([drill.advisory], drill.began + after)
        assert (line.within, line.over, line.stood_down) == ((2, 2, 2), (False, False, False), True)


def test_what_is_no_drill_or_reached_nobody_yet_has_no_report(country: dict[str, Body]) -> None:
    drill = Drill("EX-2026-0001")
    assert drills.report(drill.advisory, drill.began) is None
    hung(drill, country)
    assert drill.look().whole.people == 0
    Advisory.objects.filter(pk=drill.advisory.pk).update(exercise=False)
    drill.advisory.refresh_from_db()
    assert drills.report(drill.advisory, drill.began) is None
    Advisory.objects.filter(pk=drill.advisory.pk).update(exercise=True, current=None, material=None)
    drill.advisory.refresh_from_db()
    assert drills.report(drill.advisory, drill.began) is None


def test_the_list_says_of_each_drill_what_its_own_report_says(country: dict[str, Body]) -> None:
    made = []
    for number in range(3):
        drill = Drill(f"EX-2026-000{number}", -number * DAY)
        at = hung(drill, country)
        drill.answer(at["health"], *(MINUTE * 14 * n for n in range(number * 3 + 1)), silent=2, unreachable=number)
        if number == 1:
            counting.fold(drill.advisory.pk)
        made.append(drill)
    now = timezone.now() + 2 * DAY
    with CaptureQueriesContext(connection) as asked:
        lines = drills.listed([drill.advisory for drill in made], now)
    assert len(asked) <= 2
    for line, drill in zip(lines, made, strict=True):
        found = drills.report(drill.advisory, now)
        assert found is not None
        assert (line.people, line.told, line.within) == (found.whole.people, found.whole.told, found.whole.within)
        assert (line.bodies, line.over) == (found.whole.bodies, found.drill.over)
    assert drills.listed([], now) == []


def test_the_number_of_queries_does_not_grow_with_the_branches(country: dict[str, Body]) -> None:
    drill = Drill("EX-2026-0001")
    at = hung(drill, country)
    drill.answer(at["health"], MINUTE)
    with CaptureQueriesContext(connection) as few:
        drill.look()
    for number in range(20):
        drill.answer(drill.place(rows.body(f"team-{number}", country["cabinet"]), at["cabinet"]), MINUTE, silent=1)
    with CaptureQueriesContext(connection) as many:
        drill.look()
    assert len(many) == len(few) <= 6


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [(0, 0, None), (0, 9, 0), (1, 1000, 1), (999, 1000, 99), (9, 9, 100), (1, 3, 33), (2, 3, 67), (4, 3, 100)],
)
def test_a_share_is_all_only_where_it_is_all_and_none_only_where_it_is_none(
    part: int, whole: int, percent: int | None
) -> None:
    assert share(part, whole) == percent


def test_two_shares_are_compared_in_words() -> None:
    assert [compared(*two) for two in ((61, 49), (61, 62), (7, 7), (None, 5), (5, None))] == [
        "12 points more",
        "1 point less",
        "the same",
        "",
        "",
    ]
