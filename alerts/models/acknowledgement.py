"""An answer, never changed; the last one that is not suspect counts."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.recipient import Recipient
from alerts.models.relay import Relay
from alerts.models.revision import Action, Revision
from departments.models import Person

APPEND_ONLY = pgtrigger.Update | pgtrigger.Delete


class Acknowledgement(models.Model):
    """Who answered which revision, how, and what they said. `suspect` names the signs of a machine, if any."""

    class How(models.TextChoices):
        LINK = "link", "by their link"
        REPLY = "reply", "by reply"
        BEHALF = "behalf", "on their behalf"
        OFFICE = "office", "through their office"

    class Told(models.TextChoices):
        """How somebody was told, for whom somebody else puts the answer down."""

        TELEPHONE = "telephone", "by telephone"
        PERSON = "person", "in person"
        MEETING = "meeting", "in a meeting"
        OTHER = "other", "in another way"

    class Read(models.TextChoices):
        YES = "yes", "read and understood"
        HELP = "help", "read, and needs help"
        PHISHING = "phishing", "says that it looks like phishing"

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="acknowledgements", db_index=False)
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())
    how = models.CharField(max_length=6, choices=How, default=How.LINK)
    read = models.CharField(max_length=8, choices=Read)
    text = models.TextField(
        blank=True, default="", db_default="", help_text="What they need help with, or why it looks like phishing."
    )
    by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who gave it for the recipient."
    )
    name_given = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Of whoever gave it, as they typed it."
    )
    told_how = models.CharField(
        max_length=9, choices=Told, blank=True, default="", db_default="", help_text="On behalf: how they were told."
    )
    told_at = models.DateTimeField(null=True, help_text="On behalf: when they were told.")
    suspect = ArrayField(models.TextField(), default=list)
    late = models.BooleanField(default=False)
    form_id = models.UUIDField(unique=True, help_text="The form's own value: a double press writes once.")

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "-id"], condition=Q(suspect=[]), name="acknowledgement_last"),
            models.Index(fields=["recipient", "at"], name="acknowledgement_all"),
            models.Index(
                fields=["revision", "-id"], condition=Q(read__in=("help", "phishing")), name="acknowledgement_asking"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(how="behalf", by__isnull=False, told_at__isnull=False) & ~Q(told_how="")
                | ~Q(how="behalf") & Q(told_how="", told_at=None),
                name="answer_on_behalf_says_who_when_and_how",
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=APPEND_ONLY)]

    @property
    def counts(self) -> bool:
        """Whether it is an answer at all: not a machine's, and more than a doubt."""
        return not self.suspect and self.read != self.Read.PHISHING

    @property
    def receipt(self) -> str:
        """Its code, by which it can be found again."""
        return self.form_id.hex[:8].upper()

    def __str__(self) -> str:
        return f"{self.read} to {self.revision_id} by {self.recipient_id}"


class ActionAnswer(models.Model):
    """What somebody said about one action; `relay` names the body for which a body's action is answered."""

    class Choice(models.TextChoices):
        DONE = "done", "Done"
        WILL = "will", "Will be done in time"
        LATER_DATE = "by", "Will be done later"
        NOT_US = "na", "Does not apply to us"
        LATER = "later", "I will answer this one later"

    acknowledgement = models.ForeignKey(Acknowledgement, on_delete=models.PROTECT, related_name="answers")
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="answers")
    relay = models.ForeignKey(Relay, null=True, on_delete=models.PROTECT, related_name="answers")
    choice = models.CharField(max_length=5, choices=Choice)
    by_date = models.DateField(null=True)
    text = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["acknowledgement", "action", "relay"],
                name="action_answer_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["by_date"], condition=Q(by_date__isnull=False), name="action_answer_promised"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=APPEND_ONLY)]

    def __str__(self) -> str:
        return f"{self.choice}: {self.action_id}"
