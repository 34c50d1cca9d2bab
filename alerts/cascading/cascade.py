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
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from alerts import marking, record
from alerts.cascading import relays
from alerts.cascading.cascade_sql import (
    ALL_TOLD,
    CHANGED,
    COMPARED,
    COMPARED_UPTO,
    CUT,
    END_SEATS,
    FIRST_SEATS,
    HOLD_RELAYS,
    IN_HAND,
    MAIL_NOTE,
    SEATED,
    TAKE_STALE,
    TAKE_TO_TELL,
    TAKE_TURN,
    TELL_AT_RELAYS,
    TELL_EVERYBODY,
    WANTING,
    WRITE_RECIPIENTS,
    WRITE_SEATS,
)
from alerts.cascading.relays import rows, run
from alerts.models import Advisory, Message, Note, Relay, Revision, Severity, State
from alerts.routing import canary
from alerts.wake import wake, wake_cascade
from departments.changes import oldest_under_way
from departments.models import Change
from departments.readiness import seen_changes

BATCH = 500
# The first chunk is small: whoever is in it is told while the rest is written.
FIRST_RELAYS, FIRST_PEOPLE = 50, BATCH
RELAYS_AT_ONCE, PEOPLE_AT_ONCE = 500, 10_000
PLANNED_AT_ONCE = 5_000
MESSAGES_AT_ONCE = 20 * BATCH
# A pass longer than this (seconds) rings for another one and ends: nothing more severe stands behind it for long.
TURN = 5.0
EVERY_RANK = len(Severity)
EVERYBODY = 2**63 - 1
A_WEEK = timedelta(days=7)

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
    above: int = 0
    upto: int = EVERYBODY
    told: bool = False
    """Everybody of it who may be told has a message."""

    @property
    def people(self) -> dict[str, int]:
        """Whom of these relays it is about, for the SQL."""
        return {"above": self.above, "upto": self.upto}


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
        if (begun := _step(advisory_id, partial(_look, anew=True))) is None:
            return True
        for _ in _steps(begun):
            pass
        advisory = begun.advisory
        every = advisory.relays.exclude(purpose=Relay.Purpose.LEFT).order_by("pk").values_list("pk", flat=True)
        # Of what is stood down nobody is told who was not told before: no seat is looked for.
        ids = list(every) if advisory.state == State.LIVE else []
        for start in range(0, len(ids), RELAYS_AT_ONCE):
            _step(advisory_id, partial(_write, chunk=_Chunk(ids[start : start + RELAYS_AT_ONCE])))
        for _ in _look_at_everybody(advisory):
            pass
    except _Busy:
        return False
    return True


def to_be_compared() -> list[int]:
    """Every advisory of which mails may leave: live and not stopped, or stood down within the week; the most severe first."""
    ending = Q(state=State.STOOD_DOWN, current__at__gt=timezone.now() - A_WEEK)
    found = Advisory.objects.filter(Q(state=State.LIVE, stopped_at=None) | ending, current__isnull=False).order_by("pk")
    return [one.pk for one in sorted(found.only("severity"), key=lambda one: Severity(one.severity).rank)]


def forget_changes() -> None:
    """Drop the changes that every live advisory, and the directory's readiness, have looked at."""
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
    while chunk := _step(advisory.pk, partial(_compare, small=first)):
        # Whoever is new in this chunk is told before the next is written.
        if not chunk.told:
            yield from _tell(advisory, chunk)
        yield
        first = False
    while waiting := _step(advisory.pk, _take_to_tell):
        yield from _tell(advisory, _Chunk(waiting))
        yield


def _step(advisory_id: int, work: Callable[[Advisory], T]) -> T:
    """One transaction under the advisory's cascade lock.

    It does not wait for the disk: whatever a crash of the database takes back, the next pass does again, and a mail that left
    is noted by a transaction that does wait, with all that was written before it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TAKE_TURN, [advisory_id])
        row = cursor.fetchone()
        if row is None or not row[0]:
            raise _Busy
        return work(Advisory.objects.select_related("issuer", "current").get(pk=advisory_id))


def _outranked(advisory: Advisory) -> bool:
    """Whether something more severe waits for a pass."""
    rank = Severity(advisory.severity).rank
    return rank > 0 and bool(wanting(changes=False, rank=rank))


def _look(advisory: Advisory, *, anew: bool = False) -> _Pass | None:
    """What changed since the last pass (`anew`: whatever there is): plan the first of what is missing, and move the wave on.

    None: nothing may leave.
    """
    if advisory.current is None or advisory.stopped:
        return None
    ends = advisory.state != State.LIVE
    if ends and advisory.current.kind != Revision.Kind.STAND_DOWN:
        return None
    if advisory.queued_id != advisory.current_id:
        canary.put(advisory, advisory.current, timezone.now())
    if ends:
        return _Pass(advisory, None)
    snapshot = oldest_under_way()
    if anew or advisory.seen is None or rows(CHANGED, advisory, seen=advisory.seen)[0][0]:
        return _Pass(advisory, None if _plan(advisory, FIRST_RELAYS, snapshot, first=True) else snapshot)
    relays.advance(advisory, timezone.now())
    return _Pass(advisory, None)


def _plan(advisory: Advisory, limit: int, snapshot: int, *, first: bool = False) -> bool:
    """Plan the next relays that are missing. True when none was: then all of the audience as it is stands planned."""
    now = timezone.now()
    # Whoever puts somebody in has this row until their branch is there to be seen: planned before and noted after that,
    # `seen` would bury it. So all of it is asked once more under the lock, before `seen` is noted.
    held = Advisory.objects.select_for_update(no_key=True).get(pk=advisory.pk)
    # Where somebody was put in (`seen` is empty) every change that is kept is looked at: none is dropped until it was. Later
    # steps of a pass look at what changed since the first.
    relays.follow(held, (held.seen or 0) if first else snapshot)
    if relays.plan(advisory, now, limit):
        return False
    relays.settle(advisory, now)
    relays.advance(advisory, now)
    held.seen = snapshot
    held.save(update_fields=["seen"])
    return True


def _may_be_written(advisory: Advisory) -> bool:
    return advisory.state == State.LIVE and not advisory.stopped


def _compare(advisory: Advisory, *, small: bool = False) -> _Chunk | None:
    """Compare the people of the next relays that are stale, and tell them; None when none is stale."""
    chunk = _next_chunk(advisory, small) if _may_be_written(advisory) else None
    if chunk is None:
        return None
    _write(advisory, chunk)
    told = _queue_at(advisory, chunk, 0) is None
    if chunk.upto == EVERYBODY:
        # Of a piece after others somebody may have been let go on, or changed, since: all of them are looked at once more.
        run(COMPARED, advisory, relays=chunk.relays, told=told and not chunk.above)
    else:
        run(COMPARED_UPTO, advisory, relays=chunk.relays, upto=chunk.upto)
    return replace(chunk, told=told)


def _next_chunk(advisory: Advisory, small: bool) -> _Chunk | None:
    limit, people = (FIRST_RELAYS, FIRST_PEOPLE) if small else (RELAYS_AT_ONCE, PEOPLE_AT_ONCE)
    stale = rows(TAKE_STALE, advisory, limit=limit)
    if not stale:
        return None
    relay, body, compared_upto, first = stale[0]
    if first > PEOPLE_AT_ONCE:
        # How far it was compared stands in its row, so that a pass that ends in between is taken up there; and is gone where
        # something changed at it meanwhile: then it is compared from the first person again.
        above = compared_upto or 0
        found = rows(CUT, advisory, body=body, above=above, size=PEOPLE_AT_ONCE - 1)
        return _Chunk([relay], above, found[0][0] if found else EVERYBODY)
    return _Chunk([relay, *(row[0] for row in stale[1:] if row[3] <= people)])


def _write(advisory: Advisory, chunk: _Chunk) -> None:
    """Recipients and seats of a chunk: those that should be, and the end of those that should not."""
    values = {"relays": chunk.relays, **chunk.people}
    # Of a body that is compared piece by piece, seats of the piece before are there.
    were_seated = rows(SEATED, advisory, relays=chunk.relays)[0][0]
    people = run(WRITE_RECIPIENTS, advisory, **values)
    seats = run(WRITE_SEATS if were_seated else FIRST_SEATS, advisory, **values)
    if were_seated:
        run(END_SEATS, advisory, **values)
    if people or seats:
        record.write("seated", advisory.reference, relays=len(chunk.relays), people=people, seats=seats)


def _take_to_tell(advisory: Advisory) -> list[int]:
    if not _may_be_written(advisory):
        return []
    return [row[0] for row in rows(TAKE_TO_TELL, advisory, limit=RELAYS_AT_ONCE)]


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
    messages, last = _queue(TELL_EVERYBODY, advisory, revision, after, MESSAGES_AT_ONCE if after else BATCH)
    if not messages:
        # Only of the revision that was looked at: another may have been published since.
        Advisory.objects.filter(pk=advisory.pk, current=revision).update(queued=revision)
        return None
    return last


def _tell(advisory: Advisory, chunk: _Chunk) -> Iterator[None]:
    """Messages for everybody of a chunk who is due one; then it is noted that they were looked at."""
    after = 0
    while (last := _step(advisory.pk, partial(_queue_at, chunk=chunk, after=after))) is not None:
        after = last
        yield


def _queue_at(advisory: Advisory, chunk: _Chunk, after: int) -> int | None:
    revision = advisory.current
    if revision is None or not _may_be_written(advisory):
        return None
    rows(HOLD_RELAYS, advisory, relays=chunk.relays)
    messages, last = _queue(
        TELL_AT_RELAYS, advisory, revision, after, MESSAGES_AT_ONCE, relays=chunk.relays, **chunk.people
    )
    if messages == MESSAGES_AT_ONCE:
        return last
    # The flag is what a lost bell is found by, so nothing that it stands for may be left when it goes. Once more from the first
    # where one was let go on behind us, or the wave has come to another of these just now.
    if after or relays.catch_up(advisory, chunk.relays, timezone.now()):
        return 0
    run(ALL_TOLD, advisory, relays=chunk.relays)
    return None


def _queue(sql: str, advisory: Advisory, revision: Revision, after: int, limit: int, **values: Any) -> tuple[int, int]:
    """Messages for the next people who may be told and have none of this revision: how many, and the last recipient."""
    [(messages, last, digest)] = rows(
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
    if messages:
        record.write("queued", advisory.reference, revision=revision.number, messages=messages, digest=digest)
        wake("deliver")
    return messages, last or 0


def _kinds(revision: Revision) -> dict[str, str]:
    """What this revision's mail is to somebody who never had one, who was told, and who was told and answered."""
    if revision.kind == Revision.Kind.STAND_DOWN:
        again, answered = Message.Kind.STAND_DOWN, Message.Kind.THANKS
    else:
        again = answered = Message.Kind.UPDATE
    return {"first": Message.Kind.NOTICE, "again": again, "answered": answered}


def _mail_a_note(advisory: Advisory) -> bool:
    """The next mails of a note that somebody asked to be mailed; False when there is none to write now."""
    revision = advisory.current
    if revision is None or not _may_be_written(advisory):
        return False
    waiting = Note.objects.filter(relay__advisory=advisory, mail_asked_at__isnull=False, mailed_at=None)
    note = waiting.select_related("relay__body").order_by("pk").first()
    if note is None:
        return False
    now = timezone.now()
    in_hand = rows(IN_HAND, advisory, now=now)[0][0]
    mails = rows(
        MAIL_NOTE,
        advisory,
        note=note.pk,
        relay=note.relay_id,
        body=note.relay.body.name,
        text=note.text,
        by=note.by_id,
        asked=note.mail_asked_at,
        in_mails=bool(note.text) and marking.text_in_mail(advisory.marking),
        revision=revision.pk,
        number=revision.number,
        rank=Severity(advisory.severity).rank,
        limit=MESSAGES_AT_ONCE,
        size=BATCH,
        now=now,
    )
    if mails:
        record.write("queued a note", advisory.reference, note=note.pk, messages=len(mails))
        wake("deliver")
    if len(mails) == MESSAGES_AT_ONCE:
        return True
    if in_hand:
        return False  # the beat looks again in seconds
    Note.objects.filter(pk=note.pk).update(mailed_at=now)
    return True
