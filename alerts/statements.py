"""Running a statement that stands whole beside its verb."""

from typing import Any

from django.db import connection


def run(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """What it answers; nothing where it answers nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []
