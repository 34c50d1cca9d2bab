from django.db import migrations, models
from django.db.models import Q

MAKE = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS exclusion_current_once
ON alerts_exclusion (advisory_id, body_id) WHERE lapsed_at IS NULL
"""


class Migration(migrations.Migration):
    """A body is left out once at a time, rather than once: what lapsed may be signed anew. Nobody waits meanwhile."""

    atomic = False
    dependencies = [
        ("alerts", "0006_life_kept"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(MAKE, "DROP INDEX CONCURRENTLY IF EXISTS exclusion_current_once")],
            state_operations=[
                migrations.AddConstraint(
                    "exclusion",
                    models.UniqueConstraint(
                        fields=["advisory", "body"], condition=Q(lapsed_at=None), name="exclusion_current_once"
                    ),
                )
            ],
        ),
        migrations.RemoveConstraint("exclusion", "exclusion_once"),
        # Going back, what lapsed is forgotten: the table as it was can't hold it beside what was signed anew.
        migrations.RunSQL(migrations.RunSQL.noop, "DELETE FROM alerts_exclusion WHERE lapsed_at IS NOT NULL"),
    ]
