"""The SQL of delivery for what the chase writes, whole: what each of its mails is about, read when it leaves.

Whatever was settled since a mail was written is left out; a mail of which nothing is left is superseded. `%(today)s` is the day
where the people are.
"""

from alerts import marking, own_time
from alerts.last_word import last_word
from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS
from alerts.owing_sql import (
    ANSWERS_FOR,
    ASKED_SOMEWHERE,
    BODY_OWES,
    OWES,
    OWN,
    PEOPLE_OF,
    PROMISE_STANDS,
    REACHED,
    SILENT,
    said_for,
)
from departments.models import Calendar

MOST_ITEMS = 20  # of a digest
MOST_NAMES = 30  # of an escalation
LOOKED_AT = 200  # bodies of an escalation that are looked at anew

_IN_MAIL = ", ".join(f"'{label}'" for label in marking.TABLE if marking.text_in_mail(label))
_SEVERITIES = "ARRAY['critical', 'high', 'medium', 'low']"

# What a recipient `r` of the advisory `a` was told is to be answered, and since when; as far as that is known.
# Index: alerts_message(recipient).
TOLD_AT = """(
    SELECT min(n.sent_at)
    FROM (SELECT * FROM alerts_message n WHERE n.recipient_id = r.id OFFSET 0) n
    JOIN alerts_revision told ON told.id = n.revision_id
    WHERE n.state = 'sent' AND n.kind IN ('notice', 'update') AND n.fate NOT IN ('bounced', 'suppressed')
      AND told.number >= (SELECT number FROM alerts_revision WHERE id = a.material_id)
)"""

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

# A promise of the nudge `n` that is still the last word about it.
_PROMISED = f"""
EXISTS (
    SELECT FROM alerts_actionanswer s
    JOIN alerts_acknowledgement k ON k.id = s.acknowledgement_id
    JOIN alerts_revision w ON w.id = k.revision_id AND w.number >= v.material
    JOIN alerts_action q ON q.id = s.action_id
    WHERE s.id = n.promise_id AND {PROMISE_STANDS}
)
"""

# Whether what a nudge `n` (with its clock `c`, of a recipient `r` who is `p`) is about is still owed.
_STANDS = f"""
(a.state = 'live' AND a.chase_ended_at IS NULL AND {REACHED} AND CASE WHEN n.step_id IS NULL THEN {_PROMISED}
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
        SELECT y.choice, y.by_date, q.due, CASE WHEN a.marking IN ({_IN_MAIL}) THEN q.text END AS text, d.name,
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
            'place', q.place, 'text', CASE WHEN a.marking IN ({_IN_MAIL}) THEN q.text END, 'due', q.due, 'body', at.name
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

# What is not to leave any more of a batch's mails. Found once and before anything is changed: in a join it might be looked for
# again for each mail. Each mail is looked at by itself, by its keys (OFFSET 0, LIMIT 1). Index: alerts_message(batch).
_SUPERSEDE = """
WITH settled AS MATERIALIZED (
    SELECT m.id
    FROM (SELECT * FROM alerts_message WHERE batch_id = %(batch)s AND state = 'waiting' OFFSET 0) m
    CROSS JOIN LATERAL (SELECT {settled} AS so OFFSET 0) found
    WHERE found.so
)
UPDATE alerts_message SET state = 'superseded' FROM settled WHERE alerts_message.id = settled.id AND state = 'waiting'
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
SUPERSEDE_REMINDERS = _SUPERSEDE.replace(
    "{settled}",
    f"""NOT coalesce(
        CASE WHEN EXISTS (SELECT FROM alerts_nudge n WHERE n.message_id = m.id) THEN {_NUDGED} ELSE {_PRESSED} END, false
    )""",
)
# A digest for which nothing is left of what it was written for: what else is open for them has times of its own.
SUPERSEDE_DIGESTS = _SUPERSEDE.replace("{settled}", f"{_NUDGED} IS NULL")

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
                'title', CASE WHEN a.marking IN ({_IN_MAIL}) THEN w.content->>'title'
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

# Whether the recipient was told, and there is no word of it since.
_UNSURE = "f.acknowledged + f.silent + f.unsent + f.unreachable = 0"

# What a mail `m` was written about, as far as no body need be looked at for it: the advisory is still chased for the same, and
# whoever is told still answers there. Steps and places are few, however many bodies there are, and are asked first (OFFSET 0).
# Index: escalation_message, relay_once.
_WRITTEN = """
SELECT e.*, coalesce(e.relay_id = of.relay_id, false) AS own
FROM (SELECT * FROM alerts_escalation e WHERE e.message_id = m.id OFFSET 0) e
JOIN (
    SELECT x.step_id, x.body_id, x.role, theirs.id AS relay_id
    FROM (SELECT DISTINCT step_id, person_id, body_id, role FROM alerts_escalation WHERE message_id = m.id OFFSET 0) x
    JOIN alerts_chasestep s ON s.id = x.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id AND a.state = 'live' AND a.chase_ended_at IS NULL
    JOIN alerts_revision asked ON asked.id = a.material_id AND asked.number = c.material
    LEFT JOIN alerts_relay theirs ON theirs.advisory_id = c.advisory_id AND theirs.body_id = x.body_id
    WHERE EXISTS (
        SELECT FROM departments_membership mine
        WHERE mine.person_id = x.person_id AND mine.body_id = x.body_id AND mine.role = x.role AND mine.until IS NULL
    )
    OFFSET 0
) of ON of.step_id = e.step_id AND of.body_id = e.body_id AND of.role = e.role
"""
# Their own bodies come first, then the dark ones, then those with the most people who are silent.
_FIRST = "e.own DESC, e.silent > 0, e.silent DESC, e.id"


def _escalated(written: str) -> str:
    """Which bodies `l` of these rows still owe what their clock asks for. Its cost is by the body. Index: seat_current."""
    return f"""
        FROM {written} e
        JOIN alerts_chasestep s ON s.id = e.step_id
        JOIN alerts_clock c ON c.id = s.clock_id
        JOIN alerts_advisory a ON a.id = c.advisory_id
        CROSS JOIN LATERAL (SELECT * FROM alerts_relay l WHERE l.id = e.relay_id OFFSET 0) l
        CROSS JOIN LATERAL ({REVISIONS} WHERE a.id = l.advisory_id) v
        JOIN departments_body d ON d.id = l.body_id AND d.closed IS NULL
        JOIN departments_body b ON b.id = e.body_id
        CROSS JOIN LATERAL (
            SELECT {OWN},
                   count(*) FILTER (WHERE f.acknowledged = 0 AND f.silent = 1) AS told,
                   count(*) FILTER (WHERE {_UNSURE}) AS unsure,
                   count(*) FILTER (WHERE f.unreachable = 1) AS unreachable
            FROM {PEOPLE_OF}
            OFFSET 0
        ) own
        WHERE {BODY_OWES}
    """


# Nothing is left of what somebody is told, or they answer for it no more. Of one about very many bodies that is not asked body
# by body.
SUPERSEDE_ESCALATIONS = _SUPERSEDE.replace(
    "{settled}",
    f"""NOT EXISTS ({_WRITTEN} OFFSET {LOOKED_AT}) AND (
        SELECT true {_escalated(f"(SELECT * FROM ({_WRITTEN}) e ORDER BY {_FIRST} LIMIT {LOOKED_AT})")} LIMIT 1
    ) IS NULL""",
)

# Of each body who has not answered: of their own body's people so many by name, those first whom no mail reaches.
_NAMES = f"""(
    SELECT jsonb_agg(
        jsonb_build_object(
            'name', x.name, 'telephone', x.telephone, 'you', x.you, 'how', x.how, 'why', x.why, 'at', x.at
        ) ORDER BY x.n
    )
    FROM (
        SELECT q.name, q.telephone, q.id = e.person_id AS you, r.why, {TOLD_AT} AS at,
               CASE WHEN c.kind = 'act' THEN 'act'
                    WHEN f.unreachable = 1 THEN r.outcome
                    WHEN f.suspect = 1 THEN 'suspect'
                    WHEN r.told_revision < greatest(v.current, 1) AND f.silent = 0 THEN 'untold'
                    WHEN f.office = 1 THEN 'office'
                    WHEN f.former = 1 THEN 'former'
                    ELSE 'silent' END AS how,
               row_number() OVER (
                   ORDER BY f.unreachable = 1 DESC, f.suspect = 1 DESC, r.told_revision < greatest(v.current, 1) DESC,
                            q.name, q.id
               ) AS n
        FROM {PEOPLE_OF}
        CROSS JOIN LATERAL (SELECT id, name, telephone FROM departments_person q WHERE q.id = r.person_id OFFSET 0) q
        WHERE {SILENT}
        ORDER BY n
        LIMIT {MOST_NAMES}
    ) x
)"""
# Whom the steps before told of the same body.
_BEFORE = f"""(
    SELECT jsonb_agg(
        jsonb_build_object('role', o.role, 'name', CASE WHEN a.marking IN ({_IN_MAIL}) THEN q.name END,
                           'at', coalesce(t.sent_at, o.at))
        ORDER BY o.id
    )
    FROM (SELECT * FROM alerts_escalation o WHERE o.relay_id = l.id AND o.body_id = l.body_id OFFSET 0) o
    JOIN alerts_chasestep was ON was.id = o.step_id AND was.clock_id = c.id AND was.n < s.n
    JOIN departments_person q ON q.id = o.person_id
    JOIN alerts_message t ON t.id = o.message_id AND t.state = 'sent'
    WHERE o.state = 'mailed'
)"""
# The actions that were due on the clock, in words where the marking lets them.
_ACTIONS = f"""(
    SELECT jsonb_agg(
        jsonb_build_object('place', q.place, 'text', CASE WHEN a.marking IN ({_IN_MAIL}) THEN q.text END) ORDER BY q.place
    )
    FROM (
        SELECT text, due, row_number() OVER (ORDER BY "order", id) AS place FROM alerts_action WHERE revision_id = a.current_id
    ) q
    WHERE greatest(q.due, c.starts_at) = c.by
)"""
# When whoever is next in line is told, and whether nobody is.
_NEXT = """
(SELECT min(o.due_at) FROM alerts_chasestep o
 WHERE o.clock_id = c.id AND o.what = 'escalate' AND o.n > s.n AND o.done_at IS NULL) AS next,
NOT EXISTS (SELECT FROM alerts_chasestep o WHERE o.clock_id = c.id AND o.what = 'escalate' AND o.n > s.n) AS last
"""
# The bodies that are looked at, each as it is now.
_ROWS = f"""(
    SELECT jsonb_agg(
        jsonb_build_object(
            'relay', x.relay, 'reference', x.reference, 'kind', x.kind, 'by', x.by, 'n', x.n, 'role', x.role, 'own', x.own,
            'silent', x.silent, 'dark', x.dark, 'told', x.told, 'unsure', x.unsure, 'unreachable', x.unreachable,
            'open', x.open, 'at', x.above, 'body', CASE WHEN x.open THEN x.body END, 'slug', CASE WHEN x.open THEN x.slug END,
            'above', CASE WHEN x.open THEN x.name END, 'above_slug', CASE WHEN x.open THEN x.above_slug END,
            'names', x.names, 'before', x.before, 'actions', x.actions, 'next', x.next, 'last', x.last
        ) ORDER BY x.dark DESC, x.silent DESC, x.body, x.relay
    )
    FROM (
        SELECT l.id AS relay, a.reference, c.kind, c.by, s.n, e.role, e.body_id = l.body_id AS own, own.silent, own.told,
               own.unsure, own.unreachable, c.kind = 'answer' AND own.seats = 0 AS dark, a.marking IN ({_IN_MAIL}) AS open,
               d.name AS body, d.slug, e.body_id AS above, b.name, b.slug AS above_slug,
               CASE WHEN e.body_id = l.body_id AND a.marking IN ({_IN_MAIL}) THEN {_NAMES} END AS names,
               CASE WHEN e.body_id = l.body_id THEN {_BEFORE} END AS before,
               CASE WHEN c.kind = 'act' THEN {_ACTIONS} END AS actions,
               {_NEXT}
        {_escalated(f"(SELECT * FROM written WHERE place <= {LOOKED_AT} OFFSET 0)")}
    ) x
)"""
# All others, as they were when the step was done: how many there are for each thing that this person is.
_REST = f"""(
    SELECT jsonb_agg(
        jsonb_build_object(
            'reference', a.reference, 'kind', c.kind, 'role', y.role, 'own', y.own, 'bodies', y.bodies, 'silent', y.silent,
            'dark', CASE WHEN c.kind = 'answer' THEN y.dark ELSE 0 END, 'since', coalesce(s.done_at, y.at),
            'open', a.marking IN ({_IN_MAIL}), 'at', y.body_id, 'above', CASE WHEN a.marking IN ({_IN_MAIL}) THEN b.name END,
            'above_slug', CASE WHEN a.marking IN ({_IN_MAIL}) THEN b.slug END, 'next', z.next, 'last', z.last
        ) ORDER BY y.bodies DESC, y.body_id, s.id
    )
    FROM (
        SELECT step_id, role, own, CASE WHEN NOT own THEN body_id END AS body_id, count(*) AS bodies, sum(silent) AS silent,
               count(*) FILTER (WHERE silent = 0) AS dark, max(at) AS at
        FROM written WHERE place > {LOOKED_AT}
        GROUP BY 1, 2, 3, 4
    ) y
    JOIN alerts_chasestep s ON s.id = y.step_id
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    LEFT JOIN departments_body b ON b.id = y.body_id
    CROSS JOIN LATERAL (SELECT {_NEXT}) z
)"""
# From AMBER up nobody and no body is named, and nothing here knows one.
PERSONAL_ESCALATION = f"""
SELECT m.id, m.key, m.given_back, 0, 0, p.id, p.name, p.email, NULL, NULL, NULL, NULL, NULL, NULL, NULL, found.said
FROM alerts_message m
JOIN departments_person p ON p.id = m.person_id
CROSS JOIN LATERAL (
    WITH written AS MATERIALIZED (
        SELECT e.*, row_number() OVER (ORDER BY {_FIRST}) AS place FROM ({_WRITTEN}) e
    )
    SELECT jsonb_build_object('rows', {_ROWS}, 'rest', {_REST}) AS said
) found
WHERE m.id = ANY(%(ids)s)
ORDER BY m.id
"""

# A list of who is silent about a stopped advisory stays where it is, though its batch carries no revision of it.
STOPPED = """EXISTS (
    SELECT FROM alerts_batch o JOIN alerts_advisory x ON x.id = o.about_id
    WHERE o.id = %(batch)s AND o.kind = 'escalation' AND x.stopped_at IS NOT NULL
)"""
