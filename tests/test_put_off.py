"""What is put off again and again, comes back late, or is said of somebody who answered long ago."""

from datetime import UTC, datetime, timedelta

import pytest
from anymail.signals import AnymailTrackingEvent
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.cascading import cascade
from alerts.coverage import whole
from alerts.delivery import tracking
from alerts.models import Batch, Message, Recipient
from alerts.publishing.stopping import stand_down
from alerts.web.parts import parts_of
from departments.models import Person
from tests import rows
from tests.office import Office
from tests.smtp import Server
from tests.test_deliver import deliver_all, published
from tests.test_tracking import Told, heard, said

NOON = datetime(2020, 4, 24, 12, tzinfo=UTC)


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


@pytest.mark.django_db(transaction=True)
def test_what_was_put_off_for_six_weeks_costs_its_neighbours_no_second_mail(office: Office, server: Server) -> None:
    """A full mailbox, asked once an hour: the 1,026th time 2 ** 1025 is no float any more."""
    advisory = published(office)
    Batch.objects.update(attempt=1_025)
    server.answers["person001@example.org"] = "452 4.2.2 mailbox full"
    for _ in range(3):
        deliver_all()
        Batch.objects.filter(done_at=None).update(leased_until=None)
    to = [one.recipients[0] for one in server.mails if advisory.reference in one.text]
    assert sorted(to) == sorted(set(to))


@pytest.mark.django_db(transaction=True)
def test_after_the_end_nobody_is_asked_for_ever(office: Office, server: Server) -> None:
    """Its stand-down, put off by a full mailbox two months after it was over."""
    advisory = published(office)
    deliver_all()
    stand_down(advisory, office.ada, "over")
    cascade.cascade(advisory.pk)
    long_ago = timezone.now() - timedelta(days=60)
    Batch.objects.filter(done_at=None).update(attempt=200, made_at=long_ago, not_before=long_ago)
    server.answers["person001@example.org"] = "452 4.2.2 mailbox full"
    deliver_all()
    assert not Batch.objects.filter(done_at=None).exists()


@pytest.mark.django_db
def test_who_answered_although_their_mail_came_back_makes_nobody_else_unreachable() -> None:
    told = Told()
    waits = rows.recipient(told.advisory, told.relay)
    Recipient.objects.filter(pk=told.recipient.pk).update(answered_revision=1)
    said(heard(told.mail, "bounced", 5))
    assert waits.told_revision == 0
    parts = parts_of(whole(told.advisory).figures, 0)
    assert (parts.answered, parts.waiting, parts.dark) == (1, 1, 0)


@pytest.mark.django_db(transaction=True)
def test_where_it_is_says_no_address_that_a_server_repeated(office: Office, server: Server) -> None:
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


@pytest.mark.django_db
def test_events_of_somebody_who_left_and_of_the_future_are_taken() -> None:
    told = Told()
    Person.objects.filter(pk=told.person.pk).update(left_at=NOON)
    said(heard(told.mail, "bounced", 1))
    assert told.stands[0] == "bounced"
    event = AnymailTrackingEvent(
        event_type="bounced",
        timestamp=datetime(2999, 1, 1, tzinfo=UTC),
        event_id="f",
        message_id="m",
        recipient="a@b.example",
    )
    kept = tracking.heard_of(event, "Mailgun", NOON)
    assert kept is not None
    assert kept.at == NOON
