"""Who hears an advisory, and first of all who does not; what is the officer's choice is decided here, by name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import rules
from alerts.models import Advisory, Draft, Gap, State
from alerts.publishing import gaps, targeting
from alerts.publishing.reach import GapFound, reach
from alerts.web.asking import find, signed_in, title_of
from alerts.web.days import end_of_day
from alerts.web.waiting import answers_due
from departments.models import Body, Person, Role
from departments.readiness import refresh
from departments.refusal import Refused
from departments.search import bodies_like

SHOWN = 10
MOST = 20_000  # bodies in one press
MOST_SHOWN = 500
SLUG_IN_BRACKETS = re.compile(r"\(([^()\s]+)\)$")


@dataclass(frozen=True, slots=True)
class Group:
    """A branch and the gaps under it."""

    branch: Body
    gaps: list[GapFound]


@dataclass(frozen=True, slots=True)
class Listed:
    """Gaps of one kind (`yours` to decide, `theirs` to mend): the first ones, and those behind a press."""

    whose: str
    count: int
    first: list[Group]
    more: list[Group]

    @property
    def behind(self) -> int:
        """How many stand behind the press."""
        return sum(len(group.gaps) for group in self.more)

    @property
    def unlisted(self) -> int:
        """How many are only counted: a page holds so much."""
        return max(self.count - SHOWN - self.behind, 0)


@require_safe
@never_cache
@login_required
def reach_page(request: HttpRequest, reference: str) -> HttpResponse:
    """For officers of the issuer or above it, administrators and auditors."""
    return _page(request, find(request, reference, "alerts.view_advisory"))


def _page(request: HttpRequest, found: Advisory, status: int = 200) -> HttpResponse:
    """The page; after a press that was refused with all that was typed."""
    person = signed_in(request)
    if not rules.sees_everything(person, found):
        raise PermissionDenied
    refresh()
    how_far = reach(found)
    undecided = gaps.undecided(found, how_far)
    kept = {
        (gap.kind, gap.body_id): gap for gap in found.gaps.filter(decision=Gap.Decision.SIGNED).select_related("by")
    }
    still_open = {(gap.kind, gap.body.pk) for gap in undecided}
    signed = [
        (gap, kept[gap.kind, gap.body.pk])
        for gap in gaps.asked(found, how_far)
        if (gap.kind, gap.body.pk) not in still_open
    ]
    tasks = how_far.tasks()
    return render(
        request,
        "alerts/reach.html",
        {
            "advisory": found,
            "title": title_of(found, person),
            "reach": how_far,
            "undecided": len(undecided),
            "tasks": len(tasks),
            "lists": [
                Listed("yours", len(undecided), _groups(undecided[:SHOWN]), _groups(undecided[SHOWN:MOST_SHOWN])),
                Listed("theirs", len(tasks), _groups(tasks[:SHOWN]), _groups(tasks[SHOWN:MOST_SHOWN])),
            ],
            "signed": signed[:MOST_SHOWN],
            "signed_all": len(signed),
            "empty": not (found.branches.exists() or found.named.exists()),
            "officer": person.has_perm("alerts.write_advisory", found) and found.state in gaps.OPEN,
            "drafting": found.state == State.DRAFT,
            "branches": found.branches.select_related("body").order_by("body__name"),
            "named": found.named.select_related("person").order_by("person__name"),
            "exclusions": found.exclusions.filter(lapsed_at=None).select_related("body", "by").order_by("body__name"),
            "roles": [(value, label, value in _roles(found)) for value, label in Role.choices],
            "topics": " ".join(found.only_topics.order_by("topic__slug").values_list("topic__slug", flat=True)),
            "answers_due": answers_due(found),
            "until": request.POST.get("until") or timezone.localtime(_until(found)).strftime("%Y-%m-%d"),
            "typed": request.POST,
            "ticked": set(_ids(request.POST.getlist("gap"))),
        },
        status=status,
    )


def _groups(found: list[GapFound]) -> list[Group]:
    return [Group(branch, list(group)) for branch, group in groupby(found, key=lambda gap: gap.branch)]


def _until(found: Advisory) -> datetime:
    """When what is left out is looked at again, unless somebody chooses another day: when the advisory is."""
    soonest = timezone.now() + timedelta(days=1)
    return max(found.review_by, soonest) if found.review_by else soonest


@require_POST
@login_required
def change(request: HttpRequest, reference: str) -> HttpResponse:
    """Officers of the issuer or above it: one change to whom it is for, or one decision about who is not."""
    found = find(request, reference, "alerts.write_advisory")
    before = _stage(found)
    try:
        messages.success(request, _do(found, signed_in(request), request))
        if before in (Draft.Stage.SUBMITTED, Draft.Stage.APPROVED) and _stage(found) == Draft.Stage.WRITING:
            messages.warning(
                request,
                "That changed whom it reaches, so it is back to being written: it is to be submitted and read anew. "
                "Tell its writer.",
            )
    except Refused as refused:
        messages.error(request, str(refused))
        return _page(request, find(request, reference, "alerts.write_advisory"), 422)
    return redirect("alerts:reach", reference)


def _do(found: Advisory, by: Person, request: HttpRequest) -> str:
    posted = request.POST
    if "put-in" in posted:
        gaps.put_in(found, _ids(posted.getlist("put-in")), by)
        return "Put in, with all below it."
    match posted.get("do"):
        case "put-in" | "leave-out" if not _ids(posted.getlist("gap")):
            raise Refused("Tick at least one body first.")
        case "put-in":
            count = gaps.put_in(found, _ids(posted.getlist("gap")), by)
            return f"{count:,} put in, with all below {'it' if count == 1 else 'them'}."
        case "leave-out":
            count = gaps.sign(
                found, _ids(posted.getlist("gap")), by, posted.get("reason", ""), end_of_day(posted.get("until", ""))
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
            for person in _ids(posted.getlist("person")):
                targeting.unname(found, person, by)
            return "Not named any more."
        case "narrow":
            targeting.narrow(found, by, posted.getlist("role"), posted.get("topics", "").replace(",", " ").split())
            return "Noted."
    raise Refused("Choose what is to be done.")


def _stage(found: Advisory) -> str:
    return Draft.objects.filter(advisory=found).values_list("stage", flat=True).first() or ""


def _ids(given: Sequence[str]) -> list[int]:
    return [int(one) for one in given[:MOST] if one.isdecimal() and len(one) < 19]


def _body(typed: str) -> Body:
    """The body of this slug or name; raises `Refused`."""
    typed = typed.replace("\0", " ").strip()[:1_000]
    bracketed = SLUG_IN_BRACKETS.search(typed)
    exact = Body.objects.filter(slug__in=[typed, *(bracketed.groups() if bracketed else ())]).first()
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
