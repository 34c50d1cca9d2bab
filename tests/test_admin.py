"""Django's admin: who may, that no page grows with the directory, and that a change goes through the verbs."""

import re
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from alerts.models import (
    Acknowledgement,
    Advisory,
    Batch,
    Call,
    ChaseStep,
    Citation,
    Clock,
    Escalation,
    Heartbeat,
    LinkKey,
    Message,
    Nudge,
    Record,
    Referral,
    Relay,
    Reply,
    Trouble,
)
from departments import admin_base
from departments.models import (
    Body,
    BodyAlias,
    BodyEvent,
    Delegation,
    HoldRequest,
    Membership,
    Person,
    PersonEvent,
    Remit,
    Role,
    Sponsor,
    Standing,
    Topic,
    Upload,
)
from tests.browser import open_page
from tests.rows import advisory, body, person, recipient, revise

pytestmark = pytest.mark.django_db

TABLES = [model for model in admin.site._registry if model._meta.app_label in ("departments", "alerts")]
CHANGED_HERE = {Body, Topic, Person}
ADDED_HERE = {BodyAlias, Sponsor, Remit, Topic}


def client_of(who: Person) -> Client:
    client = Client()
    client.force_login(who, "departments.signing_in.DutyBackend")
    return client


@pytest.fixture
def ann() -> Person:
    """An administrator."""
    return person("Ann Administrator", is_administrator=True)


@pytest.fixture
def office(ann: Person) -> Client:
    """Her browser."""
    return client_of(ann)


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Model, what: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{what}", args=[row.pk])


def fill(first: int, last: int) -> None:
    """Rows number `first` to `last` of every table."""
    numbers, ann = range(first, last), person()
    bodies = Body.objects.bulk_create([Body(slug=f"b{n}", name=f"Body {n}", kind="team") for n in numbers])
    Body.objects.filter(pk__in=[one.pk for one in bodies[1:]]).update(parent=bodies[0], successor=bodies[0])
    people = Person.objects.bulk_create(
        [Person(email=f"p{n}@rows.example", written=f"p{n}@rows.example", name=f"Person {n}") for n in numbers]
    )
    topics = Topic.objects.bulk_create([Topic(slug=f"t{n}") for n in numbers])
    warning = advisory(f"ADV-2020-{first:04}")
    revision = revise(warning)
    batch = Batch.objects.create(
        rank=0, advisory=warning, revision=revision, kind="notice", size=1, not_before=timezone.now()
    )
    for n in numbers[1:]:
        revise(warning)
        Heartbeat.objects.create(process=f"process {n}", at=timezone.now())
        Trouble.objects.create(kind="mail", subject=f"{n}", says="x", began_at=timezone.now(), seen_at=timezone.now())
    pairs = list(zip(bodies, people, topics, strict=True))
    BodyAlias.objects.bulk_create([BodyAlias(body=one, text=one.slug) for one in bodies])
    Sponsor.objects.bulk_create([Sponsor(body=bodies[0], sponsor=one) for one in bodies[1:]])
    Remit.objects.bulk_create([Remit(body=one, topic=topic) for one, _, topic in pairs])
    Membership.objects.bulk_create([Membership(body=one, person=who) for one, who, _ in pairs])
    Delegation.objects.bulk_create([Delegation(person=ann, delegate=who, named_by=who) for who in people])
    HoldRequest.objects.bulk_create([HoldRequest(body=one, hours=1, reason="x", asked_by=who) for one, who, _ in pairs])
    BodyEvent.objects.bulk_create([BodyEvent(body=one, what="moved", by=who) for one, who, _ in pairs])
    PersonEvent.objects.bulk_create([PersonEvent(person=who, body=one, what="added", by=who) for one, who, _ in pairs])
    Upload.objects.bulk_create([Upload(what="bodies", name="x", size=1, content=b"x", by=who) for who in people])
    Standing.objects.bulk_create([Standing(body=one, state="dark", lacks=[], people=0, told=0) for one in bodies])
    Record.objects.bulk_create([Record(kind="x", subject="x", actor=who) for who in people])
    Relay.objects.bulk_create([Relay(advisory=warning, body=one, purpose="target", released_by=ann) for one in bodies])
    for who in people:
        Message.objects.create(
            key=f"m{who.pk}",
            batch=batch,
            person=who,
            advisory=warning,
            recipient=recipient(warning, who=who),
            revision=revision,
            kind="notice",
            error="550 secret-address@rows.example",
            personal={"to": "secret-address@rows.example"},
        )
    LinkKey.objects.bulk_create([LinkKey(advisory=warning, fingerprint=f"key {n}") for n in numbers])
    chased(numbers, people, bodies[0], warning)
    told = {one.person_id: one for one in warning.recipients.all()}
    Referral.objects.bulk_create(
        [
            Referral(
                recipient=told[who.pk], body=one, kind="also", email="secret-address@rows.example", form_id=uuid4()
            )
            for one, who, _ in pairs
        ]
    )


def chased(numbers: range, people: list[Person], body: Body, warning: Advisory) -> None:
    """A clock for each number, its step, and whom that reached; a call, a reply and figures that were kept."""
    now = timezone.now()
    told = {one.person_id: one for one in warning.recipients.all()}
    place = Relay.objects.get(advisory=warning, body=body)
    clocks = Clock.objects.bulk_create(
        [Clock(advisory=warning, material=n, kind="answer", starts_at=now, by=now) for n in numbers]
    )
    dues = {"planned_at": now, "due_at": now, "since": now}
    steps = ChaseStep.objects.bulk_create([ChaseStep(clock=one, what="escalate", n=1, **dues) for one in clocks])
    secret = "secret-address@rows.example"
    for step, who in zip(steps, people, strict=True):
        Nudge.objects.create(step=step, recipient=told[who.pk], person=who)
        Escalation.objects.create(step=step, relay=place, person=who, body=body, role="head", silent=1)
        Call.objects.create(relay=place, caller=who, taken_at=now, until=now, ended_at=now, result="told", note=secret)
        asked = Acknowledgement.objects.create(
            recipient=told[who.pk], revision=warning.revisions.latest("number"), at=now, read="help", form_id=uuid4()
        )
        Reply.objects.create(recipient=told[who.pk], to=asked, text=secret, by=who)
        Citation.objects.create(code=f"{who.pk}", advisory=warning, by=who, at=now, content={"x": secret}, svg=secret)


def costs(client: Client) -> dict[str, int]:
    """How many queries each list and the page of its first row need; and that none has a select of bodies or people."""
    found = {}
    for model in TABLES:
        row = model._default_manager.order_by("pk").first()
        assert row is not None, model
        for address in (list_of(model), f"{list_of(model)}?q=Body", page_of(row)):
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(address)
            assert answer.status_code == 200, address
            page = answer.content.decode()
            assert not re.search(r"<option[^>]*>(Body|Person) ", page), address
            assert "secret-address" not in page, address
            assert " style=" not in page, address
            found[f"{model.__name__} {address.rpartition('/')[2] or 'page'}"] = len(queries)
    return found


def test_no_list_and_no_page_costs_more_in_a_large_directory(office: Client) -> None:
    fill(0, 3)
    costs(office)  # what Django looks up once a process
    small = costs(office)
    fill(3, 60)  # a list has fifty on a page
    assert costs(office) == small
    assert max(small.values()) <= 12


def test_every_table_that_was_asked_for_is_there() -> None:
    assert {model.__name__ for model in TABLES} == {
        *("Topic", "BodyAlias", "Sponsor", "Remit", "Body", "Person", "Membership", "Delegation", "BodyEvent"),
        *("PersonEvent", "HoldRequest", "Upload", "Standing"),
        *(
            "Advisory",
            "Revision",
            "Relay",
            "Message",
            "Batch",
            "Record",
            "Heartbeat",
            "Trouble",
            "Referral",
            "LinkKey",
            "Clock",
            "ChaseStep",
            "Nudge",
            "Escalation",
            "Call",
            "Reply",
            "Citation",
        ),
    }


def test_whoever_is_not_signed_in_signs_in_where_everybody_does(client: Client) -> None:
    asked = client.get(list_of(Body))
    assert asked.status_code == 302
    onward = client.get(asked["Location"])
    assert onward["Location"].startswith(f"{reverse('account_login')}?next=/admin/departments/body/")


def test_a_password_is_never_asked_for_or_changed_by_the_admin_itself(office: Client, client: Client) -> None:
    assert client.post(reverse("admin:login"), {"username": "a", "password": "b"}).status_code == 302
    assert office.get(reverse("admin:login"))["Location"] == reverse("admin:index")
    assert office.get(reverse("admin:password_change"))["Location"] == reverse("account_change_password")
    left = office.post(reverse("admin:logout"))
    assert (left.status_code, left["Location"]) == (307, reverse("account_logout"))


@pytest.mark.parametrize("role", [Role.CONTACT, Role.OFFICER, Role.HEAD])
def test_a_duty_in_a_body_opens_no_table(role: str) -> None:
    who, top = person(), body("top")
    Membership.objects.create(person=who, body=top, role=role)
    client = client_of(who)
    for address in (reverse("admin:index"), list_of(Person), page_of(top)):
        assert client.get(address, follow=True).status_code == 403


def test_an_auditor_sees_every_table_and_saves_nothing() -> None:
    fill(0, 2)
    client = client_of(person("Audrey Auditor", is_auditor=True))
    before = {model: _all(model) for model in TABLES}
    for model in TABLES:
        row = model._default_manager.order_by("pk").first()
        assert row is not None, model
        assert client.get(list_of(model)).status_code == 200, model
        page = client.get(page_of(row))
        assert page.status_code == 200, model
        assert 'name="_save"' not in page.content.decode(), model
        assert client.post(page_of(row), {"may_issue": "on", "slug": "x"}).status_code == 403, model
        assert client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403, model
        assert client.post(list_of(model) + "add/", {"slug": "x"}).status_code == 403, model
        assert _all(model) == before[model], model
    assert {model: _all(model) for model in TABLES} == before


def _all(model: type[Model]) -> list[dict[str, Any]]:
    """Every row, but for the auditor."""
    rows = model._default_manager.order_by("pk")
    return list((rows.exclude(name="Audrey Auditor") if model is Person else rows).values())


def test_an_administrator_changes_only_what_is_changed_here(office: Client) -> None:
    fill(0, 2)
    for model in TABLES:
        row = model._default_manager.order_by("pk").last()
        assert row is not None, model
        may_save = 'name="_save"' in office.get(page_of(row)).content.decode()
        assert may_save == (model in CHANGED_HERE), model
        assert (office.get(list_of(model) + "add/").status_code == 200) == (model in ADDED_HERE), model
        assert (office.get(page_of(row, "delete")).status_code == 200) == (model in ADDED_HERE - {Topic}), model


# --- bodies and what they have several of ---


def test_a_changed_body_has_a_step_in_its_history(office: Client, ann: Person) -> None:
    top = body("top")
    sent = {"domain": "Example.gov.uk", "opened": "2020-01-31", "may_issue": "on", "name": "No", "slug": "no"}
    assert office.post(page_of(top), sent).status_code == 302
    top.refresh_from_db()
    assert (top.domain, top.opened, top.may_issue) == ("example.gov.uk", date(2020, 1, 31), True)
    assert (top.name, top.slug) == ("Top", "top")
    assert set(BodyEvent.objects.values_list("what", "by")) == {
        ("mail domain", ann.pk),
        ("opened on", ann.pk),
        ("may issue", ann.pk),
    }
    office.post(page_of(top), {**sent, "domain": "example.gov.uk"})
    assert BodyEvent.objects.count() == 3


def test_what_the_verb_refuses_is_said_and_nothing_is_written(office: Client) -> None:
    top = body("top")
    answer = office.post(page_of(top), {"domain": "not a domain"}, follow=True)
    assert "is not a mail domain" in answer.content.decode()
    top.refresh_from_db()
    assert top.domain == ""
    assert not BodyEvent.objects.exists()


@pytest.mark.parametrize(
    ("model", "fields", "what"),
    [
        (BodyAlias, {"text": "  FCDO "}, "other names"),
        (Sponsor, {"sponsor": "other"}, "sponsored"),
        (Remit, {"topic": "china"}, "remit"),
    ],
)
def test_what_a_body_has_several_of_is_added_and_deleted_with_its_history(
    office: Client, model: type[Model], fields: dict[str, str], what: str
) -> None:
    top, ids = body("top"), {"other": body("other").pk, "china": Topic.objects.create(slug="china").pk}
    sent = {"body": top.pk, **{name: ids.get(value, value) for name, value in fields.items()}}
    answer = office.post(list_of(model) + "add/", sent)
    assert answer.status_code == 302
    row: Any = model._default_manager.get()
    assert row.body_id == top.pk
    assert list(BodyEvent.objects.values_list("what", flat=True)) == [what]
    again = office.post(list_of(model) + "add/", sent)
    assert model._default_manager.count() == 1
    assert again.status_code in (200, 302)
    assert office.post(page_of(row, "delete"), {"post": "yes"}).status_code == 302
    assert not model._default_manager.exists()
    assert BodyEvent.objects.count() == 2


@pytest.mark.parametrize("typed", ["abc", "99999999999999999999", "-1", ""])
def test_an_odd_id_of_a_body_is_an_error_on_the_form(office: Client, typed: str) -> None:
    answer = office.post(list_of(BodyAlias) + "add/", {"body": typed, "text": "x"})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_a_topic_is_spelt_as_a_load_spells_it(office: Client) -> None:
    office.post(list_of(Topic) + "add/", {"slug": "Foreign-Affairs"})
    assert Topic.objects.get().slug == "foreign-affairs"


# --- people ---


def test_an_administrator_is_made_and_unmade_with_a_step_in_their_history(office: Client, ann: Person) -> None:
    bob = person("Bob")
    office.post(page_of(bob), {"is_administrator": "on", "name": "Mallory", "email": "m@x.example"})
    bob.refresh_from_db()
    assert (bob.is_administrator, bob.name) == (True, "Bob")
    office.post(page_of(bob), {"is_auditor": "on"})
    bob.refresh_from_db()
    assert (bob.is_administrator, bob.is_auditor) == (False, True)
    assert list(PersonEvent.objects.order_by("pk").values_list("what", "by")) == [("appointed", ann.pk)] * 2


def test_nobody_is_both_administrator_and_auditor(office: Client) -> None:
    bob = person("Bob")
    answer = office.post(page_of(bob), {"is_administrator": "on", "is_auditor": "on"})
    assert "Nobody both runs the directory and audits it" in answer.content.decode()
    bob.refresh_from_db()
    assert not bob.is_administrator
    assert not bob.is_auditor


def test_nobody_changes_their_own_powers(office: Client, ann: Person) -> None:
    page = office.get(page_of(ann)).content.decode()
    assert 'name="_save"' not in page
    assert "nobody changes their own powers" in page
    assert 'name="is_administrator"' not in page
    office.post(page_of(ann), {"is_auditor": "on"})
    ann.refresh_from_db()
    assert (ann.is_administrator, ann.is_auditor) == (True, False)
    assert not PersonEvent.objects.exists()


def test_a_security_officer_is_given_no_powers_here(office: Client) -> None:
    who = person("Olive Officer")
    Membership.objects.create(person=who, body=body("top"), role=Role.OFFICER)
    assert 'name="is_administrator"' not in office.get(page_of(who)).content.decode()
    office.post(page_of(who), {"is_administrator": "on"})
    who.refresh_from_db()
    assert not who.is_administrator


def test_somebody_who_left_is_given_no_powers(office: Client) -> None:
    who = person("Lee Left", left_at=timezone.now())
    answer = office.post(page_of(who), {"is_administrator": "on"}, follow=True)
    assert "left the directory" in answer.content.decode()
    who.refresh_from_db()
    assert not who.is_administrator


def test_no_password_is_shown(office: Client) -> None:
    who = person("Bob", password="md5$salt$secret")
    assert "md5$" not in office.get(page_of(who)).content.decode()


# --- finding ---


@pytest.mark.parametrize("typed", ["P1@Rows.Example ", "erson 1"])
def test_somebody_is_found_by_address_or_name(office: Client, typed: str) -> None:
    fill(0, 3)
    page = office.get(list_of(Person), {"q": typed}).content.decode()
    assert "Person 1" in page
    assert "Person 2" not in page


@pytest.mark.parametrize("typed", ["a@b@c", "@", "%", "'", "\0", "x" * 5000, "\u202e"])
def test_odd_words_find_nothing_and_break_nothing(office: Client, typed: str) -> None:
    for model in TABLES:
        assert office.get(list_of(model), {"q": typed}).status_code in (200, 302)


def test_places_are_found_by_a_persons_name_an_address_or_a_bodys_slug(office: Client) -> None:
    fill(0, 3)
    for typed in ("Person 1", "P1@rows.example", "b1"):
        page = office.get(list_of(Membership), {"q": typed}).content.decode()
        assert "Person 1" in page
        assert "Person 2" not in page


def test_a_mail_is_found_by_its_address_and_its_reference(office: Client) -> None:
    fill(0, 3)
    assert "1 message" in office.get(list_of(Message), {"q": "p1@rows.example"}).content.decode()
    assert "3 messages" in office.get(list_of(Message), {"q": "ADV-2020-0000"}).content.decode()


def test_a_list_counts_no_further_than_anybody_pages(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_base, "MOST_COUNTED", 60)
    fill(0, 75)
    with CaptureQueriesContext(connection) as queries:
        answer = office.get(list_of(Body))
    assert answer.context["cl"].result_count == 60
    assert all("LIMIT 60" in one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"])
    assert "the first 60; search for others" in answer.content.decode()
    assert "60 results" not in answer.content.decode()
    assert office.get(list_of(Body), {"p": 2}).status_code == 200
    assert "1 body" in office.get(list_of(Body), {"q": "b70"}).content.decode().replace("\n", " ")


# --- in a browser ---


@pytest.mark.django_db(transaction=True)
def test_the_admin_works_under_the_strict_content_policy(live_server: LiveServer, ann: Person) -> None:
    fill(0, 3)
    cookie = client_of(ann).cookies["sessionid"].value
    top = Body.objects.get(slug="b1")
    addresses = [reverse("admin:index"), list_of(Body), page_of(top), f"{list_of(Sponsor)}add/", list_of(Message)]
    said: list[str] = []
    with open_page() as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.on("console", lambda line: said.append(line.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for address in addresses:
            page.goto(live_server.url + address)
            expect(page.locator("#site-name")).to_be_visible()
        page.goto(live_server.url + f"{list_of(BodyAlias)}add/")
        with page.expect_popup() as popup:
            page.locator("#lookup_id_body").click()
        with popup.value.expect_event("close"):
            popup.value.get_by_role("link", name="Body 1").click()
        page.locator("#id_text").fill("Chosen in a window")
        page.locator("[name=_save]").click()
        expect(page.get_by_text("Chosen in a window").first).to_be_visible()
    assert said == []
    assert BodyAlias.objects.get(text="Chosen in a window").body == top
