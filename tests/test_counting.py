"""Figures are what a recount from the rows says, whatever happened, in whatever order, beside whatever else."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction

from alerts import counting, coverage
from alerts.models import Advisory, Counter, Delta, Recipient, Relay, Seat, Tide, Whole
from alerts.models.figures import FIGURES
from tests import rows

Figures = dict[int | None, tuple[int, ...]]


def figures_read(advisory: Advisory) -> Figures:
    found = coverage.read(advisory)
    whole = tuple(getattr(found.whole.figures, name) for name in FIGURES)
    return {
        None: whole,
        **{row.relay_id: tuple(getattr(row.own, name) for name in FIGURES) for row in found.rows if row.relay_id},
    }


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
            not answered and (heard or (sent and of.outcome in ("delivered", "complained"))),
            not heard and not sent and not refused,
            not answered and (of.answered_revision > 0 or (advisory.office == "counts" and of.office_revision > 0)),
        )
        said = dict(zip(FIGURES, one, strict=True))
        assert sum(said[part] for part in ("acknowledged", "silent", "unsent", "unreachable")) <= 1
        counted[place] = tuple(a + b for a, b in zip(counted[place], one, strict=True))

    for recipient in advisory.recipients.all():
        if recipient.targeted:
            add(None, recipient)
        for seat in recipient.seats.filter(counts=True, ended_at=None):
            add(seat.relay_id, recipient)
    return counted


def answered_by_branch(advisory: Advisory, figures: Figures) -> dict[int | None, int]:
    """How many have answered in the whole, and in each relay's branch as its paths say it; nothing where nobody has."""
    place = FIGURES.index("acknowledged")
    found: dict[int | None, int] = {None: figures[None][place]}
    for pk, path in advisory.relays.values_list("pk", "path"):
        for above in path:
            found[above] = found.get(above, 0) + figures[pk][place]
    return {relay: number for relay, number in found.items() if number}


def answered_by_minute(advisory: Advisory) -> dict[int | None, int]:
    """The same from the minutes of the current material revision and what is pending."""
    paths = dict(advisory.relays.values_list("pk", "path"))
    now = {"advisory": advisory, "material": advisory.material.number if advisory.material else 0}
    found: dict[int | None, int] = {}
    for relay, more in Tide.objects.filter(**now).values_list("relay_id", "acknowledged"):
        found[relay] = found.get(relay, 0) + more
    for relay, more in Delta.objects.filter(**now).values_list("relay_id", "acknowledged"):
        for above in paths[relay] if relay else [None]:
            found[above] = found.get(above, 0) + more
    return {relay: number for relay, number in found.items() if number}


def nothing_drifted(advisory: Advisory) -> bool:
    """Figures are those of the rows, and the minutes add up to them; says what differs by failing there."""
    truth = figures_of_rows(advisory)
    assert figures_read(advisory) == truth
    assert answered_by_minute(advisory) == answered_by_branch(advisory, truth)
    return True


class Storm:
    """One thing after another, at random but the same for a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.advisory = rows.advisory(f"STORM-{seed}", office="counts" if seed % 2 else "apart")
        top = rows.relay(self.advisory, f"top-{seed}")
        self.relays = [top, *(rows.relay(self.advisory, f"below-{seed}-{n}", top) for n in range(3))]
        self.relays.append(rows.relay(self.advisory, f"far-below-{seed}", self.relays[-1]))
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

    def is_recounted(self) -> None:
        counting.recount(self.advisory.pk)

    def bounces_after_all(self) -> None:
        outcome = self.random.choice(["bounced", "suppressed", "complained", "delivered", "deferred"])
        Recipient.objects.filter(pk=self.some().pk, told_revision__gt=0).update(outcome=outcome)

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
            self.is_recounted,
            self.bounces_after_all,
        ]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_the_rows_after_each_step_of_a_storm(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(60):
        step = storm.random.choice(storm.steps())
        step()
        assert nothing_drifted(storm.advisory), step.__name__


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
    Counter.objects.update(targeted=700, former=7)
    Whole.objects.update(targeted=700, unsent=7)
    Tide.objects.create(advisory=advisory, material=1, minute="2020-04-24T12:00:00Z", acknowledged=70)
    counting.recount(advisory.pk)
    assert nothing_drifted(advisory)


@pytest.mark.django_db
def test_answers_stand_in_their_minutes_of_the_branch_and_folding_moves_none_of_them() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "government")
    place = rows.relay(advisory, "treasury", top)
    people = [rows.recipient(advisory, place) for _ in range(3)]
    for minute, one in zip(("12:00:59", "12:07:01", "12:07:58"), people, strict=True):
        Recipient.objects.filter(pk=one.pk).update(answered_revision=1)
        Delta.objects.filter(acknowledged__gt=0, at__year__gt=2020).update(at=f"2020-04-24T{minute}Z")
        counting.fold(advisory.pk)
    kept = Tide.objects.order_by("minute", "relay_id").values_list("relay_id", "minute__minute", "acknowledged")
    assert set(kept) == {(of, *said) for of in (None, top.pk, place.pk) for said in ((0, 1), (7, 2))}
    counting.recount(advisory.pk)
    assert set(kept.all()) == {(of, *said) for of in (None, top.pk, place.pk) for said in ((0, 1), (7, 2))}
    with transaction.atomic():
        counting.lock_figures(advisory.pk)
        rows.revise(advisory)
        counting.recount(advisory.pk)
    assert not Tide.objects.filter(material=2).exists()
    assert nothing_drifted(advisory)


@pytest.mark.django_db
def test_a_body_that_moved_with_its_answers_takes_them_along_at_the_next_recount() -> None:
    advisory = rows.advisory()
    old, new = rows.relay(advisory, "business"), rows.relay(advisory, "energy")
    team = rows.relay(advisory, "net-zero-team", old, state="planned")
    Recipient.objects.filter(pk=rows.recipient(advisory, team).pk).update(answered_revision=1)
    counting.fold(advisory.pk)
    Relay.objects.filter(pk=team.pk).update(parent=new, path=[*new.path, team.pk])
    counting.recount(advisory.pk)
    assert answered_by_minute(advisory) == {None: 1, new.pk: 1, team.pk: 1}
    assert nothing_drifted(advisory)


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
    assert nothing_drifted(advisory)
    counting.fold(advisory.pk)
    assert not Delta.objects.exists()
    assert nothing_drifted(advisory)


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
    assert nothing_drifted(advisory)
    assert coverage.whole(advisory).figures.acknowledged == 0
