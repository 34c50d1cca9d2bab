"""The SQL of steering: a route's row, and what failed, put back among what is due. Each writes only what is not so already."""

from alerts.routing.leaving_sql import MAY_BE_TRIED

PAUSE = """
UPDATE alerts_route SET paused_at = %(now)s, paused_by_id = %(by)s
WHERE name = %(name)s AND paused_at IS NULL
RETURNING 1
"""

RESUME = """
WITH was AS (SELECT id, paused_at FROM alerts_route WHERE name = %(name)s FOR NO KEY UPDATE)
UPDATE alerts_route r SET paused_at = NULL, paused_by_id = NULL
FROM was WHERE r.id = was.id AND was.paused_at IS NOT NULL
RETURNING was.paused_at
"""

SWITCH = "UPDATE alerts_route SET preferred_at = %(now)s WHERE name = %(name)s RETURNING 1"

# What it said stays, and so does that it is condemned, until it takes a mail.
TRY_NOW = """
UPDATE alerts_route SET rests_until = %(now)s
WHERE name = %(name)s AND (rests_until > %(now)s OR condemned_at IS NOT NULL AND rests_until IS NULL)
RETURNING 1
"""

# What failed of live advisories' current revision, refused, bounced or suppressed alike, and may be tried again.
# Indexes: message_failed, message_fate.
_FAILED = f"""
    FROM alerts_message m
    JOIN alerts_advisory a ON a.id = m.advisory_id
    JOIN alerts_recipient rc ON rc.id = m.recipient_id
    JOIN departments_person p ON p.id = m.person_id
    WHERE (m.state = 'failed' OR m.fate IN ('bounced', 'suppressed')) AND {MAY_BE_TRIED}
      AND {{which}}
"""

EVERYBODY = "true"
ONE_PERSON = "m.person_id = %(person)s"
# `{selection}` yields recipients (`id`).
CHOSEN = "m.recipient_id IN (SELECT id FROM ({selection}) chosen)"
_ALIKE = """
    m.route = %(route)s
    AND CASE WHEN m.state = 'failed' THEN coalesce(nullif(m.fate, ''), 'refused') ELSE m.fate END = %(what)s
    AND CASE WHEN m.state = 'failed' THEN m.failed_at ELSE m.fate_at END > %(since)s
"""
_SAID = "coalesce(nullif(m.error, ''), rc.why, '')"
ONE_REASON = f"{_ALIKE} AND {_SAID} = ANY(%(raw)s)"

# What servers said of those who may be tried again, as it stands in the tables: with each one's address, often. Page by page.
RAW = f"""
SELECT DISTINCT {_SAID}
{_FAILED.format(which=_ALIKE)} AND (%(after)s::text IS NULL OR {_SAID} > %(after)s)
ORDER BY 1
LIMIT %(limit)s
"""

ADVISORIES = f"""
SELECT a.id, a.reference, a.severity, count(DISTINCT rc.id)
{_FAILED}
GROUP BY a.id
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text), a.id
"""

# The addresses of those whom one advisory did not reach count as good until they are refused once more, so that the next pass
# of the cascade writes their mail anew. Until it has, each stays unreachable: whoever is refused for another advisory meanwhile
# is shown again, and nobody waits for a mail that nobody writes. It stands in each one's history, and what is heard of earlier
# mails says nothing of the address any more (`alerts.delivery.tracking`). Whom somebody else mended a moment ago is not named
# again. Rows are locked in the order of their ids.
RETRY = f"""
WITH theirs AS MATERIALIZED (
    SELECT DISTINCT rc.id, p.id AS person, p.bounced_at IS NULL AS good {_FAILED} AND a.id = %(advisory)s
    ORDER BY rc.id
    LIMIT %(limit)s
), people AS MATERIALIZED (
    SELECT p.id, p.bounced_how, p.bounced_at FROM departments_person p
    WHERE p.id IN (SELECT person FROM theirs) AND p.bounced_at IS NOT NULL
    ORDER BY p.id
    FOR NO KEY UPDATE
), mended AS (
    UPDATE departments_person p SET bounced_at = NULL, bounced_how = '' FROM people WHERE p.id = people.id
), history AS (
    INSERT INTO departments_personevent (person_id, what, before, after, by_id)
    SELECT id, 'reached again', jsonb_build_object('how', bounced_how, 'since', bounced_at), '{{{{}}}}', %(by)s FROM people
    ORDER BY id
)
SELECT id, person FROM theirs WHERE good OR person IN (SELECT id FROM people)
"""

# The next pass looks at them, wherever they sit. After the transaction that mended them, which must not wait for a pass; where
# nobody comes to this, the change of the directory is found in a minute, and another press does it.
TELL_AGAIN = """
UPDATE alerts_relay SET to_tell = true
WHERE state <> 'planned' AND NOT to_tell AND id IN (
    SELECT relay_id FROM alerts_seat WHERE recipient_id = ANY(%(recipients)s::bigint[]) AND ended_at IS NULL
)
"""
