"""Who waits behind a hold is one number wherever it is said, and the reasons of a coverage page add up to its verdict."""

from __future__ import annotations

import re

import pytest
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from alerts.cascading.holds import held_by
from alerts.coverage import held, where
from alerts.coverage.held import behind_holds
from alerts.coverage.lists import bodies, waiting_below
from alerts.coverage.scope import scope
from alerts.models import Advisory, Recipient, Relay, Seat
from departments.models import Person
from tests import rows
from tests.clients import signed_in

pytestmark = pytest.mark.django_db

WAIT_FOR = {"research": 5, "prisons": 3}


@pytest.fixture
def country() -> Advisory:
    """Government (between) above research, which holds it above a council that two of its people sit in as well, and prisons,
    which hold it for two, and for one who waits in research too; and a treasury with one told and one out of reach.
    """
    advisory = rows.advisory(seen=1)
    top = rows.relay(advisory, "government", purpose="between")
    research = rows.relay(advisory, "research", top, state="held")
    council = rows.relay(advisory, "council", research, state="planned")
    prisons = rows.relay(advisory, "prisons", top, state="held")
    treasury = rows.relay(advisory, "treasury", top)
    told = [rows.recipient(advisory, treasury)]
    for holds in (research, prisons):
        told.append(rows.recipient(advisory, holds, who=rows.person(f"Contact of {holds.body.name}"), role="contact"))
        rows.recipient(advisory, holds)
    Recipient.objects.filter(pk__in=[one.pk for one in told]).update(told_revision=1)
    refused = rows.recipient(advisory, treasury)
    Recipient.objects.filter(pk=refused.pk).update(outcome="unreachable")
    for _ in range(2):
        rows.recipient(advisory, research, council)
    rows.recipient(advisory, council)
    rows.recipient(advisory, council, prisons, who=rows.person("Bea Both"))
    rows.recipient(advisory, prisons)
    return advisory


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


def page(person: Person, name: str, of: Advisory, query: str = "") -> str:
    found = signed_in(person).get(reverse(f"alerts:{name}", args=[of.reference]) + query)
    assert found.status_code == 200
    return found.content.decode()


def holds(of: Advisory) -> dict[str, Relay]:
    return {relay.body.slug: relay for relay in of.relays.filter(state="held").select_related("body")}


def reasons(html: str) -> int:
    """What the reasons that count people add up to."""
    listed = html.split('aria-label="Not told, and why">')[1].split("</ul>")[0]
    found = [re.search(r"</i>([0-9]+)</span>", one) for one in listed.split("<li>") if "nobody to tell" not in one]
    return sum(int(one[1]) for one in found if one)


def verdict(html: str) -> int:
    found = re.search(r'class="verdict"><em>([0-9,]+) of', html)
    assert found is not None
    return int(found[1])


class TestOneNumber:
    def test_each_of_those_who_wait_is_one_person_as_its_contacts_are_told(self, country: Advisory) -> None:
        found = behind_holds(scope(country.pk), 9)
        assert found is not None
        for slug, relay in holds(country).items():
            contact = Recipient.objects.get(seats__relay=relay, seats__contact=True)
            [told] = held_by(contact)
            assert (found[relay.pk].people, told.people) == (WAIT_FOR[slug], WAIT_FOR[slug])

    def test_added_up_nobody_is_in_two(self, country: Advisory) -> None:
        found = behind_holds(scope(country.pk), 9)
        assert found is not None
        assert sum(one.counted for one in found.values()) == 7 == held.people_held({country.pk: 9})[country.pk]

    def test_added_up_in_a_branch_places_are(self, country: Advisory) -> None:
        branch = scope(country.pk, None, country.relays.get(body__slug="government").pk)
        found = behind_holds(branch, 10, [relay.pk for relay in holds(country).values()])
        assert found is not None
        assert sum(one.counted for one in found.values()) == 10
        assert {relay.body.slug: found[relay.pk].people for relay in holds(country).values()} == WAIT_FOR

    def test_the_list_of_bodies_says_it(self, country: Advisory) -> None:
        for of in (scope(country.pk), scope(country.pk, None, country.relays.get(body__slug="government").pk)):
            assert {one.body: one.waits for one in bodies(of, "held").bodies} == WAIT_FOR

    def test_and_a_release_and_where_it_is_now(self, country: Advisory) -> None:
        for slug, relay in holds(country).items():
            assert {one.relay.body.slug: one.people for one in where.read(country, 10).holds} == WAIT_FOR
            # Whoever's place in the council waits for research alone; the one in prisons goes on.
            assert waiting_below(country.pk, [relay.pk]) == WAIT_FOR[slug]
        assert waiting_below(country.pk, [relay.pk for relay in holds(country).values()]) == 7

    def test_of_too_many_places_nobody_is_looked_up(self, country: Advisory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(held, "COUNTED", 3)
        assert behind_holds(scope(country.pk), 10) is None
        assert sum(one.people for one in where.read(country, 10).holds) == 10


class TestTheReasonsAddUp:
    @pytest.mark.parametrize("within", ["", "?in=government", "?in=research", "?in=council", "?in=prisons&own=1"])
    def test_to_the_verdict(self, country: Advisory, auditor: Person, within: str) -> None:
        html = page(auditor, "coverage", country, within)
        assert reasons(html) == verdict(html)

    def test_also_where_more_bodies_hold_it_than_are_named(self, country: Advisory, auditor: Person) -> None:
        for number in range(12):
            rows.recipient(country, rows.relay(country, f"team-{number:02d}", state="held"))
        html = page(auditor, "coverage", country)
        assert "and 4 more bodies held" in html
        assert reasons(html) == verdict(html) == 20

    def test_whoever_waits_behind_another_hold_too_is_said_to(self, country: Advisory, auditor: Person) -> None:
        html = page(auditor, "coverage", country)
        assert "3 people wait for them, 1 of whom is counted with another body" in html

    def test_in_a_branch_people_and_places_are_told_apart(self, country: Advisory, auditor: Person) -> None:
        assert "5 people wait for them, in 7 places" in page(auditor, "coverage", country, "?in=research")

    def test_the_tree_counts_places_and_says_so(self, country: Advisory, auditor: Person) -> None:
        html = page(auditor, "coverage", country)
        assert '<th scope="col" class="n">Places not told</th>' in html
        assert "2 bodies below held, 10 places waiting" in html
        assert "held by its contacts, 5 people waiting" in html

    def test_and_people_where_nobody_sits_in_two(self, country: Advisory, auditor: Person) -> None:
        twice = Recipient.objects.annotate(places=Count("seats")).filter(places=2)
        Seat.objects.filter(recipient__in=twice, relay__body__slug="council").update(ended_at=timezone.now())
        html = page(auditor, "coverage", country)
        assert '<th scope="col" class="n">Not told</th>' in html
        assert "2 bodies below held, 7 people waiting" in html
        assert "counted in both" not in html


class TestWhere:
    def test_the_levels_add_up_to_who_still_waits(self, country: Advisory, auditor: Person) -> None:
        wave = where.read(country, 10)
        assert [one.waiting for one in wave.levels] == [0, 6, 1]
        assert sum(one.waiting for one in wave.levels) == wave.figures.waiting == wave.held_people == 7
        assert "People still waiting" in page(auditor, "where", country)

    def test_of_too_many_places_are_counted_and_called_so(
        self, country: Advisory, auditor: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(where, "COUNTED", 3)
        assert sum(one.waiting for one in where.read(country, 10).levels) == 10
        assert "Places still waiting" in page(auditor, "where", country)
