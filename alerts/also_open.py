"""What else is open for somebody: their other live advisories, each with a link of its own. Reads only, one query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import BooleanField, Case, Exists, ExpressionWrapper, F, OuterRef, Q, Value, When
from django.db.models.fields.json import KeyTextTransform

from alerts import marking, tokens
from alerts.models import Office, Recipient, Relay, Seat, Severity, State

MOST = 50


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One of them, within its marking: from AMBER up no more of its words than its open title."""

    reference: str
    severity: str
    severity_name: str
    marking: str
    exercise: bool
    title: str
    due: datetime | None
    answered: bool
    token: str


# The last material revision was answered by them, or by their office where that counts.
_ANSWERED = Q(answered_revision__gte=F("advisory__material__number")) | Q(
    advisory__office=Office.COUNTS, office_revision__gte=F("advisory__material__number")
)
# What a body holds, or what was stopped, is nobody's to read before it reached them.
_HERE = Seat.objects.filter(recipient=OuterRef("pk"), ended_at=None).filter(
    Q(relay__state=Relay.State.RELEASED) | Q(relay__state=Relay.State.HELD, contact=True)
)
_REACHED = Q(told_revision__gt=0) | Q(answered_revision__gt=0) | (Q(advisory__stopped_at=None) & Exists(_HERE))
_RANK = Case(*(When(advisory__severity=severity, then=Value(severity.rank)) for severity in Severity), default=Value(9))


def also_open(recipient: Recipient) -> list[Elsewhere]:
    """This person's other live advisories: those still to be answered first, the most severe first, then by when."""
    others = (
        Recipient.objects.filter(person=recipient.person_id, advisory__state=State.LIVE)
        .filter(_REACHED, advisory__current__isnull=False)
        .exclude(pk=recipient.pk)
        .annotate(
            is_answered=ExpressionWrapper(_ANSWERED, output_field=BooleanField()),
            title=KeyTextTransform("title", "advisory__current__content"),
        )
        .select_related("advisory")
        .order_by("is_answered", _RANK, "advisory__acknowledge_by", "pk")
    )
    return [_elsewhere(one, bool(one.is_answered), str(one.title or "")) for one in others[:MOST]]


def _elsewhere(other: Recipient, answered: bool, title: str) -> Elsewhere:
    advisory = other.advisory
    return Elsewhere(
        reference=advisory.reference,
        severity=advisory.severity,
        severity_name=advisory.get_severity_display(),
        marking=advisory.marking,
        exercise=advisory.exercise,
        title=title if marking.text_in_mail(advisory.marking) else advisory.open_title,
        due=advisory.acknowledge_by,
        answered=answered,
        token=tokens.make(other.pk, other.token_issue),
    )
