"""The development mailbox: a mail that was taken is on disk, a bounce bounces, and the pages show what came."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client

from config.mailbox import Mailbox, refusals
from config.mailbox_store import Store
from tests.stack import free_port, until

ROOT = Path(__file__).resolve().parent.parent


def no_such(address: str) -> str | None:
    return "550 5.1.1 No such mailbox here" if address.startswith("gone@") else None


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    started = Mailbox(tmp_path / "mail", refuses=no_such).start()
    yield started
    started.stop()


def letter(subject: str = "Do not use Zoom \u2014 confidential", to: str = "ann@who.example") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alerts@tocsin.example", to, subject
    mail.set_content("Answer here: http://127.0.0.1:8000/a/abc\n")
    mail.add_alternative('<p>Answer <a href="http://127.0.0.1:8000/a/abc">here</a></p>', subtype="html")
    return mail


def send(mailbox: Mailbox, *mails: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as line:
        for mail in mails:
            line.send_message(mail)


def test_a_mail_is_kept_with_its_envelope(mailbox: Mailbox) -> None:
    send(mailbox, letter())
    [entry] = mailbox.mails()
    assert (entry.recipients, entry.sender) == ("ann@who.example", "alerts@tocsin.example")
    assert entry.subject == "Do not use Zoom \u2014 confidential"
    kept = mailbox.store.get(entry.id)
    assert kept is not None
    assert kept["Delivered-To"] == "ann@who.example"
    assert "Answer here" in str(kept.get_body(("plain",)))


def test_an_address_that_bounces_is_refused_and_its_mail_not_kept(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as line, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        line.sendmail("alerts@tocsin.example", ["gone@who.example"], letter().as_bytes())
    assert refused.value.recipients == {"gone@who.example": (550, b"5.1.1 No such mailbox here")}
    assert mailbox.mails() == []


def test_pipelined_commands_are_answered_one_by_one(mailbox: Mailbox) -> None:
    with socket.create_connection(("127.0.0.1", mailbox.port)) as line, line.makefile("rb") as answers:
        line.sendall(b"EHLO here\r\n")
        answers.readline()
        offered = [answers.readline()]
        while not offered[-1].startswith(b"250 "):
            offered.append(answers.readline())
        assert b"250-PIPELINING\r\n" in offered
        line.sendall(
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<gone@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n"
            b"Subject: one\r\n\r\n..dot\r\n.\r\n"
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<d@b.example>\r\nDATA\r\nSubject: two\r\n\r\nx\r\n.\r\nQUIT\r\n"
        )
        codes = [answer[:3] for answer in answers]
    assert codes == [b"250", b"550", b"250", b"354", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert [(entry.recipients, entry.subject) for entry in mailbox.mails()] == [
        ("c@b.example", "one"),
        ("d@b.example", "two"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n",
        b"Subject: x\r\n\r\nends with a stop.\r\nand goes on\r\n",
        b"Subject: x\r\n\r\n.\r\n..\r\n.hidden\r\n",
        b".first\r\n",
        b"Subject: x\r\n\r\n" + b"0123456789.\r\n" * 20_000,
        b"Subject: x\r\n\r\n" + (b"x" * 990 + b"\r\n") * 300 + b"\r\n",
    ],
)
def test_what_is_sent_is_kept_to_the_byte(mailbox: Mailbox, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as line:
        line.sendmail("a@b.example", ["c@b.example"], content)
        line.sendmail("a@b.example", ["d@b.example"], b"Subject: next\r\n\r\n")
    first, second = mailbox.mails()
    whole = mailbox.store.path(first.id).read_bytes()
    assert whole == b"Return-Path: <a@b.example>\r\nDelivered-To: c@b.example\r\n" + content
    assert second.subject == "next"


def test_a_line_that_is_too_long_is_refused_and_the_next_mail_is_taken(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as line:
        with pytest.raises(smtplib.SMTPDataError, match="Line too long"):
            line.sendmail("a@b.example", ["c@b.example"], b"Subject: x\r\n\r\n" + b"x" * 200_000)
        line.sendmail("a@b.example", ["d@b.example"], b"Subject: next\r\n\r\n")
    assert [entry.subject for entry in mailbox.mails()] == ["next"]


def test_the_newest_come_first_and_a_search_takes_signs_as_they_are(mailbox: Mailbox) -> None:
    send(
        mailbox, *(letter(f"Mail {n}", f"p_{n}@who.example") for n in range(12)), letter("100% sure", "pax@who.example")
    )
    mailbox.mails()
    assert [entry.id for entry in mailbox.store.page(limit=3)] == [13, 12, 11]
    assert [entry.subject for entry in mailbox.store.page("P_1")] == ["Mail 11", "Mail 10", "Mail 1"]
    assert mailbox.store.count("0%") == 1
    assert mailbox.store.count("p_") == 12


def test_a_mail_answered_with_250_survives_a_kill(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "config.mailbox"],
        cwd=ROOT,
        env={**os.environ, "MAILBOX_DIR": str(tmp_path), "MAILBOX_PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        until("the mailbox listens", lambda: _listens(port))
        with smtplib.SMTP("127.0.0.1", port) as line:
            line.send_message(letter("before the kill"))
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        process.kill()
        process.wait()
    again = Mailbox(tmp_path).start()
    try:
        assert [entry.subject for entry in again.mails()] == ["before the kill"]
        send(again, letter("after"))
        assert [entry.id for entry in again.mails()] == [1, 2]
    finally:
        again.stop()


def test_a_mail_whose_headers_nobody_can_read_is_kept_and_listed(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as line:
        line.sendmail("a@b.example", ["c@b.example"], b"Subject: =?nothing?q?=ff?= \xff\xfe\r\nTo: <<,\r\n\r\nbody\r\n")
    [entry] = mailbox.mails()
    assert entry.recipients == "c@b.example"
    assert mailbox.store.get(entry.id) is not None


def test_a_refusing_function_is_named_by_its_module() -> None:
    refuses = refusals("tests.test_mailbox:no_such")
    assert refuses is not None
    assert refuses("gone@who.example") == "550 5.1.1 No such mailbox here"
    assert refusals("") is None


# --- its pages ---


@pytest.fixture
def pages(mailbox: Mailbox, settings: pytest.FixtureRequest, client: Client) -> Client:
    settings.DEBUG = True  # type: ignore[attr-defined]
    settings.MAILBOX_DIR = mailbox.store.place  # type: ignore[attr-defined]
    return client


def test_an_empty_mailbox_says_so(pages: Client, db: None) -> None:
    assert "No mail yet" in pages.get("/mailbox/").content.decode()


def test_the_list_is_paged_and_counts_all(mailbox: Mailbox, pages: Client, db: None) -> None:
    send(mailbox, *(letter(f"Mail {n:03}", f"p{n:03}@who.example") for n in range(51)))
    mailbox.mails()
    first = pages.get("/mailbox/").content.decode()
    assert "51 mails" in first
    assert first.index("Mail 050") < first.index("Mail 001")
    assert "Mail 000" not in first
    assert "Mail 000" in pages.get("/mailbox/?page=2").content.decode()
    found = pages.get("/mailbox/?q=p007").content.decode()
    assert "1 of 51 mails" in found
    assert "Mail 007" in found


def test_a_mail_is_shown_as_its_reader_sees_it(mailbox: Mailbox, pages: Client, db: None) -> None:
    send(mailbox, letter())
    mailbox.mails()
    page = pages.get("/mailbox/1/").content.decode()
    for shown in ("Do not use Zoom \u2014 confidential", "ann@who.example", "Answer here", "/mailbox/1/html/"):
        assert shown in page
    assert "allow-scripts" not in page
    assert "allow-same-origin" not in page


def test_the_letter_runs_nothing_fetches_nothing_and_its_links_open(mailbox: Mailbox, pages: Client, db: None) -> None:
    send(mailbox, letter())
    mailbox.mails()
    answer = pages.get("/mailbox/1/html/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert '<base target="_blank">' in answer.content.decode()


@pytest.mark.parametrize("address", ["/mailbox/", "/mailbox/1/", "/mailbox/1/html/"])
def test_outside_development_there_is_no_mailbox(
    address: str, mailbox: Mailbox, pages: Client, settings: pytest.FixtureRequest, db: None
) -> None:
    send(mailbox, letter())
    mailbox.mails()
    assert pages.get(address).status_code == 200
    settings.DEBUG = False  # type: ignore[attr-defined]
    assert pages.get(address).status_code == 404


def test_looking_is_all_that_can_be_done(pages: Client, db: None) -> None:
    assert pages.post("/mailbox/").status_code == 405
    assert pages.get("/mailbox/99/").status_code == 404


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_deleting_the_index_loses_nothing(tmp_path: Path) -> None:
    first = Mailbox(tmp_path).start()
    send(first, letter("one"), letter("two"))
    first.stop()
    for path in tmp_path.glob(".index*"):
        path.unlink()
    store = Store(tmp_path)
    store.open()
    try:
        assert [entry.subject for entry in store.page()] == ["two", "one"]
    finally:
        store.close()
