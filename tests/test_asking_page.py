"""The page of those who ask, the reader's page with their thread, and the way from the advisory to both."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from alerts import tokens
from alerts.answering import threads
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Relay, Reply
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "Ａ" * 60 + "<b>&" + "x" * 400


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def con(advisory: Advisory, treasury: Relay) -> Person:
    con = rows.person("Con Contact")
    rows.recipient(advisory, treasury, who=con, role="contact")
    return con


@pytest.fixture
def cas(advisory: Advisory, treasury: Relay) -> Recipient:
    made = rows.recipient(advisory, treasury, who=rows.person("Cas Member", telephone="020 7946 0001"))
    said(made)
    return made


def said(recipient: Recipient, read: str = "help", text: str = "which <b>meetings</b>?", **fields: Any) -> None:
    """A row of what they said, and nothing of what it changes."""
    fields = {"revision": recipient.advisory.current, "at": timezone.now(), **fields}
    Acknowledgement.objects.create(recipient=recipient, read=read, text=text, form_id=uuid4(), **fields)


def path(of: Advisory) -> str:
    return f"/advisories/{of.reference}/asking/"


def page(who: Person, of: Advisory, query: str = "") -> str:
    answer = signed_in(who).get(path(of) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def post(who: Person, recipient: Recipient, text: str, press: str = "answer", seen: str = "") -> Any:
    asker = threads.one(recipient.advisory, None, recipient.pk)
    form = {"text": text, "press": press, "seen": seen or (str(asker.seen) if asker else "")}
    return signed_in(who).post(f"{path(recipient.advisory)}{recipient.pk}/", form)


def words(html: str) -> str:
    """What is read on it, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def reads(recipient: Recipient) -> str:
    answer = Client().get(f"/a/{tokens.make(recipient.pk, 0)}")
    assert answer.status_code == 200
    return answer.content.decode()


class TestTheQueue:
    def test_an_officer_reads_who_asks_and_answers(self, advisory: Advisory, cas: Recipient) -> None:
        html = page(advisory.written_by, advisory)
        assert "1 waits for an answer" in html
        assert "Cas Member needs help" in words(html)
        assert '<a href="tel:02079460001">' in html
        assert "which &lt;b&gt;meetings&lt;/b&gt;?" in html
        answer = post(advisory.written_by, cas, "All of them.")
        assert (answer.status_code, answer["Location"]) == (302, f"{path(advisory)}#asks-{cas.pk}")
        html = page(advisory.written_by, advisory)
        assert "Nobody waits for an answer." in html
        assert "Answered, and silent since: 1" in html
        assert "Olive Officer answered" in words(html)
        assert "All of them." in html
        assert "Settle without words" not in html

    def test_settling_takes_one_press_and_no_words(self, advisory: Advisory, cas: Recipient) -> None:
        assert post(advisory.written_by, cas, "", "settle").status_code == 302
        assert Reply.objects.get().settles
        assert "Olive Officer settled it" in words(page(advisory.written_by, advisory))

    @pytest.mark.parametrize("press", ["answer", "settle"])
    def test_one_answer_after_another_ends_and_its_words_come_back(
        self, advisory: Advisory, cas: Recipient, press: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.web.asking_page.MOST", 1)
        assert post(advisory.written_by, cas, "All of them.").status_code == 302
        said(cas, text="and the <b>others</b>?")
        words = "Those <b>too</b>." if press == "answer" else ""
        answer = post(advisory.written_by, cas, words, press)
        assert answer.status_code == 429
        assert "Nothing was sent: that was very often within a minute." in answer.content.decode()
        assert "Those &lt;b&gt;too&lt;/b&gt;." in answer.content.decode() or press == "settle"
        assert Reply.objects.count() == 1
        other = rows.person("Otto Officer")
        Membership.objects.create(person=other, body=advisory.issuer, role="officer")
        assert post(other, cas, words, press).status_code == 302, "somebody else is not kept from it"

    def test_where_nobody_asks_it_says_so(self, advisory: Advisory, con: Person) -> None:
        assert "Nobody asks for help, and nobody says" in words(page(advisory.written_by, advisory))
        assert "Nobody asks for help in the bodies for which you answer, and" in words(page(con, advisory))

    @pytest.mark.parametrize(
        ("text", "press", "why"),
        [
            ("y<b>" * 501, "answer", "2,004 characters"),
            (" \n ", "answer", "There are no words to send."),
            ("y<b>", "settle", "settling sends no words"),
        ],
    )
    def test_refused_words_come_back_as_they_were_typed(
        self, advisory: Advisory, cas: Recipient, text: str, press: str, why: str
    ) -> None:
        other = rows.recipient(advisory, *[seat.relay for seat in cas.seats.all()], who=rows.person("Other"))
        said(other)
        answer = post(advisory.written_by, cas, text, press)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert why in html
        assert f">\n{text.replace('<', '&lt;').replace('>', '&gt;')}</textarea>" in html
        assert f'href="#text-{cas.pk}"' in html
        assert f'aria-describedby="text-{cas.pk}-hint text-{cas.pk}-says"' in html
        assert "Other" not in html
        assert not Reply.objects.exists()

    def test_what_was_said_meanwhile_is_shown_and_nothing_typed_is_lost(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        asker = threads.one(advisory, None, cas.pk)
        assert asker is not None
        said(cas, text="and board meetings?")
        answer = post(advisory.written_by, cas, "All of them.", seen=str(asker.seen))
        html = answer.content.decode()
        assert answer.status_code == 409
        assert "More was said here while you wrote" in html
        assert "and board meetings?" in html
        assert "All of them.</textarea>" in html
        seen = re.findall(r'name="seen" value="([\d.]+)"', html)
        assert post(advisory.written_by, cas, "All of them.", seen=seen[0]).status_code == 302
        assert Message.objects.filter(kind="answered").count() == 1

    def test_whoever_understood_it_meanwhile_is_shown_as_such(self, advisory: Advisory, cas: Recipient) -> None:
        asker = threads.one(advisory, None, cas.pk)
        assert asker is not None
        said(cas, "yes", "")
        answer = post(advisory.written_by, cas, "All of them.", seen=str(asker.seen))
        assert answer.status_code == 409
        html = answer.content.decode()
        assert "Cas Member has read and understood it since" in words(html)
        assert "Settle without words" not in html

    def test_they_are_told_that_no_mail_reaches_somebody(self, advisory: Advisory, cas: Recipient) -> None:
        Person.objects.filter(pk=cas.person_id).update(bounced_at=timezone.now())
        assert "No mail reaches them: ring them." in page(advisory.written_by, advisory)
        post(advisory.written_by, cas, "All of them.")
        client = signed_in(advisory.written_by)
        client.post(f"{path(advisory)}{cas.pk}/", {"text": "More.", "seen": str(_seen(cas)), "press": "answer"})
        assert "no mail reaches them: ring them as well" in client.get(path(advisory)).content.decode()

    def test_many_go_on_on_further_pages_at_the_cost_of_one(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        client = signed_in(advisory.written_by)
        client.get(path(advisory))
        with CaptureQueriesContext(connection) as few:
            client.get(path(advisory))
        for number in range(threads.ON_A_PAGE + 1):
            said(rows.recipient(advisory, treasury, who=rows.person(f"Person {number}")))
        with CaptureQueriesContext(connection) as many:
            html = client.get(path(advisory)).content.decode()
        assert len(many) == len(few)
        assert "22 people, page 1 of 2" in html
        assert "Person 19" not in html
        for query in ("?page=2", "?page=99"):
            html = client.get(path(advisory) + query).content.decode()
            assert "Person 20" in html
            assert "Cas Member" not in html
        for query in ("?page=0", "?page=x", f"?page={'9' * 40}", "?page=-1"):
            assert "Cas Member" in client.get(path(advisory) + query).content.decode()


def _seen(recipient: Recipient) -> threads.Seen:
    asker = threads.one(recipient.advisory, None, recipient.pk)
    assert asker is not None
    return asker.seen


class TestWhoSeesIt:
    def test_a_contact_reads_those_of_their_own_branch_and_writes_nothing(
        self, advisory: Advisory, con: Person, cas: Recipient
    ) -> None:
        said(rows.recipient(advisory, rows.relay(advisory, "elsewhere"), who=rows.person("Stranger")))
        html = page(con, advisory)
        assert "1 waits for an answer" in html
        assert "Cas Member" in html
        assert "tel:02079460001" in html
        assert "Stranger" not in html
        assert "<textarea" not in html
        assert post(con, cas, "Mine.").status_code == 403
        assert not Reply.objects.exists()

    def test_a_head_above_them_has_no_numbers_as_on_the_list_of_their_people(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        head = rows.person("Hal Head")
        Membership.objects.create(person=head, body=treasury.body, role="head")
        html = page(head, advisory)
        assert "Cas Member" in html
        assert "7946" not in html
        assert "no telephone number" not in html

    def test_administrators_and_auditors_read_and_write_nothing(self, advisory: Advisory, cas: Recipient) -> None:
        for who in (rows.person(is_administrator=True), rows.person(is_auditor=True)):
            assert "which &lt;b&gt;" in page(who, advisory)
            assert "<textarea" not in page(who, advisory)
            assert post(who, cas, "Mine.").status_code == 403

    def test_an_administrator_reads_no_words_of_either_at_red(self, advisory: Advisory, cas: Recipient) -> None:
        post(advisory.written_by, cas, "The approved service.")
        Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice")
        html = page(rows.person(is_administrator=True), advisory)
        assert "Cas Member" in html
        for word in ("meetings", "approved service", "Zoom"):
            assert word not in html
        assert "The approved service." in page(advisory.written_by, advisory)

    def test_nobody_else_finds_it(self, advisory: Advisory, treasury: Relay, cas: Recipient) -> None:
        stranger = rows.person("Officer elsewhere")
        Membership.objects.create(person=stranger, body=rows.body("far"), role="officer")
        assert signed_in(stranger).get(path(advisory)).status_code == 403
        assert post(stranger, cas, "Mine.").status_code == 403
        for client in (Client(), signed_in(cas.person)):
            assert client.get(path(advisory)).status_code == 302
            assert client.post(f"{path(advisory)}{cas.pk}/", {"text": "Mine."}).status_code == 302
        assert signed_in(advisory.written_by).get("/advisories/ADV-1999-0001/asking/").status_code == 404
        assert not Reply.objects.exists()

    def test_an_answer_to_nobody_who_asked_finds_nobody(self, advisory: Advisory, con: Person, cas: Recipient) -> None:
        other = rows.advisory("ADV-2020-0099")
        stranger = rows.recipient(other, rows.relay(other, "elsewhere"))
        said(stranger)
        quiet = Recipient.objects.get(advisory=advisory, person=con)
        for number in (stranger.pk, quiet.pk, 10**30):
            answer = signed_in(advisory.written_by).post(f"{path(advisory)}{number}/", {"text": "x", "seen": "0.0"})
            assert answer.status_code == 404
        assert not Reply.objects.exists()

    def test_a_form_from_another_site_is_refused(self, advisory: Advisory, cas: Recipient) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(advisory.written_by, "departments.signing_in.DutyBackend")
        answer = client.post(f"{path(advisory)}{cas.pk}/", {"text": "Mine.", "seen": str(_seen(cas))})
        assert answer.status_code == 403
        assert not Reply.objects.exists()


class TestTheWayThere:
    def test_the_advisorys_page_says_how_many_wait(self, advisory: Advisory, treasury: Relay, cas: Recipient) -> None:
        said(rows.recipient(advisory, treasury), "phishing")
        client = signed_in(advisory.written_by)
        html = client.get(f"/advisories/{advisory.reference}/").content.decode()
        assert f'href="{path(advisory)}">Who asks for help: 2 wait for an answer</a>' in html
        post(advisory.written_by, cas, "All of them.")
        html = client.get(f"/advisories/{advisory.reference}/").content.decode()
        assert f'href="{path(advisory)}">Who asks for help: 1 waits for an answer</a>' in html

    def test_a_contact_is_led_to_their_own(self, advisory: Advisory, con: Person) -> None:
        html = signed_in(con).get(f"/advisories/{advisory.reference}/").content.decode()
        assert f'href="{path(advisory)}">Who asks for help in your bodies</a>' in html


class TestTheReadersPage:
    def test_it_says_that_an_answer_will_come_and_then_has_it_above_the_form(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        Recipient.objects.filter(pk=cas.pk).update(needs_help=True, answered_revision=1)
        html = reads(cas)
        assert 'id="thread"' not in html
        assert "has what was asked: an answer comes by mail" in html
        post(advisory.written_by, cas, "All <i>of</i> them.")
        html = reads(cas)
        assert "All &lt;i&gt;of&lt;/i&gt; them." in html
        assert f"<bdi>Olive Officer</bdi>, for {advisory.issuer},</b> answered" in html
        assert "You asked for help" in words(html)
        assert html.index('id="thread"') < html.index('id="answer"')
        assert "an answer comes by mail" not in html

    def test_whoever_never_asked_has_no_thread_and_one_question_more_to_the_database(
        self, advisory: Advisory, treasury: Relay
    ) -> None:
        quiet = rows.recipient(advisory, treasury)
        said(quiet, "yes", "")
        assert 'id="thread"' not in reads(quiet)
        with CaptureQueriesContext(connection) as asked:
            reads(quiet)
        assert sum("alerts_reply" in one["sql"] for one in asked) == 1

    def test_nobody_reads_anothers_thread(self, advisory: Advisory, treasury: Relay, cas: Recipient) -> None:
        other = rows.recipient(advisory, treasury)
        said(other, text="mine")
        post(advisory.written_by, cas, "All of them.")
        assert "All of them." not in reads(other)

    def test_a_locked_page_shows_nothing_of_it(self, advisory: Advisory, cas: Recipient) -> None:
        post(advisory.written_by, cas, "All of them.")
        Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice")
        html = reads(cas)
        assert "All of them." not in html
        assert "meetings" not in html

    def test_asking_again_by_their_link_opens_it_again(
        self, advisory: Advisory, cas: Recipient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.suspicion.signs", lambda evidence: [])
        post(advisory.written_by, cas, "All of them.")
        (form,) = re.findall(r'id="answer".*?name="form" value="([^"]+)"', reads(cas), re.DOTALL)
        answer = Client().post(f"/a/{tokens.make(cas.pk, 0)}", {"form": form, "read": "help", "text": "Even those?"})
        assert answer.status_code == 303
        html = page(advisory.written_by, advisory)
        assert "1 waits for an answer" in html
        assert html.index("All of them.") < html.index("Even those?")
        theirs = words(reads(cas))
        assert "has what was asked: an answer comes by mail" in theirs
        assert "It does not help?" not in theirs
        assert Message.objects.filter(kind="help").count() == 1


def test_all_of_it_is_well_made_in_every_look(
    advisory: Advisory, treasury: Relay, con: Person, live_server: LiveServer
) -> None:
    hard = rows.recipient(advisory, treasury, who=rows.person(LONG[:400], telephone="020 7946 0000, 9 to 5"))
    said(hard, text=LONG * 3)
    done = rows.recipient(advisory, treasury, who=rows.person("شخص ما"))
    said(done, "phishing", "שלום", at=timezone.now() - timedelta(hours=3))
    post(advisory.written_by, done, LONG * 2)
    post(advisory.written_by, hard, LONG)
    said(hard, text="and now?")
    cookies = {who.pk: signed_in(who).cookies["sessionid"].value for who in (advisory.written_by, con)}
    with open_page() as browser:
        for who in (advisory.written_by, con):
            browser.context.add_cookies([{"name": "sessionid", "value": cookies[who.pk], "url": live_server.url}])
            assert faults_in_every_look(browser, live_server.url + path(advisory)) == []
            assert faults_in_every_look(browser, f"{live_server.url}/advisories/{advisory.reference}/") == []
        for one in (hard, done):
            assert faults_in_every_look(browser, f"{live_server.url}/a/{tokens.make(one.pk, 0)}") == []
        browser.context.add_cookies(
            [{"name": "sessionid", "value": cookies[advisory.written_by.pk], "url": live_server.url}]
        )
        browser.goto(live_server.url + path(advisory))
        browser.fill(f"#text-{hard.pk}", "I rang them.")
        browser.click(f"#asks-{hard.pk} button[value=settle]")
        assert browser.input_value(f"#text-{hard.pk}") == "I rang them."
        assert "settling sends no words" in browser.inner_text("[role=alert]")
        assert faults_in_every_look(browser, "") == []
        browser.click(f"#asks-{hard.pk} button[value=answer]")
        assert browser.url.endswith(f"/asking/#asks-{hard.pk}")
        assert "Nobody waits for an answer." in browser.inner_text("main")
        assert faults_in_every_look(browser, "") == []
        # Nobody is left, and it says so.
        for one in (hard, done):
            said(one, "yes", "")
        assert faults_in_every_look(browser, live_server.url + path(advisory)) == []
        assert "Nobody asks for help" in browser.inner_text("main")
