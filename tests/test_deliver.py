"""Delivery on a real SMTP server: each mail once, each refusal its own, nothing unsent after stop."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.cascading.cascade import cascade
from alerts.delivery import deliver as delivering
from alerts.delivery import settling
from alerts.delivery.deliver import deliver
from alerts.delivery.settling import Claimed
from alerts.models import Advisory, Batch, Message, Recipient, Record
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import go_on, stop
from alerts.senders.smtp import SmtpSender
from departments.models import Person
from tests.office import Office, an_advisory
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)


def published(office: Office, people: int = 5, **changes: object) -> Advisory:
    """To so many people in all, the same ones each time."""
    for number in range(Person.objects.filter(name__startswith="Person").count(), people - 1):
        office.person(f"person{number:03d}", office.department, "member")
    advisory = office.publish(**changes).advisory
    cascade(advisory.pk)
    return advisory


def deliver_all() -> None:
    while deliver():
        pass


def test_everybody_gets_one_mail_with_one_recipient(office: Office, server: Server) -> None:
    published(office, people=7)
    deliver_all()
    deliver_all()
    assert len(server.mails) == 7
    assert all(len(mail.recipients) == 1 for mail in server.mails)
    assert len({mail.recipients[0] for mail in server.mails}) == 7
    assert Recipient.objects.filter(told_revision=1).count() == 7
    assert not Batch.objects.filter(done_at=None).exists()


def test_a_refused_address_never_harms_its_neighbours(office: Office, server: Server) -> None:
    server.answers["person001@example.org"] = "550 5.1.1 no such mailbox"
    published(office)
    deliver_all()
    assert len(server.mails) == 4
    refused = Recipient.objects.get(outcome="unreachable")
    assert refused.person.name == "Person001"
    assert "no such mailbox" in refused.why
    assert Person.objects.get(name="Person001").bounced_at is not None


def test_whoever_is_refused_for_now_is_tried_again_within_a_minute(office: Office, server: Server) -> None:
    server.answers["person001@example.org"] = "451 4.7.1 try again"
    published(office)
    before = timezone.now()
    deliver_all()
    assert len(server.mails) == 4
    later = Batch.objects.get(done_at=None)
    assert timedelta(seconds=29) < later.not_before - before < timedelta(seconds=62)
    server.answers.clear()
    Batch.objects.filter(pk=later.pk).update(not_before=timezone.now())
    deliver_all()
    assert len(server.mails) == 5
    assert Message.objects.filter(state="sent").count() == 5


def test_a_server_that_is_away_costs_nobody_anything(office: Office, settings: SettingsWrapper, server: Server) -> None:
    published(office)
    settings.EMAIL_PORT = 1
    deliver_all()
    assert Message.objects.filter(state="waiting").count() == 5
    settings.EMAIL_PORT = server.port
    Batch.objects.update(not_before=timezone.now())
    deliver_all()
    assert len(server.mails) == 5


def test_the_most_severe_leaves_first(office: Office, server: Server) -> None:
    routine = office.publish(severity="low", title="Routine").advisory
    urgent = office.publish(severity="critical", title="Urgent").advisory
    cascade(routine.pk)
    cascade(urgent.pk)
    assert deliver()
    assert [urgent.reference in mail.text for mail in server.mails] == [True]


@pytest.mark.parametrize("way", ["enable_hashjoin", "enable_mergejoin", "enable_nestloop", "enable_indexscan"])
def test_one_batch_is_claimed_at_a_time_however_the_statement_is_planned(office: Office, way: str) -> None:
    for title in ("One", "Two", "Three", "Four"):
        published(office, title=title)
    others = {"enable_hashjoin", "enable_mergejoin", "enable_nestloop"} - {way}
    with connection.cursor() as cursor:
        for join in sorted(others):
            cursor.execute(f"SET {join} = off")
        cursor.execute("SET enable_indexscan = off")
    try:
        assert delivering._claim() is not None
    finally:
        connection.close()  # and with it what was set
    assert Batch.objects.exclude(leased_until=None).count() == 1


def test_a_batch_whose_worker_died_is_taken_over_when_the_lease_runs_out(office: Office, server: Server) -> None:
    published(office)
    claimed = delivering._claim()
    assert claimed is not None
    assert not deliver()
    Batch.objects.filter(pk=claimed.id).update(leased_until=timezone.now() - timedelta(seconds=1))
    deliver_all()
    assert len(server.mails) == 5
    assert Message.objects.filter(state="sent").count() == 5


def test_a_worker_that_lost_its_lease_stops_after_the_part_it_was_at(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmtpSender, "most", 2)
    published(office)
    soon = timezone.now() + timedelta(seconds=30)
    server.on_mail = lambda: Batch.objects.update(leased_until=soon)
    deliver()
    assert len(server.mails) == 2
    assert Batch.objects.get().leased_until == soon
    assert Batch.objects.get().done_at is None


def test_whoever_lost_its_lease_while_the_server_was_silent_leaves_the_batch_to_the_other(
    office: Office, server: Server
) -> None:
    published(office)
    soon = timezone.now() + timedelta(seconds=30)
    server.on_mail = lambda: Batch.objects.update(leased_until=soon)
    server.drop_after = 1
    deliver()
    assert Batch.objects.get().leased_until == soon


class TestSomethingMoreSevere:
    """It overtakes what is on its way already, in the middle of a batch."""

    def test_it_overtakes_in_the_middle_of_a_batch(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
        published(office, severity="low", title="Routine")
        server.on_mail = lambda: len(server.mails) == 2 and published(office, severity="critical", title="Critical")
        deliver_all()
        # The one whose envelope was on the wire already goes first.
        assert ["Critical" in mail.subject for mail in server.mails] == [False] * 3 + [True] * 5 + [False] * 2

    def test_handing_back_spends_no_try(self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
        routine = published(office, severity="low", title="Routine")
        server.on_mail = lambda: len(server.mails) == 2 and published(office, severity="critical", title="Critical")
        deliver()
        batch = Batch.objects.get(advisory=routine)
        assert (batch.attempt, batch.leased_until, batch.done_at) == (0, None, None)

    def test_what_is_as_severe_waits_its_turn(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
        published(office, title="First")
        server.on_mail = lambda: len(server.mails) == 2 and published(office, title="Second")
        deliver_all()
        assert ["Second" in mail.subject for mail in server.mails] == [False] * 5 + [True] * 5

    def test_what_was_stopped_is_not_waited_for(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
        stop(published(office, severity="critical", title="Critical"), office.ben)
        published(office, severity="low", title="Routine")
        deliver_all()
        assert len(server.mails) == 5


def test_a_database_that_is_away_while_mails_are_noted_doubles_nothing(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "NOTE_AGAIN", 0)
    published(office)
    away = iter([True, True, False])
    write_down = settling._write_down

    def sometimes(batch: Claimed, part: Any) -> bool:
        if next(away, False):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return write_down(batch, part)

    monkeypatch.setattr(settling, "_write_down", sometimes)
    deliver_all()
    assert len(server.mails) == 5
    assert Message.objects.filter(state="sent").count() == 5


def test_a_database_that_goes_away_after_it_kept_what_was_noted_has_it_noted_once(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "NOTE_AGAIN", 0)
    published(office)
    write_down = settling._write_down

    def unheard(batch: Claimed, part: Any) -> bool:
        monkeypatch.setattr(settling, "_write_down", write_down)
        kept = list(part.settled)
        write_down(batch, part)
        part.settled = kept
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(settling, "_write_down", unheard)
    deliver_all()
    assert len(server.mails) == 5
    assert sum(entry.details["mails"] for entry in Record.objects.filter(kind="sent")) == 5


def test_the_lease_does_not_run_out_while_a_publication_has_the_figures(
    office: Office, server: Server, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "NOTE_AGAIN", 0)
    settings.BATCH_LEASE = 1
    advisory = published(office)
    leases: list[object] = []

    def look(batch: Claimed) -> bool:
        leases.append(Batch.objects.get(pk=batch.id).leased_until)
        if len(leases) == 5:
            publication.rollback()
        return renew(batch)

    renew = settling.renew
    monkeypatch.setattr(settling, "renew", look)
    with psycopg.connect(**connection.get_connection_params()) as publication:
        publication.execute("SELECT pg_advisory_xact_lock(hashtext('alerts.figures'), %s)", [advisory.pk])
        deliver()
    assert len(set(leases)) == len(leases) >= 5
    assert Message.objects.filter(state="sent").count() == len(server.mails) == 5


def test_stop_in_the_middle_of_a_batch_lets_nothing_more_leave(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmtpSender, "most", 2)
    advisory = published(office)

    def press() -> None:
        if not Advisory.objects.get(pk=advisory.pk).stopped:
            stop(advisory, office.ben)

    server.on_mail = press
    deliver_all()
    assert len(server.mails) == 2
    server.on_mail = None
    go_on(advisory, office.ben)
    deliver_all()
    assert len(server.mails) == 5


def test_whose_mail_was_leaving_while_an_update_was_published_is_told_what_changed(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmtpSender, "most", 2)
    advisory = published(office)

    def revise() -> None:
        server.on_mail = None
        changed = an_advisory(what_changed="Version 5 is out.", earlier="replaced")
        publish_draft(update_from_file(advisory, changed, office.ada, material=True), office.ben)
        cascade(advisory.pk)

    server.on_mail = revise
    deliver_all()
    second = Message.objects.filter(revision__number=2)
    had = set(Message.objects.filter(revision__number=1, state="sent").values_list("person", flat=True))
    assert len(had) == 2
    assert set(second.filter(kind="update").values_list("person", flat=True)) >= had
    assert Recipient.objects.filter(told_revision=2).count() == 5


def test_an_update_overtakes_what_has_not_left(office: Office, server: Server) -> None:
    advisory = published(office)
    publish_draft(update_from_file(advisory, an_advisory(title="Version 5"), office.ada, material=True), office.ben)
    cascade(advisory.pk)
    deliver_all()
    assert len(server.mails) == 5
    assert all("Version 5" in mail.subject for mail in server.mails)
    assert Recipient.objects.filter(told_revision=2).count() == 5


def test_what_was_sent_is_in_the_record_without_an_address(office: Office, server: Server) -> None:
    published(office)
    deliver_all()
    entry = Record.objects.get(kind="sent")
    assert entry.details["mails"] == 5
    assert len(entry.details["digest"]) == 64
    assert "@" not in str(entry.details)


def test_no_address_and_no_token_is_logged(office: Office, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server.answers["person001@example.org"] = "550 5.1.1 person001@example.org unknown"
    server.answers["person002@example.org"] = "421 4.3.0 person002@example.org: closing"
    published(office)
    deliver_all()
    # The test's own SMTP server logs what it hears; ours must not.
    words = "\n".join(str(entry.getMessage()) for entry in caplog.records if entry.name != "mail.log")
    assert words
    assert "example.org" not in words
    assert "/a/" not in words
