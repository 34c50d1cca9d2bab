"""Who still owes what a clock asks for, said once in SQL: steps, their preview, the post and delivery all take it from here.

Each fragment wants the aliases it names. `c` is a clock, `a` its advisory, `v` the numbers of that one's revisions
(`REVISIONS`), `r` a recipient, `f` their figures (`FIGURES_OF_RECIPIENT`), `p` the person, `l` a relay.
"""

from alerts.last_word import last_word
from alerts.models.figures import FIGURES_OF_RECIPIENT, UNREACHABLE
from departments.working_time import ZONE

# No mail reaches whoever left or whose address takes none.
REACHED = f"p.left_at IS NULL AND p.bounced_at IS NULL AND r.outcome NOT IN {UNREACHABLE}"

# What a person said last of an action `q` of theirs ("done", "by" ...), in their last word. An action keeps its key.
_SAID_OF_OWN = f"""
    SELECT s.choice, s.by_date FROM alerts_actionanswer s JOIN alerts_action was ON was.id = s.action_id AND was.key = q.key
    WHERE s.acknowledgement_id = {last_word("r.id")} AND s.relay_id IS NULL
    LIMIT 1
"""


def day(moment: str) -> str:
    """The day of a moment, where the people are."""
    return f"({moment} AT TIME ZONE '{ZONE.key}')::date"


# Whether an action `q`, of which `said` was said last, is due on this clock. What was promised for a later day is not until
# then. Promises for a day after the due have a clock of their own, which ends on the morning after that day; once it runs,
# they are due on it alone. Index: clock_once.
_DUE_ON = f"""
CASE WHEN said.choice IN ('done', 'na') THEN false
     WHEN c.late THEN coalesce(
         said.choice = 'by' AND said.by_date = {day("c.by")} - 1 AND said.by_date > {day("q.due")}, false
     )
     ELSE greatest(q.due, c.starts_at) = c.by AND NOT coalesce(said.choice = 'by' AND (
         said.by_date > %(today)s OR said.by_date > {day("c.by")} AND (said.by_date = %(today)s OR EXISTS (
             SELECT FROM alerts_clock k
             WHERE k.advisory_id = c.advisory_id AND k.material = c.material AND k.kind = 'act' AND k.late
               AND {day("k.by")} = said.by_date + 1
         ))
     ), false)
END
"""

# Whoever answered and has an action of their own open that is due on this clock.
OWN_ACTION = f"""
(f.acknowledged = 1 AND r.acted_revision < v.material AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_action WHERE revision_id = a.current_id AND of = 'person' OFFSET 0) q
    LEFT JOIN LATERAL ({_SAID_OF_OWN}) said ON true
    WHERE {_DUE_ON}
))
"""


def said_for(relay: str, key: str) -> str:
    """What was said last for a body (its relay's id) of the action with this key. Index: alerts_actionanswer(relay)."""
    return f"""
        SELECT t.id, t.choice, t.by_date
        FROM (SELECT * FROM alerts_actionanswer t WHERE t.relay_id = {relay} OFFSET 0) t
        JOIN alerts_action was ON was.id = t.action_id AND was.key = {key}
        JOIN alerts_acknowledgement o ON o.id = t.acknowledgement_id AND o.suspect = '{{}}'
        ORDER BY was.revision_id DESC, t.acknowledgement_id DESC
        LIMIT 1
    """


# Whether a promise `s`, of an acknowledgement `k` of the recipient `r` about the action `q`, is still the last word about it.
PROMISE_STANDS = f"""
CASE WHEN s.relay_id IS NULL THEN {last_word("r.id")} = k.id
     ELSE s.id = (SELECT said.id FROM ({said_for("s.relay_id", "q.key")}) said) END
"""

# Whether the promise of the nudge `n` is still the last word about it.
PROMISED = f"""
EXISTS (
    SELECT FROM alerts_actionanswer s
    JOIN alerts_acknowledgement k ON k.id = s.acknowledgement_id
    JOIN alerts_revision w ON w.id = k.revision_id AND w.number >= v.material
    JOIN alerts_action q ON q.id = s.action_id
    WHERE s.id = n.promise_id AND {PROMISE_STANDS}
)
"""

# Whether a body `l` has an action of its own open that is due on this clock. The last word said for it stands.
BODY_ACTION = f"""
(l.purpose = 'target' AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_action WHERE revision_id = a.current_id AND of = 'body' OFFSET 0) q
    LEFT JOIN LATERAL ({said_for("l.id", "q.key")}) said ON true
    WHERE {_DUE_ON}
))
"""

# Somebody who answers for the body `l` and is told through it: whom its own actions are asked of.
ANSWERS_FOR = """
EXISTS (
    SELECT FROM departments_membership m
    WHERE m.person_id = r.person_id AND m.body_id = l.body_id AND m.until IS NULL AND m.role IN ('contact', 'deputy')
)
"""

# Where one answer is enough for a body `l`, nobody else of one that has it is asked. Index: seat_current.
COVERED = f"""
(a.rule = 'any' AND EXISTS (
    SELECT FROM (
        SELECT t.recipient_id FROM alerts_seat t WHERE t.relay_id = l.id AND t.ended_at IS NULL AND t.counts OFFSET 0
    ) other
    JOIN alerts_recipient r ON r.id = other.recipient_id
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE f.acknowledged = 1
))
"""
# Whether anywhere is left where a recipient is asked for an answer. Index: seat_once.
ASKED_SOMEWHERE = f"""
(a.rule <> 'any' OR EXISTS (
    SELECT FROM (
        SELECT t.relay_id FROM alerts_seat t WHERE t.recipient_id = r.id AND t.ended_at IS NULL AND t.counts OFFSET 0
    ) mine
    JOIN alerts_relay l ON l.id = mine.relay_id
    WHERE NOT {COVERED}
))
"""

# Whether a recipient owes what a clock of each kind asks for, where they sit at `l`; and of whichever kind it is.
OWES_OF = {
    "answer": f"(f.acknowledged = 0 AND r.told_revision >= greatest(v.current, 1) AND NOT {COVERED})",
    "act": f"({OWN_ACTION} OR ({BODY_ACTION} AND {ANSWERS_FOR}))",
    "hold": """(l.state = 'held' AND l.reached_at = c.starts_at AND l.held_until = c.by AND EXISTS (
        SELECT FROM departments_membership m
        WHERE m.person_id = r.person_id AND m.body_id = l.body_id AND m.until IS NULL AND m.role = 'contact'
    ))""",
}
OWES = f"""
CASE c.kind WHEN 'answer' THEN {OWES_OF["answer"]} WHEN 'act' THEN {OWES_OF["act"]} ELSE {OWES_OF["hold"]} END
"""

# The current seats of a relay `l` through which a clock of each kind asks, read from the index alone but for the few who hold;
# and of whichever kind it is. Index: seat_current.
_SEATS = "SELECT t.recipient_id FROM alerts_seat t WHERE t.relay_id = l.id AND t.ended_at IS NULL AND"
SEATS_OF_KIND = {
    "answer": f"({_SEATS} t.counts OFFSET 0)",
    "act": f"({_SEATS} t.counts OFFSET 0)",
    "hold": f"({_SEATS} t.contact OFFSET 0)",
}
SEATS_OF = f"""
(SELECT x.recipient_id
 FROM ({_SEATS} t.counts AND c.kind <> 'hold' UNION ALL {_SEATS} t.contact AND c.kind = 'hold') x
 OFFSET 0)
"""

# A recipient's own clock to answer goes before that of their bodies.
THEIR_CLOCK = "(CASE WHEN c.late THEN r.clock_id = c.id ELSE r.clock_id IS NULL END)"

# Who sits at a relay `l`, with their figures; and who of them is silent on a clock that climbs (to answer, or to act).
PEOPLE_OF = f"""
{SEATS_OF} seat
CROSS JOIN LATERAL (SELECT * FROM alerts_recipient r WHERE r.id = seat.recipient_id OFFSET 0) r
CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
"""
# Whoever was sent nothing of it yet is not: they have a whole time of their own once they are (`THEIR_CLOCK`).
SILENT = f"""
CASE c.kind WHEN 'act' THEN {OWN_ACTION}
     ELSE f.acknowledged = 0 AND {THEIR_CLOCK} AND (f.unsent = 0 OR r.told_revision >= greatest(v.material, 1)) END
"""

# What `PEOPLE_OF` a body come to, as `own`; and whether it owes what the clock asks for, by the advisory's rule. One without
# anybody is dark, and owes where it is targeted.
OWN = f"""count(*) AS seats, count(*) FILTER (WHERE {SILENT}) AS silent,
    coalesce(bool_or(f.acknowledged = 1), false) AS any_answered"""
BODY_OWES = f"""
CASE
    WHEN c.kind = 'act' THEN own.silent > 0 OR {BODY_ACTION}
    WHEN c.late THEN own.silent > 0 AND NOT (a.rule = 'any' AND own.any_answered)
    WHEN own.seats = 0 THEN l.purpose = 'target'
    WHEN a.rule = 'any' THEN NOT own.any_answered AND own.silent > 0
    ELSE own.silent > 0
END
"""
