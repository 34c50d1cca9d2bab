"""Who should have this warning, as whoever holds a link says it: not me, they have left, somebody else should see it.

These pages show no word of the advisory's text, so that they work while it is locked, and say no more than its locked page.
Whatever address is typed, they say the same: nobody learns here who is in the directory.
"""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import marking
from alerts.answering import acknowledge
from alerts.answering.reader import cover
from alerts.cascading import referrals
from alerts.cascading.referrals import Kind, NotSaid, TooMany, Typed
from alerts.models import Advisory, Marking, Recipient, Referral
from alerts.web.client import proving
from alerts.web.posted import readable
from alerts.web.reader import private
from alerts.web.refusing import no_such_link
from departments.refusal import Refused

TEMPLATES = {
    Kind.NOT_ME: "alerts/referring_not_me.html",
    Kind.LEFT: "alerts/referring_left.html",
    Kind.ALSO: "alerts/referring_also.html",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why nothing was written, and what was typed."""

    errors: dict[str, str]
    typed: Typed
    status: int = 422


# No CSRF cookie here, as on the reader's page: the link itself is the secret.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link: they are somebody else than the one it was sent to."""
    return private(_read(request, token, Kind.NOT_ME))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def left(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link: the one it was sent to has left."""
    return private(_read(request, token, Kind.LEFT))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def also(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link: somebody else should see it, within its marking."""
    return private(_read(request, token, Kind.ALSO))


@readable
def _read(request: HttpRequest, token: str, kind: Kind) -> HttpResponse:
    """Opening it writes nothing, ever: scanners open links; only a posted form says something."""
    recipient = acknowledge.find(token)
    if recipient is None or recipient.advisory.current is None:
        return no_such_link(request)
    return _say(request, recipient, kind) if request.method == "POST" else _show(request, recipient, kind)


def _say(request: HttpRequest, recipient: Recipient, kind: Kind) -> HttpResponse:
    typed = Typed(*(request.POST.get(field, "") for field in ("form", "name", "email", "text")))
    try:
        referrals.say(recipient, kind, typed, proving(request, recipient.advisory.reference))
    except NotSaid as wrong:
        return _show(request, recipient, kind, Wrong(wrong.errors, typed))
    except Refused as refused:
        status = 429 if isinstance(refused, TooMany) else 403
        return _show(request, recipient, kind, Wrong({"form": str(refused)}, typed, status))
    # To the page itself, so that loading it again sends nothing again.
    response = HttpResponseRedirect(f"{request.path}#said")
    response.status_code = 303
    return response


def _show(request: HttpRequest, recipient: Recipient, kind: Kind, wrong: Wrong | None = None) -> HttpResponse:
    advisory: Advisory = recipient.advisory
    said = Referral.objects.filter(recipient=recipient, kind=kind).order_by("-pk").first() if wrong is None else None
    context = {
        "page": cover(recipient),
        "advisory": advisory,
        "called": _called(advisory),
        "back": request.path.rpartition("/")[0],
        "said": said,
        "closed": referrals.why_closed(advisory),
        "errors": wrong.errors if wrong else {},
        "typed": wrong.typed if wrong else Typed(""),
        "form": referrals.issue_form(recipient, kind),
        "most": referrals.LONGEST_TEXT,
        "strict": advisory.marking == Marking.AMBER_STRICT,
        "open_to_all": marking.text_in_mail(advisory.marking),
        "today": timezone.localdate(),
    }
    return render(request, TEMPLATES[kind], context, status=wrong.status if wrong else 200)


def _called(advisory: Advisory) -> str:
    """What it is called here: from AMBER up by its open title, at RED not at all."""
    if advisory.marking == Marking.RED:
        return ""
    if not marking.text_in_mail(advisory.marking):
        return advisory.open_title
    return str(advisory.current.content.get("title") or "") if advisory.current else ""
