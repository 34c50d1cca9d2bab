"""The very mail that somebody got, again years later: byte for byte, but for the keys, whatever became of anything since."""

import email
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import codes, tokens
from alerts.answering import unlocking
from alerts.cascading import noting
from alerts.cascading.cascade import cascade
from alerts.delivery import introduce, verify
from alerts.delivery.deliver import deliver
from alerts.letters.letters import Personal, Skeleton, again, keep, skeleton
from alerts.models import (
    Acknowledgement,
    Advisory,
    Batch,
    Code,
    Draft,
    Letter,
    Message,
    Recipient,
    Relay,
    Revision,
)
from alerts.publishing.approving import submit
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down
from departments.models import Body, Membership, Person
from departments.people import correct
from tests import rows
from tests.office import Office, an_advisory
from tests.smtp import Server
from tests.test_drafts import a_draft

KEPT = Path(__file__).parent / "kept"
DOTS = "······".encode()


def deliver_all() -> None:
    while deliver():
        pass


def send_every_kind(office: Office) -> None:
    """Mails of each kind that people are sent, each in its time."""
    ann = office.person("ann", office.department, "contact")
    Person.objects.filter(pk=ann.pk).update(name="Ann “Contact” Ωmega", telephone="020 7946 0000")
    introduce.introduce()
    verify.ask_contacts(everybody=True)
    advisory = office.publish().advisory
    cascade(advisory.pk)
    deliver_all()
    relay = Relay.objects.get(advisory=advisory, body=office.department)
    noting.add_note(relay.pk, ann, "Ask <Ann>.\n\n= room 4 " + "long " * 30, None, mail=True)
    cascade(advisory.pk)
    deliver_all()
    file = an_advisory(title="Zoom is fine again", what_changed="It is mended.", earlier="replaced")
    publish_draft(update_from_file(advisory, file, office.ada, material=True), office.ben)
    cascade(advisory.pk)
    deliver_all()
    cas = Recipient.objects.select_related("advisory__current").get(advisory=advisory, person=office.cas)
    assert cas.advisory.current is not None
    Acknowledgement.objects.create(recipient=cas, revision=cas.advisory.current, read="yes", form_id=uuid4())
    Recipient.objects.filter(pk=cas.pk).update(answered_revision=cas.advisory.current.number)
    stand_down(advisory, office.ben, "It is over.")
    cascade(advisory.pk)
    red = office.publish(marking="RED", audience={"people": [office.cas.email]}, exercise=True).advisory
    cascade(red.pk)
    unlocking.ask(Recipient.objects.get(advisory=red))
    draft = a_draft(office)
    submit(draft, office.ada, draft.version)
    deliver_all()


def change_everything(office: Office, settings: SettingsWrapper) -> None:
    """What years do: other names, other addresses, another issuer, other times, another site."""
    adam = Person.objects.create(email="adam@x.example", written="adam@x.example", name="Adam", is_administrator=True)
    for person in Person.objects.exclude(pk=adam.pk):
        correct(person, adam, f"new-{person.pk}@example.net", f"Newly Called {person.pk}", "+44 1", False)
    Membership.objects.update(until=timezone.now())
    Body.objects.update(name="Renamed")
    Draft.objects.all().delete()
    heir = Body.objects.create(slug="heir", name="The Heir", kind="agency")
    Advisory.objects.update(issuer=heir, acknowledge_by=timezone.now() + timedelta(days=400), review_by=None)
    settings.SITE_URL, settings.ALERTS_FROM, settings.SITE_NAME = "https://new.example", "new@new.example", "New"
    settings.SUBADDRESS_SEPARATOR = ""


def key_of(message: Message) -> str:
    """What stood behind the link in this mail."""
    if message.recipient is not None:
        return f"http://127.0.0.1:8000/a/{tokens.make(message.recipient.pk, message.recipient.token_issue)}"
    if message.kind == "check":
        return f"http://127.0.0.1:8000/c/{tokens.make(int(message.key.split(':')[1]), 0, tokens.CHECK)}"
    return ""


def without_keys(message: Message, content: bytes) -> bytes:
    """As it was sent, but for what `again` may not say: the address for replies and a code's digits."""
    content = re.sub(rb"Reply-To: alerts\+[a-z2-7]+@", b"Reply-To: alerts@", content)
    if message.kind != "code":
        return content
    code = Code.objects.get(pk=int(message.key.split(":")[1]))
    quoted = "".join(f"={octet:02X}" for octet in DOTS).encode()
    return content.replace(codes.digits(code.pk, code.issue).encode(), quoted)


@pytest.mark.django_db(transaction=True)
def test_every_mail_is_the_very_one_whatever_changed_since(
    office: Office, server: Server, settings: SettingsWrapper
) -> None:
    send_every_kind(office)
    sent = {mail.message["Message-ID"]: mail.content for mail in server.mails}
    change_everything(office, settings)
    compared = set()
    for message in Message.objects.filter(state="sent").select_related("recipient", "revision", "batch"):
        made = again(message, key_of(message))
        assert made == without_keys(message, sent.pop(email.message_from_bytes(made)["Message-ID"]))
        compared.add(message.kind)
    assert sent == {}
    plain = {"introduction", "check", "code", "approve"}
    assert compared == {"notice", "note", "update", "stand-down", "thanks", *plain}
    # One for everybody of a revision and kind: no word of it is kept with each mail.
    assert Letter.objects.count() == len(compared) + 1
    kept = json.dumps(list(Message.objects.values_list("personal", flat=True)))
    assert "/a/" not in kept
    assert "/c/" not in kept
    with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
        Letter.objects.update(content={})


def test_what_was_kept_by_an_earlier_release_makes_the_very_same_mail() -> None:
    """Where this fails, mails that people have had would be shown as they never were: what fills a letter in (`letters.py`,
    `letter_blocks.py`) must go on filling in old ones as it did. New words belong into the templates, which are kept."""
    kept = {name: json.loads((KEPT / f"{name}.json").read_text()) for name in ("letter", "personal")}
    personal = replace(Personal.from_json(kept["personal"]), link="https://alerts.example/a/7Qm2vX9cKpT4nR8sWd1yZb")
    assert Skeleton.of_kept(kept["letter"]).fill(personal) == (KEPT / "mail.eml").read_bytes()


@pytest.mark.django_db
def test_a_letter_is_kept_once_and_made_once_until_a_word_of_it_changes(settings: SettingsWrapper) -> None:
    revision = rows.revise(rows.advisory(exercise=True), title="One")
    made = skeleton(revision, "update")
    number = keep(made)
    assert skeleton(Revision.objects.get(pk=revision.pk), "update") is made
    assert keep(Skeleton.of_kept(Letter.objects.get(pk=number).content)) == number
    Advisory.objects.update(acknowledge_by=timezone.now() + timedelta(days=9))
    Body.objects.filter(pk=revision.advisory.issuer_id).update(name="Renamed")
    later = skeleton(Revision.objects.get(pk=revision.pk), "update")
    assert later.kept["subject"] != made.kept["subject"]
    assert "From Renamed." in later.kept["text"]
    settings.ALERTS_FROM = "new@new.example"
    assert skeleton(Revision.objects.get(pk=revision.pk), "update").kept["address"] == "new@new.example"
    assert keep(made) == number != keep(later)


@pytest.mark.django_db
def test_a_mail_from_before_letters_were_kept_is_made_of_the_words_as_they_are() -> None:
    who = rows.person("Ann Other")
    batch = Batch.objects.create(rank=9, kind="check", size=1, not_before=timezone.now())
    old = {"message_key": "check:1", "name": "Ann", "address": "ann@x.example", "bodies": ["A"], "link": ""}
    old |= {"contact": "", "telephone": "", "code": "", "reply": "", "held": [], "notes": [], "noted_by": ""}
    at = datetime(2026, 4, 28, 17, tzinfo=UTC)
    message = Message.objects.create(key="check:1", batch=batch, person=who, kind="check", personal=old, sent_at=at)
    made = again(message)
    assert b"Date: Tue, 28 Apr 2026 18:00:00 +0100" in made
    assert b"Are you still the contact?" in made
