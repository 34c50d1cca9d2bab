"""`/healthz` before strangers: kinds and numbers, and neither an advisory nor a worker by name."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Heartbeat, Relay
from alerts.watching import watch
from alerts.watching.view import Finding
from alerts.web import health
from tests import rows
from tests.watching import all_well, apart, batch, done

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which all is well."""
    apart(monkeypatch)
    now = timezone.now()
    all_well(now)
    return now


def wrong(client: Client) -> dict[str, str]:
    """What a stranger is told."""
    return dict(client.get("/healthz").json()["wrong"])


def test_strangers_are_told_kinds_and_numbers(client: Client, now: datetime) -> None:
    for n in range(2):
        made = rows.advisory(f"ADV-2020-001{n}")
        batch(now, made, age=5_000, attempt=3, not_before=now + timedelta(hours=1))
        rows.relay(made, f"held-{n}", state="held" if n else "released")
    batch(now, None, age=9_000, rank=9, attempt=1, not_before=now + timedelta(hours=1))
    Relay.objects.filter(state="held").update(held_until=now - timedelta(hours=1))
    Heartbeat.objects.create(process="worker:celery@inside.example", at=now - timedelta(minutes=5))
    done()
    assert len(watch.look(now)) == 5
    assert wrong(client) == {
        "worker": "1 worker does not run what it should: see /operations/",
        "waiting": "2 advisories' and other mail waits for too long: see /operations/",
        "held": "1 advisory's holds should be over by now: see /operations/",
    }


def test_mail_of_no_advisory_alone_is_other_mail(client: Client, now: datetime) -> None:
    batch(now, None, age=9_000, rank=9)
    assert wrong(client) == {"mail": "Other mail is taken by nobody: see /operations/"}


def test_every_kind_that_the_watchdog_finds_has_words_for_strangers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [kind for check in watch.CHECKS for kind in check.kinds if kind not in watch.BESIDE]
    assert sorted(kinds) == sorted([*health.OF_ALL, *health.NUMBERED, *health.OF_ADVISORIES])
    named = [kind for kind in kinds if kind not in health.OF_ALL]
    at = timezone.now()
    found = [
        Finding(kind, subject, at, f"{subject} x")
        for kind in [*named, *watch.BESIDE]
        for subject in ("ADV-1", "celery@one")
    ]
    monkeypatch.setattr(watch, "look", lambda now: found)
    told = wrong(client)
    assert list(told) == named
    assert not [says for says in told.values() if "ADV" in says or "celery" in says]
    assert told["worker"] == "2 workers do not run what they should: see /operations/"
    assert told["cascade"] == "2 advisories' cascade stands still: see /operations/"
