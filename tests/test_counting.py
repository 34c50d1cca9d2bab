"""Figures are what a recount from the rows says, whatever happened, in whatever order, beside whatever else."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction

from alerts import counting, coverage
from alerts.models import Advisory, Counter, Delta, Recipient, Relay, Seat, Whole
from alerts.models.figures import FIGURES
from tests import rows

Figures = dict[int | None, tuple[int, ...]]


def figures_read(advisory: Advisory) -> Figures:
    found = coverage.read(advisory)
    whole = tuple(getattr(found.whole.figures, name) for name in FIGURES)
    return {None: whole, **{row.relay_id: tuple(getattr(row.own, name) for name in FIGURES) for row in found.rows}}


def figures_of_rows(advisory: Advisory) -> Figures:
    """The same from the rows, in plain Python: nothing of the SQL that is tested is used to test it."""
    advisory.refresh_from_db()
    current = advisory.current.number if advisory.current else 0
    material = advisory.material.number if advisory.material else 0
    counted: Figures = dict.fromkeys([None, *advisory.relays.values_list("pk", flat=True)], (0,) * len(FIGURES))

    def add(place: int | None, of: Recipient) -> None:
        own = 0 < material <= of.answered_revision
        heard = own or 0 < material <= of.office_revision
        answered = heard if advisory.office == "counts" else own
        out_of_reach = of.outcome in ("unreachable", "bounced", "suppressed")
        refused = out_of_reach and not heard
        sent = heard if out_of_reach else 0 < of.told_revision >= current
        one = (
            True,
            not sent and not refused,
            sent,
            sent and of.outcome in ("delivered", "complained"),
            refused,
            not heard and 0 < material <= of.suspect_revision,
            answered,
            answered and of.acted_revision >= material,
            heard and not own,
            own and of.behalf_revision >= material,
        )
        counted[place] = tuple(a + b for a, b in zip(counted[place], one, strict=True))

    for recipient in advisory.recipients.all():
        if recipient.targeted:
            add(None, recipient)
        for seat in recipient.seats.filter(counts=True, ended_at=None):
            add(seat.relay_id, recipient)
    return counted


class Storm:
    """One thing after another, at random but the same for a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.advisory = rows.advisory(f"STORM-{seed}", office="counts" if seed % 2 else "apart")
        top = rows.relay(self.advisory, f"top-{seed}")
        self.relays = [top, *(rows.relay(self.advisory, f"below-{seed}-{n}", top) for n in range(3))]
        for _ in range(4):
            self.joins()

    def some(self) -> Recipient:
        return self.random.choice(list(self.advisory.recipients.all()))

    def number(self) -> int:
        return self.random.randint(0, self.advisory.revisions.count())

    def joins(self) -> None:
        rows.recipient(self.advisory, *self.random.sample(self.relays, self.random.randint(0, 3)))

    def many_join(self) -> None:
        people = [rows.person() for _ in range(3)]
        made = Recipient.objects.bulk_create(
            Recipient(advisory=self.advisory, person=who, targeted=True) for who in people
        )
        Seat.objects.bulk_create(
            Seat(recipient=one, relay=place, counts=self.random.random() < 0.8, contact=False)
            for one in made
            for place in self.random.sample(self.relays, 2)
        )

    def is_seated(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO alerts_seat (recipient_id, relay_id, counts, contact) VALUES (%s, %s, %s, false) "
                "ON CONFLICT (recipient_id, relay_id) DO UPDATE SET counts = excluded.counts, ended_at = NULL",
                [self.some().pk, self.random.choice(self.relays).pk, self.random.random() < 0.7],
            )

    def a_seat_ends(self) -> None:
        chosen = self.some().seats.values_list("pk", flat=True)[:2]
        Seat.objects.filter(pk__in=list(chosen)).update(ended_at="2020-04-24T12:00:00Z")

    def is_targeted_or_not(self) -> None:
        Recipient.objects.filter(pk=self.some().pk).update(targeted=self.random.random() < 0.5)

    def many_are_told(self) -> None:
        outcome = self.random.choice(Recipient.Outcome.values)
        chosen = [self.some().pk for _ in range(3)]
        Recipient.objects.filter(pk__in=chosen).update(told_revision=self.number(), outcome=outcome)

    def answers(self) -> None:
        number = self.number()
        acted = number if self.random.random() < 0.5 else 0
        Recipient.objects.filter(pk=self.some().pk).update(answered_revision=number, acted_revision=acted)

    def is_answered_for(self) -> None:
        number = self.number()
        column = self.random.choice(["office_revision", "behalf_revision"])
        also = {"answered_revision": number} if column == "behalf_revision" else {}
        Recipient.objects.filter(pk=self.some().pk).update(**{column: number}, **also)

    def answers_like_a_machine(self) -> None:
        Recipient.objects.filter(pk=self.some().pk).update(suspect_revision=self.number())

    def is_revised(self) -> None:
        with transaction.atomic():
            counting.lock_figures(self.advisory.pk)
            rows.revise(self.advisory, self.random.choice(["material", "minor"]))
            counting.recount(self.advisory.pk)

    def is_folded(self) -> None:
        counting.fold(self.advisory.pk)

    def steps(self) -> list[Callable[[], None]]:
        return [
            self.joins,
            self.many_join,
            self.is_seated,
            self.a_seat_ends,
            self.is_targeted_or_not,
            self.many_are_told,
            self.many_are_told,
            self.answers,
            self.answers,
            self.answers_like_a_machine,
            self.is_answered_for,
            self.is_answered_for,
            self.is_revised,
            self.is_folded,
        ]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_the_rows_after_each_step_of_a_storm(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(60):
        step = storm.random.choice(storm.steps())
        step()
        assert figures_read(storm.advisory) == figures_of_rows(storm.advisory), step.__name__


@pytest.mark.django_db
def test_a_change_that_counts_for_nothing_writes_no_delta() -> None:
    advisory = rows.advisory()
    recipient = rows.recipient(advisory, rows.relay(advisory, "treasury"))
    before = Delta.objects.count()
    Recipient.objects.filter(pk=recipient.pk).update(token_issue=3, why="full", needs_help=True)
    assert Delta.objects.count() == before


@pytest.mark.django_db
def test_one_statement_about_many_people_writes_one_delta_a_relay_and_one_of_the_whole() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury")
    for _ in range(5):
        rows.recipient(advisory, place)
    counting.fold(advisory.pk)
    advisory.recipients.update(told_revision=1)
    assert sorted(Delta.objects.values_list("relay_id", "sent"), key=str) == sorted([(None, 5), (place.pk, 5)], key=str)


@pytest.mark.django_db
def test_folding_twice_finds_nothing_the_second_time_and_changes_no_figure() -> None:
    advisory = rows.advisory()
    rows.recipient(advisory, rows.relay(advisory, "treasury"))
    before = figures_read(advisory)
    assert counting.unfolded() == [advisory.pk]
    assert counting.fold(advisory.pk) == 2
    assert counting.fold(advisory.pk) == 0
    assert counting.unfolded() == []
    assert figures_read(advisory) == before


@pytest.mark.django_db
def test_a_recount_mends_figures_that_somebody_spoilt() -> None:
    advisory = rows.advisory()
    rows.recipient(advisory, rows.relay(advisory, "treasury"))
    counting.fold(advisory.pk)
    Counter.objects.update(targeted=700)
    Whole.objects.update(targeted=700)
    counting.recount(advisory.pk)
    assert figures_read(advisory) == figures_of_rows(advisory)


@pytest.mark.django_db
def test_folding_is_no_news_and_each_change_of_a_figure_is() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury", state="held")
    recipient = rows.recipient(advisory, place)
    seen = [coverage.fingerprint(advisory)]
    counting.fold(advisory.pk)
    assert coverage.fingerprint(advisory) == seen[0]
    for change in (
        lambda: Recipient.objects.filter(pk=recipient.pk).update(told_revision=1),
        lambda: Relay.objects.filter(pk=place.pk).update(state="released", released_at="2020-04-24T12:00:00Z"),
        lambda: Seat.objects.filter(recipient=recipient).update(ended_at="2020-04-24T12:00:00Z"),
        lambda: Seat.objects.filter(recipient=recipient).update(ended_at=None),
        lambda: counting.recount(advisory.pk),
    ):
        change()
        seen.append(coverage.fingerprint(advisory))
    assert len(set(seen)) == len(seen)


def _in_threads(*works: Callable[[], None]) -> None:
    """Run these beside each other, each on a connection of its own; what one raises is raised here."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.django_db(transaction=True)
def test_answers_seats_folding_and_new_revisions_at_once_leave_the_figures_exact() -> None:
    advisory = rows.advisory()
    places = [rows.relay(advisory, f"body-{n}") for n in range(3)]
    recipients = [rows.recipient(advisory, places[n % 3]) for n in range(12)]
    start = threading.Barrier(5)

    def answering(seed: int) -> Callable[[], None]:
        def work() -> None:
            chance = random.Random(seed)
            start.wait()
            for _ in range(40):
                with transaction.atomic():
                    one = Recipient.objects.select_for_update().get(pk=chance.choice(recipients).pk)
                    number = chance.randint(1, 3)
                    one.answered_revision, one.told_revision = number, number
                    one.save(update_fields=["answered_revision", "told_revision"])

        return work

    def seating() -> None:
        chance = random.Random(7)
        start.wait()
        for _ in range(40):
            one, place = chance.choice(recipients), chance.choice(places)
            seat, made = Seat.objects.get_or_create(
                recipient=one, relay=place, defaults={"counts": True, "contact": False}
            )
            if not made:
                Seat.objects.filter(pk=seat.pk).update(counts=chance.random() < 0.5)

    def revising() -> None:
        start.wait()
        for _ in range(6):
            with transaction.atomic():
                counting.lock_figures(advisory.pk)
                rows.revise(Advisory.objects.select_for_update(no_key=True).get(pk=advisory.pk))
                counting.recount(advisory.pk)

    def folding() -> None:
        start.wait()
        for _ in range(60):
            counting.fold(advisory.pk)

    _in_threads(answering(1), answering(2), seating, revising, folding)
    assert figures_read(advisory) == figures_of_rows(advisory)
    counting.fold(advisory.pk)
    assert not Delta.objects.exists()
    assert figures_read(advisory) == figures_of_rows(advisory)


@pytest.mark.django_db(transaction=True)
def test_an_answer_waits_while_a_revision_is_being_published_and_counts_against_the_new_one() -> None:
    advisory = rows.advisory()
    recipient = rows.recipient(advisory, rows.relay(advisory, "treasury"))
    published, answered = threading.Event(), threading.Event()

    def publish() -> None:
        with transaction.atomic():
            counting.lock_figures(advisory.pk)
            published.set()
            # The answer can't come through before this transaction ends; were it to, the figures below would be wrong.
            assert not answered.wait(0.3)
            rows.revise(Advisory.objects.get(pk=advisory.pk))
            counting.recount(advisory.pk)

    def answer() -> None:
        published.wait()
        Recipient.objects.filter(pk=recipient.pk).update(answered_revision=1)
        answered.set()

    _in_threads(publish, answer)
    assert answered.is_set()
    assert figures_read(advisory) == figures_of_rows(advisory)
    assert coverage.whole(advisory).figures.acknowledged == 0
