"""An advisory of very many people who were all told, written by SQL past triggers: what is measured is what comes after."""

from django.db import connection

from alerts import counting
from alerts.cascading.cascade import cascade
from alerts.models import Advisory
from bench.warnings import advisory, government, people

_RECIPIENTS = """
INSERT INTO alerts_recipient (advisory_id, person_id, targeted, told_revision, outcome)
SELECT DISTINCT %(advisory)s::bigint, m.person_id, true, 1,
       CASE WHEN m.person_id %% 3 > 0 THEN 'delivered' WHEN m.person_id %% 37 = 0 THEN 'bounced' ELSE '' END
FROM departments_membership m JOIN alerts_relay l ON l.body_id = m.body_id AND l.advisory_id = %(advisory)s
"""
_SEATS = """
INSERT INTO alerts_seat (recipient_id, relay_id, counts, contact)
SELECT r.id, l.id, true, bool_or(m.role = 'contact')
FROM departments_membership m
JOIN alerts_relay l ON l.body_id = m.body_id AND l.advisory_id = %(advisory)s
JOIN alerts_recipient r ON r.person_id = m.person_id AND r.advisory_id = %(advisory)s
GROUP BY r.id, l.id
"""


def told(name: str, bodies: int, number: int) -> Advisory:
    """So many people in so many bodies, most of whose mails arrived; nobody has answered."""
    root = government(name, bodies, 0)
    of = advisory(root)
    while not cascade(of.pk):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            people(name, bodies, number)
            for statement in (_RECIPIENTS, _SEATS):
                cursor.execute(statement, {"advisory": of.pk})
        finally:
            cursor.execute("SET session_replication_role = origin")
    counting.recount(of.pk)
    return of
