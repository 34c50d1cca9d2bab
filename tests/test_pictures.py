"""Pictures drawn on the server: what they show, that nothing of them leads elsewhere, and who may see them."""

from __future__ import annotations

import os
import re
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from alerts import counting
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.scope import scope
from alerts.coverage.shape import Node, Parts, Shape
from alerts.models import Advisory, Recipient, Relay
from alerts.pictures import icicle_words, inks
from alerts.pictures.drawing import Busy, NotDrawn, png, svg
from alerts.pictures.engine import MEMORY, WAITING, Engine
from alerts.pictures.icicle import for_a_file, for_a_page
from alerts.pictures.icicle_cells import WIDTH, cells
from alerts.pictures.shelf import Shelf
from alerts.pictures.words import cut, shortened, two_lines, width
from alerts.web.coverage import pictures
from alerts.web.coverage.scoping import Looked
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import LOOKS, faults, open_page

CSS = (Path(__file__).parent.parent / "config/static/tocsin.css").read_text()
BAR: dict[str, Any] = {
    "width": 100,
    "height": 20,
    "description": "A <bar> & more",
    "marks": [
        {
            "type": "rect",
            "encode": {
                "update": {
                    "width": {"value": 50},
                    "height": {"value": 20},
                    "fill": {"value": inks.PALETTE["answered"]},
                    "stroke": {"value": inks.PALETTE["edge"]},
                    "href": {"value": "/somewhere"},
                    "description": {"value": "one"},
                    "cursor": {"value": "pointer"},
                }
            },
        },
        {"type": "text", "encode": {"update": {"y": {"value": 9}, "text": {"value": "<b>R&D</b>\x0b\u202e"}}}},
    ],
}

PLAIN = {**BAR, "marks": BAR["marks"][:1]}


# --- drawing ---


def test_a_drawing_leads_nowhere_styles_nothing_and_escapes_what_it_says() -> None:
    drawn = svg(BAR)
    assert 'role="img"' in drawn
    assert "<title>A &lt;bar&gt; &amp; more</title>" in drawn
    assert "&lt;b&gt;R&amp;D&lt;/b&gt;\ufffd\ufffd" in drawn
    assert 'fill="#0f6f66" stroke="#6d7b84" class="f-answered s-edge"' in drawn
    for never in ("style=", "href", "<a", "script", "<image", "somewhere", "vega"):
        assert never not in drawn
    assert svg(BAR) == drawn
    assert png(drawn).startswith(b"\x89PNG")


def test_a_link_of_ours_is_kept_and_then_it_is_a_group_and_no_image() -> None:
    drawn = svg(
        {**BAR, "usermeta": {"title": "Bars", "desc": "One.", "cells": {"one": {"title": "<One>", "href": "?in=a&b"}}}}
    )
    assert '<a href="?in=a&amp;b"><title>&lt;One&gt;</title><path' in drawn
    assert 'role="group" aria-label="Bars"' in drawn
    assert "<desc>One.</desc>" in drawn
    assert "<title>Bars" not in drawn


def test_what_cannot_be_drawn_is_said_and_nothing_is_fetched_from_anywhere() -> None:
    wrong = ({"marks": [{"type": "nonsense"}]}, {**BAR, "data": [{"name": "x", "url": "http://127.0.0.1:1/x.json"}]})
    for spec in wrong:
        with pytest.raises(NotDrawn):
            svg(spec)
    for drawn in (
        "<p>",
        '<svg width="100" height="10"><image href="/etc/passwd"/></svg>',
        '<svg width="9999" height="9999">',
    ):
        with pytest.raises(NotDrawn):
            png(drawn)
    assert svg(BAR)


def test_a_drawing_process_that_is_killed_is_started_anew_and_many_may_ask_at_once() -> None:
    engine = Engine()
    drawn: list[bytes] = []
    try:
        drawn.append(engine.draw(vega=PLAIN))
        assert engine._process is not None
        engine._process.kill()
        engine._process.wait()
        drawn.append(engine.draw(vega=PLAIN))
        with pytest.raises(NotDrawn, match="it ended"):
            engine.draw(vega=BAR)  # its control character aborts the engine, which `svg` keeps it from
        askers = [threading.Thread(target=lambda: drawn.append(engine.draw(vega=PLAIN))) for _ in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    finally:
        engine.stop()
    assert len(drawn) == 6
    assert len(set(drawn)) == 1


def test_one_that_takes_too_long_is_given_up_and_the_next_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    try:
        with monkeypatch.context() as patch:
            patch.setattr("alerts.pictures.engine.PATIENCE", 0.01)
            with pytest.raises(NotDrawn, match="no answer"):
                engine.draw(vega=PLAIN)
        assert engine.draw(vega=PLAIN)
    finally:
        engine.stop()


def test_one_that_hears_nothing_or_talks_nonsense_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    try:
        engine.draw(vega=PLAIN)
        process = engine._running()
        with monkeypatch.context() as patch:
            patch.setattr("alerts.pictures.engine.PATIENCE", 0.3)
            os.kill(process.pid, signal.SIGSTOP)
            with pytest.raises(NotDrawn, match="no answer"):
                engine.draw(vega={"description": "x" * 1_000_000})
        assert process.poll() is not None
        for said in ("drawn x", "drawn -1", "drawn 999999999999", "nonsense", "x" * 1000):
            with monkeypatch.context() as patch:
                patch.setattr("alerts.pictures.engine.sys.executable", "/bin/sh")
                patch.setattr("alerts.pictures.engine._COMMAND", ("-c", f"read line; echo '{said}'; sleep 9"))
                with pytest.raises(NotDrawn, match="no answer"):
                    engine.draw(vega=PLAIN)
    finally:
        engine.stop()


def test_the_drawing_process_knows_no_secret_has_so_much_memory_and_says_no_name() -> None:
    engine = Engine()
    try:
        with pytest.raises(NotDrawn) as refused:
            engine.draw(vega={"marks": [{"type": "Foreign Affairs Committee"}]})
        assert "Foreign" not in str(refused.value)
        there = Path(f"/proc/{engine._running().pid}")
        known = {one.partition(b"=")[0] for one in (there / "environ").read_bytes().split(b"\0") if one}
        assert known <= {b"PATH", b"LANG", b"HOME", b"LC_CTYPE"}
        limits = (there / "limits").read_text()
        assert re.search(rf"Max data size +{MEMORY} ", limits)
    finally:
        engine.stop()


def test_more_than_a_few_do_not_wait_and_hear_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, go = Engine(), threading.Event()
    monkeypatch.setattr(engine, "_in_turn", lambda request: go.wait(5) and b"drawn")
    askers = [threading.Thread(target=engine.draw) for _ in range(1 + WAITING)]
    for asker in askers:
        asker.start()
    with pytest.raises(Busy):
        engine.draw()
    shelf: Shelf[str] = Shelf()

    def draw() -> str:
        return engine.draw().decode()

    with pytest.raises(Busy):
        shelf.get("new", lambda: "1", draw)
    assert shelf.get("seen", lambda: "1", lambda: "the one before") == "the one before"
    monkeypatch.setattr("alerts.pictures.shelf.FRESH", 0.0)
    assert shelf.get("seen", lambda: "2", draw) == "the one before"
    go.set()
    for asker in askers:
        asker.join()
    assert shelf.get("seen", lambda: "2", draw) == "drawn"


# --- inks and words ---


def test_the_inks_are_those_of_the_stylesheet_by_day_and_each_follows_it_on_a_page() -> None:
    by_day = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6});", CSS.split("@media")[0]))
    for name, value in inks.PALETTE.items():
        assert by_day[name] == value
    for name in inks.NAMES.values():
        assert re.search(rf"\.f-{name} \{{\s*fill: var\(--{name}\);", CSS)
        assert re.search(rf"\.s-{name} \{{\s*stroke: var\(--{name}\);", CSS)


def lightness(ink: str) -> float:
    """CIE L*, 0 to 100."""
    red, green, blue = (int(ink[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (red, green, blue)]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("night", [False, True])
def test_each_state_is_told_from_each_other_in_grey_by_its_pattern_or_its_lightness(night: bool) -> None:
    """Patterns differ in what is drawn, and what is drawn is seen on its ground; plain ones differ in lightness."""
    sheet = CSS.split("prefers-color-scheme: dark")[1] if night else CSS
    value = dict(reversed(re.findall(r"--([\w]+): (#[0-9a-f]{6});", sheet.split("* {")[0])))
    assert set(inks.PATTERNS) == set(STATES)
    for state, pattern in inks.PATTERNS.items():
        ground = lightness(value[pattern.ground])
        if pattern.ink:
            assert abs(ground - lightness(value[pattern.ink])) > 20, state
        # Its edge, or what it is filled with, is seen on the page.
        seen = max(
            abs(lightness(value[one]) - lightness(value["paper"])) for one in (inks.EDGES[state], pattern.ground)
        )
        assert seen > 30, state
        for other, its in inks.PATTERNS.items():
            if other != state and its.shape == pattern.shape:
                assert abs(ground - lightness(value[its.ground])) > 10, (state, other)


def test_words_are_cut_to_the_room_there_is() -> None:
    assert cut("Treasury", 200, 14) == "Treasury"
    short = cut("Department for Business and Trade", 120, 14)
    assert short.endswith("\u2026")
    assert width(short, 14) < 120
    assert cut("Department", 20, 14) == ""
    assert two_lines("Ministry of Justice", 80, 12) == ("Ministry of", "Justice")
    assert two_lines(shortened("Ministry of Justice"), 46, 12) == ("Min of", "Justice")
    assert cut("Supercalifragilistic" * 20, 100, 12).startswith("Superc")


# --- the icicle ---


Tree = tuple[str, str, tuple[int, ...], list[Any]]


def shaped(*trees: Tree) -> Shape:
    """A shape of (name, state, its own people by the bar's parts, what is below it)."""
    nodes: list[Node | None] = []

    def add(tree: Tree, parent: int | None, depth: int) -> Node:
        name, state, people, below = tree
        place = len(nodes)
        nodes.append(None)
        own, found = Parts(*people), [add(one, place, depth + 1) for one in below]
        node = Node(
            relay_id=None if state == "excluded" else place + 1,
            body=name.lower().replace(" ", "-"),
            name=name,
            parent=parent,
            depth=depth,
            state=state,
            people=own.total,
            worst=min([state, *(one.worst for one in found)], key=STATES.index),
            branch=Parts(*map(sum, zip(own, *(one.branch for one in found), strict=True))),
            bodies=1 + sum(one.bodies for one in found),
            dark=(state == "dark") + sum(one.dark for one in found),
            hidden=0,
        )
        nodes[place] = node
        return node

    for tree in trees:
        add(tree, None, 0)
    known = [node for node in nodes if node]
    states = {state: sum(node.state == state for node in known) for state in STATES}
    return Shape(datetime(2020, 4, 24, 15, 24, tzinfo=UTC), known, {s: n for s, n in states.items() if n})


GOVERNMENT: Tree = (
    "Government",
    "information",
    (),
    [
        ("Treasury", "covered", (4000,), [("Debt Office", "held", (0, 0, 0, 1200), [])]),
        ("Foreign Affairs Committee", "dark", (), []),
        ("Home Office", "delivered", (300, 700), []),
        ("Devolved", "excluded", (), []),
    ],
)


def test_a_body_with_nobody_to_tell_is_wide_enough_to_be_seen_and_stands_first() -> None:
    found = cells(shaped(GOVERNMENT))
    below = [cell for cell in found if cell.row == 1]
    assert below[0].node is not None
    assert below[0].node.name == "Foreign Affairs Committee"
    assert below[0].width > 15
    assert sum(cell.weight for cell in found) == pytest.approx(WIDTH)
    assert sum(cell.width for cell in below) == pytest.approx(WIDTH)
    by_name = {cell.node.name: cell.width for cell in found if cell.node}
    assert by_name["Treasury"] / by_name["Home Office"] == pytest.approx(5.2)


def test_hundreds_of_dark_bodies_leave_room_for_people_and_stand_together() -> None:
    committees: list[Tree] = [(f"Committee {number}", "dark", (), []) for number in range(900)]
    found = cells(shaped(("Top", "information", (), [*committees, ("Home Office", "sent", (0, 0, 50), [])])))
    together, office = found[1:]
    assert (together.bodies, together.dark, together.node) == (900, 900, None)
    assert office.width > WIDTH / 2
    assert icicle_words.tooltip(together) == "900 bodies, nobody to tell: nobody to tell in 900 bodies"


def test_tooltips_say_how_a_body_and_what_is_below_it_stand() -> None:
    treasury: Tree = (
        "Treasury",
        "delivered",
        (12, 25, 0, 0, 0, 3),
        [("Panel", "dark", (), []), ("Board", "dark", (), [])],
    )
    said = [icicle_words.tooltip(cell) for cell in cells(shaped(treasury, ("Ill", "dark", (0, 0, 0, 0, 0, 2), [])))]
    assert "Treasury: 12 of 40 answered, 3 cannot be reached, nobody to tell in 2 bodies below" in said
    assert "Panel: nobody to tell" in said
    assert "Ill: none of its 2 people can be reached" in said


def test_a_file_bears_its_marking_its_moment_and_whether_it_is_a_drill() -> None:
    advisory = Advisory(reference="ADV-2020-0017", marking="AMBER+STRICT", exercise=True)
    drawn = svg(for_a_file(shaped(GOVERNMENT), advisory))
    for said in ("TLP:AMBER+STRICT", "EXERCISE: ADV-2020-0017, body by body, at 16:24 BST on 24 April 2020", "1 held"):
        assert f">{said}</text>" in drawn
    assert 'role="img"' in drawn
    assert "href" not in drawn
    assert "Nobody to tell in: Foreign Affairs Committee." in drawn
    assert "<title>Home Office: 300 of 1,000 answered</title>" in drawn
    assert ">Foreign Affairs Committee</text>" in drawn
    assert drawn.count('fill="url(#in-dark)"') >= 3  # the body, the strip above it, the key
    assert png(drawn, 1.0).startswith(b"\x89PNG")


def heads(of: Shape) -> dict[str, tuple[str, float]]:
    """By name: the strip along a cell's head, and how much of the cell it is; what is drawn of it is as wide."""
    spec = for_a_page(of, "A picture", lambda cell: None)
    found = {cell.key: cell for cell in cells(of)}
    said: dict[str, tuple[str, float]] = {}
    for one in spec["data"][0]["values"][1:]:
        node = found[one["id"]].node
        if node and one["head"]:
            said[node.name] = (one["head"], one["share"])
    return said


def test_a_branch_at_a_third_is_told_from_one_at_nothing_by_how_long_a_solid_strip_it_has() -> None:
    third: Tree = ("A third", "sent", (340, 0, 660), [])
    nothing: Tree = ("Nobody", "sent", (0, 0, 1000), [])
    half: Tree = ("Half", "covered", (500,), [("Its office", "held", (0, 0, 0, 500), [])])
    nearly: Tree = ("Nearly", "delivered", (99_999, 1), [])
    found = shaped(third, nothing, half, ("Everybody", "covered", (1000,), []))
    assert heads(found) == {"A third": ("answered", 0.34), "Half": ("missing", 0.5)}
    least, most = heads(shaped(("One", "sent", (1, 0, 99_999), []), nearly)).values()
    assert 0 < least[1] < 0.01 < 0.99 < most[1] < 1
    spec = for_a_page(found, "A picture", lambda cell: None)
    cell = next(one for one in cells(found) if one.node and one.node.name == "A third")
    strips = re.findall(rf'd="M[\d.]+,0h([\d.]+)v7[^"]*" fill="{inks.PALETTE["answered"]}"', svg(spec))
    assert [float(one) for one in strips] == pytest.approx([(cell.width - 2) * 0.34], abs=0.1)
    assert "share of its branch that answered" in spec["usermeta"]["desc"]
    file = svg(for_a_file(found, Advisory(reference="ADV-2020-0017", marking="GREEN")))
    assert f">{icicle_words.SHARE}</text>" in file


@pytest.mark.parametrize("night", [False, True])
def test_what_answered_is_seen_in_grey_on_what_it_stands_on(night: bool) -> None:
    """Solid in the colour of answers, edged in the card's: no ground of a pattern, and nothing plain, is like it."""
    sheet = CSS.split("prefers-color-scheme: dark")[1] if night else CSS
    value = dict(reversed(re.findall(r"--([\w]+): (#[0-9a-f]{6});", sheet.split("* {")[0])))
    answered = lightness(value["answered"])
    assert abs(answered - lightness(value["card"])) > 40
    for state, pattern in inks.PATTERNS.items():
        if state != "covered":
            assert abs(answered - lightness(value[pattern.ground])) > 20, state


def test_two_viewers_who_see_different_things_never_share_a_drawing_nor_do_two_markings() -> None:
    amber = Advisory(pk=1, reference="ADV-2020-0017", marking="AMBER")
    red = Advisory(pk=1, reference="ADV-2020-0017", marking="RED")
    seen = [
        scope(1),
        scope(2),
        scope(1, []),
        scope(1, [7]),
        scope(1, [7, 8]),
        scope(1, None, 7),
        scope(1, [7], 7),
        scope(1, None, 7, own=True),
    ]
    keys = {
        pictures._key(name, form, advisory, Looked(one, one.bodies is None, None))
        for name in pictures.PICTURES
        for form in pictures.KINDS
        for advisory in (amber, red)
        for one in seen
    }
    assert len(keys) == len(pictures.PICTURES) * len(pictures.KINDS) * 2 * len(seen)
    assert len(set(seen)) == len(seen)  # the key of the part on a page


def test_two_thousand_bodies_are_drawn_in_a_picture_of_a_modest_size() -> None:
    teams: list[Tree] = [(f"Team {n} & <Co>", "delivered", (3, 4), []) for n in range(1996)]
    top: Tree = ("Top", "sent", (1,), [*teams[:900], ("Half", "sent", (0, 0, 1), teams[900:])])
    drawn = svg(for_a_page(shaped(top), "A picture", lambda cell: f"?in={cell.node.body}" if cell.node else "?"))
    assert len(drawn) < 400_000
    ET.fromstring(drawn)  # noqa: S314  # our own
    assert "1,096 bodies, delivered, answers missing" in drawn or "900 bodies, delivered, answers missing" in drawn


def test_whoever_asks_while_it_is_drawn_anew_has_the_one_before_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.pictures.shelf.FRESH", 0.0)
    shelf: Shelf[str] = Shelf()
    assert shelf.get("key", lambda: "1", lambda: "first") == "first"
    drawing, go_on = threading.Event(), threading.Event()

    def second() -> str:
        drawing.set()
        assert go_on.wait(10)
        return "second"

    slow = threading.Thread(target=lambda: shelf.get("key", lambda: "2", second))
    slow.start()
    assert drawing.wait(10)
    assert shelf.get("key", lambda: "2", second) == "first"
    go_on.set()
    slow.join()
    assert shelf.get("key", lambda: "2", second) == "second"


# --- over the web ---


@pytest.fixture
def country() -> Advisory:
    advisory = rows.advisory()
    Advisory.objects.filter(pk=advisory.pk).update(marking="AMBER", open_title="Advice")
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    office = rows.relay(advisory, "debt-office", treasury, state="held")
    rows.relay(advisory, "foreign-affairs-committee", top)
    for _ in range(3):
        rows.recipient(advisory, treasury)
        rows.recipient(advisory, office)
    first = Recipient.objects.earliest("pk")
    Recipient.objects.filter(pk=first.pk).update(told_revision=1, answered_revision=1)
    rows.leave_out(advisory, rows.body("devolved", top.body))
    counting.fold(advisory.pk)
    advisory.refresh_from_db()
    return advisory


@pytest.fixture(autouse=True)
def _empty_shelves() -> None:
    pictures._files.clear()
    pictures._parts.clear()


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="departments.signing_in.DutyBackend")
    return client


def address(of: Advisory, name: str = "icicle", form: str = "svg") -> str:
    return reverse("alerts:coverage_picture", args=[of.reference, name, form])


def auditor() -> Client:
    return signed_in(rows.person("Audrey Auditor", is_auditor=True))


@pytest.mark.django_db
def test_whoever_may_see_the_page_has_its_pictures_of_their_own_branches_and_nobody_else(country: Advisory) -> None:
    contact, elsewhere = rows.person("Connie Contact"), rows.person("Ella Elsewhere")
    Membership.objects.create(person=contact, body=Body.objects.get(slug="treasury"), role="contact")
    Membership.objects.create(person=elsewhere, body=rows.body("elsewhere"), role="contact")
    everything = auditor().get(address(country)).content.decode()
    theirs = signed_in(contact).get(address(country)).content.decode()
    assert "Foreign Affairs Committee" in everything
    assert "Devolved" in everything
    assert "Debt Office" in theirs
    for hidden in ("Foreign Affairs Committee", "Government", "Devolved"):
        assert hidden not in theirs
    assert signed_in(contact).get(address(country) + "?in=government").status_code == 404
    for form in ("svg", "png", "html"):
        assert signed_in(elsewhere).get(address(country, form=form)).status_code == 403
        assert Client().get(address(country, form=form))["Location"].startswith(reverse("account_login"))
    assert signed_in(contact).post(address(country)).status_code == 405
    for name, form in (("nonsense", "svg"), ("icicle", "pdf"), ("nonsense", "html")):
        assert signed_in(contact).get(address(country, name, form)).status_code == 404


@pytest.mark.django_db
def test_a_file_says_its_marking_in_its_name_runs_nothing_and_is_304_while_it_is_the_same(country: Advisory) -> None:
    client = auditor()
    found = client.get(address(country))
    assert found["Content-Type"] == "image/svg+xml"
    assert found["Content-Disposition"] == 'inline; filename="ADV-2020-0017-icicle-TLP-AMBER.svg"'
    assert found["Content-Security-Policy"].startswith("default-src 'none'")
    assert "no-cache" in found["Cache-Control"]
    assert client.get(address(country), headers={"If-None-Match": found["ETag"]}).status_code == 304
    assert client.get(address(country, form="png")).content.startswith(b"\x89PNG")
    Advisory.objects.filter(pk=country.pk).update(marking="AMBER+STRICT", exercise=True)
    strict = client.get(address(country))
    assert 'filename="EXERCISE-ADV-2020-0017-icicle-TLP-AMBER-STRICT.svg"' in strict["Content-Disposition"]
    assert b"TLP:AMBER+STRICT" in strict.content  # at once, and not when the drawing of a moment ago is old


@pytest.mark.django_db
def test_what_has_not_changed_is_not_sent_again_and_five_viewers_are_one_drawing(
    country: Advisory, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def counted(spec: Any) -> str:
        drawn.append(spec)
        return svg(spec)

    monkeypatch.setattr("alerts.web.coverage.pictures.drawing.svg", counted)
    client = auditor()
    url = address(country, form="html")
    part = client.get(url).content.decode()
    polled = part.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(polled).status_code == 204
    # Within two seconds of the last one nobody even asks whether anything has changed.
    Recipient.objects.filter(told_revision=0).update(told_revision=1, answered_revision=1)
    assert [client.get(url).content.decode() == part for _ in range(4)] == [True] * 4
    monkeypatch.setattr("alerts.pictures.shelf.FRESH", 0.0)
    news = client.get(polled)
    assert news.status_code == 200
    assert "6 of 6 answered" in news.content.decode()
    assert client.get(url).content == news.content
    assert len(drawn) == 2


@pytest.mark.django_db
def test_a_picture_that_cannot_be_drawn_says_so_and_the_table_is_still_there(
    country: Advisory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(spec: Any) -> str:
        raise NotDrawn("no engine")

    monkeypatch.setattr("alerts.web.coverage.pictures.drawing.svg", fails)
    client = auditor()
    assert client.get(address(country)).status_code == 503
    part = client.get(address(country, form="html"))
    assert part.status_code == 200
    assert "could not be drawn" in part.content.decode()


@pytest.mark.django_db
def test_where_too_many_wait_the_page_keeps_what_it_shows(country: Advisory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is none is put nowhere (`responseHandling` in base.html), and asked for again."""

    def busy(spec: Any) -> str:
        raise Busy("others are waiting")

    monkeypatch.setattr("alerts.pictures.drawing.svg", busy)
    Advisory.objects.update(published_at="2020-04-24T10:00Z")
    over_time = reverse("alerts:coverage_over_time", args=[country.reference])
    client = auditor()
    for where in (address(country), address(country, form="png"), address(country, form="html"), over_time):
        answer = client.get(where)
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), where


@pytest.mark.django_db
def test_before_anybody_was_reached_and_before_it_is_published_there_is_nothing_to_draw() -> None:
    advisory = rows.advisory()
    client = auditor()
    assert client.get(address(advisory)).status_code == 404
    assert "No body has been reached yet" in client.get(address(advisory, form="html")).content.decode()
    Advisory.objects.filter(pk=advisory.pk).update(current=None)
    assert client.get(address(advisory)).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_the_picture_on_its_page(look: str, live_server: LiveServer, country: Advisory) -> None:
    very = Relay.objects.get(body__slug="treasury").body
    Body.objects.filter(pk=very.pk).update(name="Department for the <b>Supervision</b> of " + "Incorporation and " * 20)
    cookie = auditor().cookies["sessionid"].value
    url = live_server.url + reverse("alerts:coverage", args=[country.reference])
    with open_page(**LOOKS[look]) as page:
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.goto(url)
        page.wait_for_selector("#icicle-drawn svg[role=group]")
        assert faults(page, "") == []
        assert wrong == []
        # Each word stands within its cell, whatever letters this machine has.
        over = page.evaluate(
            """() => [...document.querySelectorAll('.drawn text')].filter(text => {
                const word = text.getBoundingClientRect();
                return ![...document.querySelectorAll('.drawn a path, .drawn > svg > g path')].some(path => {
                    const cell = path.getBoundingClientRect();
                    return word.left > cell.left - 1 && word.right < cell.right + 1 && word.bottom < cell.bottom + 2;
                });
            }).map(text => text.textContent)"""
        )
        assert over == []
        if look == "phone":
            box = page.evaluate(
                "(({scrollWidth, clientWidth}) => [scrollWidth, clientWidth])(document.querySelector('.drawn'))"
            )
            assert box[0] > box[1]  # it scrolls in its own box, and says so
            assert page.locator("text=The picture goes on to the right >> visible=true").count() == 1
            ink = page.evaluate("getComputedStyle(document.querySelector('.drawn text.f-ink, .drawn .f-ink')).fill")
            assert ink == "rgb(232, 237, 240)"
            return
        assert page.locator(".goes-on >> visible=true").count() == 0
        page.locator("#icicle-after summary").click()
        assert page.locator("#icicle-table tbody tr").first.inner_text().startswith("Foreign Affairs Committee")
        link = page.locator(".drawn a[href='?in=foreign-affairs-committee']")
        link.focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.url.endswith("?in=foreign-affairs-committee")
