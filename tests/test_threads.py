"""What a reader asks and the issuer answers: who may, who hears of it, what waits, and what is in no mail and no log."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import tokens
from alerts.answer_form import Form, issue
from alerts.answering import acknowledge, doubts, threads
from alerts.answering.threads import Overtaken, Seen
from alerts.answering.threads_sql import COUNT, QUEUE, SAID
from alerts.delivery.deliver import addressed, deliver
from alerts.inbound import replying
from alerts.letters import letters
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Record, Relay, Reply
from alerts.outbox_sql import ANSWER_RANK
from alerts.publishing.desk_words import desk_words
from alerts.suspicion import Client
from departments.models import Membership, Person
from departments.refusal import Refused
from tests import rows
from tests.clients import signed_in
from tests.smtp import Received, Server

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = Client("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36")
NOW = datetime.fromisoformat("2026-04-24T11:00:00+00:00")


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms come back as soon as they were opened here; only what calls itself a scanner is one."""
    monkeypatch.setattr("alerts.suspicion.signs", lambda evidence: ["scanner"] if "bot" in evidence.user_agent else [])


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def cas(advisory: Advisory, treasury: Relay) -> Recipient:
    return rows.recipient(advisory, treasury, who=rows.person("Cas Member"))


def said(recipient: Recipient, read: str = "help", text: str = "which meetings?", **fields: Any) -> Acknowledgement:
    """A row of what they said, and nothing of what it changes."""
    fields = {"revision": recipient.advisory.current, "at": timezone.now(), **fields}
    return Acknowledgement.objects.create(recipient=recipient, read=read, text=text, form_id=uuid4(), **fields)


def says(recipient: Recipient, read: str, client: Client = BROWSER, form: str = "") -> Acknowledgement:
    """What they say by their link."""
    held = Recipient.objects.select_related("person", "advisory__current", "advisory__material").get(pk=recipient.pk)
    return acknowledge.answer(held, Form(form or issue(held.pk, 1), read, {}, text="which meetings?"), client)


def shown(recipient: Recipient) -> Seen:
    """What an officer has on the screen now."""
    asker = threads.one(recipient.advisory, None, recipient.pk)
    assert asker is not None
    return asker.seen


def answered(recipient: Recipient, text: str = "All of them.") -> Reply:
    return threads.answer(recipient.pk, recipient.advisory.written_by, text, shown(recipient))


def waiting(advisory: Advisory) -> list[str]:
    return [one.name for one in threads.queue(advisory, None, 1).askers if one.is_open]


def mailed(kind: str) -> list[str]:
    return sorted(Message.objects.filter(kind=kind).values_list("person__name", flat=True))


def arrived(server: Server) -> Received:
    while deliver():
        pass
    return server.mails[-1]


class TestTheIssuerIsTold:
    def test_at_once_when_somebody_needs_help_and_once_an_hour_however_many_do(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        Advisory.objects.filter(pk=advisory.pk).update(owner=rows.person("Una Owner"))
        with time_machine.travel(NOW, tick=False) as clock:
            says(cas, "help")
            says(cas, "help")
            says(rows.recipient(advisory, treasury), "help")
            assert mailed("help") == ["Olive Officer", "Una Owner"]
            clock.move_to(NOW + timedelta(hours=1))
            says(cas, "help")
        assert mailed("help") == ["Olive Officer"] * 2 + ["Una Owner"] * 2
        assert mailed("phishing") == []

    def test_not_of_a_machines_press_and_not_twice_of_one_form(self, cas: Recipient) -> None:
        assert says(cas, "help", Client("Googlebot")).suspect == ["scanner"]
        assert mailed("help") == []
        assert waiting(cas.advisory) == []
        form = issue(cas.pk, 1)
        first = says(cas, "help", form=form)
        Message.objects.filter(kind="help").delete()
        assert says(cas, "help", form=form) == first
        assert mailed("help") == []

    def test_nobody_is_told_of_somebody_who_has_understood_it(self, cas: Recipient) -> None:
        says(cas, "yes")
        assert Message.objects.count() == 0

    def test_the_mail_says_how_many_leads_to_the_queue_and_says_no_more_than_the_marking_lets_it(
        self, advisory: Advisory, treasury: Relay, cas: Recipient, server: Server
    ) -> None:
        Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice on meetings")
        says(cas, "help")
        assert "One person has said so far" in desk_words("help", Advisory.objects.get()).lead
        says(rows.recipient(advisory, treasury), "help")
        mail = arrived(server)
        text = " ".join(mail.text.split())
        assert mail.recipients == [advisory.written_by.email]
        assert "Help is asked for: Advice on meetings" in mail.subject
        assert "2 people have said so far that they need help" in text
        assert f"/advisories/{advisory.reference}/asking/" in text
        assert "Zoom" not in str(mail.message)
        assert "which meetings" not in str(mail.message)

    def test_a_cry_of_which_nobody_could_be_told_is_not_kept_either(
        self, cas: Recipient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Told and kept are one: where the one fails, so does the other, and the reader presses again."""

        def fails(*_: object) -> None:
            raise RuntimeError("the outbox is away")

        monkeypatch.setattr(doubts, "tell_help", fails)
        with pytest.raises(RuntimeError):
            says(cas, "help")
        assert not Acknowledgement.objects.exists()


class TestWhoWaits:
    def test_whoever_waits_the_longest_comes_first_and_who_was_answered_last(
        self, advisory: Advisory, treasury: Relay
    ) -> None:
        people = [rows.recipient(advisory, treasury, who=rows.person(name)) for name in ("Ada", "Bea", "Cy", "Di")]
        for minutes, one in enumerate(people):
            said(one, "phishing" if minutes == 1 else "help", at=NOW + timedelta(minutes=minutes))
        answered(people[0])
        queue = threads.queue(advisory, None, 1)
        assert [one.name for one in queue.askers] == ["Bea", "Cy", "Di", "Ada"]
        assert [one.is_open for one in queue.askers] == [True, True, True, False]
        assert (queue.waiting, queue.count, queue.done) == (3, 4, 1)
        assert [one.waiting for one in doubts.raised(advisory)] == [2, 1]

    def test_whoever_said_something_else_since_is_gone_and_a_machine_takes_nobody_away(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        said(cas)
        said(cas, "yes", "", suspect=["scanner"])
        assert waiting(advisory) == ["Cas Member"]
        said(cas, "yes", "")
        assert threads.queue(advisory, None, 1).count == 0

    def test_asking_once_more_opens_it_again_with_all_that_was_said(self, advisory: Advisory, cas: Recipient) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            said(cas, text="which?")
            clock.shift(60)
            answered(cas, "All.")
            assert waiting(advisory) == []
            clock.shift(60)
            said(cas, text="also board meetings?")
            assert waiting(advisory) == ["Cas Member"]
            clock.shift(60)
            threads.settle(cas.pk, advisory.written_by, "", shown(cas))
        assert waiting(advisory) == []
        thread = threads.thread_of(cas)
        assert [(entry.is_reply, entry.text, entry.settles) for entry in thread.entries] == [
            (False, "which?", False),
            (True, "All.", False),
            (False, "also board meetings?", False),
            (True, "", True),
        ]

    def test_of_a_long_thread_the_last_are_shown_and_the_others_counted(self, cas: Recipient) -> None:
        for number in range(threads.SHOWN + 5):
            said(cas, text=f"number {number}", at=NOW + timedelta(minutes=number))
        thread = threads.thread_of(cas)
        assert (len(thread.entries), thread.earlier) == (threads.SHOWN, 5)
        assert (thread.entries[0].text, thread.entries[-1].text) == ("number 5", f"number {threads.SHOWN + 4}")

    def test_another_advisorys_readers_and_threads_stay_with_it(self, advisory: Advisory, cas: Recipient) -> None:
        other = rows.advisory("ADV-2020-0099")
        stranger = rows.recipient(other, rows.relay(other, "elsewhere"), who=cas.person)
        said(stranger, text="of the other one")
        assert threads.queue(advisory, None, 1).count == 0
        assert threads.one(advisory, None, stranger.pk) is None
        assert not threads.thread_of(cas)

    def test_a_contact_sees_those_who_sit_in_their_bodies_now(self, advisory: Advisory, treasury: Relay) -> None:
        elsewhere = rows.relay(advisory, "elsewhere")
        both = rows.recipient(advisory, elsewhere, treasury, who=rows.person("Both"))
        moved = rows.recipient(advisory, treasury, who=rows.person("Moved"))
        moved.seats.update(ended_at=timezone.now())
        for one in (both, moved, rows.recipient(advisory, elsewhere, who=rows.person("Other"))):
            said(one)
        own = threads.queue(advisory, {treasury.body_id}, 1)
        assert [(one.name, one.body) for one in own.askers] == [("Both", "Treasury")]
        assert (own.waiting, own.count) == (1, 1)
        assert threads.one(advisory, {treasury.body_id}, moved.pk) is None
        assert threads.queue(advisory, set(), 1).count == 0

    def test_many_cost_as_much_as_one_and_go_on_on_a_further_page(self, advisory: Advisory, treasury: Relay) -> None:
        said(rows.recipient(advisory, treasury))
        with CaptureQueriesContext(connection) as few:
            threads.queue(advisory, None, 1)
        for _ in range(threads.ON_A_PAGE):
            answered_one = rows.recipient(advisory, treasury)
            said(answered_one)
            answered(answered_one)
        with CaptureQueriesContext(connection) as many:
            first = threads.queue(advisory, None, 1)
        assert len(many) == len(few)
        last = threads.queue(advisory, None, 99)
        assert (len(first.askers), len(last.askers), last.page, last.pages) == (threads.ON_A_PAGE, 1, 2, 2)
        assert {one.recipient_id for one in first.askers}.isdisjoint(one.recipient_id for one in last.askers)

    def test_they_are_found_by_their_indexes(self, advisory: Advisory, treasury: Relay) -> None:
        people = [rows.recipient(advisory, treasury) for _ in range(50)]
        Acknowledgement.objects.bulk_create(
            Acknowledgement(recipient=people[n % 50], revision=advisory.current, read="yes", form_id=uuid4())
            for n in range(1000)
        )
        said(people[0])
        answered(people[0])
        values = {"advisory": advisory.pk, "bodies": None, "most": 20, "before": 0, "recipients": [people[0].pk]}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ANALYZE alerts_acknowledgement")
            cursor.execute("SET LOCAL enable_seqscan = off")  # what can be looked up, in tables as small as these
            for statement, index, of_replies in (
                (COUNT, "acknowledgement_asking", "reply_to"),
                (QUEUE, "acknowledgement_asking", "reply_to"),
                (SAID, "_all", "reply_of_recipient"),
            ):
                cursor.execute(f"EXPLAIN {statement}", values)
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert index in plan, plan
                assert of_replies in plan, plan
                assert "Seq Scan on alerts_acknowledgement" not in plan, plan


class TestWhoMay:
    def test_officers_of_the_issuer_and_the_owner_answer_and_nobody_else(
        self, advisory: Advisory, treasury: Relay
    ) -> None:
        owner, con = rows.person("Una Owner"), rows.person("Con")
        Membership.objects.create(person=con, body=treasury.body, role="contact")
        stranger = rows.person("Officer elsewhere")
        Membership.objects.create(person=stranger, body=rows.body("far"), role="officer")
        Advisory.objects.filter(pk=advisory.pk).update(owner=owner)
        of = Advisory.objects.get(pk=advisory.pk)
        may = {one.name: threads.may_answer(one, of) for one in (of.written_by, owner, con, stranger)}
        assert may == {"Olive Officer": True, "Una Owner": True, "Con": False, "Officer elsewhere": False}
        for reading in (rows.person(is_administrator=True), rows.person(is_auditor=True)):
            assert not threads.may_answer(reading, of)
            assert threads.may_look(reading, of)
            assert threads.seen_by(reading, of) is None
        assert threads.seen_by(con, of) == {treasury.body_id}
        assert (threads.may_look(con, of), threads.may_look(stranger, of)) == (True, False)
        assert threads.seen_by(owner, of) is None

    def test_an_owner_who_left_or_may_not_read_it_answers_nobody(self, advisory: Advisory) -> None:
        owner = rows.person("Una Owner")
        Advisory.objects.filter(pk=advisory.pk).update(owner=owner, marking="RED", open_title="Advice")
        assert not threads.may_answer(owner, Advisory.objects.get(pk=advisory.pk))
        assert threads.may_answer(advisory.written_by, Advisory.objects.get(pk=advisory.pk))
        Advisory.objects.filter(pk=advisory.pk).update(marking="GREEN")
        Person.objects.filter(pk=owner.pk).update(left_at=timezone.now())
        owner.refresh_from_db()
        of = Advisory.objects.get(pk=advisory.pk)
        assert not threads.may_answer(owner, of)
        assert not threads.may_look(owner, of)


class TestAnswering:
    def test_it_is_kept_recorded_without_a_word_and_mailed_once(self, advisory: Advisory, cas: Recipient) -> None:
        said(cas)
        seen = shown(cas)
        made = threads.answer(cas.pk, advisory.written_by, "  All of\r\n\r\n\r\nthem.\0 ", seen)
        assert threads.answer(cas.pk, advisory.written_by, "All of\n\nthem.", seen) == made, "a second press"
        assert Reply.objects.get().text == "All of\n\nthem."
        mail = Message.objects.get(kind="answered")
        assert (mail.key, mail.person_id) == (f"answered:{made.pk}", cas.person_id)
        assert (mail.batch.rank, mail.batch.about_id) == (ANSWER_RANK, advisory.pk)
        entry = Record.objects.get(kind="replied")
        assert (entry.subject, entry.actor, entry.details["reply"]) == (
            advisory.reference,
            advisory.written_by,
            made.pk,
        )
        assert "them" not in str(entry.details)

    def test_settling_says_nothing_to_the_reader(self, advisory: Advisory, cas: Recipient) -> None:
        said(cas)
        seen = shown(cas)
        made = threads.settle(cas.pk, advisory.written_by, " \n", seen)
        assert (made.settles, made.text) == (True, "")
        assert threads.settle(cas.pk, advisory.written_by, "", seen) == made
        assert not Message.objects.filter(kind="answered").exists()
        assert Record.objects.get(kind="replied").details["settles"] is True
        with pytest.raises(Refused, match="Nothing waits here"):
            threads.settle(cas.pk, advisory.written_by, "", shown(cas))

    @pytest.mark.parametrize(
        ("verb", "text", "why"),
        [
            (threads.answer, " \r\n\0", "no words to send"),
            (threads.answer, "x" * (threads.LONGEST + 1), "2,001 characters"),
            (threads.settle, "I rang them", "settling sends no words"),
        ],
    )
    def test_what_cannot_be_taken_writes_nothing(
        self, advisory: Advisory, cas: Recipient, verb: Any, text: str, why: str
    ) -> None:
        said(cas)
        with pytest.raises(Refused, match=why):
            verb(cas.pk, advisory.written_by, text, shown(cas))
        assert not Reply.objects.exists()
        assert not Record.objects.filter(kind="replied").exists()

    def test_whoever_never_asked_is_not_answered(self, advisory: Advisory, cas: Recipient) -> None:
        said(cas, "yes", "")
        said(cas, "help", suspect=["scanner"])
        with pytest.raises(Refused, match="never asked"):
            threads.answer(cas.pk, advisory.written_by, "Hello", Seen(0, 0))

    def test_what_was_said_meanwhile_is_never_answered_unseen(self, advisory: Advisory, cas: Recipient) -> None:
        said(cas)
        seen = shown(cas)
        said(cas, text="something else")
        for verb, text in ((threads.answer, "All."), (threads.settle, "")):
            with pytest.raises(Overtaken):
                verb(cas.pk, advisory.written_by, text, seen)
        assert waiting(advisory) == ["Cas Member"]
        ben, seen = rows.person("Ben"), shown(cas)
        threads.answer(cas.pk, ben, "Ben says so.", seen)
        with pytest.raises(Overtaken):
            threads.answer(cas.pk, advisory.written_by, "All.", seen)
        assert Reply.objects.count() == 1

    @pytest.mark.parametrize("typed", ["", "x.y", "1", "1.2.3", "9" * 30 + ".0", "²." + "1"])
    def test_a_form_that_says_nothing_of_what_was_seen_is_overtaken(
        self, advisory: Advisory, cas: Recipient, typed: str
    ) -> None:
        said(cas)
        with pytest.raises(Overtaken):
            threads.answer(cas.pk, advisory.written_by, "All.", Seen.of(typed))

    def test_whoever_understood_it_meanwhile_may_be_answered_all_the_same(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        said(cas)
        said(cas, "yes", "")
        assert answered(cas).text == "All of them."
        with pytest.raises(Refused, match="Nothing waits"):
            threads.settle(cas.pk, advisory.written_by, "", shown(cas))

    def test_two_officers_at_once_leave_one_answer(self, advisory: Advisory, cas: Recipient) -> None:
        said(cas)
        seen, became = shown(cas), list[str]()
        officers = [advisory.written_by, rows.person("Ben")]
        ready = threading.Barrier(2)

        def press(who: Person) -> None:
            try:
                ready.wait(10)
                threads.answer(cas.pk, who, f"{who.name} says so.", seen)
                became.append("answered")
            except Overtaken:
                became.append("overtaken")
            finally:
                connections.close_all()

        both = [threading.Thread(target=press, args=(who,)) for who in officers]
        for one in both:
            one.start()
        for one in both:
            one.join(30)
        assert sorted(became) == ["answered", "overtaken"]
        assert Reply.objects.count() == Message.objects.filter(kind="answered").count() == 1

    def test_where_its_links_work_no_more_it_is_settled_and_nothing_is_mailed(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        said(cas)
        long_ago = timezone.now() - timedelta(days=800)
        Advisory.objects.filter(pk=advisory.pk).update(state="expired", review_by=long_ago)
        with pytest.raises(Refused, match="work no more"):
            answered(cas)
        threads.settle(cas.pk, advisory.written_by, "", shown(cas))
        assert not Message.objects.filter(kind="answered").exists()


class TestTheMail:
    def test_it_says_what_was_asked_and_answered_by_whom_and_leads_to_their_page(
        self, advisory: Advisory, cas: Recipient, server: Server
    ) -> None:
        with time_machine.travel(NOW, tick=False):
            said(cas, text="which <meetings>?", at=NOW - timedelta(hours=1))
            made = answered(cas, "All <closed> ones.\nAnd the board's.")
            mail = arrived(server)
        text = " ".join(mail.text.split())
        assert mail.recipients == [cas.person.email]
        assert mail.subject == f"Your question about {advisory.reference} was answered"
        for words in (
            "You wrote: which <meetings>?",
            "Answer: All <closed> ones. And the board's.",
            f"By: Olive Officer, for {advisory.issuer.name}",
            "On: 24 April 2026, 12:00:00 BST",
            "You were told of it for: Treasury.",
            f"/a/{tokens.make(cas.pk, 0)}",
        ):
            assert words in text
        assert max(len(line) for line in mail.text.splitlines() if "/a/" not in line) <= 72
        html = str(mail.message.get_body(("html",)).get_content())  # type: ignore[union-attr]
        assert "All &lt;closed&gt; ones.<br>And the board" in html
        assert mail.message["Reply-To"] == addressed(tokens.make_32(cas.pk, cas.token_issue, tokens.REPLY))
        kept = Message.objects.get(key=f"answered:{made.pk}")
        assert "All <closed> ones." in str(kept.personal)
        again = letters.again(kept, f"http://127.0.0.1:8000/a/{tokens.make(cas.pk, 0)}")
        assert b"All <closed> ones." in again

    @pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT", "RED"])
    def test_from_amber_up_it_has_no_word_of_either(
        self, advisory: Advisory, cas: Recipient, server: Server, marking: str
    ) -> None:
        Advisory.objects.filter(pk=advisory.pk).update(marking=marking, open_title="Advice")
        said(cas, text="what replaces Zoom")
        answered(cas, "The approved service")
        mail = arrived(server)
        text = " ".join(mail.text.split())
        for word in ("Zoom", "approved service", "Olive"):
            assert word not in str(mail.message)
        assert "The answer stands on your page alone" in text
        assert ("The page opens with a code" in text) is (marking == "RED")
        assert f"/a/{tokens.make(cas.pk, 0)}" in text
        assert "approved service" not in str(Message.objects.get(kind="answered").personal)

    def test_a_drills_says_so(self, advisory: Advisory, cas: Recipient, server: Server) -> None:
        Advisory.objects.filter(pk=advisory.pk).update(exercise=True)
        said(cas)
        answered(cas)
        mail = arrived(server)
        assert mail.subject.startswith("[EXERCISE] Your question")
        assert "THIS IS AN EXERCISE" in mail.text

    def test_whoever_left_is_sent_none(self, advisory: Advisory, cas: Recipient, server: Server) -> None:
        said(cas)
        Person.objects.filter(pk=cas.person_id).update(left_at=timezone.now())
        asker = threads.one(advisory, None, cas.pk)
        assert asker is not None
        assert not asker.reachable
        answered(cas)
        while deliver():
            pass
        assert server.mails == []
        assert Message.objects.get(kind="answered").state == "superseded"

    def test_a_reply_to_it_is_of_the_revision_that_they_had_asked_about(
        self, advisory: Advisory, cas: Recipient
    ) -> None:
        said(cas, at=NOW)
        rows.revise(advisory)
        with time_machine.travel(NOW + timedelta(hours=1), tick=False):
            made = answered(cas)
        found = replying._with_answers(cas, NOW)
        (mailed_of,) = set(found.values())
        assert mailed_of.number == 1
        assert set(found) == set(replying._ids(f"answered:{made.pk}", ""))


def test_nothing_of_it_is_in_any_log(advisory: Advisory, cas: Recipient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    said(cas, text="secretquestion")
    form = {"text": "secretanswer", "seen": str(shown(cas)), "press": "answer"}
    path = f"/advisories/{advisory.reference}/asking/{cas.pk}/"
    assert signed_in(advisory.written_by).post(path, form).status_code == 302
    assert signed_in(advisory.written_by).post(path, form | {"text": "secretanswer, again"}).status_code == 409
    while deliver():
        pass
    assert Reply.objects.get().text == "secretanswer"
    lines = "\n".join(str(entry.getMessage()) for entry in caplog.records if not entry.name.startswith("django.db"))
    assert "/asking/" in lines
    assert "secret" not in lines


class TestWhatItAnswers:
    def test_what_reaches_us_after_the_answer_waits_however_old_it_is(self, cas: Recipient) -> None:
        asked = said(cas)
        assert answered(cas).to_id == asked.pk
        # A mail that lay in the mailbox for an hour: older than the answer, and nobody had it before them.
        said(cas, at=timezone.now() - timedelta(hours=1))
        asker = threads.one(cas.advisory, None, cas.pk)
        assert asker is not None
        assert asker.is_open
