"""Who an advisory is for, who was left out and by whom, and who will not hear it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from departments.models import Body, Person, Role, Topic


class Branch(models.Model):
    """A body and everything below it, by accountability or sponsorship."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="branches")
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "body"], name="branch_once")]

    def __str__(self) -> str:
        return f"{self.body_id} and below"


class AudienceRole(models.Model):
    """Only people in this role; no rows: everybody."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=7, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "role"], name="audience_role_once")]

    def __str__(self) -> str:
        return self.role


class AudienceTopic(models.Model):
    """Only bodies with this remit; no rows: every body."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="only_topics")
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "topic"], name="audience_topic_once")]

    def __str__(self) -> str:
        return str(self.topic_id)


class Named(models.Model):
    """Somebody who is to hear it whatever body they sit in."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="named")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    why = models.TextField(blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "person"], name="named_once")]

    def __str__(self) -> str:
        return str(self.person_id)


class Exclusion(models.Model):
    """A body (and what is reached only through it) left out, with a reason and a name under it.

    Until `look_again_at`; then it lapses, and the body is told, unless somebody has signed for it anew.
    """

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="exclusions")
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    look_again_at = models.DateTimeField(null=True, blank=True)
    lapsed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["advisory", "body"], condition=Q(lapsed_at=None), name="exclusion_current_once"
            )
        ]
        indexes = [models.Index(fields=["look_again_at"], condition=Q(lapsed_at=None), name="exclusion_to_look_at")]

    def __str__(self) -> str:
        return f"without {self.body_id}"


class Gap(models.Model):
    """Somebody who will not hear, found before publishing, and what was decided about it."""

    class Kind(models.TextChoices):
        OUTSIDE = "outside", "remit matches, not in the audience"
        SIMILAR = "similar", "told of similar advisories, not in the audience"
        SPONSOR = "sponsor", "sponsors a body in the audience, not in it itself"
        NOBODY = "nobody", "nobody to tell"
        BOUNCING = "bouncing", "every address bounces"

    class Decision(models.TextChoices):
        UNDECIDED = "undecided", "not decided yet"
        SIGNED = "signed", "left out, with a reason"
        WIDENED = "widened", "put in"
        TASK = "task", "for the administrators to mend"

    # What the officer may choose; the others are the directory's to mend.
    CHOICES = (Kind.OUTSIDE, Kind.SIMILAR, Kind.SPONSOR)

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="gaps")
    kind = models.CharField(max_length=8, choices=Kind)
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(
        max_length=9, choices=Decision, default=Decision.UNDECIDED, db_default=Decision.UNDECIDED
    )
    reason = models.TextField(blank=True)
    by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    look_again_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advisory", "kind", "body"], name="gap_once"),
            models.CheckConstraint(
                condition=~Q(decision="signed") | (~Q(reason="") & Q(by__isnull=False)), name="gap_signed_by_name"
            ),
        ]
        indexes = [models.Index(fields=["look_again_at"], condition=Q(decision="signed"), name="gap_to_look_at")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.body_id}"
