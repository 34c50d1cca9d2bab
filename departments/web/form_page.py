"""A page with one form: shown, posted, refused with all that was typed, or done and gone on."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from departments.refusal import Refused

F = TypeVar("F", bound=Form)


def form_page(
    request: HttpRequest,
    form: F,
    act: Callable[[F], tuple[str, str]],
    *,
    back: str,
    title: str,
    button: str,
    danger: bool = False,
    **context: Any,
) -> HttpResponse:
    """Show the form; posted and right, call `act`, which returns a sentence to say and the page (a path) to go on to.

    What `act` refuses stands above the form, with all that was typed (422). `back` leads away without doing anything.
    """
    if request.method == "POST" and form.is_valid():
        try:
            said, then = act(form)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, said)
            return redirect_to(then)
    return show_form(request, form, title=title, button=button, danger=danger, back=back, **context)


def show_form(request: HttpRequest, form: Form, **context: Any) -> HttpResponse:
    """The page of a form; 422 where it was posted and is wrong."""
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "departments/form.html", {"form": form, **context}, status=status)


def redirect_to(path: str) -> HttpResponse:
    """On to this page, whatever the method was (303, RFC 9110, section 15.4.4)."""
    response = HttpResponseRedirect(path)
    response.status_code = 303
    return response
