"""`manage.py demo_load`: the demo's directory, once."""

from typing import Any

from django.core.management.base import BaseCommand

from demo.furnish import furnish, is_furnished
from departments.models import Body, Person


class Command(BaseCommand):
    """Loads the demo's bodies and people."""

    help = "Load the demo's bodies and made-up people, unless they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and say how many there are."""
        if not is_furnished():
            furnish()
        self.stdout.write(f"{Body.objects.count():,} bodies and {Person.objects.count():,} made-up people.")
