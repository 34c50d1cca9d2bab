"""How fast mail leaves, until when, and what was refused: in words first. Reads only."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from alerts import hold_words
from alerts.models import Message, Severity
from alerts.routing import routes
from alerts.routing.leaving_sql import ANY_TO_TRY, BOUND, OUTBOX, RATE, REASONS
from alerts.routing.route_state import Standing, choices, in_words, severities
from alerts.statements import run

RECENTLY = timedelta(days=1)
WINDOW = timedelta(minutes=1)
LEAST = 10.0  # seconds over which a rate is reckoned: of the first moments nobody can say
STEPS = 60  # of 500 entries of the record: so far back a rate is looked for
NEXT = 8  # batches of each rank that may have been handed back half sent
MOST = 5_000  # failures that are looked at
SHOWN = 20  # reasons

PLAIN = "Of no advisory"
STOPPED = "Of stopped advisories"


class Outbox(NamedTuple):
    """Mails of one severity that have not left."""

    name: str
    mails: int
    oldest: datetime
    in_hand: int
    put_off: int
    until: datetime | None
    """When the first of those put off is tried again."""
    rank: int | None = None
    """None: of stopped advisories."""
    bound: Mapping[str, int] = {}
    """By route: so many of those that are due may have left by it, and wait for it alone."""

    @property
    def due(self) -> int:
        """How many may leave now, for all that is known of their own addresses."""
        return self.mails - self.put_off

    @property
    def what(self) -> str:
        """ "12,400 medium mails"."""
        noun = "mail" if self.due == 1 else "mails"
        return (
            f"{self.due:,} {noun} of no advisory" if self.name == PLAIN else f"{self.due:,} {self.name.lower()} {noun}"
        )


class Rates(NamedTuple):
    """What left lately: mails a second, in all and by route."""

    whole: float
    routes: dict[str, float]


class Reason(NamedTuple):
    """Mails that failed alike."""

    key: str
    what: str
    route: str
    words: str
    """What the server said, without addresses."""
    mails: int
    people: frozenset[int]
    """Whose may be tried again."""
    plain: int
    """So many are of no advisory."""
    last: datetime

    @property
    def again(self) -> int:
        """So many people may be mailed again."""
        return len(self.people)


def outbox(now: datetime) -> list[Outbox]:
    """What has not left, the most severe first."""
    lines: dict[str, Outbox] = {}
    for line, mails, oldest, in_hand, put_off, until, route in run(OUTBOX, now=now, next=NEXT, known=_known()):
        had = lines.get(line) or Outbox(_NAMES.get(line) or list(Severity)[int(line)].label, 0, oldest, 0, 0, None)
        lines[line] = had._replace(
            mails=had.mails + mails,
            oldest=min(had.oldest, oldest),
            in_hand=had.in_hand + (in_hand or 0),
            put_off=had.put_off + (put_off or 0),
            until=min(filter(None, (had.until, until)), default=None),
            rank=_RANKS[line] if line in _RANKS else int(line),
            bound={**had.bound, route: mails} if route else had.bound,
        )
    return list(lines.values())


_NAMES = {"stopped": STOPPED, "plain": PLAIN}
_RANKS = {"stopped": None, "plain": 9}


def _known() -> list[str]:
    return [way.name for way in routes.ways()]


def bound(now: datetime) -> dict[str, int]:
    """By route: mails that may have left by it, and wait for it alone."""
    return dict(run(BOUND, now=now, known=_known()))


def rates(now: datetime) -> Rates:
    """How fast mail left within the last minute; of one that has just begun, since then."""
    found = run(RATE, since=now - WINDOW, steps=STEPS)
    first = min((first for _, _, first in found), default=now)
    span = min(max((now - first).total_seconds(), LEAST), WINDOW.total_seconds())
    return Rates(sum(mails for _, mails, _ in found) / span, {route: mails / span for route, mails, _ in found})


def reasons(now: datetime) -> list[Reason]:
    """What failed or is late, of the last day and at most the last 5,000 of each; the most frequent first."""
    kept: dict[tuple[str, str, str], Reason] = {}
    for what, route, raw, mails, again, plain, last in run(REASONS, since=now - RECENTLY, most=MOST):
        words = routes.said(raw)
        had = kept.get((what, route, words))
        key = hashlib.sha256(f"{what}\n{route}\n{words}".encode()).hexdigest()[:20]
        kept[what, route, words] = (
            Reason(key, what, route, words, mails, frozenset(again or ()), plain, last)
            if had is None
            else had._replace(
                mails=had.mails + mails,
                people=had.people.union(again or ()),
                plain=had.plain + plain,
                last=max(had.last, last),
            )
        )
    return sorted(kept.values(), key=lambda one: (-one.mails, one.route, one.words))


def any_to_try() -> bool:
    """Whether anything of the last 5,000 failures of each kind may be tried again, however long ago they were."""
    return bool(run(ANY_TO_TRY, since=datetime.min.replace(tzinfo=UTC), most=MOST)[0][0])


def verdict(waiting: Sequence[Outbox], stands: Sequence[Standing], left: Rates, now: datetime) -> list[str]:
    """How it goes, in a sentence or a few."""
    open_now = [choice for choice in choices(stands, now) if not choice.trying]
    takes = max((choice.down_to for choice in open_now), default=-1)
    closed = {stand.name for stand in stands}.difference(*(choice.open for choice in open_now)) if takes >= 0 else set()
    bound: Counter[str] = Counter()
    due = []
    for line in waiting:
        if line.rank is not None and line.due > 0:
            alone = {route: mails for route, mails in line.bound.items() if route in closed}
            bound.update(alone)
            due.append(line._replace(mails=line.mails - sum(alone.values())))
    leaving = [line for line in due if line.rank is not None and line.rank <= takes and line.due > 0]
    stuck = [line for line in due if line.rank is not None and line.rank > takes and line.due > 0]
    said = []
    if not stands:
        said.append("No route is configured: no mail leaves.")
    if leaving:
        said.append(_leaving(leaving, waiting, left.whole, now))
    if stands and (stuck or takes < 0):
        said.append(_stuck(stuck, stands, takes))
    elif stands and (takes < routes.EVERYTHING or stands[0].shut):
        said.append(f"{stands[0].whole}; {_instead(stands, takes)}.")
    said += [
        f"{mails:,} {'mail' if mails == 1 else 'mails'} may have left by {route} already, and {_wait(mails)} for it alone."
        for route, mails in sorted(bound.items())
    ]
    put_off = sum(line.put_off for line in waiting if line.rank is not None)
    if not due:
        said.insert(0, "Nothing waits that may leave now." if put_off else "Nothing waits.")
    if put_off:
        until = min(line.until for line in waiting if line.until is not None and line.rank is not None)
        said.append(
            f"{put_off:,} {'was' if put_off == 1 else 'were'} put off, the next until {hold_words.clock(until, now)}."
        )
    return said


def _leaving(lines: Sequence[Outbox], waiting: Sequence[Outbox], rate: float, now: datetime) -> str:
    """ "Critical is done; 12,400 high mails are leaving at 3,100 a minute: at this rate the last leaves at 04:12." """
    mails = sum(line.due for line in lines)
    left = {line.rank for line in waiting}  # what is put off, or waits for a route, is not done
    done = [one.value for one in Severity if one.rank < (lines[0].rank or 0) and one.rank not in left]
    before = f"{in_words(done).capitalize()} {'is' if len(done) == 1 else 'are'} done; " if done else ""
    if lines[0].name == PLAIN and len(done) == len(Severity):
        before = "Every warning is done; "
    what = in_words([line.what for line in lines])
    if rate <= 0:
        verb = "waits" if mails == 1 else "wait"
        return f"{before}{what} {verb}, and none has left within the last minute."
    ends, so_far = [], 0
    for line in lines:
        so_far += line.due
        ends.append(_ends(so_far / rate, now))
    verb = "is" if mails == 1 else "are"
    says = f"{before}{what} {verb} leaving at {_a_minute(rate)}: at this rate the last leaves {ends[-1]}"
    if len(lines) > 1 and ends[0] != ends[-1]:
        says += f", the last {lines[0].name.lower()} one {ends[0]}"
    return f"{says}."


def a_minute(rate: float) -> int:
    """So many mails a minute, in two figures: of more nobody can be sure."""
    mails = round(rate * 60)
    return round(mails, 2 - len(str(mails)))


def _a_minute(rate: float) -> str:
    return f"{a_minute(rate):,} a minute" if a_minute(rate) else "less than one a minute"


def _ends(seconds: float, now: datetime) -> str:
    return "within a minute" if seconds < 60 else f"at {hold_words.clock(now + timedelta(seconds=seconds), now)}"


def _stuck(lines: Sequence[Outbox], stands: Sequence[Standing], takes: int) -> str:
    """ "No mail leaves: smtp.example:587 has been condemned since 03:40 …"."""
    what = in_words([line.what for line in lines])
    mails = sum(line.due for line in lines)
    waits = f"{what} {'waits' if mails == 1 else 'wait'} for it"
    if takes < 0:
        whys = "; ".join(stand.whole for stand in stands if stand.shut)
        return f"No mail leaves: {whys}.{f' {what} {_wait(mails)}.' if lines else ''}"
    return f"{stands[0].whole}; {waits}, and {_instead(stands, takes)}."


def _wait(mails: int) -> str:
    return "waits" if mails == 1 else "wait"


def _instead(stands: Sequence[Standing], takes: int) -> str:
    other = stands[1].name if len(stands) > 1 else "nothing"
    return f"{severities(takes)} mail goes by {other}"


def plain_failed(found: Sequence[Reason]) -> int:
    """How many of the failed are of no advisory, and are asked anew by their own verb alone."""
    return sum(one.plain for one in found if one.what in ("refused", *_CAME_BACK))


_CAME_BACK = (Message.Fate.BOUNCED.value, Message.Fate.SUPPRESSED.value)
