"""`manage.py ask_contacts [--everybody]`: are you still the contact?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from alerts.delivery.verify import ask_contacts


class Command(BaseCommand):
    """Asks the contacts who are due."""

    help = "Mail the contacts whose confirmation runs out; with --everybody all who have not confirmed within 90 days."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whom."""
        parser.add_argument("--everybody", action="store_true", help="Not only those who are due by themselves.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and say how many."""
        self.stdout.write(f"{ask_contacts(everybody=options['everybody']):,} contacts asked.")
