"""Whoever was left out until a day, or left undecided: what the clock does about it, once."""

from datetime import datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft, Exclusion, Message, Record
from alerts.publishing import gaps, reviewing
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.targeting import leave_out
from alerts.tasks import tend_gaps, tend_reviews
from departments.models import Body, Membership, Topic
from departments.refusal import Refused
from tests.office import an_advisory
from tests.test_drafts import at_once
from tests.test_gaps import DAY, Wide, at, mails, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Wide:
    return Wide()


@pytest.fixture
def noon() -> datetime:
    """Of a day to come, so that what the database dates itself lies before."""
    return (timezone.now() + 2 * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


class TestWhenItsDayComes:
    @pytest.fixture
    def advisory(self, office: Wide, noon: datetime) -> Advisory:
        """Published at noon; the committee and the board are left out for ten days, the department until then."""
        with time_machine.travel(noon, tick=False):
            draft = office.draft()
            leave_out(draft.advisory, office.department, office.ada, "in hand", noon + 10 * DAY)
            gaps.sign(draft.advisory, [office.outside.pk], office.ada, "told by phone", noon + 10 * DAY)
            draft.refresh_from_db()
            Draft.objects.update(stage="submitted", submitted_by=office.ada)
            made = publish_draft(Draft.objects.get(), office.ben, accept_gaps="x").advisory
            cascade(made.pk)
        return made

    def at(self, moment: datetime, times: int = 2) -> None:
        with time_machine.travel(moment, tick=False):
            for _ in range(times):
                tend_gaps()
                tend_reviews()

    def test_it_is_put_in_unless_it_is_signed_anew(self, office: Wide, advisory: Advisory, noon: datetime) -> None:
        self.at(noon + 10 * DAY - timedelta(minutes=1))
        assert told(advisory) == {"Head"}
        self.at(noon + 10 * DAY, times=3)
        assert told(advisory) == {"Head", "Cas", "Mia"}
        assert at(advisory)["committee"] == "widened"
        assert Exclusion.objects.get().lapsed_at == noon + 10 * DAY
        assert Record.objects.get(kind="lapsed").details["bodies"] == ["committee", "department"]

    def test_signed_anew_it_stays_out_until_the_new_day(self, office: Wide, advisory: Advisory, noon: datetime) -> None:
        bodies = [office.outside.pk, office.department.pk]
        with time_machine.travel(noon + 9 * DAY, tick=False):
            assert gaps.sign(advisory, bodies, office.ben, "still in hand", noon + 20 * DAY) == 2
        self.at(noon + 15 * DAY)
        assert told(advisory) == {"Head"}
        assert (Exclusion.objects.get().by, Exclusion.objects.get().reason) == (office.ben, "still in hand")
        self.at(noon + 20 * DAY)
        assert told(advisory) == {"Head", "Cas", "Mia"}

    def test_its_officers_are_warned_a_day_before_once(self, office: Wide, advisory: Advisory, noon: datetime) -> None:
        office.person("cleo", office.centre, "officer")
        self.at(noon + 8 * DAY)
        assert mails("lapsing") == []
        for hours in (1, 5, 23):
            self.at(noon + 9 * DAY + timedelta(hours=hours))
        assert mails("lapsing") == ["Ada", "Ben"]  # who wrote it and who approved it

    def test_where_neither_is_an_officer_any_more_everybody_who_may_is_warned(
        self, office: Wide, advisory: Advisory, noon: datetime
    ) -> None:
        office.person("cleo", office.centre, "officer")
        Membership.objects.filter(person__in=[office.ada, office.ben]).update(until=timezone.now())
        self.at(noon + 9 * DAY + timedelta(hours=1))
        assert mails("lapsing") == ["Cleo"]

    @pytest.mark.django_db(transaction=True)
    def test_several_beats_at_the_same_moment_do_it_once(
        self, office: Wide, advisory: Advisory, noon: datetime
    ) -> None:
        moment = noon + 10 * DAY
        assert at_once(*(lambda: gaps.tend(moment) for _ in range(3))) == []
        assert Record.objects.filter(kind="lapsed").count() == 1
        assert at(advisory)["committee"] == "widened"

    def test_long_after_it_is_done_all_the_same(self, office: Wide, advisory: Advisory, noon: datetime) -> None:
        self.at(noon + 12 * DAY)
        assert "Mia" in told(advisory)

    def test_a_body_that_closed_meanwhile_is_reached_through_whoever_took_over(
        self, office: Wide, advisory: Advisory, noon: datetime
    ) -> None:
        heir = office.body("heir", people=1)
        Body.objects.filter(pk=office.outside.pk).update(closed=noon.date(), successor=heir)
        self.at(noon + 10 * DAY)
        assert "Heir0" in told(advisory)

    def test_of_one_that_closed_for_good_nothing_is_left_to_decide(
        self, office: Wide, advisory: Advisory, noon: datetime
    ) -> None:
        Body.objects.filter(pk=office.outside.pk).update(closed=noon.date())
        self.at(noon + 10 * DAY, times=3)
        assert "committee" not in at(advisory)
        assert Record.objects.get(kind="lapsed").details["bodies"] == ["department"]

    @pytest.mark.parametrize("why", ["red", "narrowed", "beyond the branch"])
    def test_what_the_clock_cannot_put_in_is_undecided_again(
        self, office: Wide, advisory: Advisory, noon: datetime, why: str
    ) -> None:
        if why == "red":
            Advisory.objects.update(marking="RED", open_title="x")
        elif why == "narrowed":
            advisory.only_topics.create(topic=Topic.objects.create(slug="chess"))
        else:
            Advisory.objects.update(issuer=office.government)
        self.at(noon + 10 * DAY, times=3)
        assert at(advisory)["committee"] == "undecided"
        assert not advisory.branches.filter(body=office.outside).exists()
        assert "Mia" not in told(advisory)

    def test_nothing_happens_to_a_draft_or_when_it_is_over(
        self, office: Wide, advisory: Advisory, noon: datetime
    ) -> None:
        for state in ("draft", "stood-down", "expired"):
            Advisory.objects.update(state=state)
            self.at(noon + 11 * DAY)
        assert not Record.objects.filter(kind="lapsed").exists()


class TestUndecided:
    def test_is_asked_again_after_an_hour_once(self, office: Wide) -> None:
        now = timezone.now()
        publish_draft(office.draft(), office.ben, now=now)
        gaps.tend(now + timedelta(minutes=59))
        assert mails("undecided") == []
        for minutes in (60, 61, 600):
            gaps.tend(now + timedelta(minutes=minutes))
        assert mails("undecided") == ["Ada", "Ben"]

    def test_decided_within_the_hour_nobody_is_asked(self, office: Wide) -> None:
        now = timezone.now()
        advisory = publish_draft(office.draft(), office.ben, now=now).advisory
        gaps.put_in(advisory, [office.outside.pk], office.ben)
        gaps.sign(advisory, [office.board.pk], office.ben, "x", now + DAY)
        gaps.tend(now + timedelta(hours=2))
        assert mails("undecided") == []

    def test_an_update_within_the_hour_does_not_put_the_question_off(self, office: Wide) -> None:
        now = timezone.now()
        advisory = publish_draft(office.draft(), office.ben, now=now).advisory
        update = update_from_file(advisory, an_advisory(), office.ada, material=False)
        publish_draft(update, office.ben, now=now + timedelta(minutes=50))
        gaps.tend(now + timedelta(minutes=60))
        assert mails("undecided") == ["Ada", "Ben"]


def test_what_was_left_out_until_a_day_is_signed_anew_before_it_is_published_after_that_day(
    office: Wide, noon: datetime
) -> None:
    with time_machine.travel(noon, tick=False):
        draft = office.draft(actions=[])
        leave_out(draft.advisory, office.department, office.ada, "in hand", noon + DAY)
        Draft.objects.update(stage="submitted", submitted_by=office.ada)
    with time_machine.travel(noon + 2 * DAY, tick=False):
        with pytest.raises(Refused, match="A Department: left out until a day that has come"):
            publish_draft(Draft.objects.get(), office.ben, accept_gaps="x")
        leave_out(draft.advisory, office.department, office.ada, "still in hand", noon + 9 * DAY)
        Draft.objects.update(stage="submitted", submitted_by=office.ada)
        advisory = publish_draft(Draft.objects.get(), office.ben, accept_gaps="x").advisory
        tend_gaps()
        tend_reviews()
        assert told(advisory) == {"Head"}


@pytest.mark.django_db(transaction=True)
def test_three_beats_at_the_same_moment_mail_everybody_once(office: Wide) -> None:
    now = timezone.now()
    advisory = publish_draft(office.draft(), office.ben, now=now).advisory
    assert advisory.review_by is not None

    def beat(due: datetime) -> None:
        gaps.tend(due)
        reviewing.tend(due)

    for due in (now + 2 * DAY, advisory.review_by):
        assert at_once(*(partial(beat, due) for _ in range(3))) == []
    assert (mails("undecided"), mails("review")) == (["Ada", "Ben"], ["Ada"])
    assert Message.objects.values("key").distinct().count() == Message.objects.count()
