"""The SQL of one look at an advisory's coverage: what a page shows of it and no more."""

from alerts.coverage.nodes_sql import BEFORE, STATES, WHOLE, nodes, seated
from alerts.coverage.scope import IN_SCOPE
from alerts.models.figures import CURRENT_SEAT, FIGURES, columns

# --- which bodies are shown ---

# On top is whatever has its parent out of sight; where these are few, what is right below them is shown as well. Of the held
# ones a page says how many wait behind them. Indexes: relay_once, alerts_relay(parent), relay_held.
_TOP_OF = {
    "everything": "SELECT l.id FROM alerts_relay l WHERE {scope} AND l.parent_id IS NULL",
    "branch": "SELECT l.id FROM alerts_relay l WHERE {scope} AND l.id = %(root)s",
    "theirs": """
        SELECT l.id FROM alerts_relay l
        LEFT JOIN alerts_relay p ON p.id = l.parent_id AND p.purpose <> 'left' AND p.body_id = ANY(%(bodies)s::bigint[])
        WHERE {scope} AND p.id IS NULL
    """,
}
_SHOWN = """
WITH top AS MATERIALIZED ({top}),
opened AS MATERIALIZED (
    SELECT l.id FROM alerts_relay l JOIN departments_body b ON b.id = l.body_id
    WHERE l.advisory_id = %(advisory)s AND b.slug = ANY(%(opened)s::text[])
    UNION
    SELECT id FROM top WHERE (SELECT count(*) FROM top) <= {few}
)
SELECT l.id, cardinality(l.path), l.id IN (SELECT id FROM top), l.id IN (SELECT id FROM opened), shown.held
FROM (
    SELECT id, false AS held FROM top
    UNION
    SELECT l.id, false FROM alerts_relay l JOIN opened o ON o.id = l.parent_id WHERE {scope}
    UNION
    ({held})
) shown
JOIN alerts_relay l ON l.id = shown.id
"""
FEW = 3
_HELD = f"""
SELECT l.id, true AS held FROM alerts_relay l WHERE {IN_SCOPE} AND l.state = 'held'
ORDER BY cardinality(l.path), l.id LIMIT %(held)s
"""
SHOWN = {
    of: _SHOWN.format(top=top.format(scope=IN_SCOPE), scope=IN_SCOPE, few=FEW, held=_HELD)
    for of, top in _TOP_OF.items()
}

# Those that are asked for, a page of them, what needs attention most first; and how many there are.
FOUND = f"""
WITH {nodes(named=False)}, found AS (
SELECT n.id, cardinality(n.path) AS depth, count(*) OVER () AS matching, row_number() OVER (
    ORDER BY n.rank, n.unsent + n.unreachable DESC, b.name, n.id
) AS place
FROM node n JOIN departments_body b ON b.id = n.body_id
WHERE (%(kind)s = '' OR b.kind = %(kind)s)
  AND (%(state)s = '' OR n.state = %(state)s)
  AND (%(topic)s = '' OR EXISTS (
      SELECT FROM departments_remit m JOIN departments_topic t ON t.id = m.topic_id
      WHERE m.body_id = n.body_id AND t.slug = %(topic)s
  ))
ORDER BY place
LIMIT %(limit)s OFFSET %(offset)s
)
SELECT id, depth, matching, false AS held, place FROM found
UNION ALL
SELECT h.id, cardinality(l.path), 0, true, NULL FROM ({_HELD}) h JOIN alerts_relay l ON l.id = h.id
ORDER BY place NULLS LAST
"""

# --- how they stand ---

# What was left out on purpose and has no turn in this advisory: from its audience by name, or as a gap that somebody signed.
# Each stands below its parent where that is in sight, and otherwise on top.
LEFT_OUT = f"""
    SELECT b.id, b.slug, b.name, b.kind, x.reason, x.by_id, x.at, x.look_again_at, p.id AS parent_id,
           COALESCE(p.path, '{{}}') AS path
    FROM (
        SELECT DISTINCT ON (body_id) * FROM (
            SELECT body_id, reason, by_id, at, look_again_at, 0 AS kind FROM alerts_exclusion
            WHERE advisory_id = %(advisory)s AND lapsed_at IS NULL
            UNION ALL
            SELECT body_id, reason, by_id, at, look_again_at, 1 FROM alerts_gap
            WHERE advisory_id = %(advisory)s AND decision = 'signed'
        ) y
        ORDER BY body_id, kind
    ) x
    JOIN departments_body b ON b.id = x.body_id
    LEFT JOIN LATERAL (
        SELECT l.id, l.path FROM alerts_relay l WHERE l.body_id = b.parent_id AND {IN_SCOPE}
    ) p ON true
    WHERE NOT EXISTS (SELECT FROM alerts_relay l
                      WHERE l.advisory_id = %(advisory)s AND l.body_id = x.body_id AND l.purpose <> 'left')
      AND (%(bodies)s::bigint[] IS NULL OR b.id = ANY(%(bodies)s::bigint[]))
      AND (%(root)s::bigint IS NULL OR NOT %(only)s AND p.id IS NOT NULL)
"""

# Of a body, in one number, so that the least of them is found without sorting: its rank, then how many of a thousand of its
# people have answered, then which it is.
LOW_ID = 2**40 - 1
_HOW_LOW = """({n}.rank::bigint << 52)
    + (CASE WHEN {n}.targeted > 0 THEN 1000::bigint * {n}.acknowledged / {n}.targeted ELSE 0 END << 40) + {n}.id"""
_FOR_INFORMATION = STATES.index("information") + 1

_ADDED = ", ".join(f"sum({name})::int AS {name}" for name in FIGURES)
_STATES_COUNTED = ", ".join(f"count(*) FILTER (WHERE state = '{state}')::int AS in_{state}" for state in STATES)


def _doubled(sql: str) -> str:
    """For a text that is formatted once more."""
    return sql.replace("{", "{{").replace("}", "}}")


# One pass over the bodies in scope, each added to the nearest one above it that is shown, whatever the level: branches are
# added up from these few. `lowest`: of the bodies that have something to do, without the one that is shown itself.
_GLANCE = f"""
WITH {_doubled(BEFORE)}, judged AS (
    SELECT s.*, {{nearest}} AS nearest FROM ({seated()}) s OFFSET 0
), part AS MATERIALIZED (
    SELECT w.id AS nearest, min(rank) AS worst, {_ADDED}, {_STATES_COUNTED},
           COALESCE(sum(unsent) FILTER (WHERE behind), 0)::int AS waits,
           count(*) FILTER (WHERE target)::int AS targets,
           count(*) FILTER (WHERE target AND targeted > 0 AND acted = targeted)::int AS all_acted,
           min({_HOW_LOW.format(n="j")}) FILTER (WHERE rank < {_FOR_INFORMATION} AND j.id <> nearest) AS lowest,
           array_agg(body_id) FILTER (WHERE state = 'dark') AS dark,
           array_agg((unreachable::bigint << 40) + j.id) FILTER (WHERE unreachable > 0) AS refused
    FROM judged j LEFT JOIN unnest(%(shown)s::bigint[]) AS w (id) ON w.id = j.nearest
    GROUP BY w.id
), left_out AS MATERIALIZED ({_doubled(LEFT_OUT)}),
own AS MATERIALIZED (
    {seated(also="AND l.id = ANY(%(shown)s::bigint[])")}
)
SELECT jsonb_build_object(
    'at', statement_timestamp(),
    'whole', (SELECT to_jsonb(w) FROM ({WHOLE}) w),
    'parts', (SELECT COALESCE(jsonb_agg(to_jsonb(p) - 'dark' - 'refused'), '[]') FROM part p),
    'rows', (SELECT COALESCE(jsonb_agg(to_jsonb(r)), '[]') FROM (
        SELECT n.id, n.parent_id, n.state, n.rank, n.relay_state, n.held_until, n.excluded, n.target, n.path,
               {_HOW_LOW.format(n="n")} AS how_low, {columns("n.")}, b.slug, b.name, b.kind, p.name AS signer,
               e.at AS signed_at, e.look_again_at, (
                   SELECT hb.name FROM alerts_relay h JOIN departments_body hb ON hb.id = h.body_id
                   WHERE n.behind AND n.relay_state = 'planned' AND h.id = ANY(n.path) AND h.state = 'held'
                   ORDER BY cardinality(h.path) LIMIT 1
               ) AS holder,
               EXISTS (SELECT FROM alerts_relay l WHERE l.parent_id = n.id AND {IN_SCOPE})
                   OR EXISTS (SELECT FROM left_out x WHERE x.parent_id = n.id) AS more
        FROM own n
        JOIN departments_body b ON b.id = n.body_id
        LEFT JOIN alerts_exclusion e ON e.advisory_id = %(advisory)s AND e.body_id = n.body_id AND e.lapsed_at IS NULL
        LEFT JOIN departments_person p ON p.id = e.by_id
    ) r),
    'lows', (SELECT COALESCE(jsonb_object_agg(l.id, jsonb_build_array(b.slug, b.name)), '{{{{}}}}') FROM (
        SELECT l.id, l.body_id FROM alerts_relay l WHERE l.id IN (SELECT lowest & {LOW_ID} FROM part)
    ) l JOIN departments_body b ON b.id = l.body_id),
    'dark', (SELECT COALESCE(jsonb_agg(to_jsonb(d) ORDER BY d.name, d.id), '[]') FROM (
        SELECT l.id, b.slug, b.name, COALESCE(c.targeted, 0) + COALESCE(d.targeted, 0) AS targeted
        FROM (SELECT unnest(dark) AS id FROM part) x
        JOIN departments_body b ON b.id = x.id
        JOIN alerts_relay l ON l.body_id = b.id AND l.advisory_id = %(advisory)s
        LEFT JOIN alerts_counter c ON c.relay_id = l.id
        LEFT JOIN pending d ON d.relay_id = l.id
        ORDER BY b.name, l.id LIMIT %(named)s
    ) d),
    'refused', (SELECT COALESCE(jsonb_agg(to_jsonb(r) ORDER BY r.people DESC, r.name), '[]') FROM (
        SELECT l.id, b.slug, b.name, x.people
        FROM (
            SELECT one & {LOW_ID} AS id, one >> 40 AS people FROM (SELECT unnest(refused) AS one FROM part) y
            ORDER BY one DESC LIMIT 5
        ) x JOIN alerts_relay l ON l.id = x.id JOIN departments_body b ON b.id = l.body_id
    ) r),
    'left_out', (SELECT COALESCE(jsonb_agg(to_jsonb(o) ORDER BY o.name, o.slug), '[]') FROM (
        SELECT min(x.name) AS name, (array_agg(x.slug ORDER BY x.name, x.slug))[1] AS slug, x.parent_id, x.reason,
               p.name AS signer, min(x.at) AS at, x.look_again_at, count(*) AS number
        FROM left_out x LEFT JOIN departments_person p ON p.id = x.by_id
        WHERE x.parent_id IS NULL OR x.parent_id = ANY(%(opened)s::bigint[])
        GROUP BY x.parent_id, x.reason, p.id, x.look_again_at, date_trunc('day', x.at)
        ORDER BY 1 LIMIT %(left_out)s
    ) o),
    'left_out_below', (SELECT COALESCE(jsonb_agg(to_jsonb(o)), '[]') FROM (
        SELECT {{nearest}} AS nearest, count(*) AS number FROM left_out GROUP BY 1
    ) o)
)::text
"""


def glance(deepest: int) -> str:
    """The statement; `deepest` is how far down the deepest body that is shown stands (1: on top)."""
    shown = "{0} = ANY(%(shown)s::bigint[]) THEN {0}"
    steps = " ".join("WHEN " + shown.format(f"path[{level}]") for level in range(deepest, 0, -1))
    return _GLANCE.format(nearest=f"CASE {steps} END" if steps else "NULL::bigint")


# What the routes said of the mails of people: of everybody in scope; and where their mail was put off or they complained, of
# the branches that are shown and of the five bodies in which that is most. By key, and only who is in trouble: nobody's seats
# are looked up for what the figures say already, nor where a large provider puts everybody off: then the whole is said alone.
# Index: recipient_trouble, seat_once.
_TROUBLED = "r.advisory_id = %(advisory)s AND r.outcome NOT IN ('', 'delivered')"
_PLACED = f"""
    FROM alerts_recipient r
    CROSS JOIN LATERAL (SELECT * FROM alerts_seat WHERE recipient_id = r.id OFFSET 0) s
    JOIN alerts_relay l ON l.id = s.relay_id
    WHERE {_TROUBLED} AND {CURRENT_SEAT} AND {IN_SCOPE}
"""
MAIL = f"""
WITH few AS MATERIALIZED (
    SELECT count(*) <= %(looked_up)s AS so FROM (
        SELECT FROM alerts_recipient r
        WHERE {_TROUBLED} AND r.outcome IN ('deferred', 'complained') LIMIT %(looked_up)s + 1
    ) x
), placed AS MATERIALIZED (
    SELECT r.outcome, l.body_id, l.path, count(*) AS number
    {_PLACED} AND r.outcome IN ('deferred', 'complained') AND (SELECT so FROM few)
    GROUP BY r.outcome, l.id
)
SELECT 'whole', NULL::bigint, NULL, r.outcome, count(*)
FROM alerts_recipient r WHERE %(whole)s AND {_TROUBLED} AND r.targeted GROUP BY r.outcome
UNION ALL
SELECT 'whole', NULL, NULL, r.outcome, count(*) {_PLACED} AND NOT %(whole)s GROUP BY r.outcome
UNION ALL
SELECT 'branch', a.id, NULL, p.outcome, sum(p.number)::int
FROM placed p CROSS JOIN LATERAL unnest(p.path) AS a (id)
WHERE a.id = ANY(%(shown)s)
GROUP BY a.id, p.outcome
UNION ALL
(
    SELECT 'most', b.id, b.slug || ' ' || b.name, m.outcome, m.number
    FROM (
        SELECT body_id, outcome, number, row_number() OVER (PARTITION BY outcome ORDER BY number DESC, body_id) AS place
        FROM placed
    ) m
    JOIN departments_body b ON b.id = m.body_id
    WHERE m.place <= 5
    ORDER BY m.outcome, m.place
)
"""
