"""The SQL of loading people. As with bodies, each difference is one source of rows, listed or written.

`loading_places` is the file; `loading_people` one row an address out of it, without those who left.
"""

from departments.loading.body_sql import Difference

LOCK = "SELECT pg_advisory_xact_lock(hashtext('departments.loading.people'))"
CREATE = """
    CREATE TEMPORARY TABLE loading_places (
        number bigint GENERATED ALWAYS AS IDENTITY,
        email text NOT NULL, written text NOT NULL, name text NOT NULL, body_id bigint NOT NULL, role text NOT NULL
    ) ON COMMIT DROP
"""
COPY = "COPY loading_places (email, written, name, body_id, role) FROM STDIN"
# Several rows of one person: the first one's way of writing the address is kept.
GATHER = """
    CREATE TEMPORARY TABLE loading_people ON COMMIT DROP AS
    SELECT DISTINCT ON (l.email) l.email, l.written, l.name, p.id
    FROM loading_places l LEFT JOIN departments_person p ON p.email = l.email
    WHERE p.left_at IS NULL
    ORDER BY l.email, l.number;
    ANALYZE loading_places;
    ANALYZE loading_people
"""
LEFT = """
    SELECT DISTINCT l.email, p.left_at::date
    FROM loading_places l JOIN departments_person p ON p.email = l.email
    WHERE p.left_at IS NOT NULL ORDER BY l.email
"""
DROP = "DROP TABLE loading_places, loading_people"

DIFFERENCES = [
    Difference(
        kind="new",
        rows="FROM loading_people l WHERE l.id IS NULL",
        sentence="format('new: %%s (%%s)', l.email, l.name)",
        event="",
        write="""
            INSERT INTO departments_person (email, written, name, shared, telephone, is_administrator, is_auditor)
            SELECT l.email, l.written, l.name, false, '', false, false {rows} ORDER BY l.email
            ON CONFLICT (email) DO NOTHING
        """,
    ),
    Difference(
        kind="changed",
        rows="""
            FROM loading_people l JOIN departments_person p ON p.id = l.id
            WHERE (p.name, p.written) IS DISTINCT FROM (l.name, l.written)
        """,
        sentence="""
            format('changed: %%s, from %%s <%%s> to %%s <%%s>', l.email, p.name, p.written, l.name, l.written)
        """,
        event="",
        write="""
            UPDATE departments_person x SET name = c.name, written = c.written
            FROM (SELECT p.id, l.name, l.written {rows} ORDER BY p.id FOR NO KEY UPDATE OF p) c WHERE x.id = c.id
        """,
    ),
    Difference(
        kind="new places",
        rows="""
            FROM loading_places l LEFT JOIN departments_person p ON p.email = l.email
            JOIN departments_body b ON b.id = l.body_id
            WHERE p.left_at IS NULL AND NOT EXISTS (
                SELECT FROM departments_membership m
                WHERE m.person_id = p.id AND m.body_id = l.body_id AND m.role = l.role AND m.until IS NULL
            )
        """,
        sentence="format('new place: %%s in %%s as %%s', l.email, b.slug, l.role)",
        event="",
        write="""
            INSERT INTO departments_membership (person_id, body_id, role)
            SELECT p.id, l.body_id, l.role {rows} ORDER BY 1, 2, 3
            ON CONFLICT DO NOTHING
        """,
    ),
]
