"""The SQL that every reading of coverage begins with: each body of an advisory, its own figures and its state."""

from alerts.coverage.scope import IN_SCOPE
from alerts.models.figures import columns

COLUMNS = columns()
_NOW = columns(template="COALESCE(c.{0}, 0) + COALESCE(d.{0}, 0) AS {0}")

# From what needs attention most to what needs none: a state's place in here is how bad it is.
STATES = ("dark", "held", "waiting", "sent", "delivered", "covered", "information", "excluded")
RANK = "array_position(ARRAY[" + ", ".join(f"'{state}'" for state in STATES) + "], {})"

# A relay whose own people count is a target, whether its body is one or only people of it were named.
# Whoever sat in a body that has closed since was handed on with their seats: nobody is missing there.
# Dark comes before held (nobody there can hold or answer anything); somebody who answered was told, refused mail or not;
# and a body whose people the cascade has yet to look up is not dark, it waits.
STATE = """
CASE WHEN excluded IS NOT NULL AND NOT target THEN 'excluded'
     WHEN target AND acknowledged = 0 AND unreachable = targeted AND NOT (stale AND targeted = 0) THEN 'dark'
     WHEN relay_state = 'held' THEN 'held'
     WHEN NOT target THEN 'information'
     WHEN targeted > 0 AND acknowledged >= CASE rule WHEN 'any' THEN 1 ELSE targeted END THEN 'covered'
     WHEN waiting > 0 OR sent = 0 THEN 'waiting'
     WHEN delivered = sent THEN 'delivered'
     ELSE 'sent'
END
"""

_CLOSED = "LEFT JOIN (SELECT id, closed FROM departments_body WHERE closed IS NOT NULL) b ON b.id = l.body_id"

WHOLE = f"""
    SELECT {columns(template="COALESCE(sum({0}), 0)::int AS {0}")}
    FROM (
        SELECT {COLUMNS} FROM alerts_whole WHERE advisory_id = %(advisory)s
        UNION ALL
        SELECT {COLUMNS} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NULL
    ) x
"""


# What is pending of each relay, and which relays hold: what `seated` asks for.
BEFORE = f"""
pending AS MATERIALIZED (
    SELECT relay_id, {columns(template="sum({0})::int AS {0}")}
    FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NOT NULL
    GROUP BY relay_id
), holding AS MATERIALIZED (
    SELECT COALESCE(array_agg(l.id), '{{}}') AS ids
    FROM alerts_relay l WHERE l.advisory_id = %(advisory)s AND l.state = 'held' AND l.purpose <> 'left'
)
"""


def seated(*, named: bool = False, also: str = "") -> str:
    """A row for each body in scope (`Scope.values`) with its own figures, its `state` and that one's `rank`, after `BEFORE`.

    `behind`: it is held, or one above it is. `named`: with slug, name, kind and who signed for leaving it out, which costs.
    OFFSET 0: each expression is reckoned once, and not wherever it is named.
    Index: relay_once, alerts_counter(advisory), alerts_delta(advisory), relay_held.
    """
    names = "b.slug, b.name, b.kind, e.by_id, e.at AS signed_at, e.look_again_at," if named else ""
    bodies = "JOIN departments_body b ON b.id = l.body_id" if named else _CLOSED
    return f"""
    SELECT *, {RANK.format("state")} AS rank
    FROM (SELECT *, {STATE} AS state
    FROM (
        SELECT l.id, l.parent_id, l.body_id, l.path, {names} l.state AS relay_state, l.held_until, l.stale, a.rule,
               l.path && holding.ids AS behind, e.reason AS excluded,
               (l.purpose = 'target' AND b.closed IS NULL) OR COALESCE(c.targeted, 0) + COALESCE(d.targeted, 0) > 0 AS target,
               {_NOW}
        FROM alerts_relay l
        CROSS JOIN holding
        JOIN alerts_advisory a ON a.id = l.advisory_id
        {bodies}
        LEFT JOIN alerts_exclusion e
            ON e.advisory_id = l.advisory_id AND e.body_id = l.body_id AND e.lapsed_at IS NULL
        LEFT JOIN alerts_counter c ON c.relay_id = l.id AND c.advisory_id = %(advisory)s
        LEFT JOIN pending d ON d.relay_id = l.id
        WHERE {IN_SCOPE} {also}
        OFFSET 0
    ) seated OFFSET 0) judged OFFSET 0
"""


def nodes(*, named: bool) -> str:
    """The same as a table `node` of a statement; begins a list of tables."""
    return f"""{BEFORE}, node AS MATERIALIZED ({seated(named=named)})
"""


NODES = nodes(named=True)
