from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Who asks for help or doubts, found by the revision; and the answers that were there keep the new rule. Nobody waits."""

    atomic = False
    dependencies = [
        ("alerts", "0015_answers"),
    ]

    operations = [
        AddIndexConcurrently(
            "acknowledgement",
            models.Index(
                fields=["revision", "-id"], condition=Q(read__in=("help", "phishing")), name="acknowledgement_asking"
            ),
        ),
        ValidateConstraint(model_name="acknowledgement", name="answer_on_behalf_says_who_when_and_how"),
    ]
