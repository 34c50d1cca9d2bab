"""The SQL of the cascade, whole. But for `WANTING`, each is about one advisory, and writes only what is not there yet."""

from alerts.models.figures import UNREACHABLE
from alerts.publishing.audience import MEMBERS_BY_KEY, SEATS

# Which advisories a pass would find work for, the most severe first: all that the beat asks while nothing changes. Each
# question about relays is asked once, and not once for each advisory.
# Indexes: advisory_live, relay_stale, relay_to_tell, relay_held, note_to_be_mailed; the end of departments_change(xid8).
WANTING = """
SELECT a.id
FROM alerts_advisory a
WHERE a.current_id IS NOT NULL AND a.stopped_at IS NULL
  AND ((a.state = 'live' AND (
            a.seen IS NULL
            OR (%(changes)s AND a.seen <= (SELECT max(xid8) FROM departments_change))
            OR a.queued_id IS DISTINCT FROM a.current_id
            OR a.id IN (SELECT advisory_id FROM alerts_relay WHERE stale)
            OR a.id IN (SELECT advisory_id FROM alerts_relay WHERE to_tell)
            OR a.id IN (SELECT advisory_id FROM alerts_relay WHERE state = 'held' AND held_until <= %(now)s)
            OR a.id IN (SELECT r.advisory_id FROM alerts_note n JOIN alerts_relay r ON r.id = n.relay_id
                        WHERE n.mail_asked_at IS NOT NULL AND n.mailed_at IS NULL)))
       OR (a.state = 'stood-down' AND a.queued_id IS DISTINCT FROM a.current_id))
  AND array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text) - 1 < %(rank)s
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], a.severity::text), a.id
"""

TAKE_TURN = """
SELECT pg_try_advisory_xact_lock(hashtext('cascade'), %s::int), set_config('synchronous_commit', 'off', true)
"""

# The end of an index: departments_change(xid8). EXISTS would read the whole table to find that there is no such row.
CHANGED = "SELECT coalesce((SELECT max(xid8) FROM departments_change) >= %(seen)s, false)"

# The next relays to be compared, those reached first, so that those who may be told are written, and told, first; with
# how many people that may be, all in all, up to each. Index: relay_stale.
TAKE_STALE = """
SELECT n.id, n.body_id, n.compared_upto, sum(n.people) OVER (ORDER BY n.planned, n.id)
FROM (
    SELECT r.id, r.body_id, r.compared_upto, r.state = 'planned' AS planned, (
        SELECT count(*) FROM departments_membership m WHERE m.body_id = r.body_id AND m.until IS NULL
    ) AS people
    FROM alerts_relay r
    WHERE r.id IN (
        SELECT id FROM alerts_relay
        WHERE advisory_id = %(advisory)s AND stale
        ORDER BY (state = 'planned'), id
        LIMIT %(limit)s
    )
) n
ORDER BY n.planned, n.id
"""

# Where a body of very many people is cut: the last person of the next so many. NULL where no more are left.
CUT = """
SELECT m.person_id FROM departments_membership m
WHERE m.body_id = %(body)s AND m.until IS NULL AND m.person_id > %(above)s
ORDER BY m.person_id
OFFSET %(size)s LIMIT 1
"""

# Compared; and whether everybody there who may be told has been looked at, which of a planned one is nobody.
COMPARED = """
UPDATE alerts_relay SET stale = false, compared_upto = NULL, to_tell = NOT %(told)s AND state <> 'planned'
WHERE id = ANY(%(relays)s)
"""

COMPARED_UPTO = "UPDATE alerts_relay SET compared_upto = %(upto)s WHERE id = ANY(%(relays)s)"

TAKE_TO_TELL = """
SELECT id FROM alerts_relay WHERE advisory_id = %(advisory)s AND to_tell AND NOT stale ORDER BY id LIMIT %(limit)s
"""

# Held until the transaction ends, so that nobody lets one go on between the look at it and the note that all were looked at.
HOLD_RELAYS = "SELECT id FROM alerts_relay WHERE id = ANY(%(relays)s) ORDER BY id FOR NO KEY UPDATE"

ALL_TOLD = "UPDATE alerts_relay SET to_tell = false WHERE id = ANY(%(relays)s) AND to_tell AND NOT stale"

# Of a body that left the audience nobody is seated any more.
_PLACES = "(SELECT id AS place, body_id, purpose FROM alerts_relay WHERE id = ANY(%(relays)s) AND purpose <> 'left')"
_SHOULD = (
    f"SELECT * FROM ({SEATS.format(places=_PLACES, members=MEMBERS_BY_KEY)}) every"
    " WHERE every.person_id > %(above)s AND every.person_id <= %(upto)s"
)

# Whether anybody was ever seated at these relays: where nobody was, no seat can have to end.
SEATED = """
SELECT EXISTS (
    SELECT FROM unnest(%(relays)s::bigint[]) AS place (id)
    CROSS JOIN LATERAL (SELECT FROM alerts_seat WHERE relay_id = place.id LIMIT 1) somebody
)
"""

# Nobody else writes recipients, and one pass at a time, so that what is looked for first can't conflict: twice as quick.
WRITE_RECIPIENTS = f"""
WITH should AS MATERIALIZED (
    SELECT person_id, bool_or(counts) AS counts FROM ({_SHOULD}) s GROUP BY person_id
), known AS MATERIALIZED (
    SELECT s.*, r.id, r.targeted
    FROM should s
    LEFT JOIN LATERAL (
        SELECT id, targeted FROM alerts_recipient WHERE advisory_id = %(advisory)s AND person_id = s.person_id LIMIT 1
    ) r ON true
), locked AS (
    SELECT id FROM alerts_recipient
    WHERE id = ANY(ARRAY(SELECT id FROM known WHERE counts AND NOT targeted))
    ORDER BY id
    FOR NO KEY UPDATE
), counted AS (
    UPDATE alerts_recipient r SET targeted = true FROM locked WHERE r.id = locked.id
)
INSERT INTO alerts_recipient (advisory_id, person_id, targeted)
SELECT %(advisory)s, person_id, counts FROM known WHERE id IS NULL ORDER BY person_id
"""

# The seats of relays where nobody sat yet.
FIRST_SEATS = f"""
INSERT INTO alerts_seat (recipient_id, relay_id, counts, contact)
SELECT r.id, s.place, s.counts, s.contact
FROM ({_SHOULD}) s
CROSS JOIN LATERAL (
    SELECT id FROM alerts_recipient WHERE advisory_id = %(advisory)s AND person_id = s.person_id LIMIT 1
) r
ORDER BY r.id, s.place
"""

# Seats that should be; one that ended and is there again goes on.
WRITE_SEATS = f"""{FIRST_SEATS}
ON CONFLICT (recipient_id, relay_id) DO UPDATE
SET counts = excluded.counts, contact = excluded.contact, ended_at = NULL
WHERE (alerts_seat.counts, alerts_seat.contact, alerts_seat.ended_at)
      IS DISTINCT FROM (excluded.counts, excluded.contact, NULL)
"""

# Seats that should not be any more end; then nobody is targeted who has no target seat left. In this order: figures of the
# whole count a person once, for as long as any target seat of theirs is current. The seats of one recipient are looked up
# by `seat_once` alone, which is why what else is asked of them stands in the sum and not in the WHERE.
END_SEATS = f"""
WITH should AS MATERIALIZED ({_SHOULD}),
gone AS MATERIALIZED (
    SELECT seat.id, seat.recipient_id
    FROM alerts_seat seat
    JOIN alerts_recipient r ON r.id = seat.recipient_id AND r.person_id > %(above)s AND r.person_id <= %(upto)s
    LEFT JOIN should s ON s.place = seat.relay_id AND s.person_id = r.person_id
    WHERE seat.relay_id = ANY(%(relays)s) AND seat.ended_at IS NULL AND s.place IS NULL
), ended AS (
    UPDATE alerts_seat seat SET ended_at = now() FROM gone WHERE seat.id = gone.id
), left_with AS (
    SELECT r.id, COALESCE((
        SELECT bool_or(seat.counts AND seat.ended_at IS NULL AND seat.id <> ALL(ARRAY(SELECT id FROM gone)))
        FROM alerts_seat seat WHERE seat.recipient_id = r.id
    ), false) AS targeted
    FROM (SELECT DISTINCT recipient_id AS id FROM alerts_seat WHERE relay_id = ANY(%(relays)s)) touched
    JOIN alerts_recipient r ON r.id = touched.id AND r.targeted
    WHERE r.person_id > %(above)s AND r.person_id <= %(upto)s
), locked AS (
    SELECT r.id FROM alerts_recipient r
    WHERE r.id = ANY(ARRAY(SELECT id FROM left_with WHERE NOT targeted))
    ORDER BY r.id
    FOR NO KEY UPDATE
)
UPDATE alerts_recipient r SET targeted = false FROM locked WHERE r.id = locked.id
"""

# Whom a pass looks at: at a new revision everybody there is, from `after` on; afterwards whoever sits at relays of which
# something changed. Everybody ever told hears of every later revision; others once a relay of theirs is released (a held
# body's contact: once it is reached). Whose earlier mail is leaving at this moment (superseded while a worker had it in hand)
# is told as one who had it, wherever they sit by now. What a provider itself failed to send, which blames nobody's address, is
# not sent anew each time that everybody is looked at, but where an operator tries it again, or something changed.
_EVERYBODY = """
    SELECT rc.* FROM alerts_recipient rc
    WHERE rc.advisory_id = %(advisory)s AND rc.id > %(after)s
      AND (rc.told_revision > 0
           OR (NOT %(only_told)s AND EXISTS (
               SELECT FROM alerts_seat s JOIN alerts_relay r ON r.id = s.relay_id
               WHERE s.recipient_id = rc.id AND s.ended_at IS NULL
                 AND (r.state = 'released' OR (r.state = 'held' AND s.contact))))
           OR EXISTS (
               SELECT FROM alerts_message m JOIN alerts_batch b ON b.id = m.batch_id
               WHERE m.recipient_id = rc.id AND m.state = 'superseded' AND b.leased_until > %(now)s))
      AND NOT (rc.outcome = 'suppressed' AND EXISTS (
               SELECT FROM alerts_message m JOIN alerts_trackingevent e ON e.message_id = m.id
               WHERE m.recipient_id = rc.id AND m.revision_id = %(revision)s AND m.fate = 'suppressed' AND e.type = 'failed'))
"""
# Index: seat_current.
_AT_RELAYS = """
    SELECT rc.* FROM alerts_recipient rc
    WHERE rc.id > %(after)s AND rc.person_id > %(above)s AND rc.person_id <= %(upto)s AND rc.id IN (
        SELECT s.recipient_id FROM alerts_seat s JOIN alerts_relay r ON r.id = s.relay_id
        WHERE s.relay_id = ANY(%(relays)s) AND s.ended_at IS NULL
          AND (r.state = 'released' OR (r.state = 'held' AND s.contact)))
"""

# A mail that was refused for its address is written anew once that was put right. `mended`: for which time, 0 where there was
# no mail yet. Its key follows the last one's, so that none can be there already: nobody else writes these. Many of them that
# are refused once more say nothing of their route (`given_back`).
_WRITE_MESSAGES = """
WITH due AS MATERIALIZED (
    SELECT rc.id, rc.person_id, had.mended, row_number() OVER (ORDER BY rc.id) - 1 AS n,
           CASE WHEN rc.told_revision = 0 AND NOT (%(number)s > 1 AND EXISTS (
                    SELECT FROM alerts_message m JOIN alerts_batch b ON b.id = m.batch_id
                    WHERE m.recipient_id = rc.id AND m.state = 'superseded' AND b.leased_until > %(now)s
                )) THEN %(first)s
                WHEN rc.answered_revision = 0 AND NOT (rc.office_revision > 0 AND (
                    SELECT office = 'counts' FROM alerts_advisory WHERE id = %(advisory)s
                )) THEN %(again)s
                ELSE %(answered)s END AS kind
    FROM ({candidates}) rc
    CROSS JOIN LATERAL (
        SELECT COALESCE(max(COALESCE(NULLIF(split_part(m.key, ':', 4), '')::int, 0)) + 1, 0) AS mended,
               COALESCE(bool_and(m.state = 'failed' OR m.fate IN ('bounced', 'suppressed')), true) AS none_left
        FROM alerts_message m
        WHERE m.recipient_id = rc.id AND m.revision_id = %(revision)s AND m.kind NOT IN ('note', 'reminder')
    ) had
    WHERE had.none_left
      AND had.mended <= 20
      AND (had.mended = 0
           OR EXISTS (SELECT FROM departments_person p
                      WHERE p.id = rc.person_id AND p.bounced_at IS NULL AND p.left_at IS NULL))
    ORDER BY rc.id
    LIMIT %(limit)s
), refused AS (
    SELECT r.id FROM alerts_recipient r JOIN due ON due.id = r.id AND due.mended > 0
    WHERE r.outcome IN {unreachable}
    ORDER BY r.id
    FOR NO KEY UPDATE OF r
), again AS (
    UPDATE alerts_recipient r SET outcome = '', why = '' FROM refused WHERE r.id = refused.id
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before)
    SELECT %(rank)s, %(advisory)s, %(revision)s, d.kind, count(*), %(now)s
    FROM due d
    GROUP BY d.kind, d.n / %(size)s
    ORDER BY d.kind, d.n / %(size)s
    RETURNING id
), slots AS (
    SELECT kind, slot, row_number() OVER (ORDER BY kind, slot) AS place
    FROM (SELECT DISTINCT kind, n / %(size)s AS slot FROM due) s
), placed AS MATERIALIZED (
    SELECT s.kind, s.slot, m.id
    FROM slots s
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made) m USING (place)
), written AS (
    INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind, given_back)
    SELECT 'revision:' || %(revision)s || ':' || d.person_id || CASE WHEN d.mended > 0 THEN ':' || d.mended ELSE '' END,
           p.id, d.person_id, %(advisory)s, d.id, %(revision)s, d.kind, CASE WHEN d.mended > 0 THEN 2 ELSE 0 END
    FROM due d
    JOIN placed p ON p.kind = d.kind AND p.slot = d.n / %(size)s
    ORDER BY d.id
    RETURNING recipient_id, id
)
SELECT count(*), max(recipient_id),
       encode(sha256(string_agg(id::text, E'\n' ORDER BY id::text COLLATE "C")::bytea), 'hex')
FROM written
""".replace("{unreachable}", UNREACHABLE)
TELL_EVERYBODY = _WRITE_MESSAGES.replace("{candidates}", _EVERYBODY)
TELL_AT_RELAYS = _WRITE_MESSAGES.replace("{candidates}", _AT_RELAYS)

# A note that stands is mailed, because somebody asked for that, to those who were told before it; the next of them that have
# no such mail yet. One that another note replaced is mailed to nobody. Where notes stand in mails, who was told with it has it
# in theirs, whenever that left; otherwise the moment decides.
MAIL_NOTE = """
WITH due AS MATERIALIZED (
    SELECT rc.id, rc.person_id, row_number() OVER (ORDER BY rc.id) - 1 AS n
    FROM alerts_recipient rc
    WHERE rc.advisory_id = %(advisory)s AND rc.told_revision >= %(number)s AND rc.person_id <> %(by)s
      AND NOT EXISTS (SELECT FROM alerts_note later WHERE later.relay_id = %(relay)s AND later.id > %(note)s)
      AND EXISTS (
          SELECT FROM alerts_seat s JOIN alerts_relay r ON r.id = s.relay_id
          WHERE s.recipient_id = rc.id AND s.ended_at IS NULL AND r.path @> ARRAY[%(relay)s::bigint])
      AND EXISTS (
          SELECT FROM alerts_message m
          WHERE m.recipient_id = rc.id AND m.revision_id = %(revision)s AND m.state = 'sent'
            AND (%(in_mails)s OR m.sent_at <= %(asked)s))
      AND NOT (%(in_mails)s AND EXISTS (
          SELECT FROM alerts_message m
          CROSS JOIN LATERAL jsonb_array_elements(COALESCE(m.personal -> 'notes', '[]')) said
          WHERE m.recipient_id = rc.id AND m.revision_id = %(revision)s AND m.state = 'sent'
            AND said ->> 0 = %(body)s AND said ->> 2 = %(text)s))
      AND NOT EXISTS (
          SELECT FROM alerts_message m WHERE m.key = 'note:' || %(note)s || ':' || rc.person_id)
    ORDER BY rc.id
    LIMIT %(limit)s
), made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before)
    SELECT %(rank)s, %(advisory)s, %(revision)s, 'note', count(*), %(now)s
    FROM due d GROUP BY d.n / %(size)s ORDER BY d.n / %(size)s
    RETURNING id
), placed AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS slot FROM made
)
INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
SELECT 'note:' || %(note)s || ':' || d.person_id, p.id, d.person_id, %(advisory)s, d.id, %(revision)s, 'note'
FROM due d JOIN placed p ON p.slot = d.n / %(size)s
ORDER BY d.id
ON CONFLICT (key) DO NOTHING
RETURNING id
"""

# Mails that a worker has in hand may have been filled in before the note was there.
IN_HAND = """
SELECT EXISTS (
    SELECT FROM alerts_batch
    WHERE advisory_id = %(advisory)s AND done_at IS NULL AND leased_until > %(now)s AND kind <> 'note'
)
"""
