"""Coverage: who has been told and who has answered, body by body, up the relays' tree. Reads only; writes nothing.

The figures are those kept by `alerts.counting` plus what is pending, read in one statement: exact at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# From what needs attention most to what needs none; `Row.worst` is the first of these that stands anywhere in a branch.
STATES = ("dark", "held", "waiting", "sent", "delivered", "covered", "information", "excluded")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of people. `targeted` is always `waiting` + `sent` + `unreachable`; the other four overlap with these."""

    targeted: int = 0
    waiting: int = 0
    sent: int = 0
    delivered: int = 0
    unreachable: int = 0
    suspect: int = 0
    acknowledged: int = 0
    acted: int = 0


@dataclass(frozen=True, slots=True)
class Bodies:
    """Counts of bodies in a branch, itself among them. `excluded` ones are not `targeted`."""

    targeted: int = 0
    covered: int = 0
    dark: int = 0
    held: int = 0
    excluded: int = 0


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
    held_people: int
    """Seats waiting in held bodies and below them."""
    as_at: datetime
