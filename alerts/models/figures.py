"""What is counted, said once in SQL: the triggers, the recount and the tests all take it from here.

Of a recipient r of an advisory whose current revision is n and whose last material revision is m:

    targeted       1
    unreachable    the address was refused, or bounced since, and nobody has answered; they stay in the denominator
    sent           told revision n (or a later one); of somebody whose address refuses mail: told through an answer
    waiting        neither sent nor unreachable
    delivered      sent, and the route said that it arrived (and was reported as spam, or not)
    acknowledged   the last answer that counts is to revision m or a later one, whoever gave it for them; one that their
                   office gave only where the advisory says that it counts
    acted          acknowledged, and every action done or not applicable
    suspect        not acknowledged nor told through their office, and an answer to revision m that looks like a machine's
    office         told through their office, which answered revision m or a later one, and they themselves have not
    behalf         acknowledged, and that answer was put down for them by their body's contact
    silent         told beyond doubt and not acknowledged: the route said that it arrived, or their office answered
    unsent         waiting, and nothing was heard from them or their office either
    former         answered an earlier revision, and not acknowledged: they may still act on the old advice

So `acknowledged`, `silent`, `unsent` and `unreachable` share nobody, and whoever is in none of them was sent the mail, and
nothing was heard of it since.

A relay's own figures are the sum over its current target seats; the whole's over recipients with `targeted`.

Measured on 2 cores with PostgreSQL 18: see `alerts.counting`.
"""

import pgtrigger

FIGURES = (
    "targeted",
    "waiting",
    "sent",
    "delivered",
    "unreachable",
    "suspect",
    "acknowledged",
    "acted",
    "office",
    "behalf",
    "silent",
    "unsent",
    "former",
)

# Held shared by every transaction that changes figures, exclusively by one that changes what they are compared with.
FIGURES_LOCK = "hashtext('alerts.figures')"

# Outcomes of a recipient (`Recipient.Outcome`): who can't be reached, and whose mail arrived.
OUT_OF_REACH = ("unreachable", "bounced", "suppressed")
ARRIVED_AT = ("delivered", "complained")
UNREACHABLE, ARRIVED = str(OUT_OF_REACH), str(ARRIVED_AT)  # as SQL writes them


def columns(prefix: str = "", template: str = "{}") -> str:
    """The columns, comma-separated, each put into `template`."""
    return ", ".join(template.format(prefix + name) for name in FIGURES)


# Wants the aliases `r` (a recipient) and `v` (the numbers of its advisory's revisions, from REVISIONS).
FIGURES_OF_RECIPIENT = f"""
    SELECT 1 AS targeted,
           (NOT told.now AND NOT told.refused)::int AS waiting,
           told.now::int AS sent,
           (told.now AND r.outcome IN {ARRIVED})::int AS delivered,
           told.refused::int AS unreachable,
           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,
           said.yes::int AS acknowledged,
           (said.yes AND r.acted_revision >= v.material)::int AS acted,
           (heard.so AND NOT own.yes)::int AS office,
           (own.yes AND r.behalf_revision >= v.material)::int AS behalf,
           (NOT said.yes AND (heard.so OR told.now AND r.outcome IN {ARRIVED}))::int AS silent,
           (NOT heard.so AND NOT told.now AND NOT told.refused)::int AS unsent,
           (NOT said.yes AND greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0)::int
               AS former
    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,
         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,
         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,
         LATERAL (SELECT r.outcome IN {UNREACHABLE} AND NOT heard.so AS refused,
                         CASE WHEN r.outcome IN {UNREACHABLE} THEN heard.so
                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told
"""

REVISIONS = """
    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material
    FROM alerts_advisory a
    LEFT JOIN alerts_revision c ON c.id = a.current_id
    LEFT JOIN alerts_revision m ON m.id = a.material_id
"""

CURRENT_SEAT = "s.counts AND s.ended_at IS NULL"

_SIGNED_SUMS = columns(template="sum(x.sign * x.{})")
_NOT_ZERO = " OR ".join(f"sum(x.sign * x.{name}) <> 0" for name in FIGURES)
_INTO_DELTA = f"INSERT INTO alerts_delta (advisory_id, relay_id, material, {columns()})"

# Each statement of a PL/pgSQL function has a snapshot of its own (READ COMMITTED): what is read after the lock is what
# the transaction that held it has written.
_SHARE_OF_RECIPIENTS = f"""
    PERFORM pg_advisory_xact_lock_shared({FIGURES_LOCK}, touched.advisory_id::int)
    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;
"""

# A person's place is nobody's yet when the person is written, so that only the whole changes.
COUNT_NEW_RECIPIENTS = f"""
    {_SHARE_OF_RECIPIENTS}
    WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id IN (SELECT advisory_id FROM new_rows))
    {_INTO_DELTA}
    SELECT r.advisory_id, NULL, v.material, {columns("f.", "sum({})")}
    FROM new_rows r
    JOIN v ON v.id = r.advisory_id
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE r.targeted
    GROUP BY r.advisory_id, v.material;
    RETURN NULL;
"""

# OFFSET 0 keeps the seats a look-up by `seat_once` alone for each recipient: PL/pgSQL keeps the first plan of a session, and
# one made for a great update, or while the table was small, would read every seat for every single answer afterwards.
COUNT_CHANGED_RECIPIENTS = f"""
    {_SHARE_OF_RECIPIENTS}
    WITH counted AS (
        SELECT r.sign, r.id, r.advisory_id, v.material, r.targeted AS in_whole, {columns("f.")}
        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r
        JOIN ({REVISIONS}) v ON v.id = r.advisory_id
        CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    )
    {_INTO_DELTA}
    SELECT x.advisory_id, x.relay_id, x.material, {_SIGNED_SUMS}
    FROM (
        SELECT c.advisory_id, NULL::bigint AS relay_id, c.material, c.sign, {columns("c.")} FROM counted c WHERE c.in_whole
        UNION ALL
        SELECT c.advisory_id, s.relay_id, c.material, c.sign, {columns("c.")}
        FROM counted c
        CROSS JOIN LATERAL (
            SELECT s.relay_id, s.counts, s.ended_at FROM alerts_seat s WHERE s.recipient_id = c.id OFFSET 0
        ) s
        WHERE {CURRENT_SEAT}
    ) x
    GROUP BY x.advisory_id, x.relay_id, x.material
    HAVING {_NOT_ZERO};
    RETURN NULL;
"""

# A recipient that changes at this moment in another transaction must be waited for, or the seat would count what was
# and the change would not see the seat. Rows that this transaction wrote itself can't change elsewhere: no lock. Each is
# looked up by its key (OFFSET 0): a plan made while the table was small would read all of it, for every statement.
_SHARE_OF_SEATS = f"""
    PERFORM pg_advisory_xact_lock_shared({FIGURES_LOCK}, touched.advisory_id::int)
    FROM (
        SELECT DISTINCT l.advisory_id
        FROM (SELECT DISTINCT relay_id FROM new_rows) s
        JOIN alerts_relay l ON l.id = s.relay_id
        ORDER BY l.advisory_id
    ) AS touched;
    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched
    CROSS JOIN LATERAL (
        SELECT FROM alerts_recipient r
        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid
        OFFSET 0
        FOR SHARE
    ) theirs;
"""


def _count_seats(rows: str) -> str:
    return f"""
    {_SHARE_OF_SEATS}
    WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id IN (
        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id
    ))
    {_INTO_DELTA}
    SELECT x.advisory_id, x.relay_id, x.material, {_SIGNED_SUMS}
    FROM (
        SELECT s.sign, s.relay_id, r.advisory_id, v.material, {columns("f.")}
        FROM ({rows}) s
        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r
        JOIN v ON v.id = r.advisory_id
        CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
        WHERE {CURRENT_SEAT}
    ) x
    GROUP BY x.advisory_id, x.relay_id, x.material
    HAVING {_NOT_ZERO};
    RETURN NULL;
"""


COUNT_NEW_SEATS = _count_seats("SELECT 1 AS sign, * FROM new_rows")
COUNT_CHANGED_SEATS = _count_seats("SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows")


def count_changes(inserted: str, updated: str) -> list[pgtrigger.Trigger]:
    """Statement-level triggers that append deltas: one pass over what a statement changed, however many rows.

    One statement (data-modifying WITH) must not change both a recipient's figures and their seats; two statements may.
    """
    return [
        pgtrigger.Trigger(
            name="count_insert",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new="new_rows"),
            func=inserted,
        ),
        pgtrigger.Trigger(
            name="count_update",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
            func=updated,
        ),
    ]
