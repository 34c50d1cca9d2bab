"""The lists behind the numbers of a coverage page: the people one by one, and the bodies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import hold_words, rules
from alerts.coverage.lists import BODY_LISTS, SIZE, BodyListed, Listed, bodies, number_of, people
from alerts.coverage.scope import Scope
from alerts.coverage.selection import FIGURES_LISTED, LONGEST_NAME, Selection
from alerts.models import Advisory, Gap, Relay, State
from alerts.web.asking import find, signed_in, title_of
from alerts.web.coverage import list_words as words
from alerts.web.coverage.people_offers import behind, offered
from alerts.web.coverage.scoping import Looked, looked_at
from departments.models import Person
from departments.rules import bodies_of, is_administrator, is_auditor
from departments.tree import branches

LONGEST_PAGE = 5
"""Digits of a page's number."""
ACTIONS = {
    "dark": ("alerts:coverage_name", ""),
    "held": ("alerts:coverage_release", "Release now"),
    "excluded": ("alerts:coverage_put_in", "Put it in"),
}
"""What is pressed on a list of bodies, and on the row of one of them."""
_OFFICERS = "Officers of the issuer or of a body above it"
WHO_CAN = {
    "dark": "Administrators, and the contacts, deputies and heads of a body above, name somebody.",
    "held": f"{_OFFICERS}, and the contacts and deputies of the body that holds it, let it go on.",
    "excluded": f"{_OFFICERS} put a body in again.",
    "undecided": f"{_OFFICERS} decide about them.",
}
"""Who does what a list of bodies is for, said to whoever may not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which list is asked for, of whom, and which page of it."""

    kind: str
    """A figure of people, or a state of bodies."""
    name: str
    page: int
    looked: Looked

    @property
    def fields(self) -> dict[str, str]:
        """What says the same in a form or an address, without the page."""
        said = {"is": self.kind, **self.looked.query}
        return {**said, "name": self.name} if self.name else said

    @property
    def said(self) -> str:
        """The same as a query string, without "?"."""
        return urlencode(self.fields)

    @property
    def query(self) -> str:
        """The same with "?" and page."""
        return f"?{self.said}{f'&page={self.page}' if self.page > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A form of a list that could not be taken: why, and all that stood in it."""

    why: str
    typed: Mapping[str, str]
    ticked: Collection[int]


@dataclass(frozen=True, slots=True)
class Line:
    """One person as they are shown."""

    person: Listed
    stands: str
    dark: bool
    said: str
    refused: str
    """What their mail server said; "" for nothing."""
    refused_as: str
    """The same in plain words."""
    text: str
    """Their own words, or what was put down of them; "" for whoever may not read them."""
    telephone: str | None
    """None for whoever may not see it."""
    linked: bool
    """Whether their own page is open to this viewer."""
    put_down: int | None
    """The relay at which this viewer may put down an answer for them."""
    more: int
    """How many of their bodies are not named."""


@dataclass(frozen=True, slots=True)
class BodyLine:
    """One body as it is shown."""

    body: BodyListed
    contact: str
    """Who holds it there: name and telephone; "" where nobody is known."""
    gap: str
    """How it was found, of one about which nobody has decided."""
    may: bool
    """Whether this viewer may do to it what this list is for."""
    people: bool
    """Whether this viewer sees its people one by one."""


def asked_of(request: HttpRequest, advisory: Advisory, known: Collection[str]) -> Asked:
    """`?is=<figure or state>`, `&in=<slug>`, `&own=1`, `&name=<a part>`, `&page=<number>`. 404 for a list that there is not.

    Of what was not published there is none.
    """
    said: QueryDict = request.GET if request.method in ("GET", "HEAD") else request.POST
    kind, page = said.get("is", ""), said.get("page", "1")
    if kind not in known or advisory.current_id is None:
        raise Http404("There is no such list.")
    name = " ".join(said.get("name", "").replace("\0", "").split())[:LONGEST_NAME]
    number = int(page) if page.isascii() and page.isdecimal() and len(page) <= LONGEST_PAGE else 1
    return Asked(kind, name, max(number, 1), looked_at(request, advisory))


def listed_scope(viewer: Person, advisory: Advisory, looked: Looked) -> Scope:
    """What is looked at, as far as this viewer sees people one by one in it. 403 where that is nowhere."""
    seen = rules.people_seen(viewer, advisory)
    if seen is None:
        return looked.scope
    shown = frozenset(seen if looked.scope.bodies is None else seen & looked.scope.bodies)
    if not shown or (looked.body is not None and looked.scope.own and looked.body.pk not in shown):
        raise PermissionDenied
    return replace(looked.scope, bodies=shown)


@require_safe
@never_cache
@login_required
def coverage_people(request: HttpRequest, reference: str) -> HttpResponse:
    """The people behind one figure. For whoever sees the coverage page, as far as they see people one by one:

    officers of the issuer or above, administrators and auditors everybody; contacts, deputies and heads their branches. A
    constant number of queries, however many people there are.
    """
    advisory = find(request, reference, "alerts.view_coverage")
    return people_page(request, advisory, asked_of(request, advisory, FIGURES_LISTED))


def people_page(request: HttpRequest, advisory: Advisory, asked: Asked, wrong: Wrong | None = None) -> HttpResponse:
    """The page of that list; with the form that could not be taken, where one was posted."""
    viewer = signed_in(request)
    here = listed_scope(viewer, advisory, asked.looked)
    selection = Selection(here, asked.kind, asked.name)
    found = people(selection, asked.page)
    asked = replace(asked, page=found.page)
    lines = _lines(found.people, advisory, viewer)
    remedies = offered(viewer, advisory, asked.looked, selection, wrong.typed if wrong else None)
    counted = found.number if found.total is None else found.total
    number = number_of(replace(selection, name=""))[1] if asked.name else counted
    return render(
        request,
        "alerts/coverage_people.html",
        {
            **_common(request, advisory, asked),
            "heading": words.people_heading(asked.kind, number, asked.looked),
            "found": found,
            "lines": lines,
            "numbers": any(line.telephone is not None for line in lines),
            "offers": any(line.put_down for line in lines),
            "corrects": remedies["corrects"],
            "remedies": remedies,
            "behind": behind(asked.kind, here, asked.looked, advisory, viewer),
            "wrong": wrong,
            "ticked": wrong.ticked if wrong else (),
            "counted": counted,
            # Of a branch, the figure counts places: it is said where that is another number.
            "places": found.number if found.total is not None and found.number != found.total else 0,
            "double": found.total is None and not asked.name,
            "partly": here != asked.looked.scope,
            "pages": _pages(asked, last=None if found.more else asked.page, all_of_them=found.pages),
        },
        status=422 if wrong else 200,
    )


@require_safe
@never_cache
@login_required
def coverage_bodies(request: HttpRequest, reference: str) -> HttpResponse:
    """The bodies in one state, for whoever sees the coverage page, within what they see of it; with what may be done there."""
    advisory = find(request, reference, "alerts.view_coverage")
    return bodies_page(request, advisory, asked_of(request, advisory, BODY_LISTS))


def bodies_page(
    request: HttpRequest,
    advisory: Advisory,
    asked: Asked,
    *,
    typed: Mapping[str, str] | None = None,
    ticked: Collection[int] = (),
    wrong: str = "",
) -> HttpResponse:
    """The page of that list. `wrong`: why somebody could not be named; with what was `typed`, and the bodies `ticked`."""
    looked, viewer = asked.looked, signed_in(request)
    inside = within(looked)
    found = bodies(looked.scope, asked.kind, asked.page, asked.name, inside)
    asked = replace(asked, page=found.page)
    number = bodies(looked.scope, asked.kind, within=inside).total if asked.name else found.total
    lines = _body_lines(found.bodies, asked.kind, advisory, viewer)
    offers = any(line.may for line in lines)
    action, press = ACTIONS.get(asked.kind, ("", ""))
    return render(
        request,
        "alerts/coverage_bodies.html",
        {
            **_common(request, advisory, asked),
            "heading": words.bodies_heading(asked.kind, number, looked),
            "found": found,
            "lines": lines,
            "listed": capfirst(BODY_LISTS[asked.kind]),
            "offers": offers,
            "others": "" if offers else _who_can(asked.kind, advisory),
            "acts": bool(action) and offers,
            "action": reverse(action, args=[advisory.reference]) if action else "",
            "presses": bool(press) and offers,
            "press": press,
            "pages": _pages(asked, last=found.pages, all_of_them=found.pages),
            "typed": typed or {},
            "ticked": ticked,
            "wrong": wrong,
        },
        status=422 if wrong else 200,
    )


def within(looked: Looked) -> frozenset[int] | None:
    """The ids of the bodies that are looked at, whether they have a turn in the advisory or not; None: every one."""
    if looked.body is None:
        return looked.scope.bodies
    branch = frozenset({looked.body.pk} if looked.scope.own else branches([looked.body.pk]))
    return branch if looked.scope.bodies is None else branch & looked.scope.bodies


def may_name_in(viewer: Person) -> set[int] | None:
    """The ids of the bodies whose people this viewer may change (`departments.change_people`); None: every one."""
    if is_administrator(viewer):
        return None
    seats = bodies_of(viewer, rules.ANSWERING) if viewer.left_at is None else set()
    return branches(sorted(seats)) if seats else set()


def _common(request: HttpRequest, advisory: Advisory, asked: Asked) -> dict[str, object]:
    return {
        "advisory": advisory,
        "title": title_of(advisory, signed_in(request)),
        "looked": asked.looked,
        "asked": asked,
        "scoped": urlencode(asked.looked.query),
        "everybody_query": f"?{urlencode({'is': asked.kind, **asked.looked.query})}",
        "size": SIZE,
    }


def _pages(asked: Asked, last: int | None, all_of_them: int | None) -> dict[str, str]:
    """The queries of the pages that can be turned to from here; of one page none.

    `last`: the last page, None where another one follows that is not known to be the last; `all_of_them`: how many there are,
    where that is known.
    """
    page, last = asked.page, all_of_them or last
    there: dict[str, int] = {}
    if page > 1:
        there |= {"first": 1, "before": page - 1}
    if last is None or page < last:
        there["next"] = page + 1
    if last is not None and page < last:
        there["last"] = last
    return {which: replace(asked, page=number).query for which, number in there.items()}


def _lines(listed: list[Listed], advisory: Advisory, viewer: Person) -> list[Line]:
    places = [place for one in listed for place in one.places]
    everything = rules.sees_everything(viewer, advisory)
    own = rules.may_release_of(viewer, [place.relay_id for place in places])
    linked = None if is_administrator(viewer) or is_auditor(viewer) else rules.own_branches(viewer)
    holders = Relay.objects.select_related("body").in_bulk({place.holder for place in places if place.holder})
    reads, asks = rules.sees_text(viewer, advisory), advisory.state == State.LIVE
    return [
        Line(
            person=one,
            stands=words.stands(one),
            dark=words.is_dark(one),
            said=words.said(one, _holder(one, holders), asks=asks),
            refused=words.refused(one),
            refused_as=words.refused_as(one),
            text=one.word.text if one.word and reads else "",
            telephone=one.telephone if everything or any(place.relay_id in own for place in one.places) else None,
            linked=linked is None or any(place.body_id in linked for place in one.places),
            put_down=_put_down(one, own, viewer) if asks else None,
            more=one.in_bodies - len(one.places),
        )
        for one in listed
    ]


def _holder(one: Listed, holders: dict[int, Relay]) -> Relay | None:
    """What holds it for them: nothing where one of their bodies has it already."""
    first = one.places[0].holder if one.places else None
    return holders.get(first) if first else None


def _put_down(one: Listed, own: Collection[int], viewer: Person) -> int | None:
    if one.themselves or one.person_id == viewer.pk:
        return None
    return next((place.relay_id for place in one.places if place.relay_id in own), None)


def _body_lines(listed: list[BodyListed], kind: str, advisory: Advisory, viewer: Person) -> list[BodyLine]:
    relays = [one.relay_id for one in listed if one.relay_id]
    who = hold_words.holders(relays) if kind == "held" else {}
    may, seen = _may(listed, kind, advisory, viewer), rules.people_seen(viewer, advisory)
    return [
        BodyLine(
            body=one,
            contact=", ".join(part for part in who.get(one.relay_id or 0, ()) if part),
            gap=capfirst(Gap.Kind(one.gap).label) if one.gap else "",
            may=one.body_id in may,
            people=seen is None or one.body_id in seen,
        )
        for one in listed
    ]


def _may(listed: list[BodyListed], kind: str, advisory: Advisory, viewer: Person) -> set[int]:
    """The ids of the bodies to which this viewer may do what this list is for."""
    ids = {one.body_id for one in listed}
    if kind == "dark":
        named = may_name_in(viewer)
        return ids if named is None else ids & named
    if kind == "held" and advisory.state == State.LIVE:
        if rules.is_officer_of_issuer(viewer, advisory):
            return ids
        own = rules.may_release_of(viewer, [one.relay_id for one in listed if one.relay_id])
        return {one.body_id for one in listed if one.relay_id in own}
    if kind in ("excluded", "undecided") and advisory.state == State.LIVE:
        return ids if rules.is_officer_of_issuer(viewer, advisory) else set()
    return set()


def _who_can(kind: str, advisory: Advisory) -> str:
    """Who may do what this list is for; of an advisory that asks nothing any more, somebody is still named."""
    return WHO_CAN.get(kind, "") if kind == "dark" or advisory.state == State.LIVE else ""
