"""The SQL of answers: what a form asks of its reader, and one statement that keeps what they said."""

from alerts.models import Acknowledgement

# Whatever may be answered to one revision of one recipient's advisory, in one look. A body's action is answered by its contact,
# deputy or head; `mailed`: when the mail with this revision was handed over, and now while their very first one is: nobody has
# that link yet but the server that takes it, and some look at links before they take a mail.
# Indexes: recipient's primary key, revision_once, alerts_relay(advisory, body), alerts_message(recipient).
ASKED = """
SELECT r.id, r.token_issue, r.person_id, p.shared, a.id, a.reference, a.state, a.marking, a.acknowledge_by,
       v.id, v.number, v.kind, actions.asked,
       CASE WHEN actions.of_bodies THEN (
           SELECT array_agg(l.id ORDER BY l.id)
           FROM alerts_relay l
           WHERE l.advisory_id = a.id AND l.purpose = 'target' AND l.body_id IN (
               SELECT m.body_id FROM departments_membership m
               WHERE m.person_id = r.person_id AND m.until IS NULL AND m.role IN ('contact', 'deputy', 'head')
           )
       ) END,
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
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(c.id, c.key, c.of) ORDER BY c."order", c.id) AS asked,
           bool_or(c.of = 'body') AS of_bodies
    FROM alerts_action c WHERE c.revision_id = v.id
) actions
WHERE r.id = %(recipient)s
"""

# What an answer means for the figures. One that their form brought late never takes back what was said to a later revision; and
# standing down asks for nothing, and ends nothing: then `acted` is NULL.
_SAID = "needs_help = %(help)s, acted_revision = COALESCE(%(acted)s::int, r.acted_revision)"
_OWN = f"""
UPDATE alerts_recipient r SET answered_revision = %(number)s, behalf_revision = {{behalf}}, {_SAID}
FROM made WHERE r.id = %(recipient)s AND r.answered_revision <= %(number)s
"""
_OFFICE = f"""
UPDATE alerts_recipient r SET office_revision = %(number)s, {_SAID}
FROM made
WHERE r.id = %(recipient)s AND r.office_revision <= %(number)s AND r.answered_revision <= %(number)s
"""
_SUSPECT = """
UPDATE alerts_recipient r SET suspect_revision = greatest(r.suspect_revision, %(number)s)
FROM made WHERE r.id = %(recipient)s
"""

# A form answers once: where it did already, nothing is made and nothing else happens. One statement, so that it is one round
# trip and needs no lock of its own: the row's other writers are waited for where it is changed.
_KEEP = """
WITH made AS (
    INSERT INTO alerts_acknowledgement
        (recipient_id, revision_id, at, how, read, text, by_id, name_given, told_how, told_at, suspect, late, form_id)
    VALUES (%(recipient)s, %(revision)s, %(at)s, %(how)s, %(read)s, %(text)s, %(by)s, %(name)s, %(told_how)s, %(told_at)s,
            %(suspect)s::text[], %(late)s, %(form)s)
    ON CONFLICT (form_id) DO NOTHING
    RETURNING id
), said AS (
    INSERT INTO alerts_actionanswer (acknowledgement_id, action_id, relay_id, choice, by_date, text)
    SELECT made.id, s.action, s.relay, s.choice, s.by_date, s.text
    FROM made, jsonb_to_recordset(%(said)s::jsonb) AS s(action bigint, relay bigint, choice text, by_date date, text text)
), noted AS (
    INSERT INTO alerts_record (actor_id, kind, subject, details, digest)
    SELECT %(actor)s::bigint, %(kind)s, %(subject)s, %(details)s::jsonb, %(digest)s FROM made
){changed}
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
