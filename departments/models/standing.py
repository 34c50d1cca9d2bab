"""How ready each body and its branch are: kept figures, derived from the directory and rebuilt from it at any time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from departments.models.body import Body


class Standing(models.Model):
    """Whether a body can be warned today, and how much of its branch. Written by `departments.readiness` alone."""

    class State(models.TextChoices):
        DARK = "dark", "nobody to tell"
        WEAK = "weak", "can be warned, but not surely"
        READY = "ready", "ready"
        CLOSED = "closed", "closed"

    body = models.OneToOneField(Body, primary_key=True, on_delete=models.CASCADE, related_name="standing")
    state = models.CharField(max_length=6, choices=State)
    lacks = ArrayField(
        models.CharField(max_length=20), help_text="What is missing, as `departments.lacks.Lack` says it."
    )
    people = models.PositiveIntegerField(help_text="Who sits here and has not left.")
    told = models.PositiveIntegerField(help_text="Those of them who can be told.")
    expires_at = models.DateTimeField(null=True, help_text="When the next confirmation of a contact runs out.")
    parent_id = models.BigIntegerField(null=True, help_text="Where it hung when the branches were last summed.")
    branch_bodies = models.PositiveIntegerField(default=0, db_default=0, help_text="Open bodies, itself among them.")
    branch_dark = models.PositiveIntegerField(default=0, db_default=0)
    branch_weak = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(fields=["state"], condition=Q(state__in=["dark", "weak"]), name="standing_wanting"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="standing_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.body_id}: {self.state}"


class StandingMark(models.Model):
    """One row: how far `Standing` has looked at changes (a transaction id, as in `Change.xid8`)."""

    seen = models.BigIntegerField()

    def __str__(self) -> str:
        return f"seen up to {self.seen}"
