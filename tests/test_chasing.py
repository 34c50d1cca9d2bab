"""The chase: reminders on the clock, then the ladder; each mail once, in hours, and never to whom it does not concern."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from alerts.models import Advisory, ChaseStep, Clock, Escalation, Message, Nudge, Record, Relay
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from departments.models import Body, Membership, Person
from tests.chased import LONDON, answer, at, chase, hand_over, minutes, publish, run_on, team
from tests.office import Office, an_advisory

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = at("2026-11-30 10:00")


@pytest.fixture
def place(office: Office) -> Office:
    """A department with a contact, a deputy and a head, and a team below it with a contact and two members."""
    for name, role in (("dora", "contact"), ("dan", "deputy"), ("hal", "head")):
        office.person(name, office.department, role)
    team(office, "team", office.department, ("tess", "contact"), ("tim", "member"), ("tom", "member"))
    return office


def told_when(found: list[tuple[datetime, str, str]], kind: str, name: str) -> list[str]:
    """When somebody had a mail of this kind."""
    return [f"{when.astimezone(LONDON):%a %H:%M}" for when, is_of, who in found if is_of == kind and who == name]


class TestReminders:
    def test_come_at_half_at_nine_tenths_at_the_end_and_then_daily_to_a_cap(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        answer(advisory, "Tim", MONDAY)
        found = minutes(MONDAY, MONDAY + timedelta(days=14))
        # P1D from Monday 10:00 is Tuesday 10:00: eight hours of work.
        assert told_when(found, "reminder", "Tom") == [
            "Mon 14:00", "Tue 09:30", "Tue 10:00", "Wed 10:00", "Thu 10:00", "Fri 10:00", "Mon 10:00", "Tue 10:00",
        ]  # fmt: skip
        assert not told_when(found, "reminder", "Tim")

    def test_never_reach_whoever_left_or_is_out_of_reach(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        Person.objects.filter(name="Tom").update(left_at=MONDAY)
        Person.objects.filter(name="Tim").update(bounced_at=MONDAY)
        advisory.recipients.filter(person__name="Tess").update(outcome="bounced")
        reached = {name for _, kind, name in minutes(MONDAY, MONDAY + timedelta(days=3)) if kind == "reminder"}
        assert reached == {"Cas", "Dora", "Dan", "Hal"}

    def test_are_not_sent_at_night_nor_on_bank_holidays_of_the_bodys_own_country(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(calendar="scotland")
        # St Andrew's Day is the Monday: in Scotland time begins on Tuesday.
        publish(place, MONDAY, actions=[])
        found = minutes(MONDAY, MONDAY + timedelta(days=2))
        assert told_when(found, "reminder", "Cas") == ["Mon 14:00", "Tue 09:30", "Tue 10:00", "Wed 10:00"]
        assert told_when(found, "reminder", "Tom") == ["Tue 13:00", "Tue 16:30", "Wed 09:00"]

    def test_of_a_critical_one_come_round_the_clock(self, place: Office) -> None:
        found = minutes(
            at("2026-10-24 23:00"),
            (publish(place, at("2026-10-24 23:00"), severity="critical", actions=[]).published_at or MONDAY)
            + timedelta(hours=5),
            every=12,
        )
        # Four hours across the end of summer time: 23:00 BST and four hours are 02:00 GMT.
        assert told_when(found, "reminder", "Tom") == ["Sun 01:00", "Sun 01:36", "Sun 02:00"]

    def test_what_is_late_is_done_once(self, place: Office) -> None:
        publish(place, MONDAY, actions=[])
        chase(MONDAY + timedelta(minutes=10))
        found = [row for row in chase(at("2026-12-04 15:00")) if row[0] == "reminder"]
        assert found == [("reminder", name) for name in ("Cas", "Dan", "Dora", "Hal", "Tess", "Tim", "Tom")]
        assert not chase(at("2026-12-04 15:01"))
        assert ChaseStep.objects.filter(what="remind", overtaken=True, clock__kind="answer").count() == 5

    def test_leave_out_whoever_was_told_a_moment_ago(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        chase(MONDAY + timedelta(minutes=10))
        place.person("nora", Body.objects.get(slug="team"), "member")
        run_on(advisory, at("2026-11-30 13:45"))
        assert ("reminder", "Nora") not in chase(at("2026-11-30 14:30"))

    def test_whoever_was_told_late_has_a_clock_of_their_own(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        chase(MONDAY + timedelta(minutes=10))
        place.person("nora", Body.objects.get(slug="team"), "member")
        run_on(advisory, at("2026-12-02 12:00"))
        found = minutes(at("2026-12-02 12:00"), at("2026-12-04 12:00"))
        assert told_when(found, "reminder", "Nora") == ["Wed 16:00", "Thu 11:30", "Thu 12:00", "Fri 12:00"]
        assert told_when(found, "reminder", "Tom") == ["Wed 12:00", "Thu 10:00", "Fri 10:00"]

    def test_an_update_begins_anew_and_nothing_of_the_old_text_is_asked(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        chase(MONDAY + timedelta(minutes=10))
        assert Clock.objects.filter(advisory=advisory).count() == 1
        draft = update_from_file(advisory, an_advisory(actions=[], what_changed="All"), place.ada, material=True)
        publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-11-30 13:00"))
        run_on(advisory, at("2026-11-30 13:00"))
        found = minutes(at("2026-11-30 13:00"), at("2026-12-01 14:00"))
        assert told_when(found, "reminder", "Tom") == ["Tue 09:00", "Tue 12:30", "Tue 13:00"]


class TestClocks:
    def test_ends_at_the_very_moment_that_the_mail_named(self, place: Office) -> None:
        advisory = publish(place, at("2026-11-30 10:02") + timedelta(seconds=20), actions=[])
        chase(at("2026-11-30 10:06"))
        clock = Clock.objects.get(advisory=advisory)
        assert clock.starts_at == at("2026-11-30 10:03")
        assert clock.by == advisory.acknowledge_by == at("2026-12-01 10:02") + timedelta(seconds=20)


class TestDigest:
    def test_of_several_that_wait_there_is_one_mail(self, place: Office) -> None:
        first = publish(place, MONDAY, actions=[])
        second = publish(place, MONDAY, actions=[], title="Another")
        answer(second, "Tim", MONDAY)
        chase(MONDAY + timedelta(minutes=10))
        found = chase(at("2026-11-30 14:30"))
        assert ("digest", "Tom") in found
        assert ("reminder", "Tom") not in found
        assert ("reminder", "Tim") in found
        digest = Message.objects.get(kind="digest", person__name="Tom")
        assert {one.recipient.advisory_id for one in digest.nudges.all()} == {first.pk, second.pk}


class TestQuiet:
    def test_a_day_bears_so_many_mails_and_what_was_held_back_is_in_the_record(
        self, place: Office, settings: SettingsWrapper
    ) -> None:
        settings.CHASE_MAILS_A_DAY = 1
        publish(place, at("2026-11-30 09:00"), actions=[])
        found = minutes(at("2026-11-30 09:00"), at("2026-12-01 18:00"))
        assert told_when(found, "reminder", "Tom") == ["Mon 13:00", "Tue 09:00"]
        assert Nudge.objects.filter(person__name="Tom", state="held-back").count() == 1
        assert Record.objects.filter(kind="reminders held back").exists()

    def test_a_critical_one_leaves_all_the_same(self, place: Office, settings: SettingsWrapper) -> None:
        settings.CHASE_MAILS_A_DAY = 0
        publish(place, MONDAY, severity="critical", actions=[])
        found = minutes(MONDAY, at("2026-11-30 14:30"), every=12)
        assert told_when(found, "reminder", "Tom") == ["Mon 12:00", "Mon 13:36", "Mon 14:00"]


class TestLadder:
    def test_climbs_from_the_contact_to_the_issuer_each_step_after_its_own_time(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        answer(advisory, "Tess", MONDAY)
        answer(advisory, "Tim", MONDAY)
        found = [row for row in minutes(MONDAY, MONDAY + timedelta(days=9)) if row[1] == "escalation"]
        assert [(f"{when.astimezone(LONDON):%a %H:%M}", name) for when, _, name in found] == [
            ("Tue 10:00", "Tess"),
            ("Tue 14:00", "Dan"), ("Tue 14:00", "Dora"),
            ("Wed 10:00", "Hal"),
            ("Wed 14:00", "Ada"), ("Wed 14:00", "Ben"),
        ]  # fmt: skip
        assert set(Escalation.objects.values_list("silent", flat=True)) == {1}

    def test_one_mail_a_step_and_person_however_many_bodies_are_silent(self, place: Office) -> None:
        for number in range(5):
            team(place, f"silent-{number}", place.department, (f"member-{number}", "member"))
        publish(place, MONDAY, actions=[])
        found = [row for row in minutes(MONDAY, at("2026-12-01 11:00")) if row[1] == "escalation"]
        # No team of the five has a contact: its first rung is the department's.
        assert [name for _, _, name in found].count("Dora") == 1
        assert Escalation.objects.filter(person__name="Dora").count() == 6

    def test_a_dark_body_climbs_too(self, place: Office) -> None:
        team(place, "dark", place.department)
        publish(place, MONDAY, actions=[])
        minutes(MONDAY, at("2026-12-01 11:00"))
        raised = Escalation.objects.filter(relay__body__slug="dark")
        assert {(one.person.name, one.silent) for one in raised} == {("Dora", 0), ("Dan", 0)}

    def test_stops_where_everybody_has_answered(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        minutes(MONDAY, at("2026-12-01 11:00"))
        for name in ("Tess", "Tim", "Tom"):
            answer(advisory, name, at("2026-12-01 11:30"))
        assert not minutes(at("2026-12-01 12:00"), at("2026-12-07 12:00"))

    def test_at_red_nobody_learns_of_it_who_was_not_told(self, place: Office) -> None:
        red = {"marking": "RED", "audience": {"people": ["tom@example.org", "hal@example.org"]}}
        publish(place, MONDAY, actions=[], **red)
        found = {name for _, kind, name in minutes(MONDAY, MONDAY + timedelta(days=9)) if kind == "escalation"}
        assert found == {"Hal", "Ada", "Ben"}

    def test_where_one_answer_is_enough_nobody_is_chased_further(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], rule="any", audience={"branches": ["team"]})
        answer(advisory, "Tim", MONDAY)
        assert not minutes(MONDAY, MONDAY + timedelta(days=5))

    def test_the_ladder_is_that_of_the_relays_as_the_warning_passed(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        chase(MONDAY + timedelta(minutes=10))
        elsewhere = team(place, "elsewhere", place.government, ("eve", "contact"))
        Body.objects.filter(slug="team").update(parent=elsewhere)
        run_on(advisory, MONDAY + timedelta(minutes=20))
        minutes(at("2026-12-01 09:00"), at("2026-12-01 15:00"))
        assert not Escalation.objects.filter(person__name="Eve").exists()
        assert Escalation.objects.filter(person__name="Dora").exists()


class TestSteps:
    def test_twice_late_and_over_a_stop_nothing_is_doubled(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        found = []
        for row in minutes(MONDAY, at("2026-12-01 12:00"), every=60):
            found.append(row)
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=at("2026-12-01 12:00"))
        assert not minutes(at("2026-12-01 13:00"), at("2026-12-03 12:00"))
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=None)
        later = chase(at("2026-12-03 13:00"))
        assert later.count(("reminder", "Tom")) == 1
        assert not chase(at("2026-12-03 13:00"))

    def test_holding_contacts_are_reminded_before_it_goes_on_by_itself(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(policy="hold", hold_hours=4)
        publish(place, MONDAY, actions=[])
        assert Relay.objects.get(body__slug="team").state == "held"
        found = minutes(MONDAY, at("2026-11-30 11:00"), every=6)
        assert told_when(found, "reminder", "Tess") == ["Mon 10:30", "Mon 10:54"]
        assert not told_when(found, "reminder", "Tom")

    def test_an_action_has_a_clock_of_its_own(self, place: Office) -> None:
        advisory = publish(
            place, MONDAY, actions=[{"text": "Move", "due": "P2D"}, {"text": "Count", "due": "P2D", "of": "body"}]
        )
        for name in ("Tess", "Tim", "Tom", "Cas", "Dora", "Dan", "Hal"):
            answer(advisory, name, MONDAY)
        advisory.recipients.filter(person__name="Tim").update(acted_revision=1)
        found = minutes(MONDAY, at("2026-12-02 12:00"))
        assert told_when(found, "reminder", "Tom") == ["Tue 16:30", "Wed 10:00"]
        assert not told_when(found, "reminder", "Tim")
        # The contact is asked for the body's as well as for her own.
        assert told_when(found, "reminder", "Tess") == ["Tue 16:30", "Wed 10:00"]
        assert told_when(found, "escalation", "Tess") == ["Wed 10:00"]

    def test_what_was_published_before_there_was_a_chase_is_left_alone(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[])
        Advisory.objects.filter(pk=advisory.pk).update(acknowledge_within=None)
        assert not minutes(MONDAY, at("2026-12-02 12:00"), every=120)

    def test_out_of_hours_contacts_hear_of_critical_ones_alone(self, place: Office) -> None:
        night = place.person("nell", Body.objects.get(slug="team"), "contact")
        Membership.objects.filter(person=night).update(hours="out")
        publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        minutes(MONDAY, at("2026-12-01 11:00"))
        assert not Escalation.objects.filter(person=night).exists()
        assert hand_over(MONDAY) == []
