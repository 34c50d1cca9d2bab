"""Readers who take it for phishing, or need help: who is told of it, what the page says, and what never gets there."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from alerts import coverage
from alerts.answer_form import Form, issue
from alerts.answering import acknowledge, answers, doubts
from alerts.delivery.deliver import deliver
from alerts.models import Acknowledgement, Advisory, Delta, Message, Recipient, Relay
from alerts.publishing.desk_words import desk_words
from alerts.suspicion import Client
from departments.models import Membership, Person
from tests import rows
from tests.clients import signed_in
from tests.smtp import Server

pytestmark = pytest.mark.django_db

BROWSER = Client("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36")


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms come back as soon as they were opened here; only what calls itself a scanner is one."""
    monkeypatch.setattr("alerts.suspicion.signs", lambda evidence: ["scanner"] if "bot" in evidence.user_agent else [])


def doubt(recipient: Recipient, text: str = "odd", client: Client = BROWSER) -> Acknowledgement:
    held = Recipient.objects.select_related("person", "advisory__current", "advisory__material").get(pk=recipient.pk)
    number = held.advisory.current.number  # type: ignore[union-attr]
    with transaction.atomic():
        return acknowledge.answer(held, Form(issue(held.pk, number), "phishing", {}, text=text), client)


def said(recipient: Recipient, read: str, **fields: object) -> None:
    """A row of what they said, and nothing of what it changes."""
    of = recipient.advisory.current
    assert of is not None
    Acknowledgement.objects.create(recipient=recipient, revision=of, read=read, form_id=uuid4(), **fields)


def mailed() -> set[str]:
    return set(Message.objects.filter(kind="phishing").values_list("person__name", flat=True))


def page(viewer: Person, of: Advisory) -> str:
    return signed_in(viewer).get(f"/advisories/{of.reference}/").content.decode()


# --- the mail ---


def test_the_issuers_officers_and_the_owner_are_told_and_nothing_counts(advisory: Advisory, treasury: Relay) -> None:
    gone = rows.person("Gone Officer", left_at=timezone.now())
    Membership.objects.create(person=gone, body=advisory.issuer, role="officer")
    Advisory.objects.filter(pk=advisory.pk).update(owner=gone)
    one = rows.recipient(advisory, treasury)
    deltas = Delta.objects.count()
    doubt(one)
    assert mailed() == {"Olive Officer"}
    Advisory.objects.filter(pk=advisory.pk).update(owner=rows.person("Una Owner"))
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        doubt(one)
    assert mailed() == {"Olive Officer", "Una Owner"}
    assert Delta.objects.count() == deltas
    figures = coverage.whole(advisory).figures
    assert (figures.acknowledged, figures.suspect) == (0, 0)


def test_one_mail_an_hour_however_many_doubt_it(advisory: Advisory, treasury: Relay) -> None:
    with time_machine.travel("2020-04-28T10:05:00Z", tick=False) as clock:
        for _ in range(3):
            doubt(rows.recipient(advisory, treasury))
        assert Message.objects.filter(kind="phishing").count() == 1
        clock.move_to("2020-04-28T11:00:00Z")
        doubt(rows.recipient(advisory, treasury))
        assert Message.objects.filter(kind="phishing").count() == 2
        other = rows.advisory("ADV-2020-0002")
        Membership.objects.create(person=other.written_by, body=other.issuer, role="officer")
        doubt(rows.recipient(other, rows.relay(other, "elsewhere")))
        assert Message.objects.filter(kind="phishing").count() == 3


def test_a_machines_doubt_is_never_mailed_and_never_shown(advisory: Advisory, treasury: Relay) -> None:
    made = doubt(rows.recipient(advisory, treasury), text="pressed everything", client=Client("Googlebot"))
    assert made.suspect == ["scanner"]
    assert mailed() == set()
    assert doubts.raised(advisory)[1].count == 0
    assert "pressed everything" not in page(advisory.written_by, advisory)


def test_a_doubt_sent_twice_tells_once(advisory: Advisory, treasury: Relay) -> None:
    one = rows.recipient(advisory, treasury)
    held = Recipient.objects.select_related("person", "advisory__current", "advisory__material").get(pk=one.pk)
    form = Form(issue(held.pk, 1), "phishing", {})
    first = acknowledge.answer(held, form, BROWSER)
    Message.objects.filter(kind="phishing").delete()
    assert acknowledge.answer(held, form, BROWSER) == first
    assert mailed() == set()


def test_the_mail_says_how_many_leads_to_the_page_and_says_no_more_than_the_marking_lets_it(
    advisory: Advisory, treasury: Relay, server: Server
) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice on meetings")
    one, other = rows.recipient(advisory, treasury), rows.recipient(advisory, treasury)
    doubt(one, text="Zoom itself told me")
    doubt(one, text="again")
    assert "One person has said so far" in desk_words("phishing", Advisory.objects.get()).lead
    doubt(other)
    deliver()
    (mail,) = server.mails
    text = " ".join(mail.text.split())
    assert "Taken for phishing: Advice on meetings" in mail.subject
    assert "2 people have said so far" in text
    assert f"/advisories/{advisory.reference}/asking/" in text
    assert "Zoom" not in str(mail.message)


# --- the page ---


def test_those_who_see_everything_see_who_asks_the_newest_first(advisory: Advisory, treasury: Relay) -> None:
    names = ["Ada", "Bea", "Cas"]
    people = [rows.recipient(advisory, treasury, who=rows.person(name)) for name in names]
    for one in people:
        said(one, "help", text=f"<b>from</b> {one.person.name}")
    said(rows.recipient(advisory, treasury, who=rows.person("Dot")), "phishing", text="שלום")
    said(rows.recipient(advisory, treasury, who=rows.person("Mac")), "help", suspect=["scanner"])
    contact = rows.person("Con")
    Membership.objects.create(person=contact, body=treasury.body, role="contact")
    for viewer in (advisory.written_by, rows.person(is_auditor=True), rows.person(is_administrator=True)):
        html = page(viewer, advisory)
        assert "3 people need help." in html
        assert "1 person says that it looks like phishing." in html
        assert html.index("from&lt;/b&gt; Cas") < html.index("from&lt;/b&gt; Bea") < html.index("from&lt;/b&gt; Ada")
        assert 'dir="auto">שלום' in html
        assert "Mac" not in html
    html = page(contact, advisory)
    assert "need help" not in html
    assert "שלום" not in html


def test_their_number_stands_there_or_else_their_contacts(advisory: Advisory, treasury: Relay) -> None:
    said(rows.recipient(advisory, treasury, who=rows.person("Ada", telephone="020 7946 0001")), "help")
    said(rows.recipient(advisory, treasury, who=rows.person("Bea")), "help")
    said(rows.recipient(advisory, rows.relay(advisory, "agency"), who=rows.person("Cas")), "help")
    con = rows.person("Con", telephone="020 7946 0002")
    rows.recipient(advisory, treasury, who=con, role="contact")
    html = page(advisory.written_by, advisory)
    assert html.count('<a href="tel:02079460001">020 7946 0001</a>') == 1
    assert 'their contact is <bdi>Con</bdi>, <a href="tel:02079460002">' in html
    assert html.count("no telephone number") == 1


def test_whoever_said_something_else_since_is_not_among_them(advisory: Advisory, treasury: Relay) -> None:
    one = rows.recipient(advisory, treasury)
    said(one, "help")
    said(one, "phishing")
    assert [raised.count for raised in doubts.raised(advisory)] == [0, 1]
    said(one, "yes", suspect=["scanner"])
    assert [raised.count for raised in doubts.raised(advisory)] == [0, 1]
    said(one, "yes")
    assert [raised.count for raised in doubts.raised(advisory)] == [0, 0]
    assert 'id="asking"' not in page(advisory.written_by, advisory)


def test_an_administrator_reads_no_words_at_red(advisory: Advisory, treasury: Relay) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(marking="RED", open_title="Advice on meetings")
    said(rows.recipient(advisory, treasury), "help", text="what replaces Zoom")
    html = page(rows.person(is_administrator=True), advisory)
    assert "1 person needs help." in html
    assert "Zoom" not in html
    assert "what replaces Zoom" in page(advisory.written_by, advisory)


def test_of_many_the_newest_are_shown_and_the_others_counted_at_the_cost_of_one(
    advisory: Advisory, treasury: Relay, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    said(rows.recipient(advisory, treasury), "help")
    with CaptureQueriesContext(connection) as few:
        doubts.raised(advisory)
    for _ in range(30):
        said(rows.recipient(advisory, treasury), "help")
    with django_assert_num_queries(len(few)):
        raised = doubts.raised(advisory)[0]
    assert (len(raised.voices), raised.count, raised.more) == (20, 31, 11)
    assert "and 11 more" in page(advisory.written_by, advisory)


def test_who_asks_is_found_by_its_index(advisory: Advisory, treasury: Relay) -> None:
    people = [rows.recipient(advisory, treasury) for _ in range(50)]
    of = advisory.current
    Acknowledgement.objects.bulk_create(
        Acknowledgement(recipient=people[n % 50], revision=of, read="yes", form_id=uuid4()) for n in range(1000)
    )
    said(people[0], "help")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_acknowledgement")
        cursor.execute("SET LOCAL enable_seqscan = off")  # what can be looked up, in tables as small as these
        cursor.execute(f"EXPLAIN {doubts.RAISED}", {"advisory": advisory.pk, "shown": 20})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "acknowledgement_asking" in plan, plan
    assert "Seq Scan on alerts_acknowledgement" not in plan, plan


def test_what_was_put_down_or_said_through_an_office_is_shown_as_such(advisory: Advisory, treasury: Relay) -> None:
    one, other = rows.recipient(advisory, treasury), rows.recipient(advisory, treasury)
    ann, at = rows.person("Ann Contact"), timezone.now()
    said(one, "help", how="behalf", by=ann, told_how="telephone", told_at=at)
    said(other, "help", how="office", name_given="Pat")
    html = page(advisory.written_by, advisory)
    assert "put down by Ann Contact" in html
    assert "through their office" in html


def test_tell_needs_no_more_than_the_question(advisory: Advisory, treasury: Relay) -> None:
    asked = answers.question(rows.recipient(advisory, treasury).pk, 1)
    assert asked is not None
    with transaction.atomic():
        doubts.tell(asked)
    assert mailed() == {"Olive Officer"}
