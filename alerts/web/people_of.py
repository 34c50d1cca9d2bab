"""The people of one body of an advisory, one by one; and the form that puts down what one of them said by telephone."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from alerts import behalf, rules
from alerts.answer_form import NotAnswered
from alerts.models import Acknowledgement, Action, ActionAnswer, Recipient, Relay, Revision
from alerts.standings import People, Standing, holder_of
from alerts.standings import people_of as read
from alerts.standings_sql import STANDINGS
from alerts.web import standing_words as words
from alerts.web.answer_words import at
from alerts.web.asking import require, signed_in, title_of
from alerts.web.numbers import people
from departments.models import Person
from departments.refusal import Refused
from departments.rules import is_administrator, is_auditor


@dataclass(frozen=True, slots=True)
class Line:
    """One person as they are shown."""

    person: Standing
    stands: str
    dark: bool
    said: str
    text: str
    """Their own words, or what was put down of them; "" for whoever may not read them."""
    may: bool
    """Whether this viewer may put down an answer for them."""


@require_safe
@never_cache
@login_required
def people_of(request: HttpRequest, reference: str, relay: int) -> HttpResponse:
    """For contacts, deputies and heads of the body or one above, officers of the issuer or above, administrators, auditors.

    `?state=silent` shows those alone, `?page=2` goes on. A constant number of queries, whatever the body's size.
    """
    place = _place(reference, relay)
    require(request, "alerts.view_people", place)
    viewer = signed_in(request)
    may = viewer.has_perm("alerts.answer_on_behalf", place)
    asked = request.GET.get("state", "")
    found = read(place, asked if asked in STANDINGS else "", _number(request.GET.get("page", "1")))
    holder = holder_of(place) if found.counts.get("waiting") else None
    # What somebody wrote about a text may give it away.
    reads = rules.sees_text(viewer, place.advisory)
    return render(
        request,
        "alerts/people_of.html",
        {
            "advisory": place.advisory,
            "place": place,
            "title": title_of(place.advisory, viewer),
            "lines": [_line(one, holder, viewer, may=may, reads=reads) for one in found.people],
            "found": found,
            "kinds": [(name, words.listed(name, number)) for name, number in found.counts.items()],
            "everybody": sum(found.counts.values()),
            "shown": words.listed(found.standing, found.total) if found.standing else people(found.total),
            "pages": _pages(found),
            "may": may,
            "linked": _sees_directory(viewer, place),
        },
    )


def _line(one: Standing, holder: Relay | None, viewer: Person, *, may: bool, reads: bool) -> Line:
    return Line(
        person=one,
        stands=words.ROW[one.standing],
        dark=one.standing in words.DARK,
        said=words.said(one, holder),
        text=one.word.text if one.word and reads else "",
        may=may and not one.themselves and one.person_id != viewer.pk,
    )


def _pages(found: People) -> dict[str, str]:
    """The query strings of the page before and the page after."""
    there = {"before": found.page - 1, "next": found.page + 1}
    state = {"state": found.standing} if found.standing else {}
    return {name: urlencode({**state, "page": page}) for name, page in there.items() if 1 <= page <= found.pages}


def _sees_directory(viewer: Person, place: Relay) -> bool:
    """Whether the people's own pages are open to this viewer."""
    return bool(is_administrator(viewer) or is_auditor(viewer)) or place.body_id in rules.own_branches(viewer)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def put_down(request: HttpRequest, reference: str, relay: int, recipient: int) -> HttpResponse:
    """For a contact or deputy of the body: what one of its people said by telephone, in person or in a meeting."""
    place = _place(reference, relay)
    require(request, "alerts.answer_on_behalf", place)
    whose = get_object_or_404(_seated(place), pk=recipient)
    if whose.person_id == signed_in(request).pk:
        raise PermissionDenied(behalf.ONESELF)
    if request.method != "POST":
        return _form(request, place, whose)
    form = behalf.read_form(request.POST.dict())
    try:
        made = behalf.answer(whose, signed_in(request), form)
    except NotAnswered as wrong:
        return _form(request, place, whose, errors=wrong.errors)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("alerts:people_of", reference, relay)
    messages.success(request, _done(whose, made))
    return redirect("alerts:people_of", reference, relay)


def _done(whose: Recipient, made: Acknowledgement) -> str:
    said = "needs help" if made.read == Acknowledgement.Read.HELP else "has read and understood it"
    number, last = made.revision.number, whose.advisory.material
    told = f" {at(made.told_at)}" if made.told_at else ""
    more = (
        f" Revision {last.number} has come since: tell them of that as well." if last and number < last.number else ""
    )
    return f"Put down for {whose.person.name}: told{told} of revision {number}, {said}. Receipt {made.receipt}.{more}"


def _form(
    request: HttpRequest, place: Relay, whose: Recipient, *, errors: dict[str, str] | None = None
) -> HttpResponse:
    """The form; with all that was typed where it was not taken, and then for the revision on which it was opened."""
    viewer, advisory = signed_in(request), place.advisory
    token = request.POST.get("form", "")
    try:
        number = behalf.opened(token, whose, viewer).number
    except NotAnswered:
        token = behalf.issue_form(whose, viewer)
        number = behalf.opened(token, whose, viewer).number
    of = get_object_or_404(Revision, advisory=advisory, number=number)
    reads = rules.sees_text(viewer, advisory)
    # A default that stands there is taken for the moment of the call only if nobody typed another.
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    typed: dict[str, Any] = (
        request.POST.dict() if request.method == "POST" else {"told-at": now, "told-how": "telephone"}
    )
    return render(
        request,
        "alerts/put_down.html",
        {
            "advisory": advisory,
            "place": place,
            "whose": whose,
            "title": title_of(advisory, viewer),
            "revision": of,
            "later": advisory.material if advisory.material and advisory.material.number > number else None,
            "answered": behalf.answered_themselves(whose, number),
            "actions": list(of.actions.filter(of=Action.Of.PERSON)) if reads else [],
            "hidden": not reads,
            "token": token,
            "typed": typed,
            "errors": errors or {},
            "ways": Acknowledgement.Told.choices,
            "choices": ActionAnswer.Choice,
            "now": now,
        },
        status=422 if errors else 200,
    )


def _place(reference: str, relay: int) -> Relay:
    """The body's turn in this advisory, which has been published; 404 where there is none."""
    place = (
        Relay.objects.select_related(
            "advisory__issuer", "advisory__current", "advisory__material", "advisory__draft", "body"
        )
        .filter(pk=relay, advisory__reference=reference, advisory__current__isnull=False)
        .exclude(purpose=Relay.Purpose.LEFT)
        .first()
    )
    if place is None:
        raise Http404(f"{reference} has no such body.")
    return place


def _seated(place: Relay) -> QuerySet[Recipient]:
    """Those who sit there now."""
    whose = Recipient.objects.filter(seats__relay=place, seats__ended_at=None)
    return whose.select_related("person", "advisory__current", "advisory__material")


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 7 else 1
