from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rows that were there keep the new rules as well; looked at apart, so that nobody waits meanwhile."""

    dependencies = [
        ("alerts", "0003_plain_mails"),
    ]

    operations = [
        # Going back, plain mails go: the tables as they were can't hold them. Apart from 0003, whose ALTERs would wait for it.
        migrations.RunSQL(
            migrations.RunSQL.noop,
            """
            DELETE FROM alerts_message WHERE advisory_id IS NULL;
            DELETE FROM alerts_batch WHERE advisory_id IS NULL;
            """,
        ),
        ValidateConstraint(model_name="batch", name="batch_of_an_advisory_or_plain"),
        ValidateConstraint(model_name="message", name="message_of_an_advisory_or_plain"),
    ]
