"""The watchdog and the chase: what should have been done, and is not, is told; what waits for its hours is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from alerts import counting, record
from alerts.models import Advisory, ChaseStep, Clock, Escalation, Nudge, Record, Relay, Trouble
from alerts.watching import watch
from alerts.watching.view import View
from departments.models import Body, Membership
from tests import rows
from tests.chased import at
from tests.watching import all_well, apart, audited, done, kinds, only

pytestmark = pytest.mark.django_db

MONDAY = at("2026-11-30 11:00")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A Monday morning on which all is well."""
    apart(monkeypatch)
    all_well(MONDAY)
    return MONDAY


@pytest.fixture
def zoom(now: datetime) -> Advisory:
    """A live advisory that is chased, with somebody in one body who is silent."""
    made = rows.advisory(acknowledge_within=timedelta(days=1), clocked=1)
    rows.recipient(made, rows.relay(made, "treasury"))
    counting.fold(made.pk)
    done()
    made.refresh_from_db()
    return made


def step(of: Advisory, due: datetime, calendar: str = "england-and-wales", **fields: object) -> ChaseStep:
    clock, _ = Clock.objects.get_or_create(
        advisory=of, material=1, kind="answer", calendar=calendar, starts_at=at("2026-11-25 10:00"), by=MONDAY
    )
    what = {"what": "remind", "n": clock.steps.count() + 1, **fields}
    return ChaseStep.objects.create(clock=clock, planned_at=due, due_at=due, since=due, **what)


def chase_kinds(now: datetime) -> list[str]:
    """Those of the chase alone: at another hour the beat is silent as well."""
    return [one for one in kinds(now) if one.startswith("chase")]


class TestAStepThatIsNotDone:
    def test_is_found_after_ten_minutes_with_what_to_do(self, now: datetime, zoom: Advisory) -> None:
        made = step(zoom, now - 9 * MINUTE)
        assert kinds(now) == []
        ChaseStep.objects.filter(pk=made.pk).update(due_at=now - 10 * MINUTE)
        found = only(now)
        assert (found.kind, found.subject, found.since) == ("chase", "ADV-2020-0017", now - 10 * MINUTE)
        assert "1 step of its chase is due for longer than 10 minutes" in found.says
        assert "look for chase in their logs" in found.says

    def test_several_of_one_advisory_are_one_finding(self, now: datetime, zoom: Advisory) -> None:
        step(zoom, now - 30 * MINUTE)
        step(zoom, now - 20 * MINUTE, calendar="")
        assert "2 steps of its chase are" in only(now).says
        assert only(now).since == now - 30 * MINUTE

    @pytest.mark.parametrize(
        ("moment", "said"),
        [
            ("2026-11-30 20:00", False),  # at night
            ("2026-12-01 09:05", False),  # it was due at the end of the day before: a few minutes of today
            ("2026-12-01 09:15", True),
            ("2026-12-05 12:00", False),  # on a Saturday
        ],
    )
    def test_waits_for_its_hours(self, now: datetime, zoom: Advisory, moment: str, said: bool) -> None:
        step(zoom, at("2026-11-30 17:00"))
        assert bool(chase_kinds(at(moment))) == said

    def test_on_a_bank_holiday_of_its_own_country_it_waits(self, now: datetime, zoom: Advisory) -> None:
        made = step(zoom, now - timedelta(days=3), calendar="scotland")  # St Andrew's Day
        ChaseStep.objects.filter(pk=made.pk).update(due_at=at("2026-11-30 09:00"))
        assert kinds(now) == []

    def test_round_the_clock_it_does_not(self, now: datetime, zoom: Advisory) -> None:
        step(zoom, at("2026-11-30 22:00"), calendar="")
        assert chase_kinds(at("2026-11-30 22:11")) == ["chase ADV-2020-0017"]

    @pytest.mark.parametrize(
        "fields",
        [{"stopped_at": MONDAY}, {"chase_ended_at": MONDAY}, {"state": "expired"}, {"clocked": 2}],
        ids=["stopped", "ended", "expired", "another text"],
    )
    def test_nobody_waits_for_what_is_not_chased(
        self, now: datetime, zoom: Advisory, fields: dict[str, object]
    ) -> None:
        step(zoom, now - 30 * MINUTE)
        Advisory.objects.update(**fields)
        assert chase_kinds(now) == []

    def test_one_that_is_done_is_not_found(self, now: datetime, zoom: Advisory) -> None:
        step(zoom, now - 30 * MINUTE, done_at=now)
        assert kinds(now) == []

    @pytest.mark.parametrize("kind", ["went on", "chase goes on", "reviewed"])
    def test_is_measured_from_when_it_last_went_on(self, now: datetime, zoom: Advisory, kind: str) -> None:
        record.write(kind, zoom.reference, None)
        went_on = Record.objects.latest("pk").at
        step(zoom, went_on - timedelta(days=7), calendar="")
        assert chase_kinds(went_on + 5 * MINUTE) == []
        assert chase_kinds(went_on + 11 * MINUTE) == ["chase ADV-2020-0017"]


class TestMailsThatAreNotWritten:
    def nudge(self, of: Advisory) -> Nudge:
        whom = of.recipients.get()
        return Nudge.objects.create(step=step(of, MONDAY, done_at=MONDAY), recipient=whom, person=whom.person)

    def escalation(self, of: Advisory, **fields: object) -> Escalation:
        place, head = Relay.objects.get(advisory=of), rows.person(f"Head {uuid4()}")
        Membership.objects.create(person=head, body=place.body, role="head")
        made = step(of, MONDAY, what="escalate", done_at=MONDAY)
        return Escalation.objects.create(
            step=made, relay=place, person=head, body=place.body, role="head", silent=1, **fields
        )

    def test_are_found_once_an_audit_finds_them_unmoved(self, now: datetime, zoom: Advisory) -> None:
        self.nudge(zoom)
        audited(now)
        assert kinds(now) == []
        later = now + timedelta(minutes=2)
        audited(later)
        assert kinds(later) == ["chase ADV-2020-0017"]
        assert "1 mail of the chase is not written" in only(later).says
        assert Trouble.objects.get(kind="chase").over_at is None

    def test_while_more_come_they_move(self, now: datetime, zoom: Advisory) -> None:
        self.nudge(zoom)
        audited(now)
        self.nudge(zoom)
        later = now + timedelta(minutes=2)
        audited(later)
        assert kinds(later) == []

    def test_so_are_lists_of_whoever_is_silent(self, now: datetime, zoom: Advisory) -> None:
        self.escalation(zoom)
        audited(now)
        later = now + timedelta(minutes=2)
        audited(later)
        assert kinds(later) == ["chase ADV-2020-0017"]

    def test_what_a_day_holds_back_waits_and_is_none(self, now: datetime, zoom: Advisory) -> None:
        self.escalation(zoom, held_back_at=now)
        audited(now)
        later = now + timedelta(minutes=2)
        audited(later)
        assert kinds(later) == []

    def test_nor_is_what_waits_for_somebodys_hours(self, now: datetime, zoom: Advisory) -> None:
        self.nudge(zoom)
        self.escalation(zoom)
        Body.objects.update(calendar="scotland")  # a holiday there
        audited(now)
        later = now + timedelta(minutes=2)
        audited(later)
        assert kinds(later) == []
        Advisory.objects.update(severity="critical")
        assert [sign.subject for sign in watch.signs(View(later)) if sign.kind == "chase"] == ["ADV-2020-0017"]
