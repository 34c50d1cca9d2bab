"""A person's own time: never earlier than what their mail said, longer where their body or they themselves were told later."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import tokens
from alerts.answer_form import Form, issue
from alerts.answering import acknowledge, answers, behalf_many
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.coverage.told import entries
from alerts.models import Acknowledgement, Advisory, Clock, Message, Recipient, Relay, Seat
from alerts.own_time import is_late, own_time, own_times
from alerts.publishing.contract import calendar_of
from alerts.suspicion import Client
from alerts.templatetags.tocsin import exact
from alerts.web import person_words
from departments.models import Membership, Person
from tests import rows
from tests.chased import at, chase, publish, run_on, team
from tests.office import Office
from tests.test_behalf import put

pytestmark = pytest.mark.django_db

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.suspicion.FASTEST_PERSON", 0)


@pytest.fixture
def advisory() -> Advisory:
    return rows.advisory()


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def cas(advisory: Advisory, treasury: Relay) -> Recipient:
    return rows.recipient(advisory, treasury, who=rows.person("Cas Member"))


def asked(advisory: Advisory) -> datetime:
    """By when everybody is to answer."""
    assert advisory.acknowledge_by is not None
    return advisory.acknowledge_by


def clock(of: Advisory, longer: timedelta, *relays: Relay, material: int = 1, **fields: object) -> Clock:
    """The clock of these bodies: so much longer than everybody was told."""
    by = asked(of) + longer
    made = Clock.objects.create(
        advisory=of, material=material, kind="answer", starts_at=by - timedelta(days=1), by=by, **fields
    )
    Relay.objects.filter(pk__in=[one.pk for one in relays]).update(clock=made)
    return made


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def say(recipient: Recipient) -> Acknowledgement:
    fresh = Recipient.objects.select_related("person", "advisory__current").get(pk=recipient.pk)
    assert fresh.advisory.current is not None
    return acknowledge.answer(fresh, Form(issue(fresh.pk, fresh.advisory.current.number), "yes", {}), Client(AGENT))


class TestByWhen:
    def test_before_any_clock_runs_it_is_what_everybody_was_told(self, advisory: Advisory, cas: Recipient) -> None:
        assert own_time(cas.pk) == asked(advisory)

    def test_whoever_sits_in_two_bodies_has_the_time_of_the_one_that_has_longest(self, advisory: Advisory) -> None:
        quick, slow = rows.relay(advisory, "quick"), rows.relay(advisory, "slow")
        clock(advisory, hours(0), quick)
        clock(advisory, hours(4), slow)
        both, one = rows.recipient(advisory, quick, slow), rows.recipient(advisory, quick)
        assert own_times([both.pk, one.pk]) == {both.pk: asked(advisory) + hours(4), one.pk: asked(advisory)}

    def test_a_place_that_ended_or_is_for_information_gives_no_time(self, advisory: Advisory, cas: Recipient) -> None:
        left, above = rows.relay(advisory, "left"), rows.relay(advisory, "above")
        clock(advisory, hours(5), left, above)
        Seat.objects.create(recipient=cas, relay=left, counts=True, contact=False, ended_at=timezone.now())
        Seat.objects.create(recipient=cas, relay=above, counts=False, contact=True)
        assert own_time(cas.pk) == asked(advisory)

    def test_whoever_was_told_late_has_a_time_of_their_own(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        clock(advisory, hours(30), treasury)
        Recipient.objects.filter(pk=cas.pk).update(clock=clock(advisory, hours(20), late=True))
        assert own_time(cas.pk) == asked(advisory) + hours(20)

    def test_nobodys_time_ends_before_the_moment_that_their_mail_named(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        clock(advisory, -hours(6), treasury)
        assert own_time(cas.pk) == asked(advisory)

    def test_the_clocks_of_an_earlier_text_say_nothing_of_the_one_that_is_asked_now(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        Recipient.objects.filter(pk=cas.pk).update(clock=clock(advisory, hours(9), late=True))
        clock(advisory, hours(7), treasury)
        rows.revise(advisory)
        assert own_time(cas.pk) == asked(advisory)
        clock(advisory, hours(2), treasury, material=2)
        assert own_time(cas.pk) == asked(advisory) + hours(2)
        rows.revise(advisory, "minor")
        assert own_time(cas.pk) == asked(advisory) + hours(2)

    def test_where_no_time_is_asked_there_is_none(self, advisory: Advisory, cas: Recipient) -> None:
        Advisory.objects.update(acknowledge_by=None)
        assert own_time(cas.pk) is None
        assert not is_late(cas.pk, timezone.now(), None)


class TestTheirPage:
    def page(self, recipient: Recipient, when: datetime) -> str:
        with time_machine.travel(when, tick=False):
            link = f"/a/{tokens.make(recipient.pk, 0)}"
            return Browser(headers={"user-agent": AGENT}).get(link).content.decode()

    def test_it_and_what_they_print_say_their_own_time_and_are_late_only_after_it(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        own = clock(advisory, hours(4), treasury).by
        Recipient.objects.filter(pk=cas.pk).update(told_revision=1)
        before = self.page(cas, asked(advisory) + hours(2))
        assert f"by {exact(own)}" in before
        assert f"Answer by <b>{exact(own)}</b>" in before
        assert exact(asked(advisory)) not in before
        assert "Late is better than never" not in before
        after = self.page(cas, own + hours(1))
        assert f"It was asked for by {exact(own)}. Late is better than never" in after

    def test_what_else_is_open_is_listed_by_their_own_time(self, advisory: Advisory, cas: Recipient) -> None:
        others = [rows.advisory(f"ADV-2020-000{n}") for n in (1, 2)]
        places = [rows.relay(one, f"place-{n}") for n, one in enumerate(others)]
        Advisory.objects.filter(pk=others[0].pk).update(acknowledge_by=asked(others[1]) - hours(1))
        own = clock(others[0], hours(9), places[0]).by
        for one, place in zip(others, places, strict=True):
            made = rows.recipient(one, place, who=cas.person)
            Recipient.objects.filter(pk=made.pk).update(told_revision=1)
        page = self.page(cas, timezone.now())
        assert exact(own) in page
        assert page.index("ADV-2020-0002") < page.index("ADV-2020-0001")


class TestTheAnswer:
    @pytest.mark.parametrize(("after", "late"), [(-1, False), (1, False), (3.9, False), (4.1, True)])
    def test_it_is_late_only_after_their_own_time(
        self, advisory: Advisory, treasury: Relay, cas: Recipient, after: float, late: bool
    ) -> None:
        clock(advisory, hours(4), treasury)
        with time_machine.travel(asked(advisory) + hours(after), tick=False):
            made = say(cas)
        assert made.late is late
        assert Acknowledgement.objects.get().late is late

    def test_in_time_it_costs_no_look_at_any_clock(self, advisory: Advisory, treasury: Relay, cas: Recipient) -> None:
        clock(advisory, hours(4), treasury)
        question = answers.question(cas.pk, 1)
        assert question is not None
        with CaptureQueriesContext(connection) as looks:
            assert not is_late(cas.pk, asked(advisory), question.due)
        assert not looks
        with CaptureQueriesContext(connection) as looks:
            assert is_late(cas.pk, asked(advisory) + hours(5), question.due)
        assert len(looks) == 1

    @pytest.mark.parametrize(("after", "late"), [(2, False), (6, True)])
    def test_put_down_for_them_it_goes_by_when_they_were_told_in_their_own_time(
        self, advisory: Advisory, treasury: Relay, cas: Recipient, after: float, late: bool
    ) -> None:
        ann = rows.person("Ann Contact")
        rows.recipient(advisory, treasury, who=ann, role="contact")
        clock(advisory, hours(4), treasury)
        with time_machine.travel(asked(advisory) + hours(after), tick=False):
            assert put(cas, ann).late is late

    def test_put_down_for_many_it_goes_by_each_ones_time(self, advisory: Advisory, treasury: Relay) -> None:
        ann = rows.person("Ann Contact")
        slow = rows.relay(advisory, "slow")
        for place in (treasury, slow):
            Membership.objects.create(person=ann, body=place.body, role="contact")
        clock(advisory, hours(0), treasury)
        clock(advisory, hours(4), slow)
        quick, longer = rows.recipient(advisory, treasury), rows.recipient(advisory, slow)
        self.all_told(advisory, ann, asked(advisory) + hours(2))
        late = {one.recipient_id: one.late for one in Acknowledgement.objects.all()}
        assert late == {quick.pk: True, longer.pk: False}

    def test_whoever_was_told_together_in_time_is_in_time(self, advisory: Advisory, treasury: Relay) -> None:
        ann = rows.person("Ann Contact")
        Membership.objects.create(person=ann, body=treasury.body, role="contact")
        rows.recipient(advisory, treasury)
        self.all_told(advisory, ann, asked(advisory) - hours(2))
        assert not Acknowledgement.objects.get().late

    def all_told(self, advisory: Advisory, ann: Person, when: datetime) -> None:
        with time_machine.travel(when, tick=False):
            fresh = Advisory.objects.select_related("material").get(pk=advisory.pk)
            typed = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
            form = behalf_many.Form(behalf_many.issue_form(fresh, ann), "meeting", typed)
            behalf_many.answer(Selection(scope(advisory.pk), "targeted"), ann, form)


class TestWhatIsSaidOfThem:
    def test_their_record_names_their_own_time_in_as_many_queries_however_many_advisories(
        self, advisory: Advisory, treasury: Relay, cas: Recipient
    ) -> None:
        own = clock(advisory, hours(4), treasury).by
        Recipient.objects.update(told_revision=1)
        with time_machine.travel(asked(advisory) + hours(2), tick=False):
            [entry] = entries(cas.person, [advisory.pk])
            [said] = person_words.answers(entry)
        words = re.sub(r"^.* by ", "", said.text)
        assert (words, said.dark) == (person_words._moment(own), False)
        more = [rows.advisory(f"ADV-2020-010{n}") for n in range(3)]
        for n, one in enumerate(more):
            rows.recipient(one, rows.relay(one, f"more-{n}"), who=cas.person)
        with CaptureQueriesContext(connection) as few:
            entries(cas.person, [advisory.pk])
        with CaptureQueriesContext(connection) as many:
            entries(cas.person, [advisory.pk, *(one.pk for one in more)])
        assert len(few) == len(many)


@pytest.mark.django_db(transaction=True)
class TestWithTheClocksThatRun:
    def test_a_body_that_keeps_st_andrews_day_has_a_day_more_than_the_mail_says(self, office: Office) -> None:
        team(office, "glasgow", office.department, ("Mhairi", "member"), calendar="scotland")
        advisory = publish(office, at("2026-11-27 15:00"), acknowledge_within="P1D")
        chase(at("2026-11-27 15:05"))
        mhairi = Recipient.objects.get(advisory=advisory, person__name="Mhairi")
        cas = Recipient.objects.get(advisory=advisory, person__name="Cas")
        assert advisory.acknowledge_by == at("2026-11-30 15:00")
        assert (own_time(cas.pk), own_time(mhairi.pk)) == (at("2026-11-30 15:00"), at("2026-12-01 15:00"))
        assert calendar_of(Advisory.objects.get(pk=advisory.pk)) == "england-and-wales"

    def test_whoever_joins_when_half_of_the_time_is_over_has_a_whole_time_from_then_on(self, office: Office) -> None:
        advisory = publish(office, at("2026-12-01 10:00"), acknowledge_within="P1D")
        chase(at("2026-12-01 10:05"))
        office.person("late", office.department, "member")
        run_on(advisory, at("2026-12-01 16:00"))
        chase(at("2026-12-01 16:01"))
        late = Recipient.objects.get(advisory=advisory, person__name="Late")
        assert Message.objects.filter(recipient=late, kind="notice", state="sent").exists()
        assert own_time(late.pk) == at("2026-12-02 16:00")
