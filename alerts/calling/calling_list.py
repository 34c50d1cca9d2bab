"""The calling list: in which bodies of a critical advisory nobody was reached, whom to ring, who has them in hand. Reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from alerts import coverage, rules
from alerts.calling.calling_sql import LAST_ENTRY, LISTED, ONE, PEOPLE
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Call, Relay, Revision
from alerts.statements import run
from departments.models import Person

SHOWN = 100
"""Bodies on one page."""
PRINTED = 5_000
"""Bodies on the sheet of one branch that is printed whole."""
NAMED = 3
"""People of one body who are named on the screen; whoever takes it, and paper, has them all."""
BRANCHES = 40
"""Branches of a long list that are named, to be looked at alone."""
MOST_PEOPLE = 12
"""People of one body who are named."""
RESULTS = (Call.Result.TOLD, Call.Result.NO_ANSWER, Call.Result.WRONG, Call.Result.AGAIN)


@dataclass(frozen=True, slots=True)
class ToRing:
    """Somebody who can be rung about a body."""

    person_id: int
    name: str
    telephone: str
    role: str
    hours: str
    above: str | None
    """The body above in which they sit, where nobody of the body itself has a number; None: of the body itself."""
    recipient_id: int | None
    """None: it is not for them, so that no figure of coverage counts them."""
    wrong_at: datetime | None
    """When a caller found the number wrong; None where somebody corrected it since."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who has a body in hand."""

    call_id: int
    caller_id: int
    caller: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Rung:
    """The last call to a body that came to something."""

    result: str
    at: datetime
    note: str
    caller: str
    person: str | None

    @property
    def came_of_it(self) -> str:
        """In words."""
        return str(Call.Result(self.result).label)


@dataclass(frozen=True, slots=True)
class ToCall:
    """A body in which nobody was reached."""

    relay_id: int
    body_id: int
    name: str
    slug: str
    branch_id: int
    branch: str
    branch_slug: str
    stands: str
    """One of `calling_sql.STANDS`."""
    hand: Hand | None
    last: Rung | None
    people: Sequence[ToRing] = ()
    ran_out: bool = False
    """Whoever has it in hand has had their time."""

    @property
    def has_number(self) -> bool:
        """Anybody can be rung."""
        return any(one.telephone for one in self.people)

    @property
    def first(self) -> Sequence[ToRing]:
        """Those who are named on the screen."""
        return self.people[:NAMED]

    @property
    def others(self) -> Sequence[ToRing]:
        """Those who are named on paper only."""
        return self.people[NAMED:]


@dataclass(frozen=True, slots=True)
class Branch:
    """The bodies of one branch, in the order in which they are rung."""

    name: str
    slug: str
    """Of the body on top of it."""
    bodies: Sequence[ToCall]


@dataclass(frozen=True, slots=True)
class Left:
    """How many bodies of one branch are to be rung."""

    name: str
    slug: str
    bodies: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list, and how far it has come."""

    bodies: int
    """All that it is for, as far as one sees them."""
    told: int
    """How many are reached: somebody there answered, or was told in a call."""
    in_hand: int
    left: int
    """In how many nobody was reached."""
    page: int
    branches: Sequence[Branch] = field(default_factory=list)
    size: int = SHOWN
    lefts: Sequence[Left] = ()
    """The branches of all pages, in the order of the list."""

    @property
    def pages(self) -> int:
        """How many there are; one at least."""
        return max(-(-self.left // self.size), 1)

    @property
    def shown(self) -> int:
        """How many bodies stand on this page."""
        return sum(len(branch.bodies) for branch in self.branches)

    @property
    def more(self) -> int:
        """How many stand on the others."""
        return self.left - self.shown


@dataclass(frozen=True, slots=True)
class InHand:
    """A body that somebody has in hand, with all that there is to know for the call."""

    call: Call
    stands: str
    """As of a list; "told" once somebody there answered."""
    people: Sequence[ToRing]
    before: Sequence[Call]
    """Earlier calls to it, the latest first."""


def listed(
    advisory: Advisory, by: Person, now: datetime, page: int = 1, within: Scope | None = None, *, whole: bool = False
) -> Listing:
    """One page of the bodies in which nobody was reached, as far as this person sees them; two statements.

    By branch: those with dark bodies first, and in each the dark ones, then those to which nothing was sent, then those of
    whose mail nothing was heard, and last those whose mail arrived. `within`: one branch of what they see. `whole`: up to
    PRINTED on one page, for paper.
    """
    size = PRINTED if whole else SHOWN
    seen = within or scope(advisory.pk, rules.people_seen(by, advisory))
    values = {**seen.values(), "now": now, "since": since(advisory)}
    found = run(LISTED, **values, page=min(max(page, 1), 1_000_000), size=size)
    bodies, told, in_hand, left, page = found[0][:5]
    lefts = [Left(*one) for one in json.loads(found[0][5] or "[]")]
    rows = [_to_call(row[6:], now) for row in found if row[6] is not None]
    people = whom_to_ring(advisory, [row.relay_id for row in rows], seen.bodies)
    rows = [replace(row, people=people.get(row.relay_id, [])) for row in rows]
    branches = [Branch(all_of[0].branch, all_of[0].branch_slug, all_of) for all_of in _by_branch(rows)]
    return Listing(bodies, told, in_hand, left, page, branches, size, lefts)


def in_hand(advisory: Advisory, by: Person) -> InHand | None:
    """The body that this person took last and has not done with, be their time over or not; None where there is none."""
    mine = calls_of(advisory).filter(caller=by, ended_at=None).order_by("-taken_at", "-id").first()
    return about(mine, by) if mine else None


def about(call: Call, by: Person) -> InHand:
    """All that there is to know for this call, for whoever has it or had it."""
    advisory = call.relay.advisory
    bodies = rules.people_seen(by, advisory)
    people = whom_to_ring(advisory, [call.relay_id], bodies).get(call.relay_id, [])
    before = calls_of(advisory).filter(relay=call.relay_id, ended_at__isnull=False, result__in=RESULTS)
    return InHand(
        call,
        stands(call.relay, None) or "told",
        people,
        list(before.select_related("caller", "person").order_by("-id")[:10]),
    )


def whom_to_ring(advisory: Advisory, relays: Sequence[int], bodies: Collection[int] | None) -> dict[int, list[ToRing]]:
    """By relay: whom to ring there, in order. `bodies`: of which the people above are seen; None: of every one."""
    if not relays:
        return {}
    seen = None if bodies is None else sorted(bodies)
    rows = run(PEOPLE, relays=list(relays), advisory=advisory.pk, bodies=seen, most=MOST_PEOPLE)
    return {
        relay: [ToRing(*row[1:]) for row in of_it if row[1] is not None]
        for relay, of_it in groupby(rows, key=lambda row: row[0])
    }


def fingerprint(advisory: Advisory) -> str:
    """Changes whenever a figure does, or somebody took a body or noted a call; cheap enough to ask every second."""
    return f"{coverage.fingerprint(advisory)}-{run(LAST_ENTRY, reference=advisory.reference)[0][0]}"


def calls_of(advisory: Advisory) -> QuerySet[Call]:
    """Every call about it."""
    return Call.objects.select_related("relay__body", "relay__advisory__material", "caller").filter(
        relay__advisory=advisory
    )


def stands(relay: Relay, bodies: Collection[int] | None) -> str | None:
    """How this body stands; None where it is not in the audience."""
    of = scope(relay.advisory_id, bodies, relay.pk, own=True)
    found = run(ONE, **of.values(), since=since(relay.advisory), relay=relay.pk)
    return found[0][0] if found else None


def since(advisory: Advisory) -> datetime | None:
    """When the text came that everybody is to know."""
    # Index: revision's primary key.
    return Revision.objects.filter(pk=advisory.material_id or 0).values_list("at", flat=True).first()


def _to_call(row: Sequence[Any], now: datetime) -> ToCall:
    hand = Hand(*row[8:12]) if row[8] is not None else None
    last = Rung(*row[12:17]) if row[12] is not None else None
    ran_out = hand is not None and hand.until <= now
    relay, body, name, slug, branch, branch_name, branch_slug, stands = row[:8]
    return ToCall(relay, body, name, slug, branch, branch_name, branch_slug, stands, hand, last, (), ran_out)


def _by_branch(rows: Iterable[ToCall]) -> list[list[ToCall]]:
    return [list(of_it) for _, of_it in groupby(rows, key=lambda row: row.branch_id)]
