"""A relay: one body's turn in the cascade. The relays of an advisory are the tree as it was when the warning passed.

A note: what a body's contact adds there, under the original.
"""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from departments.models import Body, Person


class Relay(models.Model):
    """`path` holds the ids from the root down to this relay itself, so that figures roll up without recursion."""

    class Purpose(models.TextChoices):
        TARGET = "target", "targeted"
        NAMED = "named", "only named people of it are targeted"
        BETWEEN = "between", "between, for information"
        LEFT = "left", "left the audience before it was reached"

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
    clock = models.ForeignKey(
        "alerts.Clock",
        null=True,
        on_delete=models.PROTECT,
        related_name="relays",
        db_index=False,
        help_text="By when its people are to answer; none before it is released.",
    )
    stale = models.BooleanField(default=True, help_text="Its recipients and seats are to be compared anew.")
    compared_upto = models.BigIntegerField(
        null=True, help_text="Of a body of very many people, while it is stale: those up to this person are compared."
    )
    to_tell = models.BooleanField(
        default=False, db_default=False, help_text="Somebody at it may be due a mail: to be looked at."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "body"], name="relay_once")]
        indexes = [
            models.Index(fields=["held_until"], condition=Q(state="held"), name="relay_held"),
            models.Index(fields=["advisory"], condition=Q(stale=True), name="relay_stale"),
            models.Index(fields=["advisory"], condition=Q(to_tell=True), name="relay_to_tell"),
            models.Index(fields=["advisory"], condition=Q(state="planned"), name="relay_planned"),
            models.Index(fields=["clock", "id"], condition=Q(clock__isnull=False), name="relay_clock"),
            models.Index(
                fields=["advisory"],
                condition=Q(clock=None, state="released", purpose__in=("target", "named")),
                name="relay_without_clock",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.advisory_id} at {self.body_id}"


class Note(models.Model):
    """What a body's contact adds under the original, for everybody at this relay and below it.

    Never changed; the last one of a relay stands, and an empty one takes back what stood. Mailed to those who were told
    before it only if somebody asked for that.
    """

    relay = models.ForeignKey(Relay, on_delete=models.PROTECT, related_name="notes", db_index=False)
    text = models.TextField(blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    mail_asked_at = models.DateTimeField(null=True, help_text="Also to be mailed to those who were told before it.")
    mailed_at = models.DateTimeField(null=True, help_text="When these mails were all in the outbox.")

    class Meta:
        indexes = [
            models.Index(fields=["relay", "-id"], name="note_last"),
            models.Index(
                fields=["id"], condition=Q(mail_asked_at__isnull=False, mailed_at=None), name="note_to_be_mailed"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="said_once",
                operation=pgtrigger.Delete | pgtrigger.UpdateOf("relay_id", "text", "by_id", "at"),
            ),
        ]

    def __str__(self) -> str:
        return f"note {self.pk} at {self.relay_id}"
