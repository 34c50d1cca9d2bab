"""A relay: one body's turn in the cascade. The relays of an advisory are the tree as it was when the warning passed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from alerts.models.advisory import Advisory
from departments.models import Body, Person


class Relay(models.Model):
    """`path` holds the ids from the root down to this relay itself, so that figures roll up without recursion."""

    class Purpose(models.TextChoices):
        TARGET = "target", "targeted"
        NAMED = "named", "only named people of it are targeted"
        BETWEEN = "between", "between, for information"

    class State(models.TextChoices):
        PLANNED = "planned", "not yet reached"
        HELD = "held", "held by its contacts"
        RELEASED = "released", "released"

    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="relays", db_index=False)
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="relays")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    reached_via = models.ForeignKey(Body, null=True, on_delete=models.PROTECT, related_name="+")
    path = ArrayField(models.BigIntegerField(), default=list)
    purpose = models.CharField(max_length=7, choices=Purpose)
    state = models.CharField(max_length=8, choices=State, default=State.PLANNED)
    reached_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", help_text="Empty: the clock."
    )
    note = models.TextField(blank=True)
    stale = models.BooleanField(default=True, help_text="Its recipients and seats are to be compared anew.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "body"], name="relay_once")]
        indexes = [
            models.Index(fields=["held_until"], condition=Q(state="held"), name="relay_held"),
            models.Index(fields=["advisory"], condition=Q(stale=True), name="relay_stale"),
            models.Index(fields=["advisory"], condition=Q(state="planned"), name="relay_planned"),
        ]

    def __str__(self) -> str:
        return f"{self.advisory_id} at {self.body_id}"
