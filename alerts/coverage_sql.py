"""The SQL of coverage, whole: one statement, one snapshot, whatever the size of the tree."""

from alerts.models.figures import CURRENT_SEAT, FIGURES_OF_RECIPIENT, REVISIONS, columns

_COLUMNS = columns()
_SUMS = columns(template="sum({})::int")

# From what needs attention most to what needs none: a state's place in here is how bad it is.
STATES = ("dark", "held", "waiting", "sent", "delivered", "covered", "information", "excluded")
_RANK = "array_position(ARRAY[" + ", ".join(f"'{state}'" for state in STATES) + "], {})"

# A relay whose own people count is a target, whether its body is one or only people of it were named.
# Whoever sat in a body that has closed since was handed on with their seats: nobody is missing there.
# Dark comes before held (nobody there can hold or answer anything); somebody who answered was told, refused mail or not;
# and a body whose people the cascade has yet to look up is not dark, it waits.
_STATE = """
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

_KEPT = f"""
    SELECT relay_id, {_SUMS}
    FROM (
        SELECT relay_id, {_COLUMNS} FROM alerts_counter WHERE advisory_id = %(advisory)s
        UNION ALL
        SELECT relay_id, {_COLUMNS} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NOT NULL
    ) x
    GROUP BY relay_id
"""

_WHOLE = f"""
    SELECT {columns(template="COALESCE(sum({0}), 0) AS {0}")}
    FROM (
        SELECT {_COLUMNS} FROM alerts_whole WHERE advisory_id = %(advisory)s
        UNION ALL
        SELECT {_COLUMNS} FROM alerts_delta WHERE advisory_id = %(advisory)s AND relay_id IS NULL
    ) x
"""

_BODIES = "targeted_bodies, covered_bodies, dark_bodies, held_bodies, excluded_bodies"

# The order of `path` puts each body above its children; what was left out stands last below its parent.
# Index: relay_once, alerts_counter(advisory), alerts_delta(advisory).
TABLE = f"""
WITH own (relay_id, {_COLUMNS}) AS MATERIALIZED ({_KEPT}),
seated AS (
    SELECT r.id, r.parent_id, r.body_id, r.path, b.slug, b.name, r.state AS relay_state, r.held_until, r.stale, a.rule,
           e.reason AS excluded,
           (r.purpose = 'target' AND b.closed IS NULL) OR COALESCE(o.targeted, 0) > 0 AS target,
           {columns(template="COALESCE(o.{0}, 0) AS {0}")}
    FROM alerts_relay r
    JOIN alerts_advisory a ON a.id = r.advisory_id
    JOIN departments_body b ON b.id = r.body_id
    LEFT JOIN alerts_exclusion e
        ON e.advisory_id = r.advisory_id AND e.body_id = r.body_id AND e.lapsed_at IS NULL
    LEFT JOIN own o ON o.relay_id = r.id
    WHERE r.advisory_id = %(advisory)s AND r.purpose <> 'left'
), node AS MATERIALIZED (
    SELECT *, {_STATE} AS state FROM seated
), left_out AS MATERIALIZED (
    SELECT b.slug, b.name, e.reason, p.id AS parent_id, COALESCE(p.path, '{{}}') AS above
    FROM alerts_exclusion e
    JOIN departments_body b ON b.id = e.body_id
    LEFT JOIN node p ON p.body_id = b.parent_id
    WHERE e.advisory_id = %(advisory)s AND e.lapsed_at IS NULL
      AND NOT EXISTS (SELECT FROM node n WHERE n.body_id = e.body_id)
), part AS (
    SELECT path, {_RANK.format("state")} AS rank, {_COLUMNS}, target::int, (state = 'covered')::int,
           (state = 'dark')::int, (state = 'held')::int, (state = 'excluded')::int
    FROM node
    UNION ALL
    SELECT above, {len(STATES)}, {columns(template="0")}, 0, 0, 0, 0, 1 FROM left_out
), branch AS (
    SELECT a.id AS branch_id, min(p.rank) AS rank, {columns("p.", "sum({})")},
           sum(p.targeted_bodies), sum(p.covered_bodies), sum(p.dark_bodies), sum(p.held_bodies), sum(p.excluded_bodies)
    FROM part p (path, rank, {_COLUMNS}, {_BODIES})
    CROSS JOIN LATERAL unnest(p.path) AS a (id)
    GROUP BY a.id
)
SELECT * FROM (
    SELECT n.path, n.id, n.slug, n.name, n.parent_id, n.state, n.relay_state, n.held_until, COALESCE(n.excluded, ''),
           {columns("n.")}, b.*
    FROM node n
    JOIN branch b ON b.branch_id = n.id
    UNION ALL
    SELECT above || 9223372036854775807, NULL, slug, name, parent_id, 'excluded', '', NULL, reason,
           {columns(template="0")},
           NULL, {len(STATES)}, {columns(template="0")}, 0, 0, 0, 0, 1
    FROM left_out
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, statement_timestamp(), NULL,
           {_COLUMNS},
           NULL, NULL, {columns(template="0")}, 0, 0, 0, 0, 0
    FROM ({_WHOLE}) w
) x
ORDER BY path NULLS FIRST, slug
"""

# Each delta ever written counts once, pending or folded: folding is no news.
FINGERPRINT = """
SELECT md5(ROW(
    a.state, a.current_id, a.stopped_at, a.acknowledge_by, a.rule,
    COALESCE((SELECT folded FROM alerts_whole WHERE advisory_id = a.id), 0)
        + (SELECT count(*) FROM alerts_delta WHERE advisory_id = a.id),
    (SELECT ROW(count(*), count(*) FILTER (WHERE r.state = 'planned'), count(*) FILTER (WHERE r.state = 'held'),
                count(*) FILTER (WHERE r.stale), count(*) FILTER (WHERE r.purpose = 'left'),
                max(r.reached_at), max(r.released_at), sum(extract(epoch FROM r.held_until)))
     FROM alerts_relay r WHERE r.advisory_id = a.id),
    (SELECT ROW(count(*), count(e.lapsed_at), max(e.id)) FROM alerts_exclusion e WHERE e.advisory_id = a.id),
    (SELECT ROW(count(*), max(g.id), max(g.at)) FROM alerts_gap g WHERE g.advisory_id = a.id),
    (SELECT array_agg(t.said ORDER BY t.said) FROM (
        SELECT r.outcome || count(*) AS said FROM alerts_recipient r
        WHERE r.advisory_id = a.id AND r.outcome NOT IN ('', 'delivered') GROUP BY r.outcome
    ) t)
)::text)
FROM alerts_advisory a
WHERE a.id = %(advisory)s
"""

# How many people stand in each state that the route's word puts them in, in the whole (NULL) and at each relay.
# Index: recipient_trouble, seat_once.
STATES_OF_MAIL = f"""
WITH troubled AS (
    SELECT r.id, r.targeted, r.outcome FROM alerts_recipient r
    WHERE r.advisory_id = %(advisory)s AND r.outcome NOT IN ('', 'delivered')
)
SELECT NULL::bigint, outcome, count(*) FROM troubled WHERE targeted GROUP BY outcome
UNION ALL
SELECT s.relay_id, t.outcome, count(*)
FROM troubled t JOIN alerts_seat s ON s.recipient_id = t.id AND {CURRENT_SEAT}
GROUP BY s.relay_id, t.outcome
"""

# Who was heard from although no mail of the latest revision is known to have reached them: told by telephone or through their
# office, or answered from an earlier mail. Of those of whom nothing was said since their mail left it is not known.
# Index: recipient_told, recipient_trouble, seat_once.
WITHOUT_MAIL = f"""
WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id = %(advisory)s),
heard AS MATERIALIZED (
    SELECT r.id, r.targeted, f.waiting, f.acknowledged, 1 - f.acknowledged AS office
    FROM v
    CROSS JOIN LATERAL (
        SELECT * FROM alerts_recipient
        WHERE advisory_id = v.id AND told_revision < v.current
          AND (answered_revision >= v.material OR office_revision >= v.material)
        UNION ALL
        SELECT * FROM alerts_recipient
        WHERE advisory_id = v.id AND told_revision >= v.current AND outcome NOT IN ('', 'delivered')
          AND (answered_revision >= v.material OR office_revision >= v.material)
    ) r
    CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE f.delivered = 0
)
SELECT NULL::bigint, sum(waiting)::int, sum(acknowledged)::int, sum(office)::int
FROM heard WHERE targeted HAVING count(*) > 0
UNION ALL
SELECT s.relay_id, sum(h.waiting)::int, sum(h.acknowledged)::int, sum(h.office)::int
FROM heard h JOIN alerts_seat s ON s.recipient_id = h.id AND {CURRENT_SEAT}
GROUP BY s.relay_id
"""
