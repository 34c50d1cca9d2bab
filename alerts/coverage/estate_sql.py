"""The SQL of the whole estate: how many advisories stand, all of them in one statement, one snapshot."""

from alerts.coverage.nodes_sql import STATE

# What a state and the bar are made of.
COUNTED = ("targeted", "waiting", "sent", "delivered", "unreachable", "acknowledged", "silent", "unsent")


def _columns(template: str) -> str:
    return ", ".join(template.format(name) for name in COUNTED)


_SUMMED = _columns("sum({0})::int AS {0}")
_OWN = _columns("COALESCE(c.{0}, 0) + COALESCE(d.{0}, 0) AS {0}")
_WHOLE = _columns("COALESCE(w.{0}, 0) + COALESCE(d.{0}, 0) AS {0}")

# `ids` are the advisories that are read, `whole` those of them that the viewer sees all of, `bodies` what they see of others.
# A counter is one row a relay: only what is pending has to be added up first. Each sum is worked out once (OFFSET 0), and a
# body that waits behind a hold is looked for among those alone where somebody waits.
# Index: relay_once, alerts_counter's primary key, alerts_delta(advisory), relay_held.
ESTATE = f"""
WITH pending AS MATERIALIZED (
    SELECT advisory_id, relay_id, {_SUMMED} FROM alerts_delta WHERE advisory_id = ANY(%(ids)s::bigint[])
    GROUP BY advisory_id, relay_id
), held AS MATERIALIZED (
    SELECT id FROM alerts_relay WHERE advisory_id = ANY(%(ids)s::bigint[]) AND state = 'held' AND purpose <> 'left'
), seated AS (
    SELECT l.advisory_id, l.body_id, l.path, l.state AS relay_state, l.held_until, l.stale, a.rule, e.reason AS excluded,
           l.purpose = 'target' AND l.body_id NOT IN (SELECT id FROM departments_body WHERE closed IS NOT NULL)
               OR COALESCE(c.targeted, 0) + COALESCE(d.targeted, 0) > 0 AS target,
           {_OWN}
    FROM alerts_relay l
    JOIN alerts_advisory a ON a.id = l.advisory_id
    LEFT JOIN alerts_exclusion e ON e.advisory_id = l.advisory_id AND e.body_id = l.body_id AND e.lapsed_at IS NULL
    LEFT JOIN alerts_counter c ON c.relay_id = l.id
    LEFT JOIN pending d ON d.relay_id = l.id
    WHERE l.advisory_id = ANY(%(ids)s::bigint[]) AND l.purpose <> 'left'
      AND (l.advisory_id = ANY(%(whole)s::bigint[]) OR l.body_id = ANY(%(bodies)s::bigint[]))
    OFFSET 0
), node AS (
    SELECT *, {STATE} AS state,
           CASE WHEN unsent > 0 AND (SELECT bool_or(above.id IN (SELECT id FROM held)) FROM unnest(path) AS above (id))
                THEN unsent ELSE 0 END AS waits
    FROM seated
    OFFSET 0
), added AS MATERIALIZED (
    SELECT advisory_id, count(*) FILTER (WHERE target)::int AS targets,
           count(*) FILTER (WHERE state = 'covered')::int AS covered, count(*) FILTER (WHERE state = 'dark')::int AS dark,
           array_agg(body_id) FILTER (WHERE state = 'dark') AS dark_bodies,
           count(*) FILTER (WHERE state = 'held')::int AS held,
           min(held_until) FILTER (WHERE state = 'held') AS next_until, sum(waits)::int AS waits, {_SUMMED}
    FROM node GROUP BY advisory_id
), figures AS (
    SELECT a.id, {_WHOLE}
    FROM alerts_advisory a
    LEFT JOIN alerts_whole w ON w.advisory_id = a.id
    LEFT JOIN pending d ON d.advisory_id = a.id AND d.relay_id IS NULL
    WHERE a.id = ANY(%(whole)s::bigint[])
    UNION ALL
    SELECT advisory_id, {_columns("{0}")} FROM added WHERE advisory_id <> ALL(%(whole)s::bigint[])
), often AS MATERIALIZED (
    SELECT d.id AS body_id, array_agg(advisory_id ORDER BY advisory_id DESC) AS ids
    FROM added CROSS JOIN LATERAL unnest(dark_bodies) AS d (id)
    WHERE advisory_id = ANY(%(together)s::bigint[])
    GROUP BY d.id HAVING count(*) > 1
)
SELECT jsonb_build_object(
    'at', statement_timestamp(),
    'advisories', (SELECT COALESCE(jsonb_agg(to_jsonb(x)), '[]') FROM (
        SELECT f.*, n.targets, n.covered, n.dark, n.held, n.next_until, n.waits
        FROM figures f LEFT JOIN added n ON n.advisory_id = f.id
    ) x),
    'often', (SELECT COALESCE(jsonb_agg(to_jsonb(x)), '[]') FROM (
        SELECT b.slug, b.name, o.ids FROM often o JOIN departments_body b ON b.id = o.body_id
        ORDER BY cardinality(o.ids) DESC, b.name, b.id LIMIT %(named)s
    ) x),
    'number', (SELECT count(*) FROM often)
)::text
"""

# Changes whenever one of their figures or states does, and not when deltas are folded.
# Index: alerts_delta(advisory), relay_once, relay_planned, relay_stale, relay_held, exclusion_current_once.
PULSE = """
SELECT md5(string_agg(ROW(
    a.id, a.state, a.current_id, a.stopped_at, a.acknowledge_by, a.review_by, a.rule,
    COALESCE(w.folded, 0) + (SELECT count(*) FROM alerts_delta d WHERE d.advisory_id = a.id),
    (SELECT ROW(count(*) FILTER (WHERE l.purpose = 'target'), count(*) FILTER (WHERE l.purpose <> 'left'))
     FROM alerts_relay l WHERE l.advisory_id = a.id),
    (SELECT count(*) FROM departments_body WHERE closed IS NOT NULL),
    (SELECT count(*) FROM alerts_relay l WHERE l.advisory_id = a.id AND l.state = 'planned'),
    (SELECT count(*) FROM alerts_relay l WHERE l.advisory_id = a.id AND l.stale),
    h.number, h.until,
    (SELECT ROW(count(*), max(e.id)) FROM alerts_exclusion e WHERE e.advisory_id = a.id AND e.lapsed_at IS NULL)
)::text, ',' ORDER BY a.id))
FROM alerts_advisory a
LEFT JOIN alerts_whole w ON w.advisory_id = a.id
LEFT JOIN (
    SELECT l.advisory_id, count(*) AS number, sum(extract(epoch FROM l.held_until)) AS until
    FROM alerts_relay l WHERE l.state = 'held' GROUP BY l.advisory_id
) h ON h.advisory_id = a.id
WHERE a.id = ANY(%(ids)s::bigint[])
"""
