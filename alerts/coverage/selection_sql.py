"""The SQL that picks the people behind a number of a coverage page, each once, as `alerts.models.figures` counts them."""

from alerts.coverage.scope import IN_SCOPE
from alerts.models.figures import CURRENT_SEAT, FIGURES_OF_RECIPIENT, OUT_OF_REACH, REVISIONS

# Of a relay `l`: its people wait because it is held, or one above it is. Index: relay_once; the held ones are looked up once.
HELD = """
l.path && ARRAY(
    SELECT h.id FROM alerts_relay h WHERE h.advisory_id = %(advisory)s AND h.state = 'held' AND h.purpose <> 'left'
)
"""

# Through which of the seats in a scope somebody counts, where not through every one: of their relay `l`.
THROUGH = {"held": HELD, "waiting": f"NOT ({HELD})"}

# The recipients with a current seat that counts in a scope. Index: relay_once, seat_current.
SEATED = f"""
SELECT s.recipient_id FROM alerts_relay l JOIN alerts_seat s ON s.relay_id = l.id AND {CURRENT_SEAT} WHERE {IN_SCOPE}
"""
_IN_HELD = f"r.id IN ({SEATED} AND {HELD})"
_TROUBLED = "r.outcome NOT IN ('', 'delivered')"  # as the index recipient_trouble says it

# What must be true of a recipient `r` with the figures `f` and the revisions `v`. What stands beside a figure follows from it,
# and says which index may be used: recipient_trouble, recipient_told.
_UNSENT = "f.unsent = 1 AND r.told_revision < greatest(v.current, 1)"
PREDICATES = {
    "targeted": "true",
    "sent": "f.sent = 1",
    "delivered": "f.delivered = 1",
    "acknowledged": "f.acknowledged = 1",
    "acted": "f.acted = 1",
    "silent": "f.silent = 1",
    "unsure": "f.acknowledged + f.silent + f.unsent + f.unreachable = 0",
    "untold": "f.acknowledged + f.silent = 0",
    # Where no route says what arrived, handed over is as much as can be known: see `Selection.counted`.
    "untold, handed over or not": "f.unsent + f.unreachable = 1",
    "waiting": _UNSENT,
    "held": _UNSENT,
    "unreachable": f"f.unreachable = 1 AND r.outcome IN {OUT_OF_REACH} AND {_TROUBLED}",
    "suspect": "f.suspect = 1",
    "office": "f.office = 1",
    "behalf": "f.behalf = 1",
    "former": "f.former = 1",
    "late": f"r.outcome = 'deferred' AND {_TROUBLED}",
    "complained": f"r.outcome = 'complained' AND {_TROUBLED}",
}

# Where each person counts once: who waits in two bodies, one of them held, is held.
OF_WHOLE = {"held": _IN_HELD, "waiting": f"NOT {_IN_HELD}"}
IN_WHOLE = "r.targeted"
IN_PART = f"r.id IN ({SEATED} AND {{through}})"
CALLED = "r.person_id IN (SELECT p.id FROM departments_person p WHERE p.name ILIKE %(like)s)"
CHOSEN = "r.id = ANY(%(chosen)s::bigint[])"

# `{where}`: the tests above, joined by AND.
PEOPLE_IDS = f"""
SELECT r.id
FROM ({REVISIONS} WHERE a.id = %(advisory)s) v
JOIN alerts_recipient r ON r.advisory_id = v.id
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
WHERE {{where}}
"""
