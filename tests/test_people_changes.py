"""People come into the directory, are corrected, seated, confirmed, and leave it: by whom, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from departments import people, seating
from departments.models import Body, Membership, Person, PersonEvent, Role
from departments.refusal import Refused
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db


def sit(name: str, where: Body, role: str = Role.MEMBER) -> Person:
    """Somebody new in a body."""
    made = person(name)
    Membership.objects.create(person=made, body=where, role=role)
    return made


def steps(of: Person) -> list[str]:
    """What the history says of them, the oldest first."""
    return list(PersonEvent.objects.filter(person=of).order_by("pk").values_list("what", flat=True))


def place_of(of: Person, where: Body) -> Membership:
    return Membership.objects.get(person=of, body=where, until=None)


@pytest.fixture
def agency() -> Body:
    return body("agency", body("department"))


@pytest.fixture
def adam() -> Person:
    return person("Adam Administrator", is_administrator=True)


@pytest.fixture
def connie(agency: Body) -> Person:
    return sit("Connie Contact", agency, Role.CONTACT)


# --- adding ---


def test_somebody_new_is_one_person_with_a_place_and_a_history(agency: Body, connie: Person) -> None:
    done = people.add(agency, connie, "Ada.Example@Agency.EXAMPLE", "Ada Example", "contact", order=1, hours="out")
    assert done.changed
    assert done.person.email == "ada.example@agency.example"
    assert done.person.written == "Ada.Example@Agency.EXAMPLE"
    assert steps(done.person) == ["added", "seated"]
    place = place_of(done.person, agency)
    assert (place.role, place.order, place.hours, place.verified_at) == ("contact", 1, "out", None)
    assert all(event.by == connie for event in PersonEvent.objects.filter(person=done.person))


def test_a_second_press_writes_nothing(agency: Body, connie: Person) -> None:
    people.add(agency, connie, "ada@agency.example", "Ada", "member")
    again = people.add(agency, connie, "ADA@agency.example", "Ada", "member")
    assert not again.changed
    assert "already in the directory as Ada" in again.said
    assert steps(again.person) == ["added", "seated"]


def test_an_address_that_is_known_is_that_person_and_their_name_stays(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", body("team"))
    done = people.add(agency, connie, tom.email.upper(), "Thomas T.", "member", telephone="020 7000 0000", shared=True)
    tom.refresh_from_db()
    assert done.person == tom
    assert (tom.name, tom.telephone, tom.shared) == ("Tom Team", "", False)
    assert "is already in the directory as Tom Team" in done.said
    assert "not Thomas T." in done.said
    assert steps(tom) == ["seated"]


def test_whoever_sits_nowhere_takes_the_new_name(agency: Body, connie: Person) -> None:
    tom = person("T. Team")
    done = people.add(agency, connie, tom.email, "Tom Team", "member")
    assert done.person.name == "Tom Team"
    assert steps(tom) == ["corrected", "seated"]


def test_an_administrator_who_sits_nowhere_keeps_their_name(agency: Body, connie: Person, adam: Person) -> None:
    people.add(agency, connie, adam.email, "Somebody Else", "member")
    adam.refresh_from_db()
    assert adam.name == "Adam Administrator"


def test_a_leaver_is_not_brought_back_silently(agency: Body, connie: Person) -> None:
    gone = person("Gone Girl", left_at=timezone.now())
    with pytest.raises(Refused, match=r"Gone Girl, who left on .* is not brought back"):
        people.add(agency, connie, gone.email, "Gone", "member")
    assert not gone.memberships.exists()
    assert steps(gone) == []


@pytest.mark.parametrize("role", ["head", "officer"])
def test_only_an_administrator_names_heads_and_officers(agency: Body, connie: Person, adam: Person, role: str) -> None:
    with pytest.raises(Refused, match="for an administrator to say"):
        people.add(agency, connie, "new@agency.example", "New", role)
    assert not Person.objects.filter(email="new@agency.example").exists()
    assert people.add(agency, adam, "new@agency.example", "New", role).changed


def test_whoever_runs_the_directory_never_publishes(agency: Body, adam: Person) -> None:
    other = person("Anna Administrator", is_administrator=True)
    with pytest.raises(Refused, match="whoever does can't publish"):
        people.add(agency, adam, other.email, "Anna", "officer")
    with pytest.raises(Refused, match="Nobody makes themselves"):
        people.add(agency, adam, adam.email, "Adam", "officer")
    olive = sit("Olive Officer", agency, Role.OFFICER)
    with pytest.raises(Refused, match="whoever publishes does not run the directory"):
        people.appoint(olive, adam, administrator=True, auditor=False)
    assert people.appoint(olive, adam, administrator=False, auditor=True).changed
    assert not people.appoint(olive, adam, administrator=False, auditor=True).changed


def test_a_closed_body_takes_nobody_and_names_its_successor(agency: Body, adam: Person) -> None:
    heir = body("heir")
    Body.objects.filter(pk=agency.pk).update(closed=date(2020, 1, 31), successor=heir)
    with pytest.raises(Refused, match=r"closed on 31 January 2020.*Its successor is Heir"):
        people.add(agency, adam, "new@agency.example", "New", "member")


@pytest.mark.parametrize(
    ("address", "hinted"),
    [
        ("a@agency.example", False),
        ("a@mail.AGENCY.example", False),
        ("a@notagency.example", True),
        ("a@elsewhere.example", True),
    ],
)
def test_an_address_elsewhere_is_a_hint_and_no_refusal(
    agency: Body, connie: Person, address: str, hinted: bool
) -> None:
    Body.objects.filter(pk=agency.pk).update(domain="Agency.example")
    done = people.add(agency, connie, address, "Ada", "member")
    assert done.changed
    assert bool(done.hint) == hinted


def test_a_domain_in_other_letters_is_the_same_domain(agency: Body, connie: Person) -> None:
    Body.objects.filter(pk=agency.pk).update(domain="bücher.example")
    done = people.add(agency, connie, "Ada@BÜCHER.example", "Ada", "member")
    assert done.person.email == "ada@xn--bcher-kva.example"
    assert not done.hint
    assert not people.add(agency, connie, "ada@xn--bcher-kva.example", "Ada", "member").changed


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "not an address", "not a mail address"),
        ("email", "", "not a mail address"),
        ("email", "a\x00@agency.example", "not a mail address"),
        ("email", f"{'a' * 300}@agency.example", "not a mail address"),
        ("name", "  ", "There is no name"),
        ("name", "x" * 501, "501 characters"),
        ("name", "\u200b\u2060", "There is no name"),
        ("name", "\u3164\u200d", "There is no name"),
        ("name", "Ada\x00", "can't be read"),
        ("name", "Ada\u202emoc.elpmaxe", "can't be read"),
        ("telephone", "1" * 51, "51 characters"),
        ("role", "king", "There is no role"),
        ("order", -1, "a number from 0 to 999"),
        ("order", 1000, "a number from 0 to 999"),
        ("hours", "never", "in hours or out of hours"),
    ],
)
def test_bad_input_is_refused_in_words_and_changes_nothing(
    agency: Body, connie: Person, field: str, value: object, words: str
) -> None:
    before = Person.objects.count()
    said: dict[str, object] = {"email": "ada@agency.example", "name": "Ada", "role": "member", field: value}
    with pytest.raises(Refused, match=words):
        people.add(agency, connie, **said)  # type: ignore[arg-type]  # bad input on purpose
    assert Person.objects.count() == before
    assert not PersonEvent.objects.exists()


@pytest.mark.parametrize("name", ["Ω" * 400, "नरेन्द्र", "👩\u200d🚀 Ada", "O'Brien-Łukasz; DROP", "<b>Bob</b>", "محمد"])
def test_strange_and_long_names_are_names(agency: Body, connie: Person, name: str) -> None:
    done = people.add(agency, connie, "ada@agency.example", f"  {name}\t ", "member")
    assert done.person.name == name
    page = signed_in(connie).get(reverse("departments:body", args=["agency"])).content.decode()
    assert "<b>Bob</b>" not in page


def test_what_nobody_sees_is_no_part_of_a_name(agency: Body, connie: Person) -> None:
    done = people.add(agency, connie, "ada@agency.example", "\ufeffAd\u200ba\u00ad \u200eLovelace\u2060", "member")
    assert done.person.name == "Ada Lovelace"


# --- correcting ---


def test_a_new_address_takes_back_what_hung_on_the_old_one(agency: Body, adam: Person) -> None:
    connie = sit("Connie Contact", agency, Role.CONTACT)
    connie.set_password("correct horse")
    connie.bounced_at = timezone.now()
    connie.save()
    EmailAddress.objects.create(user=connie, email=connie.email, verified=True, primary=True)
    client = signed_in(connie)
    assert client.get(reverse("departments:tree")).status_code == 200
    old = connie.email
    done = people.correct(connie, adam, "Connie@New.example", "Connie Contact", "", False)
    connie.refresh_from_db()
    assert (connie.email, connie.password) == ("connie@new.example", "!")
    assert Person.objects.filter(pk=connie.pk, bounced_at=None).exists()
    assert not EmailAddress.objects.filter(user=connie).exists()
    assert "set a new password by mail" in done.said
    assert client.get(reverse("departments:tree")).status_code == 302
    event = PersonEvent.objects.get(person=connie)
    assert (event.what, event.before["email"], event.after["email"]) == ("corrected", old, "connie@new.example")
    assert "password" not in event.before | event.after


def test_correcting_a_name_keeps_the_password_and_the_bounce(agency: Body, adam: Person) -> None:
    connie = sit("Conie Contact", agency, Role.CONTACT)
    connie.set_password("correct horse")
    connie.bounced_at = timezone.now()
    connie.save()
    people.correct(connie, adam, connie.written, "Connie Contact", "+44 20 7000 0000", True)
    connie.refresh_from_db()
    assert connie.check_password("correct horse")
    assert connie.bounced_at
    assert (connie.name, connie.telephone, connie.shared) == ("Connie Contact", "+44 20 7000 0000", True)
    assert not people.correct(connie, adam, connie.written, "Connie Contact", "+44 20 7000 0000", True).changed
    assert steps(connie) == ["corrected"]


def test_an_address_of_somebody_else_is_refused_and_says_whose_it_is(
    agency: Body, adam: Person, connie: Person
) -> None:
    tom = sit("Tom Team", body("team"))
    with pytest.raises(Refused, match=r"the address of Tom Team of Team\. Nothing was changed"):
        people.correct(connie, adam, tom.email.upper(), "Connie", "", False)
    connie.refresh_from_db()
    assert connie.name == "Connie Contact"


def test_a_contact_does_not_take_over_somebody_with_a_duty_elsewhere(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    Membership.objects.create(person=tom, body=body("elsewhere"), role=Role.CONTACT)
    with pytest.raises(Refused, match="has a place in Elsewhere too"):
        people.correct(tom, connie, "mine@agency.example", "Tom Team", "", False)
    assert people.correct(tom, connie, tom.written, "Thomas Team", "", False).changed


# --- leaving and coming back ---


def test_a_leaver_loses_every_place_and_duty_and_keeps_the_history(agency: Body, adam: Person) -> None:
    head = sit("Hanna Head", agency, Role.HEAD)
    yesterday = timezone.localdate() - timedelta(days=1)
    done = people.leave(head, adam, yesterday)
    head.refresh_from_db()
    assert head.left_at is not None
    assert timezone.localdate(head.left_at) == yesterday
    assert not head.memberships.filter(until=None).exists()
    assert "Nobody is left to tell in Agency" in done.hint
    assert not people.leave(head, adam, yesterday).changed
    assert steps(head) == ["left"]
    assert people.come_back(head, adam).changed
    assert not people.come_back(head, adam).changed
    head.refresh_from_db()
    assert head.left_at is None
    assert not head.memberships.filter(until=None).exists()
    assert steps(head) == ["left", "came back"]


def test_leaving_is_not_noted_ahead_nor_of_the_only_administrator(agency: Body, adam: Person, connie: Person) -> None:
    with pytest.raises(Refused, match="still to come"):
        people.leave(connie, adam, timezone.localdate() + timedelta(days=1))
    with pytest.raises(Refused, match="the only administrator"):
        people.leave(adam, adam, timezone.localdate())
    person("Anna", is_administrator=True)
    people.leave(adam, adam, timezone.localdate())
    adam.refresh_from_db()
    assert adam.left_at
    assert not adam.is_administrator


def test_a_contact_does_not_end_places_for_which_they_do_not_answer(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    Membership.objects.create(person=tom, body=body("elsewhere"))
    with pytest.raises(Refused, match="End their place in your body instead"):
        people.leave(tom, connie, timezone.localdate())
    assert tom.memberships.filter(until=None).count() == 2


# --- places ---


def test_a_place_ends_once_and_the_person_stays(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    place = place_of(tom, agency)
    assert seating.unseat(place, connie).changed
    assert not seating.unseat(place, connie).changed
    assert steps(tom) == ["unseated"]
    with pytest.raises(Refused, match="has ended"):
        seating.reorder(place, 2, connie)
    assert seating.add_place(tom, agency, connie, "member").changed
    assert tom.memberships.count() == 2


def test_a_role_changes_and_the_history_keeps_both(agency: Body, connie: Person, adam: Person) -> None:
    tom = sit("Tom Team", agency)
    assert seating.change_role(place_of(tom, agency), "contact", connie).changed
    assert place_of(tom, agency).role == "contact"
    assert not seating.change_role(place_of(tom, agency), "contact", connie).changed
    with pytest.raises(Refused, match="for an administrator to say"):
        seating.change_role(place_of(tom, agency), "officer", connie)
    assert seating.change_role(place_of(tom, agency), "officer", adam).changed
    with pytest.raises(Refused, match="for an administrator to say"):
        seating.change_role(place_of(tom, agency), "member", connie)
    with pytest.raises(Refused, match="for an administrator to say"):
        seating.unseat(place_of(tom, agency), connie)
    assert steps(tom) == ["role changed", "role changed"]
    assert tom.memberships.count() == 3


def test_order_and_hours_are_kept_and_pressed_twice_write_once(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    place = place_of(tom, agency)
    assert seating.reorder(place, 3, connie).changed
    assert not seating.reorder(place, 3, connie).changed
    assert seating.set_hours(place, "out", connie).changed
    assert not seating.set_hours(place, "out", connie).changed
    place.refresh_from_db()
    assert (place.order, place.hours) == (3, "out")
    assert steps(tom) == ["reordered", "hours changed"]


def test_a_place_is_confirmed_by_somebody_else_and_a_double_press_counts_once(agency: Body, connie: Person) -> None:
    dan = sit("Dan Deputy", agency, Role.DEPUTY)
    place = place_of(dan, agency)
    assert seating.verify(place, connie, "by telephone").changed
    assert not seating.verify(place, connie, "by telephone").changed
    place.refresh_from_db()
    assert place.verified_at is not None
    assert steps(dan) == ["verified"]
    with pytest.raises(Refused, match="confirmed by somebody else"):
        seating.verify(place_of(connie, agency), connie, "in person")
    with pytest.raises(Refused, match="Say how"):
        seating.verify(place, connie, "by pigeon")


# --- the pages ---


def told_by(client: Client, address: str, **said: str) -> list[str]:
    """What the page says after this press."""
    answer = client.post(address, said, follow=True)
    assert answer.redirect_chain
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def test_somebody_is_added_through_the_page(agency: Body, connie: Person) -> None:
    client = signed_in(connie)
    address = reverse("people:add", args=["agency"])
    assert "Add somebody to Agency" in client.get(address).content.decode()
    said = told_by(client, address, email="ada@agency.example", name="Ada", role="contact", order="1", hours="in")
    assert said == ["Ada is in the directory now, as contact of Agency."]
    assert place_of(Person.objects.get(name="Ada"), agency).order == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "x" * 321),
        ("name", ""),
        ("name", "a\x00b"),
        ("name", "x" * 501),
        ("role", "officer"),
        ("order", "many"),
        ("order", "-1"),
        ("hours", "never"),
        ("telephone", "1" * 51),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(agency: Body, connie: Person, field: str, value: str) -> None:
    said = {"email": "ada@agency.example", "name": "Ada Typed", "role": "member", "order": "0", "hours": "in"}
    answer = signed_in(connie).post(reverse("people:add", args=["agency"]), {**said, field: value})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert (said["email"] if field != "email" else "Ada Typed") in page
    assert not Person.objects.filter(name="Ada Typed").exists()


def test_only_those_who_answer_for_the_body_change_its_people(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    place = place_of(tom, agency)
    beside = signed_in(sit("Beside", body("beside", agency.parent), Role.HEAD))
    officer = signed_in(sit("Olive", agency, Role.OFFICER))
    auditor = signed_in(person("Audrey", is_auditor=True))
    for client in (beside, officer, auditor):
        assert client.get(reverse("people:add", args=["agency"])).status_code == 403
        assert client.get(reverse("people:place", args=[place.pk])).status_code == 403
        for name in ("verify", "role", "order", "hours", "end"):
            assert client.post(reverse(f"people:{name}", args=[place.pk])).status_code == 403
        for name in ("correct", "leave"):
            assert client.get(reverse(f"people:{name}", args=[tom.pk])).status_code == 403
        assert client.post(reverse("people:come-back", args=[tom.pk])).status_code == 403
    place.refresh_from_db()
    assert place.until is None
    assert not PersonEvent.objects.exists()
    assert signed_in(connie).get(reverse("people:place", args=[place.pk])).status_code == 200


def test_nothing_is_changed_by_opening_a_link(agency: Body, connie: Person) -> None:
    place = place_of(sit("Tom Team", agency), agency)
    client = signed_in(connie)
    for name in ("verify", "role", "order", "hours", "end"):
        assert client.get(reverse(f"people:{name}", args=[place.pk])).status_code == 405
    assert client.get(reverse("people:come-back", args=[place.person_id])).status_code == 405


def test_a_place_is_changed_by_presses_that_say_what_they_did(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    client, place = signed_in(connie), place_of(tom, agency)
    assert "Tom Team in Agency" in client.get(reverse("people:place", args=[place.pk])).content.decode()
    assert told_by(client, reverse("people:order", args=[place.pk]), order="2") == [
        "Tom Team stands at 2 in Agency now; was at 0."
    ]
    assert "a number from 0 to 999" in told_by(client, reverse("people:order", args=[place.pk]), order="٣")[0]
    assert "out of hours in Agency now" in told_by(client, reverse("people:hours", args=[place.pk]), hours="out")[0]
    assert "There is no role" in told_by(client, reverse("people:role", args=[place.pk]), role="king" * 99)[0]
    assert "is now deputy" in told_by(client, reverse("people:role", args=[place.pk]), role="deputy")[0]
    place = place_of(tom, agency)
    assert "is confirmed" in told_by(client, reverse("people:verify", args=[place.pk]), how="in person")[0]
    assert "no longer deputy" in told_by(client, reverse("people:end", args=[place.pk]), back="person")[0]


@pytest.mark.parametrize("pk", [999_999, 9_999_999_999_999_999_999_999])
def test_a_place_or_person_that_is_not_there_is_not_found(adam: Person, pk: int) -> None:
    client = signed_in(adam)
    assert client.get(f"/people/{pk}/").status_code == 404
    assert client.get(f"/people/places/{pk}/").status_code == 404
    assert client.post(f"/people/places/{pk}/end/").status_code == 404
    assert client.get("/people/in/nowhere/add/").status_code == 404


def test_somebody_is_corrected_leaves_and_comes_back_through_the_page(agency: Body, adam: Person) -> None:
    tom = sit("Tom Team", agency)
    client = signed_in(adam)
    corrected = told_by(
        client, reverse("people:correct", args=[tom.pk]), email="tom@new.example", name="Tom Team", telephone="1"
    )
    assert corrected == ["Tom Team is corrected; mail goes to tom@new.example from now on."]
    today = timezone.localdate().isoformat()
    left = told_by(client, reverse("people:leave", args=[tom.pk]), on=today)
    assert left[0] == (
        "Tom Team has left: no new warning is sent to them. Of those that they were told of, they still hear what changes."
    )
    assert "Nobody is left to tell in Agency" in left[1]
    assert "is back" in told_by(client, reverse("people:come-back", args=[tom.pk]))[0]
    given = told_by(
        client, reverse("people:add-place", args=[tom.pk]), body="Agency", role="officer", order="0", hours="in"
    )
    assert given == ["Tom Team is now security officer of Agency."]
    answer = client.post(reverse("people:leave", args=[tom.pk]), {"on": "yesterday"})
    assert 'role="alert"' in answer.content.decode()


def test_a_place_is_given_only_in_a_body_for_which_one_answers(agency: Body, connie: Person) -> None:
    tom = sit("Tom Team", agency)
    body("elsewhere")
    said = {"body": "elsewhere", "role": "member", "order": "0", "hours": "in"}
    client = signed_in(connie)
    assert client.post(reverse("people:add-place", args=[tom.pk]), said).status_code == 403
    page = client.post(reverse("people:add-place", args=[tom.pk]), {**said, "body": "nowhere"}).content.decode()
    assert "No open body is called nowhere" in page


# --- the table ---


def test_the_table_says_who_answers_first_who_was_confirmed_and_when_they_are_there(
    agency: Body, connie: Person
) -> None:
    zoe = sit("Zoe Second", agency, Role.CONTACT)
    Membership.objects.filter(person=zoe).update(order=1, hours="out", verified_at=timezone.now() - timedelta(days=93))
    sit("Aaron Member", agency)
    sit("Hanna Head", agency, Role.HEAD)
    Person.objects.filter(pk=zoe.pk).update(shared=True, telephone="020 7000 0001")
    page = " ".join(signed_in(connie).get(reverse("departments:body", args=["agency"])).content.decode().split())
    table = page[page.index('id="people"') :]
    places = [table.index(name) for name in ("Hanna Head", "Connie Contact", "Zoe Second", "Aaron Member")]
    assert places == sorted(places)
    for words in ("confirmed 3 months ago", "never confirmed", "out of hours", "shared mailbox", "020 7000 0001"):
        assert words in table
    assert "I spoke to them" in table
    assert reverse("people:add", args=["agency"]) in table


def test_without_the_right_the_table_has_no_presses_and_no_links(agency: Body, connie: Person) -> None:
    sit("Tom Team", agency)
    client = signed_in(sit("Beside", body("beside", agency.parent), Role.HEAD))
    page = client.get(reverse("departments:body", args=["agency"])).content.decode()
    assert "Tom Team" in page
    for words in ("/people/", "I spoke to them", "Add somebody", connie.email):
        assert words not in page[page.index('<main id="main"') :]


def test_a_large_body_is_paged_and_costs_no_more_queries(
    agency: Body, adam: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    sit("Hanna Head", agency, Role.HEAD)
    client, address = signed_in(adam), reverse("departments:body", args=["agency"])
    client.get(address)
    with django_assert_max_num_queries(60) as few:
        client.get(address)
    queries = len(few.captured_queries)
    made = Person.objects.bulk_create(
        Person(email=f"p{n}@many.example", written=f"p{n}@many.example", name=f"Aaa {n:04}") for n in range(310)
    )
    Membership.objects.bulk_create(Membership(person=one, body=agency) for one in made)
    client.get(address)
    with django_assert_max_num_queries(queries):
        page = client.get(address).content.decode()
    assert "Hanna Head" in page
    assert "page 1 of 4" in page
    assert "Aaa 0200" not in page
    assert "Aaa 0200" in client.get(f"{address}?people=3").content.decode()
    assert client.get(f"{address}?people=99999999999999999999").status_code == 200
    assert client.get(f"{address}?people=x").status_code == 200


def at_once(*presses: Callable[[], object]) -> list[object]:
    """What each of these returned or refused, started together on connections of their own."""
    start = Barrier(len(presses))

    def run(press: Callable[[], object]) -> object:
        try:
            start.wait(10)
            return press()
        except Refused as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(presses)) as pool:
        return [one.result(30) for one in [pool.submit(run, press) for press in presses]]


@pytest.mark.django_db(transaction=True)
def test_two_administrators_leaving_at_once_leave_one(adam: Person) -> None:
    anna = person("Anna", is_administrator=True)
    today = timezone.localdate()
    said = at_once(lambda: people.leave(adam, anna, today), lambda: people.leave(anna, adam, today))
    assert sum("the only administrator" in str(one) for one in said) == 1
    assert Person.objects.filter(is_administrator=True, left_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_role_changed_twice_at_once_is_one_place(agency: Body, connie: Person) -> None:
    place = place_of(sit("Tom Team", agency), agency)
    at_once(*(lambda: seating.change_role(place, "deputy", connie) for _ in range(4)))
    assert place_of(place.person, agency).role == "deputy"
    assert steps(place.person) == ["role changed"]


@pytest.mark.django_db(transaction=True)
def test_two_people_adding_the_same_address_at_once_add_one_person(agency: Body, connie: Person) -> None:
    said = at_once(*(lambda: people.add(agency, connie, "ada@agency.example", "Ada", "member").changed,) * 2)
    assert sorted(map(str, said)) == ["False", "True"]
    ada = Person.objects.get(email="ada@agency.example")
    assert steps(ada) == ["added", "seated"]
