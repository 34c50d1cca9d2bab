"""Which workers there are, as each of them says itself; and the pulse by which each proves that its pool runs tasks.

A worker's main process keeps its place in Redis and sends a pulse to its own queue (`CELERY_WORKER_DIRECT`), as an ordinary
task that only its own pool can take. A main process that lives over a pool that hangs is then known, and has no pulse.
Where other tasks stand before the pulse for long, those that the pool took prove as much. The main process rings for the
audit as well, so that a dead beat is noticed. Redis may be emptied: all of this is there again within `every()` seconds.
Ages are told by Redis' own clock, which is the same for all machines.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from celery.utils.nodenames import worker_direct
from celery.worker import state
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.bell import PRIORITIES

log = structlog.get_logger(__name__)

WORKERS = "tocsin:workers"
PULSE = "alerts.tasks.pulse"
AUDIT = "alerts.tasks.audit"
FORGOTTEN = 3600.0  # seconds after which a worker that never said goodbye loses its place
# Pulses that nobody ran; more of them would prove nothing more.
UNHEARD = 2


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is there, in seconds: for how long without a break, and how long ago its pool took a task."""

    known: float
    idle: float


@dataclass(frozen=True, slots=True)
class Broker:
    """What Redis knows."""

    workers: dict[str, Worker]
    queues: dict[str, int]
    """How many tasks wait in each queue; under "" those that were taken and are not confirmed yet."""


@dataclass(slots=True)
class _Place:
    """A worker's place in Redis, by Redis' clock: since when it is known, when it was seen, when its pool took a task."""

    since: float = 0.0
    seen: float = 0.0
    took: float = 0.0

    @classmethod
    def read(cls, kept: bytes) -> "_Place":
        """Long ago where it can't be read."""
        try:
            return cls(*(float(part) for part in kept.split()))
        except (ValueError, TypeError):
            return cls()

    def __bytes__(self) -> bytes:
        return f"{self.since:.2f} {self.seen:.2f} {self.took:.2f}".encode()


def every() -> float:
    """How often a worker shows itself, in seconds."""
    return max(settings.WORKER_SILENT / 9, 1.0)


def fresh() -> float:
    """After how many seconds a worker that did not show itself is not known any more."""
    return 3 * every()


def broker() -> Broker:
    """The workers that are there, and the queues. Raises RedisError where Redis does not answer."""
    with _redis() as redis:
        now, kept = _now(redis), redis.hgetall(WORKERS)
        known = {}
        for name, place in sorted((name.decode(errors="replace"), _Place.read(at)) for name, at in kept.items()):
            if now - place.seen <= fresh():
                known[name] = Worker(known=max(now - place.since, 0.0), idle=max(now - place.took, 0.0))
        names = ["celery", *(_own_queue(name) for name in known)]
        asked = redis.pipeline(transaction=False)
        for name in names:
            for key in _keys(name):
                asked.llen(key)
        *lengths, taken = asked.hlen("unacked").execute()
    steps = len(PRIORITIES)
    waiting = {name: sum(lengths[n * steps : (n + 1) * steps]) for n, name in enumerate(names)}
    return Broker(known, {**waiting, "": taken})


def show(name: str, took: bool = False) -> int:
    """Say that this worker is there, and whether its pool took a task since it last did.

    Returns how many of its pulses nobody has run. Raises RedisError.
    """
    with _redis() as redis:
        now, kept = _now(redis), redis.hgetall(WORKERS)
        place = _Place.read(kept.get(name.encode(), b""))
        if now - place.seen > fresh():
            place.since = now
        place.seen = now
        place.took = now if took else place.took
        redis.hset(WORKERS, name, bytes(place))
        if gone := [
            other for other, at in kept.items() if now - _Place.read(at).seen > FORGOTTEN and other != name.encode()
        ]:
            redis.hdel(WORKERS, *gone)
        return int(redis.llen(_own_queue(name)))


def leave(name: str) -> None:
    """Say goodbye: nobody is to look for this worker. Raises RedisError."""
    with _redis() as redis:
        redis.hdel(WORKERS, name)
        redis.delete(*_keys(_own_queue(name)))


class _Shown:
    """What a worker's main process does while it lives."""

    def __init__(self, app: Any, name: str) -> None:
        self.app, self.name, self.taken = app, name, 0

    def look(self) -> None:
        """Show itself, and send a pulse; a Redis that is away is a line in the log, and changes nothing."""
        taken = state.all_total_count[0]
        try:
            unheard = show(self.name, taken != self.taken)
        except RedisError as error:
            log.warning("Redis is away; this worker shows itself as soon as it is back", error=type(error).__name__)
            return
        self.taken = taken
        if unheard < UNHEARD:
            self.ring(PULSE, queue=_own_queue(self.name), expires=fresh())

    def audit(self) -> None:
        """Ring for the audit, as the beat does."""
        self.ring(AUDIT, expires=settings.AUDIT_EVERY)

    def ring(self, task: str, **how: Any) -> None:
        """Send a task, or leave it."""
        try:
            self.app.send_task(task, retry=False, **how)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("nobody heard the bell", task=task, error=type(error).__name__)


def begin(sender: Any, **_: object) -> None:
    """The worker's main process shows itself and rings for as long as it lives; a lost connection changes nothing."""
    shown = _Shown(sender.app, sender.hostname)
    shown.look()
    sender.timer.call_repeatedly(every(), shown.look)
    sender.timer.call_repeatedly(settings.AUDIT_EVERY, shown.audit)


def end(sender: Any, **_: object) -> None:
    """A worker that was asked to stop is missed by nobody."""
    try:
        leave(sender.hostname)
    except RedisError as error:
        log.warning("said goodbye to nobody", error=type(error).__name__)


def _own_queue(worker: str) -> str:
    return str(worker_direct(worker).name)


def _keys(queue: str) -> list[str]:
    """Where a queue's tasks lie: a list for each priority, as kombu names them."""
    return [queue if priority == 0 else f"{queue}\x06\x16{priority}" for priority in PRIORITIES]


def _redis() -> Redis:
    # Tried once: whoever asks asks again, and a worker's main process must not stand still for it.
    once = Retry(NoBackoff(), 0)
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=once)


def _now(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1e6
