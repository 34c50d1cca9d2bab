"""What an advisory achieved, in up to four lines: for those who answered, when it is stood down. Reads only.

It counts as coverage does: what an office said that is counted apart is nobody's doing.
"""

from django.db import connection

from alerts.last_word import COUNTS, first
from alerts.models import Advisory
from alerts.models.figures import FIGURES_OF_RECIPIENT, REVISIONS

MOST = 3

ANSWERED = f"""
    WITH v AS MATERIALIZED ({REVISIONS} WHERE a.id = %(advisory)s)
    SELECT COALESCE(sum(f.acknowledged), 0), count(*)
    FROM alerts_recipient r CROSS JOIN v CROSS JOIN LATERAL ({FIGURES_OF_RECIPIENT}) f
    WHERE r.advisory_id = %(advisory)s AND r.targeted
"""
# Of each action the last answer that counts of each person; for a body's action: for each body, whoever gave it.
DONE = f"""
    WITH said AS (
        SELECT DISTINCT ON (a.key, n.relay_id, CASE WHEN n.relay_id IS NULL THEN k.recipient_id END)
            a.key, n.choice
        FROM alerts_recipient r
        JOIN alerts_acknowledgement k ON k.recipient_id = r.id
        JOIN alerts_revision w ON w.id = k.revision_id
        JOIN alerts_actionanswer n ON n.acknowledgement_id = k.id
        JOIN alerts_action a ON a.id = n.action_id
        WHERE r.advisory_id = %(advisory)s AND {COUNTS}
        ORDER BY a.key, n.relay_id, CASE WHEN n.relay_id IS NULL THEN k.recipient_id END, {first()}
    )
    SELECT a.text, a.of, count(*)
    FROM alerts_action a JOIN said s ON s.key = a.key AND s.choice = 'done'
    WHERE a.revision_id = %(revision)s
    GROUP BY a.id, a.text, a.of, a."order"
    ORDER BY a."order"
    LIMIT %(most)s
"""


def achieved(advisory: Advisory) -> list[str]:
    """How many answered, and what they did: of each action how many people, or bodies, say that it is done."""
    if advisory.material is None:
        return []
    values = {
        "advisory": advisory.pk,
        "revision": advisory.material.pk,
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(ANSWERED, values)
        answered, targeted = cursor.fetchone() or (0, 0)
        cursor.execute(DONE, values)
        done = cursor.fetchall()
    if not answered:
        return []
    lines = [f"{answered:,} of {targeted:,} {'person' if targeted == 1 else 'people'} answered."]
    for text, of, count in done:
        who = ("body" if count == 1 else "bodies") if of == "body" else "person" if count == 1 else "people"
        lines.append(f"“{text.rstrip('.')}”: done by {count:,} {who}.")
    return lines
