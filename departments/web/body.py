"""A body's page: where it stands, who is in it, what is below it, what happened to it, and what other apps know of it."""

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from departments.models import Body, Membership
from departments.panels import panels_of
from departments.readiness import can_be_told
from departments.tree import path
from departments.web.access import may
from departments.web.people import people_of
from departments.web.words import told

MOST_BELOW = 300
MOST_EVENTS = 50


@require_safe
@may("departments.view_body")
def body(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything about a body; addresses only for those whose branch it is, administrators and auditors."""
    shown = get_object_or_404(Body.objects.select_related("successor"), slug=slug)
    below = list(_below(shown)[: MOST_BELOW + 1])
    context = {
        "body": shown,
        "line": path(shown.pk)[:-1],
        "sponsors": Body.objects.filter(sponsored__body=shown),
        "sponsored": Body.objects.filter(sponsors__sponsor=shown),
        "topics": shown.remit.order_by("topic__slug").values_list("topic__slug", flat=True),
        "aliases": shown.aliases.order_by("text").values_list("text", flat=True),
        **people_of(request, shown),
        "dark": shown.closed is None and not shown.memberships.filter(can_be_told).exists(),
        "below": below[:MOST_BELOW],
        "more_below": len(below) > MOST_BELOW,
        "events": [(event, told(event)) for event in shown.events.select_related("by")[:MOST_EVENTS]],
        "panels": panels_of(request, shown),
    }
    return render(request, "departments/body.html", context)


def _below(of: Body) -> QuerySet[Body]:
    reached = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    return of.children.annotate(has_somebody=Exists(reached)).order_by("name", "pk")
