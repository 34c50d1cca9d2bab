"""All rows of a world that costs much to make, kept once and put back as often as a test needs them."""

import copy
import itertools
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from django.db import connection, transaction

Made = TypeVar("Made")

_NUMBERS = itertools.count()

# Generated columns make themselves.
_COLUMNS = """
SELECT quote_ident(c.relname), string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'django_migrations'
GROUP BY c.relname
"""

_EMPTY = """
DO $$
DECLARE
    one regclass;
    filled boolean;
BEGIN
    FOR one IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'django_migrations'
    LOOP
        CONTINUE WHEN pg_relation_size(one) = 0;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END $$
"""


class PutBack(Generic[Made]):
    """What was made, and every row there is. What is committed later is gone when it is put back; numbers go on all the same.

    It goes past triggers and foreign keys. Where the database is somebody else's, and that is not ours to do, it is made anew
    each time, beside what was there.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make, self._name = make, f"of_{next(_NUMBERS)}"
        self._made: Made | None = None
        self._columns: dict[str, str] = {}  # of each table that had rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            for name in self._columns:
                cursor.execute(f"DROP TABLE {self._kept(name)}")

    def _kept(self, name: str) -> str:
        """Where the rows of a table are kept: not in a temporary one, which a test that loses its connection would lose."""
        return f"put_back.{self._name}_{name}"

    def _keep(self) -> Made:
        """Make it, and keep every row there is then."""
        made = self._make()
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            if cursor.fetchone() != (True,):
                return made
            cursor.execute("CREATE SCHEMA IF NOT EXISTS put_back")
            cursor.execute(_COLUMNS)
            for name, columns in cursor.fetchall():
                cursor.execute(f"SELECT EXISTS (SELECT FROM {name})")
                if cursor.fetchone() == (True,):
                    self._columns[name] = columns
                    cursor.execute(f"CREATE UNLOGGED TABLE {self._kept(name)} AS SELECT {columns} FROM {name}")
        self._made = copy.deepcopy(made)
        return made

    def again(self) -> Made:
        """Have everything as it was; what was made, as it was. The first time it is made."""
        if self._made is None:
            return self._keep()
        words = ["SET LOCAL session_replication_role = replica", _EMPTY]
        for name, columns in self._columns.items():
            words.append(
                f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {self._kept(name)}"
            )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("; ".join(words))
        return copy.deepcopy(self._made)
