"""Those who ask for help, or take a warning for phishing: the issuer's queue, with a thread each. Behind the sign-in."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import links, marking, rules
from alerts.answering import threads
from alerts.answering.threads import Asker, Overtaken, Queue, Seen
from alerts.models import Advisory
from alerts.web.asking import signed_in, title_of
from alerts.web.limits import too_many_by
from alerts.web.posted import readable_form
from departments.models import Person
from departments.refusal import Refused

MEANWHILE = (
    "More was said here while you wrote: it stands below. Nothing was sent, and what you typed is in the form. Send it again "
    "if it still fits."
)
# So often somebody answers or settles within a minute.
MOST = 30
TOO_OFTEN = (
    "Nothing was sent: that was very often within a minute. Wait for one, then send it again: what you typed is kept."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One of them, as this person sees it."""

    asker: Asker
    number_shown: bool
    """Their telephone number is for this person."""
    wrong: str = ""
    typed: str = ""


@require_safe
@never_cache
@login_required
def asking(request: HttpRequest, reference: str) -> HttpResponse:
    """For whoever sees the advisory. `?page=2` goes on.

    Its officers and owner, administrators and auditors see everybody who asks; contacts, deputies and heads those in their own
    branch; everybody else nobody.
    """
    found = _found(request, reference)
    page = request.GET.get("page", "1")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
    queue = threads.queue(found, threads.seen_by(signed_in(request), found), number)
    return _page(request, found, _lines(request, found, queue.askers), queue)


@require_POST
@never_cache
@login_required
@readable_form
def reply(request: HttpRequest, reference: str, recipient: int) -> HttpResponse:
    """For officers of the issuer or above it, and the owner (`threads.may_answer`). `press`: answer or settle."""
    found, person = _found(request, reference), signed_in(request)
    if not threads.may_answer(person, found):
        raise PermissionDenied
    asker = _asker(request, found, recipient)
    typed, seen = request.POST.get("text", ""), Seen.of(request.POST.get("seen", ""))
    if too_many_by(person, "reply", MOST):
        return _again(request, found, asker, TOO_OFTEN, typed, 429)
    press = threads.settle if request.POST.get("press") == "settle" else threads.answer
    try:
        made = press(recipient, person, typed, seen)
    except Overtaken:
        return _again(request, found, _asker(request, found, recipient), MEANWHILE, typed, 409)
    except Refused as refused:
        return _again(request, found, asker, str(refused), typed, 422)
    _say(request, found, asker, made.text)
    return redirect(f"{reverse('alerts:asking', args=[reference])}#asks-{recipient}")


def _found(request: HttpRequest, reference: str) -> Advisory:
    """The advisory, published. 404 where there is none, 403 where this person may not see it."""
    related = Advisory.objects.select_related("issuer", "current", "material", "draft")
    found = get_object_or_404(related, reference=reference, current__isnull=False)
    if not threads.may_look(signed_in(request), found):
        raise PermissionDenied
    return found


def _asker(request: HttpRequest, found: Advisory, recipient: int) -> Asker:
    asker = threads.one(found, threads.seen_by(signed_in(request), found), recipient) if recipient < 2**63 else None
    if asker is None:
        raise Http404("Nobody there asked for anything.")
    return asker


def _say(request: HttpRequest, found: Advisory, asker: Asker, text: str) -> None:
    if not text:
        messages.success(request, f"Settled: nothing of {asker.name} waits any more.")
    elif asker.reachable:
        messages.success(request, f"Your answer stands on the page of {asker.name}, and a mail says so.")
    else:
        messages.warning(
            request, f"Your answer stands on the page of {asker.name}, but no mail reaches them: ring them as well."
        )


def _again(request: HttpRequest, found: Advisory, asker: Asker, wrong: str, typed: str, status: int) -> HttpResponse:
    """Only the one thread that it was about, with all that was typed."""
    lines = _lines(request, found, [asker], wrong, typed)
    return _page(request, found, lines, None, wrong, status)


def _lines(
    request: HttpRequest, found: Advisory, askers: Sequence[Asker], wrong: str = "", typed: str = ""
) -> list[Line]:
    person = signed_in(request)
    everything = threads.seen_by(person, found) is None
    relays = [] if everything else [asker.relay_id for asker in askers if asker.relay_id]
    own = rules.may_release_of(person, relays) if relays else set()
    return [Line(asker, everything or asker.relay_id in own, wrong, typed) for asker in askers]


def _page(
    request: HttpRequest, found: Advisory, lines: list[Line], queue: Queue | None, wrong: str = "", status: int = 200
) -> HttpResponse:
    person: Person = signed_in(request)
    return render(
        request,
        "alerts/asking.html",
        {
            "advisory": found,
            "title": title_of(found, person),
            "open": [line for line in lines if line.asker.is_open] if queue else lines,
            "done": [line for line in lines if not line.asker.is_open] if queue else [],
            "queue": queue,
            "wrong": wrong,
            # What somebody wrote about a text may give it away.
            "reads": rules.sees_text(person, found),
            "answers": threads.may_answer(person, found),
            "everything": threads.seen_by(person, found) is None,
            "sees_advisory": person.has_perm("alerts.view_advisory", found),
            "in_mail": marking.text_in_mail(found.marking),
            "over": links.are_over(found, timezone.now()),
            "most": threads.LONGEST,
        },
        status=status,
    )
