"""Places: who sits in which body, in what role, in which order, at what hours, and who confirmed it.

Before: a person and an open body. After: the place is as asked, one current place a person, body and role, with a step in
the person's history. Twice: the second press finds it so and writes nothing. Two people at once: one after the other,
since each verb holds the person's row. Raises `Refused` with a sentence; then nothing was written.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from departments.models import Body, Membership, Person, Role
from departments.noting import Done, day, locked, nobody_left, note
from departments.refusal import Refused

# Roles with powers of their own: only an administrator gives and takes them.
WITH_POWERS = (Role.HEAD, Role.OFFICER)
WAYS = ("by telephone", "in person", "by mail")
LAST_IN_ORDER = 999
# A second press within this is the same confirmation.
SAME_PRESS = timedelta(minutes=1)


@transaction.atomic
def add_place(person: Person, body: Body, by: Person, role: str, order: int = 0, hours: str = "in") -> Done:
    """Give somebody who is in the directory a place in this body."""
    body = open_body(body)
    person = locked(person)
    if not seat(person, body, by, role, order, hours):
        return Done(f"{person.name} is {spoken(role)} of {body.name} already; nothing was changed.", person, False)
    return Done(f"{person.name} is now {spoken(role)} of {body.name}.", person)


def seat(person: Person, body: Body, by: Person, role: str, order: int, hours: str) -> bool:
    """Write the place, with both rows held by the caller. False where it was there already."""
    check_place(role, order, hours)
    check_role(body, by, role)
    if person.left_at is not None:
        raise Refused(f"{person.name} left the directory. Nothing was changed; bring them back on their page first.")
    check_powers(person, by, role)
    _, made = Membership.objects.get_or_create(
        person=person, body=body, role=role, until=None, defaults={"order": order, "hours": hours}
    )
    if made:
        note(person, "seated", by, body=body, after={"role": role, "order": order, "hours": hours})
    return made


@transaction.atomic
def unseat(membership: Membership, by: Person) -> Done:
    """End a place, today. The person stays in the directory, with any other place."""
    place = _held(membership)
    if place.until is not None:
        return Done(f"{place.person.name}'s place in {place.body.name} had ended already.", place.person, False)
    check_role(place.body, by, place.role)
    Membership.objects.filter(pk=place.pk).update(until=timezone.now())
    note(place.person, "unseated", by, body=place.body, before=_as_noted(place))
    said = f"{place.person.name} is no longer {spoken(place.role)} of {place.body.name}."
    return Done(said, place.person, hint=nobody_left([place.body_id]))


@transaction.atomic
def change_role(membership: Membership, role: str, by: Person) -> Done:
    """End the place and begin one with this role, so that the history keeps when each was held."""
    # The body first, as everywhere: two who take both in different orders would wait for each other.
    body = open_body(membership.body)
    place = _current(membership)
    check_place(role, place.order, place.hours)
    person = place.person
    if role == place.role:
        return Done(f"{person.name} is {spoken(role)} of {body.name} already; nothing was changed.", person, False)
    check_role(body, by, place.role)
    check_role(body, by, role)
    check_powers(person, by, role)
    Membership.objects.filter(pk=place.pk).update(until=timezone.now())
    Membership.objects.get_or_create(
        person=person,
        body=body,
        role=role,
        until=None,
        # Who was confirmed to be here was not confirmed in another role.
        defaults={"order": place.order, "hours": place.hours},
    )
    note(person, "role changed", by, body=body, before={"role": place.role}, after={"role": role})
    return Done(f"{person.name} is now {spoken(role)} of {body.name}; was {spoken(place.role)}.", person)


@transaction.atomic
def reorder(membership: Membership, order: int, by: Person) -> Done:
    """Where they stand among those of their role: 0 is asked first."""
    place = _current(membership)
    check_place(place.role, order, place.hours)
    said = f"{place.person.name} stands at {order} in {place.body.name}"
    if order == place.order:
        return Done(f"{said} already.", place.person, False)
    Membership.objects.filter(pk=place.pk).update(order=order)
    note(place.person, "reordered", by, body=place.body, before={"order": place.order}, after={"order": order})
    return Done(f"{said} now; was at {place.order}.", place.person)


@transaction.atomic
def set_hours(membership: Membership, hours: str, by: Person) -> Done:
    """Whether this place is for office hours or for nights and weekends."""
    place = _current(membership)
    check_place(place.role, place.order, hours)
    said = f"{place.person.name} is there {Membership.Hours(hours).label} in {place.body.name}"
    if hours == place.hours:
        return Done(f"{said} already.", place.person, False)
    Membership.objects.filter(pk=place.pk).update(hours=hours)
    note(place.person, "hours changed", by, body=place.body, before={"hours": place.hours}, after={"hours": hours})
    return Done(f"{said} now.", place.person)


@transaction.atomic
def verify(membership: Membership, by: Person, how: str) -> Done:
    """Somebody spoke to them: the place is theirs, and the address is right."""
    place = _current(membership)
    if how not in WAYS:
        raise Refused(f"Say how you confirmed it: {', '.join(WAYS)}. Nothing was changed.")
    if by.pk == place.person_id:
        raise Refused(
            "Your own place is confirmed by somebody else, or by yourself through the link in your mail. "
            "Nothing was changed."
        )
    now = timezone.now()
    said = f"{place.person.name} is confirmed as {spoken(place.role)} of {place.body.name}."
    if place.verified_at is not None and now - place.verified_at < SAME_PRESS:
        return Done(said, place.person, False)
    Membership.objects.filter(pk=place.pk).update(verified_at=now)
    before = {"verified_at": place.verified_at.isoformat()} if place.verified_at else {}
    note(place.person, "verified", by, body=place.body, before=before, after={"role": place.role, "how": how})
    hint = "Mail does not reach their address: see their page." if place.person.bounced_at else ""
    return Done(said, place.person, hint=hint)


def spoken(role: str) -> str:
    """A role as it is said in a sentence: "contact", "security officer"."""
    return {Role.DEPUTY: "deputy", Role.OFFICER: "security officer"}.get(Role(role), str(role))


def check_place(role: str, order: int, hours: str) -> None:
    """Refused where this is no role, order or time that there is."""
    if role not in Role.values:
        raise Refused(f"There is no role {role[:40]!r}: choose one of {', '.join(Role.values)}. Nothing was changed.")
    if not 0 <= order <= LAST_IN_ORDER:
        raise Refused(f"The order is a number from 0 to {LAST_IN_ORDER}. Nothing was changed.")
    if hours not in Membership.Hours.values:
        raise Refused("A place is in hours or out of hours. Nothing was changed.")


def check_role(body: Body, by: Person, role: str) -> None:
    """Refused where this role is an administrator's to give or take."""
    if role in WITH_POWERS and not by.has_perm("departments.name_heads", body):
        raise Refused(f"Who is {spoken(role)} of {body.name} is for an administrator to say. Nothing was changed.")


def check_powers(person: Person, by: Person, role: str) -> None:
    """Whoever runs the directory can't publish, and nobody gives themselves the right to."""
    if role != Role.OFFICER:
        return
    if person.pk == by.pk:
        raise Refused("Nobody makes themselves a security officer: ask another administrator. Nothing was changed.")
    if person.is_administrator:
        raise Refused(
            f"{person.name} runs the directory, and whoever does can't publish. Nothing was changed; name somebody else."
        )


def open_body(body: Body) -> Body:
    """The body as it is now, held until the transaction ends. Refused where it is closed."""
    held = Body.objects.select_for_update(of=("self",), no_key=True).select_related("successor").get(pk=body.pk)
    if held.closed is not None:
        instead = f" Its successor is {held.successor.name}." if held.successor else ""
        raise Refused(f"{held.name} was closed on {day(held.closed)}. Nothing was changed.{instead}")
    return held


def _held(membership: Membership) -> Membership:
    """The place as it is now, its person held."""
    person = locked(membership.person)
    place = Membership.objects.select_related("body").get(pk=membership.pk)
    place.person = person
    return place


def _current(membership: Membership) -> Membership:
    place = _held(membership)
    if place.until is not None:
        raise Refused(
            f"{place.person.name}'s place in {place.body.name} has ended. Nothing was changed; add a new place."
        )
    return place


def _as_noted(place: Membership) -> dict[str, object]:
    return {"role": place.role, "order": place.order, "hours": place.hours}
