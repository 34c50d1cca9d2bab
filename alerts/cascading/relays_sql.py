"""The SQL of relays, whole: planned as the tree stands, reached as the wave goes down. Each statement is about one advisory."""

from alerts.publishing.audience import AUDIENCE

# Index: departments_change(xid8), alerts_relay(advisory, body).
MARK_STALE = """
UPDATE alerts_relay SET stale = true, compared_upto = NULL
WHERE advisory_id = %(advisory)s AND (NOT stale OR compared_upto IS NOT NULL)
  AND body_id IN (SELECT body_id FROM departments_change WHERE xid8 >= %(seen)s)
"""

# A planned relay follows the directory: its purpose is what the audience says, and it leaves with its body. One that was
# reached stays, and becomes no less: a body through which it only passed, or of which only some were named, may be put in
# later.
FOLLOW = (
    AUDIENCE
    + """
, should AS MATERIALIZED (
    SELECT r.id, COALESCE(a.purpose, 'left') AS purpose
    FROM alerts_relay r LEFT JOIN audience a ON a.body_id = r.body_id
    WHERE r.advisory_id = %(advisory)s
)
UPDATE alerts_relay r SET purpose = should.purpose, stale = true
FROM should
WHERE r.id = should.id AND r.purpose <> should.purpose
  AND (r.state = 'planned'
       OR (r.purpose, should.purpose) IN (('between', 'target'), ('named', 'target'), ('between', 'named')))
RETURNING r.purpose
"""
)

# For how many hours a body holds it: those whose policy that is, and who have a contact who can be told. Along a line it is
# held no longer in all than the severity allows, however many bodies hold it one after another; under a minute is nothing.
_HOURS = """
CASE WHEN b.policy = 'hold' AND {purpose} = 'target' AND %(longest)s > 0 AND EXISTS (
    SELECT FROM departments_membership m
    JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL AND who.bounced_at IS NULL
    WHERE m.body_id = b.id AND m.role = 'contact' AND m.until IS NULL
) THEN (
    SELECT CASE WHEN most.hours > 1 / 60.0 THEN most.hours ELSE 0 END
    FROM (
        SELECT least(b.hold_hours, %(longest)s - COALESCE(sum(extract(epoch FROM h.released_at - h.reached_at)), 0) / 3600)
            AS hours
        FROM alerts_relay h WHERE h.id = ANY({above}) AND h.held_until IS NOT NULL
    ) most
) ELSE 0 END
"""

# A body stands below its accountability parent, if the advisory is for that too, otherwise below the lowest-numbered of its
# sponsors that it is for. The next bodies that have no relay yet, each once the one that it stands below has one, written as
# far as the wave has come. Each look-up goes by a key or by a hash: a join that had to be planned would be planned by what
# these tables held a minute ago.
_MISSING = (
    AUDIENCE
    + """
, there AS MATERIALIZED (
    SELECT body_id FROM alerts_relay WHERE advisory_id = %(advisory)s AND purpose <> 'left'
), concerned AS MATERIALIZED (
    SELECT body_id FROM audience UNION ALL SELECT body_id FROM there
), missing AS MATERIALIZED (
    SELECT a.body_id, a.purpose,
           CASE WHEN b.parent_id IN (SELECT body_id FROM concerned) THEN b.parent_id
                ELSE (SELECT min(s.sponsor_id) FROM departments_sponsor s
                      WHERE s.body_id = a.body_id AND s.sponsor_id IN (SELECT body_id FROM concerned)) END AS above
    FROM audience a JOIN departments_body b ON b.id = a.body_id
    WHERE a.body_id NOT IN (SELECT body_id FROM alerts_relay WHERE advisory_id = %(advisory)s)
)
"""
)
PLAN = (
    _MISSING
    + f"""
, ready AS MATERIALIZED (
    SELECT m.body_id, m.purpose, p.id AS parent, p.path, p.body_id AS via,
           m.above IS NULL OR p.state = 'released' AS reached
    FROM missing m
    LEFT JOIN LATERAL (
        SELECT r.id, r.path, r.body_id, r.state FROM alerts_relay r
        WHERE r.advisory_id = %(advisory)s AND r.body_id = m.above AND r.purpose <> 'left'
    ) p ON true
    WHERE m.above IS NULL OR p.id IS NOT NULL
    ORDER BY m.body_id
    LIMIT %(limit)s
), placed AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('alerts_relay', 'id')) AS id, ready.*,
           CASE WHEN ready.reached THEN {_HOURS.format(purpose="ready.purpose", above="ready.path")} END AS hours
    FROM ready JOIN departments_body b ON b.id = ready.body_id
)
, made AS (
    INSERT INTO alerts_relay (id, advisory_id, body_id, purpose, parent_id, path, stale, to_tell,
                              reached_at, reached_via_id, state, held_until, released_at)
    SELECT id, %(advisory)s, body_id, purpose, parent, COALESCE(path, '{{}}') || id, true, hours IS NOT NULL,
           CASE WHEN hours IS NOT NULL THEN %(now)s END,
           CASE WHEN hours IS NOT NULL THEN via END,
           CASE WHEN hours IS NULL THEN 'planned' WHEN hours > 0 THEN 'held' ELSE 'released' END,
           CASE WHEN hours > 0 THEN %(now)s + hours * interval '1 hour' END,
           CASE WHEN hours = 0 THEN %(now)s END
    FROM placed
    ORDER BY id
    ON CONFLICT (advisory_id, body_id) DO NOTHING
    RETURNING state
)
SELECT (SELECT count(*) FROM missing), (SELECT count(*) FROM made), (SELECT count(*) FROM made WHERE state <> 'planned')
"""
)

# Sponsors may go round in a circle: of what is left of the audience then, each stands as a root of its own.
PLAN_REST = (
    _MISSING
    + """
INSERT INTO alerts_relay (advisory_id, body_id, purpose, state, path, stale)
SELECT %(advisory)s, body_id, purpose, 'planned', '{}', true FROM missing ORDER BY body_id
ON CONFLICT (advisory_id, body_id) DO NOTHING
"""
)

# What is planned moves with its body, by the same rule. What was reached keeps its place: relays are the tree as it was when
# the warning passed. Index: alerts_relay(advisory) where state = 'planned'; relay_once.
LINK_PARENTS = """
UPDATE alerts_relay r SET parent_id = found.parent, path = '{}'
FROM (
    SELECT c.id, c.parent_id, COALESCE(
        (SELECT p.id FROM alerts_relay p
         WHERE p.advisory_id = %(advisory)s AND p.body_id = b.parent_id AND p.purpose <> 'left'),
        (SELECT p.id FROM departments_sponsor s
         JOIN alerts_relay p ON p.advisory_id = %(advisory)s AND p.body_id = s.sponsor_id AND p.purpose <> 'left'
         WHERE s.body_id = c.body_id
         ORDER BY p.body_id LIMIT 1)
    ) AS parent
    FROM alerts_relay c
    JOIN departments_body b ON b.id = c.body_id
    WHERE c.advisory_id = %(advisory)s AND c.state = 'planned' AND c.purpose <> 'left'
) found
WHERE r.id = found.id AND found.parent_id IS DISTINCT FROM found.parent
"""

# Down from the roots, and from what was reached, whose paths stand.
_WALK = """
WITH RECURSIVE walk(id, path) AS (
    SELECT r.id, CASE WHEN r.state = 'planned' THEN ARRAY[r.id] ELSE r.path END
    FROM alerts_relay r
    WHERE r.advisory_id = %(advisory)s AND r.purpose <> 'left' AND (r.state <> 'planned' OR r.parent_id IS NULL)
    UNION ALL
    SELECT c.id, w.path || c.id
    FROM walk w JOIN alerts_relay c ON c.parent_id = w.id AND c.state = 'planned' AND c.purpose <> 'left'
)
"""
LINK_PATHS = f"""{_WALK}
UPDATE alerts_relay r SET path = w.path
FROM walk w WHERE r.id = w.id AND r.path <> w.path
"""

# Sponsors may go round in a circle; whoever hangs in one, or below one, stands as a root of their own.
LINK_REST = f"""{_WALK}
UPDATE alerts_relay SET parent_id = NULL, path = ARRAY[id]
WHERE advisory_id = %(advisory)s AND state = 'planned' AND purpose <> 'left' AND id NOT IN (SELECT id FROM walk)
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

# Whether somebody let one of these go on, and nothing below it has been reached yet. Index: alerts_relay(parent).
STANDS_STILL = """
SELECT EXISTS (
    SELECT FROM alerts_relay p JOIN alerts_relay c ON c.parent_id = p.id
    WHERE p.id = ANY(%(relays)s) AND p.state = 'released' AND c.state = 'planned' AND c.purpose <> 'left'
)
"""

# One level: whoever stands below a released relay is reached, and held where its body holds it.
# Index: alerts_relay(advisory) where state = 'planned'.
ADVANCE = f"""
UPDATE alerts_relay r SET
    reached_at = %(now)s,
    reached_via_id = next.via,
    state = CASE WHEN next.hours > 0 THEN 'held' ELSE 'released' END,
    held_until = CASE WHEN next.hours > 0 THEN %(now)s + next.hours * interval '1 hour' END,
    released_at = CASE WHEN next.hours > 0 THEN NULL ELSE %(now)s END,
    to_tell = true
FROM (
    SELECT c.id, p.body_id AS via, {_HOURS.format(purpose="c.purpose", above="c.path")} AS hours
    FROM alerts_relay c
    JOIN departments_body b ON b.id = c.body_id
    LEFT JOIN alerts_relay p ON p.id = c.parent_id
    WHERE c.advisory_id = %(advisory)s AND c.state = 'planned' AND c.purpose <> 'left'
      AND (c.parent_id IS NULL OR p.state = 'released')
    ORDER BY c.id
) next
WHERE r.id = next.id
"""
