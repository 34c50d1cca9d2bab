"""`acknowledge_post` and `acknowledge_forged`: answers, and forged links, a second, through gunicorn and everything behind it.

The yardsticks are views of the same server (`bench.yardsticks`), asked by the same clients (`bench.clients`).
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import time_machine
from django.db import connection
from django.utils import timezone

from alerts import answer_form, counting, tokens
from alerts.cascading.cascade import cascade
from alerts.models import Acknowledgement, Action, Advisory, Recipient
from bench.clients import Request
from bench.harness import ROUNDS, Row, compare
from bench.server import served
from bench.warnings import advisory, government

PEOPLE, BODIES = 20_000, 1_000
ANSWERS = 4_000  # of each, in a round
FORGED = 6_000


def acknowledge_post(folder: Path) -> Row:
    """The whole POST with its rows, against a view of the same server that does one UPDATE of the same table."""
    of = _published()
    people = list(Recipient.objects.filter(advisory=of).order_by("pk").values_list("pk", "token_issue"))
    parts = [people[n * ANSWERS : (n + 1) * ANSWERS] for n in range(2 * ROUNDS)]
    fresh = iter(parts)
    answered = 0
    with served(folder) as server:

        def ours() -> float:
            nonlocal answered
            chosen = next(fresh)
            answered += len(chosen)
            seconds = server.ask("post", [answer(of, *one) for one in chosen], 303)
            counting.fold(of.pk)
            return seconds

        def theirs() -> float:
            seconds = server.ask("update", [("POST", f"/bench/update/{pk}", "x=1") for pk, _ in next(fresh)], 204)
            counting.fold(of.pk)
            return seconds

        row = compare(
            "acknowledge_post",
            ours,
            theirs,
            against="",
            bound=">= 0.5",
            things=ANSWERS,
            also=lambda: _all_kept(of, answered),
        )
        return replace(
            row, yardstick=f"a view that does one UPDATE of the same table; {server.stated('post', 'update')}"
        )


def acknowledge_forged(folder: Path) -> Row:
    """Links that are not ours, against a view of the same server that does nothing."""
    with served(folder) as server:
        row = compare(
            "acknowledge_forged",
            lambda: server.ask("forged", [("GET", f"/a/{_forged(n)}", "") for n in range(FORGED)], *_REFUSED),
            lambda: server.ask("bare", [("GET", f"/bench/bare/{_forged(n)}", "") for n in range(FORGED)], 200),
            against="",
            bound=">= 0.8",
            things=FORGED,
        )
        return replace(row, yardstick=f"a view that does nothing; {server.stated('forged', 'bare')}")


# Everybody sits behind one address here: after the first few they are told that there were too many.
_REFUSED = (404, 429)


def _published() -> Advisory:
    root = government("answering", BODIES, PEOPLE * 5 // 4)
    of = advisory(root)
    assert of.current is not None  # noqa: S101
    for number in range(2):
        Action.objects.create(
            revision=of.current, key=f"action-{number}", order=number, text="x", due=timezone.now(), of="person"
        )
    while not cascade(of.pk):
        pass
    Recipient.objects.filter(advisory=of).update(told_revision=1)
    counting.recount(of.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return of


def answer(of: Advisory, recipient: int, issue: int) -> Request:
    """A form that was opened a minute ago, filled in."""
    with time_machine.travel(timezone.now() - timedelta(minutes=1), tick=False):
        form = answer_form.issue(recipient, 1)
    body = urlencode({"form": form, "hand": "seen", "read": "yes", "a-action-0": "done", "a-action-1": "later"})
    return "POST", f"/a/{tokens.make(recipient, issue)}", body


def _forged(number: int) -> str:
    """As long as ours are, and signed by nobody."""
    return f"{number:08d}{'x' * tokens.SIGNATURE}"


def _all_kept(of: Advisory, answered: int) -> bool:
    """Each answer counts, and the figures are those of the rows."""
    kept = Acknowledgement.objects.filter(recipient__advisory=of, suspect=[]).count()
    return kept == answered
