"""The writing page: saved as one types, checked when it is submitted to a second officer."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alerts import approving, draft
from alerts.contract import DEFAULT_TIMES, EARLIER, NotUnderstood
from alerts.markdown import LONGEST, to_html
from alerts.models import Advisory, Draft, Marking, Rule, Severity
from alerts.reach import reach
from alerts.web.asking import find, signed_in
from alerts.web.draft_form import in_words, shown, typed
from alerts.web.drafts import draft_of
from alerts.web.numbers import count
from departments.models import Topic
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
# Where the buttons beside "Save" lead, once it is saved.
NEXT = {"reach": "alerts:reach", "letter": "alerts:letter"}
TOPICS_NAMED = 6


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def write(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: the words. Saved as they are typed; checked when they are submitted."""
    found = find(request, reference, "alerts.write_advisory")
    held = draft_of(found)
    if request.method == "POST":
        return _take(request, found, held)
    return _page(request, found, held, {})


@require_POST
@login_required
def looking(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: this page is open with me; who else looks at the draft, or has changed it?"""
    found = find(request, reference, "alerts.write_advisory")
    person, now = signed_in(request), timezone.now()
    held = draft_of(found)
    approving.looked(found, person, now)
    stands = held.saved_by_id == person.pk or str(held.version) == request.POST.get("version", str(held.version))
    context = {
        "lookers": approving.lookers(found, now, person),
        "changed": None if stands else held,
        "anew": reverse("alerts:write" if request.POST.get("page") == "write" else "alerts:advisory", args=[reference]),
    }
    return render(request, "alerts/parts/looking.html", context)


@require_POST
@login_required
def preview(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: guidance as it will look."""
    find(request, reference, "alerts.write_advisory")
    text = request.POST.get("guidance", "")
    if len(text) > LONGEST:
        return HttpResponse(f"It has {len(text):,} characters; {LONGEST:,} is the most.", content_type="text/plain")
    return HttpResponse(to_html(text))


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
        "who": "You, in another window," if saved.who == person.name else saved.who,
        "met": [LABELS[key] for key in saved.met],
        "elsewhere": [LABELS[key] for key in saved.elsewhere],
    }
    if saved.met or not {"submit", "save"} & request.POST.keys() or request.POST.get("save") == "yes":
        marks = draft.marks_of(saved.draft.content, said)
        # Where another's words stand in the draft, what this page shows is still measured by what it first saw.
        kept = {
            key: marks[key] if draft.mark_of(mine) == marks[key] else base.get(key, "") for key, mine in said.items()
        }
        return _answer(request, found, saved.draft, {**told, "base": kept}, 200)
    if "submit" not in request.POST:
        return redirect(NEXT.get(request.POST["save"], "alerts:write"), found.reference)
    try:
        saved.draft.refresh_from_db()
        confirmed = "open_confirmed" in request.POST
        approving.submit(saved.draft, person, saved.draft.version, gives_nothing_away=confirmed)
    except NotUnderstood as wrong:
        errors = [(LABELS.get(one.where.split("[")[0].split(".")[0], ""), one) for one in wrong.wrong]
        return _answer(request, found, saved.draft, {**told, "wrong": errors}, 422)
    except Refused as refused:
        return _answer(request, found, saved.draft, {**told, "refused": str(refused)}, 422)
    messages.success(request, "Submitted. Everybody else who may approve it has a mail; nobody else hears of it yet.")
    return redirect("alerts:advisory", found.reference)


def _answer(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int) -> HttpResponse:
    if request.headers.get("HX-Request"):
        base = told.get("base", _base(request.POST.get("base", "")))
        return render(request, "alerts/parts/saved.html", {**told, "base": json.dumps(base)}, status=status)
    fresh = Draft.objects.select_related("saved_by", "decided_by", "advisory__issuer").filter(advisory=found).first()
    return _page(request, found, fresh or held, told, status)


def _page(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int = 200) -> HttpResponse:
    said = typed(request.POST) if request.method == "POST" else {}
    page = Draft(advisory=held.advisory, content={**held.content, **said})
    base = told.get("base") or draft.marks_of(held.content, {**dict.fromkeys(LABELS), **said})
    first = found.current_id is None
    context = {
        **told,
        "advisory": found,
        "draft": held,
        "aside": [_aside(one) for one in held.set_aside],
        "values": shown(page),
        "base": json.dumps(base),
        "first": first,
        "confirmed": "open_confirmed" in request.POST,
        "severities": [(value, label, *map(_spoken, DEFAULT_TIMES[value])) for value, label in Severity.choices],
        "reach": reach(found) if first and (found.branches.exists() or found.named.exists()) else None,
        "markings": Marking.choices,
        "rules": Rule.choices,
        "earlier": EARLIER.items(),
        "html": to_html(str(page.content.get("guidance") or "")[:LONGEST]),
        "lookers": approving.lookers(found, timezone.now(), signed_in(request)),
        "zone": timezone.get_current_timezone_name(),
        "some_topics": " ".join(Topic.objects.order_by("slug").values_list("slug", flat=True)[:TOPICS_NAMED]),
    }
    return render(request, "alerts/write.html", context, status=status)


def _aside(one: dict[str, Any]) -> dict[str, Any]:
    """Set-aside words as they are shown."""
    label, text = LABELS.get(one["field"], one["field"]), in_words(one["text"])
    return {"number": one["n"], "name": one["name"], "label": label, "text": text, "at": parse_datetime(one["at"])}


def _spoken(length: timedelta) -> str:
    return count(length.days, "day", "days") if length.days else count(length.seconds // 3600, "hour", "hours")


def _base(text: str) -> dict[str, str]:
    """The marks that the page came with; a field without one is taken as it was typed."""
    try:
        found = json.loads(text) if len(text) < 10_000 else {}
    except ValueError:
        return {}
    return {str(key): str(mark) for key, mark in found.items()} if isinstance(found, dict) else {}
