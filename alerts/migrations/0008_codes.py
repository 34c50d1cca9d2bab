import uuid

import django.db.models.deletion
from django.db import migrations, models

# What the tables as they were can't send.
FORGET = """
DELETE FROM alerts_message WHERE kind IN ('code', 'approved');
DELETE FROM alerts_batch WHERE kind IN ('code', 'approved');
UPDATE alerts_message SET kind = 'stand-down' WHERE kind = 'thanks';
UPDATE alerts_batch SET kind = 'stand-down' WHERE kind = 'thanks';
"""


class Migration(migrations.Migration):
    """One-time codes: a new table; a draft says who wrote what. Nothing that is there is touched."""

    dependencies = [
        ('alerts', '0007_exclusions_lapse'),
    ]

    operations = [
        migrations.RunSQL(migrations.RunSQL.noop, FORGET),
        migrations.AlterField(
            model_name='message',
            name='kind',
            field=models.CharField(choices=[('notice', 'notice'), ('update', 'update'), ('stand-down', 'stand-down'), ('thanks', 'stand-down, with thanks'), ('check', 'contact check'), ('introduction', 'introduction'), ('approve', 'asked to approve'), ('returned', 'returned to its writer'), ('approved', 'approved, to be published'), ('undecided', 'left undecided'), ('lapsing', 'left out, and soon put in'), ('gaps', 'nobody to tell'), ('review', 'to be looked at again'), ('code', 'one-time code')], max_length=12),
        ),
        migrations.AddField(
            model_name='draft',
            name='authors',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.CreateModel(
            name='Code',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issue', models.UUIDField(default=uuid.uuid4, help_text='Random: without it and the secret key there are no digits.')),
                ('asked_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('tries', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('used_at', models.DateTimeField(null=True)),
                ('form', models.CharField(blank=True, db_default='', default='', help_text='Digest of the form with which it was used.', max_length=64)),
                ('recipient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='alerts.recipient')),
            ],
            options={
                'indexes': [models.Index(fields=['recipient', '-asked_at'], name='code_latest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('asked_at'))), name='code_expires_after_it_was_asked'), models.CheckConstraint(condition=models.Q(('tries__lte', 5)), name='code_tried_a_few_times')],
            },
        ),
    ]
