"""A reply tried out in the demo's mailbox: it goes the way of every reply, and says what it was taken for."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tokens
from alerts.models import Acknowledgement, Recipient
from config.mailbox_store import Store
from tests import rows
from tests.test_tracking import mail_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def dana() -> Recipient:
    of = rows.advisory()
    made = rows.recipient(of, rows.relay(of, "treasury"), who=rows.person("Dana Whitlock"))
    mail_of(made, sent_at=timezone.now() - timedelta(hours=1))
    return made


@pytest.fixture
def mailbox(tmp_path: Path, settings: SettingsWrapper) -> Store:
    settings.DEBUG, settings.MAILBOX_DIR = True, tmp_path
    store = Store(tmp_path)
    store.open()
    return store


def keep(mailbox: Store, dana: Recipient, *, replies: bool = True) -> str:
    """Her mail in the mailbox; where it is shown."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "Alerts <alerts@tocsin.example>", f"Dana Whitlock <{dana.person.email}>"
    mail["Subject"], mail["Message-ID"] = "[High] Do not use Zoom — at all", "<one@tocsin.example>"
    if replies:
        mail["Reply-To"] = f"alerts+{tokens.make_32(dana.pk, dana.token_issue, tokens.REPLY)}@tocsin.example"
    mail.set_content("Reply Done if you have done it all. — Yours\n")
    number = mailbox.keep("alerts@tocsin.example", [dana.person.email], mail.as_bytes())
    mailbox.flush()
    return f"/mailbox/{number}/"


def replied(client: Client, where: str, text: str) -> str:
    return client.post(f"{where}reply/", {"text": text}, follow=True).content.decode()


def test_what_is_typed_is_taken_as_it_would_be_by_mail(client: Client, mailbox: Store, dana: Recipient) -> None:
    where = keep(mailbox, dana)
    assert "Reply, as Dana Whitlock" in client.get(where).content.decode()
    assert "Taken as an answer: read, and needs help." in replied(client, where, "Help please")
    made = Acknowledgement.objects.get()
    assert (made.recipient, made.how, made.read, made.suspect) == (dana, "reply", "help", [])
    html = replied(client, where, "Read")
    assert "Taken as an answer: read and understood. Receipt" in html
    assert "Taken as an answer: says that it looks like phishing." in replied(client, where, "Is this genuine?")


def test_what_says_nothing_is_no_answer_and_is_said_to_be_none(client: Client, mailbox: Store, dana: Recipient) -> None:
    where = keep(mailbox, dana)
    for text in ("ok", "", "שלום <script>", "x" * 9_000):
        assert "Not taken as an answer" in replied(client, where, text)
    assert not Acknowledgement.objects.exists()


def test_a_mail_that_wants_no_reply_has_no_box_and_takes_none(client: Client, mailbox: Store, dana: Recipient) -> None:
    where = keep(mailbox, dana, replies=False)
    assert "Send the reply" not in client.get(where).content.decode()
    assert "No answer is looked for there" in replied(client, where, "Read")


def test_outside_development_there_is_no_reply(
    client: Client, mailbox: Store, dana: Recipient, settings: SettingsWrapper
) -> None:
    where = keep(mailbox, dana)
    assert client.get(f"{where}reply/").status_code == 405
    assert client.post("/mailbox/99/reply/").status_code == 404
    assert Client(enforce_csrf_checks=True).post(f"{where}reply/", {"text": "Read"}).status_code == 403
    settings.DEBUG = False
    assert client.post(f"{where}reply/", {"text": "Read"}).status_code == 404
    assert not Acknowledgement.objects.exists()
