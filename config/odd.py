"""Addresses that no page of ours has: a NUL stands in no row of PostgreSQL, so that looking for one would be an error."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest


class NoNulMiddleware:
    """Answers 400 where the path holds a NUL character, before anything looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on what is no trouble."""
        if "\0" in request.path_info:
            return HttpResponseBadRequest("This address holds a character that no address has.\n", "text/plain")
        return self.get_response(request)
