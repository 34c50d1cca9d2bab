"""What the chase says of mails that wait: it was told of nobody whose mail did not leave, and of no time at which none does."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from alerts.chasing import outlook, steering
from alerts.models import Advisory, ChaseStep, Clock, Nudge
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.web import chase_words
from departments.models import Body
from tests.chased import answer, at, chase, publish, run_on, team
from tests.clients import signed_in
from tests.office import Office, an_advisory

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db

MONDAY = at("2026-11-30 10:00")


@pytest.fixture
def place(office: Office) -> Office:
    office.person("dora", office.department, "contact")
    team(office, "team", office.department, ("tess", "contact"), ("tom", "member"))
    return office


def first(advisory: Advisory, kind: str = "answer") -> ChaseStep:
    return ChaseStep.objects.get(clock__advisory=advisory, clock__kind=kind, what="remind", n=1)


def holding(place: Office, when: str, hours: int) -> Advisory:
    """Published at that moment; the department holds it for so long."""
    Body.objects.filter(pk=place.department.pk).update(policy="hold", hold_hours=hours)
    advisory = publish(place, at(when), actions=[], audience={"branches": ["department"]})
    chase(at(when) + timedelta(minutes=1))
    return advisory


class TestHolds:
    def test_by_day_whoever_holds_it_is_reminded_twice(self, place: Office) -> None:
        advisory = holding(place, "2026-11-30 10:00", 4)
        assert chase(at("2026-11-30 12:00")) == [("reminder", "Dora")]
        assert [one.n for one in ChaseStep.objects.filter(clock__advisory=advisory, clock__kind="hold")] == [1, 2]

    @pytest.mark.parametrize("when", ["2026-11-30 18:00", "2026-11-28 11:00"], ids=["at night", "on a Saturday"])
    def test_no_reminder_is_planned_that_would_leave_after_it_went_on(self, place: Office, when: str) -> None:
        advisory = holding(place, when, 4)
        assert Clock.objects.filter(advisory=advisory, kind="hold").exists()
        assert not ChaseStep.objects.filter(clock__advisory=advisory, clock__kind="hold").exists()


class TestWhomItReached:
    def test_those_whose_mail_waits_are_not_said_to_be_reminded(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        assert len(chase(at("2026-11-30 14:00"))) == 2
        step = first(advisory)
        assert chase_words.did(step, waiting(step)) == "2 people reminded"
        Nudge.objects.filter(step=step, person__name="Tom").update(state="waiting", message=None)
        assert chase_words.did(step, waiting(step)) == "1 person reminded and 1 more is reminded when they are at work"
        Nudge.objects.filter(step=step).update(state="waiting", message=None)
        assert chase_words.did(step, waiting(step)) == "2 people are reminded when they are at work"
        assert chase_words.did(step, 2, critical=True) == "2 people are reminded within a minute"

    def test_those_whom_a_day_bears_no_more_for_are_not_among_them(
        self, place: Office, settings: SettingsWrapper
    ) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        settings.CHASE_MAILS_A_DAY = 0
        assert chase(at("2026-11-30 14:00")) == []
        assert first(advisory).people == 0

    def test_nor_those_who_answered_before_it_left(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=MONDAY)
        assert chase(at("2026-11-30 14:00")) == []
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=None)
        step = first(advisory)
        Nudge.objects.bulk_create(
            Nudge(step=step, recipient=one, person=one.person, at=at("2026-11-30 13:59"))
            for one in advisory.recipients.select_related("person")
        )
        ChaseStep.objects.filter(pk=step.pk).update(people=2, done_at=at("2026-11-30 13:59"))
        answer(advisory, "Tom", at("2026-11-30 14:00"))
        assert ("reminder", "Tess") in chase(at("2026-11-30 14:01"))
        assert first(advisory).people == 1


def waiting(step: ChaseStep) -> int:
    return outlook.waiting([step]).get(step.pk, 0)


class TestNext:
    def test_what_waits_for_working_hours_is_said_to_be_then(self, place: Office) -> None:
        advisory = publish(place, MONDAY, actions=[], acknowledge_within="PT7H", audience={"branches": ["team"]})
        chase(MONDAY + timedelta(minutes=1))
        # Their time is up as their day ends, and its mails leave as the next one begins.
        end = ChaseStep.objects.get(clock__advisory=advisory, what="remind", n=3)
        assert end.due_at == at("2026-11-30 17:00")
        assert chase_words.due(end, MONDAY) == "tomorrow 09:00 GMT"

    def test_what_leaves_first_is_first_though_another_is_due_before(self, place: Office) -> None:
        Body.objects.filter(slug="team").update(policy="hold", hold_hours=72)
        friday = at("2026-11-27 16:30")
        advisory = publish(place, friday, actions=[], severity="medium", audience={"branches": ["department"]})
        chase(friday + timedelta(minutes=1))
        saturday = at("2026-11-28 11:00")
        advisory.refresh_from_db()
        steering.hasten(first(advisory).pk, place.ada, "Now", saturday)
        coming = outlook.to_come(advisory, saturday)
        assert coming[0].due_at == saturday
        assert coming[0].clock.kind == "answer"
        assert [outlook.in_order(one, saturday)[0] for one in coming] == sorted(
            outlook.in_order(one, saturday)[0] for one in coming
        )
        assert outlook.next_steps([advisory.pk], saturday)[advisory.pk] == coming[0]


class TestAnUpdate:
    """Everybody is asked anew: what was asked before is over at once, on the page as well."""

    @pytest.fixture
    def updated(self, place: Office) -> Advisory:
        advisory = publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
        chase(MONDAY + timedelta(minutes=1))
        steering.hasten(first(advisory).pk, place.ada, "A call from the minister", MONDAY + timedelta(hours=3))
        draft = update_from_file(advisory, an_advisory(actions=[], what_changed="All"), place.ada, material=True)
        publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-11-30 13:00"))
        return advisory

    def page(self, place: Office, advisory: Advisory, when: datetime) -> str:
        with time_machine.travel(when, tick=False):
            html = signed_in(place.ada).get(f"/advisories/{advisory.reference}/chase/").content.decode()
        return " ".join(re.sub(r"<[^>]+>", " ", html).split())

    def test_no_clock_and_no_step_of_it_stands_there_any_more(self, place: Office, updated: Advisory) -> None:
        said = self.page(place, updated, at("2026-11-30 13:00"))
        assert "Its clocks begin within a minute." in said
        assert "To come" not in said

    def test_what_was_brought_forward_for_nothing_is_said(self, place: Office, updated: Advisory) -> None:
        run_on(updated, at("2026-11-30 13:00"))
        chase(at("2026-11-30 13:02"))
        said = self.page(place, updated, at("2026-11-30 13:03"))
        assert "To come" in said
        assert "Overtaken by a later one; brought forward by Ada: “A call from the minister”" in said
