"""The very mail that somebody got, years later as well: for an answer to parliament, or to themselves.

Who may: administrators, auditors, and the person themselves; of a mail about an advisory, also officers of its issuer or above
it who may open the person's page. A mail carries no more of a text than its marking lets, so that nobody reads here what they
may not read elsewhere. What is a key in it (their own link, the address for replies, the digits of a code) is not shown.
"""

import email
import email.policy
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from alerts import rules
from alerts.letters.letters import again
from alerts.models import Advisory, Message
from alerts.web.asking import require, signed_in
from alerts.web.texts import LETTER_POLICY, frames_a_letter
from departments.models import Person
from departments.rules import is_administrator, is_auditor

IN_PLACE_OF_A_LINK = "‹their own link, which is a key and is not shown›"


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail as its reader's program shows it."""

    sender: str
    subject: str
    date: str
    message_id: str
    text: str
    html: str


@frames_a_letter
@require_safe
@never_cache
@login_required
def mail(request: HttpRequest, person: int, message: int) -> HttpResponse:
    """For those who may (see above): one mail that somebody got, as it was."""
    found = _find(request, person, message)
    context = {"message": found, "person": found.person, "about": _about(found), "shown": _shown(found)}
    return render(request, "alerts/mail.html", context)


@xframe_options_sameorigin
@require_safe
@never_cache
@login_required
def mail_html(request: HttpRequest, person: int, message: int) -> HttpResponse:
    """For those who may (see above): its HTML part alone, for the frame of its page."""
    response = HttpResponse(_shown(_find(request, person, message)).html)
    response["Content-Security-Policy"] = LETTER_POLICY
    return response


def may_read(viewer: Person, person: Person, about: Advisory | None, issuing: set[int] | None = None) -> bool:
    """Whether they may read this person's mails about an advisory, or (none) those about nothing but the person.

    Whether they may open the person's page is asked beside it. `issuing` is as in `rules.sees_text`.
    """
    if viewer == person or is_administrator(viewer) or is_auditor(viewer):
        return True
    if about is None:
        return False
    return rules.sees_everything(viewer, about) if issuing is None else about.issuer_id in issuing


def _find(request: HttpRequest, person: int, number: int) -> Message:
    found = get_object_or_404(
        Message.objects.select_related(
            "person", "advisory__issuer", "batch__about__issuer", "batch__about__draft", "revision__advisory__issuer"
        ),
        pk=number,
        person=person,
        state=Message.State.SENT,
        personal__isnull=False,
    )
    require(request, "departments.view_person", found.person)
    if not may_read(signed_in(request), found.person, _about(found)):
        raise PermissionDenied
    return found


def _about(message: Message) -> Advisory | None:
    return message.advisory or message.batch.about


def _shown(message: Message) -> Shown:
    made = email.message_from_bytes(again(message, IN_PLACE_OF_A_LINK), policy=email.policy.default)
    parts = {kind: made.get_body((kind,)) for kind in ("plain", "html")}
    text, html = (str(part.get_content()) if (part := parts[kind]) is not None else "" for kind in ("plain", "html"))
    headers = {name: str(made[name]) for name in ("From", "Subject", "Date", "Message-ID")}
    return Shown(headers["From"], headers["Subject"], headers["Date"], headers["Message-ID"], text, html)
