"""The whole journey by hand, in a real browser, against the live processes: publish, mail, link, answer, coverage."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts.suspicion import FASTEST_PERSON
from tests.browser import LOOKS, faults, open_page
from tests.stack import Stack, until

pytestmark = pytest.mark.live

ALL_LEFT = """
SELECT EXISTS (SELECT FROM alerts_batch)
   AND NOT EXISTS (SELECT FROM alerts_batch WHERE done_at IS NULL)
   AND NOT EXISTS (SELECT FROM alerts_relay WHERE stale OR to_tell)
   AND NOT EXISTS (SELECT FROM alerts_advisory WHERE current_id IS NOT NULL AND queued_id IS DISTINCT FROM current_id)
   AND (SELECT count(*) FROM alerts_message WHERE state = 'waiting') = 0
"""
MP = "rhian.prosser.mp@parliament.example"


@pytest.fixture(scope="module")
def reference(stack: Stack) -> str:
    """The Zoom advisory, published; everybody has been sent it or refused it."""
    name = stack.manage("demo_publish").split()[-1]
    until("everything has left", lambda: stack.query(ALL_LEFT) == [(True,)])
    return name


def answered(stack: Stack, reference: str) -> int:
    whole = stack.coverage(reference)[0]["branch"]
    assert isinstance(whole, dict)
    return int(whole["acknowledged"])


def recipients(stack: Stack, reference: str, such: str) -> int:
    """How many of this advisory's recipients are such."""
    rows = stack.query(
        "SELECT count(*) FROM alerts_recipient WHERE advisory_id = (SELECT id FROM alerts_advisory WHERE reference = %s)"
        f" AND {such}",
        reference,
    )
    return int(str(rows[0][0]))


def test_everybody_is_sent_one_mail(stack: Stack, reference: str) -> None:
    [(sent, people)] = stack.query(
        "SELECT count(*), count(DISTINCT m.person_id) FROM alerts_message m JOIN alerts_advisory a ON a.id = m.advisory_id"
        " WHERE a.reference = %s AND m.state = 'sent' AND m.kind = 'notice'",
        reference,
    )
    assert sent == people
    assert isinstance(sent, int)
    assert sent > 5_000
    refused = recipients(stack, reference, "outcome = 'unreachable'")
    assert refused > 0


def test_a_mail_a_link_an_answer_and_coverage_moves(stack: Stack, reference: str, page: Page) -> None:
    before = answered(stack, reference)
    page.goto(f"{stack.url}/")
    page.get_by_role("button", name=re.compile("mail", re.IGNORECASE)).last.click()
    page.get_by_role("link", name=re.compile("Zoom")).first.click()
    text = page.locator("pre").first.inner_text()
    link = re.search(rf"{re.escape(stack.url)}/a/\w+", text)
    assert link is not None
    page.goto(link[0])
    expect(page.get_by_role("heading", level=1)).to_contain_text("Zoom")
    expect(page.locator("main")).to_contain_text("Foreign Affairs Committee")
    assert answered(stack, reference) == before
    page.get_by_label("Yes, and I know what it asks of me").check()
    for group in page.locator("fieldset").all()[1:]:
        group.locator("input[type=radio][value=done]").first.check()
    # Quicker than a person reads would be taken for a machine.
    page.wait_for_function("least => performance.now() > least", arg=2_000 * FASTEST_PERSON)
    page.get_by_role("button", name="Send my answer").click()
    expect(page.locator("main")).to_contain_text(reference)
    assert answered(stack, reference) == before + 1


def test_the_coverage_page_moves_while_it_is_open(stack: Stack, reference: str, page: Page) -> None:
    page.goto(f"{stack.url}/")
    page.get_by_role("button", name=re.compile("Morag")).click()
    page.goto(f"{stack.url}/advisories/{reference}/coverage/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Zoom")
    before = page.locator("main").inner_text()
    stack.query_update(
        "UPDATE alerts_recipient SET answered_revision = 1 WHERE id = (SELECT id FROM alerts_recipient"
        f" WHERE advisory_id = (SELECT id FROM alerts_advisory WHERE reference = '{reference}')"
        " AND targeted AND answered_revision = 0 AND told_revision = 1 ORDER BY id LIMIT 1)"
    )
    page.wait_for_function("before => document.querySelector('main').innerText !== before", arg=before, timeout=15_000)


def test_the_second_revision_reaches_everybody_who_was_told(stack: Stack, reference: str, page: Page) -> None:
    told = recipients(stack, reference, "told_revision = 1")
    page.goto(f"{stack.url}/")
    page.get_by_role("button", name=re.compile("Morag")).click()
    page.goto(f"{stack.url}/advisories/{reference}/")
    page.get_by_role("button", name=re.compile("ublish revision 2")).click()
    until(
        "everybody told has been told again",
        lambda: recipients(stack, reference, "told_revision = 2") >= told,
    )
    assert recipients(stack, reference, "told_revision = 1") == 0


PAGES = [
    "/",
    "/demo/",
    "/advisories/{reference}/",
    "/advisories/{reference}/reach/",
    "/advisories/{reference}/compare/",
    "/advisories/new/",
    "/whatif/",
    "/advisories/{reference}/coverage/",
    "/advisories/{reference}/coverage/?open=parliament",
    "/bodies/",
    "/bodies/?q=foreign",
    "/bodies/foreign-affairs-committee/",
    "/check?reference={reference}",
    "/check?reference=nothing",
    "/mailbox/",
    "/mailbox/?q=rhian.prosser",
    "{mail}",
    "{link}",
    "/a/nosuchlink",
    "/accounts/logout/",
]
OUTSIDE = ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/signup/"]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_every_page_is_accessible_and_never_scrolls_sideways(
    stack: Stack, reference: str, look: dict[str, Any]
) -> None:
    wrong: list[str] = []
    with open_page(**look) as page:
        page.goto(f"{stack.url}/mailbox/?q={MP}")
        page.get_by_role("link", name=re.compile("Zoom")).first.click()
        page.wait_for_load_state()
        mail = page.url.removeprefix(stack.url)
        link = re.search(r"/a/\w+", page.locator("pre").first.inner_text())
        assert link is not None
        for path in OUTSIDE:
            wrong += faults(page, stack.url + path)
        page.goto(f"{stack.url}/")
        page.get_by_role("button", name=re.compile("Morag")).click()
        page.wait_for_load_state()
        for path in PAGES:
            wrong += faults(page, stack.url + path.format(reference=reference, mail=mail, link=link[0]))
        # The form, sent with nothing in it, comes back with what is missing.
        page.goto(f"{stack.url}{link[0]}")
        for folded in page.get_by_text("Change your answer").all():  # where it is answered already
            folded.click()
        page.get_by_role("button", name="Send my answer").click()
        expect(page.get_by_role("alert")).to_be_visible()
        wrong += faults(page, "")
    assert wrong == []


def test_nothing_of_the_journey_stands_in_a_log(stack: Stack, reference: str) -> None:
    for log in Path(stack.place).glob("*.log"):
        words = log.read_text(errors="replace")
        assert MP not in words, log
        assert not re.search(r"/a/[A-Za-z0-9]{20}", words), log
