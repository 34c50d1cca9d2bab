"""The first page: what is under way, for whoever has a duty in it."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import rules
from alerts.models import Advisory, Draft, Relay, State
from alerts.web import words
from alerts.web.asking import signed_in, title_of
from alerts.web.coverage_view import CoverageView, view_of
from departments.models import Person, Role
from departments.readiness import estate, refresh
from departments.rules import bodies_of, has_a_duty, is_administrator, is_auditor
from departments.tree import branches

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Under:
    """An advisory that is live, as one line of the page."""

    advisory: Advisory
    title: str
    view: CoverageView
    wrong: str
    rest: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A draft, as one line of the page."""

    advisory: Advisory
    title: str
    yours: bool
    """It waits for the signed-in officer, and not for somebody else."""


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """For everybody with a duty: the advisories that concern them, and what waits for them."""
    person = signed_in(request)
    if not has_a_duty(person):
        raise PermissionDenied
    mine = visible(person).select_related("issuer", "current", "draft")
    live = mine.filter(state=State.LIVE).order_by("-published_at", "-pk")
    return render(
        request,
        "alerts/home.html",
        {
            "under_way": [_under(advisory, person) for advisory in live[:SHOWN]],
            "more": max(live.count() - SHOWN, 0),
            "drafts": [Begun(item, title_of(item), _yours(item, person)) for item in _issued(person)],
            "expired": [
                (item, title_of(item)) for item in mine.filter(state=State.EXPIRED).order_by("review_by", "pk")
            ],
            "past": [(item, title_of(item)) for item in mine.filter(state=State.STOOD_DOWN).order_by("-pk")[:SHOWN]],
            "writes": bool(bodies_of(person, [Role.OFFICER])),
            "nobody": _dark() if is_administrator(person) else 0,
        },
    )


def _under(advisory: Advisory, person: Person) -> Under:
    view = view_of(advisory, person, [])
    wrong, rest = words.verdict(view)
    return Under(advisory, title_of(advisory), view, wrong, rest)


def visible(person: Person) -> QuerySet[Advisory]:
    """The published advisories that this person may see."""
    published = Advisory.objects.filter(current__isnull=False)
    if is_administrator(person) or is_auditor(person):
        return published
    travels = Relay.objects.filter(body__in=rules.own_branches(person)).values("advisory")
    return published.filter(Q(issuer__in=_as_officer(person)) | Q(pk__in=travels))


def _issued(person: Person) -> QuerySet[Advisory]:
    """The advisories with a draft which this officer may write or approve, the last one saved first."""
    issued = Advisory.objects.filter(draft__isnull=False, issuer__in=_as_officer(person))
    return issued.select_related("current", "draft__saved_by", "draft__submitted_by").order_by("-draft__saved_at", "pk")


def _yours(advisory: Advisory, person: Person) -> bool:
    """What is submitted waits for somebody else than who submitted it; everything else for whoever wrote it."""
    draft = advisory.draft
    if draft.stage == Draft.Stage.SUBMITTED:
        return draft.submitted_by_id != person.pk
    return draft.stage == Draft.Stage.APPROVED or person.pk in (draft.submitted_by_id, draft.saved_by_id)


def _as_officer(person: Person) -> set[int]:
    seats = bodies_of(person, [Role.OFFICER])
    return branches(sorted(seats)) if seats else set()


def _dark() -> int:
    """How many open bodies have nobody who can be told, as the tree says it."""
    refresh()
    return estate().dark
