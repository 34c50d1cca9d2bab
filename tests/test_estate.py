"""The whole estate: many advisories in one statement, each with the figures that its own page shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting, coverage
from alerts.coverage import estate as estates
from alerts.coverage.glance import look
from alerts.coverage.scope import scope
from alerts.models import Advisory, Delta, Recipient, Relay, Seat
from departments.models import Body
from tests import rows

pytestmark = pytest.mark.django_db

FIGURES = ("targeted", "waiting", "sent", "delivered", "unreachable", "acknowledged", "silent", "unsent")


@pytest.fixture
def bodies() -> list[Body]:
    return [rows.body(slug) for slug in ("government", "treasury", "debt-office", "committee", "closed")]


def spread(bodies: list[Body], reference: str, **fields: object) -> Advisory:
    """An advisory through all of these: a hold with somebody behind it, a dark body, one closed, one for information."""
    advisory = rows.advisory(reference, **fields)
    top = place(advisory, bodies[0], None, purpose="between")
    treasury = place(advisory, bodies[1], top, state="held", held_until=timezone.now() + timedelta(hours=1))
    office = place(advisory, bodies[2], treasury, state="planned")
    place(advisory, bodies[3], top)
    place(advisory, bodies[4], top)
    said, refused, waits = (rows.recipient(advisory, treasury) for _ in range(3))
    rows.recipient(advisory, office)
    Seat.objects.create(recipient=waits, relay=office, counts=True, contact=False)
    Recipient.objects.filter(pk=said.pk).update(told_revision=1, answered_revision=1)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    return advisory


def place(of: Advisory, body: Body, above: Relay | None, **fields: object) -> Relay:
    made = Relay(
        advisory=of, body=body, parent=above, **{"purpose": "target", "state": "released", "stale": False, **fields}
    )
    made.save()
    made.path = [*(above.path if above else []), made.pk]
    made.save(update_fields=["path"])
    return made


def read(*advisories: Advisory) -> estates.Estate:
    return estates.estate(advisories, {advisory.pk for advisory in advisories})


def test_each_stands_as_its_own_page_says_folded_or_not_whole_or_in_part(bodies: list[Body]) -> None:
    advisories = [spread(bodies, f"ADV-2026-000{number}") for number in range(3)]
    Body.objects.filter(slug="closed").update(closed=timezone.now())
    rows.leave_out(advisories[1], bodies[0])
    counting.fold(advisories[0].pk)
    Recipient.objects.filter(advisory=advisories[0], outcome="unreachable").update(answered_revision=1)
    assert Delta.objects.exists()
    part = frozenset({bodies[1].pk, bodies[2].pk})
    for found, seen in (
        (read(*advisories), None),
        (estates.estate(advisories, set(), part), part),
    ):
        for advisory in advisories:
            stands, glance = estates.standing_of(found, advisory), look(scope(advisory.pk, seen), reports=False)
            for name in FIGURES:
                assert getattr(stands.figures, name) == getattr(glance.figures, name), name
            assert stands.waits == glance.waits > 0
            assert stands.bodies == glance.bodies._replace(excluded=0)
    assert read(advisories[2]).standings[advisories[2].pk].next_until is not None


def test_what_is_dark_in_more_than_one_is_named_once_and_drills_and_the_expired_are_not_counted(
    bodies: list[Body],
) -> None:
    first, second = spread(bodies, "ADV-2026-0001"), spread(bodies, "ADV-2026-0002")
    drill = spread(bodies, "EX-2026-0001", exercise=True)
    old = spread(bodies, "ADV-2025-0001")
    Advisory.objects.filter(pk=old.pk).update(state="expired")
    old.refresh_from_db()
    assert read(first, drill, old).often == []
    found = read(first, second, drill, old)
    assert [(one.body, one.advisories) for one in found.often] == [
        ("closed", (second.pk, first.pk)),
        ("committee", (second.pk, first.pk)),
    ]
    assert found.often_all == 2


def test_nothing_is_asked_of_no_advisory_and_one_without_a_relay_stands_too() -> None:
    assert estates.estate([], set()).standings == {}
    assert estates.pulse([]) == estates.pulse([])
    new = rows.advisory()
    assert estates.standing_of(read(new), new).bodies.targeted == 0
    assert estates.standing_of(estates.estate([new], set(), {1}), new).figures.targeted == 0


def test_it_is_two_statements_however_many_there_are(bodies: list[Body]) -> None:
    """The second looks up who waits behind a hold, each once; where nobody does there is none."""
    advisories = [spread(bodies, f"ADV-2026-00{number:02d}") for number in range(10)]
    with CaptureQueriesContext(connection) as asked:
        read(*advisories)
    assert len(asked) == 2


def test_the_pulse_goes_with_every_figure_and_state_and_not_with_folding(bodies: list[Body]) -> None:
    advisory = spread(bodies, "ADV-2026-0001")
    ids = [advisory.pk]
    last = estates.pulse(ids)

    def changed() -> bool:
        nonlocal last
        before, last = last, estates.pulse(ids)
        return before != last

    counting.fold(advisory.pk)
    assert not changed()
    Recipient.objects.filter(told_revision=0, outcome="").update(told_revision=1)
    assert changed()
    Relay.objects.filter(state="held").update(state="released")
    assert changed()
    Advisory.objects.update(stopped_at=timezone.now())
    assert changed()
    place(advisory, rows.body("late"), None)
    assert changed()
    assert not changed()


def test_the_estate_s_pulse_changes_when_a_dark_body_leaves_the_audience() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "top")
    rows.recipient(advisory, top)
    dark = rows.relay(advisory, "dark", top, state="planned")
    before = estates.pulse([advisory.pk]), estates.estate([advisory], {advisory.pk}).standings[advisory.pk].bodies
    Relay.objects.filter(pk=dark.pk).update(purpose="left")
    after = estates.pulse([advisory.pk]), estates.estate([advisory], {advisory.pk}).standings[advisory.pk].bodies
    assert before[1] != after[1]
    assert before[0] != after[0]


@pytest.mark.parametrize("which", ["page", "estate"])
def test_closing_a_dark_body_moves_the_pages(which: str) -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "top")
    rows.recipient(advisory, top)
    dark = rows.relay(advisory, "dark", top)

    def seen() -> str:
        return coverage.fingerprint(advisory) if which == "page" else estates.pulse([advisory.pk])

    before = seen(), coverage.whole(advisory).bodies
    Body.objects.filter(pk=dark.body_id).update(closed=timezone.now())
    assert before[1] != coverage.whole(advisory).bodies
    assert before[0] != seen()


def test_put_in_moves_the_estate_when_all_is_done_between_two_polls() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "top", purpose="between")
    rows.recipient(advisory, rows.relay(advisory, "below", top))
    before = coverage.fingerprint(advisory), estates.pulse([advisory.pk])
    Relay.objects.filter(pk=top.pk).update(purpose="target")
    assert before[0] != coverage.fingerprint(advisory)
    assert before[1] != estates.pulse([advisory.pk])
