"""Back to the tables of the last release and forth again, with rows of every kind: nothing stands in the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from alerts import gaps, reviewing, stopping, unlocking
from alerts.cascade import cascade
from alerts.draft import start_update
from alerts.models import Advisory, Draft, Exclusion, Gap, Message, Recipient
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


def test_rows_of_every_kind_go_back_and_forth(office: Wide) -> None:
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
    recipient = Recipient.objects.filter(advisory=advisory).first()
    assert recipient is not None
    unlocking.ask(recipient)
    start_update(Advisory.objects.get(pk=advisory.pk), office.ada, {})
    Advisory.objects.filter(pk=office.publish().advisory.pk).update(review_by=now - 31 * DAY)
    reviewing.expire(now)
    stood_down(office)
    back_to("0004")
    assert rows("SELECT DISTINCT state FROM alerts_advisory ORDER BY 1") == [("draft",), ("live",), ("stood-down",)]
    call_command("migrate", "alerts", verbosity=0)
    gaps.tend(timezone.now())
    reviewing.tend(timezone.now())


def test_what_lapsed_and_was_signed_anew_is_one_exclusion_again(office: Wide) -> None:
    advisory = office.publish(audience={"branches": ["government"], "exclusions": [{"body": "board", "reason": "x"}]})
    now = timezone.now()
    Exclusion.objects.update(lapsed_at=now)
    Exclusion.objects.create(advisory=advisory.advisory, body=office.board, reason="anew", by=office.ada)
    back_to("0006")
    assert rows("SELECT reason FROM alerts_exclusion") == [("anew",)]


def test_thanks_that_have_not_left_become_stand_downs(office: Wide) -> None:
    stood_down(office)
    back_to("0007")
    assert rows("SELECT DISTINCT kind FROM alerts_message WHERE state = 'waiting'") == [("stand-down",)]
    assert rows("SELECT count(*) FROM alerts_batch WHERE kind = 'thanks'") == [(0,)]


def test_whoever_answered_though_their_address_refuses_mail_is_counted_as_each_release_counts(office: Wide) -> None:
    advisory = office.publish().advisory
    cascade(advisory.pk)
    Recipient.objects.filter(advisory=advisory).update(told_revision=1)
    chosen = list(Recipient.objects.filter(advisory=advisory, targeted=True).order_by("pk"))
    assert len(chosen) >= 2
    for recipient, outcome in zip(chosen, ("unreachable", "bounced", "complained"), strict=False):
        Recipient.objects.filter(pk=recipient.pk).update(outcome=outcome, answered_revision=1)
    before = figures_read(advisory)
    assert before == figures_of_rows(advisory)
    back_to("0011")
    (whole,) = rows("SELECT sum(sent), sum(unreachable), sum(delivered) FROM alerts_delta WHERE relay_id IS NULL")
    assert whole == (len(chosen) - 2, 2, len(chosen[2:3]))
    call_command("migrate", "alerts", verbosity=0)
    after = figures_read(advisory)
    assert after == figures_of_rows(advisory)
    assert after == before
