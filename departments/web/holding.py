"""Asking to hold warnings, the parent body's answer, and going back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from departments import holding
from departments.models import Body, HoldRequest
from departments.refusal import Refused
from departments.web.access import may, signed_in
from departments.web.body_forms import HoldForm
from departments.web.form_page import form_page, redirect_to


@require_http_methods(["GET", "HEAD", "POST"])
@may("departments.view_body")
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """For those who answer for the body."""
    body = get_object_or_404(Body.objects.select_related("parent"), slug=slug)
    _only(request, "departments.ask_to_hold", body)

    def act(form: HoldForm) -> tuple[str, str]:
        values = form.cleaned_data
        asked = holding.ask(body, hours=values["hours"], reason=values["reason"], by=signed_in(request))
        if asked is None:
            return f"{body.name} holds warnings for up to {values['hours']} h from now on.", _page_of(body)
        return f"Asked. {body.name} passes warnings on at once until {_parent(body)} consents.", _page_of(body)

    return form_page(
        request,
        HoldForm(request.POST or None),
        act,
        back=_page_of(body),
        title=f"Ask that {body.name} may hold warnings",
        button="Ask for consent",
        body=body,
        intro=(
            "Its contacts then get a warning first, and so many hours to add a note before it goes further by itself. "
            f"Critical warnings are never held. {_parent(body)} has to consent."
        ),
    )


@require_POST
@may("departments.view_body")
def decide(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """For those who answer for the parent body."""
    asked = get_object_or_404(HoldRequest.objects.select_related("body__parent"), pk=number, body__slug=slug)
    _only(request, "departments.grant_hold", asked.body)
    granted = request.POST.get("answer") == "grant"
    if not granted and request.POST.get("answer") != "refuse":
        messages.error(request, "Say whether you consent: nothing was changed.")
        return redirect_to(_page_of(asked.body))
    try:
        holding.decide(asked, granted=granted, by=signed_in(request))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        may_now = f"may hold warnings for up to {asked.hours} h" if granted else "goes on passing warnings on at once"
        messages.success(request, f"{asked.body.name} {may_now}.")
    return redirect_to(_page_of(asked.body))


@require_POST
@may("departments.view_body")
def stop(request: HttpRequest, slug: str) -> HttpResponse:
    """For those who answer for the body: needs nobody's consent."""
    body = get_object_or_404(Body, slug=slug)
    _only(request, "departments.ask_to_hold", body)
    try:
        holding.stop(body, by=signed_in(request))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request, f"{body.name} passes warnings on at once. What it holds now, it holds until it is due."
        )
    return redirect_to(_page_of(body))


def _only(request: HttpRequest, permission: str, body: Body) -> None:
    if not request.user.has_perm(permission, body):
        raise PermissionDenied


def _parent(body: Body) -> str:
    return body.parent.name if body.parent else "an administrator"


def _page_of(body: Body) -> str:
    return reverse("departments:body", args=[body.slug])
