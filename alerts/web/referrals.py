"""What readers say about who should have a warning, for those who decide about it. Behind the sign-in."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alerts import marking, own_links, rules
from alerts.cascading import deciding
from alerts.cascading.deciding import AlreadyDecided, Decided
from alerts.cascading.referrals import LONGEST_TEXT, why_closed
from alerts.models import Advisory, Message, Recipient, Referral
from alerts.web.asking import require, signed_in, title_of, with_titles
from alerts.web.posted import readable_form
from departments.models import Person
from departments.refusal import Refused
from departments.rules import is_administrator, is_auditor

ON_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said, as this person sees it."""

    referral: Referral
    advisory: Advisory
    title: str
    known: Person | None
    """Whoever has the address in the directory, where this person may hear that (`rules.known_to`)."""
    nobody: bool
    """Nobody has the address, said only to whoever hears it of every address: it would give the others away."""
    has_it: bool
    """`known` is told of this very advisory already."""
    own_link: bool
    """On the day on which this was said their own link was mailed to them once more."""
    mine: bool
    """This person may decide it."""
    closed: str
    """Why nobody is passed it on any more; "" where somebody may be."""
    needs_place: bool
    """From AMBER up nobody is given a place by passing it on."""

    @property
    def may_pass(self) -> bool:
        """There is somebody to pass it on to. Whether the marking lets it is seen when it is pressed."""
        return bool(
            self.referral.email and not self.has_it and not self.closed and (self.known or not self.needs_place)
        )

    @property
    def since(self) -> str:
        """Of whoever left: the day that was given, as ISO 8601 writes it; "" where none was."""
        return self.referral.text if self.referral.kind == Referral.Kind.LEFT else ""

    @property
    def since_day(self) -> date | None:
        """The same, to be spoken."""
        return date.fromisoformat(self.since) if self.since else None

    @property
    def decided(self) -> str:
        """Who decided it, when and how; "" while it is open."""
        return deciding.decided_words(self.referral) if self.referral.decision else ""


@require_safe
@never_cache
@login_required
def referred(request: HttpRequest) -> HttpResponse:
    """For contacts, deputies and heads: of the bodies that they answer for. Administrators and auditors see all.

    Whether somebody is in the directory, and has the warning, is said of people in one's own bodies alone: anybody's address
    can be typed behind a link.
    """
    require(request, "alerts.view_referrals", None)
    seen = rules.referrals_seen_by(signed_in(request))
    return _show(
        request,
        _page(seen.filter(decision="").order_by("-pk"), request.GET.get("page")),
        _page(seen.exclude(decision="").order_by("-decided_at", "-pk"), request.GET.get("decided")),
    )


@require_POST
@never_cache
@login_required
@readable_form
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """For those who answer for the body, but whoever it is about. `press`: left, pass or decline."""
    require(request, "alerts.view_referrals", None)
    referral = get_object_or_404(rules.referrals_seen_by(signed_in(request)), pk=number)
    if not referral.decision:
        require(request, "alerts.decide_referral", referral)
    try:
        done = _press(request, referral)
    except AlreadyDecided as decided:
        messages.info(request, f"{decided} Nothing more was done.")
    except Refused as refused:
        only = rules.referrals_seen_by(signed_in(request)).filter(pk=number).order_by("pk")
        return _show(request, _page(only, None), None, wrong=str(refused), status=422)
    else:
        messages.success(request, done.said)
        if done.hint:
            messages.warning(request, done.hint)
    return redirect("referrals")


def _press(request: HttpRequest, referral: Referral) -> Decided:
    press, by = request.POST.get("press", ""), signed_in(request)
    if press == "left":
        successor = request.POST.get("successor") == "yes"
        return deciding.confirm_left(referral.pk, by, _day(request.POST.get("on", "")), successor=successor)
    if press == "pass":
        return deciding.pass_on(referral.pk, by)
    if press == "decline":
        return deciding.decline(referral.pk, by, request.POST.get("reason", ""))
    raise Refused("Choose what is to be done. Nothing was decided.")


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise Refused("Give the day on which they left, such as 2026-04-01. Nothing was decided.") from None


def _page(found: QuerySet[Referral], number: str | None) -> Page[Referral]:
    related = found.select_related("recipient__person", "body", "decided_by")
    return Paginator(related, ON_A_PAGE).get_page(number)


def _show(
    request: HttpRequest, waiting: Page[Referral], decided: Page[Referral] | None, *, wrong: str = "", status: int = 200
) -> HttpResponse:
    """The page; after a press that was refused only what it was about, with all that was typed."""
    both = [*waiting, *(decided or ())]
    entries = _entries(signed_in(request), both)
    context = {
        "waiting": entries[: len(waiting)],
        "waiting_page": waiting,
        "decided": entries[len(waiting) :],
        "decided_page": decided,
        "wrong": wrong,
        "typed": request.POST if wrong else {},
        "today": timezone.localdate(),
        "most": LONGEST_TEXT,
    }
    return render(request, "alerts/referrals.html", context, status=status)


def _entries(person: Person, found: Collection[Referral]) -> list[Entry]:
    """A constant number of queries, whatever is shown."""
    advisories = with_titles(Advisory.objects.filter(pk__in={one.recipient.advisory_id for one in found})).in_bulk()
    everybody = Person.objects.in_bulk({one.email for one in found if one.email}, field_name="email")
    known_to = rules.known_to(person, [one.pk for one in everybody.values()])
    told = Recipient.objects.filter(advisory__in=advisories, person__in=everybody.values(), targeted=True)
    have = {(advisory, whose): pk for advisory, whose, pk in told.values_list("advisory", "person", "pk")}
    mailed = _mailed(found, have.values())
    ids = [one.pk for one in found]
    mine = set(rules.referrals_decided_by(person).filter(pk__in=ids, decision="").values_list("pk", flat=True))
    issuing = rules.issuing(person)
    everything = is_administrator(person) or is_auditor(person)
    made = []
    for one in found:
        advisory = advisories[one.recipient.advisory_id]
        whose = everybody.get(one.email)
        known = whose if whose and (whose.pk in known_to or advisory.issuer_id in issuing) else None
        recipient = have.get((advisory.pk, known.pk)) if known is not None else None
        made.append(
            Entry(
                referral=one,
                advisory=advisory,
                title=title_of(advisory, person, issuing),
                known=known,
                nobody=everything and whose is None,
                has_it=recipient is not None,
                own_link=(one.pk, recipient) in mailed,
                mine=one.pk in mine,
                closed=why_closed(advisory),
                needs_place=not marking.text_in_mail(advisory.marking),
            )
        )
    return made


def _mailed(found: Collection[Referral], recipients: Collection[int]) -> set[tuple[int, int]]:
    """For which of these a recipient's own link was mailed on its day: the referral's id and the recipient's."""
    asked = [one for one in found if one.kind == Referral.Kind.NOT_ME]
    keys = {(one.pk, recipient): own_links.key_of(recipient, one.at) for one in asked for recipient in recipients}
    there = set(Message.objects.filter(key__in=keys.values()).values_list("key", flat=True))
    return {pair for pair, key in keys.items() if key in there}
