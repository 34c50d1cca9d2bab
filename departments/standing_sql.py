"""The SQL of readiness. `departments_standing` is derived: each statement may run again at any time with the same result."""

from departments.lacks import ENOUGH_CONTACTS, LATE_FOR, Lack
from departments.models.person import Bounced

# A person (alias `p`) at a current membership (alias `m`) who can be told. One wording for every query that asks.
CAN_BE_TOLD = "m.until IS NULL AND p.left_at IS NULL AND p.bounced_at IS NULL"

# Is there anything to do? The ends of two indexes: departments_change(xid8), standing_expires. Asked with EXISTS, the
# planner expects to meet such a row soon, and reads whole tables to find that there is none.
LOOK = """
    SELECT mark.seen,
        mark.seen IS NULL
        OR coalesce((SELECT max(xid8) FROM departments_change) >= mark.seen, false)
        OR coalesce((SELECT min(expires_at) FROM departments_standing WHERE expires_at IS NOT NULL) <= %(now)s, false)
    FROM (SELECT (SELECT seen FROM departments_standingmark WHERE id = 1) AS seen) mark
"""

# The bodies to look at again, and where those of them that moved hung before.
TOUCHED = """
    WITH touched(id) AS (
        SELECT body_id FROM departments_change WHERE xid8 >= %(seen)s
        UNION
        SELECT body_id FROM departments_standing WHERE expires_at <= %(now)s
    )
    SELECT array_agg(DISTINCT b.id),
        array_agg(DISTINCT s.parent_id) FILTER (WHERE s.parent_id IS DISTINCT FROM b.parent_id)
    FROM touched t JOIN departments_body b ON b.id = t.id LEFT JOIN departments_standing s ON s.body_id = b.id
"""
EVERYTHING = """
    SELECT array_agg(b.id), array_agg(DISTINCT s.parent_id) FILTER (WHERE s.parent_id IS DISTINCT FROM b.parent_id)
    FROM departments_body b LEFT JOIN departments_standing s ON s.body_id = b.id
"""

_LATE_FOR = f"interval '{LATE_FOR.total_seconds()} seconds'"
_IS_LATE = f"p.deferred_at > %(cutoff)s::timestamptz + %(confirmed_for)s * interval '1 second' - {_LATE_FOR}"

# Index: membership_body. A body's people in one pass; what it lacks follows from the counts.
OWN = f"""
    INSERT INTO departments_standing (body_id, state, lacks, people, told, expires_at, parent_id)
    SELECT f.id,
        CASE WHEN f.closed THEN 'closed' WHEN f.told = 0 THEN 'dark' WHEN l.lacks = '{{}}' THEN 'ready' ELSE 'weak' END,
        l.lacks, f.people, f.told, f.expires_at, f.parent_id
    FROM (
        SELECT b.id, b.parent_id, b.closed IS NOT NULL AS closed,
            count(DISTINCT p.id) AS people,
            count(DISTINCT p.id) FILTER (WHERE {CAN_BE_TOLD}) AS told,
            count(DISTINCT p.id) FILTER (WHERE m.role = 'contact' AND {CAN_BE_TOLD}) AS contacts,
            count(*) FILTER (WHERE m.role = 'head' AND {CAN_BE_TOLD}) AS heads,
            count(*) FILTER (WHERE m.hours = 'out' AND {CAN_BE_TOLD}) AS out_of_hours,
            array_agg(p.bounced_how) FILTER (WHERE p.bounced_at IS NOT NULL) AS bounced,
            array_agg(p.bounced_how) FILTER (
                WHERE m.role IN ('contact', 'deputy', 'head') AND p.bounced_at IS NOT NULL
            ) AS on_duty,
            count(*) FILTER (
                WHERE m.role IN ('contact', 'deputy', 'head') AND {CAN_BE_TOLD} AND {_IS_LATE}
            ) AS late,
            count(*) FILTER (
                WHERE m.role = 'contact' AND {CAN_BE_TOLD} AND (m.verified_at > %(cutoff)s) IS NOT TRUE
            ) AS unconfirmed,
            least(min(m.verified_at) FILTER (
                WHERE m.role = 'contact' AND {CAN_BE_TOLD} AND m.verified_at > %(cutoff)s
            ) + %(confirmed_for)s * interval '1 second', min(p.deferred_at) FILTER (
                WHERE m.role IN ('contact', 'deputy', 'head') AND {CAN_BE_TOLD} AND {_IS_LATE}
            ) + {_LATE_FOR}) AS expires_at
        FROM departments_body b
        LEFT JOIN (
            departments_membership m JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL
        ) ON m.body_id = b.id AND m.until IS NULL
        WHERE b.id = ANY(%(bodies)s)
        GROUP BY b.id
    ) f
    CROSS JOIN LATERAL (SELECT CASE f.told WHEN 0 THEN f.bounced ELSE f.on_duty END AS hows) h
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(lack ORDER BY place) FILTER (WHERE holds AND NOT f.closed), '{{}}') AS lacks
        FROM (VALUES
            (1, '{Lack.NOBODY}', f.told = 0),
            (2, '{Lack.NO_CONTACT}', f.told > 0 AND f.contacts = 0),
            (3, '{Lack.ONE_CONTACT}', f.contacts BETWEEN 1 AND {ENOUGH_CONTACTS - 1}),
            (4, '{Lack.NO_HEAD}', f.told > 0 AND f.heads = 0),
            (5, '{Lack.REFUSED}', '{Bounced.REFUSED}' = ANY(h.hows)),
            (6, '{Lack.CAME_BACK}', '{Bounced.CAME_BACK}' = ANY(h.hows)),
            (7, '{Lack.SUPPRESSED}', '{Bounced.SUPPRESSED}' = ANY(h.hows)),
            (8, '{Lack.COMPLAINED}', '{Bounced.COMPLAINED}' = ANY(h.hows)),
            (9, '{Lack.LATE}', f.late > 0),
            (10, '{Lack.UNCONFIRMED}', f.unconfirmed > 0),
            (11, '{Lack.NO_NIGHT}', f.told > 0 AND f.out_of_hours = 0)
        ) AS v(place, lack, holds)
    ) l
    ORDER BY f.id
    ON CONFLICT (body_id) DO UPDATE SET
        state = excluded.state, lacks = excluded.lacks, people = excluded.people, told = excluded.told,
        expires_at = excluded.expires_at, parent_id = excluded.parent_id
    WHERE (departments_standing.state, departments_standing.lacks, departments_standing.people,
            departments_standing.told, departments_standing.expires_at, departments_standing.parent_id)
        IS DISTINCT FROM (excluded.state, excluded.lacks, excluded.people, excluded.told, excluded.expires_at,
            excluded.parent_id)
    RETURNING body_id
"""

# Those whose branch may have changed (these bodies and all above them), level by level, the deepest first.
LEVELS = """
    WITH RECURSIVE affected(id) AS (
        SELECT unnest(%(bodies)s::bigint[])
        UNION
        SELECT b.parent_id FROM affected a JOIN departments_body b ON b.id = a.id WHERE b.parent_id IS NOT NULL
    ),
    level(id, depth) AS (
        SELECT b.id, 0 FROM affected a JOIN departments_body b ON b.id = a.id WHERE b.parent_id IS NULL
        UNION
        SELECT b.id, l.depth + 1
        FROM level l JOIN departments_body b ON b.parent_id = l.id
        WHERE b.id IN (SELECT id FROM affected)
    )
    SELECT array_agg(id) FROM level GROUP BY depth ORDER BY depth DESC
"""

# A branch is the body itself and its children's branches. Index: departments_body(parent_id).
SUM_LEVEL = """
    UPDATE departments_standing s
    SET branch_bodies = c.bodies, branch_dark = c.dark, branch_weak = c.weak
    FROM (
        SELECT p.body_id,
            (p.state <> 'closed')::int + coalesce(sum(k.branch_bodies), 0) AS bodies,
            (p.state = 'dark')::int + coalesce(sum(k.branch_dark), 0) AS dark,
            (p.state = 'weak')::int + coalesce(sum(k.branch_weak), 0) AS weak
        FROM departments_standing p
        LEFT JOIN (
            departments_body b JOIN departments_standing k ON k.body_id = b.id
        ) ON b.parent_id = p.body_id
        WHERE p.body_id = ANY(%(bodies)s)
        GROUP BY p.body_id
        ORDER BY p.body_id
    ) c
    WHERE s.body_id = c.body_id
        AND (s.branch_bodies, s.branch_dark, s.branch_weak) IS DISTINCT FROM (c.bodies, c.dark, c.weak)
"""

NOTE_SEEN = """
    INSERT INTO departments_standingmark (id, seen) VALUES (1, %(seen)s)
    ON CONFLICT (id) DO UPDATE SET seen = excluded.seen WHERE departments_standingmark.seen <> excluded.seen
"""

# The whole estate from its roots alone: they are few, however large the tree.
ESTATE = """
    SELECT coalesce(sum(s.branch_bodies), 0)::int, coalesce(sum(s.branch_dark), 0)::int,
        coalesce(sum(s.branch_weak), 0)::int
    FROM departments_body b JOIN departments_standing s ON s.body_id = b.id
    WHERE b.parent_id IS NULL
"""

# Ordered by key: two unordered updates of many rows deadlock. Rows that say so already stay as they are.
NOTE_BOUNCE = """
    WITH chosen AS (
        SELECT id FROM departments_person WHERE id = ANY(%s) AND bounced_at IS NULL ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE departments_person p SET bounced_at = %s, bounced_how = %s, deferred_at = NULL
    FROM chosen WHERE p.id = chosen.id
"""
NOTE_REACHED = """
    WITH chosen AS (
        SELECT id FROM departments_person WHERE id = ANY(%s) AND bounced_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE departments_person p SET bounced_at = NULL, bounced_how = '' FROM chosen WHERE p.id = chosen.id
"""
