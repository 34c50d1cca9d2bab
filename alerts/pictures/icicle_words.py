"""What an icicle says in words: the states, the tooltip of a cell, and all of it in a sentence or two."""

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.coverage.nodes_sql import STATES
from alerts.coverage.shape import Node, Parts, Shape
from alerts.pictures.icicle_cells import Cell

WORDS = {
    "dark": "nobody to tell",
    "held": "held",
    "waiting": "waiting to be sent",
    "sent": "sent, answers missing",
    "delivered": "delivered, answers missing",
    "covered": "answered",
    "information": "for information only",
    "excluded": "left out on purpose",
}
SHARE = "strip along the head: the share of its branch that answered"
NAMED = 10
"""How many dark bodies the description names."""


def bodies(number: int) -> str:
    """ "1 body", "2,000 bodies"."""
    return f"{number:,} {'body' if number == 1 else 'bodies'}"


def tooltip(cell: Cell) -> str:
    """ "Treasury: 12 of 40 answered, 3 held, nobody to tell in 2 bodies below"."""
    if cell.state == "more":
        said = f"{bodies(cell.bodies)} more below {cell.above.name if cell.above else 'these'}"
        return f"{said}: {_nobody(cell.dark, '')}" if cell.dark else said
    name = cell.node.name if cell.node else f"{bodies(cell.bodies)}, {WORDS[cell.state]}"
    return f"{name}: {says(cell.state, cell.branch, cell.dark, cell.node, cell.hidden)}"


def says(cell_state: str, branch: Parts, dark: int, node: Node | None, hidden: int = 0) -> str:
    """How a body and its branch stand, in a line."""
    first = itself(node) if node and cell_state in ("dark", "excluded", "information") else ""
    if not node and cell_state in ("excluded", "information"):
        first = WORDS[cell_state]
    return ", ".join(filter(None, (first, in_branch(branch, dark, node, hidden)))) or "nobody in it yet"


def itself(node: Node) -> str:
    """How a body stands."""
    if node.state != "dark" or not node.people:
        return WORDS[node.state]
    return (
        "its only person cannot be reached"
        if node.people == 1
        else f"none of its {node.people:,} people can be reached"
    )


def in_branch(branch: Parts, dark: int, node: Node | None, hidden: int = 0) -> str:
    """What there is to say of its people and of what is below it; "" where that is nothing."""
    said = []
    is_dark = node is not None and node.state == "dark"
    own = node.people if node and is_dark else 0
    if branch.total > own:
        said.append(f"{branch.answered:,} of {branch.total:,} answered")
    said += [
        f"{number:,} {words}"
        for number, words in (
            (branch.held, "held"),
            (branch.waiting, "waiting to be sent"),
            (branch.dark if branch.dark > own else 0, "cannot be reached"),
        )
        if number
    ]
    if below := dark - is_dark:
        said.append(_nobody(below, " below" if node else ""))
    if hidden and node:
        said.append(f"and {bodies(hidden)} more below")
    return ", ".join(said)


def _nobody(number: int, where: str) -> str:
    return f"nobody to tell in {bodies(number)}{where}"


def dark_bodies(shape: Shape) -> list[str]:
    """Their names, as far as the picture shows them."""
    return sorted(node.name for node in shape.nodes if node.state == "dark")


def described(shape: Shape) -> str:
    """All of it in a sentence or two, for those who don't see it; the table beside it says the rest."""
    if not shape.nodes:
        return "No body has been reached yet."
    said = ", ".join(f"{number:,} {WORDS[state]}" for state, number in counted(shape.states))
    names = dark_bodies(shape)
    more = shape.states.get("dark", 0) - len(names[:NAMED])
    nobody = f" Nobody to tell in: {', '.join(names[:NAMED])}{f' and {more:,} more' if more else ''}." if names else ""
    return (
        f"{bodies(shape.bodies)}, each below the one it belongs to and as wide as its branch has people: {said}. "
        f"The strip along the head of each is as long as the share of its branch that answered.{nobody}"
    )


def counted(states: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """The states that there are, the worst first."""
    return [(state, states[state]) for state in STATES if states.get(state)]


def label(cell: Cell) -> tuple[str, str]:
    """What stands in a cell, and in small letters below it."""
    if cell.state == "more":
        return f"and {cell.bodies:,} more", ""
    if cell.node is None:
        return bodies(cell.bodies), WORDS[cell.state]
    branch: Any = cell.branch
    small = f"{branch.answered:,} of {branch.total:,} answered" if branch.total and cell.state != "excluded" else ""
    return cell.node.name, small or ("" if cell.state == "covered" else WORDS[cell.state])
