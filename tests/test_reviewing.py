"""Looking at an advisory again: reminded in time, confirmed by name, expired where nobody looks, handed on with its body."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from alerts.models import Advisory, Draft, Message, Record
from alerts.publishing import reviewing
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down
from alerts.tasks import tend_gaps, tend_reviews
from departments.closing import close
from departments.models import Body, Membership, Person
from departments.refusal import Refused
from tests.office import Office, an_advisory
from tests.test_drafts import a_draft, at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def noon() -> datetime:
    """Of a day to come, so that what the database dates itself lies before."""
    return (timezone.now() + 2 * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def advisory(office: Office, noon: datetime) -> Advisory:
    """Published at noon, to be looked at again after thirty days."""
    with time_machine.travel(noon, tick=False):
        return office.publish().advisory


def reminded() -> list[str]:
    return list(Message.objects.filter(kind="review").order_by("pk").values_list("person__name", flat=True))


class TestReminders:
    def test_its_owner_is_reminded_a_week_before_on_the_day_and_a_week_after_once_each(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        written = []
        for day in range(60):
            for hours in (0, 1, 1):
                reviewing.remind(noon + day * DAY + timedelta(hours=hours))
            written.append(len(reminded()))
        assert [day for day in range(1, 60) if written[day] > written[day - 1]] == [23, 30, 37]
        assert reminded() == ["Ada", "Ada", "Ada"]

    def test_a_beat_that_slept_for_weeks_reminds_once(self, advisory: Advisory, noon: datetime) -> None:
        reviewing.remind(noon + 45 * DAY)
        assert reminded() == ["Ada"]

    def test_several_beats_at_once_remind_once(self, advisory: Advisory, noon: datetime) -> None:
        for _ in range(3):
            reviewing.tend(noon + 24 * DAY)
        assert reminded() == ["Ada"]

    def test_of_a_short_life_no_reminder_comes_with_the_warning_itself(self, office: Office, noon: datetime) -> None:
        with time_machine.travel(noon, tick=False):
            office.publish(severity="critical")  # looked at again within seven days
        reviewing.remind(noon + timedelta(minutes=1))
        assert reminded() == []
        reviewing.remind(noon + 7 * DAY)
        assert reminded() == ["Ada"]

    def test_of_an_owner_who_left_or_may_not_any_more_everybody_who_may_is_reminded(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        office.person("cleo", office.centre, "officer")
        Membership.objects.filter(person=office.ada).update(until=timezone.now())
        both = Person.objects.filter(name__in=["Ben", "Cleo"]).values_list("pk", flat=True)
        assert sorted(reviewing.owners(advisory)) == sorted(both)
        reviewing.remind(noon + 23 * DAY)
        assert sorted(reminded()) == ["Ben", "Cleo"]

    def test_what_is_over_is_nobody_s_to_look_at(self, office: Office, advisory: Advisory, noon: datetime) -> None:
        stand_down(advisory, office.ada, "Over.")
        reviewing.tend(noon + 31 * DAY)
        assert reminded() == []
        advisory.refresh_from_db()
        assert advisory.state == "stood-down"


class TestConfirming:
    def test_whoever_says_that_it_holds_looks_after_it_until_the_new_day(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        now, until = noon + 29 * DAY, noon + 100 * DAY
        reviewing.remind(now)
        reviewing.confirm(advisory, office.ben, until, now)
        advisory.refresh_from_db()
        assert (advisory.review_by, advisory.owner, advisory.state) == (until, office.ben, "live")
        entry = Record.objects.get(kind="reviewed")
        assert (entry.actor, entry.details["until"]) == (office.ben, str(until))
        for day in (30, 37, 60, 92):
            reviewing.tend(noon + day * DAY)
        assert reminded() == ["Ada"]
        reviewing.tend(noon + 93 * DAY)
        assert reminded() == ["Ada", "Ben"]

    @pytest.mark.parametrize("after", [-DAY, timedelta(0), 367 * DAY])
    def test_the_day_is_to_come_and_within_a_year(
        self, office: Office, advisory: Advisory, noon: datetime, after: timedelta
    ) -> None:
        with pytest.raises(Refused, match="after today and within a year"):
            reviewing.confirm(advisory, office.ben, noon + after, noon)

    def test_nobody_else_says_so_and_not_of_what_is_over(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        with pytest.raises(Refused, match="not an officer of"):
            reviewing.confirm(advisory, office.cas, noon + DAY, noon)
        stand_down(advisory, office.ada, "Over.")
        with pytest.raises(Refused, match="there is nothing to look at again"):
            reviewing.confirm(advisory, office.ben, noon + DAY, noon)


class TestExpiring:
    def test_thirty_days_late_it_expires_and_says_so_once(self, advisory: Advisory, noon: datetime) -> None:
        assert reviewing.expire(noon + 60 * DAY - timedelta(seconds=1)) == 0
        assert [reviewing.expire(noon + 60 * DAY) for _ in range(3)] == [1, 0, 0]
        advisory.refresh_from_db()
        assert advisory.state == "expired"
        assert Record.objects.filter(kind="expired").count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_two_beats_at_once_write_one_entry(self, advisory: Advisory, noon: datetime) -> None:
        assert at_once(*(lambda: reviewing.expire(noon + 60 * DAY) for _ in range(4))) == []
        assert Record.objects.filter(kind="expired").count() == 1

    def test_confirmed_late_it_lives_again(self, office: Office, advisory: Advisory, noon: datetime) -> None:
        reviewing.expire(noon + 60 * DAY)
        reviewing.confirm(advisory, office.ada, noon + 90 * DAY, noon + 61 * DAY)
        reviewing.tend(noon + 61 * DAY)
        advisory.refresh_from_db()
        assert advisory.state == "live"

    @pytest.mark.parametrize("material", [True, False])
    def test_updated_late_it_lives_again_and_does_not_expire_the_next_minute(
        self, office: Office, advisory: Advisory, noon: datetime, material: bool
    ) -> None:
        reviewing.expire(noon + 60 * DAY)
        advisory.refresh_from_db()
        draft = update_from_file(advisory, an_advisory(), office.ada, material=material)
        publish_draft(draft, office.ben, now=noon + 61 * DAY)
        reviewing.tend(noon + 61 * DAY + timedelta(minutes=1))
        advisory.refresh_from_db()
        assert (advisory.state, advisory.review_by) == ("live", noon + 91 * DAY)

    def test_whoever_writes_a_material_update_has_looked_at_it(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        for material, day in ((False, 30), (True, 50)):
            draft = update_from_file(advisory, an_advisory(), office.ada, material=material)
            publish_draft(draft, office.ben, now=noon + 20 * DAY)
            advisory.refresh_from_db()
            assert advisory.review_by == noon + day * DAY

    def test_a_day_that_passed_while_it_waited_for_approval_is_not_published(
        self, office: Office, noon: datetime
    ) -> None:
        at = (noon + DAY).isoformat()
        draft = office.draft(review_by=at, actions=[])
        with pytest.raises(ValueError, match="review_by: is in the past"):
            publish_draft(draft, office.ben, now=noon + 2 * DAY)
        Draft.objects.update(content={**draft.content, "review_by": "P10D"})
        assert publish_draft(draft, office.ben, now=noon + 2 * DAY).advisory.review_by == noon + 12 * DAY


class TestHandingOver:
    def test_an_abolished_issuer_s_live_and_unpublished_advisories_go_to_whoever_took_over(
        self, office: Office, advisory: Advisory
    ) -> None:
        heir = Body.objects.create(slug="heir", name="The New Centre", kind="agency")
        drafted, over = a_draft(office).advisory, office.publish().advisory
        stand_down(over, office.ada, "Over.")
        close(office.centre, by=None, on=timezone.localdate(), why="merged", successor=heir)
        assert [reviewing.hand_over(timezone.now()) for _ in range(3)] == [2, 0, 0]
        owned = dict(Advisory.objects.values_list("pk", "issuer__slug"))
        assert owned == {advisory.pk: "heir", drafted.pk: "heir", over.pk: "centre"}
        assert [entry.details for entry in Record.objects.filter(kind="handed over")] == [
            {"from": "The Centre", "to": "The New Centre"}
        ] * 2

    def test_without_a_successor_to_the_nearest_open_body_above(self, office: Office, advisory: Advisory) -> None:
        office.centre.parent = office.department
        office.centre.save()
        office.person("dot", office.government, "officer")
        for body in (office.centre, office.department):
            Body.objects.filter(pk=body.pk).update(closed=timezone.localdate())
        assert reviewing.hand_over(timezone.now()) == 1
        advisory.refresh_from_db()
        assert advisory.issuer == office.government
        assert reviewing.owners(advisory) == [Person.objects.get(name="Dot").pk]

    def test_whoever_looks_after_it_now_may_correct_it_for_all_who_were_told(
        self, office: Office, advisory: Advisory
    ) -> None:
        """Though they may warn nobody else beyond their own branch."""
        Body.objects.create(slug="other", name="Other", kind="agency", may_issue=True)
        heir = Body.objects.create(slug="heir", name="Heir", kind="agency")
        dot, eve = (office.person(name, heir, "officer") for name in ("dot", "eve"))
        Body.objects.filter(pk=office.centre.pk).update(closed=timezone.localdate(), successor=heir)
        reviewing.hand_over(timezone.now())
        advisory.refresh_from_db()
        update = update_from_file(advisory, an_advisory(what_changed="It was wrong."), dot, material=True)
        assert publish_draft(update, eve).number == 2

    def test_a_successor_that_closed_as_well_hands_on(self, office: Office, advisory: Advisory) -> None:
        heir = Body.objects.create(
            slug="heir", name="Heir", kind="agency", closed=timezone.localdate(), parent=office.government
        )
        Body.objects.filter(pk=office.centre.pk).update(closed=timezone.localdate(), successor=heir)
        reviewing.hand_over(timezone.now())
        assert Advisory.objects.get(pk=advisory.pk).issuer == office.government

    def test_where_nobody_is_left_it_stays_and_the_rest_is_tended_all_the_same(
        self, office: Office, advisory: Advisory, noon: datetime
    ) -> None:
        Body.objects.filter(pk=office.centre.pk).update(closed=timezone.localdate())
        with time_machine.travel(noon + 61 * DAY, tick=False):
            tend_gaps()
            tend_reviews()
        advisory.refresh_from_db()
        assert (advisory.issuer, advisory.state) == (office.centre, "expired")
