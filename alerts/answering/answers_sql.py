"""The SQL of answers: what a form asks of its reader, and one statement that keeps what they said."""

from alerts.models import Acknowledgement
from alerts.models.figures import FIGURES_LOCK

# Whatever may be answered to one revision of one recipient's advisory, in one look. `mailed`: when the mail with this revision
# was handed over, and now while their very first one is: nobody has that link yet but the server that takes it, and some look
# at links before they take a mail. As few tables as will do: to plan it takes longer than to look them up.
# Indexes: recipient's primary key, revision_once, alerts_message(recipient), acknowledgement_all.
ASKED = """
SELECT r.id, r.token_issue, r.person_id, p.shared, a.id, a.reference, a.state, a.marking, a.office, a.acknowledge_by,
       (SELECT m.number FROM alerts_revision m WHERE m.id = a.material_id),
       (SELECT count(*) FROM alerts_acknowledgement k WHERE k.recipient_id = r.id AND k.at > %(day_ago)s),
       v.id, v.number, v.kind,
       (
           SELECT jsonb_agg(jsonb_build_array(c.id, c.key, c.of) ORDER BY c."order", c.id)
           FROM alerts_action c WHERE c.revision_id = v.id
       ),
       (
           SELECT CASE WHEN max(m.sent_at) IS NOT NULL THEN max(m.sent_at) FILTER (WHERE m.revision_id = v.id)
                       WHEN bool_or(m.leaving) THEN %(now)s END
           FROM (
               SELECT sent_at, revision_id, sent_at IS NULL AND state = 'waiting' AND (
                   SELECT b.leased_until > %(now)s FROM alerts_batch b WHERE b.id = batch_id
               ) AS leaving
               FROM alerts_message WHERE recipient_id = r.id OFFSET 0
           ) m
       )
FROM alerts_recipient r
JOIN departments_person p ON p.id = r.person_id
JOIN alerts_advisory a ON a.id = r.advisory_id
JOIN alerts_revision v ON v.advisory_id = a.id AND v.number = %(number)s
WHERE r.id = %(recipient)s
"""

# Where something is asked of bodies: those for which this person answers, as contact, deputy or head, and what somebody has
# said for each of them already, of this very revision. Indexes: alerts_relay(advisory, body), alerts_actionanswer(relay).
ASKED_OF_BODIES = """
SELECT l.id, array_agg(said.key) FILTER (WHERE said.key IS NOT NULL)
FROM alerts_relay l
LEFT JOIN LATERAL (
    SELECT c.key
    FROM alerts_actionanswer x
    JOIN alerts_action c ON c.id = x.action_id AND c.revision_id = %(revision)s
    JOIN alerts_acknowledgement k ON k.id = x.acknowledgement_id AND k.suspect = '{}'
    WHERE x.relay_id = l.id
) said ON true
WHERE l.advisory_id = %(advisory)s AND l.purpose = 'target' AND l.body_id IN (
    SELECT m.body_id FROM departments_membership m
    WHERE m.person_id = %(person)s AND m.until IS NULL AND m.role IN ('contact', 'deputy', 'head')
)
GROUP BY l.id
ORDER BY l.id
"""

# What an answer means for the figures. One that a form brought late never takes back what was said to a later revision; and
# standing down asks for nothing, and ends nothing: then `acted` is NULL. An office that is counted apart stands beside what the
# person said themselves, and changes nothing of it.
SAID = """
needs_help = CASE WHEN {where} THEN %(help)s ELSE r.needs_help END,
acted_revision = CASE WHEN {where} THEN COALESCE(%(acted)s::int, r.acted_revision) ELSE r.acted_revision END
"""
_OWN = f"""
UPDATE alerts_recipient r
SET answered_revision = %(number)s, behalf_revision = {{behalf}},
    {SAID.format(where="NOT %(office_counts)s OR r.office_revision <= %(number)s")}
FROM made WHERE r.id = %(recipient)s AND r.answered_revision <= %(number)s
"""
_OFFICE = f"""
UPDATE alerts_recipient r
SET office_revision = %(number)s,
    {SAID.format(where="r.answered_revision <= %(number)s AND (%(office_counts)s OR r.answered_revision < %(material)s)")}
FROM made WHERE r.id = %(recipient)s AND r.office_revision <= %(number)s
"""
_SUSPECT = """
UPDATE alerts_recipient r SET suspect_revision = greatest(r.suspect_revision, %(number)s)
FROM made WHERE r.id = %(recipient)s
"""

# A form answers once: where it did already, nothing is made and nothing else happens. One statement, so that it is one round
# trip. It takes what the triggers take before it holds any row (`alerts.counting`): whoever publishes never waits in a circle.
_KEEP = f"""
WITH figures AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared({FIGURES_LOCK}, %(advisory)s)
), made AS (
    INSERT INTO alerts_acknowledgement
        (recipient_id, revision_id, at, how, read, text, by_id, name_given, told_how, told_at, suspect, late, form_id)
    SELECT %(recipient)s, %(revision)s, %(at)s::timestamptz, %(how)s, %(read)s, %(text)s, %(by)s::bigint, %(name)s,
           %(told_how)s, %(told_at)s::timestamptz, %(suspect)s::text[], %(late)s, %(form)s::uuid
    FROM figures
    ON CONFLICT (form_id) DO NOTHING
    RETURNING id
), said AS (
    INSERT INTO alerts_actionanswer (acknowledgement_id, action_id, relay_id, choice, by_date, text)
    SELECT made.id, s.action, s.relay, s.choice, s.by_date, s.text
    FROM made, jsonb_to_recordset(%(said)s::jsonb) AS s(action bigint, relay bigint, choice text, by_date date, text text)
), noted AS (
    INSERT INTO alerts_record (actor_id, kind, subject, details, digest)
    SELECT %(actor)s::bigint, %(kind)s, %(subject)s, %(details)s::jsonb, %(digest)s FROM made
){{changed}}
SELECT id FROM made
"""

How = Acknowledgement.How
_CHANGED = ", changed AS ({})"
KEEP = {
    How.LINK: _KEEP.format(changed=_CHANGED.format(_OWN.format(behalf="0"))),
    How.REPLY: _KEEP.format(changed=_CHANGED.format(_OWN.format(behalf="0"))),
    How.BEHALF: _KEEP.format(changed=_CHANGED.format(_OWN.format(behalf="%(number)s"))),
    How.OFFICE: _KEEP.format(changed=_CHANGED.format(_OFFICE)),
}
KEEP_SUSPECT = _KEEP.format(changed=_CHANGED.format(_SUSPECT))
# A doubt is no answer: the figures are as they were.
KEEP_DOUBT = _KEEP.format(changed="")
