"""The SQL of tracking, whole. Rows are locked in the order of their keys: messages, then recipients, then people."""

# Events after which nothing more is expected, the gravest last; of two at the same moment the graver stands.
_GRAVITY = "array_position(ARRAY['deferred', 'delivered', 'bounced', 'suppressed', 'complained'], {}::text)"
# Fates that say that it did not arrive; those after which nobody is written to at this address; and those that say something.
_CAME_BACK = "('bounced', 'suppressed')"
_BAD = "('bounced', 'suppressed', 'complained')"

STORE = """
INSERT INTO alerts_trackingevent (provider, event_id, provider_id, token, address, type, at, said)
SELECT * FROM unnest(%(provider)s::text[], %(event_id)s::text[], %(provider_id)s::text[], %(token)s::text[],
    %(address)s::text[], %(type)s::text[], %(at)s::timestamptz[], %(said)s::text[])
ON CONFLICT (provider, event_id) DO NOTHING
"""

# Index: event_unmatched.
ANY_UNMATCHED = "SELECT EXISTS (SELECT FROM alerts_trackingevent WHERE matched_at IS NULL)"
UNMATCHED = """
SELECT id, received_at, token FROM alerts_trackingevent
WHERE matched_at IS NULL AND (received_at, id) > (%(at)s, %(id)s)
ORDER BY received_at, id
LIMIT %(limit)s
"""

# The message by our own token, or else by the provider's id and the address: a call to many may have one id. Without an address
# only where the id is one message's. One that was not noted yet is left for later. Indexes: message's key, message_provider.
MATCH = """
SELECT e.id, m.id, m.advisory_id
FROM unnest(%(ids)s::bigint[], %(messages)s::bigint[]) AS w(id, message)
JOIN alerts_trackingevent e ON e.id = w.id AND e.matched_at IS NULL
CROSS JOIN LATERAL (
    SELECT m.id, m.advisory_id FROM alerts_message m WHERE m.id = w.message AND m.state <> 'waiting'
    UNION ALL
    SELECT min(m.id), min(m.advisory_id)
    FROM alerts_message m JOIN departments_person p ON p.id = m.person_id
    WHERE w.message IS NULL AND e.provider_id <> '' AND m.provider_id = e.provider_id AND m.state <> 'waiting'
      AND e.address IN ('', coalesce(m.personal->>'address', p.email))
    HAVING count(*) = 1
) m
ORDER BY e.id
"""

# Of a mail of another system, or of one of ours that never was noted: nobody's.
GIVE_UP = """
WITH given_up AS (
    SELECT id FROM alerts_trackingevent
    WHERE id = ANY(%(ids)s::bigint[]) AND matched_at IS NULL
      AND received_at <= CASE WHEN token <> '' THEN %(ours)s::timestamptz ELSE %(any)s::timestamptz END
    ORDER BY id
    FOR UPDATE SKIP LOCKED
)
UPDATE alerts_trackingevent e SET matched_at = %(now)s FROM given_up g WHERE e.id = g.id
"""

LOCK_MESSAGES = "SELECT id FROM alerts_message WHERE id = ANY(%(messages)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"

# Somebody else may have taken some meanwhile; and a route's refusal may have put a mail back into the outbox.
TAKE = """
WITH wanted AS (
    SELECT * FROM unnest(%(events)s::bigint[], %(messages)s::bigint[]) AS w(event, message)
), free AS (
    SELECT e.id, w.message
    FROM alerts_trackingevent e
    JOIN wanted w ON w.event = e.id
    JOIN alerts_message m ON m.id = w.message AND m.state <> 'waiting'
    WHERE e.matched_at IS NULL
    ORDER BY e.id
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE alerts_trackingevent e SET message_id = f.message, matched_at = %(now)s
FROM free f WHERE e.id = f.id
RETURNING e.id, e.message_id, e.type
"""

# Its fate from all its events. What a refused mail was told stays where these say no more.
SET_FATES = f"""
UPDATE alerts_message m
SET fate = f.type, fate_at = f.at,
    error = CASE WHEN f.type = 'delivered' THEN '' WHEN m.state = 'failed' AND f.said = '' THEN m.error ELSE f.said END
FROM (
    SELECT DISTINCT ON (e.message_id) e.message_id, e.type, e.at, e.said
    FROM alerts_trackingevent e
    WHERE e.message_id = ANY(%(messages)s::bigint[]) AND e.type <> 'autoresponded'
    ORDER BY e.message_id, e.type = 'deferred', e.at DESC, {_GRAVITY.format("e.type")} DESC, e.said DESC
) f
WHERE m.id = f.message_id AND (m.fate, m.fate_at) IS DISTINCT FROM (f.type, f.at)
"""

LOCK_RECIPIENTS = """
SELECT r.id FROM alerts_recipient r
WHERE r.id IN (SELECT recipient_id FROM alerts_message WHERE id = ANY(%(messages)s::bigint[]))
ORDER BY r.id
FOR NO KEY UPDATE
"""

# The last mail that left decides, unless a later one was refused, or waits to say the same anew. Whose mail came back was not
# told what it said: they were told what the last one said that did not, if any. A contact's note tells of no revision.
SET_OUTCOMES = f"""
UPDATE alerts_recipient r
SET outcome = last.fate, why = CASE WHEN last.fate IN ('', 'delivered') THEN '' ELSE last.error END,
    told_revision = CASE WHEN last.fate IN {_CAME_BACK} THEN least(r.told_revision, last.kept)
                    ELSE greatest(r.told_revision, last.number) END
FROM (
    SELECT DISTINCT ON (m.recipient_id) m.recipient_id, m.id, m.revision_id, v.number, m.fate, m.error,
        coalesce(max(v.number) FILTER (WHERE m.fate NOT IN {_CAME_BACK}) OVER (PARTITION BY m.recipient_id), 0) AS kept
    FROM alerts_message m JOIN alerts_revision v ON v.id = m.revision_id
    WHERE m.recipient_id IN (SELECT recipient_id FROM alerts_message WHERE id = ANY(%(messages)s::bigint[]))
      AND m.state = 'sent' AND m.kind <> 'note'
    ORDER BY m.recipient_id, v.number DESC, m.id DESC
) last
WHERE r.id = last.recipient_id AND last.number >= r.told_revision
  AND NOT EXISTS (
      SELECT FROM alerts_message later
      WHERE later.recipient_id = r.id AND later.id > last.id AND later.kind <> 'note'
        AND (later.state = 'failed' OR later.state = 'waiting' AND later.revision_id = last.revision_id)
  )
  AND (r.outcome, r.told_revision) IS DISTINCT FROM (
      last.fate, CASE WHEN last.fate IN {_CAME_BACK} THEN least(r.told_revision, last.kept)
                 ELSE greatest(r.told_revision, last.number) END
  )
"""

# Those about whose address something new may follow: the mail went to the address that is theirs today, and it came back, or it
# arrived where something was known against the address.
LOCK_PEOPLE = f"""
SELECT p.id FROM departments_person p
WHERE p.id IN (
    SELECT p.id
    FROM alerts_message m JOIN departments_person p ON p.id = m.person_id
    WHERE m.id = ANY(%(messages)s::bigint[]) AND m.state = 'sent' AND m.personal->>'address' = p.email
      AND (m.fate IN {_BAD} OR m.fate = 'deferred' OR p.bounced_at IS NOT NULL OR p.deferred_at IS NOT NULL)
)
ORDER BY p.id
FOR NO KEY UPDATE
"""

# What all mails to this address say together, since it was corrected or somebody said that mail reaches it again. A complaint
# does not end because another mail arrived. What is known otherwise (a refusal while it was sent: no word of how) stays until a
# mail arrives after it. Index: alerts_recipient(person), alerts_message(recipient); a plain mail counts while it is at hand.
_THEIRS = """
        FROM alerts_message m
        WHERE (m.recipient_id IN (SELECT r.id FROM alerts_recipient r WHERE r.person_id = p.id)
               OR m.id = ANY(%(messages)s::bigint[]) AND m.person_id = p.id)
          AND m.state = 'sent' AND m.personal->>'address' = p.email
"""
SET_PEOPLE = f"""
UPDATE departments_person p
SET bounced_at = k.bounced_at, bounced_how = k.bounced_how, deferred_at = k.deferred_at
FROM (
    SELECT p.id, s.late AS deferred_at,
        CASE WHEN s.since IS NULL AND over.yes THEN NULL
             WHEN s.since IS NULL THEN p.bounced_at
             WHEN p.bounced_how = '' AND NOT over.yes THEN least(s.since, p.bounced_at)
             ELSE s.since END AS bounced_at,
        CASE WHEN s.since IS NOT NULL THEN s.how WHEN over.yes THEN '' ELSE p.bounced_how END AS bounced_how
    FROM departments_person p
    CROSS JOIN LATERAL (
        SELECT max(e.at) AS reset FROM departments_personevent e
        WHERE e.person_id = p.id AND (e.what = 'reached again' OR e.what = 'corrected' AND e.after ? 'email')
    ) own
    CROSS JOIN LATERAL (SELECT max(m.fate_at) AS at {_THEIRS} AND m.fate = 'delivered') arrived
    CROSS JOIN LATERAL (
        SELECT coalesce(p.bounced_at < arrived.at AND p.bounced_how <> 'complained', false) AS yes
    ) over
    CROSS JOIN LATERAL (
        SELECT
            min(m.fate_at) FILTER (WHERE m.fate IN {_BAD}) AS since,
            (array_agg(m.fate ORDER BY {_GRAVITY.format("m.fate")} DESC) FILTER (WHERE m.fate IN {_BAD}))[1] AS how,
            min(m.fate_at) FILTER (WHERE m.fate = 'deferred') AS late
        {_THEIRS}
          AND (own.reset IS NULL OR m.fate_at > own.reset)
          AND (arrived.at IS NULL OR m.fate_at >= arrived.at OR m.fate = 'complained')
    ) s
    WHERE p.id = ANY(%(people)s::bigint[])
) k
WHERE p.id = k.id AND (p.bounced_at, p.bounced_how, p.deferred_at) IS DISTINCT FROM (k.bounced_at, k.bounced_how, k.deferred_at)
"""

# Whose mail came back from an address that is not theirs any more: theirs is written anew.
MOVED_ON = f"""
SELECT DISTINCT p.id
FROM alerts_message m JOIN departments_person p ON p.id = m.person_id
WHERE m.id = ANY(%(messages)s::bigint[]) AND m.state = 'sent' AND m.fate IN {_CAME_BACK} AND m.recipient_id IS NOT NULL
  AND m.personal->>'address' <> p.email AND p.bounced_at IS NULL AND p.left_at IS NULL
"""

# What the record calls them, and the keys that stand behind its digest.
OF_THESE = """
SELECT coalesce(min(a.reference), 'plain mails'), array_agg(m.key ORDER BY m.key)
FROM alerts_message m LEFT JOIN alerts_advisory a ON a.id = m.advisory_id
WHERE m.id = ANY(%(messages)s::bigint[])
"""
