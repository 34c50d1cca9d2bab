"""Whom somebody can ask: the contact of their body, or the nearest one above it. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from alerts.models import Recipient
from alerts.statements import run

# Along the path of each relay at which they sit, the nearest first: a contact (or deputy) other than themselves.
# Indexes: alerts_seat(seat_once), alerts_relay's primary key, membership_current.
NEAREST = """
SELECT p.name, p.telephone, b.name, up.id = s.relay_id
FROM alerts_seat s
JOIN alerts_relay own ON own.id = s.relay_id
CROSS JOIN LATERAL unnest(own.path) WITH ORDINALITY AS step(relay, place)
JOIN alerts_relay up ON up.id = step.relay
JOIN departments_body b ON b.id = up.body_id
JOIN departments_membership m ON m.body_id = b.id AND m.until IS NULL AND m.role IN ('contact', 'deputy')
JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL AND p.id <> %(person)s
WHERE s.recipient_id = %(recipient)s AND s.ended_at IS NULL
ORDER BY cardinality(own.path) - step.place, m.role, m.hours, m."order", m.id
LIMIT 1
"""

# Who answers for each of these bodies: the contact, else the deputy, else the head. Index: membership_current.
ANSWERING = """
SELECT DISTINCT ON (m.body_id) m.body_id, p.name
FROM departments_membership m
JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL
WHERE m.body_id = ANY(%(bodies)s) AND m.until IS NULL AND m.role IN ('contact', 'deputy', 'head')
ORDER BY m.body_id, m.role, m.hours, m."order", m.id
"""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to ask."""

    name: str
    telephone: str
    body: str
    own: bool
    """Of a body through which they are told themselves; otherwise of one above it."""


def nearest_contact(recipient: Recipient) -> Contact | None:
    """The contact or deputy nearest to this recipient who is not they themselves; None where there is none up to the top."""
    found = run(NEAREST, recipient=recipient.pk, person=recipient.person_id)
    return Contact(*found[0]) if found else None


def answering_for(bodies: Collection[int]) -> dict[int, str]:
    """Who answers what is asked of these bodies, by a body's id; nobody is left out of it where there is nobody."""
    return dict(run(ANSWERING, bodies=list(bodies))) if bodies else {}
