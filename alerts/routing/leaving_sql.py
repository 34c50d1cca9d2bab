"""The SQL of what leaves: what waits in the outbox, what left in the last minute, what was refused in the last day."""

from alerts.models.figures import UNREACHABLE

# By line, and by the route that mails wait for alone ("": whichever takes them). Batches in hand or tried before are counted by
# their mails, and so are the next of each rank, which somebody may have handed back in the middle; the others are whole.
# Indexes: batch_outbox, alerts_message(batch).
OUTBOX = """
SELECT CASE WHEN b.stopped THEN 'stopped' WHEN b.rank > 3 THEN 'plain' ELSE b.rank::text END AS line,
       sum(n.mails)::int, min(b.made_at),
       (sum(n.mails) FILTER (WHERE b.leased_until > %(now)s))::int,
       (sum(n.mails) FILTER (WHERE b.not_before > %(now)s))::int,
       min(b.not_before) FILTER (WHERE b.not_before > %(now)s),
       CASE WHEN b.route = ANY(%(known)s) AND (b.leased_until IS NULL OR b.leased_until <= %(now)s)
                 AND b.not_before <= %(now)s THEN b.route ELSE '' END AS bound
FROM (
    SELECT b.id, b.rank, b.size, b.route, b.made_at, b.leased_until, b.not_before, a.stopped_at IS NOT NULL AS stopped,
           b.attempt > 0 OR b.leased_until IS NOT NULL OR b.not_before > b.made_at + interval '1 second'
               OR row_number() OVER (PARTITION BY b.rank ORDER BY b.not_before, b.id) <= %(next)s AS begun
    FROM alerts_batch b LEFT JOIN alerts_advisory a ON a.id = b.advisory_id
    WHERE b.done_at IS NULL
) b
CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT b.begun THEN b.size ELSE (
        SELECT count(*) FROM (SELECT state FROM alerts_message WHERE batch_id = b.id OFFSET 0) m WHERE m.state = 'waiting'
    ) END AS mails
) n
GROUP BY 1, 7
HAVING sum(n.mails) > 0
ORDER BY 1
"""

# What may have left by a route, and waits for that one alone. Index: batch_outbox.
BOUND = """
SELECT route, sum(size)::int
FROM alerts_batch
WHERE done_at IS NULL AND route = ANY(%(known)s) AND (leased_until IS NULL OR leased_until <= %(now)s)
GROUP BY route
"""

# What left since a moment, by route: from the end of the record's primary key back to then and no further, step by step, since
# each answer is an entry as well.
RATE = """
WITH RECURSIVE back AS (
    SELECT 9223372036854775807 AS id, 'infinity'::timestamptz AS at, 0 AS steps, NULL::jsonb AS sent
    UNION ALL
    SELECT step.id, step.at, back.steps + 1, step.sent
    FROM back
    CROSS JOIN LATERAL (
        SELECT min(e.id) AS id, min(e.at) AS at,
               jsonb_agg(jsonb_build_array(e.details -> 'route', e.details -> 'mails', e.at))
                   FILTER (WHERE e.kind = 'sent' AND e.at > %(since)s) AS sent
        FROM (SELECT id, kind, at, details FROM alerts_record WHERE id < back.id ORDER BY id DESC LIMIT 500) e
    ) step
    WHERE back.at > %(since)s AND step.id IS NOT NULL AND back.steps < %(steps)s
)
SELECT coalesce(s.one ->> 0, ''), sum((s.one ->> 1)::int)::int, min((s.one ->> 2)::timestamptz)
FROM back CROSS JOIN LATERAL jsonb_array_elements(coalesce(back.sent, '[]')) AS s(one)
GROUP BY 1
"""

# What may be tried again, as the cascade would write it anew once the address counts as good: the last mail of a live
# advisory's current revision, where none of that arrived, and whose reader is unreachable for it, still here, seated where
# people may be told, and has not reported it as spam. Whose address counts as good already is about to be mailed where a pass
# has still to look there. Indexes: alerts_message(recipient), seat_once.
MAY_BE_TRIED = f"""
    a.state = 'live' AND a.stopped_at IS NULL AND a.current_id = m.revision_id AND rc.outcome IN {UNREACHABLE}
    AND m.kind NOT IN ('note', 'reminder') AND p.left_at IS NULL AND p.bounced_how <> 'complained' AND NOT EXISTS (
        SELECT FROM alerts_message other
        WHERE other.recipient_id = m.recipient_id AND other.revision_id = m.revision_id
          AND other.kind NOT IN ('note', 'reminder')
          AND (other.id > m.id OR other.state <> 'failed' AND other.fate NOT IN ('bounced', 'suppressed'))
    ) AND EXISTS (
        SELECT FROM alerts_seat s JOIN alerts_relay r ON r.id = s.relay_id
        WHERE s.recipient_id = m.recipient_id AND s.ended_at IS NULL
          AND (r.state = 'released' OR r.state = 'held' AND s.contact)
        HAVING count(*) > 0 AND (p.bounced_at IS NOT NULL OR NOT bool_or(r.to_tell OR r.stale))
    )
"""

# The last so many failures since a moment, with what was said. Indexes: message_failed, message_fate.
_LATELY = """
    (SELECT id, person_id, recipient_id, revision_id, advisory_id, kind, route, error,
            coalesce(nullif(fate, ''), 'refused') AS what, failed_at AS at
     FROM alerts_message WHERE state = 'failed' AND failed_at > %(since)s ORDER BY failed_at DESC LIMIT %(most)s)
    UNION ALL
    (SELECT id, person_id, recipient_id, revision_id, advisory_id, kind, route, error, fate, fate_at
     FROM alerts_message
     WHERE fate IN ('deferred', 'bounced', 'suppressed', 'complained') AND state <> 'failed' AND fate_at > %(since)s
     ORDER BY fate_at DESC LIMIT %(most)s)
"""

_AS_REFUSED = "('refused', 'bounced', 'suppressed')"

REASONS = f"""
SELECT m.what, m.route, coalesce(nullif(m.error, ''), rc.why, '') AS said, count(*),
       array_agg(DISTINCT m.person_id) FILTER (WHERE m.what IN {_AS_REFUSED} AND {MAY_BE_TRIED}),
       count(*) FILTER (WHERE m.advisory_id IS NULL), max(m.at)
FROM ({_LATELY}) m
JOIN departments_person p ON p.id = m.person_id
LEFT JOIN alerts_recipient rc ON rc.id = m.recipient_id
LEFT JOIN alerts_advisory a ON a.id = m.advisory_id
GROUP BY 1, 2, 3
"""

# Whether anything may be tried again, among the last so many failures.
ANY_TO_TRY = f"""
SELECT EXISTS (
    SELECT FROM ({_LATELY}) m
    JOIN departments_person p ON p.id = m.person_id
    JOIN alerts_recipient rc ON rc.id = m.recipient_id
    JOIN alerts_advisory a ON a.id = m.advisory_id
    WHERE m.what IN {_AS_REFUSED} AND {MAY_BE_TRIED}
)
"""
