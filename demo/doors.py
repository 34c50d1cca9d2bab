"""The demo's front page: one press, and the visitor is the officer, a clerk, an MP, an administrator, the operator.

In development only: the app is not installed outside of it, and each view asks again.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts.models import Advisory
from alerts.web.home import home
from demo.cast import ADMINISTRATOR, APPROVER, AUDITOR, CLERK, MP, OFFICER, OPERATOR, Player
from departments.models import Person


@dataclass(frozen=True)
class Door:
    """A way into the demo. Whoever has no duty never signs in: their door is their mail."""

    key: str
    title: str
    player: Player
    leads_to: str
    signs_in: bool = True
    to_mail: bool = False

    def target(self) -> str:
        """Where this door leads."""
        if self.to_mail:
            return f"{reverse('mailbox:list')}?{urlencode({'q': self.player.email})}"
        if self.key in ("officer", "operator", "auditor"):
            advisory = Advisory.objects.filter(current__isnull=False).order_by("-pk").first()
            if advisory is not None:
                page = "alerts:advisory" if self.key == "officer" else "alerts:coverage"
                return reverse(page, args=[advisory.reference])
        return reverse("departments:tree") if self.key == "administrator" else reverse("home")


DOORS = (
    Door("officer", "The officer", OFFICER, "the advisory, and its second revision to publish"),
    Door("approver", "The second officer", APPROVER, "what waits for a second pair of eyes"),
    Door("clerk", "A clerk's phone", CLERK, "her mail, as a committee's contact", to_mail=True),
    Door("mp", "An MP", MP, "her mail; she never signs in", signs_in=False, to_mail=True),
    Door("administrator", "An administrator", ADMINISTRATOR, "the tree, and who in it can't be told"),
    Door("operator", "The operator", OPERATOR, "where the warning is now"),
    Door("auditor", "An auditor", AUDITOR, "everything, to read and not to change"),
)


def _development_only() -> None:
    if not settings.DEBUG:
        raise Http404


@require_safe
@never_cache
def first(request: HttpRequest) -> HttpResponse:
    """`/`: the doors for a visitor of a development machine, the first page of the product for everybody else."""
    if settings.DEBUG and not request.user.is_authenticated:
        return doors(request)
    return home(request)


@require_safe
@never_cache
def doors(request: HttpRequest) -> HttpResponse:
    """Anybody on a development machine."""
    _development_only()
    return render(request, "demo/doors.html", {"doors": DOORS})


@require_POST
def enter(request: HttpRequest, key: str) -> HttpResponse:
    """Anybody on a development machine becomes one of the cast."""
    _development_only()
    door = next((door for door in DOORS if door.key == key), None)
    if door is None:
        raise Http404
    if door.signs_in:
        person = Person.objects.get(email=door.player.email)
        login(request, person, backend="departments.signing_in.DutyBackend")
    else:
        logout(request)
    return redirect(door.target())
