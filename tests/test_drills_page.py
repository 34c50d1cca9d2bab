"""The readiness report on a page, in a file and in the list: who sees it, and what it says while it runs and afterwards."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from playwright.sync_api import expect

from alerts.models import Advisory
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in
from tests.drilling import Drill, hung, lay_out

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def page(person: Person, of: Drill, query: str = "") -> str:
    found = signed_in(person).get(reverse("alerts:drill", args=[of.advisory.reference]) + query)
    assert found.status_code == 200
    return " ".join(found.content.decode().split())


def line_of(html: str, name: str) -> str:
    """The table's line of a branch, without its marks."""
    table = html.split('<table class="branches">')[1]
    return next(line for line in table.split("<tr>") if f">{name}<" in line)


def content_of(client: Client, url: str) -> bytes:
    found = client.get(url)
    assert found.status_code == 200, url
    return b"".join(found.streaming_content)  # type: ignore[attr-defined]


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


@pytest.fixture
def country() -> dict[str, Body]:
    """Its bodies, by slug."""
    return lay_out()


@pytest.fixture
def two(country: dict[str, Body]) -> tuple[Drill, Drill]:
    """The last drill, without the committee, in which half had answered in time; and one of three days ago."""
    before = Drill("EX-2025-0001", -300 * DAY)
    at = hung(before, {slug: body for slug, body in country.items() if slug != "committee"})
    before.answer(at["treasury"], *[5 * MINUTE] * 5, silent=5)
    before.answer(at["health"], *[5 * MINUTE] * 5, silent=5)
    now = Drill("EX-2026-0001", -3 * DAY, before.advisory.issuer)
    at = hung(now, country)
    now.answer(at["treasury"], *[5 * MINUTE] * 6, *[30 * MINUTE] * 3, silent=1)
    now.answer(at["health"], *[5 * MINUTE] * 4, 2 * HOUR, silent=4, unreachable=1)
    return before, now


def test_the_page_says_how_ready_they_were_beside_the_last_drill_and_names_who_is_dark(
    two: tuple[Drill, Drill], auditor: Person
) -> None:
    html = page(auditor, two[1])
    for said in (
        "EXERCISE: this is a drill", "TLP:GREEN", "<em>3 bodies have nobody to tell</em>",
        "; 65% (13 of 20) had answered within 60 minutes.",
        "A good drill reaches 90% within 60 minutes: 5 people short of it here.",
        ">Cabinet</a>, <a", ">Committee</a>, <a", "no share here counts them",
        "Do not use Zoom", "(EX-2025-0001). 50% (10 of 20) had answered within 60 minutes then.",
    ):  # fmt: skip
        assert said.casefold() in html.casefold(), said
    treasury, health = line_of(html, "Treasury"), line_of(html, "Health")
    assert '<b>60%</b> (6)<br><span class="soft">10 points more than 50% last time</span>' in treasury
    assert '<b>90%</b> (9)<br><span class="soft">40 points more than 50% last time</span>' in treasury
    assert '<b class="dark">40%</b> (4)<br><span class="soft">10 points less than 50% last time</span>' in health
    assert '<b>50%</b> (5)<br><span class="soft">the same as last time</span>' in health
    assert "1 can’t be reached" in health
    assert "90% (9)" in health
    assert "not in the last drill" in line_of(html, "Committee")
    assert "nobody to tell" in line_of(html, "Committee")
    # What is furthest from the goal comes first, below all of it.
    assert (
        html.index(">All of it<")
        < html.index('own=1">Cabinet<')
        < html.index('in=health">')
        < html.index('in=treasury">')
    )
    assert "hx-trigger" not in html.split('id="drill"')[1].split(">")[0]


def test_while_it_runs_the_page_says_so_and_follows_by_itself(country: dict[str, Body], auditor: Person) -> None:
    drill = Drill("EX-2026-0001", -7 * MINUTE)
    at = hung(drill, {"health": country["health"]})
    drill.answer(at["health"], *[MINUTE] * 3, silent=7)
    html = page(auditor, drill)
    assert "So far, after 7 min, 30% (3 of 10) have answered." in html
    assert "A good drill reaches 90% within 60 minutes: 6 people to come." in html
    assert 'hx-trigger="every 30s"' in html
    line = line_of(html, "All of it")
    assert line.count("so far") == 1
    assert line.count("–") >= 2
    assert "There is no earlier drill of" in html
    drill.answer(at["health"], *[2 * MINUTE] * 20)
    drill.answer(at["health"], *[2 * MINUTE] * 60)
    assert "within 60 minutes, and this one has." in page(auditor, drill)


def test_a_drill_that_was_stood_down_says_what_it_had_reached_by_then_and_follows_nothing(
    country: dict[str, Body], auditor: Person
) -> None:
    drill = Drill("EX-2026-0001", -14 * MINUTE)
    at = hung(drill, {"health": country["health"]})
    drill.answer(at["health"], *[MINUTE] * 3, 12 * MINUTE, silent=6)
    drill.stand_down(9 * MINUTE)
    html = page(auditor, drill)
    assert "30% (3 of 10) had answered when it was stood down, after 9 min." in html
    assert "A good drill reaches 90% within 60 minutes: 6 people short of it here when it was stood down." in html
    assert "stood down after 9 min" in html
    assert "so far" not in html.casefold()
    assert "to come" not in html
    assert "when it was stood down: what came later does not count" in html
    assert "hx-trigger" not in html.split('id="drill"')[1].split(">")[0]
    assert '<b>30%</b> (3)<br><span class="soft">when it was stood down</span>' in line_of(html, "All of it")
    listed = signed_in(auditor).get(reverse("drills")).content.decode()
    assert "when it was stood down" in listed
    later = Drill("EX-2026-0002", -MINUTE, drill.advisory.issuer)
    later.answer(later.place(country["health"]), silent=1)
    assert "30% (3 of 10) had answered when it was stood down, after 9 min." in page(auditor, later)


def test_before_anybody_is_reached_the_page_says_so_and_what_is_no_drill_has_none(auditor: Person) -> None:
    drill = Drill("EX-2026-0001")
    assert "Nobody has been looked up for it yet." in page(auditor, drill)
    Advisory.objects.filter(pk=drill.advisory.pk).update(current=None, material=None, state="draft")
    assert "It has not been published." in page(auditor, drill)
    real = rows.advisory("ADV-2026-0001")
    client = signed_in(auditor)
    assert client.get(reverse("alerts:drill", args=[real.reference])).status_code == 404
    assert client.get(reverse("alerts:drill_table", args=[drill.advisory.reference, "csv"])).status_code == 404
    assert client.get(reverse("alerts:drill_table", args=[drill.advisory.reference, "xlsx"])).status_code == 404


def test_a_drill_is_led_to_from_its_coverage_and_its_own_page_and_a_warning_is_not(
    two: tuple[Drill, Drill], auditor: Person
) -> None:
    client, now = signed_in(auditor), two[1].advisory
    there = reverse("alerts:drill", args=[now.reference])
    for name in ("alerts:coverage", "alerts:advisory"):
        assert f'href="{there}"' in client.get(reverse(name, args=[now.reference])).content.decode()
    assert (
        f'href="{there}?in=health"'
        in client.get(reverse("alerts:coverage", args=[now.reference]) + "?in=health").content.decode()
    )
    real = rows.advisory("ADV-2026-0001")
    assert "/drill/" not in client.get(reverse("alerts:advisory", args=[real.reference])).content.decode()
    assert 'href="/drills/"' in client.get(reverse("estate")).content.decode()


def test_a_contact_sees_their_own_branch_and_a_stranger_nothing(
    two: tuple[Drill, Drill], country: dict[str, Body]
) -> None:
    contact, stranger = rows.person("Connie Contact"), rows.person("Steve Stranger")
    Membership.objects.create(person=contact, body=country["health"], role="contact")
    Membership.objects.create(person=stranger, body=rows.body("elsewhere"), role="contact")
    html = page(contact, two[1])
    assert "You see your own branches of this drill." in html
    assert "40% (4 of 10) had answered within 60 minutes." in html
    assert "Treasury" not in html
    assert "Committee" not in html
    assert "all drills" not in html
    there = reverse("alerts:drill", args=[two[1].advisory.reference])
    client = signed_in(contact)
    assert client.get(f"{there}?in=treasury").status_code == 404
    assert client.get(f"{there}?in=health").status_code == 200
    for name in (there, reverse("alerts:drill_table", args=[two[1].advisory.reference, "csv"])):
        assert signed_in(stranger).get(name).status_code == 403
        assert client.post(name).status_code == 405
        assert Client().get(name)["Location"].startswith(reverse("account_login"))
    assert client.get(reverse("drills")).status_code == 403
    assert "all drills" not in html


def test_the_title_is_for_those_who_may_read_it(two: tuple[Drill, Drill], country: dict[str, Body]) -> None:
    Advisory.objects.filter(exercise=True).update(marking="RED", open_title="Advice on meetings")
    contact = rows.person("Connie Contact")
    Membership.objects.create(person=contact, body=country["health"], role="contact")
    html = page(contact, two[1])
    assert "Advice on meetings" in html
    assert "Zoom" not in html
    assert "TLP:RED" in html


def test_the_file_has_every_branch_and_leaves_empty_what_has_not_passed(
    two: tuple[Drill, Drill], auditor: Person, country: dict[str, Body]
) -> None:
    client, reference = signed_in(auditor), two[1].advisory.reference
    found = client.get(reverse("alerts:drill_table", args=[reference, "csv"]))
    assert found["Content-Disposition"] == f'attachment; filename="EXERCISE-{reference}-drill-TLP-GREEN.csv"'
    text = content_of(client, reverse("alerts:drill_table", args=[reference, "csv"])).decode("utf-8-sig")
    lines = {row["name"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert set(lines) == {"All of it", "Cabinet", "Treasury", "Health", "Committee"}
    health = lines["Health"]
    assert (health["people"], health["told"], health["cannot_be_reached"]) == ("10", "9", "1")
    assert (health["within_15_minutes"], health["within_60_minutes"], health["within_a_day"]) == ("4", "4", "5")
    assert (health["last_drill"], health["last_people"], health["last_within_60_minutes"]) == (
        "EX-2025-0001",
        "10",
        "5",
    )
    assert (lines["Committee"]["last_people"], lines["Committee"]["bodies_with_nobody_to_tell"]) == ("", "1")
    assert lines["Cabinet"]["own_people_alone"] == "yes"

    running = Drill("EX-2026-0002", -20 * MINUTE, two[1].advisory.issuer)
    at = hung(running, {"health": country["health"]})
    running.answer(at["health"], MINUTE, silent=1)
    said: dict[str, Any] = json.loads(content_of(client, reverse("alerts:drill_table", args=["EX-2026-0002", "json"])))
    assert (said["exercise"], said["marking"], said["last_drill"], said["table"]) == (True, "GREEN", reference, "drill")
    whole = said["rows"][0]
    assert (whole["answered"], whole["within_15_minutes"], whole["within_60_minutes"]) == (1, 1, None)


def test_the_list_is_for_officers_administrators_and_auditors_and_says_when_there_was_none(
    auditor: Person, country: dict[str, Body]
) -> None:
    assert "There was no drill yet." in signed_in(auditor).get(reverse("drills")).content.decode()
    drill, other = Drill("EX-2026-0001", -2 * DAY), Drill("EX-2026-0002", -30 * MINUTE)
    for one in (drill, other):
        one.answer(hung(one, {"health": country["health"]})["health"], *[MINUTE] * 3, 16 * MINUTE, silent=1)
    rows.advisory("ADV-2026-0001")
    html = " ".join(signed_in(auditor).get(reverse("drills")).content.decode().split())
    assert "ADV-2026-0001" not in html
    assert html.index("EX-2026-0002") < html.index("EX-2026-0001")
    line = html.split('id="to-EX-2026-0001"')[1].split("</tr>")[0]
    assert "<b>60%</b>" in line
    assert '<b class="dark">80%</b>' in line
    running = html.split('id="to-EX-2026-0002"')[1].split("</tr>")[0]
    assert "not over" not in running
    assert re.findall(r"<b>([^<]*)</b>( <span class=\"soft\">so far</span>)?", running.split('data-l="Within')[2])[
        0
    ] == (
        "80%",
        ' <span class="soft">so far</span>',
    )
    assert running.count("so far") == 1
    assert "<b>–</b>" in running.split('data-l="Within')[3]
    officer = rows.person("Olga Officer")
    Membership.objects.create(person=officer, body=drill.advisory.issuer, role="officer")
    theirs = signed_in(officer).get(reverse("drills")).content.decode()
    assert "EX-2026-0001" in theirs
    assert "EX-2026-0002" not in theirs
    assert "You see the drills of the bodies whose officer you are." in theirs


def test_the_list_costs_no_more_queries_for_many_and_is_paged(auditor: Person, country: dict[str, Body]) -> None:
    def asked(query: str = "") -> int:
        client = signed_in(auditor)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("drills") + query).status_code == 200
        return len(queries)

    Drill("EX-2024-0001", -900 * DAY)
    few = asked()
    for number in range(52):
        Drill(f"EX-2025-{number:04d}", -number * DAY)
    assert asked() == few
    client = signed_in(auditor)
    first, last = (client.get(reverse("drills") + query).content.decode() for query in ("", "?page=2"))
    assert (first.count('id="to-EX'), last.count('id="to-EX')) == (50, 3)
    assert "EX-2024-0001" in last
    assert client.get(reverse("drills") + "?page=x%00").status_code == 200


def test_a_name_that_means_harm_is_shown_as_it_is_written(country: dict[str, Body], auditor: Person) -> None:
    Body.objects.filter(pk=country["health"].pk).update(name="<script>alert(1)</script>" + "very long " * 19)
    drill = Drill("EX-2026-0001", -2 * DAY)
    at = hung(drill, country)
    drill.answer(at["treasury"], MINUTE)
    html = page(auditor, drill)
    assert "<script>alert" not in html
    assert "very long very long" in html


@pytest.mark.django_db(transaction=True)
def test_the_pages_are_for_everybody_in_light_and_dark_wide_and_narrow(
    two: tuple[Drill, Drill], auditor: Person, live_server: LiveServer
) -> None:
    Body.objects.filter(slug="health").update(
        name="Department of Health, Social Care and Unpronounceablelongwordedness"
    )
    running = Drill("EX-2026-0002", -7 * MINUTE, two[1].advisory.issuer)
    running.answer(hung(running, {"health": Body.objects.get(slug="health")})["health"], MINUTE, silent=2)
    with open_page() as shown:
        cookie = signed_in(auditor).cookies["sessionid"].value
        shown.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        for there in ("/drills/", "/advisories/EX-2026-0001/drill/", "/advisories/EX-2026-0002/drill/"):
            shown.goto(live_server.url + there)
            if "/drill/" in there:
                expect(shown.locator("#over-time svg").first).to_be_attached(timeout=20_000)
            assert faults_in_every_look(shown, "") == []
        assert shown.title().startswith("EXERCISE EX-2026-0002")
