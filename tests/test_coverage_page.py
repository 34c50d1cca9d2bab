"""The coverage page: the verdict, who may see how much of it, and that it follows by itself."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from alerts import counting
from alerts.models import Advisory, Gap, Recipient, Relay
from alerts.templatetags.bar import bar
from departments.models import Body, Membership, Person
from tests import rows
from tests.yards import within

if TYPE_CHECKING:
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db


def duty(person: Person, body_slug: str, role: str) -> Person:
    Membership.objects.create(person=person, body=Relay.objects.get(body__slug=body_slug).body, role=role)
    return person


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="departments.signing_in.DutyBackend")
    return client


def page(person: Person, of: Advisory, query: str = "") -> str:
    found = signed_in(person).get(reverse("alerts:coverage", args=[of.reference]) + query)
    assert found.status_code == 200
    return found.content.decode()


def live(person: Person, of: Advisory, query: str = "") -> HttpResponse:
    return signed_in(person).get(reverse("alerts:coverage_live", args=[of.reference]) + query)  # type: ignore[return-value]


def poll_of(html: str) -> str:
    """The query with which the page asks for news."""
    url = html.split('id="live" hx-get="')[1].split('"')[0]
    return "?" + url.split("?")[1].replace("&amp;", "&")


@pytest.fixture
def officer(country: Advisory) -> Person:
    Membership.objects.create(person=country.written_by, body=country.issuer, role="officer")
    return country.written_by


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


@pytest.fixture
def country() -> Advisory:
    """Government above a treasury (one told, one refused, one waiting behind a hold) and a committee with nobody."""
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    treasury = rows.relay(advisory, "treasury", top)
    office = rows.relay(advisory, "debt-office", treasury, state="held")
    rows.relay(advisory, "foreign-affairs-committee", top)
    answered, refused = rows.recipient(advisory, treasury), rows.recipient(advisory, treasury)
    rows.recipient(advisory, office)
    Recipient.objects.filter(pk=answered.pk).update(told_revision=1, answered_revision=1)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    rows.leave_out(advisory, rows.body("devolved", top.body))
    counting.fold(advisory.pk)
    return advisory


def test_the_verdict_counts_who_was_not_told_and_names_the_dark_body(country: Advisory, officer: Person) -> None:
    html = page(officer, country)
    assert "<em>2 of 3 people have not been told</em>, and 1 of 3 bodies has nobody to tell." in html
    assert "Foreign Affairs Committee</a>" in html
    assert "cannot be reached" in html
    assert "held by the contacts of" in html


def test_handed_over_is_said_where_the_route_reports_no_delivery(country: Advisory, officer: Person) -> None:
    assert "this route does not report delivery" in page(officer, country)


def test_what_was_left_out_stands_with_its_reason_and_its_name(country: Advisory, officer: Person) -> None:
    html = page(officer, country)
    assert "“told through their own centre” Signed by Olive Officer" in html
    assert "Left out on purpose: Devolved (“told through their own centre”, signed by Olive Officer on " in html


def test_only_what_was_opened_is_rendered(country: Advisory, auditor: Person) -> None:
    closed, opened = page(auditor, country), page(auditor, country, "?open=government&open=treasury")
    in_tree = re.compile(r'<th scope="row"( class="in\d")?><a id="in-\d+" href="\?in=([\w-]+)">')
    assert in_tree.findall(closed)[0] == ("", "government")
    assert (' class="in2"', "debt-office") not in in_tree.findall(closed)
    assert (' class="in2"', "debt-office") in in_tree.findall(opened)
    assert "open=government&amp;open=treasury" in opened


def test_a_contact_sees_their_own_branch_and_no_other(country: Advisory) -> None:
    contact = duty(rows.person("Connie Contact"), "treasury", "contact")
    html = page(contact, country, "?open=treasury")
    assert "Debt Office" in html
    assert "2 of 3 people have not been told" in html
    for hidden in ("Foreign Affairs Committee", "Government", "told through their own centre"):
        assert hidden not in html


def test_a_contact_elsewhere_is_refused_and_a_visitor_asked_to_sign_in(country: Advisory) -> None:
    elsewhere = rows.person("Ella Elsewhere")
    Membership.objects.create(person=elsewhere, body=rows.body("elsewhere"), role="contact")
    for name in ("alerts:coverage", "alerts:coverage_live"):
        url = reverse(name, args=[country.reference])
        assert signed_in(elsewhere).get(url).status_code == 403
        visit = Client().get(url)
        assert visit.status_code == 302
        assert visit["Location"].startswith(reverse("account_login"))
        assert signed_in(elsewhere).post(url).status_code == 405


def test_an_unknown_reference_is_not_found(country: Advisory, auditor: Person) -> None:
    assert signed_in(auditor).get("/advisories/ADV-1999-0001/coverage/").status_code == 404


def test_nothing_new_is_204_and_a_changed_figure_is_the_page_with_the_same_rows_open(
    country: Advisory, auditor: Person
) -> None:
    Relay.objects.filter(state="held").update(state="planned", held_until=None)
    query = poll_of(page(auditor, country, "?open=government"))
    assert live(auditor, country, query).status_code == 204
    Recipient.objects.filter(told_revision=0, outcome="").update(told_revision=1)
    news = live(auditor, country, query)
    assert news.status_code == 200
    html = news.content.decode()
    assert "1 of 3 people has" not in html
    assert "1 of 3 people have not been told" in html
    assert re.search(r'class="in1"><a id="in-\d+" href="\?in=treasury">', html)
    assert live(auditor, country, poll_of(html)).status_code == 204


def test_folding_is_no_news(country: Advisory, auditor: Person) -> None:
    Relay.objects.filter(state="held").update(state="planned", held_until=None)
    Recipient.objects.filter(told_revision=0, outcome="").update(told_revision=1)
    query = poll_of(page(auditor, country))
    counting.fold(country.pk)
    assert live(auditor, country, query).status_code == 204


def test_an_officer_and_the_bodys_contact_may_release_and_nobody_else(country: Advisory, officer: Person) -> None:
    relay = Relay.objects.get(state="held")
    url = reverse("alerts:release", args=[country.reference, relay.pk])
    above = duty(rows.person("Theo Treasury"), "treasury", "contact")
    contact = duty(rows.person("Dora Debt"), "debt-office", "deputy")
    assert "Release now" not in page(above, country)
    assert signed_in(above).post(url).status_code == 403
    assert Relay.objects.get(pk=relay.pk).state == "held"
    for person in (officer, contact):
        assert "Release now" in page(person, country)
        assert signed_in(person).get(url).status_code == 405
    answer = signed_in(contact).post(url, follow=True).content.decode()
    assert "Debt Office goes on" in answer
    assert Relay.objects.get(pk=relay.pk).released_by == contact
    assert "was not held any more" in signed_in(officer).post(url, follow=True).content.decode()


def test_a_good_case_says_who_has_not_answered() -> None:
    advisory = rows.advisory()
    relay = rows.relay(advisory, "treasury")
    first, second = rows.recipient(advisory, relay), rows.recipient(advisory, relay)
    Recipient.objects.update(told_revision=1)
    auditor = rows.person("Audrey Auditor", is_auditor=True)
    assert "Everybody has been told; 2 of 2 people have not answered yet." in page(auditor, advisory)
    Recipient.objects.filter(pk=first.pk).update(answered_revision=1)
    assert "Everybody has been told; 1 of 2 people has not answered yet." in page(auditor, advisory)
    Recipient.objects.filter(pk=second.pk).update(answered_revision=1)
    assert "Everybody has been told, and all 2 have answered." in page(auditor, advisory)


def test_before_the_cascade_the_page_says_that_nothing_was_reached_yet() -> None:
    html = page(rows.person("Audrey Auditor", is_auditor=True), rows.advisory())
    assert "No body has been reached yet" in html


def test_a_body_with_a_very_long_name_and_signs_in_it_is_shown_whole_and_harmless(auditor: Person) -> None:
    advisory = rows.advisory()
    relay = rows.relay(advisory, "treasury")
    name = "Committee <script>alert(1)</script> " + "for the supervision of " * 20
    type(relay.body).objects.filter(pk=relay.body_id).update(name=name)
    html = page(auditor, advisory)
    assert escape(name.strip()) in html
    assert "<script>alert" not in html


def test_the_number_of_queries_does_not_grow_with_the_bodies(auditor: Person) -> None:
    def asked(advisory: Advisory, bodies: int, prefix: str) -> int:
        top = rows.relay(advisory, f"{prefix}-top")
        for number in range(bodies):
            relay = rows.relay(advisory, f"{prefix}-{number}", top, state="held" if number % 2 else "released")
            rows.recipient(advisory, relay)
        client = signed_in(auditor)
        url = reverse("alerts:coverage", args=[advisory.reference]) + f"?open={prefix}-top"
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    few = asked(rows.advisory("ADV-2026-0001"), 5, "few")
    assert asked(rows.advisory("ADV-2026-0002"), 50, "many") == few <= 25


def test_the_bar_adds_up_and_shows_what_weighs_little_or_nothing() -> None:
    drawn = bar(answered=100_000, dark=1)
    widths = [float(piece.width) for piece in drawn["pieces"]]  # type: ignore[attr-defined]
    assert sum(widths) == pytest.approx(100, abs=0.01)
    assert min(widths) > 1
    assert drawn["label"] == "Of 100,001 people: 100,000 answered, 1 cannot be reached"
    assert [(piece.kind, piece.width) for piece in bar(nobody=True)["pieces"]] == [("dark", "100")]  # type: ignore[attr-defined]
    assert bar()["pieces"] == []


def test_thousands_left_out_by_one_press_are_shown_at_once_the_first_by_name(auditor: Person) -> None:
    advisory = rows.advisory()
    bodies = Body.objects.bulk_create([Body(slug=f"far-{n}", name=f"Far {n}", kind="team") for n in range(4000)])
    signed = {"decision": "signed", "reason": "not theirs", "by": auditor, "at": timezone.now()}
    Gap.objects.bulk_create(Gap(advisory=advisory, body=body, kind="outside", **signed) for body in bodies)
    html = within(200, lambda: page(auditor, advisory))
    assert html.count('<b><a href="/bodies/far-') == 1
    assert html.count("/bodies/far-") == 11
    assert "and 3,999 more</th>" in html
    assert html.count("see what was left out</a>") == 1
    assert "and 3,990 more" in html
    assert "and 3,990 more (“not theirs”, signed by " in html


def test_a_body_left_out_twice_for_one_reason_is_named_once(auditor: Person) -> None:
    advisory = rows.advisory()
    out = rows.leave_out(advisory, rows.body("devolved"), "not theirs")
    Gap.objects.create(
        advisory=advisory, body=out.body, kind="outside", decision="signed", reason="not theirs", by=out.by, at=out.at
    )
    cards = page(auditor, advisory).split("Left out on purpose</h2>")[1]
    assert cards.count("/bodies/devolved/") == 1


def test_what_nobody_decided_asks_for_a_decision_until_it_is_stood_down(auditor: Person) -> None:
    advisory = rows.advisory()
    Gap.objects.create(advisory=advisory, body=rows.body("board"), kind="outside", decision="undecided")
    assert "outside the audience, undecided" in page(auditor, advisory)
    Advisory.objects.filter(pk=advisory.pk).update(state="stood-down")
    html = page(auditor, advisory)
    assert "outside the audience, undecided" not in html
    assert "Whether it concerns Board had not been decided." in html


def test_a_later_revision_says_when_it_came_beside_when_the_first_was_published(auditor: Person) -> None:
    advisory = rows.advisory()
    assert "revision 1" not in page(auditor, advisory)
    Advisory.objects.filter(pk=advisory.pk).update(published_at=timezone.now() - timedelta(days=3))
    rows.revise(advisory)
    for html in (
        page(auditor, advisory),
        signed_in(auditor).get(f"/advisories/{advisory.reference}/").content.decode(),
    ):
        assert "published 3 days ago" in html
        assert "revision 2, just now" in html


@pytest.mark.parametrize(("marking", "label"), [("GREEN", "tlp-green"), ("AMBER+STRICT", "tlp-amber-strict")])
def test_each_printed_page_carries_the_label_of_its_marking(auditor: Person, marking: str, label: str) -> None:
    advisory = rows.advisory()
    Advisory.objects.filter(pk=advisory.pk).update(marking=marking, open_title="Advice")
    assert f'class="printed-whole {label}"' in page(auditor, advisory)


def test_many_held_bodies_are_counted_and_the_largest_named(auditor: Person) -> None:
    advisory = rows.advisory()
    for number in range(14):
        rows.recipient(advisory, rows.relay(advisory, f"team-{number:02d}", state="held"))
    html = page(auditor, advisory)
    assert html.count("held by the contacts of") == 10
    assert "and 4 more bodies held" in html


def test_what_is_not_named_is_counted(country: Advisory, auditor: Person) -> None:
    for number in range(16):
        museum = rows.body(f"museum-{number:02d}")
        Gap.objects.create(advisory=country, body=museum, kind="outside", decision="undecided")
    assert "and 6 more</span>" in page(auditor, country)


def test_one_way_of_being_out_of_reach_needs_no_second_number(country: Advisory, auditor: Person) -> None:
    assert "cannot be reached: their mail was refused" in page(auditor, country)
