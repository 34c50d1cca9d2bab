"""Acknowledge: the reader's page, and taking their answer.

Before: a recipient with a link. After: one more acknowledgement, never changed, and the recipient's row says what their
last answer that counts was. The same form sent twice gives the first answer again and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from alerts.models import Acknowledgement, Action, Advisory, Recipient, Revision


class NotAnswered(Exception):  # noqa: N818  # a name from the journey
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
class Question:
    """One action as this person is asked about it. The follow-ups are named `<field>-date` and `<field>-why`."""

    action: Action
    field: str
    """The form's field: `a-<key>` for a person's action, `b-<key>-<relay id>` for a body's."""
    relay_id: int | None
    body: str
    """The body's name for a body's action, "" for a person's."""
    previous: ActionChoice | None
    """What they (for a body's action: anybody for that body) last said about it."""


@dataclass(frozen=True, slots=True)
class BodyAction:
    """An action asked once of each body: what this person answers, and for which of their bodies somebody else does."""

    action: Action
    questions: tuple[Question, ...]
    others: tuple[str, ...]
    """Names of this person's bodies for which their contact, deputy or head answers."""


@dataclass(frozen=True, slots=True)
class ReaderPage:
    """Everything that the reader's page shows, read in a constant number of queries."""

    advisory: Advisory
    revision: Revision
    content: Mapping[str, Any]
    marking: str
    recipient: Recipient
    name: str
    bodies: tuple[str, ...]
    """Names of the bodies through which this person is told."""
    person_actions: tuple[Question, ...]
    body_actions: tuple[BodyAction, ...]
    questions: int
    """How many questions the page asks, "have you read this" among them."""
    previous: Acknowledgement | None
    """Their last answer of all, if any."""
    ask_again: bool
    """Their last answer looks like a machine's: say so, and ask once more."""
    answered: bool
    """Whether they have answered the last material revision."""
    answered_at: datetime | None
    """When they last answered in a way that counts; None where they never did."""
    mailed_revision: int
    """The revision that they were last mailed; 0 where none was."""
    contact_name: str
    contact_telephone: str
    form_token: str
    """The value of the hidden field `form`."""


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form as it was read: the arguments of `answer`."""

    token: str
    read: str
    answers: Mapping[tuple[str, int | None], ActionChoice]
