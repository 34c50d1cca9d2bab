"""The pages behind a number of a coverage page: what stands there, for whom, and that they are pages for everybody."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.coverage import lists
from alerts.models import Acknowledgement, Advisory, Batch, Gap, Message, Recipient, Relay
from alerts.web.answer_words import at
from departments.models import Membership, Person
from tests import rows
from tests.browser import LOOKS, faults_in_every_look, open_page
from tests.clients import signed_in

pytestmark = pytest.mark.django_db

LONG = "Bartholomew Featherstonehaugh-Cholmondeley of the Department for Digital Infrastructure, " * 2


def a_country(**fields: Any) -> Advisory:
    """Parliament above a library (two people, one out of reach, one of them in both) and a service that holds it; all else."""
    advisory = rows.advisory(seen=1, **fields)
    top = rows.relay(advisory, "parliament")
    library = rows.relay(advisory, "library", top)
    service = rows.relay(advisory, "service", top, state="held")
    rows.relay(advisory, "committee", top)
    gone = rows.recipient(advisory, library, top, who=rows.person("Bob Gone", telephone="020 7946 0000"))
    Recipient.objects.filter(pk=gone.pk).update(outcome="unreachable", why="550 <bob@x.example> no such user")
    silent = rows.recipient(advisory, library, who=rows.person("Sue Silent", telephone="020 7946 0001"))
    Recipient.objects.filter(pk=silent.pk).update(told_revision=1, outcome="delivered")
    rows.recipient(advisory, service, who=rows.person("Connie Contact"), role="contact")
    rows.leave_out(advisory, rows.body("devolved", top.body))
    Gap.objects.create(advisory=advisory, kind="outside", body=rows.body("museum", top.body), decision="undecided")
    counting.fold(advisory.pk)
    return advisory


def address(of: Advisory, what: str = "people", /, **said: Any) -> str:
    query = "&".join(
        f"{'in' if name == 'within' else 'is' if name == 'of' else name}={value}" for name, value in said.items()
    )
    return f"{reverse(f'alerts:coverage_{what}', args=[of.reference])}?{query}"


def page(person: Person, of: Advisory, what: str = "people", /, **said: Any) -> str:
    found = signed_in(person).get(address(of, what, **said))
    assert found.status_code == 200
    return " ".join(found.content.decode().split())


@pytest.fixture
def country() -> Advisory:
    return a_country()


@pytest.fixture
def officer(country: Advisory) -> Person:
    Membership.objects.create(person=country.written_by, body=country.issuer, role="officer")
    return country.written_by


@pytest.fixture
def administrator() -> Person:
    return rows.person("Ada Administrator", is_administrator=True)


def contact_of(slug: str, name: str = "Liz Library", role: str = "contact") -> Person:
    made = rows.person(name)
    Membership.objects.create(person=made, body=Relay.objects.get(body__slug=slug).body, role=role)
    return made


def test_the_heading_says_what_the_number_was_and_each_person_why_they_stand_so(
    country: Advisory, officer: Person
) -> None:
    html = page(officer, country, of="unreachable", within="parliament")
    assert "<h1>1 person cannot be reached, in Parliament</h1>" in html
    assert "The figure says 2: whoever sits in two of these bodies is counted in both" in html
    assert "Their address was refused" in html
    # Their server's words, and no address in them.
    assert "550 (the address) no such user" in html
    assert "bob@x.example" not in html
    assert 'href="tel:' in html
    assert "TLP:GREEN" in html
    own = page(officer, country, of="unreachable", within="library", own=1)
    assert "<h1>1 person cannot be reached, in Library itself</h1>" in own
    assert "The figure says" not in own
    everything = page(officer, country, of="silent")
    assert "<h1>1 person was told and has not answered</h1>" in everything
    assert "Sue Silent" in everything
    assert "Bob Gone" not in everything
    assert f"{reverse('alerts:coverage_table', args=[country.reference, 'people', 'csv'])}?is=silent" in everything
    held = page(officer, country, of="held")
    assert "<h1>1 person waits behind a hold</h1>" in held


def test_a_list_that_emptied_meanwhile_and_a_name_that_nobody_has_say_so(country: Advisory, officer: Person) -> None:
    assert "Nobody stands so now" in page(officer, country, of="acknowledged")
    assert "<h1>Answered: nobody</h1>" in page(officer, country, of="acknowledged")
    html = page(officer, country, of="targeted", name="<b>")
    assert "Nobody of this list has “<bdi>&lt;b&gt;</bdi>” in their name" in html
    assert "<h1>3 people are to be told</h1>" in html
    assert "1 person with “<bdi>sue</bdi>” in their name" in page(officer, country, of="targeted", name="sue")
    assert "No body stands so now" in page(officer, country, "bodies", of="covered")
    assert "No body of this list has “<bdi>x</bdi>”" in page(officer, country, "bodies", of="dark", name="x")
    for what, said in (
        ("people", {"of": "nothing"}),
        ("people", {}),
        ("bodies", {"of": "unreachable"}),
        ("people", {"of": "silent", "within": "nowhere"}),
    ):
        assert signed_in(officer).get(address(country, what, **said)).status_code == 404
    for odd in ("0", "-1", "99999", "999999", "x", "%00"):
        assert "Sue Silent" in page(officer, country, of="silent", page=odd)


def test_a_contact_sees_one_by_one_those_whom_they_answer_for_and_an_officer_of_a_branch_none(
    country: Advisory,
) -> None:
    contact = contact_of("library")
    html = page(contact, country, of="unreachable")
    assert "<h1>1 person cannot be reached, in your branches</h1>" in html
    assert "Parliament</a>" not in html
    assert "020 7946 0000" in html
    assert "Told by telephone …" in html
    # A head sees them, and not their numbers.
    head = page(contact_of("library", "Hal Head", "head"), country, of="unreachable")
    assert "Bob Gone" in head
    assert "020 7946 0000" not in head
    assert "Told by telephone …" not in head
    officer = contact_of("library", "Olga Officer", "officer")
    assert signed_in(officer).get(address(country, of="silent")).status_code == 403
    assert signed_in(officer).get(address(country, "bodies", of="dark")).status_code == 200
    # In two bodies, in one of them as an officer only: of that one nobody is listed.
    Membership.objects.create(person=contact, body=Relay.objects.get(body__slug="service").body, role="officer")
    both = page(contact, country, of="targeted")
    assert "Connie" not in both
    assert "Here are those of the bodies that you answer for" in both
    assert signed_in(contact).get(address(country, of="targeted", within="service", own=1)).status_code == 403
    assert signed_in(contact).get(address(country, of="silent", within="parliament")).status_code == 404
    assert Client().get(address(country, of="silent")).status_code == 302


def test_what_may_be_done_is_offered_to_whoever_may_and_to_nobody_else(
    country: Advisory, officer: Person, administrator: Person
) -> None:
    assert "Name a contact" in page(administrator, country, "bodies", of="dark")
    assert "Name a contact" not in page(officer, country, "bodies", of="dark")
    assert "Release now" in page(officer, country, "bodies", of="held")
    assert "Connie Contact" in page(officer, country, "bodies", of="held")
    assert "Release now" not in page(administrator, country, "bodies", of="held")
    left_out = page(officer, country, "bodies", of="excluded")
    assert "“told through their own centre” Signed by Olive Officer" in left_out
    assert "Put it in" in left_out
    assert "Put it in" not in page(administrator, country, "bodies", of="excluded")
    decide = reverse("alerts:reach", args=[country.reference])
    assert decide in page(officer, country, "bodies", of="undecided")
    assert decide not in page(administrator, country, "bodies", of="undecided")
    ticks = page(officer, country, of="silent")
    assert 'name="recipient"' in ticks
    assert 'id="remedies"' in ticks
    auditor = rows.person("Aud Auditor", is_auditor=True)
    for state in ("dark", "held", "excluded"):
        assert "<button" not in page(auditor, country, "bodies", of=state).split("<table")[1]
    assert 'name="recipient"' not in page(auditor, country, of="silent")


def test_the_list_leads_to_what_can_be_done_or_says_who_can(
    country: Advisory, officer: Person, administrator: Person
) -> None:
    below = '<a href="#put-right">What can be done about them</a>'
    assert below in page(administrator, country, of="unreachable")
    assert below in page(administrator, country, "bodies", of="dark")
    assert below in page(officer, country, "bodies", of="held")
    bodies = f"{reverse('alerts:coverage_bodies', args=[country.reference])}?is=held&amp;in=parliament"
    held = page(officer, country, of="held", within="parliament")
    assert f'<a href="{bodies}">Held by 1 body: release it</a>' in held
    assert below not in held
    assert "The contacts and deputies of a body put down" in held
    assert f'<a href="{bodies}">Held by 1 body: see who can release it</a>' in page(
        administrator, country, of="held", within="parliament"
    )
    untold = page(administrator, country, of="untold")
    assert "1 cannot be reached</a>" in untold
    assert "Try those ticked again" in untold
    auditor = rows.person("Aud Auditor", is_auditor=True)
    assert "Administrators correct addresses and have mail tried again." in page(auditor, country, of="unreachable")
    assert "let it go on." in page(administrator, country, "bodies", of="held")
    assert "name somebody." in page(officer, country, "bodies", of="dark")
    assert "put a body in again." in page(administrator, country, "bodies", of="excluded")


def test_the_row_says_when_they_were_told_and_when_reminded_and_what_their_server_said_in_plain_words(
    country: Advisory, officer: Person
) -> None:
    now = timezone.now().replace(hour=12, minute=0, second=0)
    silent = Recipient.objects.get(person__name="Sue Silent")
    for kind, minutes in (("notice", 31), ("reminder", 7)):
        batch = Batch.objects.create(
            advisory=country, kind=kind, size=1, rank=1, not_before=now, revision=country.current
        )
        sent = now - timedelta(minutes=minutes)
        Message.objects.create(
            key=kind,
            advisory=country,
            batch=batch,
            recipient=silent,
            person=silent.person,
            revision=country.current,
            kind=kind,
            state="sent",
            sent_at=sent,
        )
    html = page(officer, country, of="silent")
    assert f"ailed {at(now - timedelta(minutes=31))}" in html
    assert f"Reminded {at(now - timedelta(minutes=7))}" in html
    Recipient.objects.filter(person__name="Bob Gone").update(why="550 5.1.2 <bob@x.example> host unknown")
    assert "There is no such mail domain: <q" in page(officer, country, of="unreachable")
    Recipient.objects.filter(person__name="Bob Gone").update(why="no")
    assert "Their mail server said: <q" in page(officer, country, of="unreachable")


def test_their_own_words_are_for_whoever_may_read_the_text(
    officer: Person, country: Advisory, administrator: Person
) -> None:
    silent = Recipient.objects.get(person__name="Sue Silent")
    assert country.current is not None
    Acknowledgement.objects.create(
        recipient=silent,
        revision=country.current,
        read=Acknowledgement.Read.HELP,
        text="What of Zoom?",
        form_id="0" * 32,
    )
    Recipient.objects.filter(pk=silent.pk).update(needs_help=True)
    assert "What of Zoom?" in page(officer, country, of="targeted")
    assert "Needs help" in page(administrator, country, of="targeted")
    Advisory.objects.update(marking="RED", open_title="Advice")
    assert "What of Zoom?" not in page(administrator, country, of="targeted")
    assert "Do not use Zoom" not in page(administrator, country, of="targeted")


def test_a_page_takes_the_same_number_of_queries_however_many_stand_on_it(country: Advisory, officer: Person) -> None:
    def taken() -> list[int]:
        counts = []
        for what, of in (("people", "targeted"), ("people", "unreachable"), ("bodies", "dark"), ("bodies", "held")):
            with CaptureQueriesContext(connection) as queries:
                page(officer, country, what, of=of)
            counts.append(len(queries))
        return counts

    before = taken()
    library = Relay.objects.get(body__slug="library")
    for number in range(8):
        rows.relay(country, f"dark-{number}", library)
        held = rows.relay(country, f"held-{number}", library, state="held")
        rows.recipient(country, held, library, who=rows.person(f"Contact {number}"), role="contact")
        gone = rows.recipient(country, library, who=rows.person(f"Gone {number}"))
        Recipient.objects.filter(pk=gone.pk).update(outcome="bounced")
    assert taken() == before


def session(who: Person) -> str:
    return signed_in(who).cookies["sessionid"].value


def signs_in(page: Page, server: LiveServer, session: str) -> None:
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])


def seen(page: Page, name: str) -> None:
    """A picture of it, where somebody asks for them."""
    if folder := os.environ.get("LISTS_SEEN"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.django_db(transaction=True)
def test_the_lists_are_for_everybody_on_every_screen_and_by_keyboard(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SIZE", 4)
    country = a_country()
    administrator = rows.person("Ada Administrator", is_administrator=True)
    Membership.objects.create(person=country.written_by, body=country.issuer, role="officer")
    library = Relay.objects.get(body__slug="library")
    for number in range(9):
        rows.recipient(country, library, who=rows.person(f"{LONG} {number}", telephone="+44 20 7946 0958"))
    for number in range(5):
        place = rows.relay(country, f"team-{number}", library, state="held" if number % 2 else "released")
        type(place.body).objects.filter(pk=place.body.pk).update(name=f"{LONG} {number}")
    Recipient.objects.filter(person__name__startswith="Barth").update(outcome="unreachable", why="550 " + "x" * 150)
    officers, administrators = session(country.written_by), session(administrator)
    looked: list[tuple[str, str, dict[str, Any]]] = [
        (administrators, "people", {"of": "unreachable"}),
        (administrators, "bodies", {"of": "dark"}),
        (officers, "bodies", {"of": "held"}),
        (officers, "people", {"of": "targeted", "within": "parliament", "page": 2}),
        (officers, "bodies", {"of": "excluded"}),
        (officers, "bodies", {"of": "undecided"}),
    ]
    with open_page() as page:
        for who, what, said in looked:
            signs_in(page, live_server, who)
            assert not faults_in_every_look(page, live_server.url + address(country, what, **said))
            seen(page, f"{what}-{said['of']}")
        signs_in(page, live_server, administrators)
        page.goto(live_server.url + address(country, "bodies", of="dark", name="committee"))
        page.locator("#email").fill("ann@example")
        page.locator("#person").fill("Ann Contact")
        page.locator("#person").press("Enter")
        page.wait_for_selector("[role=alert]")
        assert page.locator("#person").input_value() == "Ann Contact"
        assert not faults_in_every_look(page, "")
        seen(page, "wrong")
    with open_page(**LOOKS["light and wide"]) as page:
        signs_in(page, live_server, administrators)
        page.goto(live_server.url + address(country, "bodies", of="dark", name="committee"))
        page.locator("#email").fill("ann@example.org")
        page.locator("#person").fill("Ann Contact")
        page.locator("#person").press("Enter")
        page.wait_for_selector("text=Ann Contact is contact of Committee now")
        assert "name=committee" in page.url
        page.goto(live_server.url + address(country, of="unreachable"))
        page.get_by_role("link", name="Next").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**page=2")
        assert page.locator("tbody tr").count() == 4
        page.emulate_media(media="print")
        assert not page.locator("#of-name").is_visible()
        seen(page, "printed")


def test_a_long_list_is_turned_from_either_end(
    country: Advisory, officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SIZE", 2)
    for number in range(7):
        rows.relay(country, f"empty-{number}")
        rows.recipient(country, Relay.objects.get(body__slug="library"), who=rows.person(f"Person {number}"))
    for what, of, last in (("people", "waiting", 4), ("bodies", "dark", 5)):
        middle = page(officer, country, what, of=of, page=2)
        assert f"<span>Page 2 of {last}</span>" in middle
        for said, number in (("First", 1), ("Before", 1), ("Next", 3), ("Last", last)):
            query = f"?is={of}{f'&amp;page={number}' if number > 1 else ''}"
            assert f'<a href="{query}"' in middle
            assert f">{said}</a>" in middle
        final = page(officer, country, what, of=of, page=last)
        assert (">Next</a>" in final, ">Last</a>" in final, ">First</a>" in final) == (False, False, True)
