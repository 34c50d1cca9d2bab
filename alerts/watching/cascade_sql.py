"""The SQL of what is undone of holds, of the wave, of cascades and of figures."""

from alerts.watching.went_on_sql import WENT_ON

# Bodies by advisory, since when; measured from when it last went on.
_MEASURED = f"""
SELECT f.reference, f.bodies, greatest(f.since, w.at)
FROM ({{found}}) f
CROSS JOIN LATERAL ({WENT_ON.format(reference="f.reference", since="f.since")}) w
WHERE w.at IS NULL OR w.at <= %(late)s
"""

# Held past its time. Indexes: relay_held, record_subject.
HELD = _MEASURED.format(
    found="""
SELECT a.reference, count(*) AS bodies, min(r.held_until) AS since
FROM alerts_relay r JOIN alerts_advisory a ON a.id = r.advisory_id
WHERE r.state = 'held' AND r.held_until <= %(late)s AND a.state = 'live' AND a.stopped_at IS NULL
GROUP BY a.reference
"""
)

# Not reached though the body above let it go. Indexes: relay_planned, record_subject.
WAVE = _MEASURED.format(
    found="""
SELECT a.reference, count(*) AS bodies, min(p.released_at) AS since
FROM alerts_advisory a
JOIN alerts_relay r ON r.advisory_id = a.id AND r.state = 'planned' AND r.purpose <> 'left'
JOIN alerts_relay p ON p.id = r.parent_id AND p.state = 'released' AND p.released_at <= %(late)s
WHERE a.state = 'live' AND a.stopped_at IS NULL
GROUP BY a.reference
"""
)

# What a cascade still has to do, which says of no time since when: relays to be compared or looked at, a revision or a
# note to be put in the outbox, changes of the directory that it could have looked at. The last batch, and how far a large body
# was compared, say whether it gets on.
# In the order in which passes make way for each other.
# Indexes: advisory_live, relay_stale, relay_to_tell, note_to_be_mailed, alerts_batch(advisory); the end of
# departments_change(xid8).
LEFT = """
WITH unmailed AS (
    SELECT r.advisory_id, count(*) AS notes
    FROM alerts_note n JOIN alerts_relay r ON r.id = n.relay_id
    WHERE n.mail_asked_at IS NOT NULL AND n.mailed_at IS NULL
    GROUP BY r.advisory_id
), directory AS (
    SELECT (SELECT max(xid8) FROM departments_change) AS last,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS under_way
)
SELECT reference, stale, first_stale, upto, tell, first_tell, unqueued, notes, last_batch, changed, seen
FROM (
    SELECT a.reference,
           CASE WHEN a.state = 'live' THEN stale.number ELSE 0 END AS stale, stale.first AS first_stale, stale.upto,
           CASE WHEN a.state = 'live' THEN tell.number ELSE 0 END AS tell, tell.first AS first_tell,
           a.current_id IS DISTINCT FROM a.queued_id AS unqueued,
           CASE WHEN a.state = 'live' THEN coalesce(unmailed.notes, 0) ELSE 0 END AS notes,
           CASE WHEN a.current_id IS DISTINCT FROM a.queued_id OR unmailed.notes > 0
                THEN (SELECT max(b.id) FROM (SELECT id FROM alerts_batch WHERE advisory_id = a.id OFFSET 0) b)
           END AS last_batch,
           a.state = 'live' AND (a.seen IS NULL OR d.last >= a.seen AND d.under_way > a.seen) AS changed,
           a.seen, a.id, array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text) AS rank
    FROM alerts_advisory a
    CROSS JOIN directory d
    LEFT JOIN unmailed ON unmailed.advisory_id = a.id
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, min(id) AS first, sum(compared_upto) AS upto
        FROM alerts_relay WHERE advisory_id = a.id AND stale
    ) stale
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, min(id) AS first FROM alerts_relay WHERE advisory_id = a.id AND to_tell
    ) tell
    WHERE a.stopped_at IS NULL AND a.current_id IS NOT NULL
      AND (a.state = 'live' OR a.state = 'stood-down' AND a.queued_id IS DISTINCT FROM a.current_id)
) work
WHERE stale > 0 OR tell > 0 OR unqueued OR notes > 0 OR changed
ORDER BY rank, id
"""

# The oldest figure that waits to be added up. Index: alerts_delta's primary key.
UNFOLDED = """
SELECT a.reference, d.id
FROM (SELECT id, advisory_id FROM alerts_delta ORDER BY id LIMIT 1) d
JOIN alerts_advisory a ON a.id = d.advisory_id
"""
