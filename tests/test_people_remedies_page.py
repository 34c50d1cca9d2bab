"""What can be pressed on a list of a coverage page: who is offered what, what a press does and says, and where it leads."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Relay
from alerts.web.coverage import people_remedies
from alerts.web.coverage.people_offers import offered
from alerts.web.coverage.scoping import Looked
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in
from tests.test_chase import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    made.published_at = timezone.now() - timedelta(hours=3)
    made.save()
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def ann(treasury: Relay) -> Person:
    ann = rows.person("Ann Contact")
    Membership.objects.create(person=ann, body=treasury.body, role="contact")
    return ann


@pytest.fixture
def admin() -> Person:
    return rows.person("Adm", is_administrator=True)


def press(who: Person, of: Advisory, remedy: str, **fields: Any) -> tuple[str, list[str], Any]:
    """Where a press leads, and what it says."""
    answer = signed_in(who).post(reverse(f"alerts:coverage_{remedy}", args=[of.reference]), {"is": "silent", **fields})
    return answer.headers.get("Location", ""), [str(one) for one in get_messages(answer.wsgi_request)], answer


def refusal(who: Person, of: Advisory, remedy: str, **fields: Any) -> str:
    """What the list says of a form that could not be taken."""
    answer = press(who, of, remedy, **fields)[2]
    assert answer.status_code == 422
    return str(answer.context["wrong"].why)


def offers(viewer: Person, of: Advisory, figure: str, relay: Relay | None = None) -> set[str]:
    looked = Looked(scope(of.pk, None, relay.pk if relay else None), True, relay.body if relay else None)
    whole = Advisory.objects.select_related("material", "issuer").get(pk=of.pk)
    found = offered(viewer, whole, looked, Selection(looked.scope, figure))
    assert found["any"] == any(found[name] for name in ("remind", "retry", "told", "domain"))
    return {name for name in ("remind", "retry", "told", "domain") if found[name]}


def test_each_is_offered_what_fits_the_figure_and_is_theirs_to_do(
    advisory: Advisory, treasury: Relay, ann: Person, admin: Person
) -> None:
    officer, auditor = advisory.written_by, rows.person("Aud", is_auditor=True)
    assert offers(officer, advisory, "silent") == {"remind"}
    assert offers(ann, advisory, "silent", treasury) == {"remind", "told"}
    assert offers(ann, advisory, "unreachable", treasury) == {"told"}
    assert offers(admin, advisory, "unreachable") == {"retry", "domain"}
    assert offers(admin, advisory, "former") == {"remind"}
    assert offers(officer, advisory, "waiting") == offers(admin, advisory, "acknowledged") == set()
    for figure in ("silent", "unreachable"):
        assert offers(auditor, advisory, figure) == set()
    Advisory.objects.update(stopped_at=timezone.now())
    assert offers(ann, advisory, "silent", treasury) == {"told"}
    assert offers(admin, advisory, "unreachable") == {"domain"}


def test_some_are_reminded_or_all_and_it_goes_back_to_where_it_was_pressed(advisory: Advisory, treasury: Relay) -> None:
    one, *_ = [told(advisory, treasury, name=f"Person {n}", outcome="delivered") for n in range(3)]
    officer = advisory.written_by
    back, said, _ = press(
        officer, advisory, "remind", **{"recipient": [one.pk, "x", "-1"], "in": "treasury", "own": "1"}
    )
    assert back == f"/advisories/{advisory.reference}/coverage/people/?is=silent&in=treasury&own=1"
    assert said == ["1 person reminded."]
    back, said, _ = press(officer, advisory, "remind", name="Person", everybody="1")
    assert back == f"/advisories/{advisory.reference}/coverage/people/?is=silent&name=Person"
    assert said == ["2 people reminded; 1 was reminded within the last day."]
    back, said, _ = press(officer, advisory, "remind", **{"everybody": "1", "from": "coverage", "in": "treasury"})
    assert back == f"/advisories/{advisory.reference}/coverage/?in=treasury"
    assert said == ["Nobody reminded; 3 were reminded within the last day."]
    # Whoever answered since the list was opened is said to have.
    Recipient.objects.filter(pk=one.pk).update(answered_revision=1)
    assert press(officer, advisory, "remind", recipient=[one.pk])[1] == ["Nobody reminded; 1 answered meanwhile."]
    assert Message.objects.filter(kind="reminder").count() == 3


def test_nobody_too_many_and_what_is_no_list_are_said(
    advisory: Advisory, treasury: Relay, admin: Person, ann: Person
) -> None:
    for remedy, who in (("remind", admin), ("retry", admin)):
        assert press(who, advisory, remedy)[1] == [people_remedies.NOBODY]
    for remedy, who in (("domain", admin), ("told", ann)):
        assert refusal(who, advisory, remedy) == people_remedies.NOBODY
    assert press(ann, advisory, "remind", recipient=list(range(1, 202)))[1] == [people_remedies.TOO_MANY]
    assert press(ann, advisory, "remind", everybody="1", **{"is": "nonsense"})[2].status_code == 404
    assert press(ann, advisory, "remind", everybody="1", **{"in": "nowhere"})[2].status_code == 404
    assert signed_in(ann).get(reverse("alerts:coverage_remind", args=[advisory.reference])).status_code == 405


def test_who_may_not_changes_nothing(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    told(advisory, treasury, outcome="delivered"), told(advisory, treasury, outcome="bounced")
    everybody = {"everybody": "1", "all-there": "1", "old": "rows.example", "new": "rows.test", "sure": "1"}
    stranger, auditor = rows.person("Mem"), rows.person("Aud", is_auditor=True)
    for remedy in ("remind", "retry", "told", "domain"):
        assert press(stranger, advisory, remedy, **everybody)[2].status_code in (302, 403)
    for remedy in ("retry", "domain"):
        for who in (ann, auditor, advisory.written_by):
            assert press(who, advisory, remedy, **everybody)[2].status_code == 403
    assert "Nobody was reminded" in press(auditor, advisory, "remind", **everybody)[1][0]
    assert "Nothing was written" in refusal(auditor, advisory, "told", **everybody)
    assert not Message.objects.exists()
    assert not Acknowledgement.objects.exists()
    assert not Person.objects.filter(email__endswith="rows.test").exists()


def test_a_contact_reminds_the_people_of_their_own_branch_alone(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    mine = told(advisory, rows.relay(advisory, "tax", treasury), outcome="delivered")
    told(advisory, rows.relay(advisory, "home"), outcome="delivered")
    assert press(ann, advisory, "remind", everybody="1")[1] == ["1 person reminded."]
    assert Message.objects.get().recipient == mine


def test_told_in_a_meeting_for_those_ticked_or_for_all_who_were_there(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    one, *others = [told(advisory, treasury, outcome="delivered") for _ in range(3)]
    looked = Looked(scope(advisory.pk), True, None)
    now = timezone.localtime()
    form = {"told-how": "meeting", "told-at": now.strftime("%Y-%m-%dT%H:%M"), "told-by": "Bob"}

    def fresh() -> str:
        whole = Advisory.objects.select_related("material", "issuer").get(pk=advisory.pk)
        return str(offered(ann, whole, looked, Selection(looked.scope, "silent"))["form"])

    when = now.strftime("%-d %B, %H:%M %Z")
    said = press(ann, advisory, "told", form=fresh(), recipient=[one.pk], **form)[1]
    assert said == [f"Put down for 1 person: told in a meeting on {when}."]
    assert refusal(ann, advisory, "told", form=fresh(), everybody="1", **form) == people_remedies.WERE_THEY
    assert Acknowledgement.objects.count() == 1
    said = press(ann, advisory, "told", form=fresh(), everybody="1", **{"all-there": "1"}, **form)[1]
    assert said == [f"Put down for 2 people: told in a meeting on {when}."]
    assert set(Acknowledgement.objects.values_list("recipient", "name_given")) == {
        (who.pk, "Bob") for who in (one, *others)
    }


def test_a_domain_is_moved_only_after_it_was_said_whom_that_moves(
    advisory: Advisory, treasury: Relay, admin: Person
) -> None:
    people = [told(advisory, treasury, outcome="bounced") for _ in range(3)]
    asked = {"is": "unreachable", "old": "rows.example", "new": "rows.test"}
    page = press(admin, advisory, "domain", recipient=[people[0].pk, people[1].pk], **asked)[2]
    assert page.status_code == 200
    html = page.content.decode()
    assert "Move 2 people to" in html
    assert html.count('name="recipient"') == 2
    assert not Person.objects.filter(email__endswith="rows.test").exists()
    back, said, _ = press(admin, advisory, "domain", everybody="1", sure="1", **asked)
    assert said[0].startswith("3 people have their mail at rows.test now")
    assert back.endswith("/people/?is=unreachable")
    again = press(admin, advisory, "domain", everybody="1", **asked)[1]
    assert again[0].startswith("Nobody of these has an address at rows.example")
    assert "is not a mail domain" in refusal(admin, advisory, "domain", everybody="1", **{**asked, "new": "?"})
    empty = refusal(admin, advisory, "domain", everybody="1", **{**asked, "new": " "})
    assert empty == "Say from which domain to which. Nothing was changed."


def test_a_form_that_cannot_be_taken_keeps_the_ticks_and_all_that_was_typed(
    advisory: Advisory, treasury: Relay, ann: Person, admin: Person
) -> None:
    one, other = [told(advisory, treasury, name=f"Person {n}", outcome="bounced") for n in range(2)]
    counting.recount(advisory.pk)
    typed = {"told-how": "telephone", "told-at": "soon", "told-by": "Bob of <the> desk", "all-there": "1"}
    asked = {"is": "unreachable", "recipient": [one.pk]}
    answer = press(ann, advisory, "told", **asked, **typed)[2]
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Nothing was written." in answer.context["wrong"].why
    assert f'value="{one.pk}" checked' in html
    assert f'value="{other.pk}" checked' not in html
    for stays in (
        'value="telephone" checked',
        'value="soon"',
        'value="Bob of &lt;the&gt; desk"',
        'value="1" checked',
        'facts" open',
    ):
        assert stays in html
    html = press(admin, advisory, "domain", **asked, old="rows.example", new="no domain")[2].content.decode()
    assert 'value="no domain"' in html
    assert f'value="{one.pk}" checked' in html


def test_whoever_may_remind_is_known_without_the_list(advisory: Advisory, ann: Person, admin: Person) -> None:
    auditor, stranger = rows.person("Aud", is_auditor=True), rows.person("Mem")
    may = [people_remedies.may_remind(one, advisory) for one in (advisory.written_by, ann, admin, auditor, stranger)]
    assert may == [True, True, True, False, False]
    advisory.stopped_at = timezone.now()
    assert not people_remedies.may_remind(admin, advisory)


def test_a_domain_takes_nobody_along_who_has_powers_of_their_own(
    advisory: Advisory, treasury: Relay, admin: Person
) -> None:
    """Sign-in is by address: whoever has the mail of the new domain would sign in as an officer, and publish."""
    plain, silent = told(advisory, treasury, outcome="bounced"), told(advisory, treasury, outcome="delivered")
    powers = [rows.person("Aud", is_auditor=True), rows.person("Two", is_administrator=True)]
    for role in ("officer", "head"):
        powers.append(rows.person(role))
        Membership.objects.create(person=powers[-1], body=advisory.issuer, role=role)
    for who in powers:
        Recipient.objects.filter(pk=rows.recipient(advisory, treasury, who=who).pk).update(outcome="bounced")
    asked = {"everybody": "1", "old": "rows.example", "new": "evil.example"}
    html = press(admin, advisory, "domain", **asked, **{"is": "unreachable"})[2].content.decode()
    assert "Move 1 person to" in html
    assert "4 more with powers of their own are to be corrected one by one" in html
    said = press(admin, advisory, "domain", **asked, **{"is": "unreachable", "sure": "1"})[1]
    assert "4 with powers of their own are to be corrected one by one." in said[0]
    # Nor anybody of a list on which it is not offered, or who is not on the list.
    for pressed in (
        {"is": "silent"},
        {"is": "targeted"},
        {"is": "unreachable", "everybody": "", "recipient": [silent.pk]},
    ):
        press(admin, advisory, "domain", **{**asked, "sure": "1", **pressed})
    moved = Person.objects.filter(email__endswith="evil.example")
    assert list(moved) == [plain.person]
    assert "are to be corrected" in press(admin, advisory, "domain", **asked, **{"is": "unreachable"})[1][0]


@pytest.mark.django_db(transaction=True)
def test_it_is_pressed_on_the_list_in_a_browser(advisory: Advisory, treasury: Relay, live_server: LiveServer) -> None:
    for number in range(3):
        told(advisory, treasury, name=f"Person {number}", outcome="bounced" if number == 2 else "delivered")
    both = rows.person("Contact and administrator", is_administrator=True)
    Membership.objects.create(person=both, body=treasury.body, role="contact")
    counting.recount(advisory.pk)
    cookie = signed_in(both).cookies["sessionid"].value
    list_of = f"{live_server.url}{reverse('alerts:coverage_people', args=[advisory.reference])}"
    connection.close()
    with open_page() as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        assert faults_in_every_look(page, f"{list_of}?is=silent") == []
        page.get_by_text("They were told by telephone, in person or in a meeting").click()
        assert faults_in_every_look(page, "") == []
        page.get_by_label("Who told them").press("Enter")
        assert page.url == f"{list_of}?is=silent"
        page.locator('input[name="recipient"]').first.check()
        page.get_by_role("button", name="Remind those ticked").click()
        assert page.get_by_text("1 person reminded.").is_visible()
        page.get_by_role("button", name="Remind all of the list").click()
        assert page.get_by_text("1 person reminded; 1 was reminded within the last day.").is_visible()
        page.get_by_text("They were told by telephone, in person or in a meeting").click()
        page.locator('input[name="recipient"]').first.check()
        page.get_by_label("Who told them").fill("Bob")
        page.get_by_role("button", name="Put it down for all of the list").click()
        assert page.get_by_role("alert").get_by_text("Say that everybody of this list was told").is_visible()
        assert faults_in_every_look(page, "") == []
        if folder := os.environ.get("LISTS_SEEN"):
            page.screenshot(path=f"{folder}/told-wrong.png", full_page=True)
        assert page.get_by_label("Who told them").input_value() == "Bob"
        assert page.locator('input[name="recipient"]').first.is_checked()
        page.get_by_role("button", name="Put it down for those ticked").click()
        assert page.get_by_text("Put down for 1 person: told in a meeting on").is_visible()

        page.goto(f"{list_of}?is=unreachable")
        page.get_by_text("Their mail domain is written wrong").click()
        assert page.get_by_label("The domain as it is written now").input_value() == "rows.example"
        page.get_by_label("The domain as it should be").fill("rows.test")
        assert faults_in_every_look(page, "") == []
        page.get_by_role("button", name="See it for all of the list").click()
        assert faults_in_every_look(page, "") == []
        page.get_by_role("button", name="Move 1 person").click()
        assert page.get_by_text("1 person has their mail at rows.test now").is_visible()
