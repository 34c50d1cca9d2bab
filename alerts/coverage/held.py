"""How many people wait behind a hold, each of them once: somebody who waits in two held bodies is one person."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from alerts.coverage.scope import IN_SCOPE, Scope
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

# Of each hold who waits in it and below it. Somebody who waits behind two, or whose place does, is counted with the one behind
# which more people wait. Indexes as above.
_BEHIND = f"""
WITH holding AS MATERIALIZED (
    SELECT array_agg(h.id) AS ids FROM alerts_relay h
    WHERE h.advisory_id = %(advisory)s AND h.state = 'held' AND h.purpose <> 'left'
      AND (%(holds)s::bigint[] IS NULL OR h.id = ANY(%(holds)s::bigint[]))
), place AS MATERIALIZED (
    SELECT r.id AS person, l.id AS relay, l.path, ({IN_SCOPE}) AS here
    FROM holding
    JOIN alerts_relay l ON l.advisory_id = %(advisory)s AND l.purpose <> 'left' AND l.path && holding.ids
    JOIN ({REVISIONS}) v ON v.id = l.advisory_id
    JOIN alerts_seat s ON s.relay_id = l.id AND {CURRENT_SEAT}
    CROSS JOIN LATERAL (SELECT * FROM alerts_recipient WHERE id = s.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE r.targeted AND f.unsent = 1
), behind AS MATERIALIZED (
    SELECT h.id AS hold, p.person, p.relay, p.here
    FROM place p CROSS JOIN holding CROSS JOIN LATERAL unnest(p.path) AS h (id)
    WHERE h.id = ANY(holding.ids)
), counted AS MATERIALIZED (
    SELECT hold, count(DISTINCT person) AS people FROM behind GROUP BY hold
), once AS (
    SELECT DISTINCT ON (b.person) b.hold
    FROM behind b JOIN counted c ON c.hold = b.hold WHERE b.here
    ORDER BY b.person, c.people DESC, b.hold
), placed AS (
    SELECT DISTINCT ON (b.person, b.relay) b.hold
    FROM behind b JOIN counted c ON c.hold = b.hold WHERE b.here
    ORDER BY b.person, b.relay, c.people DESC, b.hold
)
SELECT c.hold, c.people, COALESCE(o.number, 0), COALESCE(p.number, 0)
FROM counted c
LEFT JOIN (SELECT hold, count(*) AS number FROM once GROUP BY hold) o ON o.hold = c.hold
LEFT JOIN (SELECT hold, count(*) AS number FROM placed GROUP BY hold) p ON p.hold = c.hold
"""


class Behind(NamedTuple):
    """Who waits behind one hold: in the body that holds it, and below it."""

    people: int = 0
    """Each once, whatever else they wait for: the number that its contacts are told."""
    once: int = 0
    """Those of them who are counted here where several holds are added up: nobody is in two."""
    places: int = 0
    """Their places, added up likewise: whoever sits in two bodies counts in each."""


def people_held(places: Mapping[int, int]) -> dict[int, int]:
    """Of whole advisories, by their ids: `places` is how many wait in held bodies and below, each body by itself."""
    few = [advisory for advisory, number in places.items() if 0 < number <= COUNTED]
    found = dict(run(_PEOPLE, advisories=few)) if few else {}
    return {advisory: found.get(advisory, 0) if advisory in few else number for advisory, number in places.items()}


def behind_holds(of: Scope, places: int, holds: Collection[int] | None = None) -> dict[int, Behind] | None:
    """Who waits behind each hold of an advisory, by its relay; those behind which nobody does are not in it.

    `holds`: of these relays alone. `places`: how many wait there, each body by itself; None where these are too many to look
    people up. `once` and `places` of a hold are of the scope, `people` are all of the hold's.
    """
    if not places or holds is not None and not holds:
        return {}
    if places > COUNTED:
        return None
    asked = None if holds is None else sorted(holds)
    return {hold: Behind(*numbers) for hold, *numbers in run(_BEHIND, **of.values(), holds=asked)}
