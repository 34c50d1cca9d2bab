"""`/healthz`: is it well? For load balancers and for whoever is woken at three in the morning."""

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts.watching import watch
from alerts.watching.view import Finding

# What is about everything alike names nobody: as the watchdog says it.
OF_ALL = ("broker", "beat", "workers", "audit")
# The rest in numbers: one and several. Which route, and which mail domain, is not for strangers either.
NUMBERED = {
    "worker": ("worker does not run what it should", "workers do not run what they should"),
    "route": ("route for mail is not well", "routes for mail are not well"),
}
OF_ADVISORIES = {
    "mail": "mail is taken by nobody",
    "shut": "mail waits for a route that is shut",
    "waiting": "mail waits for too long",
    "held": "holds should be over by now",
    "wave": "next bodies should have been reached by now",
    "cascade": "cascade stands still",
    "changes": "changes of the directory are not looked at",
    "chase": "chase does not go on",
    "figures": "figures are not added up",
}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Anybody may ask. 200 when database, broker, beat and all live work are well, otherwise 503 with what is not.

    It looks for itself: a dead beat, and an auditor that nobody rings for, can't report themselves.
    """
    wrong = _wrong()
    return JsonResponse({"well": not wrong, "wrong": wrong}, status=503 if wrong else 200)


def _wrong() -> dict[str, str]:
    """What is not well, by its kind. Which advisory, which worker, and a mail server's words are not for strangers."""
    try:
        found = [one for one in watch.look(timezone.now()) if one.kind not in watch.BESIDE]
    except DatabaseError:
        return {"database": "PostgreSQL does not answer; check DATABASE_URL and the server."}
    kinds = dict.fromkeys(one.kind for one in found)
    return {kind: _words(kind, [one for one in found if one.kind == kind]) for kind in kinds}


def _words(kind: str, found: list[Finding]) -> str:
    if kind in OF_ALL:
        return found[0].says
    of_many = NUMBERED.get(kind)
    says = f"{len(found)} {of_many[len(found) > 1]}" if of_many else f"{_whose(found)} {OF_ADVISORIES[kind]}"
    return f"{says}: see /operations/"


def _whose(found: list[Finding]) -> str:
    """Of how many advisories; mail may be of none."""
    advisories = len({one.subject for one in found if one.subject})
    if not advisories:
        return "Other"
    whose = "1 advisory's" if advisories == 1 else f"{advisories} advisories'"
    return whose if all(one.subject for one in found) else f"{whose} and other"
