"""What can be done about the people of a list, some or all of them: reminded, tried again, told otherwise, readdressed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts.answer_form import NotAnswered
from alerts.answering import behalf_many
from alerts.chasing import chase
from alerts.coverage import readdressing
from alerts.coverage.scope import Scope
from alerts.coverage.selection import FIGURES_LISTED, Selection
from alerts.models import Advisory
from alerts.routing import steering
from alerts.web.asking import find, require, signed_in, title_of
from alerts.web.coverage.lists import Asked, Wrong, asked_of, listed_scope, people_page
from alerts.web.coverage.people_offers import DOMAIN_FIELDS, MOST_CHOSEN, READDRESSED, TOLD_FIELDS
from alerts.web.coverage.people_offers import may_remind as may_remind
from alerts.web.numbers import people
from alerts.web.posted import readable_form
from departments.models import Person
from departments.readdressing import Moving
from departments.refusal import Refused

TOO_MANY = (
    f"At most {MOST_CHOSEN} people are ticked at once: tick fewer, or press for all of them. Nothing was changed."
)
NOBODY = "Nobody was chosen: tick people in the list, or press for all of them. Nothing was changed."
NO_DOMAIN = (
    "People are moved to another mail domain on the lists of those whose mail fails or is late. Nothing was changed."
)
WERE_THEY = "Say that everybody of this list was told, or tick those who were. Nothing was written."


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press: about whom, and where it came from."""

    advisory: Advisory
    asked: Asked
    selection: Selection | None
    """None: nobody was chosen, or too many."""
    ticked: list[int]
    everybody: bool
    from_page: bool
    """It was pressed on the page of coverage, not on the list."""

    @property
    def back(self) -> str:
        """To where it was pressed."""
        if self.from_page:
            return reverse("alerts:coverage", args=[self.advisory.reference]) + self.asked.looked.address
        return reverse("alerts:coverage_people", args=[self.advisory.reference]) + self.asked.query


Said = tuple[bool, str]
"""Whether anything changed, and what is said of it."""
Verb = Callable[[Selection, Person], Said | HttpResponse]


@readable_form
@require_POST
@login_required
def coverage_remind(request: HttpRequest, reference: str) -> HttpResponse:
    """One mail more; by officers of the issuer or above it, administrators, and whoever answers for the people's own bodies."""

    def remind(selection: Selection, by: Person) -> Said:
        done = chase.remind(selection, by, timezone.now())
        return bool(done.people), done.says

    return _do(request, _pressed(request, reference), remind)


@readable_form
@require_POST
@login_required
def coverage_retry(request: HttpRequest, reference: str) -> HttpResponse:
    """An administrator has the mails of this advisory that failed tried again, as far as they are these people's."""
    pressed = _pressed(request, reference)
    require(request, "alerts.steer_delivery", None)
    return _do(request, pressed, lambda selection, by: steering.retry_selection(selection, by, timezone.now()))


@readable_form
@require_POST
@never_cache
@login_required
def coverage_told(request: HttpRequest, reference: str) -> HttpResponse:
    """A contact or deputy puts down for people of their own bodies that they know what it says, and how they were told.

    Of all of a list only where they say that everybody of it was told (`all-there`). What can't be taken is said on the list,
    with all that was typed.
    """
    pressed = _pressed(request, reference)

    def put_down(selection: Selection, by: Person) -> Said:
        if pressed.everybody and request.POST.get("all-there") != "1":
            raise Refused(WERE_THEY)
        try:
            done = behalf_many.answer(selection, by, behalf_many.read_form(request.POST.dict()))
        except NotAnswered as wrong:
            raise Refused(f"{' '.join(wrong.errors.values())} Nothing was written.") from None
        return bool(done.people), done.says

    return _do(request, pressed, put_down, typed=TOLD_FIELDS)


@readable_form
@require_POST
@never_cache
@login_required
def coverage_domain(request: HttpRequest, reference: str) -> HttpResponse:
    """An administrator moves everybody of a list from one mail domain to another; first it says whom that would move.

    Only of the lists on which it is offered, and of these only who is on them by now, ticked or not. What can't be taken is
    said on the list, with all that was typed.
    """
    pressed = _pressed(request, reference)
    require(request, "alerts.steer_delivery", None)

    def move(selection: Selection, by: Person) -> Said | HttpResponse:
        if pressed.asked.kind not in READDRESSED:
            raise Refused(NO_DOMAIN)
        selection = replace(selection, figure=pressed.asked.kind)
        old, new = (request.POST.get(name, "") for name in DOMAIN_FIELDS)
        if request.POST.get("sure") == "1":
            done = readdressing.move_domain(selection, old, new, by)
            return bool(done.people), done.says
        moving = readdressing.would_move(selection, old, new, by)
        if moving.people:
            return _are_you_sure(request, pressed, moving)
        return False, readdressing.Moved(moving.old, moving.new, 0, moving.taken, moving.powers).says

    return _do(request, pressed, move, typed=DOMAIN_FIELDS)


def _do(request: HttpRequest, pressed: Pressed, verb: Verb, *, typed: tuple[str, ...] = ()) -> HttpResponse:
    """Do it, say what it did, and go back to where it was pressed.

    What is refused is said there; with these fields `typed`, on the list, which still has them and the ticks.
    """
    try:
        if pressed.selection is None:
            raise Refused(TOO_MANY if pressed.ticked else NOBODY)
        done = verb(pressed.selection, signed_in(request))
    except Refused as refused:
        if typed:
            said = {name: request.POST.get(name, "") for name in typed}
            wrong = Wrong(str(refused), typed=said, ticked=pressed.ticked)
            return people_page(request, pressed.advisory, pressed.asked, wrong)
        messages.error(request, str(refused))
        return redirect(pressed.back)
    if isinstance(done, HttpResponse):
        return done
    changed, says = done
    (messages.success if changed else messages.info)(request, says)
    return redirect(pressed.back)


def _are_you_sure(request: HttpRequest, pressed: Pressed, moving: Moving) -> HttpResponse:
    """What it would do, and the button that does it."""
    chosen = pressed.selection.ids if pressed.selection else None
    return render(
        request,
        "alerts/coverage_domain.html",
        {
            "advisory": pressed.advisory,
            "title": title_of(pressed.advisory, signed_in(request)),
            "moving": moving,
            "who": people(moving.people),
            "hidden": [*pressed.asked.fields.items(), ("old", moving.old), ("new", moving.new), ("sure", "1")],
            "chosen": chosen or [],
            "everybody": pressed.everybody,
            "back": pressed.back,
        },
    )


def _pressed(request: HttpRequest, reference: str) -> Pressed:
    """What was posted, of what this viewer sees one by one of a published advisory; 404 for what is no figure of it."""
    advisory = find(request, reference, "alerts.view_coverage")
    asked = asked_of(request, advisory, FIGURES_LISTED)
    here = listed_scope(signed_in(request), advisory, asked.looked)
    everybody = request.POST.get("everybody") == "1"
    ticked = _ticked(request)
    return Pressed(
        advisory=advisory,
        asked=asked,
        selection=Selection(here, asked.kind, asked.name) if everybody else _chosen(ticked, here),
        ticked=ticked,
        everybody=everybody,
        from_page=request.POST.get("from") == "coverage",
    )


def _ticked(request: HttpRequest) -> list[int]:
    """The recipients who were ticked, each once; one more than MOST_CHOSEN says that they are too many."""
    said = request.POST.getlist("recipient")
    ids = {int(one) for one in said if one.isascii() and one.isdecimal() and len(one) < 19}
    return sorted(ids)[: MOST_CHOSEN + 1]


def _chosen(ticked: list[int], here: Scope) -> Selection | None:
    """Those who were ticked, however they stand by now: what became of each since the list was opened is said."""
    return Selection(here, "targeted", ids=tuple(ticked)) if 0 < len(ticked) <= MOST_CHOSEN else None
