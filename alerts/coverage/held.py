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

# Of each hold who waits in it and below it; and of them, those who are counted with it where holds are added up: somebody who
# waits behind two, or in a branch whose place does, is counted with the one behind which more people wait. What holds a body is
# joined and not looked for in an array: there may be thousands. Indexes as above.
_BEHIND = f"""
WITH holding AS MATERIALIZED (
    SELECT h.id FROM alerts_relay h
    WHERE h.advisory_id = %(advisory)s AND h.state = 'held' AND h.purpose <> 'left'
      AND (%(holds)s::bigint[] IS NULL OR h.id = ANY(%(holds)s::bigint[]))
), line AS MATERIALIZED (
    SELECT l.id, ({IN_SCOPE}) AS here, array_agg(h.id) AS holds
    FROM alerts_relay l
    CROSS JOIN LATERAL unnest(l.path) AS above (id)
    JOIN holding h ON h.id = above.id
    WHERE l.advisory_id = %(advisory)s AND l.purpose <> 'left'
    GROUP BY l.id
), behind AS MATERIALIZED (
    SELECT r.id AS person, CASE WHEN %(whole)s THEN 0 ELSE l.id END AS part, h.id AS hold, l.here
    FROM ({REVISIONS} WHERE a.id = %(advisory)s) v
    CROSS JOIN line l
    JOIN alerts_seat s ON s.relay_id = l.id AND {CURRENT_SEAT}
    CROSS JOIN LATERAL (SELECT * FROM alerts_recipient WHERE id = s.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    CROSS JOIN LATERAL unnest(l.holds) AS h (id)
    WHERE r.targeted AND f.unsent = 1
), everybody AS MATERIALIZED (
    SELECT hold, count(*) AS people FROM (SELECT DISTINCT hold, person FROM behind) x GROUP BY hold
), counted AS (
    SELECT CASE WHEN cardinality(x.holds) = 1 THEN x.holds[1] ELSE (
        SELECT e.hold FROM everybody e WHERE e.hold = ANY(x.holds) ORDER BY e.people DESC, e.hold LIMIT 1
    ) END AS hold
    FROM (SELECT array_agg(DISTINCT hold) AS holds FROM behind WHERE here GROUP BY person, part) x
), added AS MATERIALIZED (
    SELECT hold, count(*) AS number FROM counted GROUP BY hold
)
SELECT e.hold, e.people, COALESCE(c.number, 0)
FROM everybody e LEFT JOIN added c ON c.hold = e.hold
"""


class Behind(NamedTuple):
    """Who waits behind one hold: in the body that holds it, and below it."""

    people: int = 0
    """Each once, whatever else they wait for: the number that its contacts are told."""
    counted: int = 0
    """Who is counted with it where holds are added up, as figures are: in the whole people, in a branch places."""


def people_held(places: Mapping[int, int]) -> dict[int, int]:
    """Of whole advisories, by their ids: `places` is how many wait in held bodies and below, each body by itself."""
    few = [advisory for advisory, number in places.items() if 0 < number <= COUNTED]
    found = dict(run(_PEOPLE, advisories=few)) if few else {}
    return {advisory: found.get(advisory, 0) if advisory in few else number for advisory, number in places.items()}


def behind_holds(of: Scope, places: int, holds: Collection[int] | None = None) -> dict[int, Behind] | None:
    """Who waits behind each hold of an advisory, by its relay; those behind which nobody does are not in it.

    `holds`: of these relays alone. `places`: how many wait there, each body by itself; None where these are too many to look
    people up. `counted` is of the scope, `people` are all of the hold's.
    """
    if not places or (holds is not None and not holds):
        return {}
    if places > COUNTED:
        return None
    asked = None if holds is None else sorted(holds)
    return {hold: Behind(*numbers) for hold, *numbers in run(_BEHIND, **of.values(), whole=of.whole, holds=asked)}
