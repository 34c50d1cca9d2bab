"""The first page: what is under way, for whoever has a duty in it."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import rules
from alerts.coverage.helping import Cry, who_needs_help
from alerts.models import Advisory, Draft, Referral, Relay, State
from alerts.watching.watch import troubles
from alerts.web.asking import signed_in, title_of, with_titles
from alerts.web.home_lines import under_way
from departments.models import Person, Role
from departments.readiness import estate, refresh
from departments.rules import bodies_of, has_a_duty, is_administrator, is_auditor

SHOWN = 20
HELP_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Some:
    """The first advisories of a kind, each with its title, and how many more there are."""

    lines: list[tuple[Advisory, str]]
    more: int


@dataclass(frozen=True, slots=True)
class Help:
    """How many people need help in the bodies whose contact or deputy somebody is, and where most of them are."""

    people: int
    lines: list[tuple[Cry, Advisory, str]]
    """Each with its advisory and its title."""
    more: int


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """For everybody with a duty: the advisories that concern them, and what waits for them."""
    person = signed_in(request)
    if not has_a_duty(person):
        raise PermissionDenied
    mine = with_titles(visible(person))
    issuing = rules.issuing(person)
    drafts = _drafts(issuing)
    yours = drafts.filter(_waits_for(person))

    def some(advisories: QuerySet[Advisory]) -> Some:
        first = list(advisories[:SHOWN])
        more = advisories.count() - SHOWN if len(first) == SHOWN else 0
        return Some([(advisory, title_of(advisory, person, issuing)) for advisory in first], more)

    # All of them: what burns may be the oldest.
    live = under_way(list(mine.filter(state=State.LIVE)), person, issuing, timezone.now())
    return render(
        request,
        "alerts/home.html",
        {
            "under_way": live[:SHOWN],
            "more": max(len(live) - SHOWN, 0),
            "yours": some(yours),
            "others": some(drafts.exclude(pk__in=yours.order_by().values("pk"))),
            "expired": some(mine.filter(state=State.EXPIRED).order_by("review_by", "pk")),
            "past": some(mine.filter(state=State.STOOD_DOWN).order_by("-pk")),
            "writes": bool(bodies_of(person, [Role.OFFICER])),
            "referred": _said_by_readers(person).filter(decision="").count(),
            "decides": not is_auditor(person),
            "help": _needing_help(person, issuing),
            "nobody": _dark() if is_administrator(person) else 0,
            "troubles": _troubles() if is_administrator(person) or is_auditor(person) else 0,
        },
    )


def _said_by_readers(person: Person) -> QuerySet[Referral]:
    """What waits for this person's decision; of an auditor, who reads it and decides nothing, for anybody's."""
    return rules.referrals_seen_by(person) if is_auditor(person) else rules.referrals_decided_by(person)


def _needing_help(person: Person, issuing: set[int]) -> Help:
    """Two queries at most, however many there are."""
    cries = who_needs_help(bodies_of(person, [Role.CONTACT, Role.DEPUTY]))
    shown = cries[:HELP_SHOWN]
    about = with_titles(Advisory.objects.filter(pk__in={cry.advisory_id for cry in shown})).in_bulk() if shown else {}
    lines = [(cry, about[cry.advisory_id], title_of(about[cry.advisory_id], person, issuing)) for cry in shown]
    return Help(len({one for cry in cries for one in cry.people}), lines, len(cries) - len(shown))


def visible(person: Person) -> QuerySet[Advisory]:
    """The published advisories that this person may see."""
    published = Advisory.objects.filter(current__isnull=False)
    if is_administrator(person) or is_auditor(person):
        return published
    passed = Relay.objects.filter(body__in=rules.own_branches(person))
    travels = passed.exclude(purpose=Relay.Purpose.LEFT).values("advisory")
    return published.filter(Q(issuer__in=rules.issuing(person)) | Q(pk__in=travels))


def _drafts(issuing: set[int]) -> QuerySet[Advisory]:
    """The advisories of these bodies that have a draft, the last one saved first."""
    begun = with_titles(Advisory.objects.filter(draft__isnull=False, issuer__in=issuing))
    return begun.select_related("draft__saved_by", "draft__submitted_by").order_by("-draft__saved_at", "pk")


def _waits_for(officer: Person) -> Q:
    """What is submitted waits for somebody else than who submitted it; what is approved for everybody; else its writers."""
    submitted = Q(draft__stage=Draft.Stage.SUBMITTED)
    wrote = Q(draft__submitted_by=officer) | Q(draft__saved_by=officer)
    return (submitted & ~Q(draft__submitted_by=officer)) | Q(draft__stage=Draft.Stage.APPROVED) | (~submitted & wrote)


def _troubles() -> int:
    """How many things the auditor says are not well."""
    return troubles().filter(over_at=None).count()


def _dark() -> int:
    """How many open bodies have nobody who can be told, as the tree says it."""
    refresh()
    return estate().dark
