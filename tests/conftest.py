"""Real services for every test: PostgreSQL and Redis of our own unless the two URLs name others.

They are started here, before Django reads its settings, once for all workers of a parallel run.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from config import embedded

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.fixtures import Settings as SettingsWrapper

    from tests.office import Office
    from tests.smtp import Server
    from tests.stack import Stack

_services = ExitStack()


def _start_services() -> None:
    """Have DATABASE_URL and REDIS_URL in the environment, which the workers of a parallel run inherit."""
    os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("SITE_URL", "http://127.0.0.1:8000")
    os.environ.setdefault("EMAIL_URL", "smtp://127.0.0.1:1")
    if "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ:
        services = _services.enter_context(embedded.throwaway())
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


# Rows of small tables are deleted, past triggers and foreign keys: a truncated table is new files, its own and of each index,
# and there are hundreds of them. A large one is truncated, so that nobody reads past what was there.
_EMPTY = """
DO $$
DECLARE
    one regclass;
    filled boolean;
BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        CONTINUE WHEN one = 'django_migrations'::regclass;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF pg_relation_size(one) > 524288 THEN
            EXECUTE format('TRUNCATE %s CASCADE', one);
        ELSIF filled THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END $$
"""


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
        quickly = ["SET session_replication_role = replica", _EMPTY, "SET session_replication_role = origin"]
        return quickly if ours else list(as_django_does(*args, **kwargs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", forget)
        patch.setattr("django.core.management.commands.flush.sql_flush", empty)
        yield


def pytest_unconfigure() -> None:
    """Stop what was started."""
    _services.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long round of killing runs only where it is asked for."""
    if "chaos" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("chaos")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stack"]:
    """Web, worker, beat and mailbox as real processes, with the demo's directory; one for all live tests.

    Each test has its own advisory, counts only what is of it, and starts again whatever it killed.
    """
    from tests.stack import running

    with running(tmp_path_factory.mktemp("live")) as live:
        live.manage("demo_load")
        yield live


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
