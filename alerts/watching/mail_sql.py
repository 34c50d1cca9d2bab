"""The SQL of mail that may leave and does not."""

from alerts.watching.went_on_sql import WENT_ON

# Mail goes out as long as somebody has a batch in hand, or noted one a moment ago (between two batches nobody has one).
# Indexes: batch_outbox; the end of alerts_record's primary key.
_MOVES = """
SELECT EXISTS (SELECT FROM alerts_batch WHERE done_at IS NULL AND leased_until > %(now)s)
    OR EXISTS (SELECT FROM (SELECT kind, at FROM alerts_record ORDER BY id DESC LIMIT 200) r
               WHERE r.kind IN ('sent', 'refused') AND r.at > %(moved)s) AS moves
"""

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
    CROSS JOIN LATERAL ({WENT_ON.format(reference="f.reference", since="f.since")}) w
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
