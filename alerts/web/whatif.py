"""Trying an advisory on a register of one's own: three files in, one sheet out. Nothing is kept."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.models import Advisory
from alerts.publishing.advisory_file import parsed
from alerts.publishing.whatif import NotTried, Sheet, Unheard, whatif
from alerts.web.asking import signed_in
from departments.rules import has_a_duty
from departments.web.upload_limit import is_too_large

MEGABYTE = 1_000_000
LARGEST = {"advisory": MEGABYTE, "bodies": 10 * MEGABYTE, "people": 10 * MEGABYTE}  # bytes
# The web server gives up after 30 seconds, and what follows takes a moment as well.
WITHIN = timedelta(seconds=20)
MOST = 2_000  # bodies, and remarks on a file: a page that a browser can still show
TOO_LARGE = "It has more than {limit} MB. For larger ones use the command: manage.py whatif."
ALL_TOO_LARGE = "The files are too large for this page. For larger ones use the command: manage.py whatif."
CHOSEN = {"required": "No file was chosen. Choose one.", "empty": "The file is empty. Choose another one."}


class FilesForm(forms.Form):
    """The three files."""

    advisory = forms.FileField(
        label="The advisory", help_text="JSON, as for publishing; 1 MB at most.", error_messages=CHOSEN
    )
    bodies = forms.FileField(
        label="The bodies",
        help_text="A CSV with the columns slug, name, kind, parent and topics (divided by semicolons), or the JSON of "
        "GOV.UK's organisations; 10 MB at most.",
        error_messages=CHOSEN,
    )
    people = forms.FileField(
        label="The people",
        help_text="A CSV with the columns email, name, body (its slug) and role; 10 MB at most.",
        error_messages=CHOSEN,
    )

    def clean(self) -> dict[str, Any]:
        """None of them too large."""
        found = super().clean() or self.cleaned_data
        for name, limit in LARGEST.items():
            if name in found and found[name].size > limit:
                self.add_error(name, TOO_LARGE.format(limit=limit // MEGABYTE))
        return found


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def try_it(request: HttpRequest) -> HttpResponse:
    """For everybody with a duty. Posted: the sheet, or the form with what is to be mended (422)."""
    if not has_a_duty(signed_in(request)):
        raise PermissionDenied
    if request.method != "POST":
        return _form(request, FilesForm())
    if is_too_large(request):
        return _form(request, FilesForm(), ALL_TOO_LARGE, 413)
    form = FilesForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            sheet = _tried(form.cleaned_data)
        except NotTried as error:
            for name, sentences in error.wrong.items():
                form.add_error(name or None, sentences)
        else:
            return render(request, "alerts/whatif_sheet.html", _shown(sheet))
    return _form(request, form, status=422)


def _form(request: HttpRequest, form: FilesForm, refused: str = "", status: int = 200) -> HttpResponse:
    return render(request, "alerts/whatif.html", {"form": form, "refused": refused}, status=status)


def _tried(files: dict[str, Any]) -> Sheet:
    """The loaders read files, so they are two for as long as that takes."""
    try:
        advisory = parsed(files["advisory"].read())
    except ValueError as error:
        raise NotTried({"advisory": [f"The file {error}"]}) from None
    with tempfile.TemporaryDirectory(prefix="whatif-") as folder:
        paths = {name: Path(folder, name) for name in ("bodies", "people")}
        for name, path in paths.items():
            with path.open("wb") as copy:
                copy.writelines(files[name].chunks())
        return whatif(advisory, paths["bodies"], paths["people"], within=WITHIN)


def _shown(sheet: Sheet) -> dict[str, object]:
    """The sheet, its lists as far as a page can hold them."""
    left = MOST
    groups: list[tuple[str, list[Unheard]]] = []
    for branch, bodies in sheet.unheard:
        if left > 0:
            groups.append((branch, bodies[:left]))
        left -= len(bodies)
    return {
        "sheet": sheet,
        # What its label shows; nothing of it is a row.
        "advisory": Advisory(reference="Tried, not published", severity=sheet.severity, marking=sheet.marking),
        "label": sheet.marking.lower().replace("+", "-"),
        "groups": groups,
        "more": max(-left, 0),
        "register": sheet.register,
        "remarks": [(what, lines[:MOST], max(len(lines) - MOST, 0)) for what, lines in sheet.remarks],
    }
