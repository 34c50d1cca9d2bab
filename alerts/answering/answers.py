"""Answers as rows: what is asked of a recipient, and keeping what was said, however it came.

Before: an answer that was understood. After `keep`: one more acknowledgement, never changed, with its entry in the record, and
the recipient's row says what their last answer that counts was. Twice, from one form or one mail: the first stands, and nothing
is written. An answer that bears the signs of a machine is kept and does not count; nor does a doubt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from alerts import own_time, record
from alerts.answer_form import Asked, Said
from alerts.answering.answers_sql import ASKED, ASKED_OF_BODIES, KEEP, KEEP_DOUBT, KEEP_SUSPECT
from alerts.models import Acknowledgement, Action, ActionAnswer, Office, Revision
from alerts.statements import run
from departments.models import Person

How = Acknowledgement.How
Read = Acknowledgement.Read
Told = Acknowledgement.Told


@dataclass(frozen=True, slots=True)
class Question:
    """What one revision asks of one recipient."""

    recipient_id: int
    token_issue: int
    person_id: int
    shared: bool
    """Several people read their mailbox."""
    advisory_id: int
    reference: str
    state: str
    marking: str
    office: str
    """What an answer of their office is worth (`Office`)."""
    due: datetime | None
    """By when everybody is to answer it; a person's own time may be later (`alerts.own_time`)."""
    material: int | None
    """The number of the last material revision."""
    today: int
    """How many answers were kept of them within a day."""
    revision_id: int
    number: int
    kind: str
    actions: tuple[Asked, ...]
    mailed_at: datetime | None
    """When the mail with this revision was handed over; now, while their very first one is."""
    relays: tuple[int, ...] = ()
    """For whose bodies this person answers what is asked of bodies; none where nothing is."""
    settled: frozenset[tuple[str, int]] = frozenset()
    """What somebody said already for one of these bodies, of this very revision: an action's key, and the relay."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, checked. `by` and `name`: who gave it, where that was not the recipient or is one of several."""

    how: How
    read: Read
    form_id: UUID
    """The same for the same answer: a form's own value, or made of a mail's."""
    said: Sequence[Said] = ()
    text: str = ""
    by: Person | None = None
    name: str = ""
    told_how: Told | None = None
    told_at: datetime | None = None
    suspect: Sequence[str] = ()
    at: datetime | None = None
    """When it was given, where that was before it is kept: a mail may have lain in a mailbox."""


def question(recipient_id: int, number: int) -> Question | None:
    """What the revision with this number asks of this recipient; None where there is none.

    One round trip, and another where something is asked of bodies.
    """
    now = timezone.now()
    found = run(ASKED, recipient=recipient_id, number=number, now=now, day_ago=now - timedelta(days=1))
    if not found:
        return None
    row = dict(zip(Question.__slots__, found[0], strict=False))
    asked = Question(**row | {"actions": tuple(Asked(*action) for action in json.loads(row["actions"] or "[]"))})
    if all(action.of == Action.Of.PERSON for action in asked.actions):
        return asked
    bodies = run(ASKED_OF_BODIES, advisory=asked.advisory_id, person=asked.person_id, revision=asked.revision_id)
    settled = frozenset((key, relay) for relay, keys in bodies for key in keys or ())
    return replace(asked, relays=tuple(relay for relay, _ in bodies), settled=settled)


def keep(to: Question, given: Given) -> tuple[Acknowledgement, bool]:
    """Keep an answer; what stands for this form, and whether it is new. One round trip; after the time asked for, two."""
    now = given.at or timezone.now()
    made = Acknowledgement(
        recipient_id=to.recipient_id,
        revision_id=to.revision_id,
        at=now,
        how=given.how,
        read=given.read,
        text=given.text,
        by=given.by,
        name_given=given.name,
        told_how=given.told_how or "",
        told_at=given.told_at,
        suspect=list(given.suspect),
        # Whoever was told in time by telephone is in time, whenever somebody writes it down.
        late=own_time.is_late(to.recipient_id, given.told_at or now, to.due),
        form_id=given.form_id,
    )
    kind, details = _entry(to, given, made)
    # Who answers for an office says so themselves: nobody is put down as having done it.
    actor = given.by.pk if given.how == How.BEHALF and given.by else None if given.how == How.OFFICE else to.person_id
    written, digest = record.entry(kind, to.reference, actor, **details)
    found = run(
        KEEP_DOUBT if given.read == Read.PHISHING else KEEP_SUSPECT if made.suspect else KEEP[given.how],
        recipient=to.recipient_id,
        advisory=to.advisory_id,
        office_counts=to.office == Office.COUNTS,
        material=to.material or 0,
        revision=to.revision_id,
        number=to.number,
        at=now,
        how=given.how.value,
        read=given.read.value,
        text=given.text,
        by=given.by.pk if given.by else None,
        name=given.name,
        told_how=made.told_how,
        told_at=given.told_at,
        suspect=made.suspect,
        late=made.late,
        form=given.form_id,
        said=json.dumps([_row(one) for one in given.said]),
        actor=actor,
        kind=kind,
        subject=to.reference,
        details=written,
        digest=digest,
        help=given.read == Read.HELP,
        acted=_acted(to, given.said),
    )
    if not found:
        return Acknowledgement.objects.get(form_id=given.form_id), False
    made.pk = found[0][0]
    return made, True


def _row(said: Said) -> dict[str, object]:
    by_date = said.choice.by_date
    return {
        "action": said.action.id,
        "relay": said.relay_id,
        "choice": said.choice.choice,
        "by_date": by_date.isoformat() if by_date else None,
        "text": said.choice.text,
    }


def _entry(to: Question, given: Given, made: Acknowledgement) -> tuple[str, dict[str, object]]:
    """The kind of its entry in the record, and what is in it: choices, and of what was typed no word."""
    kind = "answered like a machine" if made.suspect else "doubted" if given.read == Read.PHISHING else "acknowledged"
    details: dict[str, object] = {
        "recipient": to.recipient_id,
        "revision": to.number,
        "how": given.how.value,
        "read": given.read.value,
        "late": made.late,
        "suspect": made.suspect,
        "form": made.form_id,
        "actions": {f"{one.action.key}:{one.relay_id or ''}": one.choice.choice for one in given.said},
    }
    by = given.by.pk if given.by else None
    # A name that a contact typed, signed in; not what anybody may type who holds a link.
    name = given.name if given.how == How.BEHALF else ""
    more = {"by": by, "name": name, "told_how": made.told_how, "told_at": given.told_at}
    return kind, details | {key: value for key, value in more.items() if value}


def _acted(to: Question, said: Sequence[Said]) -> int | None:
    """The revision whose every action of a person is done or does not apply; 0 where something is still to be done.

    None: standing down asks for nothing, and ends nothing.
    """
    if to.kind == Revision.Kind.STAND_DOWN:
        return None
    settled = (ActionAnswer.Choice.DONE, ActionAnswer.Choice.NOT_US)
    chosen = {one.action.id: one.choice.choice for one in said if one.relay_id is None}
    of_a_person = [action.id for action in to.actions if action.of == "person"]
    return to.number if all(chosen.get(action) in settled for action in of_a_person) else 0
