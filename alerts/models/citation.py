"""Figures that were kept, so that they can be cited: exactly those of one moment, behind a short code."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from departments.models import Body, Person


class Citation(models.Model):
    """A coverage page as it stood: its paragraph, its figures and its picture. Immutable."""

    code = models.CharField(max_length=12, unique=True, help_text="What a letter or an answer to Parliament quotes.")
    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="citations")
    body = models.ForeignKey(
        Body, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="Of this branch alone."
    )
    bodies = models.JSONField(
        null=True, help_text="The ids of the bodies that it says anything of; nothing: everything."
    )
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(help_text="The moment of the figures.")
    kept_at = models.DateTimeField(db_default=Now())
    content = models.JSONField(help_text="What the page said, figures and words.")
    svg = models.TextField(blank=True, default="", db_default="")
    png = models.BinaryField(default=b"", db_default=b"")

    class Meta:
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.code
