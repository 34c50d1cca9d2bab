"""Loading bodies and people through the page: put a file in, look at the differences, load it or put it aside."""

import hashlib

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from departments import uploads
from departments.models import Upload
from departments.refusal import Refused
from departments.web.access import may, signed_in
from departments.web.form_page import redirect_to
from departments.web.upload_limit import is_too_large

ON_A_PAGE = 25
MEGABYTES = uploads.LARGEST // 1024**2


class UploadForm(forms.Form):
    """What the file holds, and the file."""

    what = forms.ChoiceField(
        label="What the file holds", choices=Upload.What.choices, widget=forms.RadioSelect, initial=Upload.What.BODIES
    )
    file = forms.FileField(
        label="The file",
        error_messages={
            "required": "No file was chosen. Choose one.",
            "empty": "The file is empty. Choose another one.",
        },
    )


@never_cache
@may("departments.change_body")
@require_http_methods(["GET", "HEAD", "POST"])
def upload_list(request: HttpRequest) -> HttpResponse:
    """The form, and what was put in earlier. Posted: take the file in and go on to its own page."""
    form = UploadForm()
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if is_too_large(request):
            form = UploadForm(initial={"what": request.POST.get("what")})
            return _list_page(request, form, uploads.too_large(), 413)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                if file.size > uploads.LARGEST:
                    raise Refused(uploads.too_large())
                made = uploads.put(form.cleaned_data["what"], file.name, file.read(), signed_in(request))
            except Refused as refused:
                return _list_page(request, form, str(refused), 422)
            return redirect_to(reverse("uploads:one", args=[made.pk]))
    return _list_page(request, form, "", 422 if form.is_bound else 200)


@never_cache
@may("departments.change_body")
@require_GET
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """One upload: how far it is, what differs, what came of it. With htmx only that, or 204 where nothing changed."""
    found = get_object_or_404(Upload.objects.defer("content").select_related("by"), pk=pk)
    waits = found.state in uploads.WAITING
    step = uploads.step_of(found) if waits else ""
    seen = hashlib.sha256(f"{found.state} {step}".encode()).hexdigest()[:16]
    if request.htmx and request.GET.get("seen") == seen:  # type: ignore[attr-defined]  # django-htmx's middleware
        return HttpResponse(status=204)
    context = {"upload": found, "report": found.report, "waits": waits, "step": step, "seen": seen}
    part = request.htmx  # type: ignore[attr-defined]
    return render(request, "departments/upload_state.html" if part else "departments/upload.html", context)


@may("departments.change_body")
@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """The second press: load it, or put it aside."""
    found = get_object_or_404(Upload.objects.defer("content"), pk=pk)
    pressed = request.POST.get("do")
    try:
        if pressed not in ("load", "aside"):
            raise Refused("Press one of the two buttons. Nothing was done.")
        load = pressed == "load"
        uploads.decide(found, load, signed_in(request), close_missing="close_missing" in request.POST)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "It is being loaded." if load else "It was put aside. Nothing was loaded.")
    return redirect_to(reverse("uploads:one", args=[found.pk]))


def _list_page(request: HttpRequest, form: UploadForm, refused: str, status: int) -> HttpResponse:
    page = Paginator(uploads.listed(), ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "refused": refused, "page": page, "megabytes": MEGABYTES}
    return render(request, "departments/upload_list.html", context, status=status)
