"""The SQL of the post, whole: what waits for a mail, and the mails."""

from alerts.chasing.owing_sql import ASKED_SOMEWHERE, OWES, PROMISED, REACHED
from alerts.models.figures import FIGURES_LOCK, FIGURES_OF_RECIPIENT, REVISIONS

# Within whose hours it is now: one of theirs is enough. `{person}`: whose. A critical warning asks nobody's hours.
# Index: alerts_membership(person), body's primary key.
_AT_WORK = """
(%(everywhere)s OR cardinality(%(open)s::text[]) > 0 AND EXISTS (
    SELECT FROM (SELECT body_id FROM departments_membership WHERE person_id = {person} AND until IS NULL OFFSET 0) m
    JOIN departments_body d ON d.id = m.body_id
    WHERE d.calendar = ANY(%(open)s)
))
"""
# How many mails of the chase they have had today already. What is escalated may have waited for some days before its mail.
# Index: nudge_of_person, escalation_of_person, message's and batch's primary keys.
_TODAY = """
(SELECT count(DISTINCT message_id) FROM (
    SELECT message_id FROM alerts_nudge WHERE person_id = {person} AND at >= %(midnight)s AND state = 'mailed'
    UNION ALL
    SELECT had.message_id
    FROM (
        SELECT DISTINCT message_id FROM alerts_escalation
        WHERE person_id = {person} AND at >= %(midnight)s - interval '30 days' AND state = 'mailed'
    ) had
    JOIN alerts_message m ON m.id = had.message_id
    JOIN alerts_batch b ON b.id = m.batch_id AND b.made_at >= %(midnight)s
) today)
"""

# Whether the advisory of this step is critical, and who has had as many mails of the chase today as a day bears. Looked for
# among the mails that were made today, and of these few counted as the post counts them; press reminders are none of the chase.
# Index: alerts_message(batch).
FULL = f"""
WITH many AS MATERIALIZED (
    SELECT m.person_id
    FROM (
        SELECT id FROM alerts_batch WHERE made_at >= %(midnight)s AND kind IN ('reminder', 'digest', 'escalation') OFFSET 0
    ) b
    CROSS JOIN LATERAL (SELECT person_id FROM alerts_message m WHERE m.batch_id = b.id OFFSET 0) m
    GROUP BY m.person_id
    HAVING count(*) >= %(cap)s
)
SELECT a.severity = 'critical',
       ARRAY(SELECT person_id FROM many WHERE {_TODAY.format(person="many.person_id")} >= %(cap)s ORDER BY person_id)
FROM alerts_chasestep s
JOIN alerts_clock c ON c.id = s.clock_id
JOIN alerts_advisory a ON a.id = c.advisory_id
WHERE s.id = %(step)s
"""


def with_full(whom: str, shown: int) -> str:
    """Whom a step would reach, as its statement `whom` says when it shows everybody; and how many of them are `full`."""
    return f"""
SELECT w.people, w.bodies, jsonb_path_query_array(w.found, '$[0 to {shown - 1}]'), (
    SELECT count(*)
    FROM (SELECT DISTINCT (one ->> 0)::bigint AS person FROM jsonb_array_elements(w.found) AS e (one)) them
    JOIN unnest(%(full)s::bigint[]) AS f (person) ON f.person = them.person
)
FROM ({whom}) w (people, bodies, found)
"""


# Whether there is anything to post at all. Index: nudge_waiting, escalation_waiting.
ANYTHING_WAITS = """
SELECT EXISTS (SELECT FROM alerts_nudge WHERE state = 'waiting'), EXISTS (SELECT FROM alerts_escalation WHERE state = 'waiting')
"""

# Whether anything critical is among it: while nobody is at work nothing else leaves, and whoever waits is not looked at one by
# one each minute of a night. Index: nudge_waiting.
CRITICAL_WAITS = """
SELECT EXISTS (
    SELECT FROM (SELECT DISTINCT step_id FROM alerts_nudge WHERE state = 'waiting' AND step_id IS NOT NULL) w
    JOIN alerts_chasestep s ON s.id = w.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    WHERE a.severity = 'critical'
) OR EXISTS (
    SELECT FROM (SELECT recipient_id FROM alerts_nudge WHERE state = 'waiting' AND step_id IS NULL OFFSET 0) n
    CROSS JOIN LATERAL (SELECT advisory_id FROM alerts_recipient r WHERE r.id = n.recipient_id OFFSET 0) r
    JOIN alerts_advisory a ON a.id = r.advisory_id
    WHERE a.severity = 'critical'
)
"""

# The next people whose nudges wait, in the order of their ids, and how many mails each had today; whether one may leave to them
# now. A stopped advisory's wait until it goes on. Which advisory each is of is asked only while one is stopped, or critical.
# Index: nudge_waiting, advisory_live, recipient's primary key.
WAITING = f"""
WITH special AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM (SELECT * FROM alerts_advisory WHERE state = 'live' OFFSET 0) a
        WHERE a.stopped_at IS NOT NULL OR a.severity = 'critical'
    ) AS any
), next AS MATERIALIZED (
    SELECT DISTINCT person_id FROM alerts_nudge WHERE state = 'waiting' AND person_id > %(after)s
    ORDER BY person_id
    LIMIT %(most)s
)
SELECT next.person_id, theirs.critical, theirs.critical OR theirs.any AND {_AT_WORK.format(person="next.person_id")} AS may,
       {_TODAY.format(person="next.person_id")} AS had
FROM next
CROSS JOIN LATERAL (
    SELECT false AS critical, true AS any WHERE NOT (SELECT special.any FROM special)
    UNION ALL
    SELECT coalesce(bool_or(a.severity = 'critical'), false), count(*) > 0
    FROM (SELECT recipient_id FROM alerts_nudge n WHERE n.person_id = next.person_id AND n.state = 'waiting' OFFSET 0) n
    CROSS JOIN LATERAL (SELECT advisory_id FROM alerts_recipient r WHERE r.id = n.recipient_id OFFSET 0) r
    JOIN alerts_advisory a ON a.id = r.advisory_id AND a.stopped_at IS NULL
    WHERE (SELECT special.any FROM special)
    HAVING (SELECT special.any FROM special)
) theirs
ORDER BY next.person_id
"""

# Whom a step reached are those who get its mail: whoever gets none after all (`gone`) is not of them.
_FEWER = """
UPDATE alerts_chasestep s SET people = greatest(s.people - fewer.number, 0)
FROM (SELECT step_id, count(*) AS number FROM gone WHERE step_id IS NOT NULL GROUP BY step_id) fewer
WHERE s.id = fewer.step_id
"""

# What waits since an earlier look and is not owed any more: answered, done, let go, left, out of reach, not live, or ended.
# What this look found was owed a moment ago, and delivery asks again. Who is found stands before the update looks at a row
# (MATERIALIZED): it was asked anew for each row that waits, which took minutes.
OLDER = "SELECT EXISTS (SELECT FROM alerts_nudge WHERE state = 'waiting' AND at < %(now)s)"
MOOT = f"""
WITH moot AS MATERIALIZED (
    SELECT n.id
    FROM (SELECT * FROM alerts_nudge WHERE state = 'waiting' AND person_id = ANY(%(people)s) AND at < %(now)s OFFSET 0) n
    LEFT JOIN alerts_chasestep s ON s.id = n.step_id
    LEFT JOIN alerts_clock c ON c.id = s.clock_id
    CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = n.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM departments_person p WHERE p.id = n.person_id OFFSET 0) p
    JOIN alerts_advisory a ON a.id = r.advisory_id
    CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = r.advisory_id) v
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE a.state <> 'live' OR a.chase_ended_at IS NOT NULL OR NOT ({REACHED})
       OR c.material <> v.material OR n.promise_id IS NOT NULL AND NOT {PROMISED}
       OR c.id IS NOT NULL AND NOT EXISTS (
            SELECT FROM (SELECT * FROM alerts_seat t WHERE t.recipient_id = r.id AND t.ended_at IS NULL OFFSET 0) t
            JOIN alerts_relay l ON l.id = t.relay_id
            WHERE {OWES}
       )
), gone AS (
    UPDATE alerts_nudge u SET state = 'moot' FROM moot WHERE u.id = moot.id AND u.state = 'waiting' RETURNING u.step_id
)
{_FEWER}
"""

# Everybody has had as many as a day bears: what is not critical is let be; the next step of its clock asks again. A promise
# has no next one, and waits for the next day; what is stopped, which may be critical, until it goes on.
HOLD_BACK = f"""
WITH gone AS (
    UPDATE alerts_nudge n SET state = 'held-back'
    FROM alerts_recipient r JOIN alerts_advisory a ON a.id = r.advisory_id AND a.stopped_at IS NULL
    WHERE n.state = 'waiting' AND n.person_id = ANY(%(people)s) AND n.step_id IS NOT NULL AND r.id = n.recipient_id
    RETURNING n.step_id, n.recipient_id
), fewer AS (
    {_FEWER}
)
SELECT recipient_id FROM gone
"""

# Which advisories a mail to these people may be about. Whoever publishes one waits, or is waited for.
SHARE = f"""
WITH waiting AS MATERIALIZED (
    SELECT step_id, recipient_id FROM alerts_nudge WHERE state = 'waiting' AND person_id = ANY(%(people)s)
)
SELECT pg_advisory_xact_lock_shared({FIGURES_LOCK}, x.id::int)
FROM (
    SELECT c.advisory_id AS id
    FROM (SELECT DISTINCT step_id FROM waiting WHERE step_id IS NOT NULL) w
    JOIN alerts_chasestep s ON s.id = w.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    UNION
    SELECT r.advisory_id
    FROM (SELECT recipient_id FROM waiting WHERE step_id IS NULL) w
    CROSS JOIN LATERAL (SELECT advisory_id FROM alerts_recipient r WHERE r.id = w.recipient_id OFFSET 0) r
    ORDER BY 1
) x
"""

# Whether a recipient `r` of the advisory `a` owes an answer: told of it, and not answered where one is asked for.
_OPEN = f"""
(a.state = 'live' AND a.acknowledge_within IS NOT NULL AND a.chase_ended_at IS NULL AND EXISTS (
    SELECT FROM ({REVISIONS} WHERE a.id = r.advisory_id) v
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE f.acknowledged = 0 AND r.told_revision >= greatest(v.current, 1) AND {ASKED_SOMEWHERE}
))
"""

# One mail a person. Where one advisory is all that they owe it is its reminder, with a recipient and revision; otherwise a
# digest, which is of none. In batches of so many of an advisory, and of digests of a rank. A second reminder of one advisory in
# one look (two clocks, a promise) is in the same mail. No two of the parts are joined but by an index: what waits comes and
# goes within the minute, so the database thinks that it is nothing, and would compare each with each.
# Index: nudge_waiting, alerts_recipient(person), nudge's primary key.
POST = f"""
WITH nudged AS MATERIALIZED (
    SELECT person_id, array_agg(id) AS ids, array_agg(recipient_id) AS recipients
    FROM (SELECT * FROM alerts_nudge WHERE state = 'waiting' AND person_id = ANY(%(people)s) OFFSET 0) n
    GROUP BY person_id
), mail AS MATERIALIZED (
    SELECT x.person_id, u.nudges, u.first, o.rank, CASE WHEN o.many = 1 THEN o.recipient END AS recipient,
           CASE WHEN o.many = 1 THEN o.advisory END AS advisory, CASE WHEN o.many = 1 THEN o.revision END AS revision,
           CASE WHEN o.many = 1 THEN 'chase:' ELSE 'digest:' END || u.first AS key
    FROM nudged x
    CROSS JOIN LATERAL (
        SELECT array_agg(r.id) FILTER (WHERE r.nudged) AS recipients, count(*) AS many, min(r.id) AS recipient,
               min(r.advisory_id) AS advisory, min(a.current_id) AS revision,
               min(array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text) - 1)
                   FILTER (WHERE r.nudged) AS rank
        FROM (
            SELECT *, id = ANY(x.recipients) AS nudged FROM alerts_recipient WHERE person_id = x.person_id OFFSET 0
        ) r
        JOIN alerts_advisory a ON a.id = r.advisory_id AND a.stopped_at IS NULL
        WHERE r.nudged OR {_OPEN}
    ) o
    CROSS JOIN LATERAL (
        SELECT array_agg(n.id) AS nudges, min(n.id) AS first
        FROM unnest(x.ids, x.recipients) AS n (id, recipient) WHERE n.recipient = ANY(o.recipients)
    ) u
    WHERE u.first IS NOT NULL
), numbered AS MATERIALIZED (
    SELECT m.*, (row_number() OVER (PARTITION BY m.advisory, m.rank ORDER BY m.first) - 1) / %(size)s AS part,
           nextval('alerts_message_id_seq') AS message
    FROM mail m
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before, made_at)
    SELECT rank, advisory, revision, CASE WHEN advisory IS NULL THEN 'digest' ELSE 'reminder' END, count(*), %(now)s, %(now)s
    FROM numbered GROUP BY rank, advisory, revision, part ORDER BY rank, advisory, part
    RETURNING id, rank, advisory_id
), placed AS MATERIALIZED (
    SELECT id, rank, advisory_id, row_number() OVER (PARTITION BY advisory_id, rank ORDER BY id) - 1 AS part FROM made
), written AS (
    INSERT INTO alerts_message (id, key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
    SELECT n.message, n.key, p.id, n.person_id, n.advisory, n.recipient, n.revision,
           CASE WHEN n.advisory IS NULL THEN 'digest' ELSE 'reminder' END
    FROM numbered n
    JOIN placed p ON p.rank = n.rank AND p.part = n.part AND p.advisory_id IS NOT DISTINCT FROM n.advisory
    ORDER BY n.first
), closed AS (
    UPDATE alerts_nudge u SET state = 'mailed', at = %(now)s, message_id = n.message
    FROM (SELECT unnest(nudges) AS id, message FROM numbered OFFSET 0) n
    WHERE u.id = n.id
)
SELECT advisory, count(*), encode(sha256(string_agg(key, E'\n' ORDER BY key COLLATE "C")::bytea), 'hex')
FROM numbered GROUP BY advisory
"""

# The same of escalations, each with the advisory that it is about. While a step is still gone over its mails would be several.
# Index: escalation_waiting.
ESCALATED = f"""
WITH next AS MATERIALIZED (
    SELECT DISTINCT person_id FROM alerts_escalation WHERE state = 'waiting' AND person_id > %(after)s
    ORDER BY person_id
    LIMIT %(most)s
)
SELECT next.person_id, theirs.advisory_id, coalesce(theirs.critical, false), coalesce(theirs.may, false),
       {_TODAY.format(person="next.person_id")} AS had
FROM next
LEFT JOIN LATERAL (
    SELECT c.advisory_id, a.severity = 'critical' AS critical,
           bool_and(s.done_at IS NOT NULL) AND (a.severity = 'critical' OR bool_or(d.calendar = ANY(%(open)s))) AS may
    FROM (SELECT * FROM alerts_escalation e WHERE e.person_id = next.person_id AND e.state = 'waiting' OFFSET 0) e
    JOIN alerts_chasestep s ON s.id = e.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id AND a.stopped_at IS NULL
    JOIN departments_body d ON d.id = e.body_id
    GROUP BY c.advisory_id, a.severity
) theirs ON true
ORDER BY next.person_id, theirs.advisory_id
"""
ESCALATIONS_MOOT = """
UPDATE alerts_escalation e SET state = 'moot'
FROM alerts_chasestep s JOIN alerts_clock c ON c.id = s.clock_id JOIN alerts_advisory a ON a.id = c.advisory_id,
     departments_person p
WHERE e.state = 'waiting' AND s.id = e.step_id AND p.id = e.person_id
  AND (a.state <> 'live' OR a.chase_ended_at IS NOT NULL OR c.material <> a.clocked
       OR p.left_at IS NOT NULL OR p.bounced_at IS NOT NULL)
"""
ESCALATIONS_HELD_BACK = """
UPDATE alerts_escalation e SET held_back_at = %(now)s
FROM alerts_chasestep s JOIN alerts_clock c ON c.id = s.clock_id
WHERE e.state = 'waiting' AND e.held_back_at IS NULL AND s.id = e.step_id
  AND (e.person_id, c.advisory_id) IN (SELECT * FROM unnest(%(people)s::bigint[], %(advisories)s::bigint[]))
RETURNING e.id
"""
# One mail to each of these people about one advisory, for all bodies that wait. Index: escalation_waiting.
POST_ESCALATIONS = """
WITH mail AS MATERIALIZED (
    SELECT e.person_id, array_agg(e.id) AS escalations, min(e.id) AS first,
           (row_number() OVER (ORDER BY min(e.id)) - 1) / %(size)s AS part,
           nextval('alerts_message_id_seq') AS message
    FROM (SELECT * FROM alerts_escalation WHERE state = 'waiting' AND person_id = ANY(%(people)s) OFFSET 0) e
    JOIN alerts_chasestep s ON s.id = e.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    WHERE c.advisory_id = %(advisory)s
    GROUP BY e.person_id
), made AS (
    INSERT INTO alerts_batch (rank, about_id, kind, size, not_before, made_at)
    SELECT %(rank)s, %(advisory)s, 'escalation', count(*), %(now)s, %(now)s FROM mail GROUP BY part ORDER BY part
    RETURNING id
), placed AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS part FROM made
), written AS (
    INSERT INTO alerts_message (id, key, batch_id, person_id, kind)
    SELECT m.message, 'escalate:' || m.first, p.id, m.person_id, 'escalation' FROM mail m JOIN placed p ON p.part = m.part
    ORDER BY m.first
), closed AS (
    UPDATE alerts_escalation u SET state = 'mailed', message_id = m.message
    FROM (SELECT unnest(escalations) AS id, message FROM mail OFFSET 0) m
    WHERE u.id = m.id
    RETURNING u.id
)
SELECT count(*), encode(sha256(string_agg(key, E'\n' ORDER BY key COLLATE "C")::bytea), 'hex'), (SELECT count(*) FROM closed)
FROM (SELECT 'escalate:' || first AS key FROM mail) keys
"""
