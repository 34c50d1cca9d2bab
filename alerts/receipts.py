"""The mails that go with answers, each once, by its key, to the recipient's own address.

A receipt says what was answered. Somebody whose reply was not understood is told so, once a day at most. Whoever has left the
directory is sent none (`alerts.deliver`).
"""

from datetime import date

from django.db import transaction
from django.utils import timezone

from alerts import outbox
from alerts.models import Acknowledgement, Message, Recipient

# Behind every warning, and before what we ask and introduce.
RANK = 8

MAIL = """
SELECT k.id, r.person_id, 'receipt:' || k.id
FROM alerts_acknowledgement k JOIN alerts_recipient r ON r.id = k.recipient_id
WHERE k.id = %(answer)s
"""
UNCLEAR = """
SELECT r.id, r.person_id, 'unclear:' || r.id || ':' || %(day)s FROM alerts_recipient r WHERE r.id = %(recipient)s
"""


def send(answer: Acknowledgement, advisory_id: int) -> bool:
    """Put the receipt of this answer into the outbox; False where it was put there before, and for what looks like a machine's.

    Within a transaction.
    """
    if answer.suspect:
        return False
    values = {"answer": answer.pk}
    return bool(outbox.put(Message.Kind.RECEIPT, MAIL, values, timezone.now(), about=advisory_id, rank=RANK))


@transaction.atomic
def send_last(recipient: Recipient) -> bool:
    """Mail them the receipt of their last answer that counts, whoever gave it for them; False where there is no new one."""
    counting = recipient.acknowledgements.filter(suspect=[]).exclude(read=Acknowledgement.Read.PHISHING)
    last = counting.order_by("-pk").first()
    return last is not None and send(last, recipient.advisory_id)


def tell_unclear(recipient: Recipient, day: date) -> bool:
    """Tell them that their reply was not understood; False where they were told so on this day. Within a transaction."""
    values = {"recipient": recipient.pk, "day": day.isoformat()}
    about = recipient.advisory_id
    return bool(outbox.put(Message.Kind.UNCLEAR, UNCLEAR, values, timezone.now(), about=about, rank=RANK))
