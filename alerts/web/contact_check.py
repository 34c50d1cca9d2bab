"""The page behind the link of a contact check: are you still the contact? Whoever holds the link may answer."""

from dataclasses import dataclass

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import suspicion
from alerts.delivery import verify
from alerts.delivery.verify import Check
from alerts.web.client import client_of
from alerts.web.posted import readable
from alerts.web.reader import private
from alerts.web.refusing import no_such_link
from departments.confirming import LONGEST_HINT, Still
from departments.models import Membership
from departments.refusal import Refused

SALT = "alerts.contact-check.form"


@dataclass(frozen=True)
class Question:
    """A body, the name of its field, what was typed, and what is wrong with it."""

    place: Membership
    field: str
    chosen: str
    says: str


# No CSRF cookie here, as on the reader's page: the link itself is the secret.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def contact_check(request: HttpRequest, token: str) -> HttpResponse:
    """Opening it writes nothing, ever: scanners open links; only a posted choice counts."""
    return private(_look(request, token))


@readable
def _look(request: HttpRequest, token: str) -> HttpResponse:
    check = verify.find(token)
    if check is None:
        return no_such_link(request)
    return _answer(request, check) if request.method == "POST" else _show(request, check, {})


def _answer(request: HttpRequest, check: Check) -> HttpResponse:
    if check.ask.answered_at:
        return _receipt(request)
    answers, errors = _read(request, check)
    if not errors and _is_machine(request, check):
        errors["form"] = "That was quicker than a person presses, so it was not taken. Press once more."
    if not errors:
        try:
            verify.answer(check, answers, request.POST.get("hint", ""), timezone.now())
        except Refused as refused:
            errors["hint"] = str(refused)
        else:
            return _receipt(request)
    return _show(request, check, errors, status=422)


def _receipt(request: HttpRequest) -> HttpResponse:
    response = HttpResponseRedirect(f"{request.path}#receipt")
    response.status_code = 303
    return response


def _read(request: HttpRequest, check: Check) -> tuple[dict[int, str], dict[str, str]]:
    """What was chosen for each place, and what is missing. One answer for all stands for each that has none."""
    same = request.POST.get("all", "")
    answers, errors = {}, {}
    for place in check.places:
        chosen = request.POST.get(f"place-{place.pk}", "") or same
        if chosen in Still.values:
            answers[place.pk] = chosen
        else:
            errors[f"place-{place.pk}"] = f"Choose one of the answers for {place.body.name}."
    return answers, errors


def _is_machine(request: HttpRequest, check: Check) -> bool:
    try:
        number, issued = signing.loads(request.POST.get("form", ""), salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return True
    evidence = client_of(request).evidence(timezone.now().timestamp() - issued)
    return number != check.ask.pk or bool(suspicion.signs(evidence))


def _show(request: HttpRequest, check: Check, errors: dict[str, str], status: int = 200) -> HttpResponse:
    questions = [
        Question(
            place,
            f"place-{place.pk}",
            request.POST.get(f"place-{place.pk}", ""),
            errors.get(f"place-{place.pk}", ""),
        )
        for place in check.places
    ]
    context = {
        "check": check,
        "questions": questions,
        "errors": errors,
        "hint": request.POST.get("hint", ""),
        "all": request.POST.get("all", ""),
        "choices": Still.choices,
        "most": LONGEST_HINT,
        "form": signing.dumps([check.ask.pk, timezone.now().timestamp()], salt=SALT),
    }
    return render(request, "alerts/contact_check.html", context, status=status)
