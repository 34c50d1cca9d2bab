"""The page "Where is it now": the sentence on top, who may see it, what may be pressed, and that it follows by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.models import Advisory, Batch, Note, Recipient, Relay
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in
from tests.test_where import mails

pytestmark = pytest.mark.django_db


def page(person: Person, of: Advisory, query: str = "") -> str:
    found = signed_in(person).get(reverse("alerts:where", args=[of.reference]) + query)
    assert found.status_code == 200
    return found.content.decode()


def live(person: Person, of: Advisory, query: str) -> Any:
    return signed_in(person).get(reverse("alerts:where_live", args=[of.reference]) + query)


def poll_of(html: str) -> str:
    """The query with which the page asks for news."""
    return "?" + html.split('id="live" hx-get="')[1].split('"')[0].split("?")[1].replace("&amp;", "&")


def a_wave(**fields: Any) -> Advisory:
    """Government (for information) above a treasury (one sent, one not) and a home office that holds it above another."""
    advisory = rows.advisory(seen=1, **fields)
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    home = rows.relay(advisory, "home-office", top, state="held")
    passports = rows.relay(advisory, "passports", home, state="planned")
    sent, waits = rows.recipient(advisory, treasury), rows.recipient(advisory, treasury)
    rows.recipient(advisory, passports)
    contact = rows.person("Connie Contact", telephone="020 7946 0000")
    rows.recipient(advisory, home, who=contact, role="contact")
    Recipient.objects.filter(pk=sent.pk).update(told_revision=1)
    Relay.objects.filter(pk=home.pk).update(reached_at=timezone.now() - timedelta(minutes=12))
    mails(advisory, waits)
    return advisory


def let_all_go(of: Advisory) -> None:
    """Everybody reached and sent it."""
    Relay.objects.update(state="released", released_at=timezone.now())
    Recipient.objects.filter(advisory=of).update(told_revision=1)
    Batch.objects.update(done_at=timezone.now())


def tell_everybody() -> None:
    """For a thread of its own: Playwright's is no place for the database."""
    Recipient.objects.update(told_revision=1)
    connection.close()


@pytest.fixture
def wave() -> Advisory:
    return a_wave()


@pytest.fixture
def officer(wave: Advisory) -> Person:
    Membership.objects.create(person=wave.written_by, body=wave.issuer, role="officer")
    return wave.written_by


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


class TestTheSentenceOnTop:
    def test_while_it_runs(self, wave: Advisory, auditor: Person) -> None:
        html = page(auditor, wave)
        assert "It has reached 1 of 3 bodies; 1 holds it, and 1 waits behind it. 1 of 4 people were sent it." in html
        assert '<progress max="3" value="1" aria-label="Reached">1 of 3 bodies</progress>' in html

    def test_before_the_cascade_has_looked(self, auditor: Person) -> None:
        assert "Nothing yet: published 0 s ago, being planned." in page(auditor, rows.advisory())

    def test_when_everybody_was_sent_it(self, wave: Advisory, auditor: Person) -> None:
        let_all_go(wave)
        assert wave.current is not None
        Batch.objects.update(done_at=wave.current.at + timedelta(seconds=134))
        html = page(auditor, wave)
        said = "Everybody was sent it: 3 bodies, 4 people, the last of them 2 min 14 s after it was published."
        assert said in html
        assert "<progress" not in html

    def test_when_one_cannot_be_reached(self, wave: Advisory, auditor: Person) -> None:
        let_all_go(wave)
        one = Recipient.objects.order_by("pk")[0]
        Recipient.objects.filter(pk=one.pk).update(outcome="unreachable")
        html = page(auditor, wave)
        assert "Everybody who can be reached was sent it: 3 bodies, 3 of 4 people" in html
        assert "person whom mail does not reach" in html

    def test_when_it_is_stopped(self, wave: Advisory, officer: Person) -> None:
        Advisory.objects.update(stopped_at=timezone.now(), stopped_by=officer)
        html = page(officer, wave)
        assert "<em>Stopped: 1 of 3 bodies reached, 1 of 4 people were sent it.</em> Nothing else leaves." in html
        assert "Correct it</button>" in html
        assert "Let it go on as it is</button>" in html
        assert "whose body was reached, not sent it: it was stopped first" in html
        assert "goes on by itself" not in html

    def test_when_it_is_stood_down(self, wave: Advisory, officer: Person) -> None:
        rows.revise(wave, kind="stand-down")
        Advisory.objects.update(state="stood-down")
        counting.recount(wave.pk)
        html = page(officer, wave)
        assert "body behind 1 body that held it when it was stood down" in html
        assert "waiting to be sent" not in html
        assert "Stood down just now: 0 people were told so. Before that it had reached 1 of 3 bodies." in html
        assert "Release now" not in html
        assert "Stop sending" not in html

    def test_when_it_expired(self, wave: Advisory, officer: Person) -> None:
        Advisory.objects.update(state="expired")
        html = page(officer, wave)
        assert "<em>Expired: nobody confirmed it in time.</em> It had reached 1 of 3 bodies" in html
        assert "Release now" not in html

    def test_a_body_with_nobody_to_tell_is_never_one_that_it_has_reached(self, wave: Advisory, auditor: Person) -> None:
        rows.relay(wave, "committee")
        assert '<progress max="4" value="1" aria-label="Reached">1 of 4 bodies; 1 has nobody to tell' in page(
            auditor, wave
        )
        let_all_go(wave)
        said = "<em>1 of 4 bodies has nobody to tell.</em> Everybody who can be reached was sent it: "
        assert f"{said}3 of 4 bodies, 4 of 4 people" in page(auditor, wave)
        # The same number as on the way that the coverage page shows.
        coverage = signed_in(auditor).get(reverse("alerts:coverage", args=[wave.reference])).content.decode()
        assert '3<span class="unseen"> bodies: Sent</span>' in coverage


class TestWhoMaySeeIt:
    def test_officers_of_the_issuer_administrators_and_auditors(
        self, wave: Advisory, officer: Person, auditor: Person
    ) -> None:
        for person in (officer, auditor, rows.person("Adam", is_administrator=True)):
            assert "It has reached" in page(person, wave)
            assert (
                "where it is now" in signed_in(person).get(f"/advisories/{wave.reference}/coverage/").content.decode()
            )
            assert "Where is it now" in signed_in(person).get(f"/advisories/{wave.reference}/").content.decode()

    def test_a_contact_has_their_coverage_page_and_no_link_to_this_one(self, wave: Advisory) -> None:
        contact = Person.objects.get(name="Connie Contact")
        for name in ("alerts:where", "alerts:where_live"):
            assert signed_in(contact).get(reverse(name, args=[wave.reference])).status_code == 403
            assert Client().get(reverse(name, args=[wave.reference])).status_code == 302
        for name in ("alerts:coverage", "alerts:advisory"):
            found = signed_in(contact).get(reverse(name, args=[wave.reference])).content.decode()
            assert "/where/" not in found

    def test_whoever_may_not_read_its_text_gets_its_open_title_and_no_note(self, wave: Advisory) -> None:
        Advisory.objects.update(marking="RED", open_title="Advice on telephones")
        note = Note.objects.create(relay=Relay.objects.get(state="held"), text="Zoom!", by=wave.written_by)
        html = page(rows.person("Adam", is_administrator=True), wave)
        assert "<h1>Advice on telephones</h1>" in html
        assert "Do not use Zoom" not in html
        assert note.text not in html
        assert "A note stands there, by Olive Officer." in html
        assert "TLP:RED" in html

    def test_an_exercise_says_so(self, auditor: Person) -> None:
        assert "EXERCISE: this is a drill" in page(auditor, a_wave(exercise=True))

    def test_a_draft_is_nowhere_yet(self, auditor: Person) -> None:
        advisory = rows.advisory()
        Advisory.objects.update(state="draft", current=None, material=None)
        answer = signed_in(auditor).get(reverse("alerts:where", args=[advisory.reference]))
        assert answer["Location"] == reverse("alerts:advisory", args=[advisory.reference])


class TestAHold:
    def test_says_who_holds_it_since_when_until_when_and_who_waits(self, wave: Advisory, auditor: Person) -> None:
        Note.objects.create(relay=Relay.objects.get(state="held"), text="We <look> at it.", by=wave.written_by)
        html = page(auditor, wave)
        for said in (
            "2 people wait in it and the 1 body behind it.",
            "Connie Contact, 020 7946 0000",
            "12 min ago",
            "goes on by itself",
            "A note stands there, by Olive Officer: “We &lt;look&gt; at it.”",
        ):
            assert said in html
        assert "Release now" not in html

    def test_is_let_go_by_an_officer_who_comes_back_to_this_page(self, wave: Advisory, officer: Person) -> None:
        assert "Release now" in page(officer, wave)
        held = Relay.objects.get(state="held")
        url = reverse("alerts:release", args=[wave.reference, held.pk])
        answer = signed_in(officer).post(url, {"from": "where"})
        assert answer["Location"] == reverse("alerts:where", args=[wave.reference])
        assert "released by Olive Officer" in page(officer, wave)

    @pytest.mark.parametrize("came_from", ["", "//evil.example", "home"])
    def test_and_from_anywhere_else_to_coverage(self, wave: Advisory, officer: Person, came_from: str) -> None:
        url = reverse("alerts:release", args=[wave.reference, Relay.objects.get(state="held").pk])
        answer = signed_in(officer).post(url, {"from": came_from})
        assert answer["Location"] == reverse("alerts:coverage", args=[wave.reference])

    def test_the_clock_let_go_is_told_so(self, wave: Advisory, auditor: Person) -> None:
        now = timezone.now()
        Relay.objects.filter(state="held").update(
            state="released", reached_at=now - timedelta(hours=3, minutes=58), held_until=now, released_at=now
        )
        assert "Held by Home Office for 3 h 58 min, then released over them by the clock" in page(auditor, wave)

    def test_many_are_ten_and_the_rest_behind_a_press(self, wave: Advisory, auditor: Person) -> None:
        for number in range(14):
            rows.recipient(wave, rows.relay(wave, f"team-{number:02d}", state="held"))
        html = page(auditor, wave)
        assert html.count("goes on by itself") == 10
        assert "Show the 5 others" in html
        every = live(auditor, wave, "?held=all").content.decode()
        assert every.count("goes on by itself") == 15
        assert live(auditor, wave, poll_of(every)).status_code == 204
        assert "held=all" in poll_of(every)


class TestWhyNot:
    def test_more_severe_mail_goes_first(self, wave: Advisory, auditor: Person) -> None:
        worse = rows.advisory("ADV-2026-0001")
        mails(worse, rows.recipient(worse, rows.relay(worse, "elsewhere")), rank=0)
        assert "1</span><span><span>person whose mail waits, since more severe mail goes first: ADV-2026-0001" in page(
            auditor, wave
        )

    def test_the_mail_server_put_it_off(self, wave: Advisory, auditor: Person) -> None:
        Batch.objects.update(not_before=timezone.now() + timedelta(seconds=200), attempt=1)
        html = page(auditor, wave)
        assert "put off: the mail server could not be had; tried again in 3 min 1" in html

    def test_nobody_holds_it_above_them(self, wave: Advisory, auditor: Person) -> None:
        Relay.objects.filter(state="held").update(state="planned", held_until=None)
        assert "bodies come next: nobody above them holds it" in page(auditor, wave)

    def test_a_body_with_nobody_to_tell_leads_to_coverage(self, wave: Advisory, auditor: Person) -> None:
        rows.relay(wave, "committee")
        html = page(auditor, wave)
        assert "body with nobody to tell" in html
        assert "<em>1 of 4 bodies has nobody to tell.</em> It has reached 1 of 4 bodies;" in html
        assert 'href="/bodies/committee/"' in html

    def test_names_are_shown_harmless(self, wave: Advisory, auditor: Person) -> None:
        held = Relay.objects.get(state="held")
        type(held.body).objects.filter(pk=held.body_id).update(name="<script>alert(1)</script>")
        html = page(auditor, wave)
        assert escape("<script>alert(1)</script>") in html
        assert "<script>alert" not in html


class TestItFollows:
    def test_nothing_new_is_204_and_a_mail_sent_is_the_page(self, wave: Advisory, auditor: Person) -> None:
        query = poll_of(page(auditor, wave))
        assert live(auditor, wave, query).status_code == 204
        Recipient.objects.filter(told_revision=0).update(told_revision=1)
        news = live(auditor, wave, query)
        assert news.status_code == 200
        assert "4 of 4 people were sent it" in news.content.decode()

    def test_a_minute_is_news_while_somebody_waits_and_none_once_all_is_done(
        self, wave: Advisory, auditor: Person
    ) -> None:
        query = poll_of(page(auditor, wave)).split(".")[0]
        assert live(auditor, wave, query + ".0000x").status_code == 200
        let_all_go(wave)
        html = page(auditor, wave)
        assert "." not in poll_of(html)
        assert 'hx-trigger="every 10s"' in html
        assert live(auditor, wave, poll_of(html)).status_code == 204

    def test_the_number_of_queries_does_not_grow_with_the_bodies(self, wave: Advisory, officer: Person) -> None:
        client, url = signed_in(officer), reverse("alerts:where", args=[wave.reference])

        def asked() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url + "?held=all").status_code == 200
            return len(queries)

        few = asked()
        for number in range(30):
            relay = rows.relay(wave, f"more-{number}", state="held")
            rows.recipient(wave, relay, role="contact")
            rows.recipient(wave, rows.relay(wave, f"below-{number}", relay, state="planned"))
        assert asked() == few <= 25


@pytest.mark.django_db(transaction=True)
def test_it_can_be_read_by_anybody_and_follows_without_looping(live_server: LiveServer) -> None:
    advisory = a_wave()
    for number in range(12):
        rows.recipient(advisory, rows.relay(advisory, f"office-of-{'very-long-names-' * 6}{number}", state="held"))
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    cookie = signed_in(advisory.written_by).cookies["sessionid"].value
    with open_page() as browser:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        asked: list[str] = []
        browser.on("request", lambda request: asked.append(request.url) if "/live/" in request.url else None)
        assert faults_in_every_look(browser, live_server.url + reverse("alerts:where", args=[advisory.reference])) == []
        browser.click("#all-holds")
        browser.wait_for_selector("#all-holds", state="detached")
        assert faults_in_every_look(browser, "") == []
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(tell_everybody).result()
        browser.wait_for_selector("text=16 of 16 people were sent it")
        assert browser.locator(".why-list").first.locator("li").count() == 13
        assert len(asked) < 8
