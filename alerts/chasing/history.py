"""What the chase did about a body: to whom it was escalated, when, and what was held back. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from alerts.models import Advisory, Escalation, Nudge, Recipient
from departments.models import Membership, Role

MOST = 200


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was told that a body has not answered."""

    body: str
    """Which body has not."""
    slug: str
    name: str
    shared: bool
    """Whether they are a mailbox of several people."""
    role: str
    """What they are ("contact", "deputy", "head", "officer"), and for which body."""
    for_body: str
    silent: int
    """How many people had not answered then, or not acted; 0: nobody there could be told, or the body itself has not acted."""
    of: str
    """What the time was for: a kind of clock (`Clock.Kind`)."""
    at: datetime
    mailed: bool
    """False: their mail waits, for their working hours or the next day."""


def escalated(
    advisory: Advisory, bodies: Collection[int] | QuerySet[Any, Any] | None = None, most: int = MOST
) -> Sequence[Told]:
    """To whom it was escalated about these bodies (None: about any; ids, or a query for them), the latest first. One query."""
    of = _shown().filter(relay__advisory=advisory, step__clock__material=advisory.clocked)
    if bodies is not None:
        of = of.filter(relay__body__in=bodies)
    return [_told(one) for one in of.order_by("-pk")[:most]]


def about_theirs(recipient: Recipient) -> Sequence[Told]:
    """To whom it was escalated about the bodies that this recipient answers for themselves, the latest first. One query."""
    theirs = Membership.objects.filter(
        person=recipient.person_id, until=None, role__in=(Role.CONTACT, Role.DEPUTY, Role.HEAD)
    )
    return escalated(recipient.advisory, theirs.values("body"))


def these(ids: Collection[int]) -> dict[int, Told]:
    """These escalations, by their ids. One query."""
    return {one.pk: _told(one) for one in _shown().filter(pk__in=ids)}


def _shown() -> QuerySet[Escalation]:
    of = Escalation.objects.exclude(state=Escalation.State.MOOT)
    return of.select_related("relay__body", "person", "body", "step__clock")


def _told(one: Escalation) -> Told:
    return Told(
        one.relay.body.name,
        one.relay.body.slug,
        one.person.name,
        one.person.shared,
        one.role,
        one.body.name,
        one.silent,
        one.step.clock.kind,
        one.at,
        one.state == Escalation.State.MAILED,
    )


def held_back(advisory: Advisory) -> int:
    """How many reminders about it were held back, since those people had had as many mails as a day bears."""
    return Nudge.objects.filter(recipient__advisory=advisory, state=Nudge.State.HELD_BACK).count()
