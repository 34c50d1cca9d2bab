"""A call: somebody has a body of the calling list in hand, or had, and what came of it."""

from django.db import models
from django.db.models import Q

from alerts.models.relay import Relay
from departments.models import Person


class Call(models.Model):
    """One caller's turn at one body. Open while `ended_at` is empty; after `until` somebody else may take it."""

    class Result(models.TextChoices):
        NONE = "", "in hand"
        TOLD = "told", "told by telephone"
        NO_ANSWER = "no-answer", "nobody answered"
        WRONG = "wrong", "the number is wrong"
        AGAIN = "again", "to be rung again"
        LET_GO = "let-go", "not rung"

    relay = models.ForeignKey(Relay, on_delete=models.PROTECT, related_name="calls", db_index=False)
    caller = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    taken_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=9, choices=Result, blank=True, default="", db_default="")
    note = models.TextField(blank=True, default="", db_default="")
    person = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="Who was rung."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["relay"], condition=Q(ended_at=None), name="call_one_at_a_time"),
            models.CheckConstraint(
                condition=Q(ended_at=None, result="") | Q(ended_at__isnull=False), name="call_ends_with_a_result"
            ),
        ]
        indexes = [models.Index(fields=["relay", "-id"], name="call_of_relay")]

    def __str__(self) -> str:
        return f"{self.relay_id} by {self.caller_id}"
