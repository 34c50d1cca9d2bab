"""Real services for every test: PostgreSQL and Redis of our own unless the two URLs name others.

They are started here, before Django reads its settings, once for all workers of a parallel run.
"""

import atexit
import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests import readymade

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper
    from playwright.sync_api import Page
    from pytest_django.fixtures import Settings as SettingsWrapper
    from pytest_django.plugin import DjangoDbBlocker

    from tests.office import Office
    from tests.smtp import Server

_services = ExitStack()


def _start_services() -> None:
    """Have DATABASE_URL and REDIS_URL in the environment, which the workers of a parallel run inherit."""
    os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("SITE_URL", "http://127.0.0.1:8000")
    os.environ.setdefault("EMAIL_URL", "smtp://127.0.0.1:1")
    services = _services.enter_context(readymade.services())
    os.environ["DATABASE_URL"] = services.database_url
    os.environ["REDIS_URL"] = services.redis_url
    atexit.register(_services.close)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def _own_redis(worker: str) -> None:
    """Each worker of a parallel run has a database of its own there as well: one that a test empties is nobody else's."""
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{1 + int(worker[2:])}").geturl()


if "PYTEST_XDIST_WORKER" in os.environ:
    _own_redis(os.environ["PYTEST_XDIST_WORKER"])
else:
    _start_services()

from django.conf import settings as _settings  # noqa: E402  # only now are its services there

_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A worker inherits the name of the settings, and has read them before it came here.
_settings.REDIS_URL = _settings.CELERY_BROKER_URL = os.environ["REDIS_URL"]
_settings.CACHES["default"]["LOCATION"] = os.environ["REDIS_URL"]


# Rows of small tables are deleted, past triggers and foreign keys: a truncated table is new files, its own and of each index,
# and there are hundreds of them. A large one is truncated, so that nobody reads past what was there.
_EMPTY = """
DO $$
DECLARE
    one regclass;
    filled boolean;
BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        CONTINUE WHEN one = 'django_migrations'::regclass OR pg_relation_size(one) = 0;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF pg_relation_size(one) > 524288 THEN
            EXECUTE format('TRUNCATE %s CASCADE', one);
        ELSIF filled THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END $$
"""


# Nobody takes statistics meanwhile: what a table looked like at some moment, between two tests say, would decide on how it is
# read in all that follow, now a hundred times slower and now by another index than a test looks for.
_UNCOUNTED = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', one);
    END LOOP;
END $$
"""


# Whoever else is in a transaction: here at all, or anywhere on the server for so long that no test means to.
_STILL_OPEN = """
SELECT pid, datname, state, left(query, 300) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (datname = current_database() AND xact_start IS NOT NULL
       OR backend_xid IS NOT NULL AND xact_start < now() - interval '2 minutes')
"""


def _nobody_left_a_transaction_open(cursor: "CursorWrapper", grace: float = 10) -> None:
    """Fail the test that did, and end it: it would slow down all that follow, and keep passes of the cascade coming."""
    end = time.monotonic() + grace
    while True:
        cursor.execute(_STILL_OPEN)
        if not (found := cursor.fetchall()):
            return
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", [[row[0] for row in found]])
    raise AssertionError(f"a transaction was left open: {found}")


@pytest.fixture(scope="session", autouse=True)
def _static_files_once() -> Iterator[None]:
    """Every client of a test loads the middleware anew, and WhiteNoise looks for all files each time: they are the same."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    looks, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, object]()

    def remembers(self: WhiteNoiseMiddleware) -> None:
        if not found:
            looks(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", remembers)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: "DjangoDbBlocker") -> Iterator[None]:
    """A database for each worker: a copy of one that was migrated."""
    from django.db import connection

    base, worker = os.environ["DATABASE_URL"], os.environ.get("PYTEST_XDIST_WORKER", "alone")
    name = f"test_{connection.settings_dict['NAME']}_{worker}"
    readymade.copy(base, name)
    connection.settings_dict["NAME"] = name
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(_UNCOUNTED)
    yield
    with django_db_blocker.unblock():
        connection.close()
    readymade.drop(base, name)


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """A test that commits leaves empty tables, and no rows of permissions or content types, which nothing here reads.

    Emptying the tables as Django does it took a fifth of a second after each such test. Where the database is somebody else's,
    and its triggers are not ours to pass by, it is done so all the same.
    """
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import sql
    from django.core.management.commands import flush
    from django.db import connection

    as_django_does = sql.sql_flush

    def forget(*_: object, **__: object) -> None:
        ContentType.objects.clear_cache()

    def empty(*args: Any, **kwargs: Any) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            ours = cursor.fetchone() == (True,)
            _nobody_left_a_transaction_open(cursor)
        quickly = ["SET session_replication_role = replica", _EMPTY, "SET session_replication_role = origin"]
        return quickly if ours else list(as_django_does(*args, **kwargs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", forget)
        patch.setattr("django.core.management.commands.flush.sql_flush", empty)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_connection() -> Iterator[None]:
    """A test that commits leaves its connection to the next, as it was when it was new.

    Django closes it. A new one has looked at no table yet: a fifth of what PostgreSQL did for such tests was spent on that.
    """
    from django.db import Error, connections
    from django.test import TransactionTestCase

    def is_worn(_: TransactionTestCase) -> bool:
        """Whether Django is to close it all the same."""
        try:
            for one in connections.all(initialized_only=True):
                with one.cursor() as cursor:
                    cursor.execute("RESET ALL; SELECT pg_advisory_unlock_all()")
                one.init_connection_state()
        except Error:
            return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_should_reload_connections", is_worn)
        yield


@pytest.fixture(autouse=True)
def _no_broken_connection() -> None:
    """A connection that the database ended fails one test, and not all that follow in this worker."""
    from django.db import connections

    for one in connections.all(initialized_only=True):
        if one.connection is not None and one.connection.closed:
            one.close()


def pytest_collection() -> None:
    """While tests are read hardly anything becomes garbage, and looking for it was a quarter of the work."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is."""
    gc.enable()


def pytest_unconfigure() -> None:
    """Stop what was started."""
    if "tests.browser" in sys.modules:
        sys.modules["tests.browser"].stop()
    _services.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is live waits more than it works: it begins first. The long round of killing runs only where it is asked for."""
    # pytest-django has put those without a database of their own last.
    items.sort(key=lambda item: item.get_closest_marker("live") is None)
    if "chaos" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("chaos")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def page() -> Iterator["Page"]:
    """A page in a real browser."""
    from tests.browser import open_page

    with open_page() as opened:
        yield opened


@pytest.fixture
def office() -> "Office":
    """An issuing authority with two officers, and a government with people."""
    from tests.office import Office

    return Office()


@pytest.fixture
def server(settings: "SettingsWrapper") -> Iterator["Server"]:
    """A mail server that takes what is delivered."""
    from tests.smtp import Server

    with Server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


@pytest.fixture(autouse=True)
def _quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests call the verbs themselves; a test of the bell rings it on purpose."""
    monkeypatch.setattr("config.celery.app.send_task", lambda *args, **kwargs: None)


@pytest.fixture(autouse=True)
def _a_client_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests come from one address, and a whole run of them answers for many people within seconds."""
    monkeypatch.setattr("alerts.web.client.ANSWERED", f"tocsin:answered:{uuid4().hex}")
