"""`manage.py demo_publish`: the Zoom advisory goes out; its second revision waits for the visitor."""

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from alerts.models import Advisory
from alerts.officers import issuer_of
from alerts.publishing.draft import from_file, update_from_file
from alerts.publishing.publish import publish_draft
from demo import cast
from demo.furnish import HERE
from departments.models import Person

WHAT_CHANGED = "Version 5 of Zoom is out. For confidential business the advice stays as it was: do not use it."


class Command(BaseCommand):
    """Publishes the demo's advisory."""

    help = "Publish the demo's Zoom advisory, unless it is there; prints its reference."

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish revision 1, and leave revision 2 as a draft that a second officer may publish."""
        advisory = Advisory.objects.filter(issuer__slug="national-cyber-security-centre").order_by("pk").first()
        self.stdout.write((advisory or self._publish()).reference)

    @transaction.atomic
    def _publish(self) -> Advisory:
        officer = Person.objects.get(email=cast.OFFICER.email)
        approver = Person.objects.get(email=cast.APPROVER.email)
        draft = from_file(json.loads((HERE / "zoom.json").read_text()), officer, issuer_of(officer))
        revision = publish_draft(
            draft, approver, accept_gaps="Not below government or parliament; told by their own sponsors."
        )
        second = {**json.loads((HERE / "zoom-2.json").read_text()), "what_changed": WHAT_CHANGED}
        update_from_file(revision.advisory, second, approver, material=True)
        return revision.advisory
