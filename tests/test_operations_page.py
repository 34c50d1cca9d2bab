"""The operators' page: the verdict first, then what is to be done, the outbox, and who does the work."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.fixtures import Settings as SettingsWrapper
from pytest_django.live_server_helper import LiveServer

from alerts import watch
from alerts.models import Advisory, Heartbeat, Relay, Trouble
from config import workers
from departments.models import Membership, Person
from tests import rows
from tests.browser import LOOKS, faults, open_page
from tests.watching import WORKER, all_well, apart, batch, done

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which all is well."""
    apart(monkeypatch)
    now = timezone.now()
    all_well(now)
    return now


def client_of(who: Person) -> Client:
    client = Client()
    client.force_login(who, "departments.signing_in.DutyBackend")
    return client


@pytest.fixture
def office() -> Client:
    """An administrator's browser."""
    return client_of(rows.person("Ann Administrator", is_administrator=True))


def read(client: Client, address: str = "/operations/") -> str:
    """What stands there, as somebody reads it."""
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def everything_wrong(now: datetime) -> None:
    """A long night."""
    for n, severity in enumerate(["critical", "high", "medium", "low"]):
        made = rows.advisory(f"ADV-2020-{n:04}")
        Advisory.objects.filter(pk=made.pk).update(severity=severity, exercise=n == 3)
        batch(now, made, age=5_000, rank=n, size=500, attempt=n, not_before=now + timedelta(minutes=n - 1))
        rows.relay(made, f"department-{n}", state="held" if n else "planned")
    batch(now, None, age=90_000, rank=9)
    Relay.objects.filter(state="held").update(held_until=now - timedelta(hours=30))
    done()
    stopped = rows.advisory("ADV-2020-9999")
    batch(now, stopped, age=60)
    Advisory.objects.filter(pk=stopped.pk).update(stopped_at=now)
    Heartbeat.objects.filter(process="beat").update(at=now - timedelta(minutes=7))
    long = f"celery@{'a-very-long-name-' * 8}.compute.internal"
    with workers._redis() as redis:
        at = workers._now(redis)
        redis.hset(workers.WORKERS, long, f"{at - 3_000} {at} {at - 600}")
    Trouble.objects.create(
        kind="mail", subject="ADV-2020-0007", says="Up to 40 mails waited.", began_at=now - timedelta(hours=3),
        seen_at=now, over_at=now - timedelta(hours=2),
    )  # fmt: skip


# --- who ---


def test_it_is_for_administrators_and_auditors(now: datetime, office: Client) -> None:
    assert office.get("/operations/").status_code == 200
    assert client_of(rows.person(is_auditor=True)).get("/operations/").status_code == 200
    officer = rows.person("Olive Officer")
    Membership.objects.create(person=officer, body=rows.body("centre"), role="officer")
    for address in ("/operations/", "/operations/live/"):
        assert client_of(officer).get(address).status_code == 403
        assert Client().get(address).status_code == 302
    assert 'href="/operations/"' not in client_of(officer).get("/").content.decode()
    assert 'href="/operations/"' in office.get("/").content.decode()


def test_their_first_page_says_that_something_is_not_well(now: datetime, office: Client) -> None:
    assert "not well" not in read(office, "/")
    Heartbeat.objects.filter(process="beat").delete()
    watch.audit(now)
    assert "1 thing is not well with Tocsin itself" in read(office, "/")


# --- what ---


def test_all_is_well(now: datetime, office: Client) -> None:
    words = read(office)
    assert "Yes, all is well." in words
    assert "Not audited yet" in words
    assert "Empty: nothing waits to be sent." in words
    assert "Every live advisory is where it should be." in words
    assert WORKER in words
    for check in watch.CHECKS:
        assert check.name in words
    assert "Not well," not in words


def test_what_is_not_well_is_said_with_what_to_do(now: datetime, office: Client) -> None:
    everything_wrong(now)
    words = read(office)
    number = len(watch.look(now))
    assert f"No: {number} things are not well." in words
    assert "The beat has been silent for" in words
    assert "should have been released over by now" in words
    assert "alive, and runs nothing" in words
    assert "Not well, Holds" in words
    assert "Of stopped advisories" in words
    assert "Of no advisory" in words
    assert "Up to 40 mails waited." in words
    assert "2 h 0 min ago" not in words  # the exact times of what is over
    assert "EXERCISE" in words


def test_a_mail_servers_words_are_shown_as_text(now: datetime, office: Client) -> None:
    zoom = rows.advisory()
    made = batch(now, zoom, age=5_000, attempt=3, not_before=now + timedelta(hours=1))
    reader = rows.recipient(zoom)
    made.messages.create(
        key="one", person=reader.person, advisory=zoom, recipient=reader, revision=zoom.current, kind="notice",
        error="450 <script>alert(1)</script>",
    )  # fmt: skip
    done()
    page = office.get("/operations/").content.decode()
    assert "450 &lt;script&gt;" in page
    assert "<script>alert" not in page


def test_no_title_stands_there(now: datetime, office: Client) -> None:
    everything_wrong(now)
    assert "Do not use Zoom" not in read(office)


def test_it_says_that_redis_is_away(now: datetime, office: Client, settings: SettingsWrapper) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    words = read(office)
    assert "Redis does not answer" in words
    assert "Redis does not say what waits in it." in words


def test_the_live_part_answers_with_nothing_until_it_reads_differently(now: datetime, office: Client) -> None:
    page = office.get("/operations/").content.decode()
    [address] = re.findall(r'hx-get="([^"]+)"', page)
    assert office.get(address).status_code == 204
    Heartbeat.objects.filter(process="beat").delete()
    changed = office.get(address)
    assert changed.status_code == 200
    assert b"<html" not in changed.content
    assert b"No beat was ever seen" in changed.content


def test_it_asks_no_more_for_many_than_for_few(now: datetime, office: Client) -> None:
    everything_wrong(now)
    office.get("/operations/")
    with CaptureQueriesContext(connection) as few:
        office.get("/operations/")
    for n in range(20):
        made = rows.advisory(f"ADV-2021-{n:04}")
        batch(now, made, age=9_000)
        rows.relay(made, f"more-{n}", state="held")
    with CaptureQueriesContext(connection) as many:
        office.get("/operations/")
    assert len(many) <= len(few) + 1


# --- on the screen ---


def beside(work: Callable[[], None]) -> None:
    """In a thread: the browser's own has no place for the database."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_read_in_every_look(
    look: str, live_server: LiveServer, now: datetime, office: Client, tmp_path: Any
) -> None:
    cookie = office.cookies["sessionid"].value
    with open_page(**LOOKS[look]) as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        assert faults(page, f"{live_server.url}/operations/") == []
        expect(page.locator(".verdict")).to_have_text("Yes, all is well.")
        page.screenshot(path=f"{tmp_path}/well.png", full_page=True)
        beside(lambda: everything_wrong(now))
        if look != "light":
            page.reload()
        expect(page.locator(".verdict")).to_contain_text("not well", timeout=15_000)  # it follows by itself
        assert faults(page, "") == []
        page.screenshot(path=f"{tmp_path}/wrong.png", full_page=True)
