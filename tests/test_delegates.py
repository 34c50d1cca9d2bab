"""Delegates: who opens whose mail, named by whom, until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from departments import people
from departments.delegating import LONGEST, current_delegations, end_delegation, last_day, name_delegate
from departments.models import Body, Delegation, Membership, Person, PersonEvent, Role
from departments.noting import Done
from departments.refusal import Refused
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db


def sit(name: str, where: Body, role: str = Role.MEMBER) -> Person:
    """Somebody new in a body."""
    made = person(name)
    Membership.objects.create(person=made, body=where, role=role)
    return made


@pytest.fixture
def department() -> Body:
    return body("department")


@pytest.fixture
def minister(department: Body) -> Person:
    return sit("Minnie Minister", department, Role.HEAD)


@pytest.fixture
def contact(department: Body) -> Person:
    return sit("Connie Contact", department, Role.CONTACT)


SOON = timedelta(days=30)


def name(of: Person, by: Person, address: str = "office@department.example", days: timedelta = SOON) -> Done:
    return name_delegate(of, address, "Private Office", timezone.localdate() + days, by)


def test_somebody_new_opens_the_mail_until_the_end_of_that_day(minister: Person, contact: Person) -> None:
    done = name(minister, contact, "Office@Department.Example")
    one = Delegation.objects.get()
    assert (one.person, one.delegate.email, one.named_by) == (minister, "office@department.example", contact)
    assert last_day(one) == timezone.localdate() + SOON
    assert one.until is not None
    assert one.until > one.since
    assert "may open Minnie Minister's mail" in done.said
    assert list(PersonEvent.objects.order_by("pk").values_list("person__name", "what")) == [
        ("Private Office", "added"),
        ("Minnie Minister", "delegate named"),
    ]


def test_named_twice_there_is_one_and_a_later_day_is_kept(minister: Person, contact: Person) -> None:
    name(minister, contact)
    assert not name(minister, contact).changed
    later = name(minister, contact, days=timedelta(days=60))
    assert later.changed
    one = Delegation.objects.get()
    assert last_day(one) == timezone.localdate() + timedelta(days=60)
    assert PersonEvent.objects.filter(person=minister).count() == 2


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (timedelta(0), "still to come"),
        (timedelta(days=-1), "still to come"),
        (LONGEST + timedelta(days=1), "13 months"),
    ],
)
def test_the_last_day_is_ahead_and_not_too_far(minister: Person, contact: Person, days: timedelta, words: str) -> None:
    with pytest.raises(Refused, match=words):
        name(minister, contact, days=days)
    assert not Delegation.objects.exists()
    assert not Person.objects.filter(email="office@department.example").exists()
    assert name(minister, contact, days=LONGEST).changed


def test_nobody_is_their_own_delegate_and_no_leaver_is_one(minister: Person, contact: Person) -> None:
    with pytest.raises(Refused, match="own address"):
        name(minister, contact, minister.email.upper())
    gone = person("Gone Girl", left_at=timezone.now())
    with pytest.raises(Refused, match="who left the directory"):
        name(minister, contact, gone.email)
    with pytest.raises(Refused, match="nobody opens their mail"):
        name(gone, contact)
    with pytest.raises(Refused, match="not a mail address"):
        name(minister, contact, "the office")


def test_a_delegate_is_known_by_the_address_and_keeps_their_name(minister: Person, contact: Person) -> None:
    desk = person("The Desk")
    name(minister, contact, desk.email)
    desk.refresh_from_db()
    assert desk.name == "The Desk"
    assert Delegation.objects.get().delegate == desk


def test_a_delegation_ends_once_and_may_begin_again(minister: Person, contact: Person) -> None:
    name(minister, contact)
    one = Delegation.objects.get()
    assert end_delegation(one, contact).changed
    assert not end_delegation(one, contact).changed
    assert not current_delegations().exists()
    assert name(minister, contact).changed
    assert Delegation.objects.count() == 2
    assert list(PersonEvent.objects.filter(person=minister).order_by("pk").values_list("what", flat=True)) == [
        "delegate named",
        "delegate ended",
        "delegate named",
    ]


def test_delegations_end_when_either_of_the_two_leaves(minister: Person, contact: Person) -> None:
    adam = person("Adam", is_administrator=True)
    other = sit("Otto Other", body("other"))
    name(minister, contact)
    name(other, adam)
    office = Person.objects.get(email="office@department.example")
    people.leave(office, adam, timezone.localdate())
    assert not current_delegations().exists()
    assert not Delegation.objects.filter(until__gt=timezone.now()).exists()
    name(minister, contact, "second@department.example")
    people.leave(minister, adam, timezone.localdate())
    assert not Delegation.objects.filter(until__gt=timezone.now()).exists()


def test_a_delegate_of_a_delegate_opens_only_the_delegates_own_mail(minister: Person, contact: Person) -> None:
    name(minister, contact)
    office = Person.objects.get(email="office@department.example")
    name(office, contact, "temp@department.example")
    temp = Person.objects.get(email="temp@department.example")
    assert list(current_delegations().filter(delegate=temp).values_list("person", flat=True)) == [office.pk]


def test_the_person_their_contact_and_an_administrator_name_delegates_and_nobody_else(
    department: Body, minister: Person, contact: Person
) -> None:
    tom = sit("Tom Team", department)
    olive = sit("Olive Officer", department, Role.OFFICER)
    beside = sit("Beside", body("beside"), Role.CONTACT)
    auditor = person("Audrey", is_auditor=True)
    adam = person("Adam", is_administrator=True)
    assert [who.has_perm("departments.name_delegate", minister) for who in (minister, contact, adam)] == [True] * 3
    assert [who.has_perm("departments.name_delegate", tom) for who in (minister, contact, adam)] == [True] * 3
    for who in (tom, olive, beside, auditor):
        assert not who.has_perm("departments.name_delegate", minister)
    # Whoever publishes, runs or audits the directory names their own.
    for powerful in (olive, adam, auditor):
        assert not contact.has_perm("departments.name_delegate", powerful)
        assert powerful.has_perm("departments.name_delegate", powerful)
    for who in (olive, beside, auditor):
        client = signed_in(who)
        assert client.get(reverse("people:name-delegate", args=[minister.pk])).status_code == 403
        assert client.post(reverse("people:name-delegate", args=[minister.pk])).status_code == 403


def test_a_delegate_is_named_and_ended_through_the_page(minister: Person, contact: Person) -> None:
    client = signed_in(contact)
    address = reverse("people:name-delegate", args=[minister.pk])
    until = (timezone.localdate() + SOON).isoformat()
    answer = client.post(address, {"email": "office@department.example", "name": "Private Office", "until": until})
    assert answer.status_code == 302
    page = client.get(reverse("people:person", args=[minister.pk])).content.decode()
    assert "Who opens their mail" in page
    assert "named by Connie Contact" in page
    one = Delegation.objects.get()
    end = reverse("people:end-delegation", args=[one.pk])
    assert end in page
    assert client.get(end).status_code == 405
    beside = signed_in(sit("Beside", body("beside"), Role.CONTACT))
    assert beside.post(end).status_code == 403
    assert client.post(end).status_code == 302
    page = client.get(reverse("people:person", args=[minister.pk])).content.decode()
    assert "(over)" in page
    assert end not in page
    office = signed_in(person("Adam", is_administrator=True)).get(reverse("people:person", args=[one.delegate_id]))
    assert "Whose mail they open" in office.content.decode()


@pytest.mark.parametrize("until", ["", "tomorrow", "2026-02-31", "9999-12-31", "0001-01-01", "2020-01-01", "\x00"])
def test_a_day_that_is_none_is_refused_with_what_was_typed(minister: Person, contact: Person, until: str) -> None:
    address = reverse("people:name-delegate", args=[minister.pk])
    said = {"email": "office@department.example", "name": "Private Office", "until": until}
    answer = signed_in(contact).post(address, said)
    assert answer.status_code == 422
    assert "office@department.example" in answer.content.decode()
    assert not Delegation.objects.exists()
