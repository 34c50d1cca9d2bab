"""What happened to the directory: the history that people read, and the changes that a cascade looks at."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import BigIntegerField, Func, TextField
from django.db.models.functions import Cast, Now


def this_transaction() -> Cast:
    """The id of the transaction that writes (`pg_current_xact_id`), as a number that only ever grows."""
    return Cast(Cast(Func(function="pg_current_xact_id"), TextField()), BigIntegerField())


class Change(models.Model):
    """A body whose people or place changed, by transaction. Written by triggers only; an advisory's `seen` reads it."""

    xid8 = models.BigIntegerField(db_default=this_transaction(), db_index=True)
    body_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.body_id} in {self.xid8}"


class BodyEvent(models.Model):
    """A step in a body's life: moved, renamed, closed, merged. Append-only."""

    body = models.ForeignKey("departments.Body", on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=40)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at", "-id"]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.body_id}"


class PersonEvent(models.Model):
    """A step in what the directory knows of a person: added, corrected, left, seated, verified. Append-only."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="events")
    body = models.ForeignKey("departments.Body", null=True, on_delete=models.PROTECT, related_name="person_events")
    what = models.CharField(max_length=40)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at", "-id"]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.person_id}"


def note_change(body_column: str) -> list[pgtrigger.Trigger]:
    """Statement-level triggers that note which bodies a statement touched: one pass, however many rows."""

    def trigger(name: str, operation: pgtrigger.Operation, *tables: str) -> pgtrigger.Trigger:
        touched = " UNION ".join(f"SELECT {body_column} AS body_id FROM {table}" for table in tables)
        return pgtrigger.Trigger(
            name=name,
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(
                old="old_rows" if "old_rows" in tables else None,
                new="new_rows" if "new_rows" in tables else None,
            ),
            func=f"INSERT INTO departments_change (body_id) {touched}; RETURN NULL;",
        )

    return [
        trigger("note_insert", pgtrigger.Insert, "new_rows"),
        trigger("note_update", pgtrigger.Update, "old_rows", "new_rows"),
        trigger("note_delete", pgtrigger.Delete, "old_rows"),
    ]
