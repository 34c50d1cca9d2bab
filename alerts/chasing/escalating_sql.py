"""The SQL of escalation, whole: which bodies have not answered, and who is told next."""

from alerts.chasing.owing_sql import BODY_OWES, OWN, PEOPLE_OF
from alerts.chasing.reminding_sql import CLOCK

ISSUER = 1000  # the rung above every other one

# Bodies that owe what the clock asks for, and how many of their people do: by the advisory's rule, and all that are dark. Of
# one that looks dark while its people are still to be compared it is not known yet. `nobody`: nobody there can be told by mail.
# Index: seat_current, recipient's primary key.
OWING = f"""
SELECT l.id, l.path, own.silent, own.nobody
FROM clock c
CROSS JOIN asking a
CROSS JOIN numbers v
CROSS JOIN relay l
JOIN departments_body d ON d.id = l.body_id AND d.closed IS NULL
CROSS JOIN LATERAL (
    SELECT {OWN}, coalesce(bool_and(f.unreachable = 1), true) AS nobody FROM {PEOPLE_OF} OFFSET 0
) own
WHERE {BODY_OWES} AND NOT (l.stale AND own.seats = 0 AND c.kind <> 'act')
"""

_MAIL_REACHES = """EXISTS (
    SELECT FROM departments_person p WHERE p.id = person_id AND p.left_at IS NULL AND p.bounced_at IS NULL OFFSET 0
)"""

# At RED only those it is for know of it: nobody else is told who is silent about it. Index: recipient_once.
_MAY_KNOW = """((SELECT marking FROM asking) <> 'RED' OR EXISTS (
    SELECT FROM alerts_recipient k
    WHERE k.advisory_id = (SELECT id FROM asking) AND k.person_id = departments_membership.person_id
    OFFSET 0
))"""

# The ladder of a body: its contacts, its deputies, its head; of each body above it contacts and deputies, then the head; at
# last the issuer's officers. A rung that has nobody is none, but for one that was told: whoever left it since makes nobody
# above them come earlier, who would then be left out. Whoever is there out of hours is told of a critical one alone.
# Index: relay's primary key, membership_current, escalation_of_relay.
LADDER = f"""
SELECT o.id, o.silent, at.body_id, m.role, m.person_id,
       CASE WHEN at.height = 0 THEN array_position(ARRAY['contact', 'deputy', 'head'], m.role::text)
            ELSE 2 + 2 * at.height + (m.role = 'head')::int END AS rung
FROM owing o
CROSS JOIN LATERAL (
    SELECT x.body_id, cardinality(o.path) - above.place AS height
    FROM unnest(o.path) WITH ORDINALITY above (relay, place)
    CROSS JOIN LATERAL (SELECT body_id FROM alerts_relay WHERE id = above.relay OFFSET 0) x
) at
CROSS JOIN LATERAL (
    SELECT person_id, role FROM departments_membership
    WHERE body_id = at.body_id AND until IS NULL AND role IN ('contact', 'deputy', 'head')
      AND (hours = 'in' OR (SELECT severity FROM asking) = 'critical')
      AND {_MAIL_REACHES} AND {_MAY_KNOW}
    UNION ALL
    SELECT e.person_id, e.role
    FROM (SELECT * FROM alerts_escalation e WHERE e.relay_id = o.id OFFSET 0) e
    JOIN alerts_chasestep s ON s.id = e.step_id AND s.clock_id = (SELECT id FROM clock)
    WHERE e.body_id = at.body_id AND e.role IN ('contact', 'deputy', 'head')
    OFFSET 0
) m
UNION ALL
SELECT o.id, o.silent, m.body_id, m.role, m.person_id, {ISSUER}
FROM owing o
CROSS JOIN (
    SELECT m.body_id, m.role, m.person_id FROM departments_membership m
    WHERE m.body_id = (SELECT issuer_id FROM alerts_advisory WHERE id = (SELECT id FROM asking))
      AND m.until IS NULL AND m.role = 'officer' AND {_MAIL_REACHES}
) m
"""

# Whoever was rung about a body with nobody to tell, and told, knows of it: no mail tells them anew. The ladder goes on past
# them in its own time. Index: call_of_relay.
_RUNG_ABOUT_IT = """(d.id IN (SELECT id FROM owing WHERE nobody) AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_call k WHERE k.relay_id = d.id OFFSET 0) k
    WHERE k.person_id = d.person_id AND k.result = 'told' AND k.taken_at >= (
        SELECT v.at FROM alerts_revision v
        WHERE v.advisory_id = (SELECT id FROM asking) AND v.number = (SELECT material FROM clock)
    )
))"""

# Of each body the rung that the step is about; with how many rungs there are in all. Where it was told below already, whoever
# came to a lower rung since (a contact who was named late) is told with it. Index: escalation_of_relay.
RUNG = f"""
owing AS MATERIALIZED ({OWING}), ladder AS MATERIALIZED (
    SELECT y.*, max(y.place) OVER (PARTITION BY y.id) AS rungs
    FROM (
        SELECT x.*, dense_rank() OVER (PARTITION BY x.id ORDER BY x.rung) AS place
        FROM ({LADDER}) x
    ) y
), told AS MATERIALIZED (
    SELECT DISTINCT ON (d.id, d.person_id) d.id, d.silent, d.body_id, d.role, d.person_id
    FROM ladder d
    WHERE (d.place = (SELECT n FROM clock) OR d.place < (SELECT n FROM clock) AND EXISTS (
        SELECT FROM (SELECT * FROM alerts_escalation e WHERE e.relay_id = d.id OFFSET 0) e
        JOIN alerts_chasestep s ON s.id = e.step_id AND s.clock_id = (SELECT id FROM clock)
    )) AND NOT EXISTS (
        -- Who is on two rungs is told once.
        SELECT FROM alerts_escalation e JOIN alerts_chasestep s ON s.id = e.step_id
        WHERE e.relay_id = d.id AND e.person_id = d.person_id AND s.clock_id = (SELECT id FROM clock)
    ) AND NOT {_RUNG_ABOUT_IT}
    ORDER BY d.id, d.person_id, d.place, array_position(ARRAY['head', 'contact', 'deputy', 'officer'], d.role::text), d.body_id
)
"""

# Twice: the key of an escalation is its step, the relay and the person.
ESCALATE = f"""
WITH {CLOCK}, {RUNG}, written AS (
    INSERT INTO alerts_escalation (step_id, relay_id, person_id, body_id, role, silent, at, state)
    SELECT %(step)s, id, person_id, body_id, role, silent, %(now)s, 'waiting' FROM told ORDER BY id, person_id
    ON CONFLICT (step_id, relay_id, person_id) DO NOTHING
    RETURNING relay_id, person_id
)
SELECT (SELECT count(DISTINCT person_id) FROM written), (SELECT count(DISTINCT relay_id) FROM written),
       (SELECT max(id) FROM relay), (SELECT count(*) FROM relay),
       (SELECT coalesce(bool_or(rungs > (SELECT n FROM clock)), false) FROM ladder)
"""

# Whom the step would tell now, without telling them: how many, of how many bodies, and the first with what they are.
WHOM = f"""
WITH {CLOCK}, {RUNG}, shown AS (
    SELECT DISTINCT ON (person_id) person_id, body_id, role FROM told ORDER BY person_id, body_id LIMIT %(shown)s
)
SELECT (SELECT count(DISTINCT person_id) FROM told), (SELECT count(DISTINCT id) FROM told),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(person_id, body_id, role) ORDER BY person_id), '[]') FROM shown)
"""
