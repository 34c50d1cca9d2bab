"""The SQL of delivery, whole."""

from alerts import own_time
from alerts.cascading import holds, noting
from alerts.letters.deliver_chase_sql import IN_MAIL
from alerts.letters.deliver_escalations_sql import STOPPED
from alerts.letters.deliver_reminders_sql import TOLD
from alerts.models import Message

_ENDING = f"'{Message.Kind.STAND_DOWN}', '{Message.Kind.THANKS}'"

# What may be claimed: a batch that may have sent some of its mails already by the route that it has, if that is open; every
# other one by the route that is free, if it takes what is as mild.
_BY_A_ROUTE = "(b.route = ANY(%(open)s) OR b.route <> ALL(%(known)s) AND b.rank <= %(down_to)s)"

# Whether an advisory holds a warning anywhere, or anybody ever added a note to it: hardly any does, and then nobody's mail pays
# for being asked. Index: relay_held.
_ADDED = """(
    EXISTS (SELECT FROM (SELECT advisory_id FROM alerts_relay WHERE state = 'held' OFFSET 0) r WHERE r.advisory_id = {advisory})
    OR EXISTS (SELECT FROM alerts_note n JOIN alerts_relay r ON r.id = n.relay_id WHERE r.advisory_id = {advisory})
)"""

# A canary goes before the mails of its advisory, and stops with them; so does a list of who is silent about it.
_OF = "coalesce(b.advisory_id, CASE WHEN b.kind IN ('canary', 'escalation') THEN b.about_id END)"

# Index: alerts_batch(rank, not_before, id) where done_at is null. A stopped advisory's batches stay where they are. `ends`: it
# has been put off for so long that nobody is asked again: what is of no advisory, or of one that is over.
CLAIM = f"""
WITH had AS MATERIALIZED (
    -- Once: in a join it might be asked again for each batch, and then it answers with the next one.
    SELECT b.id, b.route
    FROM alerts_batch b LEFT JOIN alerts_advisory a ON a.id = {_OF}
    WHERE a.stopped_at IS NULL
      AND b.done_at IS NULL AND b.not_before <= %(now)s AND (b.leased_until IS NULL OR b.leased_until < %(now)s)
      AND {_BY_A_ROUTE}
    ORDER BY b.rank, b.not_before, b.id
    FOR UPDATE OF b SKIP LOCKED
    LIMIT 1
)
UPDATE alerts_batch
SET leased_until = %(lease)s, attempt = alerts_batch.attempt + 1,
    route = CASE WHEN alerts_batch.route = ANY(%(open)s) THEN alerts_batch.route ELSE %(free)s END
FROM had
WHERE alerts_batch.id = had.id
RETURNING alerts_batch.id, rank, leased_until, advisory_id,
    (SELECT reference FROM alerts_advisory a WHERE a.id = advisory_id), revision_id,
    (SELECT number FROM alerts_revision r WHERE r.id = revision_id), kind, attempt, about_id, alerts_batch.route,
    CASE WHEN had.route = alerts_batch.route THEN had.route ELSE '' END,
    {_ADDED.format(advisory="alerts_batch.advisory_id")},
    made_at < %(long_ago)s AND coalesce((SELECT state FROM alerts_advisory a WHERE a.id = advisory_id), '') <> 'live' AS ends
"""
# What a condemned route is tried with: any, so that one mail that nobody takes, or one domain, is not tried for ever.
CLAIM_ANY = CLAIM.replace("ORDER BY b.rank, b.not_before, b.id", "ORDER BY random()")

# With which key the links in its mails are made, before any of them leaves. Index: link_key_once.
NOTE_KEY = """
INSERT INTO alerts_linkkey (advisory_id, fingerprint)
SELECT %(advisory)s, %(key)s
WHERE NOT EXISTS (SELECT FROM alerts_linkkey WHERE advisory_id = %(advisory)s AND fingerprint = %(key)s)
ON CONFLICT (advisory_id, fingerprint) DO NOTHING
"""

# Something more severe than what a worker has in hand, and nobody has it yet: the worker hands its batch back.
OUTRANKED = f"""
SELECT EXISTS (
    SELECT FROM alerts_batch b LEFT JOIN alerts_advisory a ON a.id = {_OF}
    WHERE a.stopped_at IS NULL AND b.rank < %(rank)s
      AND b.done_at IS NULL AND b.not_before <= %(now)s AND (b.leased_until IS NULL OR b.leased_until < %(now)s)
      AND {_BY_A_ROUTE}
)
"""

# Text that a later revision has overtaken never leaves.
SUPERSEDE = """
UPDATE alerts_message m SET state = 'superseded'
FROM alerts_advisory a
WHERE m.batch_id = %(batch)s AND m.state = 'waiting' AND a.id = m.advisory_id AND a.current_id <> m.revision_id
"""

# With whether a later revision has overtaken it. By the batch's own index (OFFSET 0): in the order of ids a long outbox would
# be read from its beginning.
PART = f"""
SELECT m.id, coalesce(a.current_id <> m.revision_id, false)
FROM (SELECT * FROM alerts_message WHERE batch_id = %(batch)s OFFSET 0) m LEFT JOIN alerts_advisory a ON a.id = m.advisory_id
WHERE a.stopped_at IS NULL AND m.state = 'waiting' AND NOT {STOPPED}
ORDER BY m.id
LIMIT %(limit)s
"""
PART_ANY = PART.replace("ORDER BY m.id", "ORDER BY random()")

# What they hold as a contact, the notes that stand for them where the text may be in the mail, and whose note a mail about one
# is about. Of what is stood down neither is said.
_MORE = f"""\
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(b.name, r.held_until, w.people, w.looking) ORDER BY r.held_until, b.name) AS of
    FROM (SELECT * FROM alerts_seat s WHERE s.recipient_id = m.recipient OFFSET 0) s
    JOIN alerts_relay r ON r.id = s.relay_id AND r.state = 'held' AND r.purpose <> 'left'
    JOIN departments_body b ON b.id = r.body_id
    CROSS JOIN LATERAL ({holds.WAITING.format(relay="r")}) w
    WHERE s.contact AND s.ended_at IS NULL
      AND a.state = 'live' AND m.kind NOT IN ({_ENDING})
) held ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(found.name, found.at, found.text) ORDER BY found.depth DESC, found.name) AS said
    FROM ({noting.STANDING.format(recipient="m.recipient")}) found
    WHERE a.marking IN ({IN_MAIL}) AND m.kind NOT IN ({_ENDING})
) note ON true
LEFT JOIN LATERAL (
    SELECT b.name
    FROM alerts_note n JOIN alerts_relay r ON r.id = n.relay_id JOIN departments_body b ON b.id = r.body_id
    WHERE n.id = CASE WHEN m.kind = '{Message.Kind.NOTE}' THEN split_part(m.key, ':', 2)::bigint END
      AND a.marking IN ({IN_MAIL})
) noted ON true
"""

# The bodies for which somebody gets it, and whom they can ask: the first contact of one of their bodies, not themselves.
# Everything is looked up by key (OFFSET 0): a plan made of what the tables held before this very advisory was cascaded would
# read all of one. Each body's contacts once, however many of these people sit there; of a body's many people the index alone
# is read (membership_current).
_PERSONAL = """
WITH mail AS MATERIALIZED (
    SELECT m.id, m.key, m.kind, m.given_back, m.advisory_id, rc.id AS recipient, rc.token_issue, p.id AS person, p.name, p.email
    FROM unnest(%(ids)s::bigint[]) AS asked(id)
    CROSS JOIN LATERAL (SELECT * FROM alerts_message m WHERE m.id = asked.id OFFSET 0) m
    CROSS JOIN LATERAL (SELECT id, token_issue FROM alerts_recipient rc WHERE rc.id = m.recipient_id OFFSET 0) rc
    CROSS JOIN LATERAL (SELECT id, name, email FROM departments_person p WHERE p.id = m.person_id OFFSET 0) p
), place AS MATERIALIZED (
    SELECT theirs.id, b.id AS body, b.name
    FROM (
        SELECT mail.id, r.body_id
        FROM mail
        CROSS JOIN LATERAL (
            SELECT body_id FROM departments_membership WHERE person_id = mail.person AND until IS NULL OFFSET 0
        ) mine
        CROSS JOIN LATERAL (
            SELECT body_id FROM alerts_relay r WHERE r.advisory_id = mail.advisory_id AND r.body_id = mine.body_id OFFSET 0
        ) r
        UNION
        SELECT mail.id, r.body_id
        FROM mail
        CROSS JOIN LATERAL (SELECT relay_id FROM alerts_seat s WHERE s.recipient_id = mail.recipient OFFSET 0) s
        CROSS JOIN LATERAL (SELECT body_id FROM alerts_relay r WHERE r.id = s.relay_id OFFSET 0) r
    ) theirs
    CROSS JOIN LATERAL (SELECT id, name FROM departments_body b WHERE b.id = theirs.body_id OFFSET 0) b
), contact AS MATERIALIZED (
    SELECT at.body, c.id, c.name, c.telephone, mc."order"
    FROM (SELECT DISTINCT body FROM place) at
    CROSS JOIN LATERAL (
        SELECT person_id FROM departments_membership mc
        WHERE mc.body_id = at.body AND mc.role = 'contact' AND mc.until IS NULL
        OFFSET 0
    ) one
    CROSS JOIN LATERAL (
        SELECT person_id, "order" FROM departments_membership mc
        WHERE mc.person_id = one.person_id AND mc.body_id = at.body AND mc.role = 'contact' AND mc.until IS NULL
        OFFSET 0
    ) mc
    CROSS JOIN LATERAL (
        SELECT id, name, telephone FROM departments_person c WHERE c.id = mc.person_id AND c.left_at IS NULL OFFSET 0
    ) c
)
SELECT m.id, m.key, m.given_back, m.recipient, m.token_issue, m.person, m.name, m.email, named.bodies, ask.name, ask.telephone,
    {parts}
FROM mail m
JOIN alerts_advisory a ON a.id = m.advisory_id
LEFT JOIN (SELECT id, array_agg(name ORDER BY name) AS bodies FROM place GROUP BY id) named ON named.id = m.id
LEFT JOIN (
    SELECT DISTINCT ON (m.id) m.id, c.name, c.telephone
    FROM mail m JOIN place ON place.id = m.id JOIN contact c ON c.body = place.body AND c.id <> m.person
    ORDER BY m.id, c.telephone = '', c."order", c.id
) ask ON ask.id = m.id
{more}ORDER BY m.id
"""
PERSONAL = _PERSONAL.format(parts="NULL, NULL, NULL, NULL, NULL", more="")
PERSONAL_ADDED = _PERSONAL.format(parts="held.of, note.said, noted.name, NULL, NULL", more=_MORE)
PERSONAL_REMINDER = _PERSONAL.format(parts="held.of, note.said, NULL, NULL, told.said", more=_MORE + TOLD)

# A plain mail's: the bodies for which somebody is the contact (in an introduction: all of theirs), whom they can ask, and
# in a check the number behind its link.
PERSONAL_PLAIN = """
SELECT m.id, m.key, m.given_back, k.id, k.issue, p.id, p.name, p.email, place.names, ask.name, ask.telephone,
    NULL, NULL, NULL, NULL, NULL
FROM alerts_message m
JOIN departments_person p ON p.id = m.person_id
LEFT JOIN alerts_contactcheck k ON m.kind = 'check' AND k.id = split_part(m.key, ':', 2)::bigint
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT b.name) AS names, array_agg(b.id) AS ids
    FROM departments_membership mine
    JOIN departments_body b ON b.id = mine.body_id AND b.closed IS NULL
    WHERE mine.person_id = p.id AND mine.until IS NULL AND (m.kind <> 'check' OR mine.role = 'contact')
) place ON true
LEFT JOIN LATERAL (
    SELECT c.name, c.telephone
    FROM departments_membership mc
    JOIN departments_person c ON c.id = mc.person_id AND c.left_at IS NULL AND c.id <> p.id
    WHERE m.kind <> 'check' AND mc.body_id = ANY(place.ids) AND mc.role = 'contact' AND mc.until IS NULL
    ORDER BY c.telephone = '', mc."order", c.id
    LIMIT 1
) ask ON true
WHERE m.id = ANY(%(ids)s)
ORDER BY m.id
"""

# A one-time code's: what its digits are made from.
PERSONAL_CODE = """
SELECT m.id, m.key, m.given_back, c.id, c.issue, p.id, p.name, p.email, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM alerts_message m
JOIN departments_person p ON p.id = m.person_id
JOIN alerts_code c ON c.id = split_part(m.key, ':', 2)::bigint
WHERE m.id = ANY(%(ids)s)
ORDER BY m.id
"""

# Of a mail that goes with an answer: the bodies for which somebody was told, whom they can ask, what their own link is made of,
# of a receipt what was answered, and of the issuer's answer to a question both, with no more of the text than may be in a mail.
# Whose it is stands in its key: the answer, the issuer's (`answered:<reply>`), or the recipient
# (`unclear:<recipient>:<day>:<revision>`, `own-link:<day>:<recipient>`).
PERSONAL_ANSWER = f"""
SELECT m.id, m.key, m.given_back, r.id, r.token_issue, p.id, p.name, p.email, place.names, ask.name, ask.telephone,
    NULL, NULL, NULL, coalesce(said.answer, heard.answer), NULL
FROM (
    SELECT id, key, given_back, person_id, kind,
        CASE WHEN kind = '{Message.Kind.RECEIPT}' THEN split_part(key, ':', 2)::bigint END AS answered,
        CASE WHEN kind = '{Message.Kind.ANSWERED}' THEN split_part(key, ':', 2)::bigint END AS replied,
        CASE kind WHEN '{Message.Kind.UNCLEAR}' THEN split_part(key, ':', 2)::bigint
                  WHEN '{Message.Kind.OWN_LINK}' THEN split_part(key, ':', -1)::bigint END AS recipient
    FROM alerts_message WHERE id = ANY(%(ids)s) OFFSET 0
) m
JOIN departments_person p ON p.id = m.person_id
LEFT JOIN alerts_acknowledgement k ON k.id = m.answered
LEFT JOIN alerts_reply y ON y.id = m.replied
JOIN alerts_recipient r ON r.id = coalesce(k.recipient_id, y.recipient_id, m.recipient)
JOIN alerts_advisory a ON a.id = r.advisory_id
LEFT JOIN LATERAL (
    SELECT array_agg(b.name ORDER BY b.name) AS names, array_agg(b.id) AS ids
    FROM (SELECT relay_id FROM alerts_seat s WHERE s.recipient_id = r.id AND s.ended_at IS NULL OFFSET 0) s
    JOIN alerts_relay l ON l.id = s.relay_id
    JOIN departments_body b ON b.id = l.body_id
) place ON true
LEFT JOIN LATERAL (
    SELECT c.name, c.telephone
    FROM departments_membership mc
    JOIN departments_person c ON c.id = mc.person_id AND c.left_at IS NULL AND c.id <> p.id
    WHERE mc.body_id = ANY(place.ids) AND mc.role = 'contact' AND mc.until IS NULL
    ORDER BY c.telephone = '', mc."order", c.id
    LIMIT 1
) ask ON true
LEFT JOIN LATERAL (
    SELECT jsonb_build_object(
        'reference', a.reference, 'number', v.number, 'at', k.at, 'how', k.how, 'read', k.read, 'by', by.name,
        'name', k.name_given, 'told_how', k.told_how, 'told_at', k.told_at, 'late', k.late,
        'due', CASE WHEN v.number >= (SELECT number FROM alerts_revision WHERE id = a.material_id) THEN {own_time.BY} END,
        'receipt', upper(left(k.form_id::text, 8)),
        'title', CASE WHEN shown.so THEN v.content->>'title'
                      ELSE coalesce(nullif(v.content->>'open_title', ''), a.open_title) END,
        'text', CASE WHEN shown.so THEN k.text ELSE '' END,
        'actions', (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'place', c.place, 'text', CASE WHEN shown.so THEN c.text END, 'body', b.name, 'choice', s.choice,
                    'by_date', s.by_date, 'due', c.due, 'why', CASE WHEN shown.so THEN s.text END
                ) ORDER BY c.place, b.name
            )
            FROM (
                SELECT id, text, due, row_number() OVER (ORDER BY "order", id) AS place
                FROM alerts_action WHERE revision_id = v.id
            ) c
            JOIN alerts_actionanswer s ON s.action_id = c.id AND s.acknowledgement_id = k.id
            LEFT JOIN alerts_relay l ON l.id = s.relay_id
            LEFT JOIN departments_body b ON b.id = l.body_id
        ),
        -- What is not done yet, of them and of the bodies for which they answer; NULL where they are asked anew, or no more.
        'open', CASE WHEN k.read <> 'phishing' AND a.state = 'live' AND (k.how <> 'office' OR a.office = 'counts')
                          AND v.number >= (SELECT number FROM alerts_revision WHERE id = a.material_id) THEN (
            SELECT coalesce(jsonb_agg(
                jsonb_build_object(
                    'place', c.place, 'text', CASE WHEN shown.so THEN c.text END, 'body', b.name, 'due', c.due,
                    'by_date', s.by_date
                ) ORDER BY c.place, b.name
            ), '[]')
            FROM (
                SELECT key, text, due, of, row_number() OVER (ORDER BY "order", id) AS place
                FROM alerts_action WHERE revision_id = v.id
            ) c
            LEFT JOIN alerts_relay l ON c.of = 'body' AND l.advisory_id = a.id AND l.purpose = 'target' AND l.body_id IN (
                SELECT m.body_id FROM departments_membership m
                WHERE m.person_id = p.id AND m.until IS NULL AND m.role IN ('contact', 'deputy', 'head')
            )
            LEFT JOIN departments_body b ON b.id = l.body_id
            LEFT JOIN LATERAL (
                SELECT s.choice, s.by_date
                FROM alerts_actionanswer s
                JOIN alerts_action q ON q.id = s.action_id AND q.key = c.key AND q.text = c.text
                JOIN alerts_acknowledgement t ON t.id = s.acknowledgement_id AND t.suspect = '{{}}'
                     AND (t.how <> 'office' OR a.office = 'counts')
                WHERE s.relay_id = l.id OR c.of = 'person' AND s.acknowledgement_id = k.id AND s.relay_id IS NULL
                ORDER BY q.revision_id DESC, s.acknowledgement_id DESC
                LIMIT 1
            ) s ON true
            WHERE (c.of = 'person' OR l.id IS NOT NULL) AND (s.choice IS NULL OR s.choice NOT IN ('done', 'na'))
        ) END
    ) AS answer
    FROM alerts_revision v
    CROSS JOIN (SELECT a.marking IN ({IN_MAIL}) AS so) shown
    LEFT JOIN departments_person by ON by.id = k.by_id
    WHERE v.id = k.revision_id
) said ON true
LEFT JOIN LATERAL (
    -- Index: acknowledgement_all (recipient, at).
    SELECT jsonb_build_object(
        'reply', y.text, 'by', by.name, 'issuer', i.name, 'at', y.at,
        'asked', (
            SELECT q.text FROM alerts_acknowledgement q
            WHERE q.recipient_id = r.id AND q.at <= y.at AND q.suspect = '{{}}' AND q.read IN ('help', 'phishing')
            ORDER BY q.at DESC, q.id DESC
            LIMIT 1
        )
    ) AS answer
    FROM departments_person by
    JOIN departments_body i ON i.id = a.issuer_id
    WHERE by.id = y.by_id AND a.marking IN ({IN_MAIL})
) heard ON true
ORDER BY m.id
"""

# Whoever left meanwhile, can't be told, or (but for the mails of an advisory's desk) sits in no open body any more, is not
# asked and not greeted. A code that was used, or that would come too late, is not sent. A canary is tried each time, whatever
# became of its last mail.
SUPERSEDE_PLAIN = """
UPDATE alerts_message m SET state = 'superseded'
FROM departments_person p
WHERE m.batch_id = %(batch)s AND m.state = 'waiting' AND m.advisory_id IS NULL AND p.id = m.person_id
    AND (p.left_at IS NOT NULL OR p.bounced_at IS NOT NULL AND m.kind <> 'canary'
    OR m.kind IN ('check', 'introduction') AND NOT EXISTS (
        SELECT FROM departments_membership s JOIN departments_body b ON b.id = s.body_id AND b.closed IS NULL
        WHERE s.person_id = p.id AND s.until IS NULL AND (m.kind <> 'check' OR s.role = 'contact')
    ) OR m.kind = 'code' AND EXISTS (
        SELECT FROM alerts_code c
        WHERE c.id = split_part(m.key, ':', 2)::bigint AND (c.used_at IS NOT NULL OR c.expires_at <= %(now)s)
    ))
"""

# Rows are locked in the order of their ids before they are changed: two unordered writers would deadlock.
NOTE_SENT = """
WITH outcome AS (
    SELECT * FROM jsonb_to_recordset(%(sent)s::jsonb) AS o(id bigint, provider_id text, personal jsonb)
), noted AS (
    UPDATE alerts_message m
    SET state = 'sent', sent_at = %(now)s, provider_id = o.provider_id, personal = o.personal, error = '', route = %(route)s
    FROM outcome o
    WHERE m.id = o.id
    RETURNING m.recipient_id
), locked AS (
    SELECT r.id FROM alerts_recipient r
    WHERE r.id IN (SELECT recipient_id FROM noted)
    ORDER BY r.id
    FOR NO KEY UPDATE
)
UPDATE alerts_recipient r
SET told_revision = greatest(r.told_revision, %(number)s),
    outcome = CASE WHEN r.told_revision < %(number)s THEN '' ELSE r.outcome END,
    why = CASE WHEN r.told_revision < %(number)s THEN '' ELSE r.why END
FROM locked WHERE r.id = locked.id
"""

NOTE_REFUSED = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(errors)s::text[], %(fates)s::text[], %(runs)s::int[]) AS o(id, error, fate, run)
), noted AS (
    UPDATE alerts_message m
    SET state = 'failed', failed_at = %(now)s, error = o.error, fate = o.fate,
        fate_at = CASE WHEN o.fate <> '' THEN %(now)s END, route = %(route)s, run = o.run
    FROM outcome o
    WHERE m.id = o.id AND m.state <> 'sent'
    RETURNING m.recipient_id, o.error, o.fate
), locked AS (
    SELECT r.id, n.error, n.fate FROM alerts_recipient r JOIN noted n ON n.recipient_id = r.id
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
)
UPDATE alerts_recipient r SET outcome = coalesce(nullif(locked.fate, ''), 'unreachable'), why = locked.error
FROM locked WHERE r.id = locked.id AND r.told_revision < %(number)s
"""

# Refused for now: into a batch of their own, so that the others need not wait for them.
DEFER = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS o(id, error)
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, about_id, kind, size, not_before, attempt, made_at)
    SELECT rank, advisory_id, revision_id, about_id, kind, cardinality(%(ids)s::bigint[]), %(until)s, %(attempt)s, made_at
    FROM alerts_batch WHERE id = %(batch)s
    RETURNING id
)
UPDATE alerts_message m SET batch_id = made.id, error = o.error, attempt = m.attempt + 1
FROM outcome o, made
WHERE m.id = o.id AND m.state = 'waiting'
"""

# What a route refuses as it refuses everybody waits until it has rested, and then goes once more; what may have left by a
# route stays with it. Where the batch is somebody else's by now they have these in hand, and find out themselves.
PUT_BACK = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS o(id, error)
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, about_id, kind, size, not_before, attempt, made_at, route)
    SELECT rank, advisory_id, revision_id, about_id, kind, cardinality(%(ids)s::bigint[]), %(until)s, 0, made_at, %(route)s
    FROM alerts_batch WHERE id = %(batch)s AND leased_until = %(held)s AND done_at IS NULL
    RETURNING id
), fewer AS (
    UPDATE alerts_batch b SET size = greatest(b.size - cardinality(%(ids)s::bigint[]), 0) FROM made WHERE b.id = %(batch)s
)
UPDATE alerts_message m SET batch_id = made.id, error = o.error, given_back = m.given_back + %(given_back)s
FROM outcome o, made
WHERE m.id = o.id AND m.state = 'waiting'
"""

# Whose address still is the one that was refused; locked, so that nobody corrects it while it is noted.
STILL_THEIRS = """
SELECT p.id
FROM departments_person p
JOIN unnest(%(people)s::bigint[], %(addresses)s::text[]) AS refused (id, address)
    ON refused.id = p.id AND refused.address = p.email
ORDER BY p.id
FOR NO KEY UPDATE OF p
"""

# Whose address was corrected while a mail to the old one was under way: theirs is written anew by the next pass.
WRITE_ANEW = """
UPDATE alerts_relay SET to_tell = true
WHERE state <> 'planned' AND id IN (
    SELECT s.relay_id FROM alerts_seat s JOIN alerts_recipient r ON r.id = s.recipient_id
    WHERE r.advisory_id = %(advisory)s AND r.person_id = ANY(%(people)s::bigint[]) AND s.ended_at IS NULL
)
"""

# Whoever was told of an earlier revision this late may have been passed over when the current one was queued.
LOOK_AGAIN = """
UPDATE alerts_advisory SET queued_id = NULL
WHERE id = %(advisory)s AND current_id <> %(revision)s AND queued_id IS NOT NULL
"""

# What was noted of these already.
NOTED = "SELECT id FROM alerts_message WHERE id = ANY(%(ids)s::bigint[]) AND state IN ('sent', 'failed')"

# And whatever is changed is found by its key: a plan made of what the tables held a minute ago would read all of them.
PATIENCE = "SELECT set_config('lock_timeout', %(milliseconds)s, true), set_config('enable_seqscan', 'off', true)"

# Only whoever has the lease may touch the batch: nobody else was ever given this very moment for it.
_OURS = "id = %(batch)s AND leased_until = %(held)s AND done_at IS NULL"

RENEW = f"UPDATE alerts_batch SET leased_until = %(lease)s WHERE {_OURS} RETURNING leased_until"

# One of its mails keeps what was said: no address is to blame.
HOLD = f"""
WITH put_off AS (
    UPDATE alerts_batch
    SET leased_until = NULL, not_before = %(until)s, route = %(bound)s, attempt = greatest(attempt - 1, 0)
    WHERE {_OURS} RETURNING id
)
UPDATE alerts_message SET error = %(reason)s
WHERE id = (
    SELECT min(m.id)
    FROM put_off CROSS JOIN LATERAL (SELECT id, state FROM alerts_message WHERE batch_id = put_off.id OFFSET 0) m
    WHERE m.state = 'waiting'
)
"""

# No try was spent: nothing went wrong.
HAND_BACK = f"""
UPDATE alerts_batch SET leased_until = NULL, attempt = greatest(attempt - 1, 0), route = %(bound)s WHERE {_OURS}
"""

# Done when nothing waits in it, for which its own mails alone are looked at; otherwise (somebody pressed stop) it goes back as
# it is.
FINISH = f"""
UPDATE alerts_batch b
SET leased_until = NULL,
    attempt = 0,
    route = %(bound)s,
    done_at = CASE WHEN EXISTS (
                  SELECT FROM (SELECT state FROM alerts_message WHERE batch_id = b.id OFFSET 0) m WHERE m.state = 'waiting')
              THEN NULL ELSE now() END
WHERE {_OURS}
"""
