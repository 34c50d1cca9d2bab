"""Everybody in the directory: found by name or address, and two lists that matter before the next warning."""

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from departments.delegating import current_delegations
from departments.models import Membership, Person
from departments.search import people_like
from departments.web.access import may

ON_A_PAGE = 100
MOST_NAMED = 3


@require_safe
@never_cache
@may("departments.view_people")
def people(request: HttpRequest) -> HttpResponse:
    """For administrators and auditors. `?q=` searches, `?list=bouncing` and `?list=nowhere` list, `?page=` goes on."""
    words = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:200]
    shown = request.GET.get("list", "")
    found = _bouncing() if shown == "bouncing" else _nowhere() if shown == "nowhere" else people_like(words)
    page = Paginator(found, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "words": words,
        "shown": shown if shown in ("bouncing", "nowhere") else "",
        "bouncing": _bouncing().count(),
        "nowhere": _nowhere().count(),
        "page": page,
        "people": _with_places(list(page)),
    }
    return render(request, "departments/people.html", context)


def _bouncing() -> QuerySet[Person]:
    """Who is here and whose address refused mail, the latest first."""
    return Person.objects.filter(left_at=None, bounced_at__isnull=False).order_by("-bounced_at", "pk")


def _nowhere() -> QuerySet[Person]:
    """Who is here without a place, and neither runs or audits the directory nor opens somebody's mail."""
    seated = Membership.objects.filter(person=OuterRef("pk"), until=None)
    opens = current_delegations().filter(delegate=OuterRef("pk"))
    return Person.objects.filter(
        ~Exists(seated), ~Exists(opens), left_at=None, is_administrator=False, is_auditor=False
    ).order_by("name", "pk")


def _with_places(found: list[Person]) -> list[tuple[Person, list[Membership], int]]:
    """Each with some of their places today, and how many more there are; one query."""
    places: dict[int, list[Membership]] = {}
    current = Membership.objects.filter(person__in=found, until=None).select_related("body")
    for place in current.order_by("body__name", "pk"):
        places.setdefault(place.person_id, []).append(place)
    return [
        (one, places.get(one.pk, [])[:MOST_NAMED], max(len(places.get(one.pk, [])) - MOST_NAMED, 0)) for one in found
    ]
