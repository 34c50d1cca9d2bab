"""Behind every number of a coverage page stand exactly those people, and those bodies, whom it counts."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting, record
from alerts.coverage import lists
from alerts.coverage.glance import look
from alerts.coverage.scope import Scope, scope
from alerts.coverage.selection import FIGURES_LISTED, Selection
from alerts.coverage.standings import people_of
from alerts.models import Advisory, Batch, ChaseStep, Clock, Gap, Message, Nudge, Recipient, Relay
from alerts.web.answer_words import at
from alerts.web.parts import parts_of
from alerts.web.standing_words import said
from tests import rows
from tests.test_counting import Storm

pytestmark = pytest.mark.django_db


def numbers_shown(of: Scope, *, reports: bool) -> dict[str, int]:
    """Each number that the page shows of a scope, by what its list is called."""
    seen = look(of, reports=reports)
    parts = parts_of(seen.figures, seen.waits)
    return {
        **{name: getattr(seen.figures, name) for name in seen.figures._fields if name in FIGURES_LISTED},
        "unsure": parts.sent,
        "untold": parts.not_told(reports),
        "held": parts.held,
        "waiting": parts.waiting,
        "late": seen.mail.late,
        "complained": seen.mail.complained,
    }


def chosen(selection: Selection) -> list[int]:
    statement, values = selection.sql()
    with connection.cursor() as cursor:
        cursor.execute(statement, cast("dict[str, Any]", values))
        return [row[0] for row in cursor.fetchall()]


def scopes(advisory: Advisory) -> list[Scope]:
    """The whole, two branches, two bodies, and what somebody sees who sees some bodies only."""
    top, *relays = advisory.relays.order_by("pk")
    some = [relay.body_id for relay in relays[:2]]
    return [
        scope(advisory.pk),
        scope(advisory.pk, some),
        scope(advisory.pk, some, relays[0].pk),
        scope(advisory.pk, None, top.pk),
        scope(advisory.pk, None, relays[-2].pk),
        scope(advisory.pk, None, top.pk, own=True),
        scope(advisory.pk, None, relays[-1].pk, own=True),
    ]


def nothing_differs(advisory: Advisory, *, reports: bool) -> None:
    for of in scopes(advisory):
        shown = numbers_shown(of, reports=reports)
        assert shown.keys() == FIGURES_LISTED.keys()
        for figure, number in shown.items():
            selection = Selection(of, figure)
            found, ids = lists.people(selection), chosen(selection)
            where = f"{figure} in {of}"
            listed = [one.recipient_id for one in found.people]
            assert sorted(listed) == sorted(ids), where
            assert len(set(ids)) == len(ids), where
            assert found.total == len(ids) or (of.whole and figure in ("held", "waiting")), where
            if of.whole:
                assert lists.number_of(selection)[1] == number, where
                # Somebody who waits in two held bodies is one person, and a number of places says two.
                assert len(ids) == number or figure in ("held", "waiting"), where
            else:
                assert found.number == number == sum(one.in_bodies for one in found.people), where


@pytest.mark.parametrize("seed", range(2))
def test_the_list_behind_each_number_has_exactly_that_many_whatever_happened(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    storm, reports = Storm(seed), seed == 1
    monkeypatch.setattr("alerts.coverage.selection.reports_delivery", lambda: reports)
    chance, sizes = random.Random(seed), [0, 20_000, 5, 20_000]
    for number in range(64):
        chance.choice(storm.steps())()
        if number % 16 == 15:
            relays = list(storm.advisory.relays.values_list("pk", flat=True))
            for relay in relays:
                state = chance.choice(["released", "released", "held", "planned"])
                Relay.objects.filter(pk=relay).update(state=state)
            monkeypatch.setattr("alerts.coverage.lists.FEW", sizes.pop())
            monkeypatch.setattr("alerts.coverage.lists.SIZE", 500)
            nothing_differs(storm.advisory, reports=reports)


def body(advisory: Advisory, slug: str, parent: Relay | None = None, **fields: Any) -> Relay:
    return rows.relay(advisory, slug, parent, **fields)


def names(of: lists.BodyPage) -> list[str]:
    return [one.body for one in of.bodies]


@pytest.fixture
def country() -> Advisory:
    """Government (between) above a treasury, a home office that holds it above passports, and a dark committee."""
    advisory = rows.advisory()
    top = body(advisory, "government", purpose="between")
    treasury = body(advisory, "treasury", top)
    home = body(advisory, "home-office", top, state="held")
    passports = body(advisory, "passports", home, state="planned")
    body(advisory, "committee", top)
    both = rows.recipient(advisory, treasury, passports, who=rows.person("Zoe Both"))
    rows.recipient(advisory, passports, who=rows.person("Ann Waits"))
    hal = rows.recipient(advisory, home, who=rows.person("Hal Hill"))
    Recipient.objects.filter(pk=hal.pk).update(told_revision=1, answered_revision=1)
    gone = rows.recipient(advisory, treasury, who=rows.person("Bob Gone", telephone="020 7946 0000"))
    Recipient.objects.filter(pk=gone.pk).update(outcome="unreachable", why="550 no such user")
    Recipient.objects.filter(pk=both.pk).update(told_revision=1, outcome="delivered")
    rows.leave_out(advisory, rows.body("devolved", top.body))
    closed = rows.body("museum", top.body)
    Gap.objects.create(advisory=advisory, kind="outside", body=closed, decision="undecided")
    Gap.objects.create(advisory=advisory, kind="similar", body=closed, decision="undecided")
    counting.fold(advisory.pk)
    return advisory


def test_one_person_of_a_list_says_where_they_sit_how_they_stand_why_and_who_reminded_them(country: Advisory) -> None:
    told = Recipient.objects.get(person__name="Zoe Both")
    batch = country.batches.create(rank=1, revision=country.current, kind="reminder", size=1, not_before=timezone.now())
    fields = {
        "batch": batch,
        "person": told.person,
        "recipient": told,
        "advisory": country,
        "revision": country.current,
    }
    Message.objects.create(key="r", kind="reminder", state="sent", sent_at=timezone.now(), **fields)
    record.write("reminded", country.reference, country.written_by)
    [silent] = lists.people(Selection(scope(country.pk), "silent")).people
    assert (silent.name, silent.standing, silent.in_bodies) == ("Zoe Both", "silent", 2)
    assert [place.name for place in silent.places] == ["Passports", "Treasury"]
    assert silent.reminded_at is not None
    assert silent.reminded_by == "Olive Officer"
    # A mail of the chase for several advisories, which nobody pressed for.
    later = timezone.now()
    among = Batch.objects.create(rank=1, kind="digest", size=1, not_before=later, made_at=later)
    mail = Message.objects.create(key="d", batch=among, person=told.person, kind="digest", state="sent", sent_at=later)
    of = Clock.objects.create(advisory=country, material=1, kind="answer", calendar="", starts_at=later, by=later)
    step = ChaseStep.objects.create(clock=of, what="remind", n=1, planned_at=later, due_at=later, since=later)
    nudge = Nudge.objects.create(step=step, recipient=told, person=told.person, state="mailed", message=mail)
    record.write("reminded", country.reference, country.written_by)
    [silent] = lists.people(Selection(scope(country.pk), "silent")).people
    assert (silent.reminded_at, silent.reminded_by) == (later, None)
    [there] = people_of(Relay.objects.get(body__slug="treasury"), "silent", name="Zoe").people
    assert (there.reminded_at, said(there, None)) == (later, f"Reminded {at(later)}")
    Nudge.objects.filter(pk=nudge.pk).update(state="moot")
    [silent] = lists.people(Selection(scope(country.pk), "silent")).people
    assert silent.reminded_at is not None
    assert silent.reminded_at < later
    # One of its own for this advisory.
    last = later + timedelta(hours=1)
    Message.objects.create(key="chase:1", kind="reminder", state="sent", sent_at=last, **fields)
    [silent] = lists.people(Selection(scope(country.pk), "silent")).people
    assert (silent.reminded_at, silent.reminded_by) == (last, None)
    [gone] = lists.people(Selection(scope(country.pk), "unreachable")).people
    assert (gone.telephone, gone.why, gone.reminded_at) == ("020 7946 0000", "550 no such user", None)
    [waits] = lists.people(Selection(scope(country.pk), "held")).people
    holder = Relay.objects.get(body__slug="home-office")
    assert (waits.name, waits.places[0].holder) == ("Ann Waits", holder.pk)
    assert not lists.people(Selection(scope(country.pk), "waiting")).people


def test_a_name_finds_those_of_the_list_alone_and_what_it_means_to_a_pattern_means_itself(
    country: Advisory, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = scope(country.pk)
    for few in (lists.FEW, 0):
        monkeypatch.setattr(lists, "FEW", few)
        for name, found in (("zoe", ["Zoe Both"]), ("o", ["Bob Gone", "Zoe Both"]), ("%", []), ("nobody", [])):
            page = lists.people(Selection(everybody, "targeted", name))
            assert sorted(one.name for one in page.people) == found
            assert page.total == len(found)
            assert len(chosen(Selection(everybody, "targeted", name))) == len(found)
    ann, zoe = (Recipient.objects.get(person__name=name).pk for name in ("Ann Waits", "Zoe Both"))
    assert chosen(Selection(everybody, "held", ids=(ann, zoe, 10**9))) == [ann]
    assert [one.recipient_id for one in lists.people(Selection(everybody, "held", ids=(ann, zoe))).people] == [ann]


def test_pages_turn_to_the_last_and_no_further_by_name_or_along_an_index(
    country: Advisory, monkeypatch: pytest.MonkeyPatch
) -> None:
    treasury = Relay.objects.get(body__slug="treasury")
    for number in range(7):
        rows.recipient(country, treasury, who=rows.person(f"Name {number}"))
    monkeypatch.setattr(lists, "SIZE", 3)
    for few in (lists.FEW, 0):
        monkeypatch.setattr(lists, "FEW", few)
        for of, people in ((scope(country.pk), 11), (scope(country.pk, None, treasury.pk, own=True), 9)):
            pages = [lists.people(Selection(of, "targeted"), page) for page in (1, 2, 3, 4, 99)]
            assert pages[0].total == people
            assert [page.page for page in pages] == [1, 2, 3, -(-people // 3), -(-people // 3)]
            assert [page.more for page in pages[:3]] == [True, True, people > 9]
            seen = [one.recipient_id for page in pages[:4] for one in page.people]
            assert len(set(seen)) == people
        monkeypatch.setattr(lists, "MOST_PAGES", 2)
        last = lists.people(Selection(scope(country.pk), "targeted"), 7)
        assert (last.page, last.more, last.cut, last.pages) == (2, False, True, None)
        monkeypatch.setattr(lists, "MOST_PAGES", 200)


def test_a_list_of_bodies_is_that_of_its_state_in_the_whole_a_branch_and_what_somebody_sees(country: Advisory) -> None:
    relays = {relay.body.slug: relay for relay in Relay.objects.select_related("body")}
    everything, home = scope(country.pk), scope(country.pk, None, relays["home-office"].pk)
    seen = look(everything, reports=True)
    for state, found in (
        ("dark", ["committee"]),
        ("held", ["home-office"]),
        ("waiting", ["passports"]),
        ("delivered", ["treasury"]),
        ("covered", []),
        ("information", ["government"]),
        ("excluded", ["devolved"]),
        ("targeted", ["passports", "treasury", "committee", "home-office"]),
    ):
        page = lists.bodies(everything, state)
        assert names(page) == found, state
        assert page.total == len(found) == {"excluded": 1, "targeted": 4}.get(state, seen.states.get(state, 0))
        assert len(lists.body_ids(everything, state)) == len(found)
    assert names(lists.bodies(everything, "undecided")) == ["museum"]
    assert not names(lists.bodies(home, "dark"))
    assert names(lists.bodies(home, "waiting")) == ["passports"]
    assert not names(lists.bodies(scope(country.pk, [relays["treasury"].body_id]), "held"))
    assert not names(lists.bodies(everything, "dark", name="%"))
    assert names(lists.bodies(everything, "dark", 9, name="commit")) == ["committee"]
    [held] = lists.bodies(everything, "held").bodies
    assert (held.waits, held.parent, held.held_until is not None) == (1, "government", True)
    assert lists.waiting_below(country.pk, [relays["home-office"].pk]) == 1
    [left] = lists.bodies(everything, "excluded").bodies
    assert (left.reason, left.signer) == ("told through their own centre", "Olive Officer")


def test_a_page_takes_the_same_number_of_queries_however_many_people_and_bodies_there_are(country: Advisory) -> None:
    def taken() -> list[int]:
        counts = []
        for read in (
            lambda: lists.people(Selection(scope(country.pk), "targeted")),
            lambda: lists.people(Selection(scope(country.pk, None, top.pk), "held")),
            lambda: lists.bodies(scope(country.pk), "dark"),
        ):
            with CaptureQueriesContext(connection) as queries:
                read()
            counts.append(len(queries))
        return counts

    top = Relay.objects.get(body__slug="government")
    before = taken()
    for number in range(12):
        place = body(country, f"team-{number}", top, state="held" if number % 2 else "released")
        rows.recipient(country, place)
    assert taken() == before


def test_the_list_says_the_page_s_number_of_held() -> None:
    advisory = rows.advisory()
    one, two = rows.relay(advisory, "one", state="held"), rows.relay(advisory, "two", state="held")
    free = rows.relay(advisory, "free")
    rows.recipient(advisory, one, two)
    rows.recipient(advisory, free)
    found = look(scope(advisory.pk), reports=True)
    parts = parts_of(found.figures, found.waits)
    held = lists.people(Selection(scope(advisory.pk), "held"))
    waiting = lists.people(Selection(scope(advisory.pk), "waiting"))
    assert (parts.held, parts.waiting) == (held.number, waiting.number)


def test_released_is_not_told_where_a_body_below_holds_too() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "top", state="held")
    below = rows.relay(advisory, "below", top, state="held")
    rows.recipient(advisory, top)
    rows.recipient(advisory, below)
    # The message of a press that releases `top` alone: "N people in and below it are told now".
    assert lists.waiting_below(advisory.pk, [top.pk]) == 1
