"""The operators' page: the verdict first, then what is to be done, the outbox, and who does the work."""

from __future__ import annotations

import html
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

from alerts import hold_words
from alerts.models import Advisory, Heartbeat, Message, Recipient, Record, Relay, Route, Trouble
from alerts.routing import leaving, route_state
from alerts.watching import watch
from config import workers
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.watching import WORKER, all_well, apart, batch, done, mails

pytestmark = pytest.mark.django_db


MX = "mx.example:25"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, settings: SettingsWrapper) -> datetime:
    """A moment at which all is well."""
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mx.example", 25
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
        waits = batch(now, made, age=5_000, rank=n, size=500, attempt=n, not_before=now + timedelta(minutes=n - 1))
        mails(waits, 2)
        rows.relay(made, f"department-{n}", state="held" if n else "planned")
    mails(batch(now, None, age=90_000, rank=9))
    Relay.objects.filter(state="held").update(held_until=now - timedelta(hours=30))
    done()
    stopped = rows.advisory("ADV-2020-9999")
    mails(batch(now, stopped, age=60))
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


# --- how mail leaves, in words first ---


def leads(client: Client) -> list[str]:
    """The sentences that come first."""
    answer = client.get("/operations/")
    return [html.unescape(one) for one in re.findall(r'<p class="lead">(.*?)</p>', answer.content.decode())]


def left(now: datetime, number: int, ago: float, route: str = MX, **details: object) -> None:
    """So many mails left a moment ago."""
    at = now - timedelta(seconds=ago)
    Record.objects.create(
        kind="sent", subject="ADV-2020-0017", at=at, details={"mails": number, "route": route}, digest=""
    )


def waiting(now: datetime, rank: int, number: int, **fields: Any) -> None:
    """So many mails of a severity, in one batch that nobody looked at, behind those that somebody may have had."""
    for n in range(leaving.NEXT):
        mails(batch(now, None, rank=rank, size=1, age=9, **fields), 1 if n == 0 else 0)
    batch(now, None, rank=rank, size=number - 1, **fields)


def test_it_says_how_fast_mail_leaves_and_until_when(now: datetime, office: Client) -> None:
    assert leads(office) == ["Nothing waits."]
    waiting(now, 2, 12_400)
    assert leads(office) == [
        "Critical and high are done; 12,400 medium mails wait, and none has left within the last minute."
    ]
    left(now, 1_000, 55)
    left(now, 2_100, 1, "another:25")
    left(now, 90_000, 90)  # before the last minute
    [says] = leads(office)
    assert re.fullmatch(
        r"Critical and high are done; 12,400 medium mails are leaving at 3,[1-4]00 a minute: at this rate the last leaves at "
        r"\d\d:\d\d (GMT|BST)\.",
        says,
    )


def test_several_severities_leave_one_after_another() -> None:
    now = timezone.now()
    lines = [
        leaving.Outbox("Critical", 600, now, 0, 0, None, 0),
        leaving.Outbox("Low", 6_000, now, 0, 0, None, 3),
        leaving.Outbox(leaving.PLAIN, 60, now, 0, 0, None, 9),
    ]
    [says] = leaving.verdict(lines, route_state.standings(now), leaving.Rates(5.0, {}), now)
    critical = hold_words.clock(now + timedelta(seconds=120), now)
    last = hold_words.clock(now + timedelta(seconds=6_660 / 5), now)
    assert says == (
        "600 critical mails, 6,000 low mails and 60 mails of no advisory are leaving at 300 a minute: at this rate the last "
        f"leaves at {last}, the last critical one at {critical}."
    )


def test_what_is_almost_over_and_what_was_put_off_is_said_so() -> None:
    now = timezone.now()
    until = now + timedelta(minutes=12)
    lines = [leaving.Outbox("High", 40, now, 0, 30, until, 1), leaving.Outbox(leaving.STOPPED, 500, now, 0, 0, None)]
    says = leaving.verdict(lines, route_state.standings(now), leaving.Rates(5.0, {}), now)
    assert says == [
        "Critical is done; 10 high mails are leaving at 300 a minute: at this rate the last leaves within a minute.",
        f"30 were put off, the next until {hold_words.clock(until, now)}.",
    ]


def test_what_is_put_off_is_not_called_done() -> None:
    now = timezone.now()
    stands, until = route_state.standings(now), now + timedelta(minutes=30)
    critical = leaving.Outbox("Critical", 50, now, 0, 50, until, 0)
    high, plain = leaving.Outbox("High", 100, now, 0, 0, None, 1), leaving.Outbox(leaving.PLAIN, 9, now, 0, 0, None, 9)
    [says, put_off] = leaving.verdict([critical, high], stands, leaving.Rates(5.0, {}), now)
    assert says.startswith("100 high mails are leaving")
    assert put_off.startswith("50 were put off")
    [says, _] = leaving.verdict([critical, plain], stands, leaving.Rates(5.0, {}), now)
    assert says.startswith("High, medium and low are done; 9 mails of no advisory are leaving")


def test_when_a_stopped_one_would_go_is_said_of_nothing_else() -> None:
    now = timezone.now()
    until = now + timedelta(minutes=30)
    lines = [
        leaving.Outbox("High", 5, now, 0, 5, until, 1),
        leaving.Outbox(leaving.STOPPED, 9, now, 0, 9, now + timedelta(minutes=2)),
    ]
    assert leaving.verdict(lines, route_state.standings(now), leaving.Rates(0.0, {}), now) == [
        "Nothing waits that may leave now.",
        f"5 were put off, the next until {hold_words.clock(until, now)}.",
    ]


def test_mail_that_waits_for_a_condemned_route_alone_is_not_said_to_be_leaving(
    now: datetime, office: Client, settings: SettingsWrapper
) -> None:
    settings.SECOND_EMAIL_PROVIDER = "mailgun"
    Route.objects.create(name=MX, condemned_at=now, rests_until=now + timedelta(minutes=5), why="no", said="no")
    waiting(now, 0, 400, route=MX)
    left(now, 2_000, 1, "mailgun")
    alone, other = (
        f"400 mails may have left by {MX} already, and wait for it alone.",
        "critical and high mail goes by mailgun.",
    )
    [says, last] = leads(office)
    assert says.endswith(other)
    assert last == alone
    waiting(now, 1, 30)
    [leaves, says, last] = leads(office)
    assert leaves.startswith("30 high mails are leaving at")
    assert says.endswith(other)
    assert last == alone


def test_it_says_why_no_mail_leaves(now: datetime, office: Client) -> None:
    said = "554 5.7.1 Relay access denied"
    Route.objects.create(
        name=MX, condemned_at=now - timedelta(minutes=20), rests_until=now + timedelta(minutes=2), why=said, said=said
    )
    waiting(now, 2, 500)
    [says] = leads(office)
    assert re.fullmatch(
        rf"No mail leaves: {MX} has been condemned since [\d:]+ (GMT|BST): it refuses everybody with “{said}”; one mail is "
        r"tried again at [\d:]+ (GMT|BST)\. 500 medium mails wait\.",
        says,
    )


def test_it_says_what_goes_by_the_other_route(now: datetime, office: Client, settings: SettingsWrapper) -> None:
    settings.SECOND_EMAIL_PROVIDER = "mailgun"
    Route.objects.create(name=MX, condemned_at=now, rests_until=now + timedelta(minutes=2), why="Connection refused")
    waiting(now, 1, 30)
    waiting(now, 2, 500)
    high, medium = leads(office)
    assert high.startswith("Critical is done; 30 high mails wait")
    assert medium.endswith("; 500 medium mails wait for it, and critical and high mail goes by mailgun.")
    words = read(office)
    assert f"{MX}: condemned · taken first" in words
    assert "mailgun: well" in words
    assert "Take it first : mailgun" in words
    assert f"Take it first : {MX}" not in words
    assert "It hands over; it does not report delivery." in words
    assert "It reports delivery." in words


def test_each_state_of_a_route_is_said(now: datetime, office: Client, settings: SettingsWrapper) -> None:
    ada = rows.person("Ada Lovelace")
    route = Route.objects.create(name=MX)

    def stands(**fields: object) -> str:
        blank = {"paused_at": None, "pace": None, "rests_until": None, "why": ""}
        Route.objects.filter(pk=route.pk).update(**{**blank, **fields})
        words = read(office)
        return words[words.index("Routes") : words.index("Refused, come back")]

    assert "It is well." in stands()
    assert "It was paused by Ada Lovelace at" in stands(paused_at=now, paused_by=ada)
    assert "It rests until" in stands(rests_until=now + timedelta(minutes=9), why="421 too many")
    assert "It said: 421 too many" in stands(rests_until=now + timedelta(minutes=9), why="421 too many")
    assert "It is slowed to 12 mails a second, and gets faster bit by bit" in stands(pace=12.0)
    assert "It is slowed to 6 mails a minute" in stands(pace=0.1)
    settings.EMAIL_QUOTA = 5_000
    words = stands(day=now.date(), spent=5_000)
    assert "It was given the 5,000 mails that it may be given today." in words
    assert "It was given 5,000 of the 5,000 mails that it may be given today." in words


def test_a_pace_that_lets_the_next_mails_wait_for_a_moment_shuts_nothing(now: datetime, office: Client) -> None:
    Route.objects.create(name=MX, pace=5.0, next_at=now + timedelta(minutes=1))
    waiting(now, 2, 500)
    assert leads(office) == [
        "Critical and high are done; 500 medium mails wait, and none has left within the last minute."
    ]


def test_without_a_route_it_says_so(now: datetime, office: Client, settings: SettingsWrapper) -> None:
    settings.EMAIL_HOST = ""
    assert leads(office)[-1] == "No route is configured: no mail leaves."
    assert "None is configured" in read(office)


def test_canaries_that_prove_nothing_are_said_once(now: datetime, office: Client, settings: SettingsWrapper) -> None:
    assert "Canaries prove nothing" not in read(office)
    settings.CANARIES = {"a.example": "x@a.example", "b.example": "x@b.example"}
    assert read(office).count(f"Canaries prove nothing on {MX}: nothing reports delivery there") == 1


# --- what an operator does ---


def press(client: Client, verb: str, **fields: object) -> str:
    """What the page says afterwards."""
    answer = client.post(f"/operations/{verb}/", fields, follow=True)
    assert answer.status_code == 200
    said = re.search(r'<li class="card said[^"]*">(.*?)</li>', answer.content.decode())
    return html.unescape(said[1]) if said else ""


def test_an_administrator_pauses_and_resumes_and_an_auditor_reads_who(now: datetime, office: Client) -> None:
    assert "is paused: nothing more leaves by it" in press(office, "routes/pause", route=MX)
    auditor = client_of(rows.person(is_auditor=True))
    words = read(auditor)
    assert "It was paused by Ann Administrator at" in words
    assert "Resume" not in words
    assert "One person's mail" not in words
    assert "Resume" in read(office)
    assert "takes mail again" in press(office, "routes/resume", route=MX)
    assert "nothing changed" in press(office, "routes/resume", route=MX)
    assert "There is no route" in press(office, "routes/pause", route="x" * 5_000)
    assert "There is no route" in press(office, "routes/pause")


@pytest.mark.parametrize("verb", ["routes/pause", "routes/resume", "routes/switch", "routes/try", "retry"])
def test_nobody_else_does(verb: str, now: datetime, office: Client) -> None:
    address, what = f"/operations/{verb}/", {"route": MX}
    officer = rows.person("Olive Officer")
    Membership.objects.create(person=officer, body=rows.body("centre"), role="officer")
    for who in (officer, rows.person(is_auditor=True)):
        assert client_of(who).post(address, what).status_code == 403
    assert Client().post(address, what).status_code == 302
    assert office.get(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = office.cookies
    assert strict.post(address, what).status_code == 403
    assert not Route.objects.exists()
    assert office.post("/operations/routes/explode/", what).status_code == 404


def test_what_failed_is_listed_by_reason_and_tried_again(now: datetime, office: Client) -> None:
    zoom = rows.advisory()
    made = batch(now, zoom, age=60, done_at=now)
    place = rows.relay(zoom, "department")
    for n, said in enumerate(("550 no such mailbox", "550 no such mailbox", "552 <full@x.example> full")):
        reader = rows.recipient(zoom, place)
        made.messages.create(
            key=f"{n}", person=reader.person, advisory=zoom, recipient=reader, revision=zoom.current, kind="notice",
            state="failed", failed_at=now, error=said, route=MX,
        )  # fmt: skip
        Recipient.objects.filter(pk=reader.pk).update(outcome="unreachable", why=said)
        Person.objects.filter(pk=reader.person_id).update(bounced_at=now)
    done()
    words = read(office)
    assert words.index("550 no such mailbox") < words.index("&lt;address&gt;")
    assert "full@x.example" not in words
    assert "Try 2 again" in words
    assert "Nothing was named to be tried again" in press(office, "retry")
    [two, _] = leaving.reasons(now)
    assert "2 people are mailed again, of ADV-2020-0017" in press(office, "retry", reason=two.key)
    assert "Try 2 again" not in read(office)
    Message.objects.update(failed_at=now - timedelta(days=2))
    words = read(office)
    assert "Nothing was refused, and nothing came back, within the last day." in words
    assert "Try all that failed again" in words
    assert "1 person is mailed again" in press(office, "retry", all="yes")
    assert "Try all that failed again" not in read(office)
    assert "Nothing that failed can be tried again." in press(office, "retry", all="yes")
    place.refresh_from_db()
    assert place.to_tell


def test_an_address_that_nobody_has_is_kept_as_it_was_typed(now: datetime, office: Client) -> None:
    answer = office.post("/operations/retry/", {"address": 'no"body@x.example'})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Nobody in the directory has the address" in page
    assert 'value="no&quot;body@x.example"' in page
    assert "Nothing of Ada Example can be tried again" in press(office, "retry", address=rows.person().email)


def test_mail_of_no_advisory_that_failed_is_said_to_be_tried_elsewhere(now: datetime, office: Client) -> None:
    made = batch(now, None, rank=9, done_at=now)
    mails(made, 2, state="failed", failed_at=now, error="550 no", route=MX)
    words = read(office)
    assert "2 of these are of no advisory" in words
    assert "Try all that failed again" not in words


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
def test_it_can_be_read_in_every_look(live_server: LiveServer, now: datetime, office: Client, tmp_path: Any) -> None:
    cookie = office.cookies["sessionid"].value
    with open_page() as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        assert faults_in_every_look(page, f"{live_server.url}/operations/") == []
        expect(page.locator(".verdict")).to_have_text("Yes, all is well.")
        page.screenshot(path=f"{tmp_path}/well.png", full_page=True)
        beside(lambda: everything_wrong(now))
        expect(page.locator(".verdict")).to_contain_text("not well", timeout=15_000)  # it follows by itself
        assert faults_in_every_look(page, "") == []
        page.screenshot(path=f"{tmp_path}/wrong.png", full_page=True)


@pytest.mark.django_db(transaction=True)
def test_a_press_and_the_focus_outlast_a_change_of_the_page_under_them(
    live_server: LiveServer, now: datetime, office: Client
) -> None:
    cookie = office.cookies["sessionid"].value
    poll = "htmx.ajax('GET', '/operations/live/', {target: '#operations', swap: 'outerHTML'})"
    with open_page() as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.goto(f"{live_server.url}/operations/")
        pause = page.get_by_role("button", name=f"Pause {MX}")
        pause.focus()
        beside(lambda: waiting(now, 2, 500))
        page.evaluate(poll)
        expect(page.locator("#operations")).to_contain_text("500 medium mails wait")
        assert page.evaluate("document.activeElement.id") == f"pause-{MX}"
        place = pause.bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + 8, place["y"] + 8)
        page.mouse.down()
        beside(lambda: waiting(now, 3, 7_000))
        page.evaluate(poll)
        page.mouse.up()
        expect(page.locator(".said")).to_contain_text(f"{MX} is paused")
        expect(page.locator("#operations")).to_contain_text("7,000 low mails wait")
    assert Route.objects.get().paused_by == Person.objects.get(name="Ann Administrator")
