"""The SQL of routes: each statement is about one of them, and decides by itself who of several workers was first."""

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
UPDATE alerts_route
SET next_at = CASE WHEN next_at > %(now)s AND next_at < %(now)s + %(far)s::interval THEN next_at ELSE %(now)s END
              + %(seconds)s * interval '1 second'
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
SET failures = 0, condemned_at = NULL, said = '', said_times = 0, said_domains = '[]',
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
UPDATE alerts_route r
SET pace = CASE WHEN r.climbs_at > %(now)s + %(settled)s::interval OR f.fastest IS NULL THEN r.pace
                ELSE greatest(f.fastest / 2, %(floor)s) END,
    climbs_at = greatest(r.climbs_at, %(climbs_at)s), rests_until = greatest(r.rests_until, %(until)s), why = %(why)s
FROM (
    SELECT name, least(pace, %(rate)s::float, %(measured)s::float * greatest((
        SELECT count(*) FROM alerts_batch WHERE done_at IS NULL AND leased_until > %(now)s AND route = %(name)s
    ), 1)) AS fastest
    FROM alerts_route WHERE name = %(name)s FOR UPDATE
) f
WHERE r.name = f.name
"""

CONDEMN = """
UPDATE alerts_route r
SET condemned_at = coalesce(r.condemned_at, %(now)s), rests_until = greatest(r.rests_until, %(until)s), why = %(why)s
FROM (SELECT name, condemned_at IS NULL AS new FROM alerts_route WHERE name = %(name)s FOR UPDATE) had
WHERE r.name = had.name AND (had.new OR r.rests_until <= %(now)s OR r.rests_until IS NULL OR %(until)s > r.rests_until)
RETURNING had.new
"""
