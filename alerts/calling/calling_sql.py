"""The SQL of the calling list, whole: in which bodies nobody was heard from, whom to ring there, and who has a body in hand."""

from alerts.coverage.nodes_sql import BEFORE, seated

# From what is rung first to what is rung last. `told` is on no list.
STANDS = ("dark", "unsent", "sent", "delivered")
ROLES = ("contact", "deputy", "head")

# A body was heard from when anybody who counts there answered, themselves, by telephone or through their office (figures as
# coverage has them), or when somebody was told in a call that began with the text as it stands: of whoever is no recipient no
# figure says so. Mail that was delivered proves that a server has it, and a server is nobody. `since`: when that text came.
# `dark` stays, whoever was rung: no mail reaches anybody there.
# The branch: the relay below the one on top, where there is one on top, and otherwise the one on top.
_STANDING = f"""
WITH {BEFORE}, alone AS MATERIALIZED (
    SELECT count(*) = 1 AS so FROM alerts_relay l
    WHERE l.advisory_id = %(advisory)s AND l.purpose <> 'left' AND l.parent_id IS NULL
), rung AS MATERIALIZED (
    SELECT DISTINCT relay_id FROM alerts_call WHERE result = 'told' AND taken_at >= %(since)s
), node AS MATERIALIZED ({seated()}), standing AS MATERIALIZED (
    SELECT n.id, n.body_id,
           n.path[CASE WHEN alone.so THEN least(2, cardinality(n.path)) ELSE 1 END] AS branch,
           CASE WHEN n.acknowledged + n.office > 0 OR n.id IN (SELECT relay_id FROM rung) THEN 'told'
                WHEN n.state = 'dark' THEN 'dark'
                WHEN n.sent = 0 THEN 'unsent'
                WHEN n.delivered = 0 THEN 'sent'
                ELSE 'delivered' END AS stands,
           n.state = 'dark' AS dark
    FROM node n CROSS JOIN alone
    WHERE n.target
), listed AS MATERIALIZED (
    SELECT s.*, b.name, b.slug, bb.name AS branch_name, bb.slug AS branch_slug,
           array_position(ARRAY{list(STANDS)}, s.stands) AS rank,
           bool_or(s.stands = 'dark') OVER (PARTITION BY s.branch) AS any_dark
    FROM standing s
    JOIN departments_body b ON b.id = s.body_id
    JOIN alerts_relay br ON br.id = s.branch
    JOIN departments_body bb ON bb.id = br.body_id
    WHERE s.stands <> 'told'
)
"""
# Index: call_one_at_a_time.
_OPEN = "SELECT k.id, k.caller_id, k.until FROM alerts_call k WHERE k.relay_id = {0} AND k.ended_at IS NULL"
# Index: call_of_relay.
_LAST = """
    SELECT k.result, k.ended_at, k.note, k.caller_id, k.person_id FROM alerts_call k
    WHERE k.relay_id = {0} AND k.ended_at IS NOT NULL AND k.result NOT IN ('', 'let-go')
    ORDER BY k.id DESC LIMIT 1
"""
_IN_ORDER = "{0}any_dark DESC, {0}branch_name, {0}branch, {0}rank, {0}name, {0}id"

# One row at least: how many there are in all, how many of these are told and in hand, and one page of those that are not told.
# The first row has how many of these there are in each branch, and the first of those that were told in a call and are dark.
LISTED = f"""{_STANDING}, counted AS (
    SELECT count(*) AS bodies, count(*) FILTER (WHERE stands = 'told') AS told,
           (SELECT count(*) FROM alerts_call k JOIN standing s ON s.id = k.relay_id
            WHERE k.ended_at IS NULL AND k.until > %(now)s) AS in_hand,
           (SELECT count(*) FROM listed) AS number, (
               SELECT jsonb_agg(jsonb_build_array(b.branch_name, b.branch_slug, b.number)
                                ORDER BY b.any_dark DESC, b.branch_name, b.branch)
               FROM (SELECT branch, branch_name, branch_slug, any_dark, count(*) AS number FROM listed GROUP BY 1, 2, 3, 4) b
           ) AS branches,
           count(*) FILTER (WHERE stands = 'told' AND dark) AS dark_told, (
               SELECT jsonb_agg(jsonb_build_array(t.name, t.slug, t.ended_at, t.caller, t.person) ORDER BY t.name, t.id)
               FROM (
                   SELECT s.id, b.name, b.slug, k.ended_at, c.name AS caller, p.name AS person
                   FROM standing s
                   CROSS JOIN LATERAL (
                       SELECT * FROM alerts_call
                       WHERE relay_id = s.id AND result = 'told' AND taken_at >= %(since)s ORDER BY id DESC LIMIT 1
                   ) k
                   JOIN departments_body b ON b.id = s.body_id
                   JOIN departments_person c ON c.id = k.caller_id
                   LEFT JOIN departments_person p ON p.id = k.person_id
                   WHERE s.stands = 'told' AND s.dark
                   ORDER BY b.name, s.id LIMIT %(dark)s
               ) t
           ) AS told_dark
    FROM standing
), page AS (
    SELECT least(%(page)s, greatest((number - 1) / %(size)s + 1, 1)) AS number FROM counted
), chosen AS (
    SELECT * FROM listed ORDER BY {_IN_ORDER.format("listed.")} LIMIT %(size)s OFFSET ((SELECT number FROM page) - 1) * %(size)s
)
SELECT n.bodies, n.told, n.in_hand, n.number, p.number,
       CASE WHEN row_number() OVER (ORDER BY {_IN_ORDER.format("c.")}) = 1 THEN n.branches END,
       n.dark_told, CASE WHEN row_number() OVER (ORDER BY {_IN_ORDER.format("c.")}) = 1 THEN n.told_dark END,
       c.id, c.body_id, c.name, c.slug, c.branch, c.branch_name, c.branch_slug, c.stands,
       open.id, open.caller_id, oc.name, open.until, last.result, last.ended_at, last.note, lc.name, lp.name
FROM counted n
CROSS JOIN page p
LEFT JOIN chosen c ON true
LEFT JOIN LATERAL ({_OPEN.format("c.id")}) open ON true
LEFT JOIN LATERAL ({_LAST.format("c.id")}) last ON true
LEFT JOIN departments_person oc ON oc.id = open.caller_id
LEFT JOIN departments_person lc ON lc.id = last.caller_id
LEFT JOIN departments_person lp ON lp.id = last.person_id
ORDER BY {_IN_ORDER.format("c.")}
"""

# The next ones to take, of all branches: the darkest first, and whoever was rung a moment ago behind all others.
NEXT = f"""{_STANDING}
SELECT c.id
FROM listed c
LEFT JOIN LATERAL ({_OPEN.format("c.id")}) open ON true
LEFT JOIN LATERAL ({_LAST.format("c.id")}) last ON true
WHERE open.id IS NULL OR open.until <= %(now)s
ORDER BY last.ended_at > %(rung_since)s AND last.ended_at IS NOT NULL, c.rank, c.branch_name, c.branch, c.name, c.id
LIMIT %(most)s
"""

# How one body stands, and whether it is dark; no row where it is not in the audience, or not in scope.
ONE = f"{_STANDING} SELECT stands, dark FROM standing WHERE id = %(relay)s"

# Whom to ring at each of these relays: contacts, deputies, heads, then others with a number; and where nobody there has one,
# who answers for the nearest body above that has somebody with one. A number that a caller found wrong is marked until somebody
# corrects it. OFFSET 0: each step finds its rows by an index; joined freely, all contacts of the directory are compared with
# all people. Index: membership_current, recipient_once, relay's and person's primary keys, alerts_personevent(person).
PEOPLE = f"""
WITH wrong AS MATERIALIZED (
    SELECT person_id, max(ended_at) AS at FROM alerts_call WHERE result = 'wrong' AND person_id IS NOT NULL GROUP BY person_id
), found AS MATERIALIZED (
    SELECT l.id AS relay, l.path, own.*
    FROM alerts_relay l
    LEFT JOIN LATERAL (
        SELECT p.id AS person, p.name, p.shared, p.telephone, m.role, m.hours, m.place, m."order"
        FROM (
            SELECT DISTINCT ON (m.person_id) m.person_id, m.role, m.hours, m."order",
                   COALESCE(array_position(ARRAY{list(ROLES)}, m.role::text), 4) AS place
            FROM departments_membership m
            WHERE m.body_id = l.body_id AND m.until IS NULL
            ORDER BY m.person_id, place, m."order"
        ) m
        CROSS JOIN LATERAL (
            SELECT p.* FROM departments_person p WHERE p.id = m.person_id AND p.left_at IS NULL OFFSET 0
        ) p
        WHERE m.place < 4 OR p.telephone <> ''
        ORDER BY m.place, m."order", p.name, p.id
        LIMIT %(most)s
    ) own ON true
    WHERE l.id = ANY(%(relays)s::bigint[])
), everybody AS (
    SELECT relay, person, name, shared, telephone, role, hours, place, "order", NULL::text AS above
    FROM found WHERE person IS NOT NULL
    UNION ALL
    SELECT l.relay, up.*
    FROM (
        SELECT relay, path FROM found GROUP BY relay, path HAVING NOT COALESCE(bool_or(telephone <> ''), false)
    ) l
    CROSS JOIN LATERAL (
        SELECT p.id, p.name, p.shared, p.telephone, m.role, m.hours, 5, 0, b.name
        FROM unnest(l.path) WITH ORDINALITY AS step (id, place)
        CROSS JOIN LATERAL (SELECT u.body_id FROM alerts_relay u WHERE u.id = step.id OFFSET 0) u
        CROSS JOIN LATERAL (
            SELECT m.person_id, m.role, m.hours, m."order" FROM departments_membership m
            WHERE m.body_id = u.body_id AND m.until IS NULL AND m.role IN {ROLES} OFFSET 0
        ) m
        CROSS JOIN LATERAL (
            SELECT p.id, p.name, p.shared, p.telephone FROM departments_person p
            WHERE p.id = m.person_id AND p.left_at IS NULL AND p.telephone <> '' OFFSET 0
        ) p
        CROSS JOIN LATERAL (SELECT b.name FROM departments_body b WHERE b.id = u.body_id OFFSET 0) b
        WHERE step.id <> l.relay AND (%(bodies)s::bigint[] IS NULL OR u.body_id = ANY(%(bodies)s::bigint[]))
        ORDER BY step.place DESC, array_position(ARRAY{list(ROLES)}, m.role::text), m."order", p.name, p.id
        LIMIT 1
    ) up
)
SELECT e.relay, e.person, e.name, e.shared, e.telephone, e.role, e.hours, e.above, r.id, w.at
FROM everybody e
LEFT JOIN LATERAL (
    SELECT r.id FROM alerts_recipient r WHERE r.advisory_id = %(advisory)s AND r.person_id = e.person OFFSET 0
) r ON true
LEFT JOIN wrong w ON w.person_id = e.person AND NOT EXISTS (
    SELECT FROM departments_personevent c
    WHERE c.person_id = e.person AND c.at > w.at AND jsonb_exists(c.after, 'telephone')
)
ORDER BY e.relay, e.place, e."order", e.name, e.person
"""

# Take a body, in one statement: `call_one_at_a_time` decides whose it is. Whoever has it goes on having it, anew; what ran out
# is ended, and begun by somebody else. Of two who take it at once one waits for the other's row, and then finds it taken.
# Answers their call, if it is theirs; and from whom it was taken over. Index: call_one_at_a_time.
TAKE = """
WITH held AS (
    UPDATE alerts_call k
    SET until = CASE WHEN k.caller_id = %(by)s THEN %(until)s ELSE k.until END,
        ended_at = CASE WHEN k.caller_id = %(by)s THEN NULL ELSE %(now)s::timestamptz END,
        result = CASE WHEN k.caller_id = %(by)s THEN '' ELSE 'let-go' END
    WHERE k.relay_id = %(relay)s AND k.ended_at IS NULL AND (k.caller_id = %(by)s OR k.until <= %(now)s)
    RETURNING k.id, k.caller_id
), made AS (
    INSERT INTO alerts_call (relay_id, caller_id, taken_at, until, result, note)
    SELECT %(relay)s, %(by)s, %(now)s, %(until)s, '', ''
    WHERE (SELECT count(*) FROM held WHERE caller_id = %(by)s) = 0
    ON CONFLICT (relay_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING id
)
SELECT COALESCE((SELECT id FROM held WHERE caller_id = %(by)s), (SELECT id FROM made)),
       (SELECT count(*) FROM made) > 0, (SELECT caller_id FROM held WHERE caller_id <> %(by)s)
"""

# Index: record_subject. Each press of a caller is an entry of the record.
LAST_ENTRY = "SELECT COALESCE(max(id), 0) FROM alerts_record WHERE subject = %(reference)s"
