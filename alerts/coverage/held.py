"""How many people wait behind a hold, each of them once: somebody who waits in two held bodies is one person."""

from collections.abc import Mapping

from alerts.models.figures import CURRENT_SEAT, FIGURES_OF_RECIPIENT, REVISIONS
from alerts.statements import run

COUNTED = 20_000
"""Places up to which people are looked up; of more, in which hardly anybody sits twice, as many as there are places."""

# Index: relay_held, relay_once, seat_current, recipient's primary key.
_PEOPLE = f"""
WITH holding AS MATERIALIZED (
    SELECT array_agg(h.id) AS ids FROM alerts_relay h
    WHERE h.advisory_id = ANY(%(advisories)s::bigint[]) AND h.state = 'held' AND h.purpose <> 'left'
)
SELECT l.advisory_id, count(DISTINCT r.id)
FROM holding
JOIN alerts_relay l ON l.advisory_id = ANY(%(advisories)s::bigint[]) AND l.purpose <> 'left' AND l.path && holding.ids
JOIN ({REVISIONS}) v ON v.id = l.advisory_id
JOIN alerts_seat s ON s.relay_id = l.id AND {CURRENT_SEAT}
CROSS JOIN LATERAL (SELECT * FROM alerts_recipient WHERE id = s.recipient_id OFFSET 0) r
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
WHERE r.targeted AND f.unsent = 1
GROUP BY l.advisory_id
"""


def people_held(places: Mapping[int, int]) -> dict[int, int]:
    """Of whole advisories, by their ids: `places` is how many wait in held bodies and below, each body by itself."""
    few = [advisory for advisory, number in places.items() if 0 < number <= COUNTED]
    found = dict(run(_PEOPLE, advisories=few)) if few else {}
    return {advisory: found.get(advisory, 0) if advisory in few else number for advisory, number in places.items()}
