"""The reader's page, behind the link in a mail. Whoever holds the link may read and answer; nobody signs in.

Where the marking asks for more than the link, the page is locked: it says no more than the mail did, until a one-time code
was typed, or where its recipient is signed in.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import acknowledge, holds, marking, suspicion, unlocking
from alerts.acknowledge import NotAnswered
from alerts.markdown import to_html
from alerts.models import ActionAnswer, Advisory, Recipient, State
from alerts.reader import cover
from alerts.web.client import client_of
from alerts.web.limits import too_many
from departments.models import Person
from departments.refusal import Refused

MOST_INVALID = 60  # a minute, from one address; valid links are never counted: a ministry sits behind one address
KEY = "unlocked"  # the cookie
UNLOCKING = ("send", "open")  # the forms of a locked page

NOT_OPENED = (
    "That code does not open this page. Each one works once, for 15 minutes and a few tries: type the newest that we sent "
    "you, or have another one sent."
)
NOT_TAKEN = "This page is locked, so your answer was not taken. Open it with a code first, and answer then."
TOO_QUICK = "That was quicker than a person presses, so no code was sent. Press once more."
NOT_PRESSED = "That was quicker than a person presses, so nothing was let go on. Press once more."
OLD = "This page had been open for long, or came back damaged, so nothing was let go on. Press once more."
DAMAGED = "This form came back damaged. Nothing is lost: send it once more."


# No CSRF cookie here: the link itself is the secret, and the form carries a signed value of its own, so that answering
# works without cookies, in old programs and behind gateways that rewrite links.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def reader(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link. Opening it writes nothing, ever: scanners open links; only a posted choice counts."""
    recipient = acknowledge.find(token)
    if recipient is None or recipient.advisory.current is None:
        return private(_no_such_link(request))
    # Letting a warning through needs no word of its text, so that a locked page offers it too.
    if request.method == "POST" and request.POST.get("press") == "release":
        return private(_release(request, recipient))
    if _locked(request, recipient):
        return private(_unlock(request, recipient) if request.method == "POST" else _cover(request, recipient))
    if request.method != "POST":
        return private(_show(request, recipient))
    # A locked page's form, pressed where the page is open by now.
    if request.POST.get("press") in UNLOCKING:
        return private(_back(request))
    return private(_answer(request, recipient))


def private(response: HttpResponse) -> HttpResponse:
    """Not kept, not indexed, and not told to the next site."""
    response["Cache-Control"] = "no-store, private"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _no_such_link(request: HttpRequest) -> HttpResponse:
    limited = too_many(request, "reader", MOST_INVALID)
    return render(request, "alerts/no_such_link.html", {"limited": limited}, status=429 if limited else 404)


# --- letting go on what they hold ---


def _release(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    """One press lets it go on: the safe direction. Whatever stands against it is said on the page, and nothing changed."""
    typed = request.POST.get("relay", "")
    relay_id = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else 0
    opened = holds.opened_at(recipient, relay_id, request.POST.get("form", ""))
    if opened is None:
        return _not_released(request, recipient, OLD)
    if suspicion.signs(client_of(request).evidence(timezone.now().timestamp() - opened)):
        return _not_released(request, recipient, NOT_PRESSED)
    try:
        holds.release_by_link(recipient, relay_id)
    except Refused as refused:
        return _not_released(request, recipient, str(refused))
    return _back(request, f"#hold-{relay_id}")


def _not_released(request: HttpRequest, recipient: Recipient, why: str) -> HttpResponse:
    if _locked(request, recipient):
        return _cover(request, recipient, not_released=why, status=422)
    return _show(request, recipient, not_released=why, status=422)


# --- while it is locked ---


def _locked(request: HttpRequest, recipient: Recipient) -> bool:
    # Who is signed in is asked only where it matters.
    if not marking.needs_code(recipient.advisory.marking):
        return False
    signed_in = request.user if isinstance(request.user, Person) else None
    return unlocking.is_locked(recipient, request.COOKIES.get(KEY, ""), signed_in)


def _unlock(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    press = request.POST.get("press")
    if press not in UNLOCKING:
        return _cover(request, recipient, wrong=NOT_TAKEN, status=403)
    opened = unlocking.opened_at(recipient, request.POST.get("form", ""))
    if opened is None:
        return _cover(request, recipient, wrong=DAMAGED, status=422)
    if press == "send":
        return _send(request, recipient, opened)
    return _open(request, recipient)


def _send(request: HttpRequest, recipient: Recipient, opened: float) -> HttpResponse:
    if suspicion.signs(client_of(request).evidence(timezone.now().timestamp() - opened)):
        return _cover(request, recipient, wrong=TOO_QUICK, status=422)
    try:
        unlocking.ask(recipient)
    except Refused as refused:
        status = 429 if isinstance(refused, unlocking.TooMany) else 422
        return _cover(request, recipient, wrong=str(refused), status=status)
    return _back(request, "#unlock")


def _open(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    try:
        if not unlocking.unlock(recipient, request.POST.get("code", ""), request.POST.get("form", "")):
            return _cover(request, recipient, wrong=NOT_OPENED, typing=True, status=422)
    except Refused as refused:
        return _cover(request, recipient, wrong=str(refused), typing=True, status=422)
    response = _back(request)
    response.set_cookie(
        KEY,
        unlocking.key_of(recipient),
        max_age=unlocking.KEY_LASTS,
        path=request.path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _cover(
    request: HttpRequest,
    recipient: Recipient,
    *,
    wrong: str = "",
    not_released: str = "",
    typing: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The page while it is locked. After a code that was not taken it says the same, whatever was wrong with the code."""
    waiting = None if typing else unlocking.waiting(recipient)
    context = {
        "page": cover(recipient),
        "advisory": recipient.advisory,
        "expired": recipient.advisory.state == State.EXPIRED,
        "stood_down": recipient.advisory.state == State.STOOD_DOWN,
        "wrong": wrong,
        "not_released": not_released,
        "now": timezone.now(),
        "typing": typing,
        "waiting": waiting,
        "can_be_sent": unlocking.can_be_sent(recipient),
        "form": unlocking.issue_form(recipient),
    }
    return render(request, "alerts/locked.html", context, status=status)


def _back(request: HttpRequest, where: str = "") -> HttpResponse:
    """To the page itself, so that loading it again sends nothing again."""
    response = HttpResponseRedirect(f"{request.path}{where}")
    response.status_code = 303
    return response


# --- once it is open ---


def _answer(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    form = acknowledge.read_form(request.POST.dict())
    try:
        acknowledge.answer(recipient, form, client_of(request))
    except NotAnswered as wrong:
        return _show(request, recipient, errors=wrong.errors, typed=request.POST.dict(), status=422)
    return _back(request, "#receipt")


def _show(
    request: HttpRequest,
    recipient: Recipient,
    *,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    not_released: str = "",
    status: int = 200,
) -> HttpResponse:
    page = acknowledge.page(recipient)
    advisory: Advisory = page.advisory
    context = {
        "page": page,
        "advisory": advisory,
        "errors": errors or {},
        "typed": typed or {},
        "not_released": not_released,
        "now": timezone.now(),
        "guidance": to_html(page.content.get("guidance", "")),
        "asks": advisory.state == State.LIVE,
        "expired": advisory.state == State.EXPIRED,
        "stood_down": advisory.state == State.STOOD_DOWN,
        "choices": ActionAnswer.Choice,
    }
    return render(request, "alerts/reader.html", context, status=status)
