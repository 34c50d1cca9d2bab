"""Relays: planned as the tree stands, held and released as the wave goes down.

Before: a published advisory, and a directory that may have changed. After `plan`: a relay for each body of the audience, in
its place; what was not reached yet follows the directory, what was reached stays as it was. After `advance`: the wave stands
as far down as nobody holds it. Within the cascade's transaction. Twice: nothing is written.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from alerts import record
from alerts.models import Advisory, Severity
from alerts.relays_sql import (
    ADVANCE,
    LINK_PARENTS,
    LINK_PATHS,
    MARK_STALE,
    PLAN_RELAYS,
    RELEASE_DUE,
    RELEASE_UNHELD,
)

# The longest that a contact may hold a warning, in hours.
LONGEST_HOLD = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 4, Severity.LOW: 24}


def plan(advisory: Advisory, now: datetime) -> None:
    """Compare the audience with the relays; mark those whose bodies changed, from `advisory.seen` on."""
    # Where somebody was put in (`seen` is empty) every change that is kept is looked at: none is dropped until it was.
    _run(MARK_STALE, advisory, seen=advisory.seen or 0)
    [(planned, gone)] = _rows(PLAN_RELAYS, advisory)
    if planned or gone:
        record.write("planned", advisory.reference, relays=planned, left=gone)
    _run(LINK_PARENTS, advisory)
    _run(LINK_PATHS, advisory)
    if unheld := [row[0] for row in _rows(RELEASE_UNHELD, advisory, now=now)]:
        record.write("released, nobody to hold it", advisory.reference, relays=unheld)


def advance(advisory: Advisory, now: datetime) -> None:
    """Move the wave down: over whoever held too long, then level by level as far as nobody holds it."""
    if over := [row[0] for row in _rows(RELEASE_DUE, advisory, now=now)]:
        record.write("released over them", advisory.reference, relays=over)
    longest = LONGEST_HOLD[Severity(advisory.severity)]
    reached = 0
    while step := _run(ADVANCE, advisory, now=now, longest=longest):
        reached += step
    if reached:
        record.write("reached", advisory.reference, relays=reached)


def _run(sql: str, advisory: Advisory, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return int(cursor.rowcount)


def _rows(sql: str, advisory: Advisory, **values: Any) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return list(cursor.fetchall())
