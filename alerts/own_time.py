"""By when somebody is to answer: a person's own time, which is never earlier than the one that everybody was told.

It is that of their own clock where they were told late; otherwise the latest of the clocks of the bodies through which they are
asked, since a body that held the warning, or had a holiday, has longer. Before its clocks run, and of an advisory that has
none, it is the advisory's. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.statements import run

# Of the recipient `r` and their advisory `a`, as an expression. Clocks of an earlier material revision say nothing of the last
# one; they are put away within a minute of it. Indexes: alerts_clock's and alerts_relay's primary keys, seat_once.
BY = """
greatest(a.acknowledge_by, coalesce(
    (
        SELECT k.by FROM alerts_clock k
        WHERE k.id = r.clock_id AND k.material = (SELECT m.number FROM alerts_revision m WHERE m.id = a.material_id)
    ), (
        SELECT max(k.by)
        FROM (SELECT * FROM alerts_seat s WHERE s.recipient_id = r.id AND s.counts AND s.ended_at IS NULL OFFSET 0) s
        JOIN alerts_relay l ON l.id = s.relay_id
        JOIN alerts_clock k ON k.id = l.clock_id
        WHERE k.material = (SELECT m.number FROM alerts_revision m WHERE m.id = a.material_id)
    )
))
"""
OF = f"""
SELECT r.id, {BY}
FROM alerts_recipient r JOIN alerts_advisory a ON a.id = r.advisory_id
WHERE r.id = ANY(%(recipients)s::bigint[])
"""


def own_times(recipients: Iterable[int]) -> dict[int, datetime]:
    """By when each of these recipients (their ids) is to answer; without those of whom no time is asked. One query, or none."""
    asked = list(recipients)
    return {one: by for one, by in run(OF, recipients=asked) if by is not None} if asked else {}


def own_time(recipient: int) -> datetime | None:
    """By when this recipient is to answer; None where no time is asked of them. One query."""
    return own_times([recipient]).get(recipient)


def is_late(recipient: int, at: datetime, asked_by: datetime | None) -> bool:
    """Whether an answer that was given at this moment came late; `asked_by` is the time of the advisory.

    No query where it came by then, as most do: a person's own time is never earlier.
    """
    if asked_by is None or at <= asked_by:
        return False
    by = own_time(recipient)
    return by is not None and at > by
