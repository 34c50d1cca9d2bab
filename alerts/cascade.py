"""The cascade: compares the audience with the relays, recipients, seats and messages there are, and writes what is missing.

Before: a published advisory, and a directory that may have changed since the last pass. After: a relay for each body of the
audience, a recipient and seats for each person, and a message for everybody whose relay has been released. Running it
twice, late, or beside itself changes nothing: one step an advisory at a time (a transaction's advisory lock), and
every statement writes only what is not there. Each step is one transaction of bounded size, so that the first mail
leaves long before the last recipient is written, and a pass that is killed is taken up by the next.

What is left to do stands in the tables: relays that are `stale` (whose people are to be compared) or `to_tell` (whose people
may be due a mail), and the revision for which everybody has been looked at (`Advisory.queued`). `wanting` asks for these,
so that the beat's look at a hundred advisories of which none changed is one small query.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from alerts import record, relays
from alerts.cascade_sql import (
    ALL_TOLD,
    CHANGED,
    CUT,
    END_SEATS,
    HOLD_RELAYS,
    MAIL_NOTE,
    SEATED,
    TAKE_STALE,
    TAKE_TO_TELL,
    TELL_AT_RELAYS,
    TELL_EVERYBODY,
    UNSTALE,
    WANTING,
    WRITE_RECIPIENTS,
    WRITE_SEATS,
)
from alerts.models import Advisory, Message, Note, Relay, Revision, Severity, State
from alerts.wake import wake, wake_cascade
from departments.changes import oldest_under_way
from departments.models import Change
from departments.readiness import seen_changes

BATCH = 500
# The first chunk is small: whoever is in it is told while the rest is written.
FIRST_RELAYS, FIRST_PEOPLE = 50, BATCH
RELAYS_AT_ONCE, PEOPLE_AT_ONCE = 500, 5_000
PLANNED_AT_ONCE = 5_000
MESSAGES_AT_ONCE = 10 * BATCH
# A pass longer than this (seconds) rings for another one and ends: nothing more severe stands behind it for long.
TURN = 5.0
EVERY_RANK = len(Severity)
EVERYBODY = 2**63 - 1

T = TypeVar("T")


class _Busy(Exception):
    """Another pass over this advisory is under way, and sees what we would see, or the beat does in a minute."""


@dataclass(frozen=True)
class _Pass:
    """A pass that has begun."""

    advisory: Advisory
    snapshot: int | None
    """What had been written when the pass looked at the audience; None once all that it found is planned."""


@dataclass(frozen=True)
class _Chunk:
    """Relays whose people are compared in one step; of a body of very many people, those `above` one and up to another."""

    relays: list[int]
    seen: int | None
    body: int | None = None
    above: int = 0
    upto: int = EVERYBODY

    @property
    def whole(self) -> bool:
        """Whether everybody of these relays is compared when this chunk is."""
        return self.upto == EVERYBODY


def cascade(advisory_id: int) -> bool:
    """One pass over one advisory. True when nothing is left to do; False when it is another pass's turn."""
    until = time.monotonic() + TURN
    try:
        begun = _step(advisory_id, _look)
        if begun is None:
            return True
        for _ in _steps(begun):
            if time.monotonic() > until or _outranked(begun.advisory):
                wake_cascade(begun.advisory)
                return False
    except _Busy:
        return False
    return True


def wanting(*, changes: bool = True, rank: int = EVERY_RANK) -> list[int]:
    """The advisories over which a pass would find work, the most severe first; only those more severe than `rank`.

    Without `changes`, those alone in which something is due or was left half done: not what changed in the directory.
    """
    with connection.cursor() as cursor:
        cursor.execute(WANTING, {"changes": changes, "rank": rank, "now": timezone.now()})
        return [row[0] for row in cursor.fetchall()]


def compare_anew(advisory_id: int) -> bool:
    """Compare every relay's people, changed or not, and look at everybody's mails: the net below `seen` and the flags.

    False when it was another pass's turn at some step.
    """
    try:
        if (begun := _step(advisory_id, _look)) is None or begun.advisory.state != State.LIVE:
            return True
        for _ in _steps(begun):
            pass
        advisory = begun.advisory
        every = list(advisory.relays.exclude(purpose=Relay.Purpose.LEFT).order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(every), RELAYS_AT_ONCE):
            chunk = _Chunk(every[start : start + RELAYS_AT_ONCE], advisory.seen)
            _step(advisory_id, partial(_write, chunk=chunk))
        for _ in _look_at_everybody(advisory):
            pass
    except _Busy:
        return False
    return True


def live_advisories() -> list[int]:
    """Every live advisory that is not stopped, the most severe first."""
    found = Advisory.objects.filter(state=State.LIVE, current__isnull=False, stopped_at=None).order_by("pk")
    return [one.pk for one in sorted(found.only("severity"), key=lambda one: Severity(one.severity).rank)]


def forget_changes() -> None:
    """Drop the changes that every live advisory, and the directory's readiness, have looked at."""
    if not Change.objects.exists():
        return
    seen = Advisory.objects.filter(state=State.LIVE, current__isnull=False).aggregate(
        least=Min("seen"), unseen=Count("pk", filter=Q(seen=None))
    )
    if not seen["unseen"]:
        looked = [at for at in (seen["least"], seen_changes()) if at is not None]
        Change.objects.filter(xid8__lt=min(looked, default=oldest_under_way())).delete()


# --- the pass, step by step ---


def _steps(begun: _Pass) -> Iterator[None]:
    """Everything that is left to do, a transaction at a time."""
    advisory, snapshot = begun.advisory, begun.snapshot
    current = advisory.current
    if current is not None and advisory.queued_id != current.pk:
        yield from _look_at_everybody(advisory)
    if advisory.state != State.LIVE:
        return
    if snapshot is not None:
        # Whoever can be told is told before more is planned: the first mail does not wait for the last relay.
        yield from _seat_and_tell(advisory, first=True)
        while not _step(advisory.pk, partial(_plan, limit=PLANNED_AT_ONCE, snapshot=snapshot)):
            yield
    yield from _seat_and_tell(advisory)
    while _step(advisory.pk, _mail_a_note):
        yield


def _seat_and_tell(advisory: Advisory, *, first: bool = False) -> Iterator[None]:
    """Everybody at relays of which something changed; the `first` chunk of a new advisory is small."""
    chunk: _Chunk | None = None
    while chunk := _step(advisory.pk, partial(_compare, after=chunk, small=first)):
        # Whoever is new in this chunk is told before the next is written.
        yield from _tell(advisory, chunk.relays)
        yield
        first = False
    while waiting := _step(advisory.pk, _take_to_tell):
        yield from _tell(advisory, waiting)
        yield


def _step(advisory_id: int, work: Callable[[Advisory], T]) -> T:
    """One transaction under the advisory's cascade lock."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('cascade'), %s::int)", [advisory_id])
        row = cursor.fetchone()
        if row is None or not row[0]:
            raise _Busy
        return work(Advisory.objects.select_related("issuer", "current").get(pk=advisory_id))


def _outranked(advisory: Advisory) -> bool:
    """Whether something more severe waits for a pass."""
    rank = Severity(advisory.severity).rank
    return rank > 0 and bool(wanting(changes=False, rank=rank))


def _run(sql: str, advisory: Advisory, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return int(cursor.rowcount)


def _rows(sql: str, advisory: Advisory, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"advisory": advisory.pk, **values})
        return list(cursor.fetchall())


def _look(advisory: Advisory) -> _Pass | None:
    """What changed since the last pass: plan the first of what is missing, and move the wave on. None: nothing may leave."""
    if advisory.current is None or advisory.stopped:
        return None
    if advisory.state != State.LIVE:
        return _Pass(advisory, None) if advisory.current.kind == Revision.Kind.STAND_DOWN else None
    snapshot = oldest_under_way()
    if advisory.seen is None or _rows(CHANGED, advisory, seen=advisory.seen)[0][0]:
        relays.follow(advisory)
        return _Pass(advisory, None if _plan(advisory, FIRST_RELAYS, snapshot) else snapshot)
    relays.advance(advisory, timezone.now())
    return _Pass(advisory, None)


def _plan(advisory: Advisory, limit: int, snapshot: int) -> bool:
    """Plan the next relays that are missing. True when none was: then all of the audience as it was is planned."""
    now = timezone.now()
    # Whoever puts somebody in has this row until their branch is there to be seen: planned before and noted after that,
    # `seen` would bury it.
    list(Advisory.objects.select_for_update(no_key=True).filter(pk=advisory.pk).values("pk"))
    if relays.plan(advisory, now, limit):
        return False
    relays.settle(advisory, now)
    relays.advance(advisory, now)
    advisory.seen = snapshot
    advisory.save(update_fields=["seen"])
    return True


def _may_be_written(advisory: Advisory) -> bool:
    return advisory.state == State.LIVE and not advisory.stopped


def _compare(advisory: Advisory, after: _Chunk | None, *, small: bool = False) -> _Chunk | None:
    """Compare the people of the next relays that are stale; None when none is."""
    if not _may_be_written(advisory):
        return None
    chunk = _next_chunk(advisory, after, small)
    if chunk is not None:
        _write(advisory, chunk)
        # What changed while a very large body was compared piece by piece may lie in a piece that was done: once more.
        if chunk.whole and (chunk.body is None or chunk.seen == advisory.seen):
            _run(UNSTALE, advisory, relays=chunk.relays)
    return chunk


def _next_chunk(advisory: Advisory, after: _Chunk | None, small: bool) -> _Chunk | None:
    if after is not None and not after.whole and after.body is not None:
        return _piece(advisory, after.relays[0], after.body, after.upto, after.seen)
    limit, people = (FIRST_RELAYS, FIRST_PEOPLE) if small else (RELAYS_AT_ONCE, PEOPLE_AT_ONCE)
    stale = _rows(TAKE_STALE, advisory, limit=limit)
    if not stale:
        return None
    relay, body, first = stale[0]
    if first > PEOPLE_AT_ONCE:
        return _piece(advisory, relay, body, 0, advisory.seen)
    return _Chunk([relay, *(row[0] for row in stale[1:] if row[2] <= people)], advisory.seen)


def _piece(advisory: Advisory, relay: int, body: int, above: int, seen: int | None) -> _Chunk:
    """The next people of one very large body."""
    found = _rows(CUT, advisory, body=body, above=above, size=PEOPLE_AT_ONCE - 1)
    return _Chunk([relay], seen, body, above, found[0][0] if found else EVERYBODY)


def _write(advisory: Advisory, chunk: _Chunk) -> None:
    """Recipients and seats of a chunk: those that should be, and the end of those that should not."""
    values = {"relays": chunk.relays, "above": chunk.above, "upto": chunk.upto}
    # Of a body that is compared piece by piece, seats of the piece before are there.
    were_seated = _rows(SEATED, advisory, relays=chunk.relays)[0][0]
    people = _run(WRITE_RECIPIENTS, advisory, **values)
    seats = _run(WRITE_SEATS, advisory, **values)
    if were_seated:
        _run(END_SEATS, advisory, **values)
    if people or seats:
        record.write("seated", advisory.reference, relays=len(chunk.relays), people=people, seats=seats)


def _take_to_tell(advisory: Advisory) -> list[int]:
    if not _may_be_written(advisory):
        return []
    return [row[0] for row in _rows(TAKE_TO_TELL, advisory, limit=RELAYS_AT_ONCE)]


# --- messages ---


def _look_at_everybody(advisory: Advisory) -> Iterator[None]:
    """Messages for everybody who is due one of the current revision; then it is noted that they were looked at."""
    after = 0
    while (last := _step(advisory.pk, partial(_queue_everybody, after=after))) is not None:
        after = last
        yield


def _queue_everybody(advisory: Advisory, after: int) -> int | None:
    revision = advisory.current
    if revision is None or advisory.stopped:
        return None
    rows = _queue(TELL_EVERYBODY, advisory, revision, after, MESSAGES_AT_ONCE if after else BATCH)
    if not rows:
        # Only of the revision that was looked at: another may have been published since.
        Advisory.objects.filter(pk=advisory.pk, current=revision).update(queued=revision)
        return None
    return int(max(row[0] for row in rows))


def _tell(advisory: Advisory, at: list[int]) -> Iterator[None]:
    """Messages for everybody at these relays who is due one; then it is noted that they were looked at."""
    after = 0
    while (last := _step(advisory.pk, partial(_queue_at, at=at, after=after))) is not None:
        after = last
        yield


def _queue_at(advisory: Advisory, at: list[int], after: int) -> int | None:
    revision = advisory.current
    if revision is None or not _may_be_written(advisory):
        return None
    _rows(HOLD_RELAYS, advisory, relays=at)
    rows = _queue(TELL_AT_RELAYS, advisory, revision, after, MESSAGES_AT_ONCE, relays=at)
    if len(rows) == MESSAGES_AT_ONCE:
        return int(max(row[0] for row in rows))
    # The flag is what a lost bell is found by, so nothing that it stands for may be left when it goes. Once more from the first
    # where one was let go on behind us, or the wave has come to another of these just now.
    if after or relays.catch_up(advisory, at, timezone.now()):
        return 0
    _run(ALL_TOLD, advisory, relays=at)
    return None


def _queue(
    sql: str, advisory: Advisory, revision: Revision, after: int, limit: int, **values: Any
) -> list[tuple[Any, ...]]:
    """Messages for the next people who may be told and have none of this revision; (recipient, message) of each."""
    rows = _rows(
        sql,
        advisory,
        revision=revision.pk,
        number=revision.number,
        after=after,
        limit=limit,
        size=BATCH,
        rank=Severity(advisory.severity).rank,
        now=timezone.now(),
        only_told=revision.kind == Revision.Kind.STAND_DOWN,
        **_kinds(revision),
        **values,
    )
    if rows:
        digest = record.digest_of(row[1] for row in rows)
        record.write("queued", advisory.reference, revision=revision.number, messages=len(rows), digest=digest)
        wake("deliver")
    return rows


def _kinds(revision: Revision) -> dict[str, str]:
    """What this revision's mail is to somebody who never had one, who was told, and who was told and answered."""
    if revision.kind == Revision.Kind.STAND_DOWN:
        again, answered = Message.Kind.STAND_DOWN, Message.Kind.THANKS
    else:
        again = answered = Message.Kind.UPDATE
    return {"first": Message.Kind.NOTICE, "again": again, "answered": answered}


def _mail_a_note(advisory: Advisory) -> bool:
    """The next mails of a note that somebody asked to be mailed; False when there is none."""
    revision = advisory.current
    if revision is None or not _may_be_written(advisory):
        return False
    waiting = Note.objects.filter(relay__advisory=advisory, mail_asked_at__isnull=False, mailed_at=None)
    note = waiting.order_by("pk").first()
    if note is None:
        return False
    now = timezone.now()
    mails = len(
        _rows(
            MAIL_NOTE,
            advisory,
            note=note.pk,
            relay=note.relay_id,
            by=note.by_id,
            asked=note.mail_asked_at,
            revision=revision.pk,
            number=revision.number,
            rank=Severity(advisory.severity).rank,
            limit=MESSAGES_AT_ONCE,
            size=BATCH,
            now=now,
        )
    )
    if mails:
        record.write("queued a note", advisory.reference, note=note.pk, messages=mails)
        wake("deliver")
    if mails < MESSAGES_AT_ONCE:
        Note.objects.filter(pk=note.pk).update(mailed_at=now)
    return True
