"""Helping: who needs help in the bodies of a contact or deputy, who are the first to ask. Reads only.

They are those whom the list of a body's people shows as needing help (`alerts.coverage.standings`): whoever has answered since
without asking for it is gone from here as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from alerts.last_word import last_word
from alerts.statements import run

# From the cries, which are few, to where those who cried sit.
# Index: acknowledgement_asking (revision, -id), acknowledgement_last, alerts_seat(recipient), relay's primary key.
ASKED = f"""
WITH asked AS MATERIALIZED (
    SELECT DISTINCT k.recipient_id
    FROM alerts_advisory a
    JOIN alerts_revision w ON w.advisory_id = a.id
    JOIN alerts_acknowledgement k ON k.revision_id = w.id AND k.read IN ('help', 'phishing')
    WHERE a.state IN ('live', 'expired') AND k.read = 'help' AND k.suspect = '{{}}'
)
SELECT l.advisory_id, l.id, b.name, array_agg(r.person_id)
FROM asked
JOIN alerts_recipient r ON r.id = asked.recipient_id
JOIN alerts_seat s ON s.recipient_id = r.id AND s.ended_at IS NULL
JOIN alerts_relay l ON l.id = s.relay_id AND l.purpose <> 'left'
JOIN departments_body b ON b.id = l.body_id
JOIN alerts_acknowledgement k ON k.id = {last_word("r.id")}
WHERE l.body_id = ANY(%(bodies)s) AND r.needs_help AND k.read <> 'phishing'
GROUP BY l.advisory_id, l.id, b.name
ORDER BY count(*) DESC, l.advisory_id DESC, b.name
"""


@dataclass(frozen=True, slots=True)
class Cry:
    """One body in which people need help with one advisory."""

    advisory_id: int
    relay_id: int
    body: str
    people: Collection[int]
    """Their ids."""


def who_needs_help(bodies: Collection[int]) -> list[Cry]:
    """Of these bodies' own people, body by body, where most need it first; advisories that are over are not among them."""
    return [Cry(*row) for row in run(ASKED, bodies=sorted(bodies))] if bodies else []
