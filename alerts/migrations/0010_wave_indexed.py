from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """What the wave looks by. Nobody waits meanwhile."""

    atomic = False
    dependencies = [
        ("alerts", "0009_wave"),
    ]

    operations = [
        AddIndexConcurrently(
            "relay", models.Index(fields=["advisory"], condition=Q(to_tell=True), name="relay_to_tell")
        ),
    ]
