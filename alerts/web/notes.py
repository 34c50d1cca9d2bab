"""A note of a body's contact, behind the sign-in. Its words go to many people, so that a link alone is not enough for them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts import marking
from alerts.cascading import holds, noting
from alerts.models import Advisory, Note, Relay
from alerts.web.asking import require, signed_in, title_of
from alerts.web.numbers import people
from departments.refusal import Refused


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def note(request: HttpRequest, reference: str, relay: int) -> HttpResponse:
    """For the contact or deputy of a body that an advisory has reached: the note under it, for the body and below it."""
    place = get_object_or_404(
        Relay.objects.select_related("advisory__issuer", "advisory__current", "advisory__draft", "body"),
        pk=relay,
        advisory__reference=reference,
    )
    require(request, "alerts.note_relay", place)
    if request.method != "POST":
        return _page(request, place)
    return _mail(request, place) if request.POST.get("press") == "mail" else _save(request, place)


def _save(request: HttpRequest, place: Relay) -> HttpResponse:
    mail = request.POST.get("mail") == "yes"
    before = _number(request.POST.get("seen", ""))
    try:
        made = noting.add_note(place.pk, signed_in(request), request.POST.get("text", ""), before, mail=mail)
    except noting.Overtaken as overtaken:
        return _page(request, place, theirs=overtaken.last, status=409)
    except Refused as refused:
        return _page(request, place, wrong=str(refused), status=422)
    releases = request.POST.get("press") == "release"
    if made is not None or not releases:
        messages.success(request, _saved(place, made, mail=mail))
    if releases:
        _release(request, place)
    return _back(place)


def _saved(place: Relay, made: Note | None, *, mail: bool) -> str:
    if made is None:
        return "Nothing was to be saved: the note stands as it was."
    if not made.text:
        return f"The note is taken back: nothing of {place.body.name} stands under {place.advisory.reference} any more."
    mailed = " It is mailed to those who were told already." if mail else ""
    return (
        f"Your note stands under {place.advisory.reference}, for everybody in {place.body.name} and below it.{mailed}"
    )


def _release(request: HttpRequest, place: Relay) -> None:
    try:
        released = holds.release(place.pk, signed_in(request))
    except Refused as refused:
        messages.error(request, str(refused))
        return
    if released:
        messages.success(request, f"{place.body.name} goes on: everybody in it and below it is told now.")
    else:
        messages.warning(
            request,
            f"{place.body.name} was not held any more, so some were told before your note. You can have it mailed to them.",
        )


def _mail(request: HttpRequest, place: Relay) -> HttpResponse:
    last = noting.standing_at(place)
    if last is None or last.pk != _number(request.POST.get("seen", "")):
        messages.error(
            request, "That note does not stand any more. Look at what stands now, and mail that if you like."
        )
        return _back(place)
    try:
        if noting.ask_mail(last.pk, signed_in(request)):
            messages.success(request, "It is mailed to those who were told before it.")
        else:
            messages.info(request, "That was asked for already; nobody is mailed twice.")
    except Refused as refused:
        messages.error(request, str(refused))
    return _back(place)


def _back(place: Relay) -> HttpResponse:
    return redirect("alerts:note", place.advisory.reference, place.pk)


def _number(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else None


def _page(
    request: HttpRequest, place: Relay, *, wrong: str = "", theirs: Note | None = None, status: int = 200
) -> HttpResponse:
    """The page; with all that was typed where it was not taken, and with what somebody else saved meanwhile (`theirs`)."""
    advisory: Advisory = place.advisory
    last = theirs or noting.standing_at(place)
    typed = request.POST if request.method == "POST" else {}
    stands = last if last and last.text else None
    # Only once both were shown does a save go over the other's.
    seen = typed["seen"] if wrong and "seen" in typed else last.pk if last else ""
    return render(
        request,
        "alerts/note.html",
        {
            "advisory": advisory,
            "place": place,
            "title": title_of(advisory, signed_in(request)),
            "note": stands,
            "seen": seen,
            "text": typed.get("text", stands.text if stands else ""),
            "mail": typed.get("mail") == "yes",
            "readers": (readers := noting.readers_of(place, signed_in(request))),
            "told": people(readers.told),
            "held": place.state == Relay.State.HELD and place.held_until is not None and not noting.why_not(place),
            "now": timezone.now(),
            "closed": noting.why_not(place),
            "in_mail": marking.text_in_mail(advisory.marking),
            "most": noting.LONGEST,
            "wrong": wrong,
            "theirs": theirs,
        },
        status=status,
    )
