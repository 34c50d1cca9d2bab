"""How each route stands, in words: for the operators' page, the watchdog and the command. Reads only."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alerts import hold_words
from alerts.models import Route, Severity
from alerts.routing import routes
from alerts.routing.routes import EVERYTHING, Choice, Way

EVERYBODY = "it refuses everybody"
QUOTED = 160  # characters of a server's words within a sentence

State = Literal["paused", "spent", "condemned", "resting", "failing", "slowed", "well"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A configured route, as it stands."""

    way: Way
    route: Route
    state: State
    since: datetime | None
    """Since when; None where that is kept nowhere."""
    first: bool
    """It is taken before the others."""
    says: str
    """How it stands, after its name: "has been condemned since 03:40: it refuses everybody"."""
    then: str
    """What happens next, after that; "" where nothing does by itself."""
    words: str
    """What the server said, without addresses."""

    @property
    def name(self) -> str:
        """What it leads to."""
        return self.way.name

    @property
    def shut(self) -> bool:
        """Nothing but a single mail that is tried leaves by it now."""
        return self.state in ("paused", "spent", "condemned", "resting")

    @property
    def whole(self) -> str:
        """The sentence without its full stop, with the server's words, cut where they are long, and what happens next."""
        said = f" with {quoted(self.words)}" if self.words and self.says.endswith(EVERYBODY) else ""
        said = said or (f" ({quoted(self.words)})" if self.words else "")
        return f"{self.name} {self.says}{said}{self.then}"


def quoted(words: str) -> str:
    """A server's words within a sentence."""
    return f"“{words[:QUOTED].strip()}…”" if len(words) > QUOTED else f"“{words}”"


def standings(now: datetime) -> list[Standing]:
    """Every configured route, the one that is taken first at the front. One query."""
    configured = routes.ways()
    rows = Route.objects.filter(name__in=[way.name for way in configured]).select_related("paused_by")
    known = {route.name: route for route in rows}
    every = {way.name: known.get(way.name) or Route(name=way.name) for way in configured}
    order = routes.in_order(configured, every)
    return [_standing(way, every[way.name], now, first=n == 0) for n, way in enumerate(order)]


def choices(stands: Sequence[Standing], at: datetime) -> list[Choice]:
    """Whose mail may be claimed, as `routes.choose` has it; a pace that lets the next mails leave in a moment shuts nothing."""
    known = {stand.name: copy(stand.route) for stand in stands}
    for route in known.values():
        route.next_at = None
    return routes.choose(at, known)


def _standing(way: Way, route: Route, now: datetime, *, first: bool) -> Standing:
    state, since, says, then = _state(way, route, now)
    words = route.why if state in ("condemned", "resting", "failing", "slowed") else ""
    return Standing(way, route, state, since, first, says, then, words)


def _state(way: Way, route: Route, now: datetime) -> tuple[State, datetime | None, str, str]:
    rests = route.rests_until if route.rests_until is not None and route.rests_until > now else None
    if route.paused_at is not None:
        by = f" by {route.paused_by.name}" if route.paused_by else ""
        return "paused", route.paused_at, f"was paused{by} at {hold_words.clock(route.paused_at, now)}", ""
    if way.quota and route.day == now.date() and route.spent >= way.quota:
        return "spent", None, f"was given the {way.quota:,} mails that it may be given today", ""
    if route.condemned_at is not None:
        how = EVERYBODY if route.why and route.why == route.said else "it takes no mail"
        since = hold_words.clock(route.condemned_at, now)
        then = f"; one mail is tried {f'again at {hold_words.clock(rests, now)}' if rests else 'now'}"
        return "condemned", route.condemned_at, f"has been condemned since {since}: {how}", then
    if rests is not None:
        return "resting", None, f"rests until {hold_words.clock(rests, now)}", ""
    if route.failures:
        times = "once" if route.failures == 1 else f"{route.failures} times in a row"
        return "failing", None, f"could not be had, {times}, and is tried again now", ""
    if route.pace is not None:
        return "slowed", None, f"is slowed to {pace(route.pace)}", ", and gets faster bit by bit while it is well"
    return "well", None, "is well", ""


def pace(mails: float) -> str:
    """So many mails a second, in the unit in which that is a whole number."""
    if mails >= 1:
        return f"{mails:,.0f} {'mail' if round(mails) == 1 else 'mails'} a second"
    return f"{max(mails * 60, 1):,.0f} {'mail' if round(mails * 60) <= 1 else 'mails'} a minute"


def severities(down_to: int) -> str:
    """ "critical and high" mail: which a route takes that takes what is no milder than this."""
    names = [severity.value for severity in Severity if severity.rank <= down_to]
    if down_to >= EVERYTHING:
        return "all"
    return in_words(names)


def in_words(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
