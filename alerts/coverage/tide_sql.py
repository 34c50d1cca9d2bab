"""The SQL of answers over time: what there is to show, and the minutes of its lines, added up as coarsely as they are drawn."""

from alerts.coverage.scope import IN_SCOPE

# What was published and when, what followed, and the latest minute in which an answer came.
# Index: tide_once, alerts_delta(advisory), revision_number.
CLOCK = """
SELECT m.number, m.at, a.acknowledge_by,
       (SELECT jsonb_agg(jsonb_build_array(v.kind, v.number, extract(epoch FROM v.at)) ORDER BY v.number)::text
        FROM alerts_revision v WHERE v.advisory_id = a.id AND v.number > m.number),
       greatest(
           (SELECT max(t.minute) FROM alerts_tide t
            WHERE t.advisory_id = a.id AND t.relay_id IS NULL AND t.material = m.number),
           (SELECT date_trunc('minute', max(d.at)) FROM alerts_delta d
            WHERE d.advisory_id = a.id AND d.material = m.number AND d.acknowledged <> 0)
       ),
       (SELECT b.name FROM alerts_relay l JOIN departments_body b ON b.id = l.body_id
        WHERE l.id = %(root)s AND l.advisory_id = a.id)
FROM alerts_advisory a
JOIN alerts_revision m ON m.id = a.material_id
WHERE a.id = %(advisory)s
"""

# The first-level branches of a scope are the bodies at its top; where that is only one, those right below it, and so on down
# (`chain`). Line 0 is everything in scope, 1 to `most` are the branches with most people, and one more is all that is in none
# of these. A body can stand below two of them only where a scope has holes: then it is the lower one's.
#
# A line is a set of relays, and the minutes that are kept are those of whole branches. So a line is the branches that begin in
# it, less those below that are not in it: few, however many relays it has (`member`). What is pending is of single relays. Of
# the whole, line 0 is what is kept of the whole, in which each person counts once.
#
# Indexes: relay_once, alerts_counter(advisory), alerts_delta(advisory); tide_once, looked up for each member (OFFSET 0).
LINES = f"""
WITH RECURSIVE pending AS MATERIALIZED (
    SELECT relay_id, material, date_trunc('minute', at) AS minute, targeted, acknowledged
    FROM alerts_delta WHERE advisory_id = %(advisory)s AND (targeted <> 0 OR acknowledged <> 0)
), news AS MATERIALIZED (
    SELECT relay_id, sum(targeted) AS targeted, sum(acknowledged) AS acknowledged FROM pending GROUP BY relay_id
), scope AS MATERIALIZED (
    SELECT l.id, l.parent_id, l.body_id, l.path,
           COALESCE(c.targeted, 0) + COALESCE(n.targeted, 0) AS targeted,
           COALESCE(c.acknowledged, 0) + COALESCE(n.acknowledged, 0) AS acknowledged
    FROM alerts_relay l
    LEFT JOIN alerts_counter c ON c.relay_id = l.id AND c.advisory_id = %(advisory)s
    LEFT JOIN news n ON n.relay_id = l.id
    WHERE {IN_SCOPE}
), placed AS MATERIALIZED (
    SELECT s.id, s.body_id, cardinality(s.path) AS depth, COALESCE(p.id, 0) AS above
    FROM scope s LEFT JOIN scope p ON p.id = s.parent_id
), alone AS MATERIALIZED (
    SELECT above, min(id) AS id FROM placed GROUP BY above HAVING count(*) = 1
), chain (id) AS (
    SELECT 0::bigint
    UNION ALL
    SELECT o.id FROM chain c JOIN alone o ON o.above = c.id
), first AS MATERIALIZED (
    SELECT * FROM placed WHERE above IN (SELECT id FROM chain) AND id NOT IN (SELECT id FROM chain)
), branched AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.id, f.id AS branch, s.targeted
    FROM scope s
    CROSS JOIN (SELECT DISTINCT depth FROM first) d
    JOIN first f ON f.id = s.path[d.depth]
    ORDER BY s.id, d.depth DESC
), ranked AS MATERIALIZED (
    SELECT branch, row_number() OVER (ORDER BY sum(targeted) DESC, branch) AS line
    FROM branched GROUP BY branch HAVING sum(targeted) > 0
    ORDER BY line LIMIT %(most)s
), lined AS MATERIALIZED (
    SELECT s.id, s.targeted, s.acknowledged, COALESCE(r.line, %(most)s + 1) AS line
    FROM scope s LEFT JOIN branched b ON b.id = s.id LEFT JOIN ranked r ON r.branch = b.branch
), edge AS MATERIALIZED (
    SELECT l.id, own.line AS own, above.line AS above
    FROM alerts_relay l
    LEFT JOIN lined own ON own.id = l.id
    LEFT JOIN lined above ON above.id = l.parent_id
    WHERE l.advisory_id = %(advisory)s AND own.line IS DISTINCT FROM above.line
), member AS (
    SELECT id, own AS line, 1 AS sign FROM edge WHERE own IS NOT NULL
    UNION ALL
    SELECT id, above, -1 FROM edge WHERE above IS NOT NULL
    UNION ALL
    SELECT id, 0, CASE WHEN own IS NULL THEN -1 ELSE 1 END FROM edge
    WHERE NOT %(whole)s AND (own IS NULL) <> (above IS NULL)
), grown AS (
    SELECT m.line, t.minute, m.sign * t.acknowledged AS more
    FROM member m
    CROSS JOIN LATERAL (
        SELECT minute, acknowledged FROM alerts_tide
        WHERE advisory_id = %(advisory)s AND relay_id = m.id AND material = %(material)s
        OFFSET 0
    ) t
    UNION ALL
    SELECT 0, minute, acknowledged FROM alerts_tide
    WHERE %(whole)s AND advisory_id = %(advisory)s AND relay_id IS NULL AND material = %(material)s
    UNION ALL
    SELECT 0, minute, acknowledged FROM pending WHERE %(whole)s AND relay_id IS NULL AND material = %(material)s
    UNION ALL
    SELECT x.line, p.minute, p.acknowledged
    FROM pending p
    JOIN lined l ON l.id = p.relay_id
    CROSS JOIN LATERAL (SELECT l.line UNION ALL SELECT 0 WHERE NOT %(whole)s) x (line)
    WHERE p.material = %(material)s
), by_minute AS MATERIALIZED (
    SELECT line, greatest(minute, %(start)s) AS minute, sum(more) AS more FROM grown GROUP BY 1, 2 HAVING sum(more) <> 0
), running AS (
    SELECT line, minute, sum(more) OVER (PARTITION BY line ORDER BY minute) AS so_far,
           sum(more) OVER (PARTITION BY line) AS total
    FROM by_minute
), answered AS (
    SELECT line, min(minute) FILTER (WHERE so_far * 2 >= total) AS half,
           min(minute) FILTER (WHERE so_far * 10 >= total * 9) AS nine
    FROM running WHERE total > 0 GROUP BY line
), drawn AS (
    SELECT line, jsonb_object_agg(bucket, more)::text AS steps
    FROM (
        SELECT line, floor(extract(epoch FROM minute - %(origin)s) / %(width)s)::int AS bucket, sum(more)::int AS more
        FROM by_minute GROUP BY 1, 2
    ) x
    GROUP BY line
), figured AS (
    SELECT line, sum(targeted)::int AS targeted, sum(acknowledged)::int AS acknowledged FROM lined GROUP BY line
    UNION ALL
    SELECT 0, sum(targeted)::int, sum(acknowledged)::int FROM (
        SELECT targeted, acknowledged FROM lined WHERE NOT %(whole)s
        UNION ALL
        SELECT targeted, acknowledged FROM alerts_whole WHERE %(whole)s AND advisory_id = %(advisory)s
        UNION ALL
        SELECT targeted, acknowledged FROM news WHERE %(whole)s AND relay_id IS NULL
    ) x
)
SELECT f.line, COALESCE(b.name, ''), COALESCE(b.slug, ''), COALESCE(f.targeted, 0), COALESCE(f.acknowledged, 0),
       a.half, a.nine, d.steps, (SELECT count(*) FROM first) - (SELECT count(*) FROM ranked)
FROM figured f
LEFT JOIN ranked r ON r.line = f.line
LEFT JOIN first t ON t.id = r.branch
LEFT JOIN departments_body b ON b.id = t.body_id
LEFT JOIN answered a ON a.line = f.line
LEFT JOIN drawn d ON d.line = f.line
ORDER BY f.line
"""
