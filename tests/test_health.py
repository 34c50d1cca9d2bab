"""`/healthz`: what is not well, by name, for anybody who asks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.models import Heartbeat, Trouble
from tests import rows
from tests.watching import WORKER, all_well, apart, batch, done

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which all is well."""
    apart(monkeypatch)
    now = timezone.now()
    all_well(now)
    return now


def test_all_is_well(client: Client, now: datetime) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"well": True, "wrong": {}})
    assert "no-store" in answer["Cache-Control"]


def test_a_dead_beat_is_said_by_name(client: Client, now: datetime) -> None:
    Heartbeat.objects.filter(process="beat").update(at=now - timedelta(minutes=1))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["well"] is False
    assert list(answer.json()["wrong"]) == ["beat"]
    assert answer.json()["wrong"]["beat"].startswith("The beat has been silent for 6")


def test_what_the_watchdog_finds_is_said_without_a_mail_servers_words(client: Client, now: datetime) -> None:
    zoom = rows.advisory()
    done()
    made = batch(now, zoom, age=5_000, attempt=3, not_before=now + timedelta(hours=1))
    reader = rows.recipient(zoom)
    made.messages.create(
        key="one",
        person=reader.person,
        advisory=zoom,
        recipient=reader,
        revision=zoom.current,
        kind="notice",
        error="450 mx7.inside.example: later",
    )
    wrong = client.get("/healthz").json()["wrong"]
    assert wrong == {"waiting": "1 advisory's mail waits for too long: see /operations/"}


def test_a_broker_that_is_away_and_a_database_that_is_away_are_said(
    client: Client, now: datetime, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert list(client.get("/healthz").json()["wrong"]) == ["broker"]

    def away(now: datetime) -> None:
        raise DatabaseError("password")

    monkeypatch.setattr("alerts.watching.watch.look", away)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["wrong"] == {
        "database": "PostgreSQL does not answer; check DATABASE_URL and the server.",
    }


def test_asking_writes_nothing(client: Client, now: datetime) -> None:
    Heartbeat.objects.filter(process="beat").delete()
    client.get("/healthz")
    assert not Trouble.objects.exists()
    assert list(Heartbeat.objects.values_list("process", flat=True)) == [f"worker:{WORKER}"]
    assert client.post("/healthz").status_code == 405
