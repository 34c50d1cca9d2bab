"""Of which part of an advisory figures are read: all of it, one branch or one body, and never more than somebody may see."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of one advisory's tree."""

    advisory_id: int
    bodies: frozenset[int] | None = None
    """The ids of the bodies that this person sees; None: every one."""
    relay: int | None = None
    """The relay on top of the branch that is looked at; None: everything that they see."""
    own: bool = False
    """Of that relay's body alone, without what is below it."""

    @property
    def whole(self) -> bool:
        """Everything of the advisory: then each person counts once."""
        return self.bodies is None and self.relay is None

    def values(self) -> dict[str, Any]:
        """What `IN_SCOPE` asks for."""
        return {
            "advisory": self.advisory_id,
            "bodies": None if self.bodies is None else sorted(self.bodies),
            "root": self.relay,
            "only": self.own,
        }


# Of a relay `l`. Everything where nothing narrows it.
IN_SCOPE = """
l.advisory_id = %(advisory)s AND l.purpose <> 'left'
AND (%(bodies)s::bigint[] IS NULL OR l.body_id = ANY(%(bodies)s::bigint[]))
AND (%(root)s::bigint IS NULL OR CASE WHEN %(only)s THEN l.id = %(root)s ELSE l.path @> ARRAY[%(root)s::bigint] END)
"""


def scope(
    advisory_id: int, bodies: Collection[int] | None = None, relay: int | None = None, *, own: bool = False
) -> Scope:
    """A scope; `own` means nothing without a relay."""
    return Scope(advisory_id, None if bodies is None else frozenset(bodies), relay, own and relay is not None)
