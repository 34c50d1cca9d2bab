"""Hostile: what comes back after a mail left, and what operators do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import cascade, inbound, judging, tokens, tracking
from alerts.inbound import mailbox
from alerts.inbound.reading import Kind, classify
from alerts.models import Batch, Message, Recipient, TrackingEvent
from departments import people
from departments.models import Person
from tests import rows
from tests.office import Office
from tests.smtp import Server
from tests.test_counting import figures_of_rows, figures_read
from tests.test_deliver import deliver_all, published
from tests.test_inbound import FAILED, mail, report
from tests.test_tracking import Told, at, heard, mail_of, said

NOON = datetime(2020, 4, 24, 12, tzinfo=UTC)


@pytest.fixture
def ann() -> Person:
    return rows.person("Ann Administrator", is_administrator=True)


def plain_mail(person: Person, **fields: object) -> Message:
    """A mail of no advisory, handed over."""
    batch = Batch.objects.create(rank=9, size=1, not_before=NOON, done_at=NOON, kind="check")
    return Message.objects.create(
        key=f"plain-{person.pk}-{timezone.now().timestamp()}",
        batch=batch,
        person=person,
        kind="check",
        state="sent",
        sent_at=NOON,
        personal={"address": person.email},
        **fields,
    )


# --- tracking ---


@pytest.mark.django_db
def test_a_plain_mail_that_arrived_is_not_forgotten_when_something_else_is_heard() -> None:
    told = Told()
    plain = plain_mail(told.person)
    said(heard(told.mail, "bounced", 0), heard(plain, "delivered", 5))
    assert told.stands[3] is None
    other = Told()
    late = mail_of(rows.recipient(other.advisory, other.relay, who=told.person))
    said(heard(late, "deferred", 10))
    assert told.stands[3] is None, "it arrived after it came back, whatever is heard of another mail"


@pytest.mark.django_db
@pytest.mark.parametrize("order", ["plain last", "plain first"])
def test_a_plain_mail_counts_the_same_in_whatever_order(order: str) -> None:
    told = Told()
    plain = plain_mail(told.person)
    events = [heard(told.mail, "bounced", 0), heard(plain, "delivered", 5)]
    said(*(events if order == "plain last" else reversed(events)))
    assert told.stands[3] is None


@pytest.mark.django_db
@pytest.mark.parametrize("order", ["late last", "late first"])
def test_a_plain_mail_that_is_late_is_late_in_whatever_order(order: str) -> None:
    told = Told()
    plain = plain_mail(told.person)
    events = [heard(told.mail, "delivered", -60), heard(plain, "deferred", 0)]
    said(*(events if order == "late last" else reversed(events)))
    assert told.stands[4] == "late"


@pytest.mark.django_db
def test_what_was_heard_while_it_stood_superseded_counts_once_it_was_noted_as_sent() -> None:
    """A worker that lost its lease has it in hand; the other one superseded it; the event comes between the two."""
    told = Told()
    Message.objects.filter(pk=told.mail.pk).update(state="superseded", sent_at=None, personal=None)
    Recipient.objects.filter(pk=told.recipient.pk).update(told_revision=0)
    said(heard(told.mail, "bounced", 0))
    import json

    from alerts.deliver import _execute
    from alerts.deliver_sql import NOTE_SENT

    _execute(
        NOTE_SENT,
        sent=json.dumps([{"id": told.mail.pk, "provider_id": "x", "personal": {"address": told.person.email}}]),
        now=at(1),
        number=1,
        route="mailgun",
    )
    tracking.match()
    assert told.stands[:4] == ("bounced", "bounced", 0, "bounced")


@pytest.mark.django_db(transaction=True)
def test_a_server_whose_clock_is_behind_does_not_have_somebody_mailed_again_and_again(
    office: Office, ann: Person, server: Server
) -> None:
    advisory = published(office)
    deliver_all()
    person = Person.objects.get(name="Person001")
    first = Message.objects.get(person=person)
    said(heard(first, "bounced", 0, at=timezone.now()))
    people.reached_again(Person.objects.get(pk=person.pk), ann)
    cascade.cascade(advisory.pk)
    deliver_all()
    before = len(server.mails)
    second = Message.objects.filter(person=person).latest("pk")
    assert second.pk != first.pk
    # It came back now; that server's clock is six minutes behind.
    said(heard(second, "bounced", 0, at=timezone.now() - timedelta(minutes=6)))
    for _ in range(3):
        cascade.compare_anew(advisory.pk)
        deliver_all()
        last = Message.objects.filter(person=person).latest("pk")
        said(heard(last, "bounced", 0, at=timezone.now() - timedelta(minutes=6)))
    assert len(server.mails) == before, "nobody put it right since it came back"


@pytest.mark.django_db
def test_a_provider_that_says_another_address_of_the_only_mail_with_its_id_is_heard() -> None:
    told = Told()
    Message.objects.filter(pk=told.mail.pk).update(provider_id="call-1")
    said(heard(told.mail, "bounced", 0, token="", provider_id="call-1", address="alias@rows.example"))
    assert told.stands[0] == "bounced"


@pytest.mark.django_db
def test_an_event_dated_before_christ_breaks_no_page() -> None:
    from datetime import timezone as tz

    told = Told()
    said(heard(told.mail, "bounced", 0, at=datetime(1, 1, 1, tzinfo=tz(timedelta(hours=14)))))
    assert told.stands[0] == "bounced"


@pytest.mark.django_db
def test_an_event_id_of_ten_thousand_characters_is_one_event() -> None:
    told = Told()
    from anymail.signals import AnymailTrackingEvent

    for _ in range(2):
        event = AnymailTrackingEvent(
            event_type="bounced", timestamp=NOON, event_id="é" * 10_000, message_id="m" * 10_000, recipient="a" * 10_000
        )
        one = tracking.heard_of(event, "Mailgun", NOON)
        assert one is not None
        tracking.store([one])
    assert TrackingEvent.objects.count() == 1
    assert told


# --- inbound ---


@pytest.mark.django_db
def test_a_bounce_with_a_strange_message_id_counts() -> None:
    told = Told()
    ours = f"alerts+{tokens.make_32(told.mail.pk, 0, tokens.RETURN)}@tocsin.example"
    raw = report(FAILED, to=ours).replace(b"<one@mx.example>", b"<caf\xe9@mx.example>")
    inbound.take(message_from_bytes(raw), timezone.now())
    tracking.match()
    assert told.stands[0] == "bounced"


@pytest.mark.parametrize(
    "words",
    [
        "We have permanently moved to 500 High Street.",
        "I have permanently left. Ring extension 540 or ask the desk.",
        "I am away until 3 May and your message did not reach me. In room 512 there is somebody.",
    ],
)
def test_out_of_office_from_nobody_with_a_number_in_it_is_no_bounce(words: str) -> None:
    raw = mail("From: ada@rows.example\nReturn-Path: <>\nSubject: Automatic reply\nAuto-Submitted: auto-replied", words)
    assert classify(message_from_bytes(raw), timezone.now()).kind == Kind.AWAY


def test_an_out_of_office_that_quotes_our_whole_mail_is_no_bounce() -> None:
    token = tokens.make_32(7, 0, tokens.RETURN)
    raw = mail(
        'From: ada@rows.example\nReturn-Path: <>\nSubject: Away\nAuto-Submitted: auto-replied\nContent-Type: multipart/mixed; boundary="b"',
        "--b\nContent-Type: text/plain\n\nAway.\n--b\nContent-Type: message/rfc822\n\n"
        f"Return-Path: <alerts+{token}@tocsin.example>\nList-Id: <alerts.tocsin.example>\nX-Tocsin: {token}\n\nHello\n--b--",
    )
    assert classify(message_from_bytes(raw), timezone.now()).kind == Kind.AWAY


def test_a_reply_from_a_person_whose_program_asks_for_no_answers_is_a_reply() -> None:
    raw = mail(
        "From: ada@rows.example\nSubject: Re: warning\nIn-Reply-To: <x@y>\nX-Auto-Response-Suppress: OOF, AutoReply",
        "Ring me, I can't open it.",
    )
    assert classify(message_from_bytes(raw), timezone.now()).kind == Kind.REPLY


def test_a_reply_that_says_550_is_a_reply() -> None:
    raw = mail(
        "From: ada@rows.example\nReturn-Path: <ada@rows.example>\nSubject: Re: warning",
        "I got: 550 5.1.1 permanent failure",
    )
    assert classify(message_from_bytes(raw), timezone.now()).kind == Kind.REPLY


def test_a_mail_of_many_nested_parts_is_read_in_no_time() -> None:
    import time

    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(400))
    raw = (b"To: alerts@tocsin.example\n" + nested).ljust(mailbox.LARGEST, b"\n")
    began = time.monotonic()
    try:
        classify(message_from_bytes(raw), timezone.now())
    except RecursionError:
        pass
    assert time.monotonic() - began < 3


# --- more ---


@pytest.mark.django_db
def test_what_a_provider_itself_did_not_send_blames_nobodys_address() -> None:
    """It stopped us in the middle: the account is suspended. While it is sent the same words condemn the route."""
    from anymail.signals import AnymailTrackingEvent

    told = Told(people=judging.IN_A_ROW + 10)
    for n, one in enumerate(told.mails):
        event = AnymailTrackingEvent(
            event_type="failed",
            timestamp=NOON,
            event_id=f"f{n}",
            message_id=f"m{n}",
            recipient=one.person.email,
            metadata={"token": tokens.make_32(one.pk, 0, tokens.RETURN)},
            description="Account suspended",
        )
        kept = tracking.heard_of(event, "Mailgun", NOON)
        assert kept is not None
        tracking.store([kept])
    tracking.match()
    assert Person.objects.exclude(bounced_at=None).count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_mail_of_no_advisory_that_is_put_off_for_weeks_ends(office: Office, server: Server) -> None:
    server.answers["cas@example.org"] = "451 4.7.1 later"
    long_ago = timezone.now() - timedelta(days=60)
    batch = Batch.objects.create(
        rank=0,
        kind="canary",
        size=1,
        not_before=long_ago,
        made_at=long_ago,
        attempt=100,
        about=office.publish().advisory,
    )
    one = Message.objects.create(key="canary:1:2", batch=batch, person=office.cas, kind="canary", attempt=100)
    deliver_all()
    one.refresh_from_db()
    assert one.state != "waiting"


# --- the mailbox ---

from tests.test_inbound import bounce_of, box, imap  # noqa: E402, F401


@pytest.mark.django_db
def test_one_mail_that_the_server_can_not_give_stands_in_nobodys_way(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import imaplib

    told = Told()
    box.put(mail("Subject: broken\nFrom: cas@rows.example"), bounce_of(told))
    uid, first = imaplib.IMAP4.uid, []

    def broken(self: imaplib.IMAP4, command: str, *args: str) -> Any:
        if command == "FETCH":
            first.append(args[0])
            if args[0] == first[0]:
                return "NO", [b"[SERVERBUG] that mail is damaged"]
        return uid(self, command, *args)

    monkeypatch.setattr(imaplib.IMAP4, "uid", broken)
    for _ in range(3):
        mailbox.read()
    tracking.match()
    assert told.stands[0] == "bounced"


@pytest.mark.django_db
def test_a_folder_with_more_mails_than_a_line_may_name_is_read(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """imaplib takes a line of 1,000,000 octets: some 130,000 mails. Here, of 300 octets, and 100 mails."""
    import imaplib

    told = Told()
    box.put(*(mail(f"Subject: q{n}\nFrom: cas@rows.example") for n in range(100)), bounce_of(told))
    monkeypatch.setattr(imaplib, "_MAXLINE", 300)
    mailbox.read()
    tracking.match()
    assert told.stands[0] == "bounced"


# --- leaks ---


@pytest.mark.django_db
def test_a_canarys_mail_that_was_found_hours_later_did_not_arrive_when_it_left() -> None:
    told = Told()
    token = tokens.make_32(told.mail.pk, 0, tokens.RETURN)
    ours = f"To: seed@rows.example\nDate: Fri, 24 Apr 2020 12:00:00 +0000\nList-Id: <alerts.tocsin.example>\nX-Tocsin: {token}\n\nHello\n"
    from django.test import override_settings

    with override_settings(ALERTS_FROM="alerts@tocsin.example"):
        inbound.take(message_from_bytes(ours.encode()), at(180))
    tracking.match()
    told.mail.refresh_from_db()
    assert told.mail.fate == "delivered"
    assert told.mail.fate_at == at(180)


def test_a_header_of_many_false_tokens_is_read_in_no_time() -> None:
    import time

    raw = mail("\n".join(f"Delivered-To: {('b' * 27 + '@ ') * 130}" for _ in range(20)), "x")
    began = time.monotonic()
    classify(message_from_bytes(raw), timezone.now())
    assert time.monotonic() - began < 1


@pytest.mark.django_db(transaction=True)
def test_what_was_put_off_for_six_weeks_costs_its_neighbours_no_second_mail(office: Office, server: Server) -> None:
    """A full mailbox, asked once an hour: the 1,026th time 2 ** 1025 is no float any more."""
    advisory = published(office)
    Batch.objects.update(attempt=1_025)
    server.answers["person001@example.org"] = "452 4.2.2 mailbox full"
    for _ in range(3):
        try:
            deliver_all()
        except OverflowError:
            pass
        Batch.objects.filter(done_at=None).update(leased_until=None)
    to = [one.recipients[0] for one in server.mails if advisory.reference in one.text]
    assert sorted(to) == sorted(set(to))


@pytest.mark.django_db(transaction=True)
def test_after_the_end_nobody_is_asked_for_ever(office: Office, server: Server) -> None:
    """Its stand-down, put off by a full mailbox two months after it was over."""
    from alerts.stopping import stand_down

    advisory = published(office)
    deliver_all()
    stand_down(advisory, office.ada, "over")
    cascade.cascade(advisory.pk)
    long_ago = timezone.now() - timedelta(days=60)
    Batch.objects.filter(done_at=None).update(attempt=200, made_at=long_ago, not_before=long_ago)
    server.answers["person001@example.org"] = "452 4.2.2 mailbox full"
    deliver_all()
    assert not Batch.objects.filter(done_at=None).exists()


# --- coverage ---


@pytest.mark.django_db
def test_who_answered_although_their_mail_came_back_makes_nobody_else_unreachable() -> None:
    from alerts.coverage import whole
    from alerts.web.parts import parts_of

    told = Told()
    waits = rows.recipient(told.advisory, told.relay)
    Recipient.objects.filter(pk=told.recipient.pk).update(answered_revision=1)
    said(heard(told.mail, "bounced", 5))
    assert waits.told_revision == 0
    parts = parts_of(whole(told.advisory).figures, 0)
    assert (parts.answered, parts.waiting, parts.dark) == (1, 1, 0)


@pytest.mark.django_db
def test_who_answered_does_not_make_somebody_elses_delivery_unheard_of() -> None:
    from alerts.coverage import whole
    from alerts.web.parts import parts_of

    told = Told(people=2)
    Recipient.objects.filter(pk=told.recipient.pk).update(answered_revision=1)
    said(heard(told.mails[1], "delivered", 5))
    parts = parts_of(whole(told.advisory).figures, 0)
    assert (parts.answered, parts.told, parts.sent) == (1, 1, 0)


@pytest.mark.django_db
def test_who_answered_a_late_mail_hides_nobody_of_whom_there_is_no_word(settings: SettingsWrapper) -> None:
    from alerts.web.coverage_view import view_of

    settings.EMAIL_HOST, settings.EMAIL_PROVIDER = "", "mailgun"
    told = Told(people=2)
    said(heard(told.mail, "deferred", 5))
    Recipient.objects.filter(pk=told.recipient.pk).update(answered_revision=1)
    view = view_of(told.advisory, rows.person("Audrey Auditor", is_auditor=True), [])
    assert (view.parts.answered, view.unsure) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_where_it_is_says_no_address_that_a_server_repeated(office: Office, server: Server) -> None:
    from django.urls import reverse

    server.answers["person001@example.org"] = (
        "451 4.7.1 <person001@example.org> greylisted, see https://x.example/a/abc"
    )
    advisory = published(office, exercise=False)
    deliver_all()
    client = Client()
    client.force_login(office.ada, "departments.signing_in.DutyBackend")
    page = client.get(reverse("alerts:where", args=[advisory.reference])).content.decode()
    assert "greylisted" in page
    assert "person001@example.org" not in page


# --- one person, two advisories ---


@pytest.mark.django_db
def test_a_delay_of_today_is_not_hidden_by_one_of_last_month() -> None:
    told = Told()
    now = timezone.now()
    said(heard(told.mail, "deferred", 0, at=now - timedelta(days=30)))
    other = Told()
    today = mail_of(rows.recipient(other.advisory, other.relay, who=told.person))
    said(heard(today, "deferred", 0, at=now - timedelta(hours=1)))
    told.person.refresh_from_db()
    assert told.person.is_late


# --- held ---


@pytest.mark.django_db
def test_held_the_same_event_id_from_two_providers_is_two_events_and_one_end() -> None:
    told = Told()
    said(heard(told.mail, "delivered", 1, event_id="x"), heard(told.mail, "delivered", 1, event_id="x", provider="postmark"))
    assert TrackingEvent.objects.count() == 2
    assert told.stands == ("delivered", "delivered", 1, None, None)
    assert figures_read(told.advisory) == figures_of_rows(told.advisory)


@pytest.mark.django_db
def test_held_events_of_somebody_who_left_and_of_the_future() -> None:
    told = Told()
    Person.objects.filter(pk=told.person.pk).update(left_at=NOON)
    said(heard(told.mail, "bounced", 1))
    assert told.stands[0] == "bounced"
    from anymail.signals import AnymailTrackingEvent

    event = AnymailTrackingEvent(
        event_type="bounced", timestamp=datetime(2999, 1, 1, tzinfo=UTC), event_id="f", message_id="m", recipient="a@b.example"
    )
    kept = tracking.heard_of(event, "Mailgun", NOON)
    assert kept is not None and kept.at == NOON


