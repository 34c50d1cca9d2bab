"""What is changed about a person: each a form of its own, or one press."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from departments import delegating, people, seating
from departments.models import Body, Delegation
from departments.noting import Done
from departments.web.access import may, signed_in
from departments.web.person_asking import ask, body_page, find_person, person_page, press, require
from departments.web.person_forms import AddForm, CorrectForm, DelegateForm, LeaveForm, PlaceForm

form_page = require_http_methods(["GET", "HEAD", "POST"])


@form_page
@never_cache
@may("departments.view_body")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Somebody for this body: its own contact, deputy or head, one above it, or an administrator."""
    body = get_object_or_404(Body, slug=slug)
    require(request, "departments.change_people", body)
    form = AddForm(request.POST or None, powers=request.user.has_perm("departments.name_heads", body))
    return ask(
        request,
        form,
        lambda said: people.add(body, signed_in(request), **said),
        lambda done: body_page(body.slug),
        title=f"Add somebody to {body.name}",
        button="Add them",
        back=body_page(body.slug),
    )


@form_page
@never_cache
@may("departments.view_body")
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """What is written of somebody."""
    person = find_person(request, pk, "departments.change_person")
    return ask(
        request,
        CorrectForm(request.POST or None, initial=CorrectForm.of(person)),
        lambda said: people.correct(person, signed_in(request), **said),
        lambda done: person_page(pk),
        title=f"Correct {person.name}",
        lead="A new address takes the place of the old one everywhere. They then set a new password by mail.",
        button="Correct",
        back=person_page(pk),
    )


@form_page
@never_cache
@may("departments.view_body")
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody left."""
    person = find_person(request, pk, "departments.change_person")
    return ask(
        request,
        LeaveForm(request.POST or None, initial={"on": timezone.localdate()}),
        lambda said: people.leave(person, signed_in(request), **said),
        lambda done: person_page(pk),
        title=f"{person.name} has left",
        lead="No new warning is sent to them; of those that they were told of, they still hear what changes. Every place of "
        "theirs ends, and so does every delegation. What they were told and answered is kept.",
        button="They have left",
        danger=True,
        back=person_page(pk),
    )


@require_POST
@may("departments.view_body")
def come_back(request: HttpRequest, pk: int) -> HttpResponse:
    """A leaver is here again."""
    person = find_person(request, pk, "departments.change_person")
    return press(request, lambda: people.come_back(person, signed_in(request)), person_page(pk))


@require_POST
@may("departments.view_body")
def reached(request: HttpRequest, pk: int) -> HttpResponse:
    """For administrators: mail reaches somebody again whose mail came back, or was not sent any more."""
    person = find_person(request, pk, "departments.say_reached")
    return press(request, lambda: people.reached_again(person, signed_in(request)), person_page(pk))


@form_page
@never_cache
@may("departments.view_body")
def add_place(request: HttpRequest, pk: int) -> HttpResponse:
    """A further place for somebody, in a body whose people this viewer may change."""
    person = find_person(request, pk, "departments.view_person")

    def act(said: dict[str, Any]) -> Done:
        require(request, "departments.change_people", said["body"])
        return seating.add_place(person, by=signed_in(request), **said)

    return ask(
        request,
        PlaceForm(request.POST or None, powers=request.user.has_perm("departments.name_heads")),
        act,
        lambda done: person_page(pk),
        title=f"Give {person.name} a place",
        button="Give the place",
        back=person_page(pk),
    )


@form_page
@never_cache
@may("departments.view_body")
def name_delegate(request: HttpRequest, pk: int) -> HttpResponse:
    """Who opens somebody's mail."""
    person = find_person(request, pk, "departments.name_delegate")
    return ask(
        request,
        DelegateForm(request.POST or None),
        lambda said: delegating.name_delegate(person, said["email"], said["name"], said["until"], signed_in(request)),
        lambda done: person_page(pk),
        title=f"Who opens {person.name}'s mail?",
        lead="A delegate, such as a minister's office, opens the mail and may answer for them, by name and until a day. "
        "What is written to a delegate in this way is not passed on to the delegate's own delegates.",
        button="Name the delegate",
        back=person_page(pk),
    )


@require_POST
@may("departments.view_body")
def end_delegation(request: HttpRequest, pk: int) -> HttpResponse:
    """A delegate opens the mail no more."""
    found = get_object_or_404(Delegation.objects.select_related("person"), pk=pk)
    require(request, "departments.name_delegate", found.person)
    return press(request, lambda: delegating.end_delegation(found, signed_in(request)), person_page(found.person_id))
