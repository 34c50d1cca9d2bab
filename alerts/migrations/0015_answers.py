import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps as Apps

from alerts import tokens

# What the rows of before say under the new rules, and of after under the old ones: the triggers, which are the new ones at this
# point in either direction, count what changes.
ANSWERED_FOR = """
UPDATE alerts_recipient r
SET office_revision = k.office, behalf_revision = CASE WHEN k.last = 'behalf' THEN r.answered_revision ELSE 0 END
FROM (
    SELECT k.recipient_id, COALESCE(max(v.number) FILTER (WHERE k.how = 'office'), 0) AS office,
           (array_agg(k.how ORDER BY v.number DESC, k.id DESC) FILTER (WHERE k.how <> 'office'))[1] AS last
    FROM alerts_acknowledgement k
    JOIN alerts_revision v ON v.id = k.revision_id
    WHERE k.suspect = '{}' AND k.read <> 'phishing'
    GROUP BY k.recipient_id
    HAVING bool_or(k.how IN ('office', 'behalf'))
) k
WHERE k.recipient_id = r.id
"""
ANSWERED_FOR_NOBODY = """
UPDATE alerts_recipient SET office_revision = 0, behalf_revision = 0 WHERE office_revision > 0 OR behalf_revision > 0
"""


def note_keys(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Whichever key the links of what was mailed already were signed with, it is one of those of now."""
    keys = {tokens.fingerprint(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)}
    mailed = apps.get_model("alerts", "Advisory").objects.filter(current__isnull=False)
    noted = [apps.get_model("alerts", "LinkKey")(advisory=one, fingerprint=key) for one in mailed for key in sorted(keys)]
    apps.get_model("alerts", "LinkKey").objects.bulk_create(noted, ignore_conflicts=True)


class Migration(migrations.Migration):
    """Answers for somebody else, doubts, what readers say about who is there; and with which keys links were signed."""

    dependencies = [
        ('alerts', '0014_doubts'),
        ('departments', '0005_how_it_bounced'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LinkKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(max_length=22)),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('advisory', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='link_keys', to='alerts.advisory')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('advisory', 'fingerprint'), name='link_key_once')],
            },
        ),
        migrations.CreateModel(
            name='Referral',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('not-me', 'is not the one it was sent to'), ('left', 'says that they have left'), ('also', 'says who else should see it')], max_length=6)),
                ('name', models.CharField(blank=True, default='', help_text='Of whom it speaks, as it was typed.', max_length=500)),
                ('email', models.CharField(blank=True, default='', help_text='Canonical, of whom it speaks.', max_length=320)),
                ('text', models.TextField(blank=True, default='')),
                ('form_id', models.UUIDField(help_text="The form's own value: a double press writes once.", unique=True)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('decision', models.CharField(blank=True, choices=[('', 'not decided yet'), ('done', 'done'), ('declined', 'declined')], db_default='', default='', max_length=8)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.TextField(blank=True, db_default='', default='', help_text='Why it was declined.')),
                ('body', models.ForeignKey(help_text='Whose contact decides; none: an administrator.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='departments.body')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('recipient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='referrals', to='alerts.recipient')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['recipient', '-id'], name='referral_of'),
                    models.Index(condition=models.Q(('decision', '')), fields=['body', 'id'], name='referral_open'),
                ],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', '')), models.Q(models.Q(('decision', ''), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='referral_decided_by_name')],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='recipient',
            name='count_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='recipient',
            name='count_update',
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
            model_name='acknowledgement',
            name='name_given',
            field=models.CharField(blank=True, db_default='', default='', help_text='Of whoever gave it, as they typed it.', max_length=500),
        ),
        migrations.AddField(
            model_name='acknowledgement',
            name='text',
            field=models.TextField(blank=True, db_default='', default='', help_text='What they need help with, or why it looks like phishing.'),
        ),
        migrations.AddField(
            model_name='acknowledgement',
            name='told_at',
            field=models.DateTimeField(help_text='On behalf: when they were told.', null=True),
        ),
        migrations.AddField(
            model_name='acknowledgement',
            name='told_how',
            field=models.CharField(blank=True, choices=[('telephone', 'by telephone'), ('person', 'in person'), ('meeting', 'in a meeting'), ('other', 'in another way')], db_default='', default='', help_text='On behalf: how they were told.', max_length=9),
        ),
        migrations.AddField(
            model_name='advisory',
            name='office',
            field=models.CharField(choices=[('apart', 'are counted apart: the person is still asked'), ('counts', 'count as if the person had answered')], db_default='apart', default='apart', max_length=6),
        ),
        migrations.AddField(
            model_name='counter',
            name='behalf',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='counter',
            name='office',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='delta',
            name='behalf',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='delta',
            name='office',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='recipient',
            name='behalf_revision',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Where their last answer was put down for them: the revision that it is to.'),
        ),
        migrations.AddField(
            model_name='recipient',
            name='office_revision',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='The last revision that their office answered.'),
        ),
        migrations.AddField(
            model_name='whole',
            name='behalf',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='whole',
            name='office',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='acknowledgement',
            name='by',
            field=models.ForeignKey(help_text='Who gave it for the recipient.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        # Going back, a doubt is kept as an answer that does not count. Forth again, of what was put down for somebody it is known by
        # whom, and no more how they were told.
        migrations.RunSQL(
            """
            ALTER TABLE alerts_acknowledgement DISABLE TRIGGER USER;
            UPDATE alerts_acknowledgement SET told_how = 'other', told_at = at WHERE how = 'behalf';
            ALTER TABLE alerts_acknowledgement ENABLE TRIGGER USER;
            """,
            """
            ALTER TABLE alerts_acknowledgement DISABLE TRIGGER USER;
            UPDATE alerts_acknowledgement SET read = 'help', suspect = suspect || 'phishing'::text WHERE read = 'phishing';
            ALTER TABLE alerts_acknowledgement ENABLE TRIGGER USER;
            """,
        ),
        AddConstraintNotValid(
            model_name='acknowledgement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('by__isnull', False), ('how', 'behalf'), ('told_at__isnull', False), models.Q(('told_how', ''), _negated=True)), models.Q(models.Q(('how', 'behalf'), _negated=True), ('told_at', None), ('told_how', '')), _connector='OR'), name='answer_on_behalf_says_who_when_and_how'),
        ),
        migrations.AlterField(
            model_name='message',
            name='kind',
            field=models.CharField(choices=[('notice', 'notice'), ('update', 'update'), ('stand-down', 'stand-down'), ('thanks', 'stand-down, with thanks'), ('check', 'contact check'), ('introduction', 'introduction'), ('approve', 'asked to approve'), ('returned', 'returned to its writer'), ('approved', 'approved, to be published'), ('undecided', 'left undecided'), ('lapsing', 'left out, and soon put in'), ('gaps', 'nobody to tell'), ('review', 'to be looked at again'), ('code', 'one-time code'), ('note', "a contact's note, for those who were told before it"), ('canary', 'canary'), ('receipt', 'receipt for an answer'), ('unclear', 'a reply that was not understood'), ('own-link', 'their own link, once more'), ('referral', 'what a reader says about who is there'), ('phishing', 'readers take it for phishing')], max_length=12),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (SELECT advisory_id FROM new_rows))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf)\n    SELECT r.advisory_id, NULL, sum(f.targeted), sum(f.waiting), sum(f.sent), sum(f.delivered), sum(f.unreachable), sum(f.suspect), sum(f.acknowledged), sum(f.acted), sum(f.office), sum(f.behalf)\n    FROM new_rows r\n    JOIN v ON v.id = r.advisory_id\n    CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    WHERE r.targeted\n    GROUP BY r.advisory_id;\n    RETURN NULL;\n", hash='a2ce6420814287abafd5fd7aca3296e1983676dd', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_cfaab', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH counted AS (\n        SELECT r.sign, r.id, r.advisory_id, r.targeted AS in_whole, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r\n        JOIN (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n) v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    )\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf)\n    FROM (\n        SELECT c.advisory_id, NULL::bigint AS relay_id, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted, c.office, c.behalf FROM counted c WHERE c.in_whole\n        UNION ALL\n        SELECT c.advisory_id, s.relay_id, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted, c.office, c.behalf\n        FROM counted c\n        CROSS JOIN LATERAL (\n            SELECT s.relay_id, s.counts, s.ended_at FROM alerts_seat s WHERE s.recipient_id = c.id OFFSET 0\n        ) s\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0;\n    RETURN NULL;\n", hash='acdc4cdee1920b544b00e86f42ba7875d2a60d57', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_5ffb3', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf\n        FROM (SELECT 1 AS sign, * FROM new_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0;\n    RETURN NULL;\n", hash='0ae5f37d6ec1c3ffb9722d27bec8daad6c6732a6', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_19f33', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf)\n    SELECT x.advisory_id, x.relay_id, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0;\n    RETURN NULL;\n", hash='7f89567f209c2da7660db8b88d94a4bb56bea88d', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_e55ec', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='referral',
            trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='0ee6ee85fe78910989ced8ee69aab50275ef631b', operation='DELETE', pgid='pgtrigger_kept_31187', table='alerts_referral', when='BEFORE')),
        ),
        migrations.RunSQL(ANSWERED_FOR, ANSWERED_FOR_NOBODY),
        migrations.RunPython(note_keys, migrations.RunPython.noop),
    ]
