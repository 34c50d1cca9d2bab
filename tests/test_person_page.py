"""A person's page: who may open it, and what it says they should have been told, were told, when, and who held it."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from alerts import tokens
from alerts.cascading.cascade import cascade
from alerts.cascading.holds import release
from alerts.models import (
    Acknowledgement,
    Advisory,
    AudienceRole,
    Exclusion,
    Gap,
    Message,
    Named,
    Recipient,
    Relay,
    Revision,
)
from departments.models import Body, Membership, Person, PersonEvent, Role
from departments.people import correct
from tests import rows
from tests.clients import signed_in
from tests.test_cascade import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


def read(viewer: Person, of: Person, **query: str) -> str:
    """The page as text on one line; it must be there."""
    answer = signed_in(viewer).get(reverse("people:person", args=[of.pk]), query)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def publish(scene: Scene, *branches: Body, severity: str = "high", **fields: object) -> Advisory:
    """A warning to these branches, and one pass of the cascade."""
    made = scene.advisory(*branches, severity=severity)
    Advisory.objects.filter(pk=made.pk).update(
        published_at=timezone.now(), acknowledge_by=timezone.now() + timedelta(days=1), **fields
    )
    cascade(made.pk)
    made.refresh_from_db()
    return made


def hand_over(advisory: Advisory) -> None:
    """The mail server took everything."""
    number = advisory.current.number if advisory.current else 0
    waiting = Message.objects.filter(advisory=advisory, state="waiting")
    people = list(waiting.values_list("recipient", flat=True))
    waiting.update(state="sent", sent_at=timezone.now() + timedelta(minutes=2))
    Recipient.objects.filter(pk__in=people).update(told_revision=number)


def answer(advisory: Advisory, who: Person, **fields: object) -> None:
    """They answered the current revision."""
    recipient = Recipient.objects.get(advisory=advisory, person=who)
    assert advisory.current is not None
    Acknowledgement.objects.create(
        recipient=recipient, revision=advisory.current, read="yes", form_id=uuid4(), **fields
    )
    Recipient.objects.filter(pk=recipient.pk).update(answered_revision=advisory.current.number)


# --- who may open it ---


def test_a_page_is_for_those_above_for_themselves_and_for_who_runs_or_audits(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    above = scene.person("above", (scene.north, "contact"))
    connie = scene.person("connie", (scene.agency, "contact"))
    beside = scene.person("beside", (scene.south, "head"))
    below = scene.person("below", (scene.body("unit", scene.agency), "head"))
    address = reverse("people:person", args=[tom.pk])
    for viewer in (above, connie, auditor, rows.person(is_administrator=True)):
        assert tom.email in read(viewer, tom)
    for viewer in (beside, below):
        assert signed_in(viewer).get(address).status_code == 403
    assert connie.email in read(connie, connie)
    assert signed_in(tom).get(reverse("people:person", args=[connie.pk])).status_code == 302
    assert Client().get(address).status_code == 302
    assert signed_in(auditor).post(address).status_code == 405


def test_whoever_moved_on_keeps_the_new_address_from_those_they_left(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    connie = scene.person("connie", (scene.agency, "contact"))
    Membership.objects.filter(person=tom).update(until=timezone.now())
    Membership.objects.create(person=tom, body=scene.south)
    page = read(connie, tom)
    assert "South" in page
    assert tom.email not in page
    assert tom.email in read(auditor, tom)


def test_presses_stand_only_for_those_who_may(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    contact = scene.person("connie", (scene.agency, "contact"))
    officer = scene.person("olive", (scene.north, "officer"))
    address = reverse("people:person", args=[tom.pk])
    pages = {who.name: signed_in(who).get(address).content.decode() for who in (contact, officer, auditor)}
    for name in ("correct", "leave", "name-delegate", "add-place"):
        link = reverse(f"people:{name}", args=[tom.pk])
        assert [link in pages[who] for who in pages] == [True, False, False]
    administrator = signed_in(rows.person(is_administrator=True)).get(address).content.decode()
    assert reverse("people:leave", args=[tom.pk]) in administrator


def test_the_page_says_what_is_known_of_a_person_and_what_to_do(scene: Scene) -> None:
    adam = rows.person("Adam", is_administrator=True)
    tom = scene.person("tom", (scene.agency, "contact"))
    Person.objects.filter(pk=tom.pk).update(bounced_at=timezone.now(), shared=True, telephone="020 7000 0000")
    page = read(adam, tom)
    for words in ("The address refused mail on", "Correct it", "shared mailbox", "020 7000 0000", "never confirmed"):
        assert words in page
    correct(tom, adam, "Tom@BÜCHER.example", "Tom O'Agency", "", False)
    page = read(adam, tom)
    assert "Tom@BÜCHER.example (as mail is sent: tom@xn--bcher-kva.example)" in page
    assert "tom@example.org, until" in page
    assert "address from tom@example.org to Tom@BÜCHER.example" in page
    assert "refused mail on" not in page


@pytest.mark.parametrize("name", ["Ω" * 400, "<script>alert(1)</script>", "👩\u200d🚀 Ada", "محمد"])
def test_a_strange_or_long_name_is_shown_as_it_is(scene: Scene, auditor: Person, name: str) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    Person.objects.filter(pk=tom.pk).update(name=name)
    page = signed_in(auditor).get(reverse("people:person", args=[tom.pk])).content.decode()
    assert f"<h1>{escape(name)}</h1>" in page
    assert "<script>alert" not in page


def test_somebody_who_sits_nowhere_is_told_to_be_given_a_place(scene: Scene) -> None:
    adam = rows.person("Adam", is_administrator=True)
    page = read(adam, rows.person("Nobody Nowhere"))
    assert "They sit nowhere. No warning reaches them: give them a place." in page
    assert "No warning that you may see concerned them." in page


def test_history_is_told_in_words_even_of_steps_it_does_not_know(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    for what in ("seated", "unseated", "verified", "corrected", "left", "delegate named", "reordered", "strange step"):
        PersonEvent.objects.create(person=tom, what=what, body=scene.agency)
    page = read(auditor, tom)
    assert "strange step in Agency" in page
    assert "became member in Agency" in page


# --- what they should have been told, and were ---


def test_somebody_told_once_through_nine_bodies_is_one_page_and_one_mail(scene: Scene, auditor: Person) -> None:
    bodies = [scene.body(f"committee-{number}", scene.north) for number in range(9)]
    busy = scene.person("busy", *((one, "member") for one in bodies))
    advisory = publish(scene, scene.north)
    hand_over(advisory)
    page = read(auditor, busy)
    assert page.count("Notice, revision 1: handed over at") == 1
    assert page.count("Should have been told through Committee-") == 9
    assert "2 min after it was published" in page
    assert page.count(advisory.reference) == 1
    assert "No answer; one was asked for by" in page


def test_a_body_two_levels_up_that_holds_is_named_with_its_deadline(scene: Scene, auditor: Person) -> None:
    Body.objects.filter(pk=scene.root.pk).update(policy="hold", hold_hours=1)
    keeper = scene.person("keeper", (scene.root, "contact"))
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.root)
    page = read(auditor, tom)
    assert "Not told yet" in page
    assert "Held by Government since" in page
    assert "Revision 1: held above by Government until" in page
    assert "as its contact they were told at once" in read(auditor, keeper)
    assert "held above" not in read(auditor, keeper)
    relay = Relay.objects.get(advisory=advisory, body=scene.root)
    Relay.objects.filter(pk=relay.pk).update(reached_at=timezone.now() - timedelta(hours=3, minutes=58, seconds=9))
    release(relay.pk, keeper)
    cascade(advisory.pk)
    hand_over(advisory)
    page = read(auditor, tom)
    assert "Held by Government for 3 h 58 min, then released by Keeper at" in page
    assert "Handed over; this route does not report delivery" in page
    Relay.objects.filter(pk=relay.pk).update(released_by=None)
    assert "then released over them by the clock at" in read(auditor, tom)


def test_a_refusal_is_repeated_without_the_address(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    Message.objects.filter(advisory=advisory, person=tom).update(
        state="failed", failed_at=timezone.now(), error="550 5.1.1 <tom@example.org>: no such mailbox, tom@example.org"
    )
    Recipient.objects.filter(advisory=advisory, person=tom).update(outcome="unreachable")
    page = read(auditor, tom)
    assert "Not told: their address was refused" in page
    assert "Notice, revision 1: refused at" in page
    assert "“550 5.1.1 (the address): no such mailbox, (the address)”" in page
    assert "Nobody in Agency could be told" in page
    assert "tom@example.org" not in page[page.index("What they should have been told") :]


@pytest.mark.parametrize("state", ["failed", "sent"])
def test_a_link_that_a_server_repeats_is_not_shown(
    scene: Scene, auditor: Person, state: str, settings: Settings
) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    key = tokens.make(Recipient.objects.get(person=tom).pk, 0)
    Message.objects.filter(advisory=advisory, person=tom).update(
        state=state,
        sent_at=timezone.now(),
        failed_at=timezone.now(),
        fate="bounced" if state == "sent" else "",
        fate_at=timezone.now(),
        error=f"554 5.7.1 URL {settings.SITE_URL}/a/{key} {'x' * 300} blocked",
    )
    page = read(auditor, tom)
    assert "554 5.7.1 URL" in page
    assert key not in page


def test_whoever_answered_is_not_said_not_to_have_been_told(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    answer(advisory, tom)
    Message.objects.update(fate="bounced", fate_at=timezone.now())
    Recipient.objects.update(outcome="bounced", told_revision=0)
    assert "Told, and answered" in read(auditor, tom)
    scene.revise(advisory)
    assert "Told: revision 1, not revision 2: the mail came back" in read(auditor, tom)


def test_after_five_days_nobody_is_said_to_be_asked_again(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    Recipient.objects.update(outcome="deferred")
    Message.objects.update(fate="deferred", fate_at=timezone.now() - timedelta(days=4.9))
    page = read(auditor, tom)
    assert "delayed by their mail server, which is asked again" in page
    assert ", and tried again" in page
    Message.objects.update(fate_at=timezone.now() - timedelta(days=5.1))
    page = read(auditor, tom)
    assert "delayed by their mail server; no word of it since: ring them" in page
    assert ", and no word since" in page
    assert "again" not in page[page.index("What they should have been told") :]


def test_each_revision_has_one_entry_and_what_never_left_says_so(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    scene.revise(advisory)
    cascade(advisory.pk)
    page = read(auditor, tom)
    assert "Handed over: revision 1, not yet revision 2" in page
    assert "Update, revision 2: waiting in the outbox" in page
    Message.objects.filter(revision__number=2).update(attempt=1, error="451 greylisted")
    assert "waiting, not taken yet: “451 greylisted”; tried again at" in read(auditor, tom)
    Advisory.objects.filter(pk=advisory.pk).update(stopped_at=timezone.now())
    assert "Update, revision 2: waiting, stopped" in read(auditor, tom)
    Message.objects.filter(revision__number=2).update(state="superseded")
    assert "Update, revision 2: not sent, a later revision took its place first" in read(auditor, tom)


def test_answers_say_when_how_and_whether_they_were_late_or_a_machines(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    answer(advisory, tom, suspect=["too fast"])
    by_telephone = {"told_how": "telephone", "told_at": timezone.now(), "name_given": "Bob Colleague"}
    answer(advisory, tom, late=True, how="behalf", by=scene.officer, **by_telephone)
    answer(advisory, tom, how="office", name_given="Pat Secretary")
    page = read(auditor, tom)
    assert "like a machine, and not counted" in page
    put_down = (
        r"Answered revision 1 at .*, late, put down by Officer; told by telephone at .* by Bob Colleague: read and"
    )
    assert re.search(put_down, page)
    assert re.search(r"Answered revision 1 at .*, through their office, by Pat Secretary: read and understood", page)
    assert "Told, and answered" in page


def test_a_doubt_is_said_to_be_no_answer(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    recipient = Recipient.objects.get(advisory=advisory, person=tom)
    assert advisory.current is not None
    Acknowledgement.objects.create(recipient=recipient, revision=advisory.current, read="phishing", form_id=uuid4())
    page = read(auditor, tom)
    assert re.search(r"Said of revision 1 at .*, by their link: it looks like phishing. That is no answer", page)
    assert "No answer; one was asked for by" in page


def test_somebody_left_out_is_told_who_signed_and_why(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    Advisory.objects.filter(pk=advisory.pk).update(published_at=timezone.now())
    Exclusion.objects.create(advisory=advisory, body=scene.north, reason="told by their own", by=scene.officer)
    cascade(advisory.pk)
    page = read(auditor, tom)
    assert "Not told: left out on purpose" in page
    assert "Agency was left out on purpose with North, above it (“told by their own”), signed by Officer" in page
    hidden = read(scene.person("above", (scene.north, "contact")), tom)
    assert "told by their own" not in hidden
    assert "1 warning that concerned them is not shown to you" in hidden


def test_a_body_whose_remit_matched_and_that_was_not_in_the_audience_is_shown(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.south, "member"))
    advisory = publish(scene, scene.north)
    gap = Gap.objects.create(advisory=advisory, kind="outside", body=scene.south, reason="later", by=scene.officer)
    assert "South was left outside the audience although its remit matches (“later”), signed by Officer" in read(
        auditor, tom
    )
    Gap.objects.filter(pk=gap.pk).update(reason="", by=None)
    assert "although its remit matches, and nobody signed for it" in read(auditor, tom)


def test_an_excluded_body_reached_through_its_sponsor_is_not_called_left_out(scene: Scene, auditor: Person) -> None:
    scene.agency.sponsors.create(sponsor=scene.south)
    tom = scene.person("tom", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    Exclusion.objects.create(advisory=advisory, body=scene.north, reason="no", by=scene.officer)
    Advisory.objects.filter(pk=advisory.pk).update(published_at=timezone.now())
    cascade(advisory.pk)
    hand_over(advisory)
    page = read(auditor, tom)
    assert "left out" not in page
    assert "Should have been told through Agency" in page


def test_whoever_was_not_in_the_asked_roles_joined_too_late_or_was_named_is_said(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    nina = scene.person("nina", (scene.south, "member"))
    nowhere = rows.person("Norman Nowhere")
    advisory = scene.advisory(scene.north)
    AudienceRole.objects.create(advisory=advisory, role=Role.CONTACT)
    AudienceRole.objects.create(advisory=advisory, role=Role.HEAD)
    for who in (nina, nowhere):
        Named.objects.create(advisory=advisory, person=who, why="asked by the minister", by=scene.officer)
    Advisory.objects.filter(pk=advisory.pk).update(published_at=timezone.now())
    cascade(advisory.pk)
    assert "was not: it was for the contact and head of each body only" in read(auditor, tom)
    assert "Named by Officer, whatever body they sit in (“asked by the minister”)" in read(auditor, nina)
    assert "they sat in no body, and no way led to them" in read(auditor, nowhere)
    scene.revise(advisory, Revision.Kind.STAND_DOWN)
    Advisory.objects.filter(pk=advisory.pk).update(state="stood-down")
    late = scene.person("late", (scene.agency, "head"))
    assert "after it was stood down" in read(auditor, late)
    Membership.objects.filter(person=late).update(since=timezone.now() + timedelta(days=100))
    assert "No warning that you may see concerned them." in read(auditor, late)


def test_whoever_joins_while_it_is_live_is_told_and_the_page_says_when_they_joined(
    scene: Scene, auditor: Person
) -> None:
    advisory = publish(scene, scene.agency)
    tom = scene.person("tom", (scene.agency, "member"))
    Membership.objects.filter(person=tom).update(since=timezone.now() + timedelta(minutes=1))
    Relay.objects.filter(advisory=advisory).update(stale=True)
    cascade(advisory.pk)
    page = read(auditor, tom)
    assert re.search(r"through Agency, as its member, which they joined at .*, after it was published", page)
    assert "Notice, revision 1: waiting in the outbox" in page


def test_whoever_left_the_body_before_is_not_concerned_and_after_is(scene: Scene, auditor: Person) -> None:
    before, after = scene.person("before", (scene.agency, "member")), scene.person("after", (scene.agency, "member"))
    Membership.objects.filter(person=before).update(until=timezone.now() - timedelta(days=1))
    advisory = publish(scene, scene.agency)
    hand_over(advisory)
    Membership.objects.filter(person=after).update(until=timezone.now())
    cascade(advisory.pk)
    assert "No warning that you may see concerned them." in read(auditor, before)
    page = read(auditor, after)
    assert "Should have been told through Agency, as its member, until their place ended" in page


def test_a_draft_and_what_the_viewer_may_not_see_are_not_shown(scene: Scene) -> None:
    tom = scene.person("tom", (scene.agency, "member"), (scene.south, "member"))
    north = scene.person("above", (scene.north, "contact"))
    publish(scene, scene.agency)
    elsewhere = publish(scene, scene.south)
    page = read(north, tom)
    assert elsewhere.reference not in page
    assert "1 warning that concerned them is not shown to you" in page


def test_a_person_with_many_warnings_has_the_newest_first_and_costs_no_more_queries(
    scene: Scene, auditor: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Body.objects.filter(pk=scene.north.pk).update(policy="hold", hold_hours=1)
    scene.person("keeper", (scene.north, "contact"))
    tom = scene.person("tom", (scene.agency, "member"), (scene.south, "member"))
    client, address = signed_in(auditor), reverse("people:person", args=[tom.pk])

    def one_more() -> None:
        advisory = publish(scene, scene.root)
        hand_over(advisory)
        answer(advisory, tom)
        Exclusion.objects.create(advisory=advisory, body=scene.south, reason="no", by=scene.officer)

    one_more()
    client.get(address)
    with django_assert_max_num_queries(45) as few:
        client.get(address)
    queries = len(few.captured_queries)
    for _ in range(51):
        one_more()
    with django_assert_max_num_queries(queries):
        page = client.get(address).content.decode()
    assert "Older: 50 more" in page
    assert page.index("ADV-2026-0052") < page.index("ADV-2026-0003")
    assert "ADV-2026-0002" not in page
    assert "ADV-2026-0001" in read(auditor, tom, told="2")


# --- everybody ---


def test_everybody_is_found_by_administrators_and_auditors_only(scene: Scene, auditor: Person) -> None:
    scene.person("tom", (scene.agency, "member"))
    address = reverse("people:list")
    assert signed_in(scene.officer).get(address).status_code == 403
    assert Client().get(address).status_code == 302
    client = signed_in(auditor)
    assert "Tom" in client.get(address, {"q": "TOM@exa"}).content.decode()
    assert "Nobody has “zzz”" in client.get(address, {"q": "zzz"}).content.decode()
    for words in ("\x00", "%", "x" * 9_000, "<b>", "' OR 1=1"):
        assert client.get(address, {"q": words}).status_code == 200


def test_addresses_that_refuse_mail_and_people_who_sit_nowhere_are_listed(scene: Scene, auditor: Person) -> None:
    tom = scene.person("tom", (scene.agency, "member"))
    Person.objects.filter(pk=tom.pk).update(bounced_at=timezone.now())
    rows.person("Norman Nowhere")
    client = signed_in(auditor)
    page = client.get(reverse("people:list")).content.decode()
    assert "Mail does not reach 1 person:" in page
    assert "1 refused by their mail server." in page
    assert "1 person sits nowhere" in page
    assert "Tom" in client.get(reverse("people:list"), {"list": "bouncing"}).content.decode()
    listed = client.get(reverse("people:list"), {"list": "nowhere"}).content.decode()
    assert "Norman Nowhere" in listed
    assert "Audrey" not in listed[listed.index('<main id="main"') :]
