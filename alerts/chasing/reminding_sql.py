"""The SQL of reminders, whole: who is due one at a step of a clock."""

from alerts.chasing.owing_sql import OWES_OF, PROMISE_STANDS, REACHED, SEATS_OF_KIND, THEIR_CLOCK, day
from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS

# The next relays of a clock, in the order of their ids. A clock names the bodies that it is for; one to act is for every body
# that is targeted, one to let go for what is held, and one of people who were told late for where these sit.
# Index: relay_clock, relay_once, relay_held, recipient_clock, seat_once.
RELAYS = """
    SELECT l.*
    FROM (
        SELECT id FROM alerts_relay WHERE c.kind = 'answer' AND NOT c.late AND clock_id = c.id AND id > %(upto)s
        UNION ALL
        SELECT id FROM alerts_relay
        WHERE c.kind = 'act' AND advisory_id = c.advisory_id AND purpose IN ('target', 'named') AND state = 'released'
          AND id > %(upto)s
        UNION ALL
        SELECT id FROM alerts_relay
        WHERE c.kind = 'hold' AND state = 'held' AND advisory_id = c.advisory_id AND purpose <> 'left' AND id > %(upto)s
        UNION ALL
        SELECT DISTINCT t.relay_id FROM alerts_recipient own JOIN alerts_seat t ON t.recipient_id = own.id
        WHERE c.late AND own.clock_id = c.id AND t.counts AND t.ended_at IS NULL AND t.relay_id > %(upto)s
    ) those
    CROSS JOIN LATERAL (SELECT * FROM alerts_relay l WHERE l.id = those.id OFFSET 0) l
    ORDER BY l.id
    LIMIT %(relays)s
"""

CLOCK = f"""
clock AS MATERIALIZED (
    SELECT c.*, s.id AS step, coalesce(%(since)s::timestamptz, s.since) AS since, s.n
    FROM alerts_chasestep s JOIN alerts_clock c ON c.id = s.clock_id WHERE s.id = %(step)s
), asking AS MATERIALIZED (
    SELECT a.id, a.current_id, a.rule, a.severity, a.marking FROM alerts_advisory a JOIN clock c ON c.advisory_id = a.id
), numbers AS MATERIALIZED (
    {REVISIONS} WHERE a.id = (SELECT id FROM asking)
), relay AS MATERIALIZED (
    SELECT l.* FROM clock c CROSS JOIN LATERAL ({RELAYS}) l
)
"""

# Whoever sits in several bodies is reminded on the clock that ends last: it is the time that their mail names
# (`alerts.own_time`). Where one answer is enough for a body each is asked by itself. Index: seat_once, clock's primary key.
_LAST_OF_THEIRS = """
(c.late OR a.rule = 'any' OR NOT (SELECT later.any FROM later) OR NOT EXISTS (
    SELECT FROM (
        SELECT t.relay_id FROM alerts_seat t
        WHERE t.recipient_id = r.id AND t.relay_id <> l.id AND t.counts AND t.ended_at IS NULL
        OFFSET 0
    ) t
    CROSS JOIN LATERAL (SELECT o.clock_id FROM alerts_relay o WHERE o.id = t.relay_id AND o.clock_id <> c.id OFFSET 0) o
    JOIN alerts_clock k ON k.id = o.clock_id AND k.material = c.material AND (k.by, k.id) > (c.by, c.id)
))
"""
_ASKED_OF = {
    "answer": f"{THEIR_CLOCK} AND {OWES_OF['answer']} AND {_LAST_OF_THEIRS}",
    "act": OWES_OF["act"],
    "hold": OWES_OF["hold"],
}

# Whether any clock to answer ends later than this one: where none does, nobody's other seats are looked at. Index: clock_once.
# Whether anybody may have had a mail about it since, but for what the chase wrote since, which has its nudges: where nobody
# has, nobody's mails are looked at. A batch is all the chase's or none of it.
# Index: alerts_batch(advisory), alerts_message(batch).
_MAILED = """
later AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM alerts_clock k
        WHERE k.advisory_id = c.advisory_id AND k.material = c.material AND k.kind = 'answer' AND (k.by, k.id) > (c.by, c.id)
    ) AS any
    FROM clock c
), mailed AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM (SELECT * FROM alerts_batch WHERE advisory_id = (SELECT id FROM asking) OFFSET 0) b
        WHERE b.kind IN ('notice', 'update', 'reminder') AND (b.done_at IS NULL OR b.done_at > c.since) AND (
            b.kind <> 'reminder' OR b.made_at <= c.since
            OR (SELECT m.key FROM alerts_message m WHERE m.batch_id = b.id LIMIT 1) NOT LIKE 'chase:%%'
        )
    ) AS any
    FROM clock c
)
"""

# Whoever was written to since (told, reminded by a press, or in a mail for several) hears of the next one; nobody of one twice.
# Index: nudge_of_recipient, alerts_message(recipient).
_LATELY = """
(EXISTS (
    SELECT FROM alerts_nudge n
    WHERE n.recipient_id = r.id AND (n.state IN ('waiting', 'mailed') AND n.at > c.since OR n.step_id = %(step)s)
) OR (SELECT mailed.any FROM mailed) AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_message m WHERE m.recipient_id = r.id OFFSET 0) m JOIN alerts_batch b ON b.id = m.batch_id
    WHERE m.state IN ('waiting', 'sent') AND m.kind IN ('notice', 'update', 'reminder')
      AND (m.state = 'waiting' OR coalesce(m.sent_at, b.made_at) > c.since)
))
"""

# Everything is looked up by key (OFFSET 0); the cheapest conditions first. Each kind of clock has a statement of its own: one
# for all of them takes half as long again.
# Index: seat_current, recipient's and person's primary keys.
_DUE = {
    kind: f"""
FROM clock c
CROSS JOIN asking a
CROSS JOIN numbers v
CROSS JOIN relay l
CROSS JOIN LATERAL {SEATS_OF_KIND[kind]} seat
CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = seat.recipient_id OFFSET 0) r
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
WHERE {asked} AND NOT {_LATELY} AND (SELECT {REACHED} FROM departments_person p WHERE p.id = r.person_id)
"""
    for kind, asked in _ASKED_OF.items()
}

# Twice: the key of a nudge is its step and recipient.
REMIND = {
    kind: f"""
WITH {CLOCK}, {_MAILED}, due AS MATERIALIZED (
    SELECT DISTINCT r.id, r.person_id {due}
    ORDER BY r.id
    LIMIT %(most)s
), written AS (
    INSERT INTO alerts_nudge (step_id, recipient_id, person_id, at, state)
    SELECT %(step)s, d.id, d.person_id, %(now)s, 'waiting' FROM due d ORDER BY d.id
    ON CONFLICT (step_id, recipient_id) WHERE step_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT (SELECT count(*) FROM written), (SELECT max(id) FROM relay), (SELECT count(*) FROM relay)
"""
    for kind, due in _DUE.items()
}

# Whom a step would reach now, without reaching them: how many, in how many bodies, and the first with one of theirs.
WHOM = {
    kind: f"""
WITH {CLOCK}, {_MAILED}, places AS MATERIALIZED (SELECT r.id, r.person_id, l.id AS relay, l.body_id {due}), shown AS (
    SELECT DISTINCT ON (id) id, person_id, body_id FROM places ORDER BY id, relay LIMIT %(shown)s
)
SELECT (SELECT count(DISTINCT id) FROM places), (SELECT count(DISTINCT relay) FROM places),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(person_id, body_id, '') ORDER BY id), '[]') FROM shown)
"""
    for kind, due in _DUE.items()
}

# Whether there is anything to carry out at all: most minutes there is not. Index: chase_step_due, action_answer_promised,
# nudge_of_a_promise_once.
ANYTHING = """
SELECT EXISTS (SELECT FROM alerts_chasestep WHERE done_at IS NULL AND due_at <= %(now)s),
       EXISTS (
           SELECT FROM (
               SELECT id FROM alerts_actionanswer WHERE by_date BETWEEN %(oldest)s AND %(today)s AND choice = 'by' OFFSET 0
           ) s
           WHERE NOT EXISTS (SELECT FROM alerts_nudge n WHERE n.promise_id = s.id)
       )
"""

# What is over asks for nothing any more. One that expired may live again: its ladder waits where it stands.
# Index: chase_step_due.
CLOSE = """
UPDATE alerts_chasestep s SET done_at = %(now)s, overtaken = true
FROM alerts_clock c JOIN alerts_advisory a ON a.id = c.advisory_id
WHERE s.done_at IS NULL AND s.due_at <= %(now)s AND c.id = s.clock_id AND a.state <> 'live'
  AND (a.state <> 'expired' OR s.what = 'remind')
"""

# Steps that are due, the most severe first. Index: chase_step_due.
DUE_STEPS = """
SELECT s.id
FROM (SELECT * FROM alerts_chasestep WHERE done_at IS NULL AND due_at <= %(now)s OFFSET 0) s
JOIN alerts_clock c ON c.id = s.clock_id
JOIN alerts_advisory a ON a.id = c.advisory_id
WHERE a.state = 'live' AND a.stopped_at IS NULL AND a.chase_ended_at IS NULL AND c.material = a.clocked
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text), s.due_at, s.id
"""

# What was promised for a day that has come, and before the day on which it is asked (whoever promises it for today is asked
# tomorrow), where it is still the last word, is still asked, and was not said to be done. What
# was promised for a body comes to whoever answers for it by then: whoever promised it, if they do. Those of the last days
# alone: what was missed for longer is in the daily reminders. From one promise on (`after`), so that none is looked at twice.
# Whether or not a mail reaches anybody: of which advisories, and for which day where that is after the action's due.
# Index: action_answer_promised, acknowledgement_last, seat_once, membership_current, action_key.
PROMISED = f"""
WITH promised AS MATERIALIZED (
    SELECT s.id AS promise, a.id AS advisory_id, told.id AS recipient_id, told.person_id,
           CASE WHEN s.by_date > {day("greatest(o.due, m.at)")} THEN s.by_date END AS later
    FROM (
        SELECT * FROM alerts_actionanswer
        WHERE by_date BETWEEN %(oldest)s AND %(today)s AND choice = 'by' AND id > %(after)s
        OFFSET 0
    ) s
    JOIN alerts_acknowledgement k ON k.id = s.acknowledgement_id AND k.suspect = '{{}}'
         AND {day("k.at")} < %(today)s
    JOIN alerts_recipient r ON r.id = k.recipient_id
    JOIN alerts_advisory a ON a.id = r.advisory_id AND a.state = 'live' AND a.acknowledge_within IS NOT NULL
         AND a.stopped_at IS NULL AND a.chase_ended_at IS NULL
    JOIN alerts_revision w ON w.id = k.revision_id
    JOIN alerts_revision m ON m.id = a.material_id AND w.number >= m.number
    JOIN alerts_action q ON q.id = s.action_id
    JOIN alerts_action o ON o.revision_id = a.current_id AND o.key = q.key
    LEFT JOIN LATERAL (
        SELECT x.id, x.person_id
        FROM (
            SELECT r.id, r.person_id
            WHERE s.relay_id IS NULL AND EXISTS (SELECT FROM alerts_seat t WHERE t.recipient_id = r.id AND t.ended_at IS NULL)
            UNION ALL
            SELECT o.id, o.person_id
            FROM alerts_relay l
            JOIN departments_membership m ON m.body_id = l.body_id AND m.until IS NULL
                 AND m.role IN ('contact', 'deputy', 'head')
            JOIN alerts_recipient o ON o.advisory_id = a.id AND o.person_id = m.person_id
            WHERE l.id = s.relay_id
        ) x
        CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = x.id OFFSET 0) r
        CROSS JOIN LATERAL (SELECT * FROM departments_person p WHERE p.id = x.person_id OFFSET 0) p
        WHERE {REACHED}
        ORDER BY x.id <> k.recipient_id, x.id
        LIMIT 1
    ) told ON true
    WHERE {PROMISE_STANDS} AND NOT EXISTS (SELECT FROM alerts_nudge n WHERE n.promise_id = s.id)
    ORDER BY s.id
    LIMIT %(most)s
), written AS (
    INSERT INTO alerts_nudge (promise_id, recipient_id, person_id, at, state)
    SELECT promise, recipient_id, person_id, %(now)s, 'waiting' FROM promised WHERE recipient_id IS NOT NULL
    ON CONFLICT (promise_id) WHERE promise_id IS NOT NULL DO NOTHING
)
SELECT max(promise), advisory_id, later FROM promised GROUP BY advisory_id, later ORDER BY advisory_id, later
"""
