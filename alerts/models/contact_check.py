"""Asking a contact whether they still are one: one row an ask, answered by link."""

from django.db import models

from departments.models import Person


class ContactCheck(models.Model):
    """One mail to one person about all the bodies whose contact they are; its message has the key `check:<id>`."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    answered_at = models.DateTimeField(null=True)
    issue = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["person", "-asked_at"], name="check_latest")]

    def __str__(self) -> str:
        return f"{self.person_id}, asked on {self.asked_at:%Y-%m-%d}"
