"""The watchdog knows routes: one that is not well is found, and mail that waits for it is not called left by the workers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import record, tokens
from alerts.delivery import tracking
from alerts.models import Advisory, Heartbeat, Message, Record, Route, TrackingEvent
from alerts.routing import route_state, routes
from alerts.watching import watch
from config.mail_url import mailbox
from tests import rows
from tests.test_watch import now as now  # the fixture
from tests.watching import all_well, audited, batch, done, kinds, mails, only

pytestmark = pytest.mark.django_db

FIRST, SECOND = "mx.example:25", "mailgun"
MINUTE = timedelta(minutes=1)
DENIED = "554 5.7.1 Relay access denied for <ada@rows.example>"


@pytest.fixture(autouse=True)
def _one(settings: SettingsWrapper) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mx.example", 25


@pytest.fixture
def second(settings: SettingsWrapper) -> None:
    """A provider, for what is severe."""
    settings.SECOND_EMAIL_PROVIDER = SECOND


@pytest.fixture
def zoom(now: datetime) -> Advisory:
    """A live advisory in which nothing is left to do."""
    made = rows.advisory()
    done()
    made.refresh_from_db()
    return made


def known(name: str = FIRST, **fields: Any) -> Route:
    return Route.objects.create(name=name, **fields)


def condemned(at: datetime, **fields: Any) -> Route:
    """It refuses everybody, and rests for now."""
    said = routes.said(DENIED)
    return known(condemned_at=at, rests_until=at + 60 * MINUTE, why=said, said=said, **fields)


# --- the route itself ---


def test_a_condemned_one_is_found_at_once_with_what_it_said(now: datetime) -> None:
    condemned(now)
    found = only(now)
    assert (found.kind, found.subject, found.since) == ("route", FIRST, now)
    assert f"{FIRST} has been condemned since" in found.says
    assert "it refuses everybody" in found.says
    assert "No mail leaves meanwhile." in found.says
    assert found.words == "554 5.7.1 Relay access denied for <<address>>"


@pytest.mark.usefixtures("second")
def test_what_goes_by_the_other_one_meanwhile_is_said(now: datetime) -> None:
    condemned(now)
    assert "Critical and high mail goes by mailgun meanwhile." in only(now).says


def test_one_that_cant_be_had_is_said_to_take_no_mail(now: datetime) -> None:
    at = now - 5 * MINUTE
    for _ in range(3):
        at = routes.fails(routes.way_of(FIRST), "Connection refused", at)
    assert "it takes no mail" in only(now).says


def test_a_pause_is_found_after_a_few_minutes(now: datetime) -> None:
    route = known(paused_at=now - 4 * MINUTE, paused_by=rows.person("Ada Lovelace"))
    assert kinds(now) == []
    Route.objects.filter(pk=route.pk).update(paused_at=now - 5 * MINUTE)
    found = only(now)
    assert found.subject == FIRST
    assert "was paused by Ada Lovelace at" in found.says


def test_one_that_goes_up_and_down_is_found(now: datetime) -> None:
    for n in range(3):
        Record.objects.create(kind="route condemned", subject=FIRST, at=now - n * 20 * MINUTE, digest="")
        assert kinds(now) == ([f"route {FIRST}"] if n == 2 else [])
    assert "was condemned 3 times within an hour" in only(now).says
    assert kinds(now + 21 * MINUTE) == ["beat"]


def test_one_that_is_slow_while_mail_waits_is_found_after_ten_minutes(now: datetime, zoom: Advisory) -> None:
    known(pace=12.0, why="421 4.7.0 too fast")
    batch(now, zoom, rank=2, leased_until=now + 60 * MINUTE)
    for minutes in (0, 2, 4, 6, 8):
        audited(now + minutes * MINUTE)
        assert not watch.troubles().exists()
    audited(now + 10 * MINUTE)
    trouble = watch.troubles().get()
    assert (trouble.kind, trouble.subject, trouble.began_at) == ("route", FIRST, now)
    assert "is slowed to 12 mails a second" in trouble.says
    assert trouble.says.endswith("421 4.7.0 too fast")
    zoom.batches.update(done_at=now)
    audited(now + 12 * MINUTE)
    assert not watch.troubles().filter(over_at=None).exists()


def test_one_that_was_slow_and_is_fast_again_starts_anew(now: datetime, zoom: Advisory) -> None:
    route = known(pace=12.0)
    batch(now, zoom, rank=2, leased_until=now + 60 * MINUTE)
    audited(now)
    Route.objects.update(pace=None)
    audited(now + 6 * MINUTE)
    Route.objects.filter(pk=route.pk).update(pace=9.0)
    audited(now + 8 * MINUTE)
    audited(now + 12 * MINUTE)
    assert not watch.troubles().exists()


def test_a_quota_that_is_spent_is_found_while_mail_waits(
    now: datetime, zoom: Advisory, settings: SettingsWrapper
) -> None:
    settings.EMAIL_QUOTA = 5_000
    known(day=now.date(), spent=5_000)
    assert kinds(now) == []
    batch(now, zoom)
    found = only(now)
    assert f"{FIRST} was given the 5,000 mails that it may be given today" in found.says


# --- the mail that waits for it ---


def test_mail_that_waits_for_its_route_is_not_called_left_by_the_workers(now: datetime, zoom: Advisory) -> None:
    condemned(now - MINUTE)
    batch(now, zoom, age=290)
    assert kinds(now) == [f"route {FIRST}"]
    later = now + 11 * timedelta(seconds=1)
    assert kinds(later) == [f"route {FIRST}", f"shut {zoom.reference}"]
    [_, found] = watch.look(later)
    assert found.says.startswith(f"Up to 10 mails of {zoom.reference} wait for {FIRST}, which has been condemned since")
    assert "restart the workers" not in found.says
    assert found.words == routes.said(DENIED)


def test_a_route_that_has_a_pace_is_not_called_shut_for_it(now: datetime, zoom: Advisory) -> None:
    known(pace=5.0, next_at=now + MINUTE)
    batch(now, zoom, age=590)
    record.write("sent", zoom.reference, mails=1)
    assert kinds(now) == []


def test_once_it_may_be_tried_and_nobody_tries_the_workers_are_looked_at(now: datetime, zoom: Advisory) -> None:
    condemned(now - 10 * MINUTE)
    batch(now, zoom, age=400)
    Route.objects.update(rests_until=now - MINUTE)
    assert kinds(now) == [f"route {FIRST}"]  # somebody is about to
    Route.objects.update(rests_until=now - 3 * MINUTE)
    assert kinds(now) == [f"route {FIRST}", f"mail {zoom.reference}"]


@pytest.mark.usefixtures("second")
def test_what_the_other_route_takes_is_not_said_to_wait(now: datetime, zoom: Advisory) -> None:
    condemned(now - 20 * MINUTE)
    batch(now, zoom, age=700, rank=1)
    assert kinds(now) == [f"route {FIRST}", f"mail {zoom.reference}"]
    record.write("sent", zoom.reference, mails=1)
    zoom.batches.update(rank=2)
    assert kinds(now) == [f"route {FIRST}", f"shut {zoom.reference}"]


@pytest.mark.usefixtures("second")
def test_what_may_have_left_by_it_is_said_to_wait_for_it_alone(now: datetime, zoom: Advisory) -> None:
    condemned(now - 20 * MINUTE)
    batch(now, zoom, age=700, rank=1, route=FIRST, size=3)
    found = watch.look(now)[-1]
    assert found.kind == "shut"
    assert "These may have left by it already, and leave by no other one." in found.says


def test_what_waits_for_two_reasons_is_one_finding(now: datetime, zoom: Advisory) -> None:
    condemned(now - 20 * MINUTE)
    batch(now, zoom, age=700, rank=1, route=FIRST, size=3)
    batch(now, zoom, age=700, rank=2)
    found = watch.look(now)[-1]
    assert "Up to 13 mails" in found.says
    assert "Up to 3 of these may have left" in found.says


def test_a_batch_of_a_route_that_is_configured_no_more_goes_by_the_others(now: datetime, zoom: Advisory) -> None:
    batch(now, zoom, age=130, route="gone.example:25")
    assert kinds(now) == [f"mail {zoom.reference}"]


# --- mail that waits for too long ---


def test_a_try_that_failed_for_the_routes_sake_is_not_called_standing_in_line(now: datetime, zoom: Advisory) -> None:
    waits = batch(now, zoom, age=700, not_before=now + MINUTE, attempt=0)
    mails(waits, error="ConnectionRefusedError")
    done()
    found = only(now)
    assert "could not be handed over" in found.says
    assert "the mail server that EMAIL_URL names" in found.says


@pytest.mark.usefixtures("second")
def test_with_a_provider_the_routes_are_named(now: datetime, zoom: Advisory) -> None:
    batch(now, zoom, age=700, leased_until=now + MINUTE)
    assert f"look at {FIRST} and mailgun and at the workers' logs" in only(now).says


def test_one_that_could_not_be_had_is_not_called_well_while_it_is_tried(now: datetime) -> None:
    Route.objects.create(name=FIRST, failures=2, rests_until=now - MINUTE, why="TimeoutError: timed out")
    stand = route_state.standings(now)[0]
    assert (stand.state, stand.words) == ("failing", "TimeoutError: timed out")
    assert "2 times in a row" in stand.says


# --- what comes back ---


def test_a_mailbox_that_nobody_reads_or_that_cant_be_read_is_found(now: datetime, settings: SettingsWrapper) -> None:
    Heartbeat.objects.create(process="mailbox", at=now - 16 * MINUTE)
    assert kinds(now) == []
    settings.MAILBOX = mailbox("MAILBOX_URL", "imaps://alerts:secret@localhost:1/INBOX")
    assert "is not read any more" in only(now).says
    Heartbeat.objects.filter(process="mailbox").update(at=now - 14 * MINUTE)
    assert kinds(now) == []
    away = Heartbeat.objects.create(process="mailbox away", at=now - 14 * MINUTE)
    assert kinds(now) == []
    all_well(later := now + 2 * MINUTE)
    found = only(later)
    assert (found.kind, found.since) == ("mailbox", away.at)
    assert "can't be read" in found.says


def test_events_about_our_mails_that_nobody_matches_are_found(now: datetime, zoom: Advisory) -> None:
    [ours] = mails(batch(now, zoom, done_at=now), state="sent", sent_at=now)
    heard = {"provider": "mailgun", "type": "bounced", "at": now}
    tracking.store(
        [
            tracking.Heard(event_id="1", token=tokens.make_32(ours.pk, 0, tokens.RETURN), **heard),  # type: ignore[arg-type]
            tracking.Heard(event_id="2", provider_id="of-another-system", **heard),  # type: ignore[arg-type]
            tracking.Heard(event_id="3", token=tokens.make_32(ours.pk + 9, 0, tokens.RETURN), **heard),  # type: ignore[arg-type]
        ]
    )
    done()
    TrackingEvent.objects.update(received_at=now - 60 * MINUTE)
    assert kinds(now) == []
    TrackingEvent.objects.update(received_at=now - 66 * MINUTE)
    found = only(now)
    assert (found.kind, found.since) == ("events", now - 66 * MINUTE)
    assert found.says.startswith("1 event of what became of our mails is matched to no mail")
    Message.objects.filter(pk=ours.pk).update(provider_id="of-another-system")
    assert only(now).says.startswith("2 events")
    Message.objects.filter(pk=ours.pk).update(state="waiting", sent_at=None)
    assert kinds(now) == []
