"""The two addresses outside: told what is not well, once and then hourly, and called only while all is well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper
from structlog.testing import capture_logs

from alerts import tasks
from alerts.models import Heartbeat, Trouble
from alerts.watching import alarm, watch
from tests import rows
from tests.watching import all_well, apart, batch, done

pytestmark = pytest.mark.django_db

KEY = "a-secret-key"
HOUR = timedelta(hours=1)


class Hook:
    """A real server outside: what it was sent, and how it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Any]] = []
        self.status, self.to, self.hangs = 200, "", 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                hook.heard.append((self.command, self.path, body))
                time.sleep(hook.hangs)
                self.send_response(hook.status)
                if hook.to:
                    self.send_header("Location", hook.to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815  # http.server's names

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/{KEY}"

    def texts(self) -> list[str]:
        """The messages, as a chat shows them."""
        return [body["text"] for _, _, body in self.heard]


@pytest.fixture
def hook(settings: SettingsWrapper) -> Iterator[Hook]:
    """Both addresses lead there."""
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    settings.ALARM_URL = settings.HEARTBEAT_URL = made.address
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which all is well."""
    apart(monkeypatch)
    now = timezone.now()
    all_well(now)
    return now


def trouble(now: datetime, kind: str = "mail", **fields: Any) -> Trouble:
    values = {"subject": "ADV-2020-0017", "says": f"Something with {kind}.", "began_at": now, "seen_at": now}
    return Trouble.objects.create(kind=kind, **{**values, **fields})


def over(now: datetime) -> None:
    Trouble.objects.filter(over_at=None).update(over_at=now)


# --- ALARM_URL ---


def test_a_new_trouble_is_said_once(hook: Hook, now: datetime) -> None:
    trouble(now)
    assert alarm.tell(now)
    assert not alarm.tell(now + timedelta(minutes=2))
    [(method, path, body)] = hook.heard
    assert (method, path) == ("POST", f"/{KEY}")
    assert body["site"] == "http://127.0.0.1:8000"
    assert body["well"] is False
    assert body["troubles"] == [
        {"kind": "mail", "subject": "ADV-2020-0017", "since": now.isoformat(), "says": "Something with mail."}
    ]
    assert body["text"].startswith("One thing is not well at http://127.0.0.1:8000/operations/\n- Something with mail.")


def test_a_further_trouble_is_said_with_those_that_last(hook: Hook, now: datetime) -> None:
    trouble(now)
    alarm.tell(now)
    trouble(now, "held")
    assert alarm.tell(now + timedelta(minutes=2))
    assert "2 things are not well" in hook.texts()[-1]
    assert not alarm.tell(now + timedelta(minutes=61))  # both were said an hour and a bit later than the first
    assert alarm.tell(now + timedelta(minutes=62))


def test_what_lasts_is_said_again_every_hour(hook: Hook, now: datetime) -> None:
    trouble(now)
    alarm.tell(now)
    assert not alarm.tell(now + HOUR - timedelta(seconds=1))
    assert alarm.tell(now + HOUR)
    assert len(hook.heard) == 2


def test_that_all_is_well_again_is_said_once(hook: Hook, now: datetime) -> None:
    trouble(now)
    held = trouble(now, "held")
    alarm.tell(now)
    Trouble.objects.filter(pk=held.pk).update(over_at=now + timedelta(minutes=1))
    assert not alarm.tell(now + timedelta(minutes=2))  # the other one lasts
    over(now + timedelta(minutes=3))
    assert alarm.tell(now + timedelta(minutes=4))
    assert hook.heard[-1][2] == {
        "text": "All is well again at http://127.0.0.1:8000.",
        "site": "http://127.0.0.1:8000",
        "troubles": [],
        "well": True,
    }
    assert not alarm.tell(now + timedelta(minutes=6))


def test_what_was_over_before_anybody_was_told_is_not_said(hook: Hook, now: datetime) -> None:
    trouble(now)
    over(now)
    assert not alarm.tell(now)
    assert hook.heard == []


def test_very_many_troubles_make_a_message_that_can_be_read(hook: Hook, now: datetime) -> None:
    for n in range(100):
        trouble(now, subject=f"ADV-2020-{n:04}")
    assert alarm.tell(now)
    assert hook.texts()[0].count("\n") == alarm.NAMED + 1
    assert hook.texts()[0].endswith("- and 70 more")
    assert len(hook.heard[0][2]["troubles"]) == 100
    assert not alarm.tell(now)


def test_the_auditors_own_notes_are_said_to_nobody(hook: Hook, now: datetime) -> None:
    trouble(now, "note:cascade")
    assert not alarm.tell(now)
    assert alarm.report_well(now)


@pytest.mark.parametrize(("status", "to"), [(500, ""), (404, ""), (302, "/elsewhere"), (307, "ftp://127.0.0.1/x")])
def test_what_was_not_heard_is_said_at_the_next_audit(status: int, to: str, hook: Hook, now: datetime) -> None:
    made = trouble(now)
    hook.status, hook.to = status, to
    with capture_logs() as lines:
        assert not alarm.tell(now)
    assert [(line["setting"], line["status"]) for line in lines] == [("ALARM_URL", status)]
    assert KEY not in str(lines)
    made.refresh_from_db()
    assert made.said_at is None
    assert len(hook.heard) == 1  # it was followed nowhere
    hook.status = 200
    assert alarm.tell(now + timedelta(minutes=2))


def test_that_all_is_well_again_is_said_until_it_is_heard(hook: Hook, now: datetime) -> None:
    trouble(now)
    alarm.tell(now)
    over(now + timedelta(minutes=1))
    hook.status = 500
    assert not alarm.tell(now + timedelta(minutes=2))
    hook.status = 200
    assert alarm.tell(now + timedelta(minutes=4))


def test_a_hook_that_hangs_or_is_not_there_is_given_up(
    hook: Hook, now: datetime, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm, "TIMEOUT", 0.2)
    trouble(now)
    hook.hangs = 2.0
    with capture_logs() as lines:
        assert not alarm.tell(now)
        settings.ALARM_URL = f"http://127.0.0.1:1/{KEY}"
        assert not alarm.tell(now)
        settings.ALARM_URL = f"https://127.0.0.1:{hook.server.server_address[1]}/{KEY}"
        assert not alarm.tell(now)
    assert len(lines) == 3
    assert KEY not in str(lines)
    assert Trouble.objects.get().said_at is None


@pytest.mark.django_db(transaction=True)
def test_two_auditors_say_it_once(hook: Hook, now: datetime) -> None:
    from django.db import connections

    trouble(now)
    said: list[bool] = []

    def tell() -> None:
        try:
            said.append(alarm.tell(now))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False, False, False, True]
    assert len(hook.heard) == 1


def test_nothing_is_said_where_there_is_no_address(now: datetime, settings: SettingsWrapper) -> None:
    settings.ALARM_URL = settings.HEARTBEAT_URL = ""
    trouble(now)
    assert not alarm.tell(now)
    over(now)
    assert not alarm.report_well(now)


def test_no_title_and_no_address_leave(hook: Hook, now: datetime) -> None:
    zoom = rows.advisory(open_title="Advice on meetings")
    done()
    made = batch(now, zoom, age=5_000, attempt=4, not_before=now + HOUR)
    reader = rows.recipient(zoom)
    made.messages.create(
        key="one",
        person=reader.person,
        advisory=zoom,
        recipient=reader,
        revision=zoom.current,
        kind="notice",
        error=f"450 {reader.person.email}: later",
    )
    tasks.audit()
    [(_, _, body)] = hook.heard
    assert "450 <address>: later" in body["text"]
    for secret in (reader.person.email, reader.person.name, "Do not use Zoom", "Advice on meetings"):
        assert secret not in json.dumps(body)


# --- HEARTBEAT_URL ---


def test_the_heartbeat_is_called_while_all_is_well_and_not_otherwise(hook: Hook, now: datetime) -> None:
    tasks.report_well()
    assert hook.heard == [("GET", f"/{KEY}", None)]
    Heartbeat.objects.filter(process="beat").delete()
    tasks.report_well()
    assert len(hook.heard) == 1


def test_an_open_trouble_keeps_the_heartbeat_silent_until_an_audit_closes_it(hook: Hook, now: datetime) -> None:
    trouble(now)
    assert not alarm.report_well(now)
    assert watch.audit(now + timedelta(seconds=1))
    assert alarm.report_well(now)


# --- the settings ---


def settings_with(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from config import settings; print(settings.ALARM_URL, settings.HEARTBEAT_URL)"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_addresses_are_taken_from_the_environment() -> None:
    done = settings_with(ALARM_URL=" https://hooks.example/one ", HEARTBEAT_URL="http://hooks.example:8080/two")
    assert done.stdout.split() == ["https://hooks.example/one", "http://hooks.example:8080/two"]


@pytest.mark.parametrize(
    "wrong", ["file:///etc/passwd", "hooks.example/key", "https://", "https://x:y/key", "ftp://x/key"]
)
def test_an_address_of_another_kind_is_refused_without_being_said(wrong: str) -> None:
    done = settings_with(ALARM_URL=wrong)
    assert done.returncode != 0
    assert "ALARM_URL must be like https://" in done.stderr
    assert wrong not in done.stderr.replace("like https://hooks.example.org", "") or wrong == "https://"
