"""Trouble: something that is not as it should be, from when it was first seen until it was not there any more."""

from django.db import models
from django.db.models import Q


class Trouble(models.Model):
    """Written by the auditor only (`alerts.watching.watch`). `kind` is the check that found it, `subject` what it is about."""

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=120, blank=True)
    says = models.TextField(help_text="In a sentence, with what to do.")
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    said_at = models.DateTimeField(null=True, help_text="When ALARM_URL was last told.")
    over_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["began_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(over_at=None), name="trouble_open_once"),
        ]
        indexes = [models.Index(fields=["-over_at"], name="trouble_over")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()
