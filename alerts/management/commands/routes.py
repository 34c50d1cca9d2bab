"""`manage.py routes`: how each route stands; pause, resume, switch to or try one; try again what failed. Without a browser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alerts.management.people import person_of
from alerts.routing import leaving, route_state, steering
from departments.refusal import Refused


class Command(BaseCommand):
    """Says how mail leaves, or steers it."""

    help = (
        "Say how mail leaves and how each route stands; `pause`, `resume`, `switch` (take first) or `try` a route, or `retry` "
        "what failed: all of it, or one person's. As the operators' page does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb, what it is about, and who asks."""
        parser.add_argument("verb", nargs="?", default="list", choices=["list", *steering.VERBS, "retry"])
        parser.add_argument(
            "name", nargs="?", default="", help="the route; for retry a mail address, or nothing for all"
        )
        parser.add_argument("--as", dest="administrator", metavar="EMAIL", help="who asks: an administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what happens next."""
        verb, name, now = options["verb"], options["name"], timezone.now()
        if verb == "list":
            return self._list()
        if not options["administrator"]:
            raise CommandError(f"Say who asks: manage.py routes {verb} … --as EMAIL, an administrator's.")
        by = person_of(options["administrator"])
        try:
            if verb == "retry":
                done = steering.retry_person(name, by, now) if name else steering.retry_all(by, now)
            else:
                done = steering.VERBS[verb](name, by, now)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(done.says)
        return None

    def _list(self) -> None:
        now = timezone.now()
        stands, left, bound = route_state.standings(now), leaving.rates(now), leaving.bound(now)
        for sentence in leaving.verdict(leaving.outbox(now), stands, left, now):
            self.stdout.write(sentence)
        for stand in stands:
            parts = [
                f"{stand.whole}{' (taken first)' if stand.first and len(stands) > 1 else ''}",
                f"{leaving.a_minute(left.routes.get(stand.name, 0.0)):,} mails a minute",
                f"{bound[stand.name]:,} may have left by it and wait for it alone" if stand.name in bound else "",
                "reports delivery" if stand.way.reports else "hands over, and does not report delivery",
            ]
            self.stdout.write("; ".join(filter(None, parts)))
