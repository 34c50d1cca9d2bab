"""The SQL of routes: each statement is about one of them, and decides by itself who of several workers was first."""

from alerts.models.figures import UNREACHABLE

ENSURE = "INSERT INTO alerts_route (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING"

PACE = "SELECT pace FROM alerts_route WHERE name = %(name)s"

# Whether whoever has mail of it in hand is to let it be; somebody who tries a condemned one goes on.
SHUT = """
SELECT 1 FROM alerts_route
WHERE name = %(name)s
  AND (paused_at IS NOT NULL OR NOT %(trying)s AND (condemned_at IS NOT NULL OR rests_until > %(now)s))
"""

# One worker at a time tries a condemned route.
TRY = """
UPDATE alerts_route SET rests_until = %(until)s
WHERE name = %(name)s AND condemned_at IS NOT NULL AND paused_at IS NULL
  AND (rests_until IS NULL OR rests_until <= %(now)s)
RETURNING 1
"""

# What may leave now moves on when the next may.
RESERVE = """
UPDATE alerts_route SET next_at = greatest(next_at, %(now)s) + %(seconds)s * interval '1 second'
WHERE name = %(name)s
RETURNING next_at - %(seconds)s * interval '1 second'
"""

# How many of those wanted the day has left; a negative number gives some back.
SPEND = """
UPDATE alerts_route r
SET day = %(day)s,
    spent = greatest(CASE WHEN r.day = %(day)s THEN r.spent ELSE 0 END + n.taken, 0)
FROM (
    SELECT name, least(%(wanted)s, greatest(%(quota)s - CASE WHEN day = %(day)s THEN spent ELSE 0 END, 0)) AS taken
    FROM alerts_route WHERE name = %(name)s FOR UPDATE
) n
WHERE r.name = n.name
RETURNING n.taken
"""

# It took a mail: whatever was the matter is over, and a pace that has stood for its time climbs; fast enough, it is as fast as
# it goes again. Nothing is written where nothing was the matter.
WENT = """
UPDATE alerts_route r
SET failures = 0, condemned_at = NULL, said = '', said_times = 0, said_since = NULL, said_domains = '[]',
    why = CASE WHEN r.pace IS NULL OR had.well THEN '' ELSE r.why END,
    rests_until = CASE WHEN had.well THEN NULL ELSE r.rests_until END,
    pace = CASE WHEN NOT had.climbs THEN r.pace WHEN r.pace * %(by)s < %(free)s THEN r.pace * %(by)s END,
    climbs_at = CASE WHEN had.climbs THEN %(now)s + %(every)s::interval ELSE r.climbs_at END
FROM (
    SELECT name, condemned_at IS NOT NULL AS condemned, condemned_at IS NOT NULL OR failures > 0 AS well,
           pace IS NOT NULL AND climbs_at <= %(now)s AS climbs
    FROM alerts_route
    WHERE name = %(name)s AND (
        condemned_at IS NOT NULL OR failures > 0 OR said_times > 0 OR pace IS NOT NULL AND climbs_at <= %(now)s
    )
    FOR UPDATE
) had
WHERE r.name = had.name
RETURNING had.condemned
"""

# Nothing where it rests already: somebody else has just said so.
FAIL = """
UPDATE alerts_route
SET failures = least(failures + 1, 1000), why = %(why)s,
    rests_until = %(now)s + least(%(first)s * 2 ^ least(failures, 20), %(longest)s) * %(spread)s * interval '1 second',
    condemned_at = CASE WHEN condemned_at IS NULL AND failures + 1 >= %(after)s THEN %(now)s ELSE condemned_at END
WHERE name = %(name)s AND (rests_until IS NULL OR rests_until <= %(now)s)
RETURNING rests_until, condemned_at = %(now)s
"""

# Halved once, however many workers were told at the same time; its rest is the longest that any of them was given.
SLOW = """
UPDATE alerts_route
SET pace = CASE WHEN climbs_at IS NULL OR climbs_at <= %(now)s + %(settled)s::interval
                THEN greatest(coalesce(least(pace, %(measured)s), %(measured)s) / 2, %(floor)s) ELSE pace END,
    climbs_at = greatest(climbs_at, %(climbs_at)s), rests_until = greatest(rests_until, %(until)s), why = %(why)s
WHERE name = %(name)s
"""

CONDEMN = """
UPDATE alerts_route
SET condemned_at = coalesce(condemned_at, %(now)s), rests_until = greatest(rests_until, %(until)s), why = %(why)s
WHERE name = %(name)s
"""

# Whom a condemned route refused in its run of the same words: into a batch each of their advisory and kind, to be tried once
# more when it has rested. Index: message_failed.
GIVEN_BACK = """
SELECT DISTINCT m.advisory_id
FROM alerts_message m JOIN alerts_route r ON r.name = m.route AND r.condemned_at IS NOT NULL
WHERE m.route = %(name)s AND m.state = 'failed' AND m.failed_at >= r.said_since AND NOT m.given_back AND m.fate = ''
ORDER BY 1 NULLS LAST
"""
GIVE_BACK = f"""
WITH theirs AS MATERIALIZED (
    SELECT m.id, m.batch_id, m.recipient_id, m.person_id, m.failed_at, m.error
    FROM alerts_message m JOIN alerts_route r ON r.name = m.route AND r.condemned_at IS NOT NULL
    WHERE m.route = %(name)s AND m.state = 'failed' AND m.failed_at >= r.said_since AND NOT m.given_back AND m.fate = ''
      AND m.advisory_id IS NOT DISTINCT FROM %(advisory)s
    ORDER BY m.id
    FOR UPDATE OF m
), numbered AS (
    SELECT batch_id, count(*) AS size, row_number() OVER (ORDER BY batch_id) AS place FROM theirs GROUP BY batch_id
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, about_id, kind, size, not_before, attempt, made_at)
    SELECT b.rank, b.advisory_id, b.revision_id, b.about_id, b.kind, n.size, %(until)s, 0, b.made_at
    FROM numbered n JOIN alerts_batch b ON b.id = n.batch_id
    ORDER BY n.place
    RETURNING id
), placed AS (
    SELECT n.batch_id, m.id FROM numbered n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made) m USING (place)
), waiting AS (
    UPDATE alerts_message m SET state = 'waiting', failed_at = NULL, given_back = true, batch_id = p.id, route = ''
    FROM theirs t JOIN placed p ON p.batch_id = t.batch_id
    WHERE m.id = t.id
    RETURNING m.id
), locked AS (
    SELECT r.id FROM alerts_recipient r JOIN theirs t ON t.recipient_id = r.id
    WHERE r.outcome IN {UNREACHABLE} AND r.why = t.error
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
), reached AS (
    UPDATE alerts_recipient r SET outcome = '', why = '' FROM locked WHERE r.id = locked.id
), people AS (
    SELECT p.id FROM departments_person p JOIN theirs t ON t.person_id = p.id AND p.bounced_at = t.failed_at
    ORDER BY p.id
    FOR NO KEY UPDATE OF p
), mended AS (
    UPDATE departments_person p SET bounced_at = NULL, bounced_how = '' FROM people WHERE p.id = people.id
)
SELECT count(*) FROM waiting
"""
