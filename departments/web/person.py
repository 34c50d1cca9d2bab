"""A person's page: who they are, where they sit and sat, who opens their mail, what happened, what other apps know."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from departments.delegating import last_day
from departments.models import Delegation, Membership, Person, PersonEvent
from departments.models.membership import DUTIES
from departments.panels import person_panels_of
from departments.rules import bodies_of, is_administrator, is_auditor
from departments.seating import spoken
from departments.tree import branches
from departments.web.access import may, signed_in
from departments.web.person_asking import find_person
from departments.web.person_words import confirmed, told

MOST_PLACES = 200
MOST_EVENTS = 50


@dataclass(frozen=True)
class Place:
    """A place as the page shows it."""

    membership: Membership
    role: str
    confirmed: str
    may_change: bool


@dataclass(frozen=True)
class Opens:
    """A delegation as the page shows it; `last` is its last day."""

    delegation: Delegation
    last: date | None
    over: bool


@require_safe
@never_cache
@may("departments.view_body")
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """For themselves, those with a duty in a body in which they sit or sat or above it, administrators and auditors."""
    shown = find_person(request, pk, "departments.view_person")
    viewer = signed_in(request)
    places = list(_places(shown)[: MOST_PLACES + 1])
    whole = is_administrator(viewer) or is_auditor(viewer)
    own = set() if whole else branches(sorted(bodies_of(viewer, DUTIES)))
    addresses = whole or viewer == shown or _shows_addresses(places, own)
    events = list(shown.events.select_related("by", "body")[:MOST_EVENTS])
    may_change = viewer.has_perm("departments.change_person", shown)
    answers = None if is_administrator(viewer) else _answers_for(viewer)
    context = {
        "person": shown,
        "may_see_addresses": addresses,
        "canonical": shown.email if shown.email != shown.written.strip() else "",
        "earlier": _earlier_addresses(shown) if addresses else [],
        "places": [_place(one, answers) for one in places[:MOST_PLACES]],
        "more_places": len(places) > MOST_PLACES,
        "sits": any(one.until is None for one in places),
        "opened_by": _delegations(shown.delegations.select_related("delegate", "named_by")),
        "opens": _delegations(shown.delegated.select_related("person", "named_by")),
        "whole": whole,
        "events": [(event, told(event, with_addresses=addresses)) for event in events],
        "may_change": may_change,
        "may_delegate": viewer.has_perm("departments.name_delegate", shown),
        "may_say_reached": (shown.bounced_at is not None or shown.is_late)
        and viewer.has_perm("departments.say_reached", shown),
        "may_place": answers is None or bool(answers),
        "panels": person_panels_of(request, shown),
    }
    return render(request, "departments/person.html", context)


def _places(of: Person) -> QuerySet[Membership]:
    """Today's first, then the latest to end."""
    return of.memberships.select_related("body").order_by(F("until").desc(nulls_first=True), "body__name", "pk")


def _shows_addresses(places: list[Membership], own: set[int]) -> bool:
    """Somebody who moved on keeps their new address from those whom they left."""
    today = {one.body_id for one in places if one.until is None}
    return not today or not today.isdisjoint(own)


def _answers_for(viewer: Person) -> set[int]:
    """The bodies whose people this viewer may change, themselves no administrator."""
    seats = bodies_of(viewer, [role for role in DUTIES if role != "officer"])
    return branches(sorted(seats)) if seats else set()


def _place(membership: Membership, answers: set[int] | None) -> Place:
    may_change = membership.until is None and (answers is None or membership.body_id in answers)
    return Place(membership, spoken(membership.role), confirmed(membership), may_change)


def _delegations(of: QuerySet[Delegation]) -> list[Opens]:
    now = timezone.now()
    latest = of.order_by(F("until").desc(nulls_first=True), "-pk")[:MOST_PLACES]
    return [Opens(one, last_day(one), one.until is not None and one.until <= now) for one in latest]


def _earlier_addresses(of: Person) -> list[tuple[str, datetime]]:
    """Each address that was corrected, and when; the latest first."""
    corrected = PersonEvent.objects.filter(person=of, what="corrected", before__has_key="email")
    return [(str(event.before.get("written") or event.before["email"]), event.at) for event in corrected[:MOST_EVENTS]]
