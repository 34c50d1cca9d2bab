"""The SQL of relays, whole: planned as the tree stands, reached as the wave goes down. Each statement is about one advisory."""

from alerts.audience import AUDIENCE

# Index: departments_change(xid8), alerts_relay(advisory, body).
MARK_STALE = """
UPDATE alerts_relay SET stale = true
WHERE advisory_id = %(advisory)s AND NOT stale
  AND body_id IN (SELECT body_id FROM departments_change WHERE xid8 >= %(seen)s)
"""

# A planned relay follows the directory: its purpose is what the audience says, and it leaves with its body. One that was
# reached stays, and becomes no less: a body through which it only passed, or of which only some were named, may be put in
# later. What is there as it should be is left out before: a conflict would lock each row, and write that it did.
PLAN_RELAYS = (
    AUDIENCE
    + """
, gone AS (
    UPDATE alerts_relay r SET purpose = 'left', stale = true
    WHERE r.advisory_id = %(advisory)s AND r.state = 'planned' AND r.purpose <> 'left'
      AND NOT EXISTS (SELECT FROM audience a WHERE a.body_id = r.body_id)
    RETURNING r.id
), planned AS (
    INSERT INTO alerts_relay AS r (advisory_id, body_id, purpose, state, path, stale)
    SELECT %(advisory)s, a.body_id, a.purpose, 'planned', '{}', true
    FROM audience a
    LEFT JOIN alerts_relay there ON there.advisory_id = %(advisory)s AND there.body_id = a.body_id
    WHERE there.id IS NULL
       OR (there.state = 'planned' AND there.purpose <> a.purpose)
       OR (there.purpose, a.purpose) IN (('between', 'target'), ('named', 'target'), ('between', 'named'))
    ORDER BY a.body_id
    ON CONFLICT (advisory_id, body_id) DO UPDATE SET purpose = excluded.purpose, stale = true
    WHERE (r.state = 'planned' AND r.purpose <> excluded.purpose)
       OR (r.purpose, excluded.purpose) IN (('between', 'target'), ('named', 'target'), ('between', 'named'))
    RETURNING r.id
)
SELECT (SELECT count(*) FROM planned), (SELECT count(*) FROM gone)
"""
)

# The accountability parent's relay if the advisory has one, otherwise the lowest-numbered sponsor's that it has. A relay
# that was reached keeps its place: the relays are the tree as it was when the warning passed.
# Index: alerts_relay(advisory) where state = 'planned'; relay_once.
LINK_PARENTS = """
UPDATE alerts_relay r SET parent_id = above.id
FROM (
    SELECT c.id, (
        SELECT p.id FROM alerts_relay p
        WHERE p.advisory_id = %(advisory)s AND p.purpose <> 'left' AND p.id <> c.id
          AND (p.body_id = b.parent_id
               OR p.body_id IN (SELECT s.sponsor_id FROM departments_sponsor s WHERE s.body_id = b.id))
        ORDER BY (p.body_id = b.parent_id) IS NOT TRUE, p.body_id
        LIMIT 1
    ) AS parent
    FROM alerts_relay c
    JOIN departments_body b ON b.id = c.body_id
    WHERE c.advisory_id = %(advisory)s AND c.state = 'planned' AND c.purpose <> 'left'
) found
LEFT JOIN alerts_relay above ON above.id = found.parent
WHERE r.id = found.id AND (r.path = '{}' OR r.parent_id IS DISTINCT FROM found.parent)
"""

# Down from the roots and from what was reached, whose paths stand.
LINK_PATHS = """
WITH RECURSIVE walk(id, path) AS (
    SELECT r.id, CASE WHEN r.state = 'planned' THEN ARRAY[r.id] ELSE r.path END
    FROM alerts_relay r
    WHERE r.advisory_id = %(advisory)s AND r.purpose <> 'left' AND (r.state <> 'planned' OR r.parent_id IS NULL)
    UNION ALL
    SELECT c.id, w.path || c.id
    FROM walk w JOIN alerts_relay c ON c.parent_id = w.id AND c.state = 'planned' AND c.purpose <> 'left'
), loose AS (
    SELECT r.id FROM alerts_relay r
    WHERE r.advisory_id = %(advisory)s AND r.state = 'planned' AND r.purpose <> 'left'
      AND NOT EXISTS (SELECT FROM walk w WHERE w.id = r.id)
), rooted AS (
    UPDATE alerts_relay r SET parent_id = NULL, path = ARRAY[r.id] FROM loose WHERE loose.id = r.id
)
UPDATE alerts_relay r SET path = w.path
FROM walk w WHERE r.id = w.id AND r.path <> w.path
"""

# Over whoever held it too long. Index: alerts_relay(held_until) where state = 'held'.
RELEASE_DUE = """
UPDATE alerts_relay SET state = 'released', released_at = %(now)s, released_by_id = NULL, to_tell = true
WHERE advisory_id = %(advisory)s AND state = 'held' AND held_until <= %(now)s
RETURNING id
"""

# Where nobody is left who could let it go on, or the body holds nothing any more, nothing is waited for.
RELEASE_UNHELD = """
UPDATE alerts_relay r SET state = 'released', released_at = %(now)s, released_by_id = NULL, to_tell = true
FROM departments_body b
WHERE r.advisory_id = %(advisory)s AND r.state = 'held' AND b.id = r.body_id
  AND (b.policy <> 'hold' OR b.closed IS NOT NULL OR NOT EXISTS (
      SELECT FROM departments_membership m
      JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL AND who.bounced_at IS NULL
      WHERE m.body_id = r.body_id AND m.role = 'contact' AND m.until IS NULL
  ))
RETURNING r.id
"""

# One level: whoever stands below a released relay is reached; a body with a contact who can be told and a policy of
# holding holds it. Index: alerts_relay(advisory) where state = 'planned'.
ADVANCE = """
UPDATE alerts_relay r SET
    reached_at = %(now)s,
    reached_via_id = next.via,
    state = CASE WHEN next.hours > 0 THEN 'held' ELSE 'released' END,
    held_until = CASE WHEN next.hours > 0 THEN %(now)s + next.hours * interval '1 hour' END,
    released_at = CASE WHEN next.hours > 0 THEN NULL ELSE %(now)s END,
    to_tell = true
FROM (
    SELECT c.id, p.body_id AS via,
           CASE WHEN b.policy = 'hold' AND c.purpose = 'target' AND EXISTS (
               SELECT FROM departments_membership m
               JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL AND who.bounced_at IS NULL
               WHERE m.body_id = c.body_id AND m.role = 'contact' AND m.until IS NULL
           ) THEN least(b.hold_hours, %(longest)s) ELSE 0 END AS hours
    FROM alerts_relay c
    JOIN departments_body b ON b.id = c.body_id
    LEFT JOIN alerts_relay p ON p.id = c.parent_id
    WHERE c.advisory_id = %(advisory)s AND c.state = 'planned' AND c.purpose <> 'left'
      AND (c.parent_id IS NULL OR p.state = 'released')
    ORDER BY c.id
) next
WHERE r.id = next.id
"""
