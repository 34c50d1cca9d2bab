"""Who may see and do what with an advisory, as predicates over memberships. Loaded by `rules` when Django starts.

Officers of the issuer or of a body above it, administrators and auditors see everything; everybody else with a duty
sees what concerns their own branches. Where a marking asks for a code, the text itself is for fewer: `sees_text`.
"""

from collections.abc import Collection

import rules
from django.db.models import Q, QuerySet

from alerts import marking
from alerts.models import Advisory, Referral, Relay
from alerts.officers import may_approve
from departments.models import Membership, Person, Role
from departments.models.membership import DUTIES
from departments.rules import answers_for, bodies_of, has_a_duty, is_administrator, is_auditor
from departments.tree import branches

ANSWERING = (Role.CONTACT, Role.DEPUTY, Role.HEAD)


def own_branches(person: Person) -> set[int]:
    """The ids of the bodies in which this person has a duty, and of all below them."""
    seats = bodies_of(person, DUTIES)
    return branches(sorted(seats)) if seats else set()


def sees_everything(person: Person, advisory: Advisory) -> bool:
    """Whether this person sees the whole of an advisory: its draft, every branch, everybody's figures."""
    return bool(is_administrator(person) or is_auditor(person) or is_officer_of_issuer(person, advisory))


def sees_text(person: Person, advisory: Advisory, issuing: Collection[int] | None = None) -> bool:
    """Whether this person reads its text and its full title here; otherwise the open title is all there is of it.

    Where the marking asks for a code: officers of the issuer or above it, and auditors. Its recipients read it through
    their own link. Administrators run the directory, and need no text for that. A page that lists many advisories gives
    `issuing(person)`, which is then asked once.
    """
    if not marking.needs_code(advisory.marking) or is_auditor(person):
        return True
    return bool(is_officer_of_issuer(person, advisory)) if issuing is None else advisory.issuer_id in issuing


def issuing(person: Person) -> set[int]:
    """The ids of the bodies whose advisories this person writes and approves as an officer."""
    seats = bodies_of(person, [Role.OFFICER]) if person.left_at is None else set()
    return branches(sorted(seats)) if seats else set()


def may_release_of(person: Person, relays: list[int]) -> set[int]:
    """Which of these relays this person may let go on as the contact or deputy of its body."""
    seats = bodies_of(person, [Role.CONTACT, Role.DEPUTY])
    if person.left_at is not None or not seats:
        return set()
    return set(Relay.objects.filter(pk__in=relays, body__in=seats).values_list("pk", flat=True))


def people_seen(person: Person, advisory: Advisory) -> set[int] | None:
    """The ids of the bodies whose people this person sees one by one, with how each stands; None: of every body."""
    if sees_everything(person, advisory):
        return None
    seats = bodies_of(person, ANSWERING) if person.left_at is None else set()
    return branches(sorted(seats)) if seats else set()


@rules.predicate
def is_officer_of_issuer(person: Person, advisory: Advisory | None) -> bool:
    """An officer of the body that issued it, or of one above."""
    return isinstance(person, Person) and advisory is not None and may_approve(person, advisory)


@rules.predicate
def concerns_own_branch(person: Person, advisory: Advisory | None) -> bool:
    """It was published, and travels through a body for which this person has a duty."""
    if advisory is None or advisory.current_id is None or not has_a_duty(person):
        return False
    passed = Relay.objects.filter(advisory=advisory, body__in=own_branches(person))
    return passed.exclude(purpose=Relay.Purpose.LEFT).exists()


@rules.predicate
def may_release(person: Person, relay: Relay | None) -> bool:
    """An officer of the issuer or above it; a contact or deputy of the held body."""
    if relay is None or not isinstance(person, Person):
        return False
    return may_approve(person, relay.advisory) or bool(may_release_of(person, [relay.pk]))


@rules.predicate
def may_note(person: Person, relay: Relay | None) -> bool:
    """A contact or deputy of the body: nobody else, officers of the issuer among them, writes a body's own note."""
    return relay is not None and isinstance(person, Person) and bool(may_release_of(person, [relay.pk]))


@rules.predicate
def sees_people(person: Person, relay: Relay | None) -> bool:
    """A contact, deputy or head of the body or of one above it, and whoever sees everything of the advisory."""
    if relay is None or not isinstance(person, Person):
        return False
    return sees_everything(person, relay.advisory) or bool(answers_for(person, relay.body))


@rules.predicate
def may_put_down(person: Person, relay: Relay | None) -> bool:
    """A contact or deputy of the body: nobody else puts down what its people said by telephone."""
    return relay is not None and isinstance(person, Person) and bool(may_release_of(person, [relay.pk]))


def rung_by(person: Person, advisory: Advisory) -> set[int] | None:
    """The ids of the bodies that this person rings from its calling list; None: every one. Nobody's: an empty set.

    Officers of the issuer or above it and administrators all of them; contacts, deputies and heads those of their own branches.
    """
    if is_administrator(person) or is_officer_of_issuer(person, advisory):
        return None
    return _answered_for(person)


@rules.predicate
def sees_calls(person: Person, advisory: Advisory | None) -> bool:
    """Whether the calling list is there for this person: whoever sees people of it one by one. An auditor reads along."""
    if advisory is None or not isinstance(person, Person) or not person.has_perm("alerts.view_coverage", advisory):
        return False
    seen = people_seen(person, advisory)
    return seen is None or bool(seen)


def referrals_seen_by(person: Person) -> QuerySet[Referral]:
    """What readers say about who should have a warning, as far as this person sees it: of the bodies they answer for.

    Nothing that came by their own link: it is for somebody else to look at.
    """
    if is_administrator(person) or is_auditor(person):
        return Referral.objects.all()
    return _said_to(person)


def referrals_decided_by(person: Person) -> QuerySet[Referral]:
    """Of these, what this person may decide: an administrator all, others nothing that came by their link or is about them."""
    if is_administrator(person):
        return Referral.objects.all()
    about_them = Q(email=person.email) & ~Q(kind=Referral.Kind.LEFT)
    return _said_to(person).exclude(about_them)


def _said_to(person: Person) -> QuerySet[Referral]:
    return Referral.objects.filter(body__in=_answered_for(person)).exclude(recipient__person=person.pk)


def known_to(person: Person, others: Collection[int]) -> set[int]:
    """Of which of these people this person hears who they are and what they have: those with a place in a body they answer for.

    Administrators and auditors hear it of everybody. Whoever sees everything of an advisory hears more of that one.
    """
    if is_administrator(person) or is_auditor(person):
        return set(others)
    places = Membership.objects.filter(person__in=others, until=None, body__in=_answered_for(person))
    return set(places.values_list("person", flat=True))


def _answered_for(person: Person) -> set[int]:
    seats = bodies_of(person, ANSWERING) if person.left_at is None else set()
    return branches(sorted(seats)) if seats else set()


@rules.predicate
def may_decide_referral(person: Person, referral: Referral | None) -> bool:
    """A contact, deputy or head of the body that it is for, or of one above it, whom it is not about; an administrator."""
    if referral is None or not isinstance(person, Person):
        return False
    return referrals_decided_by(person).filter(pk=referral.pk).exists()


_sees = is_administrator | is_auditor | is_officer_of_issuer | concerns_own_branch
rules.add_perm("alerts.view_advisory", _sees)
rules.add_perm("alerts.view_coverage", _sees)
rules.add_perm("alerts.write_advisory", is_officer_of_issuer)
rules.add_perm("alerts.publish_advisory", is_officer_of_issuer)
rules.add_perm("alerts.stop_advisory", is_officer_of_issuer)
rules.add_perm("alerts.release_relay", may_release)
rules.add_perm("alerts.view_operations", is_administrator | is_auditor)
rules.add_perm("alerts.steer_delivery", is_administrator)
rules.add_perm("alerts.note_relay", may_note)
rules.add_perm("alerts.view_people", sees_people)
rules.add_perm("alerts.answer_on_behalf", may_put_down)
rules.add_perm("alerts.view_calls", sees_calls)
rules.add_perm("alerts.view_referrals", is_administrator | is_auditor | answers_for)
rules.add_perm("alerts.decide_referral", may_decide_referral)
