"""The SQL of the lists behind the numbers of a coverage page: its people, one page of them; its bodies, one page of them.

Of a million recipients no statement here sorts or keeps more than a few thousand: who is listed is either collected from where
there are few (`SOURCES`), or looked for along an index until the page is full.
"""

from alerts.coverage.glance_sql import LEFT_OUT
from alerts.coverage.nodes_sql import COLUMNS, NODES, WHOLE
from alerts.coverage.scope import IN_SCOPE
from alerts.coverage.selection_sql import HELD, SEATED, THROUGH
from alerts.coverage.standings_sql import NUDGED
from alerts.last_word import last_word
from alerts.models.figures import CURRENT_SEAT, FIGURES, FIGURES_OF_RECIPIENT, OUT_OF_REACH, REVISIONS

# --- how many there are, from what is counted already ---

_NUMBER_OF = {
    **{figure: f"o.{figure}" for figure in FIGURES},
    "unsure": "o.targeted - o.acknowledged - o.silent - o.unsent - o.unreachable",
    "untold": "o.targeted - o.acknowledged - o.silent",
    "untold, handed over or not": "o.unsent + o.unreachable",
    "held": f"CASE WHEN {HELD} THEN o.unsent ELSE 0 END",
    "waiting": f"CASE WHEN {HELD} THEN 0 ELSE o.unsent END",
}

# Places in a scope, and those behind a figure: whoever sits in two bodies counts in each. Index: relay_once,
# alerts_counter(advisory), alerts_delta(advisory).
_PLACES = f"""
SELECT COALESCE(sum(o.targeted), 0)::bigint, COALESCE(sum({{number}}), 0)::bigint
FROM alerts_relay l
JOIN (
    SELECT relay_id, {COLUMNS} FROM alerts_counter WHERE advisory_id = %(advisory)s
    UNION ALL
    SELECT relay_id, {COLUMNS} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NOT NULL
) o ON o.relay_id = l.id
WHERE {IN_SCOPE}
"""
PLACES = {figure: _PLACES.format(number=number) for figure, number in _NUMBER_OF.items()}

# The same of the whole, where each person counts once.
_EVERYBODY = f"SELECT o.targeted, {{number}} FROM ({WHOLE}) o"
EVERYBODY = {
    figure: _EVERYBODY.format(number=number)
    for figure, number in _NUMBER_OF.items()
    if figure not in ("held", "waiting")
}
UNSENT_IN_WHOLE = _EVERYBODY.format(number="o.unsent")

# Of what the routes said; index: recipient_trouble, seat_once.
TROUBLED_IN_WHOLE = """
SELECT count(*) FROM alerts_recipient r
WHERE r.advisory_id = %(advisory)s AND r.outcome NOT IN ('', 'delivered') AND r.outcome = %(outcome)s AND r.targeted
"""
TROUBLED_IN_PART = f"""
SELECT count(*) FROM alerts_recipient r
JOIN alerts_seat s ON s.recipient_id = r.id AND {CURRENT_SEAT}
JOIN alerts_relay l ON l.id = s.relay_id
WHERE r.advisory_id = %(advisory)s AND r.outcome NOT IN ('', 'delivered') AND r.outcome = %(outcome)s AND {IN_SCOPE}
"""

# --- people ---

# Where to collect candidates from, where there are few of them: ids of recipients, some of whom the tests put out again.
SOURCES = {
    # Index: recipient_once.
    "everybody": "SELECT r.id FROM alerts_recipient r WHERE r.advisory_id = %(advisory)s",
    # Index: relay_once, seat_current.
    "seated": f"SELECT DISTINCT c.recipient_id FROM ({SEATED}) c",
    # Index: recipient_trouble.
    "troubled": f"""SELECT r.id FROM alerts_recipient r
        WHERE r.advisory_id = %(advisory)s AND r.outcome NOT IN ('', 'delivered')
          AND r.outcome IN {(*OUT_OF_REACH, "deferred", "complained")}""",
    # Index: recipient_told.
    "unsent": """SELECT r.id FROM v JOIN alerts_recipient r
        ON r.advisory_id = v.id AND r.told_revision < greatest(v.current, 1)""",
    # Index: person_name_trigram, recipient_once.
    "called": """SELECT r.id FROM departments_person p
        CROSS JOIN LATERAL (SELECT r.id FROM alerts_recipient r
                            WHERE r.advisory_id = %(advisory)s AND r.person_id = p.id OFFSET 0) r
        WHERE p.name ILIKE %(like)s""",
}

SEATED_HERE = f"""EXISTS (
    SELECT FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
    WHERE s.recipient_id = r.id AND {CURRENT_SEAT} AND {IN_SCOPE} AND {{through}}
    OFFSET 0
)"""
_HELD_HERE = SEATED_HERE.replace("{through}", HELD)
HELD_SOMEWHERE = {"held": _HELD_HERE, "waiting": f"NOT {_HELD_HERE}"}
CALLED_SO = "EXISTS (SELECT FROM departments_person p WHERE p.id = r.person_id AND p.name ILIKE %(like)s OFFSET 0)"

# The page of those who were collected from `{source}`, by name; `number`: how many there are. OFFSET 0: rows by key.
COLLECTED = f"""
WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id = %(advisory)s),
candidate (id) AS MATERIALIZED ({{source}}),
chosen AS MATERIALIZED (
    SELECT r.id, r.person_id
    FROM candidate c
    CROSS JOIN v
    CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = c.id OFFSET 0) r
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE {{where}}
)
SELECT c.id, count(*) OVER ()
FROM chosen c
CROSS JOIN LATERAL (SELECT p.name FROM departments_person p WHERE p.id = c.person_id OFFSET 0) p
ORDER BY lower(p.name), c.id
LIMIT %(size)s + 1 OFFSET least(%(offset)s, (SELECT greatest(count(*) - 1, 0) FROM chosen) / %(size)s * %(size)s)
"""

# The page of those who were looked for along recipient_once, by person; one more than a page says that there are more.
WALKED = f"""
SELECT r.id, NULL
FROM ({REVISIONS} WHERE a.id = %(advisory)s) v
JOIN alerts_recipient r ON r.advisory_id = v.id
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
WHERE r.advisory_id = %(advisory)s AND {{where}}
ORDER BY r.person_id
LIMIT %(size)s + 1 OFFSET %(offset)s
"""

# What is shown of those on a page, looked up of them alone. The bodies are those of the scope through which they count here.
# Who pressed for a reminder stands in the record: the first entry since its mails were written. Nobody pressed for the chase's.
# Index: recipient's and person's primary keys, seat_once, alerts_message(recipient), acknowledgement_last, record_subject,
# nudge_of_recipient.
_SHOWN = f"""
WITH pressed AS MATERIALIZED (
    SELECT k.id, k.at, p.name FROM alerts_record k
    JOIN alerts_advisory a ON a.reference = k.subject
    LEFT JOIN departments_person p ON p.id = k.actor_id
    WHERE a.id = %(advisory)s AND k.kind = 'reminded'
)
SELECT r.id, r.person_id, p.name, p.telephone,
       CASE WHEN EXISTS (
                SELECT FROM alerts_acknowledgement k WHERE k.id = {last_word("r.id")} AND k.read = 'phishing'
            ) THEN 'doubt'
            WHEN r.needs_help THEN 'help'
            WHEN f.acknowledged = 1 THEN 'answered'
            WHEN f.office = 1 THEN 'office'
            WHEN f.unreachable = 1 THEN 'unreachable'
            WHEN f.suspect = 1 THEN 'suspect'
            WHEN f.waiting = 1 THEN 'waiting'
            ELSE 'silent' END,
       r.outcome, r.why, r.told_revision, r.answered_revision, r.needs_help, f.acknowledged = 1, f.waiting = 1,
       v.material > 0 AND r.answered_revision >= v.material AND r.behalf_revision < v.material,
       mail.at, chased.at, pressed.name, places.number, places.listed,
       said.how, said.read, said.at, said.text, said.name_given, said.told_how, said.told_at, said.late, said.by_name,
       said.number
FROM unnest(%(shown)s::bigint[]) WITH ORDINALITY AS shown (id, place)
JOIN alerts_recipient r ON r.id = shown.id
JOIN ({REVISIONS} WHERE a.id = %(advisory)s) v ON v.id = r.advisory_id
JOIN departments_person p ON p.id = r.person_id
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
CROSS JOIN LATERAL (
    SELECT max(m.sent_at) AS at FROM alerts_message m WHERE m.recipient_id = r.id AND m.kind <> 'reminder'
) mail
LEFT JOIN LATERAL (
    SELECT m.sent_at AS at, CASE WHEN m.key NOT LIKE 'chase:%%' THEN b.made_at END AS made_at
    FROM alerts_message m JOIN alerts_batch b ON b.id = m.batch_id
    WHERE m.recipient_id = r.id AND m.kind = 'reminder' AND m.sent_at IS NOT NULL
    UNION ALL
    {NUDGED}
    ORDER BY 1 DESC LIMIT 1
) chased ON true
LEFT JOIN LATERAL (
    SELECT p.name FROM pressed p WHERE p.at >= chased.made_at - interval '1 second' ORDER BY p.id LIMIT 1
) pressed ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS number, jsonb_agg(
        jsonb_build_array(x.id, x.slug, x.name, x.body_id, x.contact, x.holder) ORDER BY x.name, x.id
    ) FILTER (WHERE x.place <= %(most)s) AS listed
    FROM (
        SELECT l.id, l.body_id, b.slug, b.name, s.contact, row_number() OVER (ORDER BY b.name, l.id) AS place, (
            SELECT h.id FROM alerts_relay h WHERE h.id = ANY(l.path) AND h.state = 'held' ORDER BY cardinality(h.path) LIMIT 1
        ) AS holder
        FROM alerts_seat s
        JOIN alerts_relay l ON l.id = s.relay_id
        JOIN departments_body b ON b.id = l.body_id
        WHERE s.recipient_id = r.id AND {CURRENT_SEAT} AND {IN_SCOPE} AND {{through}}
    ) x
) places
LEFT JOIN LATERAL (
    SELECT k.how, k.read, k.at, k.text, k.name_given, k.told_how, k.told_at, k.late, b.name AS by_name, w.number
    FROM alerts_acknowledgement k
    JOIN alerts_revision w ON w.id = k.revision_id
    LEFT JOIN departments_person b ON b.id = k.by_id
    WHERE k.id = {last_word("r.id")}
) said ON true
ORDER BY shown.place
"""


def shown_of(figure: str, *, whole: bool) -> str:
    """The statement of what is shown of these people; in the whole, with every body of theirs."""
    return _SHOWN.replace("{through}", "true" if whole else THROUGH.get(figure, "true"))


# --- bodies ---

_CALLED = "(%(like)s = '%%' OR {0}.name ILIKE %(like)s)"

# In a list of bodies: those in one state; and those of some states together, as the funnel counts them.
_IN_LIST = """CASE %(state)s
    WHEN 'targeted' THEN n.target
    WHEN 'reached' THEN n.state IN ('sent', 'delivered', 'covered')
    WHEN 'arrived' THEN n.state IN ('delivered', 'covered')
    WHEN 'acted' THEN n.target AND n.targeted > 0 AND n.acted = n.targeted
    ELSE n.state = %(state)s END"""

# The bodies of a list, those with most people who were not told first, one page of them, with who waits in their branch:
# added up for these alone. What was left out before it had a turn stands behind those that had one.
BODIES = f"""
WITH {NODES}, left_out AS MATERIALIZED ({LEFT_OUT}),
chosen AS MATERIALIZED (
    SELECT n.id, n.body_id, n.unsent + n.unreachable AS not_told, n.name, n.slug
    FROM node n WHERE {_IN_LIST} AND {_CALLED.format("n")}
    UNION ALL
    SELECT NULL, o.id, 0, o.name, o.slug FROM left_out o WHERE %(state)s = 'excluded' AND {_CALLED.format("o")}
), shown AS MATERIALIZED (
    SELECT c.*, count(*) OVER () AS number FROM chosen c
    ORDER BY not_told DESC, name, body_id
    LIMIT %(size)s OFFSET least(%(page)s - 1, (SELECT greatest(count(*) - 1, 0) FROM chosen) / %(size)s) * %(size)s
), waiting AS (
    SELECT a.id, sum(n.unsent)::int AS waits
    FROM node n CROSS JOIN LATERAL unnest(n.path) AS a (id)
    WHERE n.behind AND a.id IN (SELECT id FROM shown)
    GROUP BY a.id
)
SELECT s.number, s.body_id, s.slug, s.name, s.id, n.state, n.relay_state, n.held_until, holder.name,
       COALESCE(w.waits, 0), COALESCE(n.excluded, o.reason), p.name, COALESCE(n.signed_at, o.at),
       COALESCE(n.look_again_at, o.look_again_at), up.slug, up.name,
       {", ".join(f"COALESCE(n.{name}, 0)" for name in FIGURES)}
FROM shown s
LEFT JOIN node n ON n.id = s.id
LEFT JOIN left_out o ON s.id IS NULL AND o.id = s.body_id
LEFT JOIN waiting w ON w.id = s.id
LEFT JOIN departments_person p ON p.id = COALESCE(n.by_id, o.by_id)
LEFT JOIN departments_body b ON b.id = s.body_id
LEFT JOIN departments_body up ON up.id = b.parent_id
LEFT JOIN LATERAL (
    SELECT hb.name FROM alerts_relay h JOIN departments_body hb ON hb.id = h.body_id
    WHERE n.relay_state = 'planned' AND h.id = ANY(n.path) AND h.state = 'held' ORDER BY cardinality(h.path) LIMIT 1
) holder ON true
ORDER BY s.not_told DESC, s.name, s.body_id
"""

# All of them in one state, by their bodies' ids, and how many there are: for what is done to the whole list.
BODY_IDS = f"""
WITH {NODES}, left_out AS MATERIALIZED ({LEFT_OUT})
SELECT x.body_id FROM (
    SELECT n.body_id, n.unsent + n.unreachable AS not_told, n.name
    FROM node n WHERE {_IN_LIST} AND {_CALLED.format("n")}
    UNION ALL
    SELECT o.id, 0, o.name FROM left_out o WHERE %(state)s = 'excluded' AND {_CALLED.format("o")}
) x
ORDER BY x.not_told DESC, x.name, x.body_id
"""

# Who waits in these relays and below any of them, behind no other that holds: each once.
# Index: relay_held, relay_once, seat_current, recipient's primary key.
WAITS = f"""
SELECT count(DISTINCT r.id)
FROM ({REVISIONS} WHERE a.id = %(advisory)s) v
JOIN alerts_relay l ON l.advisory_id = v.id
JOIN alerts_seat s ON s.relay_id = l.id AND {CURRENT_SEAT}
CROSS JOIN LATERAL (SELECT * FROM alerts_recipient WHERE id = s.recipient_id OFFSET 0) r
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
WHERE l.advisory_id = %(advisory)s AND l.purpose <> 'left' AND l.path && %(relays)s::bigint[] AND f.unsent = 1
  AND NOT l.path && ARRAY(
      SELECT h.id FROM alerts_relay h
      WHERE h.advisory_id = %(advisory)s AND h.state = 'held' AND h.purpose <> 'left' AND NOT h.id = ANY(%(relays)s::bigint[])
  )
"""

# Bodies about which nobody has decided, each once. They have no turn in the advisory, so that no relay narrows them.
UNDECIDED = f"""
WITH open AS MATERIALIZED (
    SELECT DISTINCT ON (g.body_id) g.body_id, g.kind FROM alerts_gap g
    WHERE g.advisory_id = %(advisory)s AND g.decision = 'undecided'
      AND (%(bodies)s::bigint[] IS NULL OR g.body_id = ANY(%(bodies)s::bigint[]))
    ORDER BY g.body_id, g.id
), chosen AS MATERIALIZED (
    SELECT b.id, b.slug, b.name, b.parent_id, o.kind
    FROM open o JOIN departments_body b ON b.id = o.body_id
    WHERE {_CALLED.format("b")}
)
SELECT count(*) OVER (), c.id, c.slug, c.name, c.kind, up.slug, up.name
FROM chosen c LEFT JOIN departments_body up ON up.id = c.parent_id
ORDER BY c.name, c.id
LIMIT %(size)s OFFSET least(%(page)s - 1, (SELECT greatest(count(*) - 1, 0) FROM chosen) / %(size)s) * %(size)s
"""
