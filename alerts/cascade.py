"""The cascade: compares the audience with the relays, recipients, seats and messages there are, and writes what is missing.

Before: a published advisory, and a directory that may have changed since the last pass. After: a relay for each body of the
audience, a recipient and seats for each person, and a message for everybody whose relay has been released. Running it
twice, late, or beside itself changes nothing: one pass an advisory at a time (a transaction's advisory lock), and
every statement writes only what is not there. Each step is one transaction of bounded size, so that the first mail
leaves long before the last recipient is written, and a pass that is killed is taken up by the next.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from alerts import record
from alerts.cascade_sql import (
    ADVANCE,
    CHANGED,
    FULL_SEATS,
    LINK_PARENTS,
    LINK_PATHS,
    LINK_REST,
    MARK_STALE,
    PLAN_RELAYS,
    RELEASE_DUE,
    TAKE_STALE,
    UNSTALE,
    WRITE_MESSAGES,
    WRITE_RECIPIENTS,
    WRITE_SEATS,
)
from alerts.models import Advisory, Message, Revision, Severity, State
from alerts.wake import wake
from departments.changes import oldest_under_way
from departments.models import Change
from departments.readiness import seen_changes

# The longest that a contact may hold a warning, in hours.
LONGEST_HOLD = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 4, Severity.LOW: 24}
RANK = {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3}
BATCH = 500
RELAYS_AT_ONCE = 50
MESSAGES_AT_ONCE = 5 * BATCH
# A pass longer than this rings for another one and ends: no task runs over a minute.
STEPS_A_PASS = 100


T = TypeVar("T")


class _Busy(Exception):
    """Another pass over this advisory is under way, and sees what we would see, or the beat does in a minute."""


def cascade(advisory_id: int) -> bool:
    """One pass over one advisory. True when nothing is left to do; False when it is another pass's turn."""
    try:
        if not _step(advisory_id, _look):
            return True
        newest = 0
        for _ in range(STEPS_A_PASS):
            if not _step(advisory_id, _write_chunk):
                break
            # Whoever is new in this chunk is told before the next is written.
            newest = _queue_from(advisory_id, newest)
        else:
            wake("cascade", advisory_id)
            return False
        _queue_from(advisory_id, 0)
    except _Busy:
        return False
    return True


def _queue_from(advisory_id: int, after: int) -> int:
    """Messages for everybody behind this recipient who is due one; the last recipient looked at."""
    while (last := _step(advisory_id, partial(_queue, after=after))) is not None:
        after = last
    return after


def _step(advisory_id: int, work: Callable[[Advisory], T]) -> T:
    """One transaction under the advisory's cascade lock."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('cascade'), %s::int)", [advisory_id])
        row = cursor.fetchone()
        if row is None or not row[0]:
            raise _Busy
        return work(Advisory.objects.select_related("issuer", "current").get(pk=advisory_id))


def _run(sql: str, advisory: Advisory, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return int(cursor.rowcount)


def _rows(sql: str, advisory: Advisory, **values: Any) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return list(cursor.fetchall())


def _look(advisory: Advisory) -> bool:
    """What changed since the last pass: plan what is missing and move the wave on. False: nothing may leave."""
    if advisory.current is None or advisory.stopped:
        return False
    if advisory.state != State.LIVE:
        return advisory.current.kind == Revision.Kind.STAND_DOWN
    snapshot = oldest_under_way()
    if advisory.seen is None or _rows(CHANGED, advisory, seen=advisory.seen)[0][0]:
        # Whoever puts somebody in has this row until their branch is there to be seen: planned before and noted after that,
        # `seen` would bury it.
        list(Advisory.objects.select_for_update(no_key=True).filter(pk=advisory.pk).values("pk"))
        _plan(advisory)
        advisory.seen = snapshot
        advisory.save(update_fields=["seen"])
    _advance(advisory)
    return True


def _plan(advisory: Advisory) -> None:
    # Where somebody was put in (`seen` is empty) every change that is kept is looked at: none is dropped until it was.
    _run(MARK_STALE, advisory, seen=advisory.seen or 0)
    planned = _run(PLAN_RELAYS, advisory)
    if planned:
        _run(LINK_PARENTS, advisory)
        _run(LINK_PATHS, advisory)
        _run(LINK_REST, advisory)
        record.write("planned", advisory.reference, relays=planned)


def _advance(advisory: Advisory) -> None:
    """Move the wave down: over whoever held too long, then level by level as far as nobody holds it."""
    now = timezone.now()
    over = [row[0] for row in _rows(RELEASE_DUE, advisory, now=now)]
    if over:
        record.write("released over them", advisory.reference, relays=over)
    longest = LONGEST_HOLD[Severity(advisory.severity)]
    reached = 0
    while step := _run(ADVANCE, advisory, now=now, longest=longest):
        reached += step
    if reached:
        record.write("reached", advisory.reference, relays=reached)


def _write_chunk(advisory: Advisory) -> bool:
    """Recipients and seats of some relays, and the messages of who is new there. False when none is stale."""
    if advisory.state != State.LIVE or advisory.stopped:
        return False
    relays = [row[0] for row in _rows(TAKE_STALE, advisory, limit=RELAYS_AT_ONCE)]
    if not relays:
        return False
    people = _run(WRITE_RECIPIENTS, advisory, relays=relays)
    seats = _run(WRITE_SEATS, advisory, relays=relays)
    _run(FULL_SEATS, advisory, relays=relays)
    _run(UNSTALE, advisory, relays=relays)
    if people or seats:
        record.write("seated", advisory.reference, relays=len(relays), people=people, seats=seats)
    return True


def _queue(advisory: Advisory, after: int) -> int | None:
    """Messages for the next people who may be told and have none of this revision; the last one's id, or None."""
    revision = advisory.current
    if revision is None or advisory.stopped:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE_MESSAGES,
            {
                "advisory": advisory.pk,
                "revision": revision.pk,
                "number": revision.number,
                "after": after,
                "limit": MESSAGES_AT_ONCE if after else BATCH,
                "size": BATCH,
                "rank": RANK[Severity(advisory.severity)],
                "now": timezone.now(),
                **_kinds(revision),
                "only_told": revision.kind == Revision.Kind.STAND_DOWN,
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    record.write(
        "queued",
        advisory.reference,
        revision=revision.number,
        messages=len(rows),
        digest=record.digest_of(row[1] for row in rows),
    )
    wake("deliver")
    return int(max(row[0] for row in rows))


def _kinds(revision: Revision) -> dict[str, str]:
    """What this revision's mail is to somebody who never had one, who was told, and who was told and answered."""
    if revision.kind == Revision.Kind.STAND_DOWN:
        again, answered = Message.Kind.STAND_DOWN, Message.Kind.THANKS
    else:
        again = answered = Message.Kind.UPDATE
    return {"first": Message.Kind.NOTICE, "again": again, "answered": answered}


def live_advisories() -> list[int]:
    """Every advisory that a pass may find work for: live, or stood down within the week, while people are told so."""
    published = Advisory.objects.filter(current__isnull=False, stopped_at=None)
    ending = Q(state=State.STOOD_DOWN, current__at__gt=timezone.now() - timedelta(days=7))
    return list(published.filter(Q(state=State.LIVE) | ending).order_by("pk").values_list("pk", flat=True))


def forget_changes() -> None:
    """Drop the changes that every live advisory, and the directory's readiness, have looked at."""
    seen = Advisory.objects.filter(state=State.LIVE, current__isnull=False).aggregate(
        least=Min("seen"), unseen=Count("pk", filter=Q(seen=None))
    )
    if not seen["unseen"]:
        looked = [at for at in (seen["least"], seen_changes()) if at is not None]
        Change.objects.filter(xid8__lt=min(looked, default=oldest_under_way())).delete()
