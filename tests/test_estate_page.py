"""The whole estate on one screen, and the tables of coverage as files: who may see what, and what needs attention first."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from alerts import counting
from alerts.models import Advisory, Recipient, Relay
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.django_db


def page(person: Person, query: str = "") -> str:
    found = signed_in(person).get(reverse("estate") + query)
    assert found.status_code == 200
    return found.content.decode()


def poll_of(html: str) -> str:
    return "?" + html.split('hx-get="/coverage/live/?')[1].split('"')[0].replace("&amp;", "&")


def place(of: Advisory, body: Body, **fields: object) -> Relay:
    made = Relay.objects.create(
        advisory=of, body=body, **{"purpose": "target", "state": "released", "stale": False, **fields}
    )
    Relay.objects.filter(pk=made.pk).update(path=[made.pk])
    return made


def told(of: Advisory, body: Body, number: int = 1, **fields: object) -> list[Recipient]:
    """People in this body to whom it was sent."""
    relay = place(of, body)
    made = [rows.recipient(of, relay) for _ in range(number)]
    Recipient.objects.filter(pk__in=[one.pk for one in made]).update(told_revision=1, **fields)
    return made


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


@pytest.fixture
def bodies() -> dict[str, Body]:
    return {slug: rows.body(slug) for slug in ("treasury", "committee")}


@pytest.fixture
def estate(bodies: dict[str, Body]) -> dict[str, Advisory]:
    """One that all have answered, one overdue, one with people not told, two with a dark body, one expired, one drill."""
    now = timezone.now()
    made = {
        name: rows.advisory(f"ADV-2026-{number:04d}")
        for number, name in enumerate(("done", "late", "refused", "dark", "darker", "old"), start=1)
    }
    made["drill"] = rows.advisory("EX-2026-0001", exercise=True)
    for name in ("done", "late", "dark", "old", "drill"):
        told(made[name], bodies["treasury"], answered_revision=1 if name in ("done", "dark") else 0)
    refused, _ = told(made["refused"], bodies["treasury"], 2)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    for name in ("dark", "darker", "drill"):
        place(made[name], bodies["committee"])
    until = now + timedelta(minutes=41, seconds=30)
    rows.recipient(made["darker"], place(made["darker"], bodies["treasury"], state="held", held_until=until))
    Advisory.objects.filter(pk=made["late"].pk).update(acknowledge_by=now - timedelta(hours=2, seconds=5))
    Advisory.objects.filter(pk=made["old"].pk).update(state="expired", review_by=now - timedelta(days=40))
    Advisory.objects.filter(pk=made["dark"].pk).update(
        stopped_at=now, marking="AMBER", open_title="Advice on meetings", severity="critical"
    )
    return made


def test_the_worst_is_first_with_its_verdict_and_its_clock(estate: dict[str, Advisory], auditor: Person) -> None:
    html = page(auditor)
    table = html.split('<table class="estate">')[1]
    places = [table.index(estate[name].reference) for name in ("dark", "darker", "refused", "late", "done")]
    assert places == sorted(places)
    assert html.index(">Live,") < html.index(">Expired<") < html.index(">Drills,") < html.index("EX-2026-0001")
    assert (
        "<em>2 of 5 live advisories have bodies with nobody to tell</em>; in 2 of the 5 people have not been told."
        in html
    )
    for said in (
        "answers were due <time", "2 h ago</time>; 1 has not answered", "stopped <time", ": nothing unsent leaves",
        "1 body holds it; it goes on <time", "in 41 min</time>", "expired: to be looked at again <time", "5 weeks ago</time>",
        "answer by ", "<span>EXERCISE</span>", "Figures as at",
    ):  # fmt: skip
        assert said in html, said


def test_a_body_dark_in_more_than_one_is_named_with_its_remedy(estate: dict[str, Advisory]) -> None:
    html = page(rows.person("Ada Min", is_administrator=True))
    dark = html.split("Nobody to tell in more than one")[1].split("</table>")[0]
    assert "Committee" in dark
    assert '<b class="dark">2</b>' in dark
    assert estate["dark"].reference in dark
    assert estate["drill"].reference not in dark
    assert "Name somebody" in dark
    assert "Treasury" not in dark
    assert "Administrators, and" not in dark


def test_whoever_may_name_nobody_there_is_told_who_can(estate: dict[str, Advisory], auditor: Person) -> None:
    officer = rows.person("Olga Officer")
    for name in ("dark", "darker"):
        Membership.objects.create(person=officer, body=estate[name].issuer, role="officer")
    who = "Administrators, and the contacts, deputies and heads of a body above, name somebody."
    for reader in (auditor, officer):
        html = page(reader)
        assert "Nobody to tell in more than one" in html
        assert "Name somebody" not in html
        assert who in html
    # Who answers for a body above has the button, as on the advisory's own list.
    above = rows.body("above")
    Body.objects.filter(slug="committee").update(parent=above)
    Membership.objects.create(person=officer, body=above, role="head")
    html = page(officer)
    assert "Name somebody" in html
    assert who not in html


def test_nothing_live_says_so(auditor: Person) -> None:
    html = page(auditor)
    assert "Nothing is live." in html
    assert "When an advisory is published, it stands here" in html
    stood = rows.advisory()
    Advisory.objects.filter(pk=stood.pk).update(state="stood-down")
    assert stood.reference not in page(auditor)


def test_officers_see_those_of_their_bodies_and_others_are_refused(
    estate: dict[str, Advisory], bodies: dict[str, Body]
) -> None:
    officer, contact = rows.person("Olga Officer"), rows.person("Connie Contact")
    Membership.objects.create(person=officer, body=estate["late"].issuer, role="officer")
    Membership.objects.create(person=contact, body=bodies["treasury"], role="contact")
    html = page(officer)
    assert estate["late"].reference in html
    assert estate["dark"].reference not in html
    assert "You see the advisories of the bodies whose officer you are." in html
    assert '<a href="/coverage/" aria-current="page">Coverage</a>' in html
    for name, where in (("estate", []), ("estate_live", []), ("estate_table", ["csv"])):
        url = reverse(name, args=where)
        assert signed_in(contact).get(url).status_code == 403
        assert signed_in(officer).post(url).status_code == 405
        assert Client().get(url)["Location"].startswith(reverse("account_login"))
    assert '<a href="/coverage/"' not in signed_in(contact).get("/").content.decode()


def test_a_title_is_shown_to_those_who_may_read_it_and_an_odd_one_is_harmless(
    estate: dict[str, Advisory], auditor: Person
) -> None:
    Advisory.objects.filter(pk=estate["dark"].pk).update(marking="RED")
    administrator = rows.person("Adam Administrator", is_administrator=True)
    line = page(administrator).split(estate["dark"].reference)[-1].split("</th>")[0]
    assert "Advice on meetings" in line
    assert "Zoom" not in line
    rows.revise(estate["done"], title='<script>alert("1")</script>' + "very long " * 60)
    html = page(auditor)
    assert "<script>alert" not in html
    assert "very long very long" in html


def test_nothing_new_is_204_and_a_figure_or_a_minute_is_news(estate: dict[str, Advisory], auditor: Person) -> None:
    client, query = signed_in(auditor), poll_of(page(auditor))
    assert client.get("/coverage/live/" + query).status_code in (200, 204)  # the minute may have gone by
    query = poll_of(page(auditor))
    counting.fold(estate["late"].pk)
    assert client.get("/coverage/live/" + query).status_code == 204
    Recipient.objects.filter(advisory=estate["late"]).update(answered_revision=1)
    news = client.get("/coverage/live/" + query)
    assert news.status_code == 200
    assert "; 1 has not answered" not in news.content.decode()


def test_many_are_paged_and_cost_no_more_queries_than_few(auditor: Person, bodies: dict[str, Body]) -> None:
    def asked() -> int:
        client = signed_in(auditor)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("estate")).status_code == 200
        return len(queries)

    for number in range(2):
        place(rows.advisory(f"ADV-2025-{number:04d}"), bodies["committee"])
    few = asked()
    for number in range(53):
        place(rows.advisory(f"ADV-2026-{number:04d}"), bodies["committee"])
    assert asked() == few <= 12
    first, last = page(auditor), page(auditor, "?page=2")
    assert first.count('<ul class="clock">') == 50
    assert last.count('<ul class="clock">') == 5
    assert "Page 1 of 2" in first
    assert "page=2" in poll_of(last)
    assert page(auditor, "?page=99").count('<ul class="clock">') == 5
    assert page(auditor, "?page=x%00").count('<ul class="clock">') == 50
    assert "55" in first.split("Nobody to tell in more than one")[1].split("</tr>")[1]
    assert "and 50 more" in first


# --- out of the house ---


def csv_of(client: Client, url: str) -> tuple[list[dict[str, str]], str]:
    """The rows, and what the file is called."""
    found = client.get(url)
    assert found.status_code == 200, url
    assert found["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in found["Cache-Control"]
    text = b"".join(found.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline=""))), found["Content-Disposition"]


def json_of(client: Client, url: str) -> dict[str, Any]:
    return dict(json.loads(b"".join(client.get(url).streaming_content)))  # type: ignore[attr-defined]


@pytest.fixture
def country() -> Advisory:
    """A treasury (one answered, one refused), a held office below it with one person; a dark committee; one left out."""
    advisory = rows.advisory("ADV-2020-0017")
    Advisory.objects.filter(pk=advisory.pk).update(marking="AMBER+STRICT", open_title="Advice")
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    office = rows.relay(advisory, "debt-office", treasury, state="held")
    rows.relay(advisory, "committee", top)
    answered, refused, held = (
        rows.recipient(advisory, treasury),
        rows.recipient(advisory, treasury),
        rows.recipient(advisory, office),
    )
    Recipient.objects.filter(pk=answered.pk).update(told_revision=1, answered_revision=1)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    Person.objects.filter(pk=held.person_id).update(name="=cmd|' /C calc'!A0")
    rows.leave_out(advisory, rows.body("devolved", top.body), "told through\ntheir own centre")
    return advisory


def url_of(of: Advisory, name: str, kind: str = "csv") -> str:
    return reverse("alerts:coverage_table", args=[of.reference, name, kind])


def test_the_tree_goes_out_with_each_branch_and_what_was_signed(country: Advisory, auditor: Person) -> None:
    client = signed_in(auditor)
    found, called = csv_of(client, url_of(country, "tree"))
    assert called == 'attachment; filename="ADV-2020-0017-tree-TLP-AMBER-STRICT.csv"'
    by = {row["body"]: row for row in found}
    assert [row["depth"] for row in found] == ["0", "1", "2", "1", "1"]
    assert (by["government"]["branch_people"], by["government"]["bodies_with_nobody_to_tell"]) == ("3", "1")
    assert (by["treasury"]["own_people"], by["treasury"]["own_cannot_be_reached"]) == ("2", "1")
    assert (by["treasury"]["branch_held"], by["debt-office"]["state"], by["debt-office"]["parent"]) == (
        "1",
        "held",
        "treasury",
    )
    assert (by["committee"]["state"], by["committee"]["why"]) == ("dark", "nobody to tell")
    assert by["devolved"]["left_out_because"] == "told through\ntheir own centre"
    assert by["devolved"]["signed_by"] == "Olive Officer"
    said = json_of(client, url_of(country, "tree", "json") + "?in=treasury")
    assert (said["reference"], said["marking"], said["scope"], said["table"]) == (
        "ADV-2020-0017",
        "AMBER+STRICT",
        "treasury",
        "tree",
    )
    assert [row["body"] for row in said["rows"]] == ["treasury", "debt-office"]
    assert said["rows"][0]["depth"] == 0
    assert said["rows"][0]["parent"] == ""


def test_the_other_tables_go_out_as_their_pages_have_them(country: Advisory, auditor: Person) -> None:
    client = signed_in(auditor)
    funnel, _ = csv_of(client, url_of(country, "funnel"))
    assert funnel[0] == {"step": "It is for", "people": "3", "bodies": "3", "note": ""}
    dark, _ = csv_of(client, url_of(country, "bodies") + "?is=dark")
    assert [row["body"] for row in dark] == ["committee"]
    out, _ = csv_of(client, url_of(country, "bodies") + "?is=excluded")
    assert [row["body"] for row in out] == ["devolved"]
    assert csv_of(client, url_of(country, "bodies") + "?is=undecided")[0] == []
    over, _ = csv_of(client, url_of(country, "answers"))
    assert (over[0]["body"], over[0]["people"], over[-1]["branch"]) == ("", "3", "Treasury")
    held, called = csv_of(client, url_of(country, "people") + "?is=held&in=debt-office")
    assert "ADV-2020-0017-debt-office-people-TLP-AMBER-STRICT.csv" in called
    assert [row["name"] for row in held] == ["'=cmd|' /C calc'!A0"]
    for wrong in (url_of(country, "nonsense"), url_of(country, "tree", "xls"), url_of(country, "people") + "?is=nonsense",
                  url_of(country, "bodies") + "?is=nonsense", url_of(country, "tree") + "?in=nowhere"):  # fmt: skip
        assert client.get(wrong).status_code == 404, wrong
    assert client.post(url_of(country, "tree")).status_code == 405


def test_addresses_go_only_to_administrators_and_whoever_answers_for_the_body(
    country: Advisory, auditor: Person
) -> None:
    administrator = rows.person("Adam Administrator", is_administrator=True)
    contact, officer = rows.person("Connie Contact"), rows.person("Olga Officer")
    Membership.objects.create(person=contact, body=Body.objects.get(slug="treasury"), role="contact")
    Membership.objects.create(person=officer, body=Body.objects.get(slug="treasury"), role="officer")
    url = url_of(country, "people")
    for person, number, addresses in ((administrator, 3, True), (auditor, 3, False), (contact, 3, True)):
        found, _ = csv_of(signed_in(person), url)
        assert len(found) == number
        assert all(bool(row["address"]) is addresses for row in found)
        assert "/a/" not in str(found)
    # An officer sees how a branch stands, and not its people one by one, unless the advisory is theirs.
    assert signed_in(officer).get(url).status_code == 403
    tree, _ = csv_of(signed_in(officer), url_of(country, "tree"))
    assert [row["body"] for row in tree] == ["treasury", "debt-office"]
    assert signed_in(contact).get(url + "?in=committee").status_code == 404
    nobody = rows.person("Nora Nobody")
    Membership.objects.create(person=nobody, body=rows.body("elsewhere"), role="contact")
    assert signed_in(nobody).get(url).status_code == 403


def test_the_estate_goes_out_under_the_strictest_marking(estate: dict[str, Advisory], auditor: Person) -> None:
    found, called = csv_of(signed_in(auditor), reverse("estate_table", args=["csv"]))
    assert called == 'attachment; filename="coverage-estate-TLP-AMBER.csv"'
    assert [row["reference"] for row in found][:2] == [estate["dark"].reference, estate["darker"].reference]
    assert found[0]["bodies_with_nobody_to_tell"] == "1"
    assert json_of(signed_in(auditor), reverse("estate_table", args=["json"]))["marking"] == "AMBER"
    assert signed_in(auditor).get("/coverage/table.xls").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_who_stands_in_a_file_is_of_one_moment_and_leaves_no_transaction_open(
    country: Advisory, auditor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.web.coverage.tables.AT_ONCE", 1)
    monkeypatch.setattr("alerts.exports._AT_ONCE", 1)
    parts = iter(signed_in(auditor).get(url_of(country, "people") + "?is=unreachable").streaming_content)  # type: ignore[attr-defined]
    first = next(parts)
    assert connection.get_autocommit()
    assert not connection.in_atomic_block
    Recipient.objects.update(outcome="")
    assert len(b"".join([first, *parts]).split(b"\r\n")) == 3


def test_the_first_page_reads_all_that_is_live_in_one_statement(
    estate: dict[str, Advisory], auditor: Person, bodies: dict[str, Body]
) -> None:
    contact = rows.person("Connie Contact")
    Membership.objects.create(person=contact, body=bodies["treasury"], role="contact")

    def asked(person: Person) -> tuple[int, str]:
        with CaptureQueriesContext(connection) as queries:
            html = signed_in(person).get("/").content.decode()
        return len(queries), html

    for person in (auditor, contact):
        few, html = asked(person)
        for number in range(5):
            told(rows.advisory(f"ADV-20{20 + number}-{person.pk:04d}"), bodies["treasury"])
        many, html = asked(person)
        assert many == few
        assert html.count("In your own branches.") == html.count('<article class="card under-way">') * (
            person == contact
        )
        assert "1 of 2 bodies has nobody to tell" not in asked(contact)[1]


@pytest.mark.django_db(transaction=True)
def test_it_is_fit_for_every_screen_for_paper_and_for_the_keyboard(
    estate: dict[str, Advisory], auditor: Person, live_server: LiveServer
) -> None:
    rows.revise(estate["refused"], title="Donaudampfschifffahrtsgesellschaft" * 5)
    Person.objects.filter(pk=auditor.pk).update(is_auditor=False, is_administrator=True)
    session = signed_in(auditor).cookies["sessionid"].value

    def answer() -> None:
        Recipient.objects.filter(advisory=estate["late"]).update(answered_revision=1)
        connection.close()

    for name, look in LOOKS.items():
        with open_page(**look) as seen:
            seen.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
            assert faults(seen, live_server.url + "/coverage/") == [], name
            for _ in range(40):
                seen.keyboard.press("Tab")
                if seen.evaluate("document.activeElement.id") == "name-committee":
                    break
            else:
                pytest.fail("the remedy is out of the keyboard's reach")
            if name == "phone":
                with ThreadPoolExecutor(1) as elsewhere:
                    elsewhere.submit(answer).result()
                expect(seen.locator("#estate")).not_to_contain_text("; 1 has not answered", timeout=12_000)
                expect(seen.locator("#name-committee")).to_be_focused()
            seen.emulate_media(media="print")
            assert not seen.get_by_text("Name somebody").first.is_visible()
            assert seen.get_by_text("Committee").first.is_visible()
