"""What delivery says of all mails of the chase in SQL: of what they are about, read when they leave.

Whatever was settled since a mail was written is left out; a mail of which nothing is left is superseded. `%(today)s` is the day
where the people are.
"""

from alerts import marking

IN_MAIL = ", ".join(f"'{label}'" for label in marking.TABLE if marking.text_in_mail(label))

# What a recipient `r` of the advisory `a` was told is to be answered, and since when; as far as that is known.
# Index: alerts_message(recipient).
TOLD_AT = """(
    SELECT min(n.sent_at)
    FROM (SELECT * FROM alerts_message n WHERE n.recipient_id = r.id OFFSET 0) n
    JOIN alerts_revision told ON told.id = n.revision_id
    WHERE n.state = 'sent' AND n.kind IN ('notice', 'update') AND n.fate NOT IN ('bounced', 'suppressed')
      AND told.number >= (SELECT number FROM alerts_revision WHERE id = a.material_id)
)"""

# What is not to leave any more of a batch's mails. Found once and before anything is changed: in a join it might be looked for
# again for each mail. Each mail is looked at by itself, by its keys (OFFSET 0, LIMIT 1). Index: alerts_message(batch).
SUPERSEDE = """
WITH settled AS MATERIALIZED (
    SELECT m.id
    FROM (SELECT * FROM alerts_message WHERE batch_id = %(batch)s AND state = 'waiting' OFFSET 0) m
    CROSS JOIN LATERAL (SELECT {settled} AS so OFFSET 0) found
    WHERE found.so
)
UPDATE alerts_message SET state = 'superseded' FROM settled WHERE alerts_message.id = settled.id AND state = 'waiting'
"""
