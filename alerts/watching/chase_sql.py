"""The SQL of what is late in the chase, or waits."""

from alerts.watching.went_on_sql import BACK_TO

_CHASED_AGAIN = BACK_TO.format(kinds="'went on', 'reviewed', 'chase goes on'")

# Steps of the chase that are due for long and not done, by clock and when they were due; with when the advisory last went on,
# or its chase did. Indexes: chase_step_due, record_subject.
CHASE_LATE = f"""
SELECT f.reference, f.calendar, f.steps, greatest(f.due, w.at)
FROM (
    SELECT a.reference, c.calendar, count(*) AS steps, min(s.due_at) AS due
    FROM (SELECT * FROM alerts_chasestep WHERE done_at IS NULL AND due_at <= %(late)s OFFSET 0) s
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND a.chase_ended_at IS NULL AND c.material = a.clocked
    GROUP BY a.reference, c.calendar
) f
CROSS JOIN LATERAL ({_CHASED_AGAIN.format(reference="f.reference", since="f.due")}) w
WHERE w.at IS NULL OR w.at <= %(late)s
ORDER BY f.reference, f.calendar
"""

# Mails of the chase that could be written, since somebody is at work or the warning is critical, and are not: reminders, and
# lists of whoever is silent; but for what a day's mails hold back. Indexes: nudge_waiting, escalation_waiting,
# alerts_membership(person).
CHASE_WAITS = """
SELECT w.reference, count(*), min(w.id), max(w.id)
FROM (
    SELECT a.reference, n.id
    FROM (SELECT * FROM alerts_nudge WHERE state = 'waiting' OFFSET 0) n
    JOIN alerts_recipient r ON r.id = n.recipient_id
    JOIN alerts_advisory a ON a.id = r.advisory_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND (a.severity = 'critical' OR EXISTS (
        SELECT FROM (SELECT body_id FROM departments_membership WHERE person_id = n.person_id AND until IS NULL OFFSET 0) m
        JOIN departments_body d ON d.id = m.body_id
        WHERE d.calendar = ANY(%(open)s)
    ))
    UNION ALL
    SELECT a.reference, -e.id
    FROM (SELECT * FROM alerts_escalation WHERE state = 'waiting' AND held_back_at IS NULL OFFSET 0) e
    JOIN alerts_chasestep s ON s.id = e.step_id AND s.done_at IS NOT NULL
    JOIN alerts_clock c ON c.id = s.clock_id
    JOIN alerts_advisory a ON a.id = c.advisory_id
    JOIN departments_body d ON d.id = e.body_id
    WHERE a.state = 'live' AND a.stopped_at IS NULL AND (a.severity = 'critical' OR d.calendar = ANY(%(open)s))
) w
GROUP BY w.reference
ORDER BY w.reference
"""
