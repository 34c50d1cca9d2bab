"""What an operator wants to see beside the watchdog's verdict: the outbox, what is on its way, the queues. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts import watch, watch_workers
from alerts.models import Severity, Trouble
from alerts.watch import CHECKS, Check, Finding, View, findings, rows

RECENTLY = timedelta(days=1)
SHOWN = 50

# Batches in hand or tried before are counted by their mails, the others are whole. Indexes: batch_outbox,
# alerts_message(batch).
_OUTBOX = """
SELECT CASE WHEN a.stopped_at IS NOT NULL THEN 'stopped' WHEN b.rank > 3 THEN 'plain' ELSE b.rank::text END AS line,
       sum(n.mails), min(b.made_at),
       sum(n.mails) FILTER (WHERE b.leased_until > %(now)s),
       sum(n.mails) FILTER (WHERE b.not_before > %(now)s),
       min(b.not_before) FILTER (WHERE b.not_before > %(now)s)
FROM alerts_batch b
LEFT JOIN alerts_advisory a ON a.id = b.advisory_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN b.attempt = 0 AND b.leased_until IS NULL THEN b.size ELSE (
        SELECT count(*) FROM (SELECT state FROM alerts_message WHERE batch_id = b.id OFFSET 0) m WHERE m.state = 'waiting'
    ) END AS mails
) n
WHERE b.done_at IS NULL
GROUP BY 1
ORDER BY 1
"""

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


class Outbox(NamedTuple):
    """Mails of one severity that have not left."""

    name: str
    mails: int
    oldest: datetime
    in_hand: int
    put_off: int
    until: datetime | None
    """When the first of those put off is tried again."""


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
    return Operations(
        now=now,
        wrong=wrong,
        checks=[(check, kinds.isdisjoint(check.kinds)) for check in CHECKS],
        workers=view.workers,
        beat=view.heartbeats.get("beat"),
        audited=view.heartbeats.get("audit"),
        queues=[(name, tasks) for name, tasks in queues if tasks or name in ("celery", "")],
        outbox=[_outbox(*row) for row in rows(_OUTBOX, now=now)],
        under_way=[UnderWay(*row) for row in rows(_UNDER_WAY, limit=SHOWN)],
        over=list(watch.troubles().filter(over_at__gt=now - RECENTLY).order_by("-over_at", "-pk")[:SHOWN]),
    )


def _outbox(
    line: str, mails: int, oldest: datetime, in_hand: int | None, put_off: int | None, until: datetime | None
) -> Outbox:
    names = {"stopped": "Of stopped advisories", "plain": "Of no advisory"}
    name = names.get(line) or list(Severity)[int(line)].label
    return Outbox(name, mails, oldest, in_hand or 0, put_off or 0, until)
