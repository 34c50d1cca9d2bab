"""The development mailbox as pages: every mail that left, as the person who got it would see it.

Nothing here exists outside development: there each view answers 404, whoever asks.
"""

import email.message
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from config.mailbox_store import Entry, Store, plain

app_name = "mailbox"
PAGE = 50  # mails

# The letter's own styles are inline, and its links must open in a tab of their own; nothing in it runs or is fetched.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)

View = Callable[..., HttpResponse]


def development_only(view: View) -> View:
    """Anybody on a development machine may look; anywhere else the page does not exist."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        return view(request, *args, **kwargs)

    return require_safe(checked)


def _row(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "arrived": datetime.fromtimestamp(entry.arrived, UTC),
        "recipients": entry.recipients,
        "subject": entry.subject or "(no subject)",
    }


@development_only
def mails(request: HttpRequest) -> HttpResponse:
    """Every mail, the newest first; `q` searches recipients and subjects."""
    store, query = _store(), request.GET.get("q", "").strip()[:200]
    found = store.count(query)
    page = Paginator(range(found), PAGE).get_page(request.GET.get("page"))
    rows = [_row(entry) for entry in store.page(query, offset=max(0, page.start_index() - 1), limit=PAGE)]
    return render(
        request,
        "mailbox/mails.html",
        {"page": page, "mails": rows, "query": query, "found": found, "in_all": store.count() if query else found},
    )


@development_only
def mail(request: HttpRequest, number: int) -> HttpResponse:
    """One mail as its reader sees it."""
    found = _found(number)
    arrived = datetime.fromtimestamp(_store().path(number).stat().st_mtime, UTC)
    headers = [(name, plain(str(value))) for name, value in found.raw_items()]
    first = dict(reversed([(name.lower(), value) for name, value in headers]))
    return render(
        request,
        "mailbox/mail.html",
        {
            "number": number,
            "arrived": arrived,
            "first": first,
            "headers": headers,
            "replies": bool(first.get("reply-to")),
            "subject": first.get("subject") or "(no subject)",
            "text": _words(found, "plain"),
            "html": _words(found, "html") is not None,
        },
    )


@xframe_options_sameorigin
@development_only
def letter(request: HttpRequest, number: int) -> HttpResponse:
    """The HTML part alone, for the frame of the mail's page."""
    words = _words(_found(number), "html")
    if words is None:
        raise Http404("This mail has no HTML part.")
    response = HttpResponse('<!doctype html><base target="_blank">' + words)
    response["Content-Security-Policy"] = LETTER_POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response


def _store() -> Store:
    return Store(Path(settings.MAILBOX_DIR))


def _found(number: int) -> email.message.EmailMessage:
    message = _store().get(number)
    if message is None:
        raise Http404("There is no mail of that number.")
    return message


def _words(message: email.message.EmailMessage, kind: str) -> str | None:
    """The text of the first part of that kind ("plain", "html"), whatever its charset; None when there is none."""
    for part in message.walk():
        if part.get_content_type() == f"text/{kind}" and part.get_content_disposition() != "attachment":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                try:
                    return content.decode(part.get_content_charset("utf-8"), "replace")
                except LookupError:  # a charset that nobody knows
                    return content.decode("utf-8", "replace")
    return None


urlpatterns = [
    path("", mails, name="list"),
    path("<int:number>/", mail, name="mail"),
    path("<int:number>/html/", letter, name="letter"),
]
