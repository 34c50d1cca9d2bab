"""A reply: what the issuer says to a reader who asked for help, or took a warning for phishing. Never changed."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.acknowledgement import Acknowledgement
from alerts.models.recipient import Recipient
from departments.models import Person


class Reply(models.Model):
    """One entry of a thread; the reader's own are their acknowledgements. `settles`: nothing more is to be done."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="replies", db_index=False)
    to = models.ForeignKey(
        Acknowledgement,
        on_delete=models.PROTECT,
        related_name="replies",
        db_index=False,
        help_text="What its writer had before them.",
    )
    text = models.TextField(blank=True)
    settles = models.BooleanField(default=False)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(settles=True) | ~Q(text=""), name="reply_says_something_or_settles")
        ]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="reply_of_recipient"),
            models.Index(fields=["to"], name="reply_to"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"to {self.recipient_id}, {self.at:%Y-%m-%d}"
