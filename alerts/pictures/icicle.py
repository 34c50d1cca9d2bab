"""The tree of an advisory as an icicle: who has answered and who is dark, from the top of government down.

A row for each level, a cell for each body, as wide as its branch has people; colour and pattern say its own state, a solid
strip along its head how much of its branch has answered, and one at its foot that there is a worse state below it. A body with
nobody to tell hangs down to the foot of the picture, with its name along it: it weighs nothing in people, and is the first
thing to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from alerts.coverage.nodes_sql import STATES
from alerts.coverage.scope import Scope
from alerts.coverage.shape import Shape, shape
from alerts.models import Advisory
from alerts.pictures import icicle_words
from alerts.pictures.icicle_cells import THIN, WIDTH, Cell, cells
from alerts.pictures.inks import EDGES, ON, PALETTE, PATTERNS, marking_inks
from alerts.pictures.words import ROOM, cut, shortened, two_lines, width

ROW, GAP = 46, 2
FOOT = 130
"""Units below the last row, into which dark bodies hang."""
STRIP = 6
HEAD = 7
"""Of the strip that says how much has answered."""
SEEN = 3
"""Units that the strip has at least where anybody answered, and lacks at least where anybody did not."""
LOWERED = 3
"""Units that letters make room for it."""
EDGED = 9.0
"""A cell that is narrower has no edge: two of them would be all there is of it."""
LARGE, SMALL = 14, 12
"""Of letters, in units."""
LABELLED = 48.0
STOPS = 24.0
"""What is narrower than so many units is no stop on the keyboard's way; the table beside the picture is for that."""
# What is written in a cell: its size, and from where down, in units or by what else is there.
LETTERS = {
    "name": (LARGE, "(datum.lower ? 13 : 20) + datum.lowered"),
    "upper": (SMALL, "(datum.lower ? 13 : 20) + datum.lowered"),
    "lower": (SMALL, "28 + datum.lowered"),
    "along": (SMALL, "8"),
}
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
HEADER, KEY = 44, 30

Address = Callable[[Cell], str | None]
"""Where a cell leads."""


def icicle(advisory: Advisory, scope: Scope, now: datetime) -> dict[str, Any] | None:
    """As a file or in a mail: with its marking, its moment and its key, and without links. None before anybody was reached."""
    found = shape(scope)
    return for_a_file(found, advisory) if found.nodes else None


def for_a_page(found: Shape, title: str, address: Address) -> dict[str, Any]:
    """The picture alone: the page has its key, and each cell leads somewhere."""
    return _specification(found, title, [], [], 0, address)


def for_a_file(found: Shape, advisory: Advisory) -> dict[str, Any]:
    """All that belongs to it, on one sheet: coverage is marked no lower than its advisory."""
    at = timezone.localtime(found.as_at)
    drill = "EXERCISE: " if advisory.exercise else ""
    moment = f"{date_format(at, 'H:i')} {at.tzname()} on {date_format(at, 'j F Y')}"
    title = f"{drill}{advisory.reference}, body by body, at {moment}"
    return _specification(found, title, _header(advisory.marking, title), _key(found), HEADER, None)


def _specification(
    found: Shape,
    title: str,
    header: list[dict[str, Any]],
    key: list[tuple[str, str, float, float]],
    top: int,
    address: Address | None,
) -> dict[str, Any]:
    made = cells(found)
    rows = 1 + max((cell.row for cell in made), default=0)
    deep = rows * ROW + (FOOT if any(cell.state == "dark" and cell.leaf for cell in made) else 0)
    values = [_datum(cell, place, rows, deep) for place, cell in enumerate(made)]
    lines = 1 + max((int(line) for *_, line in key), default=-1)
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": WIDTH,
        "height": top + deep + (lines * KEY + 8 if key else 0),
        "padding": 12 if header else 1,
        "background": PALETTE["paper"],
        "data": _data(values, rows),
        "marks": [
            *header,
            {
                "type": "group",
                "encode": {"update": {"y": {"value": top}}},
                "marks": [*_boxes(values), *_heads(values), *_strips(values), *_names(values)],
            },
            *_key_marks(key, top + deep + 8),
        ],
        "usermeta": {
            "title": title,
            "desc": icicle_words.described(found),
            "patterns": list(found.states),
            "cells": {cell.key: _cell(cell, address) for cell in made},
        },
    }


def _cell(cell: Cell, address: Address | None) -> dict[str, Any]:
    said: dict[str, Any] = {"title": icicle_words.tooltip(cell)}
    if address and (href := address(cell)):
        said |= {"href": href, "quiet": cell.width < STOPS and not (cell.state == "dark" and cell.width >= EDGED)}
        if cell.node is not None:
            said["id"] = f"cell-{cell.node.relay_id or cell.node.body}"
    return said


def _datum(cell: Cell, place: int, rows: int, deep: int) -> dict[str, Any]:
    """What Vega is told of a cell; where it stands, Vega finds out by itself."""
    hangs = cell.state == "dark" and cell.leaf
    height = (deep - cell.row * ROW if hangs else ROW) - GAP
    inner = cell.width - 2 * GAP
    name, upper, lower, along = "", "", "", ""
    if hangs and 13 <= inner < LABELLED:
        along = cut(cell.node.name, height - 16, SMALL) if cell.node else ""
    elif inner >= LABELLED and cell.state in (*STATES, "more"):
        said, figures = icicle_words.label(cell)
        if width(said, LARGE) <= (inner - 8) * ROOM:
            name = said
            lower = figures if width(figures, SMALL) <= (inner - 8) * ROOM else ""
        else:
            upper, lower = two_lines(said, inner - 8, SMALL)
            if not upper or upper.endswith("\u2026"):
                upper, lower = two_lines(shortened(said), inner - 8, SMALL)
    head, share = _answered(cell)
    return {
        "id": cell.key,
        "parent": cell.parent or "root",
        "weight": round(cell.weight, 4),
        "place": place,
        "state": cell.state,
        "look": f"{cell.state}{'' if cell.width >= EDGED else '-thin'}",
        "strip": cell.worst
        if cell.worst in ("dark", "held") and cell.worst != cell.state and cell.width >= THIN
        else "",
        "head": head,
        "share": share,
        "lowered": LOWERED if head else 0,
        "height": height,
        "name": name,
        "upper": upper,
        "lower": lower,
        "along": along,
        "on": "on"
        if cell.state == "covered"
        else "plain"
        if cell.state in ("delivered", "information", "more")
        else "halo",
    }


def _answered(cell: Cell) -> tuple[str, float]:
    """What the strip along its head is, and which part of it is solid: "" where there is none to draw.

    What is answered is solid already: there the strip says what is missing below it.
    """
    answered, total = cell.branch.answered, cell.branch.total
    if not answered or (answered == total and cell.state == "covered"):
        return "", 0.0
    least = min(SEEN / max(cell.width - 2 * GAP, SEEN), 0.4)
    share = 1.0 if answered == total else min(max(answered / total, least), 1 - least)
    return f"{'missing' if cell.state == 'covered' else 'answered'}{'' if cell.width >= EDGED else '-thin'}", round(
        share, 4
    )


def _data(values: Sequence[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    """The tree, laid out by Vega; then its cells by how they look, each a mark of its own."""
    tree = {
        "name": "tree",
        "values": [{"id": "root", "parent": None, "weight": 0, "look": "root"}, *values],
        "transform": [
            {"type": "stratify", "key": "id", "parentKey": "parent"},
            {
                "type": "partition",
                "field": "weight",
                "sort": {"field": "place"},
                "size": [WIDTH, (rows + 1) * ROW],
                "as": ["x0", "y0", "x1", "y1", "depth", "children"],
            },
            {"type": "filter", "expr": "datum.id !== 'root'"},
            {"type": "formula", "as": "top", "expr": "(datum.depth - 1) * " + str(ROW)},
            {"type": "formula", "as": "gap", "expr": f"min({GAP / 2}, (datum.x1 - datum.x0) / 6)"},
        ],
    }
    looks = [_part(f"look-{look}", f"datum.look === '{look}'") for look in sorted({one["look"] for one in values})]
    strips = [
        _part(f"strip-{one}", f"datum.strip === '{one}'") for one in sorted({one["strip"] for one in values} - {""})
    ]
    heads = [_part(f"head-{one}", f"datum.head === '{one}'") for one in sorted({one["head"] for one in values} - {""})]
    named = [
        _part(f"{what}-{on}", f"datum.{what} && datum.on === '{on}'")
        for what in LETTERS
        for on in sorted({one["on"] for one in values if one[what]})
    ]
    return [tree, *looks, *heads, *strips, *named]


def _part(name: str, test: str) -> dict[str, Any]:
    return {"name": name, "source": "tree", "transform": [{"type": "filter", "expr": test}]}


def _boxes(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_box(look) for look in sorted({one["look"] for one in values})]


def _box(look: str) -> dict[str, Any]:
    state, _, thin = look.partition("-")
    inset = 0 if thin else 0.75  # the edge stands inside
    encode: dict[str, Any] = {
        "x": {"signal": f"datum.x0 + datum.gap + {inset}"},
        "x2": {"signal": f"datum.x1 - datum.gap - {inset}"},
        "y": {"signal": f"datum.top + {inset}"},
        "height": {"signal": f"datum.height - {2 * inset}"},
        "description": {"field": "id"},
        "fill": {"value": PALETTE["paper"] if state == "more" else PATTERNS[state].marker},
    }
    if not thin or state in ("sent", "information", "excluded", "more"):
        encode["stroke"] = {"value": PALETTE[EDGES.get(state, "edge")]}
        encode["strokeWidth"] = {"value": 0.5 if thin else 1.5}
    if state in ("sent", "more") and not thin:
        encode["strokeDash"] = {"value": [5, 3] if state == "sent" else [2, 3]}
    return {"type": "rect", "from": {"data": f"look-{look}"}, "encode": {"update": encode}}


def _heads(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the left what answered; of what is solid itself, from the right what did not. In grey it is solid on what is not."""
    marks = []
    for head in sorted({one["head"] for one in values} - {""}):
        kind, _, thin = head.partition("-")
        until = "datum.x0 + datum.gap + (datum.x1 - datum.x0 - 2 * datum.gap) * datum.share"
        encode: dict[str, Any] = {
            "x": {"signal": "datum.x0 + datum.gap" if kind == "answered" else until},
            "x2": {"signal": until if kind == "answered" else "datum.x1 - datum.gap"},
            "y": {"signal": "datum.top"},
            "height": {"value": HEAD},
            "fill": {"value": PALETTE["answered" if kind == "answered" else "card"]},
        }
        if not thin:
            encode["stroke"] = {"value": PALETTE["card" if kind == "answered" else "answered"]}
            encode["strokeWidth"] = {"value": 1}
        marks.append(
            {"type": "rect", "interactive": False, "from": {"data": f"head-{head}"}, "encode": {"update": encode}}
        )
    return marks


def _strips(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "type": "rect",
            "interactive": False,
            "from": {"data": f"strip-{worst}"},
            "encode": {
                "update": {
                    "x": {"signal": "datum.x0 + datum.gap"},
                    "x2": {"signal": "datum.x1 - datum.gap"},
                    "y": {"signal": f"datum.top + datum.height - {STRIP}"},
                    "height": {"value": STRIP},
                    "fill": {"value": PATTERNS[worst].marker},
                    "stroke": {"value": PALETTE[EDGES[worst]]},
                    "strokeWidth": {"value": 0.75},
                }
            },
        }
        for worst in sorted({one["strip"] for one in values} - {""})
    ]


def _names(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Names along what hangs, and in what is wide enough: in one line, with the figures below it, or in two smaller ones."""
    marks = []
    for what, (size, y) in LETTERS.items():
        for on in sorted({one["on"] for one in values if one[what]}):
            place: dict[str, Any] = {"x": {"signal": "datum.x0 + 7"}, "y": {"signal": f"datum.top + {y}"}}
            if what == "along":
                place["x"], place["angle"] = {"signal": "(datum.x0 + datum.x1) / 2"}, {"value": 90}
            ink = ON if on == "on" else PALETTE["ink"]
            encode = {**place, "text": {"field": what}}
            marks.append(_letters({"data": f"{what}-{on}"}, encode, size, ink, halo=on == "halo"))
    return marks


def _letters(
    source: dict[str, Any] | None,
    encode: dict[str, Any],
    size: int,
    ink: str,
    *,
    halo: bool = False,
    bold: bool = False,
) -> dict[str, Any]:
    said = {
        **encode,
        "baseline": {"value": "middle"},
        "font": {"value": FONT},
        "fontSize": {"value": size},
        "fill": {"value": ink},
    }
    if halo:
        said |= {"stroke": {"value": PALETTE["card"]}, "strokeWidth": {"value": 4}}
    if bold:
        said["fontWeight"] = {"value": "bold"}
    mark = {"type": "text", "interactive": False, "encode": {"update": said}}
    return {**mark, "from": source} if source else mark


def _header(marking: str, title: str) -> list[dict[str, Any]]:
    """The label of the marking, in FIRST's colours on black, and what this is."""
    label = f"TLP:{marking}"
    wide = width(label, LARGE) * 1.15 + 18
    return [
        {
            "type": "rect",
            "encode": {
                "update": {
                    "width": {"value": wide},
                    "height": {"value": 26},
                    "y": {"value": 2},
                    "fill": {"value": "#000000"},
                }
            },
        },
        _letters(
            None,
            {"x": {"value": 9}, "y": {"value": 16}, "text": {"value": label}},
            LARGE,
            marking_inks(marking),
            bold=True,
        ),
        _letters(
            None,
            {
                "x": {"value": wide + 12},
                "y": {"value": 16},
                "text": {"value": cut(title, WIDTH - wide - 12, LARGE + 2)},
            },
            LARGE + 2,
            PALETTE["ink"],
            bold=True,
        ),
    ]


def _key(found: Shape) -> list[tuple[str, str, float, float]]:
    """State, words, where it stands and in which line: what the patterns mean, and how many bodies each has.

    Without a state: the strip along the head.
    """
    placed: list[tuple[str, str, float, float]] = []
    x, line = 0.0, 0.0
    said = [(state, f"{number:,} {icicle_words.WORDS[state]}") for state, number in icicle_words.counted(found.states)]
    for state, words in [*said, ("", icicle_words.SHARE)]:
        room = 26 + width(words, LARGE) / ROOM + 22
        if x + room > WIDTH and placed:
            x, line = 0.0, line + 1
        placed.append((state, words, x, line))
        x += room
    return placed


def _key_marks(key: list[tuple[str, str, float, float]], top: float) -> list[dict[str, Any]]:
    marks: list[dict[str, Any]] = []
    for state, words, x, line in key:
        y = top + line * KEY
        box = {
            "x": {"value": x + 0.75},
            "y": {"value": y + 4},
            "width": {"value": 18},
            "height": {"value": 18},
            "fill": {"value": PATTERNS[state].marker if state else PALETTE["card"]},
            "stroke": {"value": PALETTE[EDGES.get(state, "edge")]},
            "strokeWidth": {"value": 1.5},
        }
        marks.append({"type": "rect", "encode": {"update": box}})
        if not state:
            strip = {"width": {"value": 11}, "height": {"value": HEAD}, "fill": {"value": PALETTE["answered"]}}
            marks.append({"type": "rect", "encode": {"update": {"x": box["x"], "y": box["y"], **strip}}})
        at = {"x": {"value": x + 26}, "y": {"value": y + 13}, "text": {"value": words}}
        marks.append(_letters(None, at, LARGE, PALETTE["ink"]))
    return marks
