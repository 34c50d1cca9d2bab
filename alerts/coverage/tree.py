"""A part of an advisory's tree, whole: every body, its figures, its branch's, and what stands in the way. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.coverage.figures import Bodies, Figures
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.rung import last_told
from alerts.coverage.scope import Scope
from alerts.coverage.tree_sql import TREE
from alerts.coverage.why import why
from alerts.statements import run


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One body, below the one that it answers to."""

    body: str
    """The slug."""
    name: str
    kind: str
    parent: str
    """The slug of the row above; "" on top."""
    depth: int
    """0 on top."""
    state: str
    """One of `nodes_sql.STATES`."""
    why: str
    """Of a dark one, with who was told there by telephone."""
    worst: str
    """The worst state in its branch, its own included."""
    own: Figures
    waits: int
    """Of its own people, who waits behind a hold."""
    branch: Figures
    branch_waits: int
    bodies: Bodies
    reason: str
    """Why it was left out on purpose; "" where it was not."""
    signer: str
    until: datetime | None
    """When that is looked at again."""


_COUNTED = len(Figures._fields)
_OWN = slice(14, 14 + _COUNTED)
_WORST = _OWN.stop + 1
_BRANCH = slice(_WORST + 2, _WORST + 2 + _COUNTED)
_BODIES = slice(_BRANCH.stop, _BRANCH.stop + len(Bodies._fields))


def tree(scope: Scope) -> list[TreeRow]:
    """Every body in scope, each above its children; one statement, one moment; calls to dark ones in a second one."""
    depths: dict[str, int] = {}
    found = []
    rows = run(TREE, **scope.values())
    # The path of a body with a turn ends with its relay.
    rung = last_told(scope.advisory_id, {row[1][-1] for row in rows if row[6] == "dark"})
    for row in rows:
        _, path, slug, name, kind, parent, state, relay_state, held_until, reason, _, until, holder, waits = row[:14]
        own = Figures(*row[_OWN])
        told = [rung[path[-1]].said] if path[-1] in rung else []
        depth = depths[parent] + 1 if parent in depths else 0
        if relay_state:
            depths[slug] = depth
        found.append(
            TreeRow(
                body=slug,
                name=name,
                kind=kind,
                parent=parent if parent in depths else "",
                depth=depth,
                state=state,
                why="; ".join([why(state, own, relay_state, held_until, holder, reason), *told]),
                worst=STATES[row[_WORST] - 1],
                own=own,
                waits=waits,
                branch=Figures(*row[_BRANCH]),
                branch_waits=row[_WORST + 1],
                bodies=Bodies(*row[_BODIES]),
                reason=reason,
                signer=row[-1],
                until=until,
            )
        )
    return found
