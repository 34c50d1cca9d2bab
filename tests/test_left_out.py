"""Left out until a day: what happens when that day comes and nobody can be put in, or before anything is published."""

import pytest
import time_machine
from django.utils import timezone

from alerts.models import Advisory, Exclusion, Gap, Message
from alerts.publishing import gaps
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.reach import reach, targets
from alerts.publishing.targeting import leave_out, take_back
from departments.models import Remit, Topic
from departments.refusal import Refused
from tests.office import an_advisory
from tests.test_gaps import DAY, Wide, at, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


def narrowed(office: Wide) -> Advisory:
    """For bodies with a remit that the board, which is left out, has not; the board's day has come."""
    Remit.objects.create(body=office.government, topic=Topic.objects.get(slug="china"))
    audience = {"branches": ["government"], "topics": ["china"], "exclusions": [{"body": "board", "reason": "x"}]}
    advisory = office.publish(audience=audience).advisory
    lapsed(advisory)
    return Advisory.objects.get(pk=advisory.pk)


def lapsed(advisory: Advisory) -> None:
    now = timezone.now()
    Exclusion.objects.update(look_again_at=now)
    gaps.lapse(advisory, now)
    assert not Exclusion.objects.filter(lapsed_at=None).exists()


def asked_about(advisory: Advisory) -> list[str]:
    return [gap.body.slug for gap in gaps.undecided(advisory, reach(advisory)) if gap.why == gaps.LAPSED]


class TestWhoCannotBePutIn:
    def test_they_are_undecided_and_an_officer_is_asked(self, office: Wide) -> None:
        advisory = narrowed(office)
        assert office.board.pk not in targets(advisory)
        assert at(advisory)["board"] == "undecided"
        assert asked_about(advisory) == ["board"]

    def test_an_officer_signs_for_them_anew(self, office: Wide) -> None:
        advisory = narrowed(office)
        now = timezone.now()
        assert gaps.sign(advisory, [office.board.pk], office.ada, "still in hand", now + DAY) == 1
        assert at(advisory)["board"] == "signed"
        assert asked_about(advisory) == []
        gaps.lapse(advisory, now + 2 * DAY)
        assert at(advisory)["board"] == "undecided"

    def test_an_update_does_not_forget_them(self, office: Wide) -> None:
        advisory = narrowed(office)
        since = Gap.objects.get(body=office.board).at
        update = an_advisory(what_changed="x", earlier="holds")
        publish_draft(update_from_file(advisory, update, office.ada, material=True), office.ben)
        assert (at(advisory)["board"], Gap.objects.get(body=office.board).at) == ("undecided", since)

    def test_whoever_hears_it_by_another_way_is_not_asked_about(self, office: Wide) -> None:
        advisory = narrowed(office)
        Remit.objects.create(body=office.board, topic=Topic.objects.get(slug="china"))
        advisory.branches.create(body=office.board)
        assert asked_about(advisory) == []

    def test_at_red_they_are_undecided_and_hear_nothing(self, office: Wide) -> None:
        office.person("gov", office.government, "contact")
        audience = {"people": ["cas@example.org"], "exclusions": [{"body": "government", "reason": "x"}]}
        advisory = office.publish(marking="RED", audience=audience).advisory
        assert told(advisory) == {"Cas"}
        lapsed(advisory)
        assert told(advisory) == {"Cas"}
        assert at(advisory)["government"] == "undecided"


class TestADayThatComesBeforePublication:
    def test_it_is_signed_anew_or_taken_back_first(self, office: Wide) -> None:
        now = timezone.now()
        draft = office.draft()
        leave_out(draft.advisory, office.department, office.ada, "in hand", now + DAY)
        waits = {"stage": "submitted", "submitted_by": office.ada, "submitted_at": now}
        type(draft).objects.update(**waits)
        with time_machine.travel(now + 2 * DAY, tick=True):
            draft.refresh_from_db()
            with pytest.raises(Refused, match="A Department: left out until a day that has come"):
                publish_draft(draft, office.ben, accept_gaps="x")
            take_back(draft.advisory, office.department, office.ada)
            type(draft).objects.update(**waits)
            draft.refresh_from_db()
            advisory = publish_draft(draft, office.ben, accept_gaps="x").advisory
            assert told(advisory) == {"Cas", "Head"}
            assert not Message.objects.filter(kind="lapsing").exists()
