"""Whom an advisory is for: its branches, roles, topics, named people and exclusions, put in and taken out.

Before: an advisory that nobody published yet. After: the audience says one thing more or less. Twice: the second time
nothing changes. What was submitted or approved meanwhile goes back to being written: whom it reaches is a part of what a
second officer reads. A published advisory's audience only grows (`alerts.publishing.gaps.put_in`): who was told once is told of
updates.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from alerts import record
from alerts.models import (
    Advisory,
    AudienceRole,
    AudienceTopic,
    Branch,
    Draft,
    Exclusion,
    Gap,
    Marking,
    Named,
    State,
)
from alerts.officers import check_may, hold
from alerts.publishing import desk
from alerts.publishing.contract import LONGEST_REASON, MOST_ITEMS, NOT_IN_A_TEXT, Reader, reason_of
from alerts.publishing.reach import nowhere, seated
from departments.addresses import canonical
from departments.models import Body, Person, Role, Topic
from departments.refusal import Refused

AUDIENCE_KEYS = {"branches", "roles", "topics", "people", "exclusions"}
EXCLUSION_KEYS = {"body", "reason"}
LONGEST_OUT = timedelta(days=366)
RED = "TLP:RED is for named people: add them one by one, by their addresses."
CLOSED = "{name} is closed, and nobody took over from it: nobody there would hear this. Take it out."
NOWHERE = "{name} {why}, so that no warning finds them"


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
        for slug in sorted(set(slugs) & set(exclusions)):
            reader.say(
                "audience.exclusions", f"{slug!r} stands among the branches as well: it is either in or left out."
            )
        for role in self.roles:
            if role not in Role.values:
                reader.say("audience.roles", f"{role!r} is not a role ({', '.join(Role.values)}).")
        found_topics = Topic.objects.in_bulk(topics, field_name="slug")
        _known(reader, "audience.topics", topics, found_topics)
        addresses = list(dict.fromkeys(_address(address) for address in people))
        found_people = Person.objects.in_bulk(addresses, field_name="email")
        _known(reader, "audience.people", addresses, found_people)
        here = set(seated().filter(email__in=addresses).values_list("pk", flat=True))
        for person in found_people.values():
            if person.pk not in here:
                reader.say("audience.people", f"{_nowhere(person)}.")
        if not slugs and not people:
            reader.say("audience", "names no branch and no person, so nobody would hear this.")
        self.bodies = [bodies[slug] for slug in dict.fromkeys(slugs) if slug in bodies]
        for body in self.bodies:
            if heir_of(body) is None:
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
    held = _hold(advisory, by)
    if held.marking == Marking.RED:
        raise Refused(RED)
    if heir_of(body) is None:
        raise Refused(CLOSED.format(name=body.name))
    _, new = Branch.objects.get_or_create(advisory=held, body=body)
    back, _ = Exclusion.objects.filter(advisory=held, body=body).delete()
    Gap.objects.filter(advisory=held, body=body).delete()
    _changed(held, by, bool(new or back))


@transaction.atomic
def drop_branch(advisory: Advisory, body: Body, by: Person) -> None:
    """This body is no branch of it any more; twice is once. Raises `Refused`."""
    held = _hold(advisory, by)
    gone, _ = Branch.objects.filter(advisory=held, body=body).delete()
    _changed(held, by, bool(gone))


@transaction.atomic
def narrow(advisory: Advisory, by: Person, roles: Collection[str], topics: Collection[str]) -> None:
    """Only people in these roles, only bodies with one of these topics as remit; none: no narrowing. Raises `Refused`."""
    held = _hold(advisory, by)
    wrong = [role for role in roles if role not in Role.values]
    found = Topic.objects.in_bulk([slug for slug in topics if not NOT_IN_A_TEXT.search(slug)], field_name="slug")
    unknown = [slug for slug in topics if slug not in found]
    if wrong or unknown:
        raise Refused(f"{', '.join([*wrong, *unknown])[:200]}: no role or topic that the directory knows.")
    before = _narrowed(held)
    AudienceRole.objects.filter(advisory=held).exclude(role__in=roles).delete()
    AudienceTopic.objects.filter(advisory=held).exclude(topic__in=found.values()).delete()
    AudienceRole.objects.bulk_create([AudienceRole(advisory=held, role=r) for r in set(roles)], ignore_conflicts=True)
    AudienceTopic.objects.bulk_create(
        [AudienceTopic(advisory=held, topic=topic) for topic in found.values()], ignore_conflicts=True
    )
    _changed(held, by, before != _narrowed(held))


@transaction.atomic
def name_person(advisory: Advisory, address: str, by: Person) -> Person:
    """Somebody who is to hear it whatever body they sit in. Raises `Refused` for whom no warning finds."""
    held = _hold(advisory, by)
    written = address.strip()
    known = not NOT_IN_A_TEXT.search(written)
    person = Person.objects.filter(email=_address(written)).first() if known else None
    if person is None:
        raise Refused(f"Nobody with the address {written[:80]!r} is in the directory.")
    if not seated().filter(pk=person.pk).exists():
        raise Refused(f"{_nowhere(person)}. Give them a place first, or name somebody else.")
    _, new = Named.objects.get_or_create(advisory=held, person=person, defaults={"by": by})
    _changed(held, by, new)
    return person


@transaction.atomic
def unname(advisory: Advisory, person_id: int, by: Person) -> None:
    """This person is not named any more; twice is once. Raises `Refused`."""
    held = _hold(advisory, by)
    gone, _ = Named.objects.filter(advisory=held, person=person_id).delete()
    _changed(held, by, bool(gone))


@transaction.atomic
def leave_out(advisory: Advisory, body: Body, by: Person, reason: str, look_again_at: datetime) -> None:
    """This body, and what is reached only through it, is left out, signed, until then. Raises `Refused`."""
    held = _hold(advisory, by)
    reason = check_reason(reason)
    check_until(look_again_at)
    gone, _ = Branch.objects.filter(advisory=held, body=body).delete()
    _, new = Exclusion.objects.update_or_create(
        advisory=held,
        body=body,
        lapsed_at=None,
        defaults={"reason": reason, "by": by, "look_again_at": look_again_at},
    )
    record.write("left out", held.reference, by, body=body.slug, reason=reason, until=look_again_at)
    _changed(held, by, bool(gone or new))


@transaction.atomic
def take_back(advisory: Advisory, body: Body, by: Person) -> None:
    """This body is not left out any more; twice is once. Raises `Refused`."""
    held = _hold(advisory, by)
    gone, _ = Exclusion.objects.filter(advisory=held, body=body).delete()
    _changed(held, by, bool(gone))


def back_to_writing(draft: Draft, by: Person) -> bool:
    """The draft says something else now. What was submitted or approved was something else, so it is submitted anew.

    Whether that took it back. The caller holds the advisory and the draft, in this order.
    """
    draft.version += 1
    taken_back = draft.stage in (Draft.Stage.SUBMITTED, Draft.Stage.APPROVED)
    if taken_back:
        draft.stage = Draft.Stage.WRITING
        draft.submitted_by = draft.submitted_at = draft.decided_by = draft.decided_at = None
        desk.call_off(draft.advisory, *desk.PRESSING)
        record.write("taken back", draft.advisory.reference, by, version=draft.version)
    draft.save()
    return taken_back


def refuse_unheard(advisory: Advisory) -> None:
    """Raise `Refused` where somebody is named, or a body chosen, whom the warning would not find.

    They may have been found when they were chosen: people leave, and bodies close.
    """
    for chosen in advisory.branches.filter(body__closed__isnull=False).select_related("body").order_by("body__name"):
        if heir_of(chosen.body) is None:
            raise Refused(CLOSED.format(name=chosen.body.name))
    lost = nowhere(advisory)
    if lost:
        more = f", and {len(lost) - 3} more" if len(lost) > 3 else ""
        raise Refused(
            f"{'; '.join(_nowhere(person) for person in lost[:3])}{more}. Take the name out of the audience, or give them a "
            "place first."
        )


def in_words(advisory: Advisory, *, names: bool = True) -> list[str]:
    """Whom it is for, a line each; without `names` only that some are named."""
    branches = advisory.branches.order_by("body__name", "pk").values_list("body__name", flat=True)
    said = [f"{name}, and everything below it" for name in branches]
    if roles := [str(Role(role).label) for role in advisory.roles.order_by("role").values_list("role", flat=True)]:
        said.append(f"there, only people in these roles: {', '.join(roles)}")
    if topics := advisory.only_topics.order_by("topic__slug").values_list("topic__slug", flat=True):
        said.append(f"there, only bodies with this remit: {', '.join(topics)}")
    if named := advisory.named.order_by("person__name", "pk").values_list("person__name", flat=True):
        said.append(f"by name: {', '.join(named)}" if names else "people by name")
    return said


def check_reason(reason: str) -> str:
    """A reason that somebody can be asked about; raises `Refused`."""
    return reason_of(reason, "Say why it is left out: your name stands under it.")


def check_until(until: datetime) -> None:
    """Raise `Refused` unless this is to come, and within a year."""
    now = timezone.now()
    if not now < until <= now + LONGEST_OUT:
        raise Refused("Choose a day on which this is looked at again: after today, and within a year.")


def heir_of(body: Body) -> Body | None:
    """The body itself if it is open, otherwise whoever took over from it; None where nobody did."""
    seen: set[int] = set()
    at: Body | None = body
    while at is not None and at.closed is not None and at.pk not in seen:
        seen.add(at.pk)
        at = at.successor
    return at if at is not None and at.closed is None else None


def _hold(advisory: Advisory, by: Person) -> Advisory:
    held = hold(advisory.pk)
    check_may(by, held)
    if held.state != State.DRAFT:
        raise Refused(f"{held.reference} is published: its audience only grows. Put in who is missing on its page.")
    return held


def _changed(held: Advisory, by: Person, changed: bool) -> None:
    draft = Draft.objects.select_for_update().filter(advisory=held).first() if changed else None
    if draft is not None:
        draft.advisory = held
        back_to_writing(draft, by)


def _narrowed(advisory: Advisory) -> tuple[set[str], set[int]]:
    return (
        set(advisory.roles.values_list("role", flat=True)),
        set(advisory.only_topics.values_list("topic", flat=True)),
    )


def _nowhere(person: Person) -> str:
    why = "has left" if person.left_at is not None else "sits in no open body"
    return NOWHERE.format(name=f"{person.name} ({person.written})", why=why)


def _known(reader: Reader, where: str, wanted: list[str], found: Mapping[str, Any]) -> None:
    for name in dict.fromkeys(wanted):
        if name not in found:
            reader.say(where, f"{name!r} is not in the directory.")


def _exclusions(reader: Reader, data: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    given = data.get("exclusions", [])
    if not isinstance(given, list) or len(given) > MOST_ITEMS:
        reader.say("audience.exclusions", f"must be a list of at most {MOST_ITEMS:,}, each with a body and a reason.")
        return {}
    for number, item in enumerate(given, start=1):
        where = f"audience.exclusions[{number}]"
        if not isinstance(item, dict) or not item.get("body") or not item.get("reason"):
            reader.say(where, "needs a body and a reason.")
            continue
        reader.unknown(f"{where}.", item, EXCLUSION_KEYS)
        body = reader.item(item["body"], f"{where}.body")
        reason = reader.item(item["reason"], f"{where}.reason", LONGEST_REASON)
        if body in found and found[body] != reason:
            reader.say(where, f"{body!r} stands twice, with two reasons.")
        if body and reason:
            found[body] = reason
    return found


def _address(written: str) -> str:
    try:
        return canonical(written)
    except ValueError:
        return written.lower()
