"""What else is open for somebody: their other live advisories, behind the link of one; and the link of one of them, mailed.

A link is good for its own advisory, and lends no more: it leads to others only where their marking is no stricter than its own,
or they ask for a code anyway. Of any other the page says that there is one, and mails its link to the reader's own address. To
whoever has left, from what is over, and where a link was revoked, it hands out none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from alerts import marking, outbox, own_links, own_time, tokens
from alerts.models import Office, Recipient, Relay, Seat, Severity, State
from departments.refusal import Refused

MOST = 50

NOT_OPEN = "That advisory is not open any more, so nothing was mailed. Look at the list once more."
OUT_OF_REACH = (
    "We can't write to the address of this link at present, so nothing was mailed. Ask the contact to see to it."
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One of them, within its marking: from AMBER up no more of its words than its open title."""

    advisory_id: int
    reference: str
    severity: str
    severity_name: str
    marking: str
    exercise: bool
    due: datetime | None
    """By when they are to answer it, in their own time."""
    answered: bool
    title: str
    """Its full title only where this link leads to it and a mail has it; otherwise its open title, "" where it has none."""
    token: str
    """"" where its own mail alone has its link."""
    mail: str
    """The mail of today with its link: "", "waiting", "sent", or "failed" where it never leaves or came back."""


@dataclass(frozen=True, slots=True)
class AlsoOpen:
    """The first of them, those still to be answered first, and how many more there are."""

    shown: tuple[Elsewhere, ...] = ()
    more: int = 0

    @property
    def asked(self) -> tuple[Elsewhere, ...]:
        """Those still to be answered."""
        return tuple(one for one in self.shown if not one.answered)

    @property
    def answered(self) -> tuple[Elsewhere, ...]:
        """Those that they answered."""
        return tuple(one for one in self.shown if one.answered)


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


def also_open(recipient: Recipient) -> AlsoOpen:
    """This person's other live advisories: those still to be answered first, the most severe first, then by when.

    One query, another for their times where there are any, and one more where a link of this one does not lead to some.
    """
    if recipient.person.left_at is not None or recipient.advisory.state != State.LIVE:
        return AlsoOpen()
    others = (
        _others(recipient)
        .annotate(
            is_answered=ExpressionWrapper(_ANSWERED, output_field=BooleanField()),
            title=KeyTextTransform("title", "advisory__current__content"),
            many=Window(Count("pk")),
        )
        .order_by("is_answered", _RANK, "advisory__acknowledge_by", "pk")
    )
    found = list(others[:MOST])
    dues = own_time.own_times(other.pk for other in found)
    found.sort(
        key=lambda other: (other.is_answered, Severity(other.advisory.severity).rank, _due(dues, other), other.pk)
    )
    now = timezone.now()
    by_mail = {other.pk: own_links.key_of(other.pk, now) for other in found if not _leads_to(recipient, other)}
    mails = outbox.became_of(by_mail.values()) if by_mail else {}
    shown = tuple(
        _elsewhere(
            other,
            due=dues.get(other.pk),
            answered=bool(other.is_answered),
            title=str(other.title or ""),
            linked=other.pk not in by_mail,
            mail=mails.get(by_mail.get(other.pk, ""), ""),
        )
        for other in found
    )
    return AlsoOpen(shown, found[0].many - len(found) if found else 0)


@transaction.atomic
def mail_link(recipient: Recipient, advisory_id: int) -> None:
    """Mail this person the link of another advisory that is open for them, once a day at most (`alerts.own_links`).

    Raises `Refused`; then nothing was put into the outbox.
    """
    other = None
    if recipient.person.left_at is None and recipient.advisory.state == State.LIVE:
        other = _others(recipient).filter(advisory=advisory_id).first()
    if other is None:
        raise Refused(NOT_OPEN)
    if not outbox.can_reach(recipient.person):
        raise Refused(OUT_OF_REACH)
    own_links.send(other.pk, other.advisory_id, timezone.now())


def _others(recipient: Recipient) -> QuerySet[Recipient]:
    return (
        Recipient.objects.filter(person=recipient.person_id, advisory__state=State.LIVE)
        .filter(_REACHED, advisory__current__isnull=False)
        .exclude(pk=recipient.pk)
        .select_related("advisory")
    )


def _leads_to(recipient: Recipient, other: Recipient) -> bool:
    """Whether whoever holds the link of the one is shown the link of the other."""
    theirs = other.advisory.marking
    no_stricter = not marking.is_stricter(theirs, than=recipient.advisory.marking)
    # The number of a link is raised to revoke it: the new one is for those alone who can read that mailbox.
    return other.token_issue == 0 and (no_stricter or marking.needs_code(theirs))


def _due(dues: Mapping[int, datetime], other: Recipient) -> datetime:
    """For sorting: what has no time comes last."""
    return dues.get(other.pk, datetime.max.replace(tzinfo=UTC))


def _elsewhere(
    other: Recipient, *, due: datetime | None, answered: bool, title: str, linked: bool, mail: str
) -> Elsewhere:
    advisory = other.advisory
    shown = title if linked and marking.text_in_mail(advisory.marking) else advisory.open_title
    return Elsewhere(
        advisory_id=advisory.pk,
        reference=advisory.reference,
        severity=advisory.severity,
        severity_name=advisory.get_severity_display(),
        marking=advisory.marking,
        exercise=advisory.exercise,
        due=due,
        answered=answered,
        title=shown,
        token=tokens.make(other.pk, other.token_issue) if linked else "",
        mail=mail,
    )
