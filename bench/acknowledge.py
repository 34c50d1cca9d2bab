"""`acknowledge_post` and `acknowledge_forged`: answers, and forged links, a second, through gunicorn and everything behind it.

The yardsticks are views of the same server (`bench.yardsticks`), asked by the same clients (`bench.clients`).
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import time_machine
from django.conf import settings
from django.db import connection
from django.utils import timezone

from alerts import answer_form, counting, tokens
from alerts.cascade import cascade
from alerts.models import Acknowledgement, Action, Advisory, Recipient
from bench.clients import Request
from bench.harness import ROUNDS, Row, compare
from bench.warnings import advisory, government

ROOT = Path(__file__).resolve().parent.parent
PEOPLE, BODIES = 20_000, 1_000
ANSWERS = 4_000  # of each, in a round
FORGED = 6_000
WORKERS = 2


class Server:
    """gunicorn with the product and the yardsticks, and the clients that ask it."""

    def __init__(self, folder: Path, port: int, clients: "subprocess.Popen[str]") -> None:
        self.folder, self.port, self._clients = folder, port, clients
        self.p99: dict[str, list[float]] = {}

    def ask(self, what: str, requests: list[Request], *statuses: int) -> float:
        """Seconds that all of them took; each must be answered with one of these statuses."""
        file = self.folder / "requests.json"
        file.write_text(json.dumps(requests))
        assert self._clients.stdin is not None  # noqa: S101
        assert self._clients.stdout is not None  # noqa: S101
        self._clients.stdin.write(f"{file}\n")
        self._clients.stdin.flush()
        said = json.loads(self._clients.stdout.readline())
        if not said["statuses"].keys() <= {str(status) for status in statuses}:
            raise RuntimeError(f"{what}: {said['statuses']}")
        self.p99.setdefault(what, []).append(said["p99"])
        return float(said["seconds"])

    def stated(self, ours: str, theirs: str) -> str:
        """The medians of what 99 of 100 requests stayed below."""
        mine, yard = (statistics.median(self.p99[what]) * 1000 for what in (ours, theirs))
        return f"p99 {mine:.0f} ms against {yard:.0f} ms"


def acknowledge_post(folder: Path) -> Row:
    """The whole POST with its rows, against a view of the same server that does one UPDATE of the same table."""
    of = _published()
    people = list(Recipient.objects.filter(advisory=of).order_by("pk").values_list("pk", "token_issue"))
    parts = [people[n * ANSWERS : (n + 1) * ANSWERS] for n in range(2 * ROUNDS)]
    fresh = iter(parts)
    answered = 0
    with _served(folder) as server:

        def ours() -> float:
            nonlocal answered
            chosen = next(fresh)
            answered += len(chosen)
            seconds = server.ask("post", [_answer(of, *one) for one in chosen], 303)
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
    with _served(folder) as server:
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


def _answer(of: Advisory, recipient: int, issue: int) -> Request:
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


@contextmanager
def _served(folder: Path) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": str(ROOT),
    }
    serve = [
        "-m",
        "gunicorn",
        "bench.serving",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        str(WORKERS),
        "--threads",
        "8",
    ]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, *serve, "--no-control-socket"], env=environment, cwd=ROOT, **quiet)
    clients = subprocess.Popen(
        [sys.executable, "-m", "bench.clients", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        _until_there(port)
        yield Server(folder, port, clients)
    finally:
        for process in (clients, server):
            process.terminate()
            process.wait(20)


def _until_there(port: int) -> None:
    for _ in range(300):
        try:
            asked = HTTPConnection("127.0.0.1", port, timeout=2)
            asked.request("GET", "/bench/bare/x")
            if asked.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("gunicorn did not come up")
