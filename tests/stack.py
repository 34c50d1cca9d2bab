"""The live stack: web, worker, beat and mailbox as real processes, on a database of their own. Started once.

Each test in it has its own advisory. Whatever is killed here was started here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import psycopg
from redis import Redis

from config.keeper import Kept
from tests import readymade

ROOT = Path(__file__).resolve().parent.parent


def numbers_of(process: str) -> Iterator[int]:
    """The numbers of the stacks that one of pytest's processes starts ("gw0" to "gw4"): of Redis' databases 1 to 15, three
    each, so that no two stacks that run at the same time hear each other's workers.
    """
    first = 1 + 3 * int(process.removeprefix("gw"))
    return iter(range(first, first + 3))


_numbers = numbers_of(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))


def until(what: str, holds: Callable[[], object], within: float = 60) -> None:
    """Poll until something holds; fail with its name when it does not in time (seconds)."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:.0f} s: {what}")
        time.sleep(0.1)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """The running processes, and what a test may do to them."""

    def __init__(self, place: Path, environment: dict[str, str], mail_port: int, web_port: int) -> None:
        self.place, self.environment = place, environment
        self.mail_port, self.web_port = mail_port, web_port
        self.url = environment["SITE_URL"]
        self.processes: dict[str, Kept] = {}

    def start(self, name: str, *command: str) -> None:
        """Start one process under a keeper; its log and pid are in the place."""
        with (self.place / f"{name}.log").open("ab") as log:
            self.processes[name] = Kept(
                name,
                [sys.executable, "-m", *command],
                log=log,
                env=self.environment,
                cwd=ROOT,
                pid_file=self.place / f"{name}.pid",
            )

    def start_worker(self) -> None:
        """Start the Celery worker."""
        self.start("worker", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "WARNING")

    def start_all(self) -> None:
        """Start everything and wait until it says that it is well."""
        self.start("mailbox", "config.mailbox")
        self.start("web", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.web_port}", "--threads", "4")
        self.start_worker()
        self.start("beat", "celery", "-A", "config", "beat", "--schedule", str(self.place / "beat"))
        until(f"the stack is well ({self.place})", self.is_well)

    def is_well(self) -> bool:
        """What `/healthz` says."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self, name: str) -> None:
        """`kill -9`, with everything that the process started."""
        pid = int((self.place / f"{name}.pid").read_text())
        # One that ended by itself a moment ago is as dead.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(f"{name} is gone", lambda: self.processes[name].code is not None)

    def manage(self, *words: str) -> str:
        """A management command, as an operator types it; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def coverage(self, reference: str) -> list[dict[str, object]]:
        """`manage.py coverage REFERENCE --json`."""
        return list(json.loads(self.manage("coverage", reference, "--json")))

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Rows, straight from the stack's database."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def query_update(self, statement: str) -> None:
        """Change rows straight in the stack's database, as no verb would: to see whether the rest follows."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            connection.execute(statement.encode())

    def redis(self) -> Redis:
        """The stack's broker."""
        return Redis.from_url(self.environment["REDIS_URL"])

    def stop(self) -> None:
        """Stop all of it."""
        for kept in self.processes.values():
            kept.ask()
        for kept in self.processes.values():
            kept.stop()


@contextmanager
def running(place: Path) -> Iterator[Stack]:
    """The whole stack on a database and a Redis database of its own, migrated, empty, and gone afterwards."""
    base, number = os.environ["DATABASE_URL"], next(_numbers)
    name = f"live_{os.getpid()}_{number}"
    with ExitStack() as stack:
        database_url = readymade.copy(base, name)
        stack.callback(readymade.drop, base, name)
        mail_port, web_port = free_port(), free_port()
        environment = {
            **os.environ,
            "DEBUG": "1",
            "DATABASE_URL": database_url,
            "REDIS_URL": f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{number}",
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "SITE_URL": f"http://127.0.0.1:{web_port}",
            "MAILBOX_PORT": str(mail_port),
            "MAILBOX_DIR": str(place / "mail"),
            "MAILBOX_REFUSES": "demo.refusals:refusal",
            "BATCH_LEASE": "5",
            "EMAIL_TIMEOUT": "3",
            "PYTHONUNBUFFERED": "1",
        }
        live = Stack(place, environment, mail_port, web_port)
        stack.callback(live.stop)
        live.start_all()
        yield live
