"""What an operator wants to see beside the watchdog's verdict: how fast mail leaves and until when, each route, what was
refused, the outbox, what is on its way, the queues. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from alerts.models import Trouble
from alerts.routing import canary, leaving
from alerts.routing.leaving import Outbox, Reason
from alerts.routing.route_state import Standing
from alerts.statements import run
from alerts.watching import watch, watch_workers
from alerts.watching.view import Finding, View
from alerts.watching.watch import CHECKS, Check, findings
from departments.checks import holidays_end

RECENTLY = timedelta(days=1)
SHOWN = 50

# Indexes: batch_outbox, relay_held, relay_planned, relay_stale, relay_to_tell.
_UNDER_WAY = """
SELECT a.reference, a.severity, a.exercise, a.stopped_at, a.published_at, coalesce(b.mails, 0),
       coalesce(r.held, 0), coalesce(r.planned, 0), coalesce(r.undone, 0)
FROM alerts_advisory a
LEFT JOIN (
    SELECT advisory_id, sum(size) AS mails FROM alerts_batch WHERE done_at IS NULL GROUP BY advisory_id
) b ON b.advisory_id = a.id
LEFT JOIN (
    SELECT advisory_id, count(*) FILTER (WHERE state = 'held') AS held,
           count(*) FILTER (WHERE state = 'planned') AS planned, count(*) FILTER (WHERE stale OR to_tell) AS undone
    FROM alerts_relay
    WHERE id IN (
        SELECT id FROM alerts_relay WHERE state = 'held'
        UNION SELECT id FROM alerts_relay WHERE state = 'planned'
        UNION SELECT id FROM alerts_relay WHERE stale
        UNION SELECT id FROM alerts_relay WHERE to_tell
    ) AND purpose <> 'left'
    GROUP BY advisory_id
) r ON r.advisory_id = a.id AND a.state = 'live'
WHERE a.current_id IS NOT NULL AND (
    b.mails > 0 OR r.held > 0 OR r.planned > 0 OR r.undone > 0
    OR a.state IN ('live', 'stood-down') AND a.stopped_at IS NULL AND a.queued_id IS DISTINCT FROM a.current_id
)
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text), a.id
LIMIT %(limit)s
"""


class UnderWay(NamedTuple):
    """An advisory that is not everywhere yet."""

    reference: str
    severity: str
    exercise: bool
    stopped_at: datetime | None
    published_at: datetime | None
    mails: int
    held: int
    planned: int
    undone: int


class Seen(NamedTuple):
    """A route with what leaves by it."""

    stand: Standing
    rate: int
    """Mails a minute."""
    bound: int
    """Mails that may have left by it, and wait for it alone."""
    spent: int
    """Mails that it was given today, where that is limited."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything on the page, as at one moment."""

    now: datetime
    wrong: list[Finding]
    checks: list[tuple[Check, bool]]
    """Each check, and whether what it looks at is well."""
    workers: list[watch_workers.Seen]
    beat: datetime | None
    audited: datetime | None
    queues: list[tuple[str, int]]
    """How many tasks lie in the common queue, in hand (""), and in a worker's own where there are any."""
    says: list[str]
    """How mail leaves now, in a sentence or a few."""
    routes: list[Seen]
    reasons: list[Reason]
    more_reasons: int
    more_failed: bool
    """More failed than are looked at: the numbers of the reasons are the least that there are."""
    again: bool
    """Whether anything that failed may be tried again, however long ago."""
    plain_failed: int
    """How many of them are of no advisory."""
    blind: str
    """The routes by which canaries prove nothing, where there are canaries."""
    holidays: str
    """That bank holidays are not known for much longer; "" while they are."""
    mailbox: bool
    """Whether a mailbox is read."""
    outbox: list[Outbox]
    under_way: list[UnderWay]
    over: list[Trouble]

    @property
    def named(self) -> list[tuple[str, Finding]]:
        """What is not well, each with the name of its check."""
        names = {kind: check.name for check in CHECKS for kind in check.kinds}
        return [(names[one.kind], one) for one in self.wrong]

    @property
    def beat_wrong(self) -> bool:
        """Whether the beat is silent."""
        return any(one.kind == "beat" for one in self.wrong)


def operations(now: datetime) -> Operations:
    """How it stands. Troubles that the last audit saw and that are gone now are not told as if they lasted."""
    view = View(now)
    wrong = findings(view)
    kinds = {one.kind for one in wrong}
    queues = view.broker.queues.items() if view.broker else []
    waiting, rates, reasons = leaving.outbox(now), leaving.rates(now), leaving.reasons(now)
    bound = leaving.bound(now) if waiting else {}
    return Operations(
        now=now,
        wrong=wrong,
        checks=[(check, kinds.isdisjoint(check.kinds)) for check in CHECKS],
        workers=view.workers,
        beat=view.heartbeats.get("beat"),
        audited=view.heartbeats.get("audit"),
        queues=[(name, tasks) for name, tasks in queues if tasks or name in ("celery", "")],
        says=leaving.verdict(waiting, view.stands, rates, now),
        routes=[_seen(stand, rates, bound, now) for stand in view.stands],
        reasons=reasons[: leaving.SHOWN],
        more_reasons=len(reasons[leaving.SHOWN :]),
        more_failed=sum(one.mails for one in reasons) >= leaving.MOST,
        again=any(one.people for one in reasons) or leaving.any_to_try(),
        plain_failed=leaving.plain_failed(reasons),
        blind=canary.blind_routes(),
        holidays=holidays_end(timezone.localdate(now)),
        mailbox=settings.MAILBOX is not None,
        outbox=waiting,
        under_way=[UnderWay(*row) for row in run(_UNDER_WAY, limit=SHOWN)],
        over=list(watch.troubles().filter(over_at__gt=now - RECENTLY).order_by("-over_at", "-pk")[:SHOWN]),
    )


def _seen(stand: Standing, rates: leaving.Rates, bound: dict[str, int], now: datetime) -> Seen:
    spent = stand.route.spent if stand.way.quota and stand.route.day == now.date() else 0
    return Seen(stand, leaving.a_minute(rates.routes.get(stand.name, 0.0)), bound.get(stand.name, 0), spent)
