"""What changed since the revision that somebody was mailed. Reads only, one query at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models.fields.json import KT

from alerts.models import Advisory, Revision

MOST = 20  # revisions that are told one by one, the newest


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision changed, in its author's words."""

    number: int
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since somebody's mail, the newest first; of a first revision nothing."""

    number: int
    """The revision in their last mail, where that is an earlier one; 0 otherwise."""
    at: datetime | None
    """When that revision was published."""
    changes: tuple[Change, ...]
    more: bool
    """There are more, older ones."""


def since(advisory: Advisory, told: int) -> Since:
    """What somebody who was mailed revision `told` (0: none) has not read. Up to date: what the current one changed."""
    current = advisory.current
    if current is None or current.number == 1:
        return Since(0, None, (), more=False)
    latest = _changes([(current.number, current.at, current.content.get("what_changed"))])
    if not 0 < told < current.number:
        return Since(0, None, latest, more=False)
    missed = Revision.objects.filter(advisory=advisory, number__gte=told, number__lt=current.number)
    rows = list(missed.order_by("-number").values_list("number", "at", KT("content__what_changed")))
    at = next((when for number, when, _ in rows if number == told), None)
    changes = latest + _changes([row for row in rows if row[0] > told])
    return Since(told, at, changes[:MOST], more=len(changes) > MOST)


def _changes(rows: list[tuple[int, datetime, str | None]]) -> tuple[Change, ...]:
    return tuple(Change(number, at, said) for number, at, said in rows if said)
