"""An answer is one press for a person and none for a machine; whatever is pressed twice counts once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import answer_form, counting, coverage, tokens
from alerts.answering import acknowledge
from alerts.answering.acknowledge import ActionChoice, Form, NotAnswered
from alerts.models import Acknowledgement, ActionAnswer, Advisory, Recipient, Record, Relay
from alerts.suspicion import Client
from departments.models import Delegation, Membership
from tests import rows

pytestmark = pytest.mark.django_db

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
Answers = Mapping[tuple[str, int | None], ActionChoice]


@pytest.fixture
def advisory() -> Advisory:
    return rows.advisory()


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def reader(advisory: Advisory, treasury: Relay) -> Recipient:
    return rows.recipient(advisory, treasury)


def opened(recipient: Recipient) -> str:
    """A form that was opened a minute ago, on the current revision."""
    with time_machine.travel(timezone.now() - timedelta(minutes=1), tick=False):
        return acknowledge.page(found(recipient)).form_token


def found(recipient: Recipient) -> Recipient:
    fresh = acknowledge.find(tokens.make(recipient.pk, recipient.token_issue))
    assert fresh is not None
    return fresh


def say(
    recipient: Recipient, answers: Answers | None = None, *, read: str = "yes", form: str = "", agent: str = PERSON
) -> Acknowledgement:
    typed = Form(form or opened(recipient), read, answers or {})
    return acknowledge.answer(recipient, typed, Client(user_agent=agent))


def wrong(recipient: Recipient, answers: Answers | None = None, **how: str) -> dict[str, str]:
    with pytest.raises(NotAnswered) as refusal:
        say(recipient, answers, **how)
    assert not Acknowledgement.objects.exists()
    return refusal.value.errors


def whole(advisory: Advisory) -> coverage.Figures:
    return coverage.whole(advisory).figures


def test_opening_the_page_writes_nothing_and_takes_the_same_few_queries_for_many_bodies(
    advisory: Advisory, treasury: Relay
) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    rows.action(advisory.current, "report", of="body")
    reader = rows.recipient(advisory, treasury, role="contact")
    with CaptureQueriesContext(connection) as one:
        acknowledge.page(found(reader))
    many = rows.recipient(advisory, *(rows.relay(advisory, f"body-{n}") for n in range(8)), role="contact")
    with CaptureQueriesContext(connection) as eight:
        page = acknowledge.page(found(many))
    assert len(one) == len(eight) <= 14
    somebody = rows.recipient(advisory, treasury)
    with CaptureQueriesContext(connection) as member:
        acknowledge.page(found(somebody))
    assert len(member) <= 13
    assert not any(query["sql"].startswith(("INSERT", "UPDATE", "DELETE")) for query in eight)
    assert (len(page.bodies), page.questions, len(page.body_actions[0].questions)) == (8, 3, 8)


def test_a_forged_or_revoked_link_finds_nobody_and_a_forged_one_asks_the_database_nothing(reader: Recipient) -> None:
    token = tokens.make(reader.pk, 0)
    with CaptureQueriesContext(connection) as asked:
        assert acknowledge.find(token[:-1]) is None
        assert acknowledge.find("x" * 30) is None
    assert len(asked) == 0
    Recipient.objects.filter(pk=reader.pk).update(token_issue=1)
    assert acknowledge.find(token) is None


def test_an_answer_counts_at_once_and_is_in_the_record(advisory: Advisory, reader: Recipient) -> None:
    made = say(reader)
    assert (made.read, made.late, made.suspect) == ("yes", False, [])
    assert (whole(advisory).acknowledged, whole(advisory).acted) == (1, 1)
    entry = Record.objects.get(kind="acknowledged")
    assert (entry.subject, entry.actor_id) == (advisory.reference, reader.person_id)


def test_a_double_press_gives_the_first_answer_again_and_writes_nothing(reader: Recipient) -> None:
    form = opened(reader)
    first = say(reader, form=form)
    entries = Record.objects.count()
    assert say(reader, form=form, read="help") == first
    assert Acknowledgement.objects.count() == 1
    assert Record.objects.count() == entries


def test_answers_can_be_changed_the_old_ones_stay_and_the_last_counts(advisory: Advisory, reader: Recipient) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    say(reader, {("move", None): ActionChoice("done")})
    assert whole(advisory).acted == 1
    say(reader, {("move", None): ActionChoice("will")}, read="help")
    assert (whole(advisory).acknowledged, whole(advisory).acted) == (1, 0)
    assert Acknowledgement.objects.count() == 2
    page = acknowledge.page(found(reader))
    assert page.person_actions[0].previous == ActionChoice("will")
    assert found(reader).needs_help


def test_a_form_kept_open_through_an_update_counts_for_what_was_seen(advisory: Advisory, reader: Recipient) -> None:
    form = opened(reader)
    rows.revise(advisory)
    counting.recount(advisory.pk)
    made = say(reader, form=form)
    assert made.revision.number == 1
    assert whole(advisory).acknowledged == 0
    assert not acknowledge.page(found(reader)).answered


def test_an_old_form_takes_nothing_back_from_an_answer_to_the_update(advisory: Advisory, reader: Recipient) -> None:
    old = opened(reader)
    rows.revise(advisory)
    counting.recount(advisory.pk)
    say(reader)
    say(reader, form=old, read="help")
    assert whole(advisory).acknowledged == 1
    assert not found(reader).needs_help


def test_standing_down_asks_for_no_action_and_does_not_make_anything_done(
    advisory: Advisory, reader: Recipient
) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    say(reader, {("move", None): ActionChoice("later")})
    rows.revise(advisory, "stand-down")
    Advisory.objects.filter(pk=advisory.pk).update(state="stood-down")
    counting.recount(advisory.pk)
    say(reader)
    assert (whole(advisory).acknowledged, whole(advisory).acted) == (1, 0)


def test_a_late_answer_is_taken_and_marked_late(advisory: Advisory, reader: Recipient) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(acknowledge_by=timezone.now() - timedelta(hours=1))
    assert say(reader).late
    assert whole(advisory).acknowledged == 1


def test_a_machines_answer_is_kept_counts_for_nothing_and_is_asked_once_more(
    advisory: Advisory, reader: Recipient
) -> None:
    made = say(reader, agent="Barracuda Sentinel (EE)")
    assert made.suspect == ["scanner"]
    assert (whole(advisory).acknowledged, whole(advisory).suspect) == (0, 1)
    page = acknowledge.page(found(reader))
    assert (page.ask_again, page.answered, page.previous) == (True, False, None)
    say(reader)
    assert (whole(advisory).acknowledged, whole(advisory).suspect) == (1, 0)
    assert not acknowledge.page(found(reader)).ask_again


def test_a_machine_after_a_person_takes_nothing_back(advisory: Advisory, reader: Recipient) -> None:
    say(reader)
    say(reader, agent="", read="help")
    assert (whole(advisory).acknowledged, whole(advisory).suspect) == (1, 0)
    assert not found(reader).needs_help


def test_a_form_that_comes_back_in_no_time_is_suspect(reader: Recipient) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        assert say(reader, form=acknowledge.page(found(reader)).form_token).suspect == ["instant"]


def test_each_question_left_out_is_named_with_what_to_do(advisory: Advisory, reader: Recipient) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    rows.action(advisory.current, "report")
    errors = wrong(reader, {("move", None): ActionChoice("maybe")}, read="")
    assert set(errors) == {"read", "a-move", "a-report"}
    assert whole(advisory).acknowledged == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (ActionChoice("by"), "a-move-date"),
        (ActionChoice("by", date(2020, 4, 23)), "a-move-date"),
        (ActionChoice("by", date(2021, 4, 26)), "a-move-date"),
        (ActionChoice("na"), "a-move-why"),
        (ActionChoice("na", text=" \x00 "), "a-move-why"),
        (ActionChoice("na", text="x" * 2_001), "a-move-why"),
    ],
)
def test_a_follow_up_that_is_missing_or_wrong_is_refused_at_its_own_field(
    advisory: Advisory, reader: Recipient, given: ActionChoice, field: str
) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    with time_machine.travel(datetime(2020, 4, 24, 12, tzinfo=UTC), tick=False):
        assert list(wrong(reader, {("move", None): given})) == [field]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (ActionChoice("by", date(2020, 4, 24), "left over"), ("by", date(2020, 4, 24), "")),
        (ActionChoice("na", date(2020, 4, 24), "wir nicht\x00 "), ("na", None, "wir nicht")),
        (ActionChoice("na", text="\u05dc\u05d0 \u0631\u0644"), ("na", None, "\u05dc\u05d0 \u0631\u0644")),
        (ActionChoice("done", date(2020, 4, 24), "left over"), ("done", None, "")),
        (ActionChoice("later"), ("later", None, "")),
    ],
)
def test_only_what_belongs_to_a_choice_is_kept(
    advisory: Advisory, reader: Recipient, given: ActionChoice, kept: tuple[str, date | None, str]
) -> None:
    assert advisory.current
    rows.action(advisory.current, "move")
    with time_machine.travel(datetime(2020, 4, 24, 12, tzinfo=UTC), tick=False):
        say(reader, {("move", None): given})
    assert ActionAnswer.objects.values_list("choice", "by_date", "text").get() == kept


@pytest.mark.parametrize("form", ["", "nonsense", "a:b:c", "WzFd:x"])
def test_a_damaged_form_is_refused_with_a_sentence(reader: Recipient, form: str) -> None:
    with pytest.raises(NotAnswered) as refusal:
        acknowledge.answer(reader, Form(form, "yes", {}), Client(PERSON))
    assert list(refusal.value.errors) == ["form"]


def test_somebody_elses_form_is_refused(advisory: Advisory, treasury: Relay, reader: Recipient) -> None:
    other = rows.recipient(advisory, treasury)
    assert list(wrong(reader, form=opened(other))) == ["form"]


def test_a_forms_value_outlives_a_change_of_keys(reader: Recipient, settings: pytest.FixtureRequest) -> None:
    form = opened(reader)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "a new key, as keys are changed now and then"  # type: ignore[attr-defined]
    assert acknowledge.answer(reader, Form(form, "yes", {}), Client(PERSON)).pk


@pytest.mark.parametrize("role", ["contact", "deputy", "head"])
def test_a_bodys_action_is_answered_by_its_contact_deputy_or_head(
    advisory: Advisory, treasury: Relay, role: str
) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    somebody = rows.recipient(advisory, treasury, role=role)
    colleague = rows.recipient(advisory, treasury)
    ours = acknowledge.page(found(somebody)).body_actions[0]
    assert [question.body for question in ours.questions] == ["Treasury"]
    theirs = acknowledge.page(found(colleague)).body_actions[0]
    assert (theirs.questions, theirs.others) == ((), ("Treasury",))
    say(somebody, {("report", treasury.pk): ActionChoice("done")})
    assert ActionAnswer.objects.get().relay == treasury
    with pytest.raises(NotAnswered) as refusal:
        say(colleague, {("report", treasury.pk): ActionChoice("na", text="no")})
    assert list(refusal.value.errors) == [f"b-report-{treasury.pk}"]


def test_what_a_deputy_said_for_the_body_stands_on_the_contacts_page(advisory: Advisory, treasury: Relay) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    contact = rows.recipient(advisory, treasury, role="contact")
    deputy = rows.recipient(advisory, treasury, role="deputy")
    say(deputy, {("report", treasury.pk): ActionChoice("done")})
    question = acknowledge.page(found(contact)).body_actions[0].questions[0]
    assert question.previous == ActionChoice("done")
    assert (question.field, question.relay_id) == (f"b-report-{treasury.pk}", treasury.pk)


def test_a_bodys_action_is_asked_until_somebody_spoke_for_the_body_and_does_not_keep_a_person_from_having_acted(
    advisory: Advisory, treasury: Relay
) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    contact, deputy = (rows.recipient(advisory, treasury, role=role) for role in ("contact", "deputy"))
    assert wrong(contact) == {f"b-report-{treasury.pk}": answer_form.NO_CHOICE}
    say(contact, {("report", treasury.pk): ActionChoice("later")})
    assert (whole(advisory).acknowledged, whole(advisory).acted) == (1, 1)
    say(deputy)
    assert whole(advisory).acknowledged == 2
    # Asked anew by an update, it is answered anew.
    rows.action(rows.revise(advisory), "report", of="body")
    with pytest.raises(NotAnswered):
        say(deputy)


def test_somebody_who_answers_for_several_bodies_may_give_one_answer_for_all(
    advisory: Advisory, treasury: Relay
) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    mint = rows.relay(advisory, "mint", treasury)
    head = rows.recipient(advisory, treasury, mint, role="head")
    assert wrong(head) == {"b-report-all": answer_form.NO_CHOICE}
    assert wrong(head, {("report", mint.pk): ActionChoice("done")}) == {"b-report-all": answer_form.NO_CHOICE}
    say(head, {("report", answer_form.ALL): ActionChoice("done"), ("report", mint.pk): ActionChoice("later")})
    said = dict(ActionAnswer.objects.values_list("relay", "choice"))
    assert said == {treasury.pk: "done", mint.pk: "later"}


def test_whoever_is_contact_no_more_answers_for_the_body_no_more(advisory: Advisory, treasury: Relay) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    contact = rows.recipient(advisory, treasury, role="contact")
    Membership.objects.filter(person=contact.person).update(until=timezone.now())
    assert acknowledge.page(found(contact)).body_actions[0].questions == ()


def test_the_page_names_somebody_else_to_ask(advisory: Advisory, treasury: Relay, reader: Recipient) -> None:
    contact = rows.person("Connie Contact", telephone="020 7946 0000")
    rows.recipient(advisory, treasury, who=contact, role="contact")
    page = acknowledge.page(found(reader))
    assert (page.contact_name, page.contact_telephone) == ("Connie Contact", "020 7946 0000")


def test_a_posted_form_is_read_by_its_fields() -> None:
    with time_machine.travel(datetime(2020, 4, 24, 12, tzinfo=UTC), tick=False):
        form = acknowledge.read_form(
            {
                "csrfmiddlewaretoken": "x",
                "form": "signed",
                "read": "yes",
                "a-move": "by",
                "a-move-date": "2020-05-01",
                "a-move-why": "typed and left",
                "a-tell": "by",
                "a-tell-day": "1",
                "a-tell-month": "3",
                "b-report-it-12": "na",
                "b-report-it-12-why": "no such thing",
                "a-wrong": "by",
                "a-wrong-date": "soon",
                "a-nothing": "",
                "b-broken": "done",
            }
        )
    assert (form.token, form.read) == ("signed", "yes")
    assert form.answers == {
        ("move", None): ActionChoice("by", date(2020, 5, 1), "typed and left"),
        ("tell", None): ActionChoice("by", date(2021, 3, 1)),
        ("report-it", 12): ActionChoice("na", None, "no such thing"),
        ("wrong", None): ActionChoice("by"),
    }


def test_field_names_are_read_as_they_are_written() -> None:
    for key, relay_id in (("move", None), ("move-it", None), ("report", 5), ("report-7", 12)):
        form = acknowledge.read_form({answer_form.field(key, relay_id): "done"})
        assert list(form.answers) == [(key, relay_id)]


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_are_one_answer(advisory: Advisory, reader: Recipient) -> None:
    form, start = opened(reader), threading.Barrier(4)
    answers: list[int] = []

    def press() -> None:
        start.wait()
        try:
            answers.append(say(reader, form=form).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == Acknowledgement.objects.count() == 1
    assert whole(advisory).acknowledged == 1


def test_a_month_may_be_named_and_the_29th_of_february_is_found_when_it_is_next() -> None:
    def day(day: str, month: str) -> date | None:
        form = acknowledge.read_form({"a-move": "by", "a-move-day": day, "a-move-month": month})
        return form.answers[("move", None)].by_date

    with time_machine.travel(datetime(2027, 3, 10, 12, tzinfo=UTC), tick=False):
        assert day("29", "2") == date(2028, 2, 29)
        assert day("20", "Dec") == day("20", "december") == date(2027, 12, 20)
        assert day("1", "3") == date(2028, 3, 1)
        assert [day("31", "2"), day("1", "13"), day("1", "de"), day("9" * 30, "1"), day("", "5")] == [None] * 5


def test_what_is_asked_of_a_body_is_not_answered_by_whoever_says_that_they_are_of_the_office(
    advisory: Advisory, treasury: Relay
) -> None:
    assert advisory.current
    rows.action(advisory.current, "report", of="body")
    contact = rows.recipient(advisory, treasury, role="contact")
    answers: Answers = {("report", treasury.pk): ActionChoice("done")}
    with pytest.raises(NotAnswered, match="report"):
        acknowledge.answer(contact, Form(opened(contact), "yes", answers, name="Tom", office=True), Client(PERSON))
    # Named by the contact themselves, one is trusted with it.
    tom = rows.person("Tom")
    Delegation.objects.create(person=contact.person, delegate=tom, until=timezone.now() + timedelta(days=9))
    made = acknowledge.answer(contact, Form(opened(contact), "yes", answers, delegate=tom.pk), Client(PERSON))
    assert (made.how, made.by, made.answers.get().relay) == ("office", tom, treasury)


def test_whoever_answers_for_an_office_says_so_themselves_and_is_not_put_down_as_having_done_it(
    reader: Recipient,
) -> None:
    tom = rows.person("Tom")
    Delegation.objects.create(person=reader.person, delegate=tom, until=timezone.now() + timedelta(days=9))
    acknowledge.answer(reader, Form(opened(reader), "yes", {}, delegate=tom.pk), Client(PERSON))
    entry = Record.objects.get(kind="acknowledged")
    assert (entry.actor, entry.details["by"]) == (None, tom.pk)


def test_a_name_is_kept_without_what_nobody_sees_and_must_be_seen(reader: Recipient) -> None:
    def say_as(name: str) -> Acknowledgement:
        return acknowledge.answer(reader, Form(opened(reader), "yes", {}, name=name, office=True), Client(PERSON))

    for unseen in ("", " ", "\u200b", "\u2060\u200d", "\x00"):
        with pytest.raises(NotAnswered, match="name"):
            say_as(unseen)
    assert say_as("Tom\u202e \x1b[31m\u2066Clerk\n").name_given == "Tom [31m Clerk"


def test_a_doubt_without_a_name_is_nobodys_office(reader: Recipient) -> None:
    form = Form(opened(reader), "phishing", {}, office=True)
    assert acknowledge.answer(reader, form, Client(PERSON)).how == "link"


def test_answers_through_one_link_come_to_an_end_for_the_day_and_the_last_one_stands(
    reader: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "MOST_A_DAY", 3)
    form = opened(reader)
    first = say(reader, form=form)
    for _ in range(2):
        say(reader)
    with pytest.raises(NotAnswered, match="form"):
        say(reader)
    assert say(reader, form=form) == first
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        assert say(reader) != first


def test_an_office_that_several_people_read_gives_the_name_of_whoever_answers(reader: Recipient) -> None:
    box = rows.person("Office of Ada", shared=True)
    Delegation.objects.create(person=reader.person, delegate=box, until=timezone.now() + timedelta(days=9))
    with pytest.raises(NotAnswered, match="name"):
        acknowledge.answer(reader, Form(opened(reader), "yes", {}, delegate=box.pk), Client(PERSON))
    form = Form(opened(reader), "yes", {}, delegate=box.pk, name="Tom")
    made = acknowledge.answer(reader, form, Client(PERSON))
    assert (made.how, made.by, made.name_given) == ("office", box, "Tom")
