"""Before a step is carried out its page says who has had as many mails of the chase today as a day bears."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.chasing import chase as pressed
from alerts.chasing import steering
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.models import Advisory, ChaseStep, Escalation, Message, Nudge, Recipient
from tests.chased import answer, at, chase, publish, team
from tests.clients import signed_in
from tests.office import Office

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
MONDAY, HALF = at("2026-11-30 09:00"), at("2026-11-30 13:00")


@pytest.fixture
def place(settings: SettingsWrapper) -> Office:
    """A department with a contact and a head, and a team below it with two members. A day bears one mail."""
    settings.CHASE_MAILS_A_DAY = 1
    office = Office()
    for name, role in (("dora", "contact"), ("hal", "head")):
        office.person(name, office.department, role)
    team(office, "team", office.department, ("tim", "member"), ("tom", "member"))
    return office


def second(place: Office, **fields: object) -> Advisory:
    """One whose half comes a quarter of an hour after everybody of the team was reminded of another one."""
    publish(place, MONDAY, actions=[], audience={"branches": ["team"]})
    chase(MONDAY + MINUTE)
    made = publish(place, MONDAY + 15 * MINUTE, **{"actions": [], "audience": {"branches": ["department"]}, **fields})
    chase(MONDAY + 16 * MINUTE)
    chase(HALF)
    return made


def next_of(advisory: Advisory, what: str = "remind") -> ChaseStep:
    of = ChaseStep.objects.select_related("clock").filter(clock__advisory=advisory, done_at=None, what=what)
    return of.order_by("due_at", "n")[0]


def page(place: Office, advisory: Advisory, when: datetime, step: ChaseStep | None = None) -> str:
    """What the page of the chase says at that moment, or the one of a step."""
    more, name = ([step.pk], "chase_step") if step else ([], "chase")
    with time_machine.travel(when, tick=False):
        found = signed_in(place.ada).get(reverse(f"alerts:{name}", args=[advisory.reference, *more]))
    assert found.status_code == 200
    return " ".join(unescape(strip_tags(found.content.decode())).split())


def names(state: str, of: Advisory) -> set[str]:
    return set(Nudge.objects.filter(state=state, recipient__advisory=of).values_list("person__name", flat=True))


def test_it_says_how_many_have_had_as_many_as_a_day_bears_and_these_are_held_back(place: Office) -> None:
    advisory = second(place)
    step, now = next_of(advisory), HALF + 5 * MINUTE
    seen = steering.whom(step, now)
    assert (seen.people, seen.full, len(seen.shown)) == (5, 2, 5)
    said = "Of them 2 have had 1 mail of the chase today: held back, unless it is another day by then."
    assert said in page(place, advisory, now)
    assert said in page(place, advisory, now, step)
    assert {name for _, name in chase(step.due_at + MINUTE)} == {"Cas", "Dora", "Hal"}
    assert names("held-back", advisory) == {"Tim", "Tom"}


def test_whoever_has_had_fewer_is_not_among_them(place: Office, settings: SettingsWrapper) -> None:
    advisory = second(place)
    settings.CHASE_MAILS_A_DAY = 2
    assert steering.whom(next_of(advisory), HALF + MINUTE).full == 0
    assert "Of them" not in page(place, advisory, HALF + MINUTE)


def test_whoever_answered_before_is_not_among_them_either(place: Office) -> None:
    advisory = second(place)
    answer(advisory, "Tim", HALF + MINUTE)
    assert "Of them 1 has had 1 mail of the chase today: held back" in page(place, advisory, HALF + 2 * MINUTE)


def test_a_critical_one_holds_nobody_back(place: Office) -> None:
    advisory = second(place, severity="critical", acknowledge_within="PT8H")
    step = next_of(advisory)
    assert step.due_at > HALF
    seen = steering.whom(step, HALF + MINUTE)
    assert (seen.people, seen.full) == (5, 0)
    assert len(chase(step.due_at + MINUTE)) == 5


def test_of_a_step_that_leaves_on_another_day_nothing_is_said(place: Office) -> None:
    advisory = second(place)
    step = next_of(advisory)
    ChaseStep.objects.filter(pk=step.pk).update(due_at=at("2026-11-30 18:00"))
    step.refresh_from_db()
    assert steering.whom(step, HALF + MINUTE).full == 0, "it is due in the evening and leaves in the morning"
    assert "Of them" not in page(place, advisory, HALF + MINUTE, step).partition("Brought forward")[0]
    assert steering.whom(step, at("2026-12-01 09:00")).full == 0, "a new day's count begins anew"


def test_brought_forward_it_says_so_too(place: Office) -> None:
    advisory = second(place)
    step = next_of(advisory)
    ChaseStep.objects.filter(pk=step.pk).update(due_at=at("2026-12-01 12:00"))
    found = page(place, advisory, HALF + 70 * MINUTE, step)
    assert "Of them" not in found.partition("Brought forward")[0]
    assert "Of them 2 have had 1 mail of the chase today" in found.partition("Brought forward")[2]


def test_what_somebody_pressed_for_is_no_mail_of_the_chase(place: Office) -> None:
    advisory = second(place)
    tim = Recipient.objects.get(advisory__pk__lt=advisory.pk, person__name="Tim")
    Nudge.objects.filter(recipient=tim).update(state="moot", message=None)
    assert steering.whom(next_of(advisory), HALF + MINUTE).full == 1, "what was not sent after all is none either"
    tomorrow = at("2026-12-01 09:05")
    pressed.remind(Selection(scope(tim.advisory_id), "targeted", ids=(tim.pk,)), place.ada, tomorrow)
    step = next_of(advisory)
    ChaseStep.objects.filter(pk=step.pk).update(due_at=tomorrow + MINUTE)
    step.refresh_from_db()
    assert Message.objects.filter(kind="reminder", batch__made_at__gte=tomorrow).exists()
    assert steering.whom(step, tomorrow).full == 0


def test_where_a_day_bears_none_it_is_everybody(place: Office, settings: SettingsWrapper) -> None:
    advisory = second(place)
    settings.CHASE_MAILS_A_DAY = 0
    seen = steering.whom(next_of(advisory), HALF + MINUTE)
    assert seen.full == seen.people == 5


def test_a_list_of_who_is_silent_waits_for_the_next_day(place: Office, settings: SettingsWrapper) -> None:
    advisory = second(place)
    rung, now = next_of(advisory, "escalate"), HALF + 30 * MINUTE
    chase(now)
    ChaseStep.objects.filter(pk=rung.pk).update(due_at=now + 5 * MINUTE)
    rung.refresh_from_db()
    seen = steering.whom(rung, now)
    assert (seen.people, seen.full, [one.name for one in seen.shown]) == (1, 1, ["Dora"])
    said = "Of them 1 has had 1 mail of the chase today: this one waits for the next day."
    assert said in page(place, advisory, now, rung)
    assert not chase(now + 6 * MINUTE)
    assert Escalation.objects.filter(step=rung, state="waiting").exclude(held_back_at=None).exists()
    settings.CHASE_MAILS_A_DAY = 2  # beside the morning's reminder
    assert ("escalation", "Dora") in chase(at("2026-12-01 09:01"))


def test_of_very_many_only_the_first_are_shown_and_it_is_as_many_queries(place: Office) -> None:
    def asked(advisory: Advisory) -> tuple[int, steering.Whom]:
        step = next_of(advisory)
        with CaptureQueriesContext(connection) as found:
            seen = steering.whom(step, HALF + MINUTE)
        return len(found), seen

    few = asked(second(place))
    for number in range(25):
        place.person(f"p{number}", place.department, "member")
    Nudge.objects.all().delete()
    ChaseStep.objects.all().delete()
    many = asked(second(place, audience={"branches": ["team", "department"]}))
    assert few[0] == many[0] == 4
    assert (many[1].people, len(many[1].shown)) == (30, steering.SHOWN)
    assert few[1].full == 2
