"""The chase at its edges: what happens in the middle of a step, across people's changes, and to promises."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import time_machine

from alerts.cascading.cascade import cascade
from alerts.chasing.tending import tend
from alerts.models import (
    Acknowledgement,
    ActionAnswer,
    Advisory,
    Escalation,
    Recipient,
    Relay,
)
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from departments.models import Body, Membership, Person, Remit, Topic
from tests.chased import LONDON, answer, at, chase, minutes, publish, run_on, team
from tests.office import Office, an_advisory

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = at("2026-11-30 10:00")
MOVE = {"text": "Move", "due": "P2D", "key": "move"}
COUNT = {"text": "Count", "due": "P2D", "of": "body", "key": "count"}


@pytest.fixture
def place(office: Office) -> Office:
    """A department with a contact, a deputy and a head, and a team below it with a contact and two members."""
    for name, role in (("dora", "contact"), ("dan", "deputy"), ("hal", "head")):
        office.person(name, office.department, role)
    team(office, "team", office.department, ("tess", "contact"), ("tim", "member"), ("tom", "member"))
    return office


def when(found: list[tuple[datetime, str, str]], kind: str, name: str) -> list[str]:
    return [f"{moment.astimezone(LONDON):%a %H:%M}" for moment, is_of, who in found if is_of == kind and who == name]


def promised(
    advisory: Advisory, name: str, key: str, day: date, of: str = "", on: datetime = MONDAY
) -> Acknowledgement:
    """They answer, and say that an action will be done by a day; `of`: for which body (its slug)."""
    said = answer(advisory, name, on)
    assert advisory.current is not None
    relay = Relay.objects.get(advisory=advisory, body__slug=of) if of else None
    action = advisory.current.actions.get(key=key)
    ActionAnswer.objects.create(acknowledgement=said, action=action, relay=relay, choice="by", by_date=day)
    return said


class TestLadder:
    def test_nobody_on_it_is_left_out_because_somebody_below_them_left_meanwhile(self, place: Office) -> None:
        team(
            place,
            "unit",
            place.department,
            ("una", "contact"),
            ("udo", "deputy"),
            ("una-head", "head"),
            ("ugo", "member"),
        )
        publish(place, MONDAY, actions=[], audience={"branches": ["unit"]})
        minutes(MONDAY, at("2026-12-01 11:00"))
        assert {one.person.name for one in Escalation.objects.all()} == {"Una"}
        Person.objects.filter(name="Una").update(left_at=at("2026-12-01 11:00"))
        Membership.objects.filter(person__name="Una").update(until=at("2026-12-01 11:00"))
        found = minutes(at("2026-12-01 11:30"), at("2026-12-01 15:00"))
        assert [name for _, kind, name in found if kind == "escalation"] == ["Udo"]

    def test_a_contact_who_was_named_after_the_deputies_were_told_is_told_with_the_next_rung(
        self, place: Office
    ) -> None:
        unit = team(place, "unit", place.department, ("udo", "deputy"), ("uma", "head"), ("ugo", "member"))
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["unit"]})
        assert "Udo" in {name for _, kind, name in minutes(MONDAY, at("2026-12-01 11:00")) if kind == "escalation"}
        place.person("una", unit, "contact")
        run_on(advisory, at("2026-12-01 11:00"))
        found = minutes(at("2026-12-01 11:30"), at("2026-12-01 19:00"))
        assert when(found, "escalation", "Una") == ["Tue 14:00"]
        assert when(minutes(at("2026-12-02 08:00"), at("2026-12-02 10:00")), "escalation", "Una") == []

    def test_goes_on_where_the_advisory_had_expired_meanwhile(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        minutes(MONDAY, at("2026-12-01 11:00"))
        Advisory.objects.filter(pk=advisory.pk).update(state="expired")
        assert not minutes(at("2026-12-01 11:30"), at("2026-12-02 12:00"))
        Advisory.objects.filter(pk=advisory.pk).update(state="live")
        found = minutes(at("2026-12-02 12:30"), at("2026-12-02 13:00"))
        assert {name for _, kind, name in found if kind == "escalation"} == {"Dora", "Dan"}

    def test_asks_nothing_of_a_body_before_its_own_people_were_told(self, place: Office) -> None:
        # The department is passed through until it has the remit, days after the time of the others was up.
        topic = Topic.objects.get(slug="china")
        Remit.objects.create(body=Body.objects.get(slug="team"), topic=topic)
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["department"], "topics": ["china"]})
        chase(MONDAY + timedelta(minutes=10))
        assert Relay.objects.get(advisory=advisory, body=place.department).purpose == "between"
        Remit.objects.create(body=place.department, topic=topic)
        late = at("2026-12-03 11:00")
        run_on(advisory, late)
        assert Relay.objects.get(advisory=advisory, body=place.department).purpose == "target"
        chase(late + timedelta(minutes=1))
        assert not Escalation.objects.filter(relay__body=place.department).exists()

    def test_after_a_stop_nobody_is_reported_silent_before_anything_was_sent_to_them(self, place: Office) -> None:
        revision = publish_draft(
            place.draft(actions=[], audience={"branches": ["team"]}), place.ben, accept_gaps="otherwise", now=MONDAY
        )
        advisory = revision.advisory
        while not cascade(advisory.pk):
            pass
        chase_only(MONDAY + timedelta(minutes=6))
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=MONDAY + timedelta(minutes=7))
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=None)
        chase_only(at("2026-12-03 11:00"))
        assert not Escalation.objects.exists()


def chase_only(moment: datetime) -> None:
    """A look of the chase while nothing leaves."""
    with time_machine.travel(moment, tick=False):
        assert tend(moment)


class TestPromises:
    def test_come_back_the_next_day_where_a_day_bore_no_more_mails(
        self, place: Office, settings: SettingsWrapper
    ) -> None:
        advisory = publish(place, MONDAY, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        promised(advisory, "Tom", "move", date(2026, 12, 4))
        settings.CHASE_MAILS_A_DAY = 0
        assert ("reminder", "Tom") not in chase(at("2026-12-04 10:00"))
        settings.CHASE_MAILS_A_DAY = 3
        assert ("reminder", "Tom") in chase(at("2026-12-07 10:00"))

    def test_made_for_a_saturday_come_back_on_monday_morning_once(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        promised(advisory, "Tom", "move", date(2026, 12, 5))
        answer_all(advisory, "Tess", "Tim")
        found = minutes(at("2026-12-04 09:00"), at("2026-12-08 12:00"))
        assert when(found, "reminder", "Tom") == ["Mon 09:00"]

    def test_made_for_the_same_day_come_back_the_next_morning_and_not_a_moment_later(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        answer_all(advisory, "Tess", "Tim")
        promised(advisory, "Tom", "move", date(2026, 12, 2), on=at("2026-12-02 15:00"))
        found = minutes(at("2026-12-02 15:00"), at("2026-12-04 12:00"))
        assert when(found, "reminder", "Tom") == ["Thu 09:00"]

    def test_are_made_on_the_day_that_it_is_in_london(self, place: Office) -> None:
        start = at("2026-06-01 10:00")
        advisory = publish(place, start, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        answer_all(advisory, "Tess", "Tim")
        # Half past midnight there, when it is the day before in UTC.
        promised(advisory, "Tom", "move", date(2026, 6, 3), on=at("2026-06-03 00:30"))
        found = minutes(at("2026-06-03 08:30"), at("2026-06-04 12:00"))
        assert when(found, "reminder", "Tom") == ["Thu 09:00"]

    def test_of_what_is_asked_no_more_never_come_back(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        promised(advisory, "Tom", "move", date(2026, 12, 4))
        draft = update_from_file(advisory, an_advisory(actions=[], what_changed="Less"), place.ada, material=False)
        publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-12-01 10:00"))
        run_on(advisory, at("2026-12-01 10:00"))
        assert ("reminder", "Tom") not in minutes_of(at("2026-12-04 09:00"), at("2026-12-04 12:00"))

    def test_of_whoever_is_in_no_body_of_it_any_more_never_come_back(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{**MOVE, "due": "P20D"}], audience={"branches": ["team"]})
        promised(advisory, "Tom", "move", date(2026, 12, 4))
        Membership.objects.filter(person__name="Tom").update(until=at("2026-12-01 10:00"))
        Membership.objects.create(person=Person.objects.get(name="Tom"), body=place.outside, role="member")
        run_on(advisory, at("2026-12-01 10:00"))
        assert ("reminder", "Tom") not in minutes_of(at("2026-12-04 09:00"), at("2026-12-04 12:00"))

    def test_for_a_body_come_back_to_whoever_answers_for_it_then(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[{**COUNT, "due": "P20D"}], audience={"branches": ["team"]})
        promised(advisory, "Tess", "count", date(2026, 12, 4), "team")
        answer_all(advisory, "Tim", "Tom")
        place.person("tara", Body.objects.get(slug="team"), "contact")
        Person.objects.filter(name="Tess").update(left_at=at("2026-12-01 10:00"))
        Membership.objects.filter(person__name="Tess").update(until=at("2026-12-01 10:00"))
        run_on(advisory, at("2026-12-01 10:00"))
        answer(advisory, "Tara", at("2026-12-01 11:00"))
        assert minutes_of(at("2026-12-04 09:00"), at("2026-12-04 12:00")) == [("reminder", "Tara")]


def minutes_of(start: datetime, end: datetime) -> list[tuple[str, str]]:
    return [(kind, name) for _, kind, name in minutes(start, end)]


def answer_all(advisory: Advisory, *names: str) -> None:
    for name in names:
        answer(advisory, name, MONDAY)


class TestSeveralSeats:
    def test_somebody_in_two_bodies_is_reminded_on_the_clock_that_ends_last(self, place: Office) -> None:
        place.department.calendar = "scotland"
        place.department.save()
        Membership.objects.create(person=Person.objects.get(name="Tom"), body=place.department, role="member")
        publish(place, MONDAY, actions=[])
        found = minutes(MONDAY, at("2026-12-02 12:00"))
        # St Andrew's Day: the department's time begins on Tuesday, and Tom's mail names that time.
        assert when(found, "reminder", "Tom") == ["Tue 13:00", "Tue 16:30", "Wed 09:00"]

    def test_where_one_answer_is_enough_the_other_body_is_chased_all_the_same(self, place: Office) -> None:
        place.department.calendar = "scotland"
        place.department.save()
        Membership.objects.create(person=Person.objects.get(name="Tom"), body=place.department, role="member")
        advisory = publish(place, MONDAY, actions=[], rule="any")
        answer(advisory, "Dora", MONDAY)
        found = minutes(MONDAY, at("2026-11-30 15:00"))
        assert when(found, "reminder", "Tom") == ["Mon 14:00"]


class TestDigests:
    def test_do_not_ask_where_one_answer_of_their_body_was_enough(self, place: Office) -> None:
        covered = publish(place, MONDAY, actions=[], rule="any", title="One is enough", audience={"branches": ["team"]})
        publish(place, MONDAY, actions=[], title="All", audience={"branches": ["team"]})
        answer(covered, "Tim", MONDAY)
        chase(MONDAY + timedelta(minutes=10))
        found = chase(at("2026-11-30 14:30"))
        assert ("reminder", "Tom") in found
        assert ("digest", "Tom") not in found

    def test_say_nothing_of_an_advisory_whose_chase_was_ended(self, place: Office) -> None:
        ended = publish(place, MONDAY, actions=[], title="Ended", audience={"branches": ["team"]})
        publish(place, MONDAY, actions=[], title="All", audience={"branches": ["team"]})
        Advisory.objects.filter(pk=ended.pk).update(
            chase_ended_at=MONDAY, chase_ended_by=place.ada, chase_ended_why="Enough"
        )
        chase(MONDAY + timedelta(minutes=10))
        assert ("digest", "Tom") not in chase(at("2026-11-30 14:30"))


class TestAsksForHelp:
    def test_whoever_needs_help_is_not_reminded_to_answer(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        assert advisory.current is not None
        recipient = Recipient.objects.get(advisory=advisory, person__name="Tom")
        Acknowledgement.objects.create(
            recipient=recipient, revision=advisory.current, at=MONDAY, read="help", form_id=uuid4(), suspect=[]
        )
        Recipient.objects.filter(pk=recipient.pk).update(answered_revision=1, needs_help=True)
        assert not when(minutes(MONDAY, at("2026-12-01 12:00")), "reminder", "Tom")
