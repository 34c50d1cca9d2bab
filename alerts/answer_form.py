"""The form of the reader's page: its hidden value, its fields, and what must be in it. Reads and writes no row.

Its fields: `form` (hidden), `read` (yes or help), `a-<action key>` for a person's action and `b-<action key>-<relay id>`
for a body's, with `<that>-date` (or `-day` and `-month`) where it will be done later, and `<that>-why` where it does not
apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

from django.core import signing
from django.utils import timezone

from alerts.models import Acknowledgement, Action, ActionAnswer

LONGEST_TEXT = 2_000  # characters
LONGEST_DELAY = timedelta(days=366)

_CHOICES = frozenset(ActionAnswer.Choice.values)
_BODY_FIELD = re.compile(r"b-(?P<key>.+)-(?P<relay>[0-9]{1,18})", re.DOTALL)


class NotAnswered(Exception):
    """Nothing was written. `errors`: a field's name, and a sentence that says what to do; "form" is the form itself."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class ActionChoice:
    """What somebody says about one action: `done`, `will`, `by` (with a date), `na` (with a why) or `later`."""

    choice: str
    by_date: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form as it was read: the arguments of `acknowledge.answer`."""

    token: str
    read: str
    answers: Mapping[tuple[str, int | None], ActionChoice]


@dataclass(frozen=True, slots=True)
class Opened:
    """What the form's hidden value says: for whom it was opened, on which revision, and how long ago."""

    number: int
    form_id: UUID
    seconds: float


@dataclass(frozen=True, slots=True)
class Said:
    """One action with what was said about it, checked."""

    action: Action
    relay_id: int | None
    choice: ActionChoice


def field(key: str, relay_id: int | None) -> str:
    """The name of an action's field."""
    return f"a-{key}" if relay_id is None else f"b-{key}-{relay_id}"


def issue(recipient_id: int, number: int) -> str:
    """A fresh hidden value, for one recipient and one revision; it never ages, and answers once."""
    issued = int(timezone.now().timestamp() * 1000)
    return _signer().sign_object([recipient_id, number, uuid4().hex, issued])


def opened(token: str, recipient_id: int) -> Opened:
    """What a hidden value says; raises `NotAnswered` where it is not ours or is somebody else's."""
    try:
        whose, number, form_id, issued = _signer().unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotAnswered({"form": "This form came back damaged. Nothing is lost: send it once more."}) from None
    if whose != recipient_id:
        raise NotAnswered({"form": "This form belongs to another link. Open your own link again, and answer there."})
    return Opened(number, UUID(form_id), timezone.now().timestamp() - issued / 1000)


def _signer() -> signing.Signer:
    return signing.Signer(salt="alerts.acknowledge.form")


def read_form(data: Mapping[str, str]) -> Form:
    """A posted form. What is no choice is left out, so that it is asked for; NULs are taken out of texts."""
    answers: dict[tuple[str, int | None], ActionChoice] = {}
    for name, value in data.items():
        if value not in _CHOICES:
            continue
        if name.startswith("a-"):
            answers[(name[2:], None)] = _choice(data, name, value)
        elif found := _BODY_FIELD.fullmatch(name):
            answers[(found["key"], int(found["relay"]))] = _choice(data, name, value)
    return Form(token=data.get("form", ""), read=data.get("read", ""), answers=answers)


def _choice(data: Mapping[str, str], name: str, value: str) -> ActionChoice:
    return ActionChoice(value, _date(data, name), data.get(f"{name}-why", ""))


def _date(data: Mapping[str, str], name: str) -> date | None:
    """A date as it was typed, or a day and a month: then the next such day. None where it is none."""
    try:
        if typed := data.get(f"{name}-date", "").strip():
            return date.fromisoformat(typed)
        day, month = int(data.get(f"{name}-day", "")), int(data.get(f"{name}-month", ""))
        today = timezone.localdate()
        this_year = date(today.year, month, day)
        return this_year if this_year >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def checked(
    read: str,
    answers: Mapping[tuple[str, int | None], ActionChoice],
    actions: Iterable[Action],
    relays: Iterable[int],
) -> list[Said]:
    """What was said, fit to be kept. Raises `NotAnswered` with every sentence there is to say at once.

    `relays` are those that this person answers for. A person's actions each need a choice; a body's may be left out.
    Choices for actions that the form never asked about are ignored.
    """
    errors = {} if read in Acknowledgement.Read.values else {"read": "Say whether you have read this."}
    said = []
    allowed = set(relays)
    for action in actions:
        for relay_id in _asked(action, answers):
            name = field(action.key, relay_id)
            given = answers.get((action.key, relay_id))
            if given is None:
                errors[name] = "Choose one of the answers; “I will answer this one later” is one."
            elif relay_id is not None and relay_id not in allowed:
                errors[name] = "Only its contact, deputy or head answers this for that body. Leave it to them."
            else:
                try:
                    said.append(Said(action, relay_id, _clean(given, name)))
                except NotAnswered as wrong:
                    errors.update(wrong.errors)
    if errors:
        raise NotAnswered(errors)
    return said


def _asked(action: Action, answers: Mapping[tuple[str, int | None], ActionChoice]) -> list[int | None]:
    if action.of == Action.Of.PERSON:
        return [None]
    return [relay_id for key, relay_id in answers if key == action.key and relay_id is not None]


def _clean(given: ActionChoice, name: str) -> ActionChoice:
    """Only what belongs to the choice is kept: a date typed before the mind was changed is not."""
    if given.choice not in _CHOICES:
        raise NotAnswered({name: "Choose one of the answers."})
    if given.choice == ActionAnswer.Choice.LATER_DATE:
        return replace(given, by_date=_clean_date(given.by_date, f"{name}-date"), text="")
    if given.choice == ActionAnswer.Choice.NOT_US:
        return replace(given, by_date=None, text=_clean_text(given.text, f"{name}-why"))
    return ActionChoice(given.choice)


def _clean_date(day: date | None, name: str) -> date:
    today = timezone.localdate()
    if day is None:
        raise NotAnswered({name: "Give the day on which it will be done, such as 1 and 5 for the first of May."})
    if day < today:
        raise NotAnswered({name: "That day is over. Give a day from today on, or choose “Done”."})
    if day > today + LONGEST_DELAY:
        raise NotAnswered({name: "That is more than a year from now. Give an earlier day."})
    return day


def _clean_text(text: str, name: str) -> str:
    clean = text.replace("\x00", "").strip()
    if not clean:
        raise NotAnswered({name: "Say in a few words why it does not apply."})
    if len(clean) > LONGEST_TEXT:
        raise NotAnswered({name: f"That has {len(clean):,} characters; {LONGEST_TEXT:,} is the most. Shorten it."})
    return clean
