"""An advisory: a warning and all that happens to it, from draft to stood down."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from departments.models import Body, Person


class Severity(models.TextChoices):
    """How bad it is; it sets the rank of every mail, the longest hold, and the default times."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"

    @property
    def rank(self) -> int:
        """0 for the most severe: what leaves first, in every queue."""
        return list(type(self)).index(self)


class Marking(models.TextChoices):
    """Traffic Light Protocol 2.0 (FIRST, August 2022)."""

    CLEAR = "CLEAR", "TLP:CLEAR"
    GREEN = "GREEN", "TLP:GREEN"
    AMBER = "AMBER", "TLP:AMBER"
    AMBER_STRICT = "AMBER+STRICT", "TLP:AMBER+STRICT"
    RED = "RED", "TLP:RED"


class State(models.TextChoices):
    """Where an advisory is in its life. Stopped is not a state: a live advisory may be stopped and go on.

    Expired: its review date went by and nobody looked at it, for so long that what it says can't be relied upon.
    """

    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    STOOD_DOWN = "stood-down", "Stood down"
    EXPIRED = "expired", "Expired"


class Rule(models.TextChoices):
    """When a body is covered."""

    ALL = "all", "when all of its people have answered"
    ANY = "any", "when one of its people has answered"


class Office(models.TextChoices):
    """What an answer that somebody's office gave for them is worth. It is told apart in any case."""

    APART = "apart", "are counted apart: the person is still asked"
    COUNTS = "counts", "count as if the person had answered"


class Advisory(models.Model):
    """What is said lives in its revisions; who should hear it in its audience; where it goes in its relays."""

    reference = models.CharField(max_length=40, unique=True)
    issuer = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="advisories")
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    severity = models.CharField(max_length=8, choices=Severity)
    marking = models.CharField(max_length=12, choices=Marking)
    open_title = models.CharField(max_length=200, blank=True)
    exercise = models.BooleanField(default=False)
    rule = models.CharField(max_length=3, choices=Rule, default=Rule.ALL)
    office = models.CharField(max_length=6, choices=Office, default=Office.APART, db_default="apart")
    current = models.ForeignKey("alerts.Revision", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    material = models.ForeignKey("alerts.Revision", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    written_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Looks at it again in time.",
    )
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    created_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)
    acknowledge_by = models.DateTimeField(null=True, blank=True)
    acknowledge_within = models.DurationField(
        null=True, blank=True, help_text="The time to answer; P1D is a working day, but where it is critical."
    )
    clocked = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="The material revision whose clocks run."
    )
    late_upto = models.DateTimeField(
        null=True, blank=True, help_text="Whoever was told late before this moment has a clock of their own."
    )
    chase_ended_at = models.DateTimeField(null=True, blank=True)
    chase_ended_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    chase_ended_why = models.TextField(blank=True, default="", db_default="")
    review_by = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    seen = models.BigIntegerField(
        null=True, blank=True, help_text="Changes from this transaction on are still to be looked at."
    )
    queued = models.ForeignKey(
        "alerts.Revision",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The revision for which everybody that there was has been looked at.",
    )

    class Meta:
        verbose_name_plural = "advisories"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft") | Q(marking__in=["CLEAR", "GREEN"]) | ~Q(open_title=""),
                name="open_title_from_amber_up",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="live"), name="advisory_live")]

    def __str__(self) -> str:
        return self.reference

    @property
    def stopped(self) -> bool:
        """Whether nothing unsent may leave."""
        return self.stopped_at is not None


class Draft(models.Model):
    """The words as they are being written, in the keys of an advisory's file (`alerts.publishing.contract`), checked or not.

    `version` grows with every change, so that what somebody looked at is what they publish. `set_aside` holds words that
    met somebody else's in the same field: `{n, field, text, by, name, at}`, and `displaced` where they had to make room for
    others, until somebody uses or drops them. `authors` says who (a person's id) wrote what stands in each field.
    """

    class Stage(models.TextChoices):
        WRITING = "writing", "being written"
        SUBMITTED = "submitted", "waits for a second officer"
        RETURNED = "returned", "returned to its writer"
        APPROVED = "approved", "approved, not yet published"

    advisory = models.OneToOneField(Advisory, on_delete=models.CASCADE, related_name="draft")
    version = models.PositiveIntegerField(default=1)
    stage = models.CharField(max_length=9, choices=Stage, default=Stage.SUBMITTED, db_default=Stage.SUBMITTED)
    material = models.BooleanField(default=True)
    content = models.JSONField()
    set_aside = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    authors = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    saved_at = models.DateTimeField(db_default=Now())
    saved_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    submitted_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Approved or returned it."
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, default="", db_default="", help_text="Why it was returned.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(stage="approved")
                | (Q(submitted_by__isnull=False, decided_by__isnull=False) & ~Q(decided_by=F("submitted_by"))),
                name="draft_approved_by_somebody_else",
            ),
            models.CheckConstraint(condition=~Q(stage="returned") | ~Q(reason=""), name="draft_returned_with_a_reason"),
        ]

    def __str__(self) -> str:
        return f"draft of {self.advisory_id}"

    @property
    def shown_as(self) -> str:
        """This draft at this version, as a form names what was on the screen: a later draft counts from one again."""
        return f"{self.pk}.{self.version}"


class Look(models.Model):
    """Who looked at an advisory's draft, and when last."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="looks")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "person"], name="look_once")]

    def __str__(self) -> str:
        return f"{self.person_id} at {self.advisory_id}"
