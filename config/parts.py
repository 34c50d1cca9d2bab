"""Parts of pages, which scripts fetch: where a whole page would be sent to the sign-in, a part is only refused."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url


class SignedOutPartMiddleware:
    """401 instead of the sign-in page: put into the middle of what somebody types, it would hide what they typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, unless it leads to the sign-in."""
        response = self.get_response(request)
        if request.headers.get("HX-Request") and response.headers.get("Location", "").startswith(
            f"{resolve_url(settings.LOGIN_URL)}?"
        ):
            return HttpResponse("You are signed out.", status=401, content_type="text/plain")
        return response
