"""The calling list: from which bodies of a critical advisory nobody was heard, whom to ring, who has them in hand. Reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from alerts import coverage, rules
from alerts.calling.calling_sql import LAST_ENTRY, LISTED, ONE, PEOPLE
from alerts.calling.to_call import Branch, Hand, InHand, Left, Listing, Rung, ToCall, ToldDark, ToRing
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Call, Relay, Revision
from alerts.statements import run
from departments.models import Person

SHOWN = 100
"""Bodies on one page."""
PRINTED = 5_000
"""Bodies on the sheet of one branch that is printed whole."""
DARK = 50
"""Dark bodies that were told by telephone which are named."""
BRANCHES = 40
"""Branches of a long list that are named, to be looked at alone."""
MOST_PEOPLE = 12
"""People of one body who are named."""
RESULTS = (Call.Result.TOLD, Call.Result.NO_ANSWER, Call.Result.WRONG, Call.Result.AGAIN)


def listed(
    advisory: Advisory, by: Person, now: datetime, page: int = 1, within: Scope | None = None, *, whole: bool = False
) -> Listing:
    """One page of the bodies from which nobody was heard, as far as this person sees them; two statements.

    By branch: those with dark bodies first, and in each the dark ones, then those to which nothing was sent, then those of
    whose mail nothing was heard, and last those whose mail arrived. `within`: one branch of what they see. `whole`: up to
    PRINTED on one page, for paper.
    """
    size = PRINTED if whole else SHOWN
    seen = within or scope(advisory.pk, rules.people_seen(by, advisory))
    values = {**seen.values(), "now": now, "since": since(advisory), "dark": DARK}
    found = run(LISTED, **values, page=min(max(page, 1), 1_000_000), size=size)
    bodies, told, in_hand, left, page = found[0][:5]
    lefts = [Left(*one) for one in json.loads(found[0][5] or "[]")]
    dark_told, told_dark = found[0][6], [_told_dark(*one) for one in json.loads(found[0][7] or "[]")]
    rows = [_to_call(row[8:], now) for row in found if row[8] is not None]
    people = whom_to_ring(advisory, [row.relay_id for row in rows], seen.bodies)
    rows = [replace(row, people=people.get(row.relay_id, [])) for row in rows]
    branches = [Branch(all_of[0].branch, all_of[0].branch_slug, all_of) for all_of in _by_branch(rows)]
    return Listing(bodies, told, in_hand, left, page, branches, size, lefts, dark_told, told_dark)


def in_hand(advisory: Advisory, by: Person) -> InHand | None:
    """The body that this person took last and has not done with, be their time over or not; None where there is none."""
    mine = calls_of(advisory).filter(caller=by, ended_at=None).order_by("-taken_at", "-id").first()
    return about(mine, by) if mine else None


def is_busy(advisory: Advisory, by: Person, now: datetime) -> bool:
    """Whether this person has a body of it in hand."""
    mine = Call.objects.filter(relay__advisory=advisory, caller=by, ended_at=None).order_by("-taken_at", "-id")
    until = mine.values_list("until", flat=True).first()
    return until is not None and until > now


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


def is_dark(relay: Relay) -> bool:
    """Whether nobody there can be told by mail, be it told by telephone or not."""
    of = scope(relay.advisory_id, None, relay.pk, own=True)
    found = run(ONE, **of.values(), since=since(relay.advisory), relay=relay.pk)
    return bool(found and found[0][1])


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


def _told_dark(name: str, slug: str, at: str, caller: str, person: str | None) -> ToldDark:
    return ToldDark(name, slug, datetime.fromisoformat(at), caller, person)


def _by_branch(rows: Iterable[ToCall]) -> list[list[ToCall]]:
    return [list(of_it) for _, of_it in groupby(rows, key=lambda row: row.branch_id)]
