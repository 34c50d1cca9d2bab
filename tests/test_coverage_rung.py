"""A body with nobody who can be told by mail, where somebody was told by telephone: it stays dark, and coverage says both."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts import counting, coverage
from alerts.coverage.rung import Rung, last_told
from alerts.models import Advisory, Call, Citation, Recipient, Relay
from departments.models import Membership, Person
from tests import rows
from tests.clients import signed_in
from tests.test_coverage_page import country

if TYPE_CHECKING:
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db

__all__ = ["country"]

MINUTE = timedelta(minutes=1)
COMMITTEE = "foreign-affairs-committee"
# 21:12 in London; after whatever the database writes of its own clock.
EVENING = datetime.fromisoformat("2126-04-28T20:12:00+00:00")
SAID = "told by telephone 21:12 BST on 28 April 2126 by Otto Officer"


@pytest.fixture
def officer(country: Advisory) -> Person:
    Membership.objects.create(person=country.written_by, body=country.issuer, role="officer")
    return country.written_by


@pytest.fixture
def caller() -> Person:
    return rows.person("Otto Officer")


def dark(slug: str = COMMITTEE) -> Relay:
    return Relay.objects.get(body__slug=slug)


def rung(relay: Relay, by: Person, at: datetime = EVENING, result: str = "told") -> Call:
    """A call that ended then."""
    return Call.objects.create(
        relay=relay, caller=by, taken_at=at - MINUTE, until=at + MINUTE, ended_at=at, result=result
    )


def get(who: Person, of: Advisory, page: str = "coverage", query: str = "") -> HttpResponse:
    found = signed_in(who).get(reverse(f"alerts:{page}", args=[of.reference]) + query)
    assert found.status_code == 200
    return found  # type: ignore[return-value]


def read(who: Person, of: Advisory, page: str = "coverage", query: str = "") -> str:
    return " ".join(get(who, of, page, query).content.decode().split())


def test_the_last_call_that_told_somebody_the_text_as_it_stands_is_the_one(country: Advisory, caller: Person) -> None:
    relay, other = dark(), rows.person("Another Caller")
    rung(relay, other, EVENING - timedelta(hours=2))
    rung(relay, caller)
    # Whoever rang since, and reached nobody, takes nothing back.
    rung(relay, other, EVENING + timedelta(hours=1), result="no-answer")
    treasury = Relay.objects.get(body__slug="treasury")
    rung(treasury, caller, result="wrong")
    assert last_told(country.pk, {relay.pk, treasury.pk}) == {relay.pk: Rung(EVENING, "Otto Officer")}
    assert last_told(country.pk, {relay.pk})[relay.pk].said == SAID
    assert last_told(country.pk, set()) == {}


def test_who_was_told_an_earlier_text_was_not_told_this_one(country: Advisory, caller: Person) -> None:
    assert country.material
    came = country.material.at
    rung(dark(), caller, came + MINUTE / 2)
    assert last_told(country.pk, {dark().pk}) == {}
    rung(dark(), caller, came + MINUTE)
    assert list(last_told(country.pk, {dark().pk})) == [dark().pk]
    # A minor revision asks nobody anew; a material one does.
    rows.revise(country, "minor")
    assert list(last_told(country.pk, {dark().pk})) == [dark().pk]
    rows.revise(country).refresh_from_db()
    rung(dark(), caller, came + MINUTE)
    assert last_told(country.pk, {dark().pk}) == {}


def test_the_coverage_page_says_it_beside_the_name_and_in_the_table_and_it_stays_dark(
    country: Advisory, officer: Person, caller: Person
) -> None:
    assert "told by telephone" not in read(officer, country, query="?open=government")
    rung(dark(), caller)
    html = read(officer, country, query="?open=government")
    assert f"Foreign Affairs Committee</a> ({SAID})" in html
    assert f'<td class="why"><span class="dark">nobody to tell</span>; <span>{SAID}</span></td>' in html
    # It stays dark, in words and in figures.
    assert "1 of 3 bodies has nobody to tell" in html
    assert coverage.whole(country).bodies.dark == 1
    assert html.count(SAID) == 3, "the name, the table and the paragraph"
    assert SAID in read(officer, country, query="?state=dark")


def test_the_page_of_the_body_itself_and_its_paragraph_say_it(
    country: Advisory, officer: Person, caller: Person
) -> None:
    rung(dark(), caller)
    html = read(officer, country, query=f"?in={COMMITTEE}")
    assert f'<span class="dark">nobody to tell</span>; <span>{SAID}</span>' in html
    assert f"nobody could be told by mail in Foreign Affairs Committee ({SAID})." in html
    whole = read(officer, country)
    assert f"Nobody could be told by mail in 1 body: Foreign Affairs Committee ({SAID})." in whole


def test_it_is_said_beside_those_that_cannot_be_reached_too(country: Advisory, officer: Person, caller: Person) -> None:
    gone = rows.recipient(country, dark(), who=rows.person("Con Contact"))
    Recipient.objects.filter(pk=gone.pk).update(outcome="unreachable")
    counting.fold(country.pk)
    rung(dark(), caller)
    html = read(officer, country, query="?open=government")
    assert f"(its only person cannot be reached; {SAID})" in html
    assert f'<span class="dark">its only person cannot be reached</span>; <span>{SAID}</span>' in html


def test_somebody_who_sees_their_own_branches_reads_it_of_these_alone(country: Advisory, caller: Person) -> None:
    rung(dark(), caller)
    contact, other = rows.person("Con Contact"), rows.person("Tess Treasury")
    Membership.objects.create(person=contact, body=dark().body, role="contact")
    Membership.objects.create(person=other, body=Relay.objects.get(body__slug="treasury").body, role="contact")
    assert SAID in read(contact, country)
    assert SAID not in read(other, country)


def test_the_lists_of_bodies_and_the_files_say_it(country: Advisory, officer: Person, caller: Person) -> None:
    rung(dark(), caller)
    for state in ("dark", "targeted"):
        html = read(officer, country, "coverage_bodies", f"?is={state}")
        assert html.count(SAID) == 1
        assert f"nobody to tell</span>; {SAID}</td>" in html
    for table, query in (("bodies", "?is=dark"), ("bodies", ""), ("tree", "")):
        answer = signed_in(officer).get(
            reverse("alerts:coverage_table", args=[country.reference, table, "csv"]) + query
        )
        written = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert written.count(f"nobody to tell; {SAID}") == 1


def test_a_body_that_is_dark_no_more_is_not_said_to_have_been_rung(
    country: Advisory, officer: Person, caller: Person
) -> None:
    rung(dark(), caller)
    found = rows.recipient(country, dark(), who=rows.person("Con Contact"))
    Recipient.objects.filter(pk=found.pk).update(told_revision=1, outcome="delivered")
    counting.fold(country.pk)
    assert "told by telephone" not in read(officer, country, query="?open=government")
    assert "told by telephone" not in read(officer, country, "coverage_bodies", "?is=targeted")


def test_kept_figures_keep_it(country: Advisory, officer: Person, caller: Person) -> None:
    rung(dark(), caller)
    signed_in(officer).post(
        reverse("alerts:coverage_keep", args=[country.reference]), {"shown": "2020", "open": "government"}
    )
    kept = Citation.objects.get().content
    assert SAID in kept["record"]
    assert [one["words"] for one in kept["reasons"] if SAID in one["words"]] == [
        f"body with nobody to tell: Foreign Affairs Committee ({SAID})"
    ]
    assert {"text": SAID, "dark": False} in [why for line in kept["lines"] for why in line["why"]]


def test_it_is_asked_once_for_all_of_them(country: Advisory, officer: Person, caller: Person) -> None:
    def taken() -> list[int]:
        counts = []
        for page, query in (("coverage", "?open=government"), ("coverage_bodies", "?is=dark")):
            with CaptureQueriesContext(connection) as queries:
                get(officer, country, page, query)
            assert sum("alerts_call" in query["sql"] for query in queries) == 1
            counts.append(len(queries))
        return counts

    before = taken()
    top = Relay.objects.get(body__slug="government")
    for number in range(9):
        rung(rows.relay(country, f"dark-{number}", top), caller)
    assert taken() == before
    assert read(officer, country, "coverage_bodies", "?is=dark").count(SAID) == 9
