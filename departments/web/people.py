"""The people of a body: the table on its page."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest

from departments.models import Body, Membership, Role
from departments.seating import spoken
from departments.web.person_words import confirmed

ON_A_PAGE = 100

# Those who answer for the body first.
ORDER = [Role.HEAD, Role.CONTACT, Role.DEPUTY, Role.OFFICER, Role.MEMBER]
# Those whom a warning needs, and who are asked whether they are still there.
ANSWERING = {Role.CONTACT, Role.DEPUTY, Role.HEAD}


@dataclass(frozen=True)
class Row:
    """A place as the table shows it."""

    place: Membership
    role: str
    """In a word or two."""
    confirmed: str
    """"" where nobody asks: of members."""
    may_open: bool
    """This viewer may see the person's own page."""
    may_verify: bool


def people_of(request: HttpRequest, body: Body) -> dict[str, object]:
    """What `departments/parts/people.html` shows: those who are here today, those who answer for the body first.

    `?people=2` is the second page. A constant number of queries, whatever the number of people.
    """
    user = request.user
    may_see = user.has_perm("departments.view_addresses", body)
    may_change = body.closed is None and user.has_perm("departments.change_people", body)
    page = Paginator(_here(body), ON_A_PAGE).get_page(request.GET.get("people"))
    rows = [_row(place, user.pk, may_see, may_change) for place in page]
    return {
        "people": rows,
        "people_page": page,
        "may_see_addresses": may_see,
        "may_change_people": may_change,
    }


def _row(place: Membership, viewer: int | None, may_see: bool, may_change: bool) -> Row:
    myself = place.person_id == viewer
    return Row(
        place=place,
        role=spoken(place.role),
        confirmed=confirmed(place) if place.role in ANSWERING or place.verified_at else "",
        # Whoever has a duty in this body or above it may see the page of everybody in it.
        may_open=may_see or myself,
        may_verify=may_change and not myself and place.role in ANSWERING,
    )


def _here(body: Body) -> QuerySet[Membership]:
    rank = Case(*(When(role=role, then=place) for place, role in enumerate(ORDER)), default=len(ORDER))
    here = body.memberships.filter(until=None, person__left_at=None).select_related("person")
    return here.order_by(rank, "order", "person__name", "pk")
