"""Tracking: what was said of a mail after it left, in whatever order, and what follows for its person and the figures."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from anymail.signals import AnymailTrackingEvent
from django.db import connections, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from alerts import coverage, tokens
from alerts.cascading import cascade
from alerts.delivery import tracking
from alerts.models import Advisory, Batch, Message, Recipient, Record, Relay, TrackingEvent
from alerts.models.figures import FIGURES
from alerts.routing import steering
from departments import people
from departments.lacks import Lack
from departments.models import Change, Person, PersonEvent, Standing
from departments.readiness import refresh
from tests import rows
from tests.clients import signed_in
from tests.office import Office
from tests.test_counting import figures_of_rows, figures_read

NOON = datetime(2020, 4, 24, 12, tzinfo=UTC)
_next = count(1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def heard(mail: Message, type_: str, minutes: float, words: str = "", **changes: object) -> tracking.Heard:
    told = {
        "provider": "mailgun",
        "event_id": f"event-{next(_next)}",
        "type": type_,
        "at": at(minutes),
        "token": tokens.make_32(mail.pk, 0, tokens.RETURN),
        "said": words,
        **changes,
    }
    return tracking.Heard(**told)  # type: ignore[arg-type]


def mail_of(recipient: Recipient, number: int = 1, **fields: object) -> Message:
    """A mail of that revision, handed over and noted."""
    revision = recipient.advisory.revisions.get(number=number)
    of = {"advisory": recipient.advisory, "revision": revision, "kind": "notice"}
    batch = Batch.objects.create(rank=1, size=1, not_before=NOON, done_at=NOON, **of)
    made = Message.objects.create(
        key=f"mail-{next(_next)}",
        batch=batch,
        person=recipient.person,
        recipient=recipient,
        **of,
        **{"state": "sent", "sent_at": NOON, "personal": {"address": recipient.person.email}, **fields},
    )
    if made.state == "sent":
        Recipient.objects.filter(pk=recipient.pk, told_revision__lt=number).update(told_revision=number, outcome="")
    return made


class Told:
    """An advisory that one person was told of, by a mail that was handed over."""

    def __init__(self, people: int = 1) -> None:
        self.advisory = rows.advisory(f"ADV-{next(_next)}")
        self.relay = rows.relay(self.advisory, f"treasury-{next(_next)}")
        self.recipients = [rows.recipient(self.advisory, self.relay, role="contact") for _ in range(people)]
        self.mails = [mail_of(one) for one in self.recipients]
        self.mail, self.recipient, self.person = self.mails[0], self.recipients[0], self.recipients[0].person

    @property
    def stands(self) -> tuple[str, str, int, str | None, str | None]:
        """Fate, outcome, revision told, how the address bounced, and whether it is late."""
        for one in (self.mail, self.recipient, self.person):
            one.refresh_from_db()
        how = (self.person.bounced_how or "refused") if self.person.bounced_at else None
        late = "late" if self.person.deferred_at else None
        return self.mail.fate, self.recipient.outcome, self.recipient.told_revision, how, late


def waits() -> bool:
    """Whether an event waits for its mail to be noted."""
    return TrackingEvent.objects.filter(matched_at=None).exists()


def said(*events: tracking.Heard) -> None:
    """Stored and matched, each by itself."""
    for event in events:
        tracking.store([event])
        tracking.match()


# --- what a provider says, as it is kept ---


def anymail(**changes: object) -> AnymailTrackingEvent:
    told = {
        "event_type": "delivered",
        "timestamp": NOON,
        "event_id": "e1",
        "message_id": "m1",
        "recipient": "a@b.example",
    }
    return AnymailTrackingEvent(**{**told, **changes})


@pytest.mark.parametrize(
    ("event_type", "reason", "kept"),
    [
        ("delivered", None, "delivered"),
        ("deferred", None, "deferred"),
        ("bounced", "bounced", "bounced"),
        ("rejected", "invalid", "bounced"),
        ("rejected", "bounced", "suppressed"),
        ("rejected", "spam", "suppressed"),
        ("rejected", "unsubscribed", "suppressed"),
        *(("rejected", policy, "failed") for policy in ("blocked", "timed_out", "other", None)),
        ("failed", None, "failed"),
        ("complained", "spam", "complained"),
        ("autoresponded", None, "autoresponded"),
        *(
            (other, None, None)
            for other in ("opened", "clicked", "subscribed", "unsubscribed", "sent", "queued", "unknown")
        ),
    ],
)
def test_what_became_of_a_mail_is_kept_and_who_opened_it_is_not(
    event_type: str, reason: str | None, kept: str | None
) -> None:
    found = tracking.heard_of(anymail(event_type=event_type, reject_reason=reason), "SendGrid", at(5))
    assert (found.type if found else None) == kept


@pytest.mark.parametrize(
    ("provider", "event", "kept"),
    [
        ("SparkPost", {"event_type": "rejected", "reject_reason": "spam"}, "failed"),
        (
            "SendGrid",
            {"event_type": "rejected", "reject_reason": "other", "esp_event": {"reason": "Spam Reporting Address"}},
            "suppressed",
        ),
        ("Resend", {"event_type": "bounced", "reject_reason": "blocked"}, "suppressed"),
        ("Postal", {"event_type": "failed"}, "bounced"),
    ],
)
def test_where_a_provider_has_words_of_its_own_it_is_kept_as_what_it_is(
    provider: str, event: dict[str, object], kept: str
) -> None:
    found = tracking.heard_of(anymail(**event), provider, at(5))
    assert found is not None
    assert found.type == kept


def test_of_an_event_only_what_is_needed_is_kept_within_limits_and_without_addresses() -> None:
    found = tracking.heard_of(
        anymail(
            event_id="e\x00" + "1" * 900,
            message_id="m\x00" * 900,
            recipient="Ada.Example@BÜCHER.example",
            mta_response="550 5.1.1 <ada.example@xn--bcher-kva.example> unknown\x00" + "x " * 5000,
            metadata={"token": "no token of ours"},
            timestamp=at(600),
        ),
        "Amazon SES",
        at(5),
    )
    assert found is not None
    assert (found.provider, found.token, found.address) == ("amazon_ses", "", "ada.example@xn--bcher-kva.example")
    assert "\x00" not in found.provider_id
    assert max(len(found.event_id), len(found.provider_id)) <= 250
    assert "ada.example" not in found.said
    assert len(found.said) <= 400
    assert found.at == at(5), "nothing happened later than now"
    before_christ = datetime(1, 1, 1, tzinfo=timezone.get_fixed_timezone(timedelta(hours=14)))
    found = tracking.heard_of(anymail(timestamp=before_christ), "Mailgun", at(5))
    assert found is not None
    assert found.at == tracking.OLDEST, "nor before there was mail of ours, which no page could show"


def test_an_event_that_names_no_mail_is_not_kept() -> None:
    assert tracking.heard_of(anymail(message_id=None), "Postmark", at(5)) is None
    assert tracking.heard_of(anymail(message_id=None, metadata={"token": 7}), "Postmark", at(5)) is None


def test_where_a_provider_gives_no_id_or_one_to_several_people_each_event_still_has_one_of_its_own() -> None:
    def id_of(**changes: object) -> str:
        found = tracking.heard_of(anymail(**changes), "Brevo", at(5))
        assert found is not None
        return found.event_id

    assert id_of(event_id=None) == id_of(event_id=None)
    assert id_of() == id_of(timestamp=at(1)), "its own id says that it is the same"
    assert id_of(event_id="é" * 10_000) == id_of(event_id="é" * 10_000)
    several = [
        id_of(event_id=None),
        id_of(event_id=None, timestamp=at(1)),
        id_of(event_id=None, recipient="b@b.example"),
        id_of(event_id=None, event_type="bounced"),
        id_of(event_id=None, message_id="m2"),
        id_of(),
        id_of(recipient="b@b.example"),
    ]
    assert len(set(several)) == len(several)


@pytest.mark.django_db
def test_an_event_that_comes_twice_is_kept_once_and_changes_nothing_the_second_time() -> None:
    told = Told()
    event = heard(told.mail, "bounced", 1)
    assert tracking.store([event, event]) == 1
    assert tracking.match() == 1
    assert tracking.store([event]) == 0
    assert tracking.match() == 0
    assert Record.objects.filter(kind="tracked").count() == 1


# --- what follows ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("type_", "stands"),
    [
        ("delivered", ("delivered", "delivered", 1, None, None)),
        ("deferred", ("deferred", "deferred", 1, None, "late")),
        ("bounced", ("bounced", "bounced", 0, "bounced", None)),
        ("suppressed", ("suppressed", "suppressed", 0, "suppressed", None)),
        ("failed", ("suppressed", "suppressed", 0, None, None)),
        ("complained", ("complained", "complained", 1, "complained", None)),
        ("autoresponded", ("", "", 1, None, None)),
    ],
)
def test_each_word_has_a_state_of_its_own_and_the_figures_follow(type_: str, stands: tuple[object, ...]) -> None:
    told = Told()
    said(heard(told.mail, type_, 1, "550 5.1.1 unknown"))
    assert told.stands == stands
    assert figures_read(told.advisory) == expected_figures(told.advisory)


def expected_figures(advisory: Advisory) -> dict[int | None, tuple[int, ...]]:
    """A recount in plain Python, of outcomes that tests of counting do not know."""
    for outcome, counted in (("bounced", "unreachable"), ("suppressed", "unreachable"), ("complained", "delivered")):
        advisory.recipients.filter(outcome=outcome).update(outcome=counted)
    return figures_of_rows(advisory)


ORDERS = [
    ([("delivered", 5), ("bounced", 9)], ("bounced", "bounced", 0, "bounced", None)),
    ([("bounced", 5), ("delivered", 9)], ("delivered", "delivered", 1, None, None)),
    ([("deferred", 5), ("delivered", 3)], ("delivered", "delivered", 1, None, None)),
    ([("deferred", 1), ("deferred", 7)], ("deferred", "deferred", 1, None, "late")),
    ([("delivered", 5), ("bounced", 5)], ("bounced", "bounced", 0, "bounced", None)),
    (
        [("delivered", 5), ("complained", 60), ("autoresponded", 90)],
        ("complained", "complained", 1, "complained", None),
    ),
    ([("bounced", 4), ("suppressed", 4), ("deferred", 9)], ("suppressed", "suppressed", 0, "suppressed", None)),
    ([("failed", 4), ("suppressed", 4)], ("suppressed", "suppressed", 0, "suppressed", None)),
    ([("suppressed", 4), ("failed", 9)], ("suppressed", "suppressed", 0, "suppressed", None)),
    ([("deferred", 4), ("failed", 9)], ("suppressed", "suppressed", 0, None, None)),
    ([("complained", 4), ("delivered", 9)], ("complained", "complained", 1, "complained", None)),
    ([("bounced", -9), ("delivered", -5)], ("delivered", "delivered", 1, None, None)),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("events", "stands"), ORDERS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_last_final_word_stands_whatever_came_first(
    events: list[tuple[str, float]], stands: tuple[object, ...], turned: bool
) -> None:
    told = Told()
    made = [heard(told.mail, type_, minutes) for type_, minutes in events]
    said(*(reversed(made) if turned else made))
    assert told.stands == stands


words = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["delivered", "deferred", "bounced", "suppressed", "failed", "complained", "autoresponded"]),
    st.integers(-2, 4),
)


@pytest.mark.django_db
@bounded(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), events=st.lists(words, min_size=1, max_size=5, unique=True))
def test_whatever_the_order_and_however_often_and_in_whatever_portions_the_end_is_the_same(
    data: st.DataObject, events: list[tuple[int, str, int]]
) -> None:
    """Two mails of two advisories to one person, who has one address."""
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    cuts = data.draw(st.sets(st.integers(1, len(order)), max_size=3))

    def end(came: list[tuple[int, str, int]], after: set[int]) -> list[object]:
        first = Told()
        other = rows.advisory(f"ADV-{next(_next)}")
        second = rows.recipient(other, rows.relay(other, f"other-{next(_next)}"), who=first.person)
        mails = [first.mail, mail_of(second)]
        for place, (which, type_, minutes) in enumerate(came, 1):
            tracking.store([heard(mails[which], type_, minutes, event_id=f"{mails[which].pk}-{type_}-{minutes}")])
            if place in after:
                tracking.match()
        tracking.match()
        second.refresh_from_db()
        mails[1].refresh_from_db()
        person = Person.objects.get(pk=first.person.pk)
        figures = [figures_read(one)[None] for one in (first.advisory, other)]
        assert figures == [expected_figures(one)[None] for one in (first.advisory, other)]
        known = [person.bounced_at, person.bounced_how, person.deferred_at]
        return [first.stands, mails[1].fate, second.outcome, second.told_revision, known, figures]

    with transaction.atomic():
        whole = end(list(events), set())
        transaction.set_rollback(True)
    with transaction.atomic():
        assert end(order, cuts) == whole
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_an_event_before_our_own_commit_waits_until_the_mail_is_noted() -> None:
    told = Told()
    Message.objects.filter(pk=told.mail.pk).update(state="waiting", personal=None, sent_at=None)
    tracking.store([heard(told.mail, "delivered", 1)])
    assert tracking.match() == 0
    assert waits()
    Message.objects.filter(pk=told.mail.pk).update(state="sent", personal={"address": told.person.email})
    assert tracking.match() == 1
    assert told.stands[:2] == ("delivered", "delivered")
    assert not waits()


@pytest.mark.django_db
def test_what_is_heard_of_a_mail_that_another_worker_called_superseded_waits_until_it_is_noted_as_sent() -> None:
    told = Told()
    Message.objects.filter(pk=told.mail.pk).update(state="superseded", personal=None, sent_at=None)
    tracking.store([heard(told.mail, "bounced", 1)])
    assert tracking.match() == 0
    Message.objects.filter(pk=told.mail.pk).update(state="sent", personal={"address": told.person.email}, sent_at=NOON)
    assert tracking.match() == 1
    assert told.stands == ("bounced", "bounced", 0, "bounced", None)


@pytest.mark.django_db
def test_the_same_id_of_two_providers_is_two_events_and_one_end() -> None:
    told = Told()
    said(*(heard(told.mail, "delivered", 1, event_id="x", provider=one) for one in ("mailgun", "postmark")))
    assert TrackingEvent.objects.count() == 2
    assert told.stands == ("delivered", "delivered", 1, None, None)


@pytest.mark.django_db
def test_an_address_that_is_nobodys_is_theirs_where_the_id_is_one_mails_and_somebody_elses_is_not() -> None:
    told, other = Told(), Told()
    Message.objects.filter(pk=told.mail.pk).update(provider_id="call-1")
    by_id = {"token": "", "provider_id": "call-1"}
    said(heard(told.mail, "bounced", 1, address=other.person.email, **by_id))
    assert told.stands[0] == ""
    said(heard(told.mail, "bounced", 1, address="alias@rows.example", **by_id))
    assert told.stands[0] == "bounced"


@pytest.mark.django_db
def test_one_id_for_all_people_of_a_call_is_told_apart_by_the_address() -> None:
    told = Told(people=3)
    Message.objects.filter(pk__in=[one.pk for one in told.mails]).update(provider_id="<call-7@mg.example>")
    by_id = {"token": "", "provider_id": "<call-7@mg.example>"}
    said(heard(told.mails[1], "bounced", 1, address=told.recipients[1].person.email, **by_id))
    said(heard(told.mails[1], "bounced", 2, address="somebody-else@rows.example", **by_id))
    said(heard(told.mails[1], "bounced", 3, **by_id))
    assert [one.fate for one in Message.objects.filter(advisory=told.advisory).order_by("pk")] == ["", "bounced", ""]
    assert TrackingEvent.objects.filter(matched_at=None).count() == 2


@pytest.mark.django_db
def test_an_event_of_another_systems_mail_is_given_up_after_an_hour_and_counts_nowhere() -> None:
    told = Told()
    tracking.store([heard(told.mail, "bounced", 1, token="", provider_id="theirs", address=told.person.email)])
    now = timezone.now()
    assert tracking.match(now + timedelta(minutes=30)) == 0
    assert waits()
    assert tracking.match(now + timedelta(hours=2)) == 0
    assert not waits()
    assert TrackingEvent.objects.get().message is None
    assert told.stands == ("", "", 1, None, None)


@pytest.mark.django_db
def test_an_event_of_a_mail_of_ours_that_is_never_noted_is_waited_for_for_days() -> None:
    told = Told()
    Message.objects.filter(pk=told.mail.pk).update(state="waiting")
    tracking.store([heard(told.mail, "delivered", 1)])
    tracking.match(timezone.now() + timedelta(days=2))
    assert waits()
    tracking.match(timezone.now() + timedelta(days=4))
    assert not waits()


@pytest.mark.django_db
def test_a_word_about_an_earlier_revision_says_nothing_of_who_was_told_a_later_one_but_of_the_address() -> None:
    told = Told()
    rows.revise(told.advisory)
    mail_of(told.recipient, number=2)
    said(heard(told.mail, "bounced", 1))
    assert told.stands == ("bounced", "", 2, "bounced", None)


@pytest.mark.django_db
def test_whose_update_was_refused_is_not_told_by_what_is_said_of_the_mail_before_it() -> None:
    told = Told()
    rows.revise(told.advisory)
    mail_of(told.recipient, number=2, state="failed", personal=None)
    Recipient.objects.filter(pk=told.recipient.pk).update(outcome="unreachable", why="550 no")
    said(heard(told.mail, "delivered", 1))
    assert told.stands[:3] == ("delivered", "unreachable", 1)


@pytest.mark.django_db
def test_whose_update_came_back_was_told_what_the_mail_before_it_said() -> None:
    told = Told()
    rows.revise(told.advisory)
    second = mail_of(told.recipient, number=2)
    said(heard(told.mail, "delivered", 1), heard(second, "bounced", 2))
    assert told.stands[:3] == ("delivered", "bounced", 1)
    said(heard(second, "delivered", 3))
    assert told.stands[1:3] == ("delivered", 2)


@pytest.mark.django_db
def test_a_mail_that_came_back_from_an_address_of_before_blames_nobodys_address_of_today() -> None:
    told = Told()
    Person.objects.filter(pk=told.person.pk).update(email="new@rows.example")
    said(heard(told.mail, "bounced", 1))
    assert told.stands == ("bounced", "bounced", 0, None, None)
    assert Relay.objects.get(pk=told.relay.pk).to_tell, "they are told anew"


@pytest.mark.django_db
def test_a_mail_that_arrives_later_ends_what_was_known_and_one_that_arrived_earlier_does_not() -> None:
    told, later = Told(), Told()
    seat = rows.recipient(later.advisory, later.relay, who=told.person)
    second = mail_of(seat)
    said(heard(second, "delivered", 10), heard(told.mail, "bounced", 5))
    assert told.stands[3] is None, "the bounce is older than what arrived"
    Person.objects.filter(pk=told.person.pk).update(bounced_at=at(15), bounced_how="")
    said(heard(second, "delivered", 20))
    assert told.stands[3] is None
    Person.objects.filter(pk=told.person.pk).update(bounced_at=at(30), bounced_how="")
    said(heard(second, "delivered", 25))
    assert told.stands[3] == "refused", "the server refused after that"


@pytest.mark.django_db
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("first", "plain", "stands"),
    [
        (("bounced", 1), ("delivered", 5), (None, None)),
        (("delivered", 1), ("deferred", 5), (None, "late")),
        (("delivered", 1), ("bounced", 5), ("bounced", None)),
    ],
)
def test_a_plain_mail_counts_as_any_other_in_whatever_order(
    first: tuple[str, float], plain: tuple[str, float], stands: tuple[object, ...], turned: bool
) -> None:
    told = Told()
    other = mail_of(told.recipient)
    Message.objects.filter(pk=other.pk).update(advisory=None, revision=None, recipient=None, kind="check")
    events = [heard(told.mail, *first), heard(other, *plain)]
    said(*(reversed(events) if turned else events))
    assert told.stands[3:] == stands
    third = mail_of(rows.recipient(Told().advisory, told.relay, who=told.person))
    said(heard(third, "delivered", 0))
    assert told.stands[3:] == stands, "nor is it forgotten when something else is heard"


@pytest.mark.django_db
def test_a_server_whose_clock_is_behind_says_nothing_of_before_the_mail_left() -> None:
    told = Told()
    PersonEvent.objects.create(person=told.person, what="reached again", at=at(5))
    said(heard(told.mail, "bounced", 6, at=at(-6)))
    assert told.stands[3] is None, "it left before somebody said that mail reaches them"
    again = mail_of(told.recipient, sent_at=at(10))
    said(heard(again, "bounced", 4))
    assert Message.objects.get(pk=again.pk).fate_at == at(10)
    assert told.stands[1:4] == ("bounced", 0, "bounced"), "nobody put it right since this one left"


@pytest.mark.django_db
def test_a_delay_of_today_is_not_hidden_by_one_of_last_month() -> None:
    told, now = Told(), timezone.now()
    other = mail_of(rows.recipient(Told().advisory, told.relay, who=told.person))
    said(
        heard(told.mail, "deferred", 0, at=now - timedelta(days=30)),
        heard(other, "deferred", 0, at=now - timedelta(hours=1)),
    )
    assert Person.objects.get(pk=told.person.pk).is_late


# --- the directory, and telling them anew ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("type_", "lack"),
    [
        ("bounced", Lack.CAME_BACK),
        ("suppressed", Lack.SUPPRESSED),
        ("complained", Lack.COMPLAINED),
        ("deferred", Lack.LATE),
    ],
)
def test_readiness_says_each_with_a_remedy_of_its_own(type_: str, lack: Lack) -> None:
    told = Told(people=2)
    said(heard(told.mail, type_, 0, at=timezone.now()))
    refresh()
    found = Standing.objects.get(body=told.relay.body)
    assert lack in found.lacks
    assert not {Lack.REFUSED, Lack.CAME_BACK, Lack.SUPPRESSED, Lack.COMPLAINED, Lack.LATE} - {lack} & set(found.lacks)
    assert len({lack.remedy for lack in Lack}) >= len(Lack) - 1
    refresh(timezone.now() + timedelta(days=6))
    assert (Lack.LATE in Standing.objects.get(body=told.relay.body).lacks) is False


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["corrected", "pressed"])
def test_whose_mail_came_back_is_mailed_anew_once_that_was_put_right_and_others_are_not(
    office: Office, how: str
) -> None:
    dora = office.person("dora", office.department, "member")
    advisory = office.publish().advisory
    cascade.cascade(advisory.pk)
    batch = Batch.objects.filter(advisory=advisory).first()
    assert batch is not None
    for mail in Message.objects.filter(advisory=advisory):
        Message.objects.filter(pk=mail.pk).update(state="sent", sent_at=NOON, personal={"address": mail.person.email})
    advisory.recipients.update(told_revision=1)
    Batch.objects.update(done_at=NOON)
    theirs, hers = (Message.objects.get(advisory=advisory, person=one) for one in (office.cas, dora))
    said(heard(hers, "delivered", 1), heard(theirs, "bounced", 1, "550 5.1.1 no such user"))
    cascade.cascade(advisory.pk)
    assert not Message.objects.filter(advisory=advisory, state="waiting").exists(), "nobody writes to what comes back"
    office.ada.is_administrator = True
    office.cas.refresh_from_db()
    if how == "corrected":
        people.correct(office.cas, office.ada, "cas.new@example.org", "Cas", "", shared=False)
    else:
        people.reached_again(office.cas, office.ada)
    cascade.cascade(advisory.pk)
    anew = Message.objects.get(advisory=advisory, state="waiting")
    assert (anew.person, anew.kind) == (office.cas, "notice")
    waiting = Recipient.objects.get(advisory=advisory, person=office.cas)
    assert (waiting.outcome, waiting.told_revision) == ("", 0), "until it left, they wait"
    whole = coverage.read(advisory).whole.figures
    assert (whole.waiting, whole.delivered, whole.unreachable) == (1, 1, 0)
    said(heard(theirs, "bounced", 2))
    office.cas.refresh_from_db()
    assert office.cas.bounced_at is None, "what came back from before says nothing of today"
    assert Recipient.objects.get(pk=waiting.pk).outcome == ""


@pytest.mark.django_db
def test_what_a_provider_failed_to_send_is_sent_anew_when_somebody_says_so_and_not_at_each_pass(office: Office) -> None:
    advisory = office.publish().advisory
    cascade.cascade(advisory.pk)
    for mail in Message.objects.filter(advisory=advisory):
        Message.objects.filter(pk=mail.pk).update(state="sent", sent_at=NOON, personal={"address": mail.person.email})
        said(heard(mail, "failed", 1, "Account suspended"))
    Batch.objects.update(done_at=NOON)
    left = Recipient.objects.get(advisory=advisory, person=office.cas)
    assert (left.outcome, left.told_revision, left.why) == ("suppressed", 0, "Account suspended")
    assert not Person.objects.exclude(bounced_at=None).exists(), "it blames nobody's address"
    waits = Message.objects.filter(advisory=advisory, state="waiting")
    Change.objects.all().delete()
    cascade.compare_anew(advisory.pk)
    cascade.cascade(advisory.pk)
    assert not waits.exists()
    office.ada.is_administrator = True
    steering.retry_all(office.ada, timezone.now())
    cascade.cascade(advisory.pk)
    assert waits.filter(person=office.cas).count() == 1


@pytest.mark.django_db
def test_a_canary_that_was_found_in_its_mailbox_was_delivered() -> None:
    told = Told()
    assert tracking.arrived(tokens.make_32(told.mail.pk, 0, tokens.RETURN).upper(), at(1))
    assert not tracking.arrived("forged", at(1))
    tracking.match()
    assert told.stands[:2] == ("delivered", "delivered")


@pytest.mark.django_db(transaction=True)
def test_two_who_match_at_the_same_moment_do_it_once() -> None:
    told = Told(people=20)
    tracking.store([heard(mail, "delivered", 1) for mail in told.mails])
    together, done = threading.Barrier(2), list[int]()

    def look() -> None:
        together.wait()
        done.append(tracking.match())
        connections.close_all()

    both = [threading.Thread(target=look) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(20)
    assert sum(done) == 20
    assert coverage.read(told.advisory).whole.figures.delivered == 20
    assert sum(entry.details["mails"] for entry in Record.objects.filter(kind="tracked")) == 20


@pytest.mark.django_db
def test_a_look_that_takes_long_leaves_the_rest_to_the_next_and_rings_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told, rung = Told(people=3), list[str]()
    monkeypatch.setattr(tracking, "AT_ONCE", 1)
    monkeypatch.setattr(tracking, "LONGEST", -1.0)
    monkeypatch.setattr(tracking, "wake", rung.append)
    tracking.store([heard(mail, "delivered", 1) for mail in told.mails])
    assert [tracking.match() for _ in range(4)] == [1, 1, 1, 0]
    assert rung == ["match_events"] * 4


@pytest.mark.django_db
def test_many_events_are_counted_exactly_and_recorded_in_one_line(django_assert_max_num_queries: object) -> None:
    told = Told(people=6)
    tracking.store(
        [heard(mail, kind, 1) for mail, kind in zip(told.mails, ["delivered"] * 4 + ["bounced"] * 2, strict=True)]
    )
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        assert tracking.match() == 6
    whole = coverage.read(told.advisory).whole.figures
    assert {name: getattr(whole, name) for name in FIGURES if getattr(whole, name)} == {
        "targeted": 6,
        "sent": 4,
        "delivered": 4,
        "silent": 4,
        "unreachable": 2,
    }
    entry = Record.objects.get(kind="tracked")
    assert (entry.subject, entry.details["delivered"], entry.details["bounced"]) == (told.advisory.reference, 4, 2)


# --- what the pages say ---


class Seen:
    """A warning to eight people: each way that a mail can end, and what the pages say of it."""

    def __init__(self) -> None:
        self.told = Told(people=8)
        self.auditor = rows.person("Audrey Auditor", is_auditor=True)
        self.administrator = rows.person("Adam Administrator", is_administrator=True)
        mails = self.told.mails
        Message.objects.filter(pk__in=[one.pk for one in mails]).update(route="mailgun")
        refused = mail_of(self.told.recipients[7], state="failed", failed_at=NOON, error="550 5.7.1 no", personal=None)
        Message.objects.filter(pk=mails[7].pk).delete()
        Recipient.objects.filter(pk=self.told.recipients[7].pk).update(
            told_revision=0, outcome="unreachable", why="550 5.7.1 no"
        )
        Person.objects.filter(pk=refused.person_id).update(bounced_at=NOON)
        now = timezone.now()
        said(
            *(
                heard(mail, type_, 0, words, at=now)
                for mail, type_, words in zip(
                    mails,
                    ["delivered", "deferred", "bounced", "bounced", "suppressed", "complained"],
                    ["", "451 4.7.1 greylisted", "550 5.1.1 unknown", "552 5.2.2 full", "Previously bounced", ""],
                    strict=False,
                )
            )
        )

    def page(self, name: str, *args: object, who: Person | None = None, **query: str) -> str:
        response = signed_in(who or self.auditor).get(reverse(name, args=args), query)
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    def of(self, place: int, who: Person | None = None) -> str:
        return self.page("people:person", self.told.recipients[place].person_id, who=who)


@pytest.mark.django_db
def test_coverage_counts_each_state_with_its_remedy_and_its_tree_does_too() -> None:
    seen = Seen()
    page = seen.page("alerts:coverage", seen.told.advisory.reference)
    assert "cannot be reached: 1 refused, 2 came back, 1 suppressed by the provider" in page
    assert "4 people cannot be reached" in page
    assert re.search(r"<span>\d+ delayed</span>", page)
    assert re.search(r"<span>\d+ reported it as spam</span>", page)
    assert "delayed by their mail servers" in page
    assert "reported it as spam" in page
    for remedy in ("take it off its list", "Wait, or ring them", "Ring them and ask"):
        assert remedy in page
    assert "Correct addresses" not in page  # who looks is an auditor


@pytest.mark.django_db
def test_where_nothing_was_said_of_any_mail_the_page_says_nothing_of_it() -> None:
    told = Told()
    auditor = rows.person("Audrey Auditor", is_auditor=True)
    page = signed_in(auditor).get(reverse("alerts:coverage", args=[told.advisory.reference])).content.decode()
    for words in ("delayed", "as spam", "came back", "suppressed", "cannot be reached:"):
        assert words not in page


@pytest.mark.django_db
def test_where_no_route_reports_delivery_nothing_is_called_delivered() -> None:
    told = Told()
    auditor = rows.person("Audrey Auditor", is_auditor=True)
    page = signed_in(auditor).get(reverse("alerts:coverage", args=[told.advisory.reference])).content.decode()
    assert "handed over, silent" in page
    assert "this route does not report delivery" in page
    record = page[page.index('<p id="record"') : page.index("</p>", page.index('<p id="record"'))]
    assert "whether it was delivered is not reported" in record
    assert "elivered" not in page.replace(record, "")


@pytest.mark.django_db
def test_with_one_route_that_reports_delivery_and_one_that_does_not_only_what_was_reported_is_delivered(
    settings: Settings,
) -> None:
    settings.SECOND_EMAIL_PROVIDER = "mailgun"
    told = Told(people=3)
    Message.objects.filter(pk=told.mails[0].pk).update(route="mailgun")
    Message.objects.filter(pk=told.mails[1].pk).update(route="127.0.0.1:25")
    said(heard(told.mails[0], "delivered", 1))
    auditor = signed_in(rows.person("Audrey Auditor", is_auditor=True))
    page = " ".join(auditor.get(reverse("alerts:coverage", args=[told.advisory.reference])).content.decode().split())
    assert "<b>1</b> told, silent" in page
    assert "<b>2</b> handed over, silent" in page
    assert "by a route that does not report delivery" in page
    person = auditor.get(reverse("people:person", args=[told.recipients[1].person_id])).content.decode()
    assert "Handed over; this route does not report delivery" in person
    assert "elivered" not in person


ON_THEIR_PAGES = {
    0: ["and delivered at", ">Told</b>"],
    1: ["ail has been late since", "is tried again. If it does not end, ring them", "451 4.7.1 greylisted", "delayed"],
    2: ["ail to the address came back on", "550 5.1.1 unknown", "Not told: the mail came back"],
    4: ["provider has sent nothing to the address since", "Previously bounced", "suppression list"],
    5: ["eported our mail as spam on", "Ring them and ask", "and they reported it as spam"],
    6: ["handed to the mail provider"],
    7: ["he address refused mail on", "Not told: their address was refused", "550 5.7.1 no"],
}


@pytest.mark.django_db
def test_a_persons_page_says_what_became_of_their_mail_and_what_to_do() -> None:
    seen = Seen()
    for place, words in ON_THEIR_PAGES.items():
        page = seen.of(place)
        assert [one for one in words if one not in page] == []


@pytest.mark.django_db
def test_the_directory_lists_whom_mail_does_not_reach_each_in_their_own_state() -> None:
    seen = Seen()
    page = seen.page("people:list", list="bouncing")
    assert "Mail does not reach 5 people:" in page
    assert "1 refused by their mail server, 2 came back, 1 suppressed by the mail provider, 1 reported as spam." in page
    assert "Mail to 1 person is late, and is tried again." in page
    for words in (
        "came back on",
        "has sent nothing to the address since",
        "as spam on",
        "has been late since",
        "refused mail on",
    ):
        assert words in page
    for remedy in ("suppression list", "Ring them and ask", "ring them.", "names somebody else"):
        assert remedy in page
    assert "Correct addresses" not in page  # who looks is an auditor


@pytest.mark.django_db
def test_an_administrator_says_that_mail_reaches_somebody_again_and_nobody_else_does() -> None:
    seen = Seen()
    person = seen.told.recipients[4].person
    url, button = reverse("people:reached", args=[person.pk]), "Mail reaches them again</button>"
    head = seen.told.recipients[2].person
    assert button in seen.of(4, who=seen.administrator)
    assert button not in seen.of(6, who=seen.administrator)
    for who in (seen.auditor, head):
        assert button not in seen.of(4, who=who)
        assert signed_in(who).post(url).status_code == 403
    assert signed_in(seen.administrator).get(url).status_code == 405
    assert signed_in(seen.administrator).post(url).status_code == 302
    page = seen.of(4, who=seen.administrator)
    assert "is sent mail again: somebody made sure that it reaches them, by Adam Administrator" in page
    person.refresh_from_db()
    assert (person.bounced_at, person.bounced_how) == (None, "")
    assert "Nothing was known against" in signed_in(seen.administrator).post(url, follow=True).content.decode()


@pytest.mark.django_db
def test_the_live_page_follows_a_delay_though_no_figure_changes() -> None:
    told = Told()
    before = coverage.fingerprint(told.advisory)
    said(heard(told.mail, "deferred", 1))
    assert coverage.fingerprint(told.advisory) != before
