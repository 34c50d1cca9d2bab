"""An advisory that expired and is said to hold again: who joined meanwhile hears it, and nobody is reminded at once."""

import pytest
import time_machine
from django.utils import timezone

from alerts.cascading import cascade as cascading
from alerts.cascading.holds import release
from alerts.models import Advisory, Message, Relay
from alerts.publishing import reviewing
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.tasks import tend_reviews
from departments.models import Body
from departments.readiness import refresh
from departments.refusal import Refused
from tests.office import an_advisory
from tests.test_gaps import DAY, Wide, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


def expired(office: Wide) -> Advisory:
    """Told to whom it is for; then nobody looked at it, and the beat forgot what changed in the directory."""
    advisory = office.publish().advisory
    told(advisory)
    now = timezone.now()
    Advisory.objects.update(review_by=now - 31 * DAY)
    assert reviewing.expire(now) == 1
    office.person("late", office.department, "member")
    refresh()
    cascading.forget_changes()
    return advisory


class TestWhoJoinedMeanwhile:
    def test_they_are_told_once_it_is_confirmed(self, office: Wide) -> None:
        advisory = expired(office)
        now = timezone.now()
        reviewing.confirm(advisory, office.ada, now + DAY, now)
        assert told(advisory) == {"Cas", "Head", "Late"}

    def test_they_are_told_of_an_update(self, office: Wide) -> None:
        advisory = expired(office)
        draft = update_from_file(advisory, an_advisory(what_changed="x", earlier="holds"), office.ada, material=True)
        publish_draft(draft, office.ben)
        assert told(advisory) == {"Cas", "Head", "Late"}


def test_what_a_contact_releases_while_it_is_expired_waits_and_they_are_told_so(office: Wide) -> None:
    con = office.person("con", office.department, "contact")
    Body.objects.filter(pk=office.department.pk).update(policy="hold", hold_hours=4)
    advisory = expired(office)
    relay = Relay.objects.get(body=office.department)
    with pytest.raises(Refused, match="has expired"):
        release(relay.pk, con)
    now = timezone.now()
    reviewing.confirm(advisory, office.ada, now + DAY, now)
    assert release(relay.pk, con)
    assert told(advisory) == {"Con", "Head", "Cas", "Late"}


class TestReminders:
    def test_an_update_of_a_critical_one_is_not_followed_by_a_reminder_at_once(self, office: Wide) -> None:
        advisory = office.publish(severity="critical").advisory
        later = timezone.now() + 3 * DAY
        with time_machine.travel(later, tick=True):
            update = an_advisory(severity="critical", what_changed="x", earlier="holds")
            publish_draft(update_from_file(advisory, update, office.ada, material=True), office.ben)
            tend_reviews()
            assert not Message.objects.filter(kind="review").exists()

    def test_nor_is_saying_that_it_still_holds(self, office: Wide) -> None:
        advisory = office.publish().advisory
        later = timezone.now() + 20 * DAY
        with time_machine.travel(later, tick=True):
            reviewing.confirm(advisory, office.ada, timezone.now() + 5 * DAY, timezone.now())
            tend_reviews()
            assert not Message.objects.filter(kind="review").exists()
