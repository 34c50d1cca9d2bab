"""What can be done about the bodies of a list, for some of it and for all: a contact named, a hold released, bodies put in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts import rules
from alerts.cascading import holds
from alerts.coverage.lists import body_ids, waiting_below
from alerts.models import Advisory, Relay, State
from alerts.publishing import gaps
from alerts.wake import wake_cascade
from alerts.web.asking import find, signed_in
from alerts.web.coverage.lists import Asked, asked_of, bodies_page, may_name_in
from alerts.web.numbers import count, people
from alerts.web.posted import readable_form
from departments import people as directory
from departments.models import Body, Person, Role
from departments.noting import address_of, name_of, telephone_of
from departments.refusal import Refused

AT_ONCE = 200
"""Bodies in one press; the others wait for the next."""
NAMED = 5
"""Bodies that a message names."""

NAMING, RELEASING = "naming somebody there", "letting it go on there"
NOBODY = "No body was chosen: tick some in the list, or press for all of them. Nothing was changed."
GONE = "None of them stands so any more: look at the list again. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The bodies that a press is about, of those that still stand as the list says."""

    bodies: list[Body]
    """At most AT_ONCE of them."""
    left: int
    """How many more there are."""
    gone: int
    """How many were ticked and do not stand so any more."""

    @property
    def ids(self) -> list[int]:
        """Their ids."""
        return [body.pk for body in self.bodies]


@dataclass(slots=True)
class Named:
    """What became of naming somebody."""

    who: str = ""
    where: list[str] = field(default_factory=list)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    """By why they are not contact there: the names of the bodies."""
    hints: dict[str, None] = field(default_factory=dict)


@readable_form
@require_POST
@never_cache
@login_required
def coverage_name(request: HttpRequest, reference: str) -> HttpResponse:
    """An administrator, or who answers for the body or one above it, names a contact for bodies with nobody to tell.

    What can't be taken is said on the list, with all that was typed.
    """
    advisory, asked = _asked(request, reference, "dark")
    typed = {name: request.POST.get(name, "") for name in ("email", "person", "telephone")}
    by = signed_in(request)
    try:
        # Before any body is looked at: what is wrong with it is wrong for every one.
        for check, what in ((_address, "email"), (name_of, "person"), (telephone_of, "telephone")):
            check(typed[what])
        chosen = _chosen(request, asked)
        mine, others = _mine(chosen.bodies, may_name_in(by))
        if not mine:
            raise Refused(f"{_list(others)}: {NAMING} is not yours. Nothing was changed.")
    except Refused as refused:
        return bodies_page(request, advisory, asked, typed=typed, ticked=_ticked(request), wrong=str(refused))
    named = _name(mine, by, typed)
    if named.where:
        # The next pass compares them at once, and not when the minute comes.
        wake_cascade(advisory)
        messages.success(request, f"{named.who} is contact of {_list(named.where)} now: {_told_when(advisory)}.")
    for hint in list(named.hints)[:NAMED]:
        messages.warning(request, hint)
    for why, names in list(named.refusals.items())[:NAMED]:
        messages.error(request, f"{_list(names)}: {why}")
    _say_rest(request, others, NAMING, chosen)
    return _back(request, advisory, asked)


def may_name(viewer: Person, advisory: Advisory) -> bool:
    """Whether this person may name a contact for a body through which it travels. A constant number of queries."""
    named = may_name_in(viewer)
    if not named:
        return named is None
    return Relay.objects.filter(advisory=advisory, body__in=named).exclude(purpose=Relay.Purpose.LEFT).exists()


def may_put_in(viewer: Person, advisory: Advisory) -> bool:
    """Whether this person may put in what was left out of it on purpose: an officer of the issuer, while it is live."""
    return advisory.state == State.LIVE and bool(rules.is_officer_of_issuer(viewer, advisory))


def _address(typed: str) -> str:
    """As `address_of`; what is missed most is said in fewer words."""
    if not typed.strip():
        raise Refused("Say at which address they have their mail. Nothing was changed.")
    if "@" not in typed:
        raise Refused(f"There is no @ in {typed.strip()[:80]!r}. Nothing was changed; correct the address.")
    return address_of(typed)


def _name(bodies: Sequence[Body], by: Person, typed: dict[str, str]) -> Named:
    """Each body for itself: what is refused for one is done for the others all the same."""
    named = Named()
    for body in bodies:
        try:
            done = directory.add(body, by, typed["email"], typed["person"], Role.CONTACT, telephone=typed["telephone"])
        except Refused as refused:
            named.refusals.setdefault(str(refused), []).append(body.name)
            continue
        if not done.changed:
            named.refusals.setdefault(done.said, []).append(body.name)
            continue
        named.who = done.person.name
        named.where.append(body.name)
        if done.hint:
            named.hints.setdefault(done.hint)
    return named


def _told_when(advisory: Advisory) -> str:
    if advisory.state != State.LIVE:
        return "of this advisory no mail goes out any more, of the next one it does"
    seated = "they are counted there within seconds"
    if advisory.stopped:
        return f"{seated}, and mail goes to them once it goes on"
    return f"{seated}, and mail goes to them within a few minutes"


@readable_form
@require_POST
@never_cache
@login_required
def coverage_release(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it, and the contact or deputy of each held body, let held bodies go on."""
    advisory, asked = _asked(request, reference, "held")
    by = signed_in(request)
    try:
        chosen = _chosen(request, asked)
        relays = Relay.objects.filter(advisory=advisory, body__in=chosen.ids, state=Relay.State.HELD)
        at = dict(relays.exclude(purpose=Relay.Purpose.LEFT).values_list("body", "pk"))
        held = [body for body in chosen.bodies if body.pk in at]
        mine, others = _mine(held, _may_release(by, advisory, at))
        if not mine:
            raise Refused(f"{_list(others)}: {RELEASING} is not yours. Nothing was changed." if others else GONE)
        waiting = waiting_below(advisory.pk, [at[body.pk] for body in mine])
        released = [body.name for body in mine if holds.release(at[body.pk], by)]
    except Refused as refused:
        messages.error(request, str(refused))
        return _back(request, advisory, asked)
    if released:
        when = "once it goes on: it is stopped now" if advisory.stopped else "now"
        what = released[0] if len(released) == 1 else f"{len(released):,} bodies"
        who = f"{people(waiting)} in and below {'it' if len(released) == 1 else 'them'}"
        are = "is" if waiting == 1 else "are"
        messages.success(request, f"Released {what}: {who} {are} told {when}.")
    else:
        messages.info(request, "They were not held any more; nothing changed.")
    _say_rest(request, others, RELEASING, chosen)
    return _back(request, advisory, asked)


@readable_form
@require_POST
@never_cache
@login_required
def coverage_put_in(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it put in what was left out on purpose, and all below it."""
    advisory, asked = _asked(request, reference, "excluded")
    try:
        chosen = _chosen(request, asked)
        number = gaps.put_in(advisory, chosen.ids, signed_in(request))
    except Refused as refused:
        messages.error(request, str(refused))
        return _back(request, advisory, asked)
    put = chosen.bodies[0].name if len(chosen.bodies) == 1 else count(number, "body", "bodies")
    who = "it and all below it are" if number == 1 else "they and all below them are"
    messages.success(request, f"Put in {put}: {who} reached within a few minutes.")
    _say_rest(request, [], "", chosen)
    return _back(request, advisory, asked)


def _asked(request: HttpRequest, reference: str, state: str) -> tuple[Advisory, Asked]:
    """The advisory and the list that was pressed on, of what this viewer sees; 404 for any other list."""
    advisory = find(request, reference, "alerts.view_coverage")
    return advisory, asked_of(request, advisory, [state])


def _chosen(request: HttpRequest, asked: Asked) -> Chosen:
    """`one`: that body; `everybody=1`: the whole list; otherwise those ticked (`body`). Raises `Refused` for none."""
    standing = body_ids(asked.looked.scope, asked.kind, asked.name)
    if request.POST.get("everybody") == "1" and "one" not in request.POST:
        ids, gone = standing, 0
    else:
        wanted = _ticked(request)
        if not wanted:
            raise Refused(NOBODY)
        ids = [body for body in standing if body in wanted]
        gone = len(wanted) - len(ids)
    if not ids:
        raise Refused(GONE)
    found = Body.objects.in_bulk(ids[:AT_ONCE])
    return Chosen([found[body] for body in ids[:AT_ONCE] if body in found], len(ids[AT_ONCE:]), gone)


def _ticked(request: HttpRequest) -> set[int]:
    said = [request.POST["one"]] if "one" in request.POST else request.POST.getlist("body")
    return {int(one) for one in said if one.isascii() and one.isdecimal() and len(one) < 19}


def _may_release(by: Person, advisory: Advisory, at: dict[int, int]) -> set[int] | None:
    if rules.is_officer_of_issuer(by, advisory):
        return None
    own = rules.may_release_of(by, list(at.values()))
    return {body for body, relay in at.items() if relay in own}


def _mine(bodies: Sequence[Body], may: Collection[int] | None) -> tuple[list[Body], list[str]]:
    """Those that this person may change, and the names of the others."""
    if may is None:
        return list(bodies), []
    return [body for body in bodies if body.pk in may], [body.name for body in bodies if body.pk not in may]


def _say_rest(request: HttpRequest, others: Sequence[str], what: str, chosen: Chosen) -> None:
    """What was not done, and why."""
    if others:
        messages.warning(request, f"{_list(others)}: {what} is not yours, and nothing changed there.")
    if chosen.gone:
        messages.info(request, f"{count(chosen.gone, 'body', 'bodies')} that you ticked did not stand so any more.")
    if chosen.left:
        left = count(chosen.left, "body is", "bodies are")
        messages.info(request, f"{left} left: at most {AT_ONCE} are taken at once. Press again for them.")


def _list(names: Sequence[str]) -> str:
    """ "Treasury, Home Office and 12 more"."""
    further = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + further


def _back(request: HttpRequest, advisory: Advisory, asked: Asked) -> HttpResponse:
    """To where it was pressed: the page of coverage, or the list."""
    if request.POST.get("from") == "coverage":
        return redirect(reverse("alerts:coverage", args=[advisory.reference]) + asked.looked.address)
    return redirect(reverse("alerts:coverage_bodies", args=[advisory.reference]) + asked.query)
