"""Coverage adds up at every node, calls each body by the state that it is in, and says why."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting, coverage
from alerts.coverage.glance import look
from alerts.coverage.scope import scope
from alerts.models import Advisory, Gap, Recipient, Relay
from departments.models import Body
from tests import rows

pytestmark = pytest.mark.django_db

FIGURES = ("targeted", "waiting", "sent", "delivered", "unreachable", "suspect", "acknowledged", "acted")
BODIES = ("targeted", "covered", "dark", "held", "excluded")


def row_of(advisory: Advisory, slug: str) -> coverage.Row:
    return next(row for row in coverage.table(advisory) if row.body == slug)


def change(*recipients: Recipient, **fields: object) -> None:
    Recipient.objects.filter(pk__in=[one.pk for one in recipients]).update(**fields)


def printed(advisory: Advisory) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("coverage", advisory.reference, "--json", stdout=out)
    listed: list[dict[str, Any]] = json.loads(out.getvalue())
    return listed


@pytest.fixture
def country() -> Advisory:
    """Government above a treasury (with two teams below, one held) and a dark committee; devolved bodies left out."""
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    held = rows.relay(advisory, "debt-office", treasury, state="held")
    behind = rows.relay(advisory, "gilts-team", held, state="planned")
    rows.relay(advisory, "foreign-affairs-committee", top)
    both = rows.recipient(advisory, treasury, held)
    refused = rows.recipient(advisory, treasury)
    answered = rows.recipient(advisory, treasury)
    rows.recipient(advisory, behind)
    change(both, told_revision=1, outcome="delivered")
    change(refused, outcome="unreachable")
    counting.fold(advisory.pk)
    change(answered, told_revision=1, answered_revision=1, acted_revision=1)
    rows.leave_out(advisory, rows.body("devolved", top.body))
    return advisory


def test_a_branch_is_its_own_figure_and_its_childrens_branches_at_every_node(country: Advisory) -> None:
    found = coverage.table(country)
    assert len(found) == 6
    for row in found:
        below = [other for other in found if other.parent == row.body]
        for name in FIGURES:
            assert getattr(row.branch, name) == getattr(row.own, name) + sum(getattr(b.branch, name) for b in below)
        for name in BODIES:
            own = {
                "targeted": row.state not in ("information", "excluded"),
                "covered": row.state == "covered",
                "dark": row.state == "dark",
                "held": row.state == "held",
                "excluded": row.state == "excluded",
            }[name]
            assert getattr(row.bodies, name) == own + sum(getattr(b.bodies, name) for b in below)


def test_in_the_whole_each_person_counts_once(country: Advisory) -> None:
    whole = coverage.whole(country)
    assert whole.figures == coverage.Figures(
        targeted=4, waiting=1, sent=2, delivered=1, unreachable=1, acknowledged=1, acted=1, silent=1, unsent=1
    )
    assert row_of(country, "government").branch.targeted == 5
    assert whole.bodies == coverage.Bodies(targeted=4, covered=0, dark=1, held=1, excluded=1)


def test_each_body_has_its_state_and_its_reason(country: Advisory) -> None:
    until = timezone.localtime(row_of(country, "debt-office").held_until).strftime("%H:%M %Z")
    assert {row.body: (row.state, row.why.split(" on ")[0]) for row in coverage.table(country)} == {
        "government": ("information", ""),
        "treasury": ("sent", "1 of 3 people cannot be reached"),
        "debt-office": ("held", f"held by its contacts until {until}"),
        "gilts-team": ("waiting", "not yet reached: held above by Debt Office"),
        "foreign-affairs-committee": ("dark", "nobody to tell"),
        "devolved": ("excluded", "left out"),
    }
    assert row_of(country, "devolved").why == "left out on purpose: told through their own centre"


def test_the_worst_below_shows_all_the_way_up_and_comes_first(country: Advisory) -> None:
    found = coverage.table(country)
    assert row_of(country, "government").worst == "dark"
    assert row_of(country, "treasury").worst == "held"
    below = [row.body for row in coverage.children(found, "government")]
    assert below == ["foreign-affairs-committee", "treasury", "devolved"]


def test_what_was_left_out_stands_below_its_parent_and_counts_nobody(country: Advisory) -> None:
    row = row_of(country, "devolved")
    assert (row.relay_id, row.parent, row.depth) == (None, "government", 1)
    assert row.own == row.branch == coverage.Figures()
    assert row.bodies == coverage.Bodies(excluded=1)


def test_what_was_left_out_of_a_body_that_is_not_reached_stands_at_the_top(country: Advisory) -> None:
    rows.leave_out(country, rows.body("far-away"))
    row = row_of(country, "far-away")
    assert (row.parent, row.depth) == (None, 0)
    assert coverage.whole(country).bodies.excluded == 2


def sign_for(advisory: Advisory, body: Body, decision: str = "signed", reason: str = "no remit") -> None:
    """A gap in its reach, which somebody decided about."""
    Gap.objects.create(
        advisory=advisory, body=body, kind="outside", decision=decision, reason=reason, by=advisory.written_by
    )


def test_the_command_says_as_many_were_left_out_as_the_page(country: Advisory) -> None:
    sign_for(country, rows.body("no-remit"))
    sign_for(country, Body.objects.get(slug="devolved"), reason="said twice")
    sign_for(country, Body.objects.get(slug="treasury"), reason="and is told all the same")
    sign_for(country, rows.body("undecided"), decision="undecided")
    page = look(scope(country.pk), reports=True).bodies
    whole, *listed = printed(country)
    assert whole["branch"]["bodies"] == page._asdict()
    assert page.excluded == 2
    out = {row["body"]: row["why"] for row in listed if row["state"] == "excluded"}
    assert out == {
        "devolved": "left out on purpose: told through their own centre",
        "no-remit": "left out on purpose: no remit",
    }
    text = StringIO()
    call_command("coverage", country.reference, stdout=text)
    assert "2 were left out on purpose" in text.getvalue()


def test_a_body_goes_from_waiting_to_sent_to_delivered_to_covered() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury")
    two = [rows.recipient(advisory, place) for _ in range(2)]
    seen = []
    for fields in (
        {},
        {"told_revision": 1},
        {"outcome": "delivered"},
        {"answered_revision": 1},
    ):
        change(*two, **fields)
        seen.append(row_of(advisory, "treasury").state)
    assert seen == ["waiting", "sent", "delivered", "covered"]


@pytest.mark.parametrize(("rule", "state"), [("any", "covered"), ("all", "sent")])
def test_one_answer_of_two_covers_a_body_only_where_any_will_do(rule: str, state: str) -> None:
    advisory = rows.advisory(rule=rule)
    place = rows.relay(advisory, "treasury")
    one, other = (rows.recipient(advisory, place) for _ in range(2))
    change(one, other, told_revision=1)
    change(one, answered_revision=1)
    assert row_of(advisory, "treasury").state == state


def test_a_body_whose_every_address_is_refused_is_dark_and_never_covered() -> None:
    advisory = rows.advisory(rule="any")
    place = rows.relay(advisory, "treasury")
    two = [rows.recipient(advisory, place) for _ in range(2)]
    change(*two, outcome="unreachable")
    row = row_of(advisory, "treasury")
    assert (row.state, row.why) == ("dark", "none of its 2 people can be reached")
    assert row.bodies == coverage.Bodies(targeted=1, dark=1)


def test_an_address_that_bounces_after_it_was_told_is_unreachable_and_not_sent() -> None:
    advisory = rows.advisory()
    recipient = rows.recipient(advisory, rows.relay(advisory, "treasury"))
    change(recipient, told_revision=1, outcome="unreachable")
    own = row_of(advisory, "treasury").own
    assert (own.targeted, own.sent, own.waiting, own.unreachable) == (1, 0, 0, 1)


def test_after_a_material_revision_everybody_is_asked_again_and_after_a_minor_one_nobody_is() -> None:
    advisory = rows.advisory()
    recipient = rows.recipient(advisory, rows.relay(advisory, "treasury"))
    change(recipient, told_revision=1, answered_revision=1)
    rows.revise(advisory, "minor")
    counting.recount(advisory.pk)
    own = row_of(advisory, "treasury").own
    assert (own.acknowledged, own.sent, own.waiting) == (1, 0, 1)
    rows.revise(advisory, "material")
    counting.recount(advisory.pk)
    assert row_of(advisory, "treasury").own.acknowledged == 0


def test_a_body_whose_people_are_still_to_be_looked_up_waits_and_is_not_called_dark() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury")
    Relay.objects.filter(pk=place.pk).update(stale=True)
    row = row_of(advisory, "treasury")
    assert (row.state, row.why, row.bodies.dark) == ("waiting", "its people are being looked up", 0)
    before = coverage.fingerprint(advisory)
    Relay.objects.filter(pk=place.pk).update(stale=False)
    assert row_of(advisory, "treasury").state == "dark"
    assert coverage.fingerprint(advisory) != before


def test_named_people_of_a_body_that_is_no_target_count_where_they_sit() -> None:
    advisory = rows.advisory()
    named = rows.relay(advisory, "treasury", purpose="named")
    rows.relay(advisory, "debt-office", purpose="named")
    rows.recipient(advisory, named)
    assert row_of(advisory, "treasury").state == "waiting"
    assert row_of(advisory, "debt-office").state == "information"


def test_the_json_is_the_whole_and_then_each_body(country: Advisory) -> None:
    whole, *bodies = printed(country)
    assert set(whole) == {"body", "own", "branch"}
    assert (whole["body"], whole["own"]) == (None, None)
    assert whole["branch"]["targeted"] == 4
    assert set(whole["branch"]) == {*FIGURES, "bodies"}
    for row in bodies:
        assert set(row) == {"body", "parent", "depth", "state", "why", "own", "branch"}
        assert set(row["own"]) == set(FIGURES)
        assert set(row["branch"]) == {*FIGURES, "bodies"}
        assert set(row["branch"]["bodies"]) == set(BODIES)
        children = [other["branch"] for other in bodies if other["parent"] == row["body"]]
        for name in FIGURES:
            assert row["branch"][name] == row["own"][name] + sum(child[name] for child in children)


def test_an_advisory_without_anybody_has_a_whole_of_zeros() -> None:
    assert printed(rows.advisory())[0]["branch"]["targeted"] == 0


def test_the_table_is_readable_and_an_unknown_reference_is_refused_in_words(country: Advisory) -> None:
    out = StringIO()
    call_command("coverage", country.reference, stdout=out)
    assert "1 of 4 people have answered" in out.getvalue()
    assert "nobody to tell" in out.getvalue()
    with pytest.raises(CommandError, match="There is no advisory ADV-1"):
        call_command("coverage", "ADV-1")


def test_the_number_of_queries_does_not_grow_with_the_tree(country: Advisory) -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        coverage.read(country)
    parent = Relay.objects.get(advisory=country, body__slug="treasury")
    for number in range(20):
        rows.recipient(country, rows.relay(country, f"team-{number}", parent))
    with CaptureQueriesContext(connection) as many:
        coverage.read(country)
    assert len(few) == len(many) == 1


def test_a_hold_that_names_no_end_is_still_said() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury", state="held")
    rows.recipient(advisory, place)
    Relay.objects.filter(pk=place.pk).update(held_until=None)
    assert row_of(advisory, "treasury").why == "held by its contacts"
    Relay.objects.filter(pk=place.pk).update(held_until=timezone.now() + timedelta(hours=1))
    assert row_of(advisory, "treasury").held_until is not None
