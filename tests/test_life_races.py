"""What meets at the same moment: nobody who was put in is forgotten, and no press fails for the press before it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from alerts import officers
from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft, Record
from alerts.publishing import desk, gaps, stopping
from alerts.publishing.draft import start_update, update_from_file
from alerts.publishing.publish import publish_draft
from departments.readiness import refresh
from tests.office import an_advisory
from tests.test_gaps import Wide, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


class Paused:
    """A verb that stops in the middle of its transaction until it is let go on."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=[work])

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            connections.close_all()

    def __enter__(self) -> "Paused":
        self._thread.start()
        assert self.reached.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        self._thread.join()

    def stop_here(self) -> None:
        self.reached.set()
        assert self.go.wait(10)


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[list[Any]]:
    """`work` in another thread; it is waited for at the end. What it gave or raised."""
    gave: list[Any] = []

    def run() -> None:
        try:
            gave.append(work())
        except BaseException as failure:
            gave.append(failure)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield gave
    thread.join()


def wait_until_somebody_waits() -> None:
    """Until a connection waits for another one's lock."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if (cursor.fetchone() or (0,))[0]:
                return
        threading.Event().wait(0.05)
    raise AssertionError("nobody waits")


class TestPutInWhileACascadeLooks:
    def test_whoever_was_put_in_is_reached(self, office: Wide, monkeypatch: pytest.MonkeyPatch) -> None:
        advisory = office.publish().advisory
        assert told(advisory) == {"Cas", "Head"}
        office.person("new", office.department, "member")  # a change at which the next pass looks
        paused = Paused(lambda: gaps.put_in(advisory, [office.outside.pk], office.ada))
        real = officers.refuse_beyond_branch

        def stops(held: Advisory) -> None:
            real(held)
            paused.stop_here()

        monkeypatch.setattr(gaps, "refuse_beyond_branch", stops)
        with paused, meanwhile(lambda: cascade(advisory.pk)):
            wait_until_somebody_waits()
            paused.go.set()
        assert paused.failures == []
        cascade(advisory.pk)  # as the beat would
        assert told(advisory) == {"Cas", "Head", "New", "Mia"}


class TestPressedWhileAnUpdateIsPublished:
    """Publishing takes seconds at 200,000 people (a recount); whoever presses meanwhile waits for it."""

    @pytest.fixture
    def advisory(self, office: Wide) -> Advisory:
        advisory = office.publish().advisory
        cascade(advisory.pk)
        return Advisory.objects.get(pk=advisory.pk)

    @pytest.fixture
    def publishing(self, office: Wide, advisory: Advisory, monkeypatch: pytest.MonkeyPatch) -> Paused:
        draft = update_from_file(
            advisory, an_advisory(what_changed="All.", earlier="replaced", title="New words"), office.ada, material=True
        )
        paused = Paused(lambda: publish_draft(Draft.objects.get(pk=draft.pk), office.ben))
        real = desk.call_off

        def stops(of: Advisory, *kinds: str) -> int:
            paused.stop_here()
            return real(of, *kinds)

        monkeypatch.setattr(desk, "call_off", stops)
        return paused

    def pressed(self, publishing: Paused, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Any:
        with publishing, meanwhile(work) as gave:
            wait_until_somebody_waits()
            monkeypatch.undo()
            publishing.go.set()
        assert publishing.failures == []
        return gave[0]

    def test_stop_says_how_far_it_had_got(
        self, office: Wide, advisory: Advisory, publishing: Paused, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gave = self.pressed(publishing, lambda: stopping.stop(advisory, office.ada), monkeypatch)
        assert gave == stopping.how_far(Advisory.objects.get(pk=advisory.pk))
        assert Record.objects.get(kind="stopped").details["unsent"] == 2

    def test_standing_down_is_done_and_no_error(
        self, office: Wide, advisory: Advisory, publishing: Paused, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gave = self.pressed(publishing, lambda: stopping.stand_down(advisory, office.ada, "No longer."), monkeypatch)
        assert not isinstance(gave, BaseException), repr(gave)

    def test_the_next_update_begins_with_the_words_as_they_stand(
        self, office: Wide, advisory: Advisory, publishing: Paused, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gave = self.pressed(publishing, lambda: start_update(advisory, office.ada, {}), monkeypatch)
        assert gave.content["title"] == "New words"

    def test_nobody_who_looks_at_the_directory_waits_for_it(
        self, office: Wide, advisory: Advisory, publishing: Paused, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first page, the tree and the reach page refresh readiness; so does publishing, before its transaction."""
        office.person("new", office.department, "member")
        with publishing, meanwhile(refresh) as gave:
            for _ in range(100):
                if gave:
                    break
                threading.Event().wait(0.05)
            done = bool(gave)
            monkeypatch.undo()
            publishing.go.set()
        assert publishing.failures == []
        assert done
