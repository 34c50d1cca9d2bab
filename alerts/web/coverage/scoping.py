"""Which part of an advisory a coverage page is about, as its address says it, within what its viewer may see."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest
from django.utils.http import urlencode

from alerts import rules
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Relay
from alerts.web.asking import signed_in
from departments.models import Body


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at, and how the address says it."""

    scope: Scope
    everything: bool
    """Whether its viewer sees the whole advisory."""
    body: Body | None
    """On top of the branch that is looked at; None: all that its viewer sees."""

    @property
    def query(self) -> dict[str, str]:
        """What its addresses carry."""
        said = {"in": self.body.slug} if self.body else {}
        return {**said, "own": "1"} if self.scope.own else said

    @property
    def address(self) -> str:
        """The same as a query string, "?" included; "" where nothing narrows it."""
        return f"?{urlencode(self.query)}" if self.query else ""


def looked_at(request: HttpRequest, advisory: Advisory) -> Looked:
    """`?in=<slug>` is that body's branch, `&own=1` its own people alone. 404 for what this viewer does not see of it."""
    asked = request.GET if request.method in ("GET", "HEAD") else request.POST
    person = signed_in(request)
    everything = rules.sees_everything(person, advisory)
    bodies = None if everything else rules.own_branches(person)
    slug = asked.get("in", "").replace("\0", "")
    if not slug:
        return Looked(scope(advisory.pk, bodies), everything, None)
    relay = (
        Relay.objects.filter(advisory=advisory, body__slug=slug)
        .exclude(purpose=Relay.Purpose.LEFT)
        .select_related("body")
        .first()
    )
    if relay is None or (bodies is not None and relay.body_id not in bodies):
        raise Http404("This advisory has no such body.")
    return Looked(scope(advisory.pk, bodies, relay.pk, own=asked.get("own") == "1"), everything, relay.body)
