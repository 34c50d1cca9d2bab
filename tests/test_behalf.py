"""An answer that somebody gave by telephone, put down by a contact of their body: who may, what is written, what counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pgtrigger
import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from alerts import coverage
from alerts.answer_form import ActionChoice, Form, NotAnswered, issue
from alerts.answering import acknowledge, behalf
from alerts.models import Acknowledgement, ActionAnswer, Advisory, Delta, Message, Recipient, Record, Relay
from alerts.suspicion import Client
from departments.models import Membership, Person
from departments.refusal import Refused
from tests import rows
from tests.test_counting import figures_of_rows, figures_read

BROWSER = Client("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36")


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    made.published_at = timezone.now() - timedelta(hours=3)
    made.save()
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def ann(advisory: Advisory, treasury: Relay) -> Person:
    ann = rows.person("Ann Contact")
    rows.recipient(advisory, treasury, who=ann, role="contact")
    return ann


@pytest.fixture
def cas(advisory: Advisory, treasury: Relay) -> Recipient:
    return rows.recipient(advisory, treasury, who=rows.person("Cas Member"))


def fresh(recipient: Recipient) -> Recipient:
    return Recipient.objects.select_related("person", "advisory__current", "advisory__material").get(pk=recipient.pk)


def form(recipient: Recipient, by: Person, **changes: object) -> behalf.Form:
    token = behalf.issue_form(fresh(recipient), by)
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    fields = {"read": "yes", "answers": {}, "told_how": "telephone", "told_at": now, **changes}
    return behalf.Form(**{"token": token, **fields})  # type: ignore[arg-type]


def put(recipient: Recipient, by: Person, **changes: object) -> Acknowledgement:
    return behalf.answer(fresh(recipient), by, form(recipient, by, **changes))


def own(recipient: Recipient, read: str = "yes") -> Acknowledgement:
    """Their own answer, by their link."""
    held = fresh(recipient)
    assert held.advisory.current is not None
    return acknowledge.answer(held, Form(issue(held.pk, held.advisory.current.number), read, {}), BROWSER)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms come back as soon as they were opened here."""
    monkeypatch.setattr("alerts.suspicion.signs", lambda evidence: [])


@pytest.mark.django_db
class TestWhatIsWritten:
    def test_it_says_who_when_and_how_counts_and_is_in_the_record(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        made = put(cas, ann, told_by="Bob Colleague", text="wants the form on paper")
        assert (made.how, made.by, made.name_given, made.told_how) == ("behalf", ann, "Bob Colleague", "telephone")
        assert made.told_at is not None
        assert timezone.now() - timedelta(minutes=2) < made.told_at <= timezone.now()
        assert made.text == "wants the form on paper"
        assert figures_read(advisory) == figures_of_rows(advisory)
        figures = coverage.whole(advisory).figures
        assert (figures.targeted, figures.acknowledged, figures.behalf) == (2, 1, 1)
        entry = Record.objects.get(kind="acknowledged")
        assert (entry.actor, entry.subject) == (ann, advisory.reference)
        said = {"how": "behalf", "told_how": "telephone", "name": "Bob Colleague", "recipient": cas.pk, "revision": 1}
        assert entry.details.items() >= said.items()
        assert "paper" not in str(entry.details)

    def test_who_needs_help_by_telephone_reaches_the_issuer_too(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        Membership.objects.get_or_create(person=advisory.written_by, body=advisory.issuer, role="officer")
        put(cas, ann, read="help", text="which meetings?")
        assert Message.objects.get(kind="help").person == advisory.written_by

    def test_what_was_not_spoken_of_is_answered_later(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        revision = rows.revise(advisory)
        rows.action(revision, "move"), rows.action(revision, "count"), rows.action(revision, "report", of="body")
        put(cas, ann, answers={("move", None): ActionChoice("done"), ("report", None): ActionChoice("done")})
        assert dict(ActionAnswer.objects.values_list("action__key", "choice")) == {"move": "done", "count": "later"}
        assert coverage.whole(advisory).figures.acted == 0
        put(cas, ann, answers={("move", None): ActionChoice("done"), ("count", None): ActionChoice("na", text="none")})
        assert coverage.whole(advisory).figures.acted == 1
        assert figures_read(advisory) == figures_of_rows(advisory)

    def test_a_double_press_writes_once(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        posted = form(cas, ann, read="help")
        first = behalf.answer(fresh(cas), ann, posted)
        deltas = Delta.objects.count()
        assert behalf.answer(fresh(cas), ann, posted) == first
        assert (Acknowledgement.objects.count(), Delta.objects.count()) == (1, deltas)
        cas.refresh_from_db()
        assert cas.needs_help

    def test_a_second_press_after_their_own_answer_gives_the_first_again(self, ann: Person, cas: Recipient) -> None:
        posted = form(cas, ann)
        first = behalf.answer(fresh(cas), ann, posted)
        own(cas)
        assert behalf.answer(fresh(cas), ann, posted) == first

    @pytest.mark.parametrize(
        "row",
        [
            {"outcome": "bounced", "told_revision": 1},
            {"outcome": "unreachable"},
            {"told_revision": 0},
            {"suspect_revision": 1},
        ],
    )
    def test_whoever_is_out_of_reach_waiting_or_suspect_is_told_by_telephone(
        self, advisory: Advisory, ann: Person, cas: Recipient, row: dict[str, object]
    ) -> None:
        Recipient.objects.filter(pk=cas.pk).update(**row)
        put(cas, ann)
        assert figures_read(advisory) == figures_of_rows(advisory)
        figures = coverage.whole(advisory).figures
        assert (figures.acknowledged, figures.behalf, figures.unreachable, figures.suspect) == (1, 1, 0, 0)

    def test_somebody_for_information_and_in_a_held_body_is_put_down_too(
        self, advisory: Advisory, ann: Person, treasury: Relay
    ) -> None:
        held = rows.relay(advisory, "held", state="held")
        Membership.objects.create(person=ann, body=held.body, role="deputy")
        there = rows.recipient(advisory, held)
        assert put(there, ann).counts
        there.seats.update(counts=False)
        assert put(there, ann).counts

    def test_their_own_answer_afterwards_takes_its_place(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        put(cas, ann, read="help")
        own(cas)
        figures = coverage.whole(advisory).figures
        assert (figures.acknowledged, figures.behalf) == (1, 0)
        assert figures_read(advisory) == figures_of_rows(advisory)
        cas.refresh_from_db()
        assert not cas.needs_help

    def test_a_form_kept_open_through_an_update_is_for_what_they_were_told(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        posted = form(cas, ann)
        rows.revise(advisory)
        assert behalf.answer(fresh(cas), ann, posted).revision.number == 1
        assert coverage.whole(advisory).figures.acknowledged == 0
        assert put(cas, ann).revision.number == 2
        assert coverage.whole(advisory).figures.behalf == 1
        assert figures_read(advisory) == figures_of_rows(advisory)

    def test_after_a_minor_update_they_are_told_of_the_last_material_one(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        rows.revise(advisory, "minor")
        assert put(cas, ann).revision.number == 1
        assert coverage.whole(advisory).figures.behalf == 1


@pytest.mark.django_db
class TestRefused:
    def test_where_they_have_answered_themselves(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        posted = form(cas, ann)
        own(cas)
        with pytest.raises(Refused, match="Cas Member has answered themselves"):
            behalf.answer(fresh(cas), ann, posted)
        assert Acknowledgement.objects.filter(how="behalf").count() == 0
        assert coverage.whole(advisory).figures.behalf == 0

    def test_a_doubt_or_a_machines_is_no_answer_of_theirs(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        own(cas, "phishing")
        assert put(cas, ann).counts

    def test_an_answer_to_an_earlier_revision_stands_in_nobodys_way(
        self, advisory: Advisory, ann: Person, cas: Recipient
    ) -> None:
        early = form(cas, ann)
        own(cas)
        rows.revise(advisory)
        assert put(cas, ann).revision.number == 2
        with pytest.raises(Refused):
            behalf.answer(fresh(cas), ann, early)

    @pytest.mark.parametrize("role", ["member", "head", "officer"])
    def test_anybody_but_a_contact_or_deputy(self, treasury: Relay, cas: Recipient, role: str) -> None:
        other = rows.person()
        Membership.objects.create(person=other, body=treasury.body, role=role)
        with pytest.raises(Refused, match="contact or deputy"):
            put(cas, other)

    def test_a_contact_of_the_body_above_a_former_one_and_one_who_left(
        self, advisory: Advisory, treasury: Relay, cas: Recipient, ann: Person
    ) -> None:
        below = rows.recipient(advisory, rows.relay(advisory, "agency", treasury))
        with pytest.raises(Refused, match="contact or deputy"):
            put(below, ann)
        posted = form(cas, ann)
        Membership.objects.filter(person=ann).update(until=timezone.now())
        with pytest.raises(Refused, match="contact or deputy"):
            behalf.answer(fresh(cas), ann, posted)
        Membership.objects.filter(person=ann).update(until=None)
        ann.left_at = timezone.now()
        ann.save()
        with pytest.raises(Refused, match="contact or deputy"):
            behalf.answer(fresh(cas), ann, posted)

    def test_for_somebody_whose_place_ended(self, ann: Person, cas: Recipient) -> None:
        cas.seats.update(ended_at=timezone.now())
        with pytest.raises(Refused, match="contact or deputy"):
            put(cas, ann)

    def test_for_oneself(self, ann: Person) -> None:
        with pytest.raises(Refused, match="link of your own"):
            put(Recipient.objects.get(person=ann), ann)

    def test_before_it_is_published(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        posted = form(cas, ann)
        Advisory.objects.update(current=None, material=None)
        with pytest.raises(Refused, match="not been published"):
            behalf.answer(fresh(cas), ann, posted)

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("read", {"read": ""}),
            ("read", {"read": "phishing"}),
            ("told-how", {"told_how": "by pigeon"}),
            ("told-at", {"told_at": ""}),
            ("told-at", {"told_at": "yesterday"}),
            ("told-at", {"told_at": "0001-01-01T00:00"}),
            ("told-at", {"told_at": "9999-12-31T23:59"}),
            ("told-at", {"told_at": "2020-04-28T10:00"}),
            ("told-at", {"told_at": "2\x00"}),
            ("text", {"text": "x" * 2001}),
            ("name", {"told_by": "x" * 501}),
        ],
    )
    def test_what_is_missing_or_wrong_is_named_at_its_field(
        self, ann: Person, cas: Recipient, field: str, changes: dict[str, object]
    ) -> None:
        with pytest.raises(NotAnswered) as wrong:
            put(cas, ann, **changes)
        assert list(wrong.value.errors) == [field]
        assert not Acknowledgement.objects.exists()

    def test_everything_wrong_is_said_at_once(self, advisory: Advisory, ann: Person, cas: Recipient) -> None:
        rows.action(rows.revise(advisory), "move")
        with pytest.raises(NotAnswered) as wrong:
            put(cas, ann, read="", told_how="", told_at="", answers={("move", None): ActionChoice("by")})
        assert set(wrong.value.errors) == {"read", "told-how", "told-at", "a-move-date"}

    def test_a_form_of_somebody_else_or_a_damaged_one(self, treasury: Relay, ann: Person, cas: Recipient) -> None:
        dan = rows.person("Dan Deputy")
        Membership.objects.create(person=dan, body=treasury.body, role="deputy")
        for token in (
            behalf.issue_form(fresh(cas), dan),
            behalf.issue_form(fresh(Recipient.objects.get(person=ann)), ann),
        ):
            with pytest.raises(NotAnswered, match="form"):
                behalf.answer(fresh(cas), ann, form(cas, ann, token=token))
        for token in ("", "no", "a:b", form(cas, ann).token[:-1]):
            with pytest.raises(NotAnswered, match="form"):
                behalf.answer(fresh(cas), ann, form(cas, ann, token=token))


@pytest.mark.django_db
def test_a_posted_form_is_read_by_its_fields() -> None:
    read = behalf.read_form(
        {
            "form": "token",
            "read": "help",
            "text": " more\x00 ",
            "name": " Bob\x00  B ",
            "told-how": "meeting",
            "told-at": " 2020-04-28T14:05 ",
            "a-move": "by",
            "a-move-date": "2020-05-01",
        }
    )
    assert (read.read, read.text, read.told_by, read.told_how) == ("help", "more", "Bob B", "meeting")
    assert read.told_at == "2020-04-28T14:05"
    assert read.answers[("move", None)].choice == "by"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("now", "told"),
    [
        # Clocks go from 02:00 of summer time back to 01:00 at one in the morning, UTC.
        ("2020-10-25T00:50:00+00:00", "2020-10-25T00:45:00+00:00"),
        ("2020-10-25T01:20:00+00:00", "2020-10-25T00:45:00+00:00"),
        ("2020-10-25T01:50:00+00:00", "2020-10-25T01:45:00+00:00"),
    ],
)
def test_of_an_hour_that_comes_twice_the_last_one_is_meant(now: str, told: str) -> None:
    with time_machine.travel("2020-10-24T12:00:00+00:00", tick=False):
        of = rows.advisory()
        place = rows.relay(of, "nights")
        ann, bea = rows.person(), rows.recipient(of, place)
        Membership.objects.create(person=ann, body=place.body, role="contact")
        with pgtrigger.ignore("alerts.Revision:immutable"):
            of.revisions.update(at=timezone.now())
    with time_machine.travel(now, tick=False):
        made = put(bea, ann, told_at="2020-10-25T01:45")
    assert made.told_at == datetime.fromisoformat(told)


def _at_once(*works: Callable[[], object]) -> None:
    """Each with a connection of its own, as nearly at the same moment as can be."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            ready.wait()
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_at_the_same_moment_their_own_answer_stands_and_the_figures_are_exact(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    people = [rows.recipient(advisory, treasury) for _ in range(5)]

    def both(one: Recipient) -> tuple[Callable[[], object], ...]:
        posted, held = form(one, ann), fresh(one)

        def put_down() -> None:
            with suppress(Refused):
                behalf.answer(held, ann, posted)

        return lambda: own(one), put_down, put_down

    for one in people:
        _at_once(*both(one))
    assert figures_read(advisory) == figures_of_rows(advisory)
    figures = coverage.whole(advisory).figures
    assert (figures.acknowledged, figures.behalf) == (len(people), 0)
    for one in people:
        assert one.acknowledgements.filter(how="link").count() == 1
        assert one.acknowledgements.filter(how="behalf").count() <= 1
