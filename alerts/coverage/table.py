"""Coverage: who has been told and who has answered, body by body, up the relays' tree. Reads only; writes nothing.

The figures are those kept by `alerts.counting` plus what is pending, read in one statement: exact at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from alerts.coverage.figures import CONTRACT, Bodies, Figures
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.scope import scope
from alerts.coverage.table_sql import FINGERPRINT, TABLE
from alerts.coverage.why import why
from alerts.models import Advisory


@dataclass(frozen=True, slots=True)
class Row:
    """One body of an advisory: its own figures, and its branch's (its own plus its children's branches)."""

    relay_id: int | None
    """None for a body that was left out on purpose."""
    body: str
    """The slug."""
    name: str
    parent: str | None
    """The slug of the row above; None at the top."""
    depth: int
    """0 at the top."""
    state: str
    """One of STATES."""
    why: str
    """A short phrase such as "nobody to tell"; "" where there is nothing to explain."""
    own: Figures
    branch: Figures
    bodies: Bodies
    held_until: datetime | None
    """While it is held: when it goes on by itself."""
    worst: str
    """The worst state in its branch, its own included."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole advisory, in which each person counts once."""

    figures: Figures
    bodies: Bodies
    as_at: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole and its bodies, each above its children, of one and the same moment."""

    whole: Whole
    rows: list[Row]


_COUNTED = len(Figures._fields)
_FIGURES = slice(9, 9 + _COUNTED)
_WORST = _FIGURES.stop + 1
_BRANCH = slice(_WORST + 1, _WORST + 1 + _COUNTED)
_BODIES = slice(_BRANCH.stop, _BRANCH.stop + len(Bodies._fields))


def read(advisory: Advisory) -> Coverage:
    """Everything there is to see about one advisory, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(TABLE, scope(advisory.pk).values())
        first, *others = cursor.fetchall()
    figures = Figures(*first[_FIGURES])
    rows = list(_rows(others))
    return Coverage(
        whole=Whole(
            figures=figures,
            bodies=_sum_of_bodies(row.bodies for row in rows if row.parent is None),
            as_at=first[7],
        ),
        rows=rows,
    )


def table(advisory: Advisory) -> list[Row]:
    """Each body of an advisory, above its children."""
    return read(advisory).rows


def whole(advisory: Advisory) -> Whole:
    """The whole advisory."""
    return read(advisory).whole


def children(rows: Sequence[Row], body: str | None) -> list[Row]:
    """The rows right below a body (by slug; None: those at the top), what needs attention most first."""
    below = (row for row in rows if row.parent == body)
    return sorted(below, key=lambda row: (STATES.index(row.worst), -_not_told(row), row.name))


def told_apart(figures: Figures, *, office_counts: bool, asks: bool) -> list[str]:
    """What is told apart of these people: who was told through somebody else, and whose answers look like a machine's.

    `asks`: the advisory still asks for answers.
    """
    return [
        f"{number:,} {words}"
        for number, words in (
            (
                figures.office,
                "answered through their office, counted as their own answers"
                if office_counts
                else "told through their office, not counted as their own answers",
            ),
            (
                figures.behalf,
                "told by telephone or in person, put down for them and counted as their own answers",
            ),
            (figures.suspect, f"answered like a machine, not counted{': their page asks once more' if asks else ''}"),
        )
        if number
    ]


def fingerprint(advisory: Advisory) -> str:
    """Changes whenever a figure or a state does, and not when deltas are folded; cheap enough to ask every second."""
    with connection.cursor() as cursor:
        cursor.execute(FINGERPRINT, {"advisory": advisory.pk})
        return str(cursor.fetchone()[0])


def as_json(advisory: Advisory) -> list[dict[str, Any]]:
    """The whole, then each body: the contract of `manage.py coverage REFERENCE --json`."""
    found = read(advisory)
    return [
        {"body": None, "own": None, "branch": _branch_json(found.whole.figures, found.whole.bodies)},
        *(
            {
                "body": row.body,
                "parent": row.parent,
                "depth": row.depth,
                "state": row.state,
                "why": row.why,
                "own": _figures_json(row.own),
                "branch": _branch_json(row.branch, row.bodies),
            }
            for row in found.rows
        ),
    ]


def _branch_json(figures: Figures, bodies: Bodies) -> dict[str, Any]:
    return {**_figures_json(figures), "bodies": bodies._asdict()}


def _figures_json(figures: Figures) -> dict[str, int]:
    return {name: getattr(figures, name) for name in CONTRACT}


def _not_told(row: Row) -> int:
    return row.branch.waiting + row.branch.unreachable


def _sum_of_bodies(parts: Iterator[Bodies]) -> Bodies:
    return Bodies(*map(sum, zip(Bodies(), *parts, strict=True)))


def _rows(records: list[tuple[Any, ...]]) -> Iterator[Row]:
    """Each row. Parents come before their children."""
    slugs: dict[int, str] = {}
    holders: dict[int, str] = {}
    for record in records:
        path, relay_id, slug, name, parent_id, state, relay_state, held_until, reason = record[:9]
        own = Figures(*record[_FIGURES])
        holder = holders.get(parent_id, "") if relay_state == "planned" else ""
        if relay_id is not None:
            slugs[relay_id] = slug
            if holder or relay_state == "held":
                holders[relay_id] = holder or name
        yield Row(
            relay_id=relay_id,
            body=slug,
            name=name,
            parent=slugs.get(parent_id),
            depth=len(path) - 1,
            state=state,
            why=why(state, own, relay_state, held_until, holder, reason),
            own=own,
            branch=Figures(*record[_BRANCH]),
            bodies=Bodies(*record[_BODIES]),
            held_until=held_until if state == "held" else None,
            worst=STATES[record[_WORST] - 1],
        )
