"""The one bar: an SVG, so that the content policy needs no exception for styles."""

from typing import NamedTuple

from django import template

register = template.Library()

# Percent of the bar's width: what is there is never too thin to be seen.
LEAST = 1.5
WORDS = (
    ("answered", "answered"),
    ("told", "told and silent"),
    ("sent", "sent"),
    ("held", "held"),
    ("waiting", "waiting to be sent"),
    ("dark", "cannot be reached"),
)


class Piece(NamedTuple):
    """One rectangle; `x` and `width` are percentages."""

    kind: str
    x: str
    width: str


@register.inclusion_tag("alerts/parts/bar.html")
def bar(
    answered: int = 0,
    told: int = 0,
    sent: int = 0,
    held: int = 0,
    dark: int = 0,
    waiting: int = 0,
    nobody: bool = False,
    handed_over: bool = False,
) -> dict[str, object]:
    """So many people in each state. `nobody`: a body with nobody to tell, which weighs nothing and must still be seen."""
    counts = {"answered": answered, "told": told, "sent": sent, "held": held, "waiting": waiting, "dark": dark}
    total = sum(counts.values())
    if not total:
        return {
            "pieces": [Piece("dark", "0", "100")] if nobody else [],
            "label": "Nobody to tell" if nobody else "Nobody",
        }
    said = [
        f"{counts[kind]:,} {'handed over' if kind == 'sent' and handed_over else words}"
        for kind, words in WORDS
        if counts[kind]
    ]
    people = "person" if total == 1 else "people"
    return {"pieces": _pieces(counts, total), "label": f"Of {total:,} {people}: {', '.join(said)}"}


@register.inclusion_tag("alerts/parts/bar_patterns.html")
def bar_patterns() -> dict[str, object]:
    """The two patterns that bars fill with, once a page, outside of what is polled."""
    return {}


def _pieces(counts: dict[str, int], total: int) -> list[Piece]:
    widths = {kind: max(100 * count / total, LEAST) for kind, count in counts.items() if count}
    scale = 100 / sum(widths.values())
    pieces, x = [], 0.0
    for kind, width in widths.items():
        pieces.append(Piece(kind, f"{x:.3f}", f"{width * scale:.3f}"))
        x += width * scale
    return pieces
