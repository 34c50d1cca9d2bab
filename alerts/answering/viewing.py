"""Who has a reader's page open, as far as they say: the recipient, one of their delegates, or somebody of their office.

Nobody signs in here, so this is what they say of themselves. Reads only, one query.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from alerts.models import Recipient
from departments.delegating import current_delegations, last_day

OFFICE = "office"


@dataclass(frozen=True, slots=True)
class Delegate:
    """Somebody who was named as opening the recipient's mail."""

    id: int
    name: str
    until: date | None
    """The last day; None where no end was given."""
    shared: bool = False
    """Several people read their mailbox: whoever answers says who they are."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who opened the page. Neither a delegate nor their office: the recipient."""

    delegates: tuple[Delegate, ...]
    """All who are named at present."""
    delegate: Delegate | None = None
    office: bool = False

    @property
    def is_other(self) -> bool:
        """Somebody answers for the recipient."""
        return self.office or self.delegate is not None

    @property
    def query(self) -> str:
        """What stands behind the page's address to stay so."""
        if self.delegate is not None:
            return f"?as={self.delegate.id}"
        return f"?as={OFFICE}" if self.office else ""


def viewer(recipient: Recipient, says: str = "") -> Viewer:
    """Who they say they are: "office", or the id of a delegate. Whatever else it says is the recipient."""
    named = current_delegations().filter(person=recipient.person_id).select_related("delegate")
    delegates = tuple(
        Delegate(one.delegate_id, one.delegate.name, last_day(one), one.delegate.shared)
        for one in named.order_by("delegate__name", "pk")
    )
    chosen = next((one for one in delegates if str(one.id) == says), None)
    return Viewer(delegates, chosen, office=says == OFFICE)
