"""Answers over time: how much of the whole and of each branch has answered since the revision was published.

Time goes by from left to right, everybody is at the top. The whole is the thick line; branches are told apart by their dashes,
by a sign at their end and by their names beside it, so that nobody needs colours. By when it is to be answered is a line down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from alerts.coverage.scope import Scope
from alerts.coverage.tide import Line, OverTime, over_time
from alerts.models import Advisory
from alerts.pictures import over_time_words as words
from alerts.pictures.inks import PALETTE, marking_inks
from alerts.pictures.over_time_words import Tick
from alerts.pictures.words import cut, width

FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
LETTERS = 14
"""Units that letters are high."""
APART = 18
"""Units between two names."""
HEADER = 44
# What a branch is drawn with: dashes, and the sign at its end. The last is for those that share a line.
DASHES = ([7, 3], [2, 2], [12, 3], [8, 3, 2, 3], [4, 4], [14, 3, 2, 3, 2, 3], [1, 4], [16, 6])
SIGNS = ("square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "arrow", "triangle-left")
OTHERS = ([3, 6], "stroke")
SOON = 6
"""How many times as far away as it has come by now a deadline may be, to stand in the picture."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where things stand on it, in units: the plot between its margins, and names beside it or below."""

    wide: int
    left: int
    right: int
    top: int
    high: int
    ticks: int
    """Times that there is room for."""
    beside: bool

    @property
    def plot(self) -> int:
        """How wide it is."""
        return self.wide - self.left - self.right


WIDE = Sheet(wide=920, left=50, right=322, top=50, high=290, ticks=7, beside=True)
NARROW = Sheet(wide=340, left=46, right=14, top=50, high=210, ticks=4, beside=False)


def answers(advisory: Advisory, scope: Scope, now: datetime) -> dict[str, Any] | None:
    """As a file or in a mail: with its marking and its moment. None while there is nothing to show."""
    found = over_time(scope, now)
    if found is None:
        return None
    at = timezone.localtime(now)
    drill = "EXERCISE: " if advisory.exercise else ""
    title = (
        f"{drill}{advisory.reference}, answers over time, at {date_format(at, 'H:i')} {at.tzname()} "
        f"on {date_format(at, 'j F Y')}"
    )
    return specification(found, title=title, marking=advisory.marking)


PICTURES = {"answers": answers}


def specification(
    found: OverTime, *, narrow: bool = False, title: str = "Answers over time", marking: str = ""
) -> dict[str, Any]:
    """The picture for Vega: `narrow` for a telephone, with the names below; `marking` and `title` on it where it is a file."""
    sheet = NARROW if narrow else WIDE
    last = _last(found)
    lines = [_Drawn(found.whole, [], "circle"), *_branches(found)]
    x, y = _scale(found, last, sheet)
    top = HEADER if marking else 0
    below = 0 if sheet.beside else APART * len(lines) + 10
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": sheet.wide,
        "height": top + sheet.top + sheet.high + 30 + below,
        "padding": 12 if marking else 1,
        "background": PALETTE["paper"],
        "scales": [x, y],
        "data": [_data(f"line-{number}", drawn.line, found) for number, drawn in enumerate(lines)],
        "marks": [
            *(_header(marking, title, sheet) if marking else []),
            {
                "type": "group",
                "encode": {"update": {"x": {"value": sheet.left}, "y": {"value": top + sheet.top}}},
                "marks": [
                    *_grid(sheet),
                    *_times(words.ticks(found.published, last, sheet.ticks), sheet),
                    *_happened(found, last, sheet),
                    *(mark for number, drawn in enumerate(lines) for mark in _line(number, drawn, found)),
                    *_names(lines, found, sheet),
                ],
            },
        ],
        "usermeta": {"title": title, "desc": words.described(found)},
    }


@dataclass(frozen=True, slots=True)
class _Drawn:
    line: Line
    dash: list[int]
    sign: str

    @property
    def whole(self) -> bool:
        return not self.dash


def _branches(found: OverTime) -> list[_Drawn]:
    looks = iter(zip(DASHES, SIGNS, strict=True))
    return [_Drawn(line, *(next(looks) if line.body else OTHERS)) for line in found.branches]


def _last(found: OverTime) -> datetime:
    """Where the picture ends: after the deadline, unless that is so far away that nothing could be seen of the lines yet."""
    end = found.moments[-1]
    gone = max(end - found.published, timedelta(minutes=5))
    latest = max([end, *(mark.at for mark in found.marks if mark.at <= found.now)])
    if (
        found.deadline
        and found.published < found.deadline
        and (found.deadline - found.published <= SOON * gone or not found.whole.acknowledged)
    ):
        return max(latest, found.deadline + (found.deadline - found.published) / 25)
    return max(latest, end + gone / 4) if end >= found.now else latest


def _scale(found: OverTime, last: datetime, sheet: Sheet) -> tuple[dict[str, Any], dict[str, Any]]:
    domain = [found.published.timestamp() // 60, last.timestamp() / 60]
    return (
        {"name": "x", "type": "linear", "domain": domain, "range": [0, sheet.plot], "zero": False, "nice": False},
        {"name": "y", "type": "linear", "domain": [0, 100], "range": [sheet.high, 0], "nice": False},
    )


def _data(name: str, line: Line, found: OverTime) -> dict[str, Any]:
    values = [
        {"minute": round(moment.timestamp() / 60, 2), "percent": round(min(line.percent(place), 100), 2)}
        for place, moment in enumerate(found.moments)
        # Of what stays the same in between, the two ends are enough.
        if place in (0, len(found.moments) - 1)
        or not line.counts[place - 1] == line.counts[place] == line.counts[place + 1]
    ]
    return {"name": name, "values": values}


def _grid(sheet: Sheet) -> list[dict[str, Any]]:
    marks = []
    for percent in (0, 25, 50, 75, 100):
        strong = percent in (0, 100)
        across = {"x": {"value": 0}, "x2": {"value": sheet.plot}, "y": {"scale": "y", "value": percent}}
        marks.append(_rule(across, "edge" if strong else "line", 1))
        if percent % 50 == 0:
            at = {"x": {"value": -8}, "y": {"scale": "y", "value": percent}, "align": {"value": "right"}}
            marks.append(_text(f"{percent}%" if percent else "0", at, "soft"))
    return marks


def _times(ticks: list[Tick], sheet: Sheet) -> list[dict[str, Any]]:
    marks = []
    for place, tick in enumerate(ticks):
        at = {"scale": "x", "value": tick.at.timestamp() / 60}
        marks.append(_rule({"x": at, "y": {"value": sheet.high}, "y2": {"value": sheet.high + 5}}, "edge", 1))
        align = "left" if place == 0 and tick.first else "center"
        marks.append(_text(tick.words, {"x": at, "y": {"value": sheet.high + 17}, "align": {"value": align}}, "soft"))
    return marks


def _happened(found: OverTime, last: datetime, sheet: Sheet) -> list[dict[str, Any]]:
    """Lines down, with words above: the deadline, and what was published later. Words that would meet stand in two rows."""
    marks: list[dict[str, Any]] = []
    said = [(mark.at, mark.words, "soft", [2, 3], 1.0) for mark in found.marks]
    if found.deadline:
        said.append((found.deadline, words.answer_by(found.deadline, found.now), "dark", [6, 4], 2.0))
    span = (last - found.published).total_seconds()
    taken: list[tuple[float, float, int]] = []
    for at, text, ink, dash, thick in reversed(said):
        if not found.published <= at <= last:
            marks.append(_text(f"{text} \u2192", _right(sheet), ink))
            taken.append((sheet.plot - width(text, LETTERS) / 0.9 - 20, sheet.plot, 0))
            continue
        x = (at - found.published).total_seconds() / span * sheet.plot
        room = width(text, LETTERS) / 0.9
        start = min(max(x - room / 2, 0), sheet.plot - room)
        row = next(
            (n for n in (0, 1) if all(n != r or start > b + 6 or start + room < a - 6 for a, b, r in taken)), None
        )
        down = {"x": {"value": x}, "y": {"value": -4}, "y2": {"value": sheet.high}}
        marks.append(_rule(down, ink, thick, dash))
        if row is not None:
            taken.append((start, start + room, row))
            at_row = {"x": {"value": start}, "y": {"value": -15 - 18 * row}, "align": {"value": "left"}}
            marks.append(_text(text, at_row, ink, bold=ink == "dark"))
    return marks


def _right(sheet: Sheet) -> dict[str, Any]:
    return {"x": {"value": sheet.plot}, "y": {"value": -15}, "align": {"value": "right"}}


def _line(number: int, drawn: _Drawn, found: OverTime) -> list[dict[str, Any]]:
    ink = "answered" if drawn.whole else "ink"
    update: dict[str, Any] = {
        "x": {"scale": "x", "field": "minute"},
        "y": {"scale": "y", "field": "percent"},
        "stroke": {"value": PALETTE[ink]},
        "strokeWidth": {"value": 3.5 if drawn.whole else 1.5},
        "strokeJoin": {"value": "round"},
    }
    if drawn.dash:
        update["strokeDash"] = {"value": drawn.dash}
    line = {"type": "line", "from": {"data": f"line-{number}"}, "encode": {"update": update}}
    end = {
        "x": {"scale": "x", "value": found.moments[-1].timestamp() / 60},
        "y": {"scale": "y", "value": min(drawn.line.percent(-1), 100)},
    }
    return [line, _sign(drawn, end)]


def _sign(drawn: _Drawn, at: dict[str, Any]) -> dict[str, Any]:
    ink = "answered" if drawn.whole else "ink"
    update = {
        **at,
        "shape": {"value": drawn.sign},
        "size": {"value": 80 if drawn.whole else 46},
        "fill": {"value": PALETTE[ink if drawn.whole else "paper"]},
        "stroke": {"value": PALETTE[ink]},
        "strokeWidth": {"value": 1.5},
    }
    return {"type": "symbol", "encode": {"update": update}}


def _names(lines: list[_Drawn], found: OverTime, sheet: Sheet) -> list[dict[str, Any]]:
    """Beside the plot as near to their lines' ends as they fit, or below it in one column."""
    if sheet.beside:
        ends = [sheet.high * (1 - min(drawn.line.percent(-1), 100) / 100) for drawn in lines]
        heights, left = _spread(ends, sheet.high), sheet.plot + 22
    else:
        heights, left = [sheet.high + 38 + APART * n for n in range(len(lines))], 8 - sheet.left
    marks = []
    for drawn, y in zip(lines, heights, strict=True):
        if sheet.beside:
            end = {
                "x": {"scale": "x", "value": found.moments[-1].timestamp() / 60},
                "y": {"scale": "y", "value": min(drawn.line.percent(-1), 100)},
            }
            to = {"x2": {"value": left - 4}, "y2": {"value": y}}
            marks.append(_rule({**end, **to}, "line", 1))
            marks.append(_sign(drawn, end))
        ink = "answered" if drawn.whole else "ink"
        sample = {"x": {"value": left}, "x2": {"value": left + 34}, "y": {"value": y}}
        marks.append(_rule(sample, ink, 3.5 if drawn.whole else 1.5, drawn.dash))
        marks.append(_sign(drawn, {"x": {"value": left + 34}, "y": {"value": y}}))
        percent = words.percent(drawn.line.acknowledged, drawn.line.targeted)
        room = (sheet.right - 22 if sheet.beside else sheet.wide - 8) - 46 - width(f" {percent}", LETTERS) / 0.9
        said = f"{cut(drawn.line.name, room, LETTERS)} {percent}"
        marks.append(_text(said, {"x": {"value": left + 44}, "y": {"value": y}}, "ink", bold=drawn.whole))
    return marks


def _spread(wanted: list[float], high: float) -> list[float]:
    """The same heights in the same order, moved as far apart as names need, and none of them below the plot."""
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    placed = [0.0] * len(wanted)
    last = float(-APART)
    for n in order:
        placed[n] = last = max(wanted[n], last + APART)
    limit = high + 4.0
    for n in reversed(order):
        placed[n] = limit = min(placed[n], limit)
        limit -= APART
    return placed


def _rule(at: dict[str, Any], ink: str, thick: float, dash: list[int] | None = None) -> dict[str, Any]:
    update = {**at, "stroke": {"value": PALETTE[ink]}, "strokeWidth": {"value": thick}}
    if dash:
        update["strokeDash"] = {"value": dash}
    return {"type": "rule", "encode": {"update": update}}


def _text(said: str, at: dict[str, Any], ink: str, *, bold: bool = False) -> dict[str, Any]:
    update = {
        "baseline": {"value": "middle"},
        **at,
        "text": {"value": said},
        "font": {"value": FONT},
        "fontSize": {"value": LETTERS},
        "fill": {"value": PALETTE[ink]},
    }
    if bold:
        update["fontWeight"] = {"value": "bold"}
    return {"type": "text", "encode": {"update": update}}


def _header(marking: str, title: str, sheet: Sheet) -> list[dict[str, Any]]:
    """The label of the marking, in FIRST's colours on black, and what this is."""
    label = f"TLP:{marking}"
    wide = width(label, LETTERS) * 1.15 + 18
    box = {"width": {"value": wide}, "height": {"value": 26}, "y": {"value": 2}, "fill": {"value": "#000000"}}
    name = _text(label, {"x": {"value": 9}, "y": {"value": 16}}, "ink", bold=True)
    name["encode"]["update"]["fill"] = {"value": marking_inks(marking)}
    said = cut(title, sheet.wide - wide - 12, LETTERS)
    return [
        {"type": "rect", "encode": {"update": box}},
        name,
        _text(said, {"x": {"value": wide + 12}, "y": {"value": 16}}, "ink", bold=True),
    ]
