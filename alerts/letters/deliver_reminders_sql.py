"""The SQL of delivery for reminders and digests, whole: what each is about, read when it leaves."""

from alerts import own_time
from alerts.chasing.owing_sql import ANSWERS_FOR, ASKED_SOMEWHERE, OWES, PROMISED, REACHED, said_for
from alerts.last_word import last_word
from alerts.letters.deliver_chase_sql import IN_MAIL, SUPERSEDE, TOLD_AT
from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS
from departments.models import Calendar

MOST_ITEMS = 20  # of a digest

_SEVERITIES = "ARRAY['critical', 'high', 'medium', 'low']"

# In whose working hours their time is counted: '' is round the clock.
CALENDAR = f"""CASE WHEN a.severity = 'critical' THEN '' ELSE coalesce(
    (SELECT k.calendar FROM alerts_clock k WHERE k.id = r.clock_id),
    (
        SELECT d.calendar
        FROM (SELECT * FROM alerts_seat s WHERE s.recipient_id = r.id AND s.counts AND s.ended_at IS NULL OFFSET 0) s
        JOIN alerts_relay l ON l.id = s.relay_id
        JOIN departments_body d ON d.id = l.body_id
        LEFT JOIN alerts_clock k ON k.id = l.clock_id
        ORDER BY k.by DESC NULLS LAST, l.id
        LIMIT 1
    ),
    '{Calendar.ENGLAND_AND_WALES}'
) END"""

# Whether what a nudge `n` (with its clock `c`, of a recipient `r` who is `p`) is about is still owed.
_STANDS = f"""
(a.state = 'live' AND a.chase_ended_at IS NULL AND {REACHED} AND CASE WHEN n.step_id IS NULL THEN {PROMISED}
    ELSE c.material = v.material AND EXISTS (
        SELECT FROM (SELECT * FROM alerts_seat t WHERE t.recipient_id = r.id AND t.ended_at IS NULL OFFSET 0) t
        JOIN alerts_relay l ON l.id = t.relay_id
        WHERE {OWES}
    ) END)
"""
_CLOCK_OF = "LEFT JOIN alerts_chasestep s ON s.id = n.step_id LEFT JOIN alerts_clock c ON c.id = s.clock_id"

# Of a mail `m` to the recipient `r`: for what it was written and is still owed, each kind once, and each promise.
# Index: nudge_message.
NUDGES = f"""(
    SELECT jsonb_agg(DISTINCT jsonb_build_object(
        'kind', coalesce(c.kind, 'promise'), 'until', CASE WHEN c.kind = 'hold' THEN c.by END,
        'choice', x.choice, 'by_date', x.by_date, 'due', x.due, 'text', x.text, 'place', x.place, 'body', x.name
    ))
    FROM (SELECT * FROM alerts_nudge n WHERE n.message_id = m.id AND n.recipient_id = r.id OFFSET 0) n
    {_CLOCK_OF}
    LEFT JOIN LATERAL (
        SELECT y.choice, y.by_date, q.due, CASE WHEN a.marking IN ({IN_MAIL}) THEN q.text END AS text, d.name,
               (SELECT count(*) FROM alerts_action o
                WHERE o.revision_id = q.revision_id AND (o."order", o.id) <= (q."order", q.id)) AS place
        FROM alerts_actionanswer y
        JOIN alerts_action q ON q.id = y.action_id
        LEFT JOIN alerts_relay l ON l.id = y.relay_id
        LEFT JOIN departments_body d ON d.id = l.body_id
        WHERE y.id = n.promise_id
    ) x ON true
    CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = r.advisory_id) v
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    CROSS JOIN LATERAL (SELECT left_at, bounced_at FROM departments_person WHERE id = r.person_id OFFSET 0) p
    WHERE {_STANDS}
)"""

# What a recipient `r` of the advisory `a` has not done yet, of their own and of the bodies for which they answer; what they
# said will be done on a later day is not asked for before.
OPEN_ACTIONS = f"""(
    SELECT jsonb_agg(
        jsonb_build_object(
            'place', q.place, 'text', CASE WHEN a.marking IN ({IN_MAIL}) THEN q.text END, 'due', q.due, 'body', at.name,
            'promised', CASE WHEN said.choice = 'by' THEN said.by_date END
        ) ORDER BY q.due, q.place, at.name
    )
    FROM (
        SELECT key, text, due, of, row_number() OVER (ORDER BY "order", id) AS place
        FROM alerts_action WHERE revision_id = a.current_id
    ) q
    LEFT JOIN LATERAL (
        SELECT l.id, d.name
        FROM (SELECT * FROM alerts_seat t WHERE t.recipient_id = r.id AND t.counts AND t.ended_at IS NULL OFFSET 0) t
        JOIN alerts_relay l ON l.id = t.relay_id AND l.purpose = 'target'
        JOIN departments_body d ON d.id = l.body_id
        WHERE q.of = 'body' AND {ANSWERS_FOR}
    ) at ON true
    LEFT JOIN LATERAL (
        SELECT own.choice, own.by_date
        FROM alerts_actionanswer own JOIN alerts_action was ON was.id = own.action_id AND was.key = q.key
        WHERE q.of = 'person' AND own.relay_id IS NULL AND own.acknowledgement_id = {last_word("r.id")}
        UNION ALL
        SELECT theirs.choice, theirs.by_date FROM ({said_for("at.id", "q.key")}) theirs
    ) said ON true
    WHERE (q.of = 'person' OR at.id IS NOT NULL) AND coalesce(said.choice, '') NOT IN ('done', 'na')
      AND NOT (coalesce(said.choice, '') = 'by' AND said.by_date > %(today)s)
)"""

# Of somebody who is reminded of one advisory (`PERSONAL_REMINDER`): since when they have been told, by when they are to answer,
# and what the reminder is for. One that somebody pressed for (it has no nudge) is for an answer.
TOLD = f"""\
CROSS JOIN LATERAL (
    SELECT jsonb_build_object(
        'at', {TOLD_AT}, 'before', r.answered_revision > 0, 'by', {own_time.BY}, 'calendar', {CALENDAR},
        'nudges', nudged.of,
        'actions', CASE WHEN nudged.of @> '[{{"kind": "act"}}]' THEN {OPEN_ACTIONS} END
    ) AS said
    FROM (SELECT * FROM alerts_recipient WHERE id = m.recipient OFFSET 0) r
    CROSS JOIN LATERAL (SELECT {NUDGES} AS of) nudged
) told
"""

_NUDGED = f"""
(
    SELECT true
    FROM (SELECT * FROM alerts_nudge n WHERE n.message_id = m.id OFFSET 0) n
    {_CLOCK_OF}
    CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = n.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM departments_person p WHERE p.id = n.person_id OFFSET 0) p
    CROSS JOIN LATERAL (SELECT * FROM alerts_advisory a WHERE a.id = r.advisory_id OFFSET 0) a
    CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = r.advisory_id) v
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE {_STANDS} AND (m.advisory_id IS NOT NULL OR a.stopped_at IS NULL)
    LIMIT 1
)"""
# One that somebody pressed for was for an answer.
_PRESSED = f"""
(
    SELECT f.acknowledged = 0 AND p.left_at IS NULL AND p.bounced_at IS NULL AND a.state = 'live'
    FROM (SELECT * FROM alerts_recipient r WHERE r.id = m.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM departments_person p WHERE p.id = m.person_id OFFSET 0) p
    CROSS JOIN LATERAL (SELECT * FROM alerts_advisory a WHERE a.id = m.advisory_id OFFSET 0) a
    CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = r.advisory_id) v
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
)"""

# Nobody is reminded of what they settled before their reminder left; nor is anybody who left or can't be reached any more, and
# nobody of an advisory that asks nothing any more. Index: nudge_message.
SUPERSEDE_REMINDERS = SUPERSEDE.replace(
    "{settled}",
    f"""NOT coalesce(
        CASE WHEN EXISTS (SELECT FROM alerts_nudge n WHERE n.message_id = m.id) THEN {_NUDGED} ELSE {_PRESSED} END, false
    )""",
)
# A digest for which nothing is left of what it was written for: what else is open for them has times of its own.
SUPERSEDE_DIGESTS = SUPERSEDE.replace("{settled}", f"{_NUDGED} IS NULL")

# Everything that is still open for somebody: what they are reminded of now, and where else they were told and have not
# answered; the most severe first, and of those what they are reminded of now. Index: alerts_recipient(person), nudge_message.
PERSONAL_DIGEST = f"""
SELECT m.id, m.key, m.given_back, 0, 0, p.id, p.name, p.email, place.names, ask.name, ask.telephone,
    NULL, NULL, NULL, NULL, found.said
FROM alerts_message m
JOIN departments_person p ON p.id = m.person_id
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT b.name) AS names, array_agg(b.id) AS ids
    FROM departments_membership mine
    JOIN departments_body b ON b.id = mine.body_id AND b.closed IS NULL
    WHERE mine.person_id = p.id AND mine.until IS NULL
) place ON true
LEFT JOIN LATERAL (
    SELECT c.name, c.telephone
    FROM departments_membership mc
    JOIN departments_person c ON c.id = mc.person_id AND c.left_at IS NULL AND c.id <> p.id
    WHERE mc.body_id = ANY(place.ids) AND mc.role = 'contact' AND mc.until IS NULL
    ORDER BY c.telephone = '', mc."order", c.id
    LIMIT 1
) ask ON true
CROSS JOIN LATERAL (
    SELECT jsonb_build_object(
        'many', count(*), 'critical', count(*) FILTER (WHERE z.severity = 'critical' AND NOT z.drill),
        'drills', count(*) FILTER (WHERE z.drill),
        'answers', count(*) FILTER (WHERE z.owes_answer),
        'items', jsonb_agg(z.item ORDER BY z.n) FILTER (WHERE z.n <= {MOST_ITEMS})
    ) AS said
    FROM (
        SELECT y.*, CASE WHEN y.n <= {MOST_ITEMS} THEN (
            SELECT jsonb_build_object(
                'recipient', r.id, 'issue', r.token_issue, 'advisory', a.id, 'reference', a.reference, 'severity', a.severity,
                'marking', a.marking, 'drill', a.exercise, 'issuer', i.name,
                'title', CASE WHEN a.marking IN ({IN_MAIL}) THEN w.content->>'title'
                              ELSE coalesce(nullif(w.content->>'open_title', ''), a.open_title) END,
                'at', {TOLD_AT}, 'by', {own_time.BY}, 'calendar', {CALENDAR}, 'owes', y.owes_answer, 'nudges', y.nudged,
                'actions', CASE WHEN y.nudged @> '[{{"kind": "act"}}]' THEN {OPEN_ACTIONS} END
            )
            FROM alerts_recipient r
            JOIN alerts_advisory a ON a.id = r.advisory_id
            JOIN alerts_revision w ON w.id = a.current_id
            JOIN departments_body i ON i.id = a.issuer_id
            WHERE r.id = y.id
        ) END AS item
        FROM (
            SELECT x.*, row_number() OVER (
                ORDER BY array_position({_SEVERITIES}, x.severity), x.nudged IS NULL, x.acknowledge_by, x.id
            ) AS n
            FROM (
                SELECT r.id, a.severity::text AS severity, a.exercise AS drill, a.acknowledge_by,
                       f.acknowledged = 0 AND r.told_revision >= greatest(v.current, 1) AS owes_answer,
                       a.acknowledge_within IS NOT NULL AND a.chase_ended_at IS NULL AND {ASKED_SOMEWHERE} AS asks,
                        {NUDGES} AS nudged
                FROM (SELECT * FROM alerts_recipient r WHERE r.person_id = m.person_id OFFSET 0) r
                JOIN alerts_advisory a ON a.id = r.advisory_id AND a.state = 'live' AND a.stopped_at IS NULL
                CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = r.advisory_id) v
                CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
                OFFSET 0
            ) x
            WHERE x.nudged IS NOT NULL OR x.owes_answer AND x.asks
        ) y
    ) z
) found
WHERE m.id = ANY(%(ids)s)
ORDER BY m.id
"""

# With which key the links to several advisories are made, before they leave. Index: link_key_once.
NOTE_KEYS = """
INSERT INTO alerts_linkkey (advisory_id, fingerprint)
SELECT x.id, %(key)s FROM unnest(%(advisories)s::bigint[]) AS x(id)
WHERE NOT EXISTS (SELECT FROM alerts_linkkey k WHERE k.advisory_id = x.id AND k.fingerprint = %(key)s)
ORDER BY x.id
ON CONFLICT (advisory_id, fingerprint) DO NOTHING
"""
