"""`manage.py introduce [--dry-run]`: a short letter to everybody who never had a mail from this system."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from alerts.delivery.introduce import introduce, strangers


class Command(BaseCommand):
    """Introduces the system."""

    help = "Write to everybody who never had a mail from here: what warnings look like, and how to check one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to write at all."""
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would get it.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and say to how many."""
        if options["dry_run"]:
            self.stdout.write(f"{strangers():,} people never had a mail from here. A dry run: nothing was sent.")
            return
        self.stdout.write(f"{introduce():,} letters on the way.")
