"""Whom an advisory is for: its branches, roles, topics, named people and exclusions, put in and taken out.

Before: an advisory that nobody published yet. After: the audience says one thing more or less. Twice: the second time
nothing changes. A published advisory's audience only grows (`alerts.gaps.put_in`): who was told once is told of updates.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from alerts import record
from alerts.contract import Reader
from alerts.models import (
    Advisory,
    AudienceRole,
    AudienceTopic,
    Branch,
    Exclusion,
    Gap,
    Marking,
    Named,
    State,
)
from alerts.officers import check_may
from departments.addresses import canonical
from departments.models import Body, Person, Role, Topic
from departments.refusal import Refused

AUDIENCE_KEYS = {"branches", "roles", "topics", "people", "exclusions"}
LONGEST_REASON = 2_000
CLOSED = "{name} is closed, and nobody took over from it: nobody there would hear this. Take it out."


class Audience:
    """The audience part of a file, looked up in the directory; what is wrong is left in the reader."""

    def __init__(self, reader: Reader) -> None:
        data = reader.data.get("audience", {})
        if not isinstance(data, dict):
            reader.say("audience", "must be an object with branches, roles, topics, people, exclusions.")
            data = {}
        reader.unknown("audience.", data, AUDIENCE_KEYS)
        slugs = reader.texts(data, "branches", "audience.")
        self.roles = reader.texts(data, "roles", "audience.")
        topics = reader.texts(data, "topics", "audience.")
        people = reader.texts(data, "people", "audience.")
        exclusions = _exclusions(reader, data)
        bodies = Body.objects.in_bulk([*slugs, *exclusions], field_name="slug")
        _known(reader, "audience.branches", slugs, bodies)
        _known(reader, "audience.exclusions", list(exclusions), bodies)
        for role in self.roles:
            if role not in Role.values:
                reader.say("audience.roles", f"{role!r} is not a role ({', '.join(Role.values)}).")
        found_topics = Topic.objects.in_bulk(topics, field_name="slug")
        _known(reader, "audience.topics", topics, found_topics)
        addresses = [_address(address) for address in people]
        found_people = Person.objects.in_bulk(addresses, field_name="email")
        _known(reader, "audience.people", addresses, found_people)
        if not slugs and not people:
            reader.say("audience", "names no branch and no person, so nobody would hear this.")
        self.bodies = [bodies[slug] for slug in dict.fromkeys(slugs) if slug in bodies]
        for body in self.bodies:
            if _is_dead_end(body):
                reader.say("audience.branches", CLOSED.format(name=body.name))
        self.topics = list(found_topics.values())
        self.people = list(found_people.values())
        self.exclusions = [(bodies[slug], reason) for slug, reason in exclusions.items() if slug in bodies]

    def write(self, advisory: Advisory, by: Person, look_again_at: datetime) -> None:
        """Put it all in. What is left out is looked at again when the advisory is."""
        Branch.objects.bulk_create([Branch(advisory=advisory, body=body) for body in self.bodies])
        AudienceRole.objects.bulk_create([AudienceRole(advisory=advisory, role=r) for r in dict.fromkeys(self.roles)])
        AudienceTopic.objects.bulk_create([AudienceTopic(advisory=advisory, topic=topic) for topic in self.topics])
        Named.objects.bulk_create([Named(advisory=advisory, person=person, by=by) for person in self.people])
        Exclusion.objects.bulk_create(
            [
                Exclusion(advisory=advisory, body=body, reason=reason, by=by, look_again_at=look_again_at)
                for body, reason in self.exclusions
            ]
        )


@transaction.atomic
def add_branch(advisory: Advisory, body: Body, by: Person) -> None:
    """This body and all below it. Takes back an exclusion of it. Raises `Refused`."""
    _hold(advisory, by)
    if advisory.marking == Marking.RED:
        raise Refused("TLP:RED is for named people: add them one by one, by their addresses.")
    if _is_dead_end(body):
        raise Refused(CLOSED.format(name=body.name))
    Branch.objects.get_or_create(advisory=advisory, body=body)
    Exclusion.objects.filter(advisory=advisory, body=body).delete()
    Gap.objects.filter(advisory=advisory, body=body).delete()


@transaction.atomic
def drop_branch(advisory: Advisory, body: Body, by: Person) -> None:
    """This body is no branch of it any more; twice is once. Raises `Refused`."""
    _hold(advisory, by)
    Branch.objects.filter(advisory=advisory, body=body).delete()


@transaction.atomic
def narrow(advisory: Advisory, by: Person, roles: Collection[str], topics: Collection[str]) -> None:
    """Only people in these roles, only bodies with one of these topics as remit; none: no narrowing. Raises `Refused`."""
    _hold(advisory, by)
    wrong = [role for role in roles if role not in Role.values]
    found = Topic.objects.in_bulk(list(topics), field_name="slug")
    unknown = [slug for slug in topics if slug not in found]
    if wrong or unknown:
        raise Refused(f"{', '.join([*wrong, *unknown])[:200]}: no role or topic that the directory knows.")
    AudienceRole.objects.filter(advisory=advisory).exclude(role__in=roles).delete()
    AudienceTopic.objects.filter(advisory=advisory).exclude(topic__in=found.values()).delete()
    AudienceRole.objects.bulk_create(
        [AudienceRole(advisory=advisory, role=r) for r in set(roles)], ignore_conflicts=True
    )
    AudienceTopic.objects.bulk_create(
        [AudienceTopic(advisory=advisory, topic=topic) for topic in found.values()], ignore_conflicts=True
    )


@transaction.atomic
def name_person(advisory: Advisory, address: str, by: Person) -> Person:
    """Somebody who is to hear it whatever body they sit in. Raises `Refused`."""
    _hold(advisory, by)
    person = Person.objects.filter(email=_address(address.strip()), left_at=None).first()
    if person is None:
        raise Refused(f"Nobody with the address {address.strip()[:80]} is in the directory.")
    Named.objects.get_or_create(advisory=advisory, person=person, defaults={"by": by})
    return person


@transaction.atomic
def unname(advisory: Advisory, person_id: int, by: Person) -> None:
    """This person is not named any more; twice is once. Raises `Refused`."""
    _hold(advisory, by)
    Named.objects.filter(advisory=advisory, person=person_id).delete()


@transaction.atomic
def leave_out(advisory: Advisory, body: Body, by: Person, reason: str, look_again_at: datetime) -> None:
    """This body, and what is reached only through it, is left out, signed, until then. Raises `Refused`."""
    _hold(advisory, by)
    reason = check_reason(reason)
    Branch.objects.filter(advisory=advisory, body=body).delete()
    Exclusion.objects.update_or_create(
        advisory=advisory,
        body=body,
        lapsed_at=None,
        defaults={"reason": reason, "by": by, "look_again_at": look_again_at},
    )
    record.write("left out", advisory.reference, by, body=body.slug, reason=reason, until=look_again_at)


@transaction.atomic
def take_back(advisory: Advisory, body: Body, by: Person) -> None:
    """This body is not left out any more; twice is once. Raises `Refused`."""
    _hold(advisory, by)
    Exclusion.objects.filter(advisory=advisory, body=body).delete()


def check_reason(reason: str) -> str:
    """A reason that somebody can be asked about; raises `Refused`."""
    reason = reason.strip()
    if not reason:
        raise Refused("Say why it is left out: your name stands under it.")
    if len(reason) > LONGEST_REASON or "\0" in reason:
        raise Refused(f"The reason has {len(reason):,} characters; {LONGEST_REASON:,} is the most. Shorten it.")
    return reason


def _hold(advisory: Advisory, by: Person) -> None:
    held = Advisory.objects.select_for_update(no_key=True).select_related("issuer").get(pk=advisory.pk)
    check_may(by, held)
    if held.state != State.DRAFT:
        raise Refused(f"{held.reference} is published: its audience only grows. Put in who is missing on its page.")


def _is_dead_end(body: Body) -> bool:
    seen = set()
    while body.closed is not None and body.pk not in seen:
        seen.add(body.pk)
        if body.successor is None:
            return True
        body = body.successor
    return body.closed is not None


def _known(reader: Reader, where: str, wanted: list[str], found: Mapping[str, Any]) -> None:
    for name in wanted:
        if name not in found:
            reader.say(where, f"{name!r} is not in the directory.")


def _exclusions(reader: Reader, data: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    given = data.get("exclusions", [])
    for item in given if isinstance(given, list) else [given]:
        body = item.get("body") if isinstance(item, dict) else None
        reason = item.get("reason") if isinstance(item, dict) else None
        if not isinstance(body, str) or not isinstance(reason, str) or not reason.strip() or "\0" in body + reason:
            reader.say("audience.exclusions", "each needs a body and a reason.")
        else:
            found[body] = reason.strip()[:LONGEST_REASON]
    return found


def _address(written: str) -> str:
    try:
        return canonical(written)
    except ValueError:
        return written.lower()
