"""Coverage, live: who has been told, who has not and why, and the button beside each reason."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts.cascading import holds
from alerts.chasing import history
from alerts.coverage import fingerprint
from alerts.coverage.glance import FOUND, Found
from alerts.coverage.nodes_sql import STATES
from alerts.models import Advisory, Relay, State
from alerts.routing.routes import reports_delivery
from alerts.rules import is_officer_of_issuer, people_seen
from alerts.web import chase_words, words
from alerts.web.asking import find, require, signed_in, title_of
from alerts.web.coverage.body_remedies import may_name, may_put_in
from alerts.web.coverage.people_remedies import may_remind
from alerts.web.coverage.scoping import Looked, looked_at
from alerts.web.coverage.view import CoverageView, view_of
from departments.models import Body, Topic
from departments.refusal import Refused
from departments.rules import is_administrator

# No more rows than somebody can have pressed for.
OPENED = 200
KINDS = 50
STATE_WORDS = (
    ("dark", "nobody to tell"),
    ("held", "held"),
    ("waiting", "waiting to be sent"),
    ("sent", "sent"),
    ("delivered", "delivered, and not all answered"),
    ("covered", "answered"),
    ("information", "for information only"),
)


@require_safe
@never_cache
@login_required
def coverage(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors; others see their own branches of it.

    `?in=<slug>` is one branch of it, `&own=1` that body alone; `?open=<slug>` opens the tree there; `?kind=`, `?topic=` and
    `?state=` find bodies.
    """
    advisory = find(request, reference, "alerts.view_coverage")
    if advisory.current_id is None:
        messages.info(request, f"{reference} has not been published: there is nothing to cover yet.")
        return redirect("alerts:advisory", reference)
    looked = looked_at(request, advisory)
    return render(
        request,
        "alerts/coverage.html",
        {
            **_context(request, advisory, looked),
            "kinds": Body.objects.filter(closed=None)
            .order_by("kind")
            .values_list("kind", flat=True)
            .distinct()[:KINDS],
            "topics": Topic.objects.values_list("slug", flat=True),
            "states": [one for one in STATE_WORDS if one[0] != "delivered" or reports_delivery()],
            "above": _above(looked),
        },
    )


@require_safe
@never_cache
@login_required
def coverage_live(request: HttpRequest, reference: str) -> HttpResponse:
    """The page's live parts, for whoever may see the page. 204 while nothing has changed since `seen`."""
    advisory = find(request, reference, "alerts.view_coverage")
    looked = looked_at(request, advisory)
    seen, _, minute = request.GET.get("seen", "").partition(".")
    if seen and seen == fingerprint(advisory) and minute in ("", _minute()):
        return HttpResponse(status=204)
    return render(
        request, "alerts/coverage_parts/live_again.html", {**_context(request, advisory, looked), "again": True}
    )


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


def _context(request: HttpRequest, advisory: Advisory, looked: Looked) -> dict[str, object]:
    opened = list(dict.fromkeys(slug.replace("\0", "") for slug in request.GET.getlist("open")))[:OPENED]
    asked = _asked(request)
    viewer = signed_in(request)
    # Before the figures: a change between the two is then shown twice rather than never.
    seen = fingerprint(advisory)
    view = view_of(advisory, viewer, opened, looked, asked)
    if view.held:
        seen = f"{seen}.{_minute()}"  # "goes on by itself in 41 min" ages though no figure changes
    wrong, rest = words.verdict(view)
    found = {name: value for name, value in asked._asdict().items() if value and name != "page"}
    here = [*looked.query.items(), *found.items(), *(("open", slug) for slug in opened)]
    listed = people_seen(viewer, advisory)
    return {
        "advisory": advisory,
        "title": title_of(advisory, viewer),
        "officer": advisory.state in (State.LIVE, State.EXPIRED) and is_officer_of_issuer(viewer, advisory),
        "view": view,
        "looked": looked,
        "wrong": wrong,
        "rest": rest,
        "record": words.for_the_record(advisory, view),
        "asked": asked,
        "found": found,
        "scoped": urlencode(looked.query),
        "here": urlencode([*here, *([("page", asked.page)] if asked.page > 1 else [])]),
        "poll": urlencode([("seen", seen), *here, ("page", asked.page)]),
        "pages": _pages(view, asked, here) if found else {},
        "lists": listed is None or bool(listed),
        "escalated": _escalated(advisory, looked, listed),
        "reminds": may_remind(viewer, advisory),
        "names": may_name(viewer, advisory),
        "puts_in": may_put_in(viewer, advisory),
        "retries": advisory.state == State.LIVE and bool(is_administrator(viewer)),
    }


def _escalated(advisory: Advisory, looked: Looked, listed: set[int] | None) -> list[str]:
    """To whom it was escalated about the body that is looked at, for whoever answers for it; one query at most."""
    body = looked.body
    if body is None or (listed is not None and body.pk not in listed):
        return []
    return chase_words.raised(history.escalated(advisory, [body.pk]), timezone.now())


def _asked(request: HttpRequest) -> Found:
    """As the address says it; what it can't mean is not asked for."""
    kind, topic, state = (request.GET.get(name, "").replace("\0", "") for name in ("kind", "topic", "state"))
    page = request.GET.get("page", "1")
    return Found(
        kind[:100],
        topic[:100],
        state if state in STATES else "",
        int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 6 else 1,
    )


def _pages(view: CoverageView, asked: Found, here: list[tuple[str, str]]) -> dict[str, str]:
    """The queries of the page before and the page after, of what was found."""
    there = {"before": asked.page - 1, "next": asked.page + 1}
    last = max(-(-view.matching // FOUND), 1)
    return {which: urlencode([*here, ("page", page)]) for which, page in there.items() if 1 <= page <= last}


def _above(looked: Looked) -> list[Body]:
    """The bodies above the one that is looked at, as far as this person sees them, the highest first."""
    if looked.scope.relay is None:
        return []
    relay = Relay.objects.get(pk=looked.scope.relay)
    line = Relay.objects.filter(pk__in=relay.path[:-1]).select_related("body")
    seen = looked.scope.bodies
    by_id = {one.pk: one.body for one in line if seen is None or one.body_id in seen}
    return [by_id[pk] for pk in relay.path if pk in by_id]


def _minute() -> str:
    return timezone.now().strftime("%H%M")
