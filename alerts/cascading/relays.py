"""Relays: planned as the tree stands, held and released as the wave goes down.

Before: a published advisory, and a directory that may have changed. After: a relay for each body of the audience, in its
place, as far down as nobody holds it; what was not reached yet follows the directory, what was reached stays as it was.
Everything here runs within the cascade's transactions. Twice: nothing is written.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from alerts import record
from alerts.cascading.relays_sql import (
    ADVANCE,
    FOLLOW,
    LINK_PARENTS,
    LINK_PATHS,
    LINK_REST,
    MARK_STALE,
    PLAN,
    PLAN_REST,
    RELEASE_DUE,
    RELEASE_UNHELD,
    STANDS_STILL,
)
from alerts.models import Advisory, Relay, Severity

# The longest that a contact may hold a warning, in hours.
LONGEST_HOLD = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 4, Severity.LOW: 24}


def follow(advisory: Advisory, since: int) -> None:
    """The relays that there are follow what changed from this transaction on."""
    if not Relay.objects.filter(advisory=advisory).exists():
        return
    run(MARK_STALE, advisory, seen=since)
    if changed := [row[0] for row in rows(FOLLOW, advisory)]:
        record.write("followed", advisory.reference, relays=len(changed), left=changed.count(Relay.Purpose.LEFT))


def plan(advisory: Advisory, now: datetime, limit: int) -> bool:
    """The next relays that are missing, those above before those below; False when none is."""
    [(missing, made, reached)] = rows(PLAN, advisory, now=now, limit=limit, longest=_longest(advisory))
    if not missing:
        return False
    made = made or run(PLAN_REST, advisory)
    record.write("planned", advisory.reference, relays=made, reached=reached)
    return True


def settle(advisory: Advisory, now: datetime) -> None:
    """What is planned finds its place where the tree is another now; what nobody could let go on any more goes on."""
    run(LINK_PARENTS, advisory)
    run(LINK_PATHS, advisory)
    run(LINK_REST, advisory)
    if unheld := [row[0] for row in rows(RELEASE_UNHELD, advisory, now=now)]:
        record.write("released, nobody to hold it", advisory.reference, relays=unheld)


def advance(advisory: Advisory, now: datetime) -> None:
    """Move the wave down: over whoever held too long, then level by level as far as nobody holds it."""
    if over := [row[0] for row in rows(RELEASE_DUE, advisory, now=now)]:
        record.write("released over them", advisory.reference, relays=over)
    reached = 0
    while step := run(ADVANCE, advisory, now=now, longest=_longest(advisory)):
        reached += step
    if reached:
        record.write("reached", advisory.reference, relays=reached)


def catch_up(advisory: Advisory, at: list[int], now: datetime) -> bool:
    """Where somebody let one of these relays go on a moment ago, the wave goes on from there. False where nobody did."""
    if not rows(STANDS_STILL, advisory, relays=at)[0][0]:
        return False
    advance(advisory, now)
    return True


def _longest(advisory: Advisory) -> int:
    return LONGEST_HOLD[Severity(advisory.severity)]


def run(sql: str, advisory: Advisory, **values: Any) -> int:
    """A statement about one advisory; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return int(cursor.rowcount)


def rows(sql: str, advisory: Advisory, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement about one advisory."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return list(cursor.fetchall())
