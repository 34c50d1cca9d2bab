"""Subjects: a body's remit, and (in alerts) what an advisory is about."""

from django.db import models

from departments.models.body import Body
from departments.models.history import note_change


class Topic(models.Model):
    """A subject by its slug, such as `foreign-affairs`."""

    slug = models.SlugField(max_length=100, unique=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Remit(models.Model):
    """A subject that a body is responsible for."""

    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="remit")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="remit")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["body", "topic"], name="remit_once")]
        triggers = note_change("body_id")

    def __str__(self) -> str:
        return f"{self.body_id}: {self.topic_id}"
