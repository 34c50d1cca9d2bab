"""The advisories that are under way, as lines of the first page: what is burning for whoever looks comes first, and says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max, Min

from alerts import rules
from alerts.models import Advisory, Clock, Escalation, Relay, Severity
from alerts.web.asking import title_of
from alerts.web.coverage.estate import Stands, Tick, stand
from alerts.web.numbers import count, has
from departments.models import Person


@dataclass(frozen=True, slots=True)
class Raised:
    """What was escalated to somebody of one advisory."""

    bodies: int
    at: datetime
    """The last of it."""


@dataclass(frozen=True, slots=True)
class Under:
    """An advisory that is live, as one line of the page."""

    advisory: Advisory
    title: str
    view: Stands
    due: datetime | None
    """By when answers are asked for, of those whom its viewer sees; where bodies differ, the first of these times."""
    late: bool
    """Whether that has gone by, and somebody has not answered."""
    raised: Raised | None

    @property
    def verdict(self) -> tuple[str, str]:
        """What is wrong, and the rest of the sentence, as on the advisory's own page."""
        return self.view.verdict()

    @property
    def left(self) -> int:
        """How many have not answered."""
        return self.view.total - self.view.parts.answered

    @property
    def clock(self) -> list[Tick]:
        """That the time is up, or how long is left; and that it was escalated to whoever looks."""
        ticks = []
        if self.late:
            said = f"; {has(self.left)} not answered"
            ticks.append(Tick("Time is up: answers were due", self.due, said, dark=True))
        elif self.due is not None and self.left:
            ticks.append(Tick("Answers are due", self.due))
        if self.raised is not None and self.left:
            about = count(self.raised.bodies, "body", "bodies")
            ticks.append(Tick("Escalated to you", self.raised.at, f", about {about}", dark=True))
        return ticks

    @property
    def burns(self) -> tuple[bool, bool, int, bool, float]:
        """Where it stands: real ones first, then where somebody has not answered, the most severe, time up, the latest."""
        published = self.advisory.published_at
        rank = Severity(self.advisory.severity).rank
        return self.advisory.exercise, not self.left, rank, not self.late, -published.timestamp() if published else 0.0


def under_way(advisories: Sequence[Advisory], person: Person, issuing: Collection[int], now: datetime) -> list[Under]:
    """How each of them stands to this person, what burns first. A constant number of queries, however many there are."""
    _, stands = stand(advisories, person, issuing)
    parts = [advisory.pk for advisory in advisories if not stands[advisory.pk].everything]
    own, raised = _own_times(parts, person), _raised(advisories, person)
    lines = []
    for advisory in advisories:
        due, view = own.get(advisory.pk, advisory.acknowledge_by), stands[advisory.pk]
        late = due is not None and due <= now and view.total > view.parts.answered
        title = title_of(advisory, person, issuing)
        lines.append(Under(advisory, title, view, due, late, raised.get(advisory.pk)))
    return sorted(lines, key=lambda line: line.burns)


def _own_times(advisories: Collection[int], person: Person) -> Mapping[int, datetime]:
    """By an advisory's id: the first time by which bodies in this person's branches are to answer, where clocks run. One query.

    What a body held, or a holiday, gives it longer than was published.
    """
    if not advisories:
        return {}
    asked = Relay.objects.filter(
        advisory__in=advisories, body__in=rules.own_branches(person), clock__kind=Clock.Kind.ANSWER
    )
    of = asked.filter(clock__material=F("advisory__clocked")).values("advisory").order_by("advisory")
    return dict(of.annotate(by=Min("clock__by")).values_list("advisory", "by"))


def _raised(advisories: Sequence[Advisory], person: Person) -> Mapping[int, Raised]:
    """By an advisory's id: of how many of its bodies this person has a list of who is silent, and since when. One query."""
    told = Escalation.objects.filter(person=person, state=Escalation.State.MAILED)
    of = told.filter(relay__advisory__in=advisories, step__clock__material=F("relay__advisory__clocked"))
    counted = of.values("relay__advisory").order_by("relay__advisory")
    found = counted.annotate(bodies=Count("relay", distinct=True), last=Max("at"))
    return {one["relay__advisory"]: Raised(one["bodies"], one["last"]) for one in found}
