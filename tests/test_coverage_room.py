"""What the coverage page gives room to: counts stand beside the first line of their reason, and reasons have room."""

from __future__ import annotations

import os

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.models import Recipient, Relay
from departments.models import Body
from tests import rows
from tests.browser import open_page
from tests.clients import signed_in
from tests.test_coverage_lists_page import a_country, signs_in

pytestmark = pytest.mark.django_db(transaction=True)

# Of each reason: how far its count is above or below the first line of its words, and how far left of them, in pixels.
COUNTS = """() => {
    const first = of => { const all = document.createRange(); all.selectNodeContents(of); return all.getClientRects() };
    return [...document.querySelectorAll(".why-list li")].filter(li => li.offsetParent).map(li => {
        const count = li.querySelector(".n"), words = count.nextElementSibling;
        const number = [...first(count)].at(-1), line = first(words)[0];
        return [Math.abs(number.bottom - line.bottom), line.left - number.right];
    });
}"""
LONG = "; most in the Committee for the Supervision of Digital Infrastructure" * 6


def seen(page: Page, name: str) -> None:
    """A picture of it, where somebody asks for them."""
    if folder := os.environ.get("ROOM_SEEN"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_counts_stand_at_the_first_line_and_reasons_have_room_on_every_screen(live_server: LiveServer) -> None:
    country = a_country()
    library = Relay.objects.get(body__slug="library")
    Body.objects.filter(pk=library.body_id).update(name="Office of the Parliamentary Library and Archives")
    for outcome in ("bounced", "deferred", "delivered", "suppressed"):
        one = rows.recipient(country, library)
        Recipient.objects.filter(pk=one.pk).update(outcome=outcome, told_revision=outcome != "bounced")
    counting.recount(country.pk)
    session = signed_in(rows.person("Ada Administrator", is_administrator=True)).cookies["sessionid"].value
    of = live_server.url + reverse("alerts:coverage", args=[country.reference]) + "?open=parliament&open=library"
    for width, media in ((320, "screen"), (640, "screen"), (1280, "screen"), (1920, "screen"), (794, "print")):
        with open_page(viewport={"width": width, "height": 900}) as page:
            signs_in(page, live_server, session)
            page.emulate_media(media="print" if media == "print" else "screen")
            page.goto(of)
            page.evaluate(
                """long => document.querySelectorAll(".why-list .n").forEach(count => {
                count.lastChild.nodeValue = "1,004,290"; count.nextElementSibling.append(long);
            })""",
                LONG,
            )
            found = page.evaluate(COUNTS)
            seen(page, f"{width}-{media}")
            assert found
            assert all(off < 8 and gap > 6 for off, gap in found), (width, media, found)
            if width >= 1280:
                why = page.locator(".branches tbody td.why").first.bounding_box()
                assert why is not None
                assert why["width"] > 240, (width, why)
                answered = page.locator(".branches tbody td.n[data-l=Answered]").evaluate_all(
                    "all => all.map(one => one.clientHeight && getComputedStyle(one).whiteSpace)"
                )
                assert set(answered) == {"nowrap"}
            if media == "screen":
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
