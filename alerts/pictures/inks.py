"""The colours that pictures are drawn in: those of `config/static/tocsin.css` by day, and the patterns of the states.

A specification names them by these values. On a page the same drawing follows the page's own colours, dark ones too, by the
classes that `drawing` puts beside them: `f-<name>` where it fills, `s-<name>` where it is a line.
"""

from typing import NamedTuple

PALETTE = {
    "ink": "#10202c",
    "soft": "#4d5f6a",
    "paper": "#fbfaf7",
    "card": "#ffffff",
    "line": "#d5d9d6",
    "edge": "#6d7b84",
    "answered": "#0f6f66",
    "told": "#bfe3de",
    "held": "#6a4fb3",
    "dark": "#b0360a",
    "dark2": "#f3cbb9",
    "focus": "#ffbf47",
}
# On what is solid in the colour of answers; its value by day is the card's, so it needs a name of its own.
ON = "#fffffe"
NAMES = {value: name for name, value in PALETTE.items()} | {ON: "on"}


class Pattern(NamedTuple):
    """What a state is filled with: a tile, drawn again and again."""

    marker: str
    """The colour that stands for it in a specification: Vega knows no patterns."""
    ground: str
    """The ink below, by its name."""
    ink: str = ""
    """The ink on it, by its name; "" where it is plain."""
    size: tuple[int, int] = (8, 8)
    marks: str = ""
    """A path on the tile."""
    turned: int = 0
    """Degrees."""

    @property
    def shape(self) -> tuple[str, tuple[int, int], int]:
        """What tells it from others where there is no colour."""
        return self.marks, self.size, self.turned


# From the worst to the best, then those of whom nothing is asked. Their edges are in EDGES.
PATTERNS = {
    "dark": Pattern("#010001", "dark2", "dark", (9, 9), "M0 0h5v9H0z", 45),
    "held": Pattern("#010002", "card", "held", (7, 7), "M0 0h3v7H0z"),
    "waiting": Pattern("#010003", "line", "edge", (8, 8), "M1 1h2v2H1zM5 5h2v2H5z"),
    "sent": Pattern("#010004", "card", "edge", (10, 8), "M1 3h5v1.5H1z"),
    "delivered": Pattern("#010005", "told"),
    "covered": Pattern("#010006", "answered"),
    "information": Pattern("#010007", "paper"),
    "excluded": Pattern("#010008", "card", "soft", (8, 8), "M0 0h8v1.2H0zM0 0h1.2v8H0z", 45),
}
EDGES = {
    "dark": "dark",
    "held": "held",
    "waiting": "edge",
    "sent": "edge",
    "delivered": "answered",
    "covered": "answered",
    "information": "edge",
    "excluded": "soft",
}
OF_MARKER = {pattern.marker: state for state, pattern in PATTERNS.items()}


def pattern_id(state: str) -> str:
    """Of its `<pattern>` in a drawing. Drawings on one page share them, and they are the same everywhere."""
    return f"in-{state}"


def marking_inks(marking: str) -> str:
    """The colour of a TLP label on its black, as FIRST's TLP 2.0 says."""
    return {"GREEN": "#33ff00", "AMBER": "#ffc000", "AMBER+STRICT": "#ffc000", "RED": "#ff2b2b"}.get(marking, "#ffffff")


def swatch(state: str) -> dict[str, str]:
    """How a state is filled and edged in a page's key: `fill` and `classes`. The patterns are those of a drawing beside it."""
    pattern = PATTERNS[state]
    if pattern.ink:
        return {"fill": f"url(#{pattern_id(state)})", "classes": f"s-{EDGES[state]}"}
    return {"fill": PALETTE[pattern.ground], "classes": f"f-{pattern.ground} s-{EDGES[state]}"}
