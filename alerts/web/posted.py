"""What is posted behind a link: more than a form can hold is answered by a page that says what to do."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render

MOST_DRAINED = 16_000_000  # bytes
PIECE = 65_536


def readable(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views that anybody reaches by a link. Too much: 413; not to be read at all: 400. Nothing is kept, nobody looked up.

    What was sent is read to its end first (up to `MOST_DRAINED`): a browser that is still sending shows no answer.
    """

    @wraps(view)
    def looked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        try:
            request.POST  # noqa: B018  # parsed here, or refused
        except (RequestDataTooBig, TooManyFieldsSent):
            _drain(request)
            return render(request, "alerts/too_much.html", status=413)
        except (BadRequest, MultiPartParserError):
            return render(request, "alerts/too_much.html", {"damaged": True}, status=400)
        return view(request, *args, **kwargs)

    return looked


def _drain(request: HttpRequest) -> None:
    left = MOST_DRAINED
    while left > 0 and (piece := request.read(min(PIECE, left))):
        left -= len(piece)
