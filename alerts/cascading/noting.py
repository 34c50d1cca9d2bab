"""Noting: what a body's contact adds under the original, for everybody in the body and below it.

Before: a live advisory that has reached the body. After `add_note`: one more note, never changed; the last one stands, an
empty one takes back what stood, and the advisory and its revisions are as they were. It is mailed to those who were told
before only if somebody chooses that, once. Twice: the same words again are no further note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from alerts import record, spelling
from alerts.models import Advisory, Note, Recipient, Relay, State
from alerts.wake import wake_cascade
from departments.models import Membership, Person, Role
from departments.refusal import Refused

LONGEST = 2_000  # characters

# Which notes stand for a recipient (`{recipient}` is their id), the nearest body's first: at the relay of a current seat of
# theirs, or above it. Indexes: seat_once, note_last.
STANDING = """
    SELECT n.text, n.at, b.name, cardinality(r.path) AS depth
    FROM (
        SELECT DISTINCT up.id
        FROM alerts_seat s
        JOIN alerts_relay here ON here.id = s.relay_id AND here.purpose <> 'left'
        CROSS JOIN LATERAL unnest(here.path) AS up(id)
        WHERE s.recipient_id = {recipient} AND s.ended_at IS NULL
    ) line
    JOIN alerts_relay r ON r.id = line.id
    JOIN departments_body b ON b.id = r.body_id
    CROSS JOIN LATERAL (
        SELECT last.text, last.at FROM alerts_note last WHERE last.relay_id = r.id ORDER BY last.id DESC LIMIT 1
    ) n
    WHERE n.text <> ''
"""

# How many read what stands at this relay, and how many of them, but for its writer, were sent the current revision already.
READERS = """
SELECT count(DISTINCT rc.id), count(DISTINCT rc.id) FILTER (WHERE rc.told_revision >= %(number)s AND rc.person_id <> %(writer)s)
FROM alerts_relay below
JOIN alerts_seat s ON s.relay_id = below.id AND s.ended_at IS NULL
JOIN alerts_recipient rc ON rc.id = s.recipient_id
WHERE below.advisory_id = %(advisory)s AND below.path @> ARRAY[%(relay)s]::bigint[] AND below.purpose <> 'left'
"""


class Overtaken(Exception):
    """Somebody else's note came between: `last` is what stands now, and nothing was written."""

    def __init__(self, last: Note) -> None:
        super().__init__("another note was saved meanwhile")
        self.last = last


@dataclass(frozen=True, slots=True)
class Added:
    """A note as its readers see it."""

    text: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Readers:
    """For whom a note stands."""

    people: int
    told: int
    """Of these, who were sent the current revision before, its writer not among them."""


def standing_for(recipient: Recipient) -> list[Added]:
    """The notes that stand for this recipient, the nearest body's first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT text, at, name FROM ({STANDING.format(recipient='%(recipient)s')}) found ORDER BY depth DESC, name",
            {"recipient": recipient.pk},
        )
        return [Added(*row) for row in cursor.fetchall()]


def standing_at(relay: Relay) -> Note | None:
    """The last note there; an empty one took back what stood before."""
    return Note.objects.filter(relay=relay).select_related("by").order_by("-id").first()


def standing_in(advisory: Advisory, branches: Collection[int] | None, most: int) -> list[Note]:
    """The notes that stand in an advisory, the latest first: all of them, or those at, above and below these bodies' relays."""
    last = Note.objects.filter(relay__advisory=advisory).order_by("relay_id", "-id").distinct("relay_id").values("pk")
    found = Note.objects.filter(pk__in=last).exclude(text="").select_related("relay__body", "by")
    if branches is not None:
        paths = Relay.objects.filter(advisory=advisory, body__in=branches).values_list("path", flat=True)
        found = found.filter(Q(relay__body__in=branches) | Q(relay__in={one for path in paths for one in path}))
    return list(found.order_by("-at", "-id")[:most])


def places_of(person: Person, advisory: Advisory) -> list[Relay]:
    """The relays at which this person may add a note to a live advisory now."""
    if advisory.state != State.LIVE or person.left_at is not None:
        return []
    seats = Membership.objects.filter(person=person, role__in=(Role.CONTACT, Role.DEPUTY), until=None)
    reached = Relay.objects.filter(advisory=advisory, body__in=seats.values("body")).exclude(
        Q(state=Relay.State.PLANNED) | Q(purpose=Relay.Purpose.LEFT)
    )
    return list(reached.select_related("body").order_by("body__name", "pk"))


def readers_of(relay: Relay, writer: Person) -> Readers:
    """Who will read a note there: everybody seated in the body and below it. `writer` mails nothing to themselves."""
    number = relay.advisory.current.number if relay.advisory.current else 0
    with connection.cursor() as cursor:
        cursor.execute(
            READERS, {"advisory": relay.advisory_id, "relay": relay.pk, "number": number, "writer": writer.pk}
        )
        return Readers(*cursor.fetchone())


def why_not(relay: Relay) -> str:
    """Why no note can be added there now, as a sentence; "" where one can."""
    advisory = relay.advisory
    if advisory.state == State.STOOD_DOWN:
        return f"{advisory.reference} is stood down: nothing is added to it any more."
    if advisory.state == State.EXPIRED:
        return f"{advisory.reference} has expired: nothing is added until an officer says that it still holds."
    if advisory.state != State.LIVE:
        return f"{advisory.reference} is not published."
    if relay.purpose == Relay.Purpose.LEFT or relay.state == Relay.State.PLANNED:
        return f"{advisory.reference} has not reached {relay.body.name} yet."
    return ""


@transaction.atomic
def add_note(relay_id: int, by: Person, text: str, seen: int | None, *, mail: bool = False) -> Note | None:
    """Add a note at a relay, for those who read there; None where nothing would change. `seen`: the last one they had seen.

    `by` is the body's contact or deputy (`alerts.note_relay`). `mail`: it is mailed to those who were told before as well.
    Raises `Refused`, and `Overtaken` where somebody added one meanwhile; then nothing was written.
    """
    # One after another at a relay: the second finds what the first one wrote.
    relay = (
        Relay.objects.select_for_update(of=("self",), no_key=True).select_related("advisory", "body").get(pk=relay_id)
    )
    if says := why_not(relay):
        raise Refused(says)
    clean = spelling.lines(text)
    if len(clean) > LONGEST:
        raise Refused(f"That has {len(clean):,} characters; {LONGEST:,} is the most. Shorten it.")
    if mail and not clean:
        raise Refused("There are no words to mail. Write the note, or take the tick out.")
    last = standing_at(relay)
    if clean == (last.text if last else ""):
        if last and mail and ask_mail(last.pk, by):
            last.refresh_from_db()
            return last
        return None
    if last is not None and last.pk != seen:
        raise Overtaken(last)
    now = timezone.now()
    note = Note.objects.create(relay=relay, text=clean, by=by, at=now, mail_asked_at=now if mail else None)
    record.write(
        "noted" if clean else "note taken back",
        relay.advisory.reference,
        by,
        body=relay.body.slug,
        note=note.pk,
        mail=mail,
        text_digest=hashlib.sha256(clean.encode()).hexdigest(),
    )
    if mail:
        wake_cascade(relay.advisory)
    return note


@transaction.atomic
def ask_mail(note_id: int, by: Person) -> bool:
    """Have a note that stands mailed to those who were told before it; False where that was asked for already.

    Raises `Refused` where it does not stand any more, or the advisory is not live.
    """
    note = Note.objects.select_related("relay__advisory", "relay__body").get(pk=note_id)
    if says := why_not(note.relay):
        raise Refused(says)
    if not note.text or Note.objects.filter(relay=note.relay_id, pk__gt=note.pk).exists():
        raise Refused("That note does not stand any more. Look at what stands now, and mail that if you like.")
    if not Note.objects.filter(pk=note.pk, mail_asked_at=None).update(mail_asked_at=timezone.now()):
        return False
    record.write("note to be mailed", note.relay.advisory.reference, by, body=note.relay.body.slug, note=note.pk)
    wake_cascade(note.relay.advisory)
    return True
