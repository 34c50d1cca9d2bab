"""An advisory's life in real browsers, against the live processes: written, approved on a phone, stopped, corrected, over."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts.suspicion import FASTEST_PERSON
from tests.browser import LOOKS, faults, open_page
from tests.stack import Stack, until

pytestmark = pytest.mark.live

COMMITTEE = "foreign-affairs-committee"
OPEN_TITLE = "Advice on a shared board"
PHONE = LOOKS["phone"]


class Cast:
    """The officers' browsers, each signed in."""

    def __init__(self, stack: Stack, opened: ExitStack) -> None:
        self.stack, self.opened = stack, opened
        self.officer = self.comes_in("The officer")
        self.approver = self.comes_in("The second officer", **PHONE)

    def comes_in(self, door: str, **look: Any) -> Page:
        """By one of the demo's doors."""
        page = self.somebody(**look)
        page.goto(f"{self.stack.url}/")
        page.get_by_role("listitem").filter(has_text=door).get_by_role("button").first.click()
        page.wait_for_load_state()
        return page

    def somebody(self, **look: Any) -> Page:
        """Anybody at all, who is not signed in."""
        return self.opened.enter_context(open_page(**look))

    def approves(self, reference: str) -> None:
        """The second officer, on a phone."""
        self.approver.goto(f"{self.stack.url}/advisories/{reference}/")
        assert faults(self.approver, "") == []
        self.approver.get_by_role("button", name=re.compile("Approve and publish")).click()
        expect(self.approver.get_by_role("status").first).to_contain_text("is published, and on its way")


@pytest.fixture
def cast(stack: Stack) -> Iterator[Cast]:
    with ExitStack() as opened:
        yield Cast(stack, opened)


def told(stack: Stack, reference: str, kind: str) -> int:
    """How many mails of a kind have left."""
    rows = stack.query(
        "SELECT count(*) FROM alerts_message m JOIN alerts_advisory a ON a.id = m.advisory_id "
        "WHERE a.reference = %s AND m.kind = %s AND m.state = 'sent'",
        reference,
        kind,
    )
    return int(str(rows[0][0]))


def test_an_advisory_lives_from_the_first_word_to_its_thanks(stack: Stack, cast: Cast) -> None:
    officer = cast.officer
    said: list[str] = []
    officer.on("pageerror", lambda error: said.append(str(error)))

    # Written: saved as it is typed, and a wrong one comes back.
    officer.goto(f"{stack.url}/advisories/new/")
    officer.get_by_label("Product advice").check()
    officer.get_by_role("button", name="Start writing").click()
    reference = officer.url.split("/")[4]
    officer.get_by_label("Title", exact=True).fill("Do not pin casework on Boardly")
    expect(officer.locator("#saved")).to_contain_text("Saved at", timeout=15_000)
    officer.get_by_role("button", name="Submit it").click()
    expect(officer.get_by_role("alert")).to_contain_text("Not submitted; what you typed is saved")
    expect(officer.get_by_label("Title", exact=True)).to_have_value("Do not pin casework on Boardly")
    officer.wait_for_load_state()
    officer.get_by_label("Marking").select_option("AMBER")
    officer.get_by_label("Open title", exact=True).fill(OPEN_TITLE)
    officer.get_by_label(re.compile("gives nothing away")).check()
    officer.get_by_label("Summary").fill("Boards are public by default.")
    officer.get_by_label("Do not use for").fill("Casework")
    officer.get_by_label("Still fine for").fill("Public events")
    officer.get_by_label("What is to be done").first.fill("Take casework off your boards")
    officer.locator("#guidance").fill("**Take it down** today.")
    expect(officer.locator("div.guidance")).to_have_text("Take it down today.")
    officer.get_by_role("button", name="Who hears it").click()
    officer.get_by_label("Add a branch").fill(COMMITTEE)
    officer.get_by_role("button", name="Add it").click()
    expect(officer.get_by_role("status").first).to_contain_text("is in the audience")
    assert faults(officer, "") == []
    officer.get_by_role("link", name="Back to the words").click()
    officer.get_by_role("button", name="See the mail").click()
    expect(officer.locator("pre")).to_contain_text("so its text is not in this mail")
    expect(officer.frame_locator("iframe").locator("h1")).to_have_text(OPEN_TITLE)
    officer.get_by_role("link", name="Back to the words").click()
    officer.get_by_label(re.compile("gives nothing away")).check()
    officer.get_by_role("button", name="Submit it").click()
    expect(officer.get_by_role("status").first).to_contain_text("Submitted.")

    # Approved by somebody else, who was asked by mail and sees who else looks at it.
    until("the second officer is asked", lambda: asked(stack, reference) >= 1)
    cast.approver.goto(f"{stack.url}/advisories/{reference}/")
    expect(cast.approver.locator("#lookers")).to_contain_text("is looking at it now", timeout=15_000)
    cast.approves(reference)
    until("everybody is told", lambda: told(stack, reference, "notice") > 3 and nothing_waits(stack))
    notices = told(stack, reference, "notice")

    # Answered by one of them.
    reader = cast.somebody()
    reader.goto(f"{stack.url}/mailbox/?q={OPEN_TITLE}")
    reader.get_by_role("link", name=re.compile(OPEN_TITLE)).first.click()
    link = re.search(r"http\S+/a/\w+", reader.locator("pre").first.inner_text())
    assert link is not None
    reader.goto(link[0])
    reader.get_by_label("Yes, and I know what it asks of me").check()
    for group in reader.get_by_role("group").filter(has_text="Take casework off").all():
        group.get_by_label("Done", exact=True).check()
    # Quicker than a person reads would be taken for a machine.
    reader.wait_for_function("least => performance.now() > least", arg=2_000 * FASTEST_PERSON)
    reader.get_by_role("button", name="Send my answer").click()
    expect(reader.locator("#receipt")).to_be_visible()

    # Stopped with one press, and corrected: the correction goes to everybody it went to.
    officer.goto(f"{stack.url}/advisories/{reference}/")
    officer.get_by_role("button", name="Stop sending").click()
    expect(officer.locator(".verdict")).to_contain_text(f"Stopped: {notices:,} sent, ")
    officer.get_by_role("button", name="Correct it").click()
    officer.get_by_label("What changed").fill("The product is called Bordly.")
    officer.get_by_label("Yes, it still holds").check()
    officer.get_by_label("Title", exact=True).fill("Do not pin casework on Bordly")
    officer.get_by_role("button", name="Submit it").click()
    expect(officer.get_by_role("status").first).to_contain_text("Submitted.")
    officer.get_by_role("link", name=re.compile("What is different from revision 1")).click()
    expect(officer.locator("ins").nth(1)).to_be_visible()
    assert faults(officer, "") == []
    cast.approves(reference)
    until("everybody told is told again", lambda: told(stack, reference, "update") == notices)

    # Over: whoever answered reads what it came to, and thanks.
    officer.goto(f"{stack.url}/advisories/{reference}/")
    officer.get_by_label(re.compile("Why, in words")).fill("Boards are private by default now.")
    officer.get_by_role("button", name="Stand down").click()
    until("those who answered are thanked", lambda: told(stack, reference, "thanks") == 1)
    until("the others hear it too", lambda: told(stack, reference, "stand-down") == notices - 1)
    reader.goto(link[0])
    expect(reader.get_by_text("Thank you for answering")).to_be_visible()
    officer.goto(f"{stack.url}/advisories/{reference}/")
    for step in ("submitted it", "published revision 2", "stopped it", "stood it down"):
        expect(officer.locator(".life").first).to_contain_text(step)
    assert faults(officer, "") == []
    assert said == []


def test_two_officers_write_at_once_and_no_word_is_lost(stack: Stack, cast: Cast) -> None:
    first, second = cast.officer, cast.approver
    first.goto(f"{stack.url}/advisories/new/")
    first.get_by_role("button", name="Start writing").click()
    second.goto(first.url)
    first.get_by_label("Summary").fill("The officer's words.")
    expect(first.locator("#saved")).to_contain_text("Saved at", timeout=15_000)
    second.get_by_label("Summary").fill("The second officer's words.")
    expect(second.locator("#saved")).to_contain_text("yours are kept beside it", timeout=15_000)
    second.get_by_role("link", name="See both").click()
    expect(second.get_by_label("Summary")).to_have_value("The officer's words.")
    expect(second.locator("pre")).to_have_text("The second officer's words.")
    assert faults(second, "") == []
    second.get_by_role("button", name="Use these instead").click()
    expect(second.get_by_label("Summary")).to_have_value("The second officer's words.")


def test_whoever_leaves_at_once_or_loses_the_connection_loses_nothing(stack: Stack, cast: Cast) -> None:
    page = cast.officer
    page.goto(f"{stack.url}/advisories/new/")
    page.get_by_role("button", name="Start writing").click()
    page.wait_for_load_state()
    address = page.url
    page.get_by_label("Summary").fill("Left at once.")
    page.goto(f"{stack.url}/check")
    until("what was typed is saved", lambda: summary(stack, address) == "Left at once.")
    page.goto(address)
    page.context.set_offline(True)
    page.get_by_label("Summary").fill("Typed in a tunnel.")
    expect(page.locator("#saved")).to_contain_text("Not saved: no connection", timeout=15_000)
    page.context.set_offline(False)
    expect(page.locator("#saved")).to_contain_text("Saved at", timeout=15_000)
    assert summary(stack, address) == "Typed in a tunnel."
    # Signed out meanwhile, and in again in another window: the page takes the new token by itself.
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("Summary").fill("Typed signed out.")
    expect(page.locator("#saved")).to_contain_text("you are signed out", timeout=15_000)
    other = page.context.new_page()
    other.goto(f"{stack.url}/")
    other.get_by_role("listitem").filter(has_text="The officer").get_by_role("button").first.click()
    other.wait_for_load_state()
    expect(page.locator("#saved")).to_contain_text("Saved at", timeout=20_000)
    assert summary(stack, address) == "Typed signed out."


def summary(stack: Stack, address: str) -> object:
    """What the draft of this page holds."""
    rows = stack.query(
        "SELECT d.content->>'summary' FROM alerts_draft d JOIN alerts_advisory a ON a.id = d.advisory_id "
        "WHERE a.reference = %s",
        address.split("/")[4],
    )
    return rows[0][0]


def asked(stack: Stack, reference: str) -> int:
    """How many officers were asked by mail to approve it."""
    rows = stack.query(
        "SELECT count(*) FROM alerts_message m JOIN alerts_batch b ON b.id = m.batch_id "
        "JOIN alerts_advisory a ON a.id = b.about_id WHERE a.reference = %s AND m.state = 'sent' AND m.kind = 'approve'",
        reference,
    )
    return int(str(rows[0][0]))


def nothing_waits(stack: Stack) -> bool:
    """Whether every mail has left."""
    return stack.query("SELECT count(*) FROM alerts_message WHERE state = 'waiting'") == [(0,)]
