"""The record: the append-only history. And heartbeats, which are no history at all."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from departments.models import Person
from departments.models.history import this_transaction


class Record(models.Model):
    """One step of one verb; a high-volume step is one entry a batch, with a digest over its parts.

    `digest` is SHA-256 over the entry's canonical JSON. A chain over the entries can be laid beside this table later.
    """

    xid8 = models.BigIntegerField(db_default=this_transaction())
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=60, help_text="The reference of an advisory, or a body's slug.")
    details = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["subject", "id"], name="record_subject")]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Heartbeat(models.Model):
    """When a process was last seen alive."""

    process = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.process
