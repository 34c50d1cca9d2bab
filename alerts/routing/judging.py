"""Judging: is it them, or is it us? A route that refuses many people in a row with the same words is condemned, and not they.

Before: refusals, in the order in which they came. After `judge`: each is somebody's own, and noted so, or it is the route's
doing and its mail waits. Where the run got too long the route is condemned, and whoever was refused earlier in it is owed
another try: that stands with the route (`Route.owed`) until `give_back` has done it, whoever dies meanwhile. Twice: nobody
is put back again.

Somebody who was put back twice, and is refused with these words while the route takes others, is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from alerts import counting, record
from alerts.models import Route
from alerts.routing.judging_sql import GIVE_BACK, OWED, SETTLED
from alerts.routing.routes import LONGEST_REST, Way, said
from alerts.routing.routes_sql import ENSURE
from alerts.statements import run

IN_A_ROW = 10  # people refused with the same words
DOMAINS = 3  # of which they are, where the words are about mailboxes
TIMES = 2  # somebody is put back
FIRST_REST = 60.0  # seconds
OWED_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Refusal:
    """Somebody whom a route refused for good: with which words, and how often they were put back before."""

    id: int
    words: str
    domain: str
    before: int = 0
    listed: bool = False
    """The provider has the address on a list of its own."""


@dataclass
class Verdict:
    """`ours`: whose refusal is the route's doing; `runs`: in which run the others were refused; as at a moment that is
    later than that of whoever judged before."""

    at: datetime
    ours: set[int] = field(default_factory=set)
    runs: dict[int, int] = field(default_factory=dict)


def judge(way: Way, outcomes: Sequence[Refusal | None], *, trying: bool = False) -> Verdict:
    """Which of these are the route's doing; None is a mail that was taken. Within the transaction that notes them.

    `trying`: it is condemned, and this is the mail with which it is tried.
    """
    if not any(outcomes):
        return Verdict(timezone.now())
    run(ENSURE, name=way.name)
    route = Route.objects.select_for_update(no_key=True).get(name=way.name)
    verdict, condemned = Verdict(timezone.now()), route.condemned_at is not None
    for refusal in outcomes:
        if refusal is None:
            route.said, route.said_times, route.said_domains, condemned = "", 0, [], False
            continue
        same = alike(refusal.words) == alike(route.said)
        if condemned and same:
            verdict.ours.add(refusal.id)
        elif refusal.before < TIMES:
            if not same:
                route.run, route.said, route.said_times, route.said_domains = route.run + 1, said(refusal.words), 0, []
            route.said_times += 1
            route.said_domains = sorted({*route.said_domains, refusal.domain})[:DOMAINS]
            verdict.runs[refusal.id] = route.run
            if _is_the_routes(route, refusal):
                condemned = True
                verdict.ours |= {one for one, run in verdict.runs.items() if run == route.run}
    if condemned and verdict.ours:
        _condemn(route, verdict.at, trying=trying)
    route.save(
        update_fields=[
            *("run", "said", "said_times", "said_domains", "owed"),
            *("condemned_at", "rests_until", "failures", "why"),
        ]
    )
    return verdict


# Of mailboxes and domains, as RFC 3463 numbers them (X.1, X.2; X.4.1 and X.4.4: nowhere to bring it), and as servers say it
# that give no such number.
_ABOUT_MAILBOXES = re.compile(
    r"5\d\d 5\.(?:[12]\.\d|4\.(?:1|4|310)\b)"
    r"|^5\d\d (?!5\.\d+\.\d).*(?:user|mailbox|recipient|no such|unknown)",
    re.IGNORECASE,
)


def _is_the_routes(route: Route, last: Refusal) -> bool:
    """Long enough to be about us; where it is about mailboxes, of more than one or two domains."""
    about_them = last.listed or _ABOUT_MAILBOXES.search(route.said) is not None
    return route.said_times >= IN_A_ROW and (not about_them or len(route.said_domains) >= DOMAINS)


def _condemn(route: Route, now: datetime, *, trying: bool) -> None:
    if route.run not in route.owed:
        route.owed = [*route.owed, route.run]
    if route.condemned_at is None:
        route.condemned_at, route.why = now, route.said
        record.write("route condemned", route.name[:60], why=route.said)
    elif not trying:
        return  # what was on its way when it was condemned
    route.failures = min(route.failures + 1, 1000)
    route.rests_until = now + timedelta(seconds=min(LONGEST_REST, FIRST_REST * 2 ** (min(route.failures, 8) - 1)))


def give_back(name: str, owed: Sequence[int], now: datetime) -> int:
    """Put back into the outbox whom this route refused in the runs that condemned it; how many mails."""
    given, values = 0, {"name": name, "runs": list(owed), "since": now - OWED_FOR, "times": TIMES}
    for (advisory,) in run(OWED, **values):
        with transaction.atomic():
            if advisory is not None:
                counting.share_figures(advisory)
            mails = run(GIVE_BACK, **values, advisory=advisory, now=now)[0][0]
            if mails:
                record.write("given back", name[:60], mails=mails)
            given += mails
    run(SETTLED, name=name, runs=list(owed))
    return given


_OWN = re.compile(r"\[[^\]]*\]|\([^)]*\)|\S*\d\S*")


def alike(words: str) -> tuple[str, str]:
    """What makes two refusals the same: their codes, and the words without anything that has a number in it, or brackets."""
    code = re.match(r"(\d{3}(?: \d\.\d+\.\d+)?)[ -]?(.*)", said(words), re.DOTALL)
    first, rest = (code[1], code[2]) if code else ("", said(words))
    return first, " ".join(_OWN.sub(" ", rest.replace("…", " ")).lower().split())
