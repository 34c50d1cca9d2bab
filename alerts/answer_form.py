"""The form of the reader's page: its hidden value, its fields, and what must be in it. Reads and writes no row.

Its fields: `form` (hidden), `read` (yes, help or phishing) and `text` with it, `a-<action key>` for a person's action and
`b-<action key>-<relay id>` for a body's (`b-<action key>-all`: for each of theirs that has no choice of its own), with
`<that>-date` (or `-day` and `-month`) where it will be done later, and `<that>-why` where it does not apply. `name`: who
answers, where several people read the mailbox; with `office` for somebody else, or `delegate`, the id of one who was named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

from django.core import signing
from django.utils import timezone
from django.utils.dates import MONTHS

from alerts import spelling
from alerts.models import Acknowledgement, Action, ActionAnswer

LONGEST_TEXT = 2_000  # characters
LONGEST_NAME = 500
LONGEST_DELAY = timedelta(days=366)
# Whoever looks at a page that lay open for longer looks at it once more before they answer.
FRESH = timedelta(hours=24)
ALL = 0  # stands for a relay: each of theirs

NO_CHOICE = "Choose one of the answers; “I can\N{RIGHT SINGLE QUOTATION MARK}t say yet: ask me again” is one."
DAMAGED = "This form came back damaged. Nothing is lost: send it once more."

_CHOICES = frozenset(ActionAnswer.Choice.values)
_BODY_FIELD = re.compile(r"b-(?P<key>.+)-(?P<relay>[0-9]{1,18}|all)", re.DOTALL)


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
    """A posted form as it was read."""

    token: str
    read: str
    answers: Mapping[tuple[str, int | None], ActionChoice]
    text: str = ""
    name: str = ""
    office: bool = False
    """Whoever presses answers for the recipient."""
    delegate: int = 0
    """The id of the person who answers for the recipient; 0: whoever has the name."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the form's hidden value says: for whom it was opened, on which revision, and how long ago."""

    number: int
    form_id: UUID
    seconds: float
    """Since it was issued."""

    @property
    def is_fresh(self) -> bool:
        """Whether it may still answer without another look at the page."""
        return self.seconds < FRESH.total_seconds()


@dataclass(frozen=True, slots=True)
class Asked:
    """An action of the revision that is answered."""

    id: int
    key: str
    of: str


@dataclass(frozen=True, slots=True)
class Said:
    """One action with what was said about it, checked."""

    action: Asked
    relay_id: int | None
    choice: ActionChoice


def field(key: str, relay_id: int | None) -> str:
    """The name of an action's field."""
    return f"a-{key}" if relay_id is None else f"b-{key}-{relay_id or 'all'}"


def issue(recipient_id: int, number: int) -> str:
    """A fresh hidden value, for one recipient and one revision; it answers once."""
    issued = int(timezone.now().timestamp() * 1000)
    return _signer().sign_object([recipient_id, number, uuid4().hex, issued])


def opened(token: str, recipient_id: int) -> Opened:
    """What a hidden value says; raises `NotAnswered` where it is not ours or is somebody else's."""
    try:
        whose, number, form_id, issued = _signer().unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotAnswered({"form": DAMAGED}) from None
    if whose != recipient_id:
        raise NotAnswered({"form": "This form belongs to another link. Open your own link again, and answer there."})
    return Opened(number, UUID(form_id), timezone.now().timestamp() - issued / 1000)


def _signer() -> signing.Signer:
    return signing.Signer(salt="alerts.answering.acknowledge.form")


def read_form(data: Mapping[str, str]) -> Form:
    """A posted form. What is no choice is left out, so that it is asked for; NULs are taken out of texts."""
    answers: dict[tuple[str, int | None], ActionChoice] = {}
    for name, value in data.items():
        if value not in _CHOICES:
            continue
        if name.startswith("a-"):
            answers[(name[2:], None)] = _choice(data, name, value)
        elif found := _BODY_FIELD.fullmatch(name):
            relay = ALL if found["relay"] == "all" else int(found["relay"])
            answers[(found["key"], relay)] = _choice(data, name, value)
    delegate = data.get("delegate", "")
    return Form(
        token=data.get("form", ""),
        read=data.get("read", ""),
        answers=answers,
        text=spelling.lines(data.get("text", "")),
        name=data.get("name", ""),
        office=bool(data.get("office", "")),
        delegate=int(delegate) if delegate.isascii() and delegate.isdecimal() and len(delegate) < 19 else 0,
    )


def clean_name(typed: str) -> str:
    """A name as it is kept: on one line, without what nobody sees; "" where nothing is left to see."""
    name = spelling.one_line(typed)
    return name if any(not one.isspace() and one not in spelling.JOINERS for one in name) else ""


def _choice(data: Mapping[str, str], name: str, value: str) -> ActionChoice:
    return ActionChoice(value, _date(data, name), data.get(f"{name}-why", ""))


def _date(data: Mapping[str, str], name: str) -> date | None:
    """A date as it was typed, or a day and a month: then the next such day. None where it is none."""
    try:
        if typed := data.get(f"{name}-date", "").strip():
            return date.fromisoformat(typed)
        day, month = int(data.get(f"{name}-day", "")), _month(data.get(f"{name}-month", ""))
    except (ValueError, OverflowError):
        return None
    today = timezone.localdate()
    # The 29th of February is there in one of the two at most.
    days = (_day_of(year, month, day) for year in (today.year, today.year + 1))
    return next((one for one in days if one is not None and one >= today), None)


def _month(typed: str) -> int:
    """Its number, or its name as people cut it: 5, 05, May, may."""
    word = typed.strip().casefold()
    found = [number for number, name in MONTHS.items() if len(word) >= 3 and str(name).casefold().startswith(word)]
    return found[0] if found else int(typed)


def _day_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except (ValueError, OverflowError):
        return None


def checked(
    read: str,
    answers: Mapping[tuple[str, int | None], ActionChoice],
    actions: Iterable[Asked],
    relays: Collection[int],
    settled: Collection[tuple[str, int]] = (),
) -> list[Said]:
    """What was said, fit to be kept. Raises `NotAnswered` with every sentence there is to say at once.

    `relays` are those that this person answers for. Each action needs a choice, a body's for each of these, but for what is
    `settled`: an action's key, and the relay, of which somebody has said something already. Choices for actions that the form
    never asked about are ignored. Whoever doubts that it is genuine is asked nothing else.
    """
    if read == Acknowledgement.Read.PHISHING:
        return []
    errors = {} if read in Acknowledgement.Read.values else {"read": "Say whether you have read this."}
    said = []
    allowed = set(relays)
    for action in actions:
        for relay_id in _asked(action, answers, allowed, settled):
            given, name = answers.get((action.key, relay_id)), field(action.key, relay_id)
            if given is None and relay_id is not None and len(allowed) > 1:
                given, name = answers.get((action.key, ALL)), field(action.key, ALL)
            if given is None:
                errors[name] = NO_CHOICE
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


def _asked(
    action: Asked,
    answers: Mapping[tuple[str, int | None], ActionChoice],
    allowed: Collection[int],
    settled: Collection[tuple[str, int]],
) -> list[int | None]:
    """For whom it is to be answered: by the person (None), or for which relays."""
    if action.of == Action.Of.PERSON:
        return [None]
    of_all = (action.key, ALL) in answers
    asked = [relay_id for relay_id in allowed if of_all or (action.key, relay_id) not in settled]
    chosen = [relay_id for key, relay_id in answers if key == action.key and relay_id]
    return list(dict.fromkeys([*chosen, *asked]))


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
    clean = spelling.lines(text)
    if not clean:
        raise NotAnswered({name: "Say in a few words why it does not apply."})
    check_length(clean, name)
    return clean


def check_length(text: str, name: str, most: int = LONGEST_TEXT) -> None:
    """Raise `NotAnswered` for this field where the text is longer than that."""
    if len(text) > most:
        raise NotAnswered({name: f"That has {len(text):,} characters; {most:,} is the most. Shorten it."})
