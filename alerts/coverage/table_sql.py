"""The SQL of the whole table: every body of an advisory in one statement, one snapshot."""

from alerts.coverage.glance_sql import LEFT_OUT
from alerts.coverage.nodes_sql import COLUMNS, NODES, STATES, WHOLE
from alerts.models.figures import columns

_BODIES = "targeted_bodies, covered_bodies, dark_bodies, held_bodies, excluded_bodies"

# The order of `path` puts each body above its children; what was left out stands last below its parent.
TABLE = f"""
WITH {NODES}, left_out AS MATERIALIZED ({LEFT_OUT}), part AS (
    SELECT path, rank, {COLUMNS}, target::int, (state = 'covered')::int,
           (state = 'dark')::int, (state = 'held')::int, (state = 'excluded')::int
    FROM node
    UNION ALL
    SELECT path, {len(STATES)}, {columns(template="0")}, 0, 0, 0, 0, 1 FROM left_out
), branch AS (
    SELECT a.id AS branch_id, min(p.rank) AS rank, {columns("p.", "sum({})")},
           sum(p.targeted_bodies), sum(p.covered_bodies), sum(p.dark_bodies), sum(p.held_bodies), sum(p.excluded_bodies)
    FROM part p (path, rank, {COLUMNS}, {_BODIES})
    CROSS JOIN LATERAL unnest(p.path) AS a (id)
    GROUP BY a.id
)
SELECT * FROM (
    SELECT n.path, n.id, n.slug, n.name, n.parent_id, n.state, n.relay_state, n.held_until, COALESCE(n.excluded, ''),
           {columns("n.")}, b.*
    FROM node n
    JOIN branch b ON b.branch_id = n.id
    UNION ALL
    SELECT path || 9223372036854775807, NULL, slug, name, parent_id, 'excluded', '', NULL, reason,
           {columns(template="0")},
           NULL, {len(STATES)}, {columns(template="0")}, 0, 0, 0, 0, 1
    FROM left_out
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, statement_timestamp(), NULL,
           {COLUMNS},
           NULL, NULL, {columns(template="0")}, 0, 0, 0, 0, 0
    FROM ({WHOLE}) w
) x
ORDER BY path NULLS FIRST, slug
"""

# Each delta ever written counts once, pending or folded: folding is no news.
FINGERPRINT = """
SELECT md5(ROW(
    a.state, a.current_id, a.stopped_at, a.acknowledge_by, a.rule,
    (SELECT count(*) FROM departments_body WHERE closed IS NOT NULL),
    COALESCE((SELECT folded FROM alerts_whole WHERE advisory_id = a.id), 0)
        + (SELECT count(*) FROM alerts_delta WHERE advisory_id = a.id),
    (SELECT ROW(count(*), count(*) FILTER (WHERE r.state = 'planned'), count(*) FILTER (WHERE r.state = 'held'),
                count(*) FILTER (WHERE r.stale), count(*) FILTER (WHERE r.purpose = 'left'),
                count(*) FILTER (WHERE r.purpose = 'target'),
                max(r.reached_at), max(r.released_at), sum(extract(epoch FROM r.held_until)))
     FROM alerts_relay r WHERE r.advisory_id = a.id),
    (SELECT ROW(count(*), count(e.lapsed_at), max(e.id)) FROM alerts_exclusion e WHERE e.advisory_id = a.id),
    (SELECT ROW(count(*), max(g.id), max(g.at)) FROM alerts_gap g WHERE g.advisory_id = a.id),
    (SELECT array_agg(t.said ORDER BY t.said) FROM (
        SELECT r.outcome || count(*) AS said FROM alerts_recipient r
        WHERE r.advisory_id = a.id AND r.outcome NOT IN ('', 'delivered') GROUP BY r.outcome
    ) t)
)::text)
FROM alerts_advisory a
WHERE a.id = %(advisory)s
"""
