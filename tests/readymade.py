"""A PostgreSQL with all tables, made once and copied: for each run, and in it for each worker and each live stack.

Making one takes ten seconds (a data folder, and every migration there ever was), copying it a fraction of one. What was made
lies in the checkout's data folder under a name that says what it was made of: it is made anew when a migration, a setting or
an installed package changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from config import embedded

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "tocsin_readymade"  # nobody works in it: a database that somebody is in can not be copied
LASTS = 24 * 3600  # seconds that what is of no use any more lies there: another run may just be copying it


@contextmanager
def services() -> Iterator[embedded.Services]:
    """PostgreSQL and Redis for one run, with the template in it; whatever the environment names is used, not started."""
    named = "DATABASE_URL" in os.environ
    with embedded.folder() as own:
        if not named:
            lay_out(own)
        with embedded.services(own, durable=False) as found:
            if not named:
                yield found
                return
            make_template(found)
            try:
                yield found
            finally:
                drop(found.database_url, TEMPLATE)


def lay_out(place: Path) -> None:
    """Put a copy of what was made into a data folder whose PostgreSQL was never started."""
    made = _made()
    # Whose the files are is kept: as root, PostgreSQL runs as somebody else.
    subprocess.run(["cp", "-a", made / "pg", made / "pg-password", place], check=True)  # noqa: S607


def copy(base: str, name: str) -> str:
    """A database of this name with all tables, and nothing in them; its URL. What a killed run left of it goes first."""
    drop(base, name)
    with psycopg.connect(base, autocommit=True) as connection:
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(words.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    return _of(base, name)


def drop(base: str, name: str) -> None:
    """Drop a database, whoever is in it."""
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def make_template(found: embedded.Services) -> None:
    """Make the template on a server: every migration, one after another."""
    drop(found.database_url, TEMPLATE)
    with psycopg.connect(found.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    urls = {"DATABASE_URL": _of(found.database_url, TEMPLATE), "REDIS_URL": found.redis_url}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | urls, capture_output=True, text=True, check=False)
    if done.returncode:
        raise embedded.Trouble(f"The tables could not be made: {done.stderr}")


def _of(base: str, name: str) -> str:
    return urlsplit(base)._replace(path=f"/{name}").geturl()


def _made() -> Path:
    """The data folder that is copied. Of two runs that make it at once one is kept."""
    made = embedded.place() / f"readymade-{_made_of()}"
    if made.exists():
        os.utime(made)
        return made
    with embedded.folder() as half:
        with embedded.services(half, durable=False) as found:
            make_template(found)
        os.sync()
        with suppress(OSError):
            os.rename(half, made)
    for other in embedded.place().glob("readymade-*"):
        if other.stat().st_mtime < time.time() - LASTS:
            shutil.rmtree(other, ignore_errors=True)
    return made


def _made_of() -> str:
    """Says all that decides what is made: the migrations and settings, and what is installed."""
    files = sorted([*ROOT.glob("*/migrations/*.py"), ROOT / "config" / "settings.py", ROOT / "config" / "servers.py"])
    parts = [sys.version, *sorted(f"{one.name} {one.version}" for one in distributions())]
    whole = hashlib.sha256("\n".join(parts).encode())
    for file in files:
        whole.update(f"\n{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return whole.hexdigest()[:12]
