"""Where providers report: `/webhooks/<provider>/tracking/` and `/webhooks/<provider>/inbound/`, read by Anymail's views.

For the configured providers only, and only with the secret (`ANYMAIL_WEBHOOK_SECRET`) and what else the provider signs with.
Everybody else is told the same, whether there is such a provider or not, and nothing is written, not even a line in the log.
"""

from typing import Any

import structlog
from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.utils import get_request_basic_auth
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from alerts.delivery import tracking
from alerts.inbound.reading import is_knotted

log = structlog.get_logger(__name__)

LONGEST = 2_500_000  # octets: a thousand events
LONGEST_MAIL = 500_000  # octets of a mail that comes back, with what its provider puts around it
# What reading a body may come to that is not as the provider documents it. A database that is away is none of these.
_MALFORMED = (
    ValueError,  # no JSON, no UTF-8, no number
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
    SuspiciousOperation,
    AnymailError,
)


@csrf_exempt
@never_cache
def webhook(request: HttpRequest, path: str) -> HttpResponseBase:
    """For providers, by their secret. 200: kept. 404: not theirs to ask. 400: not as they document it; nothing was kept."""
    view = _view_of(path) if settings.ANYMAIL.get("WEBHOOK_SECRET") else None
    if view is None or not _has_secret(request):
        if view is not None and path.startswith("amazon_ses/") and "HTTP_AUTHORIZATION" not in request.META:
            # It shows the secret only to whoever asks for it, so this one alone is to be told from none.
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Basic"})
        return HttpResponse(status=404)
    if request.method != "POST":
        # Some look whether there is anybody, with HEAD, when they are told of the address.
        return HttpResponse(status=200 if request.method == "HEAD" else 405)
    if not _is_short(request, LONGEST_MAIL if _brings_mail(path) else LONGEST):
        return HttpResponse(status=413)
    try:
        if _brings_mail(path) and is_knotted(request.body):
            return HttpResponse(status=413)
        with tracking.gathering() as heard:
            response: HttpResponseBase = view(request)
            if response.status_code != 200:
                heard.clear()
                return HttpResponse(status=400)
    except AnymailWebhookValidationFailure:
        return HttpResponse(status=404)
    except _MALFORMED as error:
        log.warning("a webhook that can't be read", provider=path.partition("/")[0], error=type(error).__name__)
        return HttpResponse(status=400)
    return HttpResponse(status=200)


def _view_of(path: str) -> Any:
    """Anymail's view for it; None where no such provider is configured."""
    provider = path.partition("/")[0]
    sending = {settings.EMAIL_PROVIDER, settings.SECOND_EMAIL_PROVIDER}
    allowed = sending | {settings.INBOUND_PROVIDER} if _brings_mail(path) else sending
    if not provider or provider not in allowed:
        return None
    try:
        return resolve(f"/{path}", urlconf="anymail.urls").func
    except Resolver404:
        return None


def _brings_mail(path: str) -> bool:
    return path.partition("/")[2].startswith("inbound")


def _has_secret(request: HttpRequest) -> bool:
    """Whether the secret came along; never where there is none."""
    secrets = settings.ANYMAIL.get("WEBHOOK_SECRET") or []
    allowed = [secrets] if isinstance(secrets, str) else list(secrets)
    given = get_request_basic_auth(request) or ""
    # Every one is tried, whichever fits: how long it takes says nothing.
    return any([bool(secret) and constant_time_compare(given, secret) for secret in allowed])  # noqa: C419


def _is_short(request: HttpRequest, longest: int) -> bool:
    try:
        return 0 <= int(request.META.get("CONTENT_LENGTH") or 0) <= longest
    except ValueError:
        return False
