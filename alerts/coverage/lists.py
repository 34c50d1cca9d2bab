"""The lists behind the numbers of a coverage page: the people, one by one, and the bodies. Writes nothing.

How many there are comes from the figures, where these say it; only one page of people is ever read. In a scope that is not
the whole a figure counts places: somebody who sits in two of its bodies is one person here, with both of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from alerts.coverage import lists_sql as sql
from alerts.coverage.figures import Figures
from alerts.coverage.held import Behind, behind_holds, people_held
from alerts.coverage.rung import Rung, last_told
from alerts.coverage.scope import Scope
from alerts.coverage.selection import Selection, like
from alerts.coverage.selection_sql import CHOSEN, IN_WHOLE, OF_WHOLE, PREDICATES, THROUGH
from alerts.coverage.why import why
from alerts.last_word import Word
from alerts.statements import run

SIZE = 50
"""People or bodies on one page."""
MOST_PAGES = 200
"""Pages of people that can be turned: nobody reads further, and what is skipped is read all the same."""
FEW = 20_000
"""So many candidates are collected and sorted by name; of more, a page is looked for in the order of an index."""
BODIES_SHOWN = 5
"""Bodies of one person that are named."""
SHORTEST_IN_INDEX = 3
"""Letters of a name that its index can find."""

NOBODY = Figures()
BODY_LISTS: Mapping[str, str] = {
    "dark": "nobody to tell",
    "held": "held",
    "waiting": "not sent to everybody yet",
    "sent": "sent",
    "delivered": "delivered",
    "covered": "answered",
    "information": "for information",
    "excluded": "left out on purpose",
    "undecided": "undecided",
    "targeted": "to be told",
    "reached": "sent to everybody",
    "arrived": "delivered to everybody",
    "acted": "done all that was asked",
}
"""What bodies can be listed by, and how that is said of them: a state of theirs, or one of the funnel's steps."""


class Place(NamedTuple):
    """A body in which somebody counts."""

    relay_id: int
    body: str
    """The slug."""
    name: str
    body_id: int
    contact: bool
    holder: int | None
    """The relay that holds the warning there, or on its way there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One person of a list, and how they stand."""

    recipient_id: int
    person_id: int
    name: str
    telephone: str
    standing: str
    """One of `alerts.coverage.standings_sql.STANDINGS`."""
    outcome: str
    why: str
    """What their mail server or the provider said; it may hold an address."""
    told_revision: int
    answered_revision: int
    needs_help: bool
    acknowledged: bool
    waiting: bool
    themselves: bool
    mailed_at: datetime | None
    reminded_at: datetime | None
    """When the last reminder to them was handed over."""
    reminded_by: str | None
    """Who pressed for it."""
    in_bodies: int
    """In how many bodies of this scope they count."""
    places: list[Place]
    """The first `BODIES_SHOWN` of these, by name."""
    word: Word | None


@dataclass(frozen=True, slots=True)
class People:
    """One page of a list of people."""

    people: list[Listed]
    number: int
    """What the figure says: in a branch, places. Of a name, as `total`, or 0 where nobody counted."""
    total: int | None
    """How many people there are; None where nobody counted them."""
    page: int
    more: bool
    """There is a next page."""
    cut: bool = False
    """There are more people, and this is the last page all the same."""

    @property
    def pages(self) -> int | None:
        """How many pages, at least one; None where that is not known, or where not all of them are turned."""
        pages = None if self.total is None else _pages(self.total)
        return pages if pages is None or pages <= MOST_PAGES else None


@dataclass(frozen=True, slots=True)
class BodyListed:
    """One body of a list."""

    body_id: int
    body: str
    """The slug."""
    name: str
    relay_id: int | None
    """None where it has no turn in the advisory."""
    why: str
    """A short phrase; "" where there is nothing to explain."""
    dark: bool = False
    rung: Rung | None = None
    """Of a dark one: the call in which somebody there was told."""
    own: Figures = NOBODY
    waits: int = 0
    """Who waits in it and below it because of a hold, each once where it is this body's; of too many, places."""
    held_until: datetime | None = None
    reason: str = ""
    """Why it was left out."""
    signer: str = ""
    signed_at: datetime | None = None
    until: datetime | None = None
    """When that is looked at again."""
    gap: str = ""
    """Of a body about which nobody has decided: how it was found, one of `Gap.Kind`."""
    parent: str = ""
    parent_name: str = ""


@dataclass(frozen=True, slots=True)
class BodyPage:
    """One page of a list of bodies."""

    bodies: list[BodyListed]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """At least one."""
        return _pages(self.total)


def number_of(selection: Selection) -> tuple[int, int]:
    """Everybody in its scope, and those behind its figure, as the figures say it: in the whole people, otherwise places."""
    scope, figure = selection.scope, selection.figure
    values = scope.values()
    if figure in ("late", "complained"):
        outcome = "deferred" if figure == "late" else "complained"
        counting = sql.TROUBLED_IN_WHOLE if scope.whole else sql.TROUBLED_IN_PART
        here, _ = number_of(Selection(scope, "targeted"))
        return here, run(counting, **values, outcome=outcome)[0][0]
    if not scope.whole:
        return _two(run(sql.PLACES[selection.counted], **values))
    if figure not in OF_WHOLE:
        return _two(run(sql.EVERYBODY[selection.counted], **values))
    # Somebody who waits in two held bodies is one person.
    here, unsent = _two(run(sql.UNSENT_IN_WHOLE, **values))
    places = _two(run(sql.PLACES["held"], **values))[1]
    held = min(people_held({scope.advisory_id: places})[scope.advisory_id], unsent)
    return here, held if figure == "held" else unsent - held


def people(selection: Selection, page: int = 1) -> People:
    """One page of them: by name where few are to be looked at, otherwise in an order that does not change.

    A constant number of statements. A page beyond the last one is the last one.
    """
    here, number = number_of(selection)
    page = min(max(page, 1), MOST_PAGES)
    # The held places of a whole are no exact count of people: see `number_of`.
    if not number and not (selection.scope.whole and selection.figure in OF_WHOLE):
        return People([], 0, 0, 1, more=False)
    source, narrowed = _source(selection, here, number), bool(selection.name) or selection.ids is not None
    # What a figure says of people, it says without counting: in the whole, and of one body.
    known = None if narrowed or not (selection.scope.whole or selection.scope.own) else number
    page = page if known is None else min(page, _pages(known))
    found, counted = _ids(selection, source, page)
    if not found and page > 1:
        page = 1
        found, counted = _ids(selection, source, page)
    total = counted if source else known
    if total is None and len(found) <= SIZE:
        total = (page - 1) * SIZE + len(found)  # the last page says it
    return People(
        people=shown(selection, found[:SIZE]),
        number=(total or 0) if narrowed else number if total is None or not selection.scope.whole else total,
        total=total,
        page=page if total is None else min(page, _pages(total)),
        more=len(found) > SIZE and page < MOST_PAGES,
        cut=len(found) > SIZE and page == MOST_PAGES,
    )


def _pages(total: int) -> int:
    return max(-(-total // SIZE), 1)


def _two(rows: list[tuple[Any, ...]]) -> tuple[int, int]:
    return rows[0][0], rows[0][1]


def _source(selection: Selection, here: int, number: int) -> str:
    """Where to collect from, as few as there are; "" where there are many: then a page of them is soon found anywhere."""
    if selection.ids is not None:
        return "SELECT unnest(%(chosen)s::bigint[])"
    if here <= FEW:
        return sql.SOURCES["everybody" if selection.scope.whole else "seated"]
    if number <= FEW and selection.figure in ("unreachable", "late", "complained"):
        return sql.SOURCES["troubled"]
    if number <= FEW and selection.figure in ("waiting", "held"):
        return sql.SOURCES["unsent"]
    if len(selection.name) >= SHORTEST_IN_INDEX:
        return sql.SOURCES["called"]
    # Few among very many: a page of them is never full, and to walk until it is would look up everybody's seats one by one.
    return Selection(selection.scope, selection.figure).sql()[0] if number <= FEW else ""


def _ids(selection: Selection, source: str, page: int) -> tuple[list[int], int | None]:
    """The recipients on this page, and one more where there is a next one; and how many there are, where that was counted."""
    figure, scope = selection.figure, selection.scope
    tests, values = [PREDICATES[selection.counted]], scope.values()
    if not scope.whole:
        tests.append(sql.SEATED_HERE.replace("{through}", THROUGH.get(figure, "true")))
    else:
        tests += [IN_WHOLE, *([sql.HELD_SOMEWHERE[figure]] if figure in OF_WHOLE else [])]
    if selection.name:
        tests.append(sql.CALLED_SO)
        values["like"] = like(selection.name)
    if selection.ids is not None:
        tests.append(CHOSEN)
        values["chosen"] = list(selection.ids)
    statement = (sql.COLLECTED if source else sql.WALKED).replace("{where}", "\n  AND ".join(tests))
    found = run(statement.replace("{source}", source), **values, size=SIZE, offset=(page - 1) * SIZE)
    return [row[0] for row in found], found[0][1] if found else 0 if source else None


def shown(selection: Selection, ids: Sequence[int]) -> list[Listed]:
    """These recipients of the list, in this order, and how each stands."""
    if not ids:
        return []
    whole = selection.scope.whole
    values = {**selection.scope.values(), "shown": list(ids), "most": BODIES_SHOWN}
    return [_listed(row) for row in run(sql.shown_of(selection.figure, whole=whole), **values)]


def _listed(row: tuple[Any, ...]) -> Listed:
    places = [Place(*place) for place in json.loads(row[17] or "[]")]
    return Listed(*(*row[:17], places, Word(*row[18:]) if row[18] is not None else None))


def bodies(
    scope: Scope,
    state: str,
    page: int = 1,
    name: str = "",
    within: Collection[int] | None = None,
    size: int | None = None,
) -> BodyPage:
    """One page of the bodies of a list (one of BODY_LISTS), those with most people who were not told first.

    A page beyond the last one is the last one; `size`: so many on one, SIZE where nothing is said. Bodies about which nobody
    has decided have no turn in the advisory: of these, those `within`.
    """
    size = size or SIZE
    values = {**scope.values(), "size": size, "page": max(min(page, 10**6), 1), "like": like(name)}
    if state == "undecided":
        rows = run(sql.UNDECIDED, **{**values, "bodies": None if within is None else sorted(within)})
        made = [undecided_body(row) for row in rows]
    else:
        rows = run(sql.BODIES, **values, state=state)
        made = with_rung(scope, [body_of(row) for row in rows])
    if state == "held":
        made = _with_people(scope, made)
    total = rows[0][0] if rows else 0
    return BodyPage(made, total, min(max(page, 1), max(-(-total // size), 1)))


def _with_people(scope: Scope, listed: list[BodyListed]) -> list[BodyListed]:
    """Bodies that hold it, each with the people who wait behind it: the number that its contacts are told."""
    holds = [one.relay_id for one in listed if one.relay_id]
    found = behind_holds(scope, sum(one.waits for one in listed), holds)
    if found is None:
        return listed
    none = Behind()
    return [replace(one, waits=found.get(one.relay_id or 0, none).people) for one in listed]


def with_rung(scope: Scope, listed: list[BodyListed]) -> list[BodyListed]:
    """The dark ones among them with the call in which somebody there was told; one statement at most."""
    found = last_told(scope.advisory_id, {one.relay_id for one in listed if one.dark and one.relay_id})
    return [replace(one, rung=found[one.relay_id]) if one.relay_id in found else one for one in listed]


def body_ids(scope: Scope, state: str, name: str = "") -> list[int]:
    """All bodies in a state (not those that are undecided), in the same order: for what is done to the whole list."""
    return [row[0] for row in run(sql.BODY_IDS, **scope.values(), state=state, like=like(name))]


def waiting_below(advisory_id: int, relays: Sequence[int]) -> int:
    """How many people wait in these relays and below them, behind no other that holds; each once."""
    return int(run(sql.WAITS, advisory=advisory_id, relays=list(relays))[0][0])


def body_of(row: tuple[Any, ...]) -> BodyListed:
    _, body_id, slug, name, relay, state, relay_state, until, holder, waits, reason, signer, signed_at, again = row[:14]
    own = Figures(*row[16:])
    return BodyListed(
        body_id=body_id,
        body=slug,
        name=name,
        relay_id=relay,
        why=why(state, own, relay_state, until, holder or "", reason or "") if state else "",
        dark=state == "dark",
        own=own,
        waits=waits,
        held_until=until if state == "held" else None,
        reason=reason or "",
        signer=signer or "",
        signed_at=signed_at,
        until=again,
        parent=row[14] or "",
        parent_name=row[15] or "",
    )


def undecided_body(row: tuple[Any, ...]) -> BodyListed:
    _, body_id, slug, name, kind, parent, parent_name = row
    return BodyListed(body_id, slug, name, None, "", gap=kind, parent=parent or "", parent_name=parent_name or "")
