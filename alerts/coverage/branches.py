"""Branches added up from the few parts that a look reads: each body in the part of the nearest one above it that is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.coverage.figures import Bodies, Figures
from alerts.coverage.nodes_sql import STATES

_NUMBERS = (*Figures._fields, *(f"in_{state}" for state in STATES), "waits", "targets", "all_acted")
_FOR_INFORMATION = STATES.index("information") + 1


def figures_of(row: Mapping[str, Any]) -> Figures:
    """The figures in a row."""
    return Figures(*(row[name] for name in Figures._fields))


@dataclass(slots=True)
class Branch:
    """A body and all below it."""

    numbers: Counter[str] = field(default_factory=Counter)
    worst: int = len(STATES)
    """The rank of the worst state in it."""
    lowest: int | None = None
    """As `glance_sql` writes it, of all below it."""
    left_out: int = 0
    """What was left out and has no turn of its own."""

    @property
    def figures(self) -> Figures:
        """Its people."""
        return figures_of(self.numbers)

    @property
    def states(self) -> dict[str, int]:
        """How many bodies are in each state."""
        return {state: self.numbers[f"in_{state}"] for state in STATES}

    @property
    def bodies(self) -> Bodies:
        """Its bodies."""
        states = self.states
        return Bodies(
            targeted=self.numbers["targets"],
            covered=states["covered"],
            dark=states["dark"],
            held=states["held"],
            excluded=states["excluded"] + self.left_out,
        )

    def add(self, part: Mapping[str, Any]) -> None:
        """A part of it."""
        for name in _NUMBERS:
            self.numbers[name] += part[name]
        self.worst = min(self.worst, part["worst"])
        self.lower(part["lowest"])

    def lower(self, lowest: int | None) -> None:
        """This, too, is below it."""
        if lowest is not None:
            self.lowest = lowest if self.lowest is None else min(self.lowest, lowest)


class Sums:
    """The branches of the rows that are shown, and everything."""

    def __init__(
        self,
        parts: Sequence[Mapping[str, Any]],
        rows: Iterable[Mapping[str, Any]],
        left_out: Sequence[Mapping[str, Any]],
    ) -> None:
        self._branches: dict[int, Branch] = {row["id"]: Branch() for row in rows}
        self._total = Branch()
        paths = {row["id"]: [relay for relay in row["path"] if relay in self._branches] for row in rows}
        for part in parts:
            self._total.add(part)
            for relay in paths.get(part["nearest"], ()):
                self._branches[relay].add(part)
        for one in left_out:
            self._total.left_out += one["number"]
            for relay in paths.get(one["nearest"], ()):
                self._branches[relay].left_out += one["number"]
        for row in rows:
            if row["rank"] < _FOR_INFORMATION:
                for relay in paths[row["id"]]:
                    if relay != row["id"]:
                        self._branches[relay].lower(row["how_low"])

    def branch(self, relay: int) -> Branch:
        """Of a row that is shown."""
        return self._branches[relay]

    def total(self) -> Branch:
        """Everything in scope."""
        return self._total
