"""A contact's note: for the body and everything below it, under the original, which stays as it was."""

import email
import email.policy
import threading
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from alerts import suspicion
from alerts.cascading import noting
from alerts.cascading.noting import Overtaken, add_note
from alerts.delivery.deliver import deliver
from alerts.letters.letters import again
from alerts.models import Advisory, Batch, Message, Note, Recipient, Record, Relay
from alerts.publishing.life import life_of
from alerts.publishing.reviewing import expire
from alerts.publishing.stopping import stand_down
from departments.models import Body, Person
from departments.refusal import Refused
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in
from tests.holding import Holding
from tests.office import Office
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)


@pytest.fixture
def held(office: Office) -> Holding:
    return Holding(office)


def path(held: Holding, relay: Relay | None = None) -> str:
    return f"/advisories/{held.advisory.reference}/note/{(relay or held.relay).pk}/"


def seen(held: Holding) -> str:
    last = noting.standing_at(held.relay)
    return str(last.pk) if last else ""


def save(held: Holding, text: str, who: Person | None = None, **fields: str) -> Any:
    form = {"text": text, "seen": seen(held), "press": "save", **fields}
    return signed_in(who or held.ann).post(path(held), form)


def read(client: Client, held: Holding) -> str:
    answer = client.get(path(held))
    assert answer.status_code == 200
    return answer.content.decode()


def deliver_all() -> None:
    while deliver():
        pass


class TestWhoWritesOne:
    def test_the_contact_and_the_deputy_do(self, held: Holding) -> None:
        for who in (held.ann, held.dan):
            assert save(held, f"From {who.name}.", who).status_code == 302
        assert Note.objects.count() == 2

    def test_nobody_else_does_not_even_an_officer_of_the_issuer(self, held: Holding) -> None:
        for who in (held.office.ben, held.office.ada):
            assert signed_in(who).get(path(held)).status_code == 403
            assert save(held, "Mine.", who).status_code == 403
        # Whoever has no duty does not sign in at all.
        for client in (signed_in(held.office.cas), signed_in(held.meg), Client()):
            assert client.get(path(held)).status_code == 302
            assert client.post(path(held), {"text": "Mine.", "seen": ""}).status_code == 302
        assert not Note.objects.exists()

    def test_a_relay_of_another_advisory_or_of_none_is_not_there(self, held: Holding) -> None:
        other = held.office.publish(title="Another").advisory
        ann = signed_in(held.ann)
        for number in (held.relay.pk + 9999, 10**25):
            assert ann.get(f"/advisories/{held.advisory.reference}/note/{number}/").status_code == 404
        assert ann.get(f"/advisories/{other.reference}/note/{held.relay.pk}/").status_code == 404

    def test_only_once_it_was_reached_and_while_it_is_live(self, held: Holding) -> None:
        lou = held.office.person("lou", held.agency, "contact")
        below = held.advisory.relays.get(body=held.agency)
        answer = signed_in(lou).post(path(held, below), {"text": "Early.", "seen": ""})
        assert (answer.status_code, "has not reached An Agency yet" in answer.content.decode()) == (422, True)
        stand_down(held.advisory, held.office.ben, "over")
        answer = save(held, "Late.")
        assert (answer.status_code, "is stood down" in answer.content.decode()) == (422, True)
        assert not Note.objects.exists()

    def test_nothing_is_added_to_what_expired(self, held: Holding) -> None:
        assert held.advisory.review_by is not None
        expire(held.advisory.review_by + timedelta(days=31))
        assert "has expired" in save(held, "Late.").content.decode()
        assert "<textarea" not in read(signed_in(held.ann), held)


class TestThePage:
    def test_it_says_who_will_read_it_and_looking_writes_nothing(self, held: Holding) -> None:
        Recipient.objects.filter(person=held.dan).update(told_revision=1)
        page = read(signed_in(held.ann), held)
        assert "4 people read it under the warning" in page
        assert "1 of them was told already" in page
        assert "Also mail it to the 1 person who was told already" in page
        assert "Save the note and release" in page
        assert not Note.objects.exists()

    def test_saving_keeps_holding_and_releasing_lets_it_go_on(self, held: Holding) -> None:
        save(held, "Ask Ann.")
        assert held.state() == Relay.State.HELD
        answer = save(held, "Ask Ann, room 4.", press="release")
        assert answer.status_code == 302
        assert held.state() == Relay.State.RELEASED
        assert held.relay.released_by == held.ann
        page = read(signed_in(held.ann), held)
        assert "Save the note and release" not in page
        assert "Ask Ann, room 4." in page

    def test_releasing_needs_no_words(self, held: Holding) -> None:
        save(held, "", press="release")
        assert held.state() == Relay.State.RELEASED
        assert not Note.objects.exists()

    def test_whoever_releases_after_the_clock_is_told(self, held: Holding) -> None:
        Relay.objects.filter(pk=held.relay.pk).update(held_until=timezone.now())
        held.go()
        ann = signed_in(held.ann)
        ann.post(path(held), {"text": "Late words.", "seen": "", "press": "release"})
        assert "was not held any more, so some were told before your note" in read(ann, held)
        assert Note.objects.get().text == "Late words."

    def test_what_is_too_long_comes_back_with_all_that_was_typed(self, held: Holding) -> None:
        answer = save(held, "<b>" + "x" * 2_000, mail="yes", press="release")
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "That has 2,003 characters; 2,000 is the most." in page
        assert "&lt;b&gt;xxx" in page
        assert 'role="alert"' in page
        assert not Note.objects.exists()
        assert held.state() == Relay.State.HELD

    def test_two_at_once_are_both_shown_and_neither_is_lost(self, held: Holding) -> None:
        before = seen(held)
        save(held, "Ann says <this>.")
        answer = signed_in(held.dan).post(path(held), {"text": "Dan says that.", "seen": before, "press": "release"})
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "Ann says &lt;this&gt;." in page
        assert "Dan says that.</textarea>" in page
        assert "Ann Contact did," in page
        assert held.state() == Relay.State.HELD
        assert Note.objects.get().text == "Ann says <this>."
        assert f'name="seen" value="{seen(held)}"' in page
        assert save(held, "Both say so.", held.dan).status_code == 302

    def test_what_was_taken_back_meanwhile_is_said(self, held: Holding) -> None:
        save(held, "First.")
        before = seen(held)
        save(held, "", held.dan)
        answer = signed_in(held.ann).post(path(held), {"text": "Second.", "seen": before})
        assert (answer.status_code, "Dan took back what stood" in answer.content.decode()) == (409, True)

    def test_two_presses_at_one_moment_write_one(self, held: Holding) -> None:
        outcomes: list[object] = []

        def press(text: str) -> None:
            try:
                outcomes.append(add_note(held.relay.pk, held.ann, text, None))
            except Overtaken as overtaken:
                outcomes.append(overtaken)
            finally:
                connection.close()

        threads = [threading.Thread(target=press, args=(f"Words {number}.",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Note.objects.count() == 1
        assert sum(isinstance(outcome, Overtaken) for outcome in outcomes) == 3

    def test_the_same_words_again_are_no_further_note(self, held: Holding) -> None:
        save(held, "Same.")
        save(held, "  Same.\r\n\r\n")
        save(held, "Same.")
        assert Note.objects.count() == 1

    def test_an_empty_one_takes_back_what_stood(self, held: Holding) -> None:
        save(held, "Wrong.")
        save(held, " \r\n ")
        assert "Wrong." not in held.page(held.ann)
        assert Note.objects.count() == 2
        assert [step.what for step in life_of(held.advisory)][:2] == [
            "took back the note for A Department",
            "added a note for A Department",
        ]

    def test_control_characters_are_out_and_lines_are_kept(self, held: Holding) -> None:
        save(held, "One\0\x1b[31m\r\n\r\n\r\nTwo\u202e\tthree  \n")
        assert Note.objects.get().text == "One  [31m\n\nTwo  three"


class TestWhoReadsIt:
    def test_everybody_in_the_body_and_below_it_and_nobody_beside(self, held: Holding) -> None:
        beside = held.office.person("bea", held.office.government, "member")
        save(held, "Ask <Ann>.\nRoom 4.", press="release")
        held.go()
        for who in (held.ann, held.office.cas, held.meg):
            page = held.page(who)
            assert "Added by A Department" in page
            assert "Ask &lt;Ann&gt;.\nRoom 4." in page
            assert page.index("Meetings may be overheard.") < page.index("Added by A Department")
        assert "Added by" not in held.page(beside)

    def test_the_nearest_bodys_stands_first_and_takes_no_more_questions(self, held: Holding) -> None:
        save(held, "From the department.", press="release")
        held.go()

        def queries() -> int:
            with CaptureQueriesContext(connection) as asked:
                held.page(held.meg)
            return len(asked)

        before = queries()
        lou = held.office.person("lou", held.agency, "contact")
        below = held.advisory.relays.get(body=held.agency)
        signed_in(lou).post(path(held, below), {"text": "From the agency.", "seen": ""})
        page = held.page(held.meg)
        assert page.index("From the agency.") < page.index("From the department.")
        assert queries() == before
        assert "From the agency." not in held.page(held.office.cas)

    def test_the_revision_and_its_fingerprint_stay(self, held: Holding) -> None:
        before = Advisory.objects.values("current_id", "current__hash", "current__number").get(pk=held.advisory.pk)
        save(held, "Words.", press="release")
        assert Advisory.objects.values("current_id", "current__hash", "current__number").get() == before

    def test_the_advisory_page_shows_it_to_those_who_read_there(self, held: Holding) -> None:
        save(held, "Ask Ann.")
        lou = held.office.person("lou", held.agency, "contact")
        elsewhere = Body.objects.create(slug="else", name="Elsewhere", kind="team", parent=held.office.government)
        eve = held.office.person("eve", elsewhere, "contact")
        held.go()
        page = f"/advisories/{held.advisory.reference}/"
        for who in (held.office.ben, held.ann, lou):
            assert "Ask Ann." in signed_in(who).get(page).content.decode()
        assert "Ask Ann." not in signed_in(eve).get(page).content.decode()
        assert "A note for A Department" in signed_in(held.ann).get(page).content.decode()
        assert "A note for A Department" not in signed_in(held.office.ben).get(page).content.decode()

    def test_of_what_is_stood_down_nothing_local_is_said(self, held: Holding) -> None:
        save(held, "Ask Ann.", press="release")
        held.go()
        stand_down(held.advisory, held.office.ben, "over")
        assert "Ask Ann." not in held.page(held.meg)


def parts(content: bytes) -> tuple[str, dict[str, str]]:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    bodies = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    said = {kind: str(part.get_content()) for kind, part in bodies.items() if part is not None}
    return str(message["Subject"]), {kind: words.replace("\r\n", "\n") for kind, words in said.items()}


def mail_of(who: Person, kind: str = "notice") -> tuple[str, dict[str, str]]:
    message = Message.objects.select_related("revision__advisory__issuer").get(person=who, kind=kind)
    return parts(again(message, "https://alerts.example/a/7Qm2vX9cKpT4nR8sWd1yZb"))


def ask_by_mail(held: Holding, note: Note, *who: Person) -> None:
    """What the cascade writes for a note that is to be mailed."""
    assert held.advisory.current is not None
    for person in who:
        batch = Batch.objects.create(
            rank=1,
            advisory=held.advisory,
            revision=held.advisory.current,
            kind="note",
            size=1,
            not_before=timezone.now(),
        )
        Message.objects.create(
            key=f"note:{note.pk}:{person.pk}",
            batch=batch,
            person=person,
            advisory=held.advisory,
            recipient=held.recipient(person),
            revision=held.advisory.current,
            kind="note",
        )


class TestTheMails:
    def test_whoever_holds_reads_so_first_and_nobody_else_does(self, held: Holding, server: Server) -> None:
        deliver_all()
        _, told = mail_of(held.ann)
        for words in told.values():
            said = " ".join(words.split())
            assert "You hold this for A Department until" in said
            assert "3 people wait for you." in said
            assert said.index("You hold this") < said.index("We ask this of you")
        assert told["plain"].startswith("Dear Ann Contact,\n\nYou hold this for A Department until")
        held.press(held.ann)
        held.go()
        deliver_all()
        for who in (held.office.cas, held.meg):
            _, told = mail_of(who)
            assert "hold this" not in " ".join(told.values())
            assert "\n\n\n" not in told["plain"]
            assert "waits for" not in told["html"]

    @pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT"])
    def test_from_amber_up_a_holder_is_told_and_no_word_of_a_note_leaves(
        self, office: Office, server: Server, marking: str
    ) -> None:
        held = Holding(office, marking=marking)
        deliver_all()
        _, told = mail_of(held.ann)
        assert all("You hold this for A Department until" in " ".join(words.split()) for words in told.values())
        save(held, "Ask Pelican.", press="release")
        held.go()
        deliver_all()
        ask_by_mail(held, Note.objects.get(), held.ann)
        deliver_all()
        subject, told = mail_of(held.ann, "note")
        assert subject == f"[Medium] Note added to {held.advisory.reference}: Advice on video meetings"
        assert all(
            "A note was added to advice that was sent to you" in " ".join(words.split()) for words in told.values()
        )
        kept = str(list(Message.objects.values_list("personal", flat=True)))
        everything = " ".join(mail.content.decode() for mail in server.mails)
        for words in ("Pelican", "overheard"):
            assert words not in kept
            assert words not in everything

    def test_a_note_stands_after_what_is_asked_and_is_the_very_mail_again(self, held: Holding, server: Server) -> None:
        save(held, "Ask <Ann>.\n\nRoom 4, " + "long " * 20, press="release")
        held.go()
        deliver_all()
        _, told = mail_of(held.meg)
        text = told["plain"]
        assert "Added by A Department, not by the issuer" in text
        assert "\n> Ask <Ann>.\n>\n> Room 4, long" in text
        assert text.index("Say that you have read this") < text.index("Added by") < text.index("Answer here")
        assert max(map(len, text.splitlines())) <= 76
        html = told["html"]
        assert "Ask &lt;Ann&gt;.<br><br>Room 4" in html
        save(held, "Other words.")
        assert mail_of(held.meg)[1] == told

    def test_a_mail_about_a_note_says_whose_and_that_the_original_stands(self, held: Holding, server: Server) -> None:
        held.press(held.ann)
        held.go()
        deliver_all()
        save(held, "Ask Ann.", mail="yes")
        note = Note.objects.get()
        assert note.mail_asked_at is not None
        ask_by_mail(held, note, held.meg)
        deliver_all()
        Person.objects.filter(pk=held.office.ada.pk).update(is_auditor=True)
        page = signed_in(held.office.ada).get(f"/people/{held.meg.pk}/").content.decode()
        assert "Note of a contact on revision 1: handed over at" in " ".join(page.split())
        subject, told = mail_of(held.meg, "note")
        assert subject == (
            f"[Medium] Note of A Department on {held.advisory.reference}: Do not use Zoom for confidential business"
        )
        for words in told.values():
            said = " ".join(words.split())
            assert "stands as it was" in said
            assert "Ask Ann." in said
            assert "Meetings may be overheard." not in said
            assert "/check" in said
        assert "/a/" in server.mails[-1].text

    def test_a_note_taken_back_before_its_mail_left_is_said_to_be(self, held: Holding, server: Server) -> None:
        held.press(held.ann)
        held.go()
        deliver_all()
        save(held, "Ask Ann.")
        note = Note.objects.get()
        save(held, "")
        ask_by_mail(held, note, held.meg)
        deliver_all()
        _, told = mail_of(held.meg, "note")
        assert all("taken back since" in words for words in told.values())

    def test_what_is_stood_down_carries_no_note(self, held: Holding, server: Server) -> None:
        save(held, "Ask Ann.", press="release")
        held.go()
        deliver_all()
        stand_down(held.advisory, held.office.ben, "over")
        held.go()
        deliver_all()
        _, told = mail_of(held.meg, "stand-down")
        assert all("Ask Ann." not in words for words in told.values())


class TestMailedOnlyByChoice:
    def test_it_is_not_unless_somebody_ticks_it(self, held: Holding) -> None:
        save(held, "Ask Ann.")
        assert Note.objects.get().mail_asked_at is None

    def test_later_a_press_does_once(self, held: Holding) -> None:
        Recipient.objects.filter(person=held.dan).update(told_revision=1)
        save(held, "Ask Ann.")
        ann = signed_in(held.ann)
        assert "Mail it to those already told" in read(ann, held)
        for _ in range(2):
            assert ann.post(path(held), {"press": "mail", "seen": seen(held)}).status_code == 302
        assert Note.objects.get().mail_asked_at is not None
        assert Record.objects.filter(kind="note to be mailed").count() == 1
        assert "Mail it to those already told" not in read(ann, held)

    def test_one_that_does_not_stand_any_more_is_not(self, held: Holding) -> None:
        save(held, "First.")
        old = Note.objects.get()
        save(held, "Second.")
        assert signed_in(held.ann).post(path(held), {"press": "mail", "seen": str(old.pk)}).status_code == 302
        with pytest.raises(Refused, match="does not stand"):
            noting.ask_mail(old.pk, held.ann)
        assert not Note.objects.exclude(mail_asked_at=None).exists()

    def test_no_words_are_not_mailed(self, held: Holding) -> None:
        answer = save(held, "", mail="yes")
        assert (answer.status_code, "no words to mail" in answer.content.decode()) == (422, True)


def test_the_pages_are_sound_in_a_browser(held: Holding, live_server: LiveServer) -> None:
    Body.objects.filter(pk=held.department.pk).update(name="Department for " + "Extraordinary " * 12 + "x" * 90)
    Recipient.objects.filter(person=held.dan).update(told_revision=1)
    save(held, "Ask Ann.\n\n" + "w" * 200)
    cookie = {"name": "sessionid", "value": signed_in(held.ann).cookies["sessionid"].value, "url": live_server.url}
    link, note = f"{live_server.url}{held.link(held.ann)}", f"{live_server.url}{path(held)}"
    of = f"{live_server.url}/advisories/{held.advisory.reference}/"
    with open_page() as page:
        assert faults_in_every_look(page, link) == []
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        assert faults_in_every_look(page, note) == []
        page.fill("#text", "y" * 2_100)
        page.get_by_role("button", name="Save the note, keep holding").click()
        assert faults_in_every_look(page, "") == []
        assert "2,000 is the most" in page.inner_text("main")
        assert page.input_value("#text") == "y" * 2_100
        page.goto(link)
        page.get_by_role("button", name="Release now").click()
        assert "You released it" in page.inner_text("main")
        assert faults_in_every_look(page, "") == []
        assert faults_in_every_look(page, f"{of}coverage/") == []
        assert faults_in_every_look(page, of) == []
        assert faults_in_every_look(page, note) == []
