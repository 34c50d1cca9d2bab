"""How the chase of an advisory stands: its clocks and for how many they run, who is silent, what is next. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from alerts.chasing import ladder
from alerts.chasing.history import Told, these
from alerts.chasing.outlook_sql import CLOCKS, ESCALATED, NEXT, PULSE, WAITING
from alerts.coverage import fingerprint
from alerts.coverage.estate import estate, standing_of
from alerts.models import Advisory, ChaseStep, Clock
from alerts.statements import run

CLOCKS_SHOWN = 20
BODIES_SHOWN = 20
TOLD_SHOWN = 5
"""Of each body about which it was escalated, so many of those who were told are named."""


@dataclass(frozen=True, slots=True)
class Running:
    """A clock, and for how many it runs."""

    clock: Clock
    bodies: int
    people: int
    """Of a clock of people who were told late: how many; of one of promises: how many of these; of any other 0."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A body about which it was escalated."""

    told: Sequence[Told]
    """The last of those who were told, the latest first."""
    number: int
    """How often somebody was told in all."""

    @property
    def slug(self) -> str:
        """The body's."""
        return self.told[0].slug

    @property
    def body(self) -> str:
        """Its name."""
        return self.told[0].body

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.number - len(self.told)


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read inside is of one moment: figures that stand side by side agree, whoever answers between two of them."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def pulse(advisory: Advisory) -> str:
    """Changes whenever a figure of it, a step of its chase or an escalation does."""
    return f"{fingerprint(advisory)}.{run(PULSE, advisory=advisory.pk)[0][0]}"


def clocks(advisory: Advisory) -> tuple[list[Running], int]:
    """Its clocks that run for somebody, the first to end first; and how many there are in all."""
    found = run(CLOCKS, advisory=advisory.pk, material=advisory.clocked, most=CLOCKS_SHOWN)
    by_id = Clock.objects.in_bulk([row[0] for row in found])
    running = [Running(by_id[pk], bodies, people) for pk, bodies, people, _ in found]
    return running, found[0][3] if found else 0


def every_clock(advisory: Advisory) -> list[Clock]:
    """All clocks that it ever had, the first first: what tells one from others is said of these."""
    return list(Clock.objects.filter(advisory=advisory).order_by("starts_at", "by", "pk"))


def silent(advisory: Advisory) -> tuple[int, int]:
    """How many people were written to and have not answered, and to how many it was sent at all."""
    figures = standing_of(estate([advisory], {advisory.pk}), advisory).figures
    sent = figures.targeted - figures.unsent - figures.unreachable
    return max(sent - figures.acknowledged, 0), sent


def next_steps(ids: Collection[int], now: datetime) -> dict[int, ChaseStep]:
    """By the id of an advisory that is chased: its next step, with its clock."""
    found = [row[0] for row in run(NEXT, ids=sorted(ids))] if ids else []
    steps = ChaseStep.objects.filter(pk__in=found).select_related("clock") if found else ()
    # The last one that is written for an advisory stands.
    return {step.clock.advisory_id: step for step in sorted(steps, key=lambda one: in_order(one, now), reverse=True)}


def to_come(advisory: Advisory, now: datetime) -> list[ChaseStep]:
    """Its steps that are not done, in the order in which they are carried out; each with its clock."""
    of = ChaseStep.objects.filter(clock__advisory=advisory, clock__material=advisory.clocked, done_at=None)
    return sorted(of.select_related("clock", "hastened_by"), key=lambda one: in_order(one, now))


def in_order(step: ChaseStep, now: datetime) -> tuple[datetime, datetime, str, str, int, int]:
    """Where it stands among those that are to come: what waits for working hours comes after what does not."""
    return ladder.leaves(step, now), step.due_at, step.clock.kind, step.what, step.n, step.pk


def waiting(steps: Sequence[ChaseStep]) -> dict[int, int]:
    """By the id of a step that was carried out: how many of those whom it found have no mail of it yet, where there are any."""
    return dict(run(WAITING, steps=[step.pk for step in steps])) if steps else {}


def escalated_bodies(advisory: Advisory, bodies: Collection[int] | None, page: int) -> tuple[list[Raised], int]:
    """A page of the bodies about which it was escalated (of these alone; None: of any), and how many there are in all."""
    found = run(
        ESCALATED,
        advisory=advisory.pk,
        material=advisory.clocked,
        bodies=None if bodies is None else sorted(bodies),
        each=TOLD_SHOWN,
        size=BODIES_SHOWN,
        skip=(page - 1) * BODIES_SHOWN,
    )
    told = these([pk for ids, _, _ in found for pk in ids])
    raised = [Raised([told[pk] for pk in ids], number) for ids, number, _ in found]
    return raised, found[0][2] if found else 0
