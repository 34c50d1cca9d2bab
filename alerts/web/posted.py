"""What is posted: more than a form can hold, or what is none, is answered by a page that says what to do."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from config.odd import is_other_charset

MOST_DRAINED = 16_000_000  # bytes
PIECE = 65_536
View = Callable[..., HttpResponse]


class NoFile(FileUploadHandler):
    """No form here asks for a file: what has one is refused before a byte of the file is kept."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        raise MultiPartParserError("A file, where none is asked for.")


def readable(view: View) -> View:
    """For views that anybody reaches by a link. Too much: 413; not to be read at all: 400. Nothing is kept, nobody looked up.

    What was sent is read to its end first (up to `MOST_DRAINED`): a browser that is still sending shows no answer.
    """

    @wraps(view)
    def looked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return _unreadable(request) or view(request, *args, **kwargs)

    return looked


def readable_form(view: View) -> View:
    """The same for views behind the sign-in, whose forms carry a CSRF token: it is looked for once there is a form to read."""
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def looked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return _unreadable(request, signed_in=True) or protected(request, *args, **kwargs)

    return looked


def _unreadable(request: HttpRequest, *, signed_in: bool = False) -> HttpResponse | None:
    """The page that says so; None where it can be read."""
    # What is read as something else than it says it is might say anything (`config.odd` reads it all as UTF-8).
    if is_other_charset(request):
        request.encoding = "utf-8"
        return _refused(request, signed_in, 400)
    if request.method != "POST":
        return None
    request.upload_handlers = [NoFile(request)]
    try:
        request.POST  # noqa: B018  # parsed here, or refused
    except (RequestDataTooBig, TooManyFieldsSent):
        return _refused(request, signed_in, 413)
    except (BadRequest, MultiPartParserError, UnreadablePostError, LookupError, UnicodeError):
        return _refused(request, signed_in, 400)
    return None


def _refused(request: HttpRequest, signed_in: bool, status: int) -> HttpResponse:
    # Whoever went away in the middle of it sends no more.
    with suppress(UnreadablePostError):
        _drain(request)
    return render(request, "alerts/too_much.html", {"damaged": status == 400, "signed_in": signed_in}, status=status)


def _drain(request: HttpRequest) -> None:
    left = MOST_DRAINED
    while left > 0 and (piece := request.read(min(PIECE, left))):
        left -= len(piece)
