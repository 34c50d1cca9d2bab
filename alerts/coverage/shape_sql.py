"""The SQL of the tree's shape: the bodies from the top down, as many as a picture takes, and what the others come to."""

from alerts.coverage.glance_sql import LEFT_OUT
from alerts.coverage.nodes_sql import STATES, nodes

PARTS = ("answered", "told", "sent", "held", "waiting", "dark")
"""The bar's parts, in its order."""

_ADDED = ("bodies", *PARTS, "dark_bodies")
_OF_NODE = """
    1 AS bodies, acknowledged AS answered, silent AS told,
    targeted - acknowledged - silent - unsent - unreachable AS sent,
    CASE WHEN behind THEN unsent ELSE 0 END AS held, CASE WHEN behind THEN 0 ELSE unsent END AS waiting,
    unreachable AS dark, (state = 'dark')::int AS dark_bodies
"""
_OF_LEFT_OUT = f"1, {', '.join('0' for _ in PARTS)}, 0"


def _sums(of: str) -> str:
    return f"min({of}.worst) AS worst, " + ", ".join(f"sum({of}.{name})::int AS {name}" for name in _ADDED)


# Chosen in this order: the two upper levels, then whatever leads to a dark body, then the others from the top down, so that
# whatever is chosen has its parent there. A branch is the body itself and, for each body in it, what is right below that one:
# so that of every path only those of the few bodies are unfolded that have any below them. Index: as `nodes`.
SHAPE = f"""
WITH {nodes(named=False)}, left_out AS MATERIALIZED ({LEFT_OUT}),
upper AS (SELECT min(cardinality(path)) + 1 AS last FROM node),
dark AS (SELECT DISTINCT a.id FROM node n CROSS JOIN LATERAL unnest(n.path) AS a (id) WHERE n.state = 'dark'),
chosen AS MATERIALIZED (
    SELECT n.id FROM node n CROSS JOIN upper LEFT JOIN dark d ON d.id = n.id
    ORDER BY cardinality(n.path) > upper.last, d.id IS NULL, cardinality(n.path), n.rank, n.targeted DESC, n.id
    LIMIT %(most)s
), right_below AS MATERIALIZED (
    SELECT x.parent_id, {_sums("x")} FROM (
        SELECT parent_id, rank AS worst, {_OF_NODE} FROM node
        UNION ALL
        SELECT parent_id, {len(STATES)}, {_OF_LEFT_OUT} FROM left_out
    ) x
    WHERE x.parent_id IS NOT NULL
    GROUP BY x.parent_id
), below AS MATERIALIZED (
    SELECT a.id, {_sums("r")}
    FROM right_below r
    JOIN alerts_relay n ON n.id = r.parent_id  -- which may be out of sight, between two that are not
    CROSS JOIN LATERAL unnest(n.path) AS a (id)
    GROUP BY a.id
), own AS (
    SELECT n.id, n.path, b.slug, b.name, n.parent_id, n.state, n.targeted, n.rank AS worst, {_OF_NODE}
    FROM node n JOIN departments_body b ON b.id = n.body_id WHERE n.id IN (SELECT id FROM chosen)
), shown AS (
    SELECT o.path, o.id, o.slug, o.name, o.parent_id, o.state, o.targeted, LEAST(o.worst, b.worst),
           {", ".join(f"o.{name} + COALESCE(b.{name}, 0)" for name in _ADDED)}
    FROM own o LEFT JOIN below b ON b.id = o.id
    UNION ALL
    (
        SELECT path, NULL, slug, name, parent_id, 'excluded', 0, {len(STATES)}, {_OF_LEFT_OUT}
        FROM left_out
        WHERE parent_id IS NULL OR parent_id IN (SELECT id FROM chosen)
        ORDER BY cardinality(path), name, slug
        LIMIT %(left_out)s
    )
)
SELECT statement_timestamp(),
       (SELECT COALESCE(jsonb_object_agg(rank, number), '{{}}')::text FROM (
           SELECT rank, count(*) AS number FROM (
               SELECT rank FROM node UNION ALL SELECT {len(STATES)} FROM left_out
           ) r GROUP BY rank
       ) s),
       shown.*
FROM (VALUES (1)) AS once
LEFT JOIN shown ON true
ORDER BY cardinality(shown.path), shown.id NULLS LAST, shown.slug
"""
