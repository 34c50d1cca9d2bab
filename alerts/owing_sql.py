"""Who still owes what a clock asks for, said once in SQL: steps, their preview and the post all take it from here.

Each fragment wants the aliases it names. `c` is a clock, `a` its advisory, `v` the numbers of that one's revisions
(`REVISIONS`), `r` a recipient, `f` their figures (`FIGURES_OF_RECIPIENT`), `p` the person, `l` a relay.
"""

from alerts.last_word import last_word
from alerts.models.figures import UNREACHABLE

# No mail reaches whoever left or whose address takes none.
REACHED = f"p.left_at IS NULL AND p.bounced_at IS NULL AND r.outcome NOT IN {UNREACHABLE}"

# What a person said last of an action `q` of theirs ("done", "by" ...), in their last word. An action keeps its key.
_SAID_OF_OWN = f"""(
    SELECT s.choice FROM alerts_actionanswer s JOIN alerts_action was ON was.id = s.action_id AND was.key = q.key
    WHERE s.acknowledgement_id = {last_word("r.id")} AND s.relay_id IS NULL
    LIMIT 1
)"""

# Whoever answered and has an action of their own open that was due on this clock; a promise for a later day stands until then.
OWN_ACTION = f"""
(f.acknowledged = 1 AND r.acted_revision < v.material AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_action WHERE revision_id = a.current_id AND of = 'person' OFFSET 0) q
    WHERE greatest(q.due, c.starts_at) = c.by AND coalesce({_SAID_OF_OWN}, '') NOT IN ('done', 'na') AND NOT EXISTS (
        SELECT FROM alerts_actionanswer s JOIN alerts_action was ON was.id = s.action_id AND was.key = q.key
        WHERE s.acknowledgement_id = {last_word("r.id")} AND s.relay_id IS NULL AND s.choice = 'by' AND s.by_date > %(today)s
    )
))
"""

# Whether a body `l` has an action of its own open that was due on this clock. The last word said for it stands.
BODY_ACTION = """
(l.purpose = 'target' AND EXISTS (
    SELECT FROM (SELECT * FROM alerts_action WHERE revision_id = a.current_id AND of = 'body' OFFSET 0) q
    LEFT JOIN LATERAL (
        SELECT s.choice, s.by_date
        FROM (SELECT * FROM alerts_actionanswer s WHERE s.relay_id = l.id OFFSET 0) s
        JOIN alerts_action was ON was.id = s.action_id AND was.key = q.key
        JOIN alerts_acknowledgement k ON k.id = s.acknowledgement_id AND k.suspect = '{}'
        ORDER BY was.revision_id DESC, s.acknowledgement_id DESC
        LIMIT 1
    ) said ON true
    WHERE greatest(q.due, c.starts_at) = c.by AND coalesce(said.choice, '') NOT IN ('done', 'na')
      AND NOT (coalesce(said.choice, '') = 'by' AND said.by_date > %(today)s)
))
"""

# Somebody who answers for the body `l` and is told through it: whom its own actions are asked of.
ANSWERS_FOR = """
EXISTS (
    SELECT FROM departments_membership m
    WHERE m.person_id = r.person_id AND m.body_id = l.body_id AND m.until IS NULL AND m.role IN ('contact', 'deputy')
)
"""

# Whether a recipient owes what a clock of each kind asks for, where they sit at `l`; and of whichever kind it is.
OWES_OF = {
    "answer": "(f.acknowledged = 0 AND r.told_revision >= greatest(v.current, 1))",
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
