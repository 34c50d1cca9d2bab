"""The reach preview: what is shown before publishing is what the cascade then does, whatever the directory looks like."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from alerts import coverage
from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Branch, Draft, Exclusion, Named, Recipient, Relay, Revision, Seat
from alerts.models.audience import AudienceRole, AudienceTopic
from alerts.publishing import gaps
from alerts.publishing.publish import publish_draft
from alerts.publishing.reach import as_signed, reach, targets
from alerts.publishing.targeting import heir_of
from departments.models import Body, Membership, Person, Remit, Role, Sponsor, Topic
from departments.readiness import refresh
from departments.refusal import Refused
from tests.office import Office
from tests.test_drafts import a_draft, fresh

pytestmark = pytest.mark.django_db

TOPICS = ("china", "cyber")


@dataclass(frozen=True)
class Place:
    """A body: everything by number, so that hypothesis can make it smaller."""

    parent: int
    """Of the bodies before it; none where that is not one."""
    closed: bool
    successor: int
    sponsors: tuple[int, ...]
    remit: tuple[str, ...]
    holds: bool


@dataclass(frozen=True)
class Somebody:
    """A person, and where they sit in what role."""

    seats: tuple[tuple[int, str], ...]
    left: bool
    bounced: bool


@dataclass(frozen=True)
class World:
    """A directory, and an audience in it."""

    places: tuple[Place, ...]
    people: tuple[Somebody, ...]
    issuer: int
    branches: tuple[int, ...]
    roles: tuple[str, ...]
    topics: tuple[str, ...]
    named: tuple[int, ...]
    excluded: tuple[int, ...]
    red: bool
    """For the named alone."""


number = st.integers(0, 7)
numbers = st.lists(number, max_size=2).map(tuple)
rarely = st.sampled_from([False, False, False, True])
subjects = st.lists(st.sampled_from(TOPICS), max_size=2, unique=True).map(tuple)
roles = st.sampled_from([role.value for role in Role])
places = st.builds(Place, number, rarely, number, numbers, subjects, rarely)
people = st.builds(Somebody, st.lists(st.tuples(number, roles), min_size=1, max_size=3).map(tuple), rarely, rarely)
worlds = st.builds(
    World,
    st.lists(places, min_size=2, max_size=8).map(tuple),
    st.lists(people, min_size=3, max_size=8).map(tuple),
    number,
    st.lists(number, min_size=1, max_size=2).map(tuple),
    st.one_of(st.just(()), st.lists(roles, min_size=1, max_size=2).map(tuple)),
    st.one_of(st.just(()), st.just(()), subjects),
    st.one_of(st.just(()), st.just(()), numbers),
    st.one_of(st.just(()), numbers),
    rarely,
)


def build(world: World) -> tuple[Draft, Person]:
    """The directory and the draft in the database, submitted; and who approves it."""
    bodies: list[Body] = []
    for n, place in enumerate(world.places):
        parent = bodies[place.parent] if place.parent < n else None
        policy = {"policy": "hold", "hold_hours": 1} if place.holds else {}
        bodies.append(Body.objects.create(slug=f"body-{n}", name=f"Body {n}", kind="team", parent=parent, **policy))
    many = len(bodies)
    for body, place in zip(bodies, world.places, strict=True):
        if place.closed:
            heir = bodies[place.successor % many]
            body.closed, body.successor = timezone.localdate(), None if heir == body else heir
            body.save()
    Sponsor.objects.bulk_create(
        [
            Sponsor(body=body, sponsor=bodies[of % many])
            for body, place in zip(bodies, world.places, strict=True)
            for of in set(place.sponsors)
            if bodies[of % many] != body
        ],
        ignore_conflicts=True,
    )
    topics = {slug: Topic.objects.create(slug=slug) for slug in TOPICS}
    Remit.objects.bulk_create(
        [Remit(body=b, topic=topics[t]) for b, place in zip(bodies, world.places, strict=True) for t in place.remit]
    )
    now = timezone.now()
    persons = [
        Person.objects.create(
            email=f"p{n}@example.org",
            written=f"p{n}@example.org",
            name=f"Person {n}",
            left_at=now if one.left else None,
            bounced_at=now if one.bounced else None,
        )
        for n, one in enumerate(world.people)
    ]
    Membership.objects.bulk_create(
        [
            Membership(person=person, body=bodies[seat % many], role=role)
            for person, one in zip(persons, world.people, strict=True)
            for seat, role in one.seats
        ],
        ignore_conflicts=True,
    )
    # The issuer may be anywhere in the tree: its own line is not passed on the way.
    above = bodies[world.issuer] if world.issuer < many else None
    issuer = Body.objects.create(slug="issuer", name="Issuer", kind="agency", may_issue=True, parent=above)
    ada, ben = (Person.objects.create(email=f"{n}@issuer.example", written=n, name=n.title()) for n in ("ada", "ben"))
    Membership.objects.bulk_create([Membership(person=who, body=issuer, role="officer") for who in (ada, ben)])
    advisory = Advisory.objects.create(
        reference="ADV-2026-0001",
        issuer=issuer,
        severity="high",
        marking="RED" if world.red else "GREEN",
        open_title="Advice",
        written_by=ada,
        owner=ada,
    )
    chosen = [bodies[n % many] for n in dict.fromkeys(n % many for n in world.branches) if not world.red]
    Branch.objects.bulk_create([Branch(advisory=advisory, body=body) for body in chosen])
    AudienceRole.objects.bulk_create([AudienceRole(advisory=advisory, role=role) for role in set(world.roles)])
    AudienceTopic.objects.bulk_create([AudienceTopic(advisory=advisory, topic=topics[slug]) for slug in world.topics])
    Named.objects.bulk_create(
        [Named(advisory=advisory, person=persons[n], by=ada) for n in {n % len(persons) for n in world.named}]
    )
    Exclusion.objects.bulk_create(
        [
            Exclusion(advisory=advisory, body=bodies[n], reason="x", by=ada, look_again_at=now + timedelta(days=9))
            for n in {n % many for n in world.excluded}
        ]
    )
    head = {"severity": "high", "marking": advisory.marking, "open_title": "Advice"}
    content = {"title": "Zoom", "summary": "Stop.", "topics": list(TOPICS), **head}
    return Draft.objects.create(advisory=advisory, content=content, saved_by=ada, submitted_by=ada), ben


def check(world: World) -> None:
    draft, ben = build(world)
    advisory = draft.advisory
    refresh()
    shown = reach(advisory)
    signed = as_signed(advisory, shown)
    assert len(targets(advisory)) == shown.bodies
    try:
        with transaction.atomic():
            revision = publish_draft(draft, ben)
    except Refused:
        event("refused")
        closed = [chosen.body for chosen in advisory.branches.select_related("body") if heir_of(chosen.body) is None]
        assert shown.people == 0 or shown.nowhere or closed
        return
    event("published")
    for _ in range(10):
        if cascade(advisory.pk):
            break
    assert Recipient.objects.filter(targeted=True).count() == shown.people
    if world.red:
        event("red")
        assert not Recipient.objects.exclude(person__in=advisory.named.values("person")).exists()
    assert Relay.objects.filter(purpose="target").count() == shown.bodies
    assert set(Relay.objects.filter(purpose="target").values_list("body", flat=True)) == targets(advisory)
    found = {(gap.kind, gap.body.slug) for gap in shown.gaps}
    dark = {row.body for row in coverage.table(advisory) if row.state == "dark" and not row.own.targeted}
    assert {slug for kind, slug in found if kind == "nobody"} == dark
    addresses: dict[str, list[bool]] = defaultdict(list)
    counting = Seat.objects.filter(counts=True, ended_at=None, relay__purpose="target")
    for slug, bounced in counting.values_list("relay__body__slug", "recipient__person__bounced_at"):
        addresses[slug].append(bounced is not None)
    assert {slug for kind, slug in found if kind == "bouncing"} == {s for s, one in addresses.items() if all(one)}
    # Nobody whom it reaches is said to be outside, and each body is said one thing.
    assert not {gap.body.pk for gap in shown.choices()} & targets(advisory)
    assert len(found) == len({gap.body.pk for gap in shown.gaps})
    kept = Revision.objects.get(pk=revision.pk).preview
    assert kept == signed
    assert set(advisory.gaps.values_list("kind", "body__slug")) == found


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds)
def test_the_preview_s_numbers_are_those_that_the_cascade_then_produces(db: None, world: World) -> None:
    with transaction.atomic():
        check(world)
        transaction.set_rollback(True)


@pytest.fixture
def office() -> Office:
    made = Office()
    made.person("gil", made.government, "member")
    return made


class TestAttention:
    """Beside the severity: how many advisories this audience had of late."""

    def test_counts_those_of_the_last_thirty_days_that_reached_any_of_it(self, office: Office) -> None:
        for branches in (["government"], ["department"], ["centre"]):
            cascade(office.publish(audience={"branches": branches}).advisory_id)
        first = Advisory.objects.order_by("pk").first()
        assert first is not None
        draft = office.draft(audience={"branches": ["department"]})
        assert reach(draft.advisory).this_month == 2
        Advisory.objects.filter(pk=first.pk).update(published_at=timezone.now() - timedelta(days=30, seconds=1))
        assert reach(draft.advisory).this_month == 1

    def test_drills_and_real_warnings_count_apart(self, office: Office) -> None:
        cascade(office.publish(exercise=True).advisory_id)
        office.outside.remit.all().delete()
        real, drill = office.draft(), office.draft(exercise=True)
        assert (reach(real.advisory).this_month, reach(drill.advisory).this_month) == (0, 1)
        draft = office.draft(audience={"branches": ["centre"]})
        assert [gap.kind for gap in reach(draft.advisory).choices()] == []
        drilled = office.draft(audience={"branches": ["centre"]}, exercise=True)
        assert {gap.kind for gap in reach(drilled.advisory).choices()} == {"similar"}

    def test_an_advisory_is_not_counted_beside_itself(self, office: Office) -> None:
        advisory = office.publish().advisory
        cascade(advisory.pk)
        assert reach(advisory).this_month == 0


class TestFigures:
    def test_at_night_whoever_has_no_address_for_it_is_counted(self, office: Office) -> None:
        draft = office.draft()
        refresh()
        assert reach(draft.advisory).no_night == 2
        Membership.objects.filter(person=office.cas).update(hours="out")
        revision = publish_draft(draft, office.ben)
        assert revision.preview["no_night"] == 1  # as things stand when it is published, whatever was looked at before

    def test_the_frozen_preview_is_what_was_shown_whatever_happens_later(self, office: Office) -> None:
        draft = office.draft()
        refresh()
        shown = as_signed(draft.advisory, reach(draft.advisory))
        revision = publish_draft(draft, office.ben)
        office.person("new", office.government, "member")
        assert Revision.objects.get(pk=revision.pk).preview == shown
        assert shown["rule"] == {
            "branches": ["government"],
            "roles": [],
            "topics": [],
            "named": 0,
            "excluded": [],
        }

    def test_the_subject_is_the_draft_s_and_then_the_revision_s(self, office: Office) -> None:
        draft = a_draft(office, topics=["china", 7, None])
        assert [gap.kind for gap in reach(fresh(draft).advisory).choices()] == ["outside"]
        assert reach(fresh(draft).advisory, topics=[]).choices() == []
        for junk in ("china", None, {"china": 1}):
            Draft.objects.filter(pk=draft.pk).update(content={"topics": junk})
            assert reach(fresh(draft).advisory).choices() == []
        published = office.publish().advisory
        assert "committee" in {gap.body.slug for gap in reach(Advisory.objects.get(pk=published.pk)).choices()}

    def test_looking_writes_nothing_and_asks_a_handful_of_questions(self, office: Office) -> None:
        draft = office.draft()
        for number in range(20):
            body = Body.objects.create(slug=f"empty-{number}", name="Empty", kind="team", parent=office.government)
            Remit.objects.create(body=body, topic=Topic.objects.get(slug="china"))
        with CaptureQueriesContext(connection) as asked:
            found = reach(fresh(draft).advisory)
            gaps.undecided(draft.advisory, found)
        assert len(found.gaps) == 21
        assert len(asked) <= 7
        assert all("INSERT" not in query["sql"] and "UPDATE" not in query["sql"] for query in asked)
