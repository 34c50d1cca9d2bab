"""What the reader's page still asks, and asks anew: of bodies, of what was reworded, of what nobody said themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django.live_server_helper import LiveServer

from alerts import counting, tokens
from alerts.answer_form import ActionChoice, Said
from alerts.answering import answers
from alerts.answering.answers import Given, How, Read, Told
from alerts.models import Acknowledgement, Action, ActionAnswer, Advisory, Recipient, Relay, Revision
from departments.models import Person
from tests import rows
from tests.browser import open_page
from tests.haste import no_haste as no_haste

pytestmark = pytest.mark.django_db

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
SCANNER = "MailGatewayLinkScanner/2.1"
NOTHING_ELSE = "Nothing else is asked of you here."


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": AGENT})


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    assert made.current
    rows.action(made.current, "move")
    return made


@pytest.fixture
def reader(advisory: Advisory) -> Recipient:
    return rows.recipient(advisory, rows.relay(advisory, "treasury"), who=rows.person("Rita Reader"))


@pytest.fixture
def mia(advisory: Advisory) -> Recipient:
    """Who answers for two bodies what is asked of bodies."""
    assert advisory.current
    rows.action(advisory.current, "count", of="body")
    places = [rows.relay(advisory, slug) for slug in ("audit", "border")]
    return rows.recipient(advisory, *places, who=rows.person("Mia Many"), role="contact")


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


def see(client: Client, of: Recipient, query: str = "") -> str:
    response = client.get(f"{link(of)}{query}")
    assert response.status_code == 200
    return response.content.decode()


def text_of(page: str) -> str:
    """What somebody reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split()).replace(" ,", ",").replace(" .", ".").replace(" :", ":")


def read(client: Client, of: Recipient, query: str = "") -> str:
    return text_of(see(client, of, query))


def form_in(page: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page[page.index('id="answer"') :])
    assert found
    return found[1]


def send(client: Client, of: Recipient, **given: str) -> Any:
    """Open it, choose, send."""
    answer = {"form": form_in(see(client, of)), "read": "yes", "a-move": "done", **given}
    return client.post(link(of), answer)


def reworded(advisory: Advisory, text: str, key: str = "move", of: str = "person") -> Revision:
    """A material revision that asks it in these words."""
    made = rows.revise(advisory, what_changed="Version 2 is out.")
    Action.objects.create(revision=made, key=key, order=0, text=text, due=timezone.now(), of=of)
    counting.recount(advisory.pk)
    return made


def put_down(reader: Recipient, choice: str = "done") -> Acknowledgement:
    """By Ben, whom they told by telephone."""
    question = answers.question(reader.pk, 1)
    assert question
    said = [Said(question.actions[0], None, ActionChoice(choice))]
    at = datetime(2020, 4, 28, 13, 5, tzinfo=UTC)
    given = Given(
        How.BEHALF, Read.YES, uuid4(), said, by=rows.person("Ben Contact"), told_how=Told.TELEPHONE, told_at=at
    )
    return answers.keep(question, given)[0]


# --- what is asked of bodies ---


class TestBodies:
    """Each needs a choice, until somebody has made one for it."""

    def test_one_that_is_left_out_comes_back(self, client: Client, mia: Recipient) -> None:
        response = send(client, mia)
        assert response.status_code == 422
        assert '<a href="#b-count-all">Question 3: Choose one' in response.content.decode()
        assert not Acknowledgement.objects.exists()

    @pytest.mark.parametrize("choice", ["done", "later"])
    def test_one_choice_for_all_of_them_is_enough(self, client: Client, mia: Recipient, choice: str) -> None:
        assert send(client, mia, **{"b-count-all": choice}).status_code == 303

    def test_what_was_answered_for_a_body_to_this_revision_may_be_left(self, client: Client, mia: Recipient) -> None:
        send(client, mia, **{"b-count-all": "done"})
        assert "Answered so far: done. You may leave it so." in read(client, mia)
        assert send(client, mia).status_code == 303


def test_nothing_else_is_asked_only_when_all_is_done_or_does_not_apply(client: Client, mia: Recipient) -> None:
    audit, border = (Relay.objects.get(body__slug=slug).pk for slug in ("audit", "border"))
    due = date_format(timezone.localtime(Action.objects.get(key="count").due), "l j F Y")
    send(client, mia, **{f"b-count-{audit}": "done", f"b-count-{border}": "later"})
    page = read(client, mia)
    assert f"Still open: Count, for Border, by {due}" in page
    assert NOTHING_ELSE not in page
    send(client, mia, **{f"b-count-{border}": "na", f"b-count-{border}-why": "None there"})
    page = read(client, mia)
    assert NOTHING_ELSE in page
    assert "Still open" not in page


def test_what_will_be_done_on_another_day_is_open_until_that_day(client: Client, reader: Recipient) -> None:
    day = timezone.localdate() + timedelta(days=20)
    send(client, reader, **{"a-move": "by", "a-move-date": day.isoformat()})
    assert f"Still open: Move, by {date_format(day, 'l j F Y')}" in read(client, reader)


# --- a question that was reworded ---


class TestReworded:
    """The same key under another text is another question."""

    def test_what_was_said_of_the_old_words_is_told_with_them(
        self, client: Client, advisory: Advisory, reader: Recipient
    ) -> None:
        send(client, reader)
        reworded(advisory, "Move everything")
        page = read(client, reader)
        assert "Of revision 1, where it read “ Move ”, you said: done." in page
        assert "You said: done" not in page

    def test_one_with_the_same_words_keeps_what_was_said(
        self, client: Client, advisory: Advisory, reader: Recipient
    ) -> None:
        send(client, reader)
        reworded(advisory, "Move")
        assert "You said: done." in read(client, reader)

    @pytest.mark.parametrize(("text", "chosen"), [("Move everything", 1), ("Move", 2)])
    @pytest.mark.parametrize("agent", [AGENT, SCANNER])
    def test_a_form_of_the_old_words_comes_back_without_its_choice(
        self, client: Client, advisory: Advisory, reader: Recipient, text: str, chosen: int, agent: str
    ) -> None:
        answer = {"form": form_in(see(client, reader)), "read": "help", "a-move": "na", "text": "which one?"}
        answer["a-move-why"] = "" if agent == AGENT else "We never meet"
        reworded(advisory, text)
        page = Client(headers={"user-agent": agent}).post(link(reader), answer).content.decode()
        assert len(re.findall(r" checked", page)) == chosen
        assert "which one?</textarea>" in page
        assert ("A question that changed is asked anew." in page) is (chosen == 1)
        assert ("We never meet" in page) is (chosen == 2 and agent == SCANNER)

    def test_it_is_open_again_for_a_body_too(self, client: Client, advisory: Advisory, mia: Recipient) -> None:
        send(client, mia, **{"b-count-all": "done"})
        reworded(advisory, "Count everything", "count", "body")
        assert "Of revision 1, where it read “ Count ”, the answer was: done." in read(client, mia)


# --- what somebody else said ---


class TestPutDown:
    """What was put down by telephone is not what they said themselves."""

    def test_it_says_who_put_it_down_how_and_when(self, client: Client, reader: Recipient) -> None:
        put_down(reader)
        page = read(client, reader)
        assert "Ben Contact put down, told by telephone on Tuesday 28 April 2020, 14:05 BST: done." in page
        assert "You said" not in page
        assert "Answer it yourself" in page

    def test_what_was_left_open_there_was_said_by_nobody(self, client: Client, reader: Recipient) -> None:
        put_down(reader, "later")
        page = see(client, reader)
        assert "put down, told" not in text_of(page[page.index('<form id="answer"') :])
        assert "Still open: Move" in text_of(page)

    def test_whoever_is_asked_once_more_reads_whose_answer_it_was(
        self, client: Client, advisory: Advisory, reader: Recipient
    ) -> None:
        put_down(reader)
        reworded(advisory, "Move")
        page = read(client, reader)
        assert "What Ben Contact put down for you, told by telephone on Tuesday 28 April 2020, 14:05 BST" in page
        assert "Your answer to revision 1" not in page

    def test_so_do_the_earlier_answers(self, client: Client, reader: Recipient) -> None:
        put_down(reader)
        send(client, reader, **{"a-move": "will"})
        page = read(client, reader)
        told = "put down by Ben Contact, told by telephone on Tuesday 28 April 2020, 14:05 BST. Receipt"
        assert told in page
        assert re.search(r"14:05 BST\. Receipt \w+\. Move: done", page)


@pytest.mark.parametrize("state", ["stood-down", "expired"])
def test_nobody_is_still_asked_once_it_is_over(
    client: Client, advisory: Advisory, reader: Recipient, state: str
) -> None:
    page = see(client, reader, "?as=office")
    answer = {"form": form_in(page), "read": "yes", "a-move": "done", "office": "1", "name": "Sam Clerk"}
    assert client.post(f"{link(reader)}?as=office", answer).status_code == 303
    assert "you are still asked" in read(client, reader)
    Advisory.objects.update(state=state, review_by=timezone.now())
    for query in ("", "?as=office"):
        page = read(client, reader, query)
        assert "still asked" not in page
        assert "Sam Clerk" in page


def test_somebody_of_the_office_reads_that_they_have_answered(client: Client, reader: Recipient) -> None:
    send(client, reader)
    page = read(client, reader, "?as=office")
    assert "Rita Reader has answered already." in page
    assert "still asked" not in page
    assert "Mail it to Rita Reader" in page


def test_a_shared_mailbox_is_nobody_who_leaves(client: Client, reader: Recipient) -> None:
    Person.objects.update(shared=True)
    page = see(client, reader)
    assert f'<a href="{link(reader)}/left">This mailbox is no longer used</a>' in page
    assert "not-me" not in page
    assert "has left" not in page


# --- what looks like a machine's ---


def test_it_comes_back_with_all_that_was_typed_and_the_next_press_counts(client: Client, reader: Recipient) -> None:
    given = {"read": "help", "text": "half a thought", "a-move": "na", "a-move-why": "We never meet"}
    scanner = Client(headers={"user-agent": SCANNER})
    form = form_in(see(client, reader))
    page = scanner.post(link(reader), {"form": form, **given})
    html = page.content.decode()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert len(re.findall(r" checked", html)) == 2
    assert form_in(html) != form
    for words in ("half a thought</textarea>", 'value="We never meet"', 'name="proof"', "Was that you?"):
        assert words in html
    assert Acknowledgement.objects.get().suspect
    assert scanner.post(link(reader), {"form": form_in(html), **given, "proof": "0017"}).status_code == 303
    assert ActionAnswer.objects.latest("pk").text == "We never meet"
    reader.refresh_from_db()
    assert reader.answered_revision == 1


def test_a_reply_from_elsewhere_came_in_their_name_and_not_from_this_link(client: Client, reader: Recipient) -> None:
    question = answers.question(reader.pk, 1)
    assert question
    answers.keep(question, Given(How.REPLY, Read.YES, uuid4(), suspect=["another address"]))
    page = read(client, reader)
    assert "came in your name" in page
    assert "from this link" not in page


def test_a_page_that_came_back_wrong_says_so_first(client: Client, reader: Recipient) -> None:
    assert "<title>Security advisory" in see(client, reader)
    assert "<title>Error: Security advisory" in send(client, reader, read="").content.decode()


# --- on paper ---


def test_on_paper_it_says_what_is_asked_in_dark_ink(live_server: LiveServer, mia: Recipient) -> None:
    with open_page(color_scheme="dark") as page:
        page.goto(live_server.url + link(mia))
        assert not page.locator("section.printed").is_visible()
        page.emulate_media(media="print", color_scheme="dark")
        asked = page.locator("section.printed")
        assert asked.is_visible()
        for words in ("Answer by", "Move, by", "Count, by", "you answer for Audit; Border"):
            assert words in asked.inner_text()
        ink = page.evaluate("getComputedStyle(document.querySelector('.lead')).color")
        assert max(map(int, re.findall(r"\d+", ink)[:3])) < 100
