"""The SQL of the cascade, whole. Every statement is about one advisory and writes only what is not there yet."""

from alerts.audience import AUDIENCE, SEATS

# The end of an index: departments_change(xid8). EXISTS would read the whole table to find that there is no such row.
CHANGED = "SELECT coalesce((SELECT max(xid8) FROM departments_change) >= %(seen)s, false)"

# Index: departments_change(xid8), alerts_relay(advisory, body).
MARK_STALE = """
UPDATE alerts_relay SET stale = true
WHERE advisory_id = %(advisory)s AND NOT stale
  AND body_id IN (SELECT body_id FROM departments_change WHERE xid8 >= %(seen)s)
"""

# A body through which it only passed, or of which only some were named, may be put in later; no relay becomes less. What is
# there already is left out before: a conflict would lock each row, and write that it did.
PLAN_RELAYS = (
    AUDIENCE
    + """
INSERT INTO alerts_relay (advisory_id, body_id, purpose, state, path, stale)
SELECT %(advisory)s, a.body_id, a.purpose, 'planned', '{}', true
FROM audience a
LEFT JOIN alerts_relay there ON there.advisory_id = %(advisory)s AND there.body_id = a.body_id
WHERE there.id IS NULL OR (there.purpose, a.purpose) IN (('between', 'target'), ('named', 'target'), ('between', 'named'))
ORDER BY a.body_id
ON CONFLICT (advisory_id, body_id) DO UPDATE SET purpose = excluded.purpose, stale = true
WHERE (alerts_relay.purpose, excluded.purpose) IN (('between', 'target'), ('named', 'target'), ('between', 'named'))
"""
)

# The accountability parent's relay if the advisory has one, otherwise the lowest-numbered sponsor's that it has.
LINK_PARENTS = """
UPDATE alerts_relay r SET parent_id = above.id
FROM departments_body b, LATERAL (
    SELECT p.id FROM alerts_relay p
    WHERE p.advisory_id = %(advisory)s
      AND (p.body_id = b.parent_id
           OR p.body_id IN (SELECT s.sponsor_id FROM departments_sponsor s WHERE s.body_id = b.id))
    ORDER BY (p.body_id = b.parent_id) IS NOT TRUE, p.body_id
    LIMIT 1
) above
WHERE r.advisory_id = %(advisory)s AND r.path = '{}' AND b.id = r.body_id
"""

LINK_PATHS = """
WITH RECURSIVE walk(id, path) AS (
    SELECT id, ARRAY[id] FROM alerts_relay WHERE advisory_id = %(advisory)s AND parent_id IS NULL
    UNION ALL
    SELECT c.id, w.path || c.id FROM walk w JOIN alerts_relay c ON c.parent_id = w.id
)
UPDATE alerts_relay r SET path = w.path
FROM walk w WHERE r.id = w.id AND r.path = '{}'
"""

# Sponsors may go round in a circle; whoever hangs in one, or below one, stands as a root of their own.
LINK_REST = """
UPDATE alerts_relay SET parent_id = NULL, path = ARRAY[id]
WHERE advisory_id = %(advisory)s AND path = '{}'
"""

# Index: alerts_relay(held_until) where state = 'held'.
RELEASE_DUE = """
UPDATE alerts_relay SET state = 'released', released_at = %(now)s, released_by_id = NULL
WHERE advisory_id = %(advisory)s AND state = 'held' AND held_until <= %(now)s
RETURNING id
"""

# One level: whoever stands below a released relay is reached; a body with a contact and a policy of holding holds it.
# Index: alerts_relay(advisory) where state = 'planned'.
ADVANCE = """
UPDATE alerts_relay r SET
    reached_at = %(now)s,
    reached_via_id = next.via,
    state = CASE WHEN next.hours > 0 THEN 'held' ELSE 'released' END,
    held_until = CASE WHEN next.hours > 0 THEN %(now)s + next.hours * interval '1 hour' END,
    released_at = CASE WHEN next.hours > 0 THEN NULL ELSE %(now)s END
FROM (
    SELECT c.id, p.body_id AS via,
           CASE WHEN b.policy = 'hold' AND c.purpose = 'target' AND EXISTS (
               SELECT FROM departments_membership m
               JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL
               WHERE m.body_id = c.body_id AND m.role = 'contact' AND m.until IS NULL
           ) THEN least(b.hold_hours, %(longest)s) ELSE 0 END AS hours
    FROM alerts_relay c
    JOIN departments_body b ON b.id = c.body_id
    LEFT JOIN alerts_relay p ON p.id = c.parent_id
    WHERE c.advisory_id = %(advisory)s AND c.state = 'planned'
      AND (c.parent_id IS NULL OR p.state = 'released')
    ORDER BY c.id
) next
WHERE r.id = next.id
"""

# Reached relays first, so that those who may be told are written, and told, first.
TAKE_STALE = """
SELECT id FROM alerts_relay
WHERE advisory_id = %(advisory)s AND stale
ORDER BY (state = 'planned'), id
LIMIT %(limit)s
"""

UNSTALE = "UPDATE alerts_relay SET stale = false WHERE id = ANY(%(relays)s)"

_PLACES = "(SELECT id AS place, body_id, purpose FROM alerts_relay WHERE id = ANY(%(relays)s))"

WRITE_RECIPIENTS = f"""
INSERT INTO alerts_recipient (advisory_id, person_id, targeted)
SELECT %(advisory)s, s.person_id, bool_or(s.counts)
FROM ({SEATS.format(places=_PLACES)}) s
GROUP BY s.person_id
ORDER BY s.person_id
ON CONFLICT (advisory_id, person_id) DO NOTHING
"""

# Seats that should be; one that ended and is there again goes on.
WRITE_SEATS = f"""
INSERT INTO alerts_seat (recipient_id, relay_id, counts, contact)
SELECT r.id, s.place, s.counts, s.contact
FROM ({SEATS.format(places=_PLACES)}) s
JOIN alerts_recipient r ON r.advisory_id = %(advisory)s AND r.person_id = s.person_id
ORDER BY r.id, s.place
ON CONFLICT (recipient_id, relay_id) DO UPDATE
SET counts = excluded.counts, contact = excluded.contact, ended_at = NULL
WHERE (alerts_seat.counts, alerts_seat.contact, alerts_seat.ended_at)
      IS DISTINCT FROM (excluded.counts, excluded.contact, NULL)
"""

# Seats that should not be any more end; then `targeted` follows the seats that are left. In this order: figures of the
# whole count a person once, for as long as any target seat of theirs is current.
FULL_SEATS = f"""
WITH should AS MATERIALIZED ({SEATS.format(places=_PLACES)}),
ended AS (
    UPDATE alerts_seat seat SET ended_at = now()
    FROM alerts_recipient r
    WHERE seat.relay_id = ANY(%(relays)s) AND seat.ended_at IS NULL AND r.id = seat.recipient_id
      AND NOT EXISTS (SELECT FROM should s WHERE s.place = seat.relay_id AND s.person_id = r.person_id)
    RETURNING seat.id, seat.recipient_id
), touched AS (
    SELECT DISTINCT r.id
    FROM alerts_recipient r
    JOIN alerts_seat seat ON seat.recipient_id = r.id
    WHERE seat.relay_id = ANY(%(relays)s)
)
UPDATE alerts_recipient r SET targeted = NOT r.targeted
FROM touched t
WHERE r.id = t.id
  AND r.targeted <> EXISTS (
      SELECT FROM alerts_seat seat
      WHERE seat.recipient_id = r.id AND seat.counts AND seat.ended_at IS NULL
        AND seat.id NOT IN (SELECT id FROM ended)
  )
"""

# Everybody ever told hears of every later revision; others once a relay of theirs is released (a held body's contact:
# once it is reached). `after` walks the recipients, so that no pass reads the same ones twice. Whose earlier mail is leaving at
# this moment (superseded while a worker had it in hand) is told as one who had it.
WRITE_MESSAGES = """
WITH due AS MATERIALIZED (
    SELECT rc.id, rc.person_id, row_number() OVER (ORDER BY rc.id) - 1 AS n,
           CASE WHEN rc.told_revision = 0 AND NOT (%(number)s > 1 AND EXISTS (
                    SELECT FROM alerts_message m JOIN alerts_batch b ON b.id = m.batch_id
                    WHERE m.recipient_id = rc.id AND m.state = 'superseded' AND b.leased_until > %(now)s
                )) THEN %(first)s
                WHEN rc.answered_revision = 0 THEN %(again)s
                ELSE %(answered)s END AS kind
    FROM alerts_recipient rc
    WHERE rc.advisory_id = %(advisory)s AND rc.id > %(after)s
      AND NOT EXISTS (SELECT FROM alerts_message m WHERE m.recipient_id = rc.id AND m.revision_id = %(revision)s)
      AND (rc.told_revision > 0
           OR (NOT %(only_told)s AND EXISTS (
               SELECT FROM alerts_seat s JOIN alerts_relay r ON r.id = s.relay_id
               WHERE s.recipient_id = rc.id AND s.ended_at IS NULL
                 AND (r.state = 'released' OR (r.state = 'held' AND s.contact)))))
    ORDER BY rc.id
    LIMIT %(limit)s
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before)
    SELECT %(rank)s, %(advisory)s, %(revision)s, d.kind, count(*), %(now)s
    FROM due d
    GROUP BY d.kind, d.n / %(size)s
    ORDER BY d.kind, d.n / %(size)s
    RETURNING id
), slots AS (
    SELECT kind, slot, row_number() OVER (ORDER BY kind, slot) AS place
    FROM (SELECT DISTINCT kind, n / %(size)s AS slot FROM due) s
), placed AS (
    SELECT s.kind, s.slot, m.id
    FROM slots s
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made) m USING (place)
)
INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
SELECT 'revision:' || %(revision)s || ':' || d.person_id, p.id, d.person_id, %(advisory)s, d.id, %(revision)s, d.kind
FROM due d
JOIN placed p ON p.kind = d.kind AND p.slot = d.n / %(size)s
ORDER BY d.id
ON CONFLICT (key) DO NOTHING
RETURNING recipient_id, id
"""
