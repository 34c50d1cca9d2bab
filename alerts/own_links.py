"""Their own link, mailed to a recipient once more, to their own address and nowhere else.

Before: a recipient who may have lost it, or somebody with another one's link who says that they are this one. After: one mail
in the outbox. Twice within a day, through whichever links: the first is all, so that nobody's mailbox is filled from outside.
"""

from datetime import datetime

from django.utils import timezone

from alerts import outbox
from alerts.models import Message
from alerts.outbox_sql import ANSWER_RANK

# The key ends with whose link it is (`alerts.delivery.deliver_sql`).
MAIL = "SELECT r.id, r.person_id, %(key)s FROM alerts_recipient r WHERE r.id = %(recipient)s"


def send(recipient_id: int, advisory_id: int, now: datetime) -> bool:
    """Mail this recipient of the advisory their own link; False where it was put there on this day, or there is no such one.

    Within a transaction. Whoever has left, or whom mail does not reach, is sent none (`alerts.delivery.deliver`).
    """
    values = {"recipient": recipient_id, "key": key_of(recipient_id, now)}
    return bool(outbox.put(Message.Kind.OWN_LINK, MAIL, values, now, about=advisory_id, rank=ANSWER_RANK))


def key_of(recipient_id: int, at: datetime) -> str:
    """The key of the mail that they were sent on the day of this moment, if they were sent one."""
    return f"own-link:{timezone.localdate(at).isoformat()}:{recipient_id}"
