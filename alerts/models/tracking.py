"""What was said of a mail after it left: by a provider's webhook, or by a mail server in a bounce.

Stored first and matched afterwards: an event may come before our own commit, twice, or out of order.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.message import Message
from departments.models import Person


class TrackingEvent(models.Model):
    """One event, once. Which mail it is about is known by `token` (ours, where it comes back) or by `provider_id`.

    What was said is kept without the event's other parts: no body, no link.
    """

    class Type(models.TextChoices):
        DELIVERED = "delivered", "delivered"
        DEFERRED = "deferred", "deferred"
        BOUNCED = "bounced", "bounced"
        SUPPRESSED = "suppressed", "suppressed by the provider"
        FAILED = "failed", "not sent by the provider, which blames no address"
        COMPLAINED = "complained", "reported as spam"
        AUTORESPONDED = "autoresponded", "answered by a machine"

    provider = models.CharField(max_length=40)
    event_id = models.CharField(max_length=250)
    provider_id = models.CharField(max_length=250, blank=True)
    token = models.CharField(max_length=60, blank=True)
    address = models.CharField(max_length=320, blank=True)
    type = models.CharField(max_length=13, choices=Type)
    at = models.DateTimeField(help_text="When it happened, as the provider says.")
    said = models.TextField(blank=True)
    received_at = models.DateTimeField(db_default=Now())
    message = models.ForeignKey(Message, null=True, on_delete=models.PROTECT, related_name="events")
    matched_at = models.DateTimeField(null=True, help_text="When it was counted, or given up as nobody's of ours.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="event_once")]
        indexes = [
            models.Index(fields=["received_at"], condition=Q(matched_at=None), name="event_unmatched"),
        ]

    def __str__(self) -> str:
        return f"{self.type} by {self.provider}"


class Canary(models.Model):
    """A seed address that belongs to the operator, one a mail domain: it is in every cascade, and in nobody's figures."""

    person = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="+")
    domain = models.CharField(max_length=253, unique=True)
    heard_at = models.DateTimeField(null=True, help_text="When a mail to it was last reported delivered.")

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.domain
