"""Rows written straight into the tables, for tests of what reads and counts them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from django.utils import timezone

from alerts.models import Action, Advisory, Exclusion, Recipient, Relay, Revision, Seat
from departments.models import Body, Membership, Person

_next = count(1)


def person(name: str = "Ada Example", **fields: object) -> Person:
    """Somebody with an address of their own."""
    address = f"person-{next(_next)}@rows.example"
    return Person.objects.create(email=address, written=address, name=name, **fields)


def body(slug: str, parent: Body | None = None) -> Body:
    """A body, named after its slug."""
    return Body.objects.create(slug=slug, name=slug.replace("-", " ").title(), kind="team", parent=parent)


def advisory(reference: str = "ADV-2020-0017", **fields: object) -> Advisory:
    """A live advisory with revision 1, to be answered within a day."""
    issuer, author = body(f"issuer-of-{reference.lower()}"), person("Olive Officer")
    made = Advisory.objects.create(
        reference=reference,
        issuer=issuer,
        written_by=author,
        state="live",
        severity="high",
        marking="GREEN",
        published_at=timezone.now(),
        acknowledge_by=timezone.now() + timedelta(days=1),
        **fields,
    )
    revise(made)
    return made


def revise(of: Advisory, kind: str = "material", **content: object) -> Revision:
    """A further revision, made the current one (and the last material one)."""
    words = {"title": "Do not use Zoom", "summary": "", "what_changed": "", **content}
    revision = Revision.objects.create(
        advisory=of, number=of.revisions.count() + 1, kind=kind, content=words, by=of.written_by, alone_reason="test"
    )
    of.current = revision
    if kind == "material":
        of.material = revision
    of.save(update_fields=["current", "material"])
    return revision


def action(revision: Revision, key: str, of: str = "person") -> Action:
    """Something that a revision asks for."""
    due = timezone.now() + timedelta(days=7)
    return Action.objects.create(
        revision=revision, key=key, order=revision.actions.count(), text=key.title(), due=due, of=of
    )


def relay(
    of: Advisory, slug: str, parent: Relay | None = None, purpose: str = "target", state: str = "released"
) -> Relay:
    """A body's turn, and the body."""
    made = Relay.objects.create(
        advisory=of,
        body=body(slug, parent.body if parent else None),
        parent=parent,
        purpose=purpose,
        state=state,
        stale=False,
        held_until=timezone.now() + timedelta(hours=1) if state == "held" else None,
    )
    made.path = [*(parent.path if parent else []), made.pk]
    made.save(update_fields=["path"])
    return made


def recipient(of: Advisory, *relays: Relay, who: Person | None = None, role: str = "member") -> Recipient:
    """Somebody with a target seat at each of these relays, and the membership behind it."""
    made = Recipient.objects.create(advisory=of, person=who or person(), targeted=bool(relays))
    for place in relays:
        Membership.objects.get_or_create(person=made.person, body=place.body, role=role)
        Seat.objects.create(recipient=made, relay=place, counts=True, contact=role == "contact")
    return made


def leave_out(of: Advisory, left_out: Body, reason: str = "told through their own centre") -> Exclusion:
    """A body left out on purpose."""
    return Exclusion.objects.create(advisory=of, body=left_out, reason=reason, by=of.written_by)
