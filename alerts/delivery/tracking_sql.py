"""The SQL of tracking, whole. Rows are locked in the order of their keys: messages, then recipients, then people."""

# Events after which nothing more is expected, the gravest last; of two at the same moment the graver stands.
_GRAVITY = "array_position(ARRAY['deferred', 'delivered', 'failed', 'bounced', 'suppressed', 'complained'], {}::text)"
# Of a message's events (alias `e`) the one that stands comes first. Whoever complained got it, whatever is said after that.
_LAST = f"e.type = 'deferred', e.type <> 'complained', e.at DESC, {_GRAVITY.format('e.type')} DESC, e.said DESC"
# Noted: nothing of it is open. One that is said to wait, or to be superseded, and is heard of, left and is in somebody's hands.
_NOTED = "m.state IN ('sent', 'failed')"
# Fates that say that it did not arrive; and those that say something against the address.
_CAME_BACK = "('bounced', 'suppressed')"
_BAD = "('bounced', 'suppressed', 'complained')"

# In the order of the key: two that store the same events would wait for each other.
STORE = """
INSERT INTO alerts_trackingevent (provider, event_id, provider_id, token, address, type, at, said)
SELECT * FROM unnest(%(provider)s::text[], %(event_id)s::text[], %(provider_id)s::text[], %(token)s::text[],
    %(address)s::text[], %(type)s::text[], %(at)s::timestamptz[], %(said)s::text[])
ORDER BY 1, 2
ON CONFLICT (provider, event_id) DO NOTHING
"""

# Index: event_unmatched.
UNMATCHED = """
SELECT id, received_at, token FROM alerts_trackingevent
WHERE matched_at IS NULL AND (received_at, id) > (%(at)s, %(id)s)
ORDER BY received_at, id
LIMIT %(limit)s
"""

# The message by our own token, or else by the provider's id and the address: a call to many may have one id. Without an
# address, or with one that is nobody's in the directory (theirs is an alias to it), only where the id is one message's. One
# that was not noted yet is left for later. Indexes: message's key, message_provider.
MATCH = f"""
WITH wanted AS MATERIALIZED (
    SELECT e.id, w.message, e.provider_id, e.address
    FROM unnest(%(ids)s::bigint[], %(messages)s::bigint[]) AS w(id, message)
    JOIN alerts_trackingevent e ON e.id = w.id AND e.matched_at IS NULL
), of_calls AS MATERIALIZED (
    SELECT c.provider_id, m.id, m.advisory_id, coalesce(m.personal->>'address', p.email) AS address
    FROM (SELECT DISTINCT provider_id FROM wanted WHERE message IS NULL AND provider_id <> '') c
    CROSS JOIN LATERAL (
        SELECT m.id, m.advisory_id, m.person_id, m.personal FROM alerts_message m
        WHERE m.provider_id = c.provider_id AND m.provider_id <> '' AND {_NOTED}
        OFFSET 0
    ) m
    JOIN departments_person p ON p.id = m.person_id
), alone AS (
    SELECT provider_id, min(id) AS id, min(advisory_id) AS advisory_id FROM of_calls GROUP BY provider_id HAVING count(*) = 1
), addressed AS (
    SELECT provider_id, address, min(id) AS id, min(advisory_id) AS advisory_id
    FROM of_calls GROUP BY provider_id, address HAVING count(*) = 1
)
SELECT w.id, m.id, m.advisory_id
FROM wanted w
CROSS JOIN LATERAL (
    SELECT m.id, m.advisory_id FROM alerts_message m WHERE m.id = w.message AND {_NOTED} OFFSET 0
) m
UNION ALL
SELECT w.id, a.id, a.advisory_id
FROM wanted w JOIN addressed a ON a.provider_id = w.provider_id AND a.address = w.address
WHERE w.message IS NULL
UNION ALL
SELECT w.id, a.id, a.advisory_id
FROM wanted w JOIN alone a ON a.provider_id = w.provider_id
WHERE w.message IS NULL AND NOT EXISTS (SELECT FROM departments_person p WHERE p.email = w.address)
  AND NOT EXISTS (SELECT FROM addressed d WHERE d.provider_id = w.provider_id AND d.address = w.address)
ORDER BY 1
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

# A canary's mail that arrived shows that its arrival can be heard of.
HEARD_OF = """
UPDATE alerts_canary c SET heard_at = greatest(c.heard_at, m.fate_at)
FROM alerts_message m
WHERE m.id = ANY(%(messages)s::bigint[]) AND m.kind = 'canary' AND m.fate = 'delivered' AND m.person_id = c.person_id
"""

LOCK_MESSAGES = "SELECT id FROM alerts_message WHERE id = ANY(%(messages)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"

# Somebody else may have taken some meanwhile; and a route's refusal may have put a mail back into the outbox.
TAKE = f"""
WITH wanted AS (
    SELECT * FROM unnest(%(events)s::bigint[], %(messages)s::bigint[]) AS w(event, message)
), free AS (
    SELECT e.id, w.message
    FROM alerts_trackingevent e
    JOIN wanted w ON w.event = e.id
    JOIN alerts_message m ON m.id = w.message AND {_NOTED}
    WHERE e.matched_at IS NULL
    ORDER BY e.id
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE alerts_trackingevent e SET message_id = f.message, matched_at = %(now)s
FROM free f WHERE e.id = f.id
RETURNING e.id, e.message_id, e.type
"""

# Its fate from all its events. What a refused mail was told stays where these say no more. Whatever a clock elsewhere says,
# nothing became of a mail before it left.
SET_FATES = f"""
UPDATE alerts_message m
SET fate = f.fate, fate_at = greatest(f.at, m.sent_at),
    error = CASE WHEN f.fate = 'delivered' THEN '' WHEN m.state = 'failed' AND f.said = '' THEN m.error ELSE f.said END
FROM (
    SELECT DISTINCT ON (e.message_id)
        e.message_id, CASE e.type WHEN 'failed' THEN 'suppressed' ELSE e.type END AS fate, e.at, e.said
    FROM alerts_trackingevent e
    WHERE e.message_id = ANY(%(messages)s::bigint[]) AND e.type <> 'autoresponded'
    ORDER BY e.message_id, {_LAST}
) f
WHERE m.id = f.message_id AND (m.fate, m.fate_at) IS DISTINCT FROM (f.fate, greatest(f.at, m.sent_at))
"""

LOCK_RECIPIENTS = """
SELECT r.id FROM alerts_recipient r
WHERE r.id IN (SELECT recipient_id FROM alerts_message WHERE id = ANY(%(messages)s::bigint[]))
ORDER BY r.id
FOR NO KEY UPDATE
"""

# The last mail that left decides, unless a later one was refused, or waits to say the same anew. Whose mail came back was not
# told what it said: they were told what the last one said that did not, if any. A contact's note tells of no revision; and a
# reminder, which goes to those who were told, tells of one where it is known to have arrived, and says nothing otherwise.
SET_OUTCOMES = f"""
UPDATE alerts_recipient r
SET outcome = last.fate, why = CASE WHEN last.fate IN ('', 'delivered') THEN '' ELSE last.error END,
    told_revision = CASE WHEN last.fate IN {_CAME_BACK} THEN least(r.told_revision, last.kept)
                    ELSE greatest(r.told_revision, last.number) END
FROM (
    SELECT u.recipient, sent.*
    FROM unnest(%(recipients)s::bigint[]) AS u(recipient)
    CROSS JOIN LATERAL (
        SELECT m.id, m.revision_id, v.number, m.fate, m.error,
            coalesce(max(v.number) FILTER (WHERE m.fate NOT IN {_CAME_BACK}) OVER (), 0) AS kept
        FROM alerts_message m JOIN alerts_revision v ON v.id = m.revision_id
        WHERE m.recipient_id = u.recipient AND m.state = 'sent' AND m.kind <> 'note'
          AND (m.kind <> 'reminder' OR m.fate IN ('delivered', 'complained'))
        ORDER BY v.number DESC, m.id DESC
        LIMIT 1
    ) sent
) last
WHERE r.id = last.recipient AND last.number >= r.told_revision
  AND NOT EXISTS (
      SELECT FROM alerts_message later
      WHERE later.recipient_id = r.id AND later.id > last.id AND later.kind NOT IN ('note', 'reminder')
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
# does not end because another mail arrived. What the provider failed to send blames no address; what else was said of that very
# mail does. It is late since the last delay: one of long ago hides none of today. What is known otherwise (a refusal while it
# was sent: no word of how) stays until a mail arrives after it.
# Indexes: alerts_recipient(person), alerts_message(recipient), message_plain_fate, alerts_trackingevent(message).
SET_PEOPLE = f"""
WITH mails AS MATERIALIZED (
    SELECT p.id AS person,
        CASE WHEN m.fate = 'suppressed' THEN e.type ELSE m.fate END AS fate,
        CASE WHEN m.fate = 'suppressed' THEN greatest(e.at, m.sent_at) ELSE m.fate_at END AS fate_at
    FROM departments_person p
    CROSS JOIN LATERAL (
        SELECT of.*
        FROM alerts_recipient r
        CROSS JOIN LATERAL (
            SELECT m.id, m.fate, m.fate_at, m.sent_at, m.personal FROM alerts_message m
            WHERE m.recipient_id = r.id AND m.state = 'sent' AND m.fate <> ''
            OFFSET 0
        ) of
        WHERE r.person_id = p.id
        UNION ALL
        SELECT plain.*
        FROM (
            SELECT m.id, m.fate, m.fate_at, m.sent_at, m.personal FROM alerts_message m
            WHERE m.person_id = p.id AND m.recipient_id IS NULL AND m.state = 'sent' AND m.fate <> ''
            OFFSET 0
        ) plain
    ) m
    LEFT JOIN LATERAL (
        SELECT e.type, e.at FROM alerts_trackingevent e
        WHERE e.message_id = m.id AND e.type NOT IN ('autoresponded', 'deferred', 'failed')
        ORDER BY {_LAST}
        LIMIT 1
    ) e ON m.fate = 'suppressed'
    WHERE p.id = ANY(%(people)s::bigint[]) AND m.personal->>'address' = p.email
), known AS (
    SELECT p.id, p.bounced_at, p.bounced_how,
        (SELECT max(e.at) FROM departments_personevent e
         WHERE e.person_id = p.id AND (e.what = 'reached again' OR e.what = 'corrected' AND e.after ? 'email')) AS reset,
        (SELECT max(m.fate_at) FROM mails m WHERE m.person = p.id AND m.fate = 'delivered') AS arrived
    FROM departments_person p
    WHERE p.id = ANY(%(people)s::bigint[])
), found AS (
    SELECT k.id, k.bounced_at, k.bounced_how, m.since, m.how, m.late,
        coalesce(k.bounced_at <= k.arrived AND k.bounced_how <> 'complained', false) AS over
    FROM known k
    CROSS JOIN LATERAL (
        SELECT
            min(m.fate_at) FILTER (WHERE m.fate IN {_BAD}) AS since,
            (array_agg(m.fate ORDER BY {_GRAVITY.format("m.fate")} DESC) FILTER (WHERE m.fate IN {_BAD}))[1] AS how,
            max(m.fate_at) FILTER (WHERE m.fate = 'deferred') AS late
        FROM mails m
        WHERE m.person = k.id AND (k.reset IS NULL OR m.fate_at > k.reset)
          AND (k.arrived IS NULL OR m.fate_at >= k.arrived OR m.fate = 'complained')
    ) m
), stands AS (
    SELECT id, late,
        CASE WHEN since IS NULL AND over THEN NULL
             WHEN since IS NULL THEN bounced_at
             WHEN bounced_how = '' AND NOT over THEN least(since, bounced_at)
             ELSE since END AS bounced_at,
        CASE WHEN since IS NOT NULL THEN how WHEN over THEN '' ELSE bounced_how END AS bounced_how
    FROM found
)
UPDATE departments_person p
SET bounced_at = s.bounced_at, bounced_how = s.bounced_how, deferred_at = s.late
FROM stands s
WHERE p.id = s.id AND (p.bounced_at, p.bounced_how, p.deferred_at) IS DISTINCT FROM (s.bounced_at, s.bounced_how, s.late)
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
