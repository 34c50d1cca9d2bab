"""Can this body be warned today? And what is known of an address: alerts notes here what it learnt by sending.

The answer is kept for each body and summed along the tree (`departments.models.Standing`). Before `refresh`: any
directory. After: every figure is what the directory says now. Twice: nothing is written. It looks only at the bodies
whose people or place changed since it last looked, and at contacts whose confirmation ran out, so a page may call it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from departments import standing_sql as sql
from departments.changes import oldest_under_way
from departments.lacks import CONFIRMED_FOR
from departments.models import Body, Membership, StandingMark
from departments.models.person import Bounced

CAN_BE_TOLD = sql.CAN_BE_TOLD

# The same of memberships, for the ORM.
can_be_told = Q(until=None, person__left_at=None, person__bounced_at=None)


@dataclass(frozen=True)
class Estate:
    """How much of the directory can be warned, in open bodies: `dark` nobody to tell, `weak` not surely."""

    bodies: int
    dark: int
    weak: int

    @property
    def ready(self) -> int:
        """Those that lack nothing."""
        return self.bodies - self.dark - self.weak


def refresh(now: datetime | None = None) -> int:
    """Bring what changed up to date; how many bodies stand differently now. Waits for another refresh under way."""
    return _refresh(now or timezone.now(), whole=False)


def refresh_whole(now: datetime | None = None) -> int:
    """Look at every body, whatever is known to have changed: for the beat, in case a change was ever missed."""
    return _refresh(now or timezone.now(), whole=True)


def estate() -> Estate:
    """The whole directory, as of the last refresh."""
    with connection.cursor() as cursor:
        cursor.execute(sql.ESTATE)
        return Estate(*(cursor.fetchone() or (0, 0, 0)))


def seen_changes() -> int | None:
    """Up to which transaction readiness has looked at changes; None where it never did and will look at everything."""
    return StandingMark.objects.values_list("seen", flat=True).first()


def dark_bodies(within: Collection[int] | None = None) -> QuerySet[Body]:
    """Open bodies with nobody who can be told, by name; of these ids only, where given. Asks the directory itself."""
    told = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    found = Body.objects.filter(~Exists(told), closed=None)
    return found if within is None else found.filter(pk__in=within)


def note_bounce(person_ids: Collection[int], at: datetime, how: str = Bounced.REFUSED) -> int:
    """These people's addresses were refused for good at this moment. The first refusal stays; how many were new."""
    return _note(sql.NOTE_BOUNCE, person_ids, at, how)


def note_reached(person_ids: Collection[int]) -> int:
    """Mail arrived at these people's addresses: whatever bounced before is over. How many had bounced."""
    return _note(sql.NOTE_REACHED, person_ids)


def _note(statement: str, person_ids: Collection[int], *values: datetime | str) -> int:
    if not person_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement, [sorted(person_ids), *values])
        return int(cursor.rowcount)


def _refresh(now: datetime, *, whole: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.LOOK, {"now": now})
        _, due = cursor.fetchone() or (None, True)
    if not due and not whole:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock('departments_standing'::regclass::oid::bigint)")
        cursor.execute(sql.LOOK, {"now": now})
        seen, due = cursor.fetchone() or (None, True)
        if not due and not whole:
            return 0
        snapshot = oldest_under_way()
        cursor.execute(sql.EVERYTHING if whole or seen is None else sql.TOUCHED, {"seen": seen, "now": now})
        bodies, moved_from = cursor.fetchone() or (None, None)
        left = [parent for parent in moved_from or [] if parent is not None]
        changed = _write_own(bodies or [], now)
        _sum_branches([*(bodies or []), *left] if whole else [*changed, *left])
        cursor.execute(sql.NOTE_SEEN, {"seen": snapshot})
    return len(changed)


def _write_own(bodies: list[int], now: datetime) -> list[int]:
    """Each of these bodies' own figures; the ids of those that differ from what was kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.OWN, {"bodies": bodies, "cutoff": now - CONFIRMED_FOR, "confirmed_for": CONFIRMED_FOR.total_seconds()}
        )
        return [row[0] for row in cursor.fetchall()]


def _sum_branches(bodies: list[int]) -> None:
    """The branches of these bodies and of all above them, from below."""
    if not bodies:
        return
    with connection.cursor() as cursor:
        cursor.execute(sql.LEVELS, {"bodies": bodies})
        for (level,) in cursor.fetchall():
            cursor.execute(sql.SUM_LEVEL, {"bodies": level})
