"""What was left out of an advisory on purpose, as its pages say it: each reason once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.models import Exclusion, Gap
from departments.models import Body, Person

NAMED = 10
"""How many bodies are named before "and N more"."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Bodies left out on purpose, for one reason, signed by one person on one day, until a moment."""

    bodies: list[Body]
    reason: str
    by: Person
    at: datetime
    until: datetime | None
    """When they are put in, unless somebody signs anew."""

    @property
    def named(self) -> list[Body]:
        """The first of them, to be named."""
        return self.bodies[:NAMED]

    @property
    def more(self) -> int:
        """How many are not named."""
        return len(self.bodies[NAMED:])


def by_reason(signed: Iterable[Exclusion | Gap]) -> list[LeftOut]:
    """Each reason once, with the bodies that it stands for."""
    found: dict[tuple[str, int | None, str, datetime | None], LeftOut] = {}
    for one in {(one.body_id, one.reason): one for one in signed}.values():
        if one.by is not None:
            key = (one.reason, one.by_id, f"{one.at:%Y%m%d}", one.look_again_at)
            found.setdefault(key, LeftOut([], one.reason, one.by, one.at, one.look_again_at)).bodies.append(one.body)
    return list(found.values())
