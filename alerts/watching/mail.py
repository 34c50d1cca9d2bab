"""Mail that may leave and does not: nobody takes it, it waits for a route that takes none, or it waits for too long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from alerts.routing import route_state
from alerts.routing.route_state import Standing
from alerts.statements import run
from alerts.watching.mail_sql import MAIL
from alerts.watching.view import SAID, Finding, View, once
from config.logs import scrub

SOON, LATER = timedelta(minutes=10), timedelta(hours=1)  # for critical and high; for the others
# The same where each answer was about a single address: greylisting lasts minutes, a full mailbox a morning.
SINGLE_SOON, SINGLE_LATER = timedelta(hours=2), timedelta(hours=12)
MOVED = timedelta(minutes=1)
# A route that is shut: a rest is short.
SHUT = timedelta(minutes=5)


@once
def not_leaving(view: View) -> list[tuple[Any, ...]]:
    """What may leave and does not, as `mail_sql.MAIL` has it."""
    now = view.now
    open_now, down_to_now = _open(now, view.stands)
    open_late, down_to_late = _open(view.late, view.stands)
    return run(
        MAIL,
        now=now,
        late=view.late,
        soon=now - SOON,
        later=now - LATER,
        single_soon=now - SINGLE_SOON,
        single_later=now - SINGLE_LATER,
        moved=now - MOVED,
        shut=now - SHUT,
        known=[stand.name for stand in view.stands],
        first=view.stands[0].name if view.stands else "a route",
        open=open_now,
        down_to=down_to_now,
        open_late=open_late,
        down_to_late=down_to_late,
    )


def _open(at: datetime, stands: list[Standing]) -> tuple[list[str], int]:
    """The routes that were to be had at this moment, as they stand now, be it to try one mail; down to which rank."""
    choices = route_state.choices(stands, at)
    return [name for choice in choices for name in choice.open], max((choice.down_to for choice in choices), default=-1)


def idle(view: View) -> Iterator[Finding]:
    """Mail that nobody takes though a route is open for it."""
    for reference, idle, _, mails, since, _, words, _, _ in not_leaving(view):
        if idle:
            about = f"of {reference} " if reference else ""
            says = f"Up to {mails:,} mails {about}may leave, and no worker takes them: restart the workers."
            yield Finding("mail", reference or "", since, says, scrub(words)[:SAID])


def shut(view: View) -> Iterator[Finding]:
    """Mail that waits for a route which takes none."""
    stands = {stand.name: stand for stand in view.stands}
    by_subject: dict[str, list[tuple[Any, ...]]] = {}
    for row in not_leaving(view):
        if row[7]:
            by_subject.setdefault(row[0] or "", []).append(row)
    for reference, found in by_subject.items():
        about = f"of {reference} " if reference else ""
        said = []
        for _, _, _, mails, _, _, _, name, bound in found:
            stand = stands.get(name)
            why = f", which {stand.says}" if stand and stand.shut else ""
            left = f" {_so_many(bound, mails)} may have left by it already, and leave by no other one." if bound else ""
            said.append(f"Up to {mails:,} mails {about}wait for {name}{why}.{left}")
        says = f"{' '.join(said)} See to that route, or switch to another one: Operations, or manage.py routes."
        words = next((stands[row[7]].words for row in found if row[7] in stands), "")
        yield Finding("shut", reference, min(row[4] for row in found), says, scrub(words)[:SAID])


def _so_many(some: int, of: int) -> str:
    return "These" if some == of else f"Up to {some:,} of these"


def old(view: View) -> Iterator[Finding]:
    """Mail that waits for too long, though it is tried."""
    for reference, idle, single, mails, since, attempt, words, way, _ in not_leaving(view):
        if not idle and not way:
            about = f"of {reference} " if reference else ""
            times = "once" if attempt == 1 else f"{attempt} times"
            if single:
                says = (
                    f"Up to {mails:,} mails {about}wait for too long: each was put off by an answer about its own address, "
                    f"{times} at most. Look at what the mail server says of these mailboxes; other mail goes out."
                )
            else:
                # A try that failed for the route's sake is not counted, but what it said is kept.
                tried = (
                    f"were tried {times}"
                    if attempt
                    else "could not be handed over"
                    if words
                    else "stand behind other mail"
                )
                says = (
                    f"Up to {mails:,} mails {about}wait for too long and {tried}: look at {_whom(view.stands)} and at the "
                    "workers' logs; start more workers where it is well."
                )
            yield Finding("waiting", reference or "", since, says, scrub(words)[:SAID])


def _whom(stands: list[Standing]) -> str:
    """What an operator is to look at."""
    if len(stands) == 1 and stands[0].way.is_smtp:
        return "the mail server that EMAIL_URL names"
    return route_state.in_words([stand.name for stand in stands]) or "the settings: no route is configured"
