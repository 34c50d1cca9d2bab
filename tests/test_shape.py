"""The shape of an advisory's tree: the bodies that a picture takes, and what the others come to."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import counting, coverage
from alerts.coverage.glance import look
from alerts.coverage.scope import scope
from alerts.coverage.shape import Parts, Shape, shape
from alerts.models import Advisory, Recipient, Relay
from tests import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def country() -> Advisory:
    """Government, for information, above a treasury (one answered, one refused), an office that holds it, a team behind it.

    And a committee with nobody, a service where all have answered, one that was sent it; and what was left out.
    """
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    office = rows.relay(advisory, "debt-office", treasury, state="held")
    team = rows.relay(advisory, "bonds-team", office, state="planned")
    rows.relay(advisory, "foreign-affairs-committee", top)
    service = rows.relay(advisory, "health-service", top)
    sent = rows.relay(advisory, "home-office", top)
    answered = [rows.recipient(advisory, treasury).pk, rows.recipient(advisory, service).pk]
    refused = rows.recipient(advisory, treasury)
    rows.recipient(advisory, office)
    rows.recipient(advisory, team)
    told, unsure = rows.recipient(advisory, sent), rows.recipient(advisory, sent)
    Recipient.objects.filter(pk__in=answered).update(told_revision=1, answered_revision=1, outcome="delivered")
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    Recipient.objects.filter(pk=told.pk).update(told_revision=1, outcome="delivered")
    Recipient.objects.filter(pk=unsure.pk).update(told_revision=1)
    rows.leave_out(advisory, rows.body("devolved", top.body))
    counting.fold(advisory.pk)
    return advisory


def named(found: Shape) -> list[str]:
    return [node.body for node in found.nodes]


def test_it_says_of_each_body_what_the_table_says(country: Advisory) -> None:
    found = shape(scope(country.pk))
    by_slug = {node.body: node for node in found.nodes}
    table = coverage.read(country)
    assert set(by_slug) == {row.body for row in table.rows}
    for row in table.rows:
        node = by_slug[row.body]
        above = None if node.parent is None else found.nodes[node.parent].body
        assert (node.relay_id, node.name, above, node.depth) == (row.relay_id, row.name, row.parent, row.depth)
        assert (node.state, node.worst, node.people) == (row.state, row.worst, row.own.targeted)
        assert node.branch.total == row.branch.targeted
        assert (node.branch.answered, node.branch.told) == (row.branch.acknowledged, row.branch.silent)
        assert (node.branch.dark, node.dark) == (row.branch.unreachable, row.bodies.dark)
        assert node.hidden == 0
    assert by_slug["government"].branch == Parts(answered=2, told=1, sent=1, held=2, waiting=0, dark=1)
    assert by_slug["government"].bodies == found.bodies == 8
    states = ("dark", "held", "waiting", "sent", "delivered", "covered", "information", "excluded")
    assert found.states == dict.fromkeys(states, 1)


def test_each_body_stands_after_the_one_above_it_and_it_is_one_query(country: Advisory) -> None:
    with CaptureQueriesContext(connection) as queries:
        found = shape(scope(country.pk))
    assert len(queries) == 1
    assert all(node.parent is None or node.parent < place for place, node in enumerate(found.nodes))


def test_somebody_sees_the_shape_of_their_own_branch_and_no_other(country: Advisory) -> None:
    treasury = Relay.objects.get(body__slug="treasury")
    below = Relay.objects.filter(path__contains=[treasury.pk])
    theirs = shape(scope(country.pk, set(below.values_list("body_id", flat=True))))
    looked_at = shape(scope(country.pk, relay=treasury.pk))
    assert named(theirs) == named(looked_at) == ["treasury", "debt-office", "bonds-team"]
    assert [node.depth for node in theirs.nodes] == [0, 1, 2]
    assert theirs.nodes[0].parent is None
    assert theirs.bodies == 3
    assert named(shape(scope(country.pk, relay=treasury.pk, own=True))) == ["treasury"]


def test_before_anybody_was_reached_there_is_no_shape() -> None:
    found = shape(scope(rows.advisory().pk))
    assert (found.nodes, found.bodies, found.hidden) == ([], 0, 0)


def test_where_there_is_no_room_for_all_the_way_to_what_is_dark_is_shown_and_the_others_are_counted() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "top")
    for number in range(4):
        department = rows.relay(advisory, f"department-{number}", top)
        for place in range(5):
            relay = rows.relay(advisory, f"team-{number}-{place}", department)
            rows.recipient(advisory, relay)
        rows.recipient(advisory, department)
    rows.recipient(advisory, top)
    deep = rows.relay(advisory, "panel", Relay.objects.get(body__slug="team-3-4"))
    counting.fold(advisory.pk)
    found = shape(scope(advisory.pk), most=8)
    assert len(found.nodes) == 8
    assert {"top", "department-0", "department-3", "team-3-4", "panel"} <= set(named(found))
    assert found.nodes[named(found).index("panel")].state == "dark"
    assert found.bodies == 26
    assert sum(node.hidden for node in found.nodes) == found.hidden == 18
    whole = found.nodes[0]
    assert (whole.body, whole.bodies, whole.dark, whole.branch.total, whole.worst) == ("top", 26, 1, 25, "dark")
    assert deep.pk in {node.relay_id for node in found.nodes}
    assert len(shape(scope(advisory.pk), most=1).nodes) == 1


def test_the_icicle_says_what_the_tree_says_where_a_scope_has_a_hole() -> None:
    advisory = rows.advisory()
    a = rows.relay(advisory, "a")
    b = rows.relay(advisory, "b", a)
    c = rows.relay(advisory, "c", b)
    rows.recipient(advisory, a)
    rows.recipient(advisory, c)
    part = scope(advisory.pk, {a.body_id, c.body_id})
    tree = {row.body: row.branch.targeted for row in look(part, reports=True).top}
    drawn = {node.body: node.branch.total for node in shape(part).nodes}
    assert drawn["a"] == tree["a"]
