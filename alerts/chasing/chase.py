"""Chase: one mail more to somebody who was told and has not answered.

Before: people who were told of the text that stands, and are silent. After: a reminder in the outbox for each of them whose
address is not out of reach and who was neither reminded within a day, whoever pressed, from whichever list, however often, nor
told of it, or of a new text of it, within the hour: these stay due one, and a press once the hour is over reaches them. Twice,
or by two at once: the second finds them reminded. Nobody who answered is reminded, also not where they do so before the mail
leaves: delivery looks once more (`deliver_reminders_sql.SUPERSEDE_REMINDERS`); and an update takes the place of what has not
left. Raises `Refused` with a sentence; then nothing was written.

A reminder says nothing that they were not told, so it makes nobody told or untold; one that is known to have arrived shows
that they were. One that comes back is known against the address, and stands with the person.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from alerts import counting, record, rules
from alerts.chasing.chase_sql import FIND, TAKE_TURN, WRITE
from alerts.coverage.selection import Selection
from alerts.models import Advisory, Severity, State
from alerts.statements import run
from alerts.wake import wake
from departments.models import Person
from departments.refusal import Refused

BATCH = 500
AT_ONCE = 5_000  # people in one transaction
MOST = 50_000  # people in one press
LONGEST = 15.0  # seconds of one press
ONE_IN = timedelta(days=1)
# As for a step that is brought forward: whoever was written to within so long has had no time to answer.
JUST_NOW = timedelta(hours=1)

NOT_YOURS = (
    "Officers of the issuer and administrators remind anybody; a contact, deputy or head the people of their own branch. "
    "Nobody was reminded."
)


@dataclass(frozen=True, slots=True)
class Reminded:
    """What a press did, in people."""

    people: int
    """A reminder to each of these is in the outbox."""
    lately: int = 0
    """Were reminded within the last day."""
    just_told: int = 0
    """Were told of it, or of a new text of it, within the last hour."""
    answered: int = 0
    out_of_reach: int = 0
    """Their address takes no mail, or they left."""
    waiting: int = 0
    """Were not sent the text that stands yet: their first mail is still to come."""
    beyond: int = 0
    """Sit nowhere in the branch of whoever pressed."""
    left: int = 0
    """Are due one as well, and had to wait for another press."""

    @property
    def says(self) -> str:
        """In a sentence for whoever pressed."""
        others = [
            f"{number:,} {(one if number == 1 else many)}"
            for number, one, many in (
                (self.lately, "was reminded within the last day", "were reminded within the last day"),
                (
                    self.just_told,
                    "was told of it within the last hour, and can be reminded later",
                    "were told of it within the last hour, and can be reminded later",
                ),
                (self.answered, "answered meanwhile", "answered meanwhile"),
                (self.out_of_reach, "cannot be reached", "cannot be reached"),
                (self.waiting, "has not been sent it yet", "have not been sent it yet"),
                (self.beyond, "sits outside your own branch", "sit outside your own branch"),
            )
            if number
        ]
        who = "1 person" if self.people == 1 else f"{self.people:,} people" if self.people else "Nobody"
        said = "; ".join([f"{who} reminded", *others]) + "."
        if not self.left:
            return said
        return (
            f"{said} {self.left:,} more {'is' if self.left == 1 else 'are'} due a reminder: press once more for these."
        )


def bodies_reminded_by(person: Person, advisory: Advisory) -> Collection[int] | None:
    """The ids of the bodies whose people this person may remind; None: of every body. An auditor changes nothing."""
    if person.left_at is not None or (person.is_auditor and not rules.is_officer_of_issuer(person, advisory)):
        return set()
    return rules.people_seen(person, advisory)


def remind(selection: Selection, by: Person, now: datetime) -> Reminded:
    """Remind those of these people who are due it; `by` is an officer, an administrator, or answers for their bodies."""
    advisory = _asking(selection.scope.advisory_id)
    within = bodies_reminded_by(by, advisory)
    if within is not None and not within:
        raise Refused(NOT_YOURS)
    until = time.monotonic() + LONGEST
    due, stand = _find(selection, within, now)
    now_due = due[:MOST]
    written = write(advisory, now_due, now, by=by, within=within, until=until, figure=selection.figure)
    # Of those who were looked at again the second look stands.
    stand = stand + written
    return Reminded(
        people=written["due"],
        lately=stand["lately"],
        just_told=stand["just told"],
        answered=stand["answered"],
        out_of_reach=stand["out of reach"],
        waiting=stand["waiting"],
        beyond=stand["beyond"],
        left=stand["more"] + len(now_due) - written.total(),
    )


def write(
    advisory: Advisory,
    recipients: Sequence[int],
    now: datetime,
    *,
    by: Person | None = None,
    within: Collection[int] | None = None,
    until: float | None = None,
    **details: object,
) -> Counter[str]:
    """A reminder to each of these recipients who is due one, so many in a transaction; how they all stood, as it found them.

    "due" are those whose reminder was written. Ends after `LONGEST`, or where the advisory stops asking meanwhile: of those who
    were left nothing is counted.
    `by`: who pressed; None: nobody. `until`: when it ends, by the monotonic clock. `details` go into the record.
    """
    stand: Counter[str] = Counter()
    until = time.monotonic() + LONGEST if until is None else until
    for start in range(0, len(recipients), AT_ONCE):
        found = _write(advisory, recipients[start : start + AT_ONCE], now, by, within, details)
        stand.update(found)
        if not found or time.monotonic() > until:
            break
    return stand


def _asking(advisory_id: int) -> Advisory:
    """The advisory, which still asks for answers; nobody is reminded of another one."""
    advisory = Advisory.objects.select_related("issuer", "current").get(pk=advisory_id)
    if advisory.current is None or advisory.state != State.LIVE:
        raise Refused(f"{advisory.reference} asks nobody for an answer now. Nobody was reminded.")
    if advisory.stopped:
        raise Refused(f"{advisory.reference} is stopped: nothing of it leaves until it goes on. Nobody was reminded.")
    return advisory


def _find(selection: Selection, within: Collection[int] | None, now: datetime) -> tuple[list[int], Counter[str]]:
    """Who is due a reminder, at most MOST of them; and how many of the others stand how. "more": those beyond MOST."""
    query, values = selection.sql()
    mine = {"within": None if within is None else sorted(within), **_ago(now), "most": MOST}
    due: list[int] = []
    stand: Counter[str] = Counter()
    for stands, number, ids in run(FIND.format(selection=query), **values, **mine):
        if stands == "due":
            due, stand["more"] = ids, number - len(ids)
        else:
            stand[stands] = number
    return due, stand


def _ago(now: datetime) -> dict[str, datetime]:
    """Since when whoever was reminded, or told, is left out."""
    return {"day_ago": now - ONE_IN, "hour_ago": now - JUST_NOW}


@transaction.atomic
def _write(
    advisory: Advisory,
    recipients: Sequence[int],
    now: datetime,
    by: Person | None,
    within: Collection[int] | None,
    details: dict[str, object],
) -> dict[str, int]:
    """One transaction; empty where the advisory asks nothing any more. What was waited for is read in the last statement."""
    run(TAKE_TURN, advisory=advisory.pk)
    # Before messages, as everywhere: whoever publishes supersedes what is written here, or it is written of the new text.
    counting.share_figures(advisory.pk)
    [(number, written, digest, stand)] = run(
        WRITE,
        advisory=advisory.pk,
        recipients=list(recipients),
        within=None if within is None else sorted(within),
        **_ago(now),
        now=now,
        rank=Severity(advisory.severity).rank,
        size=BATCH,
    )
    if number is None:
        return {}
    if written:
        record.write("reminded", advisory.reference, by, revision=number, messages=written, digest=digest, **details)
        wake("deliver")
    found: dict[str, int] = json.loads(stand or "{}")
    return found
