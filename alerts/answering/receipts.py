"""The mails that go with answers, each once, by its key, to the recipient's own address.

A receipt says what was answered; whoever asks for one after another through a link gets a few a day. Somebody whose reply was
not understood is told so, once a day at most. Whoever has left the directory is sent none (`alerts.delivery.deliver`).
"""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from alerts import outbox
from alerts.answering.answered import answers_of, receipt_key
from alerts.models import Acknowledgement, Message, Recipient
from alerts.outbox_sql import ANSWER_RANK
from alerts.statements import run
from departments.refusal import Refused

MOST, WITHIN = 4, timedelta(days=1)
OUT_OF_REACH = (
    "We can't write to the address of this link at present, so nothing was mailed. Print this page: it is the receipt."
)
ENOUGH = f"{MOST} receipts were mailed within a day, and no more are for now. Print this page: it is the receipt."

MAIL = """
SELECT k.id, r.person_id, 'receipt:' || k.id
FROM alerts_acknowledgement k JOIN alerts_recipient r ON r.id = k.recipient_id
WHERE k.id = %(answer)s
"""
# However they were asked for. Indexes: acknowledgement_last, the message's key.
LATELY = """
SELECT count(*)
FROM alerts_acknowledgement k
JOIN alerts_message m ON m.key = 'receipt:' || k.id
JOIN alerts_batch b ON b.id = m.batch_id
WHERE k.recipient_id = %(recipient)s AND k.suspect = '{}' AND b.made_at > %(since)s
"""
UNCLEAR = """
SELECT r.id, r.person_id, 'unclear:' || r.id || ':' || %(day)s || ':' || %(number)s
FROM alerts_recipient r WHERE r.id = %(recipient)s
"""


class TooMany(Refused):
    """As many receipts were mailed to this recipient as may be for now."""


def send(answer: Acknowledgement, advisory_id: int) -> bool:
    """Put the receipt of this answer into the outbox; False where it was put there before, and for what looks like a machine's.

    Within a transaction.
    """
    if answer.suspect:
        return False
    values = {"answer": answer.pk}
    return bool(outbox.put(Message.Kind.RECEIPT, MAIL, values, timezone.now(), about=advisory_id, rank=ANSWER_RANK))


@transaction.atomic
def send_last(recipient: Recipient) -> bool:
    """Mail them the receipt of their last answer that counts, whoever gave it for them; False where there is no new one.

    Raises `TooMany`, or `Refused` where no mail reaches them; then nothing was put into the outbox.
    """
    # One press after another: the second finds what the first one wrote.
    held = Recipient.objects.select_for_update(of=("self",), no_key=True).select_related("person").get(pk=recipient.pk)
    last = answers_of(held).last
    if last is None or outbox.became_of([receipt_key(last)]):
        return False
    if not outbox.can_reach(held.person):
        raise Refused(OUT_OF_REACH)
    if run(LATELY, recipient=held.pk, since=timezone.now() - WITHIN)[0][0] >= MOST:
        raise TooMany(ENOUGH)
    return send(last, held.advisory_id)


def tell_unclear(recipient: Recipient, day: date, number: int) -> bool:
    """Tell them that their reply was not understood; False where they were told so of one that came in on the same day.

    `number`: of the revision whose mail they replied to, or 0; a reply to this mail is of it, too. Within a transaction.
    """
    values = {"recipient": recipient.pk, "day": day.isoformat(), "number": str(number)}
    about = recipient.advisory_id
    return bool(outbox.put(Message.Kind.UNCLEAR, UNCLEAR, values, timezone.now(), about=about, rank=ANSWER_RANK))
