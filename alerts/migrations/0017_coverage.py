import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

# Whoever was told of or answered what stands now, as it would have been counted. Their tables are this migration's alone here,
# so that nothing changes between the columns that are new and what is written into them.
_ANSWERED = "v.material > 0 AND (r.answered_revision >= v.material OR v.office = 'counts' AND r.office_revision >= v.material)"
_FOUND = f"""
SELECT r.id, r.advisory_id, r.targeted, v.material, v.office, {_ANSWERED} AS answered, v.material > 0 AND heard.so AS heard,
       CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so
            ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS told,
       r.outcome, greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0 AS before
FROM alerts_recipient r
JOIN (
    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material
    FROM alerts_advisory a
    LEFT JOIN alerts_revision c ON c.id = a.current_id
    LEFT JOIN alerts_revision m ON m.id = a.material_id
) v ON v.id = r.advisory_id
CROSS JOIN LATERAL (
    SELECT v.material > 0 AND (r.answered_revision >= v.material OR r.office_revision >= v.material) AS so
) heard
"""
_SUMS = """
count(*) FILTER (WHERE NOT f.answered AND (f.heard OR f.told AND f.outcome IN ('delivered', 'complained'))) AS silent,
count(*) FILTER (WHERE NOT f.heard AND NOT f.told AND f.outcome NOT IN ('unreachable', 'bounced', 'suppressed')) AS unsent,
count(*) FILTER (WHERE NOT f.answered AND f.before) AS former
"""
# An advisory whose deltas nobody has folded yet has no kept figures: then these are the first of them.
_KEEP = "DO UPDATE SET silent = excluded.silent, unsent = excluded.unsent, former = excluded.former"
COUNT = f"""
INSERT INTO alerts_counter (advisory_id, relay_id, silent, unsent, former)
SELECT f.advisory_id, s.relay_id, {_SUMS}
FROM alerts_seat s JOIN ({_FOUND}) f ON f.id = s.recipient_id
WHERE s.counts AND s.ended_at IS NULL
GROUP BY f.advisory_id, s.relay_id
ON CONFLICT (relay_id) {_KEEP};
INSERT INTO alerts_whole (advisory_id, silent, unsent, former)
SELECT f.advisory_id, {_SUMS} FROM ({_FOUND}) f WHERE f.targeted GROUP BY f.advisory_id
ON CONFLICT (advisory_id) {_KEEP};
"""
# What is counted already stands in the minute of each one's first answer that counts.
TIDES = f"""
INSERT INTO alerts_tide (advisory_id, relay_id, material, minute, acknowledged)
SELECT f.advisory_id, x.relay_id, f.material, date_trunc('minute', k.at), count(*)
FROM ({_FOUND}) f
CROSS JOIN LATERAL (
    SELECT min(k.at) AS at
    FROM alerts_acknowledgement k JOIN alerts_revision w ON w.id = k.revision_id
    WHERE k.recipient_id = f.id AND w.number >= f.material AND k.suspect = '{{}}' AND k.read <> 'phishing'
      AND (k.how <> 'office' OR f.office = 'counts')
) k
CROSS JOIN LATERAL (
    SELECT NULL::bigint AS relay_id WHERE f.targeted
    UNION ALL
    SELECT unnest(l.path) FROM alerts_seat s JOIN alerts_relay l ON l.id = s.relay_id
    WHERE s.recipient_id = f.id AND s.counts AND s.ended_at IS NULL
) x
WHERE f.answered AND k.at IS NOT NULL
GROUP BY 1, 2, 3, 4
"""


class Migration(migrations.Migration):
    """Who still acts on the old advice; in which minutes people answered; figures that were kept, to be cited."""

    dependencies = [
        ('alerts', '0016_answers_indexed'),
        ('departments', '0005_how_it_bounced'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Citation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(help_text='What a letter or an answer to Parliament quotes.', max_length=12, unique=True)),
                ('bodies', models.JSONField(help_text='The ids of the bodies that it says anything of; nothing: everything.', null=True)),
                ('at', models.DateTimeField(help_text='The moment of the figures.')),
                ('kept_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('content', models.JSONField(help_text='What the page said, figures and words.')),
                ('svg', models.TextField(blank=True, db_default='', default='')),
                ('png', models.BinaryField(db_default=b'', default=b'')),
                ('advisory', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='citations', to='alerts.advisory')),
                ('body', models.ForeignKey(db_index=False, help_text='Of this branch alone.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='departments.body')),
                ('by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Tide',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('material', models.PositiveSmallIntegerField(help_text='The material revision that was answered.')),
                ('minute', models.DateTimeField(help_text='Its beginning.')),
                ('acknowledged', models.IntegerField()),
                ('advisory', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='alerts.advisory')),
                ('relay', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='alerts.relay')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('advisory', 'relay', 'material', 'minute'), name='tide_once', nulls_distinct=False)],
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
            model_name='counter',
            name='former',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='counter',
            name='silent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='counter',
            name='unsent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='delta',
            name='at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='delta',
            name='former',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='delta',
            name='material',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='The last material revision then: what was answered.'),
        ),
        migrations.AddField(
            model_name='delta',
            name='silent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='delta',
            name='unsent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='whole',
            name='former',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='whole',
            name='silent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='whole',
            name='unsent',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='message',
            name='kind',
            field=models.CharField(choices=[('notice', 'notice'), ('update', 'update'), ('stand-down', 'stand-down'), ('thanks', 'stand-down, with thanks'), ('check', 'contact check'), ('introduction', 'introduction'), ('approve', 'asked to approve'), ('returned', 'returned to its writer'), ('approved', 'approved, to be published'), ('undecided', 'left undecided'), ('lapsing', 'left out, and soon put in'), ('gaps', 'nobody to tell'), ('review', 'to be looked at again'), ('code', 'one-time code'), ('note', "a contact's note, for those who were told before it"), ('canary', 'canary'), ('receipt', 'receipt for an answer'), ('unclear', 'a reply that was not understood'), ('own-link', 'their own link, once more'), ('referral', 'what a reader says about who is there'), ('phishing', 'readers take it for phishing'), ('reminder', 'reminder'), ('report', 'its coverage, as it was kept')], max_length=12),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (SELECT advisory_id FROM new_rows))\n    INSERT INTO alerts_delta (advisory_id, relay_id, material, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf, silent, unsent, former)\n    SELECT r.advisory_id, NULL, v.material, sum(f.targeted), sum(f.waiting), sum(f.sent), sum(f.delivered), sum(f.unreachable), sum(f.suspect), sum(f.acknowledged), sum(f.acted), sum(f.office), sum(f.behalf), sum(f.silent), sum(f.unsent), sum(f.former)\n    FROM new_rows r\n    JOIN v ON v.id = r.advisory_id\n    CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf,\n           (NOT said.yes AND (heard.so OR told.now AND r.outcome IN ('delivered', 'complained')))::int AS silent,\n           (NOT heard.so AND NOT told.now AND NOT told.refused)::int AS unsent,\n           (NOT said.yes AND greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0)::int\n               AS former\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    WHERE r.targeted\n    GROUP BY r.advisory_id, v.material;\n    RETURN NULL;\n", hash='703c288e2e66e58661bfc71f1fd02ef86f9f2a16', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_cfaab', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipient',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (SELECT DISTINCT advisory_id FROM new_rows ORDER BY advisory_id) AS touched;\n\n    WITH counted AS (\n        SELECT r.sign, r.id, r.advisory_id, v.material, r.targeted AS in_whole, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf, f.silent, f.unsent, f.former\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) r\n        JOIN (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n) v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf,\n           (NOT said.yes AND (heard.so OR told.now AND r.outcome IN ('delivered', 'complained')))::int AS silent,\n           (NOT heard.so AND NOT told.now AND NOT told.refused)::int AS unsent,\n           (NOT said.yes AND greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0)::int\n               AS former\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n    )\n    INSERT INTO alerts_delta (advisory_id, relay_id, material, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf, silent, unsent, former)\n    SELECT x.advisory_id, x.relay_id, x.material, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf), sum(x.sign * x.silent), sum(x.sign * x.unsent), sum(x.sign * x.former)\n    FROM (\n        SELECT c.advisory_id, NULL::bigint AS relay_id, c.material, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted, c.office, c.behalf, c.silent, c.unsent, c.former FROM counted c WHERE c.in_whole\n        UNION ALL\n        SELECT c.advisory_id, s.relay_id, c.material, c.sign, c.targeted, c.waiting, c.sent, c.delivered, c.unreachable, c.suspect, c.acknowledged, c.acted, c.office, c.behalf, c.silent, c.unsent, c.former\n        FROM counted c\n        CROSS JOIN LATERAL (\n            SELECT s.relay_id, s.counts, s.ended_at FROM alerts_seat s WHERE s.recipient_id = c.id OFFSET 0\n        ) s\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id, x.material\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0 OR sum(x.sign * x.silent) <> 0 OR sum(x.sign * x.unsent) <> 0 OR sum(x.sign * x.former) <> 0;\n    RETURN NULL;\n", hash='853a032bb835accb0f394cb547a47d243cadb144', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_5ffb3', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_recipient', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, material, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf, silent, unsent, former)\n    SELECT x.advisory_id, x.relay_id, x.material, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf), sum(x.sign * x.silent), sum(x.sign * x.unsent), sum(x.sign * x.former)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, v.material, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf, f.silent, f.unsent, f.former\n        FROM (SELECT 1 AS sign, * FROM new_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf,\n           (NOT said.yes AND (heard.so OR told.now AND r.outcome IN ('delivered', 'complained')))::int AS silent,\n           (NOT heard.so AND NOT told.now AND NOT told.refused)::int AS unsent,\n           (NOT said.yes AND greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0)::int\n               AS former\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id, x.material\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0 OR sum(x.sign * x.silent) <> 0 OR sum(x.sign * x.unsent) <> 0 OR sum(x.sign * x.former) <> 0;\n    RETURN NULL;\n", hash='a368325c47cba561301f19a9ad36e686983cf767', level='STATEMENT', operation='INSERT', pgid='pgtrigger_count_insert_19f33', referencing='REFERENCING NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='count_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    \n    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.figures'), touched.advisory_id::int)\n    FROM (\n        SELECT DISTINCT l.advisory_id\n        FROM (SELECT DISTINCT relay_id FROM new_rows) s\n        JOIN alerts_relay l ON l.id = s.relay_id\n        ORDER BY l.advisory_id\n    ) AS touched;\n    PERFORM FROM (SELECT DISTINCT recipient_id AS id FROM new_rows ORDER BY id) touched\n    CROSS JOIN LATERAL (\n        SELECT FROM alerts_recipient r\n        WHERE r.id = touched.id AND r.xmin <> pg_current_xact_id()::xid\n        OFFSET 0\n        FOR SHARE\n    ) theirs;\n\n    WITH v AS MATERIALIZED (\n    SELECT a.id, a.office, COALESCE(c.number, 0) AS current, COALESCE(m.number, 0) AS material\n    FROM alerts_advisory a\n    LEFT JOIN alerts_revision c ON c.id = a.current_id\n    LEFT JOIN alerts_revision m ON m.id = a.material_id\n WHERE a.id IN (\n        SELECT l.advisory_id FROM (SELECT DISTINCT relay_id FROM new_rows) s JOIN alerts_relay l ON l.id = s.relay_id\n    ))\n    INSERT INTO alerts_delta (advisory_id, relay_id, material, targeted, waiting, sent, delivered, unreachable, suspect, acknowledged, acted, office, behalf, silent, unsent, former)\n    SELECT x.advisory_id, x.relay_id, x.material, sum(x.sign * x.targeted), sum(x.sign * x.waiting), sum(x.sign * x.sent), sum(x.sign * x.delivered), sum(x.sign * x.unreachable), sum(x.sign * x.suspect), sum(x.sign * x.acknowledged), sum(x.sign * x.acted), sum(x.sign * x.office), sum(x.sign * x.behalf), sum(x.sign * x.silent), sum(x.sign * x.unsent), sum(x.sign * x.former)\n    FROM (\n        SELECT s.sign, s.relay_id, r.advisory_id, v.material, f.targeted, f.waiting, f.sent, f.delivered, f.unreachable, f.suspect, f.acknowledged, f.acted, f.office, f.behalf, f.silent, f.unsent, f.former\n        FROM (SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows) s\n        CROSS JOIN LATERAL (SELECT r.* FROM alerts_recipient r WHERE r.id = s.recipient_id OFFSET 0) r\n        JOIN v ON v.id = r.advisory_id\n        CROSS JOIN LATERAL (\n    SELECT 1 AS targeted,\n           (NOT told.now AND NOT told.refused)::int AS waiting,\n           told.now::int AS sent,\n           (told.now AND r.outcome IN ('delivered', 'complained'))::int AS delivered,\n           told.refused::int AS unreachable,\n           (v.material > 0 AND r.suspect_revision >= v.material AND NOT heard.so)::int AS suspect,\n           said.yes::int AS acknowledged,\n           (said.yes AND r.acted_revision >= v.material)::int AS acted,\n           (heard.so AND NOT own.yes)::int AS office,\n           (own.yes AND r.behalf_revision >= v.material)::int AS behalf,\n           (NOT said.yes AND (heard.so OR told.now AND r.outcome IN ('delivered', 'complained')))::int AS silent,\n           (NOT heard.so AND NOT told.now AND NOT told.refused)::int AS unsent,\n           (NOT said.yes AND greatest(r.answered_revision, CASE WHEN v.office = 'counts' THEN r.office_revision END) > 0)::int\n               AS former\n    FROM (SELECT v.material > 0 AND r.answered_revision >= v.material AS yes) AS own,\n         LATERAL (SELECT own.yes OR (v.material > 0 AND r.office_revision >= v.material) AS so) AS heard,\n         LATERAL (SELECT own.yes OR (v.office = 'counts' AND heard.so) AS yes) AS said,\n         LATERAL (SELECT r.outcome IN ('unreachable', 'bounced', 'suppressed') AND NOT heard.so AS refused,\n                         CASE WHEN r.outcome IN ('unreachable', 'bounced', 'suppressed') THEN heard.so\n                              ELSE r.told_revision > 0 AND r.told_revision >= v.current END AS now) AS told\n) f\n        WHERE s.counts AND s.ended_at IS NULL\n    ) x\n    GROUP BY x.advisory_id, x.relay_id, x.material\n    HAVING sum(x.sign * x.targeted) <> 0 OR sum(x.sign * x.waiting) <> 0 OR sum(x.sign * x.sent) <> 0 OR sum(x.sign * x.delivered) <> 0 OR sum(x.sign * x.unreachable) <> 0 OR sum(x.sign * x.suspect) <> 0 OR sum(x.sign * x.acknowledged) <> 0 OR sum(x.sign * x.acted) <> 0 OR sum(x.sign * x.office) <> 0 OR sum(x.sign * x.behalf) <> 0 OR sum(x.sign * x.silent) <> 0 OR sum(x.sign * x.unsent) <> 0 OR sum(x.sign * x.former) <> 0;\n    RETURN NULL;\n", hash='f73fa5010fdd3b551426f5f665bc3c10032fc10e', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_count_update_e55ec', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='alerts_seat', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='citation',
            trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6a4b92b3111b463d0b55e7312b26cc59a07c6382', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_70e97', table='alerts_citation', when='BEFORE')),
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RunSQL(TIDES, migrations.RunSQL.noop),
    ]
