from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Mails that did not arrive, by when that was known. Nobody waits meanwhile."""

    atomic = False
    dependencies = [
        ("alerts", "0012_routes"),
    ]

    operations = [
        AddIndexConcurrently(
            "recipient",
            models.Index(
                fields=["advisory", "outcome"], condition=~Q(outcome__in=("", "delivered")), name="recipient_trouble"
            ),
        ),
        AddIndexConcurrently(
            "message", models.Index(fields=["failed_at"], condition=Q(state="failed"), name="message_failed")
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                fields=["fate_at"],
                condition=Q(fate__in=("deferred", "bounced", "suppressed", "complained")),
                name="message_fate",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(fields=["person"], condition=Q(recipient=None) & ~Q(fate=""), name="message_plain_fate"),
        ),
    ]
