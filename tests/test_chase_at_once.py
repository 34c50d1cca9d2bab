"""Two beats at once, steps and posts without their lock, and a kill after every statement: each mail once all the same."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from alerts.chasing import posting, stepping
from alerts.chasing.tending import tend
from alerts.models import Advisory, Clock, Escalation, Message, Nudge
from tests import browser
from tests.chased import at, chase, leave, publish, team
from tests.office import Office
from tests.test_killed_at_every_step import every_step

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = at("2026-11-30 10:00")
DUE = at("2026-12-01 10:10")  # the third reminder and the first rung; what was due before is overtaken


@pytest.fixture
def place(office: Office) -> Office:
    """A department with a contact and three teams, each with a contact and two members."""
    office.person("dora", office.department, "contact")
    for number in range(3):
        people = [(f"{name}-{number}", "contact" if name == "tess" else "member") for name in ("tess", "tim", "tom")]
        team(office, f"team-{number}", office.department, *people)
    return office


def at_once(*verbs: Callable[[], object]) -> None:
    """All of them at the same moment, each with a connection of its own."""
    ready, failed = threading.Barrier(len(verbs)), list[BaseException]()

    def go(verb: Callable[[], object]) -> None:
        try:
            ready.wait()
            verb()
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def one_mail_each(advisory: Advisory, now: datetime = DUE) -> None:
    """Eleven silent people are reminded; four contacts, and of a dark body the officers, are told: one mail each."""
    reminded = Counter(
        Message.objects.filter(kind="reminder", advisory=advisory).values_list("person__name", flat=True)
    )
    assert len(reminded) == 11
    told = Counter(
        Message.objects.filter(kind="escalation", batch__about=advisory).values_list("person__name", flat=True)
    )
    assert set(told) == {"Dora", "Tess-0", "Tess-1", "Tess-2", "Ada", "Ben"}
    assert {*reminded.values(), *told.values()} == {1}
    assert not Nudge.objects.filter(state="waiting", recipient__advisory=advisory).exists()
    assert not Escalation.objects.filter(state="waiting", relay__advisory=advisory).exists()
    assert Clock.objects.filter(advisory=advisory).count() == 1
    leave(now)
    assert chase(now + timedelta(minutes=1)) == []


def test_two_beats_at_once_mail_once(place: Office) -> None:
    advisory = publish(place, MONDAY, actions=[])
    at_once(lambda: tend(DUE), lambda: tend(DUE))
    tend(DUE)  # what the second stood aside for is the first's
    one_mail_each(advisory)


def test_steps_carried_out_by_two_at_once_reach_everybody_once(place: Office) -> None:
    advisory = publish(place, MONDAY, actions=[])
    chase(MONDAY + timedelta(minutes=6))
    at_once(*[lambda: stepping.step(DUE)] * 3)
    stepping.step(DUE)
    at_once(*[lambda: posting.post(DUE)] * 3)
    posting.post(DUE)
    one_mail_each(advisory)


def test_a_chase_killed_at_every_step_mails_once(place: Office, settings: SettingsWrapper) -> None:
    settings.CHASE_MAILS_A_DAY = 1000  # all of it on one day
    browser.stop()

    numbers = iter(range(1000))

    def published() -> Advisory:
        Message.objects.filter(state="waiting").update(state="sent")
        Advisory.objects.filter(state="live").update(state="stood-down")
        return publish(place, MONDAY, actions=[], title=f"Another {next(numbers)}")

    assert every_step(published, lambda _: tend(DUE), one_mail_each) > 12
