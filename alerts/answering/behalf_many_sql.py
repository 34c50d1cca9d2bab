"""The SQL of putting down one answer for many: who they are and how they stand, and one statement that keeps it for all."""

from alerts.answering.answers_sql import SAID
from alerts.own_time import BY

# Held in the order of their ids until all is written, so that what is read next stands. Index: recipient's primary key.
LOCK = """
SELECT r.id FROM alerts_recipient r
WHERE r.id IN (SELECT id FROM ({selection}) chosen)
ORDER BY r.id
LIMIT %(most)s
FOR NO KEY UPDATE
"""

# A form answers once for each of those for whom it is pressed: its own value for each is made of it and of them.
_FORM = "md5(%(form)s || ':' || r.id)::uuid"

# How each of these recipients stands to having this answer put down. Indexes: acknowledgement's form_id, seat_once,
# acknowledgement_last.
STANDS = f"""
SELECT CASE WHEN EXISTS (SELECT FROM alerts_acknowledgement k WHERE k.form_id = {_FORM}) THEN 'kept'
            WHEN r.person_id = %(by)s THEN 'oneself'
            WHEN NOT EXISTS (
                SELECT FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
                WHERE s.recipient_id = r.id AND s.ended_at IS NULL AND l.body_id = ANY(%(own)s::bigint[])
            ) THEN 'beyond'
            WHEN EXISTS (
                SELECT FROM alerts_acknowledgement k JOIN alerts_revision w ON w.id = k.revision_id
                WHERE k.recipient_id = r.id AND k.suspect = '{{}}' AND k.how IN ('link', 'reply') AND k.read <> 'phishing'
                  AND w.number >= %(number)s
            ) THEN 'themselves'
            WHEN r.answered_revision >= %(number)s THEN 'before'
            ELSE 'due' END AS stands,
       count(*), array_agg(r.id ORDER BY r.id)
FROM alerts_recipient r
WHERE r.id = ANY(%(recipients)s::bigint[])
GROUP BY 1
"""

# As `answers_sql.KEEP` does for one, with "later" for whatever is asked of a person. Answers how many, and a digest over them.
# Whether they were told late is looked up for each where that was after the time that everybody was told (`own_time`).
KEEP = f"""
WITH made AS (
    INSERT INTO alerts_acknowledgement
        (recipient_id, revision_id, at, how, read, text, by_id, name_given, told_how, told_at, suspect, late, form_id)
    SELECT r.id, %(revision)s, %(at)s, 'behalf', 'yes', '', %(by)s, %(name)s, %(told_how)s, %(told_at)s, '{{}}',
           CASE WHEN %(told_at)s::timestamptz > a.acknowledge_by THEN %(told_at)s::timestamptz > {BY} ELSE false END, {_FORM}
    FROM alerts_recipient r JOIN alerts_advisory a ON a.id = r.advisory_id
    WHERE r.id = ANY(%(recipients)s::bigint[])
    ORDER BY r.id
    ON CONFLICT (form_id) DO NOTHING
    RETURNING id, recipient_id, form_id
), said AS (
    INSERT INTO alerts_actionanswer (acknowledgement_id, action_id, relay_id, choice, by_date, text)
    SELECT made.id, c.id, NULL, 'later', NULL, ''
    FROM made JOIN alerts_action c ON c.revision_id = %(revision)s AND c.of = 'person'
    ORDER BY made.id, c.id
), changed AS (
    UPDATE alerts_recipient r
    SET answered_revision = %(number)s, behalf_revision = %(number)s,
        {SAID.format(where="NOT %(office_counts)s OR r.office_revision <= %(number)s")}
    FROM made WHERE r.id = made.recipient_id AND r.answered_revision <= %(number)s
)
SELECT count(*), encode(sha256(string_agg(form_id::text, E'\n' ORDER BY form_id::text COLLATE "C")::bytea), 'hex') FROM made
"""
