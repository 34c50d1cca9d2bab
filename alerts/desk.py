"""Mails to those who run an advisory: what waits for an officer or an administrator. They lead to a page behind the sign-in.

Before: somebody whom something waits for. After: each of them has one mail in the outbox. Twice: written once, by its key.
"""

from collections.abc import Iterable
from datetime import datetime

from alerts import outbox
from alerts.models import Advisory, Message

# An advisory that waits for a second officer waits with everybody whom it would warn: before every other mail.
FIRST, LAST = 0, 9
PEOPLE = "SELECT p.id, p.id, %(stem)s || ':' || p.id FROM departments_person p WHERE p.id = ANY(%(people)s)"


def put(kind: str, advisory: Advisory, people: Iterable[int], stem: str, now: datetime) -> int:
    """A mail of this desk kind to each of these people, once for this `stem`; how many were new. Within a transaction."""
    values = {"stem": f"{kind}:{advisory.pk}:{stem}", "people": sorted(set(people))}
    rank = FIRST if kind == Message.Kind.APPROVE else LAST
    return len(outbox.put(kind, PEOPLE, values, now, about=advisory.pk, rank=rank))
