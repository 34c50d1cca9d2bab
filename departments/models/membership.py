"""Who sits where, in what role; and who opens whose mail."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from departments.models.body import Body
from departments.models.history import note_change
from departments.models.person import Person


class Role(models.TextChoices):
    """What a person is in a body."""

    MEMBER = "member", "member"
    CONTACT = "contact", "contact (is told, relays, chases)"
    DEPUTY = "deputy", "deputy of the contact"
    HEAD = "head", "head (the accountable person)"
    OFFICER = "officer", "security officer (may publish)"


# Those who sign in; everybody else answers by their link alone.
DUTIES = (Role.OFFICER, Role.CONTACT, Role.DEPUTY, Role.HEAD)


class Membership(models.Model):
    """A person's place in a body; current while `until` is empty."""

    class Hours(models.TextChoices):
        IN = "in", "in hours"
        OUT = "out", "out of hours"

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    role = models.CharField(max_length=7, choices=Role, default=Role.MEMBER)
    order = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Among the contacts of a body.")
    hours = models.CharField(max_length=3, choices=Hours, default=Hours.IN, db_default=Hours.IN)
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "body", "role"], condition=Q(until=None), name="membership_once"),
        ]
        indexes = [
            models.Index(
                fields=["body"],
                include=["person", "role"],
                condition=Q(until=None),
                name="membership_current",
            ),
            models.Index(fields=["body", "until"], name="membership_body"),
        ]
        triggers = note_change("body_id")

    def __str__(self) -> str:
        return f"{self.person_id} in {self.body_id} as {self.role}"


class Delegation(models.Model):
    """Somebody who opens a person's mail and may answer for them, until a date."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="delegations")
    delegate = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="delegated")
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True, blank=True)
    named_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(person=F("delegate")), name="delegate_is_somebody_else"),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("since")), name="delegation_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegate_id} for {self.person_id}"
