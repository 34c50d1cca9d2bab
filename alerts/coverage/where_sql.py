"""The SQL of where an advisory is now: the wave in one statement, its mails in another, whatever the size of the tree."""

from alerts.models.figures import CURRENT_SEAT, FIGURES_OF_RECIPIENT, REVISIONS, columns

_FIGURES = columns()
_ADDED_UP = columns(template="COALESCE(sum({0}), 0)::int AS {0}")
_OWN = "targeted, waiting, unreachable, acknowledged"

# The first so many of some reason, those nearest to the top first.
_NAMED = "(SELECT '{reason}' AS reason, body_id, level, id FROM {rows} ORDER BY level, id LIMIT %(named)s)"

# Whom a relay is for, and who is dark there, is as in `alerts.coverage.nodes_sql`. Whoever left the audience before it was
# reached is nowhere, and a body that is dark is nowhere but there: it is neither reached nor waited for. What is planned waits
# behind the nearest held relay on its path: the paths are laid out and joined, since asking each hold for its branch would read
# the tree once a hold.
# Index: relay_once, alerts_counter(advisory), alerts_delta(advisory).
WAVE = f"""
WITH own (relay_id, {_OWN}) AS MATERIALIZED (
    SELECT relay_id, sum(targeted), sum(waiting), sum(unreachable), sum(acknowledged)
    FROM (
        SELECT relay_id, {_OWN} FROM alerts_counter WHERE advisory_id = %(advisory)s
        UNION ALL
        SELECT relay_id, {_OWN} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NOT NULL
    ) x
    GROUP BY relay_id
), node AS MATERIALIZED (
    SELECT r.id, r.body_id, r.path, cardinality(r.path) AS level, r.state, r.stale, r.held_until,
           t.target,
           COALESCE(o.waiting, 0) AS waiting,
           t.target AND COALESCE(o.acknowledged, 0) = 0 AND COALESCE(o.unreachable, 0) = COALESCE(o.targeted, 0)
               AND NOT (r.stale AND COALESCE(o.targeted, 0) = 0) AS dark
    FROM alerts_relay r
    LEFT JOIN (SELECT id FROM departments_body WHERE closed IS NOT NULL) closed ON closed.id = r.body_id
    LEFT JOIN own o ON o.relay_id = r.id
    CROSS JOIN LATERAL (
        SELECT (r.purpose = 'target' AND closed.id IS NULL) OR COALESCE(o.targeted, 0) > 0 AS target
    ) t
    WHERE r.advisory_id = %(advisory)s AND r.purpose <> 'left'
), behind AS MATERIALIZED (
    SELECT DISTINCT ON (n.id) n.id, n.body_id, n.level, n.target AND NOT n.dark AS target, n.waiting, h.id AS hold
    FROM node n
    CROSS JOIN LATERAL unnest(n.path) WITH ORDINALITY AS above (id, place)
    JOIN (SELECT id FROM node WHERE state = 'held') h ON h.id = above.id
    WHERE n.state = 'planned'
    ORDER BY n.id, above.place DESC
), next AS MATERIALIZED (
    SELECT n.id, n.body_id, n.level, n.target AND NOT n.dark AS target, n.waiting
    FROM node n LEFT JOIN behind b ON b.id = n.id WHERE n.state = 'planned' AND b.id IS NULL
), queue AS (
    SELECT hold, count(*) FILTER (WHERE target) AS bodies, sum(waiting) AS people FROM behind GROUP BY hold
), held AS MATERIALIZED (
    SELECT h.id, COALESCE(q.bodies, 0)::int AS bodies, (h.waiting + COALESCE(q.people, 0))::int AS people
    FROM node h LEFT JOIN queue q ON q.hold = h.id
    WHERE h.state = 'held' AND NOT h.dark
), level AS (
    SELECT level, count(*) FILTER (WHERE target) AS bodies,
           count(*) FILTER (WHERE dark) AS dark,
           count(*) FILTER (WHERE target AND NOT dark AND state = 'released') AS reached,
           count(*) FILTER (WHERE target AND NOT dark AND state = 'held') AS held,
           count(*) FILTER (WHERE target AND NOT dark AND state = 'planned') AS planned,
           count(*) FILTER (WHERE NOT target) AS passing,
           COALESCE(sum(waiting), 0)::int AS waiting
    FROM node
    GROUP BY level
), named AS (
    {_NAMED.format(reason="behind", rows="behind WHERE target")}
    UNION ALL
    {_NAMED.format(reason="next", rows="next WHERE target")}
    UNION ALL
    {_NAMED.format(reason="stale", rows="node WHERE stale AND target")}
    UNION ALL
    {_NAMED.format(reason="dark", rows="node WHERE dark")}
)
SELECT statement_timestamp(),
       (SELECT seen IS NOT NULL FROM alerts_advisory WHERE id = %(advisory)s),
       (SELECT to_jsonb(w) FROM (
           SELECT {_ADDED_UP}
           FROM (
               SELECT {_FIGURES} FROM alerts_whole WHERE advisory_id = %(advisory)s
               UNION ALL
               SELECT {_FIGURES} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NULL
           ) x
       ) w),
       (SELECT COALESCE(jsonb_agg(l ORDER BY l.level), '[]') FROM level l),
       (SELECT COALESCE(jsonb_agg(h ORDER BY h.people DESC, h.bodies DESC, h.id), '[]') FROM (
           SELECT * FROM held ORDER BY people DESC, bodies DESC, id LIMIT %(holds)s
       ) h),
       (SELECT jsonb_build_object(
           'behind', (SELECT jsonb_build_array(count(*) FILTER (WHERE target), COALESCE(sum(waiting), 0)) FROM behind),
           'next', (SELECT jsonb_build_array(count(*) FILTER (WHERE target), COALESCE(sum(waiting), 0)) FROM next),
           'stale', jsonb_build_array(count(*) FILTER (WHERE stale AND target), 0),
           'dark', jsonb_build_array(count(*) FILTER (WHERE dark), 0),
           'held', jsonb_build_array(count(*) FILTER (WHERE state = 'held' AND NOT dark),
                                     COALESCE(sum(waiting) FILTER (WHERE state = 'held'), 0)),
           'reached', jsonb_build_array(count(*) FILTER (WHERE target AND NOT dark AND state = 'released'),
                                        COALESCE(sum(waiting) FILTER (WHERE state = 'released'), 0)),
           'let_go', jsonb_build_array(count(*) FILTER (WHERE state = 'released' AND held_until IS NOT NULL), 0),
           'to_write', jsonb_build_array(count(*) FILTER (WHERE stale), 0)
       ) FROM node),
       (SELECT COALESCE(jsonb_agg(jsonb_build_array(n.reason, b.slug, b.name) ORDER BY n.level, n.id), '[]')
        FROM named n JOIN departments_body b ON b.id = n.body_id),
       (SELECT count(*) FROM (
           SELECT body_id FROM alerts_exclusion WHERE advisory_id = %(advisory)s AND lapsed_at IS NULL
           UNION
           SELECT body_id FROM alerts_gap WHERE advisory_id = %(advisory)s AND decision = 'signed'
       ) x)
"""

# People who still wait, each once, at the highest level at which they do. Index: recipient_told, seat_once.
WAITING = f"""
SELECT level, count(*)
FROM (
    SELECT DISTINCT ON (r.id) cardinality(l.path) AS level
    FROM ({REVISIONS} WHERE a.id = %(advisory)s) v
    JOIN alerts_recipient r ON r.advisory_id = v.id AND r.told_revision < greatest(v.current, 1)
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    CROSS JOIN LATERAL (SELECT * FROM alerts_seat WHERE recipient_id = r.id OFFSET 0) s
    JOIN alerts_relay l ON l.id = s.relay_id AND l.purpose <> 'left'
    WHERE r.targeted AND f.waiting = 1 AND {CURRENT_SEAT}
    ORDER BY r.id, 1
) x
GROUP BY level
"""

# The outbox of the revision that stands. A batch's size is what was put into it, so what is left in those that a worker may
# have begun is counted: they are the first, and few. What was deferred has a batch of its own, of its own size.
# Index: alerts_batch(advisory), alerts_message(batch), batch_outbox.
OUTBOX = """
WITH mine AS MATERIALIZED (
    SELECT id, rank, not_before, leased_until, attempt, size, done_at, row_number() OVER (
        PARTITION BY done_at IS NULL ORDER BY rank, not_before, id
    ) AS place
    FROM alerts_batch
    WHERE advisory_id = %(advisory)s AND revision_id = %(revision)s AND kind NOT IN ('note', 'reminder')
), waiting AS MATERIALIZED (
    SELECT b.*, COALESCE(m.left_in_it, b.size) AS mails,
           CASE WHEN b.leased_until > %(now)s THEN 'leaving' WHEN b.not_before > %(now)s THEN 'later' ELSE 'due' END AS at
    FROM mine b
    LEFT JOIN LATERAL (
        SELECT count(*) AS left_in_it FROM alerts_message m WHERE m.batch_id = b.id AND m.state = 'waiting'
    ) m ON b.place <= %(counted)s
    WHERE b.done_at IS NULL
), ahead AS (
    SELECT COALESCE(a.reference, '') AS reference, min(b.rank) AS rank
    FROM alerts_batch b LEFT JOIN alerts_advisory a ON a.id = b.advisory_id
    WHERE b.done_at IS NULL AND b.not_before <= %(now)s AND a.stopped_at IS NULL
      AND b.rank < (SELECT min(rank) FROM waiting WHERE at = 'due')
    GROUP BY 1
)
SELECT COALESCE(sum(mails) FILTER (WHERE at = 'leaving'), 0)::int,
       COALESCE(sum(mails) FILTER (WHERE at = 'due'), 0)::int,
       COALESCE(sum(mails) FILTER (WHERE at = 'later'), 0)::int,
       min(not_before) FILTER (WHERE at = 'later'),
       COALESCE((
           SELECT m.error
           FROM (SELECT id FROM waiting WHERE at = 'later' ORDER BY not_before, id LIMIT 5) b
           JOIN alerts_message m ON m.batch_id = b.id AND m.state = 'waiting' AND m.error <> ''
           LIMIT 1
       ), ''),
       (SELECT COALESCE(array_agg(reference ORDER BY rank, reference), '{}') FROM ahead),
       (SELECT max(done_at) FROM mine)
FROM waiting
"""

# The last entries are enough: one is at most 100 mails. Index: record_subject.
LAST_MINUTE = """
SELECT COALESCE(sum((details ->> 'mails')::int), 0)
FROM (SELECT kind, at, details FROM alerts_record WHERE subject = %(reference)s ORDER BY id DESC LIMIT 3000) x
WHERE kind = 'sent' AND at > %(now)s - interval '1 minute'
"""

# Each delta ever written counts once, pending or folded, as in coverage's. A held body's note, and a batch put off, taken or
# done, are news here.
NEWS = """
SELECT md5(ROW(
    a.state, a.current_id, a.stopped_at, a.seen IS NULL,
    COALESCE((SELECT folded FROM alerts_whole WHERE advisory_id = a.id), 0)
        + (SELECT count(*) FROM alerts_delta WHERE advisory_id = a.id),
    (SELECT ROW(count(*), count(*) FILTER (WHERE r.state = 'planned'), count(*) FILTER (WHERE r.state = 'held'),
                count(*) FILTER (WHERE r.stale), count(*) FILTER (WHERE r.purpose = 'left'),
                max(r.reached_at), max(r.released_at), sum(extract(epoch FROM r.held_until)))
     FROM alerts_relay r WHERE r.advisory_id = a.id),
    (SELECT max(n.id) FROM alerts_relay h JOIN alerts_note n ON n.relay_id = h.id
     WHERE h.advisory_id = a.id AND h.state = 'held'),
    (SELECT ROW(count(*), count(b.leased_until), sum(extract(epoch FROM b.not_before)))
     FROM alerts_batch b WHERE b.advisory_id = a.id AND b.done_at IS NULL),
    (SELECT ROW(count(*), count(e.lapsed_at), max(e.id)) FROM alerts_exclusion e WHERE e.advisory_id = a.id),
    (SELECT ROW(count(*), max(g.id), max(g.at)) FROM alerts_gap g WHERE g.advisory_id = a.id)
)::text)
FROM alerts_advisory a
WHERE a.id = %(advisory)s
"""
