"""Who needs help, on the first page of their contact: the first to ask must see that somebody asks."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from alerts.coverage.helping import ASKED, who_needs_help
from alerts.models import Acknowledgement, Advisory, Recipient, Relay
from departments.models import Membership, Person
from tests import rows
from tests.clients import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def advisory() -> Advisory:
    return rows.advisory()


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


def duty(role: str, relay: Relay) -> Person:
    who = rows.person(f"{role} of {relay.body.slug}")
    Membership.objects.create(person=who, body=relay.body, role=role)
    return who


def asks(relay: Relay, who: Person | None = None) -> Recipient:
    """Somebody there who answered that they need help."""
    made = rows.recipient(relay.advisory, relay, who=who)
    Recipient.objects.filter(pk=made.pk).update(told_revision=1, answered_revision=1, needs_help=True)
    says(made, "help")
    return made


def says(recipient: Recipient, read: str, **fields: Any) -> None:
    of = recipient.advisory.current
    assert of is not None
    Acknowledgement.objects.create(recipient=recipient, revision=of, read=read, form_id=uuid4(), **fields)


def home(viewer: Person) -> str:
    return " ".join(signed_in(viewer).get("/").content.decode().split())


def test_the_contact_and_the_deputy_see_how_many_need_help_and_one_press_shows_who(
    advisory: Advisory, treasury: Relay
) -> None:
    agency = rows.relay(advisory, "agency", treasury)
    for _ in range(2):
        asks(treasury)
    asks(agency)
    people = f"/advisories/{advisory.reference}/people/{treasury.pk}/?state=help"
    for role in ("contact", "deputy"):
        viewer = duty(role, treasury)
        html = home(viewer)
        assert "2 people need help." in html
        assert f'<a href="{people}">2 in Treasury</a>' in html
        assert "2 need help" in signed_in(viewer).get(people).content.decode()
    for viewer in (duty("head", treasury), rows.person(is_auditor=True), rows.person(is_administrator=True)):
        assert "need help" not in home(viewer)


def test_somebody_in_two_of_their_bodies_is_one_person(advisory: Advisory, treasury: Relay) -> None:
    agency = rows.relay(advisory, "agency", treasury)
    twice = asks(treasury)
    twice.seats.create(relay=agency, counts=True, contact=False)
    contact = duty("contact", treasury)
    Membership.objects.create(person=contact, body=agency.body, role="contact")
    html = home(contact)
    assert "1 person needs help." in html
    assert "1 in Treasury" in html
    assert "1 in Agency" in html


def test_whoever_said_something_else_since_or_sits_there_no_more_is_not_among_them(
    advisory: Advisory, treasury: Relay
) -> None:
    answered, doubting, gone = asks(treasury), asks(treasury), asks(treasury)
    contact = duty("contact", treasury)
    says(answered, "yes", suspect=["scanner"])
    assert "3 people need help." in home(contact)
    says(answered, "yes")
    Recipient.objects.filter(pk=answered.pk).update(needs_help=False)
    says(doubting, "phishing")
    gone.seats.update(ended_at=advisory.published_at)
    assert "needs help" not in home(contact)


@pytest.mark.parametrize(("state", "stands"), [("live", True), ("expired", True), ("stood-down", False)])
def test_of_what_is_over_nobody_is_rung(advisory: Advisory, treasury: Relay, state: str, stands: bool) -> None:
    asks(treasury)
    Advisory.objects.filter(pk=advisory.pk).update(state=state)
    assert ("1 person needs help." in home(duty("contact", treasury))) is stands


def test_at_red_there_is_no_word_of_the_text(advisory: Advisory, treasury: Relay) -> None:
    asks(treasury)
    Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice on meetings")
    html = home(duty("contact", treasury))
    assert "Advice on meetings" in html
    assert "Zoom" not in html


def test_many_cost_no_more_queries_than_one_and_are_found_by_their_index(
    advisory: Advisory, treasury: Relay, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    contact = duty("contact", treasury)
    asks(treasury)
    client = signed_in(contact)
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for number in range(7):
        place = rows.relay(advisory, f"place-{number}", treasury)
        Membership.objects.create(person=contact, body=place.body, role="contact")
        for _ in range(3):
            asks(place)
    with django_assert_num_queries(len(few)):
        html = client.get("/").content.decode()
    assert "22 people need help." in html
    assert "and in 3 more" in html
    assert len(who_needs_help([treasury.body_id])) == 1
    assert who_needs_help([]) == []
    others = rows.recipient(advisory, treasury)
    revision = advisory.current
    assert revision is not None
    Acknowledgement.objects.bulk_create(
        Acknowledgement(recipient=others, revision=revision, read="yes", form_id=uuid4()) for _ in range(500)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_acknowledgement")
        cursor.execute("SET LOCAL enable_seqscan = off")  # what can be looked up, in tables as small as these
        cursor.execute(f"EXPLAIN {ASKED}", {"bodies": [treasury.body_id]})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "acknowledgement_asking" in plan, plan
    assert "Seq Scan on alerts_acknowledgement" not in plan, plan
