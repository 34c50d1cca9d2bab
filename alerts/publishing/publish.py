"""Publishing: a draft becomes a revision, signed by two people (or by one alone, with a reason), and the cascade is woken.

Before: a draft that was submitted. After, in one transaction: an immutable revision with the reach as it was signed, unsent
mails of an earlier revision superseded, figures counted anew, and the record. Twice: the draft is gone after the first time,
so the second is refused in words.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import counting, record
from alerts.models import Action, Advisory, Draft, Message, Revision, State
from alerts.officers import check_may, may_approve, refuse_beyond_branch
from alerts.publishing import desk, gaps
from alerts.publishing.approving import alone_from, held_at, submitter_of
from alerts.publishing.contract import (
    DEFAULT_TIMES,
    NEEDS_OPEN_TITLE,
    Asked,
    Content,
    Reader,
    answer_by,
    calendar_of,
    moment_of,
    read_content,
    read_head,
    read_open_title,
    reason_of,
)
from alerts.publishing.reach import as_signed, reach
from alerts.publishing.reviewing import look_anew
from alerts.publishing.targeting import refuse_unheard
from alerts.wake import wake_cascade
from departments.models import Person
from departments.readiness import refresh
from departments.refusal import Refused


def publish_draft(
    draft: Draft, by: Person, *, alone_reason: str = "", accept_gaps: str = "", now: datetime | None = None
) -> Revision:
    """Publish what was submitted. `by` approves it with this press, unless somebody else approved it before.

    Once it is approved, anybody who may publishes it, its writer included. Whoever submitted it, and has nobody's approval,
    publishes it alone: with a reason, and where it was submitted through a page only after a while (`alone_from`). Raises
    `Refused` or `NotUnderstood` with sentences; then nothing was written.
    """
    now = now or timezone.now()
    # The preview counts who can be told at night by it. Before the transaction: its lock would keep every page waiting.
    refresh(now)
    return _publish(draft, by, alone_reason, accept_gaps, now)


@transaction.atomic
def _publish(draft: Draft, by: Person, alone_reason: str, accept_gaps: str, now: datetime) -> Revision:
    held = held_at(draft, draft.version)
    advisory = held.advisory
    if advisory.state not in (State.DRAFT, State.LIVE, State.EXPIRED):
        raise Refused(f"{advisory.reference} was stood down; write a new advisory instead.")
    check_may(by, advisory)
    if held.stage not in (Draft.Stage.SUBMITTED, Draft.Stage.APPROVED):
        raise Refused(f"This draft is {held.get_stage_display()}: submit it first.")
    submitter = submitter_of(held)
    approver = _approver(held, by)
    if approver is None:
        _refuse_alone(held, alone_reason, now)
    first = advisory.current_id is None
    reader = Reader(held.content, now)
    content = read_content(reader)
    if first:
        # Durations count from publication; and a day that was to come when it was submitted may have passed.
        advisory.review_by = read_head(reader).review_by
    elif "open_title" in held.content:
        advisory.open_title = read_open_title(reader, advisory.marking) or advisory.open_title
    reader.done()
    if advisory.marking in NEEDS_OPEN_TITLE:
        # Each revision keeps its own: a later one may mend it, and the mail that somebody got stays what it was.
        content.words["open_title"] = advisory.open_title
    if first:
        # An update is for those who were told, whoever issues it now and wherever they sit.
        refuse_beyond_branch(advisory)
        refuse_unheard(advisory)
        gaps.refuse_overdue(advisory, now)
    found = reach(advisory, content.words["topics"], now)
    gaps.freeze(advisory, found, by, accept_gaps, now)
    kind = Revision.Kind.MATERIAL if first or held.material else Revision.Kind.MINOR
    revision = freeze(
        advisory,
        content,
        kind,
        by=submitter,
        approved_by=approver,
        alone_reason="" if approver else alone_reason.strip(),
        preview=as_signed(advisory, found),
        now=now,
        pressed_by=by,
    )
    if held.set_aside:
        # Typed after it was submitted: too late for this text, and still not lost.
        record.write("set aside", advisory.reference, by, words=held.set_aside)
    desk.call_off(advisory, *desk.OF_A_DRAFT)
    Draft.objects.filter(pk=held.pk).delete()
    return revision


def freeze(
    advisory: Advisory,
    content: Content,
    kind: str,
    *,
    by: Person,
    approved_by: Person | None,
    alone_reason: str,
    preview: dict[str, object],
    now: datetime,
    pressed_by: Person | None = None,
) -> Revision:
    """The next revision of an advisory that the transaction holds. Whatever was not sent yet is superseded by it.

    `pressed_by`: who published it, where it is neither `by`, who submitted it, nor whoever approved it.
    """
    # Figures before messages, as deliver does: the other way round two transactions could wait for each other.
    counting.lock_figures(advisory.pk)
    superseded = Message.objects.filter(advisory=advisory, state=Message.State.WAITING).update(
        state=Message.State.SUPERSEDED
    )
    revision = _write(advisory, content, kind, by, approved_by, alone_reason, preview, now)
    advisory.current = revision
    if kind == Revision.Kind.MATERIAL:
        advisory.material = revision
        advisory.acknowledge_within = content.acknowledge_within
        advisory.acknowledge_by = answer_by(advisory, content.acknowledge_within, now)
        # Whoever ended the chase of the earlier text ended no more than that.
        advisory.chase_ended_at = advisory.chase_ended_by = None
        advisory.chase_ended_why = ""
    if advisory.state == State.DRAFT:
        advisory.published_at = now
    elif kind != Revision.Kind.STAND_DOWN:
        _look_again(advisory, kind, now)
    if advisory.state == State.EXPIRED and kind != Revision.Kind.STAND_DOWN:
        look_anew(advisory)
    # An advisory that nobody looked at in time lives again with a new revision.
    advisory.state = State.STOOD_DOWN if kind == Revision.Kind.STAND_DOWN else State.LIVE
    # Correcting is one way of going on after a stop: what leaves now is the corrected text.
    advisory.stopped_at = advisory.stopped_by = None
    advisory.save()
    counting.recount(advisory.pk)
    record.write(
        "stood down" if kind == Revision.Kind.STAND_DOWN else "published",
        advisory.reference,
        pressed_by or approved_by or by,
        revision=revision.number,
        kind=kind,
        hash=revision.hash,
        submitted_by=by.pk,
        approved_by=approved_by.pk if approved_by else None,
        alone_reason=alone_reason,
        superseded=superseded,
    )
    wake_cascade(advisory)
    return revision


def _look_again(advisory: Advisory, kind: str, now: datetime) -> None:
    """Whoever writes an update has looked at the advice; a minor one moves the day only where it has come already."""
    again = now + DEFAULT_TIMES[advisory.severity][1]
    if advisory.review_by is None or advisory.review_by <= now or kind == Revision.Kind.MATERIAL:
        advisory.review_by = max(advisory.review_by or again, again)


def _approver(held: Draft, by: Person) -> Person | None:
    """Who read it beside whoever submitted it; None where nobody did. An approval lasts as long as the approver may."""
    if held.stage == Draft.Stage.APPROVED and held.decided_by and may_approve(held.decided_by, held.advisory):
        return held.decided_by
    return by if by != submitter_of(held) else None


def _write(
    advisory: Advisory,
    content: Content,
    kind: str,
    by: Person,
    approved_by: Person | None,
    alone_reason: str,
    preview: dict[str, object],
    now: datetime,
) -> Revision:
    number = advisory.revisions.count() + 1
    calendar = calendar_of(advisory)
    actions = [Action(**_action(asked, order, now, calendar)) for order, asked in enumerate(content.actions)]
    revision = Revision.objects.create(
        advisory=advisory,
        number=number,
        kind=kind,
        content=content.words,
        hash=hash_of(advisory, number, kind, content.words, actions),
        at=now,
        by=by,
        approved_by=approved_by,
        alone_reason=alone_reason,
        preview=preview,
    )
    for action in actions:
        action.revision = revision
    Action.objects.bulk_create(actions)
    return revision


def hash_of(advisory: Advisory, number: int, kind: str, words: dict[str, Any], actions: list[Action]) -> str:
    """SHA-256 over the canonical JSON of everything that a revision says: it can be computed again from the tables."""
    said = {
        "advisory": advisory.reference,
        "number": number,
        "kind": kind,
        "severity": advisory.severity,
        "marking": advisory.marking,
        "open_title": advisory.open_title,
        "content": words,
        "actions": [[one.key, one.text, one.due.isoformat(), one.of] for one in actions],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _action(asked: Asked, order: int, now: datetime, calendar: str) -> dict[str, Any]:
    due = moment_of(asked.due, now, calendar)
    return {"key": asked.key, "order": order, "text": asked.text, "due": due, "of": asked.of}


def _refuse_alone(held: Draft, reason: str, now: datetime) -> None:
    reason_of(reason, "You submitted this yourself. Let a second officer approve it, or say why you publish alone.")
    since = alone_from(held)
    if since is not None and now < since:
        local = timezone.localtime(since)
        at = f"{date_format(local, 'H:i')} {local.tzname()}"
        raise Refused(
            f"Those who may approve it were asked just now. If nobody does, you may publish it alone from {at}."
        )
