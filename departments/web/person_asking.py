"""What the pages about people have in common: finding somebody, asking whether this viewer may, saying what was done."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from departments.models import Membership, Person
from departments.noting import Done
from departments.refusal import Refused


def find_person(request: HttpRequest, pk: int, permission: str) -> Person:
    """The person with this number. 404 where there is none, 403 where this viewer may not."""
    found = get_object_or_404(Person, pk=pk)
    require(request, permission, found)
    return found


def find_place(request: HttpRequest, pk: int) -> Membership:
    """The place with this number, for those who may change the people of its body."""
    found = get_object_or_404(Membership.objects.select_related("person", "body"), pk=pk)
    require(request, "departments.change_people", found.body)
    return found


def require(request: HttpRequest, permission: str, of: Model | None) -> None:
    """403 unless this viewer has the permission."""
    if not request.user.has_perm(permission, of):
        raise PermissionDenied


def body_page(slug: str) -> str:
    """Where a body's people stand."""
    return f"{reverse('departments:body', args=[slug])}#people"


def person_page(pk: int) -> str:
    """Where a person stands."""
    return reverse("people:person", args=[pk])


def say(request: HttpRequest, done: Done) -> None:
    """Tell the viewer what was done, and what they had better look at."""
    (messages.success if done.changed else messages.info)(request, done.said)
    if done.hint:
        messages.warning(request, done.hint)


def press(request: HttpRequest, act: Callable[[], Done], back: str) -> HttpResponse:
    """Do it and say so, or say why not; then back to the page."""
    try:
        say(request, act())
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect(back)


def ask(
    request: HttpRequest,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Done],
    after: Callable[[Done], str],
    **page: Any,
) -> HttpResponse:
    """Show the form; when it is posted and right, do it, say so and go on. All that was typed stays where it is not."""
    if request.method == "POST" and form.is_valid():
        try:
            done = act(form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            say(request, done)
            return redirect(after(done))
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "departments/person_form.html", {"form": form, **page}, status=status)
