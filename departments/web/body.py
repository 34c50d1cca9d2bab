"""A body's page: where it stands, who is in it, what is below it, what happened to it, and what other apps know of it."""

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from departments.lacks import in_order
from departments.models import Body, BodyEvent, Membership, PersonEvent, Standing
from departments.panels import panels_of
from departments.readiness import can_be_told, refresh
from departments.tree import path
from departments.web.access import may
from departments.web.people import people_of
from departments.web.person_words import told as person_told
from departments.web.words import told

MOST_BELOW = 300
MOST_EVENTS = 50


@require_safe
@may("departments.view_body")
def body(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything about a body; addresses only for those whose branch it is, administrators and auditors."""
    shown = get_object_or_404(Body.objects.select_related("successor"), slug=slug)
    refresh()
    below = list(_below(shown)[: MOST_BELOW + 1])
    context = {
        "body": shown,
        "line": path(shown.pk)[:-1],
        "sponsors": Body.objects.filter(sponsored__body=shown),
        "sponsored": Body.objects.filter(sponsors__sponsor=shown),
        "topics": shown.remit.order_by("topic__slug").values_list("topic__slug", flat=True),
        "aliases": shown.aliases.order_by("text").values_list("text", flat=True),
        **people_of(request, shown),
        **_standing(shown),
        "asked": shown.hold_requests.filter(granted=None).select_related("asked_by").first(),
        "may_change": request.user.has_perm("departments.change_body"),
        "may_grant": request.user.has_perm("departments.grant_hold", shown),
        "may_ask": request.user.has_perm("departments.ask_to_hold", shown),
        "predecessors": shown.predecessors.order_by("name"),
        "below": below[:MOST_BELOW],
        "more_below": len(below) > MOST_BELOW,
        "events": _history(shown, with_addresses=request.user.has_perm("departments.view_addresses", shown)),
        "panels": panels_of(request, shown),
    }
    return render(request, "departments/body.html", context)


def _standing(of: Body) -> dict[str, object]:
    """Whether it can be warned, and what it lacks; as of the refresh before."""
    standing = Standing.objects.filter(body=of).first()
    if standing is None:
        return {"standing": None, "lacks": [], "dark": False, "ready_in_branch": 0}
    return {
        "standing": standing,
        "lacks": in_order(standing.lacks),
        "dark": standing.state == Standing.State.DARK,
        "ready_in_branch": standing.branch_bodies - standing.branch_dark - standing.branch_weak,
    }


def _history(of: Body, *, with_addresses: bool) -> list[tuple[BodyEvent | PersonEvent, str]]:
    """What happened to the body and to the places in it, the latest first, in words."""
    own = [(event, told(event)) for event in of.events.select_related("by")[:MOST_EVENTS]]
    people = [
        (event, f"{event.person.name}: {person_told(event, with_addresses=with_addresses)}")
        for event in of.person_events.select_related("by", "person")[:MOST_EVENTS]
    ]
    latest: list[tuple[BodyEvent | PersonEvent, str]] = [*own, *people]
    return sorted(latest, key=lambda line: line[0].at, reverse=True)[:MOST_EVENTS]


def _below(of: Body) -> QuerySet[Body]:
    reached = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    return of.children.annotate(has_somebody=Exists(reached)).order_by("name", "pk")
