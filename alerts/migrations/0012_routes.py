import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


COUNTED_ANEW = """
WITH moved AS MATERIALIZED (
    SELECT r.id, r.advisory_id, r.targeted
    FROM alerts_recipient r
    JOIN alerts_advisory a ON a.id = r.advisory_id
    JOIN alerts_revision m ON m.id = a.material_id
    WHERE r.outcome = 'unreachable' AND r.answered_revision >= m.number
)
INSERT INTO alerts_delta (advisory_id, relay_id, sent, unreachable)
SELECT advisory_id, NULL, {sign}count(*), -({sign}count(*)) FROM moved WHERE targeted GROUP BY advisory_id
UNION ALL
SELECT m.advisory_id, s.relay_id, {sign}count(*), -({sign}count(*))
FROM moved m JOIN alerts_seat s ON s.recipient_id = m.id AND s.counts AND s.ended_at IS NULL
GROUP BY m.advisory_id, s.relay_id
"""


class Migration(migrations.Migration):
    """Routes as they stand, what they say of mails afterwards, canaries; a word more for what came of a mail."""

    dependencies = [
        ('alerts', '0011_counted_by_key'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Canary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=253, unique=True)),
                ('heard_at', models.DateTimeField(help_text='When a mail to it was last reported delivered.', null=True)),
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'canaries',
            },
        ),
        migrations.CreateModel(
            name='Letter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('content', models.JSONField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='letter',
            trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6109271d919eb1f010b0dc6e7d4ca098cd7b4582', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_5fcec', table='alerts_letter', when='BEFORE')),
        ),
        migrations.CreateModel(
            name='Route',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('paused_at', models.DateTimeField(null=True)),
                ('paused_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('preferred_at', models.DateTimeField(help_text='When somebody switched to it; the last one is taken first.', null=True)),
                ('rests_until', models.DateTimeField(help_text='Nothing is tried before.', null=True)),
                ('why', models.TextField(blank=True, db_default='', default='', help_text='What it said last, without addresses.')),
                ('failures', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='In a row: it could not be had.')),
                ('condemned_at', models.DateTimeField(help_text="It takes nobody's mail; one mail is tried now and then.", null=True)),
                ('pace', models.FloatField(null=True)),
                ('climbs_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(help_text='When its pace lets the next mails leave.', null=True)),
                ('said', models.TextField(blank=True, db_default='', default='')),
                ('said_times', models.PositiveIntegerField(db_default=0, default=0)),
                ('said_domains', models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ('run', models.PositiveIntegerField(db_default=0, default=0, help_text='The number of that run.')),
                ('owed', models.JSONField(db_default=models.Value([], models.JSONField()), default=list, help_text='Runs that condemned it, of which people are still to be put back.')),
                ('day', models.DateField(null=True)),
                ('spent', models.PositiveIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.CreateModel(
            name='TrackingEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=40)),
                ('event_id', models.CharField(max_length=250)),
                ('provider_id', models.CharField(blank=True, max_length=250)),
                ('token', models.CharField(blank=True, max_length=60)),
                ('address', models.CharField(blank=True, max_length=320)),
                ('type', models.CharField(choices=[('delivered', 'delivered'), ('deferred', 'deferred'), ('bounced', 'bounced'), ('suppressed', 'suppressed by the provider'), ('failed', 'not sent by the provider, which blames no address'), ('complained', 'reported as spam'), ('autoresponded', 'answered by a machine')], max_length=13)),
                ('at', models.DateTimeField(help_text='When it happened, as the provider says.')),
                ('said', models.TextField(blank=True)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('matched_at', models.DateTimeField(help_text="When it was counted, or given up as nobody's of ours.", null=True)),
                ('message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='alerts.message')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('matched_at', None)), fields=['received_at'], name='event_unmatched')],
                'constraints': [models.UniqueConstraint(fields=('provider', 'event_id'), name='event_once')],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='recipient',
            name='count_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='recipient',
            name='count_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='seat',
            name='count_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='seat',
            name='count_update',
        ),
        migrations.AddField(
            model_name='batch',
            name='route',
            field=models.CharField(blank=True, db_default='', default='', help_text='The route that has it, or may have sent one of its mails: it leaves by no other one.', max_length=100),
        ),
        migrations.AddField(
            model_name='message',
            name='given_back',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How often it was put back because a route refused it as it refused everybody.'),
        ),
        migrations.AddField(
            model_name='message',
            name='run',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='In which run of identical refusals its route refused it.'),
        ),
        migrations.AddField(
            model_name='message',
            name='fate',
            field=models.CharField(blank=True, choices=[('', 'no word'), ('deferred', 'deferred'), ('delivered', 'delivered'), ('bounced', 'bounced'), ('suppressed', 'suppressed by the provider'), ('complained', 'reported as spam')], db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='message',
            name='fate_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='route',
            field=models.CharField(blank=True, db_default='', default='', help_text='By which it left.', max_length=100),
        ),
        migrations.AlterField(
            model_name='message',
            name='kind',
            field=models.CharField(choices=[('notice', 'notice'), ('update', 'update'), ('stand-down', 'stand-down'), ('thanks', 'stand-down, with thanks'), ('check', 'contact check'), ('introduction', 'introduction'), ('approve', 'asked to approve'), ('returned', 'returned to its writer'), ('approved', 'approved, to be published'), ('undecided', 'left undecided'), ('lapsing', 'left out, and soon put in'), ('gaps', 'nobody to tell'), ('review', 'to be looked at again'), ('code', 'one-time code'), ('note', "a contact's note, for those who were told before it"), ('canary', 'canary')], max_length=12),
        ),
        migrations.AlterField(
            model_name='recipient',
            name='outcome',
            field=models.CharField(blank=True, choices=[('', 'no word'), ('deferred', 'deferred: the route still tries'), ('delivered', 'delivered'), ('complained', 'delivered, and reported as spam'), ('unreachable', 'unreachable: the address was refused'), ('bounced', 'unreachable: the mail came back'), ('suppressed', 'unreachable: the provider sends nothing there')], db_default='', default='', max_length=11),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (SELECT advisory_id FROM new_rows))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted)\n    SELECT r.advisory_id, NULL, sum(f.targeted), sum(f.waiting), sum(f.sent), sum(f.delivered), sum(f.unreachable), sum(f.suspect), sum(f.acknowledged), sum(f.acted)\n    FROM new_rows r\n    JOIN v ON v.id = r.advisory_id\n    CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT said.yes)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT said.yes AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN said.yes\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    WHERE r.targeted\n    GROUP BY r.advisory_id;\n    RETURN NULL;\n", hash='30e7676186dddc434d8fa47a1d988d16c74c897d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_cfaab', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH counted AS (\n        SELECT r.sign, r.id, r.advisory_id, r.targeted AS in_whole, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r\n        JOIN (\n    SELECT a.id, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n) v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT said.yes)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT said.yes AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN said.yes\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    )\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted)\n    FROM (\n        SELECT c.advisory_id, NULL::bigint AS relay_id, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted FROM counted c WHERE c.in_whole\n        UNION ALL\n        SELECT c.advisory_id, s.relay_id, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted\n        FROM counted c\n        CROSS JOIN LATERAL (\n            SELECT s.relay_id, s.counts, s.ended_at FROM alerts_seat s WHERE s.recipient_id = c.id OFFSET 0\n        ) s\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0;\n    RETURN NULL;\n", hash='fb7208d9dc35399feadbe9f2798391ad240a12fe', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_5ffb3', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted\n        FROM (SELECT 1 AS sign, * FROM new_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT said.yes)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT said.yes AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN said.yes\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0;\n    RETURN NULL;\n", hash='aa64a3650a0d79c991a719a17ec294782d9c6883', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_19f33', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT said.yes)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT said.yes AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN said.yes\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0;\n    RETURN NULL;\n", hash='181816eafa15a961802d915cc05078c5e5d0e359', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_e55ec', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        # Whoever answered counts as sent, also where their address refused mail: those who did so far. And back to what the
        # last release knows of.
        migrations.RunSQL(
            COUNTED_ANEW.format(sign="+"),
            reverse_sql=f"""
                UPDATE alerts_recipient SET outcome = CASE outcome WHEN 'complained' THEN 'delivered'
                                                                   WHEN 'deferred' THEN '' ELSE 'unreachable' END
                WHERE outcome IN ('deferred', 'complained', 'bounced', 'suppressed');
                {COUNTED_ANEW.format(sign="-")}
            """,
        ),
    ]
