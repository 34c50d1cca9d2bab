"""Simulated scanners give no answer that counts, and simulated people lose none.

The machines behave as gateways were seen to (`alerts.suspicion` names where), in a real browser where they use one. Time is
passed in: the clock stands still unless a test moves it.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from alerts import answer_form, coverage, tokens
from alerts.models import Acknowledgement, Advisory, Batch, Message, Recipient, Record, Relay
from tests import rows
from tests.browser import AGENT, LOOKS, MACHINE, browser, faults

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3_600.0
READ, DONE = "#answer input[name=read][value=yes]", "#answer input[name='a-move'][value=done]"
BUTTON = "#answer button:has-text('Send my answer')"

# Chooses the first of all choices, and presses.
PRESS = """() => {
    const form = document.getElementById("answer"), chosen = new Set();
    for (const one of form.querySelectorAll("input[type=radio]"))
        if (!chosen.has(one.name)) { chosen.add(one.name); one.click(); }
    [...form.querySelectorAll("button")].find((one) => one.textContent.includes("Send my answer")).click();
}"""
# Fills in whatever can be filled in, and sends.
FILL = """() => {
    const form = document.getElementById("answer"), chosen = new Set();
    for (const one of form.querySelectorAll("input, textarea")) {
        if (one.type === "radio" && !chosen.has(one.name)) { chosen.add(one.name); one.click(); }
        if (one.type === "text" || one.tagName === "TEXTAREA") one.value = "Jane Doe";
        if (one.type === "date") one.value = "2030-01-01";
    }
    form.submit();
}"""
# What a screen reader's press leaves of an event: the click alone.
CLICKS_ONLY = """for (const hint of ["keydown", "keyup", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart"])
    window.addEventListener(hint, (event) => event.stopImmediatePropagation(), true);"""


class Clock:
    """The time of the server. It stands still until it is moved."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


class Warned:
    """An advisory that asks one thing, and people who were sent it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.advisory: Advisory = rows.advisory()
        assert self.advisory.current
        rows.action(self.advisory.current, "move")
        self.place: Relay = rows.relay(self.advisory, "ministry")

    def people(self, how_many: int, mailed: float) -> list[Recipient]:
        """So many, whose mails were handed over so many seconds ago."""
        people = [rows.recipient(self.advisory, self.place) for _ in range(how_many)]
        now, revision = self.clock(), self.advisory.current
        batch = Batch.objects.create(
            rank=1, advisory=self.advisory, revision=revision, kind="notice", size=1, not_before=now, done_at=now
        )
        Message.objects.bulk_create(
            Message(
                key=f"notice:{one.pk}",
                batch=batch,
                person=one.person,
                advisory=self.advisory,
                recipient=one,
                revision=revision,
                kind="notice",
                state="sent",
                sent_at=now - timedelta(seconds=mailed),
            )
            for one in people
        )
        Recipient.objects.filter(advisory=self.advisory).update(told_revision=1)
        return people

    def person(self, mailed: float) -> Recipient:
        return self.people(1, mailed)[0]

    def figures(self) -> tuple[int, int]:
        """How many answers count, and of how many there are only such as look like a machine's."""
        figures = coverage.whole(self.advisory).figures
        return figures.acknowledged, figures.suspect

    def signs(self) -> set[str]:
        """All the signs that any answer bears."""
        return {sign for one in Acknowledgement.objects.all() for sign in one.suspect}


@pytest.fixture
def warned(clock: Clock) -> Warned:
    return Warned(clock)


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


@pytest.fixture
def machine() -> Browser:
    """A headless browser that says that it is one."""
    return browser(MACHINE)


@pytest.fixture
def ordinary() -> Browser:
    """A browser that looks like anybody's."""
    return browser()


@contextmanager
def opened(by: Browser, url: str, **how: Any) -> Iterator[Page]:
    context = by.new_context(**how)
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


def sends(page: Page, press: str | Callable[[], object] = "") -> int:
    """Presses the button, or sends it by a script, or in another way; the status of what was sent."""
    with page.expect_response(lambda response: response.request.method == "POST") as sent:
        if callable(press):
            press()
        elif press:
            page.evaluate(press)
        else:
            page.click(BUTTON)
    page.wait_for_load_state()
    return sent.value.status


def chooses(page: Page) -> None:
    page.check(READ)
    page.check(DONE)


# --- machines ---


def fetch(method: str, url: str, agent: str = "Mozilla/5.0 (compatible; Mimecast Web Security)") -> int:
    request = urllib.request.Request(url, method=method, headers={"User-Agent": agent})  # noqa: S310  # our own server
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        answer.read()
        return int(answer.status)


def test_opening_all_links_at_once_with_head_and_get_writes_nothing(live_server: LiveServer, warned: Warned) -> None:
    people = warned.people(12, mailed=0.5)
    before = Record.objects.count()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(fetch, how, live_server.url + link(one)) for one in people for how in ("HEAD", "GET")]
        assert {one.result() for one in asked} == {200}
    assert (Acknowledgement.objects.count(), Record.objects.count()) == (0, before)
    assert warned.figures() == (0, 0)


def test_opening_them_with_scripts_writes_nothing(
    live_server: LiveServer, warned: Warned, machine: Browser, ordinary: Browser
) -> None:
    for by, one in zip((machine, ordinary), warned.people(2, mailed=0.5), strict=True):
        with opened(by, live_server.url + link(one)) as page:
            page.mouse.wheel(0, 2_000)
            page.wait_for_function("document.getElementById('hand').value === 'none'")
    assert not Acknowledgement.objects.exists()
    assert warned.figures() == (0, 0)


# Seconds from the mail to the page, and from the page to the press.
PACES = [(0.5, 0.0), (20.0, 7.0), (HOUR, 30.0)]


def test_a_presser_of_buttons_never_counts(live_server: LiveServer, warned: Warned, machine: Browser) -> None:
    """It is steered, and it presses with a pointer that its browser vouches for."""
    for mailed, waits in PACES:
        with opened(machine, live_server.url + link(warned.person(mailed))) as page:
            warned.clock.passes(waits)
            chooses(page)
            assert sends(page) == 200
    assert warned.figures() == (0, len(PACES))
    assert all("automated" in one.suspect for one in Acknowledgement.objects.all())


def test_nor_does_one_that_looks_like_anybodys_browser_and_presses_by_script(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    for mailed, waits in PACES:
        with opened(ordinary, live_server.url + link(warned.person(mailed))) as page:
            warned.clock.passes(waits)
            assert sends(page, PRESS) == 200
    assert warned.figures() == (0, len(PACES))
    assert all("untouched" in one.suspect for one in Acknowledgement.objects.all())


@pytest.mark.parametrize(("mailed", "waits", "sign"), [(0.5, 2.0, "after the mail"), (HOUR, 0.5, "instant")])
def test_nor_does_one_with_a_pointer_that_is_too_quick_for_a_person(
    live_server: LiveServer, warned: Warned, ordinary: Browser, mailed: float, waits: float, sign: str
) -> None:
    with opened(ordinary, live_server.url + link(warned.person(mailed))) as page:
        warned.clock.passes(waits)
        chooses(page)
        assert sends(page) == 200
    assert (warned.figures(), warned.signs()) == ((0, 1), {sign})


def test_nor_does_a_server_that_presses_before_it_takes_the_mail(warned: Warned) -> None:
    """Nobody else has that link yet. Whoever was mailed before is not taken for it while their next mail leaves."""
    first, later = warned.people(1, mailed=0.0) + warned.people(1, mailed=HOUR)
    client = Client(headers={"user-agent": AGENT})
    forms = [(one, {**fill(one), "hand": "seen"}) for one in (first, later)]
    batch = Batch.objects.get(messages__recipient=first)
    Message.objects.filter(recipient=first).update(state="waiting", sent_at=None)
    second = Message.objects.get(recipient=later)
    second.pk, second.key, second.batch, second.state, second.sent_at = None, "update", batch, "waiting", None
    second.save()
    Batch.objects.filter(pk=batch.pk).update(done_at=None, leased_until=timezone.now() + timedelta(seconds=60))
    warned.clock.passes(5.0)
    for one, form in forms:
        post(client, one, form)
    assert (warned.figures(), warned.signs()) == ((1, 1), {"after the mail"})
    assert Acknowledgement.objects.get(recipient=first).suspect == ["after the mail"]


def test_what_fills_in_every_field_never_counts_however_long_it_waits_and_however_often_it_comes(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    someone = warned.person(mailed=HOUR)
    for _ in range(2):  # the second time it is asked for the proof as well
        with opened(ordinary, live_server.url + link(someone)) as page:
            warned.clock.passes(300.0)
            sends(page, FILL)
    assert warned.figures() == (0, 1)
    assert {"decoy", "untouched"} <= warned.signs()


def get(client: Client, recipient: Recipient) -> dict[str, str]:
    """What a program finds in the page's form: its hidden values, and the first of all choices."""
    page = client.get(link(recipient)).content.decode()
    form = page[page.index('<form id="answer"') :].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="([\w-]+)"[^>]* value="([^"]*)"', form))
    for name, value in re.findall(r'<input type="radio" name="([\w-]+)"[^>]* value="(\w+)"', form):
        fields.setdefault(name, value)
    return fields


def fill(recipient: Recipient) -> dict[str, str]:
    """The same, opened now: most of forty pages need not be drawn."""
    return {"form": answer_form.issue(recipient.pk, 1), "hand": "", "read": "yes", "a-move": "done"}


def post(client: Client, recipient: Recipient, form: dict[str, str], **how: Any) -> None:
    # What looks like a machine's comes back, and is asked once more.
    assert client.post(link(recipient), form, **how).status_code in (200, 303)


def test_a_program_that_reads_and_answers_for_forty_within_seconds_never_counts(warned: Warned) -> None:
    client = Client(headers={"user-agent": "python-requests/2.32.3"})
    for number, one in enumerate(warned.people(40, mailed=HOUR)):
        form = get(client, one) if number < 10 else fill(one)
        assert form.keys() >= {"form", "hand", "read", "a-move"}
        warned.clock.passes(0.2)
        post(client, one, form)
    assert warned.figures() == (0, 40)
    assert warned.signs() == {"automated", "instant", "many at once"}


@pytest.mark.parametrize(
    ("agent", "mailed", "waits", "sign"),
    [
        ("Mimecast Targeted Threat Protection", HOUR, 2.0, "scanner"),
        ("", HOUR, 2.0, "nameless"),
        (AGENT, HOUR, 0.2, "instant"),
        (AGENT, 2.0, 1.0, "after the mail"),
    ],
)
def test_nor_does_one_with_another_name(warned: Warned, agent: str, mailed: float, waits: float, sign: str) -> None:
    client = Client(headers={"user-agent": agent})
    for one in warned.people(5, mailed):
        form = fill(one)
        warned.clock.passes(waits)
        post(client, one, form)
    assert warned.figures() == (0, 5)
    assert warned.signs() == {sign, "many at once"}


def test_a_program_that_waits_with_every_page_is_found_by_the_many_it_answers_for(warned: Warned) -> None:
    client = Client(headers={"user-agent": AGENT})
    forms = [(one, fill(one)) for one in warned.people(40, HOUR)]
    warned.clock.passes(30.0)
    for one, form in forms:
        post(client, one, form)
    assert warned.figures() == (3, 37)  # the first ones can't be told from people without scripts
    assert warned.signs() == {"many at once"}


# --- people ---


def counts(warned: Warned) -> None:
    assert (warned.figures(), warned.signs()) == ((1, 0), set())


@pytest.mark.parametrize(
    ("mailed", "reads"),
    [(2.0, 1.5), (3 * 86_400.0, 2 * HOUR)],
    ids=["quick", "slow"],
)
def test_a_person_counts_at_once(
    live_server: LiveServer, warned: Warned, ordinary: Browser, mailed: float, reads: float
) -> None:
    with opened(ordinary, live_server.url + link(warned.person(mailed))) as page:
        warned.clock.passes(reads)
        chooses(page)
        sends(page)
        assert not page.locator("#proof").count()
    counts(warned)


def test_so_does_somebody_with_a_keyboard_alone(live_server: LiveServer, warned: Warned, ordinary: Browser) -> None:
    with opened(ordinary, live_server.url + link(warned.person(mailed=20.0))) as page:
        warned.clock.passes(20.0)
        goes_to(page, "name", "read")
        page.keyboard.press("Space")
        goes_to(page, "name", "a-move")
        page.keyboard.press("Space")
        goes_to(page, "tagName", "BUTTON")
        sends(page, lambda: page.keyboard.press("Enter"))
    counts(warned)


def goes_to(page: Page, what: str, value: str) -> None:
    """By the tab key; the decoy is on nobody's way."""
    for _ in range(80):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") != "remarks"
        if page.evaluate(f"document.activeElement.{what}") == value and page.evaluate(
            "document.activeElement.form?.id === 'answer'"
        ):
            return
    pytest.fail(f"The tab key never comes to {value}")


def test_so_does_somebody_with_a_finger(live_server: LiveServer, warned: Warned, ordinary: Browser) -> None:
    url = live_server.url + link(warned.person(mailed=20.0))
    with opened(ordinary, url, has_touch=True, is_mobile=True, **LOOKS["phone"]) as page:
        warned.clock.passes(5.0)
        page.tap(READ)
        page.tap(DONE)
        sends(page, lambda: page.tap(BUTTON))
    counts(warned)


def test_so_does_somebody_whose_screen_reader_presses(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    context = ordinary.new_context()
    context.add_init_script(CLICKS_ONLY)
    page = context.new_page()
    page.goto(live_server.url + link(warned.person(mailed=20.0)))
    page.wait_for_function("document.getElementById('hand').value === 'none'")
    warned.clock.passes(20.0)
    page.click(READ)
    assert page.input_value("#hand") == "seen"
    page.click(DONE)
    sends(page)
    context.close()
    counts(warned)


def test_so_does_somebody_whose_form_came_back_because_something_was_missing(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    with opened(ordinary, live_server.url + link(warned.person(mailed=20.0))) as page:
        warned.clock.passes(5.0)
        page.check(READ)
        assert sends(page) == 422
        warned.clock.passes(2.0)
        page.check(DONE)
        assert sends(page) == 303
    counts(warned)


def test_so_does_somebody_without_scripts(live_server: LiveServer, warned: Warned, ordinary: Browser) -> None:
    url = live_server.url + link(warned.person(mailed=90.0))
    with opened(ordinary, url, java_script_enabled=False) as page:
        warned.clock.passes(20.0)
        chooses(page)
        sends(page)
    counts(warned)


def test_so_does_somebody_whose_old_browser_vouches_for_nothing(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    context = ordinary.new_context()
    context.add_init_script("document.createEvent = () => ({})")
    page = context.new_page()
    page.goto(live_server.url + link(warned.person(mailed=90.0)))
    warned.clock.passes(20.0)
    chooses(page)
    assert page.input_value("#hand") == ""
    sends(page)
    context.close()
    counts(warned)


def test_without_scripts_and_quick_one_is_asked_once_more_and_counted_then(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    url = live_server.url + link(warned.person(mailed=5.0))
    with opened(ordinary, url, java_script_enabled=False) as page:
        warned.clock.passes(5.0)
        chooses(page)
        sends(page)
        assert warned.figures() == (0, 1)
        assert page.get_by_text("Was that you?").is_visible()
        warned.clock.passes(10.0)
        # All that they chose is still there.
        page.get_by_label("Type the last four characters of the reference, ADV-2020-0017").fill("0017")
        sends(page)
        assert not page.locator("#proof").count()
    assert warned.figures() == (1, 0)
    assert warned.signs() == {"after the mail"}


def test_an_odd_browser_is_asked_once_more_and_counted_after_the_proof(
    live_server: LiveServer, warned: Warned, machine: Browser
) -> None:
    """Its owner has a browser that says that it is steered, and something in it that fills in every field."""
    with opened(machine, live_server.url + link(warned.person(mailed=HOUR))) as page:
        for typed, figures in (("", (0, 1)), ("2020", (0, 1)), ("adv 2020 0017", (1, 0))):
            warned.clock.passes(20.0)
            chooses(page)
            page.evaluate("document.getElementById('remarks').value = '1 Example Street'")
            if typed:
                page.fill("#proof", typed)
            sends(page)
            assert warned.figures() == figures
            # Mistyped, it comes back with all that was chosen, and nothing is kept of it.
            assert page.locator("#proof-says").count() == (typed == "2020")
    assert warned.signs() == {"automated", "decoy"}
    assert Acknowledgement.objects.count() == 2


def test_forty_people_behind_one_address_all_count_at_once(warned: Warned) -> None:
    client = Client(headers={"user-agent": AGENT}, REMOTE_ADDR="192.0.2.1")
    forms = [(one, fill(one)) for one in warned.people(40, HOUR)]
    warned.clock.passes(30.0)
    for one, form in forms:
        post(client, one, {**form, "hand": "seen"})
    assert (warned.figures(), warned.signs()) == ((40, 0), set())


def test_forty_without_scripts_behind_one_address_are_asked_once_more_at_most_and_none_is_lost(warned: Warned) -> None:
    client = Client(headers={"user-agent": AGENT}, REMOTE_ADDR="192.0.2.1")
    forms = [(one, fill(one)) for one in warned.people(40, HOUR)]
    warned.clock.passes(30.0)
    for one, form in forms:
        post(client, one, form)
    acknowledged, suspect = warned.figures()
    assert acknowledged + suspect == 40
    asked = list(Recipient.objects.filter(answered_revision=0))
    assert 'name="proof"' in client.get(link(asked[0])).content.decode()
    forms = [(one, fill(one)) for one in asked]
    warned.clock.passes(5.0)
    for one, form in forms:
        post(client, one, {**form, "proof": "0017"})
    assert warned.figures() == (40, 0)


def test_a_gateway_that_opened_the_link_first_and_passes_their_press_on_takes_nothing_from_them(warned: Warned) -> None:
    gateway = Client(headers={"user-agent": "Proofpoint URL Defense"}, REMOTE_ADDR="203.0.113.9")
    for one in warned.people(5, mailed=0.0):
        gateway.head(link(one))
        gateway.get(link(one))
    warned.clock.passes(120.0)
    passing_on = Client(headers={"user-agent": AGENT}, REMOTE_ADDR="203.0.113.9")
    forms = [(one, fill(one)) for one in Recipient.objects.order_by("pk")]
    warned.clock.passes(15.0)
    for one, form in forms:
        post(passing_on, one, {**form, "hand": "seen"})
    assert (warned.figures(), warned.signs()) == ((5, 0), set())


def test_what_a_machine_pressed_first_does_not_stand_in_its_persons_way(
    live_server: LiveServer, warned: Warned, machine: Browser, ordinary: Browser
) -> None:
    url = live_server.url + link(warned.person(mailed=1.0))
    with opened(machine, url) as page:
        chooses(page)
        sends(page)
    assert warned.figures() == (0, 1)
    warned.clock.passes(HOUR)
    with opened(ordinary, url) as page:
        warned.clock.passes(20.0)
        chooses(page)
        sends(page)  # the proof is asked for, and not needed
    assert warned.figures() == (1, 0)


def test_the_page_that_asks_once_more_can_be_read_by_anybody(
    live_server: LiveServer, warned: Warned, ordinary: Browser
) -> None:
    one = warned.person(mailed=0.0)
    client = Client(headers={"user-agent": "curl/8"})
    post(client, one, fill(one))
    with opened(ordinary, live_server.url + link(one), **LOOKS["phone"]) as page:
        assert faults(page, "") == []
        assert page.get_by_label("Type the last four characters").is_visible()
        assert not page.locator("#remarks").is_visible()
        assert "Leave this empty" not in page.locator("main").aria_snapshot()
