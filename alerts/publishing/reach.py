"""The reach preview: how far an advisory would go if it were published now, and who would not hear it, and why.

It counts by the very rule of the cascade (`alerts.publishing.audience`). Nothing here writes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from alerts.models import Advisory, Gap
from alerts.officers import own_branch
from alerts.publishing.reach_sql import PREVIEW, TARGETS
from departments.models import Body, Membership, Person, Remit

SIMILAR_FOR = timedelta(days=365)
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class GapFound:
    """A body that will not hear, and why; `kind` is one of `Gap.Kind`, `branch` the body under which it is shown."""

    kind: str
    body: Body
    why: str
    branch: Body
    strength: int
    below: int = 0
    """How many further bodies hang below it and miss it for the same reason: they are put in or left out with it."""

    @property
    def chosen(self) -> bool:
        """Whether it is the officer's own choice; otherwise the directory is to be mended."""
        return self.kind in Gap.CHOICES


@dataclass(frozen=True)
class Reach:
    """How far an advisory would go if it were published now. `people` counts each person once."""

    people: int
    bodies: int
    branches: int
    gaps: list[GapFound]
    """By branch, the one with the strongest match first."""
    no_night: int
    """Targeted bodies with nobody who can be told out of hours."""
    this_month: int
    """Other advisories of the last 30 days that some of these bodies had."""
    nowhere: list[Person] = field(default_factory=list)
    """Whoever is named and sits in no open body, so that it does not find them; by name."""
    subject: list[str] = field(default_factory=list)
    """The topics by which bodies outside the audience were looked for; none: nobody was."""
    unknown: list[str] = field(default_factory=list)
    """Those of them that no open body has as remit, so that they find nobody."""

    @property
    def missed(self) -> int:
        """How many bodies will not hear it."""
        return sum(1 + gap.below for gap in self.gaps)

    def choices(self) -> list[GapFound]:
        """The gaps that are the officer's own choice."""
        return [gap for gap in self.gaps if gap.chosen]

    def tasks(self) -> list[GapFound]:
        """The gaps that only the directory's administrators can mend."""
        return [gap for gap in self.gaps if not gap.chosen]

    def by_branch(self) -> list[tuple[Body, list[GapFound]]]:
        """The gaps under each branch."""
        return [(branch, list(group)) for branch, group in groupby(self.gaps, key=lambda gap: gap.branch)]


def reach(advisory: Advisory, topics: list[str] | None = None, now: datetime | None = None) -> Reach:
    """Who would hear it and who would not, by the very rule of the cascade.

    `topics` are the advisory's subject; by default those of its draft, otherwise of its current revision.
    """
    now = now or timezone.now()
    subject = list(dict.fromkeys(subject_of(advisory) if topics is None else topics))
    values: dict[str, Any] = {
        "advisory": advisory.pk,
        "topics": subject,
        "year_ago": now - SIMILAR_FOR,
        "month_ago": now - MONTH,
        "own": None if (own := own_branch(advisory.issuer)) is None else sorted(own),
    }
    with connection.cursor() as cursor:
        cursor.execute(PREVIEW, values)
        rows = cursor.fetchall()
    figures = next(row for row in rows if not row[0])
    found = Body.objects.in_bulk({pk for row in rows if row[0] for pk in (row[1], row[4])})
    gaps = [GapFound(row[0], found[row[1]], row[2], found[row[4]], row[3], row[5]) for row in rows if row[0]]
    _, _, _, people, bodies, branches, no_night, this_month = figures
    return Reach(
        people=people,
        bodies=bodies,
        branches=branches,
        gaps=_in_order(gaps),
        no_night=no_night,
        this_month=this_month,
        nowhere=nowhere(advisory),
        subject=subject,
        unknown=_unknown(subject),
    )


def targets(advisory: Advisory) -> set[int]:
    """The ids of the bodies whose people it is for, as things stand now."""
    with connection.cursor() as cursor:
        cursor.execute(TARGETS, {"advisory": advisory.pk})
        return {row[0] for row in cursor.fetchall()}


def nowhere(advisory: Advisory) -> list[Person]:
    """Whoever it names and does not find: they left, or sit in no open body. By name."""
    named = advisory.named.exclude(person__in=seated().values("pk")).select_related("person")
    return [one.person for one in named.order_by("person__name", "person")]


def seated() -> QuerySet[Person]:
    """Everybody who is here and sits in an open body."""
    places = Membership.objects.filter(until=None, body__closed=None)
    return Person.objects.filter(left_at=None, pk__in=places.values("person"))


def subject_of(advisory: Advisory) -> list[str]:
    """The topics that an advisory is about."""
    draft = getattr(advisory, "draft", None)
    content = draft.content if draft is not None else advisory.current.content if advisory.current else {}
    topics = content.get("topics", [])
    return [topic for topic in topics if isinstance(topic, str)] if isinstance(topics, list) else []


def _unknown(subject: list[str]) -> list[str]:
    matched = Remit.objects.filter(topic__slug__in=subject, body__closed=None)
    known = set(matched.values_list("topic__slug", flat=True)) if subject else set()
    return [topic for topic in subject if topic not in known]


def as_signed(advisory: Advisory, found: Reach) -> dict[str, Any]:
    """The preview as it is frozen with a revision: its rule, its figures, and its gaps in the order shown."""
    return {
        "people": found.people,
        "bodies": found.bodies,
        "branches": found.branches,
        "no_night": found.no_night,
        "this_month": found.this_month,
        "rule": {
            "branches": sorted(advisory.branches.values_list("body__slug", flat=True)),
            "roles": sorted(advisory.roles.values_list("role", flat=True)),
            "topics": sorted(advisory.only_topics.values_list("topic__slug", flat=True)),
            "named": advisory.named.count(),
            "excluded": sorted(advisory.exclusions.filter(lapsed_at=None).values_list("body__slug", flat=True)),
        },
        "gaps": [
            {
                "kind": gap.kind,
                "body": gap.body.slug,
                "branch": gap.branch.slug,
                "why": gap.why,
                "strength": gap.strength,
                "below": gap.below,
            }
            for gap in found.gaps
        ],
    }


def _in_order(gaps: list[GapFound]) -> list[GapFound]:
    """By branch, the strongest match first; within one the officer's choices before the directory's own."""
    strongest: dict[int, int] = {}
    for gap in gaps:
        strongest[gap.branch.pk] = max(strongest.get(gap.branch.pk, 0), gap.strength)
    kinds = list(Gap.Kind.values)
    return sorted(
        gaps,
        key=lambda gap: (
            -strongest[gap.branch.pk],
            gap.branch.name,
            gap.branch.pk,
            -gap.strength,
            kinds.index(gap.kind),
            gap.body.name,
            gap.body.pk,
        ),
    )
