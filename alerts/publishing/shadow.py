"""An empty copy of the system in front of the real one, for one transaction that is always undone.

Before: any directory, any advisories. Inside `shadow()`: this connection finds every table of ours empty, so that verbs,
the ORM and all SQL by hand run unchanged and neither read nor change anything real. After, also after an error: nothing
of it is left, and no sequence has moved. Others notice nothing meanwhile, and wait for nothing.

PostgreSQL looks for a table among a session's temporary ones first. The copies have the real ones' columns, defaults,
indexes and checks; foreign keys and triggers are not copied. So nobody refuses a circle in the tree (the loaders do), and
nothing writes changes (whoever wants standings asks for all of them). A lock that keeps two writers of a table apart goes
by the table's number, so that nobody waits for a lock taken in here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection, transaction

APPS = ("departments", "alerts")

# Where each table really is, whatever the schema.
WHERE = """
    SELECT n.nspname, c.relname
    FROM unnest(%s::text[]) AS t(name)
    JOIN pg_class c ON c.oid = to_regclass(t.name)
    JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY c.relname
"""
# A role's own search path may name the temporary tables after the others.
FIRST = "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)"
STILL_REAL = """
    SELECT c.relname
    FROM unnest(%s::text[]) AS t(name)
    JOIN pg_class c ON c.oid = to_regclass(t.name)
    WHERE c.relpersistence <> 't'
"""


@contextmanager
def shadow(first: Callable[[], None] | None = None) -> Iterator[None]:
    """An empty system for as long as this lasts; whatever is to be kept is read into values before it ends.

    `first` is done in the same transaction, before any table is made.
    """
    with transaction.atomic():
        if first is not None:
            first()
        _put_in_front()
        yield
        transaction.set_rollback(True)


def _put_in_front() -> None:
    models = [model for label in APPS for model in apps.get_app_config(label).get_models(include_auto_created=True)]
    tables = sorted({model._meta.db_table for model in models})
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(WHERE, [tables])
        for schema, table in cursor.fetchall():
            like = f"{quoted(schema)}.{quoted(table)}"
            cursor.execute(f"CREATE TEMPORARY TABLE {quoted(table)} (LIKE {like} INCLUDING ALL) ON COMMIT DROP")
        cursor.execute(FIRST)
        cursor.execute(STILL_REAL, [tables])
        if real := [name for (name,) in cursor.fetchall()]:
            raise RuntimeError(f"these tables are still the real ones: {', '.join(real)}")
