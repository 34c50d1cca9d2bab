"""The cascade writes what is missing, once: relays, recipients, seats and messages."""

import pytest
from django.db import connection
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.cascading.holds import release
from alerts.models import Advisory, Branch, Exclusion, Message, Recipient, Relay, Revision, Seat
from alerts.models.audience import AudienceRole
from departments.closing import close
from departments.models import Body, Membership, Person, Sponsor

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """A small government: a root with two departments, an agency, and an issuer beside them."""

    def __init__(self) -> None:
        self.issuer = self.body("ncsc")
        self.root = self.body("government")
        self.north = self.body("north", self.root)
        self.south = self.body("south", self.root)
        self.agency = self.body("agency", self.north)
        self.officer = self.person("officer", (self.issuer, "officer"))

    def body(self, slug: str, parent: Body | None = None, **fields: object) -> Body:
        return Body.objects.create(slug=slug, name=slug.title(), kind="department", parent=parent, **fields)

    def person(self, name: str, *places: tuple[Body, str]) -> Person:
        email = f"{name}@example.org"
        person = Person.objects.create(email=email, written=email, name=name.title())
        for body, role in places:
            Membership.objects.create(person=person, body=body, role=role)
        return person

    def advisory(self, *branches: Body, severity: str = "high") -> Advisory:
        advisory = Advisory.objects.create(
            reference=f"ADV-2026-{Advisory.objects.count() + 1:04d}",
            issuer=self.issuer,
            severity=severity,
            marking="GREEN",
            state="live",
            written_by=self.officer,
        )
        for branch in branches:
            Branch.objects.create(advisory=advisory, body=branch)
        self.revise(advisory)
        return advisory

    def revise(self, advisory: Advisory, kind: str = "material") -> Revision:
        revision = Revision.objects.create(
            advisory=advisory,
            number=advisory.revisions.count() + 1,
            kind=kind,
            content={"title": "Mind the gap"},
            hash="0" * 64,
            by=self.officer,
            alone_reason="a test",
        )
        advisory.current = revision
        if kind == "material":
            advisory.material = revision
        advisory.save()
        return revision


@pytest.fixture
def scene() -> Scene:
    return Scene()


def told(advisory: Advisory) -> list[str]:
    """The names of everybody with a message of the current revision."""
    return sorted(
        Message.objects.filter(revision=Advisory.objects.get(pk=advisory.pk).current).values_list(
            "person__name", flat=True
        )
    )


def test_somebody_in_three_bodies_gets_one_mail_and_three_seats(scene: Scene) -> None:
    person = scene.person("ann", (scene.north, "member"), (scene.south, "member"), (scene.agency, "contact"))
    advisory = scene.advisory(scene.root)
    assert cascade(advisory.pk)
    assert Message.objects.filter(person=person).count() == 1
    assert Seat.objects.filter(recipient__person=person, counts=True).count() == 3
    assert Recipient.objects.get(person=person).targeted


def test_whom_mail_is_known_not_to_reach_is_tried_once_with_each_new_text(scene: Scene) -> None:
    hows = ["", "bounced", "suppressed", "complained"]
    for how in hows:
        person = scene.person(f"gone{how}", (scene.agency, "member"))
        Person.objects.filter(pk=person.pk).update(bounced_at=timezone.now(), bounced_how=how)
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    assert len(told(advisory)) == len(hows)
    Message.objects.update(state="failed")
    Recipient.objects.update(outcome="unreachable")
    Relay.objects.update(to_tell=True)
    cascade(advisory.pk)
    assert Message.objects.count() == len(hows)


def test_running_it_again_writes_nothing(scene: Scene) -> None:
    for number in range(12):
        scene.person(f"person{number}", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    before = [model.objects.count() for model in (Relay, Recipient, Seat, Message)]
    cascade(advisory.pk)
    cascade(advisory.pk)
    assert [model.objects.count() for model in (Relay, Recipient, Seat, Message)] == before == [4, 12, 12, 12]


def test_a_batch_holds_no_more_than_it_may(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.cascading.cascade.BATCH", 5)
    monkeypatch.setattr("alerts.cascading.cascade.MESSAGES_AT_ONCE", 12)
    for number in range(23):
        scene.person(f"person{number:02d}", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    sizes = {batch.pk: batch.messages.count() for batch in advisory.batches.all()}
    assert sum(sizes.values()) == 23
    assert max(sizes.values()) <= 5
    assert {batch.pk: batch.size for batch in advisory.batches.all()} == sizes


def test_relays_stand_as_the_tree_does(scene: Scene) -> None:
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    relays = {relay.body_id: relay for relay in advisory.relays.all()}
    line = [relays[body.pk].pk for body in (scene.root, scene.north, scene.agency)]
    assert relays[scene.agency.pk].path == line
    assert relays[scene.agency.pk].parent_id == relays[scene.north.pk].pk
    assert all(relay.state == Relay.State.RELEASED for relay in relays.values())


def test_a_body_under_two_sponsors_is_reached_once_under_its_accountability_parent(scene: Scene) -> None:
    shared = scene.body("shared", scene.south)
    Sponsor.objects.create(body=shared, sponsor=scene.north)
    Sponsor.objects.create(body=shared, sponsor=scene.agency)
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    relay = advisory.relays.get(body=shared)
    assert relay.parent is not None
    assert relay.parent.body == scene.south


def test_sponsors_that_go_round_in_a_circle_do_not_hold_anybody_up(scene: Scene) -> None:
    left, right = scene.body("left"), scene.body("right")
    Sponsor.objects.create(body=left, sponsor=right)
    Sponsor.objects.create(body=right, sponsor=left)
    scene.person("lee", (left, "member"))
    scene.person("ray", (right, "member"))
    advisory = scene.advisory(left)
    cascade(advisory.pk)
    assert told(advisory) == ["Lee", "Ray"]


def test_contacts_between_the_issuer_and_a_target_are_told_for_information(scene: Scene) -> None:
    scene.person("target", (scene.agency, "member"))
    scene.person("between", (scene.north, "contact"))
    scene.person("bystander", (scene.north, "member"))
    advisory = scene.advisory(scene.agency)
    cascade(advisory.pk)
    assert told(advisory) == ["Between", "Target"]
    assert not Recipient.objects.get(person__name="Between").targeted


def test_an_excluded_body_and_what_hangs_below_it_are_left_out(scene: Scene) -> None:
    scene.person("north", (scene.north, "member"))
    scene.person("agency", (scene.agency, "member"))
    scene.person("south", (scene.south, "member"))
    advisory = scene.advisory(scene.root)
    Exclusion.objects.create(advisory=advisory, body=scene.north, reason="told otherwise", by=scene.officer)
    cascade(advisory.pk)
    assert told(advisory) == ["South"]


def test_only_the_roles_asked_for_are_targeted(scene: Scene) -> None:
    scene.person("head", (scene.south, "head"))
    scene.person("member", (scene.south, "member"))
    advisory = scene.advisory(scene.root)
    AudienceRole.objects.create(advisory=advisory, role="head")
    cascade(advisory.pk)
    assert told(advisory) == ["Head"]


def test_leavers_and_closed_bodies_are_not_told(scene: Scene) -> None:
    gone = scene.person("gone", (scene.south, "member"))
    Person.objects.filter(pk=gone.pk).update(left_at=timezone.now())
    scene.person("shut", (scene.agency, "member"))
    Body.objects.filter(pk=scene.agency.pk).update(closed=timezone.now().date())
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    assert told(advisory) == []


class TestHolding:
    """A body that holds tells its contacts at once; its members and everything below wait."""

    @pytest.fixture
    def held(self, scene: Scene) -> Advisory:
        Body.objects.filter(pk=scene.north.pk).update(policy="hold", hold_hours=8)
        scene.person("contact", (scene.north, "contact"))
        scene.person("member", (scene.north, "member"))
        scene.person("below", (scene.agency, "member"))
        scene.person("beside", (scene.south, "member"))
        return scene.advisory(scene.root)

    def test_the_contact_is_told_and_the_others_wait_but_are_counted(self, held: Advisory) -> None:
        cascade(held.pk)
        assert told(held) == ["Beside", "Contact"]
        assert held.recipients.filter(targeted=True).count() == 4

    def test_a_press_lets_it_go_on(self, held: Advisory, scene: Scene) -> None:
        cascade(held.pk)
        assert release(held.relays.get(body=scene.north).pk, scene.officer)
        cascade(held.pk)
        assert told(held) == ["Below", "Beside", "Contact", "Member"]

    def test_the_clock_lets_it_go_on_over_them(self, held: Advisory, scene: Scene) -> None:
        cascade(held.pk)
        held.relays.filter(body=scene.north).update(held_until=timezone.now())
        cascade(held.pk)
        relay = held.relays.get(body=scene.north)
        assert relay.released_at is not None
        assert relay.released_by is None
        assert "Below" in told(held)

    def test_it_holds_no_longer_than_the_severity_allows(self, held: Advisory, scene: Scene) -> None:
        cascade(held.pk)
        relay = held.relays.get(body=scene.north)
        assert relay.held_until is not None
        assert relay.reached_at is not None
        assert (relay.held_until - relay.reached_at).total_seconds() == 3600

    def test_a_critical_advisory_is_never_held(self, held: Advisory) -> None:
        Advisory.objects.filter(pk=held.pk).update(severity="critical")
        cascade(held.pk)
        assert told(held) == ["Below", "Beside", "Contact", "Member"]


class TestWhatChangesMeanwhile:
    """While an advisory is live the directory goes on living."""

    def test_a_late_joiner_is_told(self, scene: Scene) -> None:
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        scene.person("late", (scene.agency, "member"))
        cascade(advisory.pk)
        assert told(advisory) == ["Late"]

    def test_a_new_body_gets_its_turn(self, scene: Scene) -> None:
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        scene.person("new", (scene.body("newborn", scene.agency), "member"))
        cascade(advisory.pk)
        assert told(advisory) == ["New"]
        assert len(advisory.relays.get(body__slug="newborn").path) == 4

    def test_a_leavers_seat_is_ended_and_they_are_still_told_of_updates(self, scene: Scene) -> None:
        person = scene.person("leaver", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        Recipient.objects.filter(person=person).update(told_revision=1)
        Membership.objects.filter(person=person).update(until=timezone.now())
        cascade(advisory.pk)
        recipient = Recipient.objects.get(person=person)
        assert not recipient.targeted
        assert recipient.seats.get().ended_at is not None
        scene.revise(advisory)
        cascade(advisory.pk)
        assert told(advisory) == ["Leaver"]
        assert Message.objects.get(revision__number=2).kind == Message.Kind.UPDATE

    def test_whoever_comes_back_has_their_seat_again(self, scene: Scene) -> None:
        person = scene.person("back", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        Membership.objects.filter(person=person).update(until=timezone.now())
        cascade(advisory.pk)
        Membership.objects.create(person=person, body=scene.agency, role="member")
        cascade(advisory.pk)
        recipient = Recipient.objects.get(person=person)
        assert recipient.targeted
        assert recipient.seats.get().ended_at is None

    def test_a_stopped_advisory_does_not_move(self, scene: Scene) -> None:
        scene.person("ann", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        Advisory.objects.filter(pk=advisory.pk).update(stopped_at=timezone.now())
        cascade(advisory.pk)
        assert told(advisory) == []

    def test_a_stand_down_goes_to_whoever_was_told_and_to_nobody_else(self, scene: Scene) -> None:
        scene.person("told", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        Recipient.objects.filter(person__name="Told").update(told_revision=1)
        scene.person("later", (scene.agency, "member"))
        scene.revise(advisory, "stand-down")
        Advisory.objects.filter(pk=advisory.pk).update(state="stood-down")
        cascade(advisory.pk)
        assert told(advisory) == ["Told"]


def test_an_advisory_for_a_body_that_was_merged_reaches_whoever_took_over(scene: Scene) -> None:
    scene.person("heir", (scene.south, "member"))
    advisory = scene.advisory(scene.agency)
    close(scene.agency, by=None, on=timezone.localdate(), why="merged", successor=scene.south)
    cascade(advisory.pk)
    assert set(advisory.recipients.filter(targeted=True).values_list("person__name", flat=True)) == {"Heir"}


def test_a_merger_while_an_advisory_is_live_tells_the_successor_as_well(scene: Scene) -> None:
    moved = scene.person("moved", (scene.agency, "member"))
    scene.person("heir", (scene.south, "member"))
    advisory = scene.advisory(scene.agency)
    cascade(advisory.pk)
    close(scene.agency, by=None, on=timezone.localdate(), why="merged", successor=scene.south)
    cascade(advisory.pk)
    assert set(advisory.recipients.filter(targeted=True).values_list("person__name", flat=True)) == {"Heir", "Moved"}
    assert Message.objects.filter(person=moved).count() == 1


def test_a_successor_that_was_left_out_stays_left_out(scene: Scene) -> None:
    scene.person("heir", (scene.south, "member"))
    advisory = scene.advisory(scene.agency)
    Exclusion.objects.create(advisory=advisory, body=scene.south, reason="told by hand", by=scene.officer)
    close(scene.agency, by=None, on=timezone.localdate(), why="merged", successor=scene.south)
    cascade(advisory.pk)
    assert not advisory.recipients.filter(targeted=True).exists()


def test_a_pass_that_finds_nothing_to_plan_touches_no_relay(scene: Scene) -> None:
    advisory = scene.advisory(scene.root)
    cascade(advisory.pk)
    Advisory.objects.update(seen=None)
    with connection.cursor() as cursor:
        # A row that was locked or written says by whom.
        cursor.execute("SELECT id, xmin::text, xmax::text FROM alerts_relay ORDER BY id")
        before = cursor.fetchall()
        cursor.execute("DELETE FROM departments_change")
        cascade(advisory.pk)
        cursor.execute("SELECT id, xmin::text, xmax::text FROM alerts_relay ORDER BY id")
        assert cursor.fetchall() == before
