"""What one look at all live work reads, and how it says what is not well."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from redis import RedisError

from alerts.models import Heartbeat
from alerts.routing import route_state
from alerts.routing.route_state import Standing
from alerts.statements import run
from alerts.watching import watch_workers
from alerts.watching.watch_sql import NOTED
from config.workers import Broker, broker

LATE = timedelta(minutes=2)
# A mark that stood still for this long: from one audit to the next, a little less so that a ring that came early counts.
STILL = 0.9
SAID = 200  # characters of what a mail server said

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well. No title, no address, no token in any of it.

    For operators all the same: whoever asks `/healthz` is told kinds and numbers (`alerts.web.health`).
    """

    kind: str
    subject: str
    """The reference of an advisory; the name of a worker, a route or a canary's domain; "" where it is about everything."""
    since: datetime
    says: str
    """In a sentence or two, with what to do."""
    words: str = ""
    """What a mail server said last, without addresses."""

    @property
    def whole(self) -> str:
        """The sentence with the server's words."""
        return f"{self.says} The mail server said: {self.words}" if self.words else self.says


@dataclass(frozen=True, slots=True)
class Sign:
    """Work that is there, and how far it is: the same mark later means that it did not move."""

    kind: str
    subject: str
    mark: str
    says: str


class View:
    """What one look reads, each thing once and only where a check asks for it."""

    def __init__(self, now: datetime) -> None:
        self.now, self.late = now, now - LATE
        self.read: dict[Callable[..., Any], Any] = {}
        """What was read for one family of checks (`once`)."""

    @cached_property
    def broker(self) -> Broker | None:
        """What Redis knows; None where it does not answer."""
        try:
            return broker()
        except RedisError:
            return None

    @cached_property
    def heartbeats(self) -> dict[str, datetime]:
        """When each process was last seen."""
        return dict(Heartbeat.objects.values_list("process", "at"))

    @cached_property
    def workers(self) -> list[watch_workers.Seen]:
        """Who is there, and who was; nobody where Redis can't say."""
        return list(watch_workers.seen(self.broker.workers, self.heartbeats, self.now)) if self.broker else []

    @cached_property
    def stands(self) -> list[Standing]:
        """How each route stands, the one that is taken first at the front."""
        return route_state.standings(self.now)

    @cached_property
    def notes(self) -> dict[tuple[str, str], tuple[str, datetime]]:
        """The mark of each sign that an audit saw, and since when it stands there."""
        return {(kind.removeprefix("note:"), about): (mark, at) for kind, about, mark, at in run(NOTED)}

    def still(self, kind: str, signs: Iterable[Sign]) -> Iterator[Finding]:
        """Those of this kind whose mark has not moved since the audit before the last."""
        for sign in signs:
            mark, since = self.notes.get((kind, sign.subject), ("", self.now))
            if sign.kind == kind and mark == sign.mark and since <= self.now - STILL * audit_every():
                yield Finding(kind, sign.subject, since, sign.says)


def once(read: Callable[[View], T]) -> Callable[[View], T]:
    """What a look reads once, however many of its checks ask for it."""

    @wraps(read)
    def found(view: View) -> T:
        if read not in view.read:
            view.read[read] = read(view)
        return cast(T, view.read[read])

    return found


def audit_every() -> timedelta:
    """The time from one audit to the next."""
    return timedelta(seconds=settings.AUDIT_EVERY)
