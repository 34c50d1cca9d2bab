"""A one-time code: asked for by whoever holds a link to a page that is locked, mailed to the recipient's own address."""

import uuid

from django.db import models
from django.db.models import F, Q

from alerts.models.recipient import Recipient

# How often a code may be typed wrong; the right one may be the last.
MOST_TRIES = 5


class Code(models.Model):
    """One code that was asked for; its message has the key `code:<id>`. The digits are kept nowhere (`alerts.codes`)."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="+", db_index=False)
    issue = models.UUIDField(default=uuid.uuid4, help_text="Random: without it and the secret key there are no digits.")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    used_at = models.DateTimeField(null=True)
    form = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Digest of the form with which it was used."
    )

    class Meta:
        indexes = [models.Index(fields=["recipient", "-asked_at"], name="code_latest")]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("asked_at")), name="code_expires_after_it_was_asked"),
            models.CheckConstraint(condition=Q(tries__lte=MOST_TRIES), name="code_tried_a_few_times"),
        ]

    def __str__(self) -> str:
        return f"code {self.pk} of {self.recipient_id}"
