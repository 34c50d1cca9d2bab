"""The people of one body of an advisory: each once, how they stand, and what was last heard of them. Writes nothing.

One statement, so that people and counts are of one moment; what `alerts.models.figures` says counts decides here as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.coverage.standings_sql import PEOPLE, STANDINGS
from alerts.last_word import Word
from alerts.models import Relay
from alerts.statements import run

SIZE = 50
"""People on one page: on a telephone it is long enough."""

_LITERAL, _ESCAPED = re.compile(r"([\\%_])"), r"\\\1"


@dataclass(frozen=True, slots=True)
class Standing:
    """One person of the body."""

    recipient_id: int
    person_id: int
    name: str
    telephone: str
    standing: str
    """One of STANDINGS."""
    counts: bool
    """False: they sit there for information only."""
    contact: bool
    outcome: str
    told_revision: int
    answered_revision: int
    needs_help: bool
    acknowledged: bool
    waiting: bool
    themselves: bool
    """Their own answer to the last material revision stands."""
    mailed_at: datetime | None
    """When the last mail to them was handed over, but for reminders."""
    word: Word | None
    reminded_at: datetime | None = None
    """When the last reminder of it was, be it in a mail for several advisories."""


@dataclass(frozen=True, slots=True)
class People:
    """One page of them, and how many there are of each standing."""

    people: list[Standing]
    counts: Mapping[str, int]
    standing: str
    """The one that was asked for; "" for everybody."""
    page: int
    name: str = ""
    """A part of the names that were asked for; "" for any."""

    @property
    def total(self) -> int:
        """How many there are of what was asked for."""
        return self.counts.get(self.standing, 0) if self.standing else sum(self.counts.values())

    @property
    def pages(self) -> int:
        """At least one."""
        return max(-(-self.total // SIZE), 1)


def people_of(relay: Relay, standing: str = "", page: int = 1, name: str = "") -> People:
    """Everybody with a current seat there, those who need attention first; only of one standing where it is given, and only
    those with `name` somewhere in theirs: they alone are counted then.

    A page beyond the last one is the last one.
    """
    found = run(
        PEOPLE,
        advisory=relay.advisory_id,
        relay=relay.pk,
        standing=standing,
        like=f"%{_LITERAL.sub(_ESCAPED, name)}%" if name else "%",
        size=SIZE,
        page=max(min(page, 10**6), 1),
    )
    counted = json.loads(found[0][0] or "{}")
    counts = {name: counted[name] for name in STANDINGS if name in counted}
    people = [
        Standing(*(*row[1:16], Word(*row[17:]) if row[17] is not None else None, row[16]))
        for row in found
        if row[1] is not None
    ]
    made = People(people, counts, standing, page, name)
    return replace(made, page=min(max(page, 1), made.pages))


def holder_of(relay: Relay) -> Relay | None:
    """The relay that holds the warning on its way here, or here; None where nothing does."""
    return Relay.objects.filter(pk__in=relay.path, state=Relay.State.HELD).select_related("body").order_by("pk").first()
