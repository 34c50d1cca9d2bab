"""The SQL of a part of an advisory's tree, whole: every body of it with its branch, in one statement, one snapshot."""

from alerts.coverage.glance_sql import LEFT_OUT
from alerts.coverage.nodes_sql import COLUMNS, NODES, STATES
from alerts.models.figures import FIGURES, columns

_NONE = columns(template="0")
_ADDED = ", ".join(f"sum(p.{name})::int AS b_{name}" for name in FIGURES)
_SUM_OF_BODIES = "targeted_bodies, covered_bodies, dark_bodies, held_bodies, excluded_bodies"

# The order of `path` puts each body above its children; what was left out stands last below its parent. The parent of what
# is on top here is out of sight, and not named.
TREE = f"""
WITH {NODES}, left_out AS MATERIALIZED ({LEFT_OUT}),
part AS (
    SELECT path, rank, CASE WHEN behind THEN unsent ELSE 0 END AS waits, {COLUMNS}, target::int, (state = 'covered')::int,
           (state = 'dark')::int, (state = 'held')::int, (state = 'excluded')::int
    FROM node
    UNION ALL
    SELECT path, {len(STATES)}, 0, {_NONE}, 0, 0, 0, 0, 1 FROM left_out
), branch AS MATERIALIZED (
    SELECT n.id, min(p.rank) AS worst, sum(p.waits)::int AS b_waits, {_ADDED}, sum(p.targeted_bodies)::int,
           sum(p.covered_bodies)::int, sum(p.dark_bodies)::int, sum(p.held_bodies)::int, sum(p.excluded_bodies)::int
    FROM part p (path, rank, waits, {COLUMNS}, {_SUM_OF_BODIES})
    CROSS JOIN LATERAL unnest(p.path) AS a (id)
    JOIN node n ON n.id = a.id
    GROUP BY n.id
), row AS (
    SELECT n.path AS place, n.slug, n.name, n.kind, up.slug AS parent, n.state, n.relay_state, n.held_until,
           COALESCE(n.excluded, '') AS reason, n.by_id, n.look_again_at, COALESCE(h.name, '') AS holder,
           CASE WHEN n.behind THEN n.unsent ELSE 0 END AS waits, {columns("n.")}, b.*
    FROM node n
    JOIN branch b ON b.id = n.id
    LEFT JOIN node up ON up.id = n.parent_id
    LEFT JOIN LATERAL (
        SELECT hb.name FROM alerts_relay l JOIN departments_body hb ON hb.id = l.body_id
        WHERE n.behind AND n.relay_state = 'planned' AND l.id = ANY(n.path) AND l.state = 'held'
        ORDER BY cardinality(l.path) LIMIT 1
    ) h ON true
    UNION ALL
    SELECT x.path || 9223372036854775807, x.slug, x.name, x.kind, up.slug, 'excluded', '', NULL,
           x.reason, x.by_id, x.look_again_at, '', 0, {_NONE}, NULL, {len(STATES)}, 0, {_NONE}, 0, 0, 0, 0, 1
    FROM left_out x
    LEFT JOIN node up ON up.id = x.parent_id
)
SELECT statement_timestamp(), r.*, COALESCE(p.name, '')
FROM row r
LEFT JOIN departments_person p ON p.id = r.by_id
ORDER BY r.place, r.slug
"""
