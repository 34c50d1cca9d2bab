"""Where is it now, live: the wave as it stands, who holds it, and a press beside each hold."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import hold_words, rules
from alerts.coverage.where import NAMED, Wave, fingerprint, read
from alerts.models import Advisory, State
from alerts.routing.routes import reports_delivery
from alerts.web import where_words
from alerts.web.asking import find, signed_in, title_of
from alerts.web.parts import parts_of
from departments.models import Person

# No more holds than somebody can look through, even when they asked for all.
MOST = 500


@require_safe
@never_cache
@login_required
def where(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors; contacts have their coverage page."""
    advisory = _find(request, reference)
    if advisory.current_id is None:
        messages.info(request, f"{reference} has not been published: it is nowhere yet.")
        return redirect("alerts:advisory", reference)
    context = {**_context(request, advisory), "title": title_of(advisory, signed_in(request))}
    return render(request, "alerts/where.html", context)


@require_safe
@never_cache
@login_required
def where_live(request: HttpRequest, reference: str) -> HttpResponse:
    """The page's live part, for whoever may see the page. 204 while nothing has changed since `seen`."""
    advisory = _find(request, reference)
    seen, _, minute = request.GET.get("seen", "").partition(".")
    if advisory.current_id is None or (seen and seen == fingerprint(advisory) and minute in ("", _minute())):
        return HttpResponse(status=204)
    return render(request, "alerts/where_parts/live.html", _context(request, advisory))


def _find(request: HttpRequest, reference: str) -> Advisory:
    advisory = find(request, reference, "alerts.view_coverage")
    if not rules.sees_everything(signed_in(request), advisory):
        raise PermissionDenied
    return advisory


def _context(request: HttpRequest, advisory: Advisory) -> dict[str, object]:
    all_holds = request.GET.get("held") == "all"
    # Before the figures: a change between the two is then shown twice rather than never.
    seen = fingerprint(advisory)
    wave = read(advisory, MOST if all_holds else NAMED)
    running = _running(advisory, wave)
    if running or advisory.state != State.LIVE or advisory.stopped:
        seen = f"{seen}.{_minute()}"  # "goes on by itself in 41 min" ages though no figure changes
    person = signed_in(request)
    officer = advisory.state in (State.LIVE, State.EXPIRED) and bool(rules.is_officer_of_issuer(person, advisory))
    delivery = reports_delivery()
    wrong, rest = where_words.verdict(advisory, wave)
    return {
        "advisory": advisory,
        "wave": wave,
        "wrong": wrong,
        "rest": rest,
        "officer": officer,
        "view": {"parts": parts_of(wave.figures, wave.held_people), "reports_delivery": delivery},
        "no_word": not delivery,
        "steps": where_words.steps(wave) if running or advisory.stopped else [],
        "whys": where_words.whys(advisory, wave),
        "may_release": _may_release(person, advisory, wave, officer),
        "goes_on": advisory.state == State.LIVE and not advisory.stopped,
        "ended": advisory.state == State.STOOD_DOWN,
        "reads": rules.sees_text(person, advisory),
        "all_holds": all_holds,
        "more_holds": wave.held.bodies - len(wave.holds),
        "let_go": [(relay, hold_words.held_for(relay)) for relay in wave.let_go],
        "more_let_go": wave.let_go_bodies - len(wave.let_go),
        "every": 2 if running else 10,
        "poll": urlencode([("seen", seen), *([("held", "all")] if all_holds else [])]),
    }


def _running(advisory: Advisory, wave: Wave) -> bool:
    """Whether anything may still move by itself."""
    if advisory.stopped:
        return bool(wave.outbox.leaving)
    return bool(wave.outbox.mails) or (advisory.state == State.LIVE and not wave.arrived)


def _may_release(person: Person, advisory: Advisory, wave: Wave, officer: bool) -> set[int]:
    """The held relays that this person may let go on now."""
    held = [hold.relay.pk for hold in wave.holds]
    if not held or advisory.state != State.LIVE:
        return set()
    return set(held) if officer else rules.may_release_of(person, held)


def _minute() -> str:
    return timezone.now().strftime("%H%M")
