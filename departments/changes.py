"""How far somebody has looked at changes: the directory's triggers write them by transaction (`departments.models.Change`).

Whoever reads the changes from `seen` on, and then sets `seen` to the oldest transaction under way when they began, misses
none: what was still being written then is read again.
"""

from django.db import connection

SNAPSHOT = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def oldest_under_way() -> int:
    """The oldest transaction still under way: what came before it can be seen by everybody."""
    with connection.cursor() as cursor:
        cursor.execute(SNAPSHOT)
        row = cursor.fetchone()
    return int(row[0]) if row else 0
