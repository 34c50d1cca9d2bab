"""The chase: clocks, the steps that come due on them, and whom each step reached.

A clock is shared by every body whose time began at the same moment and is counted alike, so that an advisory has a handful of
them however many people it has, and its steps are rows that an officer can look at, skip or bring forward. Whatever a step does
is written under a unique key: twice, late, or from two sides at once it is done once.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from alerts.models.acknowledgement import ActionAnswer
from alerts.models.advisory import Advisory
from alerts.models.message import Message
from alerts.models.recipient import Recipient
from alerts.models.relay import Relay
from departments.models import Body, Calendar, Person, Role


class Clock(models.Model):
    """Time that runs for some bodies of an advisory: from when, until when, and in whose working hours.

    answer   until people are to answer; its bodies name it (`Relay.clock`), whoever was told late names one (`Recipient.clock`)
    act      until an action is to be done: for every body that is targeted; one that is `late`, for what was promised for a day
             after that, and ends on the next morning
    hold     until the clock lets go what a body holds: for each body held from that moment to that one
    """

    class Kind(models.TextChoices):
        ANSWER = "answer", "to answer"
        ACT = "act", "to act"
        HOLD = "hold", "to let it go on"

    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="clocks", db_index=False)
    material = models.PositiveSmallIntegerField(help_text="The material revision that it is about.")
    kind = models.CharField(max_length=6, choices=Kind)
    calendar = models.CharField(max_length=20, choices=Calendar, blank=True, help_text="Empty: round the clock.")
    starts_at = models.DateTimeField()
    by = models.DateTimeField()
    late = models.BooleanField(default=False, db_default=False, help_text="Of people who were told late.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["advisory", "material", "kind", "calendar", "starts_at", "by", "late"], name="clock_once"
            ),
            models.CheckConstraint(condition=Q(by__gte=models.F("starts_at")), name="clock_runs_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.by:%Y-%m-%d %H:%M} of {self.advisory_id}"


class ChaseStep(models.Model):
    """One thing that a clock makes due: a reminder to whoever is silent, or a list of them to whoever answers for them."""

    class What(models.TextChoices):
        REMIND = "remind", "a reminder"
        ESCALATE = "escalate", "a list to whoever answers for them"

    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="steps", db_index=False)
    what = models.CharField(max_length=8, choices=What)
    n = models.PositiveSmallIntegerField(help_text="The first, second ... reminder, or rung of the ladder.")
    planned_at = models.DateTimeField(help_text="As the clock has it.")
    due_at = models.DateTimeField(help_text="As it is now: brought forward, or put off until the one before was done.")
    since = models.DateTimeField(help_text="Whoever was written to after this is left out.")
    done_at = models.DateTimeField(null=True)
    upto = models.BigIntegerField(default=0, db_default=0, help_text="While it is done: the last relay looked at.")
    people = models.PositiveIntegerField(default=0, db_default=0, help_text="Whom it reached.")
    hastened_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    skipped_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="Who left it out."
    )
    overtaken = models.BooleanField(default=False, db_default=False, help_text="A later one was due already.")
    reason = models.TextField(blank=True, default="", db_default="", help_text="Why it was skipped or hastened.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clock", "what", "n"], name="chase_step_once"),
            models.CheckConstraint(
                condition=Q(skipped_by=None, hastened_by=None) | ~Q(reason=""), name="chase_step_steered_with_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(done_at=None), name="chase_step_due")]

    def __str__(self) -> str:
        return f"{self.what} {self.n} of {self.clock_id}"


class Nudge(models.Model):
    """Somebody whom a step, or their own promise, makes due a reminder; their mail is written next, one for all of theirs."""

    class State(models.TextChoices):
        WAITING = "waiting", "its mail is still to be written"
        MAILED = "mailed", "in a mail"
        HELD_BACK = "held-back", "held back: as many mails as a day bears"
        MOOT = "moot", "not needed any more"

    step = models.ForeignKey(ChaseStep, null=True, on_delete=models.PROTECT, related_name="nudges", db_index=False)
    promise = models.ForeignKey(ActionAnswer, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="nudges", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=9, choices=State, default=State.WAITING, db_default="waiting")
    message = models.ForeignKey(Message, null=True, on_delete=models.PROTECT, related_name="nudges", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "recipient"], condition=Q(step__isnull=False), name="nudge_once"),
            models.UniqueConstraint(
                fields=["promise"], condition=Q(promise__isnull=False), name="nudge_of_a_promise_once"
            ),
            models.CheckConstraint(
                condition=Q(step=None, promise__isnull=False) | Q(step__isnull=False, promise=None),
                name="nudge_of_a_step_or_a_promise",
            ),
            models.CheckConstraint(
                condition=~Q(state="mailed") | Q(message__isnull=False), name="nudge_mailed_by_a_mail"
            ),
        ]
        indexes = [
            models.Index(fields=["person"], condition=Q(state="waiting"), name="nudge_waiting"),
            models.Index(fields=["recipient"], condition=Q(state="held-back"), name="nudge_held_back"),
            models.Index(fields=["recipient", "-at"], name="nudge_of_recipient"),
            models.Index(fields=["person", "-at"], name="nudge_of_person"),
            models.Index(fields=["message"], condition=Q(message__isnull=False), name="nudge_message"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient_id}, {self.state}"


class Escalation(models.Model):
    """Somebody who is told that a body has not answered, and for which body they answer themselves; their mail is written next.

    `silent` is how many people of the body had not answered then; 0 where it is dark.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "its mail is still to be written"
        MAILED = "mailed", "in a mail"
        MOOT = "moot", "not needed any more"

    step = models.ForeignKey(ChaseStep, on_delete=models.PROTECT, related_name="escalations", db_index=False)
    relay = models.ForeignKey(Relay, on_delete=models.PROTECT, related_name="escalations", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=7, choices=Role)
    silent = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=7, choices=State, default=State.WAITING, db_default="waiting")
    held_back_at = models.DateTimeField(null=True, help_text="Since when a day's mails hold it back.")
    message = models.ForeignKey(
        Message, null=True, on_delete=models.PROTECT, related_name="escalations", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "relay", "person"], name="escalation_once"),
            models.CheckConstraint(
                condition=~Q(state="mailed") | Q(message__isnull=False), name="escalation_mailed_by_a_mail"
            ),
        ]
        indexes = [
            models.Index(fields=["person"], condition=Q(state="waiting"), name="escalation_waiting"),
            models.Index(fields=["person", "-at"], name="escalation_of_person"),
            models.Index(fields=["relay", "-at"], name="escalation_of_relay"),
            models.Index(fields=["message"], condition=Q(message__isnull=False), name="escalation_message"),
        ]

    def __str__(self) -> str:
        return f"{self.relay_id} to {self.person_id}, {self.state}"
