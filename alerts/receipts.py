"""Receipts: what somebody answered, mailed to their own address. Once for each answer, by its key."""

from django.utils import timezone

from alerts import outbox
from alerts.models import Acknowledgement, Message

MAIL = """
SELECT k.id, r.person_id, 'receipt:' || k.id
FROM alerts_acknowledgement k JOIN alerts_recipient r ON r.id = k.recipient_id
WHERE k.id = %(answer)s
"""


def send(answer: Acknowledgement, advisory_id: int) -> bool:
    """Put the receipt of this answer into the outbox, within a transaction; False where it was mailed before."""
    return bool(outbox.put(Message.Kind.RECEIPT, MAIL, {"answer": answer.pk}, timezone.now(), about=advisory_id))
