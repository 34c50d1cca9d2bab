"""A private PostgreSQL and Redis for a machine that has none: development and tests only.

What DATABASE_URL or REDIS_URL name is used as it is; what is missing is started here, kept in the data folder of the
checkout, and stopped when its owner ends, however it ends. Imports neither Django nor the settings, which import this.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import servers
from config.servers import Trouble

__all__ = [
    "Services",
    "Trouble",
    "environment",
    "folder",
    "for_development",
    "place",
    "running",
    "services",
    "throwaway",
]

PATIENCE = 30.0  # seconds that a dead owner's servers may take to stop before we say that the place is taken


@dataclass(frozen=True)
class Services:
    """Where the database and the broker are."""

    database_url: str
    redis_url: str


def place(checkout: Path | None = None) -> Path:
    """The data folder of a checkout: its own `.tocsin`; as root `/var/tmp/tocsin-<hash of the checkout's path>`."""
    checkout = (checkout or Path(__file__).parent.parent).resolve()
    if os.geteuid() == 0:
        return Path("/var/tmp") / f"tocsin-{hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]}"  # noqa: S108
    return checkout / ".tocsin"


def running(place: Path) -> Services | None:
    """The services that somebody runs at this place, if their owner lives and both answer; else None."""
    state = _state(place)
    if state is None or _alive(state) is None:
        return None
    found = Services(str(state["database_url"]), str(state["redis_url"]))
    return found if _answers(found) else None


def owner(place: Path) -> int | None:
    """The process that runs services at this place, if it lives."""
    state = _state(place)
    return None if state is None else _alive(state)


def left_over(place: Path) -> bool:
    """Was the last owner killed, so that what it kept may still be ending?"""
    return _state(place) is not None and owner(place) is None


def environment(place: Path) -> dict[str, str] | None:
    """What a process needs in its environment to join the stack that runs at this place; None when none does."""
    found = running(place)
    if found is None:
        return None
    joined = {"DATABASE_URL": found.database_url, "REDIS_URL": found.redis_url}
    with contextlib.suppress(OSError):
        lines = (place / "env").read_text().splitlines()
        joined |= dict(line.split("=", 1) for line in lines if "=" in line)
    return joined


def share(place: Path, values: Mapping[str, str]) -> None:
    """Write what `environment` gives to others; readable by its owner only. It goes when the services stop."""
    _write(place / "env", "".join(f"{name}={value}\n" for name, value in values.items()))


@contextlib.contextmanager
def services(place: Path, *, durable: bool = True) -> Iterator[Services]:
    """PostgreSQL and Redis for as long as the block lasts; what the environment names is used, not started.

    `durable=False` gives safety away for speed: for tests. Raises Trouble, among others when the place is in use.
    """
    database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    _make(place)
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(_lock(place))
        if not database_url:
            postgresql = servers.postgresql(place, programs(place), durable=durable, hold=[lock])
            database_url = stack.enter_context(postgresql).url
        if not redis_url:
            redis_url = stack.enter_context(servers.redis(place, hold=[lock])).url
        found = Services(database_url, redis_url)
        _write(place / "state.json", json.dumps(asdict(found) | {"owner": os.getpid(), "born": _born(os.getpid())}))
        try:
            yield found
        finally:
            for name in ("state.json", "env"):
                (place / name).unlink(missing_ok=True)


@contextlib.contextmanager
def throwaway(*, durable: bool = False) -> Iterator[Services]:
    """Services for one run in a folder of their own, which goes with them; those of dead runs go first.

    Fast, for tests; `durable` for measurements, which are worth nothing without fsync.
    """
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield Services(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
        return
    with folder() as own, services(own, durable=durable) as found:
        yield found


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A data folder for one run, which goes with it; those of dead runs go first."""
    shelf = place() / "tests"
    _make(place())
    _make(shelf)
    _clear(shelf)
    own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=shelf))
    _make(own)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def programs(place: Path) -> Path:
    """The folder of PostgreSQL's programs for a data folder."""
    return servers.binaries(_shelf(place))


@contextlib.contextmanager
def for_development() -> Iterator[None]:
    """With DEBUG on and a URL missing: both in our environment, of the stack that runs here, or of our own."""
    debug = os.environ.get("DEBUG", "").lower() in ("1", "true", "on", "yes", "y", "t", "ok")
    if not debug or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        yield
        return
    if joined := environment(place()):
        os.environ.update({name: value for name, value in joined.items() if not os.environ.get(name)})
        yield
        return
    with services(place()) as found:
        os.environ.update(DATABASE_URL=found.database_url, REDIS_URL=found.redis_url)
        yield


# --- the folder and its lock ---


def _make(place: Path) -> None:
    """Make the folder, ours alone (as root others may pass through, since PostgreSQL runs as somebody else)."""
    try:
        place.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        found = place.lstat()
        if found.st_uid != os.geteuid() or not place.is_dir() or place.is_symlink():
            raise Trouble(f"{place} is not ours: remove it, or run as the user that made it.")
        if os.geteuid() == 0 and found.st_mode & 0o777 != 0o711:  # a tight umask
            place.chmod(0o711)
    except OSError as error:
        raise Trouble(f"{place} cannot be made ({error.strerror}): it is where the data would be kept.") from error


def _shelf(place: Path) -> Path:
    """Where a copy of PostgreSQL's programs would lie: with the checkout's own data, for all its test runs."""
    shelf = globals()["place"]()
    return shelf if place.is_relative_to(shelf) else place


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[int]:
    """Hold the place's lock. The servers inherit it, so it is free only when the last of them has ended."""
    lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + PATIENCE
        while not _locked(lock):
            if (living := owner(place)) is not None:
                raise Trouble(f"It runs here already (process {living}): use that one, or stop it first.")
            if time.monotonic() > until:
                raise Trouble(f"The data in {place} is in use by another process: wait for it, or stop it first.")
            time.sleep(0.05)
        (place / "state.json").unlink(missing_ok=True)
        (place / "env").unlink(missing_ok=True)
        yield lock
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state(place: Path) -> dict[str, object] | None:
    try:
        found = json.loads((place / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"owner", "database_url", "redis_url"} <= found.keys() else None


def _alive(state: Mapping[str, object]) -> int | None:
    """The owner's process id, if it is the same process that wrote the state."""
    pid = int(str(state["owner"]))
    return pid if _born(pid) == state.get("born") else None


def _born(pid: int) -> str:
    """When a process started, in whatever unit the system has: tells a process from a later one of its number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return servers.ps(pid, "lstart")


def _answers(found: Services) -> bool:
    database, broker = urlsplit(found.database_url), urlsplit(found.redis_url)
    return servers.postgresql_answers(
        database.port or 5432, database.hostname or "127.0.0.1"
    ) and servers.redis_answers(broker.port or 6379, unquote(broker.password or ""), broker.hostname or "127.0.0.1")


def _clear(shelf: Path) -> None:
    """Remove the folders of test runs that are dead; those of the living hold their lock, or their process lives."""
    for folder in shelf.iterdir():
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(folder.name.partition("-")[0]), 0)
            continue
        with contextlib.suppress(OSError):
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if _locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    half = path.with_name(f".{path.name}-{os.getpid()}")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)


if __name__ == "__main__":  # for a shell: `python -m config.embedded` prints the place
    sys.stdout.write(f"{place()}\n")
