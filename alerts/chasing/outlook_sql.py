"""The SQL of the chase page, whole: for how many each clock runs, and whether anything is new."""

from alerts.chasing.owing_sql import PROMISE_STANDS, day

# The clocks of the material revision that stands, each with the bodies it runs for; one of people who were told late, with
# these; one of promises, with those that stand. A hold that was let go, or a clock that nobody is left under, is not one of
# them. Index: clock_once, relay_clock, relay_once, relay_held, recipient_clock, action_answer_promised.
CLOCKS = f"""
SELECT x.id, x.bodies, x.people, count(*) OVER ()
FROM (
    SELECT c.id, c.by, c.kind, c.late,
           CASE WHEN c.late THEN 0
                WHEN c.kind = 'answer' THEN (SELECT count(*) FROM alerts_relay l WHERE l.clock_id = c.id)
                WHEN c.kind = 'act' THEN (
                    SELECT count(*) FROM alerts_relay l
                    WHERE l.advisory_id = c.advisory_id AND l.purpose IN ('target', 'named') AND l.state = 'released'
                )
                ELSE (
                    SELECT count(*) FROM (SELECT * FROM alerts_relay WHERE state = 'held' OFFSET 0) l
                    WHERE l.advisory_id = c.advisory_id AND l.purpose <> 'left'
                      AND l.reached_at = c.starts_at AND l.held_until = c.by
                )
           END AS bodies,
           CASE WHEN NOT c.late THEN 0
                WHEN c.kind = 'act' THEN (
                    SELECT count(*) FROM (
                        SELECT * FROM alerts_actionanswer
                        WHERE by_date = {day("c.by")} - 1 AND choice = 'by'
                        OFFSET 0
                    ) s
                    JOIN alerts_acknowledgement k ON k.id = s.acknowledgement_id AND k.suspect = '{{}}'
                    JOIN alerts_recipient r ON r.id = k.recipient_id AND r.advisory_id = c.advisory_id
                    JOIN alerts_action q ON q.id = s.action_id
                    WHERE {PROMISE_STANDS}
                )
                ELSE (SELECT count(*) FROM alerts_recipient r WHERE r.clock_id = c.id)
           END AS people
    FROM alerts_clock c
    WHERE c.advisory_id = %(advisory)s AND c.material = %(material)s
) x
WHERE x.kind = 'act' AND NOT x.late OR x.bodies + x.people > 0
ORDER BY x.by, x.id
LIMIT %(most)s
"""

# Changes whenever a step, a mail of the ladder, whether reminders wait, or the chase itself does.
# Index: clock_once, chase_step_once, escalation_once, nudge_waiting.
PULSE = """
SELECT concat_ws('.', a.state, a.clocked, extract(epoch FROM a.chase_ended_at), extract(epoch FROM a.stopped_at),
                 s.steps, s.done, s.at, s.due, s.people, e.told, e.mailed, w.any)
FROM alerts_advisory a
CROSS JOIN LATERAL (
    SELECT count(*) AS steps, count(s.done_at) AS done, extract(epoch FROM max(s.done_at)) AS at,
           sum(extract(epoch FROM s.due_at)) AS due, sum(s.people) AS people
    FROM alerts_clock c JOIN alerts_chasestep s ON s.clock_id = c.id
    WHERE c.advisory_id = a.id
) s
CROSS JOIN LATERAL (
    SELECT count(*) AS told, count(*) FILTER (WHERE e.state <> 'waiting') AS mailed
    FROM alerts_clock c JOIN alerts_chasestep s ON s.clock_id = c.id JOIN alerts_escalation e ON e.step_id = s.id
    WHERE c.advisory_id = a.id AND c.material = a.clocked AND s.what = 'escalate'
) e
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM (SELECT step_id FROM alerts_nudge WHERE state = 'waiting' OFFSET 0) n
        JOIN alerts_chasestep s ON s.id = n.step_id
        JOIN alerts_clock c ON c.id = s.clock_id
        WHERE c.advisory_id = a.id
    ) AS any
) w
WHERE a.id = %(advisory)s
"""

# Of each of these advisories that is chased the step that is due next, in each calendar: which of them is carried out first
# depends on working hours. Index: clock_once, chase_step_once.
NEXT = """
SELECT DISTINCT ON (a.id, c.calendar) s.id
FROM alerts_advisory a
JOIN alerts_clock c ON c.advisory_id = a.id AND c.material = a.clocked
JOIN alerts_chasestep s ON s.clock_id = c.id AND s.done_at IS NULL
WHERE a.id = ANY(%(ids)s) AND a.state = 'live' AND a.stopped_at IS NULL AND a.chase_ended_at IS NULL
ORDER BY a.id, c.calendar, s.due_at, c.kind, s.what, s.n, s.id
"""

# Of each of these steps how many of those whom it found have no mail yet: it waits for their working hours, or for the next
# minute. Index: nudge_waiting, escalation_waiting.
WAITING = """
SELECT n.step_id, count(*) FROM (SELECT * FROM alerts_nudge WHERE state = 'waiting' OFFSET 0) n
WHERE n.step_id = ANY(%(steps)s)
GROUP BY n.step_id
UNION ALL
SELECT e.step_id, count(DISTINCT e.person_id) FROM (SELECT * FROM alerts_escalation WHERE state = 'waiting' OFFSET 0) e
WHERE e.step_id = ANY(%(steps)s)
GROUP BY e.step_id
"""

# Bodies about which it was escalated, the latest first: the last escalations of each, and how many there were. `bodies`: of
# these alone; NULL: of any. Index: clock_once, escalation_once, relay's primary key.
ESCALATED = """
SELECT (array_agg(e.id ORDER BY e.id DESC))[1:%(each)s], count(*), count(*) OVER ()
FROM alerts_clock c
JOIN alerts_chasestep s ON s.clock_id = c.id AND s.what = 'escalate'
JOIN alerts_escalation e ON e.step_id = s.id AND e.state <> 'moot'
JOIN alerts_relay l ON l.id = e.relay_id
WHERE c.advisory_id = %(advisory)s AND c.material = %(material)s
  AND (%(bodies)s::bigint[] IS NULL OR l.body_id = ANY(%(bodies)s))
GROUP BY l.body_id
ORDER BY max(e.id) DESC
LIMIT %(size)s OFFSET %(skip)s
"""
