"""What somebody answered: the receipt of their last answer, the ones before it, and whether they took it for phishing.

Reads only, in a constant number of queries. A machine's answers are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from alerts.models import Acknowledgement, ActionAnswer, Message, Recipient

MOST = 100  # answers of one person to one advisory; the latest


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answer, as it stands on a receipt."""

    answer: Acknowledgement
    said: tuple[ActionAnswer, ...]
    """What was said of each action, with `action` and the relay's body."""
    mailed: bool
    """It was put into the outbox for their own address."""

    @property
    def given_by(self) -> str:
        """Who gave it, where that was not simply the recipient; "" otherwise."""
        return given_by(self.answer)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that somebody said to one advisory, the latest first."""

    counting: tuple[Acknowledgement, ...]
    doubt: Acknowledgement | None
    """The last time that they said it looks like phishing."""

    @property
    def last(self) -> Acknowledgement | None:
        """The last answer that counts."""
        return self.counting[0] if self.counting else None


def given_by(answer: Acknowledgement) -> str:
    """The name of whoever gave it for the recipient, or of one of several who read the mailbox; "" for the recipient."""
    return answer.by.name if answer.by else answer.name_given


def answers_of(recipient: Recipient) -> Answers:
    """What this recipient answered, whoever gave it for them. One query (two for whoever does little else)."""
    heard = recipient.acknowledgements.filter(suspect=[]).select_related("revision", "by").order_by("-pk")
    heard = heard.defer("revision__content", "revision__preview")
    found = list(heard[:MOST])
    counting = [answer for answer in found if answer.counts]
    if not counting and len(found) == MOST:
        counting = list(heard.exclude(read=Acknowledgement.Read.PHISHING)[:1])
    doubt = next((answer for answer in found if answer.read == Acknowledgement.Read.PHISHING), None)
    return Answers(tuple(counting), doubt)


def receipt_of(answer: Acknowledgement) -> Receipt:
    """The receipt of an answer that `answers_of` found. Two queries."""
    said = answer.answers.select_related("action", "relay__body").order_by("action__order", "relay__body__name", "pk")
    return Receipt(answer, tuple(said), _mailed(answer))


def machine_since(recipient: Recipient, counting: Sequence[Acknowledgement]) -> bool:
    """Whether the very last answer looks like a machine's. One query."""
    last = recipient.acknowledgements.exclude(suspect=[]).order_by("-pk").values_list("pk", flat=True).first()
    return last is not None and (not counting or last > counting[0].pk)


def is_unused(form_id: UUID) -> bool:
    """Whether no answer came with this form yet. One query."""
    return not Acknowledgement.objects.filter(form_id=form_id).exists()


def _mailed(answer: Acknowledgement) -> bool:
    return Message.objects.filter(key=f"receipt:{answer.pk}").exists()
