"""A call and the chase: whoever was rung about a body that nobody can be mailed in is not told of it anew; others are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.calling import calling
from alerts.models import Advisory, Escalation, Relay
from departments.models import Body, Membership, Person
from tests.chased import at, minutes, publish, team
from tests.office import Office

pytestmark = pytest.mark.django_db(transaction=True)

BEGAN = at("2026-12-01 10:00")
OVER = BEGAN + timedelta(hours=4, minutes=5)
"""Of a critical one: when the first rung was told."""


@pytest.fixture
def place(office: Office) -> Office:
    """A government with two contacts, and below it a committee in which nobody is written down."""
    office.person("gov", office.government, "contact"), office.person("gus", office.government, "contact")
    Body.objects.create(slug="dark", name="Dark", kind="committee", parent=office.government)
    return office


@pytest.fixture
def advisory(place: Office) -> Advisory:
    return publish(place, BEGAN, severity="critical", actions=[], audience={"branches": ["dark", "department"]})


def rung(advisory: Advisory, slug: str, by: Person, whom: Person, result: str = "told") -> None:
    """A call about a body, half an hour after it was published."""
    now = BEGAN + timedelta(minutes=30)
    relay = Relay.objects.get(advisory=advisory, body__slug=slug)
    taken = calling.take(relay.pk, by, now)
    calling.note_result(taken.call.pk, by, result, "", whom, now)


def told(slug: str) -> list[str]:
    return sorted(Escalation.objects.filter(relay__body__slug=slug).values_list("person__name", flat=True))


def person(name: str) -> Person:
    return Person.objects.get(name=name)


def test_whoever_was_rung_about_a_dark_body_is_not_told_of_it_anew_by_mail(place: Office, advisory: Advisory) -> None:
    rung(advisory, "dark", place.ada, person("Gov"))
    minutes(BEGAN, OVER, every=5)
    assert told("dark") == ["Gus"]


def test_the_ladder_goes_on_past_whoever_was_rung(place: Office, advisory: Advisory) -> None:
    Membership.objects.filter(person=person("Gus")).delete()
    rung(advisory, "dark", place.ada, person("Gov"))
    minutes(BEGAN, OVER, every=5)
    assert told("dark") == []
    minutes(OVER, OVER + timedelta(hours=1, minutes=5), every=5)
    assert told("dark") == ["Ada", "Ben"]


def test_who_was_not_reached_or_was_rung_about_an_earlier_text_is_told(place: Office, advisory: Advisory) -> None:
    rung(advisory, "dark", place.ada, person("Gov"), "no-answer")
    minutes(BEGAN, OVER, every=5)
    assert told("dark") == ["Gov", "Gus"]


def test_of_a_body_whose_people_are_silent_its_contact_is_told_though_they_were_rung(place: Office) -> None:
    team(place, "team", place.government, ("tess", "contact"), ("tim", "member"))
    advisory = publish(place, BEGAN, severity="critical", actions=[], audience={"branches": ["team"]})
    rung(advisory, "team", place.ada, person("Tess"))
    minutes(BEGAN, OVER, every=5)
    assert "Tess" in told("team")
