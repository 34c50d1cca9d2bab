"""The SQL of loading people. As with bodies, each difference is one source of rows, listed or written.

`loading_file` is who is in the file, by number; `loading_people` the same beside what the directory has of them; in
`loading_places` each place is somebody's by that number. Null: the file says nothing of it.
"""

from departments.loading.body_sql import Difference

# Under the table's own number: two loads wait for each other where they fill the same table.
LOCK = "SELECT pg_advisory_xact_lock('departments_person'::regclass::oid::bigint)"
CREATE = """
    CREATE TEMPORARY TABLE loading_file (
        number integer, email text, written text, name text, telephone text, shared boolean
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE loading_places (
        number integer, body_id bigint, role text, hours text, place smallint
    ) ON COMMIT DROP
"""
COPY_PEOPLE = "COPY loading_file FROM STDIN"
COPY_PLACES = "COPY loading_places FROM STDIN"
# An id for everybody who is new, so that their places need not be looked up again by address.
GATHER = """
    ANALYZE loading_file;
    ANALYZE loading_places;
    CREATE TEMPORARY TABLE loading_people ON COMMIT DROP AS
    SELECT l.*, p.id IS NOT NULL AS known, p.left_at,
        CASE WHEN p.id IS NULL THEN nextval(pg_get_serial_sequence('departments_person', 'id')) ELSE p.id END AS id,
        (p.name, p.written, p.telephone, p.shared) IS DISTINCT FROM
            (l.name, l.written, coalesce(l.telephone, p.telephone), coalesce(l.shared, p.shared)) AS differs
    FROM loading_file l LEFT JOIN departments_person p ON p.email = l.email;
    ANALYZE loading_people
"""
LEFT = "SELECT email, left_at::date FROM loading_people WHERE left_at IS NOT NULL ORDER BY email"
DROP = "DROP TABLE loading_file, loading_places, loading_people"

_CURRENT = """
    FROM loading_places f JOIN loading_people l USING (number) JOIN departments_membership m
        ON m.person_id = l.id AND m.body_id = f.body_id AND m.role = f.role AND m.until IS NULL
    WHERE l.left_at IS NULL AND (m.hours, m."order") IS DISTINCT FROM (coalesce(f.hours, m.hours), coalesce(f.place, m."order"))
"""

DIFFERENCES = [
    Difference(
        kind="new",
        rows="FROM loading_people l WHERE NOT l.known",
        sentence="format('new: %%s (%%s)', l.email, l.name)",
        event="",
        write="""
            INSERT INTO departments_person (id, email, written, name, shared, telephone, is_administrator, is_auditor)
            SELECT l.id, l.email, l.written, l.name, coalesce(l.shared, false), coalesce(l.telephone, ''), false, false
            {rows} ORDER BY l.email
        """,
    ),
    Difference(
        kind="changed",
        rows="""
            FROM loading_people l JOIN departments_person p ON p.id = l.id
            WHERE l.known AND l.differs AND l.left_at IS NULL
        """,
        sentence="""
            format('changed: %%s, from %%s <%%s>%%s%%s to %%s <%%s>%%s%%s', l.email,
                p.name, p.written, ', ' || nullif(p.telephone, ''), CASE WHEN p.shared THEN ', shared' END,
                l.name, l.written, ', ' || nullif(coalesce(l.telephone, p.telephone), ''),
                CASE WHEN coalesce(l.shared, p.shared) THEN ', shared' END)
        """,
        event="",
        write="""
            UPDATE departments_person x
            SET name = c.name, written = c.written, telephone = coalesce(c.telephone, x.telephone),
                shared = coalesce(c.shared, x.shared)
            FROM (
                SELECT p.id, l.name, l.written, l.telephone, l.shared {rows} ORDER BY p.id FOR NO KEY UPDATE OF p
            ) c
            WHERE x.id = c.id
        """,
    ),
    Difference(
        kind="changed places",
        rows=_CURRENT,
        sentence="""
            format('changed place: %%s in %%s as %%s, %%s of hours, order %%s', l.email,
                (SELECT slug FROM departments_body b WHERE b.id = f.body_id), f.role,
                coalesce(f.hours, m.hours), coalesce(f.place, m."order"))
        """,
        event="",
        write="""
            UPDATE departments_membership x SET hours = coalesce(c.hours, x.hours), "order" = coalesce(c.place, x."order")
            FROM (SELECT m.id, f.hours, f.place {rows} ORDER BY m.id FOR NO KEY UPDATE OF m) c
            WHERE x.id = c.id
        """,
    ),
    Difference(
        kind="new places",
        rows="""
            FROM loading_places f JOIN loading_people l USING (number)
            WHERE l.left_at IS NULL AND NOT EXISTS (
                SELECT FROM departments_membership m
                WHERE m.person_id = l.id AND m.body_id = f.body_id AND m.role = f.role AND m.until IS NULL
            )
        """,
        sentence="""
            format('new place: %%s in %%s as %%s', l.email,
                (SELECT slug FROM departments_body b WHERE b.id = f.body_id), f.role)
        """,
        event="",
        write="""
            INSERT INTO departments_membership (person_id, body_id, role, hours, "order")
            SELECT l.id, f.body_id, f.role, coalesce(f.hours, 'in'), coalesce(f.place, 0) {rows} ORDER BY 1, 2, 3
            ON CONFLICT DO NOTHING
        """,
    ),
]
