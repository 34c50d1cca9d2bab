"""The people of one body of an advisory, one by one; and the form that puts down what one of them said by telephone."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from alerts import rules
from alerts.answer_form import LONGEST_NAME, LONGEST_TEXT, NotAnswered
from alerts.answering import behalf
from alerts.chasing import history
from alerts.coverage.standings import People, Standing, holder_of
from alerts.coverage.standings import people_of as read
from alerts.coverage.standings_sql import STANDINGS
from alerts.models import Acknowledgement, Action, ActionAnswer, Recipient, Relay, Revision, State
from alerts.web import chase_words
from alerts.web import standing_words as words
from alerts.web.answer_words import at
from alerts.web.asking import require, signed_in, title_of
from alerts.web.numbers import people
from alerts.web.posted import readable_form
from departments.models import Person
from departments.refusal import Refused
from departments.rules import is_administrator, is_auditor

LONGEST = 200
"""Characters of a name that are looked for."""


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
    """Whether this viewer is offered to put down an answer for them."""


@require_safe
@never_cache
@login_required
def people_of(request: HttpRequest, reference: str, relay: int) -> HttpResponse:
    """For contacts, deputies and heads of the body or one above, officers of the issuer or above, administrators, auditors.

    `?state=silent` shows those alone, `?name=ann` those who are called like that, `?page=2` goes on. A constant number of
    queries, whatever the body's size.
    """
    place = _place(reference, relay)
    require(request, "alerts.view_people", place)
    viewer = signed_in(request)
    may = viewer.has_perm("alerts.answer_on_behalf", place)
    asks = place.advisory.state == State.LIVE
    asked = _asked(request)
    found = read(place, asked.state, asked.page, asked.name)
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
            "lines": [_line(one, holder, viewer, may=may and asks, reads=reads, asks=asks) for one in found.people],
            "found": found,
            "kinds": [
                (name, words.listed(name, number), replace(asked, state=name, page=1).query)
                for name, number in found.counts.items()
            ],
            "all": replace(asked, state="", page=1).query,
            "here": replace(asked, page=found.page).query,
            "everybody": sum(found.counts.values()),
            "shown": words.listed(found.standing, found.total) if found.standing else people(found.total),
            "pages": _pages(asked, found),
            "escalated": chase_words.raised(history.escalated(place.advisory, [place.body_id]), timezone.now()),
            "offers": may and asks,
            "asks": asks,
            "numbers": may or rules.sees_everything(viewer, place.advisory),
            "linked": _sees_directory(viewer, place),
        },
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of them are asked for."""

    state: str
    name: str
    page: int

    @property
    def query(self) -> str:
        """What stands behind the page's address, "?" included; "" where everybody is asked for."""
        said = {"state": self.state, "name": self.name, "page": self.page if self.page > 1 else ""}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"?{query}" if query else ""


def _asked(request: HttpRequest) -> Asked:
    """As the address says it; of what it can't mean, everybody."""
    state, page = request.GET.get("state", ""), request.GET.get("page", "1")
    name = " ".join(request.GET.get("name", "").replace("\0", "").split())[:LONGEST]
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
    return Asked(state if state in STANDINGS else "", name, number)


def _line(one: Standing, holder: Relay | None, viewer: Person, *, may: bool, reads: bool, asks: bool) -> Line:
    return Line(
        person=one,
        stands=words.ROW[one.standing],
        dark=one.standing in words.DARK,
        said=words.said(one, holder, asks=asks),
        text=one.word.text if one.word and reads else "",
        may=may and not one.themselves and one.person_id != viewer.pk,
    )


def _pages(asked: Asked, found: People) -> dict[str, str]:
    """The queries of the page before and the page after."""
    there = {"before": found.page - 1, "next": found.page + 1}
    return {which: replace(asked, page=page).query for which, page in there.items() if 1 <= page <= found.pages}


def _sees_directory(viewer: Person, place: Relay) -> bool:
    """Whether the people's own pages are open to this viewer."""
    return bool(is_administrator(viewer) or is_auditor(viewer)) or place.body_id in rules.own_branches(viewer)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@readable_form
def put_down(request: HttpRequest, reference: str, relay: int, recipient: int) -> HttpResponse:
    """For a contact or deputy of the body: what one of its people said by telephone, in person or in a meeting.

    Then back to the very page of the list on which it was opened.
    """
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
    else:
        messages.success(request, _done(whose, made))
    return redirect(_list(request, place))


def _list(request: HttpRequest, place: Relay) -> str:
    """The page of the list from which the form was opened."""
    return reverse("alerts:people_of", args=[place.advisory.reference, place.pk]) + _asked(request).query


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
            "back": _list(request, place),
            "again": request.get_full_path(),
            "asks": advisory.state == State.LIVE,
            "answered": behalf.answered_themselves(whose, number),
            "actions": list(of.actions.filter(of=Action.Of.PERSON)) if reads else [],
            "hidden": not reads,
            "token": token,
            "typed": typed,
            "errors": errors or {},
            "ways": Acknowledgement.Told.choices,
            "choices": ActionAnswer.Choice,
            "longest_text": LONGEST_TEXT,
            "longest_name": LONGEST_NAME,
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
