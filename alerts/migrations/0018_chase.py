import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Clocks, the steps that come due on them, and whom they reached; calls; the issuer's answers to readers."""

    dependencies = [
        ("alerts", "0017_coverage"),
        ("departments", "0006_calendar"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Clock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("material", models.PositiveSmallIntegerField(help_text="The material revision that it is about.")),
                (
                    "kind",
                    models.CharField(
                        choices=[("answer", "to answer"), ("act", "to act"), ("hold", "to let it go on")], max_length=6
                    ),
                ),
                (
                    "calendar",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("england-and-wales", "England and Wales"),
                            ("scotland", "Scotland"),
                            ("northern-ireland", "Northern Ireland"),
                        ],
                        help_text="Empty: round the clock.",
                        max_length=20,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("by", models.DateTimeField()),
                (
                    "late",
                    models.BooleanField(db_default=False, default=False, help_text="Of people who were told late."),
                ),
                (
                    "advisory",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clocks",
                        to="alerts.advisory",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("advisory", "material", "kind", "calendar", "starts_at", "by", "late"),
                        name="clock_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("by__gte", models.F("starts_at"))), name="clock_runs_forward"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChaseStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[("remind", "a reminder"), ("escalate", "a list to whoever answers for them")],
                        max_length=8,
                    ),
                ),
                (
                    "n",
                    models.PositiveSmallIntegerField(
                        help_text="The first, second ... reminder, or rung of the ladder."
                    ),
                ),
                ("planned_at", models.DateTimeField(help_text="As the clock has it.")),
                (
                    "due_at",
                    models.DateTimeField(
                        help_text="As it is now: brought forward, or put off until the one before was done."
                    ),
                ),
                ("since", models.DateTimeField(help_text="Whoever was written to after this is left out.")),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "upto",
                    models.BigIntegerField(
                        db_default=0, default=0, help_text="While it is done: the last relay looked at."
                    ),
                ),
                ("people", models.PositiveIntegerField(db_default=0, default=0, help_text="Whom it reached.")),
                (
                    "overtaken",
                    models.BooleanField(db_default=False, default=False, help_text="A later one was due already."),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True, db_default="", default="", help_text="Why it was skipped or hastened."
                    ),
                ),
                (
                    "hastened_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "skipped_by",
                    models.ForeignKey(
                        db_index=False,
                        help_text="Who left it out.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "clock",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="alerts.clock",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("done_at", None)), fields=["due_at"], name="chase_step_due"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("clock", "what", "n"), name="chase_step_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hastened_by", None), ("skipped_by", None)),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="chase_step_steered_with_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Escalation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("member", "member"),
                            ("contact", "contact (is told, relays, chases)"),
                            ("deputy", "deputy of the contact"),
                            ("head", "head (the accountable person)"),
                            ("officer", "security officer (may publish)"),
                        ],
                        max_length=7,
                    ),
                ),
                ("silent", models.PositiveIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "its mail is still to be written"),
                            ("mailed", "in a mail"),
                            ("moot", "not needed any more"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("held_back_at", models.DateTimeField(help_text="Since when a day's mails hold it back.", null=True)),
                (
                    "body",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="departments.body",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="escalations",
                        to="alerts.message",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "relay",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="escalations",
                        to="alerts.relay",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="escalations",
                        to="alerts.chasestep",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["person"], name="escalation_waiting"
                    ),
                    models.Index(fields=["person", "-at"], name="escalation_of_person"),
                    models.Index(fields=["relay", "-at"], name="escalation_of_relay"),
                    models.Index(
                        condition=models.Q(("message__isnull", False)), fields=["message"], name="escalation_message"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("step", "relay", "person"), name="escalation_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "mailed"), _negated=True), ("message__isnull", False), _connector="OR"
                        ),
                        name="escalation_mailed_by_a_mail",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Nudge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "its mail is still to be written"),
                            ("mailed", "in a mail"),
                            ("held-back", "held back: as many mails as a day bears"),
                            ("moot", "not needed any more"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=9,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="nudges",
                        to="alerts.message",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "promise",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="alerts.actionanswer",
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="nudges",
                        to="alerts.recipient",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="nudges",
                        to="alerts.chasestep",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["person"], name="nudge_waiting"),
                    models.Index(
                        condition=models.Q(("state", "held-back")), fields=["recipient"], name="nudge_held_back"
                    ),
                    models.Index(fields=["recipient", "-at"], name="nudge_of_recipient"),
                    models.Index(fields=["person", "-at"], name="nudge_of_person"),
                    models.Index(
                        condition=models.Q(("message__isnull", False)), fields=["message"], name="nudge_message"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("step__isnull", False)), fields=("step", "recipient"), name="nudge_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("promise__isnull", False)),
                        fields=("promise",),
                        name="nudge_of_a_promise_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("promise__isnull", False), ("step", None)),
                            models.Q(("promise", None), ("step__isnull", False)),
                            _connector="OR",
                        ),
                        name="nudge_of_a_step_or_a_promise",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "mailed"), _negated=True), ("message__isnull", False), _connector="OR"
                        ),
                        name="nudge_mailed_by_a_mail",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(blank=True)),
                ("settles", models.BooleanField(default=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replies",
                        to="alerts.recipient",
                    ),
                ),
                (
                    "to",
                    models.ForeignKey(
                        db_index=False,
                        help_text="What its writer had before them.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replies",
                        to="alerts.acknowledgement",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["recipient", "-id"], name="reply_of_recipient"),
                    models.Index(fields=["to"], name="reply_to"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("settles", True), models.Q(("text", ""), _negated=True), _connector="OR"),
                        name="reply_says_something_or_settles",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("taken_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "in hand"),
                            ("told", "told by telephone"),
                            ("no-answer", "nobody answered"),
                            ("wrong", "the number is wrong"),
                            ("again", "to be rung again"),
                            ("let-go", "not rung"),
                        ],
                        db_default="",
                        default="",
                        max_length=9,
                    ),
                ),
                ("note", models.TextField(blank=True, db_default="", default="")),
                (
                    "caller",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        help_text="Who was rung.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "relay",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="alerts.relay",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["relay", "-id"], name="call_of_relay"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("relay",), name="call_one_at_a_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("result", "")), ("ended_at__isnull", False), _connector="OR"
                        ),
                        name="call_ends_with_a_result",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="advisory",
            name="acknowledge_within",
            field=models.DurationField(
                blank=True, help_text="The time to answer; P1D is a working day, but where it is critical.", null=True
            ),
        ),
        migrations.AddField(
            model_name="advisory",
            name="late_upto",
            field=models.DateTimeField(
                blank=True, help_text="Whoever was told late before this moment has a clock of their own.", null=True
            ),
        ),
        migrations.AddField(
            model_name="advisory",
            name="chase_ended_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="advisory",
            name="chase_ended_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="advisory",
            name="chase_ended_why",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="advisory",
            name="clocked",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="The material revision whose clocks run."
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="kind",
            field=models.CharField(
                choices=[
                    ("notice", "notice"),
                    ("update", "update"),
                    ("stand-down", "stand-down"),
                    ("thanks", "stand-down, with thanks"),
                    ("check", "contact check"),
                    ("introduction", "introduction"),
                    ("approve", "asked to approve"),
                    ("returned", "returned to its writer"),
                    ("approved", "approved, to be published"),
                    ("undecided", "left undecided"),
                    ("lapsing", "left out, and soon put in"),
                    ("gaps", "nobody to tell"),
                    ("review", "to be looked at again"),
                    ("code", "one-time code"),
                    ("note", "a contact's note, for those who were told before it"),
                    ("canary", "canary"),
                    ("receipt", "receipt for an answer"),
                    ("unclear", "a reply that was not understood"),
                    ("own-link", "their own link, once more"),
                    ("referral", "what a reader says about who is there"),
                    ("phishing", "readers take it for phishing"),
                    ("reminder", "reminder"),
                    ("report", "its coverage, as it was kept"),
                    ("digest", "reminder of several"),
                    ("escalation", "who has not answered, to whoever answers for them"),
                    ("help", "readers need help"),
                    ("answered", "the issuer's answer to what a reader asked"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="recipient",
            name="clock",
            field=models.ForeignKey(
                db_index=False,
                help_text="Of whoever was told when their body's time was half over: one of their own.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="alerts.clock",
            ),
        ),
        migrations.AddField(
            model_name="relay",
            name="clock",
            field=models.ForeignKey(
                db_index=False,
                help_text="By when its people are to answer; none before it is released.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="relays",
                to="alerts.clock",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reply",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="5b7fcee36cd2796b653b028a7e8fdda8f1f77517",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_4bc1b",
                    table="alerts_reply",
                    when="BEFORE",
                ),
            ),
        ),
    ]
