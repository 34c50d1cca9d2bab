"""`manage.py stand_down REFERENCE --as EMAIL --reason TEXT`: the advice no longer holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.management.people import advisory_of, person_of
from alerts.publishing.stopping import stand_down
from departments.refusal import Refused


class Command(BaseCommand):
    """Stands an advisory down."""

    help = "Stand an advisory down; everybody who was ever told is told so."

    def add_arguments(self, parser: CommandParser) -> None:
        """The contract's words."""
        parser.add_argument("reference")
        parser.add_argument("--as", dest="officer", required=True, metavar="EMAIL")
        parser.add_argument("--reason", required=True, metavar="TEXT")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stand it down and say so."""
        advisory = advisory_of(options["reference"])
        try:
            stand_down(advisory, person_of(options["officer"]), options["reason"])
        except Refused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{advisory.reference} is stood down; everybody who was told of it will hear so.")
