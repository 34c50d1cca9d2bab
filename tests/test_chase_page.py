"""The page of the chase: where it stands, whom the next step will mail, what was done, and who sees how much of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils.html import escape, strip_tags
from pytest_django.fixtures import Settings as SettingsWrapper
from pytest_django.live_server_helper import LiveServer
from pytest_django.plugin import DjangoDbBlocker

from alerts.chasing import outlook, steering
from alerts.models import Advisory, ChaseStep, Nudge, Recipient, Record, Relay
from alerts.publishing.draft import update_from_file
from alerts.publishing.life import life_of
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down, stop
from alerts.web import chase_page
from departments.models import Body, Person
from tests.browser import faults_in_every_look, open_page
from tests.chased import answer, at, chase, minutes, publish, run_on, team
from tests.clients import signed_in
from tests.office import Office, an_advisory
from tests.put_back import PutBack

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = at("2026-11-30 10:00")
SOON = MONDAY + timedelta(minutes=10)
NOON, TUESDAY = at("2026-11-30 12:00"), at("2026-12-01 10:00")
LONG = "Ａ" * 60 + "<b>&" + "x" * 400


def a_place() -> Office:
    """A department with a contact, a deputy and a head, and a team below it with a contact and two members."""
    office = Office()
    for name, role in (("dora", "contact"), ("dan", "deputy"), ("hal", "head")):
        office.person(name, office.department, role)
    team(office, "team", office.department, ("tess", "contact"), ("tim", "member"), ("tom", "member"))
    return office


def with_one_chased() -> tuple[Office, Advisory]:
    """Published on Monday at ten, its clock begun: half is at two, the end on Tuesday at ten."""
    office = a_place()
    advisory = publish(office, MONDAY, actions=[], audience={"branches": ["department"]})
    chase(SOON)
    return office, fresh(advisory)


def with_one_escalated() -> tuple[Office, Advisory]:
    """Tim answered; on Tuesday at ten it was escalated to the contacts."""
    office, advisory = with_one_chased()
    answer(advisory, "Tim", NOON)
    minutes(SOON, TUESDAY, every=5)
    return office, advisory


Begun = PutBack[tuple[Office, Advisory]]


def made_once(make: Callable[[], tuple[Office, Advisory]], blocker: DjangoDbBlocker) -> Iterator[Begun]:
    """A world that many tests begin in, to be put back for each; until then there is nothing."""
    with blocker.unblock(), PutBack(make) as world:
        call_command("flush", verbosity=0, interactive=False)
        yield world


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Begun]:
    """What many tests begin in is made once, and put back for each."""
    yield from made_once(with_one_chased, django_db_blocker)


@pytest.fixture
def begun(transactional_db: None, world: Begun) -> tuple[Office, Advisory]:
    return world.again()


@pytest.fixture
def place(request: pytest.FixtureRequest, transactional_db: None) -> Office:
    """`a_place`, with what is chased there where the test names it."""
    return request.getfixturevalue("begun")[0] if "chased" in request.fixturenames else a_place()


@pytest.fixture
def chased(begun: tuple[Office, Advisory]) -> Advisory:
    """`with_one_chased`."""
    return begun[1]


def fresh(advisory: Advisory) -> Advisory:
    return Advisory.objects.get(pk=advisory.pk)


def named(name: str) -> Person:
    return Person.objects.get(name=name)


def auditor() -> Person:
    return Person.objects.create(email="aud@example.org", written="aud@example.org", name="Aud", is_auditor=True)


def path(of: Advisory, name: str = "chase", *more: object) -> str:
    return reverse(f"alerts:{name}", args=[of.reference, *more])


def get(who: Person, url: str, when: datetime = NOON) -> Any:
    with time_machine.travel(when, tick=False):
        return signed_in(who).get(url)


def post(who: Person, url: str, when: datetime = NOON, **typed: str) -> Any:
    with time_machine.travel(when, tick=False):
        return signed_in(who).post(url, typed)


def text(answer: Any, status: int = 200) -> str:
    """What a page says, in one line."""
    assert answer.status_code == status
    main = answer.content.decode().split("<main")[-1].partition(">")[2]
    words = " ".join(strip_tags(re.sub(r"</(li|tr|p|h\d|td|th)>", "\n", main)).split())
    return words.replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&")


def page(who: Person, of: Advisory, when: datetime = NOON) -> str:
    return text(get(who, path(of), when))


def step(what: str = "remind", n: int = 1) -> ChaseStep:
    return ChaseStep.objects.select_related("clock").get(what=what, n=n)


class TestTheSentenceOnTop:
    def test_says_how_many_are_silent_and_what_is_next(self, place: Office, chased: Advisory) -> None:
        assert (
            "Chased: 7 people are silent. Next: the reminder at half of the time to answer, today 14:00 GMT, to 7 people in "
            "2 bodies."
        ) in page(place.ada, chased)

    def test_with_the_day_where_it_is_another_one(self, place: Office, chased: Advisory) -> None:
        chase(at("2026-11-30 14:00"))
        assert (
            "Next: the reminder at nine tenths of the time to answer, tomorrow 09:12 GMT, to 7 people in 2 bodies."
        ) in page(place.ada, chased, at("2026-11-30 15:00"))

    def test_when_all_have_answered(self, place: Office, chased: Advisory) -> None:
        for name in ("Cas", "Dan", "Dora", "Hal", "Tess", "Tim", "Tom"):
            answer(chased, name, NOON)
        assert "Everybody who was written to has answered. Nobody is left to chase." in page(place.ada, chased)

    def test_when_all_have_answered_and_actions_are_still_open(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{"text": "Move", "due": "P2D"}])
        chase(SOON)
        for name in ("Cas", "Dan", "Dora", "Hal", "Tess", "Tim", "Tom"):
            answer(advisory, name, NOON)
        Recipient.objects.update(acted_revision=0)
        ChaseStep.objects.filter(clock__kind="answer").update(done_at=NOON)
        assert (
            "Everybody who was written to has answered. Next: the reminder at nine tenths of the time to act, "
            "tomorrow 16:24 GMT, to 7 people in 2 bodies."
        ) in page(place.ada, advisory)

    def test_when_it_was_ended_by_whom_and_why(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "Everybody was <rung>.", SOON)
        found = page(place.ben, chased)
        assert "The chase was ended by Ada, today 10:10 GMT: “Everybody was" in found
        assert "Next:" not in found

    def test_when_it_is_stopped(self, place: Office, chased: Advisory) -> None:
        with time_machine.travel(NOON, tick=False):
            stop(chased, place.ben)
        assert "Stopped today 12:00 GMT: no reminder and no list leaves until it goes on." in page(place.ada, chased)

    def test_when_it_is_not_live(self, place: Office, chased: Advisory) -> None:
        stand_down(chased, place.ben, "Mended.")
        found = page(place.ada, chased)
        assert "It is stood down: nobody is chased any more." in found
        assert "To come" not in found
        Advisory.objects.update(state="expired")
        assert "It has expired: nobody is chased." in page(place.ada, chased)

    def test_when_it_was_published_before_there_was_a_chase(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        Advisory.objects.update(acknowledge_within=None)
        found = page(place.ada, advisory)
        assert "It was published before there was a chase" in found
        assert "End the chase" not in found

    def test_before_its_clocks_begin(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        assert "Its clocks begin within a minute." in page(place.ada, advisory, MONDAY)

    def test_a_draft_has_none(self, place: Office) -> None:
        draft = place.draft()
        answer = get(place.ada, path(draft.advisory))
        assert answer["Location"] == reverse("alerts:advisory", args=[draft.advisory.reference])

    def test_a_step_that_waits_for_the_morning_says_so(self, place: Office, chased: Advisory) -> None:
        steering.hasten(step().pk, place.ada, "x", at("2026-11-30 12:00"))
        assert "at half of the time to answer, now, to 7 people" in page(place.ada, chased)
        assert "at half of the time to answer, tomorrow 09:00 GMT" in page(place.ada, chased, at("2026-11-30 20:00"))

    def test_whoever_answers_while_it_is_read_is_in_both_figures_or_in_none(
        self, place: Office, chased: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = steering.whom

        def and_then_tim_answers(*asked: Any) -> steering.Whom:
            found = real(*asked)
            with ThreadPoolExecutor(1) as other:
                other.submit(elsewhere).result(10)
            return found

        def elsewhere() -> None:
            answer(chased, "Tim", NOON)
            connection.close()

        monkeypatch.setattr(steering, "whom", and_then_tim_answers)
        assert (
            "Chased: 7 people are silent. Next: the reminder at half of the time to answer, today 14:00 GMT, to 7"
            in page(place.ada, chased)
        )
        assert Recipient.objects.filter(answered_revision=1).count() == 1

    def test_its_page_is_named_after_it(self, place: Office, chased: Advisory) -> None:
        html = get(place.ada, path(chased)).content.decode()
        assert f"<title>The chase of {chased.reference} " in html
        assert "<h1>The chase</h1>" in html

    def test_when_nothing_more_comes_by_itself(self, place: Office, chased: Advisory) -> None:
        ChaseStep.objects.update(done_at=NOON)
        assert "7 people are silent. Nothing more is to come by itself." in page(place.ada, chased)


class TestClocks:
    def test_each_says_what_it_is_for_in_whose_hours_from_when_until_when_and_for_how_many(
        self, place: Office, chased: Advisory
    ) -> None:
        assert (
            "To answer Monday 30 November 2026, 10:00 GMT Tuesday 1 December 2026, 10:00 GMT "
            "England and Wales, working hours 2 bodies"
        ) in page(place.ada, chased)

    def test_of_a_critical_one_they_run_round_the_clock(self, place: Office) -> None:
        advisory = publish(place, at("2026-07-01 10:00"), actions=[], severity="critical")
        chase(at("2026-07-01 10:05"))
        found = page(place.ada, advisory, at("2026-07-01 10:06"))
        assert "Wednesday 1 July 2026, 14:00 BST round the clock 3 bodies" in found
        assert "none is held back" in found

    def test_an_actions_words_are_for_whoever_may_read_them(self, place: Office) -> None:
        advisory = publish(
            place,
            MONDAY,
            actions=[{"text": "Move & bolt", "due": "P2D"}],
            marking="RED",
            title="Secret",
            audience={"people": ["cas@example.org"]},
            open_title="Open",
        )
        chase(SOON)
        assert "To act: “Move & bolt”" in page(place.ada, advisory)
        admin = Person.objects.create(email="a@example.org", written="a@example.org", name="Ann", is_administrator=True)
        found = page(admin, advisory)
        assert "To act " in found
        assert "bolt" not in found
        assert "Secret" not in found

    def test_a_hold_says_how_many_hold_it(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(policy="hold", hold_hours=4)
        advisory = publish(place, MONDAY, actions=[])
        chase(SOON)
        found = page(place.ada, advisory)
        assert "Until what is held goes on by itself Monday 30 November 2026, 10:00 GMT" in found
        assert "round the clock 1 body" in found

    def test_people_who_were_told_late_have_their_own(self, place: Office, chased: Advisory) -> None:
        place.person("nora", Body.objects.get(slug="team"), "member")
        run_on(chased, at("2026-12-02 12:00"))
        chase(at("2026-12-02 12:05"))
        assert "To answer, of people who were told late" in page(place.ada, chased, at("2026-12-02 12:06"))

    def test_of_many_the_first_to_end_are_shown(
        self, place: Office, chased: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Body.objects.filter(slug="team").update(calendar="scotland")
        advisory = publish(place, NOON, actions=[], title="Another")
        chase(NOON + timedelta(minutes=6))
        monkeypatch.setattr(outlook, "CLOCKS_SHOWN", 1)
        assert "And 1 more clock." in page(place.ada, advisory, NOON + timedelta(minutes=7))


class TestToCome:
    def test_the_next_say_whom_they_will_mail_by_name_and_body(self, place: Office, chased: Advisory) -> None:
        found = page(place.ada, chased)
        assert (
            "to 7 people in 2 bodies: Cas (A Department), Dan (A Department), Dora (A Department) and 4 more" in found
        )
        assert found.index("Rung 1 of the ladder") > found.index("The reminder at half")
        assert "The daily reminder to answer, 5 of 5" in found

    def test_later_rungs_are_said_in_words(self, place: Office, chased: Advisory) -> None:
        found = page(place.ada, chased)
        assert (
            "Then, each 4 working hours later, while anybody of a body is silent: its contacts, its deputies" in found
        )

    def test_it_does_not_say_that_somebody_is_mailed_while_it_is_ended(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "x", SOON)
        found = page(place.ada, chased)
        assert "To come, were it chased" in found
        assert "Cas" not in found
        assert "Let the chase go on" in found

    @pytest.mark.parametrize("how", ["ended", "stopped"])
    def test_while_nothing_leaves_a_step_can_be_looked_at_and_nothing_pressed(
        self, how: str, place: Office, chased: Advisory
    ) -> None:
        if how == "ended":
            steering.end(chased, place.ada, "x", SOON)
        else:
            stop(chased, place.ben)
        found = page(place.ada, chased)
        assert "Look …" in found
        assert "Skip, or bring forward" not in found
        answer = get(place.ada, path(chased, "chase_step", step().pk))
        assert f"is {how}: let it go on first" in text(answer)
        assert "Were it chased, it would be due today 14:00 GMT" in text(answer)
        assert 'name="press"' not in answer.content.decode()

    def test_only_the_next_is_looked_for_among_all_people(
        self, place: Office, chased: Advisory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[ChaseStep] = []
        real = steering.whom

        def noted(one: ChaseStep, *rest: Any) -> steering.Whom:
            looked.append(one)
            return real(one, *rest)

        monkeypatch.setattr(steering, "whom", noted)
        for url in (path(chased), path(chased, "chase_live") + "?seen=x"):
            looked.clear()
            assert "to 7 people in 2 bodies: Cas" in text(get(place.ada, url))
            assert looked == [step()]

    def test_rung_1_says_who_that_is(self, place: Office, chased: Advisory) -> None:
        found = page(place.ada, chased)
        assert "Rung 1 of the ladder, the bodies' contacts first tomorrow 10:00 GMT" in found
        assert "the contacts of each body that is open by then; where it has none, whoever is next in line" in found
        found = text(get(place.ada, path(chased, "chase_step", step("escalate").pk)))
        assert "Each body has a ladder of its own: its contacts; where it has none, its deputies" in found

    def test_steps_of_several_actions_say_of_which_to_whoever_may_read_them(self, place: Office) -> None:
        red = {"marking": "RED", "title": "Secret", "audience": {"people": ["cas@example.org"]}, "open_title": "Open"}
        actions = [{"text": "Move & bolt", "due": "P2D"}, {"text": "Count " * 20, "due": "P3D"}]
        advisory = publish(place, MONDAY, actions=actions, **red)
        chase(SOON)
        found = page(place.ada, advisory)
        assert "The reminder at nine tenths of the time to act (“Move & bolt”)" in found
        assert "The reminder at nine tenths of the time to act (“Count Count" in found
        assert "The reminder at half of the time to answer today" in found
        one = ChaseStep.objects.filter(clock__kind="act", what="remind").order_by("due_at").first()
        assert one
        own = text(get(place.ada, path(advisory, "chase_step", one.pk)))
        assert own.count("The reminder at nine tenths of the time to act (“Move & bolt”)") == 1
        admin = Person.objects.create(email="a@example.org", written="a@example.org", name="Ann", is_administrator=True)
        found = page(admin, advisory)
        assert "of the time to act (action 1)" in found
        assert "of the time to act (action 2)" in found
        assert "bolt" not in found

    def test_steps_of_several_calendars_say_of_which_and_of_several_beginnings_since_when(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(calendar="scotland")
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["department"]})
        chase(SOON)
        found = page(place.ada, advisory)
        assert "Next: the reminder at half of the time to answer (" in found
        for calendar in ("Scotland", "England and Wales"):
            assert f"The reminder at half of the time to answer ({calendar}) to" in found
        team(place, "later", place.department, ("lil", "contact"))
        run_on(advisory, NOON)
        chase(NOON + timedelta(minutes=5))
        found = page(place.ada, advisory, NOON + timedelta(minutes=6))
        assert "to answer (England and Wales, from today 10:00 GMT)" in found
        assert "to answer (England and Wales, from today 12:" in found
        assert "to answer (Scotland) to" in found

    def test_an_officer_has_buttons_and_nobody_else(self, place: Office, chased: Advisory) -> None:
        assert "Skip, or bring forward" in page(place.ada, chased)
        assert "End the chase" in page(place.ada, chased)
        found = page(auditor(), chased)
        assert "Chased: 7 people are silent" in found
        assert "bring forward" not in found
        assert "End the chase" not in found

    def test_a_steps_own_page_says_it_of_any_step(self, place: Office, chased: Advisory) -> None:
        found = text(get(place.ada, path(chased, "chase_step", step("escalate").pk)))
        assert "It is due tomorrow 10:00 GMT, and goes to 2 people, about 2 bodies." in found
        assert "Dora, contact of A Department" in found
        assert "Tess, contact of Team" in found

    def test_and_whom_it_would_mail_brought_forward_now(self, place: Office, chased: Advisory) -> None:
        place.person("nora", place.department, "member")
        run_on(chased, at("2026-11-30 11:30"))
        url = path(chased, "chase_step", step().pk)
        found = text(get(place.ada, url))
        assert "It is due today 14:00 GMT, and goes to 8 people in 2 bodies." in found
        assert (
            "Brought forward now, it goes to 7 people in 2 bodies, leaving out whoever was written to within the last hour: "
            "Cas (A Department), Dan (A Department), Dora (A Department) and 4 more."
        ) in found
        assert (
            "Brought forward now, it is carried out tomorrow 09:00 GMT, when people are at work again; whom it mails is "
            "found then."
        ) in text(get(place.ada, path(chased, "chase_step", step(n=2).pk), at("2026-11-30 20:00")))

    def test_where_that_is_nobody_it_can_not_be_brought_forward(self, place: Office, chased: Advisory) -> None:
        url, soon = path(chased, "chase_step", step().pk), MONDAY + timedelta(minutes=30)
        answer = get(place.ada, url, soon)
        assert "Everybody who is silent was written to within the last hour: brought forward now" in text(answer)
        assert 'value="hasten"' not in answer.content.decode()
        assert 'value="skip"' in answer.content.decode()
        refused = post(place.ada, url, soon, press="hasten", reason="Hurry")
        assert "it would mail nobody. Nothing was changed." in text(refused, 422)
        assert "You had typed: Hurry" in text(refused, 422)
        # Beside what was typed to bring it forward stands no button that leaves it out.
        assert 'name="press"' not in refused.content.decode()
        assert step().hastened_by is None


class TestSteering:
    def test_skips_and_says_so(self, place: Office, chased: Advisory) -> None:
        made = post(place.ada, path(chased, "chase_step", step().pk), press="skip", reason="They meet.")
        assert (made.status_code, made["Location"]) == (302, path(chased))
        found = page(place.ada, chased)
        assert "Today 12:00 GMT: the reminder at half of the time to answer. Left out by Ada: “They meet.”" in found

    def test_brings_forward_and_says_so(self, place: Office, chased: Advisory) -> None:
        post(place.ada, path(chased, "chase_step", step().pk), press="hasten", reason="Exploited.")
        assert "brought forward by Ada: “Exploited.”" in page(place.ada, chased)
        chase(NOON)
        assert "7 people reminded; brought forward by Ada: “Exploited.”" in page(place.ada, chased)

    def test_ends_and_goes_on(self, place: Office, chased: Advisory) -> None:
        post(place.ada, path(chased, "chase_end"), press="end", reason="All rung.")
        assert fresh(chased).chase_ended_by == place.ada
        assert "It was ended by Ada" in text(get(place.ben, path(chased, "chase_end")))
        post(place.ben, path(chased, "chase_end"), press="go-on", reason="Not all.")
        assert fresh(chased).chase_ended_at is None

    @pytest.mark.parametrize("name", ["chase_step", "chase_end"])
    def test_a_form_that_was_not_taken_comes_back_with_what_was_typed(
        self, name: str, place: Office, chased: Advisory
    ) -> None:
        more = [step().pk] if name == "chase_step" else []
        press = "skip" if more else "end"
        typed = "<b>why" + "y" * 600
        made = post(place.ada, path(chased, name, *more), press=press, reason=typed)
        assert f"That has {len(typed)} characters; 500 is the most" in text(made, 422)
        assert escape(typed) in made.content.decode()
        assert "Say why in a few words" in text(
            post(place.ada, path(chased, name, *more), press=press, reason=" "), 422
        )
        assert not Record.objects.filter(kind__startswith="chase ").exists()

    def test_whoever_came_second_sees_what_the_first_did_and_keeps_their_words(
        self, place: Office, chased: Advisory
    ) -> None:
        steering.skip(step().pk, place.ada, "They meet.", SOON)
        found = text(post(place.ben, path(chased, "chase_step", step().pk), press="hasten", reason="Hurry"), 422)
        assert "That step was done already. Nothing was changed." in found
        assert "Left out by Ada: “They meet.”" in found
        assert "You had typed: Hurry" in found

    def test_whoever_ends_what_was_ended_sees_by_whom(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "First.", SOON)
        found = text(post(place.ben, path(chased, "chase_end"), press="end", reason="Second"), 422)
        assert "Ada has ended the chase already" in found
        assert "It was ended by Ada, Monday 30 November 2026, 10:10 GMT: “First.”." in found
        assert "You had typed: Second" in found

    def test_after_a_refusal_no_button_does_the_opposite_with_what_was_typed(
        self, place: Office, chased: Advisory
    ) -> None:
        url = path(chased, "chase_end")
        steering.end(chased, place.ada, "First.", SOON)
        late = post(place.ben, url, press="end", reason="Second")
        steering.go_on(chased, place.ada, "Not all.")
        later = post(place.ben, url, press="go-on", reason="Third")
        for refused in (late, later):
            html = refused.content.decode()
            assert 'name="press"' not in html
            assert "<textarea" not in html
            assert f'href="{path(chased)}"' in html.split("You had typed")[0].split("<h1>")[1]
        assert "The chase is ended" in text(late, 422)
        found = text(later, 422)
        assert "Ada has let the chase go on already. Nothing was changed." in found
        assert "Ada let it go on, " in found
        assert "“Not all.”" in found
        assert fresh(chased).chase_ended_at is None

    def test_one_that_a_colleague_brought_forward_is_not_skipped_by_a_second_press(
        self, place: Office, chased: Advisory
    ) -> None:
        steering.hasten(step().pk, place.ada, "First.", NOON)
        late = post(place.ben, path(chased, "chase_step", step().pk), press="hasten", reason="Second")
        assert "Ada has brought it forward already" in text(late, 422)
        assert 'name="press"' not in late.content.decode()

    def test_a_press_of_no_button_does_nothing(self, place: Office, chased: Advisory) -> None:
        found = text(post(place.ada, path(chased, "chase_step", step().pk), reason="x"), 422)
        assert "Press one of the buttons below" in found
        assert step().done_at is None

    def test_a_step_of_another_advisory_is_not_found_here(self, place: Office, chased: Advisory) -> None:
        other = publish(place, MONDAY, actions=[], title="Another")
        assert post(place.ada, path(other, "chase_step", step().pk), press="skip", reason="x").status_code == 404
        assert step().done_at is None

    @pytest.mark.parametrize("who", ["Dora", "Hal", "Tess", "Aud", "Ann", "Olga"])
    def test_is_for_officers_of_the_issuer_alone(self, who: str, place: Office, chased: Advisory) -> None:
        auditor()
        Person.objects.create(email="ann@example.org", written="ann@example.org", name="Ann", is_administrator=True)
        place.person("olga", place.outside, "officer")
        for url in (path(chased, "chase_step", step().pk), path(chased, "chase_end")):
            assert get(named(who), url).status_code == 403
            for press in ("skip", "hasten", "end", "go-on"):
                assert post(named(who), url, press=press, reason="x").status_code == 403
        assert not Record.objects.filter(kind__startswith="chase ").exists()

    def test_once_it_is_not_live_there_is_nothing_to_press(self, place: Office, chased: Advisory) -> None:
        stand_down(chased, place.ben, "Mended.")
        assert "is not live: nobody is chased" in text(get(place.ada, path(chased, "chase_end")))
        found = text(post(place.ada, path(chased, "chase_end"), press="end", reason="Mine"), 422)
        assert "You had typed: Mine" in found


class TestWhatWasDone:
    def test_a_step_that_found_nobody_says_no_more_than_that(self, place: Office, chased: Advisory) -> None:
        steering.hasten(step().pk, place.ada, "Quick.", NOON)
        for name in ("Cas", "Dan", "Dora", "Hal", "Tess", "Tim", "Tom"):
            answer(chased, name, NOON)
        chase(NOON)
        found = page(place.ada, chased)
        assert "the time to answer. It reached nobody; brought forward by Ada: “Quick.”" in found
        assert "left to be reminded" not in found

    def test_what_was_overtaken_says_so(self, place: Office, chased: Advisory) -> None:
        chase(at("2026-12-01 09:45"))
        assert "the reminder at half of the time to answer. Overtaken by a later one" in page(
            place.ada, chased, at("2026-12-01 09:46")
        )

    def test_of_an_earlier_text_only_what_was_carried_out(self, place: Office, chased: Advisory) -> None:
        chase(at("2026-11-30 14:00"))
        draft = update_from_file(chased, an_advisory(actions=[], what_changed="All"), place.ada, material=True)
        publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-11-30 15:00"))
        run_on(chased, at("2026-11-30 15:00"))
        chase(at("2026-11-30 15:10"))
        found = page(place.ada, chased, at("2026-11-30 15:11"))
        assert "the reminder at half of the time to answer of revision 1. 7 people reminded" in found
        assert "Overtaken" not in found

    def test_the_record_tells_the_time_to_act_and_calendars_apart(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(calendar="scotland")
        advisory = publish(place, MONDAY, actions=[{"text": "Move", "due": "P2D"}])
        chase(SOON)
        for one in ChaseStep.objects.filter(what="remind", n=2):
            steering.skip(one.pk, place.ada, "x", NOON)
        assert {one.what for one in life_of(advisory) if one.what.startswith("skipped")} == {
            "skipped reminder 2 to act of the chase",
            "skipped reminder 2 to answer (Scotland) of the chase",
            "skipped reminder 2 to answer (England and Wales) of the chase",
        }

    def test_the_pieces_of_one_step_are_one_entry_of_its_life(self, place: Office, chased: Advisory) -> None:
        for people in (500, 500, 12):
            Record.objects.create(
                kind="to be reminded", subject=chased.reference, details={"step": 9, "n": 1, "people": people}
            )
        assert [one.what for one in life_of(chased)].count("reminder 1: 1,012 people to be reminded") == 1

    def test_however_long_it_is_chased_its_own_life_is_all_there(self, place: Office, chased: Advisory) -> None:
        Record.objects.bulk_create(
            Record(kind="chased", subject=chased.reference, details={"messages": n}) for n in range(300)
        )
        said = [one.what for one in life_of(chased)]
        assert "published revision 1, material" in said
        assert "began a draft" in said


class TestHeldBack:
    def test_says_how_many_and_what_a_day_bears(
        self, place: Office, chased: Advisory, settings: SettingsWrapper
    ) -> None:
        assert "at most 3 mails of the chase a day, over all advisories" in page(place.ada, chased)
        assert "No reminder about this one was held back." in page(place.ada, chased)
        settings.CHASE_MAILS_A_DAY = 0
        chase(at("2026-11-30 14:00"))
        assert Nudge.objects.filter(state="held-back").count() == 7
        found = page(place.ada, chased, at("2026-11-30 14:01"))
        assert "7 reminders about this one were held back so: the next step asks those people again." in found


class TestLive:
    def test_nothing_new_is_204_and_a_step_an_answer_or_an_end_is_the_page(
        self, place: Office, chased: Advisory
    ) -> None:
        def news(when: datetime = NOON) -> int:
            html = get(place.ada, path(chased), NOON).content.decode()
            poll = html.split('id="chase" hx-get="')[1].split('"')[0].replace("&amp;", "&")
            assert get(place.ada, poll, NOON).status_code == 204
            for act in acts:
                act()
            return int(get(place.ada, poll, when).status_code)

        acts: list[Any] = []
        assert news() == 204
        assert news(NOON + timedelta(minutes=119)) == 204
        assert news(NOON + timedelta(hours=2)) == 200  # it is due now
        acts = [lambda: answer(chased, "Tim", NOON)]
        assert news() == 200
        acts = [lambda: steering.skip(step().pk, place.ada, "x", NOON)]
        assert news() == 200
        acts = [lambda: steering.end(chased, place.ada, "x", NOON)]
        assert news() == 200
        acts = [lambda: steering.go_on(chased, place.ada, "x")]
        assert news() == 200

    def test_the_part_is_the_page_without_its_head(self, place: Office, chased: Advisory) -> None:
        html = get(place.ada, path(chased, "chase_live") + "?seen=x").content.decode()
        assert html.startswith('<div id="chase"')
        assert "<h1" not in html


@pytest.fixture
def odd(place: Office, chased: Advisory) -> Advisory:
    """Bodies and people with the longest names, escalated, skipped, hastened and held back."""
    Body.objects.update(name=LONG[:200])
    Person.objects.exclude(pk__in=[place.ada.pk, place.ben.pk]).update(name=LONG[:200])
    steering.skip(step().pk, place.ada, LONG, SOON)
    minutes(SOON, TUESDAY, every=5)
    steering.hasten(step("escalate", 2).pk, place.ada, LONG, TUESDAY)
    return chased


@pytest.fixture
def on_tuesday() -> Iterator[None]:
    with time_machine.travel(TUESDAY + timedelta(minutes=1), tick=True):
        yield


def test_what_follows_by_itself_does_not_loop(place: Office, chased: Advisory) -> None:
    html = get(place.ada, path(chased)).content.decode()
    assert f'hx-trigger="every {chase_page.EVERY}s"' in html


def test_it_can_be_read_by_anybody(place: Office, odd: Advisory, on_tuesday: None, live_server: LiveServer) -> None:
    place.person("olga", place.outside, "member")
    empty = publish(place, TUESDAY, actions=[], title="Empty", audience={"branches": ["committee"]})
    people = {"people": ["cas@example.org"]}
    red = {"title": LONG[:150], "severity": "critical", "exercise": True, "marking": "RED", "audience": people}
    dark = publish(place, TUESDAY, actions=[], **red)
    steered = path(odd, "chase_step", step("remind", 6).pk)
    theirs = [path(one) for one in (odd, empty, dark)]
    theirs += [
        steered,
        path(odd, "chase_step", ChaseStep.objects.filter(clock__advisory=odd, n=1, what="remind").get().pk),
        path(odd, "chase_end"),
    ]
    theirs += [path(odd, "people_of", Relay.objects.get(advisory=odd, body__slug="team").pk), reverse("estate")]
    tess = signed_in(Person.objects.get(email="tess@example.org")).cookies["sessionid"].value
    ada = signed_in(place.ada).cookies["sessionid"].value
    for cookie, pages in ((tess, [path(odd)]), (ada, theirs)):
        with open_page() as browser:
            browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            for url in pages:
                assert faults_in_every_look(browser, live_server.url + url) == []
                assert browser.locator("main h1").count() == 1
            if cookie == ada:
                browser.goto(live_server.url + steered)
                browser.get_by_role("button", name="Skip it").click()
                assert browser.get_by_role("alert").is_visible()
                assert faults_in_every_look(browser, "") == []
                browser.get_by_label("Why?").fill("Enough.")
                browser.get_by_role("button", name="Skip it").click()
                browser.wait_for_url("**" + path(odd))
                assert browser.get_by_text("Skipped: nobody is mailed by it").is_visible()
