"""Coverage, live: who has been told, who has not and why, and the button beside each reason."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import holds
from alerts.coverage import fingerprint
from alerts.models import Advisory, Relay, State
from alerts.rules import is_officer_of_issuer
from alerts.web import words
from alerts.web.asking import find, require, signed_in, title_of
from alerts.web.coverage_view import view_of
from departments.refusal import Refused

# No more rows than somebody can have pressed for.
OPENED = 200


@require_safe
@never_cache
@login_required
def coverage(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors; others see their own branches of it."""
    advisory = find(request, reference, "alerts.view_coverage")
    if advisory.current_id is None:
        messages.info(request, f"{reference} has not been published: there is nothing to cover yet.")
        return redirect("alerts:advisory", reference)
    officer = advisory.state in (State.LIVE, State.EXPIRED) and is_officer_of_issuer(signed_in(request), advisory)
    context = {**_context(request, advisory), "title": title_of(advisory, signed_in(request)), "officer": officer}
    return render(request, "alerts/coverage.html", context)


@require_safe
@never_cache
@login_required
def coverage_live(request: HttpRequest, reference: str) -> HttpResponse:
    """The page's live part, for whoever may see the page. 204 while nothing has changed since `seen`."""
    advisory = find(request, reference, "alerts.view_coverage")
    seen, _, minute = request.GET.get("seen", "").partition(".")
    if seen and seen == fingerprint(advisory) and minute in ("", _minute()):
        return HttpResponse(status=204)
    return render(request, "alerts/coverage_parts/live.html", _context(request, advisory))


@require_POST
@login_required
def release(request: HttpRequest, reference: str, relay: int) -> HttpResponse:
    """An officer of the issuer or above it, or the held body's contact or deputy, lets a held body go on."""
    held = get_object_or_404(Relay.objects.select_related("advisory", "body"), pk=relay, advisory__reference=reference)
    require(request, "alerts.release_relay", held)
    back = "alerts:where" if request.POST.get("from") == "where" else "alerts:coverage"
    try:
        released = holds.release(held.pk, signed_in(request))
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect(back, reference)
    if released:
        messages.success(request, f"{held.body.name} goes on: everybody in it and below it is told now.")
    else:
        messages.info(request, f"{held.body.name} was not held any more; nothing changed.")
    return redirect(back, reference)


def _context(request: HttpRequest, advisory: Advisory) -> dict[str, object]:
    opened = list(dict.fromkeys(request.GET.getlist("open")))[:OPENED]
    # Before the figures: a change between the two is then shown twice rather than never.
    seen = fingerprint(advisory)
    view = view_of(advisory, signed_in(request), opened)
    if view.held:
        seen = f"{seen}.{_minute()}"  # "goes on by itself in 41 min" ages though no figure changes
    wrong, rest = words.verdict(view)
    return {
        "advisory": advisory,
        "view": view,
        "wrong": wrong,
        "rest": rest,
        "record": words.for_the_record(advisory, view),
        "poll": urlencode([("seen", seen), *(("open", slug) for slug in opened)]),
    }


def _minute() -> str:
    return timezone.now().strftime("%H%M")
