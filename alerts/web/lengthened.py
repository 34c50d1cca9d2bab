"""A link with more behind it than belongs there: a slash that a program put at its end, or anything else."""

import re

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts.web.reader import private
from alerts.web.refusing import no_such_link

SLASHED = re.compile(r"(/[ac]/[0-9A-Za-z]+(?:/[a-z-]+)?)/+")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def lengthened(request: HttpRequest, rest: str) -> HttpResponse:
    """Anybody. Where only slashes are too much, to the page without them, if there is one; otherwise there is no such link."""
    found = SLASHED.fullmatch(request.path)
    if found is None or request.method == "POST":
        return private(no_such_link(request))
    query = request.META.get("QUERY_STRING", "")
    return private(HttpResponseRedirect(f"{found[1]}?{query}" if query else found[1]))
