"""Inbound: what comes back to our address, from a mailbox that is read (`mailbox`) or by a provider's webhook (`take_event`).

Before: a mail, from whomever. After: what a machine says of a mail of ours is an event (`alerts.delivery.tracking`), each once;
what a person writes back is an answer where its words say so (`replying`), and else is left alone. Twice: the same event, the
same answer. Nothing without a token of ours changes anything.
"""

from dataclasses import replace
from datetime import datetime
from email.message import Message

import structlog
from anymail.signals import AnymailInboundEvent
from django.utils import timezone

from alerts.delivery import tracking
from alerts.inbound import replying
from alerts.inbound.reading import Kind, Read, classify
from alerts.models import TrackingEvent

log = structlog.get_logger(__name__)

_EVENTS = {
    Kind.BOUNCED: TrackingEvent.Type.BOUNCED,
    Kind.DEFERRED: TrackingEvent.Type.DEFERRED,
    Kind.DELIVERED: TrackingEvent.Type.DELIVERED,
    Kind.AWAY: TrackingEvent.Type.AUTORESPONDED,
}


def take(message: Message, received: datetime, *, envelope_to: str = "", envelope_from: str | None = None) -> Read:
    """Keep what this mail says of one of ours, or in answer to one; what it was taken for.

    An event of our own mail that arrived is one too.
    """
    read = classify(message, received, envelope_to=envelope_to, envelope_from=envelope_from)
    if read.kind == Kind.REPLY and read.reply:
        return replace(read, answers=replying.take(message, read, received))
    if not read.token:
        return read
    if read.kind == Kind.OURS:
        tracking.arrived(read.token, read.at)
    elif read.kind in _EVENTS:
        heard = tracking.heard_by_mail(
            read.token, _EVENTS[read.kind], read.at, read.key, read.words, address=read.address
        )
        if heard is not None:
            tracking.keep(heard)
    return read


def take_event(*, event: AnymailInboundEvent, esp_name: str, **_: object) -> None:
    """Anymail's signal of inbound mail."""
    if event.message is None:
        return
    sender = event.message.envelope_sender
    read = take(
        event.message,
        timezone.now(),
        envelope_to=str(event.message.envelope_recipient or "")[:1_000],
        envelope_from=None if sender is None else str(sender)[:1_000],
    )
    log.info("a mail came in", provider=esp_name, taken_for=read.kind.value, ours=read.is_ours, answers=read.answers)
