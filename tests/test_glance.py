"""A look reads no more than it shows, and says of it what the whole table says."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import coverage
from alerts.coverage import glance
from alerts.coverage.glance import Found, Glance, Place, look
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.scope import scope
from alerts.models import Advisory, Exclusion, Gap, Recipient, Relay
from alerts.web.parts import parts_of
from departments.models import Body, Topic
from tests import rows

pytestmark = pytest.mark.django_db


def a_tree(chance: random.Random, bodies: int = 14) -> Advisory:
    """Bodies of every state, with people of every kind; some of them left out on purpose."""
    of = rows.advisory()
    if chance.random() < 0.3:
        rows.revise(of, chance.choice(["minor", "material"]))
    latest = of.current.number if of.current else 1
    places: list[Relay] = []
    for number in range(bodies):
        parent = chance.choice(places) if places and chance.random() < 0.9 else None
        state = chance.choice(["released", "released", "released", "held", "planned"])
        purpose = chance.choice(["target", "target", "between"])
        places.append(rows.relay(of, f"body-{number:02}", parent, state=state, purpose=purpose))
    for place in places:
        for _ in range(chance.choice([0, 1, 1, 3])):
            one = rows.recipient(of, place, *chance.sample(places, chance.choice([0, 0, 1])))
            told = chance.choice([0, 1, latest])
            Recipient.objects.filter(pk=one.pk).update(
                told_revision=told,
                outcome=chance.choice(["", "delivered", "bounced", "deferred", "complained"]) if told else "",
                answered_revision=chance.choice([0, 0, 1, latest]),
                office_revision=chance.choice([0, 0, 0, latest]),
            )
    for number in range(2):
        body = rows.body(f"outside-{number}", chance.choice(places).body if number else None)
        leave_out(of, body)
    leave_out(of, chance.choice(places).body)
    return of


def leave_out(of: Advisory, body: Body) -> None:
    Exclusion.objects.create(
        advisory=of,
        body=body,
        reason="told otherwise",
        by=of.written_by,
        at=timezone.now(),
        look_again_at=timezone.now(),
    )


def everything(of: Advisory, opened: Iterable[str] | None = None, **asked: object) -> Glance:
    slugs = Relay.objects.filter(advisory=of).values_list("body__slug", flat=True) if opened is None else opened
    return look(scope(of.pk), list(slugs), Found(**asked), reports=True)  # type: ignore[arg-type]


def shown(found: Glance) -> dict[str, Place]:
    return {row.body: row for row in [*found.top, *(row for below in found.below.values() for row in below)]}


@pytest.mark.parametrize("seed", range(6))
def test_each_row_that_is_shown_is_as_the_table_says(seed: int) -> None:
    of = a_tree(random.Random(seed))
    whole, found = coverage.read(of), everything(of)
    there = shown(found)
    reached = [row for row in whole.rows if row.relay_id is not None]
    assert {row.body for row in there.values() if row.relay_id} == {row.body for row in reached}
    out = sum(row.bodies.excluded for row in there.values() if row.relay_id is None)
    assert out == len(whole.rows) - len(reached)
    for row in reached:
        ours = there[row.body]
        assert (ours.own, ours.branch, ours.bodies) == (row.own, row.branch, row.bodies), row.body
        assert (ours.state, ours.worst, ours.why) == (row.state, row.worst, row.why), row.body
    assert found.figures == whole.whole.figures
    assert found.bodies == whole.whole.bodies
    assert {state: number for state, number in found.states.items() if number} == {
        state: number
        for state in STATES
        if (number := sum(row.state == state and row.relay_id is not None for row in whole.rows))
    }


@pytest.mark.parametrize("seed", range(6))
def test_the_lowest_is_the_worst_of_all_that_hangs_below(seed: int) -> None:
    of = a_tree(random.Random(seed))
    relays = {relay.pk: relay for relay in Relay.objects.filter(advisory=of)}
    there = {row.relay_id: row for row in shown(everything(of)).values() if row.relay_id}
    for relay, row in there.items():
        below = [
            other
            for pk, other in there.items()
            if pk != relay and relay in relays[pk].path and other.state not in ("information", "excluded")
        ]
        expected = min(map(_how_low, below), default=None)
        found = None if row.lowest is None else there[Relay.objects.get(advisory=of, body__slug=row.lowest.body).pk]
        assert (None if found is None else _how_low(found)) == expected


def _how_low(row: Place) -> tuple[int, int, int]:
    share = 1000 * row.own.acknowledged // row.own.targeted if row.own.targeted else 0
    return STATES.index(row.state), share, row.relay_id or 0


@pytest.mark.parametrize("seed", range(3))
def test_who_waits_behind_a_hold_is_who_waits_at_it_or_below(seed: int) -> None:
    of = a_tree(random.Random(seed))
    relays = list(Relay.objects.filter(advisory=of))
    holding = {relay.pk for relay in relays if relay.state == "held"}
    there = {row.relay_id: row for row in shown(everything(of)).values() if row.relay_id}
    for relay in relays:
        behind = [one.pk for one in relays if relay.pk in one.path and holding & set(one.path)]
        assert there[relay.pk].waits == sum(there[pk].own.unsent for pk in behind)


@pytest.mark.parametrize("seed", range(3))
def test_a_branch_is_what_its_row_says_and_so_is_a_body(seed: int) -> None:
    of = a_tree(random.Random(seed))
    for row in (row for row in coverage.table(of) if row.relay_id):
        branch = look(scope(of.pk, relay=row.relay_id), reports=True)
        assert branch.figures == row.branch
        assert branch.bodies._replace(excluded=0) == row.bodies._replace(excluded=0)
        assert [one.body for one in branch.top] == [row.body]
        own = look(scope(of.pk, relay=row.relay_id, own=True), reports=True)
        assert own.figures == row.own


def test_somebody_sees_of_their_branches_as_much_as_there_is() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    mine, other = rows.relay(of, "mine", top), rows.relay(of, "other", top)
    below = rows.relay(of, "below", mine)
    for place in (top, mine, other, below):
        rows.recipient(of, place)
    leave_out(of, rows.body("left-out-elsewhere", other.body))
    found = look(scope(of.pk, [mine.body_id, below.body_id]), reports=True)
    assert [row.body for row in found.top] == ["mine"]
    assert (found.figures.targeted, found.bodies.targeted, found.bodies.excluded) == (2, 2, 0)
    assert [row.body for row in found.below[mine.pk]] == ["below"]


def test_what_needs_attention_comes_first_and_dark_before_anything() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    covered, silent, dark = (rows.relay(of, slug, top) for slug in ("a-covered", "b-silent", "c-dark"))
    answer(rows.recipient(of, covered))
    told(rows.recipient(of, silent), rows.recipient(of, silent))
    found = everything(of, [])
    assert [row.body for row in found.below[top.pk]] == ["c-dark", "b-silent", "a-covered"]
    assert [one.body for one in found.dark] == ["c-dark", "top"]
    assert dark.pk in [one.relay_id for one in found.dark]


def test_bodies_are_found_by_kind_by_topic_and_by_state_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "FOUND", 2)
    of = rows.advisory()
    top = rows.relay(of, "top")
    for number in range(5):
        rows.relay(of, f"dark-{number}", top)
    told(rows.recipient(of, top))
    Body.objects.filter(slug="dark-3").update(kind="committee")
    Body.objects.get(slug="dark-4").remit.create(topic=Topic.objects.create(slug="china"))
    assert [row.body for row in everything(of, state="dark").found] == ["dark-0", "dark-1"]
    assert [row.body for row in everything(of, state="dark", page=3).found] == ["dark-4"]
    assert everything(of, state="dark").matching == 5
    assert [row.body for row in everything(of, kind="committee").found] == ["dark-3"]
    assert [row.body for row in everything(of, topic="china").found] == ["dark-4"]
    assert everything(of, topic="none").found == []
    assert everything(of, state="dark").top == []


def test_of_very_many_below_one_body_the_worst_are_shown_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glance, "MOST", 3)
    of = rows.advisory()
    top = rows.relay(of, "top")
    for number in range(5):
        answer(rows.recipient(of, rows.relay(of, f"covered-{number}", top)))
    rows.relay(of, "z-dark", top)
    below = everything(of, []).below[top.pk]
    assert [row.body for row in below] == ["z-dark", "covered-0", "covered-1"]
    assert {row.siblings for row in below} == {6}


def test_what_was_signed_for_as_a_gap_stands_among_what_was_left_out() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    outside = rows.body("outside", top.body)
    day = timezone.now()
    Gap.objects.create(
        advisory=of, kind="outside", body=outside, decision="signed", reason="no remit", by=of.written_by, at=day,
        look_again_at=day,
    )  # fmt: skip
    (row,) = everything(of, []).below[top.pk]
    assert (row.body, row.state, row.why, row.signer) == (
        "outside",
        "excluded",
        "left out on purpose: no remit",
        "Olive Officer",
    )
    assert row.signed_at is not None
    assert row.until is not None


def test_what_the_routes_said_is_added_up_for_the_branches_that_are_shown() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    low = rows.relay(of, "low", rows.relay(of, "middle", top))
    trouble(low, "deferred", "deferred", "complained", "bounced", "suppressed", "unreachable")
    trouble(top, "deferred")
    found = everything(of, [])
    assert found.mail == coverage.MailStates(refused=1, came_back=1, suppressed=1, late=3, complained=1)
    assert found.mail_of[top.pk].late == 3
    assert found.mail_of[low.path[1]] == coverage.MailStates(late=2, complained=1)
    assert [(one.body, one.people) for one in found.late] == [("low", 2), ("top", 1)]
    assert [(one.body, one.people) for one in found.complained] == [("low", 1)]
    assert [(one.body, one.people) for one in found.refused] == [("low", 3)]


def test_it_is_three_queries_however_large() -> None:
    numbers = []
    for bodies in (3, 30):
        of = rows.advisory(f"ADV-2020-{bodies:04}")
        places = [rows.relay(of, f"b-{bodies}-0")]
        for number in range(1, bodies):
            places.append(rows.relay(of, f"b-{bodies}-{number}", places[number // 3]))
            rows.recipient(of, places[-1])
        with CaptureQueriesContext(
            connection,
        ) as asked:
            everything(of, [])
        numbers.append(len(asked))
    assert all(a == b == 3 for a, b in pairwise(numbers))


def answer(*who: Recipient) -> None:
    Recipient.objects.filter(pk__in=[one.pk for one in who]).update(told_revision=1, answered_revision=1)


def told(*who: Recipient) -> None:
    Recipient.objects.filter(pk__in=[one.pk for one in who]).update(told_revision=1, outcome="delivered")


def trouble(place: Relay, *outcomes: Sequence[str]) -> None:
    for outcome in outcomes:
        one = rows.recipient(place.advisory, place)
        Recipient.objects.filter(pk=one.pk).update(told_revision=1, outcome=outcome)


def test_whom_somebody_left_out_alike_is_one_row_and_all_are_counted() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    for number in range(5):
        leave_out(of, rows.body(f"outside-{number}", top.body))
    Exclusion.objects.update(at=timezone.now(), look_again_at=None)
    Exclusion.objects.filter(body__slug="outside-4").update(reason="another reason")
    first, other = everything(of, []).below[top.pk]
    assert (first.body, first.bodies.excluded, other.body, other.bodies.excluded) == ("outside-0", 4, "outside-4", 1)


def test_a_filter_leaves_the_reasons_as_they_are() -> None:
    of = rows.advisory()
    top = rows.relay(of, "top")
    rows.recipient(of, rows.relay(of, "held-1", top, state="held"))
    rows.relay(of, "dark-1", top)
    plain, filtered = everything(of, []), everything(of, [], state="dark")
    for name in ("figures", "waits", "states", "bodies", "dark", "refused", "held"):
        assert getattr(plain, name) == getattr(filtered, name), name
    assert [one.body for one in filtered.held] == ["held-1"]


def test_a_person_in_two_held_bodies_does_not_hide_one_who_waits() -> None:
    advisory = rows.advisory()
    one, two = rows.relay(advisory, "one", state="held"), rows.relay(advisory, "two", state="held")
    free = rows.relay(advisory, "free")
    rows.recipient(advisory, one, two)
    rows.recipient(advisory, free)
    found = look(scope(advisory.pk), reports=True)
    parts = parts_of(found.figures, found.waits)
    assert (parts.held, parts.waiting) == (1, 1)
