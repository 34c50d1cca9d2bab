"""The SQL of the reach preview, whole: one statement, so that the audience is worked out once."""

from alerts.publishing.audience import AUDIENCE, MEMBERS, SEATS
from departments.lacks import Lack

# Its first row (kind '') holds the figures; each further one is a gap. `top` says under which branch a body is shown: the
# body below the root in its line of accountability, or itself. Of those whom similar advisories reached only the highest
# are gaps (`cut`), with how many hang below them: whoever puts the one in puts in the others.
PREVIEW = (
    AUDIENCE
    + f""", seat AS MATERIALIZED (
    {SEATS.format(places="(SELECT body_id AS place, body_id, purpose FROM audience)", members=MEMBERS)}
), told AS MATERIALIZED (
    SELECT s.place AS body_id, bool_and(p.bounced_at IS NOT NULL) AS bouncing
    FROM seat s JOIN departments_person p ON p.id = s.person_id
    WHERE s.counts
    GROUP BY s.place
), outside AS (
    SELECT m.body_id, 'remit: ' || string_agg(t.slug, ', ' ORDER BY t.slug) AS why, count(*) AS strength
    FROM departments_remit m
    JOIN departments_topic t ON t.id = m.topic_id
    JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
    WHERE t.slug = ANY(%(topics)s)
      AND m.body_id NOT IN (SELECT body_id FROM target)
      AND m.body_id NOT IN (SELECT body_id FROM excluded)
    GROUP BY m.body_id
), alike AS (
    SELECT a.id, a.reference, a.published_at
    FROM alerts_advisory a
    JOIN alerts_advisory mine ON mine.id = %(advisory)s AND mine.exercise = a.exercise AND mine.id <> a.id
    JOIN alerts_revision v ON v.id = a.current_id
    WHERE a.published_at > %(year_ago)s AND v.content->'topics' ?| %(topics)s::text[]
), familiar AS (
    SELECT r.body_id, count(*) AS strength, (array_agg(a.reference ORDER BY a.published_at DESC, a.id DESC))[1] AS last
    FROM alike a
    JOIN alerts_relay r ON r.advisory_id = a.id AND r.purpose = 'target'
    JOIN departments_body b ON b.id = r.body_id AND b.closed IS NULL
    WHERE r.body_id NOT IN (SELECT body_id FROM target)
      AND r.body_id NOT IN (SELECT body_id FROM excluded)
      AND r.body_id NOT IN (SELECT body_id FROM outside)
      -- Whom others warned is told to no officer beyond what is theirs to warn.
      AND (%(own)s::bigint[] IS NULL OR r.body_id = ANY(%(own)s))
    GROUP BY r.body_id
), missing(body_id) AS MATERIALIZED (
    SELECT body_id FROM outside UNION ALL SELECT body_id FROM familiar
), cut(body_id, top_id) AS (
    SELECT f.body_id, f.body_id
    FROM familiar f JOIN departments_body b ON b.id = f.body_id
    WHERE b.parent_id IS NULL OR b.parent_id NOT IN (SELECT body_id FROM missing)
    UNION ALL
    SELECT b.id, c.top_id
    FROM cut c JOIN departments_body b ON b.parent_id = c.body_id JOIN missing m ON m.body_id = b.id
), cut_off AS (
    SELECT c.top_id AS body_id, count(f.body_id) - 1 AS below
    FROM cut c LEFT JOIN familiar f USING (body_id)
    GROUP BY c.top_id
), sponsor AS (
    SELECT s.sponsor_id AS body_id, count(*) AS strength, min(told.name) AS one
    FROM target t
    JOIN departments_sponsor s ON s.body_id = t.body_id
    JOIN departments_body told ON told.id = t.body_id
    JOIN departments_body b ON b.id = s.sponsor_id AND b.closed IS NULL
    WHERE s.sponsor_id NOT IN (
        SELECT body_id FROM audience UNION ALL SELECT body_id FROM excluded UNION ALL SELECT body_id FROM outside
        UNION ALL SELECT body_id FROM familiar UNION ALL SELECT body_id FROM issuing
    )
    GROUP BY s.sponsor_id
), gap(kind, body_id, why, strength, below) AS (
    SELECT 'outside', body_id, why, strength, 0 FROM outside
    UNION ALL
    SELECT 'similar', body_id,
        'told of ' || last || CASE WHEN strength > 1 THEN ' and ' || strength - 1 || ' more' ELSE '' END
        || ' on the same subject' || CASE WHEN below > 0 THEN ', with ' || below || ' below it' ELSE '' END,
        strength, below
    FROM familiar JOIN cut_off USING (body_id)
    UNION ALL
    SELECT 'sponsor', body_id,
        'sponsors ' || one
        || CASE WHEN strength > 1 THEN ' and ' || strength - 1 || ' more, which are told' ELSE ', which is told' END,
        strength, 0
    FROM sponsor
    UNION ALL
    SELECT 'nobody', t.body_id, 'nobody to tell', 0, 0
    FROM target t LEFT JOIN told USING (body_id)
    WHERE told.body_id IS NULL
    UNION ALL
    SELECT 'bouncing', t.body_id, 'every address bounces', 0, 0
    FROM target t JOIN told USING (body_id)
    WHERE told.bouncing
), top(body_id, branch_id, depth) AS (
    SELECT id, id, 0 FROM departments_body WHERE parent_id IS NULL
    UNION ALL
    SELECT b.id, CASE WHEN t.depth = 0 THEN b.id ELSE t.branch_id END, t.depth + 1
    FROM top t JOIN departments_body b ON b.parent_id = t.body_id
)
SELECT '' AS kind, NULL AS body_id, '' AS why,
    (SELECT count(*) FROM (SELECT DISTINCT person_id FROM seat WHERE counts) people) AS strength,
    (SELECT count(*) FROM target) AS branch_id,
    (SELECT count(*) FROM alerts_branch WHERE advisory_id = %(advisory)s) AS branches,
    (
        SELECT count(*) FROM target t JOIN departments_standing s USING (body_id)
        WHERE s.lacks && ARRAY['{Lack.NO_NIGHT}', '{Lack.NOBODY}']::varchar[]
    ) AS no_night,
    (
        SELECT count(*) FROM alerts_advisory a
        WHERE a.published_at > %(month_ago)s AND a.id <> %(advisory)s
          AND a.exercise = (SELECT exercise FROM alerts_advisory WHERE id = %(advisory)s)
          AND EXISTS (
              SELECT FROM alerts_relay r JOIN target t ON t.body_id = r.body_id
              WHERE r.advisory_id = a.id AND r.purpose = 'target'
          )
    ) AS this_month
UNION ALL
SELECT g.kind, g.body_id, g.why, g.strength, coalesce(t.branch_id, g.body_id), g.below, 0, 0
FROM gap g LEFT JOIN top t USING (body_id)
"""
)

TARGETS = AUDIENCE + "SELECT body_id FROM target"
