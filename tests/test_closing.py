"""Closing and merging bodies: nothing they were there for is lost, and what is lost is said."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from departments import closing
from departments.models import (
    Body,
    BodyAlias,
    BodyEvent,
    HoldRequest,
    Membership,
    Person,
    PersonEvent,
    Remit,
    Role,
    Sponsor,
    Topic,
)
from departments.refusal import Refused
from tests.rows import body, person

pytestmark = pytest.mark.django_db

WHY = "The Order came into force."


def today() -> date:
    return timezone.localdate()


def close(what: Body, successor: Body | None = None, by: Person | None = None) -> closing.Closed:
    done = closing.close(what, by=by, on=today(), why=WHY, successor=successor)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return done


@pytest.fixture
def tree() -> tuple[Body, Body, Body, Body]:
    """A department with two agencies, one of which has a team."""
    top = body("top")
    old = body("old", top)
    return top, old, body("new", top), body("team", old)


def parent_of(what: Body) -> Body | None:
    return Body.objects.get(pk=what.pk).parent


def test_a_merged_body_hands_on_all_it_was_there_for(tree: tuple[Body, Body, Body, Body]) -> None:
    _, old, new, team = tree
    sponsor, ward = body("sponsor"), body("ward")
    topic = Topic.objects.create(slug="china")
    Remit.objects.create(body=old, topic=topic)
    BodyAlias.objects.create(body=old, text="OLDIE")
    Sponsor.objects.create(body=old, sponsor=sponsor)
    Sponsor.objects.create(body=ward, sponsor=old)
    Body.objects.filter(pk=old.pk).update(may_issue=True)
    first, second = person("First"), person("Second")
    Membership.objects.create(person=first, body=new, role=Role.CONTACT, order=3)
    Membership.objects.create(person=second, body=old, role=Role.CONTACT, verified_at=timezone.now())
    by = person("Adam Administrator")

    done = close(old, new, by)

    assert done == closing.Closed(children=1, places=1, handed_on=1, topics=1, nowhere=[], issuing=True)
    closed = Body.objects.get(pk=old.pk)
    assert (closed.closed, closed.successor) == (today(), new)
    assert parent_of(team) == new
    assert set(new.aliases.values_list("text", flat=True)) == {"Old", "OLDIE"}
    assert [remit.topic for remit in new.remit.all()] == [topic]
    assert set(Sponsor.objects.values_list("body__slug", "sponsor__slug")) == {("new", "sponsor"), ("ward", "new")}
    assert Body.objects.get(pk=new.pk).may_issue
    seated = Membership.objects.get(person=second, until=None)
    assert (seated.body, seated.role, seated.order, seated.verified_at) == (new, "contact", 4, None)
    told = {(event.body.slug, event.what): event for event in BodyEvent.objects.filter(by=by).select_related("body")}
    assert set(told) == {("old", "merged"), ("new", "took over"), ("new", "may issue"), ("team", "moved")}
    assert told["old", "merged"].after == {
        "on": today().isoformat(),
        "why": WHY,
        "successor": "new",
        "children": 1,
        "places": 1,
    }
    assert told["team", "moved"].before == {"parent": "old"}


def test_a_body_closed_without_a_successor_says_who_is_told_nothing_any_more(
    tree: tuple[Body, Body, Body, Body],
) -> None:
    top, old, new, team = tree
    alone, elsewhere = person("Alone"), person("Elsewhere")
    Membership.objects.create(person=alone, body=old)
    Membership.objects.create(person=elsewhere, body=old)
    Membership.objects.create(person=elsewhere, body=new)
    done = close(old)
    assert done.nowhere == ["Alone"]
    assert done.places == 2
    assert parent_of(team) == top
    assert not Membership.objects.filter(body=old, until=None).exists()


def test_a_successor_that_stands_below_takes_the_place(tree: tuple[Body, Body, Body, Body]) -> None:
    top, old, _, team = tree
    other = body("other", old)
    close(old, team)
    assert parent_of(team) == top
    assert parent_of(other) == team


def test_somebody_who_sits_in_both_sits_once_in_the_successor(tree: tuple[Body, Body, Body, Body]) -> None:
    _, old, new, _ = tree
    both = person()
    for where in (old, new):
        Membership.objects.create(person=both, body=where, role=Role.HEAD)
    assert close(old, new).handed_on == 0
    assert Membership.objects.filter(person=both, until=None).count() == 1


def test_a_successor_that_was_sponsored_by_the_closed_body_is_not_its_own_sponsor(
    tree: tuple[Body, Body, Body, Body],
) -> None:
    _, old, new, _ = tree
    Sponsor.objects.create(body=new, sponsor=old)
    close(old, new)
    assert not Sponsor.objects.exists()


@pytest.mark.parametrize("successor", ["none", "beside", "below"])
def test_no_body_is_sponsored_by_the_body_it_comes_to_hang_under(
    tree: tuple[Body, Body, Body, Body], successor: str
) -> None:
    top, old, new, team = tree
    heir, above = {"none": (None, top), "beside": (new, new), "below": (team, top)}[successor]
    other = body("other")
    Sponsor.objects.create(body=team, sponsor=above)
    Sponsor.objects.create(body=team, sponsor=other)
    close(old, heir)
    assert parent_of(team) == above
    assert [edge.sponsor for edge in team.sponsors.all()] == [other]


def test_a_merger_stands_in_the_history_of_each_person(tree: tuple[Body, Body, Body, Body]) -> None:
    _, old, new, _ = tree
    who, both, by = person("One"), person("Both"), person("Adam Administrator")
    Membership.objects.create(person=who, body=old, role=Role.CONTACT, order=2)
    for where in (old, new):
        Membership.objects.create(person=both, body=where)
    close(old, new, by)
    steps = PersonEvent.objects.filter(person=who).order_by("pk")
    assert [(step.what, step.body, step.by) for step in steps] == [("unseated", old, by), ("seated", new, by)]
    assert steps[0].before == {"role": "contact", "order": 2, "hours": "in"}
    assert steps[0].after == {"why": "Old was closed"}
    assert list(PersonEvent.objects.filter(person=both).values_list("what", flat=True)) == ["unseated"]


def test_contacts_who_come_stand_behind_those_who_are_there_in_their_own_order(
    tree: tuple[Body, Body, Body, Body],
) -> None:
    _, old, new, _ = tree
    for order in range(3):
        for where in (old, new):
            who = person(f"{where.slug} {order}")
            Membership.objects.create(person=who, body=where, role=Role.CONTACT, order=order)
    close(old, new)
    places = Membership.objects.filter(body=new, until=None).order_by("order").select_related("person")
    assert [place.person.name.lower() for place in places] == ["new 0", "new 1", "new 2", "old 0", "old 1", "old 2"]


def test_a_request_to_hold_ends_with_its_body(tree: tuple[Body, Body, Body, Body]) -> None:
    HoldRequest.objects.create(body=tree[1], hours=2, reason="x", asked_by=person())
    close(tree[1])
    assert not HoldRequest.objects.exists()


def test_what_is_refused_says_why_and_changes_nothing(tree: tuple[Body, Body, Body, Body]) -> None:
    _, old, new, _ = tree
    shut = body("shut")
    Body.objects.filter(pk=shut.pk).update(closed=today())
    Body.objects.filter(pk=old.pk).update(opened=today() - timedelta(days=10))
    for arguments, said in [
        ({"on": today() + timedelta(days=1)}, "when its day has come"),
        ({"on": today() - timedelta(days=11)}, "was opened on"),
        ({"successor": old}, "its own successor"),
        ({"successor": shut}, "is closed itself"),
        ({"why": "  "}, "Say why"),
        ({"why": "x" * 501}, "Shorten it"),
        ({"why": "a\0b"}, "Shorten it"),
    ]:
        with pytest.raises(Refused, match=said):
            closing.close(old, **{"by": None, "on": today(), "why": WHY, "successor": new, **arguments})  # type: ignore[arg-type, dict-item]
    close(old, new)
    with pytest.raises(Refused, match="already"):
        close(old, new)
    assert BodyEvent.objects.filter(body=old).count() == 1


def test_a_preview_says_what_would_happen_and_leaves_all_as_it_was(tree: tuple[Body, Body, Body, Body]) -> None:
    _, old, new, team = tree
    Membership.objects.create(person=person("Alone"), body=old)
    seen = closing.preview(old, on=today(), why=WHY, successor=None)
    assert (seen.children, seen.nowhere) == (1, ["Alone"])
    assert parent_of(team) == old
    assert not BodyEvent.objects.exists()
    assert closing.preview(old, on=today(), why=WHY, successor=new).nowhere == []


def test_of_many_bodies_closed_at_once_the_children_find_an_open_ancestor() -> None:
    top = body("top")
    middle = body("middle", top)
    lower = body("lower", middle)
    bottom = body("bottom", lower)
    assert closing.close_all([middle.pk, lower.pk], None, today(), "missing from the file") == 2
    assert parent_of(bottom) == top
    assert closing.close_all([middle.pk, lower.pk, top.pk], None, today(), "again") == 1
    assert parent_of(bottom) is None
    assert BodyEvent.objects.filter(what="closed").count() == 3


def test_a_body_closed_by_mistake_is_opened_again_and_says_so(tree: tuple[Body, Body, Body, Body]) -> None:
    top, old, new, _ = tree
    by = person()
    close(old, new)
    closing.reopen(old, by=by, why="The wrong one.")
    again = Body.objects.get(pk=old.pk)
    assert (again.closed, again.successor, again.parent) == (None, None, top)
    assert BodyEvent.objects.get(what="reopened").before == {"closed": today().isoformat(), "successor": "new"}
    with pytest.raises(Refused, match="is open"):
        closing.reopen(old, by=by, why="Once more.")
    Body.objects.filter(pk__in=[top.pk, old.pk]).update(closed=today())
    with pytest.raises(Refused, match="Open that first"):
        closing.reopen(old, by=by, why="The wrong one.")
