"""The tree page: opened level by level, and searched."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from departments.outline import Row, outline
from departments.readiness import estate, refresh
from departments.web.access import may
from departments.web.search import found


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
    """`?open=slug,slug` shows the bodies below those; `?q=` searches."""
    refresh()
    if words := request.GET.get("q", "").strip():
        return found(request, words)
    opened = {slug for slug in request.GET.get("open", "").replace("\0", "").split(",") if slug}
    rows, more = outline(opened)
    context = {"lines": [_line(row, opened) for row in rows], "more": more}
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx's middleware
        return render(request, "departments/parts/outline.html", context)
    may_do = {name: request.user.has_perm(f"departments.{name}") for name in ("view_people", "change_body")}
    return render(request, "departments/tree.html", {**context, **may_do, "estate": estate()})


def _line(row: Row, opened: set[str]) -> Line:
    query = {"open": ",".join(sorted(opened ^ {row.slug}))}
    indent = f"in{min(row.depth, 4)}" if row.depth else ""
    return Line(row, indent, row.slug in opened, f"?{urlencode(query, safe=',')}")
