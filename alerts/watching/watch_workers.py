"""Is each worker alive, and does its pool run tasks? What workers say themselves (`config.workers`) beside their pulses.

A pulse is an ordinary task of one worker; running it is noted in PostgreSQL, so that a Redis which lost everything does not
take the knowledge with it of who was there.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import Heartbeat
from config.workers import FORGOTTEN, Worker

PREFIX = "worker:"


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker, when its pool last ran something, and what is wrong with it ("": nothing, as far as can be known yet)."""

    name: str
    ran_at: datetime | None
    there: bool
    since: datetime
    wrong: str


def process_of(worker: str) -> str:
    """The row of a worker in the table of heartbeats; a name that is too long for it ends in its own digest."""
    room = 40 - len(PREFIX)
    if len(worker) > room:
        worker = f"{worker[: room - 9]}~{hashlib.sha256(worker.encode()).hexdigest()[:8]}"
    return PREFIX + worker


def pulse(worker: str, now: datetime) -> None:
    """This worker's pool ran a task."""
    Heartbeat.objects.update_or_create(process=process_of(worker), defaults={"at": now})


def goodbye(worker: str) -> None:
    """This worker stopped as it was asked to: nobody is to look for it."""
    Heartbeat.objects.filter(process=process_of(worker)).delete()


def forget(now: datetime) -> None:
    """Drop the pulses of workers that went so long ago that they are not coming back."""
    Heartbeat.objects.filter(process__startswith=PREFIX, at__lt=now - timedelta(seconds=FORGOTTEN)).delete()


def seen(known: dict[str, Worker], pulses: dict[str, datetime], now: datetime) -> Iterator[Seen]:
    """Each worker that is there or was there within the hour, by name. `pulses`: the table of heartbeats."""
    silent = timedelta(seconds=settings.WORKER_SILENT)
    for name, worker in sorted(known.items()):
        ran = [now - timedelta(seconds=worker.idle)] if worker.idle < worker.known else []
        ran += [at for at in [pulses.get(process_of(name))] if at is not None]
        ran_at, since = max(ran, default=None), now - timedelta(seconds=worker.known)
        idle = now - since > silent and (ran_at is None or now - ran_at > silent)
        wrong = f"The worker {name} is alive and runs nothing: restart it." if idle else ""
        yield Seen(name, ran_at, True, max(since, ran_at) if ran_at else since, wrong)
    there = {process_of(name) for name in known}
    for process, at in sorted(pulses.items()):
        name = process.removeprefix(PREFIX)
        if not process.startswith(PREFIX) or process in there or now - at > timedelta(seconds=FORGOTTEN):
            continue
        lost = now - at > silent
        wrong = f"The worker {name} went without a word: see that it, or another, is started." if lost else ""
        yield Seen(name, at, False, at, wrong)
