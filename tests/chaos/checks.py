"""Whether anything was lost, doubled or left lying: asked of the mail server's log and of the tables, never of the product."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import psycopg

from alerts import counting
from alerts.models.figures import FIGURES, columns
from tests.chaos.machine import Machine

PART = 100  # mails that one killed process may have sent and not noted

# Rows in a state that nothing moves on from; each is to be none.
LEFT_LYING = {
    "batches that are not done": "SELECT count(*) FROM alerts_batch WHERE done_at IS NULL",
    "leases that nobody gave back": "SELECT count(*) FROM alerts_batch WHERE leased_until IS NOT NULL",
    "messages that wait": "SELECT count(*) FROM alerts_message WHERE state = 'waiting'",
    "relays to be compared": "SELECT count(*) FROM alerts_relay WHERE stale",
    "relays to be told": "SELECT count(*) FROM alerts_relay WHERE to_tell",
    "holds that are over": "SELECT count(*) FROM alerts_relay WHERE state = 'held' AND held_until <= now()",
    "relays that the wave forgot": """
        SELECT count(*) FROM alerts_relay r LEFT JOIN alerts_relay p ON p.id = r.parent_id
        WHERE r.state = 'planned' AND (r.parent_id IS NULL OR p.state = 'released')""",
    "deltas that nobody folded": "SELECT count(*) FROM alerts_delta",
    "advisories not queued whole": """
        SELECT count(*) FROM alerts_advisory WHERE current_id IS NOT NULL AND queued_id IS DISTINCT FROM current_id""",
}
_DIFFER = " OR ".join(f"COALESCE(kept.{name}, 0) <> COALESCE(found.{name}, 0)" for name in FIGURES)
KEPT_OTHERWISE = f"""
SELECT count(*) FROM (SELECT * FROM alerts_counter WHERE advisory_id = %(advisory)s) kept
FULL JOIN ({counting.OWN_FROM_ROWS}) found(relay_id, {columns()}) USING (relay_id) WHERE {_DIFFER}
"""
WHOLE_OTHERWISE = f"""
SELECT count(*) FROM (SELECT * FROM alerts_whole WHERE advisory_id = %(advisory)s) kept
FULL JOIN ({counting.WHOLE_FROM_ROWS}) found({columns()}) ON true WHERE {_DIFFER}
"""
# The minutes in which people answered the current material revision: by branch, and of the whole.
_ANSWERED = """
    SELECT a.relay_id, sum(c.acknowledged) AS number
    FROM alerts_counter c JOIN alerts_relay l ON l.id = c.relay_id CROSS JOIN LATERAL unnest(l.path) AS a (relay_id)
    WHERE c.advisory_id = %(advisory)s GROUP BY a.relay_id
    UNION ALL SELECT NULL, acknowledged FROM alerts_whole WHERE advisory_id = %(advisory)s
"""
MINUTES_OTHERWISE = f"""
SELECT count(*) FROM ({_ANSWERED}) kept
FULL JOIN (
    SELECT t.relay_id, sum(t.acknowledged) AS number
    FROM alerts_tide t
    JOIN alerts_advisory a ON a.id = t.advisory_id
    JOIN alerts_revision m ON m.id = a.material_id AND m.number = t.material
    WHERE t.advisory_id = %(advisory)s GROUP BY t.relay_id
) found ON COALESCE(found.relay_id, 0) = COALESCE(kept.relay_id, 0)
WHERE COALESCE(kept.number, 0) <> COALESCE(found.number, 0)
"""


@dataclass
class Drill:
    """An advisory of a round, its latest revision, and whoever is to have that."""

    name: str
    revision: int
    branch: str
    audience: set[str]

    def title(self, revision: int) -> str:
        """By which its mails are known in the log."""
        return f"drill-{self.name}-r{revision}"


def lying(machine: Machine) -> dict[str, int]:
    """What lies about, and how much of it."""
    with psycopg.connect(machine.environment["DATABASE_URL"]) as connection:
        found = {name: _count(connection, statement) for name, statement in LEFT_LYING.items()}
    return {name: many for name, many in found.items() if many}


def unheard(machine: Machine, drill: Drill) -> set[str]:
    """Whoever has not been sent the latest revision, nor been refused for good by their server, whose words are kept."""
    machine.mails.look()
    missing = drill.audience - machine.mails.told(drill.name, drill.revision)
    return missing - refused(machine, drill) if missing else missing


def refused(machine: Machine, drill: Drill) -> set[str]:
    """Whose server took nothing of the latest revision."""
    rows = machine.query(
        "SELECT p.email FROM alerts_message m JOIN departments_person p ON p.id = m.person_id"
        " JOIN alerts_revision r ON r.id = m.revision_id"
        " WHERE r.content->>'title' = %s AND m.state = 'failed' AND m.error LIKE '550%%'",
        drill.title(drill.revision),
    )
    return {str(address) for (address,) in rows if str(address).startswith("refused-")}


def faults(machine: Machine, drills: Collection[Drill], killed: int) -> list[str]:
    """Everything that is not as promised after a round in which so many processes were killed; empty when all is well."""
    found = [f"{many} {name}" for name, many in lying(machine).items()]
    for drill in drills:
        machine.mails.look()
        mails = machine.mails
        if missing := unheard(machine, drill):
            found.append(f"{drill.name}: {len(missing)} never sent revision {drill.revision}: {sorted(missing)[:5]}")
        if left := mails.told_any(drill.name) - mails.told(drill.name, drill.revision):
            found.append(
                f"{drill.name}: {len(left)} were told and not told revision {drill.revision}: {sorted(left)[:5]}"
            )
        if strangers := mails.told_any(drill.name) - drill.audience:
            found.append(f"{drill.name}: {len(strangers)} were told whom it is not for: {sorted(strangers)[:5]}")
        found += _figures(machine, drill)
    doubled = sum(machine.mails.doubled(drill.name) for drill in drills)
    if doubled > killed * PART:
        found.append(f"{doubled} mails were doubled, with {killed} processes killed")
    return found


def _figures(machine: Machine, drill: Drill) -> list[str]:
    found = []
    with psycopg.connect(machine.environment["DATABASE_URL"]) as connection:
        advisories = connection.execute(
            "SELECT a.id, a.reference FROM alerts_revision r JOIN alerts_advisory a ON a.id = r.advisory_id"
            " WHERE r.content->>'title' = %s",
            [drill.title(1)],
        ).fetchall()
        if len(advisories) != 1:
            found.append(f"{drill.name}: {len(advisories)} advisories of this name")
        for advisory, reference in advisories:
            for what, statement in (
                ("relays", KEPT_OTHERWISE),
                ("the whole", WHOLE_OTHERWISE),
                ("minutes", MINUTES_OTHERWISE),
            ):
                if many := _count(connection, statement, advisory=advisory):
                    found.append(f"{drill.name}: the figures of {what} differ from the rows ({many})")
            found += _adds_up(machine, drill, str(reference))
    return found


def _adds_up(machine: Machine, drill: Drill, reference: str) -> list[str]:
    """Coverage: a body's branch is its own figures and its children's branches; everybody but the refused has been sent it."""
    whole, *bodies = machine.coverage(reference)
    below: defaultdict[object, Counter[str]] = defaultdict(Counter)
    for row in bodies:
        below[row["parent"]].update(_numbers(row["branch"]))
    wrong = [
        str(row["body"])
        for row in bodies
        if Counter(_numbers(row["own"])) + below[row["body"]] != Counter(_numbers(row["branch"])) + Counter()
    ]
    found = [f"{drill.name}: coverage does not add up at {wrong[:5]}"] if wrong else []
    sent = len(drill.audience & machine.mails.told(drill.name, drill.revision))
    if (said := _numbers(whole["branch"])["sent"]) != sent:
        found.append(f"{drill.name}: coverage says {said} were sent it, and {sent} were")
    return found


def _numbers(figures: object) -> dict[str, int]:
    assert isinstance(figures, dict)
    return {name: value for name, value in figures.items() if isinstance(value, int)}


def _count(connection: psycopg.Connection[tuple[object, ...]], statement: str, **values: object) -> int:
    row = connection.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return int(str(row[0]))
