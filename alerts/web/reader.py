"""The reader's page, behind the link in a mail. Whoever holds the link may read and answer; nobody signs in.

Where the marking asks for more than the link, the page is locked: it says no more than the mail did, until a one-time code
was typed, or where its recipient is signed in. That it looks like phishing can be said on a locked page too.
"""

from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import answer_form, marking, suspicion
from alerts.answering import acknowledge, also_open, receipts, threads, unlocking
from alerts.answering.acknowledge import NotAnswered, ReaderPage
from alerts.answering.reader import cover
from alerts.cascading import holds
from alerts.chasing import history
from alerts.markdown import to_html
from alerts.models import Acknowledgement, Advisory, Recipient, State
from alerts.web import chase_words
from alerts.web.client import answering, client_of, proving
from alerts.web.posted import readable
from alerts.web.refusing import no_such_link
from departments.models import Person
from departments.refusal import Refused

KEY = "unlocked"  # the cookie
UNLOCKING = ("send", "open")  # the forms of a locked page

NOT_OPENED = (
    "That code does not open this page. Each one works once, for 15 minutes and a few tries: type the newest that we sent "
    "you, or have another one sent."
)
NOT_TAKEN = "This page is locked, so your answer was not taken. Open it with a code first, and answer then."
MACHINE = "That looks as if a machine had pressed, so {}. Press once more, with the four characters below."
NO_CODE = MACHINE.format("no code was sent")
NOT_PRESSED = MACHINE.format("nothing was let go on")
NOBODY_TOLD = MACHINE.format("nobody was told")
NOT_MAILED_QUICK = MACHINE.format("nothing was mailed")
# Of a person who is quick nothing is asked but a second press, which is late enough.
NOT_MAILED_SOONER = (
    "That press came within a second of the page, as a machine\N{RIGHT SINGLE QUOTATION MARK}s does, so nothing was mailed. "
    "Press once more: it is mailed then."
)
OLD = "This page had been open for long, or came back damaged, so nothing was let go on. Press once more."
NOT_UNLOCKED_OLD = "This page had been open for long, or came back damaged. Nothing is lost: press once more."
NOT_MAILED_OLD = "This page had been open for long, or came back damaged, so nothing was mailed. Press once more."
# Whoever bears a sign that stays, such as a browser without a name, gets out of it by typing.
ASKS_PROOF = frozenset((NO_CODE, NOT_PRESSED, NOBODY_TOLD, NOT_MAILED_QUICK, acknowledge.MISTYPED))


# No CSRF cookie here: the link itself is the secret, and the form carries a signed value of its own, so that answering
# works without cookies, in old programs and behind gateways that rewrite links.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def reader(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link. Opening it writes nothing, ever: scanners open links; only a posted choice counts."""
    return private(_read(request, token))


@readable
def _read(request: HttpRequest, token: str) -> HttpResponse:
    # An answer is what comes by the thousand, in the minutes after a warning: it is taken without making the page.
    if request.method == "POST" and "press" not in request.POST:
        form = acknowledge.read_form(request.POST.dict())
        made = acknowledge.answer_at_once(token, form, lambda of: answering(request, of.recipient_id, of.reference))
        if made is not None and not made.suspect:
            return _back(request, "#receipt")
    else:
        made = None
    recipient = acknowledge.find(token)
    if recipient is None or recipient.advisory.current is None:
        return no_such_link(request)
    if made is not None:
        return _answered(request, recipient, made)
    press = request.POST.get("press") if request.method == "POST" else None
    # Letting a warning through, and doubting it, need no word of its text, so that a locked page offers both.
    if press == "release":
        return _release(request, recipient)
    if press == "phishing":
        return _doubt(request, recipient)
    if _locked(request, recipient):
        return _unlock(request, recipient) if request.method == "POST" else _cover(request, recipient)
    if request.method != "POST":
        return _show(request, recipient)
    # A locked page's form, pressed where the page is open by now.
    if press in UNLOCKING:
        return _back(request)
    if press == "receipt":
        return _mail_receipt(request, recipient)
    if press == "own-link":
        return _mail_link(request, recipient)
    return _answer(request, recipient)


def private(response: HttpResponse) -> HttpResponse:
    """Not kept, not indexed, and not told to the next site."""
    response["Cache-Control"] = "no-store, private"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


# --- letting go on what they hold ---


def _release(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    """One press lets it go on: the safe direction. Whatever stands against it is said on the page, and nothing changed."""
    typed = request.POST.get("relay", "")
    relay_id = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else 0
    opened = holds.opened_at(recipient, relay_id, request.POST.get("form", ""))
    if opened is None:
        return _not_released(request, recipient, OLD)
    if wrong := _doubtful(request, recipient, timezone.now().timestamp() - opened, NOT_PRESSED):
        return _not_released(request, recipient, wrong)
    try:
        holds.release_by_link(recipient, relay_id)
    except Refused as refused:
        return _not_released(request, recipient, str(refused))
    return _back(request, f"#hold-{relay_id}")


def _not_released(request: HttpRequest, recipient: Recipient, why: str) -> HttpResponse:
    return _again(request, recipient, not_released=why)


def _again(
    request: HttpRequest, recipient: Recipient, *, not_released: str = "", not_doubted: str = "", doubted: str = ""
) -> HttpResponse:
    """The page as it is for them, locked or not, with what was wrong."""
    show = _cover if _locked(request, recipient) else _show
    return show(request, recipient, not_released=not_released, not_doubted=not_doubted, doubted=doubted, status=422)


# --- doubting it ---


def _doubt(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    """Somebody takes it for phishing: that goes to its issuer, and counts as no answer."""
    text = request.POST.get("text", "")
    form = acknowledge.read_form(
        {"form": request.POST.get("form", ""), "read": Acknowledgement.Read.PHISHING.value, "text": text}
    )
    try:
        made = acknowledge.answer(recipient, form, proving(request, recipient.advisory.reference))
    except NotAnswered as wrong:
        return _again(request, recipient, not_doubted=" ".join(wrong.errors.values()), doubted=text)
    if made.suspect:
        return _again(request, recipient, not_doubted=NOBODY_TOLD, doubted=text)
    return _back(request, "#genuine")


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
        return _cover(request, recipient, wrong=NOT_UNLOCKED_OLD, status=422)
    if press == "send":
        return _send(request, recipient, opened)
    return _open(request, recipient)


def _send(request: HttpRequest, recipient: Recipient, opened: float) -> HttpResponse:
    if wrong := _doubtful(request, recipient, timezone.now().timestamp() - opened, NO_CODE):
        return _cover(request, recipient, wrong=wrong, status=422)
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
    not_doubted: str = "",
    doubted: str = "",
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
        "not_doubted": not_doubted,
        "doubted": doubted,
        "asks_proof": not ASKS_PROOF.isdisjoint((wrong, not_released, not_doubted)),
        "now": timezone.now(),
        "typing": typing,
        "waiting": waiting,
        "can_be_sent": unlocking.can_be_sent(recipient),
        "form": unlocking.issue_form(recipient),
    }
    return render(request, "alerts/locked.html", context, status=status)


def _back(request: HttpRequest, where: str = "") -> HttpResponse:
    """To the page itself, so that loading it again sends nothing again. Whoever answers for somebody still does."""
    says = _says(request)
    response = HttpResponseRedirect(f"{request.path}{f'?as={says}' if says else ''}{where}")
    response.status_code = 303
    return response


# --- once it is open ---


def _says(request: HttpRequest) -> str:
    """Who has it open, in their own word: "office", or the id of a delegate (`alerts.answering.viewing` knows whose)."""
    says = request.GET.get("as", "")
    return says if says == "office" or (says.isascii() and says.isdecimal() and len(says) < 19) else ""


def _answer(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    typed = request.POST.dict()
    try:
        client = answering(request, recipient.pk, recipient.advisory.reference)
        made = acknowledge.answer(recipient, acknowledge.read_form(typed), client)
    except NotAnswered as wrong:
        return _show(request, recipient, errors=wrong.errors, typed=_as_asked(typed), status=422)
    return _answered(request, recipient, made)


def _answered(request: HttpRequest, recipient: Recipient, made: Acknowledgement) -> HttpResponse:
    """What looks like a machine's is kept, and is shown once more with all that was typed: whoever typed it sends it again."""
    if not made.suspect:
        return _back(request, "#receipt")
    if recipient.advisory.state != State.LIVE:
        return _back(request)
    recipient.refresh_from_db(fields=["suspect_revision"])
    return _show(request, recipient, typed=_as_asked(request.POST.dict()), doubted_answer=True)


def _as_asked(typed: dict[str, str]) -> dict[str, str]:
    """What was typed, as the page asks it: a whole date, from an older page or program, is a day and a month."""
    split = dict(typed)
    for name, value in typed.items():
        try:
            day = date.fromisoformat(value) if name.endswith("-date") else None
        except ValueError:
            continue
        if day is not None:
            split.setdefault(f"{name[:-5]}-day", str(day.day))
            split.setdefault(f"{name[:-5]}-month", str(day.month))
    return split


def _mail_receipt(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    """To their own address, once for each answer; the page says whether it was."""
    if why := _not_mailed(request, recipient):
        return _show(request, recipient, not_mailed=why, status=422)
    try:
        receipts.send_last(recipient)
    except Refused as refused:
        status = 429 if isinstance(refused, receipts.TooMany) else 422
        return _show(request, recipient, not_mailed=str(refused), status=status)
    return _back(request, "#receipt")


def _mail_link(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    """The link of another advisory that is open for them, to their own address; the page says whether it was mailed."""
    if why := _not_mailed(request, recipient):
        return _show(request, recipient, not_linked=why, status=422)
    typed = request.POST.get("advisory", "")
    try:
        also_open.mail_link(recipient, int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else 0)
    except Refused as refused:
        return _show(request, recipient, not_linked=str(refused), status=422)
    return _back(request, "#also")


def _not_mailed(request: HttpRequest, recipient: Recipient) -> str:
    """Why a press mails nothing, as a sentence; "" where it may."""
    try:
        opened = answer_form.opened(request.POST.get("form", ""), recipient.pk)
    except NotAnswered:
        return NOT_MAILED_OLD
    if not opened.is_fresh:
        return NOT_MAILED_OLD
    if suspicion.signs(client_of(request).evidence(opened.seconds)) == ["instant"]:
        return NOT_MAILED_SOONER
    return _doubtful(request, recipient, opened.seconds, NOT_MAILED_QUICK)


def _doubtful(request: HttpRequest, recipient: Recipient, seconds: float, says: str) -> str:
    """What to say of a press that looks like a machine's, `seconds` after its form was issued; "" for a person's."""
    client = proving(request, recipient.advisory.reference)
    if not suspicion.signs(client.evidence(seconds)):
        return ""
    return acknowledge.MISTYPED if client.mistyped else says


def _show(
    request: HttpRequest,
    recipient: Recipient,
    *,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    not_released: str = "",
    not_doubted: str = "",
    doubted: str = "",
    not_mailed: str = "",
    not_linked: str = "",
    doubted_answer: bool = False,
    status: int = 200,
) -> HttpResponse:
    typed = typed or {}
    page = acknowledge.page(recipient, _says(request), typed.get("form", ""), doubted=doubted_answer)
    advisory: Advisory = page.advisory
    now = timezone.now()
    context = {
        "page": page,
        "thread": threads.thread_of(recipient),
        "escalated": chase_words.raised(history.about_theirs(recipient), now),
        "advisory": advisory,
        "errors": errors or {},
        "wrong": _wrong(page, errors or {}),
        "typed": page.still_good(typed),
        "not_released": not_released,
        "not_doubted": not_doubted,
        "doubted": doubted,
        "not_mailed": not_mailed,
        "not_linked": not_linked,
        "asks_proof": not ASKS_PROOF.isdisjoint((not_released, not_doubted, not_mailed, not_linked)),
        "doubted_answer": doubted_answer,
        "now": now,
        "is_late": page.due is not None and now > page.due,
        "guidance": to_html(page.content.get("guidance", "")),
        "asks": page.asks,
        "expired": advisory.state == State.EXPIRED,
        "stood_down": advisory.state == State.STOOD_DOWN,
        "longest_text": answer_form.LONGEST_TEXT,
        "longest_name": answer_form.LONGEST_NAME,
    }
    return render(request, "alerts/reader.html", context, status=status)


def _wrong(page: ReaderPage, errors: dict[str, str]) -> list[tuple[str, str, str]]:
    """What is wrong, in the page's order: the field that a link leads to ("" where there is none), which it is, a sentence."""
    places = page.places
    names = {"text": "Question 1", "name": "Your name"}
    order = [*places, "text", "name", "proof"]

    def about(name: str) -> str:
        bare = name.removesuffix("-date").removesuffix("-why")
        return bare if bare in places else name

    found = [
        (name if about(name) in order else "", places.get(about(name), names.get(name, "")), says)
        for name, says in errors.items()
    ]
    return sorted(found, key=lambda one: order.index(about(one[0])) if one[0] else -1)
