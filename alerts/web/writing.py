"""Writing an advisory: started from a text, saved as one types, submitted to a second officer."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alerts import approving, draft
from alerts.contract import DEFAULT_TIMES, EARLIER, NotUnderstood
from alerts.markdown import LONGEST, to_html
from alerts.models import Advisory, Draft, Marking, Rule, Severity
from alerts.officers import bodies_to_issue_for
from alerts.starters import STARTERS, content_of_starter, starters
from alerts.web.asking import find, signed_in
from alerts.web.draft_form import shown, typed
from departments.refusal import Refused

LABELS = {
    "title": "Title",
    "open_title": "Open title",
    "severity": "Severity",
    "marking": "Marking",
    "summary": "Summary",
    "guidance": "Guidance",
    "do_not_use_for": "Do not use for",
    "still_fine_for": "Still fine for",
    "use_instead": "Use instead",
    "actions": "What is asked",
    "topics": "Subject",
    "rule": "When a body is covered",
    "acknowledge_within": "Answer within",
    "review_by": "Look at it again",
    "supersedes": "Replaces",
    "what_changed": "What changed",
    "earlier": "Does the earlier advice still hold?",
    "audience": "Who it is for",
}


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


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def write(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: the words. Saved as they are typed; checked when they are submitted."""
    found = find(request, reference, "alerts.write_advisory")
    held = Draft.objects.select_related("saved_by", "decided_by").filter(advisory=found).first()
    if held is None:
        raise Http404("There is no draft of it.")
    if request.method == "POST":
        return _take(request, found, held)
    approving.looked(found, signed_in(request), timezone.now())
    return _page(request, found, held, {})


@require_POST
@login_required
def settle(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    """Officers of the issuer or above it: use words that were set aside, or drop them."""
    found = find(request, reference, "alerts.write_advisory")
    try:
        draft.settle_aside(_draft_of(found), signed_in(request), number, use=request.POST.get("do") == "use")
        messages.success(request, "Done.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("alerts:write", reference)


@require_POST
@login_required
def drop(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: throw the draft away."""
    found = find(request, reference, "alerts.write_advisory")
    try:
        draft.drop(_draft_of(found), signed_in(request))
        messages.success(request, "The draft is thrown away. Nothing of it was sent.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("alerts:advisory", reference)


@require_POST
@login_required
def preview(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: guidance as it will look."""
    find(request, reference, "alerts.write_advisory")
    text = request.POST.get("guidance", "")
    if len(text) > LONGEST:
        return HttpResponse(f"It has {len(text):,} characters; {LONGEST:,} is the most.", content_type="text/plain")
    return HttpResponse(to_html(text))


def _draft_of(found: Advisory) -> Draft:
    held = Draft.objects.filter(advisory=found).first()
    if held is None:
        raise Http404("There is no draft of it.")
    return held


def _take(request: HttpRequest, found: Advisory, held: Draft) -> HttpResponse:
    """Save what was typed; with `submit` ask for approval as well. Whatever is wrong, what was typed is still there."""
    person, said = signed_in(request), typed(request.POST)
    base = _base(request.POST.get("base", ""))
    try:
        saved = draft.save(held, person, said, base)
        if "material" in request.POST:
            draft.set_material(saved.draft, person, material=request.POST["material"] == "yes")
    except Refused as refused:
        return _answer(request, found, held, {"refused": str(refused)}, 422)
    told = {
        "saved": saved,
        "met": [LABELS[key] for key in saved.met],
        "elsewhere": [LABELS[key] for key in saved.elsewhere],
    }
    if "submit" not in request.POST or saved.met:
        marks = draft.marks_of(saved.draft.content, said)
        # Where another's words stand in the draft, what this page shows is still measured by what it first saw.
        kept = {
            key: marks[key] if draft.mark_of(mine) == marks[key] else base.get(key, "") for key, mine in said.items()
        }
        return _answer(request, found, saved.draft, {**told, "base": kept}, 200)
    try:
        saved.draft.refresh_from_db()
        approving.submit(saved.draft, person, saved.draft.version)
    except NotUnderstood as wrong:
        errors = [(LABELS.get(one.where.split("[")[0].split(".")[0], ""), one) for one in wrong.wrong]
        return _answer(request, found, saved.draft, {**told, "wrong": errors}, 422)
    except Refused as refused:
        return _answer(request, found, saved.draft, {**told, "refused": str(refused)}, 422)
    messages.success(request, "Submitted. Everybody else who may approve it has a mail; nobody else hears of it yet.")
    return redirect("alerts:advisory", found.reference)


def _answer(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int) -> HttpResponse:
    if request.headers.get("HX-Request"):
        told = {**told, "base": json.dumps(told.get("base", _base(request.POST.get("base", ""))))}
        return render(request, "alerts/parts/saved.html", told)
    fresh = Draft.objects.select_related("saved_by", "decided_by", "advisory").filter(advisory=found).first()
    return _page(request, found, fresh or held, told, status)


def _page(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int = 200) -> HttpResponse:
    said = typed(request.POST) if request.method == "POST" else {}
    page = Draft(advisory=held.advisory, content={**held.content, **said})
    base = told.get("base") or draft.marks_of(held.content, {**dict.fromkeys(LABELS), **said})
    context = {
        **told,
        "advisory": found,
        "draft": held,
        "values": shown(page),
        "base": json.dumps(base),
        "first": found.current_id is None,
        "severities": [(value, label, *DEFAULT_TIMES[value]) for value, label in Severity.choices],
        "markings": Marking.choices,
        "rules": Rule.choices,
        "earlier": EARLIER.items(),
        "html": to_html(str(held.content.get("guidance") or "")[:LONGEST]),
        "lookers": [one for one in approving.lookers(found, timezone.now(), signed_in(request)) if one.now],
        "zone": timezone.get_current_timezone_name(),
        "labels": LABELS,
    }
    return render(request, "alerts/write.html", context, status=status)


def _base(text: str) -> dict[str, str]:
    """The marks that the page came with; a field without one is taken as it was typed."""
    try:
        found = json.loads(text) if len(text) < 10_000 else {}
    except ValueError:
        return {}
    return {str(key): str(mark) for key, mark in found.items()} if isinstance(found, dict) else {}
