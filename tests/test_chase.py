"""Somebody who was told and is silent is reminded: once a day, whoever presses, and never after they answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone

from alerts import tokens
from alerts.cascading.cascade import cascade
from alerts.chasing import chase
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.delivery.deliver import deliver
from alerts.delivery.tracking import Heard, match, store
from alerts.models import Advisory, Batch, Message, Recipient, Record, TrackingEvent
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stop
from departments.models import Membership, Person
from departments.refusal import Refused
from tests import rows
from tests.office import Office, an_advisory
from tests.smtp import Server
from tests.test_deliver import deliver_all, published

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.fromisoformat("2026-11-28T23:50:00+00:00")


def everybody(advisory: Advisory, *ids: int, bodies: set[int] | None = None) -> Selection:
    return Selection(scope(advisory.pk, bodies), "targeted", ids=ids or None)


def reminders() -> list[Message]:
    return list(Message.objects.filter(kind="reminder").select_related("person", "batch").order_by("pk"))


def told(advisory: Advisory, *relays: object, name: str = "Cas", **fields: object) -> Recipient:
    """Somebody who was sent the text that stands, and of whom nothing was heard since."""
    made = rows.recipient(advisory, *relays, who=rows.person(name))  # type: ignore[arg-type]
    Recipient.objects.filter(pk=made.pk).update(**{"told_revision": 1, **fields})
    return made


def told_before() -> None:
    """That what was sent was sent more than an hour ago: whoever was told just now is not reminded."""
    before = timezone.now() - timedelta(hours=2)
    Message.objects.filter(kind__in=("notice", "update"), state="sent").update(sent_at=before)


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


class TestWhoIsReminded:
    def test_each_silent_person_once_and_the_others_are_said_apart(
        self, advisory: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chase, "BATCH", 2)
        monkeypatch.setattr(chase, "AT_ONCE", 3)
        treasury = rows.relay(advisory, "treasury")
        due = [told(advisory, treasury, name=f"Silent {n}", outcome=how) for n, how in enumerate(("delivered", "", ""))]
        due += [
            told(advisory, treasury, name="Suspect", suspect_revision=1),
            told(advisory, treasury, office_revision=1),
        ]
        told(advisory, treasury, answered_revision=1)
        told(advisory, treasury, outcome="bounced")
        told(advisory, treasury, told_revision=0)
        away, gone = told(advisory, treasury), told(advisory, treasury)
        Person.objects.filter(pk=away.person_id).update(bounced_at=NOW, bounced_how="complained")
        Person.objects.filter(pk=gone.person_id).update(left_at=NOW)

        done = chase.remind(everybody(advisory), advisory.written_by, NOW)
        assert done.says == (
            "5 people reminded; 1 answered meanwhile; 3 cannot be reached; 1 has not been sent it yet."
        )
        assert [one.recipient_id for one in reminders()] == [one.pk for one in due]
        assert [batch.size for batch in Batch.objects.order_by("pk")] == [2, 1, 2]
        batch = Batch.objects.first()
        assert batch is not None
        assert (batch.kind, batch.rank, batch.revision, batch.not_before) == ("reminder", 1, advisory.current, NOW)
        entries = list(Record.objects.filter(kind="reminded", actor=advisory.written_by).order_by("pk"))
        assert [entry.details["messages"] for entry in entries] == [3, 2]
        assert entries[0].details["digest"]
        assert entries[0].details["figure"] == "targeted"

        again = chase.remind(everybody(advisory), advisory.written_by, NOW + timedelta(hours=20))
        assert again.says.startswith("Nobody reminded; 5 were reminded within the last day; 1 answered")
        assert len(reminders()) == 5
        # One that waits for longer than a day reminds all the same: no second one beside it.
        late = chase.remind(everybody(advisory), advisory.written_by, NOW + timedelta(hours=25))
        assert (late.people, late.lately) == (0, 5)
        Message.objects.filter(kind="reminder").update(state="sent", sent_at=NOW)
        Message.objects.filter(recipient=due[0]).update(state="sent", sent_at=NOW + timedelta(hours=5))
        # Four were reminded a day ago; one five hours later, when it left.
        later = chase.remind(everybody(advisory), advisory.written_by, NOW + timedelta(hours=25))
        assert (later.people, later.lately) == (4, 1)
        assert Message.objects.get(key=f"reminder:{due[1].pk}:2").recipient == due[1]

    def test_whoever_was_told_of_it_within_the_hour_is_left_out_and_stays_due(self, advisory: Advisory) -> None:
        treasury = rows.relay(advisory, "treasury")
        just, before = told(advisory, treasury, name="Just"), told(advisory, treasury, name="Before")
        batch = Batch.objects.create(
            rank=1, advisory=advisory, revision=advisory.current, kind="notice", size=2, not_before=NOW, made_at=NOW
        )
        for one, minutes in ((just, 1), (before, 61)):
            Message.objects.create(
                key=f"told:{one.pk}", batch=batch, person=one.person, advisory=advisory, recipient=one,
                revision=advisory.current, kind="notice", state="sent", sent_at=NOW - timedelta(minutes=minutes),
            )  # fmt: skip
        first = chase.remind(everybody(advisory), advisory.written_by, NOW)
        assert first.says == ("1 person reminded; 1 was told of it within the last hour, and can be reminded later.")
        assert [one.recipient for one in reminders()] == [before]
        # A mail that left while somebody pressed is seen by the second look.
        assert chase.write(advisory, [just.pk], NOW)["just told"] == 1
        later = chase.remind(everybody(advisory), advisory.written_by, NOW + timedelta(hours=1))
        assert later.says == "1 person reminded; 1 was reminded within the last day."
        # Its reminders alone are numbered.
        assert [one.key for one in reminders()] == [f"reminder:{before.pk}:1", f"reminder:{just.pk}:1"]

    def test_more_than_one_press_can_do_is_said_and_done_by_the_next(
        self, advisory: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chase, "MOST", 2)
        treasury = rows.relay(advisory, "treasury")
        for _ in range(3):
            told(advisory, treasury)
        first = chase.remind(everybody(advisory), advisory.written_by, NOW)
        assert first.says == "2 people reminded. 1 more is due a reminder: press once more for these."
        second = chase.remind(everybody(advisory), advisory.written_by, NOW)
        assert second.says == "1 person reminded; 2 were reminded within the last day."

    def test_through_their_office_counts_where_the_advisory_says_so(self, advisory: Advisory) -> None:
        told(advisory, rows.relay(advisory, "treasury"), office_revision=1)
        Advisory.objects.update(office="counts")
        assert chase.remind(everybody(advisory), advisory.written_by, NOW).answered == 1

    def test_who_may(self, advisory: Advisory) -> None:
        treasury, home = rows.relay(advisory, "treasury"), rows.relay(advisory, "home")
        below = rows.relay(advisory, "tax", treasury)
        told(advisory, below), told(advisory, home)
        contact = rows.person("Ann Contact")
        Membership.objects.create(person=contact, body=treasury.body, role="deputy")
        auditor, member = rows.person("Aud", is_auditor=True), rows.person("Mem")
        Membership.objects.create(person=member, body=treasury.body, role="member")
        for nobody in (auditor, member):
            with pytest.raises(Refused, match="Nobody was reminded"):
                chase.remind(everybody(advisory), nobody, NOW)
        assert chase.remind(everybody(advisory), contact, NOW).says == (
            "1 person reminded; 1 sits outside your own branch."
        )
        admin = rows.person("Adm", is_administrator=True)
        assert chase.remind(everybody(advisory), admin, NOW).people == 1

    @pytest.mark.parametrize("fields", [{"state": "expired"}, {"state": "stood-down"}, {"stopped_at": NOW}])
    def test_nobody_of_what_asks_nothing_or_is_stopped(self, advisory: Advisory, fields: dict[str, object]) -> None:
        told(advisory, rows.relay(advisory, "treasury"))
        Advisory.objects.update(**fields)
        with pytest.raises(Refused, match="Nobody was reminded"):
            chase.remind(everybody(advisory), advisory.written_by, NOW)
        assert not chase.write(advisory, list(Recipient.objects.values_list("pk", flat=True)), NOW)
        assert not reminders()


def together(*works: Callable[[], object]) -> None:
    """At the same moment, each in a thread with a connection of its own."""
    begin = threading.Barrier(len(works))

    def do(work: Callable[[], object]) -> None:
        begin.wait()
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=do, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestAtMostOnceADay:
    def test_two_who_press_at_once_with_midnight_between_remind_everybody_once(self, advisory: Advisory) -> None:
        treasury = rows.relay(advisory, "treasury")
        for _ in range(40):
            told(advisory, treasury)
        found: list[int] = []
        for _ in range(5):
            Message.objects.all().delete()
            Batch.objects.all().delete()
            found.clear()
            moments = (NOW, NOW + timedelta(minutes=20), NOW + timedelta(minutes=20))
            together(
                *(
                    lambda at=at: found.append(chase.remind(everybody(advisory), advisory.written_by, at).people)
                    for at in moments
                )
            )
            assert sum(found) == 40 == len(reminders())
            assert sum(batch.size for batch in Batch.objects.all()) == 40

    def test_one_that_an_update_overtook_was_none(self, office: Office, server: Server) -> None:
        advisory = published(office, people=2)
        deliver_all()
        told_before()
        now = timezone.now()
        assert chase.remind(everybody(advisory), office.ben, now).people == 2
        draft = update_from_file(advisory, an_advisory(what_changed="More"), office.ada, material=True)
        publish_draft(draft, office.ben, accept_gaps="told otherwise")
        assert {one.state for one in reminders()} == {"superseded"}
        assert chase.remind(everybody(advisory), office.ben, now).waiting == 2
        cascade(advisory.pk)
        deliver_all()
        assert [mail.subject.partition("Update 2")[1] for mail in server.mails] == ["", "", "Update 2", "Update 2"]
        # They were told of the new text now, and nobody was reminded of it.
        told_before()
        assert chase.remind(everybody(advisory), office.ben, now).people == 2


class TestBetweenThePressAndTheMail:
    def test_whoever_answers_leaves_or_bounces_meanwhile_gets_no_reminder(self, office: Office, server: Server) -> None:
        advisory = published(office, people=5)
        deliver_all()
        told_before()
        server.mails.clear()
        assert chase.remind(everybody(advisory), office.ben, timezone.now()).people == 5
        answered, gone, bounced, *_ = Recipient.objects.order_by("pk")
        Recipient.objects.filter(pk=answered.pk).update(answered_revision=1)
        Person.objects.filter(pk=gone.person_id).update(left_at=NOW)
        Person.objects.filter(pk=bounced.person_id).update(bounced_at=NOW)
        deliver_all()
        assert len(server.mails) == 2
        assert sorted(one.state for one in reminders()) == ["sent", "sent", "superseded", "superseded", "superseded"]
        assert not Batch.objects.filter(done_at=None).exists()

    def test_what_is_stopped_stays_and_what_expired_never_leaves(self, office: Office, server: Server) -> None:
        advisory = published(office, people=2)
        deliver_all()
        told_before()
        chase.remind(everybody(advisory), office.ben, timezone.now())
        stop(advisory, office.ben)
        assert not deliver()
        assert {one.state for one in reminders()} == {"waiting"}
        Advisory.objects.update(stopped_at=None, stopped_by=None, state="expired")
        deliver_all()
        assert {one.state for one in reminders()} == {"superseded"}
        assert len(server.mails) == 2


class TestWhatAReminderSaysOfItsReader:
    def heard(self, message: Message, type_: str) -> None:
        token = tokens.make_32(message.pk, 0, tokens.RETURN)
        store([Heard("smtp", f"{message.pk}{type_}", type_, timezone.now(), token)])
        assert match()

    def test_one_that_arrived_shows_that_they_were_told_and_one_that_came_back_does_not_undo_it(
        self, office: Office, server: Server
    ) -> None:
        advisory = published(office, people=2)
        deliver_all()
        told_before()
        first, second = Recipient.objects.order_by("pk")
        chase.remind(everybody(advisory), office.ben, timezone.now())
        deliver_all()
        mine, theirs = reminders()
        self.heard(mine, TrackingEvent.Type.DELIVERED)
        self.heard(theirs, TrackingEvent.Type.BOUNCED)
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.outcome, first.told_revision) == ("delivered", 1)
        assert (second.outcome, second.told_revision) == ("", 1)
        assert Person.objects.get(pk=second.person_id).bounced_how == "bounced"
        again = chase.remind(everybody(advisory), office.ben, timezone.now() + timedelta(days=2))
        assert (again.people, again.out_of_reach) == (1, 1)
        # The first mail's own word still decides, whenever it comes.
        self.heard(Message.objects.get(recipient=second, kind="notice"), TrackingEvent.Type.DELIVERED)
        second.refresh_from_db()
        assert second.outcome == "delivered"

    def test_one_that_is_refused_makes_nobody_untold_and_the_next_text_is_written_all_the_same(
        self, office: Office, server: Server
    ) -> None:
        advisory = published(office, people=2)
        deliver_all()
        told_before()
        chase.remind(everybody(advisory), office.ben, timezone.now())
        server.answers["cas@example.org"] = "550 5.1.1 no such mailbox"
        deliver_all()
        cas = Recipient.objects.get(person=office.cas)
        assert (cas.outcome, cas.told_revision) == ("", 1)
        assert Person.objects.get(pk=office.cas.pk).bounced_at is not None
        before = Message.objects.count()
        Advisory.objects.update(queued=None)
        cascade(advisory.pk)
        assert Message.objects.count() == before
