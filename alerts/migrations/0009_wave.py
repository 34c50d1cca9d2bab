import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now

# What the tables as they were can't hold.
FORGET = """
DELETE FROM alerts_message WHERE kind = 'note';
DELETE FROM alerts_batch WHERE kind = 'note';
UPDATE alerts_relay SET purpose = 'between' WHERE purpose = 'left';
"""


class Migration(migrations.Migration):
    """What the wave remembers (whom it has looked at, what contacts add), and what the watchdog finds."""

    dependencies = [
        ("alerts", "0008_codes"),
        ("departments", "0004_delegations_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(migrations.RunSQL.noop, FORGET),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(blank=True)),
                ("at", models.DateTimeField(db_default=Now())),
                (
                    "mail_asked_at",
                    models.DateTimeField(help_text="Also to be mailed to those who were told before it.", null=True),
                ),
                (
                    "mailed_at",
                    models.DateTimeField(help_text="When these mails were all in the outbox.", null=True),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "relay",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="alerts.relay",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["relay", "-id"], name="note_last"),
                    models.Index(
                        fields=["id"],
                        condition=Q(("mail_asked_at__isnull", False), ("mailed_at", None)),
                        name="note_to_be_mailed",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Trouble",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("subject", models.CharField(blank=True, max_length=120)),
                ("says", models.TextField(help_text="In a sentence, with what to do.")),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("said_at", models.DateTimeField(help_text="When ALARM_URL was last told.", null=True)),
                ("over_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["began_at", "id"],
                "indexes": [models.Index(fields=["-over_at"], name="trouble_over")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("over_at", None)), fields=("kind", "subject"), name="trouble_open_once"
                    )
                ],
            },
        ),
        # Notes are a table of their own. The column stays, with a default, for as long as a process of the last release may
        # still write it; a later release drops it.
        migrations.AlterField("relay", "note", models.TextField(blank=True, db_default="")),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("relay", "note")]),
        migrations.AddField(
            model_name="advisory",
            name="queued",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The revision for which everybody that there was has been looked at.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="alerts.revision",
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="made_at",
            field=models.DateTimeField(
                db_default=Now(), help_text="Since when its mails wait, however often they are put off."
            ),
        ),
        migrations.AddField(
            model_name="relay",
            name="to_tell",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Somebody at it may be due a mail: to be looked at."
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
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="relay",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("target", "targeted"),
                    ("named", "only named people of it are targeted"),
                    ("between", "between, for information"),
                    ("left", "left the audience before it was reached"),
                ],
                max_length=7,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
                name="said_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='RAISE EXCEPTION \'pgtrigger: Cannot delete or update of "relay_id", "text", "by_id", "at" rows from % table\', TG_TABLE_NAME;',
                    hash="1af08dcca24d8ab5317d6bce50d2184be3aedbb2",
                    operation='DELETE OR UPDATE OF "relay_id", "text", "by_id", "at"',
                    pgid="pgtrigger_said_once_db27e",
                    table="alerts_note",
                    when="BEFORE",
                ),
            ),
        ),
    ]
