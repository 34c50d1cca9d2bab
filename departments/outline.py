"""The tree as a page shows it: the roots, and level by level whatever is open, each row with its branch's people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db import connection

from departments.readiness import CAN_BE_TOLD

# More rows than anybody reads on one page; the search finds the rest.
MOST_ROWS = 500

# Indexes: departments_body(parent_id), membership_current.
OUTLINE = f"""
    WITH RECURSIVE visible AS (
        SELECT b.id, b.slug, b.name, b.kind, b.closed, 0 AS depth, ARRAY[b.name::text, b.slug::text] AS line
        FROM departments_body b WHERE b.parent_id IS NULL
        UNION ALL
        SELECT b.id, b.slug, b.name, b.kind, b.closed, v.depth + 1, v.line || ARRAY[b.name::text, b.slug::text]
        FROM visible v JOIN departments_body b ON b.parent_id = v.id
        WHERE v.slug = ANY(%(open)s)
    ),
    shown AS (SELECT * FROM visible ORDER BY line LIMIT %(limit)s),
    below(top, id, closed) AS (
        SELECT id, id, closed FROM shown
        UNION
        SELECT below.top, b.id, b.closed FROM below JOIN departments_body b ON b.parent_id = below.id
    ),
    told AS (
        SELECT DISTINCT m.body_id AS id
        FROM departments_membership m JOIN departments_person p ON p.id = m.person_id
        WHERE {CAN_BE_TOLD}
    ),
    bodies AS (
        SELECT below.top, count(*) - 1 AS below,
            count(*) FILTER (WHERE told.id IS NULL AND below.closed IS NULL AND below.id <> below.top) AS dark_below,
            bool_or(told.id IS NULL AND below.closed IS NULL AND below.id = below.top) AS dark
        FROM below LEFT JOIN told ON told.id = below.id
        GROUP BY below.top
    ),
    people AS (
        SELECT below.top, count(DISTINCT m.person_id) AS people
        FROM below
        JOIN departments_membership m ON m.body_id = below.id AND m.until IS NULL
        JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL
        GROUP BY below.top
    )
    SELECT s.id, s.slug, s.name, s.kind, s.closed, s.depth, b.below, b.dark_below, b.dark, coalesce(p.people, 0)
    FROM shown s JOIN bodies b ON b.top = s.id LEFT JOIN people p ON p.top = s.id
    ORDER BY s.line
"""


@dataclass(frozen=True)
class Row:
    """A body as the tree shows it. `people` are those in its branch who have not left, each once."""

    id: int
    slug: str
    name: str
    kind: str
    closed: date | None
    depth: int
    below: int
    dark_below: int
    dark: bool
    people: int


def outline(opened: Collection[str]) -> tuple[list[Row], bool]:
    """The rows to show with these bodies (slugs) open, each below its parent; and whether there are more."""
    with connection.cursor() as cursor:
        cursor.execute(OUTLINE, {"open": list(opened), "limit": MOST_ROWS + 1})
        rows = [Row(*row) for row in cursor.fetchall()]
    return rows[:MOST_ROWS], len(rows) > MOST_ROWS
