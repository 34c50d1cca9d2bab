"""`make run`: up with one command, down without a trace, and one line when something is in the way."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded
from tests.stack import free_port, until

ROOT = Path(__file__).resolve().parent.parent.parent
NAMED = ("DATABASE_URL", "REDIS_URL", "SITE_URL", "EMAIL_URL", "MAKELEVEL")


def environment(**more: str) -> dict[str, str]:
    """As a person has it, without what the test run itself set."""
    return {name: value for name, value in os.environ.items() if name not in NAMED} | more


def supervise(checkout: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, which for these is soon."""
    return subprocess.run(
        [sys.executable, "-m", "config.supervisor"],
        cwd=checkout,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_taken_port_is_said_in_one_line(checkout: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = supervise(checkout, PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} of 127.0.0.1 cannot be had" in done.stderr
    assert "PORT=" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_said_in_one_line(port: str) -> None:
    done = supervise(ROOT, PORT=port)
    assert done.returncode == 1
    assert done.stderr == f"PORT is {port!r}: it must be a number from 1 to 65535.\n"


# --- the whole stack, of a checkout of its own ---


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Run:
    """`make run` in a checkout."""

    def __init__(self, checkout: Path) -> None:
        self.place, self.port = embedded.place(checkout), free_port()
        self.output = checkout / "output"
        with self.output.open("w") as output:
            # What the Makefile's recipe is, with this test's Python instead of a virtual environment to be made.
            (checkout / "run.mk").write_text(f"run:\n\t@exec {sys.executable} -m config.supervisor\n")
            self.make = subprocess.Popen(
                ["make", "-f", "run.mk", "run"],  # noqa: S607  # wherever this system keeps it
                cwd=checkout,
                env=environment(PORT=str(self.port), QUIET="1"),
                stdout=output,
                stderr=subprocess.STDOUT,
                # As a script's background job has it: a signal that is sent on purpose stops it all the same.
                preexec_fn=_ignore_interrupts,  # noqa: PLW1509  # the child only sets a signal and runs make
            )
        until(f"it is up ({self.output})", self._up_or_dead, within=170)
        assert self.make.poll() is None, self.said()

    def _up_or_dead(self) -> bool:
        return "Ctrl-C stops everything" in self.said() or self.make.poll() is not None

    def said(self) -> str:
        return self.output.read_text()

    def supervisor(self) -> int:
        found = embedded.owner(self.place)
        assert found is not None
        return found

    def query(self, statement: str) -> list[tuple[object, ...]]:
        joined = embedded.environment(self.place)
        assert joined is not None
        with psycopg.connect(joined["DATABASE_URL"]) as connection:
            return connection.execute(statement.encode()).fetchall()


def processes(checkout: Path) -> list[str]:
    """Every process that works in the checkout or on its data."""
    command = ["ps", "-ww", "-e", "-o", "pid=,args="]
    found = []
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        pid = line.split(maxsplit=1)[0]
        try:
            where = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            where = ""
        if any(str(path) in f"{line} {where}" for path in (checkout, embedded.place(checkout))):
            found.append(line)
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("config", "departments", "alerts", "demo"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", copy)
    yield copy
    until("all are gone", lambda: not processes(copy))
    shutil.rmtree(embedded.place(copy), ignore_errors=True)


@pytest.mark.live
def test_it_comes_up_restarts_what_dies_and_goes_with_whoever_started_it(checkout: Path) -> None:
    run = Run(checkout)
    site = f"http://127.0.0.1:{run.port}"
    with urllib.request.urlopen(f"{site}/healthz") as answer:  # noqa: S310  # our own address
        assert answer.status == 200
    assert f"{site}/mailbox/" in run.said()
    assert "Traceback" not in run.said()
    [(people,)] = run.query("SELECT count(*) FROM departments_person")

    second = supervise(checkout, PORT=str(run.port))
    assert (second.returncode, second.stderr.count("\n")) == (1, 1)
    assert f"process {run.supervisor()}" in second.stderr

    pid_file = run.place / "logs" / "worker.pid"
    worker = int(pid_file.read_text())
    os.kill(worker, signal.SIGKILL)
    until("the worker is there again", lambda: int(pid_file.read_text() or worker) != worker)
    assert "worker ended (signal 9)" in run.said()

    run.make.terminate()
    run.make.wait(60)
    until("all are gone", lambda: not processes(checkout))

    again = Run(checkout)
    assert again.query("SELECT count(*) FROM departments_person") == [(people,)]
    assert again.query("SELECT count(*) FROM alerts_advisory") == [(1,)]
    again.make.kill()
    again.make.wait(60)
    until("all are gone", lambda: not processes(checkout))


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_supervisor_ends_all(checkout: Path, number: int) -> None:
    run = Run(checkout)
    os.kill(run.supervisor(), number)
    run.make.wait(60)
    until("all are gone", lambda: not processes(checkout))
