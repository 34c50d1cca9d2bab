"""Putting plain mails into the outbox: from a table of people into messages, in batches."""

# Behind every warning, however mild; what goes with an answer before what we ask and introduce.
PLAIN_RANK = 9
ANSWER_RANK = 8

# `plain_mails` is who gets one: a person, and the key that makes a second run write nothing.
CREATE = "CREATE TEMPORARY TABLE plain_mails (n bigint, person_id bigint, key text) ON COMMIT DROP"
WRITE = """
WITH fresh AS (
    SELECT p.*, row_number() OVER (ORDER BY p.n) - 1 AS place FROM plain_mails p
    WHERE NOT EXISTS (SELECT FROM alerts_message m WHERE m.key = p.key)
), made AS (
    INSERT INTO alerts_batch (rank, kind, size, not_before, about_id)
    SELECT %(rank)s, %(kind)s, count(*), %(now)s, %(about)s::bigint FROM fresh
    GROUP BY place / %(size)s ORDER BY place / %(size)s
    RETURNING id
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS slot FROM made
)
INSERT INTO alerts_message (key, batch_id, person_id, kind)
SELECT f.key, b.id, f.person_id, %(kind)s
FROM fresh f JOIN numbered b ON b.slot = f.place / %(size)s
ORDER BY f.place
ON CONFLICT (key) DO NOTHING
RETURNING key
"""
DROP = "DROP TABLE plain_mails"
