"""The directory by hand, in a real browser, against the live processes: found, asked, answered, loaded, merged."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts.suspicion import FASTEST_PERSON
from tests.browser import LOOKS, faults, open_page
from tests.stack import Stack, until

pytestmark = pytest.mark.live

BODY = "foreign-affairs-committee"
CONTACT = "bethan.llewelyn-price@parliament.example"
PAGES = [
    "/bodies/",
    "/bodies/?open=his-majestys-government",
    "/bodies/?q=minstry+of+defnce",
    f"/bodies/{BODY}/",
    f"/bodies/{BODY}/change/",
    f"/bodies/{BODY}/move/",
    f"/bodies/{BODY}/close/",
    f"/bodies/{BODY}/add/",
    f"/bodies/{BODY}/hold/",
    "/bodies/committee-on-fuel-poverty/",
    "/directory/readiness/",
    "/directory/readiness/?lack=nobody",
    "/directory/add/",
    "/directory/load/",
    "/people/",
    "/people/?q=llewelyn",
    "/people/?list=nowhere",
    f"/people/in/{BODY}/add/",
    "{person}",
    "{person}correct/",
    "{person}delegate/",
    "/introduce/",
]


def enter(stack: Stack, page: Page, who: str) -> None:
    page.goto(f"{stack.url}/")
    page.get_by_role("button", name=re.compile(who)).click()
    page.wait_for_load_state()


def test_a_body_is_found_while_its_abbreviation_is_typed(stack: Stack, page: Page) -> None:
    enter(stack, page, "Harpreet")
    page.goto(f"{stack.url}/bodies/")
    page.locator("#q").press_sequentially("fcd", delay=20)
    expect(
        page.locator("#found").get_by_role("link", name="Foreign, Commonwealth & Development Office")
    ).to_be_visible()


def test_a_contact_who_is_asked_answers_by_link_and_is_confirmed(stack: Stack, page: Page) -> None:
    stack.query("UPDATE departments_membership SET verified_at = NULL WHERE role = 'contact' RETURNING 1")
    enter(stack, page, "Harpreet")
    page.goto(f"{stack.url}/bodies/{BODY}/")
    expect(page.get_by_text("A contact not confirmed for 90 days.")).to_be_visible()
    page.get_by_role("button", name="Ask them now").click()
    expect(page.get_by_text("1 mail is on the way")).to_be_visible()
    asked = "SELECT count(*) FROM alerts_message WHERE kind = 'check' AND state = 'sent'"
    until("the question has left", lambda: stack.query(asked) == [(1,)])
    page.goto(f"{stack.url}/mailbox/?q={CONTACT}")
    page.get_by_role("link", name="Are you still the contact?").click()
    link = re.search(r"/c/\w+", page.locator("pre").first.inner_text())
    assert link is not None
    page.goto(f"{stack.url}{link[0]}")
    page.get_by_label("Yes, I am").check()
    # Quicker than a person is taken for a machine, and asked to press once more.
    page.wait_for_function("least => performance.now() > least", arg=2_000 * FASTEST_PERSON)
    page.get_by_role("button", name="Send my answer").click()
    expect(page.get_by_role("heading", name="Thank you: your answer is here")).to_be_visible()
    page.goto(f"{stack.url}/bodies/{BODY}/")
    expect(page.get_by_text("A contact not confirmed for 90 days.")).to_have_count(0)
    expect(page.get_by_text("confirmed by link that they are still the contact")).to_be_visible()


def test_a_file_is_compared_first_and_loaded_by_a_second_press(stack: Stack, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("slug,name,kind,parent,topics\ntocsins,Select Committee on Tocsins,committee,house-of-commons,\n")
    enter(stack, page, "Harpreet")
    page.goto(f"{stack.url}/directory/load/")
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("button", name="Load it")).to_be_visible(timeout=60_000)
    assert stack.query("SELECT count(*) FROM departments_body WHERE slug = 'tocsins'") == [(0,)]
    page.get_by_role("button", name="Load it").click()
    until("it is loaded", lambda: stack.query("SELECT 1 FROM departments_body WHERE slug = 'tocsins'") == [(1,)])


def test_a_merger_shows_what_will_happen_and_the_old_name_finds_the_successor(stack: Stack, page: Page) -> None:
    enter(stack, page, "Harpreet")
    page.goto(f"{stack.url}/bodies/uk-export-finance/close/")
    page.get_by_label("Who takes over?").fill("department-for-business-and-trade")
    page.get_by_label("Why?").fill("The Order of today.")
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.get_by_text("Department for Business and Trade takes over.")).to_be_visible()
    page.get_by_role("button", name="Close it now").click()
    expect(page.get_by_text("has taken over")).to_be_visible()
    page.goto(f"{stack.url}/bodies/?q=UK+Export+Finance")
    expect(page.get_by_role("link", name="Department for Business and Trade").first).to_be_visible()


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_every_page_of_the_directory_is_accessible_and_never_scrolls_sideways(
    stack: Stack, look: dict[str, Any]
) -> None:
    [(person,)] = stack.query("SELECT id FROM departments_person WHERE email = %s", CONTACT)
    wrong: list[str] = []
    with open_page(**look) as page:
        enter(stack, page, "Harpreet")
        for path in PAGES:
            wrong += faults(page, stack.url + path.format(person=f"/people/{person}/"))
        page.goto(f"{stack.url}/bodies/{BODY}/move/")
        page.get_by_label("Under which body?").fill("nothing like this")
        page.get_by_role("button", name="Move it").click()
        expect(page.get_by_role("alert")).to_be_visible()
        wrong += faults(page, "")
    assert wrong == []


def test_no_key_and_no_address_stands_in_a_log(stack: Stack) -> None:
    for log in Path(stack.place).glob("*.log"):
        words = log.read_text(errors="replace")
        assert CONTACT not in words, log
        assert not re.search(r"/[ac]/[A-Za-z0-9]{20}", words), log
