"""The processes of a chaos run: all of them its own, PostgreSQL and Redis included, so that each may be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
from celery import Celery
from kombu.exceptions import OperationalError

from config import embedded, servers
from tests import readymade
from tests.chaos.mails import Mails
from tests.stack import ROOT, Stack, free_port, until

POOL = 2  # processes of a worker that send
# A commit survives the death of the process (the system has it), which is all that is asked here: no power is cut.
# And statements are to be seen whole, so that a kill can be aimed at one.
SETTINGS = {"synchronous_commit": "on", "full_page_writes": "on", "track_activity_query_size": "16384"}
LEASE, PATIENCE = 5, 2  # seconds


class Machine(Stack):
    """The running processes. `killed` counts those that may have had an unnoted part of a batch in hand."""

    def __init__(self, place: Path, postgresql: servers.Server, redis: servers.Server) -> None:
        mail_port, web_port = free_port(), free_port()
        environment = {
            **os.environ,
            "DEBUG": "1",
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "EMAIL_TIMEOUT": str(PATIENCE),
            "BATCH_LEASE": str(LEASE),
            "SITE_URL": f"http://127.0.0.1:{web_port}",
            "SMTP_LOG": str(place / "accepted"),
            "SMTP_PORT": str(mail_port),
            "PYTHONUNBUFFERED": "1",
        }
        super().__init__(place, environment, mail_port, web_port)
        self.postgresql_server, self.redis_server = postgresql, redis
        self.mails = Mails(place / "accepted")
        self.killed = 0
        self.commands: list[subprocess.Popen[bytes]] = []

    # --- starting ---

    def start_all(self) -> None:
        """Start everything and wait until it says that it is well."""
        self.start_smtp()
        self.start_web()
        self.start_worker()
        self.start_beat()
        until(f"the machine is well ({self.place})", self.is_well)

    def start_web(self) -> None:
        """Start the web server."""
        self.start("web", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.web_port}", "--threads", "4")

    def start_beat(self) -> None:
        """Start the beat; a beat that was killed left its pid file and its schedule."""
        beat = ("celery", "-A", "config", "beat", "--schedule", str(self.place / "beat"), "--pidfile=")
        self.start("beat", *beat)

    def start_smtp(self) -> None:
        """Start the mail server, and wait until it listens."""
        self.start("smtp", "tests.chaos.smtp_server")
        until("the mail server listens", self._listens)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.mail_port), timeout=1):
            return True
        return False

    # --- killing ---

    def kill_worker(self) -> None:
        """The whole worker at once, and another one started."""
        self.killed += POOL
        self.kill("worker")
        self.start_worker()

    def keep(self) -> str:
        """As what keeps processes alive does: a worker or a beat that ended by itself is started again. What it was, or ""."""
        for name, start in (("worker", self.start_worker), ("beat", self.start_beat)):
            code = self.processes[name].code
            if code is not None:
                self.killed += POOL if name == "worker" else 0
                last = (self.place / f"{name}.log").read_text(errors="replace").strip().splitlines()[-8:]
                start()
                return " | ".join([f"the {name} ended by itself, with {code}", *last])
        return ""

    def kill_pool_child(self, which: int) -> None:
        """One of the worker's processes; the worker itself replaces it."""
        main = int((self.place / "worker.pid").read_text())
        with suppress(OSError):
            children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
            if children:
                self.killed += 1
                os.kill(int(children[which % len(children)]), signal.SIGKILL)

    def kill_smtp(self) -> None:
        """The mail server, between its log and its 250 if that is where it was."""
        self.killed += 1
        self.kill("smtp")
        self.start_smtp()

    def kill_postgresql(self) -> None:
        """The postmaster, and with it (its keeper sees to that) every backend; then recovery from the log."""
        self.killed += 1
        pid = int((self.postgresql_server.place / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGKILL)
        until("PostgreSQL is gone", lambda: self.postgresql_server.kept.code is not None)
        self.postgresql_server.again()

    def restart_postgresql(self) -> None:
        """As an operator restarts it: connections are ended, transactions rolled back."""
        self.postgresql_server.stop()
        self.postgresql_server.again()

    def kill_redis(self) -> None:
        """Redis, which keeps nothing."""
        with self.redis() as redis:
            os.kill(int(redis.info("server")["process_id"]), signal.SIGKILL)
        until("Redis is gone", lambda: self.redis_server.kept.code is not None)
        self.redis_server.again()

    # --- seeing, and asking ---

    def fault(self, kind: str, times: int, **more: float) -> None:
        """Have the mail server misbehave so many times."""
        with socket.create_connection(("127.0.0.1", self.mail_port), timeout=10) as line:
            said = line.makefile("rb")
            if not said.readline().startswith(b"220"):  # it has `greet` left from before, which is used up so
                return self.fault(kind, times, **more)
            line.sendall(b"XFAULT " + json.dumps({"kind": kind, "times": times, **more}).encode() + b"\r\n")
            assert said.readline().startswith(b"250")
        return None

    def wait_for_statement(self, words: str, within: float) -> bool:
        """Until some process is at a statement with these words."""
        end = time.monotonic() + within
        seen = (
            "SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND state IN ('active', 'idle in transaction') AND position(%s in query) > 0 LIMIT 1"
        )
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            while time.monotonic() < end:
                if connection.execute(seen, [words]).fetchone() is not None:
                    return True
        return False

    def ring(self, *tasks: str) -> None:
        """Ring these bells once, as the beat does."""
        with Celery(broker=self.environment["REDIS_URL"]) as app, suppress(OperationalError, OSError):
            for task in tasks:
                app.send_task(task, retry=False)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """A management command, not waited for."""
        with (self.place / "manage.log").open("ab") as log:
            begun = subprocess.Popen(
                [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.commands.append(begun)
        return begun

    def stop(self) -> None:
        """End all of it, quickly: there is nothing to be kept."""
        for begun in self.commands:
            begun.kill()
            begun.wait()
        for kept in self.processes.values():
            kept.hurry()
        for kept in self.processes.values():
            kept.stop()


@contextmanager
def machine() -> Iterator[Machine]:
    """A migrated, empty machine that runs; all of it is gone afterwards."""
    with ExitStack() as stack:
        place = stack.enter_context(embedded.folder())
        readymade.lay_out(place)
        programs = embedded.programs(place)
        postgresql = stack.enter_context(
            servers.postgresql(place, programs, durable=False, hold=[], more=SETTINGS),
        )
        redis = stack.enter_context(servers.redis(place, hold=[]))
        postgresql.url = readymade.copy(postgresql.url, "chaos")
        made = Machine(place, postgresql, redis)
        stack.callback(made.stop)
        made.start_all()
        yield made
