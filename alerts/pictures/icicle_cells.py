"""What an icicle is made of: a cell for each body, as wide as its branch has people, and how wide those are that have none.

A body with nobody to tell weighs nothing in people and is the first thing to be seen: it has a width all the same. What would
be too thin to be seen stands together with its sisters in the same state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alerts.coverage.nodes_sql import STATES
from alerts.coverage.shape import Node, Parts, Shape

WIDTH = 1200
"""Units that the picture is wide."""
LEAST = {"dark": 18.0}
"""Units that a body has at least, by its state."""
LEAST_OF_OTHERS = 6.0
MOST_OF_DARK, MOST_OF_OTHERS = 0.4, 0.15
"""Parts of the width that the least widths of all dark bodies, and of all others, may take from people."""
THIN = 3.0
"""What is thinner than so many units stands together with others like it."""


@dataclass(slots=True)
class Cell:
    """A rectangle of the picture."""

    key: str
    parent: str | None
    weight: float
    """What is its own of the width, beside what stands below it: in units."""
    width: float
    """All of it, in units."""
    row: int
    state: str
    """One of `nodes_sql.STATES`, or "more"."""
    worst: str
    branch: Parts
    bodies: int
    dark: int
    node: Node | None
    """The body; None for several of them together."""
    above: Node | None
    """What it stands below."""
    hidden: int = 0
    """How many bodies of its branch the picture does not show."""
    leaf: bool = True
    """Nothing stands below it."""


def cells(shape: Shape, width: float = WIDTH) -> list[Cell]:
    """The cells, each after the one above it and the worst first; together they are `width` wide."""
    return list(_Layout(shape.nodes, width).cells())


class _Layout:
    def __init__(self, nodes: Sequence[Node], width: float) -> None:
        self.nodes = nodes
        self.below: dict[int | None, list[int]] = defaultdict(list)
        for place, node in enumerate(nodes):
            self.below[node.parent].append(place)
        for places in self.below.values():
            places.sort(key=self._attention)
        self._weigh(width)

    def _attention(self, place: int) -> tuple[int, int, str]:
        node = self.nodes[place]
        return STATES.index(node.worst), node.branch.answered - node.branch.total, node.name

    def _weigh(self, width: float) -> None:
        """How wide each branch is, and what of that is not its children's. From the leaves up: parents stand before them."""
        alone = [node for place, node in enumerate(self.nodes) if not self.below.get(place)]
        dark = sum(node.state == "dark" for node in alone)
        others = sum(node.state != "dark" and not node.branch.total for node in alone)
        of_dark = min(LEAST["dark"], MOST_OF_DARK * width / max(dark, 1))
        of_others = min(LEAST_OF_OTHERS, MOST_OF_OTHERS * width / max(others, 1))
        people = sum(self.nodes[place].branch.total for place in self.below[None])
        each = max(width - dark * of_dark - others * of_others, width / 4) / max(people, 1)
        self.own = [0.0] * len(self.nodes)
        self.wide = [0.0] * len(self.nodes)
        for place in reversed(range(len(self.nodes))):
            node, children = self.nodes[place], self.below.get(place, ())
            rest = node.branch.total - sum(self.nodes[child].branch.total for child in children)
            least = of_dark if node.state == "dark" else of_others
            own = rest * each
            self.own[place] = own if children or (own and node.state != "dark") else max(own, least)
            self.wide[place] = self.own[place] + sum(self.wide[child] for child in children)
        whole = sum(self.wide[place] for place in self.below[None])
        scale = width / whole if whole else 1.0
        self.own, self.wide = [one * scale for one in self.own], [one * scale for one in self.wide]

    def cells(self) -> Iterator[Cell]:
        waiting: list[tuple[int | None, str | None, int]] = [(None, None, 0)]
        for parent, key, row in waiting:  # grows while it is read: each row after the one above
            thin: dict[str, list[int]] = defaultdict(list)
            found: list[Cell] = []
            for place in self.below.get(parent, ()):
                if self.wide[place] < THIN:
                    thin[self.nodes[place].worst].append(place)
                    continue
                found.append(self._cell(place, key, row))
                if not found[-1].leaf:
                    waiting.append((place, found[-1].key, row + 1))
            found += [self._together(state, places, key, row, parent) for state, places in thin.items()]
            yield from sorted(found, key=lambda cell: STATES.index(cell.worst))
            if parent is not None and (hidden := self.nodes[parent].hidden):
                yield self._more(parent, str(key), row, hidden)

    def _cell(self, place: int, parent: str | None, row: int) -> Cell:
        node = self.nodes[place]
        leaf = not self.below.get(place) and not node.hidden
        return Cell(
            key=f"n{place}",
            parent=parent,
            weight=self.wide[place] if leaf else self._beside(place),
            width=self.wide[place],
            row=row,
            state=node.state,
            worst=node.worst,
            branch=node.branch,
            bodies=node.bodies,
            dark=node.dark,
            node=node,
            above=None if node.parent is None else self.nodes[node.parent],
            hidden=node.hidden,
            leaf=leaf,
        )

    def _beside(self, place: int) -> float:
        """What of a body's width is neither its children's nor that of the bodies that are not shown."""
        return self.own[place] - self._of_hidden(place)

    def _of_hidden(self, place: int) -> float:
        """Of its own width: what falls to the bodies that are not shown, by their people, or by half."""
        node = self.nodes[place]
        if not node.hidden:
            return 0.0
        rest = node.branch.total - sum(self.nodes[child].branch.total for child in self.below.get(place, ()))
        return self.own[place] * (max(rest - node.people, 0) / rest if rest else 0.5)

    def _together(self, state: str, places: Sequence[int], parent: str | None, row: int, above: int | None) -> Cell:
        found = [self.nodes[place] for place in places]
        wide = sum(self.wide[place] for place in places)
        return Cell(
            key=f"{parent or 'top'}-{state}",
            parent=parent,
            weight=wide,
            width=wide,
            row=row,
            state=state,
            worst=state,
            branch=Parts(*map(sum, zip(*(node.branch for node in found), strict=True))),
            bodies=sum(node.bodies for node in found),
            dark=sum(node.dark for node in found),
            node=found[0] if len(found) == 1 else None,
            above=None if above is None else self.nodes[above],
            hidden=sum(node.bodies for node in found) - len(found),
        )

    def _more(self, place: int, parent: str, row: int, hidden: int) -> Cell:
        node = self.nodes[place]
        wide = self._of_hidden(place)
        dark = node.dark - (node.state == "dark") - sum(self.nodes[child].dark for child in self.below.get(place, ()))
        return Cell(
            key=f"{parent}-more",
            parent=parent,
            weight=wide,
            width=wide,
            row=row,
            state="more",
            worst="dark" if dark else "more",
            branch=Parts(),
            bodies=hidden,
            dark=dark,
            node=None,
            above=node,
            hidden=hidden,
        )
