"""The mails that go with answers: what a receipt says, to whom it goes, and that it can be shown again without a key."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import outbox, tokens
from alerts.answer_form import ActionChoice, Said
from alerts.answering import answers, receipts
from alerts.answering.answers import Given, How, Told
from alerts.answering.answers import Read as Said_of_reading
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import addressed, deliver
from alerts.letters import letters
from alerts.letters.letter_blocks import exact
from alerts.models import Acknowledgement, Action, ActionAnswer, Advisory, Message, Recipient
from alerts.outbox_sql import ANSWER_RANK, PLAIN_RANK
from departments.models import Person
from departments.refusal import Refused
from tests import rows
from tests.clients import signed_in
from tests.office import Office
from tests.smtp import Received, Server

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 4, 24, 11, 0, 5, tzinfo=UTC)
FORM = UUID("7f3a01bc-0000-4000-8000-000000000001")
Choice = ActionAnswer.Choice


def deliver_all() -> None:
    while deliver():
        pass


def asked(office: Office, **changes: object) -> Recipient:
    """Cas, a contact, who was mailed an advisory with an action of a person and one of a body."""
    office.cas.memberships.update(role="contact")
    advisory = office.publish(**changes).advisory
    cascade(advisory.pk)
    deliver_all()
    return Recipient.objects.select_related("advisory", "person").get(advisory=advisory, person=office.cas)


def answered(recipient: Recipient, how: How = How.LINK, **given: object) -> Acknowledgement:
    """What they say of both actions, kept, and its receipt on its way."""
    question = answers.question(recipient.pk, 1)
    assert question is not None
    person, body = question.actions
    by_date = datetime(2026, 5, 1, tzinfo=UTC).date()
    said = [Said(person, None, ActionChoice(Choice.LATER_DATE, by_date=by_date))]
    said += [
        Said(body, one, ActionChoice(Choice.NOT_US, text="We have <none>.\nNone at all.")) for one in question.relays
    ]
    fields = {"how": how, "read": Said_of_reading.YES, "form_id": FORM, "said": said, **given}
    with transaction.atomic():
        made, _ = answers.keep(question, Given(**fields))  # type: ignore[arg-type]
        assert receipts.send(made, recipient.advisory_id) is not bool(made.suspect)
        assert not receipts.send(made, recipient.advisory_id), "once"
    return made


def arrived(server: Server, kind: str = "receipt") -> Received:
    """The last mail of this kind, which is the last that left."""
    deliver_all()
    assert Message.objects.filter(state="sent").order_by("pk").last().kind == kind  # type: ignore[union-attr]
    return server.mails[-1]


def words(mail: Received) -> str:
    return " ".join(mail.text.split())


def test_a_receipt_says_what_was_answered_when_how_and_leads_to_their_page(office: Office, server: Server) -> None:
    with time_machine.travel(NOON, tick=False):
        recipient = asked(office, acknowledge_within="P1D")
        answered(recipient)
        mail = arrived(server)
    text = words(mail)
    reference = recipient.advisory.reference
    assert mail.recipients == ["cas@example.org"]
    assert mail.subject == f"Receipt for your answer to {reference}"
    for said in (
        f"Advisory: {reference}, revision 1",
        "Title: Do not use Zoom for confidential business",
        "Answered: 24 April 2026, 12:00:05 BST",
        "How: By your link.",
        "Receipt code: 7F3A01BC",
        "Your answer: I have read this and understood it.",
        "Action 1: Will be done by 1 May 2026: Move closed meetings",
        "Action 2: Does not apply to us, for A Department: Count Why: We have <none>. None at all.",
        "Still open: Action 1, by 1 May 2026: Move closed meetings",
        f"/a/{tokens.make(recipient.pk, 0)}",
    ):
        assert said in text
    assert "Late:" not in text
    html = str(mail.message.get_body(("html",)).get_content())  # type: ignore[union-attr]
    assert "We have &lt;none&gt;.<br>None at all." in html
    assert "<none>" not in html
    assert max(len(line) for line in mail.text.splitlines() if "/a/" not in line) <= 72
    to = addressed(tokens.make_32(recipient.pk, recipient.token_issue, tokens.REPLY))
    assert mail.message["Reply-To"] == to, "a reply to a receipt may be an answer"


def test_it_says_that_nothing_else_is_asked_only_when_all_is_done_for_every_body(
    office: Office, server: Server
) -> None:
    recipient = asked(office)
    question = answers.question(recipient.pk, 1)
    assert question is not None
    done = ActionChoice(Choice.DONE)
    person, body = question.actions
    answered(recipient, said=[Said(person, None, done)])
    left = words(arrived(server))
    assert "Still open: Action 2, for A Department, by " in left
    assert "Nothing else is asked" not in left
    answered(recipient, said=[Said(person, None, done), Said(body, question.relays[0], done)], form_id=UUID(int=7))
    assert "Still open: Nothing else is asked of you." in words(arrived(server))


def test_what_will_be_done_in_time_is_promised_for_its_time(office: Office, server: Server) -> None:
    with time_machine.travel(NOON, tick=False):
        recipient = asked(office)
        question = answers.question(recipient.pk, 1)
        assert question is not None
        person, _ = question.actions
        answered(recipient, said=[Said(person, None, ActionChoice(Choice.WILL))])
        text = words(arrived(server))
    due = exact(Action.objects.get(pk=person.id).due)
    assert f"Action 1: Will be done in time, by {due}: Move closed meetings" in text


@pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT", "RED"])
def test_from_amber_up_a_receipt_has_no_word_of_the_text(marking: str, office: Office, server: Server) -> None:
    recipient = asked(
        office,
        marking=marking,
        audience={"people": ["cas@example.org"]} if marking == "RED" else {"branches": ["government"]},
    )
    answered_of_body = answers.question(recipient.pk, 1)
    assert answered_of_body is not None
    said = [Said(answered_of_body.actions[0], None, ActionChoice(Choice.NOT_US, text="closed meetings we have none"))]
    answered(recipient, said=said, read=Said_of_reading.HELP, text="What is overheard?")
    mail = arrived(server)
    whole = mail.content.decode()
    for word in ("Zoom", "overheard", "closed meetings", "Move closed", "Count", "approved service"):
        assert word not in whole
        assert word not in words(mail)
    assert "Title: Advice on video meetings" in words(mail)
    assert "Action 1: Does not apply to us" in words(mail)
    assert "Your words:" not in words(mail)


@pytest.mark.parametrize(
    ("how", "given", "said"),
    [
        (How.LINK, {"name": "Clerk Two"}, "By your link, by Clerk Two."),
        (How.REPLY, {}, "By a reply to the mail."),
        (How.OFFICE, {"by": "ada"}, "Through your office, by Ada."),
        (How.OFFICE, {"name": "Oona\u202e Office"}, "Through your office, by Oona Office."),
        (
            How.BEHALF,
            {"by": "ben", "told_how": Told.TELEPHONE, "told_at": NOON},
            "Ben put it down for you: told by telephone, 24 April 2026, 12:00:05 BST.",
        ),
    ],
)
def test_however_it_was_given_the_receipt_says_so(
    how: How, given: dict[str, object], said: str, office: Office, server: Server
) -> None:
    recipient = asked(office)
    people = {"ada": office.ada, "ben": office.ben}
    by = given.get("by")
    answered(recipient, how, **given | ({"by": people[str(by)]} if by else {}))
    assert f"How: {said}" in words(arrived(server))


def test_a_late_answer_says_by_when_it_was_asked_for_and_a_drill_that_it_is_one(office: Office, server: Server) -> None:
    recipient = asked(office, exercise=True, acknowledge_within="P1D")
    Advisory.objects.filter(pk=recipient.advisory_id).update(acknowledge_by=NOON)
    answered(recipient)
    mail = arrived(server)
    assert "Late: Yes. It was asked for by 24 April 2026, 12:00:05 BST." in words(mail)
    assert mail.subject.startswith("[EXERCISE] Receipt")
    assert "THIS IS AN EXERCISE" in mail.text


def test_the_time_by_which_an_earlier_revision_was_asked_for_is_named_by_no_receipt(
    office: Office, server: Server
) -> None:
    recipient = asked(office, acknowledge_within="P1D")
    Advisory.objects.filter(pk=recipient.advisory_id).update(acknowledge_by=NOON)
    answered(recipient)
    # A material update, with a time of its own, before the receipt has left.
    rows.revise(recipient.advisory)
    Advisory.objects.filter(pk=recipient.advisory_id).update(acknowledge_by=timezone.now() + timedelta(days=3))
    text = words(arrived(server))
    assert "Late: Yes." in text
    assert "asked for by" not in text


def test_a_doubt_gets_a_receipt_and_what_looks_like_a_machines_none(office: Office, server: Server) -> None:
    recipient = asked(office)
    answered(recipient, read=Said_of_reading.PHISHING, said=[])
    assert "Your answer: This looks like phishing." in words(arrived(server))
    other = UUID(int=5)
    made = answered(recipient, suspect=["scanner"], form_id=other)
    assert not Message.objects.filter(key=f"receipt:{made.pk}").exists()
    assert not receipts.send_last(recipient), "neither is an answer that counts"


def test_the_last_answer_that_counts_is_mailed_once(office: Office) -> None:
    recipient = asked(office)
    assert not receipts.send_last(recipient)
    answered(recipient)
    question = answers.question(recipient.pk, 1)
    assert question is not None
    last, _ = answers.keep(question, Given(How.LINK, Said_of_reading.YES, UUID(int=9)))
    assert [receipts.send_last(recipient), receipts.send_last(recipient)] == [True, False]
    assert Message.objects.filter(key=f"receipt:{last.pk}").exists()


def test_receipts_go_before_what_we_ask_and_behind_every_warning(office: Office) -> None:
    answered(asked(office))
    assert Message.objects.get(kind="receipt").batch.rank == ANSWER_RANK == PLAIN_RANK - 1


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("marking", ["GREEN", "RED"])
def test_who_was_not_understood_is_told_what_to_do(
    marking: str, kept: bool, office: Office, server: Server, settings: SettingsWrapper
) -> None:
    recipient = asked(office, marking=marking, audience={"people": ["cas@example.org"]})
    settings.MAILBOX = object() if kept else None
    with transaction.atomic():
        assert receipts.tell_unclear(recipient, timezone.localdate(), 1)
        assert not receipts.tell_unclear(recipient, timezone.localdate(), 1)
        assert receipts.tell_unclear(recipient, timezone.localdate() + timedelta(days=1), 1)
    mail = arrived(server, "unclear")
    text = words(mail)
    assert ("opened with a code" in text) is (marking == "RED")
    assert ("Or reply to this mail" in text) is (marking == "GREEN")
    assert ("Your words were left as they are, for people to read" in text) is kept
    assert ("Nobody reads replies here" in text) is not kept
    assert f"/a/{tokens.make(recipient.pk, 0)}" in text
    assert "A Department" in text
    assert "Zoom" not in text


def test_ones_own_link_goes_to_oneself(office: Office, server: Server) -> None:
    recipient = asked(office)
    own = "SELECT r.id, r.person_id, 'own-link:7:' || r.id FROM alerts_recipient r WHERE r.id = %(id)s"
    with transaction.atomic():
        outbox.put(Message.Kind.OWN_LINK, own, {"id": recipient.pk}, timezone.now(), about=recipient.advisory_id)
    mail = arrived(server, "own-link")
    assert mail.recipients == ["cas@example.org"]
    assert mail.subject == f"Your own link for {recipient.advisory.reference}"
    assert f"/a/{tokens.make(recipient.pk, 0)}" in mail.text


@pytest.mark.parametrize("gone", ["left_at", "bounced_at"])
def test_whoever_has_left_or_can_not_be_written_to_is_sent_none(gone: str, office: Office, server: Server) -> None:
    recipient = asked(office)
    answered(recipient)
    with transaction.atomic():
        receipts.tell_unclear(recipient, timezone.localdate(), 1)
    Person.objects.filter(pk=office.cas.pk).update(**{gone: timezone.now()})
    before = len(server.mails)
    deliver_all()
    assert len(server.mails) == before
    assert set(Message.objects.filter(kind__in=("receipt", "unclear")).values_list("state", flat=True)) == {
        "superseded"
    }


def test_the_very_receipt_is_shown_again_without_its_link(office: Office, server: Server) -> None:
    recipient = asked(office)
    answered(recipient)
    left = arrived(server)
    message = Message.objects.get(kind="receipt")
    kept = str(message.personal)
    for key in (tokens.make(recipient.pk, 0), tokens.make_32(recipient.pk, 0, tokens.REPLY)):
        assert key in left.content.decode().replace("=\r\n", "")
        assert key not in kept
    Person.objects.filter(pk=office.cas.pk).update(name="Newly Called")
    link = re.search(r"http\S+/a/\w+", left.text)
    assert link is not None
    without_keys = [
        re.sub(rb"Reply-To: .*\r\n", b"", one).strip() for one in (letters.again(message, link[0]), left.content)
    ]
    assert without_keys[0] == without_keys[1]
    office.ada.is_administrator = True
    office.ada.save()
    client: Client = signed_in(office.ada)
    shown = client.get(f"/people/{office.cas.pk}/mails/{message.pk}/")
    assert shown.status_code == 200
    assert "7F3A01BC" in shown.content.decode()
    assert tokens.make(recipient.pk, 0) not in shown.content.decode()


def test_receipts_come_to_an_end(office: Office) -> None:
    recipient = asked(office)
    question = answers.question(recipient.pk, 1)
    assert question is not None
    for number in range(receipts.MOST + 1):
        answers.keep(question, Given(How.LINK, Said_of_reading.YES, UUID(int=number)))
        if number < receipts.MOST:
            assert receipts.send_last(recipient)
    with pytest.raises(receipts.TooMany, match="4 receipts were mailed within a day"):
        receipts.send_last(recipient)
    assert Message.objects.filter(kind="receipt").count() == receipts.MOST
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert receipts.send_last(recipient)


@pytest.mark.parametrize("gone", ["left_at", "bounced_at"])
def test_whoever_no_mail_reaches_is_told_so_and_no_receipt_is_put_by(gone: str, office: Office) -> None:
    recipient = asked(office)
    question = answers.question(recipient.pk, 1)
    assert question is not None
    answers.keep(question, Given(How.LINK, Said_of_reading.YES, FORM))
    Person.objects.filter(pk=office.cas.pk).update(**{gone: timezone.now()})
    with pytest.raises(Refused, match="nothing was mailed"):
        receipts.send_last(recipient)
    assert not Message.objects.filter(kind="receipt").exists()
    page = Client().get(f"/a/{tokens.make(recipient.pk, 0)}").content.decode()
    assert "Mail does not reach your own address at present, so this receipt is not mailed: print this page." in page
    assert "Mail me this receipt" not in page


@pytest.mark.parametrize(
    ("became", "says"),
    [
        ({}, "This receipt is on its way to your own address."),
        ({"state": "sent"}, "This receipt was mailed to your own address."),
        ({"state": "superseded"}, "this receipt is not mailed: print this page."),
        ({"state": "failed"}, "this receipt is not mailed: print this page."),
        ({"state": "sent", "fate": "bounced"}, "this receipt is not mailed: print this page."),
    ],
)
def test_the_page_says_what_became_of_the_receipt(became: dict[str, str], says: str, office: Office) -> None:
    recipient = asked(office)
    question = answers.question(recipient.pk, 1)
    assert question is not None
    answers.keep(question, Given(How.LINK, Said_of_reading.YES, FORM))
    assert receipts.send_last(recipient)
    Message.objects.filter(kind="receipt").update(**became)
    page = " ".join(Client().get(f"/a/{tokens.make(recipient.pk, 0)}").content.decode().split())
    assert says in page
    assert "Mail me this receipt" not in page
