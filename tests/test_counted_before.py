"""What was there before figures and minutes were kept of it is counted when they come, and nothing stands in the way back."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from alerts import counting
from alerts.answering import answers
from alerts.answering.answers import Given, How, Read
from alerts.models import Advisory, Delta, Recipient, Tide, Whole
from tests import rows
from tests.test_counting import nothing_drifted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forth_again() -> Iterator[None]:
    yield
    call_command("migrate", "alerts", verbosity=0)


def says(recipient: Recipient, how: How = How.LINK, number: int = 1) -> None:
    asked = answers.question(recipient.pk, number)
    assert asked is not None
    answers.keep(asked, Given(how, Read.YES, uuid4(), name="Olga Office" if how == How.OFFICE else ""))


def somebody_of_every_kind(advisory: Advisory, *, updated: bool) -> list[Recipient]:
    """Answered, told and silent, through the office, unsent, out of reach; and on the old advice, where there is a new one."""
    top = rows.relay(advisory, f"government-of-{advisory.reference}".lower())
    places = [rows.relay(advisory, f"team-{n}-of-{advisory.reference}".lower(), top) for n in range(2)]
    people = [rows.recipient(advisory, places[n % 2]) for n in range(7)]
    rows.recipient(advisory, *places)
    says(people[0])
    if updated:
        rows.revise(advisory)
        counting.recount(advisory.pk)
    current = 1 + updated
    for one, outcome in ((people[1], "delivered"), (people[2], "bounced"), (people[3], "")):
        Recipient.objects.filter(pk=one.pk).update(told_revision=current, outcome=outcome)
    says(people[4], How.OFFICE, current)
    says(people[5], number=current)
    return people


def test_figures_and_minutes_that_are_new_count_what_was_there_folded_or_not_and_go_back() -> None:
    folded, pending = rows.advisory("ADV-1"), rows.advisory("ADV-2", office="counts")
    people = somebody_of_every_kind(folded, updated=True), somebody_of_every_kind(pending, updated=False)
    counting.fold(folded.pk)
    assert not Whole.objects.filter(advisory=pending).exists()

    call_command("migrate", "alerts", "0016", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alerts_tide'), (SELECT sum(acknowledged) FROM alerts_whole)")
        assert cursor.fetchone() == (None, 1)
    # The counting of that release is at work.
    says(people[0][6], number=2)
    says(people[1][6])

    call_command("migrate", "alerts", verbosity=0)
    assert nothing_drifted(folded)
    assert nothing_drifted(pending)
    assert Delta.objects.filter(advisory=pending).exists()
    for advisory, whose, number in ((folded, people[0], 2), (pending, people[1], 1)):
        says(whose[3], number=number)
        assert nothing_drifted(advisory)
        counting.fold(advisory.pk)
        assert nothing_drifted(advisory)
        assert advisory.published_at is not None
        recent = Tide.objects.filter(advisory=advisory, relay=None, material=number)
        assert not recent.filter(minute__lt=advisory.published_at - timedelta(minutes=1)).exists()
