"""The coverage page as it is looked at: in the light, in the dark, on a phone, on paper, by keyboard, and while it moves."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from alerts.models import Advisory, Recipient, Relay
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import LOOKS, faults_in_every_look, open_page, wear
from tests.test_operations_page import beside

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "Committee for the Supervision of " + "Very-Long-Words-Without-An-End " * 8


@pytest.fixture
def viewer() -> Person:
    return rows.person("Ann Administrator", is_administrator=True)


@pytest.fixture
def advisory() -> Advisory:
    """Everything there is to be seen: dark, refused, held, silent, on the old advice, left out until a day."""
    of = rows.advisory(open_title="Advice on conferences")
    Advisory.objects.filter(pk=of.pk).update(marking="AMBER", published_at=timezone.now() - timedelta(hours=2))
    rows.revise(of)
    top = rows.relay(of, "government", purpose="between")
    treasury = rows.relay(of, "treasury", top)
    held = rows.relay(of, "debt-office", treasury, state="held")
    dark = rows.relay(of, "foreign-affairs-committee", top)
    Body.objects.filter(pk=dark.body_id).update(name=LONG)
    for fields in (
        {"told_revision": 2, "answered_revision": 2},
        {"told_revision": 2, "answered_revision": 1},
        {"told_revision": 2, "outcome": "delivered"},
        {"told_revision": 2},
        {"told_revision": 1, "outcome": "bounced"},
        {"told_revision": 2, "outcome": "deferred"},
        {"told_revision": 2, "office_revision": 2},
    ):
        Recipient.objects.filter(pk=rows.recipient(of, treasury).pk).update(**fields)
    rows.recipient(of, held)
    out = rows.leave_out(of, rows.body("devolved", top.body))
    type(out).objects.filter(pk=out.pk).update(look_again_at=timezone.now() + timedelta(days=1))
    return of


@pytest.fixture
def cookie(viewer: Person) -> str:
    client = Client()
    client.force_login(viewer, backend="departments.signing_in.DutyBackend")
    return client.cookies["sessionid"].value


def sign_in(page: Page, live_server: LiveServer, cookie: str) -> None:
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])


def test_it_can_be_read_in_every_look_also_a_branch_and_also_empty(
    live_server: LiveServer, advisory: Advisory, cookie: str, tmp_path: Path
) -> None:
    of = f"{live_server.url}/advisories/{advisory.reference}/coverage/"
    nothing = rows.advisory("ADV-2020-0018")
    with open_page() as page:
        sign_in(page, live_server, cookie)
        assert faults_in_every_look(page, f"{of}?open=government&open=treasury") == []
        expect(page.locator(".verdict")).to_contain_text("have not been told")
        expect(page.locator("#icicle-drawn svg").first).to_be_visible()
        expect(page.locator("#over-time svg:visible").first).to_be_visible()
        assert faults_in_every_look(page, "") == []
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert faults_in_every_look(page, f"{of}?in=treasury&own=1") == []
        expect(page.locator("nav.scope")).to_contain_text("its own people alone")
        assert faults_in_every_look(page, f"{of}?state=dark") == []
        expect(page.locator("#tree caption")).to_contain_text("1 body found")
        assert faults_in_every_look(page, f"{live_server.url}/advisories/{nothing.reference}/coverage/") == []
        page.goto(of)
        for look in LOOKS.values():
            wear(page, look)
            page.emulate_media(media="print", color_scheme="light")
            expect(page.locator("nav[aria-label=Main]")).to_be_hidden()
            expect(page.get_by_role("button", name="Remind them").first).to_be_hidden()
            expect(page.locator("#record")).to_be_visible()


def test_it_moves_while_answers_come_in_says_how_old_it_is_and_is_worked_by_keyboard(
    live_server: LiveServer, advisory: Advisory, cookie: str
) -> None:
    silent = Recipient.objects.filter(advisory=advisory, outcome="delivered")
    with open_page(**LOOKS["light and wide"]) as page:
        sign_in(page, live_server, cookie)
        page.goto(f"{live_server.url}/advisories/{advisory.reference}/coverage/")
        opens = page.locator("#tree a.open").nth(1)
        opens.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#tree")).to_contain_text("Debt Office")
        expect(page).to_have_url(f"{live_server.url}/advisories/{advisory.reference}/coverage/?open=treasury")
        expect(page.locator("#age")).to_contain_text("s old")
        answered = page.locator(".key li").first
        expect(answered).to_contain_text("1 answered")

        def answers(revision: int = 2) -> None:
            silent.update(answered_revision=revision)

        beside(answers)
        expect(answered).to_contain_text("2 answered", timeout=4000)
        expect(page.locator("#tree")).to_contain_text("Debt Office")
        # An answer that brings news makes the figures as new as one that brings none: let through one, and none after it.
        polls = count()
        page.route("**/coverage/live/**", lambda route: route.abort() if next(polls) else route.continue_())
        page.evaluate("Date.now = (real => () => real() + 20000)(Date.now)")
        beside(lambda: answers(1))
        expect(answered).to_contain_text("1 answered", timeout=4000)
        expect(page.locator("#age")).to_have_text(re.compile(r"^figures [0-6] s old$"))
        page.context.set_offline(True)
        page.evaluate("Date.now = (real => () => real() + 20000)(Date.now)")
        expect(page.locator("#age")).to_contain_text("this page hears nothing from the server")
    connections.close_all()


def test_a_remedy_says_what_it_did(live_server: LiveServer, advisory: Advisory, viewer: Person, cookie: str) -> None:
    Membership.objects.create(person=viewer, body=advisory.issuer, role="officer")
    with open_page(**LOOKS["light and wide"]) as page:
        sign_in(page, live_server, cookie)
        page.goto(f"{live_server.url}/advisories/{advisory.reference}/coverage/")
        page.locator("ul[aria-label='Told, and not answered'] li").first.get_by_role("button").press("Enter")
        expect(page.locator("ul.messages")).to_contain_text("reminded")
        page.get_by_role("button", name="Release Debt Office now").press("Enter")
        expect(page.locator("ul.messages")).to_contain_text("Debt Office goes on")
    assert Relay.objects.get(body__slug="debt-office").state == "released"
