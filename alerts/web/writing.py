"""The writing page: saved as one types, checked when it is submitted to a second officer."""

import json
from collections.abc import Mapping
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

from alerts.letters import answer_times
from alerts.markdown import LONGEST, to_html
from alerts.models import Advisory, Draft, Marking, Office, Rule, Severity
from alerts.publishing import approving, draft, gaps
from alerts.publishing.contract import DEFAULT_TIMES, EARLIER, NEEDS_OPEN_TITLE, NotUnderstood, duration_of
from alerts.publishing.reach import reach
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
    "do_not_use_for": "Do not use for",
    "still_fine_for": "Still fine for",
    "use_instead": "Use instead",
    "actions": "What is asked",
    "acknowledge_within": "Answer within",
    "guidance": "Guidance",
    "topics": "Subject",
    "review_by": "Look at it again",
    "rule": "When a body is covered",
    "office": "Answers of an office",
    "supersedes": "Replaces",
    "what_changed": "What changed",
    "earlier": "Does the earlier advice still hold?",
    "audience": "Who it is for",
}
# Where the buttons beside "Save" lead, once it is saved.
NEXT = {"reach": "alerts:reach", "letter": "alerts:letter"}
TOPICS_NAMED = 6
NO_TIME = "is no time to come: give a whole number of days, hours or minutes, or a day and a time."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def write(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: the words. Saved as they are typed; checked when they are submitted.

    Whoever is signed out meanwhile gets back what they sent: the sign-in would lose it.
    """
    if request.method == "POST" and not request.user.is_authenticated and not request.headers.get("HX-Request"):
        return _signed_out(request)
    return _write(request, reference)


@login_required
def _write(request: HttpRequest, reference: str) -> HttpResponse:
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
    stands = held.saved_by_id == person.pk or held.shown_as == request.POST.get("version", held.shown_as)
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


def _signed_out(request: HttpRequest) -> HttpResponse:
    """Only what this very request holds, and nothing of the draft."""
    said = [
        (label, in_words(value)) for key, value in typed(request.POST).items() if value and (label := LABELS.get(key))
    ]
    return render(request, "alerts/signed_out.html", {"said": said}, status=401)


def _take(request: HttpRequest, found: Advisory, held: Draft) -> HttpResponse:
    """Save what was typed; with `submit` ask for approval as well. Whatever is wrong, what was typed is still there."""
    person, said = signed_in(request), typed(request.POST)
    base = _base(request.POST.get("base", ""))
    try:
        saved = draft.save(held, person, said, base, of=_number(request.POST.get("draft", "")))
        if "material" in request.POST:
            draft.set_material(saved.draft, person, material=request.POST["material"] == "yes")
            saved.draft.material = request.POST["material"] == "yes"
    except Refused as refused:
        return _answer(request, found, held, {"refused": str(refused), "base": base}, 422)
    told: dict[str, Any] = {
        "saved": saved,
        "who": "You, in another window," if saved.who == person.name else saved.who,
        "met": [LABELS[key] for key in saved.met],
        "elsewhere": [LABELS[key] for key in saved.elsewhere],
    }
    # Where another's words stand in the draft, what a script's page shows is still measured by what it first saw.
    marks = draft.marks_of(saved.draft.content, said)
    told["base"] = {
        key: marks[key] if draft.mark_of(mine) == marks[key] else base.get(key, "") for key, mine in said.items()
    }
    if saved.met or "submit" not in request.POST:
        leads_on = request.POST.get("save") in NEXT and not saved.met
        if leads_on:
            return redirect(NEXT[request.POST["save"]], found.reference)
        return _answer(request, found, saved.draft, told, 200)
    if saved.elsewhere:
        # Nobody submits words that their page did not show.
        return _answer(request, found, saved.draft, {**told, "unread": True}, 422)
    try:
        saved.draft.refresh_from_db()
        confirmed = "open_confirmed" in request.POST
        approving.submit(saved.draft, person, saved.draft.version, gives_nothing_away=confirmed)
    except NotUnderstood as wrong:
        return _answer(request, found, saved.draft, {**told, "wrong": _errors(wrong)}, 422)
    except Refused as refused:
        return _answer(request, found, saved.draft, {**told, "refused": str(refused)}, 422)
    messages.success(request, "Submitted. Everybody else who may approve it has a mail; nobody else hears of it yet.")
    _say_what_is_open(request, found)
    return redirect("alerts:advisory", found.reference)


def _errors(wrong: NotUnderstood) -> list[tuple[str, str, str]]:
    """Label, anchor and sentence of each error, in the order of the page."""
    order = list(LABELS)
    keyed = [(one.where.split("[")[0].split(".")[0], one) for one in wrong.wrong]
    keyed.sort(key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
    return [(LABELS.get(key, ""), one.where, NO_TIME if "ISO 8601" in one.what else one.what) for key, one in keyed]


def _say_what_is_open(request: HttpRequest, found: Advisory) -> None:
    """Before somebody else meets it: at medium and low every decision about who does not hear it comes first."""
    found.refresh_from_db()
    if found.current_id is None and found.severity not in gaps.URGENT:
        still_open = len(gaps.undecided(found, reach(found)))
        if still_open:
            messages.warning(
                request,
                f"{count(still_open, 'decision', 'decisions')} about who does not hear it "
                f"{'is' if still_open == 1 else 'are'} still open. At this severity it is published only once "
                f"{'it is' if still_open == 1 else 'they are'} made: see “Who hears it, and who does not”.",
            )


def _answer(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int) -> HttpResponse:
    if request.headers.get("HX-Request"):
        context = {**told, "base": json.dumps(told["base"]), "comes_to": _comes_to(held, held.content)}
        return render(request, "alerts/parts/saved.html", context, status=status)
    fresh = Draft.objects.select_related("saved_by", "decided_by", "advisory__issuer").filter(advisory=found).first()
    return _page(request, found, fresh or held, told, status)


def _page(request: HttpRequest, found: Advisory, held: Draft, told: dict[str, Any], status: int = 200) -> HttpResponse:
    content, base = held.content, draft.marks_of(held.content, dict.fromkeys(LABELS))
    if request.method == "POST" and "saved" not in told:
        # Nothing was saved: what was typed stands in the page, measured by what the page first saw.
        content, base = {**held.content, **typed(request.POST)}, {**base, **told["base"]}
    first = found.current_id is None
    context = {
        **told,
        "advisory": found,
        "draft": held,
        "aside": [_aside(one) for one in held.set_aside],
        "values": shown(Draft(advisory=held.advisory, content=content)),
        "base": json.dumps(base),
        "first": first,
        "open_title": found.marking in NEEDS_OPEN_TITLE,
        "confirmed": "open_confirmed" in request.POST,
        "severities": [(value, label, *_times_of(value)) for value, label in Severity.choices],
        "comes_to": _comes_to(held, content),
        "reach": reach(found) if first and (found.branches.exists() or found.named.exists()) else None,
        "markings": Marking.choices,
        "rules": Rule.choices,
        "offices": Office.choices,
        "earlier": EARLIER.items(),
        "html": to_html(str(content.get("guidance") or "")[:LONGEST]),
        "lookers": approving.lookers(found, timezone.now(), signed_in(request)),
        "zone": timezone.get_current_timezone_name(),
        "some_topics": " ".join(Topic.objects.order_by("slug").values_list("slug", flat=True)[:TOPICS_NAMED]),
    }
    return render(request, "alerts/write.html", context, status=status)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _aside(one: dict[str, Any]) -> dict[str, Any]:
    """Set-aside words as they are shown."""
    return {
        "number": one["n"],
        "name": one["name"],
        "displaced": one.get("displaced"),
        "label": LABELS.get(one["field"], one["field"]),
        "text": in_words(one["text"]),
        "at": parse_datetime(one["at"]),
    }


def _times_of(severity: str) -> tuple[str, str]:
    """What this severity asks for: answers are counted in working time, but where it is critical."""
    answer, again = DEFAULT_TIMES[severity]
    return _spoken(answer, "" if severity == Severity.CRITICAL else "working "), _spoken(again)


def _spoken(length: timedelta, working: str = "") -> str:
    if length.days:
        return count(length.days, f"{working}day", f"{working}days")
    return count(length.seconds // 3600, f"{working}hour", f"{working}hours")


def _comes_to(held: Draft, content: Mapping[str, Any]) -> str:
    """By when answers would be due if these words were published now; "" where none are asked, or what is typed is no time."""
    found = held.advisory
    first = found.current_id is None
    if not first and not held.material:
        return ""
    typed_severity = content.get("severity")
    severity = typed_severity if first and typed_severity in Severity.values else found.severity
    typed_time = content.get("acknowledge_within")
    within = duration_of(typed_time) if typed_time else DEFAULT_TIMES[severity][0]
    return answer_times.words(found, within, timezone.now(), severity) if within else ""


def _base(text: str) -> dict[str, str]:
    """The marks that the page came with; a field without one is taken as it was typed."""
    try:
        found = json.loads(text) if len(text) < 10_000 else {}
    except ValueError:
        return {}
    return {str(key): str(mark) for key, mark in found.items()} if isinstance(found, dict) else {}
