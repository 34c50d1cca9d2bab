"""One look at an advisory's coverage: what a page shows of it, however many bodies and people there are. Writes nothing.

First which bodies are shown, then how they stand: figures, reasons and rows of one snapshot; and what the routes said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from alerts.coverage.branches import Branch, Sums, figures_of
from alerts.coverage.figures import Bodies, Figures, MailStates
from alerts.coverage.glance_sql import FOUND as FIND
from alerts.coverage.glance_sql import LOW_ID, MAIL, SHOWN, glance
from alerts.coverage.held import Behind, behind_holds
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.rung import Rung
from alerts.coverage.scope import Scope
from alerts.coverage.why import why
from alerts.models import Recipient
from alerts.statements import run

NAMED = 50
"""Dark bodies that are named."""
LOOKED_UP = 20_000
"""People whose mail was put off, or who complained, of whom it is said where they are."""
LEFT_OUT = 200
"""Rows of what was left out; each is for all below one body for which somebody signed alike."""
MOST = 200
"""Rows below one body; the others are only counted."""
HELD = 200
"""Held bodies that are read."""
FOUND = 100
"""Rows on one page of those that a filter finds."""


_NOBODY, _NONE, _NO_MAIL = Figures(), Bodies(), MailStates()


class Found(NamedTuple):
    """Which bodies are asked for; nothing of it: the tree."""

    kind: str = ""
    topic: str = ""
    """A slug."""
    state: str = ""
    page: int = 1


class Lowest(NamedTuple):
    """Of the bodies below another one, the one that stands worst; among these, the one in which fewest have answered."""

    body: str
    name: str
    state: str
    answered: int
    """Percent of its people."""


class Named(NamedTuple):
    """A body that a reason names, with how many of its people it is about."""

    relay_id: int
    body: str
    name: str
    people: int
    targeted: int = 0
    rung: Rung | None = None
    """Of a dark one: the call in which somebody there was told; a look does not ask for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the tree: a body, its own figures, its branch's, and the worst that there is below it."""

    relay_id: int | None
    """None for what was left out on purpose: then `bodies.excluded` says how many bodies, and this is the first of them."""
    body: str
    """The slug."""
    name: str
    kind: str
    parent_id: int | None
    """The relay of the row above."""
    state: str
    """One of `nodes_sql.STATES`."""
    why: str
    own: Figures = _NOBODY
    branch: Figures = _NOBODY
    bodies: Bodies = _NONE
    waits: int = 0
    """Places in its branch that wait because it, or one above or below it, is held."""
    held_until: datetime | None = None
    worst: str = "excluded"
    """The worst state in its branch, its own included."""
    lowest: Lowest | None = None
    more: bool = False
    """There is something below it."""
    siblings: int = 0
    """How many stand below the same parent."""
    signer: str = ""
    """Who signed for leaving it out."""
    signed_at: datetime | None = None
    until: datetime | None = None
    """When it is looked at again."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a page shows, of one moment."""

    as_at: datetime
    figures: Figures
    waits: int
    """Who waits behind a held body."""
    behind: Mapping[int, Behind]
    """By the relay of a held body: who waits behind it."""
    twice: bool
    """Somebody may sit in two of these bodies: what is added up of branches are places."""
    states: Mapping[str, int]
    """How many bodies are in each state."""
    bodies: Bodies
    acted: int
    """Bodies in which everybody has done what was asked for."""
    dark: list[Named]
    """The first of them, by name."""
    refused: list[Named]
    """The bodies in which most people can't be reached."""
    held: list[Place]
    """Those behind which most people wait."""
    top: list[Place]
    below: Mapping[int, list[Place]]
    """By relay: what stands right below it, where that is shown."""
    found: list[Place]
    """What a filter found, one page."""
    matching: int
    """How many it found."""
    opened: frozenset[int]
    mail: MailStates = _NO_MAIL
    mail_of: Mapping[int, MailStates] = field(default_factory=dict)
    """By relay that is shown: whose mail in its branch was put off, and who complained."""
    late: list[Named] = field(default_factory=list)
    complained: list[Named] = field(default_factory=list)


def look(scope: Scope, opened: Iterable[str] = (), asked: Found | None = None, *, reports: bool) -> Glance:
    """Look. `opened`: slugs of the bodies below which the tree is shown; `reports`: the routes report delivery."""
    filtered = asked is not None and any((asked.kind, asked.topic, asked.state))
    shown = _found(scope, asked) if asked and filtered else _shown(scope, list(opened))
    values = {
        **scope.values(),
        "shown": list(shown.depths),
        "opened": sorted(shown.opened),
        "named": NAMED,
        "left_out": LEFT_OUT,
    }
    said = json.loads(run(glance(max(shown.depths.values(), default=0)), **values)[0][0])
    sums = Sums(said["parts"], said["rows"], said["left_out_below"])
    rows = {row["id"]: _place(row, sums.branch(row["id"]), said["lows"], said["rows"]) for row in said["rows"]}
    top, below = ([], {}) if filtered else _tree(said, shown, rows, reports=reports)
    whole, branches, most = _mail(scope, values["shown"])
    total = sums.total()
    figures = figures_of(said["whole"]) if scope.whole else total.figures
    waits = total.numbers["waits"]
    holding = [rows[relay] for relay in shown.held if relay in rows and rows[relay].state == "held"]
    held, behind = _behind(scope, waits, holding)
    return Glance(
        as_at=datetime.fromisoformat(said["at"]),
        figures=figures,
        # In branches places are counted, and somebody who sits in two bodies is in either.
        waits=held,
        behind=behind,
        twice=total.figures.targeted != figures.targeted if scope.whole else total.bodies.targeted > 1,
        states=total.states,
        bodies=total.bodies,
        acted=total.numbers["all_acted"],
        dark=[Named(one["id"], one["slug"], one["name"], one["targeted"], one["targeted"]) for one in said["dark"]],
        refused=[Named(one["id"], one["slug"], one["name"], one["people"]) for one in said["refused"]],
        held=sorted(holding, key=lambda row: (-behind[row.relay_id or 0].people, row.name)),
        top=top,
        below=below,
        found=[rows[relay] for relay in shown.found if relay in rows],
        matching=shown.matching,
        opened=shown.opened,
        mail=whole,
        mail_of=branches,
        late=most.get(Recipient.Outcome.DEFERRED, []),
        complained=most.get(Recipient.Outcome.COMPLAINED, []),
    )


def _behind(scope: Scope, waits: int, holding: Sequence[Place]) -> tuple[int, dict[int, Behind]]:
    """How many wait behind a hold, and who behind each; of too many, as many as there are places."""
    ids = [row.relay_id for row in holding if row.relay_id]
    places = waits if scope.whole else sum(row.waits for row in holding)
    found = behind_holds(scope, places, None if scope.whole else ids)
    if found is None:
        return waits, {row.relay_id: Behind(row.waits, row.waits) for row in holding if row.relay_id}
    people = sum(one.counted for one in found.values()) if scope.whole else waits
    return people, {**dict.fromkeys(ids, Behind()), **found}


@dataclass(frozen=True, slots=True)
class _Shown:
    """Which relays are looked at, and as what."""

    depths: Mapping[int, int]
    """How far down each stands; in the order in which they were found."""
    top: frozenset[int] = frozenset()
    opened: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()
    found: tuple[int, ...] = ()
    """What a filter found, in its order."""
    matching: int = 0


def _shown(scope: Scope, opened: list[str]) -> _Shown:
    of = "branch" if scope.relay is not None else "everything" if scope.bodies is None else "theirs"
    found = run(SHOWN[of], **scope.values(), opened=opened, held=HELD)
    return _Shown(
        depths={relay: depth for relay, depth, *_ in found},
        top=frozenset(relay for relay, _, top, *_ in found if top),
        opened=frozenset(relay for relay, _, _, is_open, _ in found if is_open),
        held=frozenset(relay for *_, relay_held, relay in ((*row[1:], row[0]) for row in found) if relay_held),
    )


def _found(scope: Scope, asked: Found) -> _Shown:
    offset = (max(asked.page, 1) - 1) * FOUND
    of = {"kind": asked.kind, "topic": asked.topic, "state": asked.state}
    found = run(FIND, **scope.values(), **of, limit=FOUND, offset=offset, held=HELD)
    return _Shown(
        depths={relay: depth for relay, depth, *_ in found},
        held=frozenset(relay for relay, _, _, held, _ in found if held),
        found=tuple(relay for relay, _, _, held, _ in found if not held),
        matching=found[0][2] if found else 0,
    )


def _tree(
    said: Mapping[str, Any], shown: _Shown, rows: Mapping[int, Place], *, reports: bool
) -> tuple[list[Place], dict[int, list[Place]]]:
    """What stands on top, and what stands below each body that is open: what needs attention most first."""
    top = [rows[relay] for relay in shown.top if relay in rows]
    below: dict[int, list[Place]] = {}
    for relay, row in rows.items():
        if relay not in shown.top and row.parent_id in shown.opened:
            below.setdefault(row.parent_id, []).append(row)

    def first(places: list[Place]) -> list[Place]:
        ordered = sorted(places, key=lambda row: _attention(row, reports=reports))
        return [replace(row, siblings=len(places)) for row in ordered[:MOST]]

    found = {parent: first(places) for parent, places in below.items() if parent is not None}
    top = first(top)
    for one in said["left_out"]:
        place = _left_out(one)
        (top if place.parent_id is None else found.setdefault(place.parent_id, [])).append(place)
    return top, found


def _attention(row: Place, *, reports: bool) -> tuple[int, int, str]:
    """What needs attention most comes first."""
    branch = row.branch
    heard = branch.acknowledged + branch.silent
    not_told = branch.targeted - heard if reports else branch.unsent + branch.unreachable
    return STATES.index(row.worst), -not_told, row.name


def _place(
    row: Mapping[str, Any], branch: Branch, lows: Mapping[str, Any], all_rows: Sequence[Mapping[str, Any]]
) -> Place:
    own = figures_of(row)
    until = _moment(row["held_until"])
    return Place(
        relay_id=row["id"],
        body=row["slug"],
        name=row["name"],
        kind=row["kind"],
        parent_id=row["parent_id"],
        state=row["state"],
        why=why(row["state"], own, row["relay_state"], until, row["holder"] or "", row["excluded"] or ""),
        own=own,
        branch=branch.figures,
        bodies=branch.bodies,
        waits=branch.numbers["waits"],
        held_until=until if row["state"] == "held" else None,
        worst=STATES[branch.worst - 1],
        lowest=_lowest(branch.lowest, lows, all_rows),
        more=row["more"],
        signer=row["signer"] or "",
        signed_at=_moment(row["signed_at"]),
        until=_moment(row["look_again_at"]),
    )


def _lowest(number: int | None, lows: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Lowest | None:
    if number is None:
        return None
    relay = number & LOW_ID
    names = lows.get(str(relay)) or next([row["slug"], row["name"]] for row in rows if row["id"] == relay)
    return Lowest(names[0], names[1], STATES[(number >> 52) - 1], (number >> 40 & 0xFFF) // 10)


def _left_out(one: Mapping[str, Any]) -> Place:
    return Place(
        relay_id=None,
        body=one["slug"],
        name=one["name"],
        kind="",
        parent_id=one["parent_id"],
        state="excluded",
        why=why("excluded", Figures(), "", None, "", one["reason"]),
        bodies=Bodies(excluded=one["number"]),
        signer=one["signer"] or "",
        signed_at=_moment(one["at"]),
        until=_moment(one["look_again_at"]),
    )


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


_COLUMN_OF = {
    Recipient.Outcome.UNREACHABLE: "refused",
    Recipient.Outcome.BOUNCED: "came_back",
    Recipient.Outcome.SUPPRESSED: "suppressed",
    Recipient.Outcome.DEFERRED: "late",
    Recipient.Outcome.COMPLAINED: "complained",
}


def _mail(scope: Scope, shown: list[int]) -> tuple[MailStates, dict[int, MailStates], dict[str, list[Named]]]:
    whole: dict[str, int] = {}
    branches: dict[int, dict[str, int]] = {}
    most: dict[str, list[Named]] = {}
    for of, relay, body, outcome, number in run(
        MAIL, **scope.values(), whole=scope.whole, shown=shown, looked_up=LOOKED_UP
    ):
        if of == "whole":
            whole[_COLUMN_OF[outcome]] = number
        elif of == "branch":
            branches.setdefault(relay, {})[_COLUMN_OF[outcome]] = number
        else:
            slug, _, name = body.partition(" ")
            most.setdefault(outcome, []).append(Named(relay, slug, name, number))
    return MailStates(**whole), {relay: MailStates(**of) for relay, of in branches.items()}, most
