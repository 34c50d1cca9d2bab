"""The SQL of the people of one body of an advisory: each of them once, with how they stand, in one statement."""

from alerts.last_word import last_word
from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS

# From what needs somebody's attention most to what needs none: also the order of the page.
STANDINGS = (
    "help",
    "doubt",
    "unreachable",
    "waiting",
    "suspect",
    "silent",
    "office",
    "answered",
    "information",
)
_RANK = "array_position(ARRAY[" + ", ".join(f"'{standing}'" for standing in STANDINGS) + "], x.standing)"

# When a recipient `r` had mails of the chase about it, also those about several advisories, which are of none; who pressed for
# them is nobody (NULL). Index: nudge_of_recipient.
NUDGED = """
    SELECT m.sent_at AS at, NULL AS made_at
    FROM (SELECT n.message_id FROM alerts_nudge n WHERE n.recipient_id = r.id AND n.state = 'mailed' OFFSET 0) n
    CROSS JOIN LATERAL (SELECT m.sent_at FROM alerts_message m WHERE m.id = n.message_id OFFSET 0) m
    WHERE m.sent_at IS NOT NULL
"""

# Of each standing how many there are of those who are called like that, and one page of them, of one moment. What is looked up
# of each person (their last answer, their last mail) is looked up of those on the page alone. OFFSET 0: rows by key, however
# few there seem to be. Of whoever takes it for phishing (`doubting`) figures know nothing.
# Index: seat_current, recipient's and person's primary keys, acknowledgement_asking, acknowledgement_last,
# alerts_message(recipient), nudge_of_recipient.
PEOPLE = f"""
WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id = %(advisory)s),
doubting AS MATERIALIZED (
    SELECT k.recipient_id
    FROM alerts_revision w
    JOIN alerts_acknowledgement k ON k.revision_id = w.id AND k.read IN ('help', 'phishing')
    WHERE w.advisory_id = %(advisory)s AND k.read = 'phishing' AND k.id = {last_word("k.recipient_id")}
), standing AS MATERIALIZED (
    SELECT r.id, r.person_id, p.name, p.telephone, s.counts, s.contact, r.outcome, r.told_revision, r.answered_revision,
           r.needs_help, f.acknowledged, f.office, f.waiting,
           v.material > 0 AND r.answered_revision >= v.material AND r.behalf_revision < v.material AS themselves,
           CASE WHEN r.id IN (SELECT recipient_id FROM doubting) THEN 'doubt'
                WHEN r.needs_help THEN 'help'
                WHEN f.acknowledged = 1 THEN 'answered'
                WHEN f.office = 1 THEN 'office'
                WHEN NOT s.counts THEN 'information'
                WHEN f.unreachable = 1 THEN 'unreachable'
                WHEN f.suspect = 1 THEN 'suspect'
                WHEN f.waiting = 1 THEN 'waiting'
                ELSE 'silent' END AS standing
    FROM alerts_seat s
    CROSS JOIN v
    CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT p.name, p.telephone FROM departments_person p WHERE p.id = r.person_id OFFSET 0) p
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE s.relay_id = %(relay)s AND s.ended_at IS NULL AND (%(like)s = '%%' OR p.name ILIKE %(like)s)
), chosen AS MATERIALIZED (
    SELECT x.*, {_RANK} AS rank
    FROM standing x
    WHERE %(standing)s = '' OR x.standing = %(standing)s
), shown AS MATERIALIZED (
    SELECT * FROM chosen
    ORDER BY rank, lower(name), id
    LIMIT %(size)s
    OFFSET least(%(page)s - 1, (SELECT greatest(count(*) - 1, 0) FROM chosen) / %(size)s) * %(size)s
)
SELECT (SELECT jsonb_object_agg(t.standing, t.number) FROM (
            SELECT standing, count(*) AS number FROM standing GROUP BY standing
        ) t),
       s.id, s.person_id, s.name, s.telephone, s.standing, s.counts, s.contact, s.outcome, s.told_revision,
       s.answered_revision, s.needs_help, s.acknowledged = 1, s.waiting = 1, s.themselves, mail.at, chased.at, said.*
FROM (VALUES (1)) AS one
LEFT JOIN shown s ON true
LEFT JOIN LATERAL (
    SELECT max(m.sent_at) FILTER (WHERE m.kind <> 'reminder') AS at,
           max(m.sent_at) FILTER (WHERE m.kind = 'reminder') AS reminded
    FROM alerts_message m WHERE m.recipient_id = s.id
) mail ON true
LEFT JOIN LATERAL (
    SELECT greatest(mail.reminded, (SELECT max(x.at) FROM ({NUDGED.replace("r.id", "s.id")}) x)) AS at
) chased ON true
LEFT JOIN LATERAL (
    SELECT k.how, k.read, k.at, k.text, k.name_given, k.told_how, k.told_at, k.late, b.name AS by_name, w.number
    FROM alerts_acknowledgement k
    JOIN alerts_revision w ON w.id = k.revision_id
    LEFT JOIN departments_person b ON b.id = k.by_id
    WHERE k.id = {last_word("s.id")}
) said ON true
ORDER BY s.rank, lower(s.name), s.id
"""
