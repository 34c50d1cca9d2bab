"""The readiness page: which bodies can't be warned for sure today, why, and what to do about each."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from departments.lacks import Lack, in_order
from departments.models import Body, Standing
from departments.models.membership import DUTIES
from departments.panels import directory_panels
from departments.readiness import refresh
from departments.rules import bodies_of, is_administrator, is_auditor
from departments.tree import branches
from departments.wanting import reasons, states, wanting
from departments.web.access import may, signed_in

ON_A_PAGE = 100


@dataclass(frozen=True)
class Line:
    """A body with what it lacks."""

    body: Body
    dark: bool
    lacks: list[Lack]


@require_safe
@never_cache
@may("departments.view_body")
def readiness(request: HttpRequest) -> HttpResponse:
    """Administrators and auditors see the whole directory, others the branches in which they have a duty.

    `?lack=` shows only the bodies that lack this; `?page=` goes on.
    """
    person = signed_in(request)
    refresh()
    whole = is_administrator(person) or is_auditor(person)
    within = None if whole else branches(sorted(bodies_of(person, DUTIES)))
    lack = _lack(request.GET.get("lack", ""))
    page = Paginator(wanting(lack, within), ON_A_PAGE).get_page(request.GET.get("page"))
    dark, weak, ready = states(within)
    context = {
        "dark": dark,
        "weak": weak,
        "ready": ready,
        "bodies": dark + weak + ready,
        "whole": whole,
        "reasons": reasons(within),
        "lack": lack,
        "page": page,
        "panels": directory_panels(request),
        "lines": [line_of(standing) for standing in page],
    }
    return render(request, "departments/readiness.html", context)


def line_of(standing: Standing) -> Line:
    """A kept figure as the page shows it."""
    return Line(standing.body, standing.state == Standing.State.DARK, in_order(standing.lacks))


def _lack(named: str) -> Lack | None:
    if not named:
        return None
    try:
        return Lack(named)
    except ValueError:
        raise Http404 from None
