"""`make run`: the whole development stack, kept until somebody stops it, and then stopped whole.

Services, migrations, the demo's data, then web, worker, beat, mailbox and the people who answer, each a process of its
own under a keeper. Ctrl-C, SIGTERM and the end of whoever started us stop all of it; so does kill -9, by the keepers.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from config import embedded, servers
from config.embedded import Trouble
from config.keeper import PR_SET_PDEATHSIG, Kept

ROOT = Path(__file__).resolve().parent.parent
WELL = 120.0  # seconds for everything to come up
RESTARTS = 5  # in a minute, of one process
STOPPING = ("answering", "beat", "worker", "web", "mailbox")  # Redis and PostgreSQL follow


class Stop(BaseException):
    """Somebody asked us to end."""


@dataclass
class Process:
    """One of the stack's processes, and its recent deaths."""

    name: str
    command: list[str]
    grace: float
    kept: Kept | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS))
    due: float = 0.0


class Stack:
    """The processes of one development stack."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.environment, self.logs = environment, place / "logs"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        Path(environment["MAILBOX_DIR"]).mkdir(mode=0o700, exist_ok=True)
        self.processes: dict[str, Process] = {}
        self._step: Kept | None = None

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{name}.log"

    def run(self, name: str, *words: str) -> str:
        """A management command, to its end; what it printed. Raises Trouble when it fails."""
        log = self.log(name)
        with _fresh(log) as file:
            self._step = Kept(name, _python("manage.py", *words), log=file, env=self.environment, cwd=ROOT)
        try:
            while (code := self._step.code) is None:
                time.sleep(0.02)
        finally:
            self._step.stop()
        if code:
            raise Trouble(f"`manage.py {words[0]}` failed: {servers.tail(log)} (all of it: {log})")
        return log.read_text(errors="replace")

    def start(self, name: str, *words: str, grace: float = 10.0) -> None:
        """Start a process that is kept running."""
        _fresh(self.log(name)).close()
        self.processes[name] = Process(name, _python("-m", *words), grace)
        self._begin(self.processes[name])

    def _begin(self, process: Process) -> None:
        with self.log(process.name).open("ab") as file:
            process.kept = Kept(
                process.name,
                process.command,
                log=file,
                grace=process.grace,
                env=self.environment,
                cwd=ROOT,
                pid_file=self.logs / f"{process.name}.pid",
            )

    def look(self) -> None:
        """Restart what died, not more than a few times a minute; say so in one line."""
        now = time.monotonic()
        for process in self.processes.values():
            if process.kept is not None and process.kept.code is not None:
                self._bury(process, process.kept.code, now)
            elif process.kept is None and now >= process.due:
                self._begin(process)

    def _bury(self, process: Process, code: int, now: float) -> None:
        process.kept = None
        process.deaths.append(now)
        recent = [death for death in process.deaths if now - death < 60]
        process.due = recent[0] + 60 if len(recent) == RESTARTS else now + 2.0 ** (len(recent) - 1)
        how = f"signal {code - 128}" if code > 128 else f"exit code {code}"
        log = self.log(process.name)
        say(f"{process.name} ended ({how}), starts again in {process.due - now:.0f} s: {servers.tail(log, 1)} ({log})")

    def stop(self) -> None:
        """Stop all, one after another, so that each still finds what it needs to end well."""
        for name in STOPPING:
            process = self.processes.get(name)
            if process is not None and process.kept is not None:
                process.kept.stop()

    def hurry(self) -> None:
        """Stop all at once."""
        for process in self.processes.values():
            if process.kept is not None:
                process.kept.hurry()
        if self._step is not None:
            self._step.hurry()


def say(line: str) -> None:
    """One line to whoever started us, if somebody still reads."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def main() -> int:
    """Run the stack until it is stopped; 0 then, 1 after a line that says what is in the way."""
    signals = Signals()
    try:
        _watch_parent()
        _run(signals)
    except Trouble as trouble:
        with contextlib.suppress(OSError):
            print(trouble, file=sys.stderr, flush=True)
        return 1
    except Stop:
        say("Stopped.")
    return 0


class Signals:
    """The first signal stops us in order, the next ones hurry."""

    def __init__(self) -> None:
        self.stack: Stack | None = None
        self.stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup means it; but a script's background job ignores SIGINT without anybody having asked for that.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._asked)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise Stop
        if self.stack is not None:
            self.stack.hurry()


def _run(signals: Signals) -> None:
    began = time.monotonic()
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    _check(host, port)
    place = embedded.place()
    say("Starting PostgreSQL and Redis")
    with embedded.services(place) as found:
        environment = _environment(place, found, port)
        shared = ("DATABASE_URL", "REDIS_URL", "DEBUG", "SITE_URL", "EMAIL_URL", "MAILBOX_DIR")
        embedded.share(place, {name: environment[name] for name in shared})
        signals.stack = stack = Stack(place, environment)
        try:
            _prepare(stack)
            _start(stack, place, host, port)
            _until_well(stack, f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/healthz")  # noqa: S104
            say("Publishing the advisory")
            stack.run("publish", "demo_publish")
            say(stack.run("welcome", "demo_welcome").rstrip())
            say(f"\n  Logs are in {stack.logs}. Ctrl-C stops everything. (Up in {time.monotonic() - began:.0f} s.)\n")
            while True:
                stack.look()
                time.sleep(0.2)
                if _orphaned():
                    raise Stop
        except Stop:
            say("Stopping")
            raise
        finally:
            signals.stopping = True
            stack.stop()


def _prepare(stack: Stack) -> None:
    say("Preparing the database")
    stack.run("migrate", "migrate", "--verbosity", "0")
    say("Loading the bodies and people of the demo")
    stack.run("load", "demo_load")


def _start(stack: Stack, place: Path, host: str, port: int) -> None:
    stack.start("mailbox", "config.mailbox", grace=5)
    stack.start(
        *("web", "gunicorn", "config.wsgi", "--bind", f"{host}:{port}", "--workers", "2", "--threads", "8"),
        *("--graceful-timeout", "5", "--no-control-socket"),
        grace=8,
    )
    stack.start(
        *("worker", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle"),
        grace=15,
    )
    stack.start(
        *("beat", "celery", "-A", "config", "beat", "--loglevel", "WARNING", "--schedule", str(place / "beat")),
        "--pidfile=",
        grace=5,
    )
    if os.environ.get("QUIET", "") not in ("1", "true", "yes"):
        stack.start("answering", "demo.answering", grace=5)


def _until_well(stack: Stack, address: str) -> None:
    """Wait until /healthz says 200. Raises Trouble with what it says instead."""
    say("Waiting for web, worker and beat")
    until, said = time.monotonic() + WELL, "no answer"
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  # our own address
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(300).decode(errors="replace").split())
        except (OSError, urllib.error.URLError):
            pass
        stack.look()
        time.sleep(0.1)
    raise Trouble(f"It did not come up within {WELL:.0f} s: {said}. The logs are in {stack.logs}.")


def _environment(place: Path, found: embedded.Services, port: int) -> dict[str, str]:
    """What every process of the stack gets."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONSAFEPATH", "MAKEFLAGS")}
    mail_port = servers.free_port()
    return inherited | {
        "DATABASE_URL": found.database_url,
        "REDIS_URL": found.redis_url,
        "DEBUG": "1",
        "SITE_URL": os.environ.get("SITE_URL") or f"http://127.0.0.1:{port}",
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "MAILBOX_PORT": str(mail_port),
        "MAILBOX_DIR": str(place / "mail"),
        "MAILBOX_REFUSES": "demo.refusals:refusal",
        "PYTHONUNBUFFERED": "1",
    }


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise Trouble(f"PORT is {given!r}: it must be a number from 1 to 65535.")
    return int(given)


def _check(host: str, port: int) -> None:
    """What a machine must have before anything is started. Raises Trouble."""
    if sys.version_info < (3, 11):  # noqa: UP036  # said to those who have an older one
        raise Trouble(f"Python 3.11 or later is needed; this is {sys.version.split()[0]}.")
    servers.room(ROOT)
    place = embedded.place()
    if (living := embedded.owner(place)) is not None:
        raise Trouble(f"It runs here already (process {living}): use that one, or stop it first.")
    # A web server whose supervisor was killed a moment ago is about to let go of the port.
    until = time.monotonic() + (15.0 if embedded.left_over(place) else 0.0)
    while problem := _taken(host, port):
        if time.monotonic() >= until:
            advice = f"stop what listens there, or choose another: PORT={port + 1 if port < 65535 else 8000} make run"
            raise Trouble(f"Port {port} of {host} cannot be had ({problem}): {advice}")
        time.sleep(0.1)


def _taken(host: str, port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return str(error.strerror or error)
    return None


def _python(*words: str) -> list[str]:
    return [sys.executable, *words]


def _fresh(log: Path) -> IO[bytes]:
    """An empty log; the one of the last start stays beside it."""
    with contextlib.suppress(FileNotFoundError):
        log.rename(log.with_suffix(".log.1"))
    return open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


_parent = os.getppid()


def _orphaned() -> bool:
    """Did the make that started us die? Somebody who started us by hand may go without us."""
    return "MAKELEVEL" in os.environ and os.getppid() != _parent


def _watch_parent() -> None:
    """Under make: have the kernel (Linux) tell us of its end at once, whatever we do at that moment."""
    if sys.platform == "linux" and "MAKELEVEL" in os.environ:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if _orphaned():
            raise Stop


if __name__ == "__main__":
    sys.exit(main())
