"""What the mails of the chase say to one person: a reminder, a digest of several, a list of who is silent.

From what delivery read (`alerts.letters.deliver_reminders_sql`, `alerts.letters.deliver_escalations_sql`), within the marking:
where that keeps the text or names out of mails, they were not read.
"""

import json
from collections.abc import Callable
from datetime import datetime

from alerts.letters.chased_parts import Chased
from alerts.letters.escalation_words import escalation
from alerts.letters.reminder_words import digest, reminder
from alerts.models import Message


def chased_of(kind: str, found: str | None, now: datetime, link: Callable[[int, int], str]) -> Chased:
    """What delivery read of a mail of this kind; nothing of one that is not of the chase.

    `link` makes somebody's own link, of a recipient's id and issue.
    """
    if not found:
        return Chased()
    read = json.loads(found)
    if kind == Message.Kind.DIGEST:
        return digest(read, now, link)
    if kind == Message.Kind.ESCALATION:
        return escalation(read, now)
    return reminder(read, now)
