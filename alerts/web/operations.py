"""The operators' page: is all well, and if not, what is to be done?"""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts.operations import operations
from departments.web.access import may


@require_safe
@never_cache
@may("alerts.view_operations")
def operations_page(request: HttpRequest) -> HttpResponse:
    """For administrators and auditors."""
    return render(request, "alerts/operations.html", _live(request))


@require_safe
@never_cache
@may("alerts.view_operations")
def operations_live(request: HttpRequest) -> HttpResponse:
    """The page's live part, for administrators and auditors. 204 while it reads as it did (`seen`)."""
    live = _live(request)
    if request.GET.get("seen") == live["seen"]:
        return HttpResponse(status=204)
    return render(request, "alerts/operations_live.html", live)


def _live(request: HttpRequest) -> dict[str, object]:
    """What stands there, and a digest of it: ages are spoken in minutes, so it changes when what is said changes."""
    stands = render_to_string("alerts/operations_stands.html", {"it": operations(timezone.now())}, request)
    return {"stands": stands, "seen": hashlib.sha256(stands.encode()).hexdigest()[:16]}
