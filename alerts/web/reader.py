"""The reader's page, behind the link in a mail. Whoever holds the link may read and answer; nobody signs in."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import acknowledge, marking
from alerts.acknowledge import NotAnswered
from alerts.markdown import to_html
from alerts.models import ActionAnswer, Advisory, Recipient, State
from alerts.web.limits import too_many

MOST_INVALID = 60  # a minute, from one address; valid links are never counted: a ministry sits behind one address


# No CSRF cookie here: the link itself is the secret, and the form carries a signed value of its own, so that answering
# works without cookies, in old programs and behind gateways that rewrite links.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def reader(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the link. Opening it writes nothing, ever: scanners open links; only a posted choice counts."""
    recipient = acknowledge.find(token)
    if recipient is None or recipient.advisory.current is None:
        return private(_no_such_link(request))
    if request.method == "POST":
        return private(_answer(request, recipient))
    return private(_show(request, recipient))


def private(response: HttpResponse) -> HttpResponse:
    """Not kept, not indexed, and not told to the next site."""
    response["Cache-Control"] = "no-store, private"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _no_such_link(request: HttpRequest) -> HttpResponse:
    limited = too_many(request, "reader", MOST_INVALID)
    return render(request, "alerts/no_such_link.html", {"limited": limited}, status=429 if limited else 404)


def _answer(request: HttpRequest, recipient: Recipient) -> HttpResponse:
    form = acknowledge.read_form(request.POST.dict())
    try:
        acknowledge.answer(
            recipient, form.token, form.read, form.answers, user_agent=request.headers.get("User-Agent", "")
        )
    except NotAnswered as wrong:
        return _show(request, recipient, errors=wrong.errors, typed=request.POST.dict(), status=422)
    response = HttpResponseRedirect(f"{request.path}#receipt")
    response.status_code = 303
    return response


def _show(
    request: HttpRequest,
    recipient: Recipient,
    *,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    page = acknowledge.page(recipient)
    advisory: Advisory = page.advisory
    shown = marking.text_on_page(advisory.marking)
    context = {
        "page": page,
        "advisory": advisory,
        "errors": errors or {},
        "typed": typed or {},
        "shown": shown,
        "title": page.content["title"] if shown else advisory.open_title,
        "guidance": to_html(page.content.get("guidance", "")) if shown else "",
        "changed": shown and page.content.get("what_changed"),
        "asks": shown and advisory.state == State.LIVE,
        "stood_down": advisory.state == State.STOOD_DOWN,
        "choices": ActionAnswer.Choice,
    }
    return render(request, "alerts/reader.html", context, status=status)
