"""Stopping a live advisory, letting it go on, and standing it down.

Before: a live advisory. After `stop`: no worker takes another unsent mail of it. After `go_on`: what was not sent leaves as
it was. After `stand_down`: a last revision goes to everybody who was ever told. Twice: the second press is refused in words.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from alerts import record
from alerts.models import Advisory, Draft, Revision, State
from alerts.models.figures import UNREACHABLE
from alerts.officers import check_may, hold
from alerts.publishing import desk
from alerts.publishing.achieved import achieved
from alerts.publishing.contract import Content, reason_of
from alerts.publishing.publish import freeze
from alerts.publishing.starters import blanks
from alerts.wake import wake, wake_cascade
from departments.models import Person
from departments.refusal import Refused

# People it was sent to; people it would still go to. Whoever's address was refused is neither; whoever left before they
# were told is neither. Index: recipient_told.
HOW_FAR = f"""
    SELECT count(*) FILTER (WHERE r.told_revision >= %(number)s),
           count(*) FILTER (
               WHERE r.told_revision < %(number)s AND r.outcome NOT IN {UNREACHABLE}
                 AND (r.targeted OR r.told_revision > 0
                      OR EXISTS (SELECT FROM alerts_seat s WHERE s.recipient_id = r.id AND s.ended_at IS NULL))
           ),
           count(*) FILTER (WHERE r.targeted),
           (SELECT a.seen IS NULL FROM alerts_advisory a WHERE a.id = %(advisory)s)
           OR EXISTS (SELECT FROM alerts_relay l WHERE l.advisory_id = %(advisory)s AND l.stale)
    FROM alerts_recipient r
    WHERE r.advisory_id = %(advisory)s
"""


@dataclass(frozen=True)
class HowFar:
    """How far the current revision had got: people it was sent to, and people it was not.

    At the moment of a stop up to one part (100 mails) a worker may be on its way: these count as not sent, and may arrive.
    """

    sent: int
    unsent: int


def how_far(advisory: Advisory) -> HowFar:
    """How far its current revision has got; one pass over its recipients, however many mails there ever were.

    While the cascade still writes down who they are, those that the signed preview counted and it has yet to write are unsent.
    """
    if advisory.current is None:
        return HowFar(0, 0)
    with connection.cursor() as cursor:
        cursor.execute(HOW_FAR, {"advisory": advisory.pk, "number": advisory.current.number})
        sent, unsent, targeted, under_way = cursor.fetchone() or (0, 0, 0, False)
    promised = advisory.current.preview.get("people", 0) if under_way else 0
    return HowFar(sent, unsent + max(promised - targeted, 0))


@transaction.atomic
def stop(advisory: Advisory, by: Person) -> HowFar:
    """Nothing unsent leaves from now on; how far it had got. Raises `Refused`."""
    held = _hold(advisory, by, State.LIVE)
    if held.stopped:
        raise Refused(f"{held.reference} is stopped already.")
    held.stopped_at, held.stopped_by = timezone.now(), by
    held.save(update_fields=["stopped_at", "stopped_by"])
    # Publishing goes on after a stop, so whoever had the waiting draft before them looks again first.
    Draft.objects.filter(advisory=held).update(version=F("version") + 1)
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
    wake_cascade(held)
    wake("deliver")


@transaction.atomic
def stand_down(advisory: Advisory, by: Person, reason: str) -> Revision:
    """The advice no longer holds: a last revision goes to everybody who was ever told; raises `Refused`.

    It says what was achieved, as it stands now, to those who answered.
    """
    held = _hold(advisory, by, State.LIVE, State.EXPIRED)
    reason = reason_of(reason, "Say why it is stood down: everybody who was told will read it.")
    if left := blanks(reason):
        raise Refused(f"‹{left[0]}› still stands there: fill it in. Everybody who was told will read it.")
    assert held.current is not None  # noqa: S101  # live means published
    words = {**held.current.content, "what_changed": reason, "earlier": "replaced", "achieved": achieved(held)}
    if Draft.objects.filter(advisory=held).delete()[0]:
        desk.call_off(held, *desk.OF_A_DRAFT)
        record.write("dropped", held.reference, by)
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
    held = hold(advisory.pk)
    if held.state not in states:
        raise Refused(f"{held.reference} is {held.get_state_display().lower()}.")
    check_may(by, held)
    return held
