"""One at a time, among all workers on all machines."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError, connection


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else does this now; until the context ends nobody else may. Never waits.

    A worker that dies meanwhile loses its connection, and the lock with it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        (free,) = cursor.fetchone()
    try:
        yield free
    finally:
        if free:
            with suppress(InterfaceError, OperationalError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
