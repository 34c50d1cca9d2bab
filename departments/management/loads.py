"""What the two loading commands share: their options, and how a report is printed."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from departments.loading import NotUnderstood, Report
from departments.loading.report import Progress


class LoadCommand(BaseCommand):
    """Loads a file with `load`, prints what came of it; exit code 1 and nothing loaded where a row is not understood."""

    load: ClassVar[Callable[..., Report]]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and whether to change anything."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="Print every difference and change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and say what was loaded and what was not."""
        try:
            report = type(self).load(
                options["file"],
                dry_run=options["dry_run"],
                progress=self._progress(options["verbosity"]),
                **self.further(options),
            )
        except NotUnderstood as error:
            raise CommandError(str(error)) from None
        if options["verbosity"] == 0:
            return
        shown = report.differences if report.dry_run else report.proposals
        for line in [*shown, *map(str, report.remarks), str(report)]:
            self.stdout.write(line)

    def further(self, options: dict[str, Any]) -> dict[str, Any]:
        """What a command passes on besides."""
        return {}

    def _progress(self, verbosity: int) -> Progress:
        shown = verbosity > 1 or (verbosity == 1 and sys.stderr.isatty())
        return (lambda step: self.stderr.write(f"... {step}", self.style.NOTICE)) if shown else (lambda step: None)
