"""Figures kept under a short code, so that a letter or an answer to Parliament can cite them and anybody can look them up.

Before: a coverage page as it stands. After: an immutable copy of what it said, behind a code, and an entry in the record.
Twice: pressed again on the same page by the same person, it is the same copy and the same code.

A code is seven characters and a check character out of Crockford's thirty-two (no I, L, O or U), in two groups of four:
"7KQ2-M9XD". It is read over the telephone and typed by hand: case, dashes and blanks do not matter, O is read as 0, I and L
as 1, and the check character finds every single wrong character and every two that changed places. A code opens nothing by
itself: who may is asked each time (`may_open`).
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from alerts import record, rules
from alerts.coverage.scope import Scope
from alerts.models import Advisory, Citation, Exclusion, Gap, Relay
from departments.models import Body, Person
from departments.tree import branches

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
LONGEST_TYPED = 40
"""Characters of a code, with whatever stands between them."""
LONGEST_SHOWN = 64
"""Characters by which a form says which page it was on."""
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_TRIES = 20


def keep(
    advisory: Advisory,
    scope: Scope,
    body: Body | None,
    by: Person,
    content: Mapping[str, Any],
    svg: str,
    png: bytes,
    at: datetime,
    shown: str = "",
) -> Citation:
    """Keep these figures of `scope` (of the branch of `body`; None: all that its keeper sees), as they were `at` a moment.

    `shown` says which page was pressed on: pressed again there, it is the citation that was made then. Without it, each call
    is a new one.
    """
    shown = shown[:LONGEST_SHOWN]
    of = {"advisory": advisory, "body": body, "by": by}
    stem = f"{advisory.pk}:{body.pk if body else ''}:{scope.own}:{by.pk}:{shown or at.isoformat()}"
    bodies, tops = _in_it(scope, body), _tops(scope)
    for attempt in range(_TRIES):
        code = _made(f"{stem}:{attempt}")
        with transaction.atomic():
            kept, is_new = Citation.objects.get_or_create(
                code=code,
                defaults={
                    **of,
                    "bodies": bodies,
                    "at": at,
                    "content": {**content, "shown": stem, "tops": tops},
                    "svg": svg,
                    "png": png,
                },
            )
            if is_new:
                record.write(
                    "figures kept", advisory.reference, by, code=spelled(code), body=body.slug if body else None, at=at
                )
        if is_new or kept.content.get("shown") == stem:
            return kept
    raise RuntimeError("no code is free")  # not in this world: there are 34 thousand million


def kept_before(advisory: Advisory, scope: Scope, body: Body | None, by: Person, shown: str) -> Citation | None:
    """What this person kept when they pressed on this very page before."""
    if not shown:
        return None
    stem = f"{advisory.pk}:{body.pk if body else ''}:{scope.own}:{by.pk}:{shown[:LONGEST_SHOWN]}"
    return next(
        (
            kept
            for attempt in range(2)
            if (kept := find(_made(f"{stem}:{attempt}"))) is not None and kept.content.get("shown") == stem
        ),
        None,
    )


def find(code: str) -> Citation | None:
    """The one with this code, as `read` gives it; its picture as PNG is left where it is until it is asked for."""
    if not code:
        return None
    citations = Citation.objects.select_related("advisory__issuer", "advisory__current", "body", "by").defer(
        "png", "svg"
    )
    return citations.filter(code=code).first()


def read(typed: str) -> str:
    """The code that somebody typed, as it is kept; "" where that is none, or a character of it is wrong."""
    if len(typed) > LONGEST_TYPED:
        return ""
    # Some keyboards write letters and digits of their own width.
    found = "".join(one for one in unicodedata.normalize("NFKC", typed).upper() if one.isalnum()).translate(_READ_AS)
    if len(found) != LENGTH or any(one not in SYMBOLS for one in found):
        return ""
    return found if _check(found[:-1]) == found[-1] else ""


def spelled(code: str) -> str:
    """As it is written: in two groups."""
    return f"{code[:4]}-{code[4:]}"


def may_open(person: Person, citation: Citation) -> bool:
    """Whether this person sees at least as much of the advisory's coverage today as the keeper was shown then."""
    advisory = citation.advisory
    if not person.has_perm("alerts.view_coverage", advisory):
        return False
    if rules.sees_everything(person, advisory):
        return True
    # Each body that was in it: one may have moved away since, or have been there by its sponsor alone.
    return citation.bodies is not None and rules.own_branches(person).issuperset(citation.bodies)


def _in_it(scope: Scope, body: Body | None) -> list[int] | None:
    """The bodies about which the page said anything: with a turn, left out, or undecided; None: everything."""
    if scope.whole:
        return None
    turns = Relay.objects.filter(advisory=scope.advisory_id).exclude(purpose=Relay.Purpose.LEFT)
    if scope.relay is not None:
        turns = turns.filter(pk=scope.relay) if scope.own else turns.filter(path__contains=[scope.relay])
    left_out = Exclusion.objects.filter(advisory=scope.advisory_id, lapsed_at=None)
    gaps = Gap.objects.filter(advisory=scope.advisory_id, decision__in=(Gap.Decision.SIGNED, Gap.Decision.UNDECIDED))
    beside = {*left_out.values_list("body_id", flat=True), *gaps.values_list("body_id", flat=True)}
    if body is not None:
        beside &= {body.pk} if scope.own else branches([body.pk])
    found = beside.union(turns.values_list("body_id", flat=True))
    return sorted(found if scope.bodies is None else found & scope.bodies)


def _tops(scope: Scope) -> list[int] | None:
    """The bodies whose branches make up what a keeper sees; None: everything."""
    if scope.bodies is None:
        return None
    seen = Body.objects.filter(pk__in=scope.bodies)
    return sorted(seen.exclude(parent__in=scope.bodies).values_list("pk", flat=True))


def _made(stem: str) -> str:
    """A code out of what it stands for: the same again for the same, and nothing that can be read out of it."""
    number = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")
    code = "".join(SYMBOLS[number >> 5 * place & 31] for place in range(LENGTH - 1))
    return code + _check(code)


def _check(code: str) -> str:
    """The last character. Each place weighs another power of x in GF(32) (modulo x⁵ + x² + 1), so that one wrong character,
    or two that changed places, never give the same."""
    weight = 0
    for symbol in code:
        weight = _times(weight ^ SYMBOLS.index(symbol))
    return SYMBOLS[weight]


def _times(value: int) -> int:
    doubled = value << 1
    return doubled ^ 0b100101 if doubled & 32 else doubled
