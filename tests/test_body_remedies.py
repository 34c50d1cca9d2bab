"""What is wrong with the bodies of a list is put right there: for one of them, for some, and for all."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from alerts import counting
from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Exclusion, Message, Recipient, Relay
from alerts.web.coverage import body_remedies
from departments.models import Body, Membership, Person
from tests import rows
from tests.clients import signed_in
from tests.test_cascade import Scene

pytestmark = pytest.mark.django_db(transaction=True)

ANN = {"email": "ann@example.org", "person": "Ann Contact", "telephone": "020 7946 0000"}

TOLD_SOON = "they are counted there within seconds, and mail goes to them within a few minutes"


class Country(Scene):
    """Departments in which nobody sits, and an advisory for all of government that the cascade has reached."""

    def __init__(self) -> None:
        super().__init__()
        self.administrator = rows.person("Ada Administrator", is_administrator=True)
        self.head = self.person("head", (self.root, "contact"))
        self.told = self.advisory(self.root)
        cascade(self.told.pk)

    def dark(self) -> list[str]:
        page = signed_in(self.administrator).get(
            reverse("alerts:coverage_bodies", args=[self.told.reference]), {"is": "dark"}
        )
        return [line.body.body for line in page.context["lines"]]


def press(who: Person, of: Advisory, what: str, **said: Any) -> tuple[int, list[str]]:
    """The answer's status and what it said."""
    state = {"name": "dark", "release": "held", "put_in": "excluded"}[what]
    found = signed_in(who).post(reverse(f"alerts:coverage_{what}", args=[of.reference]), {"is": state, **said})
    return found.status_code, [str(one) for one in get_messages(found.wsgi_request)]


@pytest.fixture
def country() -> Country:
    return Country()


def test_a_contact_is_named_for_one_dark_body_and_the_cascade_reaches_them(country: Country) -> None:
    assert country.dark() == ["agency", "north", "south"]
    status, said = press(country.administrator, country.told, "name", body=country.south.pk, **ANN)
    assert (status, said) == (302, [f"Ann Contact is contact of South now: {TOLD_SOON}."])
    place = Membership.objects.get(person__email="ann@example.org")
    assert (place.body, place.role, place.person.telephone) == (country.south, "contact", "020 7946 0000")
    cascade(country.told.pk)
    assert Message.objects.filter(person=place.person, advisory=country.told).count() == 1
    assert country.dark() == ["agency", "north"]
    # Twice is once, and it is said.
    status, said = press(country.administrator, country.told, "name", body=country.south.pk, **ANN)
    assert status == 422
    assert Membership.objects.count() == 3


def test_one_press_names_somebody_for_all_of_the_list_and_what_was_wrong_with_one_stops_no_other(
    country: Country,
) -> None:
    Body.objects.filter(pk=country.agency.pk).update(closed="2020-04-24", domain="")
    Relay.objects.filter(body=country.agency).update(purpose="target")
    status, said = press(country.administrator, country.told, "name", everybody="1", **ANN)
    assert status == 302
    assert said[0] == f"Ann Contact is contact of North, South now: {TOLD_SOON}."
    cascade(country.told.pk)
    recipient = Recipient.objects.get(person__email="ann@example.org")
    assert recipient.seats.filter(counts=True, ended_at=None).count() == 2
    assert country.dark() == []


def test_naming_is_for_whoever_answers_for_the_body_or_one_above_it(country: Country) -> None:
    north = country.person("north contact", (country.north, "head"))
    cascade(country.told.pk)
    everything = {"everybody": "1", **ANN}
    # An officer sees everything, and runs no directory.
    status, _ = press(country.officer, country.told, "name", **everything)
    assert (status, Membership.objects.filter(person__email=ANN["email"]).exists()) == (422, False)
    _, said = press(north, country.told, "name", **everything)
    assert said == [f"Ann Contact is contact of Agency now: {TOLD_SOON}."]
    status, _ = press(north, country.told, "name", body=country.south.pk, **{**ANN, "email": "eve@example.org"})
    assert status == 422
    assert not Person.objects.filter(email="eve@example.org").exists()
    _, said = press(country.head, country.told, "name", body=country.south.pk, **ANN)
    assert said == [f"Ann Contact is contact of South now: {TOLD_SOON}."]
    stranger = country.person("stranger", (country.issuer, "contact"))
    assert press(stranger, country.told, "name", **everything)[0] == 403


def test_what_cannot_be_taken_is_said_on_the_list_with_all_that_was_typed(country: Country) -> None:
    for typed, says in (
        ({**ANN, "email": "ann at example"}, "correct the address"),
        ({**ANN, "email": "ann at example"}, "There is no @ in &#x27;ann at example&#x27;"),
        ({**ANN, "email": ""}, "Say at which address they have their mail"),
        ({**ANN, "person": " "}, "There is no name"),
        (ANN, "No body was chosen"),
        ({**ANN, "body": "x"}, "No body was chosen"),
        ({**ANN, "body": "9" * 30}, "No body was chosen"),
        ({**ANN, "body": country.issuer.pk}, "None of them stands so any more"),
    ):
        address = reverse("alerts:coverage_name", args=[country.told.reference])
        found = signed_in(country.administrator).post(address, {"is": "dark", **typed})
        page = found.content.decode()
        assert found.status_code == 422
        assert says in page, typed
        assert f'value="{typed["email"]}"' in page
    assert not Person.objects.filter(name="Ann Contact").exists()
    assert press(country.administrator, country.told, "name", **{"is": "held"}, body="1", **ANN)[0] == 404
    assert signed_in(country.administrator).get(address).status_code == 405
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.force_login(country.administrator, "departments.signing_in.DutyBackend")
    assert elsewhere.post(address, {"is": "dark", "body": country.south.pk, **ANN}).status_code == 403
    assert not Person.objects.filter(name="Ann Contact").exists()


def test_whoever_may_name_or_put_in_is_known_without_the_list(country: Country) -> None:
    elsewhere = country.person("stranger", (country.issuer, "contact"))
    everybody = (country.administrator, country.officer, country.head, elsewhere)
    assert [body_remedies.may_name(one, country.told) for one in everybody] == [True, False, True, False]
    assert [body_remedies.may_put_in(one, country.told) for one in everybody] == [False, True, False, False]
    country.told.state = "stood-down"
    assert not body_remedies.may_put_in(country.officer, country.told)


def a_wave() -> tuple[Advisory, list[Relay]]:
    """Three departments that hold a warning, two people below each."""
    advisory = rows.advisory()
    held = [rows.relay(advisory, f"department-{number}", state="held") for number in range(3)]
    for relay in held:
        rows.recipient(advisory, relay, who=rows.person(f"Contact of {relay.body}"), role="contact")
        below = rows.relay(advisory, f"below-{relay.body.slug}", relay, state="planned")
        rows.recipient(advisory, below)
        rows.recipient(advisory, below)
    Recipient.objects.filter(seats__contact=True).update(told_revision=1)
    counting.fold(advisory.pk)
    return advisory, held


def officer_of(advisory: Advisory) -> Person:
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    return advisory.written_by


def test_one_press_releases_all_that_hold_it_and_says_how_many_people_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    advisory, held = a_wave()
    officer = officer_of(advisory)
    _, said = press(officer, advisory, "release", one=held[2].body_id)
    assert said == ["Released Department 2: 2 people in and below it are told now."]
    monkeypatch.setattr(body_remedies, "AT_ONCE", 1)
    _, said = press(officer, advisory, "release", everybody="1")
    assert said == [
        "Released Department 0: 2 people in and below it are told now.",
        "1 body is left: at most 1 are taken at once. Press again for them.",
    ]
    monkeypatch.setattr(body_remedies, "AT_ONCE", 200)
    _, said = press(officer, advisory, "release", body=[held[0].body_id, held[1].body_id])
    assert said == [
        "Released Department 1: 2 people in and below it are told now.",
        "1 body that you ticked did not stand so any more.",
    ]
    assert list(Relay.objects.filter(parent=None).values_list("state", "released_by")) == [("released", officer.pk)] * 3
    _, said = press(officer, advisory, "release", everybody="1")
    assert said == [body_remedies.GONE]


def test_a_contact_releases_what_they_hold_and_is_told_what_is_not_theirs() -> None:
    advisory, held = a_wave()
    contact = Person.objects.get(name__startswith="Contact of", memberships__body=held[0].body)
    Membership.objects.create(person=contact, body=held[1].body, role="head")
    _, said = press(contact, advisory, "release", everybody="1", **{"from": "coverage"})
    assert said == [
        "Released Department 0: 2 people in and below it are told now.",
        "Department 1: letting it go on there is not yours, and nothing changed there.",
    ]
    _, said = press(contact, advisory, "release", one=held[1].body_id)
    assert said == ["Department 1: letting it go on there is not yours. Nothing was changed."]
    # What they don't see is on no list of theirs.
    _, said = press(contact, advisory, "release", one=held[2].body_id)
    assert said == [body_remedies.GONE]
    Advisory.objects.update(state="stood-down")
    _, said = press(officer_of(advisory), advisory, "release", everybody="1")
    assert said == [f"{advisory.reference} is stood down: it asks nothing of anybody, and nothing of it goes on."]
    assert Relay.objects.filter(state="held").count() == 2


def test_what_was_left_out_is_put_in_again_by_an_officer_and_by_nobody_else(country: Country) -> None:
    country.told = country.advisory(country.root)
    for body in (country.north, country.south):
        rows.leave_out(country.told, body)
    cascade(country.told.pk)
    _, said = press(country.administrator, country.told, "put_in", everybody="1")
    assert "is not an officer of" in said[0]
    _, said = press(country.officer, country.told, "put_in", one=country.south.pk)
    assert said == ["Put in South: it and all below it are reached within a few minutes."]
    _, said = press(country.officer, country.told, "put_in", everybody="1")
    assert said == ["Put in North: it and all below it are reached within a few minutes."]
    assert not Exclusion.objects.filter(lapsed_at=None).exists()
    cascade(country.told.pk)
    assert set(country.told.relays.values_list("body__slug", flat=True)) >= {"north", "south", "agency"}
    rows.leave_out(country.told, country.north)
    country.told.relays.filter(body=country.north).update(purpose="left")
    Advisory.objects.update(marking="RED", open_title="Advice")
    _, said = press(country.officer, country.told, "put_in", everybody="1")
    assert said == ["TLP:RED is for named people: add them one by one, by their addresses."]
