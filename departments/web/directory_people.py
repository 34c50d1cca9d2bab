"""Everybody in the directory: found by name or address, and two lists that matter before the next warning."""

from collections import Counter

from django.core.paginator import Paginator
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from departments.delegating import current_delegations
from departments.lacks import LATE_FOR
from departments.models import Membership, Person
from departments.models.person import Bounced
from departments.rules import is_administrator
from departments.search import people_like
from departments.web.access import may, signed_in

# Of so many people: how it is known.
HOWS = {
    Bounced.REFUSED: "refused by their mail server",
    Bounced.CAME_BACK: "came back",
    Bounced.SUPPRESSED: "suppressed by the mail provider",
    Bounced.COMPLAINED: "reported as spam",
}
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
    viewer = signed_in(request)
    known = _bouncing().exclude(bounced_at=None).order_by()
    bounced = Counter(dict(known.values_list("bounced_how").annotate(people=Count("pk"))))
    context = {
        "may_correct": is_administrator(viewer),
        "hows": [(bounced[how.value], said) for how, said in HOWS.items() if bounced[how.value]],
        "late": _bouncing().filter(bounced_at=None).count(),
        "words": words,
        "shown": shown if shown in ("bouncing", "nowhere") else "",
        "bouncing": bounced.total(),
        "nowhere": _nowhere().count(),
        "page": page,
        "people": _with_places(list(page)),
    }
    return render(request, "departments/people.html", context)


def _bouncing() -> QuerySet[Person]:
    """Who is here and whom mail does not reach, or only late; the latest first, those who wait behind the others."""
    late = Q(bounced_at=None, deferred_at__gt=timezone.now() - LATE_FOR)
    found = Person.objects.filter(Q(bounced_at__isnull=False) | late, left_at=None)
    return found.order_by(F("bounced_at").desc(nulls_last=True), "-deferred_at", "pk")


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
