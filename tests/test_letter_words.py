"""A revision's words in a real mail: no more than its marking lets, in the order in which a reader needs them."""

import email
import email.policy
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.utils import timezone

from alerts.letters import letters
from alerts.letters.letters import Personal, skeleton
from alerts.models import Action, Batch, Marking, Message, Revision, Severity
from alerts.publishing.contract import EARLIER_SAID
from alerts.publishing.stopping import stand_down
from departments.models import Membership
from tests import rows

pytestmark = pytest.mark.django_db

WORDS: dict[str, object] = {
    "title": "Ocelot in the switchboard",
    "summary": "Penguins overhear meetings.",
    "guidance": "Walrus **guidance**.",
    "what_changed": "Version five of Marmot is out.",
    "do_not_use_for": ["Heron sessions"],
    "still_fine_for": ["Badger sessions"],
    "use_instead": ["Lynx service"],
}
ACTION = "Move the Giraffe meetings"
TELLING = ("ocelot", "penguins", "walrus", "marmot", "heron", "badger", "lynx", "giraffe")
OPEN_TITLE = "Advice on video meetings"
PERSONAL = Personal(
    message_key="revision:1:1",
    name="Ann Other",
    address="ann@example.org",
    bodies=("HM Treasury",),
    link="https://alerts.example/a/7Qm2vX9cKpT4nR8sWd1yZb",
    contact="Béa Contact",
    telephone="020 7946 0001",
)
OPEN = (Marking.CLEAR, Marking.GREEN)
CLOSED = (Marking.AMBER, Marking.AMBER_STRICT, Marking.RED)
KINDS = (Message.Kind.NOTICE, Message.Kind.UPDATE, Message.Kind.STAND_DOWN, Message.Kind.THANKS)


def revised(marking: str = Marking.GREEN, *, reference: str = "ADV-2020-0017", exercise: bool = False) -> Revision:
    """A second revision, with something to keep back in every field."""
    advisory = rows.advisory(reference, open_title=OPEN_TITLE, exercise=exercise)
    advisory.marking = marking
    advisory.save(update_fields=["marking"])
    revision = rows.revise(advisory, "material", **WORDS)
    Action.objects.create(
        revision=revision, key="move", order=1, text=ACTION, due=timezone.now() + timedelta(days=7), of="body"
    )
    return revision


def parsed(content: bytes) -> EmailMessage:
    """The mail, with nothing about it that a strict parser minds."""
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def mail(revision: Revision, kind: str = Message.Kind.NOTICE) -> EmailMessage:
    """The mail to one person."""
    return parsed(skeleton(revision, kind).fill(PERSONAL))


def told(message: EmailMessage) -> Mapping[str, str]:
    """Each part's words."""
    parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    return {kind: str(part.get_content()) for kind, part in parts.items() if part is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("marking", CLOSED)
def test_from_amber_up_no_word_of_the_text_leaves(marking: str, kind: str) -> None:
    message = mail(revised(marking), kind)
    parts = told(message)
    assert set(parts) == {"plain", "html"}
    everything = " ".join([message.as_string(), *map(str, message.values()), *parts.values()]).lower()
    assert [word for word in TELLING if word in everything] == []
    assert OPEN_TITLE in message["Subject"]
    assert OPEN_TITLE.upper() in parts["plain"]
    for words in parts.values():
        assert PERSONAL.link in words
        assert f"TLP:{marking}" in words


@pytest.mark.parametrize("marking", OPEN)
def test_up_to_green_a_mail_says_it_all_but_the_guidance(marking: str) -> None:
    message = mail(revised(marking), Message.Kind.UPDATE)
    assert WORDS["title"] in message["Subject"]
    for words in told(message).values():
        said = words.lower()
        assert [word for word in TELLING if word not in said] == ["walrus"]
        assert OPEN_TITLE.lower() not in said
        assert PERSONAL.link in words
        assert "Or ask your contact, Béa Contact, on 020 7946 0001." in words
        assert f"TLP:{marking}" in words


@pytest.mark.parametrize("marking", [Marking.GREEN, Marking.RED])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exercise_is_marked_everywhere_and_nothing_else_is(marking: str, kind: str) -> None:
    drill, real = mail(revised(marking, exercise=True), kind), mail(revised(marking, reference="ADV-2020-0018"), kind)
    assert drill["Subject"].startswith("[EXERCISE] ")
    assert drill["X-Exercise"] == "yes"
    assert all("this is an exercise" in words.lower() for words in told(drill).values())
    assert real["X-Exercise"] is None
    assert "exercise" not in " ".join([real["Subject"], *told(real).values()]).lower()


def test_an_update_says_first_what_changed() -> None:
    revision = revised()
    message = mail(revision, Message.Kind.UPDATE)
    assert f"Update {revision.number}: " in message["Subject"]
    for words in told(message).values():
        said = words.lower()
        places = [said.index(word) for word in ("changed:", "penguins", "heron", "giraffe")]
        assert places == sorted(places)
        assert said.index("marmot") < said.index("penguins")


def test_whoever_gets_their_first_mail_is_not_told_of_changes() -> None:
    for revision in (rows.advisory().revisions.get(), revised(reference="ADV-2020-0018")):
        message = mail(revision)
        assert "Update" not in message["Subject"]
        assert all("changed" not in words.lower() for words in told(message).values())


@pytest.mark.parametrize("earlier", EARLIER_SAID)
def test_an_update_says_whether_the_earlier_advice_still_holds(earlier: str) -> None:
    revision = rows.revise(rows.advisory(), "material", **{**WORDS, "earlier": earlier})
    for words in told(mail(revision, Message.Kind.UPDATE)).values():
        said = " ".join(words.split())
        assert said.index("Marmot") < said.index(EARLIER_SAID[earlier]) < said.index("Penguins")


def test_a_minor_update_asks_those_who_answered_nothing() -> None:
    message = mail(rows.revise(rows.advisory(), "minor", **WORDS), Message.Kind.UPDATE)
    assert "answer by" not in message["Subject"]
    for words in told(message).values():
        assert "If you have answered, nothing more is asked of you." in words


def test_those_who_answered_are_told_what_it_came_to_and_thanked() -> None:
    advisory = rows.advisory()
    achieved = ["7,611 of 7,940 people answered.", "“Move the meetings”: done by 41 bodies."]
    revision = rows.revise(advisory, "stand-down", **{**WORDS, "achieved": achieved})
    for words in told(mail(revision, Message.Kind.THANKS)).values():
        said = " ".join(words.split())
        places = [said.index(one) for one in ("Marmot", *achieved, "Thank you for answering")]
        assert places == sorted(places)
    for words in told(mail(revision, Message.Kind.STAND_DOWN)).values():
        assert "7,611" not in words
        assert "Thank you" not in words


def test_what_is_stood_down_asks_nothing_and_says_why() -> None:
    advisory = revised().advisory
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    message = mail(stand_down(advisory, advisory.written_by, "The Marmot is mended."), Message.Kind.STAND_DOWN)
    assert "Stood down: " in message["Subject"]
    assert "answer by" not in message["Subject"]
    for words in told(message).values():
        assert "stood down" in words
        assert "The Marmot is mended." in words
        said = words.lower()
        gone = ("penguins", "heron", "badger", "lynx", "giraffe", "we ask this")
        assert [word for word in gone if word in said] == []


@pytest.mark.parametrize("severity", Severity)
def test_the_subject_says_how_bad_it_is_and_by_when(severity: Severity) -> None:
    revision = revised()
    revision.advisory.severity = severity
    subject = mail(revision)["Subject"]
    assert subject.startswith(f"[{severity.label}] ")
    assert ": answer by " in subject


@pytest.mark.parametrize("kind", KINDS)
def test_words_in_every_script_are_read_back_and_keep_their_lines_short(kind: str) -> None:
    advisory = rows.advisory()
    title = "Zoë's “Zoom” — \u05e9\u05dc\u05d5\u05dd 会議 👋 " + "long " * 30
    revision = rows.revise(
        advisory, title=title, summary="<b>é</b> & " * 200, what_changed="x" * 900, do_not_use_for=[".", "=C3=A9"] * 20
    )
    content = skeleton(revision, kind).fill(PERSONAL)
    message = parsed(content)
    assert title.strip() in message["Subject"]
    assert "\n" not in message["Subject"]
    headers, body = content.split(b"\r\n\r\n", 1)
    assert headers.isascii()
    assert max(map(len, headers.split(b"\r\n"))) < 998
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert b"base64" not in content
    assert "<b>é</b>" not in told(message)["html"]


def test_the_very_mail_is_made_again_from_what_was_kept() -> None:
    revision = revised()
    recipient = rows.recipient(revision.advisory)
    batch = Batch.objects.create(
        rank=1, advisory=revision.advisory, revision=revision, kind="notice", size=1, not_before=timezone.now()
    )
    message = Message.objects.create(
        key=PERSONAL.message_key,
        batch=batch,
        person=recipient.person,
        advisory=revision.advisory,
        recipient=recipient,
        revision=revision,
        kind=Message.Kind.NOTICE,
        personal=PERSONAL.to_json(),
        sent_at=timezone.now(),
    )
    message.refresh_from_db()
    sent, made_again = mail(revision), parsed(letters.again(message, PERSONAL.link))
    assert made_again["Date"].datetime == message.sent_at.replace(microsecond=0)  # type: ignore[union-attr]
    # This one left before mails had a token of their own.
    del sent["Date"], made_again["Date"], made_again["X-Tocsin"]
    assert made_again.as_bytes() == sent.as_bytes()
    assert letters.again(message) == letters.again(message)
    assert PERSONAL.link not in " ".join(told(parsed(letters.again(message))).values())


def test_a_mail_that_was_never_sent_is_not_made_again() -> None:
    with pytest.raises(ValueError, match="was never sent"):
        letters.again(Message(revision=revised(), kind=Message.Kind.NOTICE, personal=PERSONAL.to_json()))


def test_the_personal_parts_go_through_json_unharmed() -> None:
    odd = replace(PERSONAL, name='Zoë "Q"\u2028', bodies=("A", "B; C", ""), telephone="")
    kept = Personal.from_json(json.loads(json.dumps(odd.to_json())))
    assert replace(kept, link=odd.link) == odd
