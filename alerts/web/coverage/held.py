"""Who holds a warning, for whom it is held there, and what somebody may do about it; and who held it before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F

from alerts import hold_words, rules
from alerts.coverage.glance import Place
from alerts.coverage.held import Behind
from alerts.models import Advisory, Relay, State
from alerts.web.left_out import NAMED
from alerts.web.numbers import count, people
from departments.models import Person

LISTED = 200
"""How many of those that held it stand behind "and N more"."""


@dataclass(frozen=True, slots=True)
class Held:
    """A body that holds the warning, who holds it there, and what this person may do about it."""

    row: Place
    number: int
    """Who waits there, so counted that the numbers of all that hold it add up: people in the whole, places in a branch."""
    waits: str
    """Who waits there, in words, where that is another number; "" where it is this one."""
    contact: str
    """Name and telephone; "" where nobody is known."""
    may_release: bool
    may_note: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """The bodies that held it and do not any more, the longest hold first."""

    words: list[str]
    """A sentence each, of the first `LISTED`."""
    count: int
    longest: timedelta

    @property
    def named(self) -> list[str]:
        """The first of them."""
        return self.words[:NAMED]

    @property
    def further(self) -> list[str]:
        """Those behind "and N more"."""
        return self.words[NAMED:]

    @property
    def more(self) -> int:
        """How many are not among the first."""
        return self.count - len(self.named)

    @property
    def unlisted(self) -> int:
        """How many are only counted."""
        return self.count - len(self.words)


def held(
    rows: Sequence[Place], behind: Mapping[int, Behind], whole: bool, advisory: Advisory, person: Person
) -> list[Held]:
    """Those that hold it now, with who is there of the first of them; `whole`: each person counts once."""
    if not rows:
        return []
    ids = [row.relay_id for row in rows if row.relay_id is not None]
    own = rules.may_release_of(person, ids)
    mine = set(ids) if rules.is_officer_of_issuer(person, advisory) else own
    who = hold_words.holders(ids[:NAMED])
    return [
        Held(
            row,
            *_waiting(behind[row.relay_id or 0], whole),
            ", ".join(part for part in who.get(row.relay_id or 0, ()) if part),
            row.relay_id in mine,
            row.relay_id in own and advisory.state == State.LIVE,
        )
        for row in rows
    ]


def _waiting(behind: Behind, whole: bool) -> tuple[int, str]:
    number = behind.counted
    if number == behind.people:
        return number, ""
    said = f"{people(behind.people)} {'waits' if behind.people == 1 else 'wait'} for them"
    if not whole:
        return number, f"{said}, in {count(number, 'place', 'places')}" if number else said
    elsewhere = behind.people - number
    return number, f"{said}, {elsewhere:,} of whom {'is' if elsewhere == 1 else 'are'} counted with another body"


def passed(advisory: Advisory, within: Collection[int] | None) -> Passed | None:
    """What was held on the way; `within`: only at these bodies."""
    relays = Relay.objects.filter(advisory=advisory, state=Relay.State.RELEASED, held_until__isnull=False)
    relays = relays.exclude(purpose=Relay.Purpose.LEFT).exclude(released_at=None).exclude(reached_at=None)
    if within is not None:
        relays = relays.filter(body__in=within)
    first = relays.select_related("body", "released_by").annotate(lasted=F("released_at") - F("reached_at"))
    shown = list(first.order_by("-lasted", "body__name", "pk")[:LISTED])
    if not shown:
        return None
    who = hold_words.holders(relay.pk for relay in shown)
    words = [hold_words.held_for(relay, *who.get(relay.pk, ("", ""))) for relay in shown]
    number = len(shown) if len(shown) < LISTED else relays.count()
    return Passed([f"{said[0].upper()}{said[1:]}" for said in words], number, shown[0].lasted)
