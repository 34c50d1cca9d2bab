"""What a load says: what it changed, what it left out and why, and what it could not understand."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

SHOWN = 50
# With this many errors a file is something else: the rest of it is not read.
MOST_ERRORS = 10_000

# Called with a sentence at each step of a long load.
Progress: TypeAlias = Callable[[str], None]


def silent(step: str) -> None:
    """No progress to show."""


@dataclass(frozen=True)
class Remark:
    """Where in the file ("line 12", "entry 12"), and what about it."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class NotUnderstood(Exception):
    """The file has rows that cannot be understood. Nothing was loaded."""

    def __init__(self, remarks: Iterable[Remark], *, stopped: bool = False) -> None:
        self.remarks = list(remarks)
        self._rest = " The rest of the file was not read." if stopped else ""
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.remarks)
        lines = [str(remark) for remark in self.remarks[:SHOWN]]
        if count > SHOWN:
            lines.append(f"... and {count - SHOWN:,} more.")
        lines.append(
            f"Nothing was loaded: {count:,} {'error' if count == 1 else 'errors'}.{self._rest} Correct the file and load it "
            "again."
        )
        return "\n".join(lines)


def stop_at_many(trouble: list[Remark]) -> None:
    """Raise `NotUnderstood` where there are so many errors that reading on helps nobody."""
    if len(trouble) >= MOST_ERRORS:
        raise NotUnderstood(trouble, stopped=True)


@dataclass
class Report:
    """What a load did, or with `dry_run` would do."""

    rows: int
    what: str
    dry_run: bool
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    left_out: int = 0
    missing: list[str] = field(default_factory=list)
    """Slugs of bodies that an earlier file of this kind named and this one does not: proposed for closing."""
    closed: list[str] = field(default_factory=list)
    """The same, where they were closed."""

    @property
    def proposals(self) -> list[str]:
        """What is only proposed, the first lines of it: listed in a real load as well."""
        lines = [line for line in self.differences if line.startswith("proposed")]
        more = len(lines) - SHOWN
        return [*lines[:SHOWN], f"... and {more:,} more."] if more > 0 else lines

    @property
    def changed(self) -> bool:
        """Whether anything differs from what the directory held."""
        return any(self.counts.values())

    def __str__(self) -> str:
        told = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items())
        line = f"{self.rows:,} {self.what}: {told}"
        if self.left_out:
            line += f"; {self.left_out:,} {'edge' if self.left_out == 1 else 'edges'} left out"
        if self.missing:
            line += f"; {len(self.missing):,} missing and proposed for closing (--close-missing closes them)"
        return f"{line}. A dry run: nothing was changed." if self.dry_run else f"{line}."
