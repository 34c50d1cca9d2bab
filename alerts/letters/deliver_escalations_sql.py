"""The SQL of delivery for lists of who is silent, whole: what each is about, read when it leaves."""

from alerts.chasing.owing_sql import BODY_OWES, OWN, PEOPLE_OF, SILENT, day
from alerts.letters.deliver_chase_sql import IN_MAIL, SUPERSEDE, TOLD_AT
from alerts.models.figures import REVISIONS

MOST_NAMES = 30  # of an escalation
LOOKED_AT = 200  # bodies of an escalation that are looked at anew

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
SUPERSEDE_ESCALATIONS = SUPERSEDE.replace(
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
        jsonb_build_object('role', o.role, 'name', CASE WHEN a.marking IN ({IN_MAIL}) THEN q.name END,
                           'at', coalesce(t.sent_at, o.at))
        ORDER BY o.id
    )
    FROM (SELECT * FROM alerts_escalation o WHERE o.relay_id = l.id AND o.body_id = l.body_id OFFSET 0) o
    JOIN alerts_chasestep was ON was.id = o.step_id AND was.clock_id = c.id AND was.n < s.n
    JOIN departments_person q ON q.id = o.person_id
    JOIN alerts_message t ON t.id = o.message_id AND t.state = 'sent'
    WHERE o.state = 'mailed'
)"""
# The actions that were due on the clock, in words where the marking lets them; none of one that runs for promises.
_ACTIONS = f"""(
    SELECT jsonb_agg(
        jsonb_build_object('place', q.place, 'text', CASE WHEN a.marking IN ({IN_MAIL}) THEN q.text END) ORDER BY q.place
    )
    FROM (
        SELECT text, due, row_number() OVER (ORDER BY "order", id) AS place FROM alerts_action WHERE revision_id = a.current_id
    ) q
    WHERE NOT c.late AND greatest(q.due, c.starts_at) = c.by
)"""
# For which day it was promised, where it is about that.
_PROMISED = f"CASE WHEN c.kind = 'act' AND c.late THEN {day('c.by')} - 1 END"
# Of a body with nobody to tell: who was told of it by telephone since this text, by name where the marking lets it, and when.
# Index: call_of_relay.
_RUNG = f"""(
    SELECT jsonb_build_object('name', CASE WHEN a.marking IN ({IN_MAIL}) THEN q.name END, 'at', k.ended_at)
    FROM (SELECT * FROM alerts_call k WHERE k.relay_id = l.id OFFSET 0) k
    LEFT JOIN departments_person q ON q.id = k.person_id
    WHERE k.result = 'told' AND k.taken_at >= (
        SELECT w.at FROM alerts_revision w WHERE w.advisory_id = a.id AND w.number = v.material
    )
    ORDER BY k.id DESC
    LIMIT 1
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
            'names', x.names, 'before', x.before, 'actions', x.actions, 'promised', x.promised, 'rung', x.rung,
            'next', x.next, 'last', x.last
        ) ORDER BY x.dark DESC, x.silent DESC, x.body, x.relay
    )
    FROM (
        SELECT l.id AS relay, a.reference, c.kind, c.by, s.n, e.role, e.body_id = l.body_id AS own, own.silent, own.told,
               own.unsure, own.unreachable, c.kind = 'answer' AND own.seats = 0 AS dark, a.marking IN ({IN_MAIL}) AS open,
               d.name AS body, d.slug, e.body_id AS above, b.name, b.slug AS above_slug,
               CASE WHEN e.body_id = l.body_id AND a.marking IN ({IN_MAIL}) THEN {_NAMES} END AS names,
               CASE WHEN e.body_id = l.body_id THEN {_BEFORE} END AS before,
               CASE WHEN c.kind = 'act' THEN {_ACTIONS} END AS actions, {_PROMISED} AS promised,
               CASE WHEN c.kind = 'answer' AND own.seats = 0 THEN {_RUNG} END AS rung,
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
            'open', a.marking IN ({IN_MAIL}), 'at', y.body_id, 'above', CASE WHEN a.marking IN ({IN_MAIL}) THEN b.name END,
            'above_slug', CASE WHEN a.marking IN ({IN_MAIL}) THEN b.slug END, 'next', z.next, 'last', z.last
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
