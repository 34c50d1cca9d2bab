"""The people of one body of an advisory, one by one, and the form of what one of them said by telephone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.live_server_helper import LiveServer

from alerts import counting, coverage
from alerts.coverage.standings import people_of
from alerts.coverage.standings_sql import PEOPLE
from alerts.models import Acknowledgement, Advisory, Recipient, Relay, Seat
from departments.models import Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in

pytestmark = pytest.mark.django_db

LONG = "Ａ" * 60 + "<b>&" + "x" * 400


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    action = rows.action(made.current, "move")  # type: ignore[arg-type]
    assert action.pk
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury", rows.relay(advisory, "government", purpose="between"))


@pytest.fixture
def ann(advisory: Advisory, treasury: Relay) -> Person:
    ann = rows.person("Ann Contact")
    rows.recipient(advisory, treasury, who=ann, role="contact")
    return ann


def member(treasury: Relay, name: str, **fields: object) -> Recipient:
    """Somebody there, told once."""
    made = rows.recipient(treasury.advisory, treasury, who=rows.person(name, telephone="020 7946 0000"))
    Recipient.objects.filter(pk=made.pk).update(**{"told_revision": 1, **fields})
    return made


def said(recipient: Recipient, read: str = "yes", **fields: Any) -> Acknowledgement:
    """A row of what they said, without what it changes."""
    of = recipient.advisory.current
    assert of is not None
    return Acknowledgement.objects.create(
        recipient=recipient,
        revision=of,
        read=read,
        form_id=f"00000000-0000-0000-0000-{Acknowledgement.objects.count():012}",
        **fields,
    )


def url(relay: Relay, recipient: Recipient | None = None) -> str:
    tail = f"{recipient.pk}/" if recipient else ""
    return f"/advisories/{relay.advisory.reference}/people/{relay.pk}/{tail}"


def page(viewer: Person, relay: Relay, **query: str) -> str:
    response = signed_in(viewer).get(url(relay), query)
    assert response.status_code == 200
    return response.content.decode()


def row_of(html: str, name: str) -> str:
    """The table's row of this person, as it is read."""
    found = next(row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if name in row)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split()).replace(" .", ".").replace("&#x27;", "'")


def standings(relay: Relay) -> dict[str, str]:
    return {one.name: one.standing for one in people_of(relay).people}


# --- who may ---


def test_who_sees_the_people_of_a_body_and_who_may_press(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    there = member(treasury, "Cas Member")
    assert treasury.parent is not None

    def duty(role: str, relay: Relay) -> Person:
        who = rows.person(f"{role} of {relay.body.slug}")
        Membership.objects.create(person=who, body=relay.body, role=role)
        return who

    agency = rows.relay(advisory, "agency", treasury)
    may_press = [ann, duty("deputy", treasury)]
    no_numbers = [duty("head", treasury), duty("contact", treasury.parent), duty("head", treasury.parent)]
    only_see = [
        *no_numbers,
        advisory.written_by,
        rows.person("Aud", is_auditor=True),
        rows.person("Adm", is_administrator=True),
    ]
    for viewer in may_press:
        assert "Told by telephone" in page(viewer, treasury)
        assert signed_in(viewer).get(url(treasury, there)).status_code == 200
    for viewer in only_see:
        html = page(viewer, treasury)
        assert "Cas Member" in html
        assert "Told by telephone" not in html
        assert ("020 7946 0000" in html) is (viewer not in no_numbers)
        assert signed_in(viewer).get(url(treasury, there)).status_code == 403
        assert signed_in(viewer).post(url(treasury, there), {"read": "yes"}).status_code == 403
    for viewer in (duty("officer", treasury), duty("contact", agency)):
        assert signed_in(viewer).get(url(treasury)).status_code == 403
        assert signed_in(viewer).get(url(treasury, there)).status_code == 403
    assert Client().get(url(treasury)).status_code == 302
    assert Client().post(url(treasury, there)).status_code == 302
    assert signed_in(ann).post(url(treasury)).status_code == 405


def test_what_is_not_there_is_not_found(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    other = rows.advisory("ADV-2020-0002")
    auditor = signed_in(rows.person(is_auditor=True))
    elsewhere = rows.recipient(advisory, rows.relay(advisory, "agency", treasury))
    assert auditor.get(f"/advisories/{other.reference}/people/{treasury.pk}/").status_code == 404
    assert auditor.get(f"/advisories/{advisory.reference}/people/999999/").status_code == 404
    assert signed_in(ann).get(url(treasury, elsewhere)).status_code == 404
    assert signed_in(ann).get(url(treasury, Recipient.objects.get(person=ann))).status_code == 403
    Advisory.objects.filter(pk=advisory.pk).update(current=None, material=None)
    assert auditor.get(url(treasury)).status_code == 404


# --- what it says ---


def test_each_stands_as_the_figures_say_and_those_who_need_attention_come_first(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    help_ = member(treasury, "Hal Help", answered_revision=1, needs_help=True)
    said(help_, "help", text="What is <Zoom>?")
    doubting = member(treasury, "Dot Doubt")
    said(doubting, "phishing", text="odd")
    member(treasury, "Una Bounce", outcome="bounced")
    member(treasury, "Wal Wait", told_revision=0)
    member(treasury, "Sus Machine", suspect_revision=1)
    member(treasury, "Sil Silent")
    office = member(treasury, "Off Minister", office_revision=1)
    said(office, how="office", by=rows.person("Del Delegate"))
    linked = member(treasury, "Lin Link", answered_revision=1)
    said(linked)
    put = member(treasury, "Tel Told", answered_revision=1, behalf_revision=1)
    when = timezone.now() - timedelta(hours=1)
    said(put, how="behalf", by=ann, told_how="telephone", told_at=when, name_given="Bob Colleague")
    informed = member(treasury, "Inf Informed")
    informed.seats.update(counts=False)

    found = people_of(treasury)
    assert [one.standing for one in found.people] == [
        "help", "doubt", "unreachable", "waiting", "waiting", "suspect", "silent", "office", "answered", "answered",
        "information",
    ]  # fmt: skip
    html = page(ann, treasury)
    assert "Needs help. Revision 1 answered at" in row_of(html, "Hal Help")
    assert "What is &lt;Zoom&gt;?" in row_of(html, "Hal Help")
    assert "Says that it looks like phishing. Said of revision 1 at" in row_of(html, "Dot Doubt")
    assert "Cannot be reached. The mail came back" in row_of(html, "Una Bounce")
    assert "Not sent yet. Waiting to be sent" in row_of(html, "Wal Wait")
    assert "An answer like a machine's. Their page asks them once more" in row_of(html, "Sus")
    assert "No answer yet" in row_of(html, "Sil Silent")
    assert "Told through their office. Not counted as their own answer: they are still asked. Revision 1 answered" in (
        row_of(html, "Off Minister")
    )
    assert "through their office, by Del Delegate" in row_of(html, "Off Minister")
    assert re.search("Answered. Revision 1 answered at .*, by their link", row_of(html, "Lin Link"))
    assert "put down by Ann Contact; told by telephone at" in row_of(html, "Tel Told")
    assert "by Bob Colleague" in row_of(html, "Tel Told")
    assert "Told by telephone …" not in row_of(html, "Lin Link")
    assert "Told by telephone …" not in row_of(html, ">Ann Contact</a>")
    assert "020 7946 0000" in row_of(html, "Sil Silent")
    # The same people as the figures, apart from what figures do not tell apart.
    own = next(row for row in coverage.read(advisory).rows if row.relay_id == treasury.pk).own
    assert (own.unreachable, own.suspect, own.office, own.behalf) == (1, 1, 1, 1)
    assert own.acknowledged == 3


def test_an_answer_since_outweighs_a_doubt_and_a_doubt_an_answer_before(advisory: Advisory, treasury: Relay) -> None:
    first, last = member(treasury, "First", answered_revision=1), member(treasury, "Last", answered_revision=1)
    said(first, "phishing"), said(first)
    said(last), said(last, "phishing")
    said(last, suspect=["scanner"])
    assert standings(treasury) == {"First": "answered", "Last": "doubt"}


def test_where_the_office_counts_they_have_answered(advisory: Advisory, treasury: Relay) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(office="counts")
    said(member(treasury, "Minister", office_revision=1), how="office", name_given="Pat Secretary")
    assert standings(treasury) == {"Minister": "answered"}
    html = page(rows.person(is_auditor=True), treasury)
    assert re.search("Answered. Revision 1 answered at .*, through their office, by Pat", row_of(html, "Minister"))


def test_whoever_is_held_is_said_to_be_held_and_by_whom(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    held = rows.relay(advisory, "department", state="held")
    below = rows.relay(advisory, "below", held, state="planned")
    rows.recipient(advisory, below, who=rows.person("Wal Wait"))
    html = page(rows.person(is_auditor=True), below)
    assert "Not sent yet. Held by the contacts of Department until" in row_of(html, "Wal Wait")


def test_of_an_earlier_revision_an_answer_is_said_to_be_earlier(advisory: Advisory, treasury: Relay) -> None:
    cas = member(treasury, "Cas", answered_revision=1)
    said(cas)
    rows.revise(advisory)
    assert standings(treasury) == {"Cas": "waiting"}
    assert "An earlier one: revision 1 answered at" in page(rows.person(is_auditor=True), treasury)


def test_one_standing_is_shown_alone_and_counted_beside_the_others(treasury: Relay, ann: Person) -> None:
    member(treasury, "Una Bounce", outcome="bounced")
    member(treasury, "Sil Silent")
    html = page(ann, treasury, state="silent")
    assert "Sil Silent" in html
    assert "Una Bounce" not in html
    for counted in ("1 cannot be reached", "1 not sent yet", "1 silent", "all 3"):
        assert counted in html
    assert "Nobody stands so any more" in page(ann, treasury, state="help")
    assert "Sil Silent" in page(ann, treasury, state="\x00no", page="-1")


def test_somebody_is_found_by_a_piece_of_their_name_and_what_stands_for_any_letter_is_a_letter(
    treasury: Relay, ann: Person
) -> None:
    member(treasury, "Una 100% O'Bounce", outcome="bounced")
    member(treasury, "Sil Silent")
    member(treasury, "Una Under_score")
    html = page(ann, treasury, name="  una ", state="silent")
    assert "1 person" in html or "1 silent" in html
    assert "Una Under_score" in html
    assert "all 2" in html
    assert "name=una" in html
    assert "Sil Silent" not in html
    for name, found in (("100%", 1), ("%", 1), ("_", 1), ("o'b", 1), ("\\", 0), ("\x00", 4), ("x" * 999, 0)):
        assert page(ann, treasury, name=name).count("<tr>") == (found + 1 if found else 0), name
    assert "Nobody here has “<bdi>zoe</bdi>” in their name" in page(ann, treasury, name="zoe")
    assert "in their name stands so" in page(ann, treasury, name="sil", state="help")


def test_a_number_is_rung_with_one_press_and_one_with_words_is_shown(treasury: Relay, ann: Person) -> None:
    cas, dot = member(treasury, "Cas"), member(treasury, "Dot")
    Person.objects.filter(pk=dot.person_id).update(telephone="<b>ask at the desk, x 12")
    Person.objects.filter(pk=ann.pk).update(telephone="+44 (0)20 7946-0001")
    html = page(ann, treasury)
    assert '<a href="tel:02079460000">020 7946 0000</a>' in html
    assert '<a href="tel:+442079460001">+44 (0)20 7946-0001</a>' in html
    assert "&lt;b&gt;ask at the desk, x 12" in html
    assert '<a href="tel:02079460000">' in signed_in(ann).get(url(treasury, cas)).content.decode()


@pytest.mark.parametrize(("state", "says"), [("stood-down", "It is stood down"), ("expired", "It has expired")])
def test_what_is_over_asks_nothing_and_what_is_put_down_is_kept_all_the_same(
    advisory: Advisory, treasury: Relay, ann: Person, state: str, says: str
) -> None:
    cas = member(treasury, "Cas Member", suspect_revision=1)
    said(member(treasury, "Off Minister", office_revision=1), how="office", name_given="Pat")
    Advisory.objects.filter(pk=advisory.pk).update(state=state)
    html = page(ann, treasury)
    assert f"{says}, and asks nothing of anybody any more" in html
    for offer in ("Told by telephone …", "put it down here", "still asked", "asks them once more"):
        assert offer not in html
    assert "Not counted as their own answer" in html
    html = signed_in(ann).get(url(treasury, cas)).content.decode()
    assert f"{says}, and asks nothing of anybody any more. What you put down is kept all the same" in html
    assert "can still answer" not in html
    token, when = (re.search(rf'name="{name}" value="([^"]+)"', html) for name in ("form", "told-at"))
    assert token is not None
    assert when is not None
    posted = {"form": token[1], "told-how": "telephone", "told-at": when[1], "read": "yes"}
    signed_in(ann).post(url(treasury, cas), posted)
    assert Acknowledgement.objects.filter(recipient=cas, how="behalf").count() == 1


def test_nobody_there_is_said_with_what_to_do(advisory: Advisory, treasury: Relay) -> None:
    assert "Nobody sits there now" in page(rows.person(is_auditor=True), treasury)


def test_at_red_there_is_no_word_of_the_text(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice on meetings")
    cas = member(treasury, "Cas", answered_revision=1, needs_help=True)
    said(cas, "help", text="what replaces Zoom")
    for html in (page(ann, treasury), signed_in(ann).get(url(treasury, cas)).content.decode()):
        assert "TLP:RED" in html
        assert "Advice on meetings" in html
        assert "Zoom" not in html
        assert "Move, by" not in html
    assert "what replaces Zoom" in page(advisory.written_by, treasury)


def test_names_and_words_of_any_kind_are_shown_harmless(treasury: Relay, ann: Person) -> None:
    wild = member(treasury, LONG, answered_revision=1, needs_help=True)
    said(wild, "help", text="<script>שלום")
    html = page(ann, treasury)
    assert "&lt;b&gt;&amp;" in html
    assert "&lt;script&gt;שלום" in html
    assert "<script>שלום" not in html


# --- many ---


def many(treasury: Relay, number: int) -> None:
    people = Person.objects.bulk_create(
        Person(email=f"n{n}@many.example", written=f"n{n}@many.example", name=f"Name {n:05}") for n in range(number)
    )
    made = Recipient.objects.bulk_create(
        Recipient(advisory=treasury.advisory, person=who, targeted=True, told_revision=n % 2)
        for n, who in enumerate(people)
    )
    Seat.objects.bulk_create(Seat(recipient=one, relay=treasury, counts=True, contact=False) for one in made)


def test_two_thousand_people_cost_no_more_queries_than_two(
    treasury: Relay, ann: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    member(treasury, "Sil Silent")
    client = signed_in(ann)
    with CaptureQueriesContext(connection) as few:
        client.get(url(treasury))
    many(treasury, 2000)
    with django_assert_num_queries(len(few)):
        html = client.get(url(treasury)).content.decode()
    assert html.count("<tr>") == 51
    assert "2,002 people, page 1 of 41" in html
    assert "1,001 silent" in html
    last = client.get(url(treasury), {"page": "999"}).content.decode()
    assert "page 41 of 41" in last
    assert "page=40" in last


def test_people_are_looked_up_by_key_and_doubts_by_their_own_index(advisory: Advisory, treasury: Relay) -> None:
    many(rows.relay(advisory, "large", treasury), 500)
    for one in Recipient.objects.all()[:100]:
        said(one)
    said(member(treasury, "Dot Doubt"), "phishing")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_seat, alerts_recipient, alerts_acknowledgement, departments_person")
        cursor.execute("SET LOCAL enable_seqscan = off")  # what can be looked up, in tables as small as these
        values: dict[str, int | str] = {
            "advisory": advisory.pk,
            "relay": treasury.pk,
            "standing": "",
            "size": 50,
            "like": "%",
            "page": 1,
        }
        cursor.execute(f"EXPLAIN {PEOPLE}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    # Where there are two, either leads to the few rows of one body, or of one person.
    for indexes in (
        ("seat_current", "seat_relay"),
        ("acknowledgement_asking",),
        ("acknowledgement_last", "acknowledgement_all"),
        ("alerts_recipient_pkey",),
    ):
        assert any(index in plan for index in indexes), plan


# --- the form ---


def test_the_form_puts_it_down_once_and_says_so(advisory: Advisory, treasury: Relay, ann: Person) -> None:
    cas, client = member(treasury, "Cas Member"), signed_in(ann)
    html = client.get(url(treasury, cas)).content.decode()
    assert "revision 1" in html
    token = re.search(r'name="form" value="([^"]+)"', html)
    when = re.search(r'name="told-at" value="([^"]+)"', html)
    assert token is not None
    assert when is not None
    assert 'value="telephone" checked' in html
    assert 'name="read" value="yes" checked' not in html
    posted = {"form": token[1], "told-how": "telephone", "told-at": when[1], "read": "help", "a-move": "done"}
    for _ in range(2):
        response = client.post(url(treasury, cas), posted, follow=True)
        assert "Put down for Cas Member: told at" in response.content.decode()
    made = Acknowledgement.objects.get()
    assert (made.how, made.by, made.read) == ("behalf", ann, "help")
    assert [one.choice for one in made.answers.all()] == ["done"]
    assert "put down by Ann Contact; told by telephone at" in row_of(response.content.decode(), "Cas Member")


def test_a_form_that_is_not_right_comes_back_with_all_that_was_typed(treasury: Relay, ann: Person) -> None:
    cas, client = member(treasury, "Cas Member"), signed_in(ann)
    posted = {"name": "Bob & Co", "text": "שלום", "told-how": "meeting", "told-at": "soon", "a-move": "by"}
    response = client.post(url(treasury, cas), {"form": "damaged", **posted})
    html = response.content.decode()
    assert response.status_code == 422
    token = re.search(r'name="form" value="([^"]+)"', html)
    assert token is not None
    response = client.post(url(treasury, cas), {"form": token[1], **posted})
    html = response.content.decode()
    assert response.status_code == 422
    for field in ("read", "told-at", "a-move-date"):
        assert f'href="#{field}"' in html
        assert f'id="{field}"' in html
    for kept in ("Bob &amp; Co", "שלום", 'value="meeting" checked', 'value="soon"', 'value="by" checked', token[1]):
        assert kept in html
    assert not Acknowledgement.objects.exists()


def test_without_the_token_of_its_own_form_nothing_is_put_down(treasury: Relay, ann: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann, "departments.signing_in.DutyBackend")
    assert client.post(url(treasury, member(treasury, "Cas")), {"read": "yes"}).status_code == 403


def test_a_form_kept_open_through_an_update_says_which_revision_it_is_for(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    cas, client = member(treasury, "Cas Member"), signed_in(ann)
    html = client.get(url(treasury, cas)).content.decode()
    token, when = (re.search(rf'name="{name}" value="([^"]+)"', html) for name in ("form", "told-at"))
    assert token is not None
    assert when is not None
    rows.revise(advisory)
    posted = {"form": token[1], "told-how": "telephone", "told-at": when[1]}
    html = client.post(url(treasury, cas), posted).content.decode()
    assert "This is about <b>revision 1</b>" in html
    assert "Revision 2 has come since" in html
    html = client.post(url(treasury, cas), {**posted, "read": "yes"}, follow=True).content.decode()
    assert "told at" in html
    assert "of revision 1, has read and understood it" in html
    assert "Revision 2 has come since: tell them of that as well" in html


def test_whoever_answered_themselves_has_no_form_and_a_late_press_is_told_so(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    cas, client = member(treasury, "Cas Member"), signed_in(ann)
    html = client.get(url(treasury, cas)).content.decode()
    token = re.search(r'name="form" value="([^"]+)"', html)
    assert token is not None
    said(cas)
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    posted = {"form": token[1], "told-how": "telephone", "told-at": now, "read": "yes"}
    html = client.post(url(treasury, cas), posted, follow=True).content.decode()
    assert "Cas Member has answered themselves meanwhile, so nothing was put down" in html
    html = client.get(url(treasury, cas)).content.decode()
    assert "their own answer stands" in html
    assert "<button>Put it down" not in html


def test_what_is_put_down_leads_back_to_where_one_was_in_the_list(treasury: Relay, ann: Person) -> None:
    cas, client = member(treasury, "Cas & Member"), signed_in(ann)
    asked = "?state=silent&name=cas+%26"
    html = client.get(f"{url(treasury)}{asked}").content.decode().replace("&amp;", "&")
    assert f'href="{url(treasury, cas)}{asked}"' in html
    form = f"{url(treasury, cas)}{asked}&page=2"
    html = client.get(form).content.decode().replace("&amp;", "&")
    assert f'href="{url(treasury)}{asked}&page=2"' in html
    token = re.search(r'name="form" value="([^"]+)"', html)
    assert token is not None
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    response = client.post(form, {"form": token[1], "told-how": "meeting", "told-at": now, "read": "yes"})
    assert response["Location"] == f"{url(treasury)}{asked}&page=2"
    response = client.get(f"{url(treasury, cas)}?state=//evil&page=-1&next=//evil")
    assert "evil" not in response.content.decode()


# --- coverage leads to it ---


def test_coverage_leads_to_the_people_for_those_who_may_see_them(
    advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    officer = rows.person("Local Officer")
    Membership.objects.create(person=officer, body=treasury.body, role="officer")
    member(treasury, "Sil Silent")
    where = f"/advisories/{advisory.reference}/coverage/"
    for viewer, sees in ((ann, True), (rows.person(is_auditor=True), True), (officer, False)):
        html = signed_in(viewer).get(where, {"open": "government"}).content.decode()
        assert (url(treasury) in html) is sees
        assert ("Its people: 2 of 2 have not answered" in html) is sees


def test_coverage_says_apart_who_was_told_through_somebody_else(advisory: Advisory, treasury: Relay) -> None:
    member(treasury, "Office", office_revision=1)
    member(treasury, "Told", answered_revision=1, behalf_revision=1)
    member(treasury, "Machine", suspect_revision=1)
    auditor = signed_in(rows.person(is_auditor=True))
    where = f"/advisories/{advisory.reference}/coverage/"
    html = auditor.get(where).content.decode()
    for words in (
        "1 told through their office, not counted as their own answers",
        "1 told by telephone or in person, put down for them and counted as their own answers",
        "1 answered like a machine, not counted: their page asks once more",
    ):
        assert html.count(words) == 2  # below the bar, and for the record
    Advisory.objects.filter(pk=advisory.pk).update(office="counts")
    counting.recount(advisory.pk)
    assert "1 answered through their office, counted as their own answers" in auditor.get(where).content.decode()


def test_rows_count_places_where_the_whole_counts_people(advisory: Advisory, treasury: Relay) -> None:
    agency = rows.relay(advisory, "agency", treasury)
    for fields in ({"office_revision": 1}, {"suspect_revision": 1}):
        twice = member(treasury, f"Twice {len(Recipient.objects.all())}", **fields)
        Seat.objects.create(recipient=twice, relay=agency, counts=True, contact=False)
    counting.recount(advisory.pk)
    where = f"/advisories/{advisory.reference}/coverage/"
    html = signed_in(rows.person(is_auditor=True)).get(where).content.decode()
    assert "1 told through their office, not counted" in html
    assert "2 places told through their office" in html
    assert "2 places with an answer like a machine&#x27;s" in html
    assert "Whoever sits in two bodies is counted in both" in html
    head = rows.person("Head")
    Membership.objects.create(person=head, body=treasury.body, role="head")
    html = signed_in(head).get(where).content.decode()
    assert "Whoever sits in two of their bodies is counted in both." in html  # on top
    assert "Whoever sits in two of these bodies is counted in both." in html  # for the record


@pytest.mark.django_db(transaction=True)
def test_the_list_and_the_form_are_for_anybodys_eyes_and_hands(
    live_server: LiveServer, advisory: Advisory, treasury: Relay, ann: Person
) -> None:
    help_ = member(treasury, LONG, answered_revision=1, needs_help=True)
    said(help_, "help", text="Which service replaces it for calls abroad? " * 12)
    said(member(treasury, "שרה כהן"), "phishing", text="זה נראה כמו דיוג")
    member(treasury, "Una Bounce", outcome="bounced")
    cas = member(treasury, "Cas Member")
    said(member(treasury, "Off Minister", office_revision=1), how="office", by=rows.person("Del Delegate"))
    put = member(treasury, "Tel Told", answered_revision=1, behalf_revision=1)
    said(put, how="behalf", by=ann, told_how="telephone", told_at=timezone.now(), name_given="Bob Colleague")
    said(member(treasury, "Lin Link", answered_revision=1))
    cookie = signed_in(ann).cookies["sessionid"].value
    officers = signed_in(advisory.written_by).cookies["sessionid"].value
    with open_page() as browser:
        browser.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        assert faults_in_every_look(browser, live_server.url + url(treasury)) == []
        browser.get_by_role("link", name="Told by telephone … Cas Member").click()
        browser.wait_for_url(f"**{url(treasury, cas)}")
        assert faults_in_every_look(browser, "") == []
        browser.get_by_role("button", name="Put it down").click()
        browser.wait_for_selector(".error")
        assert faults_in_every_look(browser, "") == []
        browser.get_by_label("They know what it says").check()
        browser.get_by_role("button", name="Put it down").press("Enter")
        browser.wait_for_url(f"**{url(treasury)}")
        assert "Put down for Cas Member" in browser.content()
        assert faults_in_every_look(browser, live_server.url + url(treasury) + "?name=member&state=answered") == []
        assert faults_in_every_look(browser, live_server.url) == []
        browser.get_by_role("link", name="1 in Treasury").click()
        browser.wait_for_url(f"**{url(treasury)}?state=help")
        assert (
            faults_in_every_look(
                browser, live_server.url + f"/advisories/{advisory.reference}/coverage/?open=government"
            )
            == []
        )
        browser.context.add_cookies([{"name": "sessionid", "value": officers, "url": live_server.url}])
        assert faults_in_every_look(browser, live_server.url + f"/advisories/{advisory.reference}/") == []
