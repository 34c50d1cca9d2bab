"""Routes: which ways there are for mail to leave, what is known of each, and which one takes whose mail now.

Before: the settings, and what workers learnt of each route (`Route`). After `choose`: whose mail may be claimed, and by which
route it leaves. What happens to a route happens to all of it, and burns nobody's try:

- **it can't be had** (`fails`): it rests, a little longer each time; at the third time in a row it is condemned.
- **it was asked for too much** (`slows`): its pace is halved, and climbs again while it is well.
- **it refuses many people in a row with the same words** (`alerts.routing.judging`): it is condemned, and they are not to
blame.
- **condemned**: one mail is tried now and then; the first that is taken (`went`) makes all well again. Meanwhile what is
  severe leaves by the second route, where there is one, but never a mail that may have left already.

Run twice, each says the same.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import uniform

from django.conf import settings

from alerts import record
from alerts.models import Route, Severity
from alerts.routing.routes_sql import CONDEMN, ENSURE, FAIL, PACE, RESERVE, SHUT, SLOW, SPEND, TRY, WENT
from alerts.spelling import one_line
from alerts.statements import run
from config.logs import scrub

EVERYTHING = 32_767  # however mild
CONDEMNED_AFTER = 3  # times in a row that it could not be had
FIRST_REST, LONGEST_REST = 5.0, 300.0  # seconds
PACE_FLOOR, PACE_FREE = 0.1, 1000.0  # mails a second: never slower; fast enough to be let go
CLIMB_EVERY, CLIMB_BY = 10.0, 1.25
AT_A_TIME = 0.5  # seconds' worth of mails are let go at once where there is a pace
AHEAD, FAR_AHEAD = timedelta(seconds=1), timedelta(minutes=10)
SAID = 400  # characters kept of what a server says


@dataclass(frozen=True)
class Way:
    """A route as the settings have it."""

    name: str
    kind: str
    """`smtp`, or the name of a provider that Anymail knows."""
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = ""
    """`starttls`, `implicit`, or none."""
    rate: float = 0.0
    """Mails a second at most; 0: as fast as it goes."""
    quota: int = 0
    """Mails a day at most; 0: as many as there are."""
    down_to: int = EVERYTHING
    """As a second route: the mildest rank that it takes while the first is condemned, or its quota spent."""

    @property
    def is_smtp(self) -> bool:
        """Whether it is a mail server, and no provider's API."""
        return self.kind == "smtp"

    @property
    def reports(self) -> bool:
        """Whether it says later what arrived. SMTP says at best what did not: pages then say "handed over"."""
        return not self.is_smtp


@dataclass(frozen=True)
class Choice:
    """Whose mail may be claimed now. Batches that a route has stay with it, everything else may leave by `free`."""

    free: str
    down_to: int
    """The mildest rank that `free` takes; -1: none."""
    open: tuple[str, ...]
    known: tuple[str, ...]
    trying: bool = False
    """One mail, to see whether a condemned route is well again."""

    @property
    def values(self) -> dict[str, object]:
        """As the statements want it."""
        return {"free": self.free, "down_to": self.down_to, "open": list(self.open), "known": list(self.known)}


def ways() -> list[Way]:
    """The configured routes, the first one first."""
    return [
        way
        for way in (
            _way(
                settings.EMAIL_PROVIDER,
                settings.EMAIL_HOST,
                settings.EMAIL_PORT,
                settings.EMAIL_HOST_USER,
                settings.EMAIL_HOST_PASSWORD,
                "implicit" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "",
                settings.EMAIL_RATE,
                settings.EMAIL_QUOTA,
                EVERYTHING,
            ),
            _second(),
        )
        if way is not None
    ]


def _second() -> Way | None:
    second = settings.SECOND_EMAIL
    return _way(
        settings.SECOND_EMAIL_PROVIDER,
        second.get("EMAIL_HOST", ""),
        second.get("EMAIL_PORT") or 25,
        second.get("EMAIL_HOST_USER") or "",
        second.get("EMAIL_HOST_PASSWORD") or "",
        "implicit" if second.get("EMAIL_USE_SSL") else "starttls" if second.get("EMAIL_USE_TLS") else "",
        settings.SECOND_EMAIL_RATE,
        settings.SECOND_EMAIL_QUOTA,
        Severity(settings.SECOND_EMAIL_DOWN_TO).rank,
    )


def _way(
    provider: str, host: str, port: int, user: str, password: str, tls: str, rate: float, quota: int, down_to: int
) -> Way | None:
    if provider:
        return Way(provider, provider, rate=rate, quota=quota, down_to=down_to)
    if not host:
        return None
    return Way(f"{host}:{port}"[:100], "smtp", host, port, user, password, tls, rate, quota, down_to)


def way_of(name: str) -> Way:
    """The configured route of this name; raises `LookupError` where it is not configured any more."""
    for way in ways():
        if way.name == name:
            return way
    raise LookupError(name)


def reports_delivery() -> bool:
    """Whether every configured route says later what arrived; otherwise pages say "handed over", never "delivered"."""
    return all(way.reports for way in ways())


def states(configured: Iterable[Way]) -> dict[str, Route]:
    """What is known of each; of one that nothing happened to, nothing is."""
    names = [way.name for way in configured]
    known = {route.name: route for route in Route.objects.filter(name__in=names)}
    return {name: known.get(name) or Route(name=name) for name in names}


def in_order(configured: Sequence[Way], known: dict[str, Route]) -> list[Way]:
    """The one that somebody switched to first, then as the settings have them."""
    return sorted(
        configured, key=lambda way: -(at.timestamp() if (at := known[way.name].preferred_at) is not None else 0.0)
    )


def choose(now: datetime, known: dict[str, Route] | None = None) -> list[Choice]:
    """Whose mail may be claimed now, and then, where a condemned route may be tried, whose to try it with.

    None where no route is to be had. `known`: the routes' states, for whoever has read them.
    """
    configured = ways()
    known = states(configured) if known is None else known
    order = in_order(configured, known)
    rested = [way.name for way in order if _rested(way, known[way.name], now)]
    well = [name for name in rested if known[name].condemned_at is None]
    free, down_to = "", -1
    if order and order[0].name in well:
        free, down_to = order[0].name, EVERYTHING
    elif len(order) > 1 and order[1].name in well and _gone(order[0], known[order[0].name], now):
        free, down_to = order[1].name, order[1].down_to
    names = tuple(way.name for way in order)
    # A try comes first, since it is one worker's, and one mail. Of the second route it is with what it would take.
    tries = [
        Choice(way.name, _to_try(way, order[0], known, now), (way.name,), names, trying=True)
        for way in order
        if way.name in rested and way.name not in well
    ]
    return [*tries, *([Choice(free, down_to, tuple(well), names)] if well else [])]


def _to_try(way: Way, first: Way, known: dict[str, Route], now: datetime) -> int:
    if way == first:
        return EVERYTHING
    return way.down_to if _gone(first, known[first.name], now) else -1


def is_open(name: str, now: datetime, *, trying: bool = False) -> bool:
    """Whether whoever has mail of this route in hand may go on: nobody paused or condemned it, and it need not rest.

    Whoever tries a condemned one goes on.
    """
    return not run(SHUT, name=name, now=now, trying=trying)


def _rested(way: Way, route: Route, now: datetime) -> bool:
    """Whether something may be tried by it at all."""
    if route.paused_at is not None or _spent(way, route, now):
        return False
    if route.rests_until is not None and route.rests_until > now:
        return False
    paced = route.next_at is not None and _pace(way, route) > 0
    # Further ahead than it can be is the work of a clock that went back.
    return not (paced and route.next_at is not None and now + AHEAD < route.next_at < now + FAR_AHEAD)


def _gone(way: Way, route: Route, now: datetime) -> bool:
    """Whether what is severe is not to wait for it."""
    return route.condemned_at is not None or _spent(way, route, now)


def _spent(way: Way, route: Route, now: datetime) -> bool:
    return bool(way.quota) and route.day == _day(now) and route.spent >= way.quota


def _day(now: datetime) -> date:
    return now.date()


def _pace(way: Way, route: Route) -> float:
    """Mails a second; 0: as fast as it goes."""
    paces = [pace for pace in (way.rate, route.pace or 0.0) if pace > 0]
    return min(paces, default=0.0)


# --- what workers tell of it ---


def claims_the_try(name: str, now: datetime, until: datetime) -> bool:
    """Whether this worker is the one to try the condemned route; others then leave it alone until that time."""
    return bool(run(TRY, name=name, now=now, until=until))


def is_to_be_tried(way: Way, now: datetime) -> None:
    """It need not rest any longer; condemned or not, a mail may be tried."""
    Route.objects.filter(name=way.name, rests_until__gt=now).update(rests_until=now)


def is_limited(name: str, known: dict[str, Route]) -> bool:
    """Whether it has a pace or a quota. One that is slowed later rests first, and its mail is claimed anew."""
    way = way_of(name)
    return bool(way.quota) or _pace(way, known[name]) > 0


def reserve(way: Way, wanted: int, now: datetime) -> tuple[int, float]:
    """How many mails may leave now, at most `wanted`, and after how many seconds' wait; without a pace or quota all at once."""
    paces = run(PACE, name=way.name)
    pace = _pace(way, Route(name=way.name, pace=paces[0][0] if paces else None))
    number = wanted if not pace else max(1, min(wanted, round(pace * AT_A_TIME)))
    if way.quota:
        run(ENSURE, name=way.name)
        rows = run(SPEND, name=way.name, day=_day(now), wanted=number, quota=way.quota)
        number = rows[0][0] if rows else 0
    if not pace or not number:
        return number, 0.0
    run(ENSURE, name=way.name)
    starts = run(RESERVE, name=way.name, now=now, seconds=number / pace, far=FAR_AHEAD)[0][0]
    return number, max(0.0, float((starts - now).total_seconds()))


def give_back_quota(way: Way, number: int, now: datetime) -> None:
    """So many of those reserved did not leave after all."""
    if way.quota and number:
        run(SPEND, name=way.name, day=_day(now), wanted=-number, quota=way.quota)


def wait(seconds: float) -> None:
    """Until the pace of a route lets the next mails leave."""
    if seconds > 0:
        time.sleep(seconds)


def went(way: Way, now: datetime) -> None:
    """It took a mail: whatever was the matter is over, and its pace may climb. Writes nothing where nothing was."""
    rows = run(
        WENT,
        name=way.name,
        now=now,
        every=timedelta(seconds=CLIMB_EVERY),
        by=CLIMB_BY,
        free=min(way.rate or PACE_FREE, PACE_FREE),
    )
    if rows and rows[0][0]:
        record.write("route well", way.name[:60])


def fails(way: Way, reason: str, now: datetime) -> datetime:
    """It could not be had: until when it rests. Several workers who find so at once count once."""
    run(ENSURE, name=way.name)
    rows = run(
        FAIL,
        name=way.name,
        now=now,
        why=said(reason),
        first=FIRST_REST,
        longest=LONGEST_REST,
        spread=uniform(0.8, 1.2),  # noqa: S311  # spreads load, keeps no secret
        after=CONDEMNED_AFTER,
    )
    if rows and rows[0][1]:
        record.write("route condemned", way.name[:60], why=said(reason))
    until: datetime = rows[0][0] if rows else Route.objects.get(name=way.name).rests_until or now
    return until


def slows(way: Way, reason: str, now: datetime, *, measured: float | None, retry_after: float | None) -> datetime:
    """It was asked for too much, at `measured` mails a second of each worker: halved, and let alone for a moment. Until when.

    Where nothing was handed over yet (None), and it has no pace, it is let alone and no more.
    """
    rest = min(retry_after if retry_after is not None else FIRST_REST, 3600.0)
    run(ENSURE, name=way.name)
    until = now + timedelta(seconds=rest)
    run(
        SLOW,
        name=way.name,
        now=now,
        why=said(reason),
        measured=measured,
        rate=way.rate or None,
        floor=PACE_FLOOR,
        until=until,
        climbs_at=until + timedelta(seconds=CLIMB_EVERY),
        settled=timedelta(seconds=CLIMB_EVERY / 2),
    )
    return until


def is_spent(way: Way, reason: str, now: datetime) -> datetime:
    """It takes no more mail today: condemned until it takes one again."""
    run(ENSURE, name=way.name)
    rows = run(CONDEMN, name=way.name, now=now, until=now + timedelta(seconds=LONGEST_REST), why=said(reason))
    if rows and rows[0][0]:
        record.write("route condemned", way.name[:60], why=said(reason))
    return now + timedelta(seconds=LONGEST_REST)


# --- what it said ---

_NUMBERS = re.compile(r"\b[0-9a-zA-Z-]*\d[0-9a-zA-Z]{7,}[0-9a-zA-Z-]*\b")


def said(words: str) -> str:
    """What a server said, without what is one person's or one mail's own: addresses, queue ids. In one line."""
    return one_line(_NUMBERS.sub("…", scrub(one_line(words))))[:SAID].strip()
