"""Mails to the officers of a draft: who is asked when it changes hands, and who hears that it was approved."""

import pytest
from django.utils import timezone

from alerts.delivery.deliver import deliver
from alerts.models import Advisory, Batch, Draft, Message
from alerts.models.message import DESK
from alerts.publishing import reviewing
from alerts.publishing.approving import approve, give_back, submit
from alerts.publishing.desk_words import desk_words
from alerts.publishing.draft import drop, save, start_update
from alerts.publishing.publish import publish_draft
from departments.models import Body
from tests.smtp import Server
from tests.test_drafts import a_draft
from tests.test_gaps import Wide

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


def waiting(kind: str) -> set[str]:
    """Who has a mail of this kind that has not left."""
    return set(Message.objects.filter(kind=kind, state="waiting").values_list("person__name", flat=True))


def submitted(office: Wide) -> Draft:
    draft = a_draft(office)
    return submit(draft, office.ada, draft.version)


def test_a_draft_that_changes_hands_asks_those_who_may_approve_it_now(office: Wide) -> None:
    heir = office.body("heir")
    office.person("hal", heir, "officer")
    submitted(office)
    assert waiting("approve") == {"Ben"}
    Body.objects.filter(pk=office.centre.pk).update(closed="2026-01-01", successor=heir)
    now = timezone.now()
    assert [reviewing.hand_over(now), reviewing.hand_over(now)] == [1, 0]
    assert waiting("approve") == {"Hal"}


def test_the_title_of_an_updates_draft_is_for_those_who_write_and_approve_it(office: Wide) -> None:
    """Contacts and administrators have desk mails too: theirs are about what is published."""
    draft = submitted(office)
    assert "Do not use Zoom" in desk_words("referral", draft.advisory).subject
    publish_draft(draft, office.ben, accept_gaps="told otherwise")
    start_update(draft.advisory, office.ada, {"title": "Zoom leaked the cabinet keys"})
    about = Advisory.objects.get()
    told = {kind for kind in DESK if "cabinet keys" in desk_words(kind, about).subject}
    assert told == {"approve", "approved", "returned"}


class TestApproved:
    def test_whoever_submitted_it_has_a_mail_before_every_other(self, office: Wide, server: Server) -> None:
        draft = submitted(office)
        Message.objects.update(state="superseded")
        approve(draft, office.ben, draft.version)
        assert waiting("approved") == {"Ada"}
        assert Batch.objects.get(kind="approved").rank == 0
        while deliver():
            pass
        mail = next(mail for mail in server.mails if mail.recipients == ["ada@example.org"])
        assert "Approved: Do not use Zoom" in mail.subject
        assert "Ben has approved what you submitted" in " ".join(mail.text.split())
        assert f"/advisories/{draft.advisory.reference}/" in mail.text

    @pytest.mark.parametrize("what", ["published", "sent back", "changed", "thrown away"])
    def test_it_does_not_leave_once_there_is_nothing_to_publish(self, office: Wide, what: str) -> None:
        draft = submitted(office)
        draft = approve(draft, office.ben, draft.version)
        if what == "published":
            publish_draft(draft, office.ada, accept_gaps="told otherwise")
        elif what == "sent back":
            give_back(draft, office.ben, draft.version, "No.")
        elif what == "changed":
            save(draft, office.ada, {"summary": "Another."}, {})
        else:
            drop(draft, office.ada)
        assert waiting("approved") == set()
        assert waiting("approve") == set()
