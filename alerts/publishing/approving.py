"""A second pair of eyes: a draft is submitted, looked at, approved, or returned with a reason.

Before: a draft that says what it should. After `submit`: everybody else who may approve it has a mail. After `approve` or
`give_back`: it says by whom and when. Whoever submitted it never approves it; the table refuses that as well. Any change of its
words, of its audience, or of whether everybody is asked again takes it back (`alerts.publishing.targeting.back_to_writing`):
what is published is what somebody else has read. Twice: the second press finds that it was done, and says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from alerts import record
from alerts.models import Advisory, Draft, Look, Marking, Message, Severity, State
from alerts.officers import approvers, check_may, refuse_beyond_branch, replaced_by
from alerts.publishing import desk
from alerts.publishing.contract import (
    NEEDS_OPEN_TITLE,
    NotUnderstood,
    Reader,
    Wrong,
    read_content,
    read_head,
    read_open_title,
    reason_of,
)
from alerts.publishing.draft import hold
from alerts.publishing.starters import blanks
from alerts.publishing.targeting import refuse_unheard
from departments.models import Person
from departments.refusal import Refused

# A second officer may be asleep; a warning can't wait for ever.
ALONE_AFTER = timedelta(minutes=10)
NOT_CONFIRMED = "is seen by strangers: read it as one would, and confirm that it gives nothing away."
# Whoever looked so shortly ago is looking.
LOOKING_FOR = timedelta(seconds=20)

LOOK = """
    INSERT INTO alerts_look (advisory_id, person_id, at) VALUES (%(advisory)s, %(person)s, %(now)s)
    ON CONFLICT (advisory_id, person_id) DO UPDATE SET at = greatest(alerts_look.at, excluded.at)
"""


@dataclass(frozen=True)
class Looker:
    """Somebody who looked at a draft."""

    person: Person
    at: datetime
    now: bool
    """They look at it at this moment."""


@transaction.atomic
def submit(
    draft: Draft, by: Person, version: int, now: datetime | None = None, *, gives_nothing_away: bool = False
) -> Draft:
    """Ask for approval of this version. From AMBER up its author confirms that the open title `gives_nothing_away`.

    Raises `NotUnderstood` with what is to be mended, or `Refused`.
    """
    now = now or timezone.now()
    held = held_at(draft, version)
    check_may(by, held.advisory)
    if held.stage in (Draft.Stage.SUBMITTED, Draft.Stage.APPROVED):
        raise Refused("This was submitted already.")
    if held.set_aside:
        names = ", ".join(dict.fromkeys(one["name"] for one in held.set_aside))
        raise Refused(
            f"Words of {names} wait beside this draft. Use or drop them first: with its publication they are gone."
        )
    check(held, by, now, gives_nothing_away=gives_nothing_away)
    held.stage, held.submitted_by, held.submitted_at = Draft.Stage.SUBMITTED, by, now
    held.decided_by, held.decided_at, held.reason = None, None, ""
    held.save()
    _apply_head(held, by, now)
    others = [person.pk for person in approvers(held.advisory) if person.pk != by.pk]
    desk.put(Message.Kind.APPROVE, held.advisory, others, f"{held.pk}.{held.version}.{now.timestamp():.0f}", now)
    said = {"open_title": held.advisory.open_title} if held.advisory.marking in NEEDS_OPEN_TITLE else {}
    record.write("submitted", held.advisory.reference, by, version=held.version, asked=len(others), **said)
    return held


@transaction.atomic
def approve(draft: Draft, by: Person, version: int, now: datetime | None = None) -> Draft:
    """This version may be published: whoever submitted it has a mail that says so. Raises `Refused` for themselves."""
    now = now or timezone.now()
    held = _read(draft, by, version, Draft.Stage.SUBMITTED)
    if submitter_of(held) == by:
        raise Refused("You submitted this yourself: somebody else approves it.")
    held.submitted_by = submitter_of(held)
    held.stage, held.decided_by, held.decided_at = Draft.Stage.APPROVED, by, now
    held.save()
    stem = f"{held.pk}.{held.version}.{now.timestamp():.0f}"
    desk.call_off(held.advisory, Message.Kind.APPROVE)
    desk.put(Message.Kind.APPROVED, held.advisory, [held.submitted_by.pk], stem, now)
    record.write("approved", held.advisory.reference, by, version=held.version)
    return held


@transaction.atomic
def give_back(draft: Draft, by: Person, version: int, reason: str, now: datetime | None = None) -> Draft:
    """Return it to its writer, with a reason that they get by mail; approved or not. Raises `Refused`."""
    now = now or timezone.now()
    held = _read(draft, by, version, Draft.Stage.SUBMITTED, Draft.Stage.APPROVED)
    reason = reason_of(reason, "Say why it goes back: its writer reads it.")
    writer = submitter_of(held)
    held.stage, held.decided_by, held.decided_at, held.reason = Draft.Stage.RETURNED, by, now, reason
    held.save()
    desk.call_off(held.advisory, *desk.PRESSING)
    if writer != by:
        stem = f"{held.pk}.{held.version}.{now.timestamp():.0f}"
        desk.put(Message.Kind.RETURNED, held.advisory, [writer.pk], stem, now)
    record.write("returned", held.advisory.reference, by, version=held.version, reason=reason)
    return held


def check(draft: Draft, by: Person, now: datetime, *, gives_nothing_away: bool) -> None:
    """Raise `NotUnderstood` or `Refused` with whatever would be wrong with publishing this now, but for its reach."""
    first = draft.advisory.state == State.DRAFT
    reader = Reader(draft.content, now)
    content = read_content(reader)
    head = read_head(reader) if first else None
    for where, left in _blanks_of(draft.content):
        one = len(left) == 1
        blank = ", ".join(f"‹{words}›" for words in left)
        reader.say(where, f"{blank} still {'stands' if one else 'stand'} there: fill {'it' if one else 'them'} in.")
    if not first and not content.words["what_changed"]:
        reader.say("what_changed", "is missing: say in a sentence what changed.")
    if not first and "earlier" not in content.words:
        reader.say("earlier", "is missing: say whether the earlier advice still holds.")
    if head is not None and head.marking in NEEDS_OPEN_TITLE and head.open_title and not gives_nothing_away:
        reader.say("open_title", NOT_CONFIRMED)
    if head is None and draft.advisory.marking in NEEDS_OPEN_TITLE:
        open_title = read_open_title(reader, draft.advisory.marking)
        if open_title and open_title != draft.advisory.open_title and not gives_nothing_away:
            reader.say("open_title", NOT_CONFIRMED)
    if head is not None and (wrong := replaced_by(by, head.supersedes)[1]):
        reader.say("supersedes", wrong)
    reader.done()
    if head is None:
        return
    branches, named = draft.advisory.branches.exists(), draft.advisory.named.exists()
    if head.marking == Marking.RED and branches:
        raise NotUnderstood([Wrong("audience", "TLP:RED is for named people: take the branches out, and name them.")])
    if not branches and not named:
        raise NotUnderstood([Wrong("audience", "names no branch and no person, so nobody would hear this.")])
    refuse_unheard(draft.advisory)
    refuse_beyond_branch(draft.advisory)


def _blanks_of(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """By key of the contract: what of a starting text is still to be filled in."""
    for key, value in content.items():
        rows = enumerate(value, start=1) if key == "actions" and isinstance(value, list) else ()
        for number, row in rows:
            if left := blanks(row):
                yield f"actions[{number}].text", left
        if key != "actions" and (left := blanks(value)):
            yield key, left


def submitter_of(draft: Draft) -> Person:
    """Who answers for its words: whoever submitted it; of a draft that nobody submitted, whoever saved it last."""
    return draft.submitted_by or draft.saved_by


def held_at(draft: Draft, version: int) -> Draft:
    """The draft, locked, after its advisory, as it was at this version; raises `Refused` where it changed meanwhile."""
    held = hold(draft)
    if held is None or held.version != version:
        raise Refused("This draft was published or changed by somebody else meanwhile. Look at the page again.")
    return held


def alone_from(draft: Draft) -> datetime | None:
    """From when whoever submitted it may publish it alone; None: at once."""
    if draft.submitted_at is None or draft.advisory.severity == Severity.CRITICAL:
        return None
    return draft.submitted_at + ALONE_AFTER


def looked(advisory: Advisory, person: Person, now: datetime) -> None:
    """This person has its draft before them."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, {"advisory": advisory.pk, "person": person.pk, "now": now})


def lookers(advisory: Advisory, now: datetime, but: Person | None = None) -> list[Looker]:
    """Who looked at its draft, the last one first."""
    looks = Look.objects.filter(advisory=advisory).select_related("person").order_by("-at", "pk")
    return [
        Looker(look.person, look.at, look.at > now - LOOKING_FOR)
        for look in looks
        if but is None or look.person_id != but.pk
    ]


def _read(draft: Draft, by: Person, version: int, *stages: str) -> Draft:
    """The draft that this person had before them, if it is at one of these stages."""
    held = held_at(draft, version)
    check_may(by, held.advisory)
    if held.stage not in stages:
        raise Refused(f"It is not submitted: it is {held.get_stage_display()}.")
    return held


def _apply_head(draft: Draft, by: Person, now: datetime) -> None:
    """What is said once stands at the advisory from the moment that somebody answers for it."""
    advisory = draft.advisory
    if advisory.state != State.DRAFT:
        return
    head = read_head(Reader(draft.content, now))
    advisory.severity, advisory.marking, advisory.open_title = head.severity, head.marking, head.open_title
    advisory.rule, advisory.office, advisory.review_by = head.rule, head.office, head.review_by
    advisory.supersedes, _ = replaced_by(by, head.supersedes)
    advisory.save()
