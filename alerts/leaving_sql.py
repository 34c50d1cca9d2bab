"""The SQL of what leaves: what waits in the outbox, what left in the last minute, what was refused in the last day."""

from alerts.models.figures import UNREACHABLE

# Batches in hand or tried before are counted by their mails, and so are the next of each rank, which somebody may have handed
# back in the middle; the others are whole. Indexes: batch_outbox, alerts_message(batch).
OUTBOX = """
SELECT CASE WHEN b.stopped THEN 'stopped' WHEN b.rank > 3 THEN 'plain' ELSE b.rank::text END AS line,
       sum(n.mails)::int, min(b.made_at),
       (sum(n.mails) FILTER (WHERE b.leased_until > %(now)s))::int,
       (sum(n.mails) FILTER (WHERE b.not_before > %(now)s))::int,
       min(b.not_before) FILTER (WHERE b.not_before > %(now)s)
FROM (
    SELECT b.id, b.rank, b.size, b.made_at, b.leased_until, b.not_before, a.stopped_at IS NOT NULL AS stopped,
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
GROUP BY 1
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

# What may be tried again: the last mail of a live advisory's current revision, whose reader is unreachable for it and still
# here, and has not asked to be left alone. Index: alerts_message(recipient).
MAY_BE_TRIED = f"""
    a.state = 'live' AND a.stopped_at IS NULL AND a.current_id = m.revision_id AND rc.outcome IN {UNREACHABLE}
    AND m.kind <> 'note' AND p.left_at IS NULL AND p.bounced_how <> 'complained' AND NOT EXISTS (
        SELECT FROM alerts_message later
        WHERE later.recipient_id = m.recipient_id AND later.revision_id = m.revision_id AND later.kind <> 'note'
          AND later.id > m.id
    )
"""

# The last so many failures, with what was said. Indexes: message_failed, message_fate.
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

REASONS = f"""
SELECT m.what, m.route, coalesce(nullif(m.error, ''), rc.why, '') AS said, count(*),
       count(*) FILTER (WHERE m.what IN ('refused', 'bounced', 'suppressed') AND {MAY_BE_TRIED}),
       count(*) FILTER (WHERE m.advisory_id IS NULL), max(m.at)
FROM ({_LATELY}) m
JOIN departments_person p ON p.id = m.person_id
LEFT JOIN alerts_recipient rc ON rc.id = m.recipient_id
LEFT JOIN alerts_advisory a ON a.id = m.advisory_id
GROUP BY 1, 2, 3
"""
