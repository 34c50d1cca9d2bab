"""A body: a node of the tree of government, with one line of accountability and any number of sponsors."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now

from departments.models.history import note_change

# Held together by one advisory lock, so that two moves that are each fine, and a cycle together, meet here one by one.
# The second must see what the first committed, which a REPEATABLE READ snapshot would hide. A body with nothing below it
# stands in no circle. The walk is a loop by key, which a recursive query for each row was not as quick as. It comes back
# to a body that stands in a circle; one that only hangs below one would walk without end, and leaves it to the others.
REFUSE_CYCLE = """
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'bodies are moved at READ COMMITTED or SERIALIZABLE' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('departments.tree'));
    IF NOT EXISTS (SELECT FROM departments_body WHERE parent_id = NEW.id) THEN
        RETURN NULL;
    END IF;
    SELECT parent_id INTO above FROM departments_body WHERE id = NEW.id;
    WHILE above IS NOT NULL LOOP
        IF above = NEW.id THEN
            RAISE EXCEPTION 'body % would be its own ancestor', NEW.slug
                USING ERRCODE = 'check_violation', CONSTRAINT = 'body_not_its_own_ancestor';
        END IF;
        steps := steps + 1;
        EXIT WHEN steps > 10000;
        SELECT parent_id INTO above FROM departments_body WHERE id = above;
    END LOOP;
    RETURN NULL;
"""


def capitals(column: str) -> Lower:
    """HMRC of HM Revenue & Customs, dwp of Department for Work and Pensions; as `departments.search` asks for it."""
    return Lower(Func(F(column), Value("[^A-Z0-9]"), Value(""), Value("g"), function="regexp_replace"))


def initials(column: str) -> Lower:
    """MoD of Ministry of Defence: the first letter of each word, and every further capital."""
    pattern = Value(r"(\y\w|[A-Z])|.")
    return Lower(Func(F(column), pattern, Value(r"\1"), Value("g"), function="regexp_replace"))


class Calendar(models.TextChoices):
    """Whose bank holidays a body keeps; the names are those of GOV.UK's list."""

    ENGLAND_AND_WALES = "england-and-wales", "England and Wales"
    SCOTLAND = "scotland", "Scotland"
    NORTHERN_IRELAND = "northern-ireland", "Northern Ireland"


class Body(models.Model):
    """A department, agency, quango, committee or team."""

    class Policy(models.TextChoices):
        AUTOMATIC = "automatic", "passes warnings on at once"
        HOLD = "hold", "its contacts may hold a warning for some hours"

    slug = models.CharField(max_length=400, unique=True)
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=100)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    policy = models.CharField(max_length=9, choices=Policy, default=Policy.AUTOMATIC)
    hold_hours = models.PositiveSmallIntegerField(default=0)
    domain = models.CharField(max_length=253, blank=True)
    opened = models.DateField(null=True, blank=True)
    closed = models.DateField(null=True, blank=True)
    successor = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors")
    calendar = models.CharField(
        max_length=20,
        choices=Calendar,
        default=Calendar.ENGLAND_AND_WALES,
        db_default="england-and-wales",
        help_text="Its bank holidays: time to answer counts on working days alone.",
    )
    may_issue = models.BooleanField(default=False, help_text="An issuing authority: may warn beyond its own branch.")
    register = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="The kind of file that names it; empty: by hand.",
    )

    class Meta:
        verbose_name_plural = "bodies"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(parent=F("id")), name="body_not_its_own_parent"),
            models.CheckConstraint(
                condition=Q(policy="automatic", hold_hours=0) | Q(policy="hold", hold_hours__gt=0),
                name="body_hold_hours_with_hold",
            ),
        ]
        indexes = [
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="body_name_trigram"),
            models.Index(OpClass(capitals("name"), name="text_pattern_ops"), name="body_capitals"),
            models.Index(OpClass(initials("name"), name="text_pattern_ops"), name="body_initials"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="refuse_cycle",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("parent_id"),
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__parent__isnull=False),
                declare=[("above", "bigint"), ("steps", "integer := 0")],
                func=REFUSE_CYCLE,
            ),
            *note_change("id"),
        ]

    def __str__(self) -> str:
        return self.name


class HoldRequest(models.Model):
    """A body that asks its parent's consent to hold warnings; `granted` is empty until the parent has answered."""

    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="hold_requests")
    hours = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    granted = models.BooleanField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["body"], condition=Q(granted=None), name="hold_asked_once"),
            models.CheckConstraint(condition=Q(hours__gt=0), name="hold_of_some_hours"),
            models.CheckConstraint(
                condition=Q(granted=None, decided_by=None, decided_at=None)
                | (
                    Q(granted__isnull=False, decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(decided_by=F("asked_by"))
                ),
                name="hold_decided_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.body_id} asks to hold for {self.hours} h"


class BodyAlias(models.Model):
    """Another name or abbreviation by which people look for a body."""

    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="aliases")
    text = models.CharField(max_length=500)

    class Meta:
        verbose_name_plural = "body aliases"
        constraints = [models.UniqueConstraint(fields=["body", "text"], name="alias_once")]
        indexes = [GinIndex(fields=["text"], opclasses=["gin_trgm_ops"], name="alias_trigram")]

    def __str__(self) -> str:
        return self.text


class Sponsor(models.Model):
    """A further body that a body answers to; a cascade flows along this edge too, and reaches the body once."""

    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="sponsors")
    sponsor = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="sponsored")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["body", "sponsor"], name="sponsor_once"),
            models.CheckConstraint(condition=~Q(body=F("sponsor")), name="body_not_its_own_sponsor"),
        ]
        triggers = note_change("body_id")

    def __str__(self) -> str:
        return f"{self.body_id} sponsored by {self.sponsor_id}"
