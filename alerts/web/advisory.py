"""One advisory: what it says, who published it for whom, the draft that waits, and the buttons of its officers."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import rules
from alerts.answering import doubts
from alerts.cascading import noting
from alerts.markdown import to_html
from alerts.models import Advisory, Draft, Gap, Note, Revision, State
from alerts.publishing import approving, gaps, publish, reviewing, stopping
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.life import life_of
from alerts.publishing.starters import content_of_starter, starters
from alerts.publishing.targeting import in_words
from alerts.web.asking import find, signed_in, title_of
from alerts.web.days import end_of_day
from alerts.web.numbers import count, people
from alerts.web.waiting import waiting_of
from departments.models import Person
from departments.refusal import Refused

GAPS_NAMED = 20
NOTES_SHOWN = 10


@require_safe
@never_cache
@login_required
def advisory(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators, auditors, and those through whose branches it travels."""
    return _page(request, find(request, reference, "alerts.view_advisory"))


def _page(request: HttpRequest, found: Advisory, refused: str = "", status: int = 200) -> HttpResponse:
    """The page; with what was typed into the form of the press that was `refused` (a view's name), if one was."""
    person = signed_in(request)
    everything = rules.sees_everything(person, found)
    reads = rules.sees_text(person, found)
    officer = person.has_perm("alerts.publish_advisory", found)
    content: dict[str, Any] = found.current.content if found.current and reads else {}
    needs_help, doubted = doubts.raised(found) if everything and found.current_id else (None, None)
    not_heard = list(found.gaps.select_related("body", "by").order_by("kind", "body__name")) if everything else []
    exclusions = found.exclusions.select_related("body", "by").order_by("body__name") if everything else []
    return render(
        request,
        "alerts/advisory.html",
        {
            "advisory": found,
            "title": title_of(found, person),
            "reads": reads,
            "content": content,
            "guidance": to_html(str(content.get("guidance", ""))),
            "actions": list(found.current.actions.all()) if found.current and reads else [],
            "revisions": list(found.revisions.select_related("by", "approved_by").order_by("-number")),
            # Who is named is for those alone who see everything of it.
            "audience": in_words(found, names=everything),
            "exclusions": list(exclusions),
            "gaps": not_heard[:GAPS_NAMED],
            "gaps_all": len(not_heard),
            "gaps_more": max(len(not_heard) - GAPS_NAMED, 0),
            "waiting": waiting_of(found, person) if everything and reads else None,
            "officer": officer,
            "everything": everything,
            "sees_chase": everything or bool(rules.people_seen(person, found)),
            "needs_help": needs_help,
            "doubted": doubted,
            "notes": (notes := _notes(found, person, everything=everything) if reads and found.current else []),
            "notes_more": len(notes) > NOTES_SHOWN,
            "places": noting.places_of(person, found),
            "live": found.state in (State.LIVE, State.EXPIRED),
            "far": stopping.how_far(found) if found.stopped else None,
            "life": life_of(found) if everything and reads else [],
            "undecided": found.gaps.filter(decision=Gap.Decision.UNDECIDED).count() if everything else 0,
            "superseded_by": found.superseded_by.filter(current__isnull=False, exercise=found.exercise).order_by("pk"),
            "update_starters": starters("update"),
            "withdrawn": content_of_starter("withdrawn")["what_changed"],
            "alone": found.revisions.filter(approved_by=None).exclude(kind=Revision.Kind.STAND_DOWN).exists(),
            "until": timezone.localtime(found.review_by).strftime("%Y-%m-%d") if found.review_by else "",
            "typed": {refused: request.POST} if refused else {},
        },
        status=status,
    )


def _notes(found: Advisory, person: Person, *, everything: bool) -> list[Note]:
    """What contacts added, as far as it stands in or above what is this person's; one more than is shown."""
    branches = None if everything else rules.own_branches(person)
    return noting.standing_in(found, branches, NOTES_SHOWN + 1)


def _do(request: HttpRequest, reference: str, permission: str, act: Callable[[Advisory, Person], str]) -> HttpResponse:
    """Do it and say what happened; or why it was refused, with all that was typed."""
    found = find(request, reference, permission)
    try:
        messages.success(request, act(found, signed_in(request)))
    except (Refused, NotUnderstood) as refused:
        messages.error(request, str(refused))
        pressed = request.resolver_match.url_name if request.resolver_match else None
        return _page(request, find(request, reference, permission), pressed or "", 422)
    return redirect("alerts:advisory", reference)


@require_POST
@login_required
def publish_draft(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it publishes the draft that they looked at."""

    def act(found: Advisory, person: Person) -> str:
        draft = _on_screen(request, found)
        revision = publish.publish_draft(
            draft,
            person,
            alone_reason=request.POST.get("alone_reason", ""),
            accept_gaps=request.POST.get("accept_gaps", ""),
        )
        return f"Revision {revision.number} of {reference} is published, and on its way."

    return _do(request, reference, "alerts.publish_advisory", act)


def _on_screen(request: HttpRequest, found: Advisory) -> Draft:
    """The draft that was on the screen, at the version that it had there; what it is now, the verb asks."""
    key, _, version = request.POST.get("version", "").partition(".")
    shown = [int(part) if part.isdecimal() and len(part) < 19 else -1 for part in (key, version)]
    draft = Draft.objects.filter(advisory=found, pk=shown[0]).first()
    if draft is None:
        raise Refused("The draft that you had before you was published or dropped meanwhile. Look at the page again.")
    draft.version = shown[1]
    return draft


@require_POST
@login_required
def approve(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it, who did not submit it, approves it; it is published by a further press."""

    def act(found: Advisory, person: Person) -> str:
        draft = _on_screen(request, found)
        approving.approve(draft, person, draft.version)
        return "Approved. It is not published yet."

    return _do(request, reference, "alerts.publish_advisory", act)


@require_POST
@login_required
def give_back(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it sends it back to its writer, with a reason."""

    def act(found: Advisory, person: Person) -> str:
        draft = _on_screen(request, found)
        approving.give_back(draft, person, draft.version, request.POST.get("reason", ""))
        return "Sent back, with your reason."

    return _do(request, reference, "alerts.publish_advisory", act)


@require_POST
@login_required
def confirm(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it says that the advice still holds, until a day."""

    def act(found: Advisory, person: Person) -> str:
        until = end_of_day(request.POST.get("until", ""))
        reviewing.confirm(found, person, until, timezone.now())
        return f"It still holds, and is looked at again by {gaps.day_said(until)}."

    return _do(request, reference, "alerts.stop_advisory", act)


@require_POST
@login_required
def stop(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it stops what has not left yet."""

    def act(found: Advisory, person: Person) -> str:
        far = stopping.stop(found, person)
        return (
            f"Stopped. {count(far.sent, 'mail was', 'mails were')} sent; {people(far.unsent)} not sent to. "
            "What was being handed over at this moment may still arrive; nothing else leaves."
        )

    return _do(request, reference, "alerts.stop_advisory", act)


@require_POST
@login_required
def go_on(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it lets a stopped advisory go on."""

    def act(found: Advisory, person: Person) -> str:
        stopping.go_on(found, person)
        return f"{reference} goes on: what was not sent leaves now."

    return _do(request, reference, "alerts.stop_advisory", act)


@require_POST
@login_required
def stand_down(request: HttpRequest, reference: str) -> HttpResponse:
    """An officer of the issuer or above it stands an advisory down, with a reason that everybody told will read."""

    def act(found: Advisory, person: Person) -> str:
        stopping.stand_down(found, person, request.POST.get("reason", ""))
        return f"{reference} is stood down; everybody who was told hears so now."

    return _do(request, reference, "alerts.stop_advisory", act)
