"""A letter: what everybody's mail of one kind says alike, as it was when the first of them left."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from alerts.models.revision import IMMUTABLE


class Letter(models.Model):
    """A mail's skeleton, kept: with a message's personal parts it is the very mail, whatever became since of the advisory, of
    the directory, of the settings and of the words that a later release would use. A message names it (`personal["letter"]`).

    `content` is as `alerts.letters.letters.Skeleton.kept` makes it; `digest` is SHA-256 of its canonical JSON, so that each is
    there once.
    """

    digest = models.CharField(max_length=64, unique=True)
    content = models.JSONField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [pgtrigger.Protect(name="immutable", operation=IMMUTABLE)]

    def __str__(self) -> str:
        return f"letter {self.pk}"
