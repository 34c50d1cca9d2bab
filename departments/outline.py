"""The tree as a page shows it: the roots, and level by level whatever is open, each row with its branch's readiness.

It reads kept figures (`departments.readiness`), so that a page costs what it shows and not what hangs below it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db import connection

# More rows than anybody reads on one page; the search finds the rest.
MOST_ROWS = 500

# Indexes: departments_body(parent_id), departments_standing's primary key.
OUTLINE = """
    WITH RECURSIVE visible AS (
        SELECT b.id, b.slug, b.name, b.kind, b.closed, 0 AS depth, ARRAY[b.name::text, b.slug::text] AS line
        FROM departments_body b WHERE b.parent_id IS NULL
        UNION ALL
        SELECT b.id, b.slug, b.name, b.kind, b.closed, v.depth + 1, v.line || ARRAY[b.name::text, b.slug::text]
        FROM visible v JOIN departments_body b ON b.parent_id = v.id
        WHERE v.slug = ANY(%(open)s)
    ),
    shown AS (SELECT * FROM visible ORDER BY line LIMIT %(limit)s)
    SELECT s.id, s.slug, s.name, s.kind, s.closed, s.depth,
        EXISTS (SELECT FROM departments_body c WHERE c.parent_id = s.id),
        coalesce(k.state, 'closed'), coalesce(k.people, 0),
        coalesce(k.branch_bodies, 0), coalesce(k.branch_dark, 0), coalesce(k.branch_weak, 0)
    FROM shown s LEFT JOIN departments_standing k ON k.body_id = s.id
    ORDER BY s.line
"""


@dataclass(frozen=True)
class Row:
    """A body as the tree shows it. `people` sit in the body itself; `bodies`, `dark` and `weak` are its branch's."""

    id: int
    slug: str
    name: str
    kind: str
    closed: date | None
    depth: int
    has_children: bool
    state: str
    people: int
    bodies: int
    dark: int
    weak: int

    @property
    def below(self) -> int:
        """Open bodies below it."""
        return self.bodies - (self.state != "closed")

    @property
    def dark_below(self) -> int:
        """Dark ones below it."""
        return self.dark - (self.state == "dark")

    @property
    def ready(self) -> int:
        """Ready ones in its branch."""
        return self.bodies - self.dark - self.weak


def outline(opened: Collection[str]) -> tuple[list[Row], bool]:
    """The rows to show with these bodies (slugs) open, each below its parent; and whether there are more."""
    with connection.cursor() as cursor:
        cursor.execute(OUTLINE, {"open": list(opened), "limit": MOST_ROWS + 1})
        rows = [Row(*row) for row in cursor.fetchall()]
    return rows[:MOST_ROWS], len(rows) > MOST_ROWS
