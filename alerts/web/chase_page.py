"""The chase of an advisory: where it stands, whom the next step will mail, what was done, to whom it was escalated.

An officer of the issuer skips a step, brings one forward, ends the chase or lets it go on, each with a reason. Whoever answers
for bodies sees what was escalated about these, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from alerts import rules
from alerts.chasing import history, outlook, steering
from alerts.chasing.steering import Sooner, Whom
from alerts.models import Advisory, ChaseStep, State
from alerts.web import chase_words as words
from alerts.web.asking import find, signed_in, title_of
from alerts.web.posted import readable_form
from departments.models import Person
from departments.refusal import Refused

COMING_SHOWN = 12
DONE_SHOWN = 20
EVERY = 20  # seconds


@dataclass(frozen=True, slots=True)
class Coming:
    """A step that is to come, as it is shown."""

    step: ChaseStep
    named: str
    due: str
    reaches: str
    """To how many, of the next one, as that is looked for among all people; otherwise ""."""
    first: str
    """The first of them by name."""
    full: str
    """Whose mail is held back, since they have had as many today as a day bears; "" where nobody's is."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that is done, as it is shown."""

    step: ChaseStep
    named: str
    at: str
    did: str


@require_safe
@never_cache
@login_required
def chase(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors; of their own branches for who answers for bodies."""
    advisory, branches = _find(request, reference)
    if advisory.current_id is None:
        messages.info(request, f"{reference} has not been published: there is nothing to chase yet.")
        return redirect("alerts:advisory", reference)
    return render(request, "alerts/chase.html", _context(request, advisory, branches))


@require_safe
@never_cache
@login_required
def chase_live(request: HttpRequest, reference: str) -> HttpResponse:
    """The page's live part, for whoever may see the page. 204 while nothing has changed since `seen`."""
    advisory, branches = _find(request, reference)
    if advisory.current_id is None or request.GET.get("seen") == _seen(advisory, timezone.now()):
        return HttpResponse(status=204)
    return render(request, "alerts/chase_parts/live.html", _context(request, advisory, branches))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@readable_form
def step(request: HttpRequest, reference: str, step: int) -> HttpResponse:
    """An officer of the issuer or above it: whom a step would mail; to skip it or bring it forward, with a reason."""
    advisory = _steered(request, reference)
    found = get_object_or_404(
        ChaseStep.objects.select_related("clock", "skipped_by", "hastened_by"), pk=step, clock__advisory=advisory
    )
    verb = {"skip": steering.skip, "hasten": steering.hasten}.get(request.POST.get("press", ""))
    error = ""
    if request.method == "POST":
        by, why, now = signed_in(request), request.POST.get("reason", ""), timezone.now()
        done, error = _try(lambda: verb(found.pk, by, why, now) if verb else _neither())
        if done:
            return _back(request, reference, done)
        found.refresh_from_db()
        advisory = _steered(request, reference)
    now = timezone.now()
    still = found.done_at is None
    rests = steering.at_rest(advisory)
    whom = steering.whom(found, now) if still else None
    sooner = steering.sooner(found, now) if still and not rests and found.due_at > now else None
    offers = _offers(advisory, sooner) if still and not rests else ()
    context = {
        **_of_form(request, advisory, error),
        "step": found,
        "named": words.named(found, _which(advisory, now, reads=True).get(found.clock_id, "")),
        "due": words.due(found, now),
        "whom": whom,
        "reaches": words.reaches(whom, found) if whom else "",
        "full": words.full(whom, found) if whom else "",
        "sooner": words.sooner(sooner, found, now) if sooner else "",
        "did": "" if whom else words.did(found),
        "rests": rests if advisory.state == State.LIVE else f"{reference} is not live: nobody is chased.",
        "offers": offers,
        # What was typed for a button that is gone is not put beside another one.
        "asks": bool(offers) and not (error and verb and request.POST["press"] not in offers),
    }
    return render(request, "alerts/chase_step.html", context, status=422 if error else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@readable_form
def end(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it ends the chase, or lets it go on, with a reason."""
    advisory = _steered(request, reference)
    error = ""
    if request.method == "POST":
        by, why, now = signed_in(request), request.POST.get("reason", ""), timezone.now()
        verbs: dict[str, Callable[[], str]] = {
            "end": lambda: steering.end(advisory, by, why, now),
            "go-on": lambda: steering.go_on(advisory, by, why),
        }
        done, error = _try(verbs.get(request.POST.get("press", ""), _neither))
        if done:
            return _back(request, reference, done)
        advisory = _steered(request, reference)
    ended = advisory.chase_ended_at is not None
    # Somebody else was first: the button that would undo it is not put beside what was typed for this one.
    late = bool(error) and request.POST.get("press") == ("end" if ended else "go-on")
    context = {
        **_of_form(request, advisory, error),
        "ended": ended,
        "late": late,
        "let_go_on": steering.let_go_on(advisory) if late and not ended else None,
    }
    return render(request, "alerts/chase_end.html", context, status=422 if error else 200)


def _offers(advisory: Advisory, sooner: Sooner | None) -> tuple[str, ...]:
    """The buttons of a step that is to come."""
    if advisory.state != State.LIVE:
        return ()
    return ("hasten", "skip") if sooner and not sooner.why_not else ("skip",)


def _find(request: HttpRequest, reference: str) -> tuple[Advisory, set[int] | None]:
    """The advisory, and the bodies of which this person sees to whom it was escalated (None: of any); 403 where of none."""
    advisory = find(request, reference, "alerts.view_coverage")
    branches = rules.people_seen(signed_in(request), advisory)
    if branches is not None and not branches:
        raise PermissionDenied
    return advisory, branches


def _steered(request: HttpRequest, reference: str) -> Advisory:
    """The advisory, where this person steers its chase; 403 where they do not."""
    advisory = find(request, reference, "alerts.view_coverage")
    if not rules.is_officer_of_issuer(signed_in(request), advisory):
        raise PermissionDenied
    return advisory


def _try(act: Callable[[], str]) -> tuple[str, str]:
    """What was done in a sentence, or why it was refused."""
    try:
        return act(), ""
    except Refused as refused:
        return "", str(refused)


def _neither() -> str:
    raise Refused("Press one of the buttons below. Nothing was changed.")


def _back(request: HttpRequest, reference: str, done: str) -> HttpResponse:
    messages.success(request, done)
    return redirect("alerts:chase", reference)


def _of_form(request: HttpRequest, advisory: Advisory, error: str) -> dict[str, object]:
    return {
        "advisory": advisory,
        "title": title_of(advisory, signed_in(request)),
        "error": error,
        "typed": request.POST.get("reason", ""),
        "longest": steering.LONGEST_REASON,
        "goes_on": advisory.state == State.LIVE,
    }


def _context(request: HttpRequest, advisory: Advisory, branches: Collection[int] | None) -> dict[str, object]:
    person, now = signed_in(request), timezone.now()
    # Before what is shown: a change between the two is then shown twice rather than never.
    seen = _seen(advisory, now)
    page = _page(request.GET.get("page", ""))
    raised, raised_all = outlook.escalated_bodies(advisory, branches, page)
    if not raised and page > 1:
        page = 1
        raised, raised_all = outlook.escalated_bodies(advisory, branches, page)
    return {
        "advisory": advisory,
        "title": title_of(advisory, person),
        "everything": branches is None,
        "officer": branches is None and bool(rules.is_officer_of_issuer(person, advisory)),
        "raised": [
            (one, [(told, words.told_as(told), words.moment(told.at, now), words.why_told(told)) for told in one.told])
            for one in raised
        ],
        "raised_all": raised_all,
        "page": page,
        "pages": max(-(-raised_all // outlook.BODIES_SHOWN), 1),
        "as_at": now,
        "every": EVERY,
        "poll": urlencode([("seen", seen), ("page", page)]),
        **(_whole(advisory, person, now) if branches is None else {}),
    }


def _whole(advisory: Advisory, person: Person, now: datetime) -> dict[str, object]:
    """What only they see who see the whole of it."""
    chased = advisory.state == State.LIVE and advisory.acknowledge_within is not None
    # Clocks of what was asked before are over, and what is asked now has its own within the minute.
    begun = advisory.material is not None and advisory.clocked == advisory.material.number
    ahead = outlook.to_come(advisory, now) if chased and begun else []
    goes = chased and advisory.chase_ended_at is None and not advisory.stopped
    first = ahead[0] if goes and ahead else None
    with outlook.one_moment():
        whom = steering.whom(first, now) if first else None
        silent = outlook.silent(advisory) if goes else (0, 0)
    reads = rules.sees_text(person, advisory)
    which = _which(advisory, now, reads=reads)
    coming = [_coming(one, whom if one is first else None, now, which) for one in ahead[:COMING_SHOWN]]
    did = [one for one in steering.done(advisory) if _is_told(one, advisory)]
    waiting = outlook.waiting(did[:DONE_SHOWN])
    running, clocks_all = outlook.clocks(advisory) if chased and begun else ([], 0)
    of = which.get(first.clock_id, "") if first else ""
    wrong, rest = words.stands(advisory, first, whom, silent, now, which=of, reads=reads)
    actions = _actions(advisory) if reads else {}
    return {
        "wrong": wrong,
        "rest": rest,
        "chased": chased,
        "ended": advisory.chase_ended_at is not None,
        "rests": bool(steering.at_rest(advisory)),
        "clocks": [
            (
                one,
                words.runs_for(one, [text for _, text in actions.get(one.clock.by, ())]),
                words.calendar(one.clock),
                words.whose(one),
            )
            for one in running
        ],
        "clocks_more": clocks_all - len(running),
        "coming": coming,
        "coming_more": len(ahead) - len(coming),
        "climbs": words.climbs(advisory) if any(one.what == ChaseStep.What.ESCALATE for one in ahead) else "",
        "done": [
            Done(
                one,
                words.named(one, which.get(one.clock_id, "")),
                words.moment(_at(one), now),
                words.did(one, waiting.get(one.pk, 0), critical=advisory.severity == "critical", reads=reads),
            )
            for one in did[:DONE_SHOWN]
        ],
        "reads": reads,
        "done_more": len(did) - len(did[:DONE_SHOWN]),
        "held_back": history.held_back(advisory),
        "cap": words.cap(),
        "critical": advisory.severity == "critical",
    }


def _coming(one: ChaseStep, whom: Whom | None, now: datetime, which: Mapping[int, str]) -> Coming:
    reaches = words.reaches(whom, one) if whom else ""
    return Coming(
        one,
        words.named(one, which.get(one.clock_id, "")),
        words.due(one, now),
        reaches,
        words.first_of(whom) if whom else "",
        words.full(whom, one) if whom else "",
    )


def _is_told(one: ChaseStep, advisory: Advisory) -> bool:
    """Whether what became of it is said: not of each that a later revision left without a purpose, but where it was wanted."""
    return not one.overtaken or one.hastened_by is not None or one.clock.material == advisory.clocked


def _at(one: ChaseStep) -> datetime:
    return one.done_at or one.due_at


def _actions(advisory: Advisory) -> dict[datetime, list[tuple[int, str]]]:
    """What is asked for, with its number, by when its clock ends (`chasing.clocks`)."""
    texts: dict[datetime, list[tuple[int, str]]] = {}
    material = advisory.material
    for number, one in enumerate(advisory.current.actions.all() if advisory.current and material else (), 1):
        texts.setdefault(max(one.due, material.at) if material else one.due, []).append((number, one.text))
    return texts


def _which(advisory: Advisory, now: datetime, *, reads: bool) -> dict[int, str]:
    """Of each clock that has others of its kind, what tells it from these."""
    return words.apart(outlook.every_clock(advisory), _actions(advisory), advisory.clocked, now, reads=reads)


def _seen(advisory: Advisory, now: datetime) -> str:
    """Changes with what is shown: a figure, a step, an escalation; when a step comes due; and with the day, as "today" does."""
    waits = ChaseStep.objects.filter(
        clock__advisory=advisory, clock__material=advisory.clocked, done_at=None, due_at__lte=now
    )
    return f"{outlook.pulse(advisory)}.{waits.count()}.{timezone.localdate(now):%j}"


def _page(said: str) -> int:
    return max(int(said), 1) if said.isascii() and said.isdecimal() and len(said) < 6 else 1
