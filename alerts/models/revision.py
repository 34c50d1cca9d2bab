"""One published text of an advisory: immutable, numbered, hashed."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from departments.models import Person

IMMUTABLE = pgtrigger.Update | pgtrigger.Delete


class Revision(models.Model):
    """What was said. `content` has the keys of `alerts.publishing.draft.Content`; `hash` is SHA-256 of its canonical JSON."""

    class Kind(models.TextChoices):
        MATERIAL = "material", "material: everybody is asked again"
        MINOR = "minor", "minor: everybody is informed"
        STAND_DOWN = "stand-down", "stood down"

    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    content = models.JSONField()
    hash = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    alone_reason = models.TextField(blank=True)
    preview = models.JSONField(default=dict, help_text="The reach as it was signed.")

    class Meta:
        ordering = ["advisory", "number"]
        constraints = [
            models.UniqueConstraint(fields=["advisory", "number"], name="revision_number"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("by")), name="approved_by_somebody_else"
            ),
            models.CheckConstraint(
                condition=~Q(approved_by=None) | ~Q(alone_reason=""), name="published_by_two_or_with_a_reason"
            ),
        ]
        triggers = [pgtrigger.Protect(name="immutable", operation=IMMUTABLE)]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.advisory_id}"


class Action(models.Model):
    """Something that an advisory asks for by a time. Its `key` survives revisions."""

    class Of(models.TextChoices):
        PERSON = "person", "each person"
        BODY = "body", "each body, once"

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="actions")
    key = models.CharField(max_length=40)
    order = models.PositiveSmallIntegerField()
    text = models.TextField()
    due = models.DateTimeField()
    of = models.CharField(max_length=6, choices=Of, default=Of.PERSON)

    class Meta:
        ordering = ["revision", "order"]
        constraints = [models.UniqueConstraint(fields=["revision", "key"], name="action_key")]
        triggers = [pgtrigger.Protect(name="immutable", operation=IMMUTABLE)]

    def __str__(self) -> str:
        return self.text
