"""Introducing the system to everybody who never had a mail from it: by one press or a command, never by itself.

Before: people whom no mail of ours ever reached. After: each of them has a short letter on its way. Twice: nobody gets two.
"""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from alerts import outbox, record
from alerts.models import Message
from departments.models import Person

LOCK = "SELECT pg_advisory_xact_lock(hashtext('alerts.delivery.introduce'))"

# Whoever sits in an open body, is here, can be told, and never had a mail (or has one on its way). A letter that was refused,
# or that never left, reached nobody: the next one has a key of its own.
STRANGERS = """
    SELECT p.id, p.id, 'introduction:' || p.id || coalesce(':' || lost.letters, '')
    FROM departments_person p
    LEFT JOIN (
        SELECT person_id, count(*) AS letters FROM alerts_message WHERE kind = 'introduction' GROUP BY person_id
    ) lost ON lost.person_id = p.id
    WHERE p.left_at IS NULL AND p.bounced_at IS NULL
        AND EXISTS (
            SELECT FROM departments_membership m JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
            WHERE m.person_id = p.id AND m.until IS NULL
        )
        AND NOT EXISTS (
            SELECT FROM alerts_message m WHERE m.person_id = p.id AND m.state IN ('waiting', 'sent')
        )
"""


def strangers() -> int:
    """How many people never had a mail from us."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({STRANGERS}) s")
        return int((cursor.fetchone() or (0,))[0])


@transaction.atomic
def introduce(by: Person | None = None, now: datetime | None = None) -> int:
    """Write to each of them; how many letters are on their way."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    keys = outbox.put(Message.Kind.INTRODUCTION, STRANGERS, {}, now or timezone.now())
    if keys:
        record.write("introduced", "directory", by, mails=len(keys), digest=record.digest_of(keys))
    return len(keys)
