"""Counters are appended and folded: triggers write deltas, one folder an advisory adds them up.

A figure is the kept one plus what is pending, read in one snapshot, so it is exact at any moment. Nothing but the
triggers (`alerts.models.figures`), the folder and the recount (`alerts.counting`) writes these tables.
"""

from django.db import models
from django.db.models.functions import Now

from alerts.models.advisory import Advisory
from alerts.models.relay import Relay


class Figures(models.Model):
    """The figures of coverage, as `alerts.models.figures` says them."""

    targeted = models.IntegerField(default=0, db_default=0)
    waiting = models.IntegerField(default=0, db_default=0)
    sent = models.IntegerField(default=0, db_default=0)
    delivered = models.IntegerField(default=0, db_default=0)
    unreachable = models.IntegerField(default=0, db_default=0)
    suspect = models.IntegerField(default=0, db_default=0)
    acknowledged = models.IntegerField(default=0, db_default=0)
    acted = models.IntegerField(default=0, db_default=0)
    office = models.IntegerField(default=0, db_default=0)
    behalf = models.IntegerField(default=0, db_default=0)
    silent = models.IntegerField(default=0, db_default=0)
    unsent = models.IntegerField(default=0, db_default=0)
    former = models.IntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


class Delta(Figures):
    """A change of figures that is still to be folded: of one relay, or (no relay) of the whole."""

    # Written by triggers only, from rows that hold to their advisory themselves: no second look at it when they commit.
    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    relay = models.ForeignKey(
        Relay, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    material = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="The last material revision then: what was answered."
    )
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"delta of {self.advisory_id}"


class Counter(Figures):
    """A relay's own figures; its branch's are those of every relay that has it in its path."""

    relay = models.OneToOneField(Relay, primary_key=True, on_delete=models.CASCADE, related_name="counter")
    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"counter of {self.relay_id}"


class Whole(Figures):
    """The figures of a whole advisory, in which each person counts once."""

    advisory = models.OneToOneField(Advisory, primary_key=True, on_delete=models.CASCADE, related_name="whole")
    folded = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Deltas ever folded; with those pending it only grows: the figures' version.",
    )

    def __str__(self) -> str:
        return f"whole of {self.advisory_id}"


class Tide(models.Model):
    """By how many the acknowledgements of a branch (no relay: of the whole) grew in one minute, as deltas were folded.

    What a chart over time is drawn from: with what is pending they are the acknowledgements, however many people there are.
    """

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="+", db_index=False)
    relay = models.ForeignKey(Relay, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    material = models.PositiveSmallIntegerField(help_text="The material revision that was answered.")
    minute = models.DateTimeField(help_text="Its beginning.")
    acknowledged = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["advisory", "relay", "material", "minute"], name="tide_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.acknowledged:+} of {self.advisory_id} in {self.minute:%H:%M}"
