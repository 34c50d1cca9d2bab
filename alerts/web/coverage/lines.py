"""The rows of the tree as they are shown: what stands in each, and what opens it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.http import urlencode

from alerts import rules
from alerts.coverage.figures import MailStates
from alerts.coverage.glance import Glance, Lowest, Place
from alerts.coverage.rung import Rung
from alerts.models import Advisory, Office
from alerts.web.numbers import count, people
from alerts.web.parts import Parts, parts_of
from departments.models import Body, Person

NO_MAIL = MailStates()
LOW = {"dark": "nobody can be told", "held": "held by its contacts", "waiting": "not sent to everybody yet"}


@dataclass(frozen=True, slots=True)
class Why:
    """A piece of what stands in a row; `dark` is set in the warm red."""

    text: str
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table as it is shown."""

    row: Place
    parts: Parts
    not_told: int
    why: list[Why]
    level: int
    opened: bool
    turned: str
    """The query string that opens or closes it."""
    lowest: str
    """The worst of what is below it, in words; "" where its own row says as much."""
    people: str = ""
    """What leads to its own people, one by one; "" for whoever may not see them, and where there are none."""
    further: int = 0
    """How many more stand below the same parent than are shown: said behind the last of them."""

    @property
    def has_more(self) -> bool:
        """There is something below it."""
        return self.row.more

    @property
    def others(self) -> int:
        """Of what was left out: for how many more bodies somebody signed alike."""
        return self.row.bodies.excluded - 1 if self.row.relay_id is None else 0


def lines_of(glance: Glance, opened: Sequence[str], query: dict[str, str], *, delivery: bool) -> list[Line]:
    """The rows of the tree, opened as far as somebody opened it; or what a filter found."""
    if glance.found or not glance.top:
        return [_line(row, 0, opened, query, glance, delivery=delivery) for row in glance.found]
    return list(_below(glance.top, 0, opened, query, glance, delivery=delivery))


def _below(
    rows: Sequence[Place], level: int, opened: Sequence[str], query: dict[str, str], glance: Glance, *, delivery: bool
) -> Iterator[Line]:
    reached = [row for row in rows if row.relay_id is not None]
    for row in rows:
        line = _line(row, level, opened, query, glance, delivery=delivery)
        last = bool(reached) and row is reached[-1]
        yield replace(line, further=max(row.siblings - len(reached), 0)) if last else line
        if line.opened and row.relay_id is not None:
            yield from _below(glance.below.get(row.relay_id, []), level + 1, opened, query, glance, delivery=delivery)


def _line(
    row: Place, level: int, opened: Sequence[str], query: dict[str, str], glance: Glance, *, delivery: bool
) -> Line:
    is_open = row.relay_id in glance.opened and row.more
    others = [slug for slug in opened if slug != row.body]
    turned = [*query.items(), *(("open", slug) for slug in (others if is_open else [*others, row.body]))]
    parts = parts_of(row.branch, row.waits)
    return Line(
        row=row,
        parts=parts,
        not_told=parts.not_told(delivery),
        why=_why(row, glance.mail_of.get(row.relay_id or 0, NO_MAIL), _Counted(row, glance)),
        level=min(level, 4),
        opened=is_open,
        turned=urlencode(turned),
        lowest="" if is_open or row.lowest is None else _lowest(row.lowest),
    )


class _Counted:
    """How those of a branch are called: people, or places where somebody may sit in two of its bodies."""

    def __init__(self, row: Place, glance: Glance) -> None:
        self._places = glance.twice and row.bodies.targeted > 1
        self.behind = glance.behind.get(row.relay_id or 0)

    def __call__(self, number: int) -> str:
        return count(number, "place", "places") if self._places else people(number)


def _lowest(low: Lowest) -> str:
    if low.state == "covered" and low.answered == 100:
        return ""
    said = LOW.get(low.state) or f"{low.answered}% answered"
    return f"lowest below: {low.name}, {said}"


def with_rung(lines: Sequence[Line], rung: Mapping[int, Rung]) -> list[Line]:
    """Each dark line in whose own body somebody was told by telephone (by relay) with that, behind why it is dark."""
    return [_with_rung(line, rung.get(line.row.relay_id or 0)) for line in lines]


def _with_rung(line: Line, rung: Rung | None) -> Line:
    if rung is None or line.row.state != "dark":
        return line
    return replace(line, why=[line.why[0], Why(rung.said), *line.why[1:]])


def with_people(lines: Sequence[Line], advisory: Advisory, person: Person) -> list[Line]:
    """Each line with what is said of its own people apart from all below it: for those who may look at them."""
    seen = rules.people_seen(person, advisory)
    slugs = None if seen is None else set(Body.objects.filter(pk__in=seen).values_list("slug", flat=True))
    return [_with_people(line, advisory, slugs) for line in lines]


def _with_people(line: Line, advisory: Advisory, slugs: Collection[str] | None) -> Line:
    office = line.row.branch.office
    why = line.why
    if office and advisory.office != Office.COUNTS:
        why = [*why, Why(f"{count(office, 'place', 'places')} told through their office")]
    may = slugs is None or line.row.body in slugs
    return replace(line, people=_people_of(line.row) if may else "", why=why)


def _people_of(row: Place) -> str:
    own = row.own
    if row.relay_id is None or not own.targeted:
        return ""
    open_still = own.targeted - own.acknowledged
    if not open_still:
        return "Its people: all have answered" if own.targeted > 1 else "Its one person has answered"
    return f"Its people: {open_still:,} of {own.targeted:,} {'has' if open_still == 1 else 'have'} not answered"


def _why(row: Place, mail: MailStates, said_of: _Counted) -> list[Why]:
    """What keeps a branch from being covered, the worst first: its own state, then what is below it."""
    if row.state == "excluded":
        return [Why(row.why)]
    waits = row.waits
    said = [Why(row.why, dark=True)] if row.state == "dark" else []
    below = row.bodies.dark - (row.state == "dark")
    if below:
        said.append(Why(f"{count(below, 'body', 'bodies')} below with nobody to tell", dark=True))
    if row.state == "held":
        waiting = said_of(waits) if said_of.behind is None else people(said_of.behind.people)
        said.append(Why(f"held by its contacts, {waiting} waiting"))
    elif row.bodies.held:
        said.append(Why(f"{count(row.bodies.held, 'body', 'bodies')} below held, {said_of(waits)} waiting"))
    elif waits:
        said.append(Why(row.why))
    if row.branch.unreachable and not (row.state == "dark" and row.branch.unreachable == row.own.unreachable):
        said.append(Why(f"{said_of(row.branch.unreachable)} cannot be reached"))
    if mail.late:
        said.append(Why(f"{mail.late:,} delayed"))
    if mail.complained:
        said.append(Why(f"{mail.complained:,} reported it as spam"))
    if row.branch.unsent > waits:
        said.append(Why(f"{said_of(row.branch.unsent - waits)} waiting to be sent"))
    if row.branch.former:
        said.append(Why(f"{said_of(row.branch.former)} answered only an earlier revision"))
    if row.branch.suspect:
        said.append(Why(f"{count(row.branch.suspect, 'place', 'places')} with an answer like a machine's"))
    return said
