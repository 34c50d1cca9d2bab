"""The calling list: who is on it, who has a body in hand, and what a result does to the figures of coverage."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import counting, coverage
from alerts.answer_form import NotAnswered
from alerts.answering import behalf
from alerts.calling import calling, calling_list
from alerts.calling.calling import IN_HAND, Noted, Taken
from alerts.calling.to_call import Listing, ToCall
from alerts.models import Acknowledgement, ActionAnswer, Advisory, Call, Recipient, Record, Relay
from departments import people as directory
from departments.models import Membership, Person
from departments.refusal import Refused
from tests import rows
from tests.test_answers_at_once import at_once
from tests.test_counting import figures_of_rows, figures_read

pytestmark = pytest.mark.django_db

# After whatever the database writes of its own clock.
NOW = timezone.now().replace(microsecond=0) + timedelta(hours=6)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def advisory() -> Advisory:
    """Critical."""
    made = rows.advisory()
    made.severity = "critical"
    made.save()
    return Advisory.objects.get(pk=made.pk)


@pytest.fixture
def government(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "government", purpose="between")


@pytest.fixture
def treasury(advisory: Advisory, government: Relay) -> Relay:
    return rows.relay(advisory, "treasury", government)


@pytest.fixture
def officer(advisory: Advisory) -> Person:
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    return advisory.written_by


@pytest.fixture
def other(advisory: Advisory) -> Person:
    """A second officer of the issuer."""
    return seat(advisory.issuer_id, "Otto Officer", "officer")


def seat(body: int, name: str, role: str = "member", telephone: str = "", **fields: object) -> Person:
    who = rows.person(name, telephone=telephone)
    Membership.objects.create(person=who, body_id=body, role=role, **fields)
    return who


def silent(relay: Relay, name: str = "Sil Silent", **fields: object) -> Recipient:
    """Somebody there whose mail arrived."""
    made = rows.recipient(relay.advisory, relay, who=rows.person(name, telephone="020 7946 0001"))
    Recipient.objects.filter(pk=made.pk).update(**{"told_revision": 1, "outcome": "delivered", **fields})
    return made


def of(advisory: Advisory, by: Person, now: datetime = NOW) -> Listing:
    return calling.listed(Advisory.objects.get(pk=advisory.pk), by, now)


def bodies(listing: Listing) -> list[ToCall]:
    return [body for branch in listing.branches for body in branch.bodies]


def one(advisory: Advisory, by: Person, now: datetime = NOW) -> ToCall:
    [found] = bodies(of(advisory, by, now))
    return found


def take(relay: Relay, by: Person, now: datetime = NOW) -> Taken:
    return calling.take(relay.pk, by, now)


def note(taken: Taken, by: Person, result: str, person: Person | None = None, text: str = "", **more: object) -> Noted:
    now = more.pop("now", NOW + MINUTE)
    return calling.note_result(taken.call.pk, by, result, text, person, now, **more)  # type: ignore[arg-type]


def kinds() -> list[str]:
    return list(Record.objects.order_by("id").values_list("kind", flat=True))


# --- who is on it ---


def test_bodies_with_nobody_reached_are_on_it_by_branch_the_dark_ones_first(
    advisory: Advisory, government: Relay, treasury: Relay, officer: Person
) -> None:
    home, agency = rows.relay(advisory, "home-office", government), rows.relay(advisory, "agency", treasury)
    committee = rows.relay(advisory, "committee", treasury)
    silent(treasury)
    silent(home, outcome="", told_revision=0)
    silent(rows.relay(advisory, "border", home), outcome="")
    silent(agency, outcome="bounced")
    answered, office = rows.relay(advisory, "answered", home), rows.relay(advisory, "office", home)
    silent(answered, answered_revision=1), silent(answered, "Ann Other")
    silent(office, office_revision=1)
    rows.relay(advisory, "passed-through", home, purpose="between")
    rows.relay(advisory, "gone", home, purpose="left")
    found = of(advisory, officer)
    assert [(branch.name, [(b.slug, b.stands) for b in branch.bodies]) for branch in found.branches] == [
        ("Treasury", [("agency", "dark"), ("committee", "dark"), ("treasury", "delivered")]),
        ("Home Office", [("home-office", "unsent"), ("border", "sent")]),
    ]
    assert (found.bodies, found.told, found.left, found.in_hand, found.pages) == (7, 2, 5, 0, 1)
    assert committee.pk in {body.relay_id for body in bodies(found)}


def test_where_nothing_stands_above_all_of_it_each_top_is_a_branch(advisory: Advisory, officer: Person) -> None:
    first, second = rows.relay(advisory, "first"), rows.relay(advisory, "second")
    rows.relay(advisory, "below", rows.relay(advisory, "middle", first))
    assert [branch.name for branch in of(advisory, officer).branches] == ["First", "Second"]
    assert second.pk in {body.relay_id for body in bodies(of(advisory, officer))}


def test_whom_to_ring_stands_in_order_and_the_body_above_only_where_nobody_has_a_number(
    advisory: Advisory, government: Relay, treasury: Relay, officer: Person
) -> None:
    seat(government.body_id, "Gov Contact", "contact", "020 7946 0009")
    body = treasury.body_id
    seat(body, "Hed Head", "head")
    assert [(p.name, p.above) for p in one(advisory, officer).people] == [
        ("Hed Head", None),
        ("Gov Contact", "Government"),
    ]
    seat(body, "Mem Number", telephone="020 7946 0002"), seat(body, "Mem None")
    seat(body, "Dep Deputy", "deputy")
    seat(body, "Con Second", "contact", order=2)
    seat(body, "Con First", "contact", "020 7946 0003", order=1, hours="out")
    left = seat(body, "Lea Left", "contact", "020 7946 0004")
    Person.objects.filter(pk=left.pk).update(left_at=NOW)
    people = one(advisory, officer).people
    assert [p.name for p in people] == ["Con First", "Con Second", "Dep Deputy", "Hed Head", "Mem Number"]
    assert (people[0].hours, people[0].telephone, people[0].recipient_id) == ("out", "020 7946 0003", None)


def test_the_whole_list_is_two_looks_however_long_it_is(advisory: Advisory, officer: Person, treasury: Relay) -> None:
    def looks() -> int:
        with CaptureQueriesContext(connection) as queries:
            of(advisory, officer)
        return len(queries)

    few = looks()
    for number in range(30):
        silent(rows.relay(advisory, f"team-{number}", treasury))
    assert looks() == few <= 10


def test_a_long_list_has_pages_and_says_how_many(
    advisory: Advisory, officer: Person, treasury: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling_list, "SHOWN", 2)
    for number in range(4):
        rows.relay(advisory, f"team-{number}", treasury)
    fresh = Advisory.objects.get(pk=advisory.pk)
    pages = [calling.listed(fresh, officer, NOW, page) for page in (1, 2, 3, 99)]
    assert [len(bodies(page)) for page in pages] == [2, 2, 1, 1]
    assert [page.page for page in pages] == [1, 2, 3, 3]
    assert pages[0].pages == 3


# --- who may ---


def test_officers_and_administrators_ring_everybody_others_their_branch_and_auditors_nobody(
    advisory: Advisory, government: Relay, treasury: Relay, officer: Person
) -> None:
    agency, home = rows.relay(advisory, "agency", treasury), rows.relay(advisory, "home-office", government)
    admin, auditor = rows.person("Adm", is_administrator=True), rows.person("Aud", is_auditor=True)
    own = [seat(treasury.body_id, f"The {role}", role) for role in ("contact", "deputy", "head")]
    for who in (officer, admin, auditor):
        assert len(bodies(of(advisory, who))) == 3
    for who in own:
        assert {body.slug for body in bodies(of(advisory, who))} == {"treasury", "agency"}
        assert of(advisory, who).bodies == 2
        with pytest.raises(Refused, match="answers for the body"):
            take(home, who)
    nobody = seat(treasury.body_id, "Mem"), seat(agency.body_id, "Con Below", "contact"), auditor
    for who in nobody:
        with pytest.raises(Refused, match="answers for the body"):
            take(treasury, who)
    for who in (officer, admin, *own):
        calling.let_go(take(agency, who).call.pk, who, NOW)
    assert not Call.objects.filter(ended_at=None).exists()


def test_a_number_of_the_body_above_is_shown_to_those_alone_who_see_that_body(
    advisory: Advisory, government: Relay, treasury: Relay, officer: Person
) -> None:
    seat(government.body_id, "Gov Contact", "contact", "020 7946 0009")
    head = seat(treasury.body_id, "Hed Head", "head")
    assert [p.name for p in one(advisory, officer).people] == ["Hed Head", "Gov Contact"]
    assert [p.name for p in one(advisory, head).people] == ["Hed Head"]


def test_nobody_is_rung_about_what_is_not_critical_is_stopped_or_is_over(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    for change, said in (
        ({"severity": "high"}, "Only a critical"),
        ({"severity": "critical", "stopped_at": NOW}, "is stopped"),
        ({"stopped_at": None, "state": "stood-down"}, "is over"),
        ({"state": "expired"}, "is over"),
    ):
        Advisory.objects.update(**change)
        with pytest.raises(Refused, match=said):
            take(treasury, officer)
        with pytest.raises(Refused, match=said):
            calling.take_next(Advisory.objects.get(), officer, NOW)


# --- in hand ---


def test_a_body_is_in_one_callers_hand_and_others_are_told_whose_and_until_when(
    advisory: Advisory, treasury: Relay, officer: Person, other: Person
) -> None:
    taken = take(treasury, officer)
    assert (taken.new, taken.call.until) == (True, NOW + IN_HAND)
    with pytest.raises(Refused, match=f"Olive Officer has Treasury in hand until {calling.clock(NOW + IN_HAND)}"):
        take(treasury, other, NOW + MINUTE)
    found = one(advisory, other)
    assert found.hand is not None
    assert (found.hand.caller, found.ran_out, of(advisory, other).in_hand) == ("Olive Officer", False, 1)
    again = take(treasury, officer, NOW + 5 * MINUTE)
    assert (again.call.pk, again.new, again.call.until) == (taken.call.pk, False, NOW + 5 * MINUTE + IN_HAND)
    assert kinds() == ["call taken"]


def test_a_caller_has_one_body_at_a_time(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    agency = rows.relay(advisory, "agency", treasury)
    taken = take(treasury, officer)
    with pytest.raises(Refused, match="You have Treasury in hand"):
        take(agency, officer)
    with pytest.raises(Refused, match="You have Treasury in hand"):
        calling.take_next(Advisory.objects.get(), officer, NOW)
    assert calling.let_go(taken.call.pk, officer, NOW, "engaged")
    assert not calling.let_go(taken.call.pk, officer, NOW)
    assert Call.objects.get().note == "engaged"
    assert take(agency, officer).new
    assert kinds() == ["call taken", "call let go", "call taken"]


def test_what_ran_out_is_taken_over_and_says_from_whom(
    advisory: Advisory, treasury: Relay, officer: Person, other: Person
) -> None:
    first, late = take(treasury, officer), NOW + IN_HAND
    assert one(advisory, other, late - MINUTE).ran_out is False
    found = one(advisory, other, late)
    assert (found.ran_out, of(advisory, other, late).in_hand) == (True, 0)
    second = take(treasury, other, late)
    assert (second.new, second.over_from) == (True, officer)
    first.call.refresh_from_db()
    assert (first.call.result, first.call.ended_at) == ("let-go", late)
    with pytest.raises(Refused, match="has Treasury in hand"):
        take(treasury, officer, late)
    assert Record.objects.last().details["over_from"] == officer.pk  # type: ignore[union-attr]


def test_a_result_that_comes_when_somebody_else_has_taken_over_is_refused_in_words(
    advisory: Advisory, treasury: Relay, officer: Person, other: Person
) -> None:
    told, late = silent(treasury), NOW + IN_HAND + MINUTE
    first = take(treasury, officer)
    second = take(treasury, other, late)
    with pytest.raises(Refused, match=r"ran out at .*, and Otto Officer took Treasury over at .*: nothing was noted"):
        note(first, officer, "told", told.person, now=late)
    with pytest.raises(Refused, match="Otto Officer took Treasury over"):
        calling.let_go(first.call.pk, officer, late, "she rings back at three")
    note(second, other, "no-answer", now=late)
    with pytest.raises(Refused, match=r"and noted: nobody answered\. Take it again"):
        note(first, officer, "told", told.person, now=late)
    with pytest.raises(Refused, match="somebody else's"):
        note(second, officer, "told", told.person, now=late)
    assert not Acknowledgement.objects.exists()


def test_a_result_that_comes_late_is_taken_while_nobody_else_has_it(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    told = silent(treasury)
    taken = take(treasury, officer)
    assert calling_list.in_hand(advisory, officer) is not None
    assert note(taken, officer, "told", told.person, now=NOW + 3 * IN_HAND).answer is not None
    assert calling_list.in_hand(advisory, officer) is None


def test_the_next_one_is_the_darkest_that_nobody_has_and_was_not_rung_a_moment_ago(
    advisory: Advisory, treasury: Relay, officer: Person, other: Person
) -> None:
    silent(treasury)
    dark, darker = rows.relay(advisory, "b-dark", treasury), rows.relay(advisory, "a-dark", treasury)
    fresh = Advisory.objects.get(pk=advisory.pk)
    first = calling.take_next(fresh, officer, NOW)
    assert first.call.relay == darker
    assert calling.take_next(fresh, other, NOW).call.relay == dark
    note(first, officer, "no-answer")
    second = calling.take_next(fresh, officer, NOW + 2 * MINUTE)
    assert second.call.relay == treasury
    note(second, officer, "again", text="in a meeting")
    assert calling.take_next(fresh, officer, NOW + 3 * MINUTE).call.relay == darker
    one_more, last = (rows.person("Adm", is_administrator=True) for _ in "12")
    assert calling.take_next(fresh, one_more, NOW + 3 * MINUTE).call.relay == treasury, (
        "rung lately, but nobody else is left"
    )
    with pytest.raises(Refused, match="no body left"):
        calling.take_next(fresh, last, NOW + 3 * MINUTE)


# --- what came of it ---


def test_told_counts_as_told_by_telephone_and_takes_the_body_off_the_list(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    rows.action(advisory.current, "move")  # type: ignore[arg-type]
    told = silent(treasury, outcome="bounced")
    taken = take(treasury, officer)
    when = NOW - 10 * MINUTE
    done = note(taken, officer, "told", told.person, "wrote it down", number=1, told_at=when)
    made = done.answer
    assert made is not None
    assert (made.how, made.by, made.told_how, made.told_at, made.read) == ("behalf", officer, "telephone", when, "yes")
    assert made.text == ""
    assert list(ActionAnswer.objects.values_list("choice", flat=True)) == ["later"]
    assert figures_read(advisory) == figures_of_rows(advisory)
    figures = coverage.whole(advisory).figures
    assert (figures.acknowledged, figures.behalf, figures.unreachable) == (1, 1, 0)
    assert bodies(of(advisory, officer)) == []
    assert (of(advisory, officer).told, of(advisory, officer).left) == (1, 0)
    call = Call.objects.get()
    assert (call.result, call.note, call.person, call.ended_at) == ("told", "wrote it down", told.person, NOW + MINUTE)
    assert kinds() == ["call taken", "acknowledged", "told by telephone"]
    assert Record.objects.last().details["person"] == told.person_id  # type: ignore[union-attr]
    assert "wrote" not in str(list(Record.objects.values_list("details", flat=True)))


def test_who_needs_help_is_put_down_with_their_words(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    told = silent(treasury)
    note(take(treasury, officer), officer, "told", told.person, "has no other system", needs_help=True)
    told.refresh_from_db()
    assert told.needs_help
    assert Acknowledgement.objects.get().text == "has no other system"


def test_a_press_that_comes_twice_writes_once(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    told = silent(treasury)
    taken = take(treasury, officer)
    first = note(taken, officer, "told", told.person, "yes")
    again = note(taken, officer, "told", told.person, "yes", now=NOW + 2 * MINUTE)
    assert first.answer == again.answer
    assert (Acknowledgement.objects.count(), len(kinds())) == (1, 3)
    with pytest.raises(Refused, match="noted already: told by telephone"):
        note(taken, officer, "no-answer")


def test_administrators_heads_and_contacts_above_put_it_down_for_that_call_and_nothing_beyond_it(
    advisory: Advisory, treasury: Relay
) -> None:
    admin, head = rows.person("Adm", is_administrator=True), seat(treasury.body_id, "Hed", "head")
    above = seat(treasury.body_id, "Con", "contact")
    for who in (admin, head, above):
        agency = rows.relay(advisory, f"agency-{who.pk}", treasury)
        told = silent(agency)
        with pytest.raises(Refused, match="Only a contact or deputy"):
            behalf.check_may(Recipient.objects.select_related("advisory").get(pk=told.pk), who)
        done = note(take(agency, who), who, "told", told.person)
        assert done.answer is not None
        assert done.answer.by == who


def test_nobody_puts_anything_down_for_people_of_a_body_above_theirs(advisory: Advisory, treasury: Relay) -> None:
    agency, told = rows.relay(advisory, "agency", treasury), silent(treasury)
    below = seat(agency.body_id, "Con Below", "contact")
    taken = take(agency, below)
    with pytest.raises(NotAnswered) as wrong:
        note(taken, below, "told", told.person)
    assert "Sil Silent sits in no body here" in wrong.value.errors["person"]
    assert not Acknowledgement.objects.exists()
    admin = rows.person("Adm", is_administrator=True)
    calling.let_go(taken.call.pk, below, NOW)
    done = note(take(agency, admin), admin, "told", told.person)
    assert done.answer is not None
    assert of(advisory, admin).left == 0, "who was told above says so, and the body was rung"


def test_somebody_it_is_not_for_is_noted_and_no_figure_changes(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    head = seat(treasury.body_id, "Hed Head", "head", "020 7946 0004")
    before = figures_read(advisory)
    taken = take(treasury, officer)
    done = note(taken, officer, "told", head)
    assert (done.answer, done.themselves) == (None, False)
    assert figures_read(advisory) == before
    assert not Acknowledgement.objects.exists()
    found = of(advisory, officer)
    assert (found.told, found.left) == (1, 0)
    with pytest.raises(Refused, match="heard from meanwhile"):
        take(treasury, officer)


def test_and_is_rung_again_once_the_text_has_changed(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    head = seat(treasury.body_id, "Hed Head", "head", "020 7946 0004")
    note(take(treasury, officer, timezone.now()), officer, "told", head)
    assert of(advisory, officer).left == 0
    rows.revise(Advisory.objects.get(pk=advisory.pk))
    assert one(advisory, officer).stands == "dark"
    assert take(treasury, officer).new


def test_whoever_is_no_person_of_the_directory_is_named_in_the_note(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    taken = take(treasury, officer)
    with pytest.raises(NotAnswered) as wrong:
        note(taken, officer, "told")
    assert "who was told" in wrong.value.errors["note"]
    note(taken, officer, "told", text="the duty clerk, Mr Hall")
    assert of(advisory, officer).left == 0


def test_their_own_answer_stands_whichever_came_first(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    told = silent(treasury)
    taken = take(treasury, officer)
    Acknowledgement.objects.create(
        recipient=told, revision_id=advisory.current_id or 0, read="yes", form_id="00000000-0000-0000-0000-000000000001"
    )
    Recipient.objects.filter(pk=told.pk).update(answered_revision=1)
    done = note(taken, officer, "told", told.person)
    assert (done.answer, done.themselves) == (None, True)
    assert Call.objects.get().result == "told"


def test_what_was_told_of_an_earlier_revision_says_that_one_has_come_since(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    told = silent(treasury)
    taken = take(treasury, officer, timezone.now())
    rows.revise(Advisory.objects.get(pk=advisory.pk))
    counting.recount(advisory.pk)
    done = note(taken, officer, "told", told.person, number=1)
    assert done.answer is not None
    assert (done.answer.revision.number, done.later) == (1, 2)
    assert of(advisory, officer).left == 1
    assert figures_read(advisory) == figures_of_rows(advisory)


@pytest.mark.parametrize(
    ("result", "kind", "label"),
    [
        ("no-answer", "called, nobody answered", "nobody answered"),
        ("again", "called, to be rung again", "to be rung again"),
        ("wrong", "called, the number is wrong", "the number is wrong"),
    ],
)
def test_what_came_to_nothing_keeps_the_body_on_the_list_and_says_when_and_by_whom(
    advisory: Advisory, treasury: Relay, officer: Person, result: str, kind: str, label: str
) -> None:
    contact = seat(treasury.body_id, "Con Contact", "contact", "020 7946 0003")
    note(take(treasury, officer), officer, result, contact, "rang six times")
    found = one(advisory, officer)
    assert found.last is not None
    assert (found.last.came_of_it, found.last.at, found.last.note) == (label, NOW + MINUTE, "rang six times")
    assert (found.last.caller, found.last.person, found.hand) == ("Olive Officer", "Con Contact", None)
    assert kinds()[-1] == kind
    assert (found.people[0].wrong_at is not None) is (result == "wrong")


def test_a_number_is_wrong_until_somebody_corrects_it(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    contact = seat(treasury.body_id, "Con Contact", "contact", "020 7946 0003")
    taken = take(treasury, officer)
    with pytest.raises(NotAnswered) as wrong:
        note(taken, officer, "wrong")
    assert wrong.value.errors["person"] == "Choose whose number is wrong."
    note(taken, officer, "wrong", contact)
    assert one(advisory, officer).people[0].wrong_at == NOW + MINUTE
    admin = rows.person("Adm", is_administrator=True)
    Call.objects.update(ended_at=NOW - timedelta(hours=7))
    directory.correct(contact, admin, contact.email, contact.name, "020 7946 0008", False)
    assert one(advisory, officer).people[0].wrong_at is None


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_written(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    stranger = rows.person("Stranger")
    taken = take(treasury, officer)
    with pytest.raises(NotAnswered) as wrong:
        note(taken, officer, "sang", stranger, "x" * 2_001, told_at=NOW + timedelta(hours=1))
    assert set(wrong.value.errors) == {"result", "person", "note", "told-at"}
    Membership.objects.create(person=officer, body=treasury.body, role="contact")
    with pytest.raises(NotAnswered) as wrong:
        note(taken, officer, "told", officer)
    assert wrong.value.errors == {"person": behalf.ONESELF}
    assert Call.objects.get().ended_at is None
    assert kinds() == ["call taken"]


def test_a_caller_who_may_not_any_more_notes_nothing(advisory: Advisory, treasury: Relay, officer: Person) -> None:
    told = silent(treasury)
    taken = take(treasury, officer)
    Membership.objects.filter(person=officer).update(until=NOW)
    with pytest.raises(Refused, match="answers for the body"):
        note(taken, officer, "told", told.person)
    assert not Acknowledgement.objects.exists()


# --- at once ---


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_it_at_the_same_moment_one_has_it(
    advisory: Advisory, treasury: Relay, officer: Person
) -> None:
    callers = [officer, *(seat(advisory.issuer_id, f"Officer {n}", "officer") for n in range(5))]
    gave = at_once(*(lambda who=who: take(treasury, who) for who in callers))
    assert sum(isinstance(one, Taken) for one in gave) == 1
    assert sum(isinstance(one, Refused) for one in gave) == 5
    assert Call.objects.filter(ended_at=None).count() == 1
    # And again, once that one's time is over.
    late, owner = NOW + IN_HAND, Call.objects.get().caller
    others = [who for who in callers if who != owner]
    gave = at_once(*(lambda who=who: take(treasury, who, late) for who in others))
    [taken] = [one for one in gave if isinstance(one, Taken)]
    assert taken.over_from == owner
    assert (Call.objects.count(), Call.objects.filter(ended_at=None).count()) == (2, 1)
    assert kinds() == ["call taken", "call taken"]


@pytest.mark.django_db(transaction=True)
def test_one_who_notes_it_twice_at_once_and_one_who_takes_it_over_leave_one_result(
    advisory: Advisory, treasury: Relay, officer: Person, other: Person
) -> None:
    told = silent(treasury)
    first, late = take(treasury, officer), NOW + IN_HAND

    def notes() -> Noted:
        return note(first, officer, "told", told.person, now=late)

    gave = at_once(notes, notes, notes, lambda: take(treasury, other, late))
    wrong = [one for one in gave if isinstance(one, Exception) and not isinstance(one, Refused)]
    assert wrong == []
    assert Acknowledgement.objects.count() <= 1
    results = set(Call.objects.values_list("result", flat=True))
    assert results in ({"told"}, {"let-go", ""}, {"told", ""})
    assert figures_read(advisory) == figures_of_rows(advisory)
