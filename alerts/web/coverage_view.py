"""What the coverage page shows of one advisory to one person: words and rows, made from one reading of the figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import F

from alerts import coverage, hold_words, rules
from alerts.coverage import Bodies, Figures, MailStates, Row
from alerts.models import Advisory, Exclusion, Gap, Office, Relay, State
from alerts.routes import reports_delivery
from alerts.web.heard import as_heard, told
from alerts.web.left_out import NAMED, LeftOut, by_reason
from alerts.web.numbers import count, people
from alerts.web.parts import Parts, parts_of
from departments.models import Body, Person

LISTED = 200
"""How many of those that held it stand behind "and N more"."""
NO_MAIL = MailStates()


@dataclass(frozen=True, slots=True)
class Why:
    """A piece of what stands in a row; `dark` is set in the warm red."""

    text: str
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table as it is shown."""

    row: Row
    parts: Parts
    not_told: int
    why: list[Why]
    level: int
    has_more: bool
    opened: bool
    turned: str
    """The query string that opens or closes it."""
    people: str = ""
    """What leads to its own people, one by one; "" for whoever may not see them, and where there are none."""


@dataclass(frozen=True, slots=True)
class Held:
    """A body that holds the warning, who holds it there, and what this person may do about it."""

    row: Row
    people: int
    contact: str
    """Name and telephone; "" where nobody is known."""
    may_release: bool
    may_note: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """The bodies that held it and do not any more, the longest hold first."""

    words: list[str]
    """A sentence each, of the first `LISTED`."""
    count: int
    longest: timedelta

    @property
    def named(self) -> list[str]:
        """The first of them."""
        return self.words[:NAMED]

    @property
    def further(self) -> list[str]:
        """Those behind "and N more"."""
        return self.words[NAMED:]

    @property
    def more(self) -> int:
        """How many are not among the first."""
        return self.count - len(self.named)

    @property
    def unlisted(self) -> int:
        """How many are only counted."""
        return self.count - len(self.words)


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Everything that the page shows."""

    everything: bool
    """False: only this person's own branches."""
    as_at: datetime
    parts: Parts
    apart: list[str]
    """Who was told through somebody else, and whose answers look like a machine's."""
    not_told: int
    bodies: Bodies
    reports_delivery: bool
    dark: list[Row]
    unreachable: int
    mail: MailStates
    """What the routes said, of these branches' people."""
    refused: list[Row]
    """The bodies in which most people can't be reached."""
    late: list[Row]
    complained: list[Row]
    held: list[Held]
    passed: Passed | None
    """Of what was held on the way, and is not any more."""
    lines: list[Line]
    left_out: list[LeftOut]
    undecided: list[Body]
    """Bodies that may be concerned, and about which nobody has decided yet."""
    to_decide: bool
    """Whether there is still something to be decided about these: not once it is stood down."""

    @property
    def dark_named(self) -> list[Row]:
        """The first dark bodies, to be named."""
        return self.dark[:NAMED]

    @property
    def dark_more(self) -> int:
        """How many are not named."""
        return len(self.dark[NAMED:])

    @property
    def held_named(self) -> list[Held]:
        """The held bodies behind which most people wait."""
        return self.held[:NAMED]

    @property
    def held_more(self) -> int:
        """How many held bodies are not named."""
        return len(self.held[NAMED:])

    @property
    def no_word(self) -> bool:
        """The route says nothing of delivery."""
        return not self.reports_delivery

    @property
    def unsure(self) -> int:
        """Sent, on a route that reports delivery, and it has said nothing."""
        return max(self.parts.sent - self.mail.late, 0) if self.reports_delivery else 0

    @property
    def out_of_reach(self) -> str:
        """How it is known of those who can't be reached."""
        return out_of_reach(self.unreachable, self.mail)

    @property
    def some_reported(self) -> bool:
        """Not every route reports delivery, and of some people it was reported."""
        return self.no_word and self.parts.told > 0

    @property
    def total(self) -> int:
        """Everybody it is for."""
        return self.parts.total

    @property
    def silent(self) -> int:
        """Told, and no answer yet."""
        return self.total - self.not_told - self.parts.answered

    @property
    def told(self) -> int:
        """Everybody who was told."""
        return self.total - self.not_told


def view_of(advisory: Advisory, person: Person, opened: Collection[str]) -> CoverageView:
    """Read the figures once, and keep what this person may see; a constant number of queries, whatever the size."""
    found = coverage.read(advisory)
    everything = rules.sees_everything(person, advisory)
    own = set() if everything else rules.own_branches(person)
    delivery = reports_delivery()
    rows, whole, bodies = found.rows, found.whole.figures, found.whole.bodies
    if whole.behalf or whole.office:
        rows, ahead = as_heard(rows, coverage.without_mail(advisory), reports_delivery=delivery)
        whole = told(whole, ahead, reports_delivery=delivery)
    if not everything:
        slugs = set(Body.objects.filter(pk__in=own).values_list("slug", flat=True))
        rows = _only(rows, slugs)
        top = [row for row in rows if row.parent is None]
        whole = Figures(*_sums(Figures(), [row.branch for row in top]))
        bodies = Bodies(*_sums(Bodies(), [row.bodies for row in top]))
    waits = _held_below(rows)
    states = coverage.mail_states(advisory)
    below = _mail_below(rows, states)
    mail = states.get(None, MailStates())
    if not everything:
        mail = MailStates(*_sums(MailStates(), [below[row.body] for row in rows if row.parent is None]))
    held_people = found.whole.held_people if everything else sum(waits[row.body] for row in rows if row.parent is None)
    parts = parts_of(whole, held_people)
    exclusions = Exclusion.objects.filter(advisory=advisory, lapsed_at=None)
    gaps = Gap.objects.filter(advisory=advisory, decision__in=(Gap.Decision.SIGNED, Gap.Decision.UNDECIDED))
    if not everything:
        exclusions, gaps = exclusions.filter(body__in=own), gaps.filter(body__in=own)
    kept = list(gaps.select_related("body", "by").order_by("body__name", "pk"))
    signed = [gap for gap in kept if gap.decision == Gap.Decision.SIGNED]
    undecided = list({gap.body_id: gap.body for gap in kept if gap.decision == Gap.Decision.UNDECIDED}.values())
    return CoverageView(
        everything=everything,
        as_at=found.whole.as_at,
        parts=parts,
        apart=coverage.told_apart(
            whole, office_counts=advisory.office == Office.COUNTS, asks=advisory.state == State.LIVE
        ),
        not_told=parts.not_told(delivery),
        bodies=bodies,
        reports_delivery=delivery,
        dark=sorted((row for row in rows if row.state == "dark"), key=lambda row: row.name),
        unreachable=parts.dark,
        mail=mail,
        refused=_most(rows, lambda row: row.own.unreachable),
        late=_most(rows, lambda row: states.get(row.relay_id, NO_MAIL).late if row.relay_id else 0),
        complained=_most(rows, lambda row: states.get(row.relay_id, NO_MAIL).complained if row.relay_id else 0),
        held=_held(rows, waits, advisory, person),
        passed=_passed(advisory, None if everything else own),
        lines=_with_people(_lines(rows, waits, below, delivery, opened), advisory, person),
        left_out=by_reason([*exclusions.select_related("body", "by").order_by("body__name"), *signed]),
        undecided=undecided,
        to_decide=bool(undecided) and advisory.state in (State.LIVE, State.EXPIRED),
    )


def _only(rows: Sequence[Row], slugs: Collection[str]) -> list[Row]:
    """The rows of these bodies; one whose parent is not among them stands at the top."""
    kept = [row for row in rows if row.body in slugs]
    there = {row.body for row in kept}
    return [row if row.parent in there else replace(row, parent=None) for row in kept]


def _sums(nothing: tuple[int, ...], parts: Sequence[tuple[int, ...]]) -> list[int]:
    return [sum(column) for column in zip(nothing, *parts, strict=True)]


def _held_below(rows: Sequence[Row]) -> dict[str, int]:
    """By body: how many of its branch wait because it, one above it or one below it is held."""
    behind: set[str] = set()
    waits: dict[str, int] = {}
    for row in rows:
        if row.state == "held" or row.held_until or row.parent in behind:
            behind.add(row.body)
        waits[row.body] = row.own.waiting if row.body in behind else 0
    for row in reversed(rows):
        if row.parent:
            waits[row.parent] += waits[row.body]
    return waits


def _mail_below(rows: Sequence[Row], states: Mapping[int | None, MailStates]) -> dict[str, MailStates]:
    """By body: its branch's people by what the routes said. As in figures, somebody who sits twice counts twice."""
    below = {row.body: states.get(row.relay_id, NO_MAIL) if row.relay_id else NO_MAIL for row in rows}
    for row in reversed(rows):
        if row.parent and any(below[row.body]):
            below[row.parent] = MailStates(*map(sum, zip(below[row.parent], below[row.body], strict=True)))
    return below


def _most(rows: Sequence[Row], number: Callable[[Row], int]) -> list[Row]:
    """The five bodies that have most of something."""
    return sorted((row for row in rows if number(row)), key=lambda row: (-number(row), row.name))[:5]


def _held(rows: Sequence[Row], waits: dict[str, int], advisory: Advisory, person: Person) -> list[Held]:
    held = sorted((row for row in rows if row.state == "held"), key=lambda row: (-waits[row.body], row.name))
    if not held:
        return []
    ids = [row.relay_id for row in held if row.relay_id is not None]
    own = rules.may_release_of(person, ids)
    mine = set(ids) if rules.is_officer_of_issuer(person, advisory) else own
    who = hold_words.holders(ids[:NAMED])
    return [
        Held(
            row,
            waits[row.body],
            ", ".join(part for part in who.get(row.relay_id or 0, ()) if part),
            row.relay_id in mine,
            row.relay_id in own and advisory.state == State.LIVE,
        )
        for row in held
    ]


def _passed(advisory: Advisory, own: Collection[int] | None) -> Passed | None:
    """What was held on the way; `own`: only at these bodies."""
    relays = Relay.objects.filter(advisory=advisory, state=Relay.State.RELEASED, held_until__isnull=False)
    relays = relays.exclude(purpose=Relay.Purpose.LEFT).exclude(released_at=None).exclude(reached_at=None)
    if own is not None:
        relays = relays.filter(body__in=own)
    first = relays.select_related("body", "released_by").annotate(lasted=F("released_at") - F("reached_at"))
    shown = list(first.order_by("-lasted", "body__name", "pk")[:LISTED])
    if not shown:
        return None
    who = hold_words.holders(relay.pk for relay in shown)
    words = [hold_words.held_for(relay, *who.get(relay.pk, ("", ""))) for relay in shown]
    number = len(shown) if len(shown) < LISTED else relays.count()
    return Passed([f"{said[0].upper()}{said[1:]}" for said in words], number, shown[0].lasted)


def _lines(
    rows: Sequence[Row],
    waits: dict[str, int],
    mail: dict[str, MailStates],
    delivery: bool,
    opened: Collection[str],
) -> Iterable[Line]:
    parents = {row.parent for row in rows if row.parent}
    yield from _below(rows, None, 0, parents, waits, mail, delivery, [slug for slug in opened if slug in parents])


def _below(
    rows: Sequence[Row],
    parent: str | None,
    level: int,
    parents: Collection[str],
    waits: dict[str, int],
    mail: dict[str, MailStates],
    delivery: bool,
    opened: Sequence[str],
) -> Iterable[Line]:
    for row in coverage.children(rows, parent):
        is_open = row.body in opened
        others = [slug for slug in opened if slug != row.body]
        parts = parts_of(row.branch, waits[row.body])
        yield Line(
            row=row,
            parts=parts,
            not_told=parts.not_told(delivery),
            why=_why(row, waits[row.body], mail[row.body]),
            level=min(level, 4),
            has_more=row.body in parents,
            opened=is_open,
            turned="&".join(f"open={slug}" for slug in (others if is_open else [*others, row.body])),
        )
        if is_open:
            yield from _below(rows, row.body, level + 1, parents, waits, mail, delivery, opened)


def _with_people(lines: Iterable[Line], advisory: Advisory, person: Person) -> list[Line]:
    """Each line with what is said of its own people apart from all below it: for those who may look at them."""
    seen = rules.people_seen(person, advisory)
    slugs = None if seen is None else set(Body.objects.filter(pk__in=seen).values_list("slug", flat=True))
    counted = advisory.office == Office.COUNTS
    return [
        replace(
            line,
            people=_people_of(line.row) if slugs is None or line.row.body in slugs else "",
            why=line.why if counted or not line.row.branch.office else [*line.why, _through_office(line.row)],
        )
        for line in lines
    ]


def _through_office(row: Row) -> Why:
    return Why(f"{count(row.branch.office, 'place', 'places')} told through their office")


def _people_of(row: Row) -> str:
    own = row.own
    if row.relay_id is None or not own.targeted:
        return ""
    open_still = own.targeted - own.acknowledged
    if not open_still:
        return "Its people: all have answered" if own.targeted > 1 else "Its one person has answered"
    return f"Its people: {open_still:,} of {own.targeted:,} {'has' if open_still == 1 else 'have'} not answered"


def out_of_reach(number: int, mail: MailStates) -> str:
    """ "12 cannot be reached: 7 refused, 3 came back, 2 suppressed by the provider"."""
    # The figures and these were read a moment apart: what is left is what was refused.
    back, kept = min(mail.came_back, number), min(mail.suppressed, max(number - mail.came_back, 0))
    parts = [
        f"{part:,} {word}"
        for part, word in (
            (number - back - kept, "refused"),
            (back, "came back"),
            (kept, "suppressed by the provider"),
        )
        if part
    ]
    return f"cannot be reached: {', '.join(parts)}"


def _why(row: Row, waits: int, mail: MailStates) -> list[Why]:
    """What keeps a branch from being covered, the worst first: its own state, then what is below it."""
    if row.state == "excluded":
        return [Why("left out on purpose")]
    said = [Why(row.why, dark=True)] if row.state == "dark" else []
    below = row.bodies.dark - (row.state == "dark")
    if below:
        said.append(Why(f"{count(below, 'body', 'bodies')} below with nobody to tell", dark=True))
    if row.state == "held":
        said.append(Why(f"held by its contacts, {people(waits)} waiting"))
    elif row.bodies.held:
        said.append(Why(f"{count(row.bodies.held, 'body', 'bodies')} below held, {people(waits)} waiting"))
    elif waits:
        said.append(Why(row.why))
    if row.branch.unreachable and not (row.state == "dark" and row.branch.unreachable == row.own.unreachable):
        said.append(Why(f"{people(row.branch.unreachable)} {out_of_reach(row.branch.unreachable, mail)}"))
    if mail.late:
        said.append(Why(f"{mail.late:,} delayed"))
    if mail.complained:
        said.append(Why(f"{mail.complained:,} reported it as spam"))
    if row.branch.waiting > waits:
        said.append(Why(f"{people(row.branch.waiting - waits)} waiting to be sent"))
    if row.branch.suspect:
        said.append(Why(f"{count(row.branch.suspect, 'place', 'places')} with an answer like a machine's"))
    return said
