"""What comes back to our address: reports, answers of machines and people's own words, told apart, and read from a mailbox."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import inbound, tokens
from alerts.cascading.cascade import cascade
from alerts.delivery import tracking
from alerts.delivery.deliver import deliver
from alerts.inbound import mailbox
from alerts.inbound.reading import MOST_BOUNDARIES, Kind, Read, classify, is_knotted
from alerts.models import Heartbeat, Recipient, TrackingEvent
from config.mail_url import mailbox as mailbox_of
from departments import people
from departments.models import Person
from tests.imap import PASSWORD, Imap
from tests.office import Office
from tests.smtp import Server
from tests.test_counting import figures_of_rows, figures_read
from tests.test_tracking import Told
from tests.yards import within

WHEN = datetime(2020, 4, 24, 12, 30, tzinfo=UTC)
NOW = WHEN + timedelta(hours=1)
TOKEN = tokens.make_32(7, 0, tokens.RETURN)
REPLY = tokens.make_32(9, 0, tokens.REPLY)
FAILED = (
    "Final-Recipient: rfc822; ada@rows.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown"
)


def mail(headers: str, body: str = "Hello.", to: str = f"alerts+{TOKEN}@tocsin.example") -> bytes:
    dated = "Date: Fri, 24 Apr 2020 12:30:00 +0000\nMessage-ID: <one@mx.example>\n"
    return f"To: {to}\n{dated}{headers}\n\n{body}\n".encode()


def report(
    *recipients: str, original: str = "", headers: str = "", to: str = f"alerts+{TOKEN}@tocsin.example"
) -> bytes:
    parts = [
        "Content-Type: text/plain\n\nThis is the mail system.",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n" + "\n\n".join(recipients) + "\n",
        *([original] if original else []),
    ]
    body = "".join(f"--b\n{part}\n" for part in parts) + "--b--"
    type_ = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'
    return mail(f"From: MAILER-DAEMON@mx.example\nReturn-Path: <>\n{type_}{headers}", body, to)


def read(raw: bytes, **envelope: str) -> Read:
    """The same whoever parsed it: a mailbox's reader, or Anymail."""
    found = classify(message_from_bytes(raw), NOW, **envelope)
    assert classify(message_from_bytes(raw, policy=default), NOW, **envelope) == found
    return found


# --- reports (RFC 3464) ---


def test_a_report_that_it_failed_is_a_bounce_with_the_servers_words() -> None:
    found = read(report(FAILED))
    assert (found.kind, found.token, found.words) == (Kind.BOUNCED, TOKEN, "550 5.1.1 unknown")
    assert (found.address, found.at, found.key) == ("ada@rows.example", WHEN, "<one@mx.example>")
    assert found.is_done


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Action: failed\nStatus: 5.1.1", Kind.BOUNCED),
        ("Action: FAILED\nStatus: 4.4.7", Kind.BOUNCED),
        ("Action: delayed\nStatus: 4.4.1", Kind.DEFERRED),
        ("Action: delivered\nStatus: 2.0.0", Kind.DELIVERED),
        ("Status: 5.2.2", Kind.BOUNCED),
        ("Status: 4.2.2", Kind.DEFERRED),
        ("Action: relayed\nStatus: 2.0.0", Kind.REPLY),
        ("Action: expanded\nStatus: 2.0.0", Kind.REPLY),
        ("Action: exploded", Kind.REPLY),
        ("", Kind.REPLY),
    ],
)
def test_what_a_report_says_is_the_action_and_without_one_the_status(said: str, kind: Kind) -> None:
    assert read(report(f"Final-Recipient: rfc822; ada@rows.example\n{said}")).kind == kind


def test_of_several_people_in_a_report_the_gravest_word_counts() -> None:
    assert (
        read(report("Action: delivered\nStatus: 2.0.0", FAILED, "Action: delayed\nStatus: 4.0.0")).kind == Kind.BOUNCED
    )


@pytest.mark.parametrize(
    "headers",
    [
        f"\nDelivered-To: alerts+{TOKEN}@tocsin.example",
        f"\nX-Original-To: <ALERTS+{TOKEN.upper()}@TOCSIN.EXAMPLE>",
        f"\nX-Forwarded-To: SRS0=ab=cd=tocsin.example=alerts+{TOKEN}@forward.example",
    ],
)
def test_the_token_is_found_in_the_address_to_which_it_came(headers: str) -> None:
    assert read(report(FAILED, headers=headers, to="alerts@tocsin.example")).token == TOKEN


def test_the_token_is_found_in_what_the_provider_says_of_the_envelope() -> None:
    raw = report(FAILED, to="alerts@tocsin.example")
    assert read(raw).token == ""
    assert read(raw, envelope_to=f"alerts+{TOKEN}@tocsin.example").token == TOKEN


@pytest.mark.parametrize(
    "original",
    [
        f"Content-Type: message/rfc822\n\nReturn-Path: <alerts+{TOKEN}@tocsin.example>\nSubject: A warning\n\nText.",
        f"Content-Type: text/rfc822-headers\n\nX-Tocsin: {TOKEN}\nSubject: A warning",
        f"Content-Type: message/global-headers\n\nX-Tocsin: {TOKEN}\nSubject: A warning",
    ],
)
def test_the_token_is_found_in_the_mail_that_came_back(original: str) -> None:
    assert read(report(FAILED, original=original, to="alerts@tocsin.example")).token == TOKEN


def test_a_bounce_that_somebody_forwards_is_theirs_and_no_bounce() -> None:
    inner = report(FAILED).decode()
    body = f"--c\nContent-Type: text/plain\n\nLook at this.\n--c\nContent-Type: message/rfc822\n\n{inner}\n--c--"
    found = read(mail('From: cas@rows.example\nContent-Type: multipart/mixed; boundary="c"', body))
    assert (found.kind, found.is_done) == (Kind.REPLY, False)


@pytest.mark.parametrize("forged", ["", "a" * 35, TOKEN[:-1], TOKEN[1:], REPLY])
def test_a_bounce_without_our_own_token_changes_nothing(forged: str) -> None:
    found = read(report(FAILED, to=f"alerts+{forged}@tocsin.example"))
    assert found.token == ""
    assert found.is_done == (forged == REPLY)


@pytest.mark.parametrize(
    "dated", ["Date: never", "Date: Sun, 1 Jan 1990 00:00:00 +0000", "Date: Fri, 1 Jan 2060 00:00:00 +0000"]
)
def test_a_report_that_is_dated_wrongly_is_of_when_it_came(dated: str) -> None:
    raw = report(FAILED).replace(b"Date: Fri, 24 Apr 2020 12:30:00 +0000", dated.encode())
    assert read(raw).at == NOW


# --- bounces of before there were reports ---

QMAIL = (
    "Hi. This is the qmail-send program at mx.example.\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
    "<ada@rows.example>:\n192.0.2.5 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\n\n"
    "--- Below this line is a copy of the message.\n\n"
)


@pytest.mark.parametrize("said", ["550 5.1.1 User unknown", "550 User unknown", "551-5.1.6 User moved", "#5.1.1"])
@pytest.mark.parametrize(
    "headers",
    [
        "From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nSubject: failure notice",
        "From: Postmaster@mx.example\nReturn-Path: <>\nSubject: Re: a warning\nAuto-Submitted: auto-replied",
        "From: gateway@mx.example\nReturn-Path: <>\nSubject: Undeliverable: a warning",
    ],
)
def test_a_bounce_of_before_there_were_reports_counts_where_it_says_why(headers: str, said: str) -> None:
    found = read(mail(headers, QMAIL.replace("550 5.1.1 User unknown", said)))
    assert (found.kind, found.words) == (Kind.BOUNCED, f"Remote host said: {said}")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        # No code; only in what was returned; from somebody; a number that is none; nobody says that it is a bounce.
        ("Return-Path: <>", QMAIL.replace("550 5.1.1", "")),
        ("Return-Path: <>", QMAIL.replace("550 5.1.1", "") + "550 5.1.1 stands in the warning\n"),
        ("From: cas@rows.example\nReturn-Path: <cas@rows.example>", QMAIL),
        ("Return-Path: <>", "Your parcel could not be delivered to room 5501, call 555 1234 or 10.5.1.1"),
        ("Return-Path: <>\nSubject: Undelivered parcels", "They are in room 540 or at 500 High Street."),
        ("Return-Path: <>\nSubject: A warning", "It could not be delivered: 550 5.1.1 unknown"),
        ("From: ada@rows.example\nReturn-Path: <ada@rows.example>\nSubject: Re: returned mail", "I got: 550 5.1.1 no"),
    ],
)
def test_otherwise_it_is_left_to_people(headers: str, body: str) -> None:
    assert read(mail(headers, body)).kind == Kind.REPLY


# --- machines and people ---


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation); owner=ada",
        "Auto-Submitted: auto-generated",
        "X-Autoreply: yes",
        "X-Autorespond: Re: warning",
        "Precedence: auto_reply",
        "Precedence: bulk",
        "Auto-Submitted: auto-replied\nReturn-Path: <>",
        "X-Autoreply: yes\nReturn-Path: <>\nSubject: Automatic reply: delivery of fuel fails",
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        "I am away. In urgent cases ring 555 1234 or 5.1.1.",
        "I have permanently left, and your message did not reach me.\n540 is the desk's extension, 512 the room.",
    ],
)
def test_out_of_office_is_no_bounce(headers: str, words: str) -> None:
    found = read(mail(f"From: ada@rows.example\n{headers}", words))
    assert (found.kind, found.token, found.is_done) == (Kind.AWAY, TOKEN, True)


def test_out_of_office_that_returns_our_whole_mail_is_no_bounce_and_no_mail_of_ours() -> None:
    whole = f"Return-Path: <alerts+{TOKEN}@tocsin.example>\nList-Id: <alerts.tocsin.example>\nX-Tocsin: {TOKEN}\n\nText"
    body = f"--b\nContent-Type: text/plain\n\nAway.\n--b\nContent-Type: message/rfc822\n\n{whole}\n--b--"
    away = 'Return-Path: <>\nAuto-Submitted: auto-replied\nContent-Type: multipart/mixed; boundary="b"'
    assert read(mail(away, body)).kind == Kind.AWAY


def test_out_of_office_in_answer_to_the_reply_address_is_done_with_and_says_nothing() -> None:
    found = read(mail("Auto-Submitted: auto-replied", to=f"alerts+{REPLY}@tocsin.example"))
    assert (found.kind, found.token, found.is_done) == (Kind.AWAY, "", True)


def test_a_read_receipt_is_no_bounce() -> None:
    receipt = (
        "Content-Type: message/disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; displayed"
    )
    body = f"--b\n{receipt}\n--b--"
    type_ = 'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"'
    assert read(mail(type_, body)).kind == Kind.RECEIPT


def test_what_a_list_sends_is_nobodys_answer() -> None:
    assert read(mail("List-Id: <talk.rows.example>")).kind == Kind.LIST
    assert not read(mail("Precedence: list")).is_done


@pytest.mark.parametrize(
    "headers",
    [
        "From: cas@rows.example",
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: OOF, AutoReply",  # asks for no answers of machines, and is none
        "From: mailer-daemon@mx.example\nReturn-Path: <>",
    ],
)
def test_a_persons_own_words_are_left_to_people(headers: str) -> None:
    found = read(mail(headers, "Which of our meetings does this mean?"))
    assert (found.kind, found.is_done) == (Kind.REPLY, False)


def test_a_mail_of_ours_that_arrived_is_known_by_its_token(settings: SettingsWrapper) -> None:
    settings.ALERTS_FROM = "alerts@tocsin.example"
    ours = "List-Id: <alerts.tocsin.example>\nAuto-Submitted: auto-generated\nX-Auto-Response-Suppress: All"
    to = "canary@big-mail.example"
    assert read(mail(f"{ours}\nX-Tocsin: {TOKEN}", to=to)).token == TOKEN
    found = read(mail(f"{ours}\nReturn-Path: <alerts+{TOKEN}@tocsin.example>", to=to))
    assert (found.kind, found.token, found.is_done) == (Kind.OURS, TOKEN, True)
    assert found.at == NOW, "when it was found, and not when it left"
    assert not read(mail(ours, to=to)).is_done


def test_what_takes_long_to_read_is_known_before_it_is_read() -> None:
    def nested(times: int, sign: bytes = b"=") -> bytes:
        part = b'Content-Type: multipart/mixed; boundary%s"b%d"\n\n--b%d\n'
        return b"To: alerts@tocsin.example\n" + b"".join(part % (sign, n, n) for n in range(times))

    assert not is_knotted(report(FAILED) + nested(8) + b"boundary " * 100)
    for sign in (b"=", b" =", b"*0*=", b"\n =", b"\\n =", b"%3D", b"+%3d"):
        assert is_knotted(nested(MOST_BOUNDARIES + 1, sign))
    many = mail("\n".join(f"Delivered-To: {('b' * 27 + '@ ') * 130}" for _ in range(20)))
    assert within(200, lambda: read(many)).kind == Kind.REPLY


headers = st.sampled_from(
    ["Content-Type", "To", "Date", "Message-ID", "Auto-Submitted", "Return-Path", "List-Id", "From", "Status", "\udcff"]
)
lines = st.lists(st.tuples(headers, st.text(max_size=40)), max_size=8)


@bounded(max_examples=150, deadline=None)
@given(said=lines, body=st.binary(max_size=200), cut=st.integers(0, 900), whole=st.booleans())
def test_no_mail_however_strange_raises(said: list[tuple[str, str]], body: bytes, cut: int, whole: bool) -> None:
    strange = "\n".join(f"{name}: {value}" for name, value in said).encode("utf-8", "surrogatepass") + b"\n\n" + body
    raw = strange if whole else report(FAILED)[:cut] + strange
    for message in (message_from_bytes(raw), message_from_bytes(raw, policy=default)):
        assert classify(message, NOW).kind in Kind


# --- what becomes of it ---


def bounce_of(told: Told, headers: str = "") -> bytes:
    """Dated now: only what is new says something of an address."""
    raw = report(FAILED, to=f"alerts+{tokens.make_32(told.mail.pk, 0, tokens.RETURN)}@tocsin.example", headers=headers)
    return raw.replace(b"Date: Fri, 24 Apr 2020 12:30:00 +0000\n", b"")


@pytest.mark.django_db
@pytest.mark.parametrize("key", [b"<one@mx.example>", b"<caf\xe9@mx.example>"])
def test_a_bounce_is_an_event_once_however_often_it_is_read(key: bytes) -> None:
    told = Told()
    for _ in range(2):
        inbound.take(message_from_bytes(bounce_of(told).replace(b"<one@mx.example>", key)), timezone.now())
    tracking.match()
    event = TrackingEvent.objects.get()
    assert (event.provider, event.type, event.said) == ("smtp", "bounced", "550 5.1.1 unknown")
    assert told.stands == ("bounced", "bounced", 0, "bounced", None)


@pytest.mark.django_db
def test_what_is_not_about_a_mail_of_ours_is_no_event() -> None:
    for raw in (report(FAILED, to="alerts@tocsin.example"), mail("From: cas@rows.example"), mail("List-Id: <x.y>")):
        inbound.take(message_from_bytes(raw), NOW)
    assert not TrackingEvent.objects.exists()


@pytest.mark.django_db
def test_a_mail_that_left_by_smtp_comes_back_and_is_sent_anew_once_the_address_is_right(
    office: Office, server: Server, settings: SettingsWrapper
) -> None:
    """The whole way: what stands in the return path when a mail leaves is what a report of it is known by."""
    settings.ALERTS_FROM = "alerts@tocsin.example"
    advisory = office.publish().advisory
    cascade(advisory.pk)
    while deliver():
        pass
    left = next(one for one in server.mails if one.recipients == ["cas@example.org"])
    assert left.sender.startswith("alerts+")
    inbound.take(message_from_bytes(report(FAILED, to=left.sender).replace(b"Date: ", b"X-Date: ")), timezone.now())
    tracking.match()
    recipient = Recipient.objects.get(advisory=advisory, person=office.cas)
    assert (recipient.outcome, recipient.told_revision, recipient.why) == ("bounced", 0, "550 5.1.1 unknown")
    office.ada.is_administrator = True
    people.correct(office.cas, office.ada, "cas.new@example.org", "Cas", "", shared=False)
    cascade(advisory.pk)
    server.answers["cas.new@example.org"] = "550 5.1.1 nor here"
    while deliver():
        pass
    recipient.refresh_from_db()
    assert (recipient.outcome, recipient.told_revision) == ("unreachable", 0), "refused after it came back is refused"
    people.correct(Person.objects.get(pk=office.cas.pk), office.ada, "cas.right@example.org", "Cas", "", shared=False)
    cascade(advisory.pk)
    while deliver():
        pass
    recipient.refresh_from_db()
    assert (recipient.outcome, recipient.told_revision) == ("", 1)
    assert [one.recipients for one in server.mails if "cas" in one.recipients[0]] == [
        ["cas@example.org"],
        ["cas.right@example.org"],
    ]
    assert figures_read(advisory) == figures_of_rows(advisory)


# --- the mailbox ---


@pytest.fixture(scope="module")
def imap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imap]:
    with Imap(tmp_path_factory.mktemp("imap")) as running:
        yield running


@pytest.fixture
def box(imap: Imap, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> Imap:
    settings.MAILBOX = mailbox_of("MAILBOX_URL", imap.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(imap.authority))
    cache.clear()
    imap.empty()
    return imap


@pytest.mark.django_db
def test_a_mailbox_is_read_and_peoples_own_mails_are_as_they_were(box: Imap) -> None:
    told = Told()
    ours = f"alerts+{tokens.make_32(told.mail.pk, 0, tokens.RETURN)}@tocsin.example"
    box.put(
        mail("Subject: question\nFrom: cas@rows.example", to=ours),
        bounce_of(told, "\nSubject: bounce"),
        mail("Subject: away\nAuto-Submitted: auto-replied", to=ours).replace(b"<one@", b"<two@"),
        report(FAILED, headers="\nSubject: forged", to="alerts@tocsin.example"),
    )
    assert mailbox.read() == 2
    assert box.flags() == {"question": "", "forged": ""}, "neither marked nor moved"
    assert box.flags("Tocsin") == {"bounce": r"\Seen", "away": r"\Seen"}
    assert sorted(TrackingEvent.objects.values_list("type", flat=True)) == ["autoresponded", "bounced"]
    tracking.match()
    assert told.stands[0] == "bounced"
    assert mailbox.read() == 0
    box.put(mail("Subject: later\nAuto-Submitted: auto-replied", to=ours))
    assert mailbox.read() == 1


@pytest.mark.django_db
def test_read_from_the_start_again_it_is_the_same(box: Imap, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    box.put(bounce_of(told, "\nSubject: bounce"))
    monkeypatch.setattr(mailbox, "_put_away", lambda *_, **__: None)
    for _ in range(2):
        assert mailbox.read() == 1
        cache.clear()
    assert TrackingEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_run_reads_so_many_and_the_next_one_goes_on_behind_what_was_left_lying(
    box: Imap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "AT_ONCE", 2)
    told = Told()
    box.put(*(mail(f"Subject: question {n}\nFrom: cas@rows.example") for n in range(3)), bounce_of(told))
    assert [mailbox.read() for _ in range(3)] == [0, 1, 0]


@pytest.mark.django_db
def test_however_many_mails_there_are_no_answer_is_longer_than_a_range(
    box: Imap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """imaplib takes no line that is longer than a million octets."""
    named, uid = list[int](), imaplib.IMAP4.uid

    def counted(self: imaplib.IMAP4, command: str, *args: str) -> tuple[str, list[Any]]:
        answer = uid(self, command, *args)
        if command == "SEARCH":
            named.append(len(answer[1][0].split()))
        return answer

    monkeypatch.setattr(imaplib.IMAP4, "uid", counted)
    monkeypatch.setattr(mailbox, "RANGE", 3)
    box.put(*(mail(f"Subject: question {n}\nFrom: cas@rows.example") for n in range(7)), bounce_of(Told()))
    assert [mailbox.read(), mailbox.read()] == [1, 0]
    assert max(named) <= 3
    assert sum(named) >= 8


@pytest.mark.django_db
def test_a_mail_that_the_server_can_not_give_or_that_takes_long_stands_in_nobodys_way(
    box: Imap, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, uid = list[str](), imaplib.IMAP4.uid

    def broken(self: imaplib.IMAP4, command: str, *args: str) -> tuple[str, list[Any]]:
        if command == "FETCH":
            asked.append(args[0])
            if args[0] == asked[0]:
                return "NO", [b"[SERVERBUG] that mail is damaged"]
        return uid(self, command, *args)

    monkeypatch.setattr(imaplib.IMAP4, "uid", broken)
    monkeypatch.setattr(mailbox, "ASKED", 2)
    knot = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(99))
    box.put(mail("Subject: broken"), mail("Subject: knot", knot), bounce_of(Told(), "\nSubject: bounce"))
    assert mailbox.read() == 1
    assert "a mail that the mail server can't give" in caplog.text
    assert "a mail of too many parts" in caplog.text
    assert not Heartbeat.objects.filter(process=mailbox.AWAY).exists()
    for _ in range(mailbox.ASKED + 1):
        assert mailbox.read() == 0
    assert asked.count(asked[0]) == mailbox.ASKED, "it is asked for again, and not for ever"
    assert box.flags().keys() == {"broken", "knot"}


@pytest.mark.django_db
def test_a_server_that_gives_no_mail_at_all_is_away_and_gives_it_later(
    box: Imap, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.put(bounce_of(Told()))
    with monkeypatch.context() as away:
        away.setattr(mailbox, "_fetched", lambda *_: None)
        assert mailbox.read() == 0
    assert Heartbeat.objects.filter(process=mailbox.AWAY).exists()
    assert mailbox.read() == 1
    assert [one.process for one in Heartbeat.objects.all()] == [mailbox.WELL]


@pytest.mark.django_db
def test_where_a_mail_can_not_be_put_away_the_next_ones_are_read(box: Imap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaplib.IMAP4.create", lambda *_: ("NO", [b"[NOPERM]"]))
    box.put(bounce_of(Told()), bounce_of(Told()))
    assert mailbox.read() == 2
    assert mailbox.read() == 0


@pytest.mark.django_db
def test_a_canarys_mail_arrived_when_it_came_into_the_mailbox(box: Imap, settings: SettingsWrapper) -> None:
    settings.ALERTS_FROM = "alerts@tocsin.example"
    told, came = Told(), timezone.now().replace(microsecond=0) - timedelta(hours=2)
    token = tokens.make_32(told.mail.pk, 0, tokens.RETURN)
    ours = mail(f"List-Id: <alerts.tocsin.example>\nX-Tocsin: {token}", to="seed@rows.example")
    with box.opened() as opened:
        opened.append("INBOX", "", imaplib.Time2Internaldate(came), ours)
    assert mailbox.read() == 1
    assert TrackingEvent.objects.get().at == came


@pytest.mark.django_db
def test_a_reader_that_is_killed_each_time_leaves_since_when_it_was_tried_or_when_it_was_last_read(
    box: Imap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> int:
        raise MemoryError

    stands = Heartbeat.objects.order_by("process").values_list("process", "at")
    with monkeypatch.context() as each:
        each.setattr(mailbox, "_read", killed)
        for _ in range(2):
            with pytest.raises(MemoryError):
                mailbox.read()
            (first,) = stands.all()
    assert first[0] == mailbox.AWAY
    assert mailbox.read() == 0
    (well,) = stands.all()
    assert well[0] == mailbox.WELL
    monkeypatch.setattr(mailbox, "_read", killed)
    with pytest.raises(MemoryError):
        mailbox.read()
    assert list(stands.all()) == [well], "when it was last read stays"


@pytest.mark.django_db
def test_where_mail_can_not_be_moved_it_is_marked(box: Imap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaplib.IMAP4.capability", lambda _: ("OK", [b"IMAP4REV1"]))
    box.put(bounce_of(Told(), "\nSubject: bounce"))
    assert mailbox.read() == 1
    assert box.flags() == {"bounce": r"\Seen"}
    assert mailbox.read() == 0


@pytest.mark.django_db
def test_of_a_huge_mail_only_the_beginning_is_looked_at(box: Imap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LARGEST", 2_000)
    box.put(bounce_of(Told()) + b"x" * 20_000)
    assert mailbox.read() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("broken", ["password", "folder", "port", "certificate"])
def test_a_mailbox_that_can_not_be_had_is_a_line_in_the_log_without_the_password(
    broken: str, box: Imap, settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {
        "password": ("a%20pass%2Fword", "wrong%20secret"),
        "folder": ("INBOX", "nowhere"),
        "port": (f":{box.port}", ":1"),
        "certificate": ("localhost", "127.0.0.1"),
    }
    settings.MAILBOX = mailbox_of("MAILBOX_URL", box.url.replace(*changes[broken]))
    assert mailbox.read() == 0
    assert not TrackingEvent.objects.exists()
    assert "the mailbox can't be read" in caplog.text
    assert PASSWORD not in caplog.text
    assert "wrong secret" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_one_reader_at_a_time(box: Imap) -> None:
    box.put(bounce_of(Told()))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('alerts.mailbox'))")
        assert mailbox.read() == 0
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('alerts.mailbox'))")
    finally:
        other.close()
    assert mailbox.read() == 1


def test_without_a_mailbox_nothing_is_asked(settings: SettingsWrapper) -> None:
    settings.MAILBOX = None
    assert mailbox.read() == 0


@pytest.mark.parametrize(
    "url",
    [
        "imap://user:secret-word@host/INBOX",
        "imaps://host/INBOX",
        "imaps://user@host",
        "imaps://user:secret-word@host:port/",
        "imaps://user:secret-word@host/INBOX?tls=false",
        "imaps://user:secret-word@host/IN%0ABOX",
        "imaps://user:secret-wörd@host/INBOX",
        "https://user:secret-word@host",
        "user:secret-word@host",
    ],
)
def test_what_is_no_mailbox_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MAILBOX_URL must be like imaps://") as error:
        mailbox_of("MAILBOX_URL", url)
    assert "secret" not in str(error.value)


def test_a_mailbox_is_read_from_its_url() -> None:
    found = mailbox_of("MAILBOX_URL", "imaps://alerts%40x.example:a%2Fb@mail.example")
    assert (found.host, found.port, found.user, found.password, found.folder) == (
        "mail.example",
        993,
        "alerts@x.example",
        "a/b",
        "INBOX",
    )
    assert "a/b" not in repr(found)
