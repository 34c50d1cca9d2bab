"""Workers: each shows itself and proves that its pool runs tasks; one that is idle, or gone without a word, is noticed."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.utils.nodenames import worker_direct
from celery.worker import state
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper
from redis import Redis
from structlog.testing import capture_logs

from alerts import tasks
from alerts.models import Heartbeat
from alerts.watching import watch, watch_workers
from config import workers
from config.celery import app
from config.workers import Worker
from tests.watching import WORKER, all_well, apart, audited, kinds

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG = Worker(known=1_000, idle=1_000_000)


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    apart(monkeypatch)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def wrong(known: dict[str, Worker], **pulses: float) -> list[str]:
    """What is wrong with each worker; `pulses`: how many seconds ago each was heard."""
    heard = {watch_workers.process_of(name): ago(seconds) for name, seconds in pulses.items()}
    return [seen.wrong for seen in watch_workers.seen(known, heard, NOW)]


# --- who is well ---


def test_a_worker_whose_pulse_is_heard_is_well() -> None:
    assert wrong({"one": LONG}, one=80) == [""]


def test_a_worker_that_lives_and_runs_nothing_is_to_be_restarted() -> None:
    assert wrong({"one": LONG}, one=91) == ["The worker one is alive and runs nothing: restart it."]
    assert wrong({"one": LONG}) == ["The worker one is alive and runs nothing: restart it."]


def test_a_worker_that_has_just_come_back_is_given_time() -> None:
    assert wrong({"one": Worker(known=5, idle=1_000_000)}, one=4_000) == [""]


def test_a_pulse_that_stands_behind_other_work_is_no_sign_of_idleness() -> None:
    assert wrong({"one": Worker(known=1_000, idle=3)}, one=500) == [""]


def test_a_worker_that_went_without_a_word_is_missed_for_an_hour() -> None:
    assert wrong({}, one=60) == [""]  # a Redis that was emptied knows nobody for a moment
    assert wrong({}, one=100) == ["The worker one went without a word: see that it, or another, is started."]
    assert wrong({}, one=3_700) == []


def test_a_name_that_is_too_long_for_the_table_stays_one_of_its_own() -> None:
    names = [f"celery@{'a' * 60}{n}.example" for n in range(2)]
    processes = {watch_workers.process_of(name) for name in names}
    assert len(processes) == 2
    assert all(len(process) <= 40 for process in processes)
    known = dict.fromkeys(names, LONG)
    assert [bool(seen.wrong) for seen in watch_workers.seen(known, dict.fromkeys(processes, NOW), NOW)] == [False] * 2


def test_no_worker_at_all_is_said_once_none_was_heard_for_long() -> None:
    now = timezone.now()
    all_well(now)
    workers.leave(WORKER)
    assert kinds(now) == []
    later = now + timedelta(seconds=91)
    Heartbeat.objects.filter(process="beat").update(at=later)
    assert kinds(later) == [f"worker {WORKER}", "workers"]


def test_pulses_of_workers_that_are_long_gone_are_dropped_by_the_audit() -> None:
    now = timezone.now()
    all_well(now)
    watch_workers.pulse("celery@old", now - timedelta(hours=2))
    Heartbeat.objects.update_or_create(process="worker:celery@old", defaults={"at": now - timedelta(hours=2)})
    assert watch.audit(now)
    assert not Heartbeat.objects.filter(process="worker:celery@old").exists()
    assert Heartbeat.objects.filter(process=watch_workers.process_of(WORKER)).exists()


# --- the doors ---


def test_a_pulse_is_noted_for_the_worker_that_ran_it() -> None:
    tasks.pulse.push_request(hostname=WORKER)
    try:
        tasks.pulse.run()
    finally:
        tasks.pulse.pop_request()
    assert Heartbeat.objects.filter(process=f"worker:{WORKER}").exists()
    tasks.goodbye(SimpleNamespace(hostname=WORKER))
    assert not Heartbeat.objects.exists()


# --- Redis ---


def test_a_worker_is_known_from_when_it_first_showed_itself_without_a_break() -> None:
    workers.show("celery@one")
    workers.show("celery@one", took=True)
    with workers._redis() as redis:
        now = workers._now(redis)
        redis.hset(workers.WORKERS, "celery@one", f"{now - 500} {now - 20} {now - 30}")
        redis.hset(workers.WORKERS, "celery@two", f"{now - 500} {now - 31} {now - 31}")
        redis.hset(workers.WORKERS, "celery@old", f"{now - 9_000} {now - 4_000} {now - 4_000}")
        redis.hset(workers.WORKERS, "celery@odd", "who knows")
    workers.show("celery@one")
    known = workers.broker().workers
    assert list(known) == ["celery@one"]
    assert 499 < known["celery@one"].known < 510
    assert 29 < known["celery@one"].idle < 40
    workers.show("celery@two")
    assert workers.broker().workers["celery@two"].known < 5
    with workers._redis() as redis:
        assert set(redis.hkeys(workers.WORKERS)) == {b"celery@one", b"celery@two"}  # the others were forgotten


def test_queues_are_counted_over_all_their_priorities(settings: SettingsWrapper) -> None:
    workers.show("celery@one")
    own = "celery@one.dq2"
    with Redis.from_url(settings.REDIS_URL) as redis:
        try:
            redis.rpush(own, "x", "y")
            redis.rpush(f"{own}\x06\x169", "z")
            assert workers.broker().queues[own] == 3
        finally:
            workers.leave("celery@one")
        assert redis.exists(own, f"{own}\x06\x169") == 0


class Timer:
    """As the consumer's: keeps what is to be called, and how often."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Any]] = []

    def call_repeatedly(self, seconds: float, call: Any) -> None:
        self.calls.append((seconds, call))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Each task that was sent, and how."""
    heard: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("config.celery.app.send_task", lambda task, **how: heard.append((task, how)))
    return heard


def test_a_worker_shows_itself_sends_its_own_pulse_and_rings_for_the_audit(
    sent: list[tuple[str, dict[str, Any]]], settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = Timer()
    workers.begin(SimpleNamespace(app=app, hostname="celery@begins", timer=timer))
    assert "celery@begins" in workers.broker().workers
    assert sent == [("alerts.tasks.pulse", {"retry": False, "queue": "celery@begins.dq2", "expires": 30.0})]
    [(shows, show), (rings, ring)] = timer.calls
    assert (shows, rings) == (10.0, 120.0)
    ring()
    assert sent[-1] == ("alerts.tasks.audit", {"retry": False, "expires": 120.0})

    monkeypatch.setattr(state, "all_total_count", [1])
    show()
    assert workers.broker().workers["celery@begins"].idle < 5
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.rpush("celery@begins.dq2", "x", "y")
        pulses = len(sent)
        show()
        assert len(sent) == pulses  # two that nobody ran are enough
    workers.end(SimpleNamespace(hostname="celery@begins"))
    assert "celery@begins" not in workers.broker().workers


def test_a_redis_that_is_away_neither_stops_a_worker_nor_is_named(
    sent: list[object], settings: SettingsWrapper
) -> None:
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    with capture_logs() as lines:
        workers.begin(SimpleNamespace(app=app, hostname="celery@begins", timer=Timer()))
        workers.end(SimpleNamespace(hostname="celery@begins"))
    assert [line["error"] for line in lines] == ["ConnectionError", "ConnectionError"]
    assert "secret" not in str(lines)
    assert sent == []


def test_a_bell_that_nobody_hears_is_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **how: object) -> None:
        raise ConnectionRefusedError("redis://:secret@host")

    monkeypatch.setattr("config.celery.app.send_task", refuse)
    with capture_logs() as lines:
        workers.begin(SimpleNamespace(app=app, hostname="celery@begins", timer=Timer()))
    assert [line["error"] for line in lines] == ["ConnectionRefusedError"]
    assert "secret" not in str(lines)
    workers.leave("celery@begins")


@pytest.mark.parametrize("chosen", [None, "celery", "other"])
def test_a_worker_listens_to_its_own_queue_whatever_else_it_was_told_to(chosen: str | None) -> None:
    queues = app.amqp.Queues(app.conf.task_queues)
    queues.select(chosen.split(",") if chosen else None)
    queues.select_add(worker_direct("celery@one"))
    assert app.conf.worker_direct
    assert set(queues.consume_from) == {chosen or "celery", "celery@one.dq2"}


def test_an_idle_worker_is_written_down_and_closed_when_it_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    all_well(now)
    with workers._redis() as redis:
        at = workers._now(redis)
        redis.hset(workers.WORKERS, "celery@idle", f"{at - 300} {at} {at - 300}")
    assert watch.audit(now)
    [trouble] = watch.troubles()
    assert (trouble.kind, trouble.subject) == ("worker", "celery@idle")
    workers.show("celery@idle", took=True)
    audited(now + timedelta(minutes=2))
    trouble.refresh_from_db()
    assert trouble.over_at is not None
