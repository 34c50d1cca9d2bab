import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    """How it is known that mail does not reach somebody, and since when it is late."""

    dependencies = [
        ('departments', '0004_delegations_end'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='person',
            name='note_person',
        ),
        migrations.AddField(
            model_name='person',
            name='bounced_how',
            field=models.CharField(blank=True, choices=[('', 'refused by the mail server'), ('bounced', 'came back'), ('suppressed', 'the mail provider sends nothing there any more'), ('complained', 'reported as spam')], db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='person',
            name='deferred_at',
            field=models.DateTimeField(blank=True, help_text='Since when mail to them is late: their mail server puts it off.', null=True),
        ),
        migrations.AlterField(
            model_name='person',
            name='bounced_at',
            field=models.DateTimeField(blank=True, help_text='Since when mail does not reach them.', null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='person',
            trigger=pgtrigger.compiler.Trigger(name='note_person', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n    INSERT INTO departments_change (body_id)\n    SELECT DISTINCT m.body_id\n    FROM new_rows n\n    JOIN old_rows o ON o.id = n.id\n    JOIN departments_membership m ON m.person_id = n.id AND m.until IS NULL\n    WHERE (n.email, n.left_at, n.bounced_at, n.bounced_how, n.deferred_at)\n        IS DISTINCT FROM (o.email, o.left_at, o.bounced_at, o.bounced_how, o.deferred_at);\n    RETURN NULL;\n', hash='ed8befddf9b0110734185717266bb8586d82e017', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_note_person_f0395', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='departments_person', when='AFTER')),
        ),
    ]
