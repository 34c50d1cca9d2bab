"""A link that does not work: the same page for everybody, whatever is wrong with it, so that it is made once and kept ready."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from alerts.web.limits import too_many
from config.context import site

MOST_INVALID = 60  # a minute, from one address; valid links are never counted: a ministry sits behind one address


def no_such_link(request: HttpRequest) -> HttpResponse:
    """404, or 429 for whoever tried too many. Says nothing of who asks, and of why it does not work."""
    limited = too_many(request, "reader", MOST_INVALID)
    return HttpResponse(_page(limited), status=429 if limited else 404)


@cache
def _page(limited: bool) -> bytes:
    return render_to_string("alerts/no_such_link.html", {"limited": limited, **site(HttpRequest())}).encode()
