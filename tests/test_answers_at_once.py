"""Answers at the same moment: each form once, in whatever way they come, and the figures are those of the rows."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from alerts import answer_form, counting
from alerts.answering import acknowledge, answers
from alerts.answering.acknowledge import Form
from alerts.answering.answers import Given, How, Read, Told
from alerts.models import Acknowledgement, Advisory, Recipient, Record
from alerts.suspicion import Client
from tests import rows
from tests.test_counting import figures_of_rows, figures_read

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = Client("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")


def form_of(recipient: Recipient, number: int = 1) -> str:
    with time_machine.travel(timezone.now() - timedelta(minutes=5), tick=False):
        return answer_form.issue(recipient.pk, number)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Each in a thread of its own, begun together; what each gave, or the error that it raised."""
    start, gave = threading.Barrier(len(acts)), list[object]()

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            gave.append(act())
        except Exception as error:  # told to the test
            gave.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return gave


def by_link(recipient: Recipient, form: str, read: str = "yes") -> Callable[[], Acknowledgement]:
    return lambda: acknowledge.answer(recipient, Form(form, read, {}), PERSON)


def kept(recipient: Recipient, how: How, **more: object) -> Callable[[], object]:
    asked = answers.question(recipient.pk, 1)
    assert asked is not None
    given = Given(how=how, read=Read.YES, form_id=uuid4(), **more)  # type: ignore[arg-type]
    return lambda: answers.keep(asked, given)


@pytest.fixture
def advisory() -> Advisory:
    return rows.advisory()


@pytest.fixture
def reader(advisory: Advisory) -> Recipient:
    return rows.recipient(advisory, rows.relay(advisory, "treasury"))


def test_two_forms_of_one_person_each_pressed_twice_are_two_answers_and_one_person(
    advisory: Advisory, reader: Recipient
) -> None:
    one, other = form_of(reader), form_of(reader)
    gave = at_once(*(by_link(reader, form, read) for form, read in ((one, "yes"), (other, "help")) for _ in range(4)))
    assert len({made.pk for made in gave if isinstance(made, Acknowledgement)}) == 2
    assert Acknowledgement.objects.count() == Record.objects.filter(kind="acknowledged").count() == 2
    assert figures_read(advisory) == figures_of_rows(advisory)
    assert figures_read(advisory)[None][6] == 1


def test_a_replay_long_after_gives_the_first_answer_and_takes_nothing_back(reader: Recipient) -> None:
    form = form_of(reader)
    first = by_link(reader, form)()
    by_link(reader, form_of(reader), "help")()
    with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
        assert by_link(reader, form, "phishing")() == first
    reader.refresh_from_db()
    assert reader.needs_help
    assert Acknowledgement.objects.count() == 2


def test_by_link_on_behalf_and_through_the_office_at_once_is_exact(advisory: Advisory) -> None:
    relay, contact = rows.relay(advisory, "treasury"), rows.person("Connie Contact")
    people = [rows.recipient(advisory, relay) for _ in range(6)]
    acts: list[Callable[[], object]] = []
    for person in people:
        acts.append(by_link(person, form_of(person)))
        acts.append(kept(person, How.OFFICE, by=contact))
        acts.append(kept(person, How.BEHALF, by=contact, told_how=Told.TELEPHONE, told_at=timezone.now()))
    random.Random(1).shuffle(acts)
    wrong = [gave for gave in at_once(*acts) if isinstance(gave, Exception)]
    assert not wrong
    assert Acknowledgement.objects.count() == len(acts)
    assert figures_read(advisory) == figures_of_rows(advisory)


def test_answers_while_an_update_is_published_are_neither_lost_nor_counted_for_it(advisory: Advisory) -> None:
    relay = rows.relay(advisory, "treasury")
    people = [rows.recipient(advisory, relay) for _ in range(10)]
    acts: list[Callable[[], object]] = [by_link(person, form_of(person)) for person in people]

    def update() -> None:
        with transaction.atomic():
            counting.lock_figures(advisory.pk)
            rows.revise(Advisory.objects.get(pk=advisory.pk))
            counting.recount(advisory.pk)

    wrong = [gave for gave in at_once(*acts, update) if isinstance(gave, Exception)]
    assert not wrong
    assert Acknowledgement.objects.filter(revision__number=1).count() == len(people)
    assert figures_read(advisory) == figures_of_rows(advisory)
    assert figures_read(advisory)[None][6] == 0


def test_an_answer_that_waits_for_a_publication_holds_nothing_that_others_wait_for(
    advisory: Advisory, reader: Recipient
) -> None:
    """Else delivery, the answer and the publication wait in a circle, until the database breaks it a second later."""
    act, done = kept(reader, How.LINK), threading.Event()

    def answers_then() -> None:
        try:
            act()
        finally:
            done.set()
            connections.close_all()

    thread = threading.Thread(target=answers_then)
    with transaction.atomic():
        counting.lock_figures(advisory.pk)
        thread.start()
        with connection.cursor() as cursor:
            while not _waits(cursor) and not done.is_set():
                pass
        assert Recipient.objects.select_for_update(nowait=True).get(pk=reader.pk)
        assert not done.is_set()
    thread.join()
    assert Acknowledgement.objects.count() == 1


def _waits(cursor: CursorWrapper) -> bool:
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    cursor.execute(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {here}")
    return bool(cursor.fetchone()[0])
