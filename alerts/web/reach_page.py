"""Who hears an advisory, and first of all who does not; what is the officer's choice is decided here, by name."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import gaps, rules, targeting
from alerts.models import Advisory, Gap, State
from alerts.reach import reach
from alerts.web.asking import find, signed_in, title_of
from alerts.web.days import end_of_day
from departments.models import Body, Person, Role
from departments.readiness import refresh
from departments.refusal import Refused
from departments.search import bodies_like

SHOWN = 10


@require_safe
@never_cache
@login_required
def reach_page(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors."""
    found = find(request, reference, "alerts.view_advisory")
    person = signed_in(request)
    if not rules.sees_everything(person, found):
        raise PermissionDenied
    refresh()
    how_far = reach(found)
    decided = {(gap.kind, gap.body_id): gap for gap in found.gaps.select_related("by")}
    groups = []
    for branch, group in how_far.by_branch():
        lines = [(gap, decided.get((gap.kind, gap.body.pk))) for gap in group]
        groups.append((branch, lines[:SHOWN], lines[SHOWN:]))
    open_still = [
        gap
        for gap in how_far.choices()
        if (kept := decided.get((gap.kind, gap.body.pk))) is None or kept.decision != Gap.Decision.SIGNED
    ]
    return render(
        request,
        "alerts/reach.html",
        {
            "advisory": found,
            "title": title_of(found),
            "reach": how_far,
            "groups": groups,
            "open": len(open_still),
            "officer": person.has_perm("alerts.write_advisory", found) and found.state in gaps.OPEN,
            "drafting": found.state == State.DRAFT,
            "branches": found.branches.select_related("body").order_by("body__name"),
            "named": found.named.select_related("person").order_by("person__name"),
            "exclusions": found.exclusions.filter(lapsed_at=None).select_related("body", "by").order_by("body__name"),
            "roles": [(value, label, value in _roles(found)) for value, label in Role.choices],
            "topics": " ".join(found.only_topics.order_by("topic__slug").values_list("topic__slug", flat=True)),
            "until": timezone.localtime(found.review_by).strftime("%Y-%m-%d") if found.review_by else "",
        },
    )


@require_POST
@login_required
def change(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: one change to whom it is for, or one decision about who is not."""
    found = find(request, reference, "alerts.write_advisory")
    try:
        messages.success(request, _do(found, signed_in(request), request))
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("alerts:reach", reference)


def _do(found: Advisory, by: Person, request: HttpRequest) -> str:
    posted = request.POST
    match posted.get("do"):
        case "put-in":
            count = gaps.put_in(found, _bodies(request), by)
            return f"{count:,} put in, with all below {'it' if count == 1 else 'them'}."
        case "leave-out":
            count = gaps.sign(
                found, _bodies(request), by, posted.get("reason", ""), end_of_day(posted.get("until", ""))
            )
            return f"{count:,} left out, with your name under it."
        case "add":
            body = _body(posted.get("body", ""))
            targeting.add_branch(found, body, by)
            return f"{body.name} and everything below it is in the audience."
        case "exclude":
            body = _body(posted.get("body", ""))
            targeting.leave_out(found, body, by, posted.get("reason", ""), end_of_day(posted.get("until", "")))
            return f"{body.name} is left out, with your name under it."
        case "drop":
            targeting.drop_branch(found, _body(posted.get("body", "")), by)
            return "Taken out."
        case "take-back":
            targeting.take_back(found, _body(posted.get("body", "")), by)
            return "Not left out any more."
        case "name":
            return f"{targeting.name_person(found, posted.get('address', ''), by).name} is to hear it by name."
        case "unname":
            targeting.unname(found, int(_number(posted.get("person", ""))), by)
            return "Not named any more."
        case "narrow":
            targeting.narrow(found, by, posted.getlist("role"), posted.get("topics", "").replace(",", " ").split())
            return "Noted."
    raise Refused("Choose what is to be done.")


def _bodies(request: HttpRequest) -> list[int]:
    return [int(one) for one in request.POST.getlist("gap")[:20_000] if one.isdecimal() and len(one) < 19]


def _number(text: str) -> str:
    return text if text.isdecimal() and len(text) < 19 else "0"


def _body(typed: str) -> Body:
    """The body of this slug or name; raises `Refused`."""
    typed = typed.replace("\0", " ").strip()[:400]
    exact = Body.objects.filter(slug=typed).first()
    if exact is not None:
        return exact
    alike = list(bodies_like(typed)[:4])
    same = [body for body in alike if body.name.casefold() == typed.casefold()]
    if len(same) == 1:
        return same[0]
    if not alike:
        raise Refused(f"No body is called “{typed[:80]}”.")
    raise Refused(f"Which one? Write the part in brackets: {', '.join(f'{one.name} ({one.slug})' for one in alike)}.")


def _roles(found: Advisory) -> set[str]:
    return set(found.roles.values_list("role", flat=True))
