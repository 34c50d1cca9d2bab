"""What the chase is to mail, said apart and in plain Python: no query of ours, and nothing of `alerts.chasing`.

A world of bodies and people, warnings, what happened, and the moments at which the chase looked; from these follow the mails.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
_CHRISTMAS = {date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1)}
HOLIDAYS = {
    "england-and-wales": _CHRISTMAS,
    "northern-ireland": _CHRISTMAS,
    "scotland": {date(2026, 11, 30), *_CHRISTMAS, date(2027, 1, 4)},
}
RANKS = ("critical", "high", "medium", "low")
RUNG_AFTER = {"critical": 1, "high": 4, "medium": 8, "low": 16}  # hours, of work but for the first
DAYS_AFTER = 5
OFFICERS = 1000
Mail = tuple[datetime, str, int, frozenset[str]]
"""When, of which kind, to whom, and about which warnings."""


def at_work(when: datetime, calendar: str) -> bool:
    """Whether people of that calendar are at work; of none ("") everybody is, always."""
    local = when.astimezone(LONDON)
    return not calendar or (local.weekday() < 5 and local.date() not in HOLIDAYS[calendar] and 9 <= local.hour < 17)


def _hours(since: datetime, calendar: str) -> Iterator[tuple[datetime, datetime]]:
    """From when until when they are at work, from a moment on."""
    day = since.astimezone(LONDON).date()
    while True:
        opens, closes = (datetime.combine(day, time(hour), LONDON).astimezone(UTC) for hour in (9, 17))
        if at_work(opens, calendar) and closes > since:
            yield max(opens, since), closes
        day += timedelta(days=1)


def after(since: datetime, worked: timedelta, calendar: str) -> datetime:
    """The moment at which so much time has been worked."""
    if not calendar:
        return since + worked
    for opens, closes in _hours(since, calendar):
        if worked <= closes - opens:
            return opens + worked
        worked -= closes - opens
    raise AssertionError("there is always another day")


def worked_between(start: datetime, end: datetime, calendar: str) -> timedelta:
    """How much was worked between two moments."""
    if not calendar:
        return end - start
    found = timedelta()
    for opens, closes in _hours(start, calendar):
        if opens >= end:
            return found
        found += min(closes, end) - opens
    raise AssertionError("there is always another day")


def length(time_given: timedelta, calendar: str) -> timedelta:
    """A day is a working day of eight hours."""
    return timedelta(hours=8 * time_given.days, seconds=time_given.seconds) if calendar else time_given


def _up(when: datetime, minutes: int) -> datetime:
    return datetime.fromtimestamp(math.ceil(when.timestamp() / 60 / minutes) * 60 * minutes, UTC)


class Post(NamedTuple):
    """What somebody is in a body."""

    person: int
    body: int
    role: str
    hours: str = "in"


class Event(NamedTuple):
    """What happened: published, updated, stopped, goes on (a warning); answered (a person, of one); joined, left, bounced."""

    at: datetime
    what: str
    warning: str = ""
    person: int = 0
    post: Post | None = None


@dataclass
class World:
    """Bodies with the one above and their calendar, and who is what in them."""

    parents: dict[int, int | None]
    calendars: dict[int, str]
    posts: list[Post]
    issuer: int
    holds: frozenset[int] = frozenset()
    """Bodies that hold: of these the oracle knows nothing."""
    people: dict[int, list[Post]] = field(init=False)
    places: dict[int, list[Post]] = field(init=False)
    gone: set[int] = field(default_factory=set)
    out_of_reach: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.people, self.places = defaultdict(list), defaultdict(list)
        for post in self.posts:
            self.join(post)

    def join(self, post: Post) -> None:
        self.people[post.person].append(post)
        self.places[post.body].append(post)

    def leave(self, person: int) -> None:
        self.gone.add(person)
        for post in self.people.pop(person, []):
            self.places[post.body].remove(post)

    def reached(self, person: int) -> bool:
        return person not in self.gone and person not in self.out_of_reach

    def at_work(self, person: int, when: datetime) -> bool:
        return any(at_work(when, self.calendars[post.body]) for post in self.people[person])

    def above(self, body: int) -> Iterator[int]:
        """A body, the one above it, and so on."""
        at: int | None = body
        while at is not None:
            yield at
            at = self.parents[at]


@dataclass
class Clock:
    """Time that runs for bodies of a calendar, or for people who were told late."""

    calendar: str
    start: datetime
    by: datetime
    late: bool
    reminders: list[tuple[datetime, datetime]] = field(init=False)
    """When each is due, and since when nobody may have been written to."""
    rung: int = 1
    rung_due: datetime | None = None
    told: set[tuple[int, int]] = field(default_factory=set)
    """Which body's silence was told to whom."""
    rungs: set[tuple[int, int, tuple[str, ...]]] = field(default_factory=set)
    """Of which body, at which body above, to whom in which roles: a rung that was told stays one."""

    def __post_init__(self) -> None:
        whole = worked_between(self.start, self.by, self.calendar)
        days = [timedelta(hours=8 if self.calendar else 24) * n for n in range(1, DAYS_AFTER + 1)]
        dues = [after(self.start, whole * part, self.calendar) for part in (0.5, 0.9)]
        dues += [self.by, *(after(self.by, day, self.calendar) for day in days)]
        self.reminders, before = [], self.start
        for due in dues:
            half = worked_between(before, due, self.calendar) / 2
            self.reminders.append((due, after(before, half, self.calendar)))
            before = due
        self.rung_due, self.half = self.by, dues[0]


@dataclass
class Notice:
    """A warning to these bodies, and how it stands."""

    name: str
    severity: str
    rule: str
    within: timedelta
    bodies: frozenset[int]
    material_at: datetime | None = None
    stopped: bool = False
    started: bool = False
    told: dict[int, datetime] = field(default_factory=dict)
    wrote: dict[int, datetime] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    clocks: dict[str, Clock] = field(default_factory=dict)
    late: dict[tuple[str, datetime], Clock] = field(default_factory=dict)
    own: dict[int, Clock] = field(default_factory=dict)

    @property
    def critical(self) -> bool:
        return self.severity == "critical"

    @property
    def rank(self) -> int:
        return RANKS.index(self.severity)

    def calendar(self, of: str) -> str:
        return "" if self.critical else of

    def begins(self, when: datetime, people: Iterable[int]) -> None:
        """A text that asks everybody anew."""
        self.material_at, self.started = when, False
        self.answered, self.own = set(), {}
        self.clocks, self.late = {}, {}
        self.told = dict.fromkeys(people, when)
        self.wrote |= self.told


@dataclass
class Raised:
    """A list that waits for its mail."""

    warning: str
    person: int
    body: int


class Oracle:
    """Goes through the looks, and says what each is to mail."""

    def __init__(self, world: World, warnings: list[Notice], cap: int) -> None:
        self.world, self.cap = world, cap
        self.warnings = {one.name: one for one in warnings}
        self.had: Counter[tuple[int, date]] = Counter()
        self.nudges: dict[int, set[str]] = defaultdict(set)
        self.raised: list[Raised] = []
        self.mails: list[Mail] = []

    def happens(self, event: Event) -> None:
        """One event."""
        world = self.world
        if event.what == "joined":
            assert event.post is not None
            world.join(event.post)
            for one in self.warnings.values():
                if one.material_at is not None and event.post.body in one.bodies and event.post.person not in one.told:
                    one.told[event.post.person] = one.wrote[event.post.person] = event.at
        elif event.what == "left":
            world.leave(event.person)
        elif event.what == "bounced":
            world.out_of_reach.add(event.person)
        else:
            one = self.warnings[event.warning]
            if event.what in ("published", "updated"):
                people = {post.person for body in one.bodies for post in world.places[body]}
                one.begins(event.at, {who for who in people if world.reached(who)})
                self.raised = [waits for waits in self.raised if waits.warning != one.name]
                for waiting in self.nudges.values():
                    waiting.discard(one.name)
            elif event.what == "answered":
                one.answered.add(event.person)
            else:
                one.stopped = event.what == "stopped"

    def looks(self, now: datetime) -> None:
        """One look."""
        live = [one for one in self.warnings.values() if one.material_at is not None]
        for one in live:
            self._start(one, now)
        due = [
            (one.rank, when, n, one, clock)
            for one in live
            if not one.stopped
            for clock in (*one.clocks.values(), *one.late.values())
            for n, when in enumerate((clock.reminders[0][0] if clock.reminders else None, clock.rung_due))
            if when is not None and when <= now and at_work(now, clock.calendar)
        ]
        for _, _, n, one, clock in sorted(due, key=lambda row: row[:3]):
            (self._climb if n else self._remind)(one, clock, now)
        self._post_reminders(now)
        self._post_lists(now)

    def _start(self, one: Notice, now: datetime) -> None:
        assert one.material_at is not None
        if not one.started:
            one.started = True
            for calendar in {one.calendar(self.world.calendars[body]) for body in one.bodies}:
                one.clocks[calendar] = self._clock(one, calendar, _up(one.material_at, 1), late=False)
        for person, told in one.told.items():
            if (
                person in one.own
                or person in one.answered
                or told <= one.material_at
                or told <= now - timedelta(days=2)
            ):
                continue
            theirs = [one.clocks[one.calendar(self.world.calendars[body])] for body in self._seats(one, person)]
            if theirs and told > max(clock.half for clock in theirs):
                latest = max(theirs, key=lambda clock: clock.half)
                key = latest.calendar, _up(told, 15)
                if key not in one.late:
                    one.late[key] = self._clock(one, *key, late=True)
                one.own[person] = one.late[key]

    def _clock(self, one: Notice, calendar: str, start: datetime, *, late: bool) -> Clock:
        assert one.material_at is not None
        issuers = one.calendar(self.world.calendars[self.world.issuer])
        everybody = after(one.material_at, length(one.within, issuers), issuers)
        return Clock(calendar, start, max(after(start, length(one.within, calendar), calendar), everybody), late)

    def _seats(self, one: Notice, person: int) -> list[int]:
        return [post.body for post in self.world.people.get(person, ()) if post.body in one.bodies]

    def _bodies(self, one: Notice, clock: Clock) -> Iterable[int]:
        if clock.late:
            return {body for person, own in one.own.items() if own is clock for body in self._seats(one, person)}
        return (body for body in one.bodies if one.clocks[one.calendar(self.world.calendars[body])] is clock)

    def _silent(self, one: Notice, clock: Clock, body: int) -> set[int]:
        """Who of a body has not answered, and is on this clock."""
        mine = clock if clock.late else None
        return {
            post.person
            for post in self.world.places[body]
            if post.person in one.told and post.person not in one.answered and one.own.get(post.person) is mine
        }

    def _any_answered(self, one: Notice, body: int) -> bool:
        return any(post.person in one.answered for post in self.world.places[body])

    def _remind(self, one: Notice, clock: Clock, now: datetime) -> None:
        since = now
        while clock.reminders and clock.reminders[0][0] <= now:
            since = clock.reminders.pop(0)[1]
        for body in self._bodies(one, clock):
            if one.rule == "any" and self._any_answered(one, body):
                continue
            for person in self._silent(one, clock, body):
                if self.world.reached(person) and one.wrote[person] <= since and self._ends_last(one, clock, person):
                    self.nudges[person].add(one.name)

    def _asked(self, one: Notice, person: int) -> bool:
        """Whether anywhere is left where an answer of theirs is asked for."""
        return one.rule != "any" or any(not self._any_answered(one, body) for body in self._seats(one, person))

    def _ends_last(self, one: Notice, clock: Clock, person: int) -> bool:
        """Whether of all clocks of theirs it is this one that their mails name."""
        if clock.late or one.rule == "any":
            return True
        theirs = [one.clocks[one.calendar(self.world.calendars[body])] for body in self._seats(one, person)]
        return max(theirs, key=lambda other: (other.by, other.calendar)) is clock

    def _climb(self, one: Notice, clock: Clock, now: datetime) -> None:
        """The lists of one rung, for each body whose silence is not covered."""
        rungs = 0
        for body in self._bodies(one, clock):
            silent = self._silent(one, clock, body)
            dark = not clock.late and not self.world.places[body]
            if not dark and (not silent or (one.rule == "any" and self._any_answered(one, body))):
                continue
            ladder = self._ladder(one, clock, body)
            rungs = max(rungs, len(ladder))
            # Whoever came to a rung below since is told with it, once that body was told of at all.
            lower = ladder[: clock.rung - 1] if any(of == body for of, _ in clock.told) else []
            for where, roles, people in (*lower, *ladder[clock.rung - 1 : clock.rung]):
                for person in sorted(people):
                    if (body, person) not in clock.told:
                        self.raised.append(Raised(one.name, person, where))
                        clock.rungs.add((body, where, roles))
                clock.told |= {(body, person) for person in people}
        clock.rung += 1
        between = timedelta(hours=RUNG_AFTER[one.severity])
        clock.rung_due = after(now, between, clock.calendar) if rungs >= clock.rung else None

    def _ladder(self, one: Notice, clock: Clock, body: int) -> list[tuple[int, tuple[str, ...], set[int]]]:
        """Its rungs that have anybody or were told, each with the body for which they answer."""
        found: list[tuple[int, tuple[str, ...]]] = []
        for height, at in enumerate(self.world.above(body)):
            groups = (("contact",), ("deputy",), ("head",)) if height == 0 else (("contact", "deputy"), ("head",))
            found += [(at, roles) for roles in groups]
        found.append((self.world.issuer, ("officer",)))
        rungs = []
        for at, roles in found:
            people = {
                post.person
                for post in self.world.places[at]
                if post.role in roles and self.world.reached(post.person) and (post.hours == "in" or one.critical)
            }
            if people or (roles != ("officer",) and (body, at, roles) in clock.rungs):
                rungs.append((at, roles, people))
        return rungs

    def _post_reminders(self, now: datetime) -> None:
        today = now.astimezone(LONDON).date()
        for person in sorted(self.nudges):
            about = {name for name in self.nudges[person] if not self.warnings[name].stopped}
            about = {name for name in about if person not in self.warnings[name].answered}
            critical = any(self.warnings[name].critical for name in about)
            if not about or not self.world.reached(person) or not (critical or self.world.at_work(person, now)):
                continue
            del self.nudges[person]
            if not critical and self.had[person, today] >= self.cap:
                continue
            for name in about:
                self.warnings[name].wrote[person] = now
            opened = {
                one.name
                for one in self.warnings.values()
                if not one.stopped and person in one.told and person not in one.answered and self._asked(one, person)
            }
            kind = "reminder" if len(about | opened) == 1 else "digest"
            self.had[person, today] += 1
            self.mails.append((now, kind, person, frozenset(about)))
        self.nudges = defaultdict(set, {person: names for person, names in self.nudges.items() if names})

    def _post_lists(self, now: datetime) -> None:
        today = now.astimezone(LONDON).date()
        self.raised = [waits for waits in self.raised if self.world.reached(waits.person)]
        mailed: set[int] = set()
        waiting: defaultdict[tuple[int, str, int], list[Raised]] = defaultdict(list)
        for waits in self.raised:
            one = self.warnings[waits.warning]
            if not one.stopped:
                waiting[one.rank, one.name, waits.person].append(waits)
        for (_, name, person), theirs in sorted(waiting.items(), key=lambda row: row[0]):
            critical = self.warnings[name].critical
            if not (critical or any(at_work(now, self.world.calendars[waits.body]) for waits in theirs)):
                continue
            if not critical and self.had[person, today] >= self.cap:
                continue
            self.had[person, today] += 1
            self.mails.append((now, "escalation", person, frozenset({name})))
            mailed |= {id(waits) for waits in theirs}
        self.raised = [waits for waits in self.raised if id(waits) not in mailed]
