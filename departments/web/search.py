"""What a search for bodies found, as a page or, while one types, as the part of it that changes."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from departments.models import Body
from departments.search import bodies_like

MOST_FOUND = 50


def found(request: HttpRequest, words: str) -> HttpResponse:
    """The bodies like these words, the best first. For a view that has asked whether this person may."""
    bodies: QuerySet[Body] = bodies_like(words).select_related("parent", "standing", "successor")
    shown = list(bodies[: MOST_FOUND + 1])
    context = {"found": shown[:MOST_FOUND], "more": len(shown) > MOST_FOUND, "most": MOST_FOUND, "words": words}
    part = request.headers.get("HX-Target") == "found"
    return render(request, "departments/parts/found.html" if part else "departments/found.html", context)
