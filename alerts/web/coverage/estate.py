"""The whole estate on one screen: every advisory that is live, how it stands and its clock, what needs attention first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from alerts import exports, hold_words, rules
from alerts.chasing import ladder
from alerts.chasing.outlook import next_steps
from alerts.coverage.estate import Estate, Often, pulse, standing_of
from alerts.coverage.estate import estate as read
from alerts.coverage.figures import Bodies
from alerts.models import Advisory, ChaseStep, Severity, State
from alerts.routing.routes import reports_delivery
from alerts.web import chase_words, words
from alerts.web.asking import signed_in, title_of, with_titles
from alerts.web.coverage.tables import send
from alerts.web.numbers import count, has
from alerts.web.parts import Parts, parts_of
from departments.models import Person
from departments.rules import is_administrator, is_auditor

if TYPE_CHECKING:
    pass

SIZE = 50
"""Advisories on one page."""
NAMED = 5
"""Advisories in which a body is dark that are named."""
COLUMNS = (
    "reference", "title", "marking", "severity", "exercise", "state", "published", "answer_by", "look_again_by", "stopped",
    "people", "not_told", "answered", "told_and_silent", "sent", "held", "waiting", "cannot_be_reached",
    "bodies", "bodies_with_nobody_to_tell", "bodies_holding", "bodies_covered", "verdict",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stands:
    """How one advisory stands, to whoever looks: what its verdict and its bar are made of."""

    everything: bool
    """False: only this person's own branches."""
    parts: Parts
    bodies: Bodies
    not_told: int
    reports_delivery: bool
    next_until: datetime | None
    """When the first of the held bodies goes on by itself."""

    @property
    def total(self) -> int:
        """Everybody it is for."""
        return self.parts.total

    @property
    def silent(self) -> int:
        """Told, and no answer yet."""
        return self.total - self.not_told - self.parts.answered

    @property
    def no_word(self) -> bool:
        """The route says nothing of delivery."""
        return not self.reports_delivery

    def verdict(self) -> tuple[str, str]:
        """What is wrong, and the rest of the sentence, as on the advisory's own page."""
        return words.verdict(self)


@dataclass(frozen=True, slots=True)
class Tick:
    """One line of an advisory's clock: the words, how far a moment is from now, and what follows."""

    words: str
    at: datetime | None
    tail: str = ""
    dark: bool = False
    chase: bool = False
    """It leads to the page of its chase."""


@dataclass(frozen=True, slots=True)
class Line:
    """One advisory, as it is shown."""

    advisory: Advisory
    title: str
    stands: Stands
    wrong: str
    rest: str
    clock: list[Tick]
    group: str

    @property
    def needs(self) -> tuple[int, int, int, int, str]:
        """What needs attention most comes first: nobody to tell, not told, overdue; then how bad it is, and how many."""
        stands, due = self.stands, self.advisory.acknowledge_by
        late = due is not None and due <= timezone.now()
        left = stands.total - stands.parts.answered
        step = 0 if stands.bodies.dark else 1 if stands.not_told else 2 if left and late else 3 if left else 4
        many = stands.bodies.dark if step == 0 else stands.not_told or left
        order = GROUPS.index(self.group)
        return order, step, Severity(self.advisory.severity).rank, -many, self.advisory.reference


@dataclass(frozen=True, slots=True)
class OftenDark:
    """A body that is dark in more than one live advisory, and in which."""

    body: Often
    named: list[Advisory]

    @property
    def number(self) -> int:
        """In how many."""
        return len(self.body.advisories)

    @property
    def more(self) -> int:
        """How many of these are not named."""
        return self.number - len(self.named)


GROUPS = ("Live", "Expired", "Drills")


def sees_estate(person: Person) -> bool:
    """Administrators and auditors see all of it, officers the advisories of their bodies; nobody else."""
    return bool(is_administrator(person) or is_auditor(person) or rules.issuing(person))


@require_safe
@never_cache
@login_required
def estate(request: HttpRequest) -> HttpResponse:
    """For administrators and auditors; for officers the advisories of their own bodies."""
    return render(request, "alerts/estate.html", _context(request))


@require_safe
@never_cache
@login_required
def estate_live(request: HttpRequest) -> HttpResponse:
    """The page's live part, for whoever may see the page. 204 while nothing has changed since `seen`."""
    _, advisories = _asked(request)
    if request.GET.get("seen") == _seen(advisories.values_list("pk", flat=True)):
        return HttpResponse(status=204)
    return render(request, "alerts/estate_parts/live.html", _context(request))


@require_GET
@never_cache
@login_required
def estate_table(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The same as CSV or JSON, for whoever may see the page. The file carries the strictest of the markings."""
    if kind not in exports.TYPES:
        raise Http404
    person, advisories = _asked(request)
    found, lines = _lines(list(with_titles(advisories)), person)
    head = {
        "reference": None,
        "marking": exports.strictest(line.advisory.marking for line in lines),
        "as_at": found.as_at,
        "scope": "everything" if is_administrator(person) or is_auditor(person) else "own bodies",
        "table": "estate",
    }
    return send(request, "coverage", head, COLUMNS, map(_cells, lines), kind)


def stand(advisories: Sequence[Advisory], person: Person, issuing: Collection[int]) -> tuple[Estate, dict[int, Stands]]:
    """How these advisories stand to this person, by id; one statement for all of them, two where they see parts of some."""
    every = bool(is_administrator(person) or is_auditor(person))
    whole = {advisory.pk for advisory in advisories if every or advisory.issuer_id in issuing}
    own = set() if len(whole) == len(advisories) else rules.own_branches(person)
    found, delivery = read(advisories, whole, own), reports_delivery()
    stands = {}
    for advisory in advisories:
        one = standing_of(found, advisory)
        parts = parts_of(one.figures, one.waits)
        seen = advisory.pk in whole
        stands[advisory.pk] = Stands(seen, parts, one.bodies, parts.not_told(delivery), delivery, one.next_until)
    return found, stands


def _asked(request: HttpRequest) -> tuple[Person, QuerySet[Advisory]]:
    """Who asks, and what is live or has expired of what they see here; 403 for whoever sees nothing of it."""
    person = signed_in(request)
    shown = Advisory.objects.filter(state__in=(State.LIVE, State.EXPIRED), current__isnull=False)
    if is_administrator(person) or is_auditor(person):
        return person, shown
    if not (issuing := rules.issuing(person)):
        raise PermissionDenied
    return person, shown.filter(issuer__in=issuing)


def _context(request: HttpRequest) -> dict[str, object]:
    person, advisories = _asked(request)
    # Before the figures: a change between the two is then shown twice rather than never.
    seen = _seen(advisories.values_list("pk", flat=True))
    asked = list(with_titles(advisories))
    found, lines = _lines(asked, person)
    pages = max(-(-len(lines) // SIZE), 1)
    page = min(max(_number(request.GET.get("page", "")), 1), pages)
    by_id = {advisory.pk: advisory for advisory in asked}
    wrong, rest = _summary([line for line in lines if line.group == "Live"])
    return {
        "wrong": wrong,
        "rest": rest,
        "lines": lines[(page - 1) * SIZE : page * SIZE],
        "often": [OftenDark(one, [by_id[pk] for pk in one.advisories[:NAMED]]) for one in found.often],
        "often_more": found.often_all - len(found.often),
        "page": page,
        "pages": pages,
        "everything": is_administrator(person) or is_auditor(person),
        "as_at": found.as_at,
        "no_word": not reports_delivery(),
        "poll": urlencode([("seen", seen), ("page", str(page))]),
    }


def _lines(advisories: list[Advisory], person: Person) -> tuple[Estate, list[Line]]:
    """Each with how it stands, what needs attention first; drills, and what has expired, stand after what is live."""
    issuing = rules.issuing(person)
    found, stands = stand(advisories, person, issuing)
    now = timezone.now()
    steps = next_steps([one.pk for one in advisories if one.state == State.LIVE], now)
    lines = []
    for advisory in advisories:
        one = stands[advisory.pk]
        group = "Drills" if advisory.exercise else "Live" if advisory.state == State.LIVE else "Expired"
        clock = [*_clock(advisory, one, found.as_at), *_chased(advisory, steps.get(advisory.pk), now)]
        lines.append(Line(advisory, title_of(advisory, person, issuing), one, *one.verdict(), clock, group))
    return found, sorted(lines, key=lambda line: line.needs)


def _clock(advisory: Advisory, stands: Stands, now: datetime) -> Iterator[Tick]:
    """When it was published, how long is left to answer, whether it is stopped or held, and when it is looked at again."""
    yield Tick("published", advisory.published_at)
    if advisory.stopped_at is not None and advisory.state == State.LIVE:
        yield Tick("stopped", advisory.stopped_at, ": nothing unsent leaves", dark=True)
    left = stands.total - stands.parts.answered
    if (due := advisory.acknowledge_by) is not None and advisory.state == State.LIVE:
        if due > now:
            yield Tick(f"answer by {hold_words.clock(due, now)},", due)
        elif left:
            yield Tick("answers were due", due, f"; {has(left)} not answered", dark=True)
        else:
            yield Tick("answers were due", due)
    if stands.bodies.held and advisory.state == State.LIVE:
        yield _held(stands.bodies.held, stands.next_until, now)
    if (again := advisory.review_by) is not None:
        if advisory.state == State.EXPIRED:
            yield Tick("expired: to be looked at again", again, ", and nobody did", dark=True)
        elif again > now:
            yield Tick("to be looked at again", again)
        else:
            yield Tick("should have been looked at again", again, dark=True)


def _chased(advisory: Advisory, step: ChaseStep | None, now: datetime) -> Iterator[Tick]:
    """Its next step; that its chase was ended."""
    if advisory.state == State.LIVE and advisory.chase_ended_at is not None:
        yield Tick("the chase was ended", advisory.chase_ended_at, chase=True)
    elif step is not None and (at := ladder.leaves(step, now)) > now:
        yield Tick(f"next step: {chase_words.named(step)}", at, chase=True)
    elif step is not None:
        # How long ago it came due would read as when it was done.
        yield Tick(f"next step: {chase_words.named(step)}, due {chase_words.due(step, now)}", None, chase=True)


def _held(number: int, until: datetime | None, now: datetime) -> Tick:
    hold = f"{count(number, 'body holds', 'bodies hold')} it; {'it' if number == 1 else 'the first'} goes on"
    if until is None:
        return Tick(f"{count(number, 'body holds', 'bodies hold')} it", None)
    return Tick(hold, until) if until > now else Tick(f"{hold} now, by the clock", None)


def _summary(live: list[Line]) -> tuple[str, str]:
    """One sentence over all that is live: what is wrong, and the rest of it."""
    if not live:
        return "", "Nothing is live."
    dark = sum(1 for line in live if line.stands.bodies.dark)
    waits = sum(1 for line in live if line.stands.not_told)
    if (number := len(live)) == 1:
        if dark:
            rest = ", and people have not been told." if waits else "."
            return "The one advisory that is live has bodies with nobody to tell", rest
        told = "In the one advisory that is live"
        return (f"{told} people have not been told", ".") if waits else ("", f"{told} everybody has been told.")
    if dark:
        wrong = f"{dark:,} of {number:,} live advisories {'has' if dark == 1 else 'have'} bodies with nobody to tell"
        return wrong, f"; in {waits:,} of the {number:,} people have not been told." if waits else "."
    if waits:
        return f"In {waits:,} of {number:,} live advisories people have not been told", "."
    return "", f"Everybody has been told in all {number:,} live advisories."


def _cells(line: Line) -> tuple[object, ...]:
    advisory, stands, parts = line.advisory, line.stands, line.stands.parts
    return (
        *(advisory.reference, line.title, advisory.marking, advisory.severity, advisory.exercise, advisory.state),
        *(advisory.published_at, advisory.acknowledge_by, advisory.review_by, advisory.stopped_at),
        *(stands.total, stands.not_told, parts.answered, parts.told, parts.sent, parts.held, parts.waiting, parts.dark),
        *(stands.bodies.targeted, stands.bodies.dark, stands.bodies.held, stands.bodies.covered),
        f"{line.wrong}{line.rest}",
    )


def _seen(ids: Iterable[int]) -> str:
    """What is shown, and the minute: "in 41 min" ages though no figure changes."""
    return f"{pulse(list(ids))}.{timezone.now():%H%M}"


def _number(said: str) -> int:
    return int(said) if said.isdecimal() and len(said) < 6 else 1
