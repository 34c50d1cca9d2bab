"""Holds: a body's contacts have the warning first, for some hours; here it is let go on before the clock does it.

Before: a held relay. After `release` or `release_by_link`: released, by whoever pressed; the cascade moves the wave on from
it. Twice: the second press finds that it was not held any more. Looking writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.db import connection, transaction
from django.utils import timezone

from alerts import record
from alerts.hold_words import clock
from alerts.models import Advisory, Recipient, Relay, Seat, State
from alerts.wake import wake_cascade
from departments.models import Membership, Person, Role
from departments.refusal import Refused

# Nothing is held for longer than a day: an older form is of another hold.
FORM_LASTS = timedelta(hours=24)
_FORM = "alerts.cascading.holds.form"

# Who waits behind this relay (`{relay}` is one, with `advisory_id`): everybody of the audience at it or below it whom
# nothing else lets be told. `looking`: whether somebody there may still be to be found.
# Indexes: alerts_relay(advisory, body), seat_current, seat_once.
WAITING = """
    SELECT count(DISTINCT rc.id) AS people, coalesce(bool_or(below.stale), false) AS looking
    FROM alerts_relay below
    LEFT JOIN (
        alerts_seat st JOIN alerts_recipient rc ON rc.id = st.recipient_id AND rc.told_revision = 0
    ) ON st.relay_id = below.id AND st.ended_at IS NULL AND st.counts AND NOT EXISTS (
        SELECT FROM alerts_seat other JOIN alerts_relay at ON at.id = other.relay_id
        WHERE other.recipient_id = rc.id AND other.ended_at IS NULL
          AND (at.state = 'released' OR (at.state = 'held' AND other.contact))
    )
    WHERE below.advisory_id = {relay}.advisory_id AND below.path @> ARRAY[{relay}.id] AND below.purpose <> 'left'
"""

HELD = f"""
SELECT r.id, b.name, r.held_until, w.people, w.looking
FROM alerts_seat s
JOIN alerts_recipient me ON me.id = s.recipient_id
JOIN alerts_relay r ON r.id = s.relay_id AND r.state = 'held' AND r.purpose <> 'left'
JOIN departments_body b ON b.id = r.body_id
CROSS JOIN LATERAL ({WAITING.format(relay="r")}) w
WHERE s.recipient_id = %(recipient)s AND s.contact AND s.ended_at IS NULL
  AND EXISTS (
      SELECT FROM departments_membership m
      WHERE m.person_id = me.person_id AND m.body_id = r.body_id AND m.role = 'contact' AND m.until IS NULL
  )
ORDER BY r.held_until, b.name
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A body that holds a warning, as one of its contacts sees it."""

    relay_id: int
    body: str
    until: datetime
    """When the clock lets it go on."""
    people: int
    """How many wait for them: in the body and below it."""
    looking: bool
    """There may be more: they are still being looked up."""


def release(relay_id: int, by: Person, how: str = "") -> bool:
    """A contact or officer lets a held relay go on. False when it was not held any more. `how`: "link", without signing in.

    Raises `Refused` for an advisory that expired or was stood down: nothing of it goes on.
    """
    with transaction.atomic():
        of = Advisory.objects.get(relays=relay_id)
        if of.state == State.EXPIRED:
            raise Refused(
                f"{of.reference} has expired: nothing of it goes on until an officer says that it still holds."
            )
        if of.state != State.LIVE:
            raise Refused(f"{of.reference} is stood down: it asks nothing of anybody, and nothing of it goes on.")
        changed = Relay.objects.filter(pk=relay_id, state=Relay.State.HELD).update(
            state=Relay.State.RELEASED, released_at=timezone.now(), released_by=by, to_tell=True
        )
        if changed:
            relay = Relay.objects.select_related("advisory", "body").get(pk=relay_id)
            details = {"how": how} if how else {}
            record.write("released", relay.advisory.reference, by, body=relay.body.slug, relay=relay.pk, **details)
            wake_cascade(relay.advisory)
    return bool(changed)


# --- through a contact's own link ---


def held_by(recipient: Recipient) -> list[Held]:
    """What this recipient holds as a contact now, the next to go on first; nothing of what does not move. One query."""
    advisory = recipient.advisory
    if advisory.state != State.LIVE or advisory.stopped:
        return []
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"recipient": recipient.pk})
        return [Held(*row) for row in cursor.fetchall()]


def let_go_by(recipient: Recipient) -> list[Relay]:
    """What this recipient's person let go on of a live advisory, the last first."""
    if recipient.advisory.state != State.LIVE:
        return []
    released = Relay.objects.filter(
        advisory_id=recipient.advisory_id, state=Relay.State.RELEASED, released_by=recipient.person_id
    )
    return list(released.exclude(held_until=None).select_related("body", "released_by").order_by("-released_at", "pk"))


def release_by_link(recipient: Recipient, relay_id: int) -> bool:
    """A contact lets go on what they hold, by their link alone: letting a warning through is the safe direction.

    False when they did so before. Raises `Refused`, in words for them, where it can't be done; then nothing changed.
    """
    relay = (
        Relay.objects.select_related("body", "released_by", "advisory")
        .filter(pk=relay_id, advisory=recipient.advisory_id)
        .first()
    )
    if relay is None:
        raise Refused("That belongs to another warning. Open the link in the mail about that one, and press there.")
    if relay.released_by_id == recipient.person_id:
        return False
    if not _is_its_contact(recipient, relay):
        raise Refused(f"You are not the contact of {relay.body.name} now, so it is not yours to let go on.")
    if relay.advisory.stopped:
        raise Refused(
            f"{relay.advisory.reference} was stopped while it is looked at again: nothing of it goes on for now."
        )
    if relay.purpose == Relay.Purpose.LEFT or relay.state == Relay.State.PLANNED:
        raise Refused(f"{relay.body.name} does not hold this warning; nothing changed.")
    if relay.state == Relay.State.HELD and release(relay.pk, recipient.person, how="link"):
        return True
    relay.refresh_from_db()
    if relay.released_by_id == recipient.person_id:
        return False
    raise Refused(_was_released(relay))


def _is_its_contact(recipient: Recipient, relay: Relay) -> bool:
    # The seat follows the directory within a minute; the place itself says who is the contact at this moment.
    return (
        recipient.person.left_at is None
        and Seat.objects.filter(recipient=recipient, relay=relay, contact=True).exists()
        and Membership.objects.filter(
            person=recipient.person_id, body=relay.body_id, role=Role.CONTACT, until=None
        ).exists()
    )


def _was_released(relay: Relay) -> str:
    at = f" at {clock(relay.released_at)}" if relay.released_at else ""
    if relay.held_until is None:
        return f"{relay.body.name} does not hold this warning: it went straight on. Nothing changed."
    if relay.released_by is None:
        return f"It went on by itself{at}: nobody in {relay.body.name} waits for you any more."
    return f"{relay.released_by.name} let it go on{at}: nobody in {relay.body.name} waits for you any more."


def issue_form(recipient: Recipient, relay_id: int) -> str:
    """The hidden value of a card's form: nobody else's site can make one, and it says when the page was opened."""
    return signing.dumps([recipient.pk, relay_id, timezone.now().timestamp()], salt=_FORM)


def opened_at(recipient: Recipient, relay_id: int, form: str) -> float | None:
    """When the page with this form was opened (seconds since 1970); None for one that is old, or not of these two."""
    try:
        whose, which, opened = signing.loads(form, salt=_FORM, max_age=FORM_LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return float(opened) if (whose, which) == (recipient.pk, relay_id) else None
