"""What our triggers cost: pgtrigger asks in each of them whether it is to be ignored."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def ignore_none(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Say on a new connection that no trigger is to be ignored.

    Where nobody ever said so, asking raises and catches an error inside the database, each time: 0.1 ms for a trigger of
    a statement, and two seconds for the 20,000 rows of a first load. `pgtrigger.ignore()` works as before.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', '{}', false)")
