"""A recipient: a person that an advisory must reach. A seat: a membership through which they are counted."""

from django.db import models
from django.db.models import Q

from alerts.models.advisory import Advisory
from alerts.models.figures import (
    COUNT_CHANGED_RECIPIENTS,
    COUNT_CHANGED_SEATS,
    COUNT_NEW_RECIPIENTS,
    COUNT_NEW_SEATS,
    count_changes,
)
from alerts.models.relay import Relay
from departments.models import Person


class Recipient(models.Model):
    """One row and one mail a person, however many bodies they sit in.

    All revision columns are revision numbers, 0 where there is none yet. Figures are a function of this row, its seats
    and the advisory's current and material revision (see `alerts.models.figures`); triggers append what changed.
    """

    class Outcome(models.TextChoices):
        NONE = "", "no word"
        DEFERRED = "deferred", "deferred: the route still tries"
        DELIVERED = "delivered", "delivered"
        COMPLAINED = "complained", "delivered, and reported as spam"
        UNREACHABLE = "unreachable", "unreachable: the address was refused"
        BOUNCED = "bounced", "unreachable: the mail came back"
        SUPPRESSED = "suppressed", "unreachable: the provider sends nothing there"

    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="recipients", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="received")
    targeted = models.BooleanField(help_text="Has a current target seat; counted once in the whole.")
    told_revision = models.PositiveSmallIntegerField(default=0, db_default=0)
    outcome = models.CharField(max_length=11, choices=Outcome, default="", db_default="", blank=True)
    why = models.TextField(blank=True, default="", db_default="", help_text="Why they are unreachable.")
    answered_revision = models.PositiveSmallIntegerField(default=0, db_default=0)
    acted_revision = models.PositiveSmallIntegerField(default=0, db_default=0)
    behalf_revision = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Where their last answer was put down for them: the revision that it is to."
    )
    office_revision = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="The last revision that their office answered."
    )
    suspect_revision = models.PositiveSmallIntegerField(default=0, db_default=0)
    needs_help = models.BooleanField(default=False, db_default=False)
    token_issue = models.PositiveSmallIntegerField(default=0, db_default=0)
    clock = models.ForeignKey(
        "alerts.Clock",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Of whoever was told when their body's time was half over: one of their own.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "person"], name="recipient_once")]
        indexes = [
            models.Index(fields=["advisory", "told_revision"], name="recipient_told"),
            models.Index(
                fields=["advisory", "outcome"], condition=~Q(outcome__in=("", "delivered")), name="recipient_trouble"
            ),
            models.Index(fields=["clock", "id"], condition=Q(clock__isnull=False), name="recipient_clock"),
        ]
        triggers = count_changes(COUNT_NEW_RECIPIENTS, COUNT_CHANGED_RECIPIENTS)

    def __str__(self) -> str:
        return f"{self.person_id} of {self.advisory_id}"


class Seat(models.Model):
    """The recipient at one relay. Only current target seats count (`counts` and no `ended_at`)."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="seats", db_index=False)
    relay = models.ForeignKey(Relay, on_delete=models.PROTECT, related_name="seats", db_index=False)
    counts = models.BooleanField(help_text="A target seat; otherwise for information.")
    contact = models.BooleanField(help_text="Told at once where the relay is held.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipient", "relay"], name="seat_once")]
        indexes = [
            models.Index(
                fields=["relay"],
                include=["recipient", "counts"],
                condition=Q(ended_at=None),
                name="seat_current",
            ),
            models.Index(fields=["relay", "ended_at"], name="seat_relay"),
        ]
        triggers = count_changes(COUNT_NEW_SEATS, COUNT_CHANGED_SEATS)

    def __str__(self) -> str:
        return f"{self.recipient_id} at {self.relay_id}"
