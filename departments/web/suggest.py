"""Bodies to choose from while one types into a form."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from departments.search import bodies_like
from departments.web.access import may

OFFERED = 10


@require_safe
@never_cache
@may("departments.view_body")
def suggest(request: HttpRequest) -> HttpResponse:
    """Options of a datalist: the bodies like whatever the one field of the query holds."""
    typed = next(iter(request.GET.values()), "")
    found = bodies_like(str(typed)[:200]).filter(closed=None).select_related("parent")[:OFFERED]
    return render(request, "departments/parts/suggested.html", {"found": found})
