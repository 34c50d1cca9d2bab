"""What earlier answers said of each action. Reads only, one query, however many answers and bodies there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Min

from alerts.models import Acknowledgement, ActionAnswer


@dataclass(frozen=True, slots=True)
class Said:
    """The same choice about one action, for one body or several."""

    action: str
    bodies: int
    """0: of the person themselves."""
    body: str
    """The name of one of them."""
    choice: str
    by_date: date | None
    text: str


@dataclass(frozen=True, slots=True)
class Before:
    """An earlier answer, with what it said of each action."""

    answer: Acknowledgement
    said: tuple[Said, ...]


def said_before(answers: Sequence[Acknowledgement]) -> tuple[Before, ...]:
    """These answers, in their order."""
    if not answers:
        return ()
    rows = (
        ActionAnswer.objects.filter(acknowledgement__in=answers)
        .values("acknowledgement_id", "action_id", "choice", "by_date", "text")
        .annotate(bodies=Count("relay"), body=Min("relay__body__name"))
        .order_by("action__order", "body", "choice")
        .values_list("acknowledgement_id", "action__text", "bodies", "body", "choice", "by_date", "text")
    )
    said = defaultdict(list)
    for answer_id, action, bodies, body, choice, by_date, text in rows:
        said[answer_id].append(Said(action, bodies, body or "", choice, by_date, text))
    return tuple(Before(answer, tuple(said[answer.pk])) for answer in answers)
