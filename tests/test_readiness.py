"""Readiness: what a body lacks, what that makes of its branch, and that kept figures never drift from the directory."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from departments import readiness
from departments.lacks import CONFIRMED_FOR, Lack
from departments.models import Body, Change, Membership, Person, Role, Standing
from departments.wanting import reasons, states, wanting
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def sit(where: Body, role: str = Role.MEMBER, **fields: Any) -> Membership:
    """Somebody new at a place."""
    return Membership.objects.create(person=person(), body=where, role=role, **fields)


def make_ready(where: Body) -> None:
    """Everything that a body needs."""
    sit(where, Role.CONTACT, verified_at=NOW)
    sit(where, Role.CONTACT, verified_at=NOW)
    sit(where, Role.HEAD)
    sit(where, hours="out")


def standing(of: Body) -> Standing:
    readiness.refresh(NOW)
    return Standing.objects.get(body=of)


def test_a_body_with_everything_is_ready() -> None:
    top = body("top")
    make_ready(top)
    found = standing(top)
    assert (found.state, found.lacks, found.people, found.told) == ("ready", [], 4, 4)
    assert readiness.estate() == readiness.Estate(bodies=1, dark=0, weak=0)


def test_a_body_with_nobody_lacks_just_that() -> None:
    found = standing(body("top"))
    assert (found.state, found.lacks) == ("dark", [Lack.NOBODY])


def test_a_body_where_every_address_refuses_mail_is_dark_and_says_so() -> None:
    top = body("top")
    Person.objects.filter(pk=sit(top).person_id).update(bounced_at=NOW)
    assert standing(top).lacks == [Lack.NOBODY, Lack.REFUSED]


def test_each_thing_that_is_missing_is_named() -> None:
    top = body("top")
    sit(top)
    assert standing(top).lacks == [Lack.NO_CONTACT, Lack.NO_HEAD, Lack.NO_NIGHT]
    first = sit(top, Role.CONTACT, verified_at=NOW)
    assert standing(top).lacks == [Lack.ONE_CONTACT, Lack.NO_HEAD, Lack.NO_NIGHT]
    sit(top, Role.HEAD)
    sit(top, hours="out")
    second = sit(top, Role.CONTACT)
    assert standing(top).lacks == [Lack.UNCONFIRMED]
    Membership.objects.filter(pk=second.pk).update(verified_at=NOW)
    assert standing(top).state == "ready"
    Person.objects.filter(pk=first.person_id).update(bounced_at=NOW)
    assert standing(top).lacks == [Lack.ONE_CONTACT, Lack.REFUSED]


def test_a_confirmation_runs_out_by_itself() -> None:
    top = body("top")
    make_ready(top)
    assert standing(top).state == "ready"
    assert readiness.refresh(NOW + CONFIRMED_FOR - timedelta(seconds=1)) == 0
    assert readiness.refresh(NOW + CONFIRMED_FOR) == 1
    assert Standing.objects.get(body=top).lacks == [Lack.UNCONFIRMED]


def test_a_branch_is_as_ready_as_its_bodies() -> None:
    top = body("top")
    middle = body("middle", top)
    bottom = body("bottom", middle)
    make_ready(top)
    make_ready(bottom)
    sit(middle)
    found = standing(top)
    assert (found.branch_bodies, found.branch_dark, found.branch_weak) == (3, 0, 1)
    Membership.objects.filter(body=middle).update(until=NOW)
    found = standing(top)
    assert (found.branch_bodies, found.branch_dark, found.branch_weak) == (3, 1, 0)


def test_a_body_that_moves_takes_its_figures_along() -> None:
    left, right = body("left"), body("right")
    moving = body("moving", left)
    body("below", moving)
    assert (standing(left).branch_dark, standing(right).branch_dark) == (3, 1)
    Body.objects.filter(pk=moving.pk).update(parent=right)
    assert (standing(left).branch_dark, standing(right).branch_dark) == (1, 3)
    Body.objects.filter(pk=moving.pk).update(parent=None)
    assert (standing(left).branch_dark, standing(right).branch_dark) == (1, 1)
    assert readiness.estate() == readiness.Estate(bodies=4, dark=4, weak=0)


def test_a_closed_body_is_in_no_figure_and_those_below_it_are() -> None:
    top = body("top")
    middle = body("middle", top)
    body("bottom", middle)
    assert standing(top).branch_dark == 3
    Body.objects.filter(pk=middle.pk).update(closed=NOW.date())
    assert (standing(top).branch_bodies, standing(top).branch_dark) == (2, 2)
    assert standing(middle).state == "closed"
    assert standing(middle).lacks == []


def test_a_refresh_with_nothing_new_writes_nothing_and_costs_a_look(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_ready(body("top"))
    readiness.refresh(NOW)
    Change.objects.all().delete()
    with django_assert_num_queries(1):
        assert readiness.refresh(NOW) == 0


def test_the_whole_is_mended_whatever_was_written_into_it() -> None:
    top = body("top")
    bottom = body("bottom", top)
    make_ready(bottom)
    readiness.refresh(NOW)
    Change.objects.all().delete()
    Standing.objects.filter(body=bottom).update(state="dark", lacks=["nobody"])
    Standing.objects.filter(body=top).update(branch_bodies=99)
    assert readiness.refresh(NOW) == 0
    assert readiness.refresh_whole(NOW) == 1
    assert Standing.objects.get(body=bottom).state == "ready"
    assert Standing.objects.get(body=top).branch_bodies == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_happens_kept_figures_are_those_counted_anew(data: st.DataObject) -> None:
    with transaction.atomic():  # each directory by itself: what one leaves behind slows down all that follow
        bodies = [body(f"b-{number}") for number in range(5)]
        for _ in range(data.draw(st.integers(1, 12))):
            one, other = data.draw(st.sampled_from(bodies)), data.draw(st.sampled_from(bodies))
            match data.draw(st.sampled_from(["move", "seat", "unseat", "leave", "close", "open", "refresh"])):
                case "move" if one.pk > other.pk:
                    Body.objects.filter(pk=one.pk).update(parent=other)
                case "seat":
                    sit(one, data.draw(st.sampled_from(Role.values)), verified_at=NOW)
                case "unseat":
                    Membership.objects.filter(body=one).update(until=NOW)
                case "leave":
                    Person.objects.filter(memberships__body=one).update(left_at=NOW)
                case "close":
                    Body.objects.filter(pk=one.pk).update(closed=NOW.date())
                case "open":
                    Body.objects.filter(pk=one.pk).update(closed=None)
                case _:
                    readiness.refresh(NOW)
        readiness.refresh(NOW)
        kept = list(Standing.objects.order_by("body").values())
        Standing.objects.all().delete()
        readiness.refresh_whole(NOW)
        assert list(Standing.objects.order_by("body").values()) == kept
        transaction.set_rollback(True)


def test_the_list_of_what_is_wanting_has_the_dark_first_and_counts_each_reason() -> None:
    weak, dark, ready = body("a-weak"), body("b-dark"), body("c-ready")
    sit(weak, Role.CONTACT, verified_at=NOW)
    make_ready(ready)
    readiness.refresh(NOW)
    assert [one.body for one in wanting()] == [dark, weak]
    assert [one.body for one in wanting(Lack.NO_HEAD)] == [weak]
    assert [one.body for one in wanting(within=[weak.pk, ready.pk])] == [weak]
    assert {reason.lack: reason.bodies for reason in reasons()} == {
        Lack.NOBODY: 1,
        Lack.ONE_CONTACT: 1,
        Lack.NO_HEAD: 1,
        Lack.NO_NIGHT: 1,
    }
    assert states() == (1, 1, 1)
    assert states([ready.pk]) == (0, 0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_commits_late_is_still_seen() -> None:
    top = body("top")
    readiness.refresh(NOW)
    late = connection.copy()
    try:
        with late.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO departments_membership (person_id, body_id, role) VALUES (%s, %s, 'member')",
                [person().pk, top.pk],
            )
        body("meanwhile")
        readiness.refresh(NOW)
        with late.cursor() as cursor:
            cursor.execute("COMMIT")
    finally:
        late.close()
    assert standing(top).told == 1


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("directory:readiness"), query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_says_first_who_can_not_be_warned_then_why_and_what_to_do() -> None:
    top = body("top")
    body("dark", top)
    make_ready(top)
    read = page(signed_in(person(is_administrator=True)))
    assert "No: 1 of 2 bodies has nobody to tell." in read
    assert Lack.NOBODY.remedy in read
    assert ">Dark</a>" in read
    assert ">Top</a>" not in read
    assert "nobody out of hours</span>" not in read


def test_the_page_of_a_directory_without_bodies_says_so() -> None:
    assert "There are no bodies here yet." in page(signed_in(person(is_administrator=True)))


def test_somebody_with_a_duty_sees_their_own_branch_and_an_auditor_everything() -> None:
    mine, theirs = body("mine"), body("theirs")
    contact = sit(mine, Role.CONTACT).person
    read = page(signed_in(contact))
    assert ">Mine</a>" in read
    assert "Theirs" not in read
    assert "These are the bodies of your own branch." in read
    assert "Theirs" in page(signed_in(person(is_auditor=True)))
    assert theirs.standing.state == "dark"


def test_whoever_has_no_duty_sees_nothing_of_it() -> None:
    assert signed_in(sit(body("top")).person).get(reverse("directory:readiness")).status_code == 302
    assert Client().get(reverse("directory:readiness")).status_code == 302
    assert signed_in(person(is_administrator=True)).post(reverse("directory:readiness")).status_code == 405


def test_one_reason_can_be_looked_at_alone_and_an_unknown_one_is_not_found() -> None:
    dark, weak = body("dark"), body("weak")
    sit(weak)
    client = signed_in(person(is_administrator=True))
    read = page(client, lack=Lack.NO_HEAD.value)
    assert f">{weak.name}</a>" in read
    assert f">{dark.name}</a>" not in read
    assert client.get(reverse("directory:readiness"), {"lack": "x" * 5000}).status_code == 404


def test_a_long_list_is_paged_and_costs_no_more_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(person(is_administrator=True))
    body("first")
    page(client)
    with django_assert_max_num_queries(30) as few:
        page(client)
    allowed = len(few.captured_queries)
    top = body("top")
    Body.objects.bulk_create(Body(slug=f"b{n}", name=f"Body {n:03}", kind="team", parent=top) for n in range(150))
    page(client)
    with django_assert_max_num_queries(allowed):
        read = page(client)
    assert "page 1 of 2" in read
    assert "Body 149" in page(client, page="2")
