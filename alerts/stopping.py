"""Stopping a live advisory, letting it go on, and standing it down.

Before: a live advisory. After `stop`: no worker takes another unsent mail of it. After `go_on`: what was not sent leaves as
it was. After `stand_down`: a last revision goes to everybody who was ever told. Twice: the second press is refused in words.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from alerts import record
from alerts.achieved import achieved
from alerts.contract import Content
from alerts.models import Advisory, Draft, Message, Revision, State
from alerts.officers import check_may
from alerts.publish import freeze
from alerts.wake import wake
from departments.models import Person
from departments.refusal import Refused

LONGEST_REASON = 2_000


@dataclass(frozen=True)
class HowFar:
    """How far the current revision had got: people it was sent to, and people it was not."""

    sent: int
    unsent: int


def how_far(advisory: Advisory) -> HowFar:
    """How far its current revision has got."""
    sent = Message.objects.filter(revision=advisory.current, state=Message.State.SENT).count()
    return HowFar(sent, max(advisory.recipients.count() - sent, 0))


@transaction.atomic
def stop(advisory: Advisory, by: Person) -> HowFar:
    """Nothing unsent leaves from now on; how far it had got. Raises `Refused`."""
    held = _hold(advisory, by, State.LIVE)
    if held.stopped:
        raise Refused(f"{held.reference} is stopped already.")
    held.stopped_at, held.stopped_by = timezone.now(), by
    held.save(update_fields=["stopped_at", "stopped_by"])
    far = how_far(held)
    record.write("stopped", held.reference, by, sent=far.sent, unsent=far.unsent)
    return far


@transaction.atomic
def go_on(advisory: Advisory, by: Person) -> None:
    """What was stopped goes on as it was; raises `Refused`."""
    held = _hold(advisory, by, State.LIVE)
    if not held.stopped:
        raise Refused(f"{held.reference} is not stopped.")
    held.stopped_at = held.stopped_by = None
    held.save(update_fields=["stopped_at", "stopped_by"])
    record.write("went on", held.reference, by)
    wake("cascade", held.pk)
    wake("deliver")


@transaction.atomic
def stand_down(advisory: Advisory, by: Person, reason: str) -> Revision:
    """The advice no longer holds: a last revision goes to everybody who was ever told; raises `Refused`.

    It says what was achieved, as it stands now, to those who answered.
    """
    held = _hold(advisory, by, State.LIVE, State.EXPIRED)
    reason = reason.strip()
    if not reason:
        raise Refused("Say why it is stood down: everybody who was told will read it.")
    if len(reason) > LONGEST_REASON or "\0" in reason:
        raise Refused(f"The reason has {len(reason):,} characters; {LONGEST_REASON:,} is the most. Shorten it.")
    assert held.current is not None  # noqa: S101  # live means published
    words = {**held.current.content, "what_changed": reason, "earlier": "replaced", "achieved": achieved(held)}
    Draft.objects.filter(advisory=held).delete()
    return freeze(
        held,
        Content(words, [], timedelta(0)),
        Revision.Kind.STAND_DOWN,
        by=by,
        approved_by=None,
        alone_reason=reason,
        preview={},
        now=timezone.now(),
    )


def _hold(advisory: Advisory, by: Person, *states: str) -> Advisory:
    held = Advisory.objects.select_for_update(no_key=True).get(pk=advisory.pk)
    if held.state not in states:
        raise Refused(f"{held.reference} is {held.get_state_display().lower()}.")
    check_may(by, held)
    return held
