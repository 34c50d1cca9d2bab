"""`manage.py load_bodies FILE`: bodies from a CSV or from the GOV.UK organisations API's JSON."""

from argparse import ArgumentParser
from typing import Any

from departments.loading import load_bodies
from departments.management.loads import LoadCommand


class Command(LoadCommand):
    """Loads bodies, all or none."""

    help = "Load bodies from a CSV (slug,name,kind,parent,topics) or from the GOV.UK organisations API's JSON."
    load = staticmethod(load_bodies)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """As for any load, and whether to close what is missing."""
        super().add_arguments(parser)
        parser.add_argument(
            "--close-missing",
            action="store_true",
            help="Close the bodies that an earlier file of this kind named and this one does not.",
        )

    def further(self, options: dict[str, Any]) -> dict[str, Any]:
        """Whether to close what is missing."""
        return {"close_missing": options["close_missing"]}
