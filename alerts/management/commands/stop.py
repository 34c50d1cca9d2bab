"""`manage.py stop REFERENCE --as EMAIL`: nothing unsent leaves."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.management.people import advisory_of, person_of
from alerts.publishing.stopping import stop
from departments.refusal import Refused


class Command(BaseCommand):
    """Stops an advisory."""

    help = "Stop an advisory: nothing unsent leaves until it is corrected or let go on."

    def add_arguments(self, parser: CommandParser) -> None:
        """The contract's words."""
        parser.add_argument("reference")
        parser.add_argument("--as", dest="officer", required=True, metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop it and say how much had left."""
        try:
            far = stop(advisory_of(options["reference"]), person_of(options["officer"]))
        except Refused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Stopped: {far.sent:,} sent, {far.unsent:,} not.")
