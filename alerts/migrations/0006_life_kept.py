from typing import Any

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

SIGN_GAPS = "UPDATE alerts_gap SET decision = 'signed' WHERE reason <> '' AND by_id IS NOT NULL"
TASK_GAPS = "UPDATE alerts_gap SET decision = 'task' WHERE kind IN ('nobody', 'bouncing')"
# What the tables as they were can't hold.
FORGET = """
DELETE FROM alerts_message WHERE kind IN ('approve', 'returned', 'undecided', 'lapsing', 'gaps', 'review');
DELETE FROM alerts_batch WHERE about_id IS NOT NULL;
DELETE FROM alerts_gap WHERE kind IN ('similar', 'sponsor');
UPDATE alerts_advisory SET state = 'live' WHERE state = 'expired';
"""


def as_typed(apps: Any, _: Any) -> None:
    """Drafts are kept in the keys of an advisory's file: durations as they are typed, not as seconds."""
    for draft in apps.get_model("alerts", "Draft").objects.all():
        content = draft.content
        if "acknowledge_seconds" in content:
            content["acknowledge_within"] = f"PT{content.pop('acknowledge_seconds')}S"
        for action in content.get("actions", []):
            if "due_seconds" in action:
                action["due"] = f"PT{action.pop('due_seconds')}S"
        draft.submitted_at = draft.saved_at
        draft.save(update_fields=["content", "submitted_at"])


class Migration(migrations.Migration):
    """The rows that were there keep the new rules as well; looked at apart, so that nobody waits meanwhile."""

    dependencies = [
        ("alerts", "0005_life"),
    ]

    operations = [
        migrations.RunSQL(f"{SIGN_GAPS}; {TASK_GAPS}", FORGET),
        # Going back a draft is to be written anew: seconds can't be told from what was typed.
        migrations.RunPython(as_typed, migrations.RunPython.noop),
        ValidateConstraint(model_name="batch", name="batch_of_an_advisory_or_plain"),
        ValidateConstraint(model_name="message", name="message_of_an_advisory_or_plain"),
    ]
