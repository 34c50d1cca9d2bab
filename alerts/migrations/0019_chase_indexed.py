from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Bodies and people of a clock, bodies that wait for one, and promises by their day. Nobody waits."""

    atomic = False
    dependencies = [
        ("alerts", "0018_chase"),
    ]

    operations = [
        AddIndexConcurrently(
            "recipient",
            models.Index(condition=models.Q(("clock__isnull", False)), fields=["clock", "id"], name="recipient_clock"),
        ),
        AddIndexConcurrently(
            "relay",
            models.Index(condition=models.Q(("clock__isnull", False)), fields=["clock", "id"], name="relay_clock"),
        ),
        AddIndexConcurrently(
            "relay",
            models.Index(
                condition=models.Q(("clock", None), ("purpose__in", ("target", "named")), ("state", "released")),
                fields=["advisory"],
                name="relay_without_clock",
            ),
        ),
        AddIndexConcurrently(
            "actionanswer",
            models.Index(
                condition=models.Q(("by_date__isnull", False)), fields=["by_date"], name="action_answer_promised"
            ),
        ),
    ]
