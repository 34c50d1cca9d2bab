"""What somebody answered: the receipt of their last answer, the others, and whether they took it for phishing.

Reads only, in a constant number of queries. A machine's answers are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from alerts import outbox
from alerts.last_word import last_first
from alerts.models import Acknowledgement, ActionAnswer, Recipient

MOST = 100  # answers of one person to one advisory; the latest


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answer, as it stands on a receipt."""

    answer: Acknowledgement
    said: tuple[ActionAnswer, ...]
    """What was said of each action, with `action` and the relay's body."""
    mail: str
    """The mail with it to their own address: "", "waiting", "sent", or "failed" where it never leaves or came back."""

    @property
    def given_by(self) -> str:
        """Who gave it, where that was not simply the recipient; "" otherwise."""
        return given_by(self.answer)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that somebody said to one advisory."""

    last: Acknowledgement | None
    """The last answer that counts (`alerts.last_word`)."""
    others: tuple[Acknowledgement, ...]
    """Those that are not, or no longer, what they answer: the latest first."""
    doubt: Acknowledgement | None
    """The last time that they said it looks like phishing."""

    @property
    def counting(self) -> tuple[Acknowledgement, ...]:
        """All but doubts, the one that stands first."""
        return (self.last, *self.others) if self.last else ()


def given_by(answer: Acknowledgement) -> str:
    """The name of whoever gave it for the recipient, or of one of several who read the mailbox; "" for the recipient."""
    return answer.by.name if answer.by else answer.name_given


def answers_of(recipient: Recipient) -> Answers:
    """What this recipient answered, whoever gave it for them. One query (two for whoever does little else)."""
    heard = last_first(recipient.acknowledgements.filter(suspect=[])).select_related("by")
    heard = heard.defer("revision__content", "revision__preview")
    found = list(heard[:MOST])
    counting = [answer for answer in found if answer.counts]
    if not counting and len(found) == MOST:
        counting = list(heard.exclude(read=Acknowledgement.Read.PHISHING)[:1])
    others = sorted(counting[1:], key=_number, reverse=True)
    doubts = [answer for answer in found if not answer.counts]
    return Answers(counting[0] if counting else None, tuple(others), max(doubts, key=_number, default=None))


def _number(answer: Acknowledgement) -> int:
    return answer.pk


def receipt_of(answer: Acknowledgement) -> Receipt:
    """The receipt of an answer that `answers_of` found. Two queries."""
    said = answer.answers.select_related("action", "relay__body").order_by("action__order", "relay__body__name", "pk")
    key = receipt_key(answer)
    return Receipt(answer, tuple(said), outbox.became_of([key]).get(key, ""))


def receipt_key(answer: Acknowledgement) -> str:
    """The key of the mail with its receipt."""
    return f"receipt:{answer.pk}"


def machine_since(recipient: Recipient, counting: Sequence[Acknowledgement]) -> bool:
    """Whether the very last answer looks like a machine's. One query."""
    machines = recipient.acknowledgements.exclude(suspect=[]).exclude(read=Acknowledgement.Read.PHISHING)
    last = machines.order_by("-pk").values_list("pk", flat=True).first()
    return last is not None and last > max(map(_number, counting), default=0)


def is_unused(form_id: UUID) -> bool:
    """Whether no answer came with this form yet. One query."""
    return not Acknowledgement.objects.filter(form_id=form_id).exists()
