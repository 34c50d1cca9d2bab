"""The watchdog: is any live work older than it should be, and do those live who are to do it?

`look` reads and changes nothing: `/healthz`, the operators' page and `manage.py audit` ask it. `audit` writes down what it
found (`Trouble`): opened when first seen, closed when it is not there any more. Some work has no time of its own (a body to be
compared, a figure to be added up): the auditor notes how far it was (a note, with a mark that moves when the work does), and
it is trouble once the mark stood still from one audit to the next. Twice, or beside itself: one audit at a time, each
finding is open once, and an audit that comes right after another one leaves it at that.

Whoever watches is watched: the beat and each worker ring for the audit, `/healthz` looks for itself, and `alerts.alarm` calls
somebody outside only while all is well.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from redis import RedisError

from alerts import canary, route_state, tokens, watch_workers
from alerts.models import Heartbeat, Trouble
from alerts.route_state import Standing
from alerts.watch_sql import (
    CHASE_LATE,
    CHASE_WAITS,
    CLOSE,
    CONDEMNED,
    EVENTS_OF_OURS,
    FORGET,
    HELD,
    LEFT,
    MAIL,
    NOTE,
    NOTED,
    OPEN,
    UNFOLDED,
    UNMATCHED_EVENTS,
    UNNOTE,
    WAITS,
    WAVE,
)
from config.logs import scrub
from config.workers import Broker, broker
from departments import working_time
from departments.models import Calendar

LATE = timedelta(minutes=2)
AWAY_FOR = timedelta(minutes=15)
# What an operator is told, and what is none the less no reason for a load balancer to let go or for silence to page somebody.
BESIDE = ("canary", "mailbox", "events")
# After an hour matching gives up what is nobody's of ours; a little for it to do so.
MATCHED_WITHIN = timedelta(hours=1, minutes=5)
LOOKED_AT = 500  # events
SOON, LATER = timedelta(minutes=10), timedelta(hours=1)  # for critical and high; for the others
# The same where each answer was about a single address: greylisting lasts minutes, a full mailbox a morning.
SINGLE_SOON, SINGLE_LATER = timedelta(hours=2), timedelta(hours=12)
MOVED = timedelta(minutes=1)
# A pause may be meant, and a rest is short.
PAUSED = SHUT = timedelta(minutes=5)
SLOWED = timedelta(minutes=10)
# Of working time, where the step keeps to it.
CHASED = timedelta(minutes=10)
# Condemned so often within an hour: it goes up and down.
OFTEN, AN_HOUR = 3, timedelta(hours=1)
# A mark that stood still for this long: from one audit to the next, a little less so that a ring that came early counts.
STILL = 0.9
KEPT = timedelta(days=90)
SAID = 200  # characters of what a mail server said


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well. No title, no address, no token in any of it.

    For operators all the same: whoever asks `/healthz` is told kinds and numbers (`alerts.web.health`).
    """

    kind: str
    subject: str
    """The reference of an advisory; the name of a worker, a route or a canary's domain; "" where it is about everything."""
    since: datetime
    says: str
    """In a sentence or two, with what to do."""
    words: str = ""
    """What a mail server said last, without addresses."""

    @property
    def whole(self) -> str:
        """The sentence with the server's words."""
        return f"{self.says} The mail server said: {self.words}" if self.words else self.says


@dataclass(frozen=True, slots=True)
class Sign:
    """Work that is there, and how far it is: the same mark later means that it did not move."""

    kind: str
    subject: str
    mark: str
    says: str


class View:
    """What one look reads, each thing once and only where a check asks for it."""

    def __init__(self, now: datetime) -> None:
        self.now, self.late = now, now - LATE

    @cached_property
    def broker(self) -> Broker | None:
        """What Redis knows; None where it does not answer."""
        try:
            return broker()
        except RedisError:
            return None

    @cached_property
    def heartbeats(self) -> dict[str, datetime]:
        """When each process was last seen."""
        return dict(Heartbeat.objects.values_list("process", "at"))

    @cached_property
    def workers(self) -> list[watch_workers.Seen]:
        """Who is there, and who was; nobody where Redis can't say."""
        return list(watch_workers.seen(self.broker.workers, self.heartbeats, self.now)) if self.broker else []

    @cached_property
    def stands(self) -> list[Standing]:
        """How each route stands, the one that is taken first at the front."""
        return route_state.standings(self.now)

    @cached_property
    def waits(self) -> bool:
        """Whether any mail waits that may leave."""
        return bool(rows(WAITS, now=self.now)[0][0])

    @cached_property
    def canaries(self) -> list[canary.Seen]:
        """Canaries whose mail did not arrive."""
        return canary.seen(self.now)

    @cached_property
    def mail(self) -> list[tuple[Any, ...]]:
        """What may leave and does not."""
        now = self.now
        open_now, down_to_now = _open(now, self.stands)
        open_late, down_to_late = _open(self.late, self.stands)
        return rows(
            MAIL,
            now=now,
            late=self.late,
            soon=now - SOON,
            later=now - LATER,
            single_soon=now - SINGLE_SOON,
            single_later=now - SINGLE_LATER,
            moved=now - MOVED,
            shut=now - SHUT,
            known=[stand.name for stand in self.stands],
            first=self.stands[0].name if self.stands else "a route",
            open=open_now,
            down_to=down_to_now,
            open_late=open_late,
            down_to_late=down_to_late,
        )

    @cached_property
    def signs(self) -> list[Sign]:
        """Work that has no time of its own."""
        return [*_cascade_signs(), *_figure_signs(), *_slow_signs(self), *_chase_signs(self)]

    @cached_property
    def notes(self) -> dict[tuple[str, str], tuple[str, datetime]]:
        """The mark of each sign that an audit saw, and since when it stands there."""
        return {(kind.removeprefix("note:"), about): (mark, at) for kind, about, mark, at in rows(NOTED)}

    def still(self, kind: str) -> Iterator[Finding]:
        """The signs of this kind whose mark has not moved since the audit before the last."""
        for sign in self.signs:
            mark, since = self.notes.get((kind, sign.subject), ("", self.now))
            if sign.kind == kind and mark == sign.mark and since <= self.now - STILL * _audit_every():
                yield Finding(kind, sign.subject, since, sign.says)


def _open(at: datetime, stands: list[Standing]) -> tuple[list[str], int]:
    """The routes that were to be had at this moment, as they stand now, be it to try one mail; down to which rank."""
    choices = route_state.choices(stands, at)
    return [name for choice in choices for name in choice.open], max((choice.down_to for choice in choices), default=-1)


def rows(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a statement answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


# --- the checks, in the order in which an operator should look ---


def _broker_away(view: View) -> Iterator[Finding]:
    if view.broker is None:
        says = "Redis does not answer; mail goes on by the beat as soon as it does. Check REDIS_URL and the server."
        yield Finding("broker", "", view.now, says)


def _beat_silent(view: View) -> Iterator[Finding]:
    at = view.heartbeats.get("beat")
    if at is None:
        yield Finding("beat", "", view.now, "No beat was ever seen: start one (celery -A config beat), and a worker.")
    elif view.now - at > timedelta(seconds=settings.BEAT_SILENT):
        works = any(seen.there and not seen.wrong for seen in view.workers)
        says = f"The beat has been silent for {(view.now - at).total_seconds():.0f} s: {_BEAT if works else _BEAT_OR_WORKERS}"
        yield Finding("beat", "", at, says)


_BEAT = "start it anew (celery -A config beat), one of it. Until then only what is rung for at once goes on."
_BEAT_OR_WORKERS = "look at the workers first, since one of them runs what it rings for, then at celery -A config beat."


def _workers_wrong(view: View) -> Iterator[Finding]:
    if view.broker is None:
        return
    for seen in view.workers:
        if seen.wrong:
            short = watch_workers.process_of(seen.name).removeprefix(watch_workers.PREFIX)
            yield Finding("worker", short, seen.since, seen.wrong)
    # A Redis that was emptied a moment ago knows nobody, but their pulses were heard.
    if not any(seen.there or not seen.wrong for seen in view.workers):
        since = max((seen.since for seen in view.workers), default=view.now)
        yield Finding("workers", "", since, "There is no worker: start one or more (celery -A config worker).")


def _audit_silent(view: View) -> Iterator[Finding]:
    at, longest = view.heartbeats.get("audit"), 2.5 * _audit_every()
    # Whoever rings for it must have been there for that long.
    if view.broker and any(timedelta(seconds=worker.known) > longest for worker in view.broker.workers.values()):
        if at is None:
            yield Finding("audit", "", view.now, "The auditor never ran; look for audit in the workers' logs.")
        elif view.now - at > longest:
            yield Finding("audit", "", at, "The auditor has not run for too long; look for audit in the workers' logs.")


def _mail_idle(view: View) -> Iterator[Finding]:
    for reference, idle, _, mails, since, _, words, _, _ in view.mail:
        if idle:
            about = f"of {reference} " if reference else ""
            says = f"Up to {mails:,} mails {about}may leave, and no worker takes them: restart the workers."
            yield Finding("mail", reference or "", since, says, scrub(words)[:SAID])


def _mail_shut(view: View) -> Iterator[Finding]:
    stands = {stand.name: stand for stand in view.stands}
    by_subject: dict[str, list[tuple[Any, ...]]] = {}
    for row in view.mail:
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


def _mail_old(view: View) -> Iterator[Finding]:
    for reference, idle, single, mails, since, attempt, words, way, _ in view.mail:
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


def _routes_wrong(view: View) -> Iterator[Finding]:
    often = {name: (times, since) for name, times, since in _often(view)}
    for stand in view.stands:
        since, words = stand.since or view.now, scrub(stand.words)[:SAID]
        if stand.state == "paused" and since <= view.now - PAUSED:
            says = f"{stand.name} {stand.says}, and nothing leaves by it: resume it, or switch to another route."
            yield Finding("route", stand.name, since, says)
        elif stand.state == "condemned":
            says = (
                f"{stand.name} {stand.says}. {_meanwhile(view)} See to that server, and to what it says of us; where it is "
                "well again, have it tried now."
            )
            yield Finding("route", stand.name, since, says, words)
        elif stand.state == "spent" and view.waits:
            says = (
                f"{stand.name} {stand.says}. {_meanwhile(view)} It takes mail again after midnight (UTC): raise its quota if "
                "it may be given more, or switch to another route."
            )
            yield Finding("route", stand.name, since, says)
        elif stand.name in often and often[stand.name][0] >= OFTEN:
            times, first = often[stand.name]
            says = f"{stand.name} {stand.says}, but was condemned {times} times within an hour: see to that server."
            yield Finding("route", stand.name, first, says, words)
        else:
            slow = any(sign.subject == stand.name for sign in _slow_signs(view))
            mark, noted = view.notes.get(("slowed", stand.name), ("", view.now)) if slow else ("", view.now)
            if mark and noted <= view.now - SLOWED:
                says = (
                    f"{stand.name} {stand.says}, and has been slow for more than 10 minutes while mail waits: ask its operator "
                    "for more, or switch to another route."
                )
                yield Finding("route", stand.name, noted, says, scrub(stand.route.why)[:SAID])


def _often(view: View) -> list[tuple[Any, ...]]:
    return rows(CONDEMNED, names=[stand.name for stand in view.stands], since=view.now - AN_HOUR)


def _meanwhile(view: View) -> str:
    """What leaves by another one."""
    takes = [choice for choice in route_state.choices(view.stands, view.now) if not choice.trying and choice.free]
    if not takes:
        return "No mail leaves meanwhile."
    which = route_state.severities(takes[0].down_to).capitalize()
    return f"{which} mail goes by {takes[0].free} meanwhile."


def _slow_signs(view: View) -> Iterator[Sign]:
    for stand in view.stands:
        if stand.route.pace is not None and stand.state in ("slowed", "resting") and view.waits:
            yield Sign("slowed", stand.name, "slow", stand.says)


def _canaries_silent(view: View) -> Iterator[Finding]:
    for seen in view.canaries:
        if not seen.blind:
            yield Finding("canary", seen.domain, seen.since, seen.says, seen.words[:SAID])


def _mailbox_unread(view: View) -> Iterator[Finding]:
    if settings.MAILBOX is None:
        return
    # As `alerts.inbound.mailbox` writes them: when it was last read, and since when it can't be.
    read, away = (view.heartbeats.get(process) for process in ("mailbox", "mailbox away"))
    if away is not None and view.now - away > AWAY_FOR:
        says = "The mailbox of bounces can't be read: look at MAILBOX_URL, and for mailbox in the workers' logs."
        yield Finding("mailbox", "", away, says)
    elif read is not None and view.now - read > AWAY_FOR:
        says = (
            "The mailbox of bounces is not read any more: nobody does, or each time breaks off. See to the beat and the "
            "workers, and look for mailbox in their logs."
        )
        yield Finding("mailbox", "", read, says)


def _events_unmatched(view: View) -> Iterator[Finding]:
    found = rows(UNMATCHED_EVENTS, before=view.now - MATCHED_WITHIN, most=LOOKED_AT)
    if not found:
        return
    named = [tokens.read_32(token, tokens.RETURN) if token else None for _, _, token in found]
    ours = rows(EVENTS_OF_OURS, ids=[row[0] for row in found], messages=[one[0] if one else None for one in named])
    if ours:
        number = f"{len(ours):,}{' or more' if len(found) == LOOKED_AT else ''}"
        are = "event of what became of our mails is" if number == "1" else "events of what became of our mails are"
        says = (
            f"{number} {are} matched to no mail, so that pages say less than is known: see to the workers, and look for "
            "match_events in their logs."
        )
        yield Finding("events", "", min(at for (at,) in ours), says)


def _held_too_long(view: View) -> Iterator[Finding]:
    for reference, bodies, since in rows(HELD, late=view.late):
        says = f"{_bodies(bodies)} of {reference} should have been released over by now: {_RESTART}"
        yield Finding("held", reference, since, says)


def _wave_stands(view: View) -> Iterator[Finding]:
    for reference, bodies, since in rows(WAVE, late=view.late):
        says = f"{_bodies(bodies)} of {reference} should have been reached by now: {_RESTART}"
        yield Finding("wave", reference, since, says)


_RESTART = "restart the workers, and look for cascade in their logs if that does not help."


def _bodies(number: int) -> str:
    return f"{number:,} {'body' if number == 1 else 'bodies'}"


def _cascade_signs() -> Iterator[Sign]:
    # A pass makes way for one that is more severe, so those before it moving is as good as its own moving.
    moved = hashlib.sha256()
    for reference, stale, first_stale, upto, tell, first_tell, unqueued, notes, last_batch, changed, seen in rows(LEFT):
        left = [
            f"{_bodies(stale)} to be compared" if stale else "",
            f"{_bodies(tell)} to be told" if tell else "",
            "its latest text to be queued" if unqueued else "",
            f"{notes} {'note' if notes == 1 else 'notes'} to be mailed" if notes else "",
        ]
        at_work = any(left)
        if at_work:
            mark = (reference, stale, first_stale, upto, tell, first_tell, unqueued, notes, last_batch)
            moved.update(repr(mark).encode())
            says = f"The cascade of {reference} stands still with {', '.join(filter(None, left))}: {_RESTART}"
            yield Sign("cascade", reference, moved.hexdigest()[:16], says)
        # A pass plans, compares and tells in turn, and notes the changes only once all of these are planned: as long as it
        # gets on with any of it they are being looked at. Nobody has looked yet (`seen` is empty) and something is planned:
        # if that stands still the cascade does, which is said above.
        if changed and not (seen is None and at_work):
            says = f"Changes of the directory are not looked at for {reference}: {_RESTART}"
            yield Sign("changes", reference, f"{seen} {moved.hexdigest()[:16]}", says)


def _figure_signs() -> Iterator[Sign]:
    for reference, oldest in rows(UNFOLDED):
        says = f"Figures of {reference} are not added up, and its pages grow slow: look for fold in the workers' logs."
        yield Sign("figures", reference, str(oldest), says)


def _chase_late(view: View) -> Iterator[Finding]:
    late: dict[str, tuple[int, datetime]] = {}
    for reference, calendar, steps, since in rows(CHASE_LATE, late=view.now - CHASED):
        # At night and on holidays a step waits for its hours.
        if working_time.is_open(view.now, calendar) and working_time.between(since, view.now, calendar) >= CHASED:
            number, first = late.get(reference, (0, since))
            late[reference] = number + steps, min(first, since)
    for reference, (steps, since) in late.items():
        are = "1 step of its chase is" if steps == 1 else f"{steps:,} steps of its chase are"
        says = f"{reference}: {are} due for longer than 10 minutes and not done, so that nobody is reminded: {_TEND}"
        yield Finding("chase", reference, since, says)
    # Whoever is not reminded has no mail that could wait.
    yield from (found for found in view.still("chase") if found.subject not in late)


def _chase_signs(view: View) -> Iterator[Sign]:
    at_work = [calendar.value for calendar in Calendar if working_time.is_open(view.now, calendar)]
    for reference, mails, first, last in rows(CHASE_WAITS, open=at_work):
        are = "1 mail of the chase is" if mails == 1 else f"{mails:,} mails of the chase are"
        yield Sign("chase", reference, f"{mails} {first} {last}", f"{reference}: {are} not written: {_TEND}")


_TEND = "restart the workers, and look for chase in their logs if that does not help."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    kinds: tuple[str, ...]
    name: str
    looks: str
    find: Callable[[View], Iterator[Finding]]


CHECKS = (
    Check(("broker",), "Redis", "It answers.", _broker_away),
    Check(("beat",), "Beat", "Rings every few seconds, and a worker hears it.", _beat_silent),
    Check(("worker", "workers"), "Workers", "Each of them is there, and runs tasks.", _workers_wrong),
    Check(("audit",), "Auditor", "Looks at all of this every two minutes.", _audit_silent),
    Check(
        ("route",),
        "Routes",
        "None is condemned, goes up and down, is paused for 5 minutes, or slow for 10 while mail waits.",
        _routes_wrong,
    ),
    Check(("shut",), "Mail that waits for a route", "No mail waits 5 minutes for a route that takes none.", _mail_shut),
    Check(("mail",), "Mail that nobody takes", "Mail that may leave is taken within two minutes.", _mail_idle),
    Check(("mailbox",), "Mailbox", "Where one is set, bounces are read from it every minute.", _mailbox_unread),
    Check(
        ("events",),
        "Events",
        "What a provider or a bounce says of a mail is counted within an hour.",
        _events_unmatched,
    ),
    Check(("canary",), "Canaries", "Each canary's mail arrives within 5 minutes.", _canaries_silent),
    Check(
        ("waiting",),
        "Mail that waits",
        "No mail that may leave waits longer than 10 minutes (critical and high) or an hour; put off by an answer about its "
        "own address, than 2 or 12 hours.",
        _mail_old,
    ),
    Check(("held",), "Holds", "A body held past its time is released over within two minutes.", _held_too_long),
    Check(("wave",), "The wave", "Bodies below a released one are reached within two minutes.", _wave_stands),
    Check(
        ("cascade",),
        "Cascades",
        "A cascade with work left gets on from one audit to the next.",
        lambda view: view.still("cascade"),
    ),
    Check(
        ("changes",),
        "Changes of the directory",
        "Every live advisory looks at them within minutes.",
        lambda view: view.still("changes"),
    ),
    Check(
        ("chase",),
        "The chase",
        "A step that is due is done within 10 minutes of its hours, and its mails are written.",
        _chase_late,
    ),
    Check(("figures",), "Figures", "Answers are added up within minutes.", lambda view: view.still("figures")),
)


def look(now: datetime) -> list[Finding]:
    """Everything that is not well now. Changes nothing; a constant number of queries and one visit to Redis.

    Raises DatabaseError where PostgreSQL does not answer.
    """
    return findings(View(now))


def findings(view: View) -> list[Finding]:
    """As `look`, of what somebody has in view already."""
    return [found for check in CHECKS for found in check.find(view)]


def audit(now: datetime) -> bool:
    """Write down what `look` finds, and note how far work is that has no time of its own.

    False, and nothing is written, where another audit is under way or was a moment ago.
    """
    with transaction.atomic():
        if not rows("SELECT pg_try_advisory_xact_lock(hashtext('alerts.audit'))")[0][0]:
            return False
        view = View(now)
        last = view.heartbeats.get("audit")
        if last is not None and now - last < 5 / 6 * _audit_every():
            return False
        # That it was silent itself is over as it says so.
        found = {(one.kind, one.subject): one for one in findings(view) if one.kind != "audit"}
        rows(
            NOTE,
            now=now,
            kinds=[sign.kind for sign in view.signs],
            subjects=[sign.subject for sign in view.signs],
            marks=[sign.mark for sign in view.signs],
        )
        rows(UNNOTE, now=now)
        rows(
            OPEN,
            now=now,
            kinds=[one.kind for one in found.values()],
            subjects=[one.subject for one in found.values()],
            says=[one.whole for one in found.values()],
            since=[one.since for one in found.values()],
        )
        rows(CLOSE, now=now)
        rows(FORGET, long_ago=now - KEPT)
        watch_workers.forget(now)
        Heartbeat.objects.update_or_create(process="audit", defaults={"at": now})
    return True


def troubles() -> QuerySet[Trouble]:
    """What audits found, open or over; without the auditor's own notes."""
    return Trouble.objects.exclude(kind__startswith="note:")


def _audit_every() -> timedelta:
    return timedelta(seconds=settings.AUDIT_EVERY)
