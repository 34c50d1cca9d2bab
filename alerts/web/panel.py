"""What stands about advisories on a body's own page."""

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from alerts import rules
from alerts.models import Relay, Seat
from alerts.models.figures import OUT_OF_REACH
from alerts.web.asking import title_of
from alerts.web.home import visible
from departments.models import Body, Person

SHOWN = 20


def told(request: HttpRequest, body: Body) -> SafeString:
    """The latest advisories that travelled through this body, as far as this person may see them."""
    if not isinstance(request.user, Person):
        return SafeString("")
    # Told, or not yet: whom mail does not reach can't be told.
    somebody = Seat.objects.filter(relay=OuterRef("pk")).filter(
        Q(recipient__told_revision__gt=0) | Q(ended_at=None) & ~Q(recipient__outcome__in=OUT_OF_REACH)
    )
    relays = (
        Relay.objects.filter(body=body, advisory__in=visible(request.user))
        .exclude(purpose=Relay.Purpose.LEFT)
        .select_related("advisory__current", "advisory__draft", "released_by")
        .annotate(heard=Exists(somebody) | Q(stale=True))
        .order_by("-advisory__published_at", "-pk")[:SHOWN]
    )
    issuing = rules.issuing(request.user)
    lines = [(relay, title_of(relay.advisory, request.user, issuing)) for relay in relays]
    return render_to_string("alerts/parts/told.html", {"lines": lines, "body": body}, request)
