"""The pages of kept figures: keeping them from the coverage page, finding them by their code, and taking them along."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.coverage import citing
from alerts.models import Advisory, Citation, Recipient, Relay
from alerts.web.coverage import pictures
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page

pytestmark = pytest.mark.django_db

SVG, PNG = "<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG"


@pytest.fixture
def country() -> Advisory:
    """Government above a treasury (one answered, one refused), a held office, and a committee with nobody."""
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    office = rows.relay(advisory, "debt-office", treasury, state="held")
    rows.relay(advisory, "foreign-affairs-committee", top)
    answered, refused = rows.recipient(advisory, treasury), rows.recipient(advisory, treasury)
    rows.recipient(advisory, office)
    Recipient.objects.filter(pk=answered.pk).update(told_revision=1, answered_revision=1, acted_revision=1)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    out = rows.leave_out(advisory, rows.body("devolved", top.body), "=told through their own centre")
    type(out).objects.filter(pk=out.pk).update(look_again_at=timezone.now() + timedelta(days=1))
    counting.fold(advisory.pk)
    return advisory


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is quickly made: what pictures say is told elsewhere."""
    monkeypatch.setattr("alerts.web.coverage.kept.pictures", lambda *_: (SVG, PNG))


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="departments.signing_in.DutyBackend")
    return client


def contact(slug: str) -> Person:
    person = rows.person(f"Contact of {slug}")
    Membership.objects.create(person=person, body=Body.objects.get(slug=slug), role="contact")
    return person


def keep(person: Person, of: Advisory, **about: str) -> str:
    """The code under which this person kept what they see."""
    answer = signed_in(person).post(reverse("alerts:coverage_keep", args=[of.reference]), about)
    assert answer.status_code == 302
    code = answer["Location"].removeprefix("/figures/").removesuffix("/")
    assert citing.read(code)
    return code


def page(person: Person, code: str) -> str:
    found = signed_in(person).get(f"/figures/{code}/")
    assert found.status_code == 200
    return found.content.decode()


def test_the_kept_page_says_everything_of_its_moment_whatever_changes_since(country: Advisory, auditor: Person) -> None:
    code = keep(auditor, country, shown="2020")
    first = page(auditor, code)
    for said in (
        "Do not use Zoom",
        "<em>2 of 3 people have not been told</em>, and 1 of 3 bodies has nobody to tell.",
        "with nobody to tell: Foreign Affairs Committee",
        "cannot be reached: their mail was refused",
        "held by the contacts of 1 body",
        "“=told through their own centre” Signed by Olive Officer, ",
        "To be looked at again ",
        "kept by Audrey Auditor under the code",
        f"These figures are kept under the code {code} (http://127.0.0.1:8000/figures/{code}/).",
        '<th scope="row">Government</th>',
        f'<img src="/figures/{code}/picture.svg"',
        "Nothing of it has changed since.",
        'class="printed-whole tlp-green"',
    ):
        assert said in first
    Body.objects.filter(slug="foreign-affairs-committee").update(name="Another Committee")
    Person.objects.update(name="Renamed")
    Recipient.objects.filter(told_revision=0, outcome="").update(told_revision=1, answered_revision=1, acted_revision=1)
    rows.revise(country, title="Zoom is fine")
    counting.recount(country.pk)
    again = page(auditor, code)
    since = "By now 0 of 3 people have answered, and 3 have not been told. It has been revised, and this is about revision 1."
    assert since in again, again.split("hint on-screen")[1][:300]
    record = first.split('id="record">')[1].split("</p>")[0]
    assert record in again
    assert "Foreign Affairs Committee" in again
    assert "kept by Audrey Auditor" in again
    for new in ("Another Committee", "Zoom is fine"):
        assert new not in again
    assert record.startswith("TLP:GREEN. ADV-2020-0017 (“Do not use Zoom”), issued by Issuer Of Adv 2020 0017. As at ")


def test_pressed_twice_on_one_page_it_is_one_code(country: Advisory, auditor: Person) -> None:
    codes = {keep(auditor, country, shown="2020-04-24T15:24:01+00:00") for _ in range(2)}
    assert len(codes) == 1
    assert Citation.objects.count() == 1
    assert keep(auditor, country, shown="2020-04-24T15:25:01+00:00") not in codes


def test_a_code_is_found_however_it_is_typed_and_a_wrong_one_is_said_plainly(
    country: Advisory, auditor: Person
) -> None:
    code, client = keep(auditor, country), signed_in(auditor)
    typed = code.lower().replace("-", " ")
    assert client.get("/figures/", {"code": typed})["Location"] == f"/figures/{code}/"
    assert client.get(f"/figures/{typed}/")["Location"] == f"/figures/{code}/"
    empty = client.get("/figures/")
    assert empty.status_code == 200
    assert 'role="alert"' not in empty.content.decode()
    wrong = code[:-1] + ("0" if code[-1] != "0" else "2")
    for typed, said in (
        (wrong, "one of these is wrong or missing"),
        ("<b>", "one of these"),
        ("x\0" * 99, "one of these"),
    ):
        answer = client.get("/figures/", {"code": typed})
        assert answer.status_code == 404
        assert said in answer.content.decode()
        assert "<b>" not in answer.content.decode().split("<input")[1]
    unknown = citing.spelled(citing._made("nothing"))
    for answer in (client.get("/figures/", {"code": unknown}), client.get(f"/figures/{unknown}/")):
        assert answer.status_code == 404
        assert "No figures are kept under this code" in answer.content.decode()


def test_whoever_sees_less_finds_no_such_code_in_any_of_its_addresses(country: Advisory, auditor: Person) -> None:
    whole, branch = keep(auditor, country), keep(auditor, country, **{"in": "treasury"})
    treasurer = signed_in(contact("treasury"))
    for name in ("", "picture.svg", "picture.png", "table.csv", "table.json"):
        assert treasurer.get(f"/figures/{whole}/{name}").status_code == 404
        assert treasurer.get(f"/figures/{branch}/{name}").status_code == 200
    assert treasurer.post(f"/figures/{whole}/mail/").status_code == 404
    assert treasurer.get("/figures/", {"code": whole}).status_code == 404
    html = treasurer.get(f"/figures/{branch}/").content.decode()
    assert "Of Treasury and the bodies below it alone." in html
    assert "people in Treasury and the bodies below it (2 bodies in all) had been told" in html
    assert "Foreign Affairs Committee" not in html
    assert f'href="/advisories/{country.reference}/coverage/?in=treasury"' in html
    for visit in (Client().get(f"/figures/{whole}/"), Client().post(f"/advisories/{country.reference}/coverage/keep/")):
        assert visit["Location"].startswith(reverse("account_login"))
    rows.body("elsewhere")
    elsewhere = signed_in(contact("elsewhere"))
    assert elsewhere.post(f"/advisories/{country.reference}/coverage/keep/").status_code == 403
    assert treasurer.post(f"/advisories/{country.reference}/coverage/keep/", {"in": "government"}).status_code == 404
    assert treasurer.get(f"/advisories/{country.reference}/coverage/keep/").status_code == 405


def test_a_contact_keeps_their_own_branches_and_those_above_open_them(country: Advisory) -> None:
    code = keep(contact("treasury"), country)
    html = page(contact("government"), code)
    assert "Of the branches that Contact of treasury answers for, and of no others." in html
    assert "people in Treasury and the bodies below it (2 bodies in all) had been told" in html
    assert "Foreign Affairs Committee" not in html
    assert signed_in(contact("debt-office")).get(f"/figures/{code}/").status_code == 404


def test_a_title_that_somebody_may_not_read_is_kept_from_them_in_what_another_kept(country: Advisory) -> None:
    """Where the marking asks for a code: an officer reads the title, an administrator has the open one."""
    Advisory.objects.filter(pk=country.pk).update(marking="RED", open_title="Advice on meetings")
    Membership.objects.create(person=country.written_by, body=country.issuer, role="officer")
    administrator = rows.person("Adam Administrator", is_administrator=True)
    by_officer, by_administrator = keep(country.written_by, country), keep(administrator, country)
    assert "Do not use Zoom" in page(country.written_by, by_officer)
    for person, code in (
        (administrator, by_officer),
        (administrator, by_administrator),
        (country.written_by, by_administrator),
    ):
        html = page(person, code) + signed_in(person).get(f"/figures/{code}/table.json").getvalue().decode()
        assert "Advice on meetings" in html
        assert "Zoom" not in html
        assert "tlp-red" in html


def test_what_was_marked_more_strictly_since_says_no_more_than_that_lets_it(country: Advisory, auditor: Person) -> None:
    code, administrator = keep(auditor, country), rows.person("Adam Administrator", is_administrator=True)
    assert "Do not use Zoom" in page(administrator, code)
    Advisory.objects.filter(pk=country.pk).update(marking="RED", open_title="Advice on meetings")
    html = page(administrator, code)
    assert "Zoom" not in html
    assert "ADV-2020-0017 (“Advice on meetings”), issued by" in html
    assert "tlp-red" in html
    assert "Do not use Zoom" in page(auditor, code)


def test_a_picture_is_marked_no_lower_than_its_advisory_and_stays_on_no_disk_where_that_asks_for_a_code(
    country: Advisory, auditor: Person
) -> None:
    client, green = signed_in(auditor), keep(auditor, country)
    Advisory.objects.filter(pk=country.pk).update(marking="AMBER", open_title="Advice on meetings", exercise=True)
    html, said = page(auditor, green), json.loads(client.get(f"/figures/{green}/table.json").getvalue())
    assert "picture.svg" not in html
    assert client.get(f"/figures/{green}/picture.svg").status_code == 404
    # Its paragraph goes wherever somebody puts it.
    assert said["record"].startswith("TLP:AMBER. ADV-2020-0017 (“Advice on meetings”), issued by")
    assert "Do not use Zoom" in html
    Advisory.objects.filter(pk=country.pk).update(marking="RED")
    red = keep(auditor, country, shown="red")
    answer = client.get(f"/figures/{red}/picture.png")
    assert "no-store" in answer["Cache-Control"]
    assert f'filename="EXERCISE-ADV-2020-0017-figures-{red}-TLP-RED.png"' in answer["Content-Disposition"]
    table = client.get(f"/figures/{red}/table.json")
    assert "EXERCISE-" in table["Content-Disposition"]
    assert json.loads(table.getvalue())["exercise"] is True


def test_nobody_fills_the_shelf_at_one_press_after_another(
    country: Advisory, auditor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"/advisories/{country.reference}/coverage/keep/"
    for name, says in (("MOST", "very often within a minute"), ("MOST_A_DAY", "50 times a day at most")):
        with monkeypatch.context() as patch:
            patch.setattr(f"alerts.web.coverage.citations.{name}", 1)
            who = rows.person(name, is_auditor=True)
            keep(who, country)
            answer = signed_in(who).post(where, follow=True)
            assert answer.redirect_chain[0][0].startswith(f"/advisories/{country.reference}/coverage/")
            assert says in answer.content.decode()
            # Somebody else at the same address is not kept from it.
            keep(rows.person("Next", is_auditor=True), country)
    assert Citation.objects.count() == 4


def test_the_picture_and_the_table_are_taken_along(country: Advisory, auditor: Person) -> None:
    Body.objects.filter(slug="government").update(name="=1+1")
    code, client = keep(auditor, country, open="government"), signed_in(auditor)
    svg, png = (client.get(f"/figures/{code}/picture.{kind}") for kind in ("svg", "png"))
    assert (svg.content.decode(), png.content) == (SVG, PNG)
    assert (svg["Content-Type"], png["Content-Type"]) == ("image/svg+xml", "image/png")
    assert svg["Content-Security-Policy"] == pictures.POLICY
    assert "sandbox" in pictures.POLICY
    assert set(svg["Cache-Control"].split(", ")) == {"private", "no-cache"}
    assert f'filename="ADV-2020-0017-figures-{code}-TLP-GREEN.svg"' in svg["Content-Disposition"]
    again = client.get(f"/figures/{code}/picture.svg", headers={"if-none-match": svg["ETag"]})
    assert again.status_code == 304
    table = client.get(f"/figures/{code}/table.csv")
    assert f'filename="ADV-2020-0017-figures-{code}-TLP-GREEN.csv"' in table["Content-Disposition"]
    header, whole, *lines = csv.reader(table.getvalue().decode("utf-8-sig").splitlines())
    assert header[:5] == ["body", "level", "state", "not_told", "answered"]
    assert whole[3:5] == ["2", "1"]
    assert [line[0] for line in lines] == ["'=1+1", "Foreign Affairs Committee", "Treasury", "Devolved"]
    assert [line[1] for line in lines] == ["1", "2", "2", "2"]
    said = json.loads(client.get(f"/figures/{code}/table.json").getvalue())
    assert (said["code"], said["reference"], said["marking"]) == (code, "ADV-2020-0017", "TLP:GREEN")
    assert said["rows"][0]["to_be_told"] == 3
    assert said["record"].startswith("TLP:GREEN.")


def test_what_somebody_wrote_does_no_harm(country: Advisory, auditor: Person) -> None:
    name = "<script>alert(1)</script>"
    Body.objects.filter(slug__in=["government", "foreign-affairs-committee"]).update(name=name)
    rows.revise(country, title=name)
    html = page(auditor, keep(auditor, country))
    assert name not in html
    assert escape(name) in html


def test_the_number_of_queries_does_not_grow_with_the_bodies(auditor: Person) -> None:
    def asked(advisory: Advisory, bodies: int, prefix: str) -> list[int]:
        top = rows.relay(advisory, f"{prefix}-top")
        for number in range(bodies):
            rows.recipient(advisory, rows.relay(advisory, f"{prefix}-{number}", top, state="held"))
        client, found = signed_in(auditor), []
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(reverse("alerts:coverage_keep", args=[advisory.reference]))
        found.append(len(queries))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(answer["Location"]).status_code == 200
        return [*found, len(queries)]

    few = asked(rows.advisory("ADV-2026-0001"), 5, "few")
    assert asked(rows.advisory("ADV-2026-0002"), 40, "many") == few
    assert max(few) <= 40


def test_a_body_that_is_not_in_it_any_more_is_said_and_its_figures_stay(country: Advisory, auditor: Person) -> None:
    code = keep(auditor, country, **{"in": "debt-office"})
    Relay.objects.filter(body__slug="debt-office").update(purpose="left")
    html = page(auditor, code)
    assert "Debt Office is not in this advisory any more." in html
    assert "1 of 1 person has not been told" in html


@pytest.mark.django_db(transaction=True)
def test_the_page_is_sound_is_worked_by_keys_alone_and_is_a_sheet_of_paper(
    live_server: LiveServer, country: Advisory, auditor: Person
) -> None:
    code = keep(auditor, country, open="government")
    session = signed_in(auditor).cookies["sessionid"].value
    url, wrong = f"{live_server.url}/figures/{code}/", []

    def sign_in(page: Page) -> None:
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])

    with open_page() as page:
        sign_in(page)
        wrong += faults_in_every_look(page, url)
        wrong += faults_in_every_look(page, f"{live_server.url}/figures/?code=ABC")
    assert wrong == []
    with open_page(permissions=["clipboard-read", "clipboard-write"], viewport={"width": 688, "height": 1000}) as page:
        sign_in(page)
        page.goto(f"{live_server.url}/figures/")
        page.keyboard.press("Tab")
        page.get_by_label("Code").focus()
        page.keyboard.type(code.lower().replace("-", " "))
        page.keyboard.press("Enter")
        page.wait_for_url(url)
        page.get_by_role("button", name="Copy as text").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Copied.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(
            "TLP:GREEN. ADV-2020-0017 (“Do not use Zoom”), issued by Issuer Of Adv 2020 0017. As at "
        )
        assert f"under the code {code} (" in copied
        assert "  " not in copied
        page.emulate_media(media="print")
        assert not page.locator("button:visible, nav:visible, form:visible, .on-screen:visible").count()
        record, verdict = page.locator("#record").bounding_box(), page.locator(".verdict").bounding_box()
        assert record
        assert verdict
        assert record["y"] < verdict["y"]
        # A table is one on paper, however narrow the sheet.
        assert page.locator(".branches thead").evaluate("one => getComputedStyle(one).display") == "table-header-group"
        assert page.locator(".branches tr").nth(1).evaluate("one => getComputedStyle(one).breakInside") == "avoid"
        pages = page.pdf(prefer_css_page_size=True)
        # Kept from the page itself, with what is open there.
        page.emulate_media(media="screen")
        page.goto(f"{live_server.url}/advisories/{country.reference}/coverage/?open=government")
        page.get_by_role("button", name="Keep these figures under a code").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/figures/**")
        assert page.get_by_text("Kept. Whoever may see them finds exactly these figures under").count()
        assert page.locator("th.in1", has_text="Treasury").count()
    assert b"/MediaBox [0 0 594" in pages or b"/MediaBox [0 0 595" in pages  # A4, in points
