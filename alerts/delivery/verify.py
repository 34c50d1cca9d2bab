"""Asking contacts whether they still are.

Before: contacts whose confirmation is old, or who never gave one. After: each has one mail with a link, whatever number of
bodies it is about. Twice, late or beside itself: nobody is asked again before their time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from alerts import outbox, record, tokens
from alerts.models import ContactCheck, Message
from departments.confirming import confirm
from departments.lacks import CONFIRMED_FOR
from departments.models import Membership, Person, Role

# Two weeks before a confirmation runs out (90 days), so that there is time to answer: about once a quarter.
ASK_AFTER = timedelta(days=76)
# Whoever presses "ask" twice in a day asks once.
PRESSED_AFTER = timedelta(days=1)

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('alerts.delivery.verify'))"

# Index: check_latest. A person once, for all the bodies whose contact they are.
DUE = """
    SELECT m.person_id
    FROM departments_membership m
    JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
    JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL AND p.bounced_at IS NULL
    WHERE m.until IS NULL AND m.role = 'contact'
        AND (coalesce(m.verified_at, m.since) <= %(older)s OR (%(pressed)s AND m.verified_at IS NULL))
        AND (%(bodies)s::bigint[] IS NULL OR m.body_id = ANY(%(bodies)s))
        AND NOT EXISTS (
            SELECT FROM alerts_contactcheck k WHERE k.person_id = m.person_id AND k.asked_at > %(asked)s
        )
    GROUP BY m.person_id
    ORDER BY m.person_id
"""

ASK = f"""
    INSERT INTO alerts_contactcheck (person_id, asked_at, asked_by_id)
    SELECT person_id, %(now)s, %(by)s FROM ({DUE}) due
    RETURNING id, person_id
"""


@dataclass(frozen=True)
class Check:
    """What a link opens: the ask, and the places that it is about."""

    ask: ContactCheck
    person: Person
    places: list[Membership]


def ask_contacts(
    now: datetime | None = None,
    *,
    everybody: bool = False,
    bodies: Collection[int] | None = None,
    by: Person | None = None,
) -> int:
    """Ask whoever is due; how many mails were written.

    With `everybody`, or for these `bodies`, each contact who has not confirmed within 90 days, though never twice in a day.
    """
    now = now or timezone.now()
    pressed = everybody or bodies is not None
    values = {
        "now": now,
        "by": by.pk if by else None,
        "pressed": pressed,
        "older": now - (CONFIRMED_FOR if pressed else ASK_AFTER),
        "asked": now - (PRESSED_AFTER if pressed else ASK_AFTER),
        "bodies": None if bodies is None else sorted(bodies),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TRY_LOCK)
        if not (cursor.fetchone() or (False,))[0]:
            return 0
        cursor.execute(ASK, values)
        asked = [row[0] for row in cursor.fetchall()]
        if not asked:
            return 0
        query = "SELECT id, person_id, 'check:' || id FROM alerts_contactcheck WHERE id = ANY(%(asked)s)"
        keys = outbox.put(Message.Kind.CHECK, query, {"asked": asked}, now)
        record.write("contacts asked", "directory", by, mails=len(keys), digest=record.digest_of(keys))
    return len(keys)


def find(token: str) -> Check | None:
    """What a link is about; None where it is not ours, or was revoked. Asks no database for a forged one."""
    read = tokens.read(token, tokens.CHECK)
    if read is None:
        return None
    number, issue = read
    ask = ContactCheck.objects.select_related("person").filter(pk=number, issue=issue).first()
    if ask is None or ask.person.left_at is not None:
        return None
    places = Membership.objects.filter(person=ask.person, until=None, role=Role.CONTACT, body__closed=None)
    return Check(ask, ask.person, list(places.select_related("body").order_by("body__name", "pk")))


def link(ask: ContactCheck) -> str:
    """Where the mail of this ask leads."""
    return f"{settings.SITE_URL}/c/{tokens.make(ask.pk, ask.issue, tokens.CHECK)}"


@transaction.atomic
def answer(check: Check, answers: Mapping[int, str], hint: str, now: datetime) -> bool:
    """Take the answer to an ask; whether it was the first. A further one changes nothing. Raises `Refused`, nothing changed."""
    if not ContactCheck.objects.filter(pk=check.ask.pk, answered_at=None).update(answered_at=now):
        return False
    confirm(check.person, answers, hint, now)
    return True
