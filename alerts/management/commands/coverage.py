"""`manage.py coverage REFERENCE [--json]`: who has been told and who has answered, body by body."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alerts import coverage
from alerts.models import Advisory, Office, State

NAME_WIDTH = 58
HEADS = ("answered", "of", "sent", "waiting", "refused", "state", "why")


class Command(BaseCommand):
    """Prints; changes nothing."""

    help = "Show the coverage of an advisory, as a table or (--json) for a script."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The reference, and the form."""
        parser.add_argument("reference")
        parser.add_argument("--json", action="store_true", help="A list: the whole first, then each body.")

    def handle(self, *args: Any, reference: str, **options: Any) -> None:
        """Print it."""
        try:
            advisory = Advisory.objects.get(reference=reference)
        except Advisory.DoesNotExist:
            raise CommandError(f"There is no advisory {reference}. Look at its reference again.") from None
        if options["json"]:
            self.stdout.write(json.dumps(coverage.as_json(advisory), ensure_ascii=False, indent=1))
        else:
            self._print(coverage.read(advisory), advisory)

    def _print(self, found: coverage.Coverage, advisory: Advisory) -> None:
        figures, bodies = found.whole.figures, found.whole.bodies
        self.stdout.write(
            f"{figures.acknowledged:,} of {figures.targeted:,} people have answered; {figures.sent:,} were sent it, "
            f"{figures.waiting:,} wait, {figures.unreachable:,} can't be reached.\n"
            f"{bodies.covered:,} of {bodies.targeted:,} bodies are covered; {bodies.dark:,} have nobody to tell, "
            f"{bodies.held:,} hold it, {bodies.excluded:,} were left out on purpose.\n"
        )
        counts, asks = advisory.office == Office.COUNTS, advisory.state == State.LIVE
        for said in coverage.told_apart(figures, office_counts=counts, asks=asks):
            self.stdout.write(f"{said}.")
        self._line("body, with all below it", *HEADS)
        for row in found.rows:
            name = "  " * row.depth + row.name
            branch = row.branch
            numbers = (branch.acknowledged, branch.targeted, branch.sent, branch.waiting, branch.unreachable)
            self._line(name, *(f"{number:,}" for number in numbers), row.state, row.why)

    def _line(self, name: str, *cells: str) -> None:
        shown = name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 3] + "..."
        *numbers, state, why = cells
        columns = " ".join(f"{cell:>9}" for cell in numbers)
        self.stdout.write(f"{shown:<{NAME_WIDTH}} {columns}  {state:<11} {why}".rstrip())
