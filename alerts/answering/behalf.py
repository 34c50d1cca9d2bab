"""On behalf: an answer that somebody gave by telephone or in person, put down by a contact or deputy of their body.

Before: a recipient who has not answered this revision themselves: silent, waiting, held, or out of reach of mail. After: one
more acknowledgement that says who put it down, who told them, when and how; it counts, and is shown apart. The same form sent
twice writes once. Where the person answers at the same moment, their own answer stands, whichever came first.

Of somebody who was rung from the calling list whoever has that call in hand puts it down as well (`heard`): an officer of the
issuer, an administrator, or somebody who answers for a body above. That is theirs for that one call, and nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import answer_form
from alerts.answer_form import ActionChoice, NotAnswered
from alerts.answering import answers, doubts
from alerts.answering.answers import Given, How, Question, Read, Told
from alerts.models import Acknowledgement, Action, ActionAnswer, Recipient, Revision, Seat
from departments.models import Person, Role
from departments.refusal import Refused
from departments.rules import bodies_of

THEIR_OWN = (How.LINK, How.REPLY)

NOT_PUBLISHED = "It has not been published, so nobody can have been told of it."
ONESELF = "You have a link of your own: answer there. Nobody puts down an answer for themselves."
NOT_THEIRS = (
    "Only a contact or deputy of a body in which they are told puts down an answer for them. Nothing was written."
)
ANSWERED = "{name} has answered themselves meanwhile, so nothing was put down: their own answer stands."


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form as it was read."""

    token: str
    read: str
    answers: Mapping[tuple[str, int | None], ActionChoice]
    text: str = ""
    told_by: str = ""
    """Who told them, where that was not whoever puts it down."""
    told_how: str = ""
    told_at: str = ""
    """As it was typed: a day and a time."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the form's hidden value says."""

    number: int
    """The revision that they were told of."""
    form_id: UUID


def read_form(data: Mapping[str, str]) -> Form:
    """A posted form: `form`, `read`, `text`, `a-<key>`, `name` (who told them), `told-how`, `told-at`."""
    said = answer_form.read_form(data)
    return Form(
        token=said.token,
        read=said.read,
        answers=said.answers,
        text=said.text,
        told_by=answer_form.clean_name(said.name),
        told_how=data.get("told-how", ""),
        told_at=data.get("told-at", "").strip(),
    )


def issue_form(recipient: Recipient, by: Person) -> str:
    """A fresh hidden value, for one recipient, whoever puts it down, and the last material revision; it answers once."""
    number = recipient.advisory.material.number if recipient.advisory.material else 0
    return _signer().sign_object([recipient.pk, by.pk, number, uuid4().hex])


def opened(token: str, recipient: Recipient, by: Person) -> Opened:
    """What a hidden value says; raises `NotAnswered` where it is not ours, or was made for somebody else."""
    try:
        whose, who, number, form_id = _signer().unsign_object(token)
        found = Opened(int(number), UUID(form_id))
    except (signing.BadSignature, ValueError, TypeError):
        raise NotAnswered({"form": answer_form.DAMAGED}) from None
    if (whose, who) != (recipient.pk, by.pk):
        raise NotAnswered({"form": "This form was opened for somebody else. Go back to the list, and open theirs."})
    return found


def _signer() -> signing.Signer:
    return signing.Signer(salt="alerts.answering.behalf.form")


def check_may(recipient: Recipient, by: Person) -> None:
    """Raise `Refused` unless this person may put down an answer for that recipient now."""
    _check_of(recipient, by)
    own = bodies_of(by, [Role.CONTACT, Role.DEPUTY]) if by.left_at is None else set()
    if not own or not Seat.objects.filter(recipient=recipient, ended_at=None, relay__body__in=own).exists():
        raise Refused(NOT_THEIRS)


def _check_of(recipient: Recipient, by: Person) -> None:
    if recipient.advisory.current_id is None:
        raise Refused(NOT_PUBLISHED)
    if recipient.person_id == by.pk:
        raise Refused(ONESELF)


def answer(recipient: Recipient, by: Person, form: Form) -> Acknowledgement:
    """Put down what this recipient said; `by` is their contact or deputy.

    Raises `Refused` where they may not, or where the recipient has answered that revision or a later one themselves, and
    `NotAnswered` for what is missing or wrong in the form. Nothing was written then.
    """
    check_may(recipient, by)
    of = opened(form.token, recipient, by)
    asked = answers.question(recipient.pk, of.number)
    if asked is None:
        raise NotAnswered({"form": answer_form.DAMAGED})
    return _put_down(recipient, asked, _checked(form, of, asked, by))


@dataclass(frozen=True, slots=True)
class Heard:
    """What somebody said who was rung from the calling list."""

    number: int
    """The revision that they were told of."""
    form_id: UUID
    """The call's own: it puts down one answer."""
    told_at: datetime
    needs_help: bool = False
    text: str = ""
    """What they need help with."""


def heard(recipient: Recipient, by: Person, said: Heard) -> Acknowledgement:
    """Put down what this recipient said in a call that `by` has in hand; whether they have, `alerts.calling.calling` asked.

    Raises `Refused` where `by` is the recipient, or where the recipient has answered that revision or a later one themselves.
    """
    _check_of(recipient, by)
    asked = answers.question(recipient.pk, said.number)
    if asked is None:
        raise Refused(f"There is no revision {said.number} of it, so nobody can have been told of that.")
    given = Given(
        how=How.BEHALF,
        read=Read.HELP if said.needs_help else Read.YES,
        form_id=said.form_id,
        said=answer_form.checked(Read.YES, _later(asked), asked.actions, ()),
        text=said.text if said.needs_help else "",
        by=by,
        told_how=Told.TELEPHONE,
        told_at=said.told_at,
    )
    return _put_down(recipient, asked, given)


def _put_down(recipient: Recipient, asked: Question, given: Given) -> Acknowledgement:
    with transaction.atomic():
        # Their own answer changes this row: it is in by now and seen below, or waits, and then stands as the last one.
        list(Recipient.objects.select_for_update(no_key=True).filter(pk=recipient.pk).values("pk"))
        before = Acknowledgement.objects.filter(form_id=given.form_id).first()
        if before is not None:
            return before
        if answered_themselves(recipient, asked.number):
            raise Refused(ANSWERED.format(name=recipient.person.name))
        made = answers.keep(asked, given)[0]
        if given.read == Read.HELP:
            doubts.tell_help(asked)
        return made


def answered_themselves(recipient: Recipient, number: int) -> bool:
    """Whether this recipient has answered this revision or a later one, by their link or by reply."""
    # Index: acknowledgement_last.
    own = Acknowledgement.objects.filter(
        recipient=recipient, suspect=[], how__in=THEIR_OWN, revision__number__gte=number
    )
    return own.exclude(read=Read.PHISHING).exists()


def _checked(form: Form, of: Opened, asked: Question, by: Person) -> Given:
    """The answer, fit to be kept; raises `NotAnswered` with every sentence there is to say at once."""
    errors: dict[str, str] = {}
    if form.read not in (Read.YES, Read.HELP):
        errors["read"] = "Choose what they said: that they know what it says, or that they need help."
    if form.told_how not in Told.values:
        errors["told-how"] = "Say how they were told."
    told_at = None
    try:
        told_at = moment_told(form.told_at, asked.revision_id, asked.number)
    except NotAnswered as wrong:
        errors |= wrong.errors
    for text, name, most in (
        (form.text, "text", answer_form.LONGEST_TEXT),
        (form.told_by, "name", answer_form.LONGEST_NAME),
    ):
        try:
            answer_form.check_length(text, name, most)
        except NotAnswered as wrong:
            errors |= wrong.errors
    said = []
    try:
        said = answer_form.checked(Read.YES, _of_actions(form, asked), asked.actions, ())
    except NotAnswered as wrong:
        errors |= wrong.errors
    if errors or told_at is None:
        raise NotAnswered(errors)
    return Given(
        how=How.BEHALF,
        read=Read(form.read),
        form_id=of.form_id,
        said=said,
        text=form.text,
        by=by,
        name=form.told_by,
        told_how=Told(form.told_how),
        told_at=told_at,
    )


def _of_actions(form: Form, asked: Question) -> dict[tuple[str, int | None], ActionChoice]:
    """What was not talked about is answered later, by themselves or by another call."""
    return {key: form.answers.get(key, later) for key, later in _later(asked).items()}


def _later(asked: Question) -> dict[tuple[str, int | None], ActionChoice]:
    later = ActionChoice(ActionAnswer.Choice.LATER)
    return {(one.key, None): later for one in asked.actions if one.of == Action.Of.PERSON}


def moment_told(typed_at: str, revision_id: int, number: int) -> datetime:
    """When they were told of this revision: to the minute, not in the future, and not before there was anything to tell.

    Raises `NotAnswered` for what is no such moment.
    """
    try:
        typed = datetime.fromisoformat(typed_at).replace(second=0, microsecond=0, tzinfo=None)
        # When the clocks go back an hour comes twice: the last time that it came is meant.
        both = [timezone.make_aware(typed.replace(fold=fold)).astimezone(UTC) for fold in (1, 0)]
        told = next((one for one in both if one <= timezone.now()), None)
    except (ValueError, OverflowError):
        raise NotAnswered(
            {"told-at": "Give the day and the time at which they were told, such as 2020-04-28 14:05."}
        ) from None
    if told is None:
        raise NotAnswered({"told-at": "That is in the future. Give the moment at which they were told."})
    published = Revision.objects.values_list("at", flat=True).get(pk=revision_id)
    if told < published.replace(second=0, microsecond=0):
        local = timezone.localtime(published)
        when = f"{date_format(local, 'H:i')} {local.tzname()} on {date_format(local, 'j F Y')}"
        raise NotAnswered(
            {"told-at": f"Revision {number} was published at {when}: nobody can have been told of it before."}
        )
    return told
