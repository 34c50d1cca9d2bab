"""Trying an advisory on a register of one's own: who would not hear it, and why. Nothing is published, mailed or kept.

Before: an advisory's file, a file of bodies and one of people, as `publish`, `load_bodies` and `load_people` take them.
After: a sheet of plain words, and everything else as it was. Twice: the same sheet. The files are loaded by the loaders
themselves into an empty copy of the system (`alerts.publishing.shadow`), and asked by the very rule of the cascade
(`alerts.publishing.reach`), so that publishing in such a directory would show the same.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection
from django.utils import timezone
from psycopg.errors import QueryCanceled

from alerts.models import Advisory
from alerts.publishing import contract
from alerts.publishing.draft import from_file
from alerts.publishing.reach import Reach, reach
from alerts.publishing.shadow import shadow
from alerts.publishing.targeting import in_words
from departments import loading
from departments.lacks import CONFIRMED_FOR
from departments.loading.report import SHOWN, Progress, Remark, Report, silent
from departments.models import Body, Membership, Person, Role
from departments.standing_sql import OWN

# Tables just filled have no statistics, and nobody gathers them for temporary ones.
STATISTICS = """
    ANALYZE departments_topic, departments_remit, departments_sponsor, departments_person, departments_membership
"""
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('alerts.publishing.whatif'))"
BUSY = "Somebody else is trying a register at this moment. Choose the files again in half a minute."
TOO_LONG = "It took longer than {seconds} seconds and was ended. For a register of this size use the command: manage.py whatif."


class NotTried(Exception):
    """What is wrong, a sentence each, by where: `advisory`, `bodies` or `people`; "" where it is none of these."""

    def __init__(self, wrong: dict[str, list[str]]) -> None:
        self.wrong = wrong
        super().__init__("\n".join(line for lines in wrong.values() for line in lines))


@dataclass(frozen=True)
class Unheard:
    """A body that would not hear it. `kind` and `why` as `alerts.publishing.reach` has them; `chosen`: outside the audience."""

    kind: str
    slug: str
    name: str
    why: str
    chosen: bool

    @property
    def reason(self) -> str:
        """The same as a reader wants it, without the name."""
        return f"not in the audience ({self.why})" if self.chosen else f"in the audience, but {self.why}"


@dataclass(frozen=True)
class Register:
    """How much the two files hold."""

    bodies: int
    people: int
    places: int


@dataclass(frozen=True)
class Sheet:
    """Who would hear an advisory in a register of one's own, and first of all who would not. Plain values throughout."""

    title: str
    severity: str
    """One of `alerts.models.Severity`."""
    marking: str
    """One of `alerts.models.Marking`."""
    exercise: bool
    at: datetime
    audience: list[str]
    """Whom it is for, a line each."""
    left_out: list[tuple[str, str]]
    """The name of each body left out on purpose, and the reason."""
    people: int
    bodies: int
    no_night: int
    """How many of these bodies have nobody who can be told out of hours."""
    unheard: list[tuple[str, list[Unheard]]]
    """By branch (its name), the one with the strongest match first."""
    unknown: list[str]
    """Topics of its subject that nobody in the register has as remit."""
    register: Register
    remarks: list[tuple[str, list[str]]]
    """What the loaders had to say of a file (`bodies`, `people`), a sentence each."""
    supersedes: str
    """The reference of an advisory that it replaces, which no register of one's own has."""

    @property
    def missed(self) -> int:
        """How many bodies would not hear it."""
        return sum(len(bodies) for _, bodies in self.unheard)

    @property
    def outside(self) -> int:
        """How many of them are not in the audience."""
        return sum(body.chosen for _, bodies in self.unheard for body in bodies)

    @property
    def dark(self) -> int:
        """How many of them are in the audience, with nobody who can be told."""
        return self.missed - self.outside

    @property
    def unknowable(self) -> list[str]:
        """What no register shows, a sentence each."""
        said = [
            "Whether an address takes mail: nothing was sent.",
            "Who heard earlier advisories on the same subject: a register holds none.",
            "Who issues it: it was tried as if somebody outside the register did.",
        ]
        if self.supersedes:
            said.append(f"Whether it may replace {self.supersedes}.")
        return said


def whatif(
    advisory: object, bodies: Path, people: Path, progress: Progress = silent, within: timedelta | None = None
) -> Sheet:
    """Try this advisory (the parsed JSON of its file) on these files.

    With `within` it is ended after so long, and one is tried at a time: for a page. Raises `NotTried`.
    """
    step = _Steps(progress, within)
    try:
        with shadow(None if within is None else _one_at_a_time):
            return _try(advisory, bodies, people, step)
    except OperationalError as error:
        if within is None or not isinstance(error.__cause__, QueryCanceled):
            raise
        raise NotTried({"": [step.too_long]}) from None


def _try(advisory: object, bodies: Path, people: Path, step: Progress) -> Sheet:
    at = timezone.now()
    data, supersedes = _without_what_went_before(advisory)
    wrong = _wrong_words(data, at)
    reports: dict[str, Report] = {}
    try:
        reports["bodies"] = loading.load_bodies(bodies, progress=step)
        reports["people"] = loading.load_people(people, progress=step)
    except loading.NotUnderstood as error:
        wrong["people" if "bodies" in reports else "bodies"] = _lines(error.remarks)
    if wrong:
        raise NotTried(wrong)
    step("counting who can be told")
    _count_standings(at)
    register = Register(reports["bodies"].rows, Person.objects.count(), reports["people"].rows)
    step("reading the advisory")
    try:
        draft = from_file(data, *_somebody_outside())
    except contract.NotUnderstood as error:
        raise NotTried({"advisory": _lines(error.sentences)}) from None
    step("looking who would not hear it")
    found = reach(draft.advisory, now=at)
    step("writing the sheet")
    return _sheet(draft.advisory, found, at, register, reports, supersedes)


def _without_what_went_before(advisory: object) -> tuple[object, str]:
    """A register of one's own has no earlier advisories, so there is none to replace; and which one it would be."""
    given = advisory.get("supersedes") if isinstance(advisory, dict) else None
    if not isinstance(advisory, dict) or not isinstance(given, str):
        return advisory, ""
    return {**advisory, "supersedes": ""}, given.strip()[:40]


def _wrong_words(data: object, at: datetime) -> dict[str, list[str]]:
    """What is wrong with the words alone: said together with what is wrong with the files."""
    reader = contract.Reader(data, at)
    contract.read_content(reader)
    contract.read_head(reader)
    return {"advisory": _lines(reader.wrong)} if reader.wrong else {}


def _somebody_outside() -> tuple[Person, Body]:
    """Who issues it, and for which body: nobody of the register, under a name that no file can have guessed."""
    name = secrets.token_hex(16)
    issuer = Body.objects.create(slug=name, name="outside the register", kind="other", may_issue=True)
    officer = Person.objects.create(email=name, written=name, name="nobody of the register")
    Membership.objects.create(person=officer, body=issuer, role=Role.OFFICER)
    return officer, issuer


def _count_standings(at: datetime) -> None:
    """Each body's own standing. No branch is summed: nothing here asks for it."""
    ids = list(Body.objects.order_by("pk").values_list("pk", flat=True))
    values: dict[str, Any] = {
        "bodies": ids,
        "cutoff": at - CONFIRMED_FOR,
        "confirmed_for": CONFIRMED_FOR.total_seconds(),
    }
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS)
        cursor.execute(OWN, values)


def _sheet(
    advisory: Advisory,
    found: Reach,
    at: datetime,
    register: Register,
    reports: dict[str, Report],
    supersedes: str,
) -> Sheet:
    left_out = advisory.exclusions.order_by("body__name", "pk").values_list("body__name", "reason")
    return Sheet(
        title=str(advisory.draft.content["title"]).strip(),
        severity=advisory.severity,
        marking=advisory.marking,
        exercise=advisory.exercise,
        at=at,
        audience=in_words(advisory),
        left_out=list(left_out),
        people=found.people,
        bodies=found.bodies,
        no_night=found.no_night,
        unheard=[
            (
                branch.name,
                [Unheard(gap.kind, gap.body.slug, gap.body.name, gap.why, gap.chosen) for gap in gaps],
            )
            for branch, gaps in found.by_branch()
        ],
        unknown=found.unknown,
        register=register,
        remarks=[(what, [str(one) for one in report.remarks]) for what, report in reports.items() if report.remarks],
        supersedes=supersedes,
    )


def _lines(wrong: Iterable[Remark | contract.Wrong | str]) -> list[str]:
    """The first of them as sentences, and how many more there are."""
    lines = [str(one) for one in wrong]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"... and {more:,} more."] if more > 0 else lines


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)
        (free,) = cursor.fetchone() or (False,)
    if not free:
        raise NotTried({"": [BUSY]})


class _Steps:
    """Says each step, and where there is a limit lets nothing last beyond it."""

    def __init__(self, progress: Progress, within: timedelta | None) -> None:
        self._progress = progress
        self._seconds = within.total_seconds() if within else 0.0
        self._end = time.monotonic() + self._seconds
        self.too_long = TOO_LONG.format(seconds=round(self._seconds))

    def __call__(self, step: str) -> None:
        """At every step; raises `NotTried` where the time is over."""
        if self._seconds:
            left = self._end - time.monotonic()
            if left <= 0:
                raise NotTried({"": [self.too_long]})
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{max(int(left * 1000), 1)}ms"])
        self._progress(step)
