"""The mails of the chase, out of a real mail server: what is asked, for how long, of whom; and never what was settled since."""

from __future__ import annotations

import email
import email.policy
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import Count
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.letters import letters
from alerts.letters.deliver_escalations_sql import LOOKED_AT, PERSONAL_ESCALATION, SUPERSEDE_ESCALATIONS
from alerts.models import (
    Acknowledgement,
    Action,
    ActionAnswer,
    Advisory,
    Batch,
    Call,
    ChaseStep,
    Clock,
    Escalation,
    LinkKey,
    Message,
    Nudge,
    Recipient,
    Relay,
    Severity,
)
from alerts.senders import Senders
from departments.models import Body, Membership, Person
from tests.chased import leave
from tests.clients import signed_in
from tests.office import Office
from tests.smtp import Received, Server

pytestmark = pytest.mark.django_db(transaction=True)

TOLD = datetime(2026, 11, 24, 10, 2, tzinfo=UTC)  # a Tuesday
NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)
LINK = re.compile(r"https?://\S+/a/\w+")


# --- rows as the chase writes them ---


@pytest.fixture
def told(office: Office, server: Server) -> Advisory:
    """An advisory of which Cas, of A Department, was told."""
    return tell(office, server)


def tell(office: Office, server: Server, **changes: Any) -> Advisory:
    with time_machine.travel(TOLD, tick=False):
        advisory = office.publish(**changes).advisory
        cascade(advisory.pk)
        leave(TOLD)
    advisory.refresh_from_db()
    return advisory


def clock(advisory: Advisory, kind: str = "answer", **changes: Any) -> Clock:
    fields = {
        "calendar": "" if advisory.severity == "critical" else "england-and-wales",
        "starts_at": TOLD,
        "by": advisory.acknowledge_by,
        **changes,
    }
    return Clock.objects.get_or_create(advisory=advisory, material=1, kind=kind, **fields)[0]


def step(of: Clock, what: str = "remind", n: int = 1, due: datetime = NOW, **changes: Any) -> ChaseStep:
    fields = {"planned_at": due, "due_at": due, "since": due, "done_at": due, **changes}
    return ChaseStep.objects.create(clock=of, what=what, n=n, **fields)


def recipient(advisory: Advisory, person: Person) -> Recipient:
    return Recipient.objects.get(advisory=advisory, person=person)


def nudged(advisory: Advisory, person: Person, of: Clock | None = None, **changes: Any) -> Nudge:
    fields = {"step": step(of, n=of.steps.count() + 1)} if of else {}
    return Nudge.objects.create(recipient=recipient(advisory, person), person=person, **fields, **changes)


def reminder(advisory: Advisory, *nudges: Nudge) -> Message:
    revision, severity = advisory.current, Severity(advisory.severity)
    batch = Batch.objects.create(
        rank=severity.rank, advisory=advisory, revision=revision, kind="reminder", size=1, not_before=TOLD, made_at=TOLD
    )
    first = nudges[0]
    message = Message.objects.create(
        key=f"chase:{first.pk}", batch=batch, person=first.person, advisory=advisory, recipient=first.recipient,
        revision=revision, kind="reminder",
    )  # fmt: skip
    Nudge.objects.filter(pk__in=[one.pk for one in nudges]).update(state="mailed", message=message)
    return message


def digest(*nudges: Nudge, rank: int = 1) -> Message:
    batch = Batch.objects.create(rank=rank, kind="digest", size=1, not_before=TOLD, made_at=TOLD)
    first = nudges[0]
    message = Message.objects.create(key=f"digest:{first.pk}", batch=batch, person=first.person, kind="digest")
    Nudge.objects.filter(pk__in=[one.pk for one in nudges]).update(state="mailed", message=message)
    return message


def escalated(of: ChaseStep, body: Body, person: Person, at: Body, role: str, silent: int = 1) -> Escalation:
    relay = Relay.objects.get(advisory=of.clock.advisory, body=body)
    return Escalation.objects.create(step=of, relay=relay, person=person, body=at, role=role, silent=silent)


def escalation(*rows: Escalation) -> Message:
    first = rows[0]
    about = first.step.clock.advisory
    rank = Severity(about.severity).rank
    batch = Batch.objects.create(rank=rank, about=about, kind="escalation", size=1, not_before=TOLD, made_at=TOLD)
    message = Message.objects.create(key=f"escalate:{first.pk}", batch=batch, person=first.person, kind="escalation")
    Escalation.objects.filter(pk__in=[one.pk for one in rows]).update(state="mailed", message=message)
    return message


def answered(advisory: Advisory, person: Person, **choices: Any) -> Acknowledgement:
    """They have read it, and said so much of its actions: `move=("by", date)`."""
    its, revision = recipient(advisory, person), advisory.current
    assert revision is not None
    said = Acknowledgement.objects.create(recipient=its, revision=revision, read="yes", form_id=uuid4(), at=TOLD)
    for key, (choice, day) in choices.items():
        action = its.advisory.current.actions.get(text__startswith=key.title())  # type: ignore[union-attr]
        relay = its.seats.get().relay if action.of == "body" else None
        ActionAnswer.objects.create(acknowledgement=said, action=action, relay=relay, choice=choice, by_date=day)
    Recipient.objects.filter(pk=its.pk).update(answered_revision=revision.number)
    return said


def delivered(server: Server, at: datetime = NOW) -> Received:
    """The one mail that leaves at that moment."""
    [mail] = all_delivered(server, at)
    return mail


def all_delivered(server: Server, at: datetime = NOW) -> list[Received]:
    server.mails.clear()
    with time_machine.travel(at, tick=False), Senders() as senders:
        while deliver(senders):
            pass
    return server.mails


# --- how they are read ---


def paragraphs(mail: Received) -> list[str]:
    """Of its text, each in one line."""
    return [" ".join(part.split()) for part in mail.text.replace("\r\n", "\n").split("\n\n")]


def html_of(mail: Received) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def body_lines(mail: Received) -> list[bytes]:
    """As they went over the wire, after the header."""
    return mail.content.partition(b"\r\n\r\n")[2].splitlines()


def whole(mail: Received) -> str:
    return f"{mail.subject}\n{mail.text}\n{html_of(mail)}"


def shown_again(message: Message, link: str = "") -> bytes:
    message.refresh_from_db()
    return letters.again(message, link)


def same_but_for_keys(mail: Received, again: bytes, keys: str) -> bool:
    """Whether it is the very mail, with that in place of each link of their own."""
    parsed = email.message_from_bytes(again, policy=email.policy.SMTP)
    plain, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert plain is not None
    assert html is not None
    return (
        str(parsed["Subject"]) == mail.subject
        and str(plain.get_content()) == LINK.sub(keys, mail.text)
        and str(html.get_content()) == LINK.sub(keys, html_of(mail))
    )


class TestAReminder:
    def test_says_since_when_they_know_and_by_when_they_are_to_answer_in_their_own_time(
        self, office: Office, server: Server, told: Advisory
    ) -> None:
        own = clock(told, by=datetime(2026, 11, 25, 12, 0, tzinfo=UTC), late=True)
        Recipient.objects.filter(advisory=told, person=office.cas).update(clock=own)
        message = reminder(told, nudged(told, office.cas, own))
        mail = delivered(server)
        assert mail.subject == (
            "[High] Reminder: Do not use Zoom for confidential business: answer by Wed 25 November, 12:00 GMT"
        )
        assert paragraphs(mail)[1] == (
            "Reminder: you were told of this on Tue 24 November, 10:02 GMT, 3 working hours ago, and have not answered. Your "
            "answer is asked for by Wed 25 November, 12:00 GMT."
        )
        assert "We ask this of you, by Wed 25 November, 12:00 GMT:" in mail.text
        [link] = set(LINK.findall(mail.text))
        assert same_but_for_keys(mail, shown_again(message, "‹link›"), "‹link›")
        assert link not in str(message.personal)

    def test_says_that_it_is_late_once_it_is(self, office: Office, server: Server, told: Advisory) -> None:
        reminder(told, nudged(told, office.cas, clock(told)))
        mail = delivered(server, LATER)
        assert mail.subject.endswith(": answer now")
        assert paragraphs(mail)[1].endswith(
            "2 working days ago, and have not answered. Your answer was asked for by Wed 25 November, 10:02 GMT, and is late."
        )

    def test_of_something_critical_counts_every_hour(self, office: Office, server: Server) -> None:
        told = tell(office, server, severity="critical")
        reminder(told, nudged(told, office.cas, clock(told)))
        assert "10:02 GMT, 3 h 28 min ago, and have not answered." in " ".join(delivered(server).text.split())

    def test_of_an_action_names_those_that_are_not_done_and_by_when(self, office: Office, server: Server) -> None:
        told = tell(
            office, server, actions=[{"text": "Move them", "due": "P1D"}, {"text": "Tell <all>\nof them", "due": "P14D"}]
        )  # fmt: skip
        assert told.current is not None
        move = told.current.actions.get(text="Move them")
        answered(told, office.cas, tell=("later", None))
        reminder(told, nudged(told, office.cas, clock(told, "act", by=move.due)))
        mail = delivered(server, LATER)
        assert mail.subject == "[High] Reminder: Do not use Zoom for confidential business: still to be done"
        _, first, second, third, *_ = paragraphs(mail)
        assert first == "Reminder: this is still to be done."
        assert second == "- Move them: it was due by Wed 25 November, 10:02 GMT, 1 working day ago."
        assert third.startswith("- Tell <all> of them: it is due by ")
        assert "This is what it asks:" in mail.text
        assert "have not answered" not in whole(mail)
        assert "Tell &lt;all&gt; of them" in html_of(mail)

    def test_of_an_action_leaves_out_what_is_done_and_what_was_promised_for_a_later_day(
        self, office: Office, server: Server
    ) -> None:
        asks = [{"text": text, "due": "P1D"} for text in ("Move them", "Tell them", "Lock them")]
        told = tell(office, server, actions=asks)
        answered(told, office.cas, move=("done", None), tell=("by", date(2026, 12, 4)))
        reminder(told, nudged(told, office.cas, clock(told, "act", by=told.current.actions.first().due)))  # type: ignore[union-attr]
        said = paragraphs(delivered(server, LATER))
        assert [one.partition(":")[0] for one in said if one.startswith("- ")] == ["- Lock them"]

    def test_of_a_bodys_action_goes_to_its_contact_with_the_bodys_name(self, office: Office, server: Server) -> None:
        con = office.person("con", office.department, "contact")
        told = tell(office, server, actions=[{"text": "Count them", "due": "P1D", "of": "body"}])
        answered(told, con)
        reminder(told, nudged(told, con, clock(told, "act", by=told.current.actions.get().due)))  # type: ignore[union-attr]
        assert "- Count them, for A Department: it was due by " in " ".join(delivered(server, LATER).text.split())

    def test_brings_back_what_they_promised_on_its_day(self, office: Office, server: Server, told: Advisory) -> None:
        said = answered(told, office.cas, move=("by", date(2026, 12, 4)))
        reminder(told, nudged(told, office.cas, promise=said.answers.get()))
        mail = delivered(server, datetime(2026, 12, 4, 9, 5, tzinfo=UTC))
        assert mail.subject == "[High] You said it would be done today: Do not use Zoom for confidential business"
        assert paragraphs(mail)[1] == (
            "You said that “Move closed meetings” would be done by Friday 4 December. Is it done?"
        )
        assert "have not answered" not in whole(mail)

    def test_brings_back_what_was_promised_for_a_body_without_saying_who_did(
        self, office: Office, server: Server
    ) -> None:
        con = office.person("con", office.department, "contact")
        told = tell(office, server, actions=[{"text": "Count them", "due": "P1D", "of": "body"}])
        assert told.current is not None
        promise = answered(told, con).answers.create(
            action=told.current.actions.get(),
            relay=told.relays.get(body=office.department),
            choice="by",
            by_date=date(2026, 12, 4),
        )
        reminder(told, nudged(told, con, promise=promise))
        mail = delivered(server, datetime(2026, 12, 4, 9, 5, tzinfo=UTC))
        assert mail.subject.startswith("[High] It was to be done today: ")
        assert paragraphs(mail)[1] == (
            "It was said for A Department that “Count them” would be done by Friday 4 December. Is it done?"
        )

    def test_from_amber_up_says_no_word_of_what_is_asked(self, office: Office, server: Server) -> None:
        told = tell(office, server, marking="AMBER")
        assert told.current is not None
        said = answered(told, office.cas, move=("by", date(2026, 11, 26)))
        of_act = nudged(told, office.cas, clock(told, "act", by=told.current.actions.earliest("due").due))
        reminder(told, nudged(told, office.cas, promise=said.answers.get()), of_act)
        mail = delivered(server, LATER)
        assert mail.subject == "[High] Reminder: Advice on video meetings: still to be done"
        assert "You said that action 1 would be done by Thursday 26 November. Is it done?" in paragraphs(mail)
        for words in ("Zoom", "Move", "closed meetings", "overheard"):
            assert words not in whole(mail)

    def test_of_a_hold_says_until_when_they_hold_it(self, office: Office, server: Server) -> None:
        con = office.person("con", office.department, "contact")
        told = tell(office, server)
        until = NOW + timedelta(hours=1)
        relay = Relay.objects.get(advisory=told, body=office.department)
        Relay.objects.filter(pk=relay.pk).update(state="held", reached_at=TOLD, held_until=until, released_at=None)
        answered(told, con)
        reminder(told, nudged(told, con, clock(told, "hold", calendar="", by=until)))
        mail = delivered(server)
        assert mail.subject.endswith(": it waits for you")
        said = paragraphs(mail)
        assert said[1] == "Reminder: it waits for you to let it go on."
        assert said[2].startswith("You hold this for A Department until 14:30 today (GMT).")

    def test_does_not_leave_to_whoever_did_what_it_is_about(self, office: Office, server: Server) -> None:
        con = office.person("con", office.department, "contact")
        told = tell(office, server, actions=[{"text": "Move them", "due": "P1D"}])
        due = told.current.actions.get().due  # type: ignore[union-attr]
        act = clock(told, "act", by=due)
        reminder(told, nudged(told, office.cas, clock(told)))
        answered(told, office.cas)  # read, not acted
        said = answered(told, con, move=("by", date(2026, 11, 26)))
        of_cas = reminder(told, nudged(told, office.cas, act))
        of_con = reminder(told, nudged(told, con, promise=said.answers.get()))
        answered(told, con, move=("done", None))
        Recipient.objects.filter(advisory=told, person=con).update(acted_revision=1)
        mail = delivered(server, LATER)
        assert mail.recipients == ["cas@example.org"]
        of_cas.refresh_from_db()
        of_con.refresh_from_db()
        assert (of_cas.state, of_con.state) == ("sent", "superseded")
        assert Message.objects.filter(kind="reminder", state="superseded").count() == 2

    def test_does_not_leave_once_the_chase_was_ended(self, office: Office, server: Server, told: Advisory) -> None:
        message = reminder(told, nudged(told, office.cas, clock(told)))
        Advisory.objects.update(chase_ended_at=NOW, chase_ended_by=office.ada, chase_ended_why="They know.")
        assert not all_delivered(server)
        message.refresh_from_db()
        assert message.state == "superseded"

    def test_that_an_officer_pressed_for_leaves_whatever_else_is_live_and_not_to_whoever_answered(
        self, office: Office, server: Server, told: Advisory
    ) -> None:
        con = office.person("con", office.department, "contact")
        told, _ = tell(office, server), tell(office, server, title="Another one")
        batch = Batch.objects.create(
            rank=1, advisory=told, revision=told.current, kind="reminder", size=2, not_before=TOLD, made_at=TOLD
        )
        for person in (office.cas, con):
            Message.objects.create(
                key=f"reminder:{person.pk}", batch=batch, person=person, advisory=told, recipient=recipient(told, person),
                revision=told.current, kind="reminder",
            )  # fmt: skip
        answered(told, con)
        assert delivered(server).recipients == ["cas@example.org"]


class TestADigest:
    def several(self, office: Office, server: Server) -> list[Advisory]:
        return [
            tell(office, server, title="Low one", severity="low"),
            tell(office, server, title="High one <b>&", marking="AMBER", open_title="Advice on <i>meetings"),
            tell(office, server, title="Critical one", severity="critical"),
        ]

    def test_has_everything_that_is_open_the_most_severe_first_with_a_link_each(
        self, office: Office, server: Server
    ) -> None:
        low, high, critical = self.several(office, server)
        message = digest(nudged(low, office.cas, clock(low)), nudged(high, office.cas, clock(high)), rank=1)
        mail = delivered(server)
        assert mail.subject == "[Critical] 3 warnings wait for your answer (1 critical)"
        assert mail.message["Importance"] == "high"
        assert mail.message["X-Priority"] == "2"
        said = mail.text
        order = [
            said.index(words) for words in ("CRITICAL: CRITICAL ONE", "HIGH: ADVICE ON <I>MEETINGS", "LOW: LOW ONE")
        ]
        assert order == sorted(order)
        for one in (low, high, critical):
            assert one.reference in said
        assert "High one" not in whole(mail)
        assert "Advice on &lt;i&gt;meetings" in html_of(mail)
        assert "TLP:AMBER" in said
        assert (
            "You were told of it on Tue 24 November, 10:02 GMT, 3 working hours ago. Your answer is asked for by "
            in " ".join(said.split())
        )
        tokens = LINK.findall(said)
        assert len(set(tokens)) == 3
        assert set(LINK.findall(html_of(mail))) == set(tokens)
        for link in tokens:
            assert signed_in(office.ada).get(link).status_code == 200
        assert LinkKey.objects.filter(advisory__in=(low, high, critical)).values("advisory").distinct().count() == 3
        # Its links are keys, and are not kept; its words are.
        message.refresh_from_db()
        assert not LINK.search(str(message.personal))
        assert same_but_for_keys(mail, shown_again(message, "‹link›"), "‹link›")

    def test_leaves_out_what_was_answered_before_it_left(self, office: Office, server: Server) -> None:
        low, high, critical = self.several(office, server)
        digest(nudged(low, office.cas, clock(low)), nudged(critical, office.cas, clock(critical)))
        answered(critical, office.cas)
        answered(high, office.cas)
        mail = delivered(server)
        assert mail.subject == "1 warning waits for your answer"
        assert "Critical one" not in whole(mail)

    def test_does_not_leave_where_nothing_is_left_of_what_it_was_for(self, office: Office, server: Server) -> None:
        low, high, critical = self.several(office, server)
        message = digest(nudged(low, office.cas, clock(low)), nudged(critical, office.cas, clock(critical)))
        answered(low, office.cas)
        answered(critical, office.cas)
        assert not all_delivered(server)
        message.refresh_from_db()
        assert message.state == "superseded"
        assert high.state == "live"

    def test_names_promises_and_what_is_still_to_be_done(self, office: Office, server: Server) -> None:
        low, high, _ = self.several(office, server)
        said = answered(low, office.cas, move=("by", date(2026, 11, 26)))
        due = low.current.actions.get(of="person").due  # type: ignore[union-attr]
        answered(high, office.cas)
        acts = nudged(low, office.cas, clock(low, "act", by=due))
        digest(nudged(low, office.cas, promise=said.answers.get()), acts)
        mail = delivered(server, datetime(2026, 12, 7, 11, 0, tzinfo=UTC))
        assert mail.subject == "[Critical] 2 warnings wait for you (1 critical)"
        words = " ".join(mail.text.split())
        assert "You said that “Move closed meetings” would be done by Thursday 26 November. Is it done?" in words
        assert "This is still to be done: - Move closed meetings: it was due by Thu 3 December, 10:02 GMT," in words
        assert "<bdi>Move closed meetings</bdi>: it was due by " in html_of(mail)

    def test_says_of_each_exercise_that_it_is_one_and_of_itself_where_all_are(
        self, office: Office, server: Server
    ) -> None:
        one, two = tell(office, server, exercise=True), tell(office, server, exercise=True)
        digest(nudged(one, office.cas, clock(one)))
        mail = delivered(server)
        assert mail.subject == "[EXERCISE] 2 warnings wait for your answer"
        assert mail.text.count("[EXERCISE] HIGH:") == 2
        assert paragraphs(mail)[1] == "THIS IS AN EXERCISE. Nothing here is real."
        tell(office, server, title="Real")
        digest(nudged(two, office.cas, clock(two)))
        mail = delivered(server)
        assert mail.subject == "3 warnings wait for your answer, 2 of them exercises"
        assert "THIS IS AN EXERCISE" not in mail.text
        assert mail.text.count("[EXERCISE] HIGH:") == 2

    def test_calls_no_exercise_critical_beside_what_is_real(self, office: Office, server: Server) -> None:
        drill = tell(office, server, exercise=True, severity="critical")
        digest(nudged(drill, office.cas, clock(drill)))
        assert delivered(server).subject == "[EXERCISE] [Critical] 1 warning waits for your answer"
        real = tell(office, server, title="Real")
        digest(nudged(real, office.cas, clock(real)))
        mail = delivered(server)
        assert mail.subject == "2 warnings wait for your answer, 1 of them an exercise"
        assert "2 warnings wait for your answer, 1 of them an exercise. The most" in " ".join(mail.text.split())
        tell(office, server, title="Worse", severity="critical")
        digest(nudged(real, office.cas, clock(real)))
        assert (
            delivered(server).subject
            == "[Critical] 3 warnings wait for your answer, 1 of them an exercise (1 critical)"
        )

    def test_says_how_long_ago_where_no_working_time_has_passed(self, office: Office, server: Server) -> None:
        told = tell(office, server)
        saturday = datetime(2026, 11, 28, 21, 6, tzinfo=UTC)
        Message.objects.filter(advisory=told).update(sent_at=saturday)
        digest(nudged(told, office.cas, clock(told, by=datetime(2026, 12, 1, 10, 0, tzinfo=UTC))))
        words = " ".join(delivered(server, saturday + timedelta(minutes=5)).text.split())
        assert "You were told of it on Sat 28 November, 21:06 GMT, 5 min ago." in words
        assert "working hour" not in words

    def test_says_where_the_page_asks_for_a_code(self, office: Office, server: Server) -> None:
        red = tell(office, server, marking="RED", audience={"people": [office.cas.email]})
        digest(nudged(red, office.cas, clock(red)))
        assert "The page sends a code to this address before it shows its text." in " ".join(
            delivered(server).text.split()
        )

    def test_names_twenty_and_says_how_many_more_there_are(self, office: Office, server: Server) -> None:
        all_of_them = [tell(office, server, title=f"Number {n}", actions=[]) for n in range(23)]
        digest(nudged(all_of_them[-1], office.cas, clock(all_of_them[-1])))
        mail = delivered(server)
        assert mail.subject == "23 warnings wait for your answer"
        assert len(set(LINK.findall(mail.text))) == 20
        assert "And 3 more, all behind any of these links." in mail.text
        # What they are reminded of now is among them.
        assert "HIGH: NUMBER 22" in mail.text

    def test_stays_in_its_lines_whatever_things_are_called(self, office: Office, server: Server) -> None:
        title = "وزارة الخارجية <script>alert(1)</script> " + "long words " * 12
        one, two = tell(office, server, title=title), tell(office, server, title="Plain")
        Person.objects.filter(pk=office.cas.pk).update(name="Zoë <b>\u202e&")
        digest(nudged(one, office.cas, clock(one)))
        mail = delivered(server)
        assert two.reference in mail.text
        assert "<script>" not in html_of(mail)
        assert "وزارة الخارجية" in html_of(mail)
        assert "\u202e" not in whole(mail)
        words = [line for line in mail.text.splitlines() if "://" not in line]
        assert max(len(line) for line in words) <= 64
        assert [line for line in body_lines(mail) if len(line) > 76] == []
        part = mail.message.get_body(("plain",))
        assert part is not None
        assert part["Content-Transfer-Encoding"] == "quoted-printable"

    def test_waits_with_what_is_stopped(self, office: Office, server: Server) -> None:
        low, high, critical = self.several(office, server)
        digest(nudged(low, office.cas, clock(low)))
        Advisory.objects.filter(pk=high.pk).update(stopped_at=NOW, stopped_by=office.ada)
        mail = delivered(server)
        assert mail.subject == "[Critical] 2 warnings wait for your answer (1 critical)"
        assert high.reference not in whole(mail)
        assert critical.reference in whole(mail)


class TestAnEscalation:
    @pytest.fixture
    def place(self, office: Office) -> Office:
        """A department with a contact, a head and members; a government above it with a contact, and a dark body below."""
        self.con = office.person("con", office.department, "contact")
        self.hal = office.person("hal", office.department, "head")
        self.gov = office.person("gov", office.government, "contact")
        self.dark = Body.objects.create(slug="dark", name="Dark Body", kind="team", parent=office.government)
        for name in ("mia", "max"):
            office.person(name, office.department, "member")
        Person.objects.filter(name="Mia").update(telephone="020 7946 0001")
        return office

    def to_head(self, told: Advisory, office: Office, person: Person | None = None) -> Message:
        """The first rung told the contact; the second one now tells the head."""
        of = clock(told)
        first = step(of, "escalate", 1, NOW)
        of_con = escalated(first, office.department, self.con, office.department, "contact", 4)
        message = escalation(of_con)
        Message.objects.filter(pk=message.pk).update(state="sent", sent_at=LATER - timedelta(hours=2))
        Batch.objects.filter(pk=message.batch_id).update(done_at=NOW)
        second = step(of, "escalate", 2, LATER)
        step(of, "escalate", 3, LATER + timedelta(hours=4), done_at=None)
        return escalation(escalated(second, office.department, person or self.hal, office.department, "head", 4))

    def stand(self, told: Advisory, name: str, **fields: Any) -> None:
        Recipient.objects.filter(advisory=told, person__name=name).update(**fields)

    def test_tells_the_head_who_is_silent_and_why_and_whom_we_told_before(self, place: Office, server: Server) -> None:
        told = tell(place, server)
        self.stand(told, "Mia", outcome="bounced", why="550 5.1.1 <b>no such mailbox")
        self.stand(told, "Max", suspect_revision=1)
        self.stand(told, "Cas", outcome="delivered")
        answered(told, self.con)
        message = self.to_head(told, place)
        mail = delivered(server, LATER)
        assert mail.recipients == ["hal@example.org"]
        assert mail.subject == "[High] 4 people have not answered: Do not use Zoom for confidential business"
        words = " ".join(mail.text.split())
        assert (
            "You get this because you are the head of A Department. Before you we told its contact, Con, on Thu 26 November, "
            "09:00 GMT."
        ) in words
        assert "4 people have not answered. An answer was asked for by Wed 25 November, 10:02 GMT." in words
        listed = [
            one for part in paragraphs(mail) if part.startswith("- ") for one in part.removeprefix("- ").split(" - ")
        ]
        assert listed == [
            "Mia: never reached, the mail came back (550 5.1.1 <b>no such mailbox). Telephone 020 7946 0001.",
            "Max: silent since Tue 24 November, 10:02 GMT; an answer came that looks like a machine’s.",
            "Cas: silent since Tue 24 November, 10:02 GMT.",
            "Hal (you): silent since Tue 24 November, 10:02 GMT.",
        ]
        assert "If nothing changes, whoever is next in line is told on Thu 26 November, 15:00 GMT." in words
        assert "<b>no such" not in html_of(mail)
        assert "<bdi>Mia</bdi>" in html_of(mail)
        # The very mail again: its links lead behind the sign-in, and are kept.
        assert same_but_for_keys(mail, shown_again(message), "")
        assert "‹" not in whole(mail)

    def test_counts_nobody_twice_whatever_else_is_live(self, place: Office, server: Server) -> None:
        told, _ = tell(place, server), tell(place, server, title="Another one")
        self.to_head(told, place)
        mail = delivered(server, LATER)
        assert mail.subject == "[High] 5 people have not answered: Do not use Zoom for confidential business"
        assert len(re.findall(r"^- ", mail.text, re.MULTILINE)) == 5

    def test_leads_to_pages_that_its_reader_may_open_and_put_things_right_on(
        self, place: Office, server: Server
    ) -> None:
        told = tell(place, server)
        self.stand(told, "Mia", outcome="bounced")
        self.stand(told, "Cas", outcome="delivered")
        self.to_head(told, place)
        links = re.findall(r"https?://\S+", delivered(server, LATER).text)
        kinds = [link.partition("/advisories/")[2].partition("/")[2] for link in links]
        relay = Relay.objects.get(advisory=told, body=place.department)
        assert kinds == [
            "coverage/people/?is=silent&in=department&own=1",
            "coverage/people/?is=unsure&in=department&own=1",
            "coverage/people/?is=unreachable&in=department&own=1",
            f"people/{relay.pk}/",
        ]
        pages = [signed_in(self.hal).get(link) for link in links]
        assert [page.status_code for page in pages] == [200, 200, 200, 200]
        for page, name in zip(pages, ("Cas", "Max", "Mia", "Mia"), strict=True):
            assert name in page.content.decode()

    def test_leaves_out_whoever_answered_since_and_does_not_leave_where_nobody_is_left(
        self, place: Office, server: Server
    ) -> None:
        told = tell(place, server)
        self.to_head(told, place)
        for name in ("Mia", "Max", "Con", "Hal"):
            answered(told, Person.objects.get(name=name))
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[High] 1 person has not answered: ")
        assert "Mia" not in whole(mail)
        of = step(clock(told), "escalate", 4, LATER)
        message = escalation(escalated(of, place.department, self.hal, place.department, "head"))
        answered(told, place.cas)
        assert not all_delivered(server, LATER)
        message.refresh_from_db()
        assert message.state == "superseded"

    def test_does_not_leave_to_whoever_is_not_the_head_any_more(self, place: Office, server: Server) -> None:
        told = tell(place, server)
        message = self.to_head(told, place)
        Membership.objects.filter(person=self.hal).update(until=NOW)
        assert not all_delivered(server, LATER)
        message.refresh_from_db()
        assert message.state == "superseded"

    def test_waits_while_the_warning_is_stopped(self, place: Office, server: Server) -> None:
        told = tell(place, server)
        message = self.to_head(told, place)
        Advisory.objects.update(stopped_at=NOW, stopped_by=place.ada)
        assert not all_delivered(server, LATER)
        message.refresh_from_db()
        assert message.state == "waiting"
        Advisory.objects.update(stopped_at=None, stopped_by=None)
        assert delivered(server, LATER).recipients == ["hal@example.org"]

    def test_from_amber_up_names_nobody_and_no_body(self, place: Office, server: Server) -> None:
        told = tell(place, server, marking="AMBER")
        self.to_head(told, place)
        of = step(clock(told), "escalate", 9, LATER)
        escalation(escalated(of, place.department, self.gov, place.government, "contact"))
        mails = {mail.recipients[0]: mail for mail in all_delivered(server, LATER)}
        for mail in mails.values():
            for name in ("Zoom", "Department", "department", "Government", "government", "Mia", "Max", "Cas", "Con,"):
                assert name not in whole(mail)
            assert "Advice on video meetings" in mail.subject
            assert "nobody is named in this mail" in " ".join(mail.text.split())
        head = mails["hal@example.org"]
        assert head.subject == "[High] 5 people have not answered: Advice on video meetings"
        assert "Before you we told its contact on Thu 26 November, 09:00 GMT." in " ".join(head.text.split())
        for link in re.findall(r"https?://\S+", head.text):
            assert signed_in(self.hal).get(link).status_code == 200
        kept = str(Message.objects.filter(kind="escalation").values_list("personal", flat=True))
        assert "hal@example.org" in kept
        assert not [name for name in ("Mia", "Department", "Government", "Con ") if name in kept]

    def test_of_a_dark_body_says_that_somebody_was_told_of_it_by_telephone(self, place: Office, server: Server) -> None:
        told = tell(place, server, audience={"branches": ["government"]})
        of = step(clock(told), "escalate", 2)
        escalation(escalated(of, self.dark, self.gov, place.government, "contact", 0))
        relay = Relay.objects.get(advisory=told, body=self.dark)
        Call.objects.create(
            relay=relay, caller=place.ada, person=self.hal, taken_at=TOLD, until=NOW, ended_at=NOW, result="told"
        )
        words = " ".join(delivered(server).text.split())
        when = "Tue 24 November, 13:30 GMT"
        assert f"DARK: it has nobody who can be told by mail; Hal was told by telephone on {when}." in words

    def test_to_a_contact_above_goes_body_by_body_and_names_the_dark_ones_first(
        self, place: Office, server: Server
    ) -> None:
        told = tell(place, server)
        of = step(clock(told), "escalate", 3, LATER)
        message = escalation(
            escalated(of, place.department, self.gov, place.government, "contact", 5),
            escalated(of, self.dark, self.gov, place.government, "contact", 0),
        )
        mail = delivered(server, LATER)
        assert mail.subject == "[High] 2 bodies have not answered: Do not use Zoom for confidential business"
        words = " ".join(mail.text.split())
        assert "You get this because you are a contact of Government, to which these bodies answer." in words
        assert "2 bodies have not answered: 5 people in all. 1 of them is dark: nobody there can be told." in words
        assert words.index("- Dark Body: DARK: it has nobody who can be told.") < words.index(
            "- A Department: 5 people have not answered."
        )
        assert "Mia" not in words
        assert "Nobody further up is told of it after you." in words
        for link in re.findall(r"https?://\S+", mail.text):
            assert signed_in(self.gov).get(link).status_code == 200
        assert same_but_for_keys(mail, shown_again(message), "")

    def test_to_an_officer_of_the_issuer_is_about_the_whole(self, place: Office, server: Server) -> None:
        told = tell(place, server)
        of = step(clock(told), "escalate", 5, LATER)
        escalation(escalated(of, place.department, place.ada, place.centre, "officer", 5))
        mail = delivered(server, LATER)
        assert "because you are an officer of its issuer" in " ".join(mail.text.split())
        [link] = re.findall(r"https?://\S+", mail.text)
        assert link.endswith(f"/advisories/{told.reference}/coverage/")
        assert signed_in(place.ada).get(link).status_code == 200

    def test_of_an_action_says_which_and_who_has_not_said_that_it_is_done(self, place: Office, server: Server) -> None:
        told = tell(place, server, actions=[{"text": "Move them", "due": "P1D"}])
        for person in Person.objects.filter(name__in=("Cas", "Mia")):
            answered(told, person)
        of = step(clock(told, "act", by=Action.objects.get().due), "escalate", 1, LATER)
        escalation(escalated(of, place.department, self.con, place.department, "contact", 2))
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[High] 2 people have not done what was asked: ")
        words = " ".join(mail.text.split())
        assert (
            "“Move them”: 2 people have not said that it is done. It was asked for by Wed 25 November, 10:02 GMT."
            in words
        )
        assert "- Cas: has not said that it is done. - Mia: has not said that it is done." in words

    def test_of_a_bodys_own_action_says_that_nobody_answered_it_for_the_body(
        self, place: Office, server: Server
    ) -> None:
        told = tell(place, server, actions=[{"text": "Count them", "due": "P1D", "of": "body"}])
        for person in Person.objects.filter(memberships__body=place.department):
            answered(told, person)
        of = step(clock(told, "act", by=Action.objects.get().due), "escalate", 3, LATER)
        escalation(escalated(of, place.department, self.hal, place.department, "head", 0))
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[High] 1 body has not done what was asked: ")
        words = " ".join(mail.text.split())
        assert (
            "“Count them”: it was not said for the body that it is done. It was asked for by Wed 25 November" in words
        )
        of = step(clock(told, "act", by=Action.objects.get().due), "escalate", 4, LATER)
        escalation(escalated(of, place.department, self.hal, place.department, "head", 0))
        answered(told, self.con, count=("done", None))
        assert not all_delivered(server, LATER)

    def test_names_thirty_and_says_how_many_more_there_are(self, place: Office, server: Server) -> None:
        for number in range(40):
            place.person(f"person{number:02d}", place.department, "member")
        told = tell(place, server)
        self.to_head(told, place)
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[High] 45 people have not answered: ")
        assert len(re.findall(r"^- ", mail.text, re.MULTILINE)) == 30
        assert "15 more on the page." in " ".join(mail.text.split())

    def test_of_an_exercise_says_so_first(self, place: Office, server: Server) -> None:
        told = tell(place, server, exercise=True)
        self.to_head(told, place)
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[EXERCISE] [High] 5 people have not answered: ")
        assert paragraphs(mail)[1] == "THIS IS AN EXERCISE. Nothing here is real."
        assert mail.message["X-Exercise"] == "yes"

    def test_stays_in_its_lines_whatever_people_are_called(self, place: Office, server: Server) -> None:
        Person.objects.filter(name="Max").update(name="عبد الرحمن <script> " + "of the long name " * 12)
        Body.objects.filter(pk=place.department.pk).update(name="Department\nof <u>Lines " + "and words " * 20)
        told = tell(place, server)
        self.to_head(told, place)
        mail = delivered(server, LATER)
        assert "<script>" not in html_of(mail)
        assert "<u>" not in html_of(mail)
        assert "عبد الرحمن" in html_of(mail)
        assert [line for line in mail.text.splitlines() if len(line) > 64 and "://" not in line] == []
        assert [line for line in body_lines(mail) if len(line) > 76] == []


class TestAnEscalationAboutVeryManyBodies:
    """Some are looked at when it leaves; of all others it says how it was."""

    @pytest.fixture
    def told(self, office: Office, server: Server) -> Advisory:
        """Three bodies below the department are dark, each other one has somebody who is silent: fourteen too many."""
        for n in range(LOOKED_AT + 14 - 1):
            body = Body.objects.create(slug=f"team-{n}", name=f"Team {n}", kind="team", parent=office.department)
            if n >= 3:
                office.person(f"t{n}", body, "member")
        return tell(office, server)

    def to_officer(self, told: Advisory, office: Office) -> Message:
        of = step(clock(told), "escalate", 5, NOW)
        relays = Relay.objects.filter(
            advisory=told, purpose="target", body__in=Body.objects.filter(slug__startswith="team")
        )
        rows = [
            Escalation(step=of, relay=relay, person=office.ada, body=office.centre, role="officer", silent=relay.people)
            for relay in relays.annotate(people=Count("seats")).order_by("-pk")
        ]
        department = escalated(of, office.department, office.ada, office.centre, "officer")
        return escalation(*Escalation.objects.bulk_create(rows), department)

    def test_looks_at_the_dark_ones_and_says_of_the_rest_how_many_there_were_and_when(
        self, office: Office, server: Server, told: Advisory
    ) -> None:
        message = self.to_officer(told, office)
        mail = delivered(server, LATER)
        assert mail.subject.startswith("[High] 214 bodies had not answered on Tue 24 November, 13:30 GMT: ")
        words = " ".join(mail.text.split())
        assert (
            "200 bodies have not answered: 197 people in all. 3 of them are dark: nobody there can be told. And 14 more "
            "bodies, in which 14 people had not answered on Tue 24 November, 13:30 GMT. The first 30 stand here; and 184 more "
            "on the page."
        ) in words
        assert same_but_for_keys(mail, shown_again(message), "")

    def test_looks_at_no_more_than_so_many(self, office: Office, server: Server, told: Advisory) -> None:
        message = self.to_officer(told, office)
        values = {"batch": message.batch_id, "ids": [message.pk], "today": LATER.date()}
        assert looked_at(PERSONAL_ESCALATION, values) == LOOKED_AT
        assert looked_at(SUPERSEDE_ESCALATIONS, values) == 0  # the rest alone is reason enough

    def test_leaves_while_there_is_a_rest_though_all_that_were_looked_at_have_answered(
        self, office: Office, server: Server, told: Advisory
    ) -> None:
        message = self.to_officer(told, office)
        Body.objects.filter(pk__in=message.escalations.filter(silent=0).values("relay__body")).update(
            closed=LATER.date()
        )
        last = message.escalations.filter(silent=1).order_by("-pk")[:14].values("relay")
        Recipient.objects.exclude(seats__relay__in=last).update(answered_revision=1)
        mail = delivered(server, LATER)
        words = " ".join(mail.text.split())
        assert "14 bodies, in which 14 people had not answered on Tue 24 November, 13:30 GMT. " in words
        assert "bodies have not answered" not in words
        assert "Nobody further up is told of it after you." in words

    def test_says_the_same_to_the_contact_of_so_many(self, office: Office, server: Server, told: Advisory) -> None:
        of = step(clock(told), "escalate", 1, NOW)
        relays = list(Relay.objects.filter(advisory=told, body__slug__startswith="team").order_by("pk"))
        con = office.person("con", relays[0].body, "contact")
        theirs = [*(one.body for one in relays[1:]), office.government]
        Membership.objects.bulk_create(Membership(person=con, body=body, role="contact") for body in theirs)
        rows = [
            Escalation(step=of, relay=one, person=con, body_id=one.body_id, role="contact", silent=1) for one in relays
        ]
        below = escalated(of, office.department, con, office.government, "contact", 9)
        escalation(*Escalation.objects.bulk_create(rows), below)
        mail = delivered(server, LATER)
        words = " ".join(mail.text.split())
        # Their own are looked at before all others, however many are silent there.
        assert "And 13 more bodies, in which 13 people had not answered on Tue 24 November, 13:30 GMT." in words
        assert "1 body, in which 9 people had not answered on Tue 24 November, 13:30 GMT." in words
        assert len(re.findall(r"^- ", mail.text, re.MULTILINE)) == 30
        for link in re.findall(r"https?://\S+/coverage/\s", mail.text):
            assert signed_in(con).get(link.strip()).status_code == 200

    @pytest.mark.parametrize("ended", [True, False], ids=["chase", "duty"])
    def test_does_not_leave_once_the_chase_was_ended_or_they_answer_for_it_no_more(
        self, office: Office, server: Server, told: Advisory, *, ended: bool
    ) -> None:
        message = self.to_officer(told, office)
        if ended:
            Advisory.objects.update(chase_ended_at=NOW, chase_ended_by=office.ada, chase_ended_why="They know.")
        else:
            Membership.objects.filter(person=office.ada).update(until=NOW)
        assert not all_delivered(server, LATER)
        message.refresh_from_db()
        assert message.state == "superseded"


def looked_at(sql: str, values: dict[str, Any]) -> int:
    """At how many bodies' seats the statement looked, by its own plan."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        [(found,)] = cursor.fetchall()
        transaction.set_rollback(True)
    plans, most = [found[0]["Plan"] if isinstance(found, list) else json.loads(found)[0]["Plan"]], 0
    while plans:
        plan = plans.pop()
        if plan.get("Relation Name") == "alerts_seat":
            most = max(most, plan["Actual Loops"])
        plans += plan.get("Plans", ())
    return most


class TestAFirstNotice:
    @pytest.mark.parametrize("marking", ["GREEN", "AMBER"])
    def test_that_leaves_when_the_time_is_up_asks_to_answer_now(
        self, office: Office, server: Server, settings: SettingsWrapper, marking: str
    ) -> None:
        with time_machine.travel(TOLD, tick=False):
            advisory = office.publish(marking=marking).advisory
            cascade(advisory.pk)
        mail = delivered(server, LATER)
        assert mail.subject.endswith(": answer now")
        assert "25 November" not in whole(mail)
        asks = "We ask this of you now:" if marking == "GREEN" else "Please answer now."
        assert asks in mail.text
