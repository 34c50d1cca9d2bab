"""The tree page: opened level by level, searched, and its dark bodies listed."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from departments.models import Body, Membership
from departments.outline import Row, outline
from departments.readiness import can_be_told, dark_bodies, estate, refresh
from departments.search import bodies_like
from departments.web.access import may

MOST_FOUND = 50
MOST_DARK = 500


@dataclass(frozen=True)
class Line:
    """A row of the tree with its place on the page and the link that opens or closes it."""

    row: Row
    indent: str
    opened: bool
    toggle: str


@require_safe
@may("departments.view_body")
def tree(request: HttpRequest) -> HttpResponse:
    """`?open=slug,slug` shows the bodies below those; `?q=` searches; `?dark=1` lists who has nobody to tell."""
    words = request.GET.get("q", "").strip()[:200]
    if words:
        return _found(request, bodies_like(words), MOST_FOUND, words=words)
    if request.GET.get("dark"):
        return _found(request, dark_bodies(), MOST_DARK)
    refresh()
    opened = {slug for slug in request.GET.get("open", "").split(",") if slug}
    rows, more = outline(opened)
    context = {"lines": [_line(row, opened) for row in rows], "more": more}
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx's middleware
        return render(request, "departments/parts/outline.html", context)
    return render(request, "departments/tree.html", {**context, "estate": estate()})


def _line(row: Row, opened: set[str]) -> Line:
    query = {"open": ",".join(sorted(opened ^ {row.slug}))}
    indent = f"in{min(row.depth, 4)}" if row.depth else ""
    return Line(row, indent, row.slug in opened, f"?{urlencode(query, safe=',')}")


def _found(request: HttpRequest, bodies: QuerySet[Body], most: int, words: str = "") -> HttpResponse:
    told = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    found = list(bodies.select_related("parent").annotate(has_somebody=Exists(told))[: most + 1])
    context = {"found": found[:most], "more": len(found) > most, "most": most, "words": words}
    return render(request, "departments/found.html", context)
