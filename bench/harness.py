"""Measuring: ours and a yardstick take turns, the medians are compared, and the ratio is held against a bound."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

ROUNDS = 3
# Does its own preparation, runs once, and returns the seconds that count.
Timed: TypeAlias = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """A line of the table and an entry of `bench-results.json`."""

    name: str
    value: float
    unit: str
    yardstick: str
    yardstick_value: float
    ratio: float
    bound: str
    holds: bool


def within(ratio: float, bound: str) -> bool:
    """Whether a ratio keeps a bound such as `<= 3` or `>= 0.6`; raises `ValueError` for any other words."""
    sign, _, number = bound.partition(" ")
    if sign == "<=":
        return ratio <= float(number)
    if sign == ">=":
        return ratio >= float(number)
    raise ValueError(f"no bound: {bound!r}")


def compare(
    name: str,
    ours: Timed,
    yardstick: Timed,
    *,
    against: str,
    bound: str,
    rounds: int = ROUNDS,
    also: Callable[[], bool] = lambda: True,
    things: int = 0,
) -> Row:
    """Run both in turns; `against` says what the yardstick is. `also` is a further condition, asked at the end.

    With `things` the row compares rates: how many a second, where so many are done in a run.
    """
    mine, theirs = [], []
    for _ in range(rounds):
        theirs.append(yardstick())
        mine.append(ours())
    value, yard, unit = statistics.median(mine), statistics.median(theirs), "s"
    if things:
        value, yard, unit = things / value, things / yard, "/s"
    ratio = value / yard
    holds = also() and within(ratio, bound)
    return Row(name, round(value, 5), unit, against, round(yard, 5), round(ratio, 3), bound, holds)


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'':18} {'ours':>13} {'yardstick':>13} {'ratio':>7}  bound"]
    for row in rows:
        verdict = "" if row.holds else "   DOES NOT HOLD"
        lines.append(
            f"{row.name:18} {_figure(row.value, row.unit)} {_figure(row.yardstick_value, row.unit)} {row.ratio:>7.2f}  "
            f"{row.bound}{verdict}\n{'':18} against {row.yardstick}"
        )
    return "\n".join(lines)


def _figure(value: float, unit: str) -> str:
    return f"{value:>10,.{0 if value > 100 else 4}f} {unit:<2}"


def write(rows: Sequence[Row], path: Path) -> None:
    """For programs."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
