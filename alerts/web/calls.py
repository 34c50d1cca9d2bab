"""The calling list of a critical advisory: who is to be rung, who rings whom, what came of it; printed, a sheet to fill in."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import rules
from alerts.answer_form import LONGEST_TEXT, NotAnswered
from alerts.answering import behalf
from alerts.calling import calling, calling_list, to_call
from alerts.calling.calling import Noted, Taken, clock
from alerts.calling.to_call import InHand, Listing
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Call, Relay, Revision
from alerts.routing.routes import reports_delivery
from alerts.web import call_words as words
from alerts.web.asking import find, signed_in, title_of
from alerts.web.limits import too_many_by
from alerts.web.posted import readable_form
from departments.models import Body, Person
from departments.refusal import Refused

TYPED = ("result", "person", "note", "needs-help", "told-at", "revision")
SOMEBODY_ELSE = "other"
# So often somebody takes a body, keeps it for longer or lets it go within a minute; what came of a call is always noted.
MOST = 30
TOO_OFTEN = "Nothing was taken or let go: that was very often within a minute. Wait for one, then press again."


class TooOften(Refused):
    """Pressed more often than anybody rings."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the list is looked at, as the address says it."""

    scope: Scope
    of: Body | None
    page: int
    whole: bool = False
    """All of a branch on one page, for paper."""

    @property
    def fields(self) -> dict[str, str]:
        """What stands in the address."""
        said = {
            "in": self.of.slug if self.of else "",
            "page": str(self.page) if self.page > 1 else "",
            "all": "1" if self.whole else "",
        }
        return {name: value for name, value in said.items() if value}

    @property
    def query(self) -> str:
        """The same with its "?"; "" where nothing narrows it."""
        return f"?{urlencode(self.fields)}" if self.fields else ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form of a call, and what is wrong with it."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    call: int = 0
    """The call of which it is; 0: of none that they have."""
    relay: int = 0
    """The relay of the body that it is about."""
    why: str = ""
    """Why nothing of it was taken; "" where that is not so."""


@require_safe
@never_cache
@login_required
def calls(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors; contacts, deputies and heads see their own branches.

    `?in=<slug>` is one branch of it; `?page=2` goes on; with `&all=1` a branch is on one page, to be printed.
    Of a warning that is not critical it says that there is no list.
    """
    advisory = find(request, reference, "alerts.view_calls")
    if advisory.current_id is None:
        messages.info(request, f"{reference} has not been published: there is nobody to ring.")
        return redirect("alerts:advisory", reference)
    return _page(request, advisory, _asked(request, advisory))


@require_safe
@never_cache
@login_required
def calls_live(request: HttpRequest, reference: str) -> HttpResponse:
    """The page's live parts, for whoever may see the page. 204 while nothing has changed since `seen`.

    `call` is the call whose form is on the page: whether it is still theirs is said beside it.
    """
    advisory = find(request, reference, "alerts.view_calls")
    seen, _, minute = request.GET.get("seen", "").partition(".")
    if not calling.is_rung(advisory) or (
        seen and seen == calling_list.fingerprint(advisory) and minute in ("", _minute())
    ):
        return HttpResponse(status=204)
    asked = _asked(request, advisory)
    context = {**_listing(request, advisory, asked, _number(request.GET.get("call", ""))), "again": True}
    return render(request, "alerts/calls_parts/live_again.html", context)


@readable_form
@require_POST
@never_cache
@login_required
def take(request: HttpRequest, reference: str) -> HttpResponse:
    """Take a body (`relay`: its number, or `next`). With what was typed for it before (`result` ...), that is in its form."""
    advisory = find(request, reference, "alerts.view_calls")
    asked, by, now = _asked(request, advisory), signed_in(request), timezone.now()
    wanted = request.POST.get("relay", "")
    typed = _typed(request)
    relay = 0 if wanted == "next" else _relay(advisory, wanted, by)
    try:
        _check_often(by)
        taken = calling.take(relay, by, now) if relay else calling.take_next(advisory, by, now, asked.scope)
    except Refused as refused:
        if relay and _has_words(typed):
            return _page(request, advisory, asked, Typed(typed, relay=relay, why=str(refused)), _status(refused))
        messages.error(request, str(refused))
        return redirect(_address(advisory, asked))
    _say_taken(request, taken)
    if relay and _has_words(typed):
        return _page(request, advisory, asked, Typed(typed, call=taken.call.pk, relay=relay))
    return redirect(_address(advisory, asked))


@readable_form
@require_POST
@never_cache
@login_required
def call(request: HttpRequest, reference: str, call: int) -> HttpResponse:
    """What came of a call, by whoever has it in hand. `press`: note, let-go, or longer; nothing typed is lost by any."""
    advisory = find(request, reference, "alerts.view_calls")
    asked, by, now = _asked(request, advisory), signed_in(request), timezone.now()
    held = _call(advisory, call, by)
    typed = _typed(request)
    press = request.POST.get("press", "note")
    filled = Typed(typed, call=held.pk, relay=held.relay_id)
    try:
        if press in ("longer", "let-go"):
            _check_often(by)
        if press == "longer":
            taken = calling.take(held.relay_id, by, now)
            if taken.over_from is None:
                messages.success(request, words.longer(taken.call))
            else:
                _say_taken(request, taken)
            # Of a call that ended meanwhile what was typed goes on with the new one.
            return _page(request, advisory, asked, replace(filled, call=taken.call.pk))
        if press == "let-go":
            if calling.let_go(held.pk, by, now, typed["note"]):
                messages.info(request, f"{held.relay.body.name} is in nobody's hand now: anybody may take it.")
            return redirect(_address(advisory, asked))
        done = _note(held, by, typed, now)
    except NotAnswered as wrong:
        return _page(request, advisory, asked, replace(filled, errors=wrong.errors), status=422)
    except Refused as refused:
        return _page(request, advisory, asked, replace(filled, why=str(refused)), _status(refused))
    (messages.success if done.call.result == Call.Result.TOLD else messages.info)(request, words.noted(done))
    wrong_number = {"wrong": str(done.call.person_id)} if done.call.result == Call.Result.WRONG else {}
    return redirect(_address(advisory, asked, **wrong_number))


def _check_often(by: Person) -> None:
    """Count one more press; raises `TooOften`."""
    if too_many_by(by, "calls", MOST):
        raise TooOften(TOO_OFTEN)


def _status(refused: Refused) -> int:
    return 429 if isinstance(refused, TooOften) else 409


def _note(held: Call, by: Person, typed: dict[str, str], now: datetime) -> Noted:
    """Raises `NotAnswered` with all that is wrong, and `Refused`."""
    number = _number(typed["revision"])
    of = Revision.objects.filter(advisory=held.relay.advisory_id, number=min(number, 9_999)).first()
    errors: dict[str, str] = {}
    told_at, person = None, None
    if of is not None and typed["told-at"].strip() and typed["result"] == Call.Result.TOLD:
        try:
            told_at = behalf.moment_told(typed["told-at"].strip(), of.pk, of.number)
        except NotAnswered as wrong:
            errors |= wrong.errors
    if typed["person"] not in ("", SOMEBODY_ELSE):
        person = Person.objects.filter(pk=_number(typed["person"])).first()
    if not typed["person"] and typed["result"] == Call.Result.TOLD:
        errors["person"] = "Choose who was told."
    if errors:
        raise NotAnswered(errors)
    return calling.note_result(
        held.pk,
        by,
        typed["result"],
        typed["note"],
        person,
        now,
        number=of.number if of else None,
        needs_help=typed["needs-help"] == "1",
        told_at=told_at,
    )


# --- what stands on the page ---


def _page(
    request: HttpRequest, advisory: Advisory, asked: Asked, typed: Typed | None = None, status: int = 200
) -> HttpResponse:
    viewer = signed_in(request)
    context: dict[str, Any] = {"advisory": advisory, "title": title_of(advisory, viewer)}
    if not calling.is_rung(advisory):
        return render(request, "alerts/calls.html", context)
    mine = calling_list.in_hand(advisory, viewer)
    shown = typed or Typed()
    fits = mine is not None and shown.call == mine.call.pk
    of_form = mine.call.pk if mine else 0
    context |= _listing(request, advisory, asked, of_form, mine)
    context |= {
        "mine": mine,
        "say": words.script(advisory, viewer),
        "typed": dict.fromkeys(TYPED, "") | (shown.values if fits else _first(mine)),
        "errors": shown.errors if fits else {},
        "why": shown.why,
        # What stood in a form that is not on the page: to be read, and to be taken along.
        "left": None if fits or not shown.why else _left(shown),
        "wrong_number": _wrong_number(request, advisory),
        "results": [(one.value, words.RESULT[one]) for one in calling_list.RESULTS],
        "other": SOMEBODY_ELSE,
        "longest": LONGEST_TEXT,
        "minutes": int(calling.IN_HAND.total_seconds() // 60),
        "printed": timezone.now(),
        "number": advisory.material.number if advisory.material else 0,
        "now": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
    }
    return render(request, "alerts/calls.html", context, status=status)


def _listing(
    request: HttpRequest, advisory: Advisory, asked: Asked, of_form: int, mine: InHand | None = None
) -> dict[str, Any]:
    """The live parts: how far it has come, the list, and how the call stands whose form is on the page."""
    viewer, now = signed_in(request), timezone.now()
    # Before the figures: a change between the two is then shown twice rather than never.
    seen = calling_list.fingerprint(advisory)
    listing = calling.listed(advisory, viewer, now, asked.page, asked.scope, whole=asked.whole)
    asked = replace(asked, page=listing.page)
    if listing.in_hand or of_form:
        seen = f"{seen}.{_minute()}"  # somebody's time runs out though nothing else changes
    rings = rules.rung_by(viewer, advisory)
    return {
        "advisory": advisory,
        "listing": listing,
        "asked": asked,
        "query": asked.query,
        "progress": words.progress(listing),
        "stands": words.stands(reports=reports_delivery()),
        "roles": words.ROLE,
        "few": to_call.FEW,
        # What somebody wrote about a text may give it away.
        "reads": rules.sees_text(viewer, advisory),
        "rings": rings is None or bool(rings),
        "not_now": _not_now(advisory),
        "may": rings,
        "busy": calling_list.is_busy(advisory, viewer, now),
        "own": rules.people_seen(viewer, advisory) is not None,
        "hand": _hand(of_form, viewer, now, mine) if of_form else None,
        "of_form": of_form,
        "pages": _pages(asked, listing),
        "paper": replace(asked, page=1, whole=True).query if asked.of and listing.pages > 1 else "",
        "lefts": listing.lefts[: calling_list.BRANCHES] if listing.pages > 1 and len(listing.lefts) > 1 else (),
        "more_branches": len(listing.lefts) - calling_list.BRANCHES,
        "poll": urlencode({"seen": seen, **asked.fields, **({"call": of_form} if of_form else {})}),
    }


def _hand(call_id: int, viewer: Person, now: datetime, known: InHand | None) -> words.Hand | None:
    """How the call stands whose form is on the page; None where it is no call of this person's."""
    if known is not None and known.call.pk == call_id:
        return words.hand(known.call, None, now, answered=known.stands == "told")
    mine = Call.objects.select_related("relay__body", "relay__advisory__material").filter(pk=call_id, caller=viewer)
    held = mine.first()
    if held is None:
        return None
    after = Call.objects.select_related("caller").filter(relay=held.relay, pk__gt=held.pk).order_by("id").first()
    told = held.ended_at is None and calling_list.stands(held.relay, None) == "told"
    return words.hand(held, after, now, answered=told)


def _first(mine: InHand | None) -> dict[str, str]:
    """Where there is only one to ring, that is whom they ring."""
    ringing = [one for one in mine.people if one.telephone] if mine else []
    return {"person": str(ringing[0].person_id)} if len(ringing) == 1 else {}


def _left(shown: Typed) -> dict[str, Any]:
    relay = Relay.objects.select_related("body").get(pk=shown.relay)
    return {"relay": relay, "says": words.typed(shown.values), "hidden": list(shown.values.items())}


def _not_now(advisory: Advisory) -> str:
    """Why nobody is to be rung about it now; "" where that is not so."""
    try:
        calling.check_rings(advisory)
    except Refused as refused:
        return str(refused)
    return ""


def _wrong_number(request: HttpRequest, advisory: Advisory) -> Person | None:
    """Whose number was just said to be wrong, if that is so and this person may open their page."""
    said = _number(request.GET.get("wrong", ""))
    found = Call.objects.filter(relay__advisory=advisory, result=Call.Result.WRONG, person=said) if said else None
    person = Person.objects.filter(pk=said).first() if found is not None and found.exists() else None
    return person if person and signed_in(request).has_perm("departments.view_person", person) else None


def _pages(asked: Asked, listing: Listing) -> dict[str, str]:
    there = {"before": listing.page - 1, "next": listing.page + 1}
    return {
        which: replace(asked, page=page).query or "?" for which, page in there.items() if 1 <= page <= listing.pages
    }


# --- what was asked ---


def _asked(request: HttpRequest, advisory: Advisory) -> Asked:
    """As the address says it, within what this viewer sees; 404 for a branch of which they see nothing."""
    seen = rules.people_seen(signed_in(request), advisory)
    page = request.GET.get("page", "1")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
    slug = request.GET.get("in", "").replace("\0", "")
    if not slug:
        return Asked(scope(advisory.pk, seen), None, number)
    relays = Relay.objects.filter(advisory=advisory, body__slug=slug).exclude(purpose=Relay.Purpose.LEFT)
    top = relays.select_related("body").first()
    if top is None or not _sees_any_below(top, seen):
        raise Http404("This advisory has no such body.")
    return Asked(scope(advisory.pk, seen, top.pk), top.body, number, request.GET.get("all") == "1")


def _sees_any_below(top: Relay, seen: set[int] | None) -> bool:
    """Whether there is anything in the branch of this relay that such a viewer sees (`rules.people_seen`)."""
    if seen is None:
        return True
    # Index: relay_once. The branch under whose name their own bodies stand may be above these.
    below = Relay.objects.filter(advisory=top.advisory_id, body__in=seen, path__contains=[top.pk])
    return below.exclude(purpose=Relay.Purpose.LEFT).exists()


def _relay(advisory: Advisory, said: str, by: Person) -> int:
    """404 as well for a body of which they see nothing: nobody learns by counting which bodies have a turn."""
    number, seen = _number(said), rules.people_seen(by, advisory)
    relays = Relay.objects.filter(pk=number, advisory=advisory)
    if not (relays if seen is None else relays.filter(body__in=seen)).exists():
        raise Http404("This advisory has no such body.")
    return number


def _call(advisory: Advisory, number: int, by: Person) -> Call:
    """A call of this person's; nobody hears of those of others here."""
    mine = Call.objects.select_related("relay__body", "relay__advisory").filter(relay__advisory=advisory, caller=by)
    return get_object_or_404(mine, pk=min(number, 2**63 - 1))


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in TYPED}


def _has_words(typed: dict[str, str]) -> bool:
    return any(typed[name] for name in ("result", "note", "told-at"))


def _number(said: str) -> int:
    """0 for what is none."""
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0


def _say_taken(request: HttpRequest, taken: Taken) -> None:
    body = taken.call.relay.body.name
    if taken.over_from is not None:
        messages.info(
            request, f"You have {body}. You took it over from {taken.over_from.name}, whose time had run out."
        )
    elif not taken.new:
        messages.info(request, f"You have {body} until {clock(taken.call.until)}.")


def _address(advisory: Advisory, asked: Asked, **more: str) -> str:
    said = {**asked.fields, **more}
    return reverse("alerts:calls", args=[advisory.reference]) + (f"?{urlencode(said)}" if said else "")


def _minute() -> str:
    return timezone.now().strftime("%H%M")
