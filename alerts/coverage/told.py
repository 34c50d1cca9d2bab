"""What somebody should have been told, what they were told, when, and who held it: the facts, for one person.

Read from what the journey left behind: relays, seats, messages, answers, exclusions and gaps. Nothing here writes. A
constant number of queries, whatever the number of advisories; the directory is read as it is today, the relays as they
stood when the warning passed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Exists, F, OuterRef, Prefetch, Q

from alerts.models import (
    Acknowledgement,
    Advisory,
    AudienceRole,
    Exclusion,
    Gap,
    Message,
    Named,
    Recipient,
    Relay,
    Revision,
    Seat,
)
from alerts.models.figures import OUT_OF_REACH
from alerts.own_time import own_times
from departments.models import Membership, Person

# Whoever answered the last material revision, themselves or through their office, was told: the figures say it so as well.
_MATERIAL = F("recipient__advisory__material__number")
_HEARD = Q(recipient__answered_revision__gte=_MATERIAL) | Q(recipient__office_revision__gte=_MATERIAL)

# Whoever joined longer than this after the end of an advisory has nothing to do with it.
JOINED_AFTER = timedelta(days=90)

# Every published advisory with which this person, or a body in which they sat at its time, has to do.
# Indexes: alerts_recipient(person), alerts_relay(body), alerts_exclusion(body), alerts_gap(body).
CONCERNED = """
WITH RECURSIVE sat AS (
    SELECT body_id, since, "until" FROM departments_membership WHERE person_id = %(person)s
), line(body_id, above_id) AS (
    SELECT body_id, body_id FROM sat
    UNION
    SELECT l.body_id, b.parent_id FROM line l JOIN departments_body b ON b.id = l.above_id WHERE b.parent_id IS NOT NULL
), touched(advisory_id, body_id) AS (
    SELECT r.advisory_id, r.body_id FROM alerts_relay r
    WHERE r.body_id IN (SELECT body_id FROM sat) AND r.purpose = 'target'
    UNION
    SELECT e.advisory_id, l.body_id FROM line l JOIN alerts_exclusion e ON e.body_id = l.above_id
    UNION
    SELECT g.advisory_id, g.body_id FROM alerts_gap g
    WHERE g.body_id IN (SELECT body_id FROM sat) AND g.kind = 'outside'
)
SELECT r.advisory_id
FROM alerts_recipient r JOIN alerts_advisory a ON a.id = r.advisory_id AND a.current_id IS NOT NULL
WHERE r.person_id = %(person)s
UNION
SELECT n.advisory_id
FROM alerts_named n JOIN alerts_advisory a ON a.id = n.advisory_id AND a.current_id IS NOT NULL
WHERE n.person_id = %(person)s
UNION
SELECT t.advisory_id
FROM touched t
JOIN sat s ON s.body_id = t.body_id
JOIN alerts_advisory a ON a.id = t.advisory_id
JOIN alerts_revision c ON c.id = a.current_id
WHERE (s."until" IS NULL OR s."until" > COALESCE(a.published_at, c.at))
  AND (c.kind <> 'stand-down' OR s.since < c.at + %(joined_days)s * interval '1 day')
"""

# Of each body in which they sit or sat: which bodies stand above it, itself among them.
LINES = """
WITH RECURSIVE line(body_id, above_id) AS (
    SELECT body_id, body_id FROM departments_membership WHERE person_id = %(person)s
    UNION
    SELECT l.body_id, b.parent_id FROM line l JOIN departments_body b ON b.id = l.above_id WHERE b.parent_id IS NOT NULL
)
SELECT body_id, above_id FROM line
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A body through which they should have been told: their seat at its relay, if they ever had one."""

    relay: Relay
    seat: Seat | None
    membership: Membership | None
    holders: list[Relay]
    """The relays that held it on its way here, its own last; the contacts of a held body are told at once."""
    waits_for: Relay | None
    """The nearest relay above that has not let it through yet."""
    dark: bool
    """Nobody in this body could be told."""
    asked: bool
    """The audience's roles take in one that they had here."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A body of theirs that was left out of the audience, and who signed."""

    body: str
    through: str
    """The body that was excluded, where it is one above."""
    reason: str
    by: str
    at: datetime
    body_id: int
    """The body that was excluded."""
    remit: bool = False
    """Not excluded, but left outside although its remit matches."""


@dataclass(slots=True)
class Entry:
    """One advisory, as it concerned this person."""

    advisory: Advisory
    recipient: Recipient | None = None
    named: Named | None = None
    roles: list[str] = field(default_factory=list)
    """Only people in these roles were to be told; empty: everybody."""
    places: list[Place] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    answers: list[Acknowledgement] = field(default_factory=list)
    due: datetime | None = None
    """By when they were to answer, in their own time."""
    stood_down_at: datetime | None = None


def concerning(person: Person) -> list[int]:
    """The ids of the published advisories with which this person has to do, in no order; those nobody may see included."""
    with connection.cursor() as cursor:
        cursor.execute(CONCERNED, {"person": person.pk, "joined_days": JOINED_AFTER.days})
        return [row[0] for row in cursor.fetchall()]


def entries(person: Person, advisories: Collection[int]) -> list[Entry]:
    """What is known of this person in these advisories, the newest first."""
    found = Advisory.objects.filter(pk__in=advisories).select_related("issuer", "current", "draft")
    made = {
        one.pk: Entry(one, stood_down_at=_stood_down(one)) for one in found.order_by(F("published_at").desc(), "-pk")
    }
    for role in AudienceRole.objects.filter(advisory__in=made).order_by("role"):
        made[role.advisory_id].roles.append(role.role)
    for named in Named.objects.filter(advisory__in=made, person=person).select_related("by"):
        made[named.advisory_id].named = named
    _add_recipients(person, made)
    memberships = _memberships(person)
    _add_places(made, memberships)
    _add_left_out(person, made, memberships)
    return list(made.values())


def _stood_down(advisory: Advisory) -> datetime | None:
    current = advisory.current
    return current.at if current is not None and current.kind == Revision.Kind.STAND_DOWN else None


def _memberships(person: Person) -> dict[int, list[Membership]]:
    """By body, the latest to begin first."""
    found: dict[int, list[Membership]] = defaultdict(list)
    for one in Membership.objects.filter(person=person).select_related("body").order_by("-since", "-pk"):
        found[one.body_id].append(one)
    return found


def _during(memberships: Iterable[Membership], entry: Entry) -> list[Membership]:
    """The places that they held while this advisory was there, or took shortly after it; the latest first."""
    began = entry.advisory.published_at or entry.advisory.created_at
    ends = entry.stood_down_at + JOINED_AFTER if entry.stood_down_at else None
    return [
        one for one in memberships if (ends is None or one.since < ends) and (one.until is None or one.until > began)
    ]


def _add_recipients(person: Person, made: dict[int, Entry]) -> None:
    mails = Message.objects.select_related("revision", "batch").order_by("pk")
    answers = Acknowledgement.objects.select_related("revision", "by").order_by("pk")
    found = Recipient.objects.filter(advisory__in=made, person=person).prefetch_related(
        Prefetch("messages", queryset=mails), Prefetch("acknowledgements", queryset=answers)
    )
    dues = own_times(recipient.pk for recipient in found)
    for recipient in found:
        entry = made[recipient.advisory_id]
        entry.due = dues.get(recipient.pk)
        entry.recipient = recipient
        entry.messages = list(recipient.messages.all())
        entry.answers = list(recipient.acknowledgements.all())


def _add_places(made: dict[int, Entry], memberships: dict[int, list[Membership]]) -> None:
    """Where they have or had a seat, and where their body is targeted and they have none."""
    recipients = [entry.recipient.pk for entry in made.values() if entry.recipient is not None]
    seats = {seat.relay_id: seat for seat in Seat.objects.filter(recipient__in=recipients)}
    reached = Seat.objects.filter(relay=OuterRef("pk"), counts=True, ended_at=None).filter(
        ~Q(recipient__outcome__in=OUT_OF_REACH) | _HEARD
    )
    theirs = Q(pk__in=list(seats)) | Q(advisory__in=made, body__in=list(memberships), purpose=Relay.Purpose.TARGET)
    relays = list(
        Relay.objects.filter(theirs)
        .select_related("body", "released_by")
        .annotate(reaches=Exists(reached))
        .order_by("body__name", "pk")
    )
    above = Relay.objects.select_related("body", "released_by").in_bulk({one for r in relays for one in r.path})
    for relay in relays:
        entry = made[relay.advisory_id]
        seat = seats.get(relay.pk)
        held = _during(memberships.get(relay.body_id, []), entry)
        if seat is None and not held:
            continue
        line = [above[one] for one in relay.path if one in above]
        entry.places.append(
            Place(
                relay=relay,
                seat=seat,
                # The one that ended last, or goes on, is the one that a seat hangs on.
                membership=held[0] if held else None,
                holders=[one for one in line if one.held_until is not None],
                waits_for=next((one for one in line if one.state != Relay.State.RELEASED), None),
                dark=seat is not None and seat.counts and seat.ended_at is None and not relay.reaches,
                asked=not entry.roles or any(one.role in entry.roles for one in held),
            )
        )


def _add_left_out(person: Person, made: dict[int, Entry], memberships: dict[int, list[Membership]]) -> None:
    """Their bodies that were left out on purpose: by an exclusion at it or above it, or by a gap that was accepted."""
    with connection.cursor() as cursor:
        cursor.execute(LINES, {"person": person.pk})
        below: dict[int, list[int]] = defaultdict(list)
        for body_id, above_id in cursor.fetchall():
            below[above_id].append(body_id)
    left = Exclusion.objects.filter(advisory__in=made, body__in=list(below)).select_related("body", "by")
    for one in left.order_by("body__name", "pk"):
        entry = made[one.advisory_id]
        # A body below an excluded one may have been reached through a sponsor.
        reached = {place.relay.body_id for place in entry.places if place.relay.purpose == Relay.Purpose.TARGET}
        for body_id in below[one.body_id]:
            held = _during(memberships[body_id], entry)
            if held and body_id not in reached:
                through = "" if body_id == one.body_id else one.body.name
                entry.left_out.append(LeftOut(held[0].body.name, through, one.reason, one.by.name, one.at, one.body_id))
    gaps = Gap.objects.filter(advisory__in=made, body__in=list(memberships), kind=Gap.Kind.OUTSIDE).exclude(
        decision=Gap.Decision.WIDENED
    )
    for gap in gaps.select_related("body", "by").order_by("body__name", "pk"):
        entry = made[gap.advisory_id]
        if _during(memberships[gap.body_id], entry):
            by = gap.by.name if gap.by else ""
            entry.left_out.append(LeftOut(gap.body.name, "", gap.reason, by, gap.at, gap.body_id, remit=True))
