"""Canaries: addresses of the operator's own, one a mail domain, that are first in every cascade, and what became of their mail.

Before: a revision that was just published. After: a mail to each canary that `CANARIES` names, before everybody else's, of the
reference and the severity alone: it asks for nothing, and is in nobody's figures. Twice: each gets one a revision. What had
not arrived after five minutes is said (`seen`), and so is at once what came back; it is over after a day, or when a later one
arrived.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from alerts import hold_words
from alerts.models import Advisory, Canary, Message, Revision, Severity
from alerts.routing import route_state, routes
from alerts.routing.canary_sql import FOUND, SEEN, WRITE
from alerts.statements import run
from alerts.wake import wake
from departments.models import Person

ARRIVES_WITHIN = timedelta(minutes=5)
KEPT = timedelta(days=1)
MOST = 200  # revisions, and mails of each canary, that are looked back at
ARRIVED = (Message.Fate.DELIVERED, Message.Fate.COMPLAINED)


@dataclass(frozen=True, slots=True)
class Seen:
    """A canary of which something is to be said."""

    domain: str
    reference: str
    """"": of none."""
    since: datetime
    says: str
    words: str = ""
    """What the server said, without addresses."""
    blind: bool = False
    """Its route says nothing of delivery: that nothing is heard proves nothing."""


class _Mail(NamedTuple):
    """A canary's mail of one revision, as `canary_sql.SEEN` has it."""

    domain: str
    reference: str
    published: datetime
    state: str
    sent_at: datetime | None
    failed_at: datetime | None
    fate: str
    fate_at: datetime | None
    route: str
    error: str


def put(advisory: Advisory, revision: Revision, now: datetime) -> int:
    """The canaries' mails of a revision, within the transaction that queues it first; how many were new."""
    if not settings.CANARIES:
        return 0
    domains = ensure()
    made = run(
        WRITE,
        revision=str(revision.pk),
        rank=Severity(advisory.severity).rank,
        about=advisory.pk,
        domains=domains,
        now=now,
    )
    if made:
        wake("deliver")
    return len(made)


def ensure() -> list[str]:
    """Have a person and a canary for each address of the setting; their domains. Writes nothing where they are there."""
    wanted: dict[str, str] = settings.CANARIES
    there = dict(Canary.objects.filter(domain__in=list(wanted)).values_list("domain", "person__email"))
    missing = {domain: address for domain, address in wanted.items() if there.get(domain) != address}
    if missing:
        Person.objects.bulk_create(
            [Person(email=address, written=address, name=f"Canary at {domain}") for domain, address in missing.items()],
            ignore_conflicts=True,
        )
        people = {person.email: person for person in Person.objects.filter(email__in=missing.values())}
        Canary.objects.bulk_create(
            [Canary(domain=domain, person=people[address]) for domain, address in missing.items()],
            update_conflicts=True,
            unique_fields=["domain"],
            update_fields=["person"],
        )
    return sorted(wanted)


def seen(now: datetime) -> list[Seen]:
    """What is to be said of each domain's last mails of a day, by domain; none where there are no canaries.

    Whoever is noted as having left gets none, which is said for as long as it lasts.
    """
    if not settings.CANARIES:
        return []
    found: dict[str, Seen | None] = {domain: _left(domain, at) for domain, at in _who_left()}
    heard = _heard_of()
    for mail in map(_Mail._make, run(SEEN, most=MOST, since=now - KEPT, domains=list(settings.CANARIES))):
        if mail.domain not in found:
            arrived, said = _judge(mail, now, heard)
            if arrived or said is not None:
                found[mail.domain] = said
    return [said for said in found.values() if said is not None]


def _who_left() -> list[tuple[str, datetime]]:
    canaries = Canary.objects.filter(domain__in=settings.CANARIES).order_by("domain")
    return [(domain, at) for domain, at in canaries.values_list("domain", "person__left_at") if at is not None]


def _left(domain: str, at: datetime) -> Seen:
    says = (
        f"Canary at {domain}: it is noted as having left the directory, so that it gets no mail and shows nothing: bring it "
        "back there, or name another address in CANARIES."
    )
    return Seen(domain, "", at, says)


def _judge(mail: _Mail, now: datetime, heard: set[str]) -> tuple[bool, Seen | None]:
    """Whether it arrived, and what is to be said of it; of one that nobody can judge yet, neither."""
    if mail.fate in ARRIVED:
        return True, None
    domain, reference, sent_at, fate = mail.domain, mail.reference, mail.sent_at, mail.fate
    name, about = f"Canary at {domain}", f"of {reference}"
    handed = f"handed over at {hold_words.clock(sent_at, now)}" if sent_at else ""
    if mail.state == Message.State.FAILED or fate in (Message.Fate.BOUNCED, Message.Fate.SUPPRESSED):
        how = {"bounced": "came back", "suppressed": "is suppressed by the provider"}.get(fate, "was refused")
        at = mail.fate_at or mail.failed_at or now
        return False, Seen(
            domain, reference, at, f"{name}: its mail {about} {how}. {_look(domain)}", routes.said(mail.error)
        )
    if fate == Message.Fate.DEFERRED:
        says = f"{name}: its mail {about}, {handed}, is put off by {domain}: mail to this domain is late."
        return False, Seen(domain, reference, mail.fate_at or now, says, routes.said(mail.error))
    if mail.state == Message.State.WAITING:
        if now - mail.published < ARRIVES_WITHIN:
            return False, None
        minutes = _minutes(now - mail.published)
        says = f"{name}: its mail {about} has not been handed over {minutes} after it was published."
        return False, Seen(domain, reference, mail.published + ARRIVES_WITHIN, says, routes.said(mail.error))
    if mail.state != Message.State.SENT or sent_at is None or now - sent_at < ARRIVES_WITHIN:
        return False, None
    says = (
        f"{name}: {handed}, {about}, not reported delivered after {_minutes(now - sent_at)}: mail to this domain may not "
        f"arrive. {_look(domain)}"
    )
    return False, Seen(
        domain, reference, sent_at + ARRIVES_WITHIN, says, blind=domain not in heard and _is_blind(mail.route)
    )


def _minutes(span: timedelta) -> str:
    """The limit, once it is past: a page that counted on would change with every look."""
    hours = int(span.total_seconds() // 3600)
    return "5 minutes" if not hours else "an hour" if hours == 1 else f"{hours} hours"


def _look(domain: str) -> str:
    return f"Look into that mailbox, and at what {domain} says of our sender."


def blind_routes() -> str:
    """The configured routes by which a canary proves nothing; "" where there are none, or no canaries, or where a mail of
    each was found in the mailbox that is read here."""
    if not settings.CANARIES or not set(settings.CANARIES) - _heard_of():
        return ""
    return route_state.in_words([way.name for way in routes.ways() if _is_blind(way.name)])


def _heard_of() -> set[str]:
    """The canaries whose mails are found in the mailbox that is read now, whatever their route says."""
    if settings.MAILBOX is None:
        return set()
    return {domain for (domain,) in run(FOUND, domains=list(settings.CANARIES), most=MOST)}


def _is_blind(route: str) -> bool:
    """Whether the route itself says nothing of a mail that arrived."""
    return not any(way.reports for way in routes.ways() if way.name == route)
