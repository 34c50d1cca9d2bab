"""Drafts: begun, gone on with as an update, set-aside words settled, thrown away."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alerts.models import Advisory, Draft
from alerts.officers import bodies_to_issue_for
from alerts.publishing import draft
from alerts.publishing.starters import STARTERS, content_of_starter, starters
from alerts.web.asking import find, signed_in
from departments.refusal import Refused


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """For officers: a new advisory of a body whose officer one is."""
    person = signed_in(request)
    bodies = bodies_to_issue_for(person)
    if not bodies:
        raise PermissionDenied
    if request.method == "POST":
        issuer = next((body for body in bodies if body.slug == request.POST.get("issuer")), bodies[0])
        content = {**draft.empty(), **content_of_starter(request.POST.get("starter", ""))}
        made = draft.start(issuer, person, content, exercise="exercise" in request.POST)
        return redirect("alerts:write", made.advisory.reference)
    return render(request, "alerts/new.html", {"bodies": bodies, "starters": starters("new")})


@require_POST
@login_required
def update(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: the next revision, from the words as they stand."""
    found = find(request, reference, "alerts.write_advisory")
    chosen = next((one for one in STARTERS if one.key == request.POST.get("starter") and one.of == "update"), None)
    try:
        draft.start_update(found, signed_in(request), chosen.content if chosen else {})
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("alerts:advisory", reference)
    return redirect("alerts:write", reference)


@require_POST
@login_required
def settle(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    """Officers of the issuer or above it: use words that were set aside, or drop them."""
    found = find(request, reference, "alerts.write_advisory")
    use = request.POST.get("do") == "use"
    try:
        draft.settle_aside(draft_of(found), signed_in(request), number, use=use)
        messages.success(request, "They stand in the draft now." if use else "Dropped.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("alerts:write", reference)


@require_POST
@login_required
def drop(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: throw the draft away."""
    found = find(request, reference, "alerts.write_advisory")
    try:
        draft.drop(draft_of(found), signed_in(request))
        messages.success(request, "The draft is thrown away. Nothing of it was sent.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("alerts:advisory", reference) if found.current_id else redirect("home")


def draft_of(found: Advisory) -> Draft:
    """Its draft, with those who worked on it; 404 where there is none."""
    held = Draft.objects.select_related("advisory__issuer", "saved_by", "decided_by").filter(advisory=found).first()
    if held is None:
        raise Http404("There is no draft of it.")
    return held
