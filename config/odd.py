"""What no page of ours is asked for by any browser: it is answered, never with an error of ours.

A NUL stands in no row of PostgreSQL, so that looking for one would be an error. Our pages are UTF-8, and so is what they send:
another charset may be one that decodes no text, or half a character.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils.http import parse_header_parameters

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
OTHER = "tocsin.charset"
"""In the environment of a request: the charset that it says, which is not ours."""
_CHARSET = re.compile(r';\s*charset\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)


class NoNulMiddleware:
    """Answers 400 where the path holds a NUL character, before anything looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on what is no trouble."""
        if "\0" in request.path_info:
            return HttpResponseBadRequest("This address holds a character that no address has.\n", "text/plain")
        return self.get_response(request)


def in_our_charset(application: Application) -> Application:
    """The same application, which hears of no charset but ours: Django decodes an address as soon as there is a request.

    What was said is left in the environment, so that a form in another charset is refused rather than misread.
    """

    def asked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            said = _charset(environ.get("CONTENT_TYPE", ""))
            if said and not _is_ours(said):
                environ["CONTENT_TYPE"], environ[OTHER] = _CHARSET.sub("", environ["CONTENT_TYPE"]), said
                if _charset(environ["CONTENT_TYPE"]):
                    raise ValueError  # said twice, in ways of its own
        except (LookupError, ValueError):
            start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"What this request says of its charset cannot be read.\n"]
        return application(environ, start_response)

    return asked


def is_other_charset(request: HttpRequest) -> bool:
    """Whether a request says that it is written in a charset that is not ours."""
    return OTHER in request.META or not _is_ours((request.content_params or {}).get("charset", "utf-8"))


def _charset(content_type: str) -> str:
    return str(parse_header_parameters(content_type)[1].get("charset", ""))


def _is_ours(charset: str) -> bool:
    """One that there is not is none: Django, too, passes over it."""
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return True
