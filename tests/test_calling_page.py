"""The page of the calling list: what two callers see of each other, what is said within the marking, and the sheet on paper."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django.live_server_helper import LiveServer

from alerts import coverage
from alerts.calling import calling, calling_list
from alerts.models import Acknowledgement, Advisory, Call, Recipient, Relay
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in

pytestmark = pytest.mark.django_db


def a_list(**fields: Any) -> Advisory:
    """Critical: a treasury whose contact is silent, an agency that nobody can mail, a home office that answered."""
    advisory = rows.advisory()
    Advisory.objects.filter(pk=advisory.pk).update(severity="critical", **fields)
    top = rows.relay(advisory, "government", purpose="between")
    treasury, home = rows.relay(advisory, "treasury", top), rows.relay(advisory, "home-office", top)
    rows.relay(advisory, "agency", treasury)
    contact = rows.recipient(
        advisory, treasury, who=rows.person("Con Contact", telephone="020 7946 0001"), role="contact"
    )
    Recipient.objects.filter(pk=contact.pk).update(told_revision=1, outcome="delivered")
    answered = rows.recipient(advisory, home)
    Recipient.objects.filter(pk=answered.pk).update(answered_revision=1)
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    return Advisory.objects.get(pk=advisory.pk)


@pytest.fixture
def advisory() -> Advisory:
    return a_list()


@pytest.fixture
def officer(advisory: Advisory) -> Person:
    return advisory.written_by


@pytest.fixture
def other(advisory: Advisory) -> Person:
    who = rows.person("Otto Officer")
    Membership.objects.create(person=who, body=advisory.issuer, role="officer")
    return who


def url(of: Advisory, name: str = "calls", *more: object) -> str:
    return reverse(f"alerts:{name}", args=[of.reference, *more])


def page(who: Person, of: Advisory, query: str = "") -> str:
    found = signed_in(who).get(url(of) + query)
    assert found.status_code == 200
    return found.content.decode()


def read(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def relay(slug: str) -> Relay:
    return Relay.objects.get(body__slug=slug)


def take(who: Person, of: Advisory, slug: str = "treasury", **typed: str) -> Any:
    return signed_in(who).post(url(of, "call_take"), {"relay": relay(slug).pk, **typed})


def press(who: Person, of: Advisory, **fields: Any) -> Any:
    return signed_in(who).post(url(of, "call", Call.objects.filter(caller=who).latest("pk").pk), fields)


def said(answer: Any) -> list[str]:
    return [str(one) for one in get_messages(answer.wsgi_request)]


def contact() -> str:
    return str(Person.objects.get(name="Con Contact").pk)


def poll_of(html: str) -> str:
    return html.split('id="live" hx-get="')[1].split('"')[0].replace("&amp;", "&")


# --- what stands there ---


def test_it_says_how_far_it_has_come_and_whom_to_ring_in_each_branch(advisory: Advisory, officer: Person) -> None:
    html = page(officer, advisory)
    text = read(html)
    assert "1 of 3 bodies heard from" in text
    assert text.index("Agency nobody there can be told by mail") < text.index("Treasury delivered, and nobody answered")
    assert '<a href="tel:02079460001">020 7946 0001</a>' in html
    assert "Con Contact , contact of Treasury, above it" in text
    assert "Home Office" not in text
    assert "1 of 1 body heard from" in read(page(officer, advisory, "?in=home-office"))
    assert "nobody left to ring" in page(officer, advisory, "?in=home-office")
    assert signed_in(officer).get(url(advisory) + "?in=nowhere").status_code == 404


def test_who_may_see_it_and_who_may_take_anything(advisory: Advisory, officer: Person) -> None:
    admin, auditor = rows.person("Adm", is_administrator=True), rows.person("Aud", is_auditor=True)
    head = rows.person("Hed")
    Membership.objects.create(person=head, body=relay("agency").body, role="head")
    for who in (officer, admin, head):
        assert "Take the next one" in page(who, advisory)
    assert "Take" not in read(page(auditor, advisory)).split("Printed")[0]
    assert "020 7946 0001" in page(auditor, advisory)
    assert "Treasury delivered" not in read(page(head, advisory))
    assert said(take(auditor, advisory)) == [calling.NOT_YOURS_TO_RING]
    assert take(head, advisory).status_code == 404
    member, low = rows.person("Mem"), rows.person("Low Officer")
    Membership.objects.create(person=low, body=relay("agency").body, role="officer")
    for who in (member, low):
        for name in ("calls", "calls_live"):
            assert signed_in(who).get(url(advisory, name)).status_code in (302, 403)
        assert take(who, advisory).status_code in (302, 403)
    assert Client().get(url(advisory)).status_code == 302
    assert not Call.objects.exists()


def test_the_pages_of_a_critical_warning_lead_there_and_of_no_other(advisory: Advisory, officer: Person) -> None:
    low = rows.person("Low Officer")
    Membership.objects.create(person=low, body=relay("agency").body, role="officer")
    for name in ("advisory", "coverage"):
        assert url(advisory) in signed_in(officer).get(url(advisory, name)).content.decode()
        assert url(advisory) not in signed_in(low).get(url(advisory, name)).content.decode()
    Advisory.objects.update(severity="high")
    for name in ("advisory", "coverage"):
        assert url(advisory) not in signed_in(officer).get(url(advisory, name)).content.decode()
    html = page(officer, advisory)
    assert "Only critical warnings are rung round" in html
    assert f'href="{url(advisory, "coverage")}"' in html
    assert signed_in(officer).get(url(advisory, "calls_live")).status_code == 204
    assert said(take(officer, advisory)) == [calling.NOT_CRITICAL]


def test_a_draft_has_none_yet_and_what_is_stopped_or_over_offers_nothing(advisory: Advisory, officer: Person) -> None:
    Advisory.objects.update(stopped_at=timezone.now())
    html = page(officer, advisory)
    assert "is stopped: nobody is rung until it goes on" in html
    assert "Take" not in read(html).split("Printed")[0]
    Advisory.objects.update(stopped_at=None, state="draft", current=None, material=None)
    assert signed_in(officer).get(url(advisory)).headers["Location"] == url(advisory, "advisory")


# --- what to say ---


def test_what_to_say_is_the_warning_itself_where_a_mail_may_carry_it(advisory: Advisory, officer: Person) -> None:
    rows.action(advisory.current, "uninstall")  # type: ignore[arg-type]
    take(officer, advisory)
    text = read(page(officer, advisory))
    assert "This is Olive Officer, for" in text
    assert "Do not use Zoom." in text
    assert "Uninstall, by" in text
    assert "/check, by ADV-2020-0017" in text


@pytest.mark.parametrize("label", ["AMBER", "AMBER+STRICT", "RED"])
def test_from_amber_up_nothing_but_its_open_title_is_said(advisory: Advisory, officer: Person, label: str) -> None:
    rows.action(advisory.current, "uninstall")  # type: ignore[arg-type]
    Advisory.objects.update(marking=label, open_title="Advice on telephones")
    take(officer, advisory)
    script = page(officer, advisory).split('class="script"')[1].split("<form")[0]
    assert "It is called: Advice on telephones." in script
    assert "Zoom" not in script
    assert "Uninstall" not in script
    assert f"At TLP:{label} say no more of it" in script
    assert ("nobody but those to whom it is addressed" in script) is (label == "RED")


def test_whoever_may_not_read_it_rings_with_its_open_title_and_reads_no_note(
    advisory: Advisory, officer: Person
) -> None:
    Advisory.objects.update(marking="RED", open_title="Advice on telephones")
    take(officer, advisory), press(officer, advisory, result="no-answer", note="Zoom!", revision="1")
    admin = rows.person("Adm", is_administrator=True)
    take(admin, advisory)
    html = page(admin, advisory)
    assert "Zoom" not in html
    assert "Advice on telephones" in html
    assert "Zoom!" in page(officer, advisory)


def test_a_drill_begins_by_saying_so() -> None:
    advisory = a_list(exercise=True)
    take(advisory.written_by, advisory)
    html = page(advisory.written_by, advisory)
    assert "EXERCISE: this is a drill" in html
    assert "“This is an exercise.”" in html


# --- taking, and noting ---


def test_what_one_takes_is_on_top_and_others_see_whose_it_is(
    advisory: Advisory, officer: Person, other: Person
) -> None:
    assert take(officer, advisory).headers["Location"] == url(advisory)
    text = read(page(officer, advisory))
    assert "You ring Treasury" in text
    assert "Treasury is yours until" in text
    assert "1 of 3 bodies heard from; 1 in hand" in text
    assert "Take it" not in text
    text = read(page(other, advisory))
    assert "Olive Officer rings it, until" in text
    assert text.count("Take it") == 1
    assert "Olive Officer has Treasury in hand until" in said(take(other, advisory))[0]
    signed_in(other).post(url(advisory, "call_take"), {"relay": "next"})
    assert "You ring Agency" in page(other, advisory)
    assert signed_in(other).post(url(advisory, "call_take"), {"relay": "999999"}).status_code == 404
    assert signed_in(other).post(url(advisory, "call_take"), {"relay": "x"}).status_code == 404


def test_told_changes_coverage_and_leads_back_to_the_branch_that_was_looked_at(
    advisory: Advisory, officer: Person
) -> None:
    take(officer, advisory)
    mine = Call.objects.get()
    answer = signed_in(officer).post(
        url(advisory, "call", mine.pk) + "?in=treasury",
        {"result": "told", "person": contact(), "note": "will pass it on", "revision": "1", "told-at": ""},
    )
    assert answer.headers["Location"] == url(advisory) + "?in=treasury"
    made = Acknowledgement.objects.get()
    assert said(answer) == [f"Put down for Con Contact of Treasury: told by telephone. Receipt {made.receipt}."]
    assert coverage.whole(advisory).figures.behalf == 1
    assert "2 of 3 bodies heard from" in page(officer, advisory)


def test_a_sheet_that_was_filled_in_is_put_down_with_the_moment_of_the_call(
    advisory: Advisory, officer: Person
) -> None:
    take(officer, advisory)
    fields = {"result": "told", "person": contact(), "note": "", "revision": "1"}
    answer = press(officer, advisory, **fields, **{"told-at": "2020-01-01T10:00"})
    assert answer.status_code == 422
    assert "Revision 1 was published at" in answer.content.decode()
    assert 'value="2020-01-01T10:00"' in answer.content.decode()
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    press(officer, advisory, **fields, **{"told-at": now})
    told_at = Acknowledgement.objects.get().told_at
    assert told_at is not None
    assert timezone.localtime(told_at).strftime("%Y-%m-%dT%H:%M") == now


def test_what_is_missing_is_said_and_all_that_was_typed_is_still_there(advisory: Advisory, officer: Person) -> None:
    take(officer, advisory, "agency")
    answer = press(officer, advisory, note="she <asks> for it on paper", **{"needs-help": "1"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose what came of the call." in html
    assert escape("she <asks> for it on paper") in html
    assert re.search(r'name="needs-help" value="1" checked', html)
    answer = press(officer, advisory, note="", result="told")
    assert "Choose who was told." in answer.content.decode()
    answer = press(officer, advisory, note="", result="told", person="other")
    assert "Say who was told" in answer.content.decode()
    answer = press(officer, advisory, note="the duty clerk", result="told", person="other")
    assert (
        "Agency was told by telephone, and is off the list. Nobody there can be told by mail still" in said(answer)[0]
    )
    assert "coverage does not count it" in said(answer)[0]


def test_a_wrong_number_offers_the_persons_page_to_whoever_may_open_it(advisory: Advisory, officer: Person) -> None:
    admin = rows.person("Adm", is_administrator=True)
    take(admin, advisory)
    answer = press(admin, advisory, result="wrong", person=contact(), note="a bakery")
    assert said(answer) == ["Noted of Treasury (Con Contact): the number is wrong. It stays on the list."]
    html = signed_in(admin).get(answer.headers["Location"]).content.decode()
    assert f'<a href="{reverse("people:person", args=[contact()])}">correct it on their page</a>' in html
    assert "said to be wrong" in html
    assert "correct it on their page" not in page(admin, advisory, "?wrong=1")


def test_letting_go_and_needing_longer_keep_what_was_typed(advisory: Advisory, officer: Person) -> None:
    take(officer, advisory)
    before = timezone.now() - timedelta(minutes=5)
    Call.objects.update(until=before)
    assert "Your time ran out at" in page(officer, advisory)
    answer = press(officer, advisory, press="longer", note="holding the line", result="again", person=contact())
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "holding the line" in html
    assert re.search(r'value="again" checked', html)
    assert Call.objects.get().until > timezone.now()
    assert f"You have Treasury for longer: until {calling.clock(Call.objects.get().until)}." in read(html)
    answer = press(officer, advisory, press="let-go", note="holding the line")
    assert said(answer) == ["Treasury is in nobody's hand now: anybody may take it."]
    assert Call.objects.get().note == "holding the line"
    assert "Take the next one" in page(officer, advisory)


def test_a_result_that_comes_too_late_is_shown_again_and_goes_along_when_it_is_taken_again(
    advisory: Advisory, officer: Person, other: Person
) -> None:
    take(officer, advisory)
    Call.objects.update(until=timezone.now() - timedelta(minutes=1))
    assert said(take(other, advisory)) == [
        "You have Treasury. You took it over from Olive Officer, whose time had run out."
    ]
    typed = {"result": "told", "person": contact(), "note": "knows it all", "revision": "1", "needs-help": "1"}
    late = press(officer, advisory, **typed)
    html = late.content.decode()
    assert late.status_code == 409
    assert "Otto Officer took Treasury over at" in html
    assert "They were told, and know what is asked of them.\nThey need help with it.\nknows it all" in html
    again = take(officer, advisory, "treasury", **typed)
    assert again.status_code == 409
    assert "Otto Officer has Treasury in hand" in again.content.decode()
    assert "knows it all" in again.content.decode()
    press(other, advisory, result="no-answer", note="")
    again = take(officer, advisory, "treasury", **typed)
    assert again.status_code == 200
    html = again.content.decode()
    assert re.search(r'value="told" checked', html)
    assert re.search(rf'value="{contact()}" checked', html)
    assert "knows it all</textarea>" in html
    press(officer, advisory, **typed)
    assert Acknowledgement.objects.get().text == "knows it all"
    # The call of somebody else is not theirs to write to, nor to hear of.
    theirs = Call.objects.filter(caller=other).latest("pk")
    assert signed_in(officer).post(url(advisory, "call", theirs.pk), typed).status_code == 404


def test_needing_longer_after_somebody_else_had_it_keeps_what_was_typed(
    advisory: Advisory, officer: Person, other: Person
) -> None:
    take(officer, advisory)
    Call.objects.update(until=timezone.now() - timedelta(minutes=1))
    take(other, advisory)
    press(other, advisory, press="let-go", note="")
    html = press(officer, advisory, press="longer", note="with her now", result="again").content.decode()
    assert "with her now</textarea>" in html
    assert "You ring Treasury" in read(html)


def test_what_is_put_down_names_no_body_in_which_they_do_not_sit(advisory: Advisory, officer: Person) -> None:
    take(officer, advisory, "agency")
    answer = press(officer, advisory, result="told", person=contact(), note="", revision="1")
    made = Acknowledgement.objects.get()
    assert said(answer) == [
        f"Put down for Con Contact: told by telephone. Receipt {made.receipt}. "
        "Agency was told by telephone, and is off the list. "
        "Nobody there can be told by mail still: in coverage it stays dark, until somebody is named there."
    ]


def test_a_dark_body_that_was_told_by_telephone_is_off_the_list_and_said_to_be_dark_still(
    advisory: Advisory, officer: Person
) -> None:
    assert "Told by telephone, and by nothing else" not in page(officer, advisory)
    take(officer, advisory, "agency")
    assert "coverage goes on showing it as dark" in page(officer, advisory)
    press(officer, advisory, result="told", person=contact(), note="", revision="1")
    text = read(page(officer, advisory))
    # Con Contact answered for the treasury with the same call.
    assert "3 of 3 bodies heard from, 1 of them dark still" in text
    told = text.split("Told by telephone, and by nothing else")[1]
    assert "so coverage shows it as dark until somebody is named there" in told
    assert "Agency : just now , Con Contact , by Olive Officer" in told
    assert coverage.whole(advisory).bodies.dark == 1
    # A body where somebody sat and answered is dark no more, and stands with nobody here.
    assert "Treasury" not in told.split("Printed")[0]


def test_a_shared_mailbox_is_named_once(advisory: Advisory, officer: Person) -> None:
    for called, role in (("Treasury", "deputy"), ("Duty Desk", "head")):
        who = rows.person(called, telephone="020 7946 0009", shared=True)
        Membership.objects.create(person=who, body=relay("treasury").body, role=role)
    lines = re.findall(r"<li[^>]*>(.*?)</li>", page(officer, advisory))
    assert [read(line) for line in lines if "0009" in line] == [
        "shared mailbox 020 7946 0009",
        "Duty Desk , shared mailbox 020 7946 0009",
    ]
    Person.objects.filter(name="Con Contact").update(name="Treasury", shared=True)
    assert "Treasury , shared mailbox, above it" in read(page(officer, advisory))


def test_a_long_list_says_how_many_more_there_are_and_the_way_to_them(
    advisory: Advisory, officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling_list, "SHOWN", 2)
    for number in range(3):
        rows.relay(advisory, f"team-{number}", relay("treasury"))
    other = rows.relay(advisory, "defence", relay("government"))
    rows.relay(advisory, "fleet", other)
    html = page(officer, advisory)
    text = read(html)
    assert "2 of 7 bodies to ring stand here, and 5 more on other pages; this is page 1 of 4." in text
    assert "By branch: Defence (2), Treasury (5)." in text
    assert html.index('href="?page=2">Next') < html.index("<table")
    branch = page(officer, advisory, "?in=treasury")
    assert "By branch" not in branch
    assert '<a class="on-screen" href="?in=treasury&amp;all=1">All of Treasury on one page, to print</a>' in branch
    whole = page(officer, advisory, "?in=treasury&all=1")
    assert whole.count('<th scope="row">') == 5
    assert "hx-get" not in whole.split('id="live"')[1].split(">")[0]
    assert page(officer, advisory, "?all=1").count('<th scope="row">') == 2


def test_three_of_a_body_are_named_whom_a_call_may_find_and_how_many_more_there_are(
    advisory: Advisory, officer: Person
) -> None:
    for name, role, telephone in (("Dep Silent", "deputy", ""), ("Hed Head", "head", "020 7946 0002")):
        Membership.objects.create(person=rows.person(name, telephone=telephone), body=relay("treasury").body, role=role)
    for number in range(5):
        who = rows.person(f"Mem {number}", telephone=f"020 7946 010{number}")
        Membership.objects.create(person=who, body=relay("treasury").body, role="member")
    html = page(officer, advisory).split('<th scope="row">')[2]
    assert "and 5 more, once you take it" in html
    named = re.findall(r"<li[^>]*><span><bdi>(.*?)</bdi>", html)
    assert named == ["Con Contact", "Hed Head", "Mem 0"]
    take(officer, advisory)
    mine = page(officer, advisory).split('id="mine"')[1].split("</form>")[0]
    assert all(f"Mem {number}" in mine for number in range(5))
    assert "Dep Silent" in mine


# --- live ---


def test_there_is_news_when_somebody_takes_lets_go_or_answers_and_otherwise_none(
    advisory: Advisory, officer: Person, other: Person
) -> None:
    client = signed_in(other)

    def news(query: str) -> Any:
        return client.get(query)

    query = poll_of(page(other, advisory))
    assert news(query).status_code == 204
    take(officer, advisory)
    found = news(query)
    assert found.status_code == 200
    html = found.content.decode()
    assert '<p class="verdict" id="progress" hx-swap-oob="true">1 of 3 bodies heard from; 1 in hand</p>' in html
    assert "Olive Officer" in html
    query = poll_of(html)
    assert news(query).status_code == 204
    press(officer, advisory, press="let-go", note="")
    query = poll_of(news(query).content.decode())
    Recipient.objects.filter(person__name="Con Contact").update(answered_revision=1)
    assert "2 of 3 bodies heard from" in news(query).content.decode()


def test_whoever_was_overtaken_or_answered_meanwhile_reads_it_beside_their_form(
    advisory: Advisory, officer: Person, other: Person
) -> None:
    take(officer, advisory)
    query = poll_of(page(officer, advisory))
    client = signed_in(officer)
    Recipient.objects.filter(person__name="Con Contact").update(answered_revision=1)
    assert "Treasury was heard from meanwhile: somebody there has answered" in client.get(query).content.decode()
    Recipient.objects.filter(person__name="Con Contact").update(answered_revision=0)
    Call.objects.update(until=timezone.now() - timedelta(minutes=1))
    take(other, advisory)
    html = client.get(query).content.decode()
    assert 'id="hand" class="dark" hx-swap-oob="true">Otto Officer took Treasury over at' in html
    assert client.get(poll_of(html)).status_code == 204
    # Nobody reads of another's call by its number.
    assert 'id="hand"' not in signed_in(other).get(query).content.decode()


# --- in a browser ---


def _take_elsewhere(reference: str, who: int) -> None:
    """In a thread of its own: Playwright's is no place for the database."""
    advisory = Advisory.objects.get(reference=reference)
    calling.take_next(advisory, Person.objects.get(pk=who), timezone.now())
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_it_can_be_used_by_anybody_and_two_callers_see_each_other(live_server: LiveServer) -> None:
    advisory = a_list()
    top = relay("treasury")
    for number in range(3):
        rows.relay(advisory, f"office-of-{'very-long-names-' * 5}{number}", top)
    other = rows.person("Otto Officer")
    Membership.objects.create(person=other, body=advisory.issuer, role="officer")
    cookie = signed_in(advisory.written_by).cookies["sessionid"].value
    with open_page() as browser:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        assert faults_in_every_look(browser, live_server.url + url(advisory)) == []
        browser.get_by_role("button", name=re.compile("Take it.*Treasury")).click()
        browser.wait_for_selector("#mine")
        assert faults_in_every_look(browser, "") == []
        browser.fill("#note", "on the line with her")
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(_take_elsewhere, advisory.reference, other.pk).result()
        browser.wait_for_selector("text=Otto Officer rings it")
        assert browser.locator("#progress").inner_text() == "1 of 6 bodies heard from; 2 in hand"
        assert browser.input_value("#note") == "on the line with her"
        browser.get_by_role("button", name="Note it").click()
        browser.wait_for_selector("text=Nothing was noted yet")
        assert faults_in_every_look(browser, "") == []
        browser.get_by_label("Con Contact, contact").check()
        browser.get_by_label("They were told").check()
        browser.get_by_role("button", name="Note it").click()
        browser.wait_for_selector("text=Put down for Con Contact of Treasury")
        assert browser.locator("#progress").inner_text() == "2 of 6 bodies heard from; 1 in hand"


@pytest.mark.django_db(transaction=True)
def test_on_paper_it_is_a_sheet_with_boxes_and_nothing_to_press(live_server: LiveServer) -> None:
    advisory = a_list()
    cookie = signed_in(advisory.written_by).cookies["sessionid"].value
    with open_page(viewport={"width": 794, "height": 1123}) as browser:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        browser.goto(live_server.url + url(advisory))
        assert not browser.locator("td.boxes").first.is_visible()
        browser.get_by_role("button", name=re.compile("Take it.*Treasury")).click()
        browser.wait_for_selector("#mine")
        browser.emulate_media(media="print", color_scheme="light")
        assert browser.locator("td.boxes").first.is_visible()
        assert browser.locator("td.boxes").first.inner_text().startswith("told no answer wrong number again")
        assert not browser.locator("#mine").is_visible()
        assert browser.locator("button:visible").count() == 0
        assert browser.locator(".calls").get_by_text("020 7946 0001").first.is_visible()
        assert browser.get_by_text("Printed ").is_visible()
        assert browser.get_by_text("In hand: Olive Officer, until").is_visible()
        assert browser.locator("#script").get_by_text("Do not use Zoom.").is_visible()
        assert not browser.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), (
            "it fits the sheet"
        )


@pytest.mark.django_db(transaction=True)
def test_many_bodies_are_a_few_sheets_and_a_short_way_on_a_telephone(live_server: LiveServer) -> None:
    advisory = a_list()
    for number in range(24):
        office = rows.relay(advisory, f"office-{number}-for-budget-responsibility", relay("treasury"))
        for role in ("contact", "deputy", "head", *["member"] * 6):
            who = rows.person("Catherine Cholmondeley", telephone="020 7946 0370")
            Membership.objects.create(person=who, body=office.body, role=role)
    cookie = signed_in(advisory.written_by).cookies["sessionid"].value
    with open_page(viewport={"width": 320, "height": 640}) as browser:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        browser.goto(live_server.url + url(advisory))
        row = browser.locator(".calls tr", has_text="Office 7 ")
        assert "and 8 more, once you take it" in row.inner_text()
        assert row.bounding_box()["height"] < 230  # type: ignore[index]
        sheets = len(re.findall(rb"/Type\s*/Page\b", browser.pdf(format="A4")))
        assert sheets <= 4, "six bodies or more on a sheet"
        browser.set_viewport_size({"width": 703, "height": 1123})
        browser.emulate_media(media="print")
        assert "and 6 more, once you take it" in row.inner_text()
        heights = row.locator(".ringing li:visible").evaluate_all("all => all.map(one => one.clientHeight)")
        assert len(heights) == 4
        assert max(heights) < 20, "a name and its number share a line"


# --- very often ---


def test_one_press_after_another_ends_and_nothing_that_was_typed_is_lost(
    advisory: Advisory, officer: Person, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.web.calls.MOST", 3)
    take(officer, advisory)
    assert press(officer, advisory, press="longer").status_code == 200
    assert press(officer, advisory, press="let-go").status_code == 302
    taken = Call.objects.count()
    often = "Wait for one, then press again"
    again = take(officer, advisory)
    assert again.status_code == 302
    assert often in said(again)[0]
    with_words = take(officer, advisory, note="rings at noon")
    assert with_words.status_code == 429
    assert often in with_words.content.decode()
    assert "rings at noon" in with_words.content.decode()
    assert Call.objects.count() == taken
    assert take(other, advisory).status_code == 302, "somebody else at the same address is not kept from it"
    assert Call.objects.filter(caller=other, ended_at=None).exists()


def test_what_came_of_a_call_is_noted_however_often_somebody_pressed(
    advisory: Advisory, officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.web.calls.MOST", 1)
    take(officer, advisory)
    for which in ("longer", "let-go"):
        kept = press(officer, advisory, press=which, note="they asked for the text")
        assert kept.status_code == 429
        assert "they asked for the text" in kept.content.decode()
        assert Call.objects.get().ended_at is None
    assert press(officer, advisory, result="no-answer", note="they asked for the text").status_code == 302
    assert Call.objects.get().result == "no-answer"
