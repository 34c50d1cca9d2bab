"""What stands about advisories on a body's own page."""

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from alerts.models import Relay
from alerts.web.asking import title_of
from alerts.web.home import visible
from departments.models import Body, Person

SHOWN = 20


def told(request: HttpRequest, body: Body) -> SafeString:
    """The latest advisories that travelled through this body, as far as this person may see them."""
    if not isinstance(request.user, Person):
        return SafeString("")
    relays = (
        Relay.objects.filter(body=body, advisory__in=visible(request.user))
        .select_related("advisory__current", "advisory__draft", "released_by")
        .order_by("-advisory__published_at", "-pk")[:SHOWN]
    )
    lines = [(relay, title_of(relay.advisory)) for relay in relays]
    return render_to_string("alerts/parts/told.html", {"lines": lines, "body": body}, request)
