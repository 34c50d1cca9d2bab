"""The SQL of chasing, whole. Each statement says anew of each person how they stand: nobody is reminded for what they were."""

from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS, UNREACHABLE

# One at a time for each advisory, so that two who press at once see each other's reminders. Held until the transaction ends.
TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtext('alerts.chasing.chase'), %(advisory)s::int)"

# What is known of somebody's reminders (`m`, in the batch `b`): one that never left reminded nobody, and one that waits will.
_LATELY = """m.kind = 'reminder' AND m.state <> 'superseded'
    AND (m.state = 'waiting' OR coalesce(m.sent_at, b.made_at) > %(day_ago)s)"""

# Told of it, or of a new text of it, just now: a reminder would reach them beside it.
_JUST = "m.kind IN ('notice', 'update') AND m.state = 'sent' AND m.sent_at > %(hour_ago)s"

# Reminded by the clock, alone or in a mail about several. Index: nudge_of_recipient.
_NUDGED = "n.state IN ('waiting', 'mailed') AND n.at > %(day_ago)s"

# How a recipient `r`, who is `p`, stands to being reminded. `{lately}`: whether they were within a day; `{just}`: whether they
# were written to within the hour.
_STANDS = f"""
CASE WHEN %(within)s::bigint[] IS NOT NULL AND NOT EXISTS (
         SELECT FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
         WHERE s.recipient_id = r.id AND s.ended_at IS NULL AND l.body_id = ANY(%(within)s::bigint[])
     ) THEN 'beyond'
     WHEN f.acknowledged = 1 THEN 'answered'
     WHEN p.left_at IS NOT NULL OR p.bounced_at IS NOT NULL OR r.outcome IN {UNREACHABLE} THEN 'out of reach'
     WHEN r.told_revision < greatest(v.current, 1) THEN 'waiting'
     WHEN {{lately}} THEN 'lately'
     WHEN {{just}} THEN 'just told'
     ELSE 'due' END
"""

_FOUND = _STANDS.format(
    lately="r.id IN (SELECT recipient_id FROM lately)", just="r.id IN (SELECT recipient_id FROM just)"
)
_LOOKED_UP = _STANDS.format(lately="had.lately", just="had.just")

# How many of those who were chosen stand how; and who is due a reminder, the first so many. The advisory's few batches of
# reminders, and those of its other mails that are under way or were done within the hour, are looked at once, not each person's
# mails. Index: alerts_batch(advisory), alerts_message(batch).
FIND = f"""
WITH chosen AS MATERIALIZED (
    SELECT id FROM ({{selection}}) selected
), lately AS MATERIALIZED (
    SELECT m.recipient_id
    FROM (SELECT * FROM alerts_batch WHERE advisory_id = %(advisory)s OFFSET 0) b
    JOIN alerts_message m ON m.batch_id = b.id
    WHERE b.kind = 'reminder' AND {_LATELY}
    UNION ALL
    SELECT n.recipient_id
    FROM chosen CROSS JOIN LATERAL (SELECT * FROM alerts_nudge n WHERE n.recipient_id = chosen.id AND {_NUDGED} OFFSET 0) n
), just AS MATERIALIZED (
    SELECT m.recipient_id
    FROM (SELECT * FROM alerts_batch WHERE advisory_id = %(advisory)s OFFSET 0) b
    JOIN alerts_message m ON m.batch_id = b.id
    WHERE b.kind IN ('notice', 'update') AND (b.done_at IS NULL OR b.done_at > %(hour_ago)s) AND {_JUST}
), standing AS (
    SELECT r.id, {_FOUND} AS stands
    FROM chosen
    JOIN alerts_recipient r ON r.id = chosen.id
    JOIN departments_person p ON p.id = r.person_id
    JOIN ({REVISIONS} WHERE a.id = %(advisory)s) v ON v.id = r.advisory_id
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
)
SELECT stands, count(*), (array_agg(id ORDER BY id) FILTER (WHERE stands = 'due'))[:%(most)s]
FROM standing GROUP BY stands
"""

# Into batches of so many, as a pass of the cascade writes them. The number in a key follows that of the last one, so that none
# can be there already while the turn is ours; and nobody gets two where it is not. What is looked up is looked up by key
# (OFFSET 0). Index: recipient's and person's primary keys, alerts_message(recipient).
WRITE = f"""
WITH v AS MATERIALIZED (
    SELECT v.*, a.current_id FROM ({REVISIONS} WHERE a.id = %(advisory)s) v JOIN alerts_advisory a ON a.id = v.id
    WHERE a.state = 'live' AND a.stopped_at IS NULL
), standing AS MATERIALIZED (
    SELECT r.id, r.person_id, had.number, {_LOOKED_UP} AS stands
    FROM unnest(%(recipients)s::bigint[]) AS asked (id)
    CROSS JOIN v
    CROSS JOIN LATERAL (SELECT * FROM alerts_recipient WHERE id = asked.id AND advisory_id = v.id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT left_at, bounced_at FROM departments_person WHERE id = r.person_id OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE m.kind = 'reminder') AS number, coalesce(bool_or({_LATELY}), false)
            OR EXISTS (SELECT FROM alerts_nudge n WHERE n.recipient_id = r.id AND {_NUDGED}) AS lately,
            coalesce(bool_or({_JUST}), false) AS just
        FROM (SELECT * FROM alerts_message WHERE recipient_id = r.id OFFSET 0) m JOIN alerts_batch b ON b.id = m.batch_id
        WHERE m.kind IN ('reminder', 'notice', 'update')
    ) had
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
), due AS MATERIALIZED (
    SELECT id, person_id, number, row_number() OVER (ORDER BY id) - 1 AS n FROM standing WHERE stands = 'due'
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before, made_at)
    SELECT %(rank)s, %(advisory)s, v.current_id, 'reminder', count(*), %(now)s, %(now)s
    FROM due CROSS JOIN v
    GROUP BY v.current_id, due.n / %(size)s
    ORDER BY due.n / %(size)s
    RETURNING id, revision_id
), placed AS MATERIALIZED (
    SELECT id, revision_id, row_number() OVER (ORDER BY id) - 1 AS slot FROM made
), written AS (
    INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
    SELECT 'reminder:' || d.id || ':' || d.number + 1, p.id, d.person_id, %(advisory)s, d.id, p.revision_id, 'reminder'
    FROM due d JOIN placed p ON p.slot = d.n / %(size)s
    ORDER BY d.id
    ON CONFLICT (key) DO NOTHING
    RETURNING key
)
SELECT (SELECT current FROM v),
       (SELECT count(*) FROM written),
       (SELECT encode(sha256(string_agg(key, E'\n' ORDER BY key COLLATE "C")::bytea), 'hex') FROM written),
       (SELECT jsonb_object_agg(stands, number) FROM (SELECT stands, count(*) AS number FROM standing GROUP BY stands) s)
"""
