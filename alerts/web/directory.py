"""What an administrator sets off for the whole directory: asking its contacts, and introducing the system to strangers."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from alerts.delivery.introduce import introduce as write_letters
from alerts.delivery.introduce import strangers
from alerts.delivery.verify import ask_contacts
from alerts.letters.plain_words import plain_words
from alerts.models import Message
from departments.models import Body
from departments.web.access import may, signed_in


@require_POST
@may("departments.change_body")
def ask_all(request: HttpRequest) -> HttpResponse:
    """For administrators: every contact who has not confirmed within 90 days."""
    asked = ask_contacts(everybody=True, by=signed_in(request))
    messages.success(request, _asked(asked))
    return redirect("directory:readiness")


@require_POST
@may("departments.view_body")
def ask_one(request: HttpRequest, slug: str) -> HttpResponse:
    """For those who may change the people of this body: its own contacts."""
    body = get_object_or_404(Body, slug=slug)
    if not request.user.has_perm("departments.change_people", body):
        raise PermissionDenied
    messages.success(request, _asked(ask_contacts(bodies=[body.pk], by=signed_in(request))))
    return redirect("departments:body", slug)


def _asked(mails: int) -> str:
    if not mails:
        return (
            "Nobody was asked: every contact has confirmed, was asked within the last day, or can't be reached by mail."
        )
    return f"{mails:,} {'mail is' if mails == 1 else 'mails are'} on the way. What they answer shows here at once."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@may("departments.change_body")
def introduce(request: HttpRequest) -> HttpResponse:
    """For administrators: how many people never had a mail from us, the letter, and the press that sends it."""
    if request.method == "POST":
        mails = write_letters(signed_in(request))
        said = (
            f"{mails:,} {'letter is' if mails == 1 else 'letters are'} on the way."
            if mails
            else "Nobody is left to write to."
        )
        messages.success(request, said)
        return redirect("introduce")
    places = {
        "name": "their name",
        "bodies": "their bodies",
        "link": "",
        "ask": " Or ask your contact, by name and telephone.",
    }
    words = plain_words(Message.Kind.INTRODUCTION)
    letter = render_to_string("alerts/mail/introduction.txt", {"words": words, "places": places})
    return render(request, "alerts/introduce.html", {"strangers": strangers(), "words": words, "letter": letter})
