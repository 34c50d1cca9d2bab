"""Bodies in which nobody can be told by mail and somebody was told by telephone. Such a body stays dark. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils import formats, timezone

from alerts.statements import run

# As on the calling list: what was said in a call that began before the text as it stands counts no more.
# Index: call_of_relay, primary keys.
TOLD = """
SELECT x.id, k.ended_at, p.name
FROM alerts_advisory a
JOIN alerts_revision v ON v.id = a.material_id
CROSS JOIN unnest(%(relays)s::bigint[]) AS x (id)
CROSS JOIN LATERAL (
    SELECT c.ended_at, c.caller_id FROM alerts_call c
    WHERE c.relay_id = x.id AND c.result = 'told' AND c.taken_at >= v.at ORDER BY c.id DESC LIMIT 1
) k
JOIN departments_person p ON p.id = k.caller_id
WHERE a.id = %(advisory)s
"""


@dataclass(frozen=True, slots=True)
class Rung:
    """The last call in which somebody of a body was told the text as it stands."""

    at: datetime
    by: str
    """Whoever rang."""

    @property
    def said(self) -> str:
        """ "told by telephone 21:12 BST on 28 April 2026 by Otto Officer"."""
        local = timezone.localtime(self.at)
        time, day = formats.date_format(local, "H:i"), formats.date_format(local, "j F Y")
        return f"told by telephone {time} {local.tzname()} on {day} by {self.by}"


def last_told(advisory: int, relays: Collection[int]) -> dict[int, Rung]:
    """By relay, of these: that call. One statement; of no relays none."""
    if not relays:
        return {}
    return {relay: Rung(at, by) for relay, at, by in run(TOLD, advisory=advisory, relays=sorted(relays))}
