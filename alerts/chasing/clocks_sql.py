"""The SQL of clocks, whole."""

from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS

# Live advisories in which time is to begin to run for somebody. What was published before there was a chase (no
# `acknowledge_within`) is not chased. Index: advisory_live, relay_without_clock, action_key, relay_held, clock_once.
WANTING = """
SELECT a.id FROM (SELECT * FROM alerts_advisory WHERE state = 'live' OFFSET 0) a
JOIN alerts_revision m ON m.id = a.material_id
WHERE a.acknowledge_within IS NOT NULL AND (
    a.clocked <> m.number
    OR EXISTS (
        SELECT FROM alerts_relay l
        WHERE l.advisory_id = a.id AND l.clock_id IS NULL AND l.state = 'released' AND l.purpose IN ('target', 'named')
    )
    OR EXISTS (
        SELECT FROM alerts_action c WHERE c.revision_id = a.current_id AND NOT EXISTS (
            SELECT FROM alerts_clock k
            WHERE k.advisory_id = a.id AND k.material = m.number AND k.kind = 'act' AND k.by = greatest(c.due, m.at)
        )
    )
    OR EXISTS (
        SELECT FROM (SELECT * FROM alerts_relay WHERE state = 'held' OFFSET 0) l
        WHERE l.advisory_id = a.id AND l.purpose <> 'left' AND l.held_until > l.reached_at AND NOT EXISTS (
            SELECT FROM alerts_clock k
            WHERE k.advisory_id = a.id AND k.material = m.number AND k.kind = 'hold'
              AND k.starts_at = l.reached_at AND k.by = l.held_until
        )
    )
)
ORDER BY a.id
"""

# A later material revision: nothing of the earlier one is asked any more.
RESET_RELAYS = """
UPDATE alerts_relay r SET clock_id = NULL
FROM (
    SELECT id FROM alerts_relay WHERE advisory_id = %(advisory)s AND clock_id IS NOT NULL ORDER BY id FOR NO KEY UPDATE
) l
WHERE r.id = l.id
"""
RESET_RECIPIENTS = """
UPDATE alerts_recipient r SET clock_id = NULL
FROM (
    SELECT id FROM alerts_recipient WHERE clock_id IN (SELECT id FROM alerts_clock WHERE advisory_id = %(advisory)s)
    ORDER BY id
    FOR NO KEY UPDATE
) late
WHERE r.id = late.id
"""
RESET_STEPS = """
UPDATE alerts_chasestep s SET done_at = %(now)s, overtaken = true
FROM alerts_clock c
WHERE c.id = s.clock_id AND c.advisory_id = %(advisory)s AND c.material < %(material)s AND s.done_at IS NULL
"""

# Bodies for which time begins, by their calendar and since when they are released; to the next minute, so that a wave
# that takes some minutes has a few clocks. What was released a while ago, before the last clock that runs already
# began (`passed`), was only passed through then, and is asked from now on. Index: relay_without_clock.
STARTING = """
SELECT DISTINCT b.calendar, {start} AS starts_at
FROM alerts_relay l JOIN departments_body b ON b.id = l.body_id
WHERE l.advisory_id = %(advisory)s AND l.clock_id IS NULL AND l.state = 'released' AND l.purpose IN ('target', 'named')
"""
_START = """to_timestamp(ceil(extract(epoch FROM greatest(
    l.released_at, %(since)s,
    CASE WHEN greatest(l.released_at, %(since)s) <= least(%(passed)s::timestamptz, %(now)s::timestamptz - interval '15 minutes')
              AND %(passed)s::timestamptz IS NOT NULL THEN %(now)s::timestamptz END
)) / 60) * 60)"""
STARTING = STARTING.format(start=_START)
# What a cascade writes at this moment has its clock a minute later.
START = f"""
UPDATE alerts_relay r SET clock_id = c.id
FROM (
    SELECT l.id, b.calendar, {_START} AS starts_at
    FROM alerts_relay l JOIN departments_body b ON b.id = l.body_id
    WHERE l.advisory_id = %(advisory)s AND l.clock_id IS NULL AND l.state = 'released' AND l.purpose IN ('target', 'named')
    ORDER BY l.id
    FOR NO KEY UPDATE OF l SKIP LOCKED
) found
JOIN unnest(%(clocks)s::bigint[], %(calendars)s::text[], %(starts)s::timestamptz[]) AS c (id, calendar, starts_at)
  ON c.starts_at = found.starts_at AND (c.calendar = found.calendar OR c.calendar = '')
WHERE r.id = found.id
"""

# What else has a time: actions by their due, what is held by when it was reached and goes on.
DUES = "SELECT DISTINCT due FROM alerts_action WHERE revision_id = %(current)s"
HOLDING = """
SELECT DISTINCT reached_at, held_until FROM (SELECT * FROM alerts_relay WHERE state = 'held' OFFSET 0) l
WHERE l.advisory_id = %(advisory)s AND l.purpose <> 'left' AND l.held_until > l.reached_at
"""

# Mails are looked at once they left, and for some minutes more (`late_upto`): those who note them do so in their own time.
# Whoever was told when more than half of the time of each of their bodies was over, and has not answered. Looked for among the
# mails of the last days alone. Index: alerts_batch(advisory), alerts_message(batch), seat_once, chase_step_once.
LATE = f"""
SELECT r.id, min(m.sent_at) AS told_at, (array_agg(half.calendar ORDER BY half.at DESC))[1] AS calendar
FROM (SELECT * FROM alerts_advisory WHERE state = 'live' AND acknowledge_within IS NOT NULL OFFSET 0) a
JOIN ({REVISIONS}) v ON v.id = a.id AND a.clocked = v.material
CROSS JOIN LATERAL (
    SELECT min(s.planned_at) AS at FROM alerts_clock c JOIN alerts_chasestep s ON s.clock_id = c.id
    WHERE c.advisory_id = a.id AND c.material = v.material AND c.kind = 'answer' AND NOT c.late
      AND s.what = 'remind' AND s.n = 1
) first
JOIN alerts_batch b ON b.advisory_id = a.id AND b.kind IN ('notice', 'update')
     AND coalesce(b.done_at, %(now)s) > greatest(first.at, %(lately)s, a.late_upto - interval '10 minutes')
CROSS JOIN LATERAL (SELECT * FROM alerts_message m WHERE m.batch_id = b.id OFFSET 0) m
CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = m.recipient_id AND r.clock_id IS NULL OFFSET 0) r
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
CROSS JOIN LATERAL (
    SELECT s.planned_at AS at, d.calendar
    FROM (SELECT * FROM alerts_seat t WHERE t.recipient_id = r.id AND t.counts AND t.ended_at IS NULL OFFSET 0) t
    JOIN alerts_relay l ON l.id = t.relay_id
    JOIN departments_body d ON d.id = l.body_id
    JOIN alerts_chasestep s ON s.clock_id = l.clock_id AND s.what = 'remind' AND s.n = 1
    ORDER BY s.planned_at DESC
    LIMIT 1
) half
WHERE a.id = %(advisory)s AND m.state = 'sent' AND m.sent_at > half.at AND f.acknowledged = 0
  AND NOT EXISTS (
      -- Told of this very text before: what came since changed nothing that is asked.
      SELECT FROM (SELECT * FROM alerts_message e WHERE e.recipient_id = r.id OFFSET 0) e
      JOIN alerts_revision w ON w.id = e.revision_id AND w.number >= v.material
      WHERE e.state = 'sent' AND e.sent_at <= half.at AND e.kind IN ('notice', 'update')
        AND e.fate NOT IN ('bounced', 'suppressed')
  )
GROUP BY r.id
ORDER BY r.id
LIMIT %(most)s
"""
# Advisories in which that may be anybody. Index: advisory_live, clock_once, alerts_batch(advisory).
LATE_IN = """
SELECT a.id FROM (SELECT * FROM alerts_advisory WHERE state = 'live' AND acknowledge_within IS NOT NULL OFFSET 0) a
CROSS JOIN LATERAL (
    SELECT greatest(min(s.planned_at), %(lately)s, a.late_upto - interval '10 minutes') AS at
    FROM alerts_clock c JOIN alerts_chasestep s ON s.clock_id = c.id
    WHERE c.advisory_id = a.id AND c.material = a.clocked AND c.kind = 'answer' AND NOT c.late
      AND s.what = 'remind' AND s.n = 1
    OFFSET 0
) first
WHERE first.at <= %(now)s AND EXISTS (
    SELECT FROM alerts_batch b
    WHERE b.advisory_id = a.id AND b.kind IN ('notice', 'update') AND coalesce(b.done_at, %(now)s) > first.at
)
ORDER BY a.id
"""
OWN_CLOCK = """
UPDATE alerts_recipient r SET clock_id = c.clock
FROM (
    SELECT r.id, asked.clock
    FROM unnest(%(recipients)s::bigint[], %(clocks)s::bigint[]) AS asked (recipient, clock)
    JOIN alerts_recipient r ON r.id = asked.recipient
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
) c
WHERE r.id = c.id
"""
