"""Canaries: the operator's own addresses are first in every cascade, and it is said when their mail does not arrive."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tokens
from alerts.cascading.cascade import cascade, compare_anew
from alerts.coverage import whole
from alerts.delivery import tracking
from alerts.letters import letters
from alerts.models import Advisory, Batch, Canary, Message, Recipient, Revision
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down
from alerts.routing import canary
from alerts.watching import heard
from alerts.watching.view import View
from config.canaries import canaries
from config.mail_url import mailbox
from departments.models import Membership, Person
from tests.office import Office, an_advisory
from tests.smtp import Server
from tests.test_deliver import deliver_all, published

GMAIL, OUTLOOK = "seed@gmail.example", "seed@outlook.example"


@pytest.fixture(autouse=True)
def _two(settings: SettingsWrapper) -> None:
    settings.CANARIES = canaries([GMAIL, OUTLOOK])


@pytest.fixture
def by_provider(settings: SettingsWrapper) -> None:
    """A route that reports delivery."""
    settings.EMAIL_PROVIDER = "mailgun"


def mails(of: Advisory) -> list[Message]:
    """The canaries' mails about an advisory."""
    return list(Message.objects.filter(kind="canary", batch__about=of).order_by("pk"))


# --- the setting ---


def test_the_setting_is_read_as_addresses_one_a_mail_domain() -> None:
    assert canaries([]) == {}
    assert canaries([" Seed@GMAIL.example", "", "x@bücher.example"]) == {
        "gmail.example": "seed@gmail.example",
        "xn--bcher-kva.example": "x@xn--bcher-kva.example",
    }


@pytest.mark.parametrize("wrong", [["no address"], ["a@b.example", "c@B.example"], ["a@b@c.example"], ["@b.example"]])
def test_a_setting_that_is_no_such_list_is_refused_at_the_start(wrong: list[str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="CANARIES names"):
        canaries(wrong)


# --- before all others ---


@pytest.mark.django_db(transaction=True)
def test_they_leave_before_everybody_else(office: Office, server: Server) -> None:
    advisory = published(office)
    deliver_all()
    first = [mail.recipients[0] for mail in server.mails[:2]]
    assert sorted(first) == [GMAIL, OUTLOOK]
    assert len(server.mails) == Message.objects.count()
    mail = server.mails[0]
    assert "asks for nothing" in mail.text
    assert advisory.reference in mail.subject
    assert "High" in mail.text
    whole = mail.content.decode()
    assert "Do not use Zoom" not in whole
    assert "Meetings may be overheard" not in whole
    assert "/a/" not in whole


@pytest.mark.django_db
class TestTheirMails:
    def test_each_gets_one_a_revision_however_often_a_cascade_runs(self, office: Office) -> None:
        advisory = published(office)
        cascade(advisory.pk)
        compare_anew(advisory.pk)
        Advisory.objects.update(queued=None)
        cascade(advisory.pk)
        assert len(mails(advisory)) == 2
        assert (Canary.objects.count(), Person.objects.filter(name__startswith="Canary").count()) == (2, 2)

    def test_an_update_and_the_end_have_theirs_as_well(self, office: Office) -> None:
        advisory = published(office)
        publish_draft(
            update_from_file(advisory, an_advisory(what_changed="New."), office.ada, material=True), office.ben
        )
        cascade(advisory.pk)
        stand_down(Advisory.objects.get(), office.ada, "over")
        cascade(advisory.pk)
        revisions = Revision.objects.order_by("number").values_list("pk", flat=True)
        assert sorted({mail.key.split(":")[1] for mail in mails(advisory)}) == sorted(map(str, revisions))
        assert len(mails(advisory)) == 6

    def test_they_are_in_no_figure_no_seat_and_nobodys_recipient(
        self, office: Office, settings: SettingsWrapper
    ) -> None:
        advisory = published(office)
        people = Person.objects.filter(name__startswith="Canary")
        assert people.count() == 2
        assert not Membership.objects.filter(person__in=people).exists()
        assert not Recipient.objects.filter(person__in=people).exists()
        assert whole(advisory).figures.targeted == Recipient.objects.filter(targeted=True).count()
        assert [(mail.advisory_id, mail.recipient_id, mail.revision_id) for mail in mails(advisory)] == [
            (None,) * 3
        ] * 2

    def test_they_have_the_rank_of_their_advisory_and_the_first_place_in_it(self, office: Office) -> None:
        advisory = published(office, severity="critical")
        batches = Batch.objects.filter(rank=0).order_by("rank", "not_before", "id")
        assert [batch.kind for batch in batches][:2] == ["canary", "notice"]
        assert batches[0].about_id == advisory.pk

    def test_a_drill_says_so(self, office: Office) -> None:
        advisory = published(office, exercise=True)
        mail = letters.plain_skeleton("canary", advisory).fill(letters.Personal("key", "Canary", GMAIL, (), "", "", ""))
        assert b"Subject: [EXERCISE] Test of the way" in mail
        assert b"THIS IS AN EXERCISE" in mail
        assert b"X-Exercise" in mail

    def test_an_address_that_is_changed_is_another_person_at_the_same_domain(
        self, office: Office, settings: SettingsWrapper
    ) -> None:
        published(office)
        settings.CANARIES = canaries(["other@gmail.example"])
        canary.ensure()
        assert Canary.objects.get(domain="gmail.example").person.email == "other@gmail.example"

    def test_somebody_who_is_known_is_nobody_else_for_being_a_canary(
        self, office: Office, settings: SettingsWrapper
    ) -> None:
        settings.CANARIES = canaries(["ada@example.org"])
        published(office)
        assert Canary.objects.get().person == office.ada
        office.ada.refresh_from_db()
        assert office.ada.name == "Ada"

    def test_without_any_nothing_is_asked_or_written(self, office: Office, settings: SettingsWrapper) -> None:
        settings.CANARIES = {}
        advisory = published(office)
        assert mails(advisory) == []
        assert canary.seen(timezone.now()) == []


@pytest.mark.django_db(transaction=True)
def test_one_that_was_refused_is_tried_again_by_the_next_cascade(office: Office, server: Server) -> None:
    server.answers[GMAIL] = "550 5.1.1 no such mailbox"
    published(office, severity="critical")
    deliver_all()
    assert Person.objects.get(email=GMAIL).bounced_at is not None
    [said] = canary.seen(timezone.now())
    assert (said.domain, said.blind, said.words) == ("gmail.example", False, "550 5.1.1 no such mailbox")
    assert "was refused" in said.says
    server.answers.clear()
    published(office, title="Another")
    deliver_all()
    assert [mail.recipients[0] for mail in server.mails].count(GMAIL) == 1


# --- what became of them ---


@pytest.fixture
def sent(office: Office) -> Any:
    """An advisory of which the canaries' mails were handed over a moment ago, by this route."""

    def handed_over(route: str = "mailgun", **changes: Any) -> tuple[Advisory, datetime]:
        advisory = published(office, **changes)
        now = timezone.now()
        Message.objects.filter(kind="canary", batch__about=advisory).update(state="sent", sent_at=now, route=route)
        return advisory, now

    return handed_over


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def fate(domain: str, of: Advisory, **fields: object) -> None:
    Message.objects.filter(person__email=f"seed@{domain}", batch__about=of).update(**fields)


def domains(now: datetime) -> list[str]:
    """Of which something is to be said."""
    return [said.domain for said in canary.seen(now)]


@pytest.mark.django_db
@pytest.mark.usefixtures("by_provider")
class TestWhatBecameOfThem:
    def test_one_that_is_not_reported_delivered_within_five_minutes_is_said(self, sent: Any) -> None:
        advisory, now = sent()
        fate("outlook.example", advisory, fate="delivered", fate_at=now)
        assert domains(now + minutes(4.9)) == []
        [said] = canary.seen(now + minutes(5.1))
        assert said.says.startswith("Canary at gmail.example: handed over at ")
        assert "not reported delivered after 5 minutes: mail to this domain may not arrive" in said.says
        assert said.since == now + minutes(5)
        [found] = heard.canaries(View(now + minutes(6)))
        assert (found.kind, found.subject) == ("canary", "gmail.example")

    def test_one_that_was_not_even_handed_over_is_said_five_minutes_after_publication(self, office: Office) -> None:
        advisory = published(office)
        at = advisory.revisions.get().at
        assert domains(at + minutes(4.9)) == []
        assert domains(at + minutes(5.1)) == ["gmail.example", "outlook.example"]
        assert "has not been handed over" in canary.seen(at + minutes(6))[0].says

    @pytest.mark.parametrize(
        ("what", "says"), [("bounced", "came back"), ("deferred", "put off"), ("suppressed", "suppressed")]
    )
    def test_what_came_back_or_is_late_is_said_at_once(self, sent: Any, what: str, says: str) -> None:
        advisory, now = sent()
        fate("gmail.example", advisory, fate=what, fate_at=now, error=f"421 <{GMAIL}> rate limited")
        [said] = canary.seen(now + minutes(0.1))
        assert says in said.says
        assert said.words == "421 <<address>> rate limited"

    def test_it_is_over_after_a_day(self, sent: Any) -> None:
        _, now = sent()
        assert domains(now + timedelta(hours=23)) == ["gmail.example", "outlook.example"]
        assert domains(now + timedelta(hours=25)) == []

    def test_it_is_over_when_a_later_one_arrived_there(self, sent: Any) -> None:
        _, now = sent()
        later, _ = sent(title="Another", open_title="Another")
        assert len(canary.seen(now + minutes(10))) == 2
        fate("gmail.example", later, fate="delivered", fate_at=now)
        assert domains(now + minutes(10)) == ["outlook.example"]

    def test_a_later_one_of_which_nothing_is_known_yet_hides_no_earlier_one(self, sent: Any) -> None:
        first, now = sent()
        later, _ = sent(title="Another", open_title="Another")
        Message.objects.filter(batch__about=later).update(sent_at=now + minutes(8))
        assert all(first.reference in said.says for said in canary.seen(now + minutes(9)))
        assert len(canary.seen(now + minutes(9))) == 2

    def test_on_a_route_that_reports_nothing_they_prove_nothing(self, sent: Any, settings: SettingsWrapper) -> None:
        settings.EMAIL_PROVIDER, settings.EMAIL_HOST, settings.EMAIL_PORT = "", "smtp.example", 587
        advisory, now = sent("smtp.example:587")
        assert [said.blind for said in canary.seen(now + minutes(6))] == [True, True]
        assert canary.blind_routes() == "smtp.example:587"
        assert list(heard.canaries(View(now + minutes(6)))) == []
        fate("gmail.example", advisory, fate="bounced", fate_at=now)
        assert [found.subject for found in heard.canaries(View(now))] == ["gmail.example"]

    def test_once_its_mails_are_found_in_the_mailbox_that_is_read_silence_proves_something(
        self, sent: Any, settings: SettingsWrapper
    ) -> None:
        settings.EMAIL_PROVIDER, settings.EMAIL_HOST, settings.EMAIL_PORT = "", "smtp.example", 587
        settings.MAILBOX = mailbox("MAILBOX_URL", "imaps://alerts:secret@localhost:1/INBOX")
        earlier, _ = sent("smtp.example:587")
        for mail in mails(earlier):
            tracking.arrived(tokens.make_32(mail.pk, 0, tokens.RETURN), timezone.now())
        assert canary.blind_routes() == "smtp.example:587"
        tracking.match()
        assert canary.blind_routes() == ""
        _, now = sent("smtp.example:587", title="Another", open_title="Another")
        Message.objects.filter(batch__about=earlier).update(fate="")
        assert len(list(heard.canaries(View(now + minutes(6))))) == 2
        settings.MAILBOX = None
        assert canary.blind_routes() == "smtp.example:587"
        assert list(heard.canaries(View(now + minutes(6)))) == []

    def test_that_another_route_reported_it_once_proves_nothing_by_one_that_reports_nothing(
        self, sent: Any, settings: SettingsWrapper
    ) -> None:
        settings.SECOND_EMAIL = {"EMAIL_HOST": "smtp.example", "EMAIL_PORT": 587}
        settings.MAILBOX = mailbox("MAILBOX_URL", "imaps://alerts:secret@localhost:1/INBOX")
        advisory, now = sent("smtp.example:587")
        Canary.objects.update(heard_at=now - timedelta(days=40))
        assert [one.blind for one in canary.seen(now + minutes(6))] == [True, True]
        assert canary.blind_routes() == "smtp.example:587"
        Message.objects.filter(batch__about=advisory).update(route="mailgun")
        assert [one.blind for one in canary.seen(now + minutes(6))] == [False, False]

    def test_one_that_is_noted_as_left_is_said_for_as_long_as_it_is(self, sent: Any) -> None:
        canary.ensure()
        Person.objects.filter(email=GMAIL).update(left_at=timezone.now())
        advisory, now = sent()
        assert [mail.person.email for mail in mails(advisory)] == [OUTLOOK]
        [said] = canary.seen(now + timedelta(days=9))
        assert said.domain == "gmail.example"
        assert "noted as having left" in said.says
        Person.objects.filter(email=GMAIL).update(left_at=None)
        assert canary.seen(now + timedelta(days=9)) == []
