"""Figures kept under a code: keeping them, finding them again by it, and taking them along."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import exports, outbox
from alerts.coverage import citing
from alerts.models import Citation
from alerts.publishing import desk
from alerts.web.asking import find, signed_in
from alerts.web.coverage import kept
from alerts.web.coverage.pictures import as_file
from alerts.web.coverage.scoping import looked_at
from alerts.web.coverage.view import view_of
from alerts.web.limits import DAY, too_many_by
from alerts.web.posted import readable_form
from alerts.web.record_words import as_at
from departments.models import Person

# No more rows than somebody can have pressed for.
OPENED = 200
# So often somebody keeps figures within a minute, and within a day.
MOST, MOST_A_DAY = 10, 50
TOO_OFTEN = "Nothing was kept: that was very often within a minute. Wait for one, then press again."
ENOUGH = f"Nothing was kept: you keep figures {MOST_A_DAY} times a day at most. What you kept is still there; go on tomorrow."
NO_SUCH = "No figures are kept under this code that you may see. Read it again, character by character."
MISREAD = "That is no code: it has eight characters, and one of these is wrong or missing."


@readable_form
@require_POST
@login_required
def keep(request: HttpRequest, reference: str) -> HttpResponse:
    """Keep what the page says now, for whoever may see that page. Pressed twice on the same page: the same code."""
    advisory = find(request, reference, "alerts.view_coverage")
    if advisory.current_id is None:
        raise Http404("It has not been published.")
    looked, by = looked_at(request, advisory), signed_in(request)
    shown = request.POST.get("shown", "").replace("\0", "")
    cited = citing.kept_before(advisory, looked.scope, looked.body, by, shown)
    if cited is None:
        if wrong := _too_often(by):
            messages.error(request, wrong)
            return redirect(f"{reverse('alerts:coverage', args=[reference])}{looked.address}")
        opened = list(dict.fromkeys(slug.replace("\0", "") for slug in request.POST.getlist("open")))[:OPENED]
        view = view_of(advisory, by, opened, looked)
        svg, png = kept.pictures(looked.scope, advisory)
        content = kept.content_of(advisory, view, by)
        cited = citing.keep(advisory, looked.scope, looked.body, by, content, svg, png, view.as_at, shown)
        messages.success(
            request, f"Kept. Whoever may see them finds exactly these figures under {citing.spelled(cited.code)}."
        )
    return redirect("figures", citing.spelled(cited.code))


@require_safe
@never_cache
@login_required
def find_figures(request: HttpRequest) -> HttpResponse:
    """Where a code is typed, for everybody who is signed in."""
    typed = request.GET.get("code", "").replace("\0", "")
    if not typed.strip():
        return _ask(request)
    code = citing.read(typed)
    if not code:
        return _ask(request, typed, MISREAD)
    cited = citing.find(code)
    if cited is None or not citing.may_open(signed_in(request), cited):
        return _ask(request, typed, NO_SUCH)
    return redirect("figures", citing.spelled(code))


@require_safe
@never_cache
@login_required
def figures(request: HttpRequest, code: str) -> HttpResponse:
    """Exactly the figures that were kept, for whoever sees as much of the advisory today; others: there is no such code."""
    read = citing.read(code)
    cited = _may_open(request, read)
    if cited is None:
        return _ask(request, code, NO_SUCH if read else MISREAD)
    if code != citing.spelled(read):
        return redirect("figures", citing.spelled(read))
    viewer = signed_in(request)
    return render(
        request, "alerts/figures.html", _context(cited, kept.shown(cited, viewer), mails=outbox.can_reach(viewer))
    )


def _too_often(person: Person) -> str:
    """What is said to somebody who has kept enough; "" where they have not."""
    if too_many_by(person, "keep", MOST):
        return TOO_OFTEN
    return ENOUGH if too_many_by(person, "keep", MOST_A_DAY, DAY) else ""


@require_safe
@login_required
def picture(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """The picture as it was kept, for whoever may see the figures, unless what is drawn in it is too low a marking by now."""
    cited = _or_404(request, code)
    if not kept.picture_stands(cited):
        raise Http404("Its picture bears a lower marking than the advisory does now.")
    drawn = cited.svg.encode() if kind == "svg" else bytes(cited.png)
    if not drawn:
        raise Http404("No picture was kept with them.")
    said = cited.content
    name = exports.name_of(
        said["reference"], f"figures-{citing.spelled(cited.code)}", said["marking"], kind, exercise=said["exercise"]
    )
    return as_file(request, drawn, kind, name, said["marking"])


@require_safe
@never_cache
@login_required
def table(request: HttpRequest, code: str, kind: str) -> StreamingHttpResponse:
    """Its table as a file, for whoever may see the figures."""
    cited = _or_404(request, code)
    said = kept.shown(cited, signed_in(request))
    spelled = citing.spelled(cited.code)
    if kind == "csv":
        content = exports.as_csv(kept.COLUMNS, kept.rows(said))
    else:
        head = {"code": spelled, "as_at": cited.at, "kept_at": cited.kept_at, **kept.head(said)}
        content = exports.as_json(head, kept.COLUMNS, kept.rows(said))
    response = StreamingHttpResponse(content, content_type=exports.TYPES[kind])
    name = exports.name_of(said["reference"], f"figures-{spelled}", said["marking"], kind, exercise=said["exercise"])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@readable_form
@require_POST
@login_required
def mail(request: HttpRequest, code: str) -> HttpResponse:
    """Mail it to whoever asks and may see the figures; once."""
    cited, person = _or_404(request, code), signed_in(request)
    spelled = citing.spelled(cited.code)
    if not outbox.can_reach(person):
        messages.error(request, "No mail was made: mail to your address came back. Ask your contact to correct it.")
        return redirect("figures", spelled)
    with transaction.atomic():
        is_new = desk.report(cited, person.pk, timezone.now())
    if is_new:
        messages.success(request, f"It is on its way to {person.email}.")
    else:
        messages.info(
            request, f"It was mailed to you before, and is not mailed twice: look for {spelled} among your mails."
        )
    return redirect("figures", spelled)


def _may_open(request: HttpRequest, code: str) -> Citation | None:
    """The citation, where there is one and this person sees as much as it shows."""
    cited = citing.find(code)
    return cited if cited is not None and citing.may_open(signed_in(request), cited) else None


def _or_404(request: HttpRequest, code: str) -> Citation:
    cited = _may_open(request, citing.read(code))
    if cited is None:
        raise Http404(NO_SUCH)
    return cited


def _ask(request: HttpRequest, typed: str = "", wrong: str = "") -> HttpResponse:
    context = {"typed": typed.replace("\0", "")[: citing.LONGEST_TYPED], "wrong": wrong}
    return render(request, "alerts/figures_find.html", context, status=404 if wrong else 200)


def _context(cited: Citation, said: dict[str, Any], *, mails: bool) -> dict[str, Any]:
    spelled = citing.spelled(cited.code)
    now = reverse("alerts:coverage", args=[cited.advisory.reference])
    query = {"in": said["body"]["slug"]} if said["body"] else {}
    if said["own"]:
        query["own"] = "1"
    return {
        "cited": cited,
        "code": spelled,
        "kept": said,
        "address": f"{settings.SITE_URL}{reverse('figures', args=[spelled])}",
        "moment": as_at(cited.at),
        "no_word": not said["reports_delivery"],
        "now": f"{now}?{urlencode(query)}" if query else now,
        "since": kept.since(cited),
        "drawn": kept.picture_stands(cited) and Citation.objects.filter(pk=cited.pk).exclude(svg="").exists(),
        "mails": mails,
    }
