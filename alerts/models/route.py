"""A route: a way for mail to leave, as it stands. Which ones there are is in the settings (`alerts.routing.routes`)."""

from django.db import models

from departments.models import Person


class Route(models.Model):
    """What is known of a route that every worker must know. No row: nothing is known against it.

    Its `name` is what it leads to (a server's host and port, a provider), so that another server starts with no history.
    """

    name = models.CharField(max_length=100, unique=True)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    preferred_at = models.DateTimeField(
        null=True, help_text="When somebody switched to it; the last one is taken first."
    )
    rests_until = models.DateTimeField(null=True, help_text="Nothing is tried before.")
    why = models.TextField(blank=True, default="", db_default="", help_text="What it said last, without addresses.")
    failures = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="In a row: it could not be had.")
    condemned_at = models.DateTimeField(null=True, help_text="It takes nobody's mail; one mail is tried now and then.")
    # Slowed: mails a second instead of as many as the setting allows, and when it may next climb.
    pace = models.FloatField(null=True)
    climbs_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True, help_text="When its pace lets the next mails leave.")
    # The run of identical refusals that it is in.
    said = models.TextField(blank=True, default="", db_default="")
    said_times = models.PositiveIntegerField(default=0, db_default=0)
    said_domains = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    run = models.PositiveIntegerField(default=0, db_default=0, help_text="The number of that run.")
    owed = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Runs that condemned it, of which people are still to be put back.",
    )
    # What it was given on a day, where the setting limits that.
    day = models.DateField(null=True)
    spent = models.PositiveIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return self.name
