"""The SQL of judging: whom a condemned route refused as it refused everybody is put back into the outbox."""

from alerts.models.figures import UNREACHABLE

# Not whoever was put back before, nor whoever was written to anew meanwhile. Index: message_failed.
_OWED = """
    m.route = %(name)s AND m.state = 'failed' AND m.failed_at > %(since)s AND m.run = ANY(%(runs)s::int[])
    AND m.given_back < %(times)s AND m.fate = '' AND NOT EXISTS (
        SELECT FROM alerts_message later
        WHERE later.recipient_id = m.recipient_id AND later.revision_id = m.revision_id AND later.id > m.id
          AND later.kind <> 'note'
    )
"""
OWED = f"SELECT DISTINCT m.advisory_id FROM alerts_message m WHERE {_OWED} ORDER BY 1 NULLS LAST"

# Into a batch for each that they come from. Rows are locked in the order of their keys.
GIVE_BACK = f"""
WITH theirs AS MATERIALIZED (
    SELECT m.id, m.batch_id, m.recipient_id, m.person_id, m.failed_at, m.error
    FROM alerts_message m
    WHERE {_OWED} AND m.advisory_id IS NOT DISTINCT FROM %(advisory)s
    ORDER BY m.id
    FOR UPDATE OF m
), numbered AS (
    SELECT batch_id, count(*) AS size, row_number() OVER (ORDER BY batch_id) AS place FROM theirs GROUP BY batch_id
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, about_id, kind, size, not_before, attempt, made_at)
    SELECT b.rank, b.advisory_id, b.revision_id, b.about_id, b.kind, n.size, %(now)s, 0, b.made_at
    FROM numbered n JOIN alerts_batch b ON b.id = n.batch_id
    ORDER BY n.place
    RETURNING id
), placed AS (
    SELECT n.batch_id, m.id FROM numbered n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made) m USING (place)
), waiting AS (
    UPDATE alerts_message m
    SET state = 'waiting', failed_at = NULL, given_back = m.given_back + 1, batch_id = p.id, route = ''
    FROM theirs t JOIN placed p ON p.batch_id = t.batch_id
    WHERE m.id = t.id
    RETURNING m.id
), locked AS (
    SELECT r.id FROM alerts_recipient r JOIN theirs t ON t.recipient_id = r.id
    WHERE r.outcome IN {UNREACHABLE} AND r.why = t.error
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
), reached AS (
    UPDATE alerts_recipient r SET outcome = '', why = '' FROM locked WHERE r.id = locked.id
), people AS (
    SELECT p.id FROM departments_person p JOIN theirs t ON t.person_id = p.id AND p.bounced_at = t.failed_at
    ORDER BY p.id
    FOR NO KEY UPDATE OF p
), mended AS (
    UPDATE departments_person p SET bounced_at = NULL, bounced_how = '' FROM people WHERE p.id = people.id
)
SELECT count(*) FROM waiting
"""

# Others may have come to be owed meanwhile.
SETTLED = """
UPDATE alerts_route r
SET owed = (SELECT coalesce(jsonb_agg(one.run), '[]') FROM jsonb_array_elements(r.owed) AS one (run)
            WHERE one.run::int <> ALL(%(runs)s::int[]))
WHERE name = %(name)s
"""
