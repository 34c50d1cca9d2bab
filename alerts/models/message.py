"""The outbox: messages, and the batches in which they are claimed and leased.

Most carry a revision of an advisory to its recipients. The plain ones carry none: whether somebody is still the contact,
what this system is, and, about one advisory (`Batch.about`), a one-time code for its page and (`DESK`) what waits for an
officer or an administrator.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from alerts.models.recipient import Recipient
from alerts.models.revision import Revision
from departments.models import Person

_OF_AN_ADVISORY = Q(advisory__isnull=False, revision__isnull=False, about=None)


class Batch(models.Model):
    """Up to 500 messages of one kind and rank. Rows with no `done_at` are the outbox; rank 0 leaves first."""

    rank = models.PositiveSmallIntegerField()
    advisory = models.ForeignKey(Advisory, null=True, on_delete=models.PROTECT, related_name="batches")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    about = models.ForeignKey(
        Advisory, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="Of a desk mail."
    )
    kind = models.CharField(max_length=12)
    size = models.PositiveSmallIntegerField()
    not_before = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    done_at = models.DateTimeField(null=True)
    route = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="The route that has it, or may have sent one of its mails: it leaves by no other one.",
    )
    made_at = models.DateTimeField(
        db_default=Now(), help_text="Since when its mails wait, however often they are put off."
    )

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["rank", "not_before", "id"], condition=Q(done_at=None), name="batch_outbox"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=_OF_AN_ADVISORY | Q(advisory=None, revision=None),
                name="batch_of_an_advisory_or_plain",
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}: {self.size} of {self.kind}"


# Mails to those who run an advisory; their own link is the page, behind the sign-in.
DESK = (
    "approve",
    "returned",
    "approved",
    "undecided",
    "lapsing",
    "gaps",
    "review",
    "phishing",
    "referral",
    "report",
    "help",
)


class Message(models.Model):
    """One mail to one person. `key` is unique: whatever runs twice writes once."""

    class Kind(models.TextChoices):
        NOTICE = "notice", "notice"
        UPDATE = "update", "update"
        STAND_DOWN = "stand-down", "stand-down"
        THANKS = "thanks", "stand-down, with thanks"
        CHECK = "check", "contact check"
        INTRODUCTION = "introduction", "introduction"
        APPROVE = "approve", "asked to approve"
        RETURNED = "returned", "returned to its writer"
        APPROVED = "approved", "approved, to be published"
        UNDECIDED = "undecided", "left undecided"
        LAPSING = "lapsing", "left out, and soon put in"
        GAPS = "gaps", "nobody to tell"
        REVIEW = "review", "to be looked at again"
        CODE = "code", "one-time code"
        NOTE = "note", "a contact's note, for those who were told before it"
        CANARY = "canary", "canary"
        RECEIPT = "receipt", "receipt for an answer"
        UNCLEAR = "unclear", "a reply that was not understood"
        OWN_LINK = "own-link", "their own link, once more"
        REFERRAL = "referral", "what a reader says about who is there"
        PHISHING = "phishing", "readers take it for phishing"
        REMINDER = "reminder", "reminder"
        REPORT = "report", "its coverage, as it was kept"
        DIGEST = "digest", "reminder of several"
        ESCALATION = "escalation", "who has not answered, to whoever answers for them"
        HELP = "help", "readers need help"
        ANSWERED = "answered", "the issuer's answer to what a reader asked"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENT = "sent", "handed over"
        FAILED = "failed", "refused"
        SUPERSEDED = "superseded", "superseded by a later revision before it left"

    class Fate(models.TextChoices):
        """What became of it after it left, by the route's word. A state of its own each; the last one stands."""

        NONE = "", "no word"
        DEFERRED = "deferred", "deferred"
        DELIVERED = "delivered", "delivered"
        BOUNCED = "bounced", "bounced"
        SUPPRESSED = "suppressed", "suppressed by the provider"
        COMPLAINED = "complained", "reported as spam"

    key = models.CharField(max_length=100, unique=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="messages")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    advisory = models.ForeignKey(Advisory, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    recipient = models.ForeignKey(Recipient, null=True, on_delete=models.PROTECT, related_name="messages")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, db_default="waiting")
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=250, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    route = models.CharField(max_length=100, blank=True, default="", db_default="", help_text="By which it left.")
    given_back = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="How often it was put back because a route refused it as it refused everybody.",
    )
    run = models.PositiveIntegerField(
        default=0, db_default=0, help_text="In which run of identical refusals its route refused it."
    )
    fate = models.CharField(max_length=10, choices=Fate, default="", db_default="", blank=True)
    fate_at = models.DateTimeField(null=True)
    personal = models.JSONField(null=True, help_text="The personal parts: with the revision, the very mail.")

    class Meta:
        indexes = [
            models.Index(fields=["advisory"], condition=Q(state="waiting"), name="message_waiting"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_provider"),
            models.Index(fields=["failed_at"], condition=Q(state="failed"), name="message_failed"),
            models.Index(
                fields=["fate_at"],
                condition=Q(fate__in=("deferred", "bounced", "suppressed", "complained")),
                name="message_fate",
            ),
            models.Index(fields=["person"], condition=Q(recipient=None) & ~Q(fate=""), name="message_plain_fate"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(advisory__isnull=False, revision__isnull=False, recipient__isnull=False)
                | Q(advisory=None, revision=None, recipient=None),
                name="message_of_an_advisory_or_plain",
            ),
        ]

    def __str__(self) -> str:
        return self.key
