"""What is done about many people of a list at once: tried again, told by telephone or in a meeting, moved to another domain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import coverage
from alerts.answer_form import NotAnswered
from alerts.answering import behalf_many
from alerts.cascading.cascade import cascade
from alerts.coverage import readdressing
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.models import Acknowledgement, ActionAnswer, Advisory, Message, Recipient, Record, Relay
from alerts.routing import steering
from departments import readdressing as directory
from departments.models import Membership, Person, PersonEvent
from departments.people import correct
from departments.refusal import Refused
from tests import rows
from tests.office import Office
from tests.smtp import Server
from tests.test_behalf import own, put
from tests.test_chase import everybody, together, told
from tests.test_counting import figures_of_rows, figures_read
from tests.test_deliver import deliver_all, published


@pytest.fixture
def admin() -> Person:
    return rows.person("Adm", is_administrator=True)


# --- told by telephone, in person, in a meeting ---


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    made.published_at = timezone.now() - timedelta(hours=3)
    made.save()
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def ann(advisory: Advisory, treasury: Relay) -> Person:
    ann = rows.person("Ann Contact")
    Membership.objects.create(person=ann, body=treasury.body, role="contact")
    return ann


def form(advisory: Advisory, by: Person, **changes: Any) -> behalf_many.Form:
    advisory = Advisory.objects.select_related("material").get(pk=advisory.pk)
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    fields = {"told_how": "meeting", "told_at": now, **changes}
    return behalf_many.Form(**{"token": behalf_many.issue_form(advisory, by), **fields})


@pytest.mark.django_db
class TestToldTogether:
    def test_one_answer_for_each_and_their_own_ones_are_left_alone(
        self, advisory: Advisory, treasury: Relay, ann: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.suspicion.signs", lambda evidence: [])
        revision = rows.revise(advisory)
        people = [told(advisory, treasury, name=f"Person {n}") for n in range(3)]
        dark = told(advisory, treasury, outcome="bounced", told_revision=0)
        themselves, before = told(advisory, treasury, name="Own"), told(advisory, treasury, name="Before")
        own(themselves)
        put(before, ann, told_how="telephone")
        rows.action(revision, "move"), rows.action(revision, "report", of="body")
        last = [Acknowledgement.objects.filter(recipient=one).latest("pk") for one in (themselves, before)]

        posted = form(advisory, ann, told_by="Bob Chair")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            done = behalf_many.answer(everybody(advisory), ann, posted)
        assert len(seen) < 20
        when = timezone.localtime(done.told_at).strftime("%-d %B, %H:%M %Z")
        assert done.says == (
            f"Put down for 4 people: told in a meeting on {when}. 1 had answered themselves. 1 had been put down before."
        )
        made = Acknowledgement.objects.filter(told_how="meeting").select_related("by", "recipient")
        assert {one.recipient for one in made} == {*people, dark}
        assert {(one.how, one.read, one.by, one.name_given) for one in made} == {("behalf", "yes", ann, "Bob Chair")}
        said = ActionAnswer.objects.filter(acknowledgement__in=made)
        assert {(one.action.key, one.relay, one.choice) for one in said} == {("move", None, "later")}
        assert said.count() == 4
        assert [Acknowledgement.objects.filter(recipient=one).latest("pk") for one in (themselves, before)] == last
        figures = coverage.whole(advisory).figures
        assert (figures.targeted, figures.acknowledged, figures.behalf, figures.unreachable) == (6, 6, 5, 0)
        assert figures_read(advisory) == figures_of_rows(advisory)
        entry = Record.objects.get(kind="acknowledged together")
        assert (entry.actor, entry.details["people"], entry.details["revision"]) == (ann, 4, 2)
        assert entry.details["digest"]

        # The same form once more, for the same people or for a list that it emptied.
        assert behalf_many.answer(everybody(advisory), ann, posted).people == 4
        empty = Selection(scope(advisory.pk), "silent")
        assert behalf_many.answer(empty, ann, posted).says == f"Put down for 4 people: told in a meeting on {when}."
        assert Acknowledgement.objects.filter(told_how="meeting").count() == 4
        assert Record.objects.filter(kind="acknowledged together").count() == 1

    def test_what_asks_for_nothing_more_is_done_with_it(self, advisory: Advisory, treasury: Relay, ann: Person) -> None:
        told(advisory, treasury)
        behalf_many.answer(everybody(advisory), ann, form(advisory, ann))
        assert coverage.whole(advisory).figures.acted == 1

    def test_nothing_is_written_where_one_of_them_is_not_theirs(
        self, advisory: Advisory, treasury: Relay, ann: Person
    ) -> None:
        told(advisory, treasury), told(advisory, rows.relay(advisory, "tax", treasury))
        with pytest.raises(Refused, match="1 of these people sits in no body of which you are a contact or deputy"):
            behalf_many.answer(everybody(advisory), ann, form(advisory, ann))
        for nobody in (rows.person("Adm", is_administrator=True), advisory.written_by):
            with pytest.raises(Refused, match="Nothing was written"):
                behalf_many.answer(everybody(advisory), nobody, form(advisory, nobody))
        assert not Acknowledgement.objects.exists()

    def test_nobody_answers_for_themselves(self, advisory: Advisory, treasury: Relay, ann: Person) -> None:
        rows.recipient(advisory, treasury, who=ann, role="contact")
        done = behalf_many.answer(everybody(advisory), ann, form(advisory, ann))
        assert done.says == "Nothing was put down. You are one of them: answer by your own link."

    def test_what_is_missing_is_said_at_once_and_nothing_is_written(
        self, advisory: Advisory, treasury: Relay, ann: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told(advisory, treasury)
        bad: list[dict[str, Any]] = [
            {"told_how": "", "told_at": ""},
            {"told_at": (timezone.localtime() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")},
            {"told_at": "2001-01-01T10:00"},
            {"told_by": "x" * 501},
            {"token": "forged"},
            {"token": behalf_many.issue_form(advisory, advisory.written_by)},
        ]
        for changes in bad:
            with pytest.raises(NotAnswered):
                behalf_many.answer(everybody(advisory), ann, form(advisory, ann, **changes))
        monkeypatch.setattr(behalf_many, "MOST", 0)
        with pytest.raises(Refused, match="more than 0 people"):
            behalf_many.answer(everybody(advisory), ann, form(advisory, ann))
        assert not Acknowledgement.objects.exists()

    def test_a_form_of_an_earlier_text_says_that_another_has_come(
        self, advisory: Advisory, treasury: Relay, ann: Person
    ) -> None:
        told(advisory, treasury)
        posted = form(advisory, ann)
        rows.revise(advisory)
        done = behalf_many.answer(everybody(advisory), ann, posted)
        assert done.says.endswith("Revision 2 has come since revision 1: tell them of that as well.")
        assert Acknowledgement.objects.get().revision.number == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_put_down_the_same_people_at_once_write_each_once(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    for _ in range(20):
        told(advisory, treasury)
    bob = rows.person("Bob Deputy")
    Membership.objects.create(person=bob, body=treasury.body, role="deputy")
    done: list[behalf_many.PutDown] = []

    def press(by: Person, posted: behalf_many.Form) -> Callable[[], None]:
        return lambda: done.append(behalf_many.answer(everybody(advisory), by, posted))

    together(press(ann, form(advisory, ann)), press(bob, form(advisory, bob)))
    assert sorted((one.people, one.before) for one in done) == [(0, 20), (20, 0)]
    assert Acknowledgement.objects.count() == 20
    assert figures_read(advisory) == figures_of_rows(advisory)


# --- tried again, and moved to another domain ---


def refused(office: Office, server: Server, people: int = 5) -> Advisory:
    """Published, and refused to everybody but Cas."""
    for number in range(people - 1):
        server.answers[f"person{number:03d}@example.org"] = "550 5.1.1 no such mailbox"
    advisory = published(office, people=people)
    deliver_all()
    server.answers.clear()
    return advisory


@pytest.mark.django_db(transaction=True)
class TestOutOfReach:
    def test_those_who_were_chosen_are_tried_again_and_nobody_else(
        self, office: Office, server: Server, admin: Person
    ) -> None:
        advisory = refused(office, server)
        first, second, *_ = Recipient.objects.filter(outcome="unreachable").order_by("pk")
        done = steering.retry_selection(everybody(advisory, first.pk, second.pk), admin, timezone.now())
        assert done.says.startswith(f"2 people are mailed again, of {advisory.reference}")
        cascade(advisory.pk)
        deliver_all()
        mailed = [mail.recipients[0] for mail in server.mails]
        assert [one for one in mailed if "person0" in one] == [first.person.email, second.person.email]
        assert not steering.retry_selection(everybody(advisory, first.pk), admin, timezone.now()).changed
        rest = steering.retry_selection(Selection(scope(advisory.pk), "unreachable"), admin, timezone.now())
        assert rest.says.startswith("2 people are mailed again")
        with pytest.raises(Refused, match="Only administrators"):
            steering.retry_selection(everybody(advisory), office.ben, timezone.now())

    def test_everybody_at_one_domain_is_moved_to_another_and_hears_what_they_missed(
        self, office: Office, server: Server, admin: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readdressing, "AT_ONCE", 2)
        advisory = refused(office, server)
        lost = Selection(scope(advisory.pk), "unreachable")
        first, taken, *_ = Person.objects.filter(name__startswith="Person").order_by("pk")
        Person.objects.create(email="person001@example.com", written="person001@example.com", name="Somebody else")
        Person.objects.filter(pk=first.pk).update(written="Person000@Example.org", password="secret")
        EmailAddress.objects.create(user=first, email=first.email)
        assert readdressing.domains(lost) == ["example.org"]

        moving = readdressing.would_move(lost, "@Example.org", "example.com", admin)
        assert (moving.old, moving.new, moving.people, moving.taken) == ("example.org", "example.com", 3, 1)
        assert not Person.objects.filter(email__endswith="example.com").exclude(name="Somebody else").exists()

        done = readdressing.move_domain(lost, "example.org", "EXAMPLE.com", admin)
        assert done.says == (
            "3 people have their mail at example.com now, not at example.org. What they missed is written anew within a few "
            "minutes. 1 was left as they are: somebody else has that address at example.com already."
        )
        for one in (first, taken, office.cas):
            one.refresh_from_db()
        assert (first.email, first.written) == ("person000@example.com", "Person000@example.com")
        assert (first.bounced_at, first.password) == (None, "!")
        assert not EmailAddress.objects.exists()
        assert (taken.email, office.cas.email) == ("person001@example.org", "cas@example.org")
        event = PersonEvent.objects.get(person=first, what="corrected")
        assert (event.by, event.before["email"], event.after["email"]) == (
            admin,
            "person000@example.org",
            "person000@example.com",
        )
        entries = [entry.details for entry in Record.objects.filter(kind="addresses moved")]
        assert sum(entry["people"] for entry in entries) == 3
        assert {(entry["old"], entry["new"]) for entry in entries} == {("example.org", "example.com")}

        server.mails.clear()
        cascade(advisory.pk)
        deliver_all()
        assert sorted(mail.recipients[0] for mail in server.mails) == [
            f"person{number:03d}@example.com" for number in (0, 2, 3)
        ]
        assert Recipient.objects.filter(told_revision=1).count() == 4
        again = readdressing.move_domain(lost, "example.org", "example.com", admin)
        assert again.says.startswith("Nobody has their mail at example.com now")

    def test_it_is_as_if_each_had_been_corrected_by_hand(self, office: Office, admin: Person) -> None:
        advisory = published(office, people=3)
        by_hand, by_list = Person.objects.filter(name__startswith="Person").order_by("pk")
        correct(by_hand, admin, "person000@example.com", by_hand.name, "", shared=False)
        one = Recipient.objects.get(person=by_list, advisory=advisory)
        readdressing.move_domain(everybody(advisory, one.pk), "example.org", "example.com", admin)
        steps = PersonEvent.objects.filter(what="corrected").order_by("pk")
        assert [sorted(step.after) for step in steps] == [["email", "written"]] * 2
        assert [sorted(step.before) for step in steps] == [["email", "written"]] * 2

    def test_what_is_no_domain_or_the_same_or_not_theirs_to_change_is_refused(
        self, office: Office, admin: Person
    ) -> None:
        everyone = everybody(published(office, people=2))
        for old, new in (("example.org", "no domain"), ("", "example.com"), ("example.org", "@EXAMPLE.ORG")):
            with pytest.raises(Refused, match="Nothing was changed"):
                readdressing.move_domain(everyone, old, new, admin)
        with pytest.raises(Refused, match="Only administrators"):
            readdressing.move_domain(everyone, "example.org", "example.com", office.ben)
        assert readdressing.move_domain(everyone, "nowhere.example", "example.com", admin).says.startswith("Nobody")
        assert not Message.objects.filter(person__email__endswith="example.com").exists()


@pytest.mark.django_db
def test_a_move_that_is_refused_half_way_is_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "place")
    for number in range(3):
        made = rows.recipient(advisory, place)
        Person.objects.filter(pk=made.person_id).update(
            email=f"p{number}@old.example", written=f"p{number}@old.example"
        )
    admin = rows.person("Adm", is_administrator=True)
    monkeypatch.setattr(readdressing, "AT_ONCE", 1)
    real, calls = directory.move_some, []

    def raced(*args: object) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise Refused("Somebody took one of the new addresses at this moment.")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(directory, "move_some", raced)
    with pytest.raises(Refused):
        readdressing.move_domain(Selection(scope(advisory.pk), "targeted"), "old.example", "new.example", admin)
    assert Person.objects.filter(email__endswith="@new.example").count() == 1
    assert Record.objects.filter(kind="addresses moved").exists()
