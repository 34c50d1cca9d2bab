"""What was promised for a day after the due and is not done by then is chased anew, and climbs."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from alerts.chasing import outlook
from alerts.chasing.tending import tend
from alerts.delivery.deliver import deliver
from alerts.models import ActionAnswer, Advisory, ChaseStep, Clock, Relay
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.web import chase_words
from departments.models import Person
from tests.chased import LONDON, answer, at, chase, minutes, publish, run_on, team
from tests.office import Office, an_advisory
from tests.smtp import Server

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db

MONDAY = at("2026-11-30 10:00")
MOVE = {"text": "Move", "due": "P2D", "key": "move"}
COUNT = {"text": "Count", "due": "P2D", "of": "body", "key": "count"}
FRIDAY = date(2026, 12, 4)


@pytest.fixture
def place(office: Office, settings: SettingsWrapper) -> Office:
    """A department with a contact, and a team below it with a contact and a member; nobody's mails are counted."""
    settings.CHASE_MAILS_A_DAY = 100
    office.person("dora", office.department, "contact")
    team(office, "team", office.department, ("tess", "contact"), ("tom", "member"))
    return office


def asked(place: Office, action: dict[str, str], **changes: object) -> Advisory:
    """A warning to the team, which everybody has answered but for the action, due on Wednesday at 10:00."""
    advisory = publish(place, MONDAY, actions=[action], audience={"branches": ["team"]}, **changes)
    for name in ("Tess", "Tom"):
        answer(advisory, name, MONDAY)
    return advisory


def says(advisory: Advisory, name: str, choice: str, when: datetime, day: date | None = None, of: str = "") -> None:
    """They answer anew, and say this of its one action; `of`: for which body (its slug)."""
    assert advisory.current is not None
    relay = Relay.objects.get(advisory=advisory, body__slug=of) if of else None
    said = answer(advisory, name, when)
    ActionAnswer.objects.create(
        acknowledgement=said, action=advisory.current.actions.get(), relay=relay, choice=choice, by_date=day
    )
    if choice == "done" and not of:
        advisory.recipients.filter(person__name=name).update(acted_revision=advisory.current.number)


def mails(start: str, end: str, *names: str) -> list[str]:
    """What they were mailed from one moment to another: "Fri 09:00 reminder Tom"."""
    found = minutes(at(start), at(end))
    return [f"{when.astimezone(LONDON):%a %H:%M} {kind} {who}" for when, kind, who in found if who in names]


def test_it_comes_back_on_its_day_and_broken_it_is_reminded_of_daily_and_climbs(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert mails("2026-12-01 09:00", "2026-12-07 15:00", "Tom", "Tess", "Dora") == [
        "Fri 09:00 reminder Tom",
        "Mon 09:00 escalation Tess",
        "Mon 09:00 reminder Tom",
        "Mon 13:00 escalation Dora",
    ]
    assert mails("2026-12-07 15:30", "2026-12-15 12:00", "Tom") == [
        f"{day} 09:00 reminder Tom" for day in ("Tue", "Wed", "Thu", "Fri", "Mon")
    ]


def test_done_in_time_nothing_more_is_said_of_it(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert mails("2026-12-04 08:00", "2026-12-04 10:00", "Tom", "Tess") == ["Fri 09:00 reminder Tom"]
    says(advisory, "Tom", "done", at("2026-12-04 15:00"))
    assert mails("2026-12-04 15:00", "2026-12-09 12:00", "Tom", "Tess") == []


def test_done_after_it_was_broken_stops_the_ladder(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert "Mon 09:00 escalation Tess" in mails("2026-12-04 08:00", "2026-12-07 10:00", "Tess")
    says(advisory, "Tom", "done", at("2026-12-07 10:30"))
    assert mails("2026-12-07 10:30", "2026-12-09 12:00", "Tom", "Tess", "Dora") == []


def test_promised_anew_it_waits_for_the_new_day(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert mails("2026-12-04 08:00", "2026-12-04 10:00", "Tom") == ["Fri 09:00 reminder Tom"]
    says(advisory, "Tom", "by", at("2026-12-04 15:00"), date(2026, 12, 9))
    assert mails("2026-12-04 15:00", "2026-12-10 10:00", "Tom", "Tess") == [
        "Wed 09:00 reminder Tom",
        "Thu 09:00 escalation Tess",
        "Thu 09:00 reminder Tom",
    ]


def test_of_a_body_it_climbs_as_well(place: Office) -> None:
    advisory = asked(place, COUNT)
    says(advisory, "Tess", "by", MONDAY, FRIDAY, "team")
    assert mails("2026-12-01 09:00", "2026-12-07 15:00", "Tom", "Tess", "Dora") == [
        "Fri 09:00 reminder Tess",
        "Mon 09:00 escalation Tess",
        "Mon 09:00 reminder Tess",
        "Mon 13:00 escalation Dora",
    ]


def test_whoever_promised_nothing_stays_on_the_action_s_own_clock(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "by", MONDAY, FRIDAY)
    assert mails("2026-12-01 09:00", "2026-12-02 18:00", "Tom", "Tess", "Dora") == [
        "Tue 16:30 reminder Tom",
        "Wed 10:00 escalation Tess",
        "Wed 10:00 reminder Tom",
        "Wed 14:00 escalation Dora",
    ]


@pytest.mark.parametrize("day", [date(2026, 12, 1), date(2026, 12, 2)])
def test_what_was_promised_for_a_day_up_to_the_due_has_no_clock_of_its_own(place: Office, day: date) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, day)
    assert "Thu 10:00 reminder Tom" in mails("2026-12-01 09:00", "2026-12-03 12:00", "Tom")
    assert not Clock.objects.filter(kind="act", late=True).exists()


def test_broken_by_somebody_whom_no_mail_reaches_it_climbs_all_the_same(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    Person.objects.filter(name="Tom").update(bounced_at=at("2026-12-01 10:00"))
    assert mails("2026-12-04 08:00", "2026-12-07 10:00", "Tom", "Tess") == ["Mon 09:00 escalation Tess"]


def test_of_a_critical_one_it_is_broken_on_the_next_morning_also_of_a_saturday(place: Office) -> None:
    advisory = asked(place, {**MOVE, "due": "PT4H"}, severity="critical")
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert chase(at("2026-12-04 00:30")) == []
    assert chase(at("2026-12-04 09:00")) == [("reminder", "Tom")]
    assert chase(at("2026-12-05 08:59")) == []
    assert chase(at("2026-12-05 09:00")) == [("escalation", "Tess"), ("reminder", "Tom")]


def test_two_looks_at_once_and_many_more_start_one_clock_a_day(place: Office) -> None:
    advisory = asked(place, MOVE)
    for name in ("Tess", "Tom"):
        says(advisory, name, "by", MONDAY, FRIDAY)
    for minute in ("09:00", "09:01", "11:00"):
        assert tend(at(f"2026-12-04 {minute}"))
    clock = Clock.objects.get(kind="act", late=True)
    assert (clock.starts_at, clock.by) == (at("2026-12-04 09:00"), at("2026-12-05 09:00"))
    assert [one.n for one in clock.steps.filter(what="remind")] == [3, 4, 5, 6, 7, 8]
    assert clock.steps.get(what="escalate").due_at == clock.by


def test_where_no_clock_was_started_in_time_it_is_due_on_the_action_s_own(place: Office) -> None:
    """The chase was ended over the day, and for longer than promises are looked back for."""
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, date(2026, 12, 3))
    Advisory.objects.filter(pk=advisory.pk).update(
        chase_ended_at=MONDAY, chase_ended_by=place.ada, chase_ended_why="Later"
    )
    assert mails("2026-12-01 09:00", "2026-12-11 12:00", "Tom") == []
    Advisory.objects.filter(pk=advisory.pk).update(chase_ended_at=None, chase_ended_by=None, chase_ended_why="")
    assert "Mon 09:00 escalation Tess" in mails("2026-12-14 08:00", "2026-12-14 12:00", "Tom", "Tess")
    assert not Clock.objects.filter(kind="act", late=True).exists()


def test_a_due_that_was_put_off_beyond_the_day_takes_it_back(place: Office) -> None:
    advisory = asked(place, MOVE)
    says(advisory, "Tess", "done", MONDAY)
    says(advisory, "Tom", "by", MONDAY, FRIDAY)
    assert mails("2026-12-04 08:00", "2026-12-04 10:00", "Tom") == ["Fri 09:00 reminder Tom"]
    later = {**MOVE, "due": "2026-12-16T10:00:00Z"}
    draft = update_from_file(advisory, an_advisory(actions=[later], what_changed="Time"), place.ada, material=False)
    publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-12-04 11:00"))
    run_on(advisory, at("2026-12-04 11:00"))
    assert mails("2026-12-05 09:00", "2026-12-08 12:00", "Tom", "Tess") == []


class TestInWords:
    def test_the_page_says_for_how_many_promises_it_runs_and_what_comes(self, place: Office) -> None:
        advisory = asked(place, MOVE)
        for name in ("Tess", "Tom"):
            says(advisory, name, "by", MONDAY, FRIDAY)
        chase(at("2026-12-04 09:00"))
        advisory.refresh_from_db()
        running, _ = outlook.clocks(advisory)
        [theirs] = [one for one in running if one.clock.late]
        assert chase_words.runs_for(theirs) == "What was promised for a day after the due"
        assert chase_words.whose(theirs) == "2 promises"
        says(advisory, "Tom", "by", at("2026-12-04 10:00"), date(2026, 12, 9))
        running, _ = outlook.clocks(advisory)
        assert [chase_words.whose(one) for one in running if one.clock.late] == ["1 promise"]
        steps = {(one.what, one.n): chase_words.named(one) for one in ChaseStep.objects.filter(clock=theirs.clock)}
        assert steps["remind", 3] == "the first reminder of what was promised"
        assert steps["remind", 5] == "the daily reminder of what was promised, 2 of 5"
        assert steps["escalate", 1] == "rung 1 of the ladder, for what was promised, the bodies' contacts first"


@pytest.mark.django_db(transaction=True)
class TestInMails:
    """What delivery reads as they leave, and makes of it."""

    @pytest.fixture
    def broken(self, place: Office, server: Server) -> None:
        advisory = asked(place, MOVE)
        says(advisory, "Tess", "done", MONDAY)
        says(advisory, "Tom", "by", MONDAY, FRIDAY)
        for day in ("04", "07"):
            assert tend(at(f"2026-12-{day} 09:00"))
            with time_machine.travel(at(f"2026-12-{day} 09:05"), tick=False):
                while deliver():
                    pass

    def mail(self, server: Server, to: str) -> tuple[str, str]:
        """Subject and text of the last one to them."""
        last = [one for one in server.mails if one.recipients == [f"{to}@example.org"]][-1]
        return last.subject, " ".join(last.text.split())

    def test_whoever_promised_it_reads_for_when(self, broken: None, server: Server) -> None:
        subject, said = self.mail(server, "tom")
        assert subject.endswith(": still to be done")
        due = "Wed 2 December, 10:00 GMT, 2 working days ago"
        assert f"- Move: it was due by {due}, and was promised for Friday 4 December." in said

    def test_so_does_whoever_answers_for_them(self, broken: None, server: Server) -> None:
        subject, said = self.mail(server, "tess")
        assert "has not done what was asked" in subject
        assert "What was promised for Friday 4 December: 1 person has not said that it is done." in said
