"""Mails to those who run an advisory: what waits for an officer or an administrator. They lead to a page behind the sign-in.

Before: somebody whom something waits for. After: each of them has one mail in the outbox. Twice: written once, by its key.
"""

from collections.abc import Iterable
from datetime import datetime

from alerts import outbox
from alerts.models import Advisory, Citation, Message
from alerts.publishing.desk_words import OF_A_DRAFT as OF_A_DRAFT

# An advisory that waits for an officer's press waits with everybody whom it would warn: before every other mail.
FIRST, LAST = 0, 9
PRESSING = (Message.Kind.APPROVE, Message.Kind.APPROVED)
PEOPLE = "SELECT p.id, p.id, %(stem)s || ':' || p.id FROM departments_person p WHERE p.id = ANY(%(people)s)"


def put(kind: str, advisory: Advisory, people: Iterable[int], stem: str, now: datetime) -> int:
    """A mail of this desk kind to each of these people, once for this `stem`; how many were new. Within a transaction."""
    wanted = sorted(set(people))
    head = f"{kind}:{advisory.pk}:{stem}"
    # The beat asks every minute about mails that were written long ago.
    there = Message.objects.filter(key__in=[f"{head}:{person}" for person in wanted]).count()
    if there == len(wanted):
        return 0
    rank = FIRST if kind in PRESSING else LAST
    return len(outbox.put(kind, PEOPLE, {"stem": head, "people": wanted}, now, about=advisory.pk, rank=rank))


def report(citation: Citation, person: int, now: datetime) -> bool:
    """Kept figures to whoever asks for them, once; whether this was the first time. Within a transaction."""
    return put(Message.Kind.REPORT, citation.advisory, [person], str(citation.pk), now) == 1


def reported(batch: int) -> Citation | None:
    """What a batch of reports is about: each has a batch of its own, and its key names it."""
    key = Message.objects.filter(batch=batch).values_list("key", flat=True).first()
    return Citation.objects.defer("svg", "png").get(pk=int(key.split(":")[2])) if key else None


def call_off(advisory: Advisory, *kinds: str) -> int:
    """Mails of these kinds about it that have not left yet ask for nothing any more; how many. Within a transaction."""
    about = Message.objects.filter(
        batch__done_at=None, batch__about=advisory, kind__in=kinds, state=Message.State.WAITING
    )
    # Whatever a worker holds at this moment is leaving: it is not waited for.
    waiting = about.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)
    return Message.objects.filter(pk__in=list(waiting)).update(state=Message.State.SUPERSEDED)
