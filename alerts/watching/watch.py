"""The watchdog: is any live work older than it should be, and do those live who are to do it?

`look` reads and changes nothing: `/healthz`, the operators' page and `manage.py audit` ask it. `audit` writes down what it
found (`Trouble`): opened when first seen, closed when it is not there any more. Some work has no time of its own (a body to be
compared, a figure to be added up): the auditor notes how far it was (a note, with a mark that moves when the work does), and
it is trouble once the mark stood still from one audit to the next. Twice, or beside itself: one audit at a time, each
finding is open once, and an audit that comes right after another one leaves it at that.

Whoever watches is watched: the beat and each worker ring for the audit, `/healthz` looks for itself, and
`alerts.watching.alarm` calls somebody outside only while all is well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from alerts.models import Heartbeat, Trouble
from alerts.statements import run
from alerts.watching import cascade, chase, heard, mail, processes, routes, watch_workers
from alerts.watching.view import Finding, Sign, View, audit_every
from alerts.watching.watch_sql import CLOSE, FORGET, NOTE, OPEN, UNNOTE

# What an operator is told, and what is none the less no reason for a load balancer to let go or for silence to page somebody.
BESIDE = ("canary", "mailbox", "events")
KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    kinds: tuple[str, ...]
    name: str
    looks: str
    find: Callable[[View], Iterator[Finding]]


# In the order in which an operator should look.
CHECKS = (
    Check(("broker",), "Redis", "It answers.", processes.broker),
    Check(("beat",), "Beat", "Rings every few seconds, and a worker hears it.", processes.beat),
    Check(("worker", "workers"), "Workers", "Each of them is there, and runs tasks.", processes.workers),
    Check(("audit",), "Auditor", "Looks at all of this every two minutes.", processes.audit),
    Check(
        ("route",),
        "Routes",
        "None is condemned, goes up and down, is paused for 5 minutes, or slow for 10 while mail waits.",
        routes.wrong,
    ),
    Check(("shut",), "Mail that waits for a route", "No mail waits 5 minutes for a route that takes none.", mail.shut),
    Check(("mail",), "Mail that nobody takes", "Mail that may leave is taken within two minutes.", mail.idle),
    Check(("mailbox",), "Mailbox", "Where one is set, bounces are read from it every minute.", heard.mailbox),
    Check(
        ("events",),
        "Events",
        "What a provider or a bounce says of a mail is counted within an hour.",
        heard.events,
    ),
    Check(("canary",), "Canaries", "Each canary's mail arrives within 5 minutes.", heard.canaries),
    Check(
        ("waiting",),
        "Mail that waits",
        "No mail that may leave waits longer than 10 minutes (critical and high) or an hour; put off by an answer about its "
        "own address, than 2 or 12 hours.",
        mail.old,
    ),
    Check(("held",), "Holds", "A body held past its time is released over within two minutes.", cascade.held),
    Check(("wave",), "The wave", "Bodies below a released one are reached within two minutes.", cascade.wave),
    Check(
        ("cascade",),
        "Cascades",
        "A cascade with work left gets on from one audit to the next.",
        cascade.cascades,
    ),
    Check(
        ("changes",),
        "Changes of the directory",
        "Every live advisory looks at them within minutes.",
        cascade.changes,
    ),
    Check(
        ("chase",),
        "The chase",
        "A step that is due is done within 10 minutes of its hours, and its mails are written.",
        chase.late,
    ),
    Check(("figures",), "Figures", "Answers are added up within minutes.", cascade.figures),
)


# Work that has no time of its own.
SIGNS = (cascade.signs, cascade.figure_signs, routes.signs, chase.signs)


def look(now: datetime) -> list[Finding]:
    """Everything that is not well now. Changes nothing; a constant number of queries and one visit to Redis.

    Raises DatabaseError where PostgreSQL does not answer.
    """
    return findings(View(now))


def findings(view: View) -> list[Finding]:
    """As `look`, of what somebody has in view already."""
    return [found for check in CHECKS for found in check.find(view)]


def signs(view: View) -> list[Sign]:
    """How far all work is that has no time of its own."""
    return [sign for read in SIGNS for sign in read(view)]


def audit(now: datetime) -> bool:
    """Write down what `look` finds, and note how far work is that has no time of its own.

    False, and nothing is written, where another audit is under way or was a moment ago.
    """
    with transaction.atomic():
        if not run("SELECT pg_try_advisory_xact_lock(hashtext('alerts.audit'))")[0][0]:
            return False
        view = View(now)
        last = view.heartbeats.get("audit")
        if last is not None and now - last < 5 / 6 * audit_every():
            return False
        # That it was silent itself is over as it says so.
        found = {(one.kind, one.subject): one for one in findings(view) if one.kind != "audit"}
        noted = signs(view)
        run(
            NOTE,
            now=now,
            kinds=[sign.kind for sign in noted],
            subjects=[sign.subject for sign in noted],
            marks=[sign.mark for sign in noted],
        )
        run(UNNOTE, now=now)
        run(
            OPEN,
            now=now,
            kinds=[one.kind for one in found.values()],
            subjects=[one.subject for one in found.values()],
            says=[one.whole for one in found.values()],
            since=[one.since for one in found.values()],
        )
        run(CLOSE, now=now)
        run(FORGET, long_ago=now - KEPT)
        watch_workers.forget(now)
        Heartbeat.objects.update_or_create(process="audit", defaults={"at": now})
    return True


def troubles() -> QuerySet[Trouble]:
    """What audits found, open or over; without the auditor's own notes."""
    return Trouble.objects.exclude(kind__startswith="note:")
