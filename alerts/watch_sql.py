"""The SQL of the watchdog, whole. Each question is asked once for all advisories, and reads what is undone only.

`OFFSET 0` keeps the planner to the index that is named: it would rather walk all that waits, or every batch from the last
one back, to find one row.
"""

# Mail goes out as long as somebody has a batch in hand, or noted one a moment ago (between two batches nobody has one).
# Indexes: batch_outbox; the end of alerts_record's primary key.
_MOVES = """
SELECT EXISTS (SELECT FROM alerts_batch WHERE done_at IS NULL AND leased_until > %(now)s)
    OR EXISTS (SELECT FROM (SELECT kind, at FROM alerts_record ORDER BY id DESC LIMIT 200) r
               WHERE r.kind IN ('sent', 'refused') AND r.at > %(moved)s) AS moves
"""

# When an advisory last went on, after something of it was due: before that it could not have moved. Step by step back to
# then and no further, since each answer and each part that was sent is an entry. Index: record_subject.
_BACK_TO = """
WITH RECURSIVE back AS (
    SELECT 9223372036854775807 AS id, 'infinity'::timestamptz AS at, NULL::timestamptz AS went_on
    UNION ALL
    SELECT step.id, step.at, step.went_on
    FROM back
    CROSS JOIN LATERAL (
        SELECT min(e.id) AS id, min(e.at) AS at, max(e.at) FILTER (WHERE e.kind IN ({kinds})) AS went_on
        FROM (
            SELECT id, kind, at FROM alerts_record
            WHERE subject = {{reference}} AND id < back.id ORDER BY id DESC LIMIT 500
        ) e
    ) step
    WHERE back.went_on IS NULL AND back.at > {{since}} AND step.id IS NOT NULL
)
SELECT max(went_on) AS at FROM back
"""
_WENT_ON = _BACK_TO.format(kinds="'went on', 'reviewed'")
_CHASED_AGAIN = _BACK_TO.format(kinds="'went on', 'reviewed', 'chase goes on'")

# Mails of which each was put off by an answer about its own address: these move to batches of their own (`DEFER`). What a
# route can't take stays in its batch as if it had not been tried. Index: alerts_message(batch).
_SINGLE = """
SELECT m.attempt > 0 FROM (SELECT state, attempt FROM alerts_message WHERE batch_id = b.id OFFSET 0) m
WHERE m.state = 'waiting' LIMIT 1
"""

# Whether a batch may be claimed, as in `deliver_sql.CLAIM`, by what is open (`open`, `down_to`: now, and for two minutes).
_OPEN = "(b.route = ANY(%(open{when})s) OR b.route <> ALL(%(known)s) AND b.rank <= %(down_to{when})s)"

# What may leave and does not, by advisory (NULL: mails of none). `idle`: nobody takes it though it is due and a route is open
# for it. `way`: it waits for this route, which is shut; `bound`: so many of these may have left by it already, and leave by no
# other. Otherwise it was tried, or stands behind other mail, for too long; `single`: by nothing but answers about single
# addresses. With what the mail server said last, about the route before about an address. Indexes: batch_outbox,
# alerts_message(batch), record_subject.
MAIL = f"""
WITH m AS MATERIALIZED ({_MOVES}), outbox AS MATERIALIZED (
    SELECT w.* FROM (
        SELECT b.id, b.size, b.attempt, b.made_at, a.reference, d.idle, d.way, d.bound, s.single,
               CASE WHEN d.idle THEN greatest(b.not_before, b.leased_until) ELSE b.made_at END AS since,
               CASE WHEN d.idle THEN %(late)s
                    WHEN d.way <> '' THEN %(shut)s
                    WHEN s.single THEN CASE WHEN b.rank <= 1 THEN %(single_soon)s ELSE %(single_later)s END
                    ELSE CASE WHEN b.rank <= 1 THEN %(soon)s ELSE %(later)s END
               END AS due_by
        FROM alerts_batch b
        CROSS JOIN m
        LEFT JOIN alerts_advisory a ON a.id = coalesce(b.advisory_id, CASE WHEN b.kind = 'escalation' THEN b.about_id END)
        CROSS JOIN LATERAL (
            SELECT b.not_before <= %(late)s AND (b.leased_until IS NULL OR b.leased_until <= %(late)s) AND NOT m.moves
                       AND {_OPEN.format(when="")} AND {_OPEN.format(when="_late")} AS idle,
                   CASE WHEN b.not_before <= %(now)s AND (b.leased_until IS NULL OR b.leased_until <= %(now)s)
                             AND NOT {_OPEN.format(when="")}
                        THEN CASE WHEN b.route = ANY(%(known)s) THEN b.route ELSE %(first)s END
                        ELSE '' END AS way,
                   b.route = ANY(%(known)s) AND (b.leased_until IS NULL OR b.leased_until <= %(now)s) AS bound
        ) d
        CROSS JOIN LATERAL (
            -- Asked of the few that were tried and wait for long: of a batch that nobody ever took nobody was answered.
            SELECT CASE WHEN b.attempt > 0 AND NOT d.idle AND d.way = ''
                             AND b.made_at <= CASE WHEN b.rank <= 1 THEN %(soon)s ELSE %(later)s END
                        THEN coalesce(({_SINGLE}), false)
                   ELSE false END AS single
            OFFSET 0
        ) s
        WHERE b.done_at IS NULL AND a.stopped_at IS NULL
    ) w
    WHERE w.idle OR w.made_at <= w.due_by
), resumed AS MATERIALIZED (
    SELECT f.reference, w.at
    FROM (SELECT reference, min(since) AS since FROM outbox WHERE reference IS NOT NULL GROUP BY reference) f
    CROSS JOIN LATERAL ({_WENT_ON.format(reference="f.reference", since="f.since")}) w
)
SELECT o.reference, o.idle, o.single, o.mails, o.since, o.attempt, coalesce(said.error, ''), o.way, coalesce(o.bound, 0)
FROM (
    SELECT reference, idle, way, sum(size) FILTER (WHERE bound) AS bound,
           bool_and(single) AS single, sum(size) AS mails, max(attempt) AS attempt,
           greatest(min(since), min(r.at)) AS since,
           (array_agg(id ORDER BY single, made_at, id))[1] AS oldest
    FROM outbox LEFT JOIN resumed r USING (reference)
    WHERE r.at IS NULL OR r.at <= due_by
    GROUP BY reference, idle, way
) o
LEFT JOIN LATERAL (
    SELECT m.error FROM (SELECT state, error FROM alerts_message WHERE batch_id = o.oldest OFFSET 0) m
    WHERE m.state = 'waiting' AND m.error <> '' LIMIT 1
) said ON true
ORDER BY o.since
"""

# Whether any mail waits that may leave. Index: batch_outbox.
WAITS = """
SELECT EXISTS (
    SELECT FROM alerts_batch b
    LEFT JOIN alerts_advisory a ON a.id = coalesce(b.advisory_id, CASE WHEN b.kind = 'escalation' THEN b.about_id END)
    WHERE b.done_at IS NULL AND a.stopped_at IS NULL AND b.not_before <= %(now)s
)
"""

# How often each route was condemned lately, and since when; of the last of what is known of it. Index: record_subject.
CONDEMNED = """
SELECT n.name, count(*), min(e.at)
FROM unnest(%(names)s::text[]) AS n(name)
CROSS JOIN LATERAL (SELECT kind, at FROM alerts_record WHERE subject = left(n.name, 60) ORDER BY id DESC LIMIT 200) e
WHERE e.kind = 'route condemned' AND e.at > %(since)s
GROUP BY n.name
"""

# Bodies by advisory, since when; measured from when it last went on.
_MEASURED = f"""
SELECT f.reference, f.bodies, greatest(f.since, w.at)
FROM ({{found}}) f
CROSS JOIN LATERAL ({_WENT_ON.format(reference="f.reference", since="f.since")}) w
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

# Steps of the chase that are due for long and not done, by clock and when they were due; with when the advisory last went on,
# or its chase did. Indexes: chase_step_due, record_subject.
CHASE_LATE = f"""
SELECT f.reference, f.calendar, f.steps, greatest(f.due, w.at)
FROM (
    SELECT a.reference, c.calendar, count(*) AS steps, min(s.due_at) AS due
    FROM (SELECT * FROM alerts_chasestep WHERE done_at IS NULL AND due_at <= %(late)s OFFSET 0) s
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND a.chase_ended_at IS NULL AND c.material = a.clocked
    GROUP BY a.reference, c.calendar
) f
CROSS JOIN LATERAL ({_CHASED_AGAIN.format(reference="f.reference", since="f.due")}) w
WHERE w.at IS NULL OR w.at <= %(late)s
ORDER BY f.reference, f.calendar
"""

# Mails of the chase that could be written, since somebody is at work or the warning is critical, and are not: reminders, and
# lists of whoever is silent; but for what a day's mails hold back. Indexes: nudge_waiting, escalation_waiting,
# alerts_membership(person).
CHASE_WAITS = """
SELECT w.reference, count(*), min(w.id), max(w.id)
FROM (
    SELECT a.reference, n.id
    FROM (SELECT * FROM alerts_nudge WHERE state = 'waiting' OFFSET 0) n
    JOIN alerts_recipient r ON r.id = n.recipient_id
    JOIN alerts_advisory a ON a.id = r.advisory_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND (a.severity = 'critical' OR EXISTS (
        SELECT FROM (SELECT body_id FROM departments_membership WHERE person_id = n.person_id AND until IS NULL OFFSET 0) m
        JOIN departments_body d ON d.id = m.body_id
        WHERE d.calendar = ANY(%(open)s)
    ))
    UNION ALL
    SELECT a.reference, -e.id
    FROM (SELECT * FROM alerts_escalation WHERE state = 'waiting' AND held_back_at IS NULL OFFSET 0) e
    JOIN alerts_chasestep s ON s.id = e.step_id AND s.done_at IS NOT NULL
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    JOIN departments_body d ON d.id = e.body_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND (a.severity = 'critical' OR d.calendar = ANY(%(open)s))
) w
GROUP BY w.reference
ORDER BY w.reference
"""

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

# What was said of mails long ago and is matched to none, the oldest first. Index: event_unmatched.
UNMATCHED_EVENTS = """
SELECT id, received_at, token FROM alerts_trackingevent
WHERE matched_at IS NULL AND received_at <= %(before)s
ORDER BY received_at, id
LIMIT %(most)s
"""

# Those of them that are about a mail of ours which left, or was refused: by our own token, or by the provider's id of it.
# Indexes: alerts_message's primary key, message_provider.
EVENTS_OF_OURS = """
SELECT e.received_at
FROM unnest(%(ids)s::bigint[], %(messages)s::bigint[]) AS w(id, message)
JOIN alerts_trackingevent e ON e.id = w.id AND e.matched_at IS NULL
WHERE EXISTS (SELECT FROM alerts_message m WHERE m.id = w.message AND m.state IN ('sent', 'failed'))
   OR e.token = '' AND e.provider_id <> '' AND EXISTS (
       SELECT FROM alerts_message m
       WHERE m.provider_id = e.provider_id AND m.provider_id <> '' AND m.state IN ('sent', 'failed')
   )
"""

# What the auditor remembers of work that has no time of its own. Index: trouble_open_once.
NOTED = "SELECT kind, subject, says, began_at FROM alerts_trouble WHERE over_at IS NULL AND kind LIKE 'note:%%'"

# A mark that moved starts anew.
NOTE = """
INSERT INTO alerts_trouble (kind, subject, says, began_at, seen_at)
SELECT 'note:' || n.kind, n.subject, n.mark, %(now)s, %(now)s
FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(marks)s::text[]) AS n(kind, subject, mark)
ORDER BY n.kind, n.subject
ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE
SET seen_at = excluded.seen_at,
    began_at = CASE WHEN alerts_trouble.says = excluded.says THEN alerts_trouble.began_at ELSE excluded.began_at END,
    says = excluded.says
"""

UNNOTE = "DELETE FROM alerts_trouble WHERE over_at IS NULL AND kind LIKE 'note:%%' AND seen_at < %(now)s"

# It began when it was first seen to have begun: what comes again while it lasts does not make it younger.
OPEN = """
INSERT INTO alerts_trouble (kind, subject, says, began_at, seen_at)
SELECT t.kind, t.subject, t.says, t.since, %(now)s
FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(says)s::text[], %(since)s::timestamptz[])
    AS t(kind, subject, says, since)
ORDER BY t.kind, t.subject
ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE SET seen_at = excluded.seen_at, says = excluded.says
"""

CLOSE = """
UPDATE alerts_trouble SET over_at = %(now)s
WHERE over_at IS NULL AND kind NOT LIKE 'note:%%' AND seen_at < %(now)s
"""

FORGET = "DELETE FROM alerts_trouble WHERE over_at < %(long_ago)s"
