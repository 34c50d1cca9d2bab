"""On behalf of many: one answer that a contact or deputy puts down for everybody who was told together, or one by one.

Before: recipients who sit in bodies of theirs, and have not answered this revision. After, in one transaction: an
acknowledgement for each, as `alerts.answering.behalf` puts it down for one (that they know what it says; what is asked of them
they answer later), and one entry in the record. Whoever answered themselves, or was put down before, is left as they are. All
or nothing: where one of them is not theirs to answer for, nothing is written. The same form sent twice writes once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import answer_form, counting, record
from alerts.answer_form import NotAnswered
from alerts.answering import behalf
from alerts.answering.answers import Told
from alerts.answering.behalf_many_sql import KEEP, LOCK, STANDS
from alerts.coverage.selection import Selection
from alerts.models import Action, Advisory, Office, Record, Revision
from alerts.statements import run
from departments.models import Person, Role
from departments.refusal import Refused
from departments.rules import bodies_of

MOST = 5_000  # people for whom one press puts down an answer
_KIND = "acknowledged together"

NOT_THEIRS = "Only a contact or deputy of a body puts down answers for its people. Nothing was written."


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form as it was read."""

    token: str
    told_how: str
    told_at: str
    """As it was typed: a day and a time."""
    told_by: str = ""
    """Who told them, where that was not whoever puts it down."""


@dataclass(frozen=True, slots=True)
class PutDown:
    """What a press did, in people."""

    people: int
    told_how: Told
    told_at: datetime
    themselves: int = 0
    """Had answered themselves."""
    before: int = 0
    """Had been put down before."""
    oneself: bool = False
    """Whoever pressed was among them."""
    number: int = 0
    later: int = 0
    """The material revision that has come since; 0 for none."""

    @property
    def says(self) -> str:
        """In sentences for whoever pressed."""
        local = timezone.localtime(self.told_at)
        when = f"{date_format(local, 'j F, H:i')} {local.tzname()}"
        told = f"told {self.told_how.label} on {when}"
        who = "1 person" if self.people == 1 else f"{self.people:,} people"
        said = [f"Put down for {who}: {told}." if self.people else "Nothing was put down."]
        if self.themselves:
            said.append(f"{self.themselves:,} had answered themselves.")
        if self.before:
            said.append(f"{self.before:,} had been put down before.")
        if self.oneself:
            said.append("You are one of them: answer by your own link.")
        if self.later:
            said.append(f"Revision {self.later} has come since revision {self.number}: tell them of that as well.")
        return " ".join(said)


def read_form(data: Mapping[str, str]) -> Form:
    """A posted form: `form`, `told-how`, `told-at`, `told-by` (who told them)."""
    return Form(
        token=data.get("form", ""),
        told_how=data.get("told-how", ""),
        told_at=data.get("told-at", "").strip(),
        told_by=answer_form.clean_name(data.get("told-by", "")),
    )


def may_answer_for(by: Person) -> set[int]:
    """The ids of the bodies for whose people this person puts down answers."""
    return bodies_of(by, [Role.CONTACT, Role.DEPUTY]) if by.left_at is None else set()


def issue_form(advisory: Advisory, by: Person) -> str:
    """A fresh hidden value, for one advisory, whoever puts it down, and the last material revision."""
    number = advisory.material.number if advisory.material else 0
    return _signer().sign_object([advisory.pk, by.pk, number, uuid4().hex])


def answer(selection: Selection, by: Person, form: Form) -> PutDown:
    """Put down that these people know what it says; `by` is their contact or deputy.

    Raises `Refused` where they may not for one of them, or where these are too many, and `NotAnswered` for what is missing or
    wrong in the form. Nothing was written then.
    """
    advisory = Advisory.objects.select_related("material").get(pk=selection.scope.advisory_id)
    if advisory.current_id is None:
        raise Refused(behalf.NOT_PUBLISHED)
    own = may_answer_for(by)
    if not own:
        raise Refused(NOT_THEIRS)
    number, form_id = _opened(form.token, advisory, by)
    of = Revision.objects.get(advisory=advisory, number=number)
    told_how, told_at = _checked(form, of)
    later = advisory.material.number if advisory.material and advisory.material.number > number else 0
    with transaction.atomic():
        # Before rows, as everywhere; then nobody of them answers until this is written.
        counting.share_figures(advisory.pk)
        query, values = selection.sql()
        found = [row[0] for row in run(LOCK.format(selection=query), **values, most=MOST + 1)]
        if len(found) > MOST:
            raise Refused(f"These are more than {MOST:,} people: choose a smaller list. Nothing was written.")
        if not found and (before := _pressed_before(advisory, form_id)):
            return PutDown(before, told_how, told_at)
        stand = _standing(found, by, own, number, form_id)
        _refuse_beyond(stand)
        due = stand.get("due", [])
        people = _keep(advisory, of, due, by, form, told_how, told_at, form_id) if due else 0
    return PutDown(
        people=people + len(stand.get("kept", ())),
        told_how=told_how,
        told_at=told_at,
        themselves=len(stand.get("themselves", ())),
        before=len(stand.get("before", ())),
        oneself="oneself" in stand,
        number=number,
        later=later,
    )


def _standing(recipients: list[int], by: Person, own: set[int], number: int, form_id: UUID) -> dict[str, list[int]]:
    """The recipients by how they stand (`behalf_many_sql.STANDS`)."""
    rows = run(STANDS, recipients=recipients, by=by.pk, own=sorted(own), number=number, form=form_id.hex)
    return {stands: ids for stands, _, ids in rows}


def _refuse_beyond(stand: Mapping[str, list[int]]) -> None:
    if beyond := len(stand.get("beyond", ())):
        who = "1 of these people sits" if beyond == 1 else f"{beyond:,} of these people sit"
        raise Refused(
            f"{who} in no body of which you are a contact or deputy, so nothing was written. Choose those of your own bodies."
        )


def _keep(
    advisory: Advisory,
    of: Revision,
    recipients: list[int],
    by: Person,
    form: Form,
    told_how: Told,
    told_at: datetime,
    form_id: UUID,
) -> int:
    """Write it down for these, and in the record; for how many."""
    asks_a_person = of.actions.filter(of=Action.Of.PERSON).exists()
    [(people, digest)] = run(
        KEEP,
        recipients=recipients,
        revision=of.pk,
        number=of.number,
        at=timezone.now(),
        by=by.pk,
        name=form.told_by,
        told_how=told_how.value,
        told_at=told_at,
        form=form_id.hex,
        office_counts=advisory.office == Office.COUNTS,
        help=False,
        acted=None if of.kind == Revision.Kind.STAND_DOWN else 0 if asks_a_person else of.number,
    )
    details = {"name": form.told_by} if form.told_by else {}
    record.write(
        _KIND,
        advisory.reference,
        by,
        revision=of.number,
        people=people,
        digest=digest,
        told_how=told_how.value,
        told_at=told_at,
        form=form_id.hex,
        **details,
    )
    return int(people)


def _pressed_before(advisory: Advisory, form_id: UUID) -> int:
    """For how many this form was pressed, where that emptied the very list for which it is pressed again."""
    # Index: record_subject.
    entries = Record.objects.filter(subject=advisory.reference, kind=_KIND, details__form=form_id.hex)
    return sum(entry.details["people"] for entry in entries)


def _checked(form: Form, of: Revision) -> tuple[Told, datetime]:
    """How and when they were told; raises `NotAnswered` with every sentence there is to say at once."""
    errors: dict[str, str] = {}
    if form.told_how not in Told.values:
        errors["told-how"] = "Say how they were told."
    told_at = None
    try:
        told_at = behalf.moment_told(form.told_at, of.pk, of.number)
    except NotAnswered as wrong:
        errors |= wrong.errors
    try:
        answer_form.check_length(form.told_by, "told-by", answer_form.LONGEST_NAME)
    except NotAnswered as wrong:
        errors |= wrong.errors
    if errors or told_at is None:
        raise NotAnswered(errors)
    return Told(form.told_how), told_at


def _opened(token: str, advisory: Advisory, by: Person) -> tuple[int, UUID]:
    """What a hidden value says; raises `NotAnswered` where it is not ours, or was made for somebody else."""
    try:
        which, who, number, form_id = _signer().unsign_object(token)
        found = int(number), UUID(form_id)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotAnswered({"form": answer_form.DAMAGED}) from None
    if (which, who) != (advisory.pk, by.pk):
        raise NotAnswered({"form": "This form was opened for somebody else. Go back to the list, and open it again."})
    return found


def _signer() -> signing.Signer:
    return signing.Signer(salt="alerts.answering.behalf_many.form")
