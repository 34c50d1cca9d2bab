"""Moving about in the tree, by recursive SQL: permissions ask it on every request.

The line of accountability cannot be cyclic (the database refuses), and `UNION` ends the walk in any case; with sponsors
a cycle is possible and allowed.
"""

from collections.abc import Mapping

from django.db import connection

from departments.models import Body

# Nearest first. Index: the primary key.
ANCESTORS = """
    WITH RECURSIVE above(id, distance) AS (
        SELECT parent_id, 1 FROM departments_body WHERE id = %(body)s AND parent_id IS NOT NULL
        UNION
        SELECT b.parent_id, a.distance + 1 FROM departments_body b JOIN above a ON b.id = a.id
        WHERE b.parent_id IS NOT NULL
    )
    SELECT id FROM above ORDER BY distance
"""

# Index: departments_body(parent_id).
BRANCH = """
    WITH RECURSIVE below(id) AS (
        SELECT id FROM departments_body WHERE id = ANY(%(bodies)s)
        UNION
        SELECT b.id FROM departments_body b JOIN below ON b.parent_id = below.id
    )
    SELECT id FROM below
"""

# Here UNION matters: two bodies may sponsor each other. Indexes: departments_body(parent_id), sponsor(sponsor_id).
BRANCH_WITH_SPONSORED = """
    WITH RECURSIVE below(id) AS (
        SELECT id FROM departments_body WHERE id = ANY(%(bodies)s)
        UNION
        SELECT edge.body_id
        FROM below
        CROSS JOIN LATERAL (
            SELECT b.id AS body_id FROM departments_body b WHERE b.parent_id = below.id
            UNION ALL
            SELECT s.body_id FROM departments_sponsor s WHERE s.sponsor_id = below.id
        ) edge
    )
    SELECT id FROM below
"""


def hold_tree() -> None:
    """Nobody else moves bodies until this transaction ends. Taken first, so that two movers wait and never deadlock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('departments.tree'))")


def ancestors(body_id: int) -> list[int]:
    """The bodies above this one on its line of accountability, the nearest first; without itself."""
    return _ids(ANCESTORS, {"body": body_id})


def branch(body_id: int) -> list[int]:
    """This body and all below it by accountability, in no order; empty where there is no such body."""
    return _ids(BRANCH, {"bodies": [body_id]})


def branches(body_ids: list[int]) -> set[int]:
    """The branches of several bodies together."""
    return set(_ids(BRANCH, {"bodies": body_ids}))


def reached_from(body_ids: list[int]) -> set[int]:
    """These bodies and all below them, by accountability or sponsorship: how a cascade flows."""
    return set(_ids(BRANCH_WITH_SPONSORED, {"bodies": body_ids}))


def path(body_id: int) -> list[Body]:
    """The line of accountability from the root to this body, itself last; empty where there is no such body."""
    line = [*reversed(ancestors(body_id)), body_id]
    found = Body.objects.in_bulk(line)
    return [found[one] for one in line if one in found]


def _ids(sql: str, values: Mapping[str, int | list[int]]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
