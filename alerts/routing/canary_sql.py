"""The SQL of canaries: one mail each before all others of a revision, and what became of the last ones."""

# One batch, in the place that its rank and moment give it; a key that is there already is written no second time.
# Index: the key of alerts_message.
WRITE = """
WITH due AS MATERIALIZED (
    SELECT c.person_id, 'canary:' || %(revision)s || ':' || c.person_id AS key
    FROM alerts_canary c JOIN departments_person p ON p.id = c.person_id AND p.left_at IS NULL
    WHERE c.domain = ANY(%(domains)s)
      AND NOT EXISTS (SELECT FROM alerts_message m WHERE m.key = 'canary:' || %(revision)s || ':' || c.person_id)
    ORDER BY c.domain
), made AS (
    INSERT INTO alerts_batch (rank, kind, size, not_before, about_id)
    SELECT %(rank)s, 'canary', count(*), %(now)s, %(about)s FROM due HAVING count(*) > 0
    RETURNING id
)
INSERT INTO alerts_message (key, batch_id, person_id, kind)
SELECT due.key, made.id, due.person_id, 'canary' FROM due, made
ON CONFLICT (key) DO NOTHING
RETURNING id
"""

# Of the revisions of the last day, each canary's mail, the last one first. Indexes: alerts_revision's primary key, the key of
# alerts_message.
SEEN = """
SELECT c.domain, a.reference, r.at, m.state, m.sent_at, m.failed_at, m.fate, m.fate_at, m.route, m.error
FROM (SELECT id, advisory_id, at FROM alerts_revision ORDER BY id DESC LIMIT %(most)s) r
JOIN alerts_advisory a ON a.id = r.advisory_id
CROSS JOIN alerts_canary c
CROSS JOIN LATERAL (
    SELECT * FROM alerts_message m WHERE m.key = 'canary:' || r.id || ':' || c.person_id OFFSET 0
) m
WHERE r.at > %(since)s AND c.domain = ANY(%(domains)s)
ORDER BY c.domain, r.id DESC
"""

# The canaries of which one of the last mails was found in the mailbox that is read here (`alerts.inbound`), and not reported by
# a provider alone. Indexes: alerts_revision's primary key, the key of alerts_message, alerts_trackingevent(message).
FOUND = """
SELECT c.domain
FROM alerts_canary c
WHERE c.domain = ANY(%(domains)s) AND c.heard_at IS NOT NULL AND EXISTS (
    SELECT FROM (SELECT id FROM alerts_revision ORDER BY id DESC LIMIT %(most)s) r
    CROSS JOIN LATERAL (
        SELECT m.id FROM alerts_message m WHERE m.key = 'canary:' || r.id || ':' || c.person_id OFFSET 0
    ) m
    JOIN alerts_trackingevent e ON e.message_id = m.id AND e.provider = 'mailbox'
)
"""
