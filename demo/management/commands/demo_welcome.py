"""`manage.py demo_welcome`: what a visitor of the demo wants to know first."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from alerts.models import Advisory
from demo.doors import DOORS
from demo.furnish import PASSWORD


class Command(BaseCommand):
    """Prints addresses and sign-ins."""

    help = "Print where the demo is and how to sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        """Addresses, sign-ins, and what to try first."""
        site = settings.SITE_URL
        advisory = Advisory.objects.order_by("pk").first()
        rows = [("Start here", f"{site}/"), ("The demo's mail", f"{site}/mailbox/")]
        if advisory is not None:
            rows.append(("Coverage", f"{site}/advisories/{advisory.reference}/coverage/"))
        width = max(len(name) for name, _ in rows)
        self.stdout.write("")
        for name, value in rows:
            self.stdout.write(f"  {name:<{width}}  {value}")
        self.stdout.write(f"\n  Sign in by one press at {site}/, or with the password '{PASSWORD}' as:")
        for door in DOORS:
            if door.signs_in:
                self.stdout.write(f"    {door.title:<17} {door.player.email}")
        self.stdout.write(
            "\n  Try this first: open the officer's door, watch the coverage move, then publish revision 2.\n"
        )
