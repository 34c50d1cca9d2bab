"""Where a warning is now: bodies from relays, people from the kept counters, mails from their batches."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting, record
from alerts.cascading.cascade import cascade
from alerts.coverage.where import fingerprint, read
from alerts.models import Advisory, Batch, Message, Note, Recipient, Relay
from departments.models import Membership
from tests import rows
from tests.office import Office

pytestmark = pytest.mark.django_db


def mails(of: Advisory, *people: Recipient, rank: int = 1, **fields: object) -> Batch:
    """A batch of waiting mails to these."""
    batch = Batch.objects.create(
        rank=rank,
        advisory=of,
        revision=of.current,
        kind="notice",
        size=len(people),
        **{"not_before": timezone.now(), **fields},
    )
    for one in people:
        Message.objects.create(
            key=f"m{one.pk}",
            batch=batch,
            person=one.person,
            advisory=of,
            recipient=one,
            revision=of.current,
            kind="notice",
        )
    return batch


@pytest.fixture
def wave() -> Advisory:
    """Government (for information) above a treasury that was reached, and a home office that holds it above two others."""
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    home = rows.relay(advisory, "home-office", top, state="held")
    passports = rows.relay(advisory, "passports", home, state="planned")
    rows.relay(advisory, "visas", passports, state="planned")
    rows.relay(advisory, "committee", treasury)
    for _ in range(2):
        rows.recipient(advisory, treasury)
        rows.recipient(advisory, passports)
    rows.recipient(advisory, home)
    Recipient.objects.filter(pk=Recipient.objects.order_by("pk")[0].pk).update(told_revision=1)
    Advisory.objects.update(seen=1)
    advisory.refresh_from_db()
    return advisory


def test_bodies_are_reached_held_behind_a_hold_or_dark_and_those_it_passes_through_are_none_of_them(
    wave: Advisory,
) -> None:
    found = read(wave, 10)
    assert (found.bodies, found.reached.bodies, found.held.bodies, found.behind.bodies, found.next.bodies) == (
        5,
        1,
        1,
        1,
        0,
    )
    assert [place.name for place in found.behind.named] == ["Passports"]
    # Wherever the wave is: nobody is ever got to there.
    assert [place.name for place in found.dark.named] == ["Committee", "Visas"]
    assert (found.figures.targeted, found.figures.sent, found.figures.waiting) == (5, 1, 4)
    assert (found.held_people, found.queueing) == (3, 1)
    assert not found.arrived


def test_folding_changes_nothing(wave: Advisory) -> None:
    before, seen = read(wave, 10), fingerprint(wave)
    counting.fold(wave.pk)
    after = read(wave, 10)
    assert fingerprint(wave) == seen
    assert (after.figures, after.levels, after.behind) == (before.figures, before.levels, before.behind)


def test_the_levels_add_up_to_the_whole(wave: Advisory) -> None:
    levels = read(wave, 10).levels
    assert [(one.level, one.bodies, one.dark, one.reached, one.held, one.planned, one.passing) for one in levels] == [
        (1, 0, 0, 0, 0, 0, 1),
        (2, 2, 0, 1, 1, 0, 0),
        (3, 2, 1, 0, 0, 1, 0),
        (4, 1, 1, 0, 0, 0, 0),
    ]
    assert sum(one.waiting for one in levels) == 4


def test_whoever_left_the_audience_before_it_was_reached_is_counted_nowhere(wave: Advisory) -> None:
    Relay.objects.filter(body__slug="visas").update(purpose="left")
    found = read(wave, 10)
    assert (found.bodies, found.behind.bodies, found.dark.bodies) == (4, 1, 1)


def test_a_hold_comes_with_its_contacts_its_note_and_who_waits_behind_it(wave: Advisory) -> None:
    held = Relay.objects.get(state="held")
    for name, role in (("Ada Contact", "contact"), ("Ben Member", "member"), ("Cas Left", "contact")):
        left = timezone.now() if name == "Cas Left" else None
        Membership.objects.create(person=rows.person(name, left_at=left), body=held.body, role=role)
    by = wave.written_by
    Note.objects.create(relay=held, text="first", by=by)
    Note.objects.create(relay=held, text="We look at it.", by=by)
    hold = read(wave, 10).holds[0]
    assert (hold.relay.body.name, hold.bodies, hold.people) == ("Home Office", 1, 3)
    assert [person.name for person in hold.contacts] == ["Ada Contact"]
    assert hold.note is not None
    assert hold.note.text == "We look at it."
    Note.objects.create(relay=held, text="", by=by)
    assert read(wave, 10).holds[0].note is None


def test_the_longest_queue_stands_first_and_no_more_than_asked_for(wave: Advisory) -> None:
    top = Relay.objects.get(body__slug="government")
    for number in range(3):
        for _ in range(number + 4):
            rows.recipient(wave, rows.relay(wave, f"team-{number}-{_}", top, state="held"))
    full = rows.relay(wave, "full", top, state="held")
    for _ in range(9):
        rows.recipient(wave, full)
    found = read(wave, 3)
    assert [hold.people for hold in found.holds] == [9, 3, 1]
    assert found.held.bodies == 17


def test_what_is_left_of_a_batch_is_counted_and_what_was_put_off_says_why_without_addresses(wave: Advisory) -> None:
    first, second = Recipient.objects.filter(seats__relay__body__slug="treasury").order_by("pk")
    begun = mails(wave, first, second, leased_until=timezone.now() + timedelta(minutes=1))
    Message.objects.filter(recipient=first).update(state="sent")
    assert (read(wave, 10).outbox.leaving, begun.size) == (1, 2)
    until = timezone.now() + timedelta(seconds=45)
    Batch.objects.update(leased_until=None, not_before=until, attempt=1)
    Message.objects.filter(recipient=second).update(error="451 <ada@example.org> greylisted")
    outbox = read(wave, 10).outbox
    assert (outbox.leaving, outbox.due, outbox.later, outbox.next_try) == (0, 0, 1, until)
    assert "ada@" not in outbox.error
    assert "greylisted" in outbox.error


def test_more_severe_mail_that_is_due_is_named_and_what_is_stopped_or_milder_is_not(wave: Advisory) -> None:
    mails(wave, Recipient.objects.filter(seats__relay__body__slug="treasury")[1], rank=2)
    worse, milder, stopped = (rows.advisory(f"ADV-2026-000{number}") for number in (1, 2, 3))
    for other, rank in ((worse, 0), (milder, 3), (stopped, 0)):
        mails(other, rows.recipient(other, rows.relay(other, f"of-{other.pk}")), rank=rank)
    Advisory.objects.filter(pk=stopped.pk).update(stopped_at=timezone.now())
    assert read(wave, 10).outbox.ahead == [worse.reference]


def test_the_pace_is_what_the_record_says_of_the_last_minute(wave: Advisory) -> None:
    record.write("sent", wave.reference, mails=100, digest="")
    record.write("sent", wave.reference, mails=40, digest="")
    record.write("refused", wave.reference, mails=7, digest="")
    record.write("sent", "ADV-1999-0001", mails=9, digest="")
    assert read(wave, 10).last_minute == 140


def test_it_is_news_when_a_mail_is_put_off_and_when_a_note_is_written(wave: Advisory) -> None:
    batch = mails(wave, Recipient.objects.order_by("pk")[0])
    seen = fingerprint(wave)
    Batch.objects.filter(pk=batch.pk).update(not_before=timezone.now() + timedelta(hours=1))
    put_off = fingerprint(wave)
    Note.objects.create(relay=Relay.objects.get(state="held"), text="x", by=wave.written_by)
    assert len({seen, put_off, fingerprint(wave)}) == 3


@pytest.mark.django_db(transaction=True)
def test_from_publishing_to_the_last_mail_it_follows_the_cascade(office: Office) -> None:
    advisory = office.publish().advisory
    before = read(advisory, 10)
    assert not before.planned
    assert before.promised == 1
    cascade(advisory.pk)
    advisory.refresh_from_db()
    written = read(advisory, 10)
    assert (written.planned, written.to_write, written.figures.targeted, written.outbox.due) == (True, 0, 1, 1)
    assert not written.arrived
    Recipient.objects.update(told_revision=1)
    Batch.objects.update(done_at=timezone.now())
    assert read(advisory, 10).arrived


def test_the_number_of_queries_does_not_grow_with_the_bodies(wave: Advisory) -> None:
    def asked() -> int:
        of = Advisory.objects.select_related("current").get(pk=wave.pk)
        with CaptureQueriesContext(connection) as queries:
            read(of, 500)
        return len(queries)

    few = asked()
    top = Relay.objects.get(body__slug="government")
    for number in range(40):
        relay = rows.relay(wave, f"more-{number}", top, state="held")
        Note.objects.create(relay=relay, text="x", by=wave.written_by)
        rows.recipient(wave, relay, role="contact")
        rows.recipient(wave, rows.relay(wave, f"below-{number}", relay, state="planned"))
    assert asked() == few <= 7
