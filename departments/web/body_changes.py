"""The pages on which a body is added, corrected, moved, closed or opened again. For administrators."""

from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from departments import changing, closing
from departments.models import Body
from departments.refusal import Refused
from departments.web.access import may, signed_in
from departments.web.body_forms import AddForm, ChangeForm, CloseForm, MoveForm, WhyForm
from departments.web.form_page import form_page, redirect_to, show_form

SALT = "departments.body.seen"
DIRECTORY = "departments.change_body"


def _page_of(body: Body) -> str:
    return reverse("departments:body", args=[body.slug])


@require_http_methods(["GET", "HEAD", "POST"])
@may(DIRECTORY)
def add(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A new body below this one; at the top where none is named."""
    under = get_object_or_404(Body, slug=slug) if slug else None

    def act(form: AddForm) -> tuple[str, str]:
        slug, by = form.cleaned_data["slug"], signed_in(request)
        made = changing.add(under, slug=slug, by=by, particulars=form.particulars())
        return f"{made.name} is in the directory. It has nobody to tell yet: name somebody.", _page_of(made)

    return form_page(
        request,
        AddForm(request.POST or None, initial={"calendar": under.calendar} if under else None),
        act,
        back=_page_of(under) if under else reverse("departments:tree"),
        title=f"Add a body below {under.name}" if under else "Add a body at the top",
        button="Add it",
        body=under,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@may(DIRECTORY)
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Its name, kind, other names, remit, sponsors, domain, bank holidays."""
    body = get_object_or_404(Body, slug=slug)
    now = changing.particulars_of(body)

    def act(form: ChangeForm) -> tuple[str, str]:
        changed = changing.change(
            body,
            by=signed_in(request),
            particulars=form.particulars(),
            seen=_seen(request.POST.get("seen", "")),
            below=form.cleaned_data["below"],
        )
        said = f"Changed: {', '.join(changed)}." if changed else "Nothing was different, so nothing was changed."
        return said, _page_of(body)

    form = ChangeForm(request.POST or None, initial=asdict(now))
    # Told as it was when the form was first opened, so that a second try does not pass over what somebody else wrote.
    seen = request.POST.get("seen") or signing.dumps(_plain(now), salt=SALT)
    return form_page(
        request, form, act, back=_page_of(body), title=f"Change {body.name}", button="Keep", body=body, seen=seen
    )


def _plain(particulars: changing.Particulars) -> dict[str, Any]:
    opened = particulars.opened
    return {**asdict(particulars), "opened": opened.isoformat() if opened else None}


def _seen(token: str) -> changing.Particulars | None:
    try:
        seen = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise Refused("This form came back damaged. Open it again; nothing was changed.") from None
    form = {**seen, **{name: tuple(seen[name]) for name in ("aliases", "topics", "sponsors")}}
    return changing.Particulars(**{**form, "opened": changing.day_of(seen["opened"])})


@require_http_methods(["GET", "HEAD", "POST"])
@may(DIRECTORY)
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Under another body."""
    body = get_object_or_404(Body.objects.select_related("parent"), slug=slug)

    def act(form: MoveForm) -> tuple[str, str]:
        under = form.cleaned_data["under"]
        seen, why = request.POST.get("seen"), form.cleaned_data["why"]
        moved = changing.move(body, under=under, by=signed_in(request), why=why, seen=_under(seen))
        where = under.name if under else "the top"
        if not moved:
            return f"{body.name} hung under {where} already.", _page_of(body)
        said = f"{body.name} hangs under {where} now, with all below it. Live warnings follow within two minutes."
        return said, _page_of(body)

    where = body.parent.name if body.parent else "the top"
    return form_page(
        request,
        MoveForm(request.POST or None),
        act,
        back=_page_of(body),
        title=f"Move {body.name}",
        button="Move it",
        body=body,
        seen=request.POST.get("seen") or f"under:{body.parent.slug if body.parent else ''}",
        intro=f"It hangs under {where} now. Whatever hangs below it moves along.",
    )


def _under(seen: str | None) -> str | None:
    """The slug of the parent that the form was opened with, "" for the top; None where it did not say."""
    return seen.removeprefix("under:") if seen else None


@require_http_methods(["GET", "HEAD", "POST"])
@may(DIRECTORY)
def close(request: HttpRequest, slug: str) -> HttpResponse:
    """Close it, or merge it into another: first what would happen, then the press."""
    body = get_object_or_404(Body, slug=slug)
    form = CloseForm(request.POST or None)
    page: dict[str, Any] = {"title": f"Close or merge {body.name}", "body": body, "back": _page_of(body)}
    first = {**page, "button": "Show what will happen"}
    if not (form.is_bound and form.is_valid()):
        return show_form(request, form, **first)
    values = form.cleaned_data
    try:
        if request.POST.get("sure") != "yes":
            seen = closing.preview(body, on=values["on"], why=values["why"], successor=values["successor"])
            return show_form(
                request, form, **page, preview=seen, successor=values["successor"], button="Close it now", danger=True
            )
        done = closing.close(
            body, by=signed_in(request), on=values["on"], why=values["why"], successor=values["successor"]
        )
    except Refused as refused:
        form.add_error(None, str(refused))
        return show_form(request, form, **first)
    messages.success(request, _closed(body, values["successor"], done))
    return redirect_to(_page_of(body))


def _closed(body: Body, successor: Body | None, done: closing.Closed) -> str:
    if successor is not None:
        return f"{body.name} is closed; {successor.name} has taken over, with {done.handed_on} of its people's places."
    lost = f" {len(done.nowhere)} of its people now sit nowhere and are told nothing." if done.nowhere else ""
    return f"{body.name} is closed.{lost}"


@require_http_methods(["GET", "HEAD", "POST"])
@may(DIRECTORY)
def reopen(request: HttpRequest, slug: str) -> HttpResponse:
    """Open it again: it was closed by mistake."""
    body = get_object_or_404(Body, slug=slug)

    def act(form: WhyForm) -> tuple[str, str]:
        closing.reopen(body, by=signed_in(request), why=form.cleaned_data["why"])
        return f"{body.name} is open again. Its people are not brought back by this: name them.", _page_of(body)

    return form_page(
        request,
        WhyForm(request.POST or None),
        act,
        back=_page_of(body),
        title=f"Open {body.name} again",
        button="Open it again",
        body=body,
        intro="For one that was closed by mistake. Whoever sat in it has to be named again.",
    )
