"""The SQL of threads: who waits for an answer of the issuer, in which order, and what was said on either side."""

from alerts.last_word import last_word

# Whether what somebody said (`k`) still waits: nobody answered or settled it, with it before them. Index: reply_to.
WAITS = "NOT EXISTS (SELECT FROM alerts_reply y WHERE y.to_id = k.id)"

# One body through which recipient `r` is told, a current one first.
PLACE = """
LEFT JOIN LATERAL (
    SELECT d.name, d.slug, s.relay_id
    FROM alerts_seat s
    JOIN alerts_relay l ON l.id = s.relay_id
    JOIN departments_body d ON d.id = l.body_id
    WHERE s.recipient_id = r.id{within}
    ORDER BY s.ended_at IS NOT NULL, NOT s.counts, d.name
    LIMIT 1
) place ON true
"""
# A contact of that body, where person `p` has no number of their own.
CONTACT = """
LEFT JOIN LATERAL (
    SELECT c.name, c.telephone
    FROM alerts_seat s
    JOIN alerts_recipient cr ON cr.id = s.recipient_id
    JOIN departments_person c ON c.id = cr.person_id AND c.left_at IS NULL AND c.telephone <> ''
    WHERE s.relay_id = place.relay_id AND s.contact AND s.ended_at IS NULL AND p.telephone = '' AND c.id <> p.id
    ORDER BY s.id
    LIMIT 1
) contact ON true
"""

# `bodies`: the ids of those whose people somebody sees one by one; NULL: of every body.
_WITHIN = "s.ended_at IS NULL AND l.purpose <> 'left' AND l.body_id = ANY(%(bodies)s)"
_SEEN = f"""(%(bodies)s::bigint[] IS NULL OR EXISTS (
        SELECT FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
        WHERE s.recipient_id = k.recipient_id AND {_WITHIN}
    ))"""
_SAID = f"k.id, k.recipient_id, k.read, k.at, k.text, k.how, k.by_id, k.name_given, w.number, {WAITS} AS waits"

# Everybody whose last word asks for help, or says that it looks like phishing, to whichever revision.
# Index: acknowledgement_asking (revision, -id), acknowledgement_last, alerts_seat(recipient).
_ASKING = f"""
    SELECT {_SAID}
    FROM alerts_revision w
    JOIN alerts_acknowledgement k ON k.revision_id = w.id AND k.read IN ('help', 'phishing')
    WHERE w.advisory_id = %(advisory)s AND k.id = {last_word("k.recipient_id")} AND {_SEEN}
"""
# One who ever asked, whatever they said last. Index: recipient's primary key, acknowledgement_last.
_ONE = f"""
    SELECT {_SAID}
    FROM alerts_recipient one
    JOIN alerts_acknowledgement k ON k.id = {last_word("one.id")}
    JOIN alerts_revision w ON w.id = k.revision_id
    WHERE one.id = %(recipient)s AND one.advisory_id = %(advisory)s AND {_SEEN} AND EXISTS (
        SELECT FROM alerts_acknowledgement x
        WHERE x.recipient_id = one.id AND x.suspect = '{{}}' AND x.read IN ('help', 'phishing')
    )
"""

_SHOWN = f"""
SELECT r.id, p.id, p.name, place.name, place.slug, place.relay_id, a.id, a.read, a.at, a.text, a.number, a.how, b.name,
       a.name_given, p.telephone, contact.name, contact.telephone, a.waits, p.left_at IS NULL AND p.bounced_at IS NULL,
       coalesce((SELECT max(y.id) FROM alerts_reply y WHERE y.recipient_id = r.id), 0)
FROM asking a
JOIN alerts_recipient r ON r.id = a.recipient_id
JOIN departments_person p ON p.id = r.person_id
LEFT JOIN departments_person b ON b.id = a.by_id
{PLACE.format(within=f" AND (%(bodies)s::bigint[] IS NULL OR {_WITHIN})")}
{CONTACT}
"""
# Whoever waits the longest comes first; behind all of them who was answered, the latest first.
_IN_ORDER = "a.waits DESC, CASE WHEN a.waits THEN a.at END, a.id DESC"

COUNT = f"WITH asking AS ({_ASKING}) SELECT count(*) FILTER (WHERE waits), count(*) FROM asking"
QUEUE = f"""
WITH asking AS (
    SELECT a.* FROM ({_ASKING}) a ORDER BY {_IN_ORDER} LIMIT %(most)s OFFSET %(before)s
)
{_SHOWN}
ORDER BY {_IN_ORDER}
"""
ONE = f"WITH asking AS ({_ONE}) {_SHOWN}"

# What was said on either side, in order: of each of these people the last so many entries. Of their own what asks, and what has
# words; nothing that looks like a machine's. Index: acknowledgement_all (recipient, at), reply_of_recipient.
SAID = """
SELECT said.* FROM unnest(%(recipients)s::bigint[]) AS r(id)
CROSS JOIN LATERAL (
    SELECT found.*, count(*) OVER () AS many
    FROM (
        SELECT k.recipient_id, k.at, false AS reply, k.read, k.text, k.how, b.name AS by, k.name_given, w.number,
               false AS settles, k.id
        FROM alerts_acknowledgement k
        JOIN alerts_revision w ON w.id = k.revision_id
        LEFT JOIN departments_person b ON b.id = k.by_id
        WHERE k.recipient_id = r.id AND k.suspect = '{}' AND (k.read IN ('help', 'phishing') OR k.text <> '')
        UNION ALL
        SELECT y.recipient_id, y.at, true, '', y.text, '', b.name, '', NULL, y.settles, y.id
        FROM alerts_reply y JOIN departments_person b ON b.id = y.by_id
        WHERE y.recipient_id = r.id
    ) found
    ORDER BY at DESC, reply DESC, id DESC
    LIMIT %(most)s
) said
ORDER BY recipient_id, at, reply, said.id
"""

# The mail that an answer goes with: to the recipient, with the answer's number in its key (`alerts.delivery.deliver_sql`).
MAIL = """
SELECT r.id, r.person_id, 'answered:' || y.id
FROM alerts_reply y JOIN alerts_recipient r ON r.id = y.recipient_id
WHERE y.id = %(reply)s
"""
