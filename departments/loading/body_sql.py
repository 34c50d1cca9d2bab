"""The SQL of loading bodies. Each difference is said once, as a source of rows that is either listed or written.

`loading_bodies` is the file: one row a body, `id` null for one that the directory does not know. Null `topics` or
`sponsors`, or `parent_said` false: the file says nothing of them.
"""

from dataclasses import dataclass

CREATE = """
    CREATE TEMPORARY TABLE loading_bodies (
        slug text PRIMARY KEY, name text NOT NULL, kind text NOT NULL, parent text NOT NULL, parent_said boolean NOT NULL,
        topics text[], sponsors text[], aliases text[] NOT NULL, domain text, opened date, calendar text,
        register text NOT NULL, id bigint, known boolean NOT NULL DEFAULT false
    ) ON COMMIT DROP
"""
COPY = """
    COPY loading_bodies
        (slug, name, kind, parent, parent_said, topics, sponsors, aliases, domain, opened, calendar, register)
    FROM STDIN
"""
KNOW = """
    UPDATE loading_bodies l SET id = b.id, known = true FROM departments_body b WHERE b.slug = l.slug;
    CREATE INDEX ON loading_bodies (id);
    ANALYZE loading_bodies
"""
# A new body of which the file says no bank holidays keeps those of the nearest one above it of which that is known; at the top
# it keeps the usual ones.
INHERIT = """
    WITH RECURSIVE given (slug, calendar) AS (
        SELECT l.slug, coalesce(l.calendar, b.calendar)
        FROM loading_bodies l LEFT JOIN departments_body b ON b.id = l.id
        WHERE l.known OR l.calendar IS NOT NULL
        UNION ALL
        SELECT l.slug, p.calendar
        FROM loading_bodies l JOIN departments_body p ON p.slug = l.parent
        WHERE NOT l.known AND l.calendar IS NULL AND NOT EXISTS (SELECT FROM loading_bodies f WHERE f.slug = l.parent)
        UNION ALL
        SELECT l.slug, g.calendar FROM given g JOIN loading_bodies l ON l.parent = g.slug
        WHERE NOT l.known AND l.calendar IS NULL
    )
    UPDATE loading_bodies x SET calendar = g.calendar FROM given g WHERE x.slug = g.slug AND NOT x.known
"""
# Ids first, so that one INSERT can say every parent, whichever comes first in the file.
NUMBER = """
    UPDATE loading_bodies SET id = nextval(pg_get_serial_sequence('departments_body', 'id')) WHERE NOT known
"""
NEW_TOPICS = """
    INSERT INTO departments_topic (slug)
    SELECT DISTINCT topic FROM loading_bodies l CROSS JOIN LATERAL unnest(l.topics) AS t(topic)
    WHERE NOT EXISTS (SELECT FROM departments_topic k WHERE k.slug = t.topic)
    ORDER BY topic ON CONFLICT DO NOTHING
"""


# Which kind of file names a body; says nothing about the body, so nobody is told.
NOTE_REGISTER = """
    UPDATE departments_body x SET register = c.register
    FROM (
        SELECT b.id, l.register FROM loading_bodies l JOIN departments_body b ON b.id = l.id
        WHERE b.register <> l.register ORDER BY b.id
    ) c
    WHERE x.id = c.id
"""
# Open, named by an earlier file of this kind, and not by this one; or called closed by it.
MISSING = """
    SELECT b.id, b.slug, b.name FROM departments_body b
    WHERE b.closed IS NULL AND (b.register = %(register)s OR b.slug = ANY(%(closed)s))
        AND NOT EXISTS (SELECT FROM loading_bodies l WHERE l.id = b.id)
    ORDER BY b.slug
"""


@dataclass(frozen=True)
class Difference:
    """One way in which a file and the directory differ."""

    kind: str
    rows: str
    sentence: str
    event: str
    write: str

    @property
    def listed(self) -> str:
        """Each difference as a sentence."""
        return f"SELECT {self.sentence} {self.rows} ORDER BY 1"

    @property
    def written(self) -> str:
        """Make the directory say what the file says."""
        return self.write.format(rows=self.rows)

    @property
    def noted(self) -> str:
        """The history of the bodies that this difference touches."""
        return (
            f"INSERT INTO departments_bodyevent (body_id, what, before, after, by_id) SELECT {self.event} {self.rows}"
        )


DIFFERENCES = [
    Difference(
        kind="new",
        rows="""
            FROM loading_bodies l LEFT JOIN loading_bodies f ON f.slug = l.parent
            LEFT JOIN departments_body p ON p.slug = l.parent
            WHERE NOT l.known
        """,
        sentence="format('new: %%s (%%s)%%s', l.slug, l.name, CASE WHEN l.parent = '' THEN '' ELSE ' under ' || l.parent END)",
        event="""
            l.id, 'created', '{}',
            jsonb_build_object('name', l.name, 'kind', l.kind, 'parent', nullif(l.parent, '')), %(by)s
        """,
        write="""
            INSERT INTO departments_body
                (id, slug, name, kind, parent_id, policy, hold_hours, domain, opened, calendar, may_issue, register)
            SELECT l.id, l.slug, l.name, l.kind, CASE WHEN l.parent_said THEN coalesce(f.id, p.id) END,
                'automatic', 0, coalesce(l.domain, ''), l.opened, coalesce(l.calendar, 'england-and-wales'), false, l.register
            {rows} ORDER BY l.slug
        """,
    ),
    Difference(
        kind="renamed",
        rows="FROM loading_bodies l JOIN departments_body b ON b.id = l.id WHERE l.known AND b.name <> l.name",
        sentence="format('renamed: %%s, from %%s to %%s', l.slug, b.name, l.name)",
        event="""
            l.id, 'renamed', jsonb_build_object('name', b.name), jsonb_build_object('name', l.name), %(by)s
        """,
        write="UPDATE departments_body x SET name = c.name FROM (SELECT l.id, l.name {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="of another kind",
        rows="FROM loading_bodies l JOIN departments_body b ON b.id = l.id WHERE l.known AND b.kind <> l.kind",
        sentence="format('of another kind: %%s, from %%s to %%s', l.slug, b.kind, l.kind)",
        event="""
            l.id, 'became', jsonb_build_object('kind', b.kind), jsonb_build_object('kind', l.kind), %(by)s
        """,
        write="UPDATE departments_body x SET kind = c.kind FROM (SELECT l.id, l.kind {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="moved",
        rows="""
            FROM loading_bodies l JOIN departments_body b ON b.id = l.id
            LEFT JOIN departments_body was ON was.id = b.parent_id
            LEFT JOIN loading_bodies f ON f.slug = l.parent LEFT JOIN departments_body p ON p.slug = l.parent
            WHERE l.known AND l.parent_said AND was.slug IS DISTINCT FROM nullif(l.parent, '')
        """,
        sentence="""
            format('moved: %%s, from %%s to %%s', l.slug,
                coalesce(was.slug, 'the top'), coalesce(nullif(l.parent, ''), 'the top'))
        """,
        event="""
            l.id, 'moved', jsonb_build_object('parent', was.slug),
            jsonb_build_object('parent', nullif(l.parent, '')), %(by)s
        """,
        write="""
            UPDATE departments_body x SET parent_id = c.parent_id
            FROM (SELECT l.id, coalesce(f.id, p.id) AS parent_id {rows}) c WHERE x.id = c.id
        """,
    ),
    Difference(
        kind="mail domains",
        rows="FROM loading_bodies l JOIN departments_body b ON b.id = l.id WHERE l.known AND b.domain <> l.domain",
        sentence="format('mail domain: %%s, from %%s to %%s', l.slug, coalesce(nullif(b.domain, ''), 'none'), l.domain)",
        event="""
            l.id, 'mail domain', jsonb_build_object('domain', b.domain), jsonb_build_object('domain', l.domain), %(by)s
        """,
        write="UPDATE departments_body x SET domain = c.domain FROM (SELECT l.id, l.domain {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="opened on another day",
        rows="""
            FROM loading_bodies l JOIN departments_body b ON b.id = l.id
            WHERE l.known AND l.opened IS NOT NULL AND b.opened IS DISTINCT FROM l.opened
        """,
        sentence="format('opened: %%s, from %%s to %%s', l.slug, coalesce(b.opened::text, 'no day'), l.opened)",
        event="l.id, 'opened on', jsonb_build_object('on', b.opened), jsonb_build_object('on', l.opened), %(by)s",
        write="UPDATE departments_body x SET opened = c.opened FROM (SELECT l.id, l.opened {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="bank holidays",
        rows="FROM loading_bodies l JOIN departments_body b ON b.id = l.id WHERE l.known AND b.calendar <> l.calendar",
        sentence="format('bank holidays: %%s, from %%s to %%s', l.slug, b.calendar, l.calendar)",
        event="""
            l.id, 'bank holidays', jsonb_build_object('calendar', b.calendar),
            jsonb_build_object('calendar', l.calendar), %(by)s
        """,
        write="UPDATE departments_body x SET calendar = c.calendar FROM (SELECT l.id, l.calendar {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="sponsors added",
        rows="""
            FROM loading_bodies l CROSS JOIN LATERAL unnest(l.sponsors) AS t(slug)
            LEFT JOIN loading_bodies f ON f.slug = t.slug LEFT JOIN departments_body p ON p.slug = t.slug
            WHERE NOT EXISTS (
                SELECT FROM departments_sponsor s JOIN departments_body b ON b.id = s.sponsor_id
                WHERE s.body_id = l.id AND b.slug = t.slug
            )
        """,
        sentence="format('sponsor added: %%s, sponsored by %%s', l.slug, t.slug)",
        event="l.id, 'sponsored', '{}', jsonb_build_object('sponsor', t.slug), %(by)s",
        write="""
            INSERT INTO departments_sponsor (body_id, sponsor_id)
            SELECT l.id, coalesce(f.id, p.id) {rows} ORDER BY 1, 2
        """,
    ),
    Difference(
        kind="sponsors gone",
        rows="""
            FROM loading_bodies l JOIN departments_sponsor s ON s.body_id = l.id
            JOIN departments_body b ON b.id = s.sponsor_id
            WHERE l.sponsors IS NOT NULL AND b.slug <> ALL(l.sponsors)
        """,
        sentence="format('sponsor gone: %%s, no longer sponsored by %%s', l.slug, b.slug)",
        event="l.id, 'no longer sponsored', jsonb_build_object('sponsor', b.slug), '{}', %(by)s",
        write="DELETE FROM departments_sponsor x USING (SELECT s.id {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="topics added",
        rows="""
            FROM loading_bodies l CROSS JOIN LATERAL unnest(l.topics) AS t(slug)
            LEFT JOIN departments_topic k ON k.slug = t.slug
            WHERE NOT EXISTS (SELECT FROM departments_remit r WHERE r.body_id = l.id AND r.topic_id = k.id)
        """,
        sentence="format('topic added: %%s, %%s', l.slug, t.slug)",
        event="",
        write="INSERT INTO departments_remit (body_id, topic_id) SELECT l.id, k.id {rows} ORDER BY 1, 2",
    ),
    Difference(
        kind="topics gone",
        rows="""
            FROM loading_bodies l JOIN departments_remit r ON r.body_id = l.id
            JOIN departments_topic k ON k.id = r.topic_id
            WHERE l.topics IS NOT NULL AND k.slug <> ALL(l.topics)
        """,
        sentence="format('topic gone: %%s, %%s', l.slug, k.slug)",
        event="",
        write="DELETE FROM departments_remit x USING (SELECT r.id {rows}) c WHERE x.id = c.id",
    ),
    Difference(
        kind="aliases added",
        rows="""
            FROM loading_bodies l CROSS JOIN LATERAL unnest(l.aliases) AS t(alias)
            WHERE t.alias <> l.name
            AND NOT EXISTS (SELECT FROM departments_bodyalias a WHERE a.body_id = l.id AND a.text = t.alias)
        """,
        sentence="format('alias added: %%s, %%s', l.slug, t.alias)",
        event="",
        write="INSERT INTO departments_bodyalias (body_id, text) SELECT l.id, t.alias {rows} ORDER BY 1, 2",
    ),
]
