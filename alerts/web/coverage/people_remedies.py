"""What can be done about the people of a list, some or all of them: reminded, tried again, told otherwise, readdressed."""

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts import behalf_many, chase, readdressing, rules, steering
from alerts.answer_form import LONGEST_NAME, NotAnswered
from alerts.coverage.scope import Scope
from alerts.coverage.selection import FIGURES_LISTED, Selection
from alerts.coverage.selection import LONGEST_NAME as LONGEST_SOUGHT
from alerts.models import Acknowledgement, Advisory, State
from alerts.web.asking import find, require, signed_in, title_of
from alerts.web.coverage.scoping import Looked, looked_at
from alerts.web.numbers import people
from alerts.web.posted import readable_form
from departments.models import Person
from departments.readdressing import Moving
from departments.refusal import Refused

MOST_CHOSEN = 200
"""People ticked in one press: more than a page of a list has."""

# Whom a remedy is for, by the figure of the list. Whoever is chosen by name is looked at once more by the verb itself.
REMINDED = ("silent", "unsure", "former", "suspect", "office", "sent", "delivered", "late", "targeted")
TRIED_AGAIN = ("unreachable",)
READDRESSED = ("unreachable", "late")
TOLD = (*REMINDED, "waiting", "held", "unreachable", "complained")

TOO_MANY = (
    f"At most {MOST_CHOSEN} people are ticked at once: tick fewer, or press for all of them. Nothing was changed."
)
NOBODY = "Nobody was chosen: tick people in the list, or press for all of them. Nothing was changed."
WERE_THEY = "Say that everybody of this list was told, or tick those who were. Nothing was written."


@dataclass(frozen=True, slots=True)
class Asked:
    """A press: about whom, and where it came from."""

    advisory: Advisory
    looked: Looked
    figure: str
    name: str
    selection: Selection | None
    """None: nobody was chosen, or too many."""
    wrong: str
    """Then, what is said of that."""
    everybody: bool
    from_page: bool
    """It was pressed on the page of coverage, not on the list."""

    @property
    def query(self) -> dict[str, str]:
        """What the list's address carries."""
        return {"is": self.figure, **self.looked.query, **({"name": self.name} if self.name else {})}


def offered(viewer: Person, advisory: Advisory, looked: Looked, figure: str, name: str = "") -> dict[str, Any]:
    """The remedies that fit the list of this figure and that this viewer may press, for `people_remedies.html`.

    The list's boxes are named `recipient`, their values are recipients' ids, and they belong to the form `remedies`. With
    `corrects`, whoever is on the list has a link to the form that corrects their address in the directory.
    """
    asks = advisory.state == State.LIVE and not advisory.stopped
    administrator = viewer.is_administrator and viewer.left_at is None
    readdressed = administrator and figure in READDRESSED
    puts_down = advisory.current_id is not None and figure in TOLD and bool(_own_here(viewer, looked))
    may = {
        "remind": asks and figure in REMINDED and chase.bodies_reminded_by(viewer, advisory) != set(),
        "retry": asks and administrator and figure in TRIED_AGAIN,
        "told": puts_down,
        "domain": readdressed,
    }
    return {
        **may,
        "any": any(may.values()),
        "corrects": readdressed,
        "figure": figure,
        "name": name,
        "looked": looked.query,
        "most": MOST_CHOSEN,
        "form": behalf_many.issue_form(advisory, viewer) if puts_down else "",
        "ways": Acknowledgement.Told.choices,
        "now": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
        "longest_name": LONGEST_NAME,
        "domains": readdressing.domains(Selection(_listed(viewer, advisory, looked), figure, name))
        if readdressed
        else [],
    }


@readable_form
@require_POST
@login_required
def coverage_remind(request: HttpRequest, reference: str) -> HttpResponse:
    """One mail more; by officers of the issuer or above it, administrators, and whoever answers for the people's own bodies."""
    asked = _asked(request, reference)
    if asked.selection is None:
        return _back(request, asked, wrong=asked.wrong)
    try:
        done = chase.remind(asked.selection, signed_in(request), timezone.now())
    except Refused as refused:
        return _back(request, asked, wrong=str(refused))
    (messages.success if done.people else messages.info)(request, done.says)
    return _back(request, asked)


@readable_form
@require_POST
@login_required
def coverage_retry(request: HttpRequest, reference: str) -> HttpResponse:
    """An administrator has the mails of this advisory that failed tried again, as far as they are these people's."""
    asked = _asked(request, reference)
    require(request, "alerts.steer_delivery", None)
    if asked.selection is None:
        return _back(request, asked, wrong=asked.wrong)
    try:
        done = steering.retry_selection(asked.selection, signed_in(request), timezone.now())
    except Refused as refused:
        return _back(request, asked, wrong=str(refused))
    (messages.success if done.changed else messages.info)(request, done.says)
    return _back(request, asked)


@readable_form
@require_POST
@login_required
def coverage_told(request: HttpRequest, reference: str) -> HttpResponse:
    """A contact or deputy puts down for people of their own bodies that they know what it says, and how they were told.

    Of all of a list only where they say that everybody of it was told (`all-there`).
    """
    asked = _asked(request, reference)
    if asked.selection is None:
        return _back(request, asked, wrong=asked.wrong)
    if asked.everybody and request.POST.get("all-there") != "1":
        return _back(request, asked, wrong=WERE_THEY)
    try:
        done = behalf_many.answer(asked.selection, signed_in(request), behalf_many.read_form(request.POST.dict()))
    except NotAnswered as wrong:
        return _back(request, asked, wrong=f"{' '.join(wrong.errors.values())} Nothing was written.")
    except Refused as refused:
        return _back(request, asked, wrong=str(refused))
    (messages.success if done.people else messages.info)(request, done.says)
    return _back(request, asked)


@readable_form
@require_POST
@never_cache
@login_required
def coverage_domain(request: HttpRequest, reference: str) -> HttpResponse:
    """An administrator moves everybody of a list from one mail domain to another; first it says whom that would move."""
    asked = _asked(request, reference)
    require(request, "alerts.steer_delivery", None)
    if asked.selection is None:
        return _back(request, asked, wrong=asked.wrong)
    by, old, new = signed_in(request), request.POST.get("old", ""), request.POST.get("new", "")
    try:
        if request.POST.get("sure") == "1":
            done = readdressing.move_domain(asked.selection, old, new, by)
        else:
            moving = readdressing.would_move(asked.selection, old, new, by)
            if moving.people:
                return _are_you_sure(request, asked, moving)
            done = readdressing.Moved(moving.old, moving.new, 0, moving.taken)
    except Refused as refused:
        return _back(request, asked, wrong=str(refused))
    (messages.success if done.people else messages.info)(request, done.says)
    return _back(request, asked)


def _are_you_sure(request: HttpRequest, asked: Asked, moving: Moving) -> HttpResponse:
    """What it would do, and the button that does it."""
    chosen = asked.selection.ids if asked.selection else None
    return render(
        request,
        "alerts/coverage_domain.html",
        {
            "advisory": asked.advisory,
            "title": title_of(asked.advisory, signed_in(request)),
            "moving": moving,
            "who": people(moving.people),
            "hidden": [*asked.query.items(), ("old", moving.old), ("new", moving.new), ("sure", "1")],
            "chosen": chosen or [],
            "everybody": asked.everybody,
            "back": _list(asked),
        },
    )


def _asked(request: HttpRequest, reference: str) -> Asked:
    """What was posted, of what this viewer sees of a published advisory; 404 for what is no figure of it."""
    advisory = find(request, reference, "alerts.view_coverage")
    if advisory.current_id is None:
        raise Http404("It has not been published.")
    looked = looked_at(request, advisory)
    figure, name = request.POST.get("is", ""), request.POST.get("name", "")
    if figure not in FIGURES_LISTED:
        raise Http404("There is no such list.")
    name = " ".join(name.replace("\0", "").split())[:LONGEST_SOUGHT]
    here = _listed(signed_in(request), advisory, looked)
    everybody = request.POST.get("everybody") == "1"
    ticked = request.POST.getlist("recipient")
    return Asked(
        advisory=advisory,
        looked=looked,
        figure=figure,
        name=name,
        selection=Selection(here, figure, name) if everybody else _chosen(ticked, here),
        wrong=TOO_MANY if len(ticked) > MOST_CHOSEN else NOBODY,
        everybody=everybody,
        from_page=request.POST.get("from") == "coverage",
    )


def _chosen(ticked: list[str], here: Scope) -> Selection | None:
    """Those who were ticked, however they stand by now: what became of each since the list was opened is said."""
    ids = {int(one) for one in ticked if one.isascii() and one.isdecimal() and len(one) < 19}
    if not ids or len(ticked) > MOST_CHOSEN:
        return None
    return Selection(here, "targeted", ids=tuple(sorted(ids)))


def _listed(viewer: Person, advisory: Advisory, looked: Looked) -> Scope:
    """What is looked at, as far as this viewer sees people one by one in it: nobody else is on the list."""
    seen = rules.people_seen(viewer, advisory)
    if seen is None:
        return looked.scope
    bodies = looked.scope.bodies
    return replace(looked.scope, bodies=frozenset(seen if bodies is None else seen & bodies))


def _back(request: HttpRequest, asked: Asked, *, wrong: str = "") -> HttpResponseRedirect:
    """To where it was pressed; `wrong` says why nothing was done."""
    if wrong:
        messages.error(request, wrong)
    return redirect(_list(asked))


def _list(asked: Asked) -> str:
    if asked.from_page:
        return reverse("alerts:coverage", args=[asked.advisory.reference]) + asked.looked.address
    return f"{reverse('alerts:coverage_people', args=[asked.advisory.reference])}?{urlencode(asked.query)}"


def _own_here(viewer: Person, looked: Looked) -> set[int]:
    """The bodies for whose people this viewer puts down answers, as far as the list shows any."""
    own = behalf_many.may_answer_for(viewer)
    return own if looked.scope.bodies is None else own & looked.scope.bodies
