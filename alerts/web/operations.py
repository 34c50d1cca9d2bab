"""The operators' page: is all well, how fast does mail leave, and if not, what is to be done? And what an operator does."""

import hashlib

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts.routing import steering
from alerts.watching.operations import operations
from departments.refusal import Refused
from departments.web.access import may, signed_in


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


@require_POST
@may("alerts.steer_delivery")
def steer(request: HttpRequest, verb: str) -> HttpResponse:
    """An administrator pauses, resumes, takes first or tries the `route` that they name."""
    if verb not in steering.VERBS:
        raise Http404
    try:
        done = steering.VERBS[verb](request.POST.get("route", ""), signed_in(request), timezone.now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        _say(request, done)
    return redirect("operations")


@require_POST
@may("alerts.steer_delivery")
def retry(request: HttpRequest) -> HttpResponse:
    """An administrator has mails that failed tried again: one person's, those of one `reason`, or `all`."""
    by, now = signed_in(request), timezone.now()
    address = request.POST.get("address")
    try:
        if address is not None:
            done = steering.retry_person(address, by, now)
        elif "reason" in request.POST:
            done = steering.retry_reason(request.POST["reason"], by, now)
        elif "all" in request.POST:
            done = steering.retry_all(by, now)
        else:
            raise Refused("Nothing was named to be tried again: name a reason, a person, or all. Nothing was changed.")
    except Refused as refused:
        if address is None:
            messages.error(request, str(refused))
            return redirect("operations")
        context = {**_live(request), "typed": address[:320], "wrong": str(refused)}
        return render(request, "alerts/operations.html", context, status=422)
    _say(request, done)
    return redirect("operations")


def _say(request: HttpRequest, done: steering.Done) -> None:
    (messages.success if done.changed else messages.info)(request, done.says)


def _live(request: HttpRequest) -> dict[str, object]:
    """What stands there, and a digest of it: ages are spoken in minutes, so it changes when what is said changes."""
    acts = request.user.has_perm("alerts.steer_delivery")
    stands = render_to_string(
        "alerts/operations_stands.html", {"it": operations(timezone.now()), "acts": acts}, request
    )
    return {"stands": stands, "seen": hashlib.sha256(stands.encode()).hexdigest()[:16], "acts": acts}
