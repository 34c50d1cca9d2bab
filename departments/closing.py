"""Closing and merging bodies, so that nothing they were there for is lost.

Before: an open body. After: it is closed, and whatever it was there for has an heir: its children, and on a merger its
people, topics, names, sponsorships and right to issue. Twice: the second time it says that it is closed. One transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from departments import closing_sql as sql
from departments.models import Body, BodyEvent, Person, Sponsor
from departments.refusal import Refused
from departments.tree import branch, hold_tree

LONGEST_WHY = 500  # characters


@dataclass(frozen=True)
class Closed:
    """What closing did. `nowhere` are the names of those who now sit nowhere, and whom no warning reaches.

    `issuing`: the successor may warn beyond its own branch from now on, which it could not before.
    """

    children: int
    places: int
    handed_on: int
    topics: int
    nowhere: list[str]
    issuing: bool = False


class _Seen(Exception):
    """The preview has seen enough; whatever was written is undone."""


@transaction.atomic
def close(body: Body, *, by: Person | None, on: date, why: str, successor: Body | None = None) -> Closed:
    """Close this body; with a successor it is merged into it. Raises `Refused` with nothing changed."""
    hold_tree()
    rows = {row.pk: row for row in _locked([body.pk, *([successor.pk] if successor else [])])}
    closing, heir = rows[body.pk], rows.get(successor.pk) if successor else None
    _check(closing, heir, on, why)
    if heir is not None and heir.pk in branch(closing.pk):
        _raise_above(heir, closing, by)
    return _close([closing.pk], heir, by, on, why.strip())


def preview(body: Body, *, on: date, why: str, successor: Body | None = None) -> Closed:
    """What `close` would do: it is done and undone. Raises `Refused` as it would."""
    try:
        with transaction.atomic():
            seen = close(body, by=None, on=on, why=why, successor=successor)
            raise _Seen
    except _Seen:
        return seen


@transaction.atomic
def close_all(bodies: Sequence[int], by: Person | None, on: date, why: str) -> int:
    """Close these bodies (ids), without successors; those closed already stay as they are. How many were closed.

    What hangs below them and stays open goes to the nearest body above that stays open.
    """
    hold_tree()
    still_open = [row.pk for row in _locked(bodies) if row.closed is None]
    if still_open:
        _close(still_open, None, by, on, why)
    return len(still_open)


@transaction.atomic
def reopen(body: Body, *, by: Person, why: str) -> None:
    """Open a body again that was closed by mistake, at its old place. Its people are not brought back: name them again."""
    hold_tree()
    (row,) = _locked([body.pk])
    if row.closed is None:
        raise Refused(f"{row.name} is open.")
    if row.parent is not None and row.parent.closed is not None:
        raise Refused(f"{row.name} hung under {row.parent.name}, which is closed. Open that first, or add a new body.")
    _check_why(why)
    before = {"closed": row.closed.isoformat(), "successor": row.successor.slug if row.successor else None}
    Body.objects.filter(pk=row.pk).update(closed=None, successor=None)
    BodyEvent.objects.create(body=row, what="reopened", before=before, after={"why": why.strip()}, by=by)


def _locked(bodies: Sequence[int]) -> list[Body]:
    rows = Body.objects.filter(pk__in=bodies).select_related("parent", "successor").order_by("pk")
    return list(rows.select_for_update(of=("self",), no_key=True))


def _check(closing: Body, heir: Body | None, on: date, why: str) -> None:
    if closing.closed is not None:
        raise Refused(f"{closing.name} was closed on {closing.closed:%-d %B %Y} already.")
    if on > timezone.localdate():
        raise Refused("A body is closed when its day has come: give today or an earlier day.")
    if closing.opened is not None and on < closing.opened:
        raise Refused(f"{closing.name} was opened on {closing.opened:%-d %B %Y}: give that day or a later one.")
    _check_why(why)
    if heir is None:
        return
    if heir.pk == closing.pk:
        raise Refused("A body can't be its own successor.")
    if heir.closed is not None:
        raise Refused(f"{heir.name} is closed itself: name a successor that is open.")


def _check_why(why: str) -> None:
    if not why.strip():
        raise Refused("Say why, in a few words: somebody will ask.")
    if len(why) > LONGEST_WHY or "\0" in why:
        raise Refused(f"The reason has {len(why):,} characters; {LONGEST_WHY} is the most. Shorten it.")


def _raise_above(heir: Body, closing: Body, by: Person | None) -> None:
    """A successor that stands below takes the closing body's place first; otherwise it would hang below itself."""
    before = {"parent": heir.parent.slug if heir.parent else None}
    after = {"parent": closing.parent.slug if closing.parent else None, "why": f"it takes over from {closing.name}"}
    BodyEvent.objects.create(body=heir, what="moved", before=before, after=after, by=by)
    Body.objects.filter(pk=heir.pk).update(parent=closing.parent)
    # A parent that is also a sponsor would be the same edge twice.
    Sponsor.objects.filter(body=heir, sponsor=closing.parent).delete()


def _close(ids: list[int], heir: Body | None, by: Person | None, on: date, why: str) -> Closed:
    values = {
        "ids": ids,
        "successor": heir.pk if heir else None,
        "by": by.pk if by else None,
        "on": on,
        "why": why,
        "now": timezone.now(),
    }

    def run(statement: str) -> int:
        cursor.execute(statement, values)
        return int(cursor.rowcount)

    with connection.cursor() as cursor:
        run(sql.NOTE_CLOSED)
        run(sql.NOTE_CHILDREN)
        run(sql.END_DOUBLE_EDGES)
        children = run(sql.MOVE_CHILDREN)
        run(sql.NOTE_UNSEATED)
        topics = handed_on = issuing = 0
        if heir is not None:
            topics = run(sql.HAND_ON_TOPICS)
            run(sql.HAND_ON_NAMES)
            run(sql.HAND_ON_SPONSORSHIPS)
            issuing = run(sql.HAND_ON_ISSUING)
            handed_on = run(sql.HAND_ON_PEOPLE)
            run(sql.NOTE_TAKEN_OVER)
        run(sql.END_SPONSORSHIPS)
        run(sql.NOWHERE)
        nowhere = [row[0] for row in cursor.fetchall()]
        places = run(sql.END_PLACES)
        run(sql.FORGET_REQUESTS)
        run(sql.CLOSE)
    return Closed(children, places, handed_on, topics, nowhere, issuing > 0)
