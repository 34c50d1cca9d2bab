"""A referral: what a reader says about who should have the warning. The body's contact decides; nothing changes before."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.recipient import Recipient
from departments.models import Body, Person


class Referral(models.Model):
    """Said once by whoever holds a recipient's link, decided once by somebody who answers for the body."""

    class Kind(models.TextChoices):
        NOT_ME = "not-me", "is not the one it was sent to"
        LEFT = "left", "says that they have left"
        ALSO = "also", "says who else should see it"

    class Decision(models.TextChoices):
        OPEN = "", "not decided yet"
        DONE = "done", "done"
        DECLINED = "declined", "declined"

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="referrals", db_index=False)
    body = models.ForeignKey(
        Body,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose contact decides; none: an administrator.",
    )
    kind = models.CharField(max_length=6, choices=Kind)
    name = models.CharField(max_length=500, blank=True, default="", help_text="Of whom it speaks, as it was typed.")
    email = models.CharField(max_length=320, blank=True, default="", help_text="Canonical, of whom it speaks.")
    text = models.TextField(blank=True, default="")
    form_id = models.UUIDField(unique=True, help_text="The form's own value: a double press writes once.")
    at = models.DateTimeField(db_default=Now())
    decision = models.CharField(max_length=8, choices=Decision, blank=True, default="", db_default="")
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="", db_default="", help_text="Why it was declined.")

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "-id"], name="referral_of"),
            models.Index(fields=["body", "id"], condition=Q(decision=""), name="referral_open"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None)
                | ~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False),
                name="referral_decided_by_name",
            ),
        ]
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} of {self.recipient_id}"
