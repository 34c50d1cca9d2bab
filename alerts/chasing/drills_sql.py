"""The SQL of a readiness report: which branches it has, what each reached and how soon, and which drill came before."""

from alerts.coverage.nodes_sql import BEFORE, seated
from alerts.coverage.scope import IN_SCOPE

# The branches of what is in scope: right below each body at its top; where there is one body only, right below that one, and so
# on down (`chain`). Those that were passed on the way are a branch each, of their own people alone.
# Index: relay_once.
BRANCHES = f"""
WITH RECURSIVE scope AS MATERIALIZED (
    SELECT l.id, l.parent_id, l.body_id FROM alerts_relay l WHERE {IN_SCOPE}
), placed AS MATERIALIZED (
    SELECT s.id, s.body_id, p.id AS above FROM scope s LEFT JOIN scope p ON p.id = s.parent_id
), alone AS MATERIALIZED (
    SELECT above, min(id) AS id FROM placed WHERE above IS NOT NULL GROUP BY above HAVING count(*) = 1
), chain (id) AS (
    SELECT id FROM placed WHERE above IS NULL
    UNION
    SELECT o.id FROM chain c JOIN alone o ON o.above = c.id
), branch AS (
    SELECT p.body_id, c.id IS NOT NULL AS own
    FROM placed p LEFT JOIN chain c ON c.id = p.id
    WHERE c.id IS NOT NULL OR p.above IN (SELECT id FROM chain)
)
SELECT b.id, b.slug, b.name, x.own FROM branch x JOIN departments_body b ON b.id = x.body_id ORDER BY b.name, b.id
"""

# Line 0 is all that is in scope; the others are `branches` (bodies), each with all below it or, where `alone` says so, without.
# A line is a set of relays, and the minutes that are kept are those of whole branches: so a line is the branches that begin in
# it, less those that hang on it and are not in it (`member`). What is pending is of single relays. Of the whole, line 0 is what
# is kept of the whole, in which each person counts once.
#
# An answer is kept by the minute in which it came. One counts as within a time only where all of its minute does, so that no
# figure flatters. `until`: the end of the minute in which it was stood down; nothing that came later counts. Null: it goes on.
#
# Indexes: those of `seated`, alerts_delta(advisory); tide_once, looked up for each member (OFFSET 0).
REACHED = f"""
WITH {BEFORE}, node AS MATERIALIZED ({seated()}), line AS MATERIALIZED (
    SELECT n.id, x.line::int AS line, x.alone
    FROM unnest(%(branches)s::bigint[], %(alone)s::boolean[]) WITH ORDINALITY AS x (body_id, alone, line)
    JOIN node n ON n.body_id = x.body_id
), lined AS MATERIALIZED (
    SELECT 0 AS line, id FROM node
    UNION ALL
    SELECT line, id FROM line WHERE alone
    UNION ALL
    SELECT x.line, n.id
    FROM node n CROSS JOIN LATERAL unnest(n.path) AS above (id) JOIN line x ON x.id = above.id AND NOT x.alone
), every AS MATERIALIZED (
    SELECT id, parent_id FROM alerts_relay WHERE advisory_id = %(advisory)s
), member AS MATERIALIZED (
    SELECT i.line, i.id, 1 AS sign
    FROM lined i JOIN every e ON e.id = i.id LEFT JOIN lined p ON p.line = i.line AND p.id = e.parent_id
    WHERE p.id IS NULL AND NOT (%(whole)s AND i.line = 0)
    UNION ALL
    SELECT p.line, e.id, -1
    FROM every e JOIN lined p ON p.id = e.parent_id LEFT JOIN lined i ON i.line = p.line AND i.id = e.id
    WHERE i.id IS NULL AND NOT (%(whole)s AND p.line = 0)
), fresh AS MATERIALIZED (
    SELECT relay_id, date_trunc('minute', at) AS minute, acknowledged
    FROM alerts_delta WHERE advisory_id = %(advisory)s AND material = %(material)s AND acknowledged <> 0
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
    SELECT 0, minute, acknowledged FROM fresh WHERE %(whole)s AND relay_id IS NULL
    UNION ALL
    SELECT i.line, f.minute, f.acknowledged
    FROM fresh f JOIN lined i ON i.id = f.relay_id WHERE NOT (%(whole)s AND i.line = 0)
), by_minute AS MATERIALIZED (
    SELECT line, greatest(minute, %(start)s) AS minute, sum(more) AS more
    FROM grown WHERE minute < coalesce(%(until)s::timestamptz, 'infinity')
    GROUP BY 1, 2 HAVING sum(more) <> 0
), running AS (
    SELECT line, minute, more, sum(more) OVER (PARTITION BY line ORDER BY minute) AS so_far,
           sum(more) OVER (PARTITION BY line) AS total
    FROM by_minute
), answered AS (
    SELECT line,
           sum(more) FILTER (WHERE minute < %(start)s + interval '15 minutes')::int AS quarter,
           sum(more) FILTER (WHERE minute < %(start)s + interval '60 minutes')::int AS hour,
           sum(more) FILTER (WHERE minute < %(start)s + interval '24 hours')::int AS day,
           sum(more)::int AS by_then,
           min(minute) FILTER (WHERE total > 0 AND so_far * 2 >= total) AS half,
           min(minute) FILTER (WHERE total > 0 AND so_far * 10 >= total * 9) AS nine
    FROM running GROUP BY line
), people AS (
    SELECT i.line, sum(targeted)::int AS targeted, sum(unsent)::int AS unsent, sum(unreachable)::int AS unreachable,
           sum(acknowledged)::int AS acknowledged, sum(silent)::int AS silent
    FROM lined i JOIN node n ON n.id = i.id WHERE NOT (%(whole)s AND i.line = 0) GROUP BY i.line
    UNION ALL
    SELECT 0, sum(targeted)::int, sum(unsent)::int, sum(unreachable)::int, sum(acknowledged)::int, sum(silent)::int
    FROM (
        SELECT targeted, unsent, unreachable, acknowledged, silent FROM alerts_whole
        WHERE %(whole)s AND advisory_id = %(advisory)s
        UNION ALL
        SELECT targeted, unsent, unreachable, acknowledged, silent FROM alerts_delta
        WHERE %(whole)s AND advisory_id = %(advisory)s AND relay_id IS NULL
    ) x HAVING %(whole)s
), bodies AS (
    SELECT i.line, count(*) FILTER (WHERE n.target)::int AS bodies,
           count(*) FILTER (WHERE n.state = 'covered')::int AS covered,
           count(*) FILTER (WHERE n.state = 'dark')::int AS dark,
           count(*) FILTER (WHERE n.state = 'held')::int AS held
    FROM lined i JOIN node n ON n.id = i.id GROUP BY i.line
)
SELECT b.line, COALESCE(p.targeted, 0), COALESCE(p.unsent, 0), COALESCE(p.unreachable, 0), COALESCE(p.acknowledged, 0),
       COALESCE(p.silent, 0),
       COALESCE(CASE WHEN %(until)s::timestamptz IS NULL THEN p.acknowledged ELSE a.by_then END, 0),
       COALESCE(a.quarter, 0), COALESCE(a.hour, 0), COALESCE(a.day, 0), a.half, a.nine,
       b.bodies, b.covered, b.dark, b.held
FROM bodies b LEFT JOIN people p ON p.line = b.line LEFT JOIN answered a ON a.line = b.line
ORDER BY b.line
"""

# The bodies in scope that nobody can be told in.
DARK = f"""
WITH {BEFORE}, node AS ({seated(named=True)})
SELECT slug, name FROM node WHERE state = 'dark' ORDER BY name, id LIMIT %(named)s
"""

# The last drill of the same issuer before this one that had a turn in one of these branches: in a body with all below it, or
# where only its own people are meant, with these for its target.
# Index: revision's and advisory's primary keys, advisory(issuer), relay_once.
EARLIER = """
SELECT a.id
FROM alerts_advisory a
JOIN alerts_revision m ON m.id = a.material_id
WHERE a.exercise AND a.issuer_id = %(issuer)s AND a.id <> %(advisory)s AND m.at < %(start)s
  AND EXISTS (
      SELECT FROM unnest(%(branches)s::bigint[], %(alone)s::boolean[]) AS x (body_id, alone)
      JOIN alerts_relay l ON l.advisory_id = a.id AND l.body_id = x.body_id AND l.purpose <> 'left'
      WHERE NOT x.alone OR l.purpose IN ('target', 'named')
  )
ORDER BY m.at DESC, a.id DESC
LIMIT 1
"""

# Of several drills, each as a whole: what `REACHED` says of line 0; and when each was stood down.
# Index: tide_once, alerts_delta(advisory), alerts_whole's primary key, alerts_revision(advisory).
LISTED = """
SELECT a.id, m.at, ended.at, COALESCE(x.quarter, 0), COALESCE(x.hour, 0), COALESCE(x.day, 0)
FROM alerts_advisory a
JOIN alerts_revision m ON m.id = a.material_id
CROSS JOIN LATERAL (
    SELECT min(v.at) AS at FROM alerts_revision v
    WHERE v.advisory_id = a.id AND v.kind = 'stand-down' AND v.number > m.number
) ended
CROSS JOIN LATERAL (
    SELECT sum(g.more) FILTER (WHERE g.minute < date_trunc('minute', m.at) + interval '15 minutes')::int AS quarter,
           sum(g.more) FILTER (WHERE g.minute < date_trunc('minute', m.at) + interval '60 minutes')::int AS hour,
           sum(g.more) FILTER (WHERE g.minute < date_trunc('minute', m.at) + interval '24 hours')::int AS day
    FROM (
        SELECT minute, acknowledged AS more FROM alerts_tide
        WHERE advisory_id = a.id AND relay_id IS NULL AND material = m.number
        UNION ALL
        SELECT date_trunc('minute', at), acknowledged FROM alerts_delta
        WHERE advisory_id = a.id AND relay_id IS NULL AND material = m.number
    ) g
    WHERE g.minute < coalesce(date_trunc('minute', ended.at) + interval '1 minute', 'infinity')
) x
WHERE a.id = ANY(%(ids)s::bigint[])
"""
