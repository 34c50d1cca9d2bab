"""`/healthz`: is it well? For load balancers and for whoever is woken at three in the morning."""

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import watch


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Anybody may ask. 200 when database, broker, beat and all live work are well, otherwise 503 with what is not.

    It looks for itself: a dead beat, and an auditor that nobody rings for, can't report themselves.
    """
    wrong = _wrong()
    return JsonResponse({"well": not wrong, "wrong": wrong}, status=503 if wrong else 200)


def _wrong() -> dict[str, str]:
    """What is not well, by its kind and what it is about. Without the words of a mail server: anybody may ask."""
    try:
        found = watch.look(timezone.now())
    except DatabaseError:
        return {"database": "PostgreSQL does not answer; check DATABASE_URL and the server."}
    return {f"{one.kind} {one.subject}".strip(): one.says for one in found}
