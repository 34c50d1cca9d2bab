"""The people of a body: the table on its page, and what those who may can press there."""

from django.db.models import Case, QuerySet, When
from django.http import HttpRequest

from departments.models import Body, Membership, Role

MOST_PEOPLE = 300

# Those who answer for the body first.
ORDER = [Role.HEAD, Role.CONTACT, Role.DEPUTY, Role.OFFICER, Role.MEMBER]


def people_of(request: HttpRequest, body: Body) -> dict[str, object]:
    """What `departments/parts/people.html` shows: those who are here today, those who answer for the body first."""
    people = list(_here(body)[: MOST_PEOPLE + 1])
    return {
        "people": people[:MOST_PEOPLE],
        "more_people": len(people) > MOST_PEOPLE,
        "may_see_addresses": request.user.has_perm("departments.view_addresses", body),
    }


def _here(body: Body) -> QuerySet[Membership]:
    rank = Case(*(When(role=role, then=place) for place, role in enumerate(ORDER)), default=len(ORDER))
    here = body.memberships.filter(until=None, person__left_at=None).select_related("person")
    return here.order_by(rank, "order", "person__name", "pk")
