"""Back to the tables of the last release and forth again, with rows of every kind: nothing stands in the way."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from django.db.models import Field
from django.utils import timezone

from alerts.answering import answers, unlocking
from alerts.answering.answers import Given, How, Read, Told
from alerts.cascading.cascade import cascade
from alerts.delivery import verify
from alerts.models import Advisory, Draft, Exclusion, Gap, Message, Recipient
from alerts.publishing import gaps, reviewing, stopping
from alerts.publishing.draft import start_update
from departments.models import Membership
from tests import rows as direct
from tests.test_counting import figures_of_rows, figures_read
from tests.test_drafts import a_draft
from tests.test_gaps import DAY, Wide

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


@pytest.fixture(autouse=True)
def _forth_again() -> Iterator[None]:
    yield
    call_command("migrate", "alerts", verbosity=0)


@pytest.fixture(autouse=True)
def _drawn_when_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of steps that are only passed on the way nobody looks at the models; Django makes them anew after every operation.

    And it takes each field apart to make another like it, each time: what that gives is kept here.
    """
    mutate = Migration.mutate_state

    def unseen(self: Migration, state: ProjectState, preserve: bool = True) -> ProjectState:
        made = state.__dict__.pop("apps", None)
        after = mutate(self, state, preserve)
        if preserve and made is not None:
            state.__dict__["apps"] = made
        return after

    def another(self: "Field[Any, Any]") -> "Field[Any, Any]":
        if "taken_apart" not in self.__dict__:
            self.__dict__["taken_apart"] = self.deconstruct()[2:]
        args, kwargs = self.__dict__["taken_apart"]
        return type(self)(*args, **kwargs)

    monkeypatch.setattr(Migration, "mutate_state", unseen)
    monkeypatch.setattr(Field, "clone", another)


def back_to(name: str) -> None:
    call_command("migrate", "alerts", name, verbosity=0)


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def stood_down(office: Wide) -> Advisory:
    """An advisory that was answered and stood down: those who answered are thanked."""
    advisory = office.publish().advisory
    cascade(advisory.pk)
    Recipient.objects.filter(advisory=advisory).update(told_revision=1, answered_revision=1)
    Message.objects.filter(advisory=advisory).update(state="sent")
    stopping.stand_down(advisory, office.ada, "over")
    cascade(advisory.pk)
    return advisory


def with_gaps_and_drafts(office: Wide) -> Advisory:
    """An advisory with what was left out and lapsed, gaps of every kind, drafts at every stage, and one that expired."""
    now = timezone.now()
    decided = {"decided_by": office.ben, "submitted_by": office.ada}
    Draft.objects.filter(pk=a_draft(office).pk).update(stage="returned", reason="x", **decided)
    Draft.objects.filter(pk=a_draft(office).pk).update(stage="approved", **decided)
    audience = {"branches": ["government"], "exclusions": [{"body": "board", "reason": "x"}]}
    advisory = office.publish(audience=audience).advisory
    cascade(advisory.pk)
    Exclusion.objects.update(look_again_at=now)
    gaps.lapse(advisory, now)
    Exclusion.objects.create(advisory=advisory, body=office.board, reason="anew", by=office.ada)
    for kind in Gap.Kind.values:
        Gap.objects.get_or_create(advisory=advisory, kind=kind, body=office.department)
    start_update(Advisory.objects.get(pk=advisory.pk), office.ada, {})
    Advisory.objects.filter(pk=office.publish().advisory.pk).update(review_by=now - 31 * DAY)
    reviewing.expire(now)
    return advisory


def answered(office: Wide) -> tuple[Advisory, int]:
    """An advisory whose mail some refuse who answered all the same, one of whom doubts; and how many were told."""
    advisory = office.publish().advisory
    cascade(advisory.pk)
    Recipient.objects.filter(advisory=advisory).update(told_revision=1)
    chosen = list(Recipient.objects.filter(advisory=advisory, targeted=True).order_by("pk"))
    assert len(chosen) >= 2
    for recipient, outcome in zip(chosen, ("unreachable", "bounced", "complained"), strict=False):
        Recipient.objects.filter(pk=recipient.pk).update(outcome=outcome, answered_revision=1)
    asked = answers.question(chosen[0].pk, 1)
    assert asked is not None
    answers.keep(asked, Given(How.LINK, Read.PHISHING, uuid4()))
    through_office = answers.question(chosen[-1].pk, 1)
    assert through_office is not None
    Recipient.objects.filter(pk=chosen[-1].pk).update(outcome="bounced", answered_revision=0)
    answers.keep(through_office, Given(How.OFFICE, Read.YES, uuid4(), name="Olga Office"))
    told = {"told_how": Told.TELEPHONE, "told_at": timezone.now()}
    answers.keep(asked, Given(How.BEHALF, Read.YES, uuid4(), by=office.ada, **told))  # type: ignore[arg-type]
    return advisory, len(chosen)


def test_rows_of_every_kind_go_back_step_by_step_and_forth_again(office: Wide) -> None:
    """One walk down, with a look at each landing, and one up: each step takes seconds."""
    wide, over = with_gaps_and_drafts(office), stood_down(office)
    counted, told = answered(office)
    before = figures_read(counted)
    assert before == figures_of_rows(counted)
    recipient = Recipient.objects.filter(advisory=wide).first()
    assert recipient is not None
    unlocking.ask(recipient)
    place = {"body": office.department, "role": "contact", "since": timezone.now() - 100 * DAY}
    Membership.objects.create(person=direct.person(), **place)
    assert verify.ask_contacts() == 1

    back_to("0013")
    assert rows("SELECT read, suspect FROM alerts_acknowledgement ORDER BY id") == [
        ("help", ["phishing"]),
        ("yes", []),
        ("yes", []),
    ]
    back_to("0011")
    figures = (
        "SELECT sum(sent), sum(unreachable), sum(delivered) FROM alerts_delta WHERE relay_id IS NULL AND advisory_id ="
    )
    assert rows(f"{figures} {counted.pk}") == [(told - 2, 2, min(told - 2, 1))]
    back_to("0007")
    waiting = f"SELECT DISTINCT kind FROM alerts_message WHERE state = 'waiting' AND advisory_id = {over.pk}"
    assert rows(waiting) == [("stand-down",)]
    assert rows("SELECT count(*) FROM alerts_batch WHERE kind = 'thanks'") == [(0,)]
    assert rows("SELECT count(*) FROM alerts_message WHERE kind = 'code'") == [(0,)]
    back_to("0006")
    assert rows(f"SELECT reason FROM alerts_exclusion WHERE advisory_id = {wide.pk}") == [("anew",)]
    back_to("0004")
    assert rows("SELECT DISTINCT state FROM alerts_advisory ORDER BY 1") == [("draft",), ("live",), ("stood-down",)]
    back_to("0002")
    assert rows("SELECT count(*) FROM alerts_message WHERE advisory_id IS NULL") == [(0,)]

    call_command("migrate", "alerts", verbosity=0)
    after = figures_read(counted)
    assert after == figures_of_rows(counted)
    gaps.tend(timezone.now())
    reviewing.tend(timezone.now())
    assert verify.ask_contacts() == 1
    assert unlocking.ask(recipient) is True
