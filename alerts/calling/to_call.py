"""What the calling list is made of: bodies, whom to ring there, who has them in hand. Reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.models import Call

NAMED = 3
"""People of one body who are named in the list; whoever takes it has them all."""
FEW = 1
"""The same on a telephone."""


@dataclass(frozen=True, slots=True)
class ToRing:
    """Somebody who can be rung about a body."""

    person_id: int
    name: str
    shared: bool
    """A mailbox that several people read."""
    telephone: str
    role: str
    hours: str
    above: str | None
    """The body above in which they sit, where nobody of the body itself has a number; None: of the body itself."""
    recipient_id: int | None
    """None: it is not for them, so that no figure of coverage counts them."""
    wrong_at: datetime | None
    """When a caller found the number wrong; None where somebody corrected it since."""

    @property
    def hope(self) -> int:
        """How little there is to hope for of ringing them: a number, one that was found wrong, none."""
        return 2 if not self.telephone else 1 if self.wrong_at else 0


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
    """A body from which nobody was heard."""

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
        """Those who are named in the list: in their order, but those first whom a call may find."""
        return sorted(self.people, key=lambda one: one.hope)[:NAMED]

    @property
    def more(self) -> int:
        """How many others there are to ring."""
        return max(len(self.people) - NAMED, 0)

    @property
    def more_narrow(self) -> int:
        """The same on a telephone, where FEW are named."""
        return max(len(self.people) - FEW, 0)


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
class ToldDark:
    """A body that was told in a call, and in which nobody can be told by mail still: dark, as coverage has it."""

    name: str
    slug: str
    at: datetime
    caller: str
    person: str | None
    """Who was told; None: somebody whom the note names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list, and how far it has come."""

    bodies: int
    """All that it is for, as far as one sees them."""
    told: int
    """From how many somebody was heard, who answered or was told in a call."""
    in_hand: int
    left: int
    """From how many nobody was heard."""
    page: int
    branches: Sequence[Branch]
    size: int
    lefts: Sequence[Left]
    """The branches of all pages, in the order of the list."""
    dark_told: int
    """How many of those that were heard from are dark still: told in a call, and by no mail."""
    told_dark: Sequence[ToldDark]
    """The first of these."""

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

    @property
    def dark_more(self) -> int:
        """How many of those that were told by telephone alone are not named."""
        return self.dark_told - len(self.told_dark)


@dataclass(frozen=True, slots=True)
class InHand:
    """A body that somebody has in hand, with all that there is to know for the call."""

    call: Call
    stands: str
    """As of a list; "told" once somebody there answered."""
    people: Sequence[ToRing]
    before: Sequence[Call]
    """Earlier calls to it, the latest first."""
