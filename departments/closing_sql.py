"""The SQL of closing bodies, in the order in which it runs. `%(ids)s` close; each hands on to `%(successor)s`, or to nobody.

What a body hands down (its children) goes to the heir: the successor, else the nearest body above that stays open.
"""

# Index: the primary key.
_HEIRS = """
    WITH RECURSIVE up(id, at) AS (
        SELECT id, parent_id FROM departments_body WHERE id = ANY(%(ids)s)
        UNION
        SELECT u.id, b.parent_id FROM up u JOIN departments_body b ON b.id = u.at
        WHERE b.id = ANY(%(ids)s) OR b.closed IS NOT NULL
    ),
    closing AS (
        SELECT u.id, coalesce(%(successor)s::bigint, u.at) AS heir
        FROM up u LEFT JOIN departments_body b ON b.id = u.at
        WHERE u.at IS NULL OR (b.closed IS NULL AND NOT b.id = ANY(%(ids)s))
    ),
    child AS (
        SELECT c.id, k.id AS was, k.heir
        FROM closing k JOIN departments_body c ON c.parent_id = k.id AND c.closed IS NULL
        WHERE NOT c.id = ANY(%(ids)s) AND c.id IS DISTINCT FROM k.heir
        ORDER BY c.id
    )
"""

NOTE_CHILDREN = f"""
    {_HEIRS}
    INSERT INTO departments_bodyevent (body_id, what, before, after, by_id)
    SELECT c.id, 'moved', jsonb_build_object('parent', was.slug),
        jsonb_build_object('parent', heir.slug, 'why', was.name || ' was closed'), %(by)s
    FROM child c JOIN departments_body was ON was.id = c.was LEFT JOIN departments_body heir ON heir.id = c.heir
"""

MOVE_CHILDREN = f"""
    {_HEIRS}
    UPDATE departments_body b SET parent_id = c.heir FROM child c WHERE b.id = c.id
"""

# A parent that is also a sponsor would be the same edge twice.
END_DOUBLE_EDGES = f"""
    {_HEIRS}
    DELETE FROM departments_sponsor s USING child c WHERE s.body_id = c.id AND s.sponsor_id = c.heir
"""

# What the closing body was asked about, it is asked no longer: its successor is.
HAND_ON_TOPICS = """
    INSERT INTO departments_remit (body_id, topic_id)
    SELECT DISTINCT %(successor)s::bigint, topic_id FROM departments_remit WHERE body_id = ANY(%(ids)s)
    ORDER BY 2 ON CONFLICT DO NOTHING
"""

# Whoever looks for the old name finds who took over.
HAND_ON_NAMES = """
    INSERT INTO departments_bodyalias (body_id, text)
    SELECT DISTINCT s.id, t.text
    FROM departments_body s
    CROSS JOIN (
        SELECT name AS text FROM departments_body WHERE id = ANY(%(ids)s)
        UNION
        SELECT text FROM departments_bodyalias WHERE body_id = ANY(%(ids)s)
    ) t
    WHERE s.id = %(successor)s AND t.text <> s.name
    ORDER BY 2 ON CONFLICT DO NOTHING
"""

# Whom it sponsored, and who sponsored it: never itself, never what is its parent already.
HAND_ON_SPONSORSHIPS = """
    INSERT INTO departments_sponsor (body_id, sponsor_id)
    SELECT b.id, s.sponsor_id
    FROM (
        SELECT body_id, %(successor)s::bigint AS sponsor_id FROM departments_sponsor WHERE sponsor_id = ANY(%(ids)s)
        UNION
        SELECT %(successor)s::bigint, sponsor_id FROM departments_sponsor WHERE body_id = ANY(%(ids)s)
    ) s
    JOIN departments_body b ON b.id = s.body_id
    WHERE b.id <> s.sponsor_id AND b.parent_id IS DISTINCT FROM s.sponsor_id
        AND NOT b.id = ANY(%(ids)s) AND NOT s.sponsor_id = ANY(%(ids)s)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""

END_SPONSORSHIPS = """
    DELETE FROM departments_sponsor WHERE body_id = ANY(%(ids)s) OR sponsor_id = ANY(%(ids)s)
"""

# Before the places end: each person's own history says that theirs does.
NOTE_UNSEATED = """
    INSERT INTO departments_personevent (person_id, body_id, what, before, after, by_id)
    SELECT m.person_id, m.body_id, 'unseated',
        jsonb_build_object('role', m.role, 'order', m."order", 'hours', m.hours),
        jsonb_build_object('why', b.name || ' was closed'), %(by)s
    FROM (
        SELECT id, person_id, body_id, role, "order", hours
        FROM departments_membership WHERE body_id = ANY(%(ids)s) AND until IS NULL ORDER BY id FOR UPDATE
    ) m
    JOIN departments_body b ON b.id = m.body_id
    ORDER BY m.id
"""

# In the same role, after those who are there; nobody has confirmed yet that they are the successor's contact.
HAND_ON_PEOPLE = """
    WITH made AS (
        INSERT INTO departments_membership (person_id, body_id, role, "order", hours)
        SELECT DISTINCT ON (m.person_id, m.role) m.person_id, %(successor)s::bigint, m.role,
            least(m."order" + 1 + coalesce((
                SELECT max(k."order") FROM departments_membership k
                WHERE k.body_id = %(successor)s AND k.role = m.role AND k.until IS NULL
            ), -1), 999),
            m.hours
        FROM departments_membership m JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL
        WHERE m.body_id = ANY(%(ids)s) AND m.until IS NULL
        ORDER BY m.person_id, m.role, m.id
        ON CONFLICT DO NOTHING
        RETURNING person_id, body_id, role, "order", hours
    )
    INSERT INTO departments_personevent (person_id, body_id, what, before, after, by_id)
    SELECT person_id, body_id, 'seated', '{}',
        jsonb_build_object('role', role, 'order', "order", 'hours', hours), %(by)s
    FROM made
"""

# Those who then sit nowhere are told nothing any more.
NOWHERE = """
    SELECT p.name
    FROM departments_person p
    WHERE p.left_at IS NULL
        AND p.id IN (SELECT person_id FROM departments_membership WHERE body_id = ANY(%(ids)s) AND until IS NULL)
        AND NOT EXISTS (
            SELECT FROM departments_membership m JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
            WHERE m.person_id = p.id AND m.until IS NULL AND NOT m.body_id = ANY(%(ids)s)
        )
    ORDER BY p.name, p.id
"""

END_PLACES = """
    UPDATE departments_membership m SET until = %(now)s
    FROM (
        SELECT id FROM departments_membership WHERE body_id = ANY(%(ids)s) AND until IS NULL ORDER BY id FOR UPDATE
    ) here
    WHERE m.id = here.id
"""

FORGET_REQUESTS = "DELETE FROM departments_holdrequest WHERE body_id = ANY(%(ids)s) AND granted IS NULL"

# Before anything is handed on, so that it counts what there was.
NOTE_CLOSED = """
    INSERT INTO departments_bodyevent (body_id, what, before, after, by_id)
    SELECT b.id, CASE WHEN %(successor)s::bigint IS NULL THEN 'closed' ELSE 'merged' END,
        jsonb_build_object('parent', p.slug),
        jsonb_build_object('on', %(on)s::date, 'why', %(why)s::text, 'successor', s.slug,
            'children', (
                SELECT count(*) FROM departments_body c
                WHERE c.parent_id = b.id AND c.closed IS NULL AND NOT c.id = ANY(%(ids)s)
            ),
            'places', (SELECT count(*) FROM departments_membership m WHERE m.body_id = b.id AND m.until IS NULL)
        ), %(by)s
    FROM departments_body b
    LEFT JOIN departments_body p ON p.id = b.parent_id LEFT JOIN departments_body s ON s.id = %(successor)s
    WHERE b.id = ANY(%(ids)s)
"""

NOTE_TAKEN_OVER = """
    INSERT INTO departments_bodyevent (body_id, what, before, after, by_id)
    SELECT %(successor)s, 'took over', '{}', jsonb_build_object('from', b.slug, 'why', %(why)s::text), %(by)s
    FROM departments_body b WHERE b.id = ANY(%(ids)s)
"""

# A right that reaches beyond the branch is never gained unseen: the successor's history says it.
HAND_ON_ISSUING = """
    WITH gained AS (
        UPDATE departments_body SET may_issue = true
        WHERE id = %(successor)s AND NOT may_issue
            AND EXISTS (SELECT FROM departments_body b WHERE b.id = ANY(%(ids)s) AND b.may_issue)
        RETURNING id
    )
    INSERT INTO departments_bodyevent (body_id, what, before, after, by_id)
    SELECT id, 'may issue', '{}', jsonb_build_object('why', %(why)s::text), %(by)s FROM gained
"""

CLOSE = """
    UPDATE departments_body SET closed = %(on)s, successor_id = %(successor)s WHERE id = ANY(%(ids)s)
"""
