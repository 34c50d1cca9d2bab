"""The SQL of referrals: who decides, and where somebody sits as a warning travels."""

# The nearest body with somebody who answers for it, from those through which the recipient is told up the tree: their current
# seats first, and of these the ones that count. Neither the recipient nor whoever is spoken of decides; nor does somebody whom
# mail does not reach, who would never hear of it. Indexes: seat_once, membership_current.
DECIDERS = """
WITH RECURSIVE line(body_id, now, counts, distance) AS (
    SELECT l.body_id, s.ended_at IS NULL, s.counts, 0
    FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
    WHERE s.recipient_id = %(recipient)s
    UNION
    SELECT b.parent_id, n.now, n.counts, n.distance + 1
    FROM line n JOIN departments_body b ON b.id = n.body_id
    WHERE b.parent_id IS NOT NULL
)
SELECT n.body_id, who.people
FROM line n
JOIN departments_body b ON b.id = n.body_id AND b.closed IS NULL
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT p.id) AS people
    FROM departments_membership m JOIN departments_person p ON p.id = m.person_id
    WHERE m.body_id = n.body_id AND m.until IS NULL AND m.role IN ('contact', 'deputy', 'head')
      AND p.left_at IS NULL AND p.bounced_at IS NULL AND p.id <> %(person)s AND p.email <> %(email)s
) who
WHERE who.people IS NOT NULL
ORDER BY n.now DESC, n.distance, n.counts DESC, n.body_id
LIMIT 1
"""

# Where somebody sits: whether in `homes`, in one of them or below it, in a body that the advisory has come to or will, in one
# that was left out of it; as far as the issuer may warn (`own`; NULL: everywhere).
PLACES = """
WITH RECURSIVE sat(body_id, name) AS (
    SELECT DISTINCT b.id, b.name
    FROM departments_membership m JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
    WHERE m.person_id = %(person)s AND m.until IS NULL
), line(body_id, above_id) AS (
    SELECT body_id, body_id FROM sat
    UNION
    SELECT n.body_id, b.parent_id FROM line n JOIN departments_body b ON b.id = n.above_id WHERE b.parent_id IS NOT NULL
)
SELECT sat.name,
       sat.body_id = ANY(%(homes)s::bigint[]),
       EXISTS (SELECT FROM line n WHERE n.body_id = sat.body_id AND n.above_id = ANY(%(homes)s::bigint[])),
       EXISTS (
           SELECT FROM alerts_relay r
           WHERE r.advisory_id = %(advisory)s AND r.body_id = sat.body_id AND r.purpose <> 'left'
       ),
       EXISTS (
           SELECT FROM line n JOIN alerts_exclusion e ON e.body_id = n.above_id
           WHERE n.body_id = sat.body_id AND e.advisory_id = %(advisory)s AND e.lapsed_at IS NULL
       ),
       %(own)s::bigint IS NULL OR EXISTS (SELECT FROM line n WHERE n.body_id = sat.body_id AND n.above_id = %(own)s)
FROM sat
ORDER BY sat.name, sat.body_id
"""

# What the directory's triggers write of a body whose people changed: somebody there is to hear what they did not before. Live
# advisories look at it, in whatever order it and their passes are committed (`Advisory.seen`).
TOLD_ANEW = """
INSERT INTO departments_change (body_id)
SELECT DISTINCT body_id FROM departments_membership WHERE person_id = %(person)s AND until IS NULL
"""
