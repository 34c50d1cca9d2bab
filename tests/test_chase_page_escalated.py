"""The page of the chase of what was escalated: to whom, since what, and who sees how much of it; lines of it on other pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from alerts import tokens
from alerts.chasing import outlook, steering
from alerts.models import Advisory, ChaseStep, Escalation, Recipient, Relay
from alerts.publishing.life import life_of
from departments.models import Body, Membership
from tests.chased import answer, at, chase, minutes, publish, run_on, team
from tests.clients import signed_in
from tests.office import Office
from tests.test_chase_page import (
    MONDAY,
    NOON,
    SOON,
    TUESDAY,
    Begun,
    a_place,
    get,
    made_once,
    named,
    page,
    path,
    step,
    text,
    with_one_chased,
    with_one_escalated,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Begun]:
    """What many tests begin in is made once, and put back for each."""
    yield from made_once(with_one_escalated, django_db_blocker)


@pytest.fixture
def begun(request: pytest.FixtureRequest, transactional_db: None, world: Begun) -> tuple[Office, Advisory]:
    return world.again() if "escalated" in request.fixturenames else with_one_chased()


@pytest.fixture
def place(request: pytest.FixtureRequest, transactional_db: None) -> Office:
    """`a_place`, with what is chased or escalated there where the test names it."""
    if {"chased", "escalated"}.isdisjoint(request.fixturenames):
        return a_place()
    office: Office = request.getfixturevalue("begun")[0]
    return office


@pytest.fixture
def chased(begun: tuple[Office, Advisory]) -> Advisory:
    """`with_one_chased`."""
    return begun[1]


@pytest.fixture
def escalated(begun: tuple[Office, Advisory]) -> Advisory:
    """`with_one_escalated`."""
    return begun[1]


class TestTheSentenceOnTop:
    def test_a_rung_says_about_how_many_bodies(self, place: Office, escalated: Advisory) -> None:
        steps = ChaseStep.objects.filter(what="remind", done_at=None)
        steps.update(due_at=at("2026-12-09 10:00"))
        assert (
            "Chased: 6 people are silent. Next: rung 2 of the ladder, today 14:00 GMT, to 2 people, about 2 bodies."
        ) in page(place.ada, escalated, TUESDAY)


class TestWhatWasDone:
    def test_says_when_and_how_many(self, place: Office, escalated: Advisory) -> None:
        found = page(place.ada, escalated, TUESDAY)
        assert "Yesterday" not in found
        assert "Mon 30 November, 14:00 GMT: the reminder at half of the time to answer. 6 people reminded" in found
        assert "Today 10:00 GMT: rung 1 of the ladder, the bodies' contacts first. 2 people told" in found

    def test_the_record_has_words_for_all_of_it(self, place: Office, escalated: Advisory) -> None:
        steering.skip(step("remind", 4).pk, place.ada, "Enough.", TUESDAY)
        steering.hasten(step("remind", 5).pk, place.ada, "Quick.", TUESDAY + timedelta(hours=2))
        steering.end(escalated, place.ada, "All rung.", TUESDAY)
        steering.go_on(escalated, place.ben, "Not all.")
        said = [one.what for one in life_of(escalated)]
        assert "skipped reminder 4 of the chase" in said
        assert "brought forward reminder 5 of the chase" in said
        assert {"ended the chase", "let the chase go on"} <= set(said)
        assert "the time to answer began, until 10:00 GMT on 1 December 2026" in said
        assert "reminder 1: 6 people to be reminded" in said
        first = "escalated, rung 1 of the ladder, the bodies' contacts first: 2 people to be told about 2 bodies"
        assert first in said
        assert "6 reminders put in the outbox" in said
        assert "2 mails of whoever is silent put in the outbox" in said
        assert [one.why for one in life_of(escalated) if one.what == "ended the chase"] == ["All rung."]


class TestEscalated:
    def test_says_of_each_body_to_whom_and_when(self, place: Office, escalated: Advisory) -> None:
        found = page(place.ada, escalated, TUESDAY)
        assert "A Department Today 10:00 GMT: Dora, contact of A Department, since 4 people had not answered" in found
        assert "Team Today 10:00 GMT: Tess, contact of Team, since 2 people had not answered" in found

    def test_whose_mail_waits_is_said(self, place: Office, escalated: Advisory) -> None:
        Escalation.objects.update(state="waiting", message=None)
        assert "(their mail waits)" in page(place.ada, escalated, TUESDAY)

    def test_a_dark_body_says_so(self, place: Office) -> None:
        team(place, "dark", place.department)
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["department"]})
        minutes(MONDAY, TUESDAY)
        assert "since nobody there could be told" in page(place.ada, advisory, TUESDAY)

    def test_an_action_that_is_not_done_says_so(self, place: Office) -> None:
        advisory = publish(
            place,
            MONDAY,
            actions=[{"text": "Count", "due": "P1D", "of": "body"}],
            audience={"branches": ["team"]},
        )
        for name in ("Tess", "Tim", "Tom"):
            answer(advisory, name, NOON)
        Recipient.objects.update(acted_revision=1)
        minutes(MONDAY, TUESDAY)
        assert "since what is asked of the body was not done" in page(place.ada, advisory, TUESDAY)

    def test_of_many_bodies_a_page_and_of_many_people_the_last(
        self, place: Office, escalated: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outlook, "BODIES_SHOWN", 1)
        minutes(TUESDAY + timedelta(minutes=1), TUESDAY + timedelta(hours=6))
        monkeypatch.setattr(outlook, "TOLD_SHOWN", 1)
        first = page(place.ada, escalated, TUESDAY + timedelta(hours=6))
        second = text(get(place.ada, path(escalated) + "?page=2", TUESDAY))
        assert "page 1 of 2, 2 bodies" in first
        assert "page 2 of 2, 2 bodies" in second
        assert first.count("people had not answered") == second.count("people had not answered") == 1
        assert "more" in first.split("Escalated")[1]
        assert "page 1 of 2, 2 bodies" in text(get(place.ada, path(escalated) + "?page=9", TUESDAY))

    @pytest.mark.parametrize("odd", ["x", "-1", "0", "٣", "99999999999"])
    def test_an_odd_page_is_the_first(self, odd: str, place: Office, escalated: Advisory) -> None:
        assert "Dora, contact" in text(get(place.ada, path(escalated) + f"?page={odd}", TUESDAY))


class TestWhoSeesIt:
    def test_a_contact_sees_what_was_escalated_about_their_own_branch(self, place: Office, escalated: Advisory) -> None:
        found = page(named("Tess"), escalated, TUESDAY)
        assert "Escalated: 1 of your bodies." in found
        assert "Tess, contact of Team" in found
        for hidden in (
            "Dora",
            "A Department",
            "Cas",
            "Next:",
            "To come",
            "Clocks",
            "Held back",
            "What was done",
            "6 people",
        ):
            assert hidden not in found

    def test_a_head_sees_the_whole_branch(self, place: Office, escalated: Advisory) -> None:
        found = page(named("Hal"), escalated, TUESDAY)
        assert "Escalated: 2 of your bodies." in found
        assert "Next:" not in found

    def test_where_nothing_was_escalated_they_hear_so(self, place: Office, chased: Advisory) -> None:
        assert "Nothing was escalated about your bodies." in page(named("Tess"), chased)

    def test_whoever_answers_for_nobody_has_no_page(self, place: Office, escalated: Advisory) -> None:
        olga = place.person("olga", place.outside, "contact")
        officer = place.person("otto", Body.objects.get(slug="team"), "officer")
        for who in (olga, officer):
            assert get(who, path(escalated)).status_code == 403
            assert get(who, path(escalated, "chase_live")).status_code == 403

    def test_nobody_without_signing_in(self, client: Any, chased: Advisory) -> None:
        for name, *more in (("chase",), ("chase_live",), ("chase_end",), ("chase_step", step().pk)):
            assert client.get(path(chased, name, *more)).status_code == 302

    def test_it_is_marked_and_a_drill_says_so(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], marking="AMBER", exercise=True)
        chase(SOON)
        html = get(place.ada, path(advisory)).content.decode()
        assert "TLP:AMBER" in html
        assert "EXERCISE: this is a drill" in html
        assert 'class="printed-whole tlp-amber"' in html


class TestLinesElsewhere:
    LINE = "Escalated today 10:00 GMT to Tess, contact of Team: 2 people had not answered."

    def test_the_coverage_of_a_body_says_to_whom_it_was_escalated(self, place: Office, escalated: Advisory) -> None:
        url = path(escalated, "coverage")
        for who in (place.ada, named("Tess"), named("Hal")):
            assert self.LINE in text(get(who, f"{url}?in=team", TUESDAY))
        assert "Escalated today" not in text(get(place.ada, url, TUESDAY))
        later = text(get(place.ada, f"{url}?in=team", TUESDAY + timedelta(days=3)))
        assert "Escalated on Tue 1 December, 10:00 GMT to Tess" in later

    def test_but_not_to_an_officer_of_another_body_there(self, place: Office, escalated: Advisory) -> None:
        otto = place.person("otto", Body.objects.get(slug="team"), "officer")
        assert "Escalated" not in text(get(otto, path(escalated, "coverage") + "?in=team", TUESDAY))

    def test_so_does_the_page_of_its_people(self, place: Office, escalated: Advisory) -> None:
        relay = Relay.objects.get(advisory=escalated, body__slug="team")
        assert self.LINE in text(get(named("Tess"), path(escalated, "people_of", relay.pk), TUESDAY))

    def test_of_several_who_were_told_at_once_the_first_are_named(self, place: Office, chased: Advisory) -> None:
        for number in range(5):
            place.person(f"con-{number}", Body.objects.get(slug="team"), "contact")
        run_on(chased, SOON)
        minutes(SOON, TUESDAY, every=5)
        found = text(get(place.ada, path(chased, "coverage") + "?in=team", TUESDAY))
        assert "contact of Team; and 3 more: 8 people had not answered." in found

    def test_the_own_page_of_a_contact_says_so_and_that_of_a_member_does_not(
        self, place: Office, escalated: Advisory, client: Any
    ) -> None:
        def own(name: str) -> str:
            recipient = Recipient.objects.get(advisory=escalated, person__name=name)
            with time_machine.travel(TUESDAY, tick=False):
                return text(client.get(f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"))

        assert self.LINE in own("Tess")
        assert "Escalated" not in own("Tom")
        assert "Escalated today 10:00 GMT to Dora, contact of A Department: 4 people had not answered." in own("Hal")
        Membership.objects.create(person=named("Tess"), body=place.department, role="deputy")
        assert "Team: escalated today 10:00 GMT to Tess, contact of Team" in own("Tess")
        assert "A Department: escalated today 10:00 GMT to Dora" in own("Tess")

    def test_the_estate_says_what_is_next_and_leads_there(self, place: Office, chased: Advisory) -> None:
        found = get(place.ada, reverse("estate"))
        assert "next step: the reminder at half of the time to answer in 2 h" in text(found)
        assert f'href="{path(chased)}"' in found.content.decode()
        ChaseStep.objects.filter(pk=step("escalate").pk).update(due_at=NOON - timedelta(hours=1))
        with time_machine.travel(NOON, tick=False):
            due = text(signed_in(place.ada).get(reverse("estate")))
        assert "next step: rung 1 of the ladder, the bodies' contacts first, due now" in due
        assert "ago" not in due.partition("next step")[2].partition("As at")[0]
        steering.end(chased, place.ada, "x", NOON)
        assert "the chase was ended just now" in text(get(place.ada, reverse("estate")))

    def test_the_pages_of_the_advisory_lead_there_for_those_who_may_see_it(
        self, place: Office, escalated: Advisory
    ) -> None:
        otto = place.person("otto", Body.objects.get(slug="team"), "officer")
        for who, leads in ((place.ada, True), (named("Tess"), True), (otto, False)):
            for name in ("advisory", "coverage"):
                html = get(who, path(escalated, name), TUESDAY).content.decode()
                assert (f'href="{path(escalated)}"' in html) == leads


def test_the_number_of_queries_does_not_grow_with_bodies_people_or_steps(place: Office, escalated: Advisory) -> None:
    def asked(url: str, when: datetime) -> int:
        get(place.ada, url, when)
        with CaptureQueriesContext(connection) as found:
            get(place.ada, url, when)
        return len(found)

    urls = (path(escalated), path(escalated, "coverage") + "?in=team", reverse("estate"))
    before = [asked(url, TUESDAY) for url in urls]
    for number in range(12):
        team(place, f"more-{number}", place.department, (f"m{number}", "member"), (f"c{number}", "contact"))
    with time_machine.travel(TUESDAY, tick=False):
        run_on(escalated, TUESDAY)
    minutes(TUESDAY, at("2026-12-03 15:00"), every=60)
    after = [asked(url, at("2026-12-03 15:30")) for url in urls]
    # Fewer, where the next step leaves on another day: nobody's mails of today are then counted.
    assert all(then <= now for now, then in zip(before, after, strict=True))
