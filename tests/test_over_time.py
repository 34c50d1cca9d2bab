"""The picture of answers over time says to everybody what it shows: in grey, in words, on a telephone, as a file."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.coverage.scope import scope
from alerts.coverage.tide import Line, Mark, OverTime, Times, over_time
from alerts.models import Advisory, Recipient
from alerts.pictures import drawing
from alerts.pictures.over_time import DASHES, PICTURES, SIGNS, specification
from alerts.pictures.over_time_words import percent, ticks
from alerts.web.coverage import over_time as page
from departments.models import Membership
from tests import rows
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in

PUBLISHED = datetime(2020, 4, 24, 13, 10, 40, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def a_line(name: str, *counts: int, targeted: int = 100, body: str = "x") -> Line:
    times = Times(counts[-1], HOUR, 2 * HOUR) if counts[-1] else None
    return Line(name, body, targeted, counts[-1], list(counts), times)


def seen(after: timedelta = 2 * HOUR, *, deadline: timedelta = 4 * HOUR, marks: list[Mark] | None = None) -> OverTime:
    """Four moments of which the last is now, and two branches."""
    return OverTime(
        revision=2,
        published=PUBLISHED,
        moments=[PUBLISHED.replace(second=0) + after * n / 3 for n in range(4)],
        now=PUBLISHED + after,
        deadline=PUBLISHED + deadline,
        marks=marks or [],
        whole=a_line("Altogether", 0, 30, 50, 61, body=""),
        branches=[a_line("Parliament", 0, 10, 20, 21), a_line("Treasury <HM>", 0, 20, 30, 40)],
    )


def said(spec: dict[str, Any]) -> str:
    return " | ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing.svg(spec)))


@pytest.mark.parametrize("narrow", [False, True])
def test_each_line_has_its_name_and_share_and_a_look_of_its_own_without_colours(narrow: bool) -> None:
    spec = specification(seen(), narrow=narrow)
    words = said(spec)
    for expected in (
        "Altogether 61%",
        "Parliament 21%",
        "Treasury &lt;HM&gt; 40%",
        "answer by 18:10 BST",
        "100%",
    ):
        assert expected in words
    assert "14:10" in words
    inks = set(re.findall(r'stroke-dasharray="([^"]*)"', drawing.svg(spec)))
    assert {",".join(map(str, dash)) for dash in DASHES[:2]} <= inks
    assert len({tuple(dash) for dash in DASHES}) == len(set(SIGNS)) == 8
    assert spec == specification(seen(), narrow=narrow)


def test_whoever_does_not_see_it_hears_what_it_says() -> None:
    spec = specification(seen(marks=[Mark(PUBLISHED + HOUR, "revision 3")]))
    assert spec["usermeta"]["desc"] == (
        "Altogether: 61 of 100 have answered revision 2, 61%, 2 h after it was published. "
        "Half of those who answered had done so 1 h after it was published, nine in ten after 2 h. "
        "To be answered by 18:10 BST. Revision 3 at 15:10 BST. Parliament: 21%. Treasury <HM>: 40%."
    )
    assert "<desc>Altogether: 61 of 100" in drawing.svg(spec)


@pytest.mark.parametrize(
    ("after", "deadline", "ends"),
    [
        (2 * HOUR, 4 * HOUR, timedelta(hours=4, minutes=9)),
        (12 * MINUTE, 24 * HOUR, 15 * MINUTE),
        (30 * HOUR, 24 * HOUR, 37 * HOUR),
    ],
    ids=["before it", "long before it", "after it"],
)
def test_the_deadline_stands_in_the_picture_unless_nothing_could_be_seen_beside_it(
    after: timedelta, deadline: timedelta, ends: timedelta
) -> None:
    found = seen(after, deadline=deadline)
    spec = specification(found)
    start, last = spec["scales"][0]["domain"]
    assert timedelta(minutes=last - start) - ends < 40 * MINUTE
    assert ("\u2192" in said(spec)) is (last * 60 < found.deadline.timestamp() if found.deadline else False)


def test_times_below_it_are_such_as_one_says() -> None:
    def words(span: timedelta, most: int = 6) -> list[str]:
        return [tick.words for tick in ticks(PUBLISHED, PUBLISHED + span, most)]

    assert words(4 * HOUR) == ["14:10", "15:00", "16:00", "17:00", "18:00"]
    assert words(30 * HOUR) == ["14:10", "18:00", "25 Apr", "06:00", "12:00", "18:00"]
    assert words(timedelta(days=31)) == ["24 Apr", "1 May", "8 May", "15 May", "22 May"]
    # The clocks go forward on the way: midnight stays midnight.
    march = datetime(2020, 3, 28, 12, 0, tzinfo=UTC)
    assert [tick.words for tick in ticks(march, march + timedelta(days=3), 6)][1:] == [
        "29 Mar", "12:00", "30 Mar", "12:00", "31 Mar", "12:00",
    ]  # fmt: skip
    assert len(words(timedelta(days=4000))) <= 8


def test_a_share_is_never_nobody_nor_everybody_when_it_is_not() -> None:
    assert [percent(n, 1000) for n in (0, 1, 10, 614, 999, 1000)] == ["0%", "under 1%", "1%", "61%", "99%", "100%"]
    assert percent(0, 0) == "0%"


@pytest.mark.parametrize("after", [timedelta(seconds=20), timedelta(seconds=100), 7 * MINUTE, 3 * HOUR])
def test_a_table_has_each_moment_once_and_ends_with_now(after: timedelta) -> None:
    start, end = PUBLISHED.replace(second=0), PUBLISHED + after
    inner = [start + MINUTE * n for n in range(1, int((end - start) / MINUTE) + 1)]
    moments = [start, *inner, end]
    found = replace(seen(after), moments=moments, now=end)
    times = page._times(found)
    assert len(times) == len(set(times)) >= 1
    assert page._places(found)[-1] == len(moments) - 1
    assert times == sorted(times)


@pytest.fixture
def country() -> Advisory:
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    for slug in ("treasury", "health"):
        place = rows.relay(advisory, slug, top)
        answered, _ = rows.recipient(advisory, place), rows.recipient(advisory, place)
        Recipient.objects.filter(pk=answered.pk).update(told_revision=1, answered_revision=1)
    counting.fold(advisory.pk)
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    return advisory


def part(who: Client, of: Advisory, query: str = "") -> Any:
    return who.get(reverse("alerts:coverage_over_time", args=[of.reference]) + query)


@pytest.mark.django_db
def test_a_part_of_the_page_that_follows_says_the_same_as_a_table_and_stays_in_its_viewers_branch(
    country: Advisory,
) -> None:
    officer, contact = signed_in(country.written_by), rows.person("Connie Contact")
    html = part(officer, country).content.decode()
    assert html.count("<svg") == 2
    assert "Half of the 2 who answered had done so less than a minute after it was published." in html
    assert '<a href="?in=treasury">Treasury</a></th><td class="n" data-l="People">2</td>' in html
    assert ">1 (50%)</td>" in html
    assert '<th scope="col" class="n">Half of those who answered took</th>' in html
    seen = re.search(r"seen=(\w+)", html)
    assert seen is not None
    assert part(officer, country, f"?seen={seen[1]}").status_code == 204
    Membership.objects.create(person=contact, body=country.relays.get(body__slug="health").body, role="contact")
    theirs = part(signed_in(contact), country).content.decode()
    assert "Treasury" not in theirs
    assert part(signed_in(contact), country, "?in=treasury").status_code == 404
    nobody = rows.person("Nora Nobody")
    Membership.objects.create(person=nobody, body=rows.body("elsewhere"), role="contact")
    assert part(signed_in(nobody), country).status_code in (403, 404)
    file = officer.get(reverse("alerts:coverage_picture", args=[country.reference, "answers", "svg"]))
    assert b"TLP:GREEN" in file.content
    assert b"ADV-2020-0017, answers over time, at " in file.content


@pytest.mark.django_db
def test_it_says_so_while_there_is_nothing_to_draw_or_it_can_not_be(
    country: Advisory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = rows.advisory("ADV-2020-0018")
    Membership.objects.create(person=empty.written_by, body=empty.issuer, role="officer")
    officer = signed_in(empty.written_by)
    assert "Nobody has been reached yet" in part(officer, empty).content.decode()
    assert PICTURES["answers"](empty, scope(empty.pk), PUBLISHED) is None
    rows.recipient(empty, rows.relay(empty, "team"))
    found = over_time(scope(empty.pk), PUBLISHED)
    assert found is not None
    assert (found.branches, found.time_to_answer) == ([], "")

    def fails(spec: object) -> str:
        raise drawing.NotDrawn("no engine")

    monkeypatch.setattr(drawing, "svg", fails)
    html = part(signed_in(country.written_by), country).content.decode()
    assert "The picture could not be drawn just now. The table says the same" in html
    assert ">1 (50%)</td>" in html


def answer() -> None:
    """For a thread of its own: Playwright's is no place for the database."""
    Recipient.objects.update(told_revision=1, answered_revision=1)
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_on_a_wide_page_and_on_a_telephone_one_drawing_is_seen_and_it_follows(
    country: Advisory, live_server: LiveServer, look: dict[str, Any], tmp_path: Any
) -> None:
    cookie = signed_in(country.written_by).cookies["sessionid"].value
    address = live_server.url + reverse("alerts:coverage", args=[country.reference])
    with open_page(**look) as browser, ThreadPoolExecutor(1) as elsewhere:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        browser.goto(address)
        browser.wait_for_selector(".tide svg >> visible=true")
        assert browser.locator(".tide svg >> visible=true").count() == 1
        browser.click("section[aria-labelledby=over-time-head] summary")
        browser.wait_for_selector("#over-time-table table >> visible=true")
        assert faults(browser, "") == []
        ink = browser.evaluate("getComputedStyle(document.querySelector('.tide .f-ink')).fill")
        assert ink == ("rgb(16, 32, 44)" if look["color_scheme"] == "light" else "rgb(232, 237, 240)")
        browser.locator("section[aria-labelledby=over-time-head]").screenshot(path=tmp_path / "over-time.png")
        elsewhere.submit(answer).result()
        browser.wait_for_selector("text=Altogether 100% >> visible=true", timeout=15_000)
        assert browser.locator("#over-time-table table >> visible=true").count() == 1
