"""Who may what in the directory, as predicates over memberships. Loaded by `rules` when Django starts."""

from collections.abc import Callable, Collection

from rules.permissions import add_perm
from rules.predicates import Predicate
from rules.predicates import predicate as untyped_predicate

from departments.models import Body, Membership, Person, Role
from departments.models.membership import DUTIES
from departments.signing_in import has_duty
from departments.tree import ancestors, branches


def predicate(test: Callable[..., bool]) -> Predicate:
    """A test of a person (and a thing) as a predicate, to be combined with `|`, `&` and `~`; `rules` has no types."""
    made: Predicate = untyped_predicate(test)
    return made


def bodies_of(person: Person, roles: Collection[str] | None = None) -> set[int]:
    """The ids of open bodies in which this person sits today; in one of these roles, where given."""
    seats = Membership.objects.filter(person=person, until=None, body__closed=None)
    if roles is not None:
        seats = seats.filter(role__in=roles)
    return set(seats.values_list("body_id", flat=True))


def holds_above(person: Person, body_id: int, roles: Collection[str]) -> bool:
    """Whether this person has one of these roles in the body or in one above it."""
    if not _is_here(person):
        return False
    seats = bodies_of(person, roles)
    return bool(seats) and (body_id in seats or not seats.isdisjoint(ancestors(body_id)))


def is_officer_for(person: Person, body_id: int) -> bool:
    """Whether this person is a security officer of the body or of one above it."""
    return holds_above(person, body_id, [Role.OFFICER])


def _is_here(person: Person) -> bool:
    """Signed in (an anonymous visitor is no Person) and not a leaver."""
    return isinstance(person, Person) and person.left_at is None


@predicate
def is_administrator(person: Person) -> bool:
    """Runs the directory."""
    return _is_here(person) and person.is_administrator


@predicate
def is_auditor(person: Person) -> bool:
    """Reads everything, changes nothing."""
    return _is_here(person) and person.is_auditor


@predicate
def has_a_duty(person: Person) -> bool:
    """Has a reason to sign in."""
    return _is_here(person) and has_duty(person)


@predicate
def is_officer(person: Person, body: Body | None) -> bool:
    """A security officer of the body or of one above it; of any body where none is given."""
    return _holds(person, body, [Role.OFFICER])


@predicate
def answers_for(person: Person, body: Body | None) -> bool:
    """A contact, deputy or head of the body or of one above it; of any body where none is given."""
    return _holds(person, body, [Role.CONTACT, Role.DEPUTY, Role.HEAD])


@predicate
def is_own_branch(person: Person, body: Body | None) -> bool:
    """With any duty in the body or in one above it."""
    return _holds(person, body, DUTIES)


def _holds(person: Person, body: Body | None, roles: Collection[str]) -> bool:
    if not _is_here(person):
        return False
    return bool(bodies_of(person, roles)) if body is None else holds_above(person, body.pk, roles)


@predicate
def consents_for_parent(person: Person, body: Body | None) -> bool:
    """Answers for the body's parent, or for one above it; an administrator where the body stands at the top."""
    if body is None or not _is_here(person):
        return False
    if body.parent_id is None:
        return person.is_administrator
    return holds_above(person, body.parent_id, [Role.CONTACT, Role.DEPUTY, Role.HEAD])


@predicate
def is_themselves(person: Person, other: Person | None) -> bool:
    """It is their own page."""
    return _is_here(person) and other is not None and person.pk == other.pk


@predicate
def has_them_in_own_branch(person: Person, other: Person | None) -> bool:
    """With any duty in a body in which the other sits or sat, or in one above it."""
    return other is not None and _is_above(person, _bodies_ever(other), DUTIES)


@predicate
def answers_for_their_body(person: Person, other: Person | None) -> bool:
    """Contact, deputy or head of a body in which the other sits today, or of one above it.

    Not of those with powers of their own (heads, officers, administrators, auditors): whoever changes an address could
    sign in as them.
    """
    if other is None or other.is_administrator or other.is_auditor:
        return False
    if bodies_of(other, [Role.HEAD, Role.OFFICER]):
        return False
    return _is_above(person, bodies_of(other), [Role.CONTACT, Role.DEPUTY, Role.HEAD])


@predicate
def answers_where_they_sit(person: Person, other: Person | None) -> bool:
    """As `answers_for_their_body`, for heads as well: whoever opens a minister's mail gains none of their powers."""
    if other is None or other.is_administrator or other.is_auditor or bodies_of(other, [Role.OFFICER]):
        return False
    return _is_above(person, bodies_of(other), [Role.CONTACT, Role.DEPUTY, Role.HEAD])


def _bodies_ever(person: Person) -> set[int]:
    return set(Membership.objects.filter(person=person).values_list("body_id", flat=True))


def _is_above(person: Person, body_ids: Collection[int], roles: Collection[str]) -> bool:
    if not _is_here(person):
        return False
    seats = bodies_of(person, roles)
    return bool(seats) and not branches(sorted(seats)).isdisjoint(body_ids)


# Addresses and telephone numbers: a list of them is worth stealing.
PERMISSIONS = {
    "departments.view_body": has_a_duty,
    "departments.view_addresses": is_administrator | is_auditor | is_own_branch,
    "departments.change_body": is_administrator,
    "departments.change_people": is_administrator | answers_for,
    "departments.name_heads": is_administrator,
    "departments.ask_to_hold": is_administrator | answers_for,
    "departments.grant_hold": consents_for_parent,
    "departments.view_person": is_administrator | is_auditor | is_themselves | has_them_in_own_branch,
    "departments.view_people": is_administrator | is_auditor,
    "departments.change_person": is_administrator | answers_for_their_body,
    "departments.say_reached": is_administrator,
    "departments.name_delegate": is_administrator | is_themselves | answers_where_they_sit,
}
for name, who in PERMISSIONS.items():
    add_perm(name, who)
