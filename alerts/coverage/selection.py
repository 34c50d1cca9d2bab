"""Which people a number of a coverage page is about: said once, for the list behind it, its table and its remedies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from alerts.coverage.scope import Scope
from alerts.coverage.selection_sql import CALLED, CHOSEN, IN_PART, IN_WHOLE, OF_WHOLE, PEOPLE_IDS, PREDICATES, THROUGH
from alerts.routing.routes import reports_delivery

# What people can be listed by, and how that is said of them.
FIGURES_LISTED: Mapping[str, str] = {
    "targeted": "to be told",
    "sent": "sent",
    "delivered": "delivered",
    "acknowledged": "answered",
    "acted": "did all that was asked",
    "silent": "told, silent",
    "unsure": "sent, no word of it since",
    "untold": "not told",
    "waiting": "waiting to be sent",
    "held": "held",
    "unreachable": "cannot be reached",
    "suspect": "answered like a machine",
    "office": "told through their office",
    "behalf": "put down for them",
    "former": "answered an earlier revision only",
    "late": "delayed by their mail server",
    "complained": "reported it as spam",
}

LONGEST_NAME = 200
"""Characters of a name that are looked for."""

_LITERAL, _ESCAPED = re.compile(r"([\\%_])"), r"\\\1"


@dataclass(frozen=True, slots=True)
class Selection:
    """The people of one figure within a scope; only those called `name` where it is given, only of `ids` where these are.

    Ids that are not, or no longer, behind that figure select nobody.
    """

    scope: Scope
    figure: str
    """One of FIGURES_LISTED."""
    name: str = ""
    ids: tuple[int, ...] | None = None
    """Ids of recipients that were chosen; None: everybody."""

    @property
    def counted(self) -> str:
        """By which of PREDICATES they are picked: whether handed over is told depends on what the routes report."""
        return "untold, handed over or not" if self.figure == "untold" and not reports_delivery() else self.figure

    def sql(self) -> tuple[str, dict[str, object]]:
        """A statement that yields the recipients (`id`), each person once and in no order; and its named values.

        To be put in parentheses. Its values are `advisory`, `bodies`, `root`, `only`, `like` and `chosen`.
        """
        tests, values = [PREDICATES[self.counted], *self._here()], self.scope.values()
        if self.name:
            tests.append(CALLED)
            values["like"] = like(self.name)
        if self.ids is not None:
            tests.append(CHOSEN)
            values["chosen"] = list(self.ids)
        return PEOPLE_IDS.format(where="\n  AND ".join(tests)), values

    def _here(self) -> list[str]:
        if self.scope.whole:
            return [IN_WHOLE, *([OF_WHOLE[self.figure]] if self.figure in OF_WHOLE else [])]
        return [IN_PART.format(through=THROUGH.get(self.figure, "true"))]


def like(name: str) -> str:
    """What ILIKE asks for: those with this anywhere in their name; everybody where nothing is given."""
    return f"%{_LITERAL.sub(_ESCAPED, name[:LONGEST_NAME])}%" if name else "%"
