"""One place in a body: its page, and the presses that change it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from departments import seating
from departments.models import Membership, Person
from departments.noting import Done
from departments.web.access import may, signed_in
from departments.web.person_asking import body_page, find_place, person_page, press
from departments.web.person_forms import roles
from departments.web.person_words import confirmed


@require_safe
@never_cache
@may("departments.view_body")
def place(request: HttpRequest, pk: int) -> HttpResponse:
    """What can be changed about this place, for those who may change the people of its body."""
    found = find_place(request, pk)
    powers = request.user.has_perm("departments.name_heads", found.body)
    given = roles(powers)
    return render(
        request,
        "departments/place.html",
        {
            "place": found,
            "role": seating.spoken(found.role),
            "confirmed": confirmed(found),
            "ways": seating.WAYS,
            "roles": given,
            "hours": Membership.Hours.choices,
            "theirs": any(value == found.role for value, _ in given),
            "myself": found.person_id == signed_in(request).pk,
            "may_open": request.user.has_perm("departments.view_person", found.person),
        },
    )


def _change(request: HttpRequest, pk: int, act: Callable[[Membership, Person], Done]) -> HttpResponse:
    found = find_place(request, pk)
    to_person = request.POST.get("back") == "person"
    back = person_page(found.person_id) if to_person else body_page(found.body.slug)
    return press(request, lambda: act(found, signed_in(request)), back)


@require_POST
@may("departments.view_body")
def verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody spoke to them."""
    return _change(request, pk, lambda found, by: seating.verify(found, by, request.POST.get("how", "")))


@require_POST
@may("departments.view_body")
def role(request: HttpRequest, pk: int) -> HttpResponse:
    """Another role."""
    return _change(request, pk, lambda found, by: seating.change_role(found, request.POST.get("role", ""), by))


@require_POST
@may("departments.view_body")
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """Another order among those of the role."""
    typed = request.POST.get("order", "").strip()
    # -1 is refused by the verb, as whatever is no number is.
    number = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else -1
    return _change(request, pk, lambda found, by: seating.reorder(found, number, by))


@require_POST
@may("departments.view_body")
def hours(request: HttpRequest, pk: int) -> HttpResponse:
    """In hours, or out of hours."""
    return _change(request, pk, lambda found, by: seating.set_hours(found, request.POST.get("hours", ""), by))


@require_POST
@may("departments.view_body")
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """The place ends."""
    return _change(request, pk, seating.unseat)
