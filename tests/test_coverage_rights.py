"""The pages of coverage to whoever may not see or do something, and to whoever sends what no form of theirs sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from alerts import counting
from alerts.models import Acknowledgement, Advisory, Message, Recipient
from departments.models import Body, Membership, Person
from tests import rows
from tests.clients import signed_in
from tests.test_chase import told

pytestmark = pytest.mark.django_db

PAGES = (
    "", "live/", "over-time/", "people/?is=targeted", "bodies/?is=dark", "bodies/?is=targeted",
    "picture/icicle.svg", "picture/icicle.html", "table/tree.csv", "table/tree.json", "table/funnel.csv",
    "table/people.csv", "table/bodies.csv", "table/bodies.csv?is=dark", "table/answers.csv",
)  # fmt: skip
# What is pressed, on which list, and the fields that it reads.
PRESSES = {
    "people/remind": ("silent", ("recipient", "name")),
    "people/retry": ("unreachable", ("recipient",)),
    "people/told": ("silent", ("told-at", "told-by", "told-how", "form")),
    "people/domain": ("unreachable", ("old", "new")),
    "bodies/name": ("dark", ("one", "email", "person", "telephone")),
    "bodies/release": ("held", ("body",)),
    "bodies/put-in": ("excluded", ("body",)),
}
EVERYTHING = {
    "everybody": "1", "all-there": "1", "told-how": "telephone", "told-at": "2026-11-01T10:00", "old": "rows.example",
    "new": "evil.example", "sure": "1", "email": "x@rows.example", "person": "X",
}  # fmt: skip


@pytest.fixture
def country() -> Advisory:
    """A government above a treasury, with an agency below it, and a home office beside it."""
    advisory = rows.advisory()
    Advisory.objects.update(published_at=timezone.now() - timedelta(hours=3), open_title="Conferencing software")
    Membership.objects.create(person=advisory.written_by, body=advisory.issuer, role="officer")
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    home = rows.relay(advisory, "home-office", top)
    rows.relay(advisory, "secret-agency", treasury)
    told(advisory, treasury, name="Tess Treasury", outcome="delivered")
    told(advisory, home, name="Hugo Home", outcome="delivered")
    told(advisory, home, name="Hetty Bounced", outcome="bounced")
    counting.fold(advisory.pk)
    return advisory


def seat(slug: str, role: str = "contact") -> Person:
    who = rows.person(f"{role} of {slug}")
    Membership.objects.create(person=who, body=Body.objects.get(slug=slug), role=role)
    return who


def client_of(who: Person) -> Client:
    client = signed_in(who)
    client.raise_request_exception = False
    return client


def said(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode(errors="replace"))


def test_a_branch_hears_nothing_of_another_one_on_any_page(country: Advisory) -> None:
    for role in ("contact", "officer"):
        client = client_of(seat("treasury", role))
        for page in PAGES:
            where = f"/advisories/{country.reference}/coverage/{page}"
            answer = client.get(where)
            assert answer.status_code in (200, 204, 403), where
            if answer.status_code == 200:
                html = said(answer)
                assert not [one for one in ("Home Office", "home-office", "Hugo", "Hetty") if one in html], where
            if role == "contact":
                beside = client.get(f"{where}{'&' if '?' in where else '?'}in=home-office")
                assert beside.status_code in (403, 404), where


def test_strangers_and_whoever_is_signed_out_see_nothing(country: Advisory) -> None:
    rows.body("elsewhere")
    stranger, nobody = client_of(seat("elsewhere")), Client()
    for page in PAGES:
        where = f"/advisories/{country.reference}/coverage/{page}"
        assert (nobody.get(where).status_code, stranger.get(where).status_code) == (302, 403), where


def test_an_auditor_presses_for_nothing_and_a_contact_for_nobody_elses_people(country: Advisory) -> None:
    def counted() -> tuple[int, ...]:
        moved = Person.objects.filter(email__endswith="evil.example")
        return tuple(every.count() for every in (Message.objects, Acknowledgement.objects, Membership.objects, moved))

    auditor, contact = client_of(rows.person("Aud", is_auditor=True)), client_of(seat("treasury"))
    hugo, home = Recipient.objects.get(person__name="Hugo Home"), Body.objects.get(slug="home-office")
    before = counted()
    for verb, (kind, _) in PRESSES.items():
        where = f"/advisories/{country.reference}/coverage/{verb}/"
        assert auditor.post(where, {"is": kind, **EVERYTHING}).status_code < 500
        theirs = {**EVERYTHING, "recipient": [hugo.pk], "body": home.pk, "one": home.pk}
        del theirs["everybody"]
        assert contact.post(where, {"is": kind, **theirs}).status_code < 500
        assert counted() == before, verb


def test_each_press_needs_its_token_and_is_no_link(country: Advisory) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(country.written_by, "departments.signing_in.DutyBackend")
    for verb, (kind, _) in PRESSES.items():
        where = f"/advisories/{country.reference}/coverage/{verb}/"
        assert client.post(where, {"is": kind, "everybody": "1"}).status_code == 403
        assert client.get(where).status_code == 405


def test_an_administrator_reads_no_full_title_of_what_asks_for_a_code(country: Advisory) -> None:
    Advisory.objects.update(marking="RED")
    administrator = client_of(rows.person("Adm", is_administrator=True))
    pages = [f"/advisories/{country.reference}/coverage/{page}" for page in PAGES]
    for where in (*pages, "/coverage/", "/coverage/live/", "/coverage/table.csv", "/coverage/table.json", "/"):
        answer = administrator.get(where)
        assert answer.status_code in (200, 204), where
        assert "Do not use Zoom" not in said(answer), where


def test_names_are_words_wherever_they_stand(country: Advisory) -> None:
    Body.objects.filter(slug="home-office").update(name="</text><script>alert(1)</script>\"' onload=x ]]>&lt;")
    client = client_of(country.written_by)
    for page in PAGES:
        answer = client.get(f"/advisories/{country.reference}/coverage/{page}")
        if answer["Content-Type"].startswith(("text/html", "image/svg")):
            assert "<script>alert" not in said(answer), page


def test_odd_values_in_an_address_break_no_page(country: Advisory) -> None:
    client = client_of(country.written_by)
    pages = [f"/advisories/{country.reference}/coverage/{page}" for page in PAGES]
    for odd in ("%00x", "x" * 3000, "9" * 20, "%D9%A3%25_%5C'%22%3E%3Cscript%3E"):
        others = "&".join(f"{name}={odd}" for name in ("name", "page", "open", "kind", "topic", "state", "seen", "own"))
        for where in (*pages, "/coverage/", f"/figures/?code={odd}"):
            for query in (f"in={odd}", others):
                answer = client.get(f"{where}{'&' if '?' in where else '?'}{query}")
                assert answer.status_code < 500, (where, query[:80])
                assert answer.streaming or b"><script>" not in answer.content


def test_odd_values_in_a_form_break_no_press(country: Advisory) -> None:
    who = seat("treasury")
    Person.objects.filter(pk=who.pk).update(is_administrator=True)
    client = client_of(who)
    for verb, (kind, fields) in PRESSES.items():
        for field in fields:
            for odd in ("x\0", "x" * 5000, "9" * 30, "9999-12-31T23:59", "a\r\nBcc: x@[127.0.0.1]"):
                form = {"is": kind, **EVERYTHING, field: odd}
                if field in ("recipient", "body", "one"):
                    del form["everybody"]
                answer = client.post(f"/advisories/{country.reference}/coverage/{verb}/", form)
                assert answer.status_code < 500, (verb, field, odd[:20])


def test_a_file_of_a_drill_says_so_and_no_log_says_which_body_it_is_about(country: Advisory) -> None:
    Advisory.objects.update(exercise=True)
    client = client_of(country.written_by)
    with capture_logs() as lines:
        answers = [
            client.get(f"/advisories/{country.reference}/coverage/table/tree.{kind}?in=treasury")
            for kind in ("csv", "json")
        ]
    assert all("EXERCISE-ADV-2020-0017-treasury-tree-TLP" in answer["Content-Disposition"] for answer in answers)
    assert '"exercise": true' in said(answers[1])
    assert [line["of"] for line in lines if line["event"] == "exported"] == [country.reference] * 2
    assert "treasury" not in str([line for line in lines if line["event"] == "exported"])


def test_a_draft_has_no_coverage(country: Advisory) -> None:
    Advisory.objects.update(current=None, material=None, state="draft")
    client = client_of(country.written_by)
    for page in (*PAGES, "picture/answers.svg"):
        assert client.get(f"/advisories/{country.reference}/coverage/{page}").status_code < 500, page
