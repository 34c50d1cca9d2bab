"""`manage.py audit`: is any live work older than it should be? One line a finding; exit code 1 where there are any."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.utils import timezone

from alerts.watching import watch


class Command(BaseCommand):
    """Looks, and changes nothing."""

    help = "Say what is not well, one thing a line. Exit code 1 where there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look as `/healthz` does, and say what it finds with everything that an operator may know."""
        try:
            found = watch.look(timezone.now())
        except DatabaseError:
            self.stdout.write("database: PostgreSQL does not answer; check DATABASE_URL and the server.")
            sys.exit(1)
        for one in found:
            since = f"{timezone.localtime(one.since):%Y-%m-%d %H:%M %Z}"
            self.stdout.write(f"{one.kind} {one.subject}".strip() + f": {one.whole} (since {since})")
        if found:
            sys.exit(1)
        self.stdout.write("All is well.")
