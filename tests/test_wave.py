"""The wave keeps up with a directory that changes under it, costs nothing while nothing does, and gives way."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import coverage
from alerts.cascading import cascade as cascading
from alerts.cascading.cascade import cascade, compare_anew, wanting
from alerts.cascading.holds import release
from alerts.models import Advisory, Batch, Message, Note, Recipient, Record, Relay, Seat
from alerts.tasks import cascade_all, compare_all_anew
from departments.closing import close
from departments.models import Body, Change, Membership, Person, Sponsor
from departments.readiness import refresh
from tests.stack import until
from tests.test_cascade import Scene, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def held(scene: Scene) -> Advisory:
    """The north holds it; somebody waits in the north, in the agency below it, and hears it at once in the south."""
    Body.objects.filter(pk=scene.north.pk).update(policy="hold", hold_hours=8)
    scene.person("contact", (scene.north, "contact"))
    scene.person("member", (scene.north, "member"))
    scene.person("below", (scene.agency, "member"))
    scene.person("beside", (scene.south, "member"))
    advisory = scene.advisory(scene.root)
    assert cascade(advisory.pk)
    assert told(advisory) == ["Beside", "Contact"]
    return advisory


def nothing_is_wanted() -> bool:
    """After a pass or two: what was still being written anywhere on the server when a pass began is looked at again."""
    until("no advisory wants a pass", lambda: not wanting() or cascade_all())
    return True


def moves(body: Body, parent: Body | None) -> None:
    Body.objects.filter(pk=body.pk).update(parent=parent)


class TestWhileNothingChanges:
    def test_no_advisory_wants_a_pass(self, held: Advisory) -> None:
        assert nothing_is_wanted()

    def test_a_minute_costs_one_small_query_however_many_are_live(self, scene: Scene) -> None:
        for _ in range(5):
            cascade(scene.advisory(scene.root).pk)
        assert nothing_is_wanted()
        with CaptureQueriesContext(connection) as asked:
            cascade_all()
        assert len(asked) == 1

    def test_changes_are_forgotten_once_everybody_has_looked_at_them(self, scene: Scene) -> None:
        cascade(scene.advisory(scene.root).pk)
        scene.person("late", (scene.south, "member"))
        until(
            "they are forgotten",
            lambda: cascade_all() or refresh() or not Change.objects.exists() or compare_all_anew(),
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda scene: scene.person("late", (scene.south, "member")),
            lambda scene: moves(scene.agency, scene.south),
            lambda scene: Relay.objects.filter(state="held").update(held_until=timezone.now()),
            lambda scene: scene.revise(Advisory.objects.get()),
            lambda scene: Relay.objects.filter(body=scene.south).update(stale=True),
        ],
        ids=["somebody joins", "a body moves", "a hold falls due", "an update", "a pass that was cut off"],
    )
    def test_whatever_there_is_to_do_is_seen(self, held: Advisory, scene: Scene, change: object) -> None:
        assert callable(change)
        change(scene)
        assert wanting() == [held.pk]
        cascade(held.pk)
        assert nothing_is_wanted()

    def test_the_most_severe_is_named_first_and_what_was_stopped_not_at_all(self, scene: Scene) -> None:
        low, critical, high = (scene.advisory(scene.root, severity=one) for one in ("low", "critical", "high"))
        assert wanting() == [critical.pk, high.pk, low.pk]
        assert wanting(rank=1) == [critical.pk]
        Advisory.objects.filter(pk=critical.pk).update(stopped_at=timezone.now())
        assert wanting() == [high.pk, low.pk]


class TestPlannedRelaysFollowTheDirectory:
    """Those that were not reached; what was reached stays as it was."""

    def test_a_body_that_moves_out_from_behind_a_hold_is_reached_at_once(self, held: Advisory, scene: Scene) -> None:
        moves(scene.agency, scene.south)
        cascade(held.pk)
        relay, south = held.relays.get(body=scene.agency), held.relays.get(body=scene.south)
        assert relay.parent_id == south.pk
        assert relay.path == [*south.path, relay.pk]
        assert told(held) == ["Below", "Beside", "Contact"]

    def test_the_branch_below_it_moves_along(self, held: Advisory, scene: Scene) -> None:
        office = scene.body("office", scene.agency)
        cascade(held.pk)
        moves(scene.agency, scene.south)
        cascade(held.pk)
        relay = held.relays.get(body=office)
        assert relay.path == [held.relays.get(body=one).pk for one in (scene.root, scene.south, scene.agency, office)]

    def test_a_body_that_was_reached_keeps_its_place(self, held: Advisory, scene: Scene) -> None:
        before = held.relays.get(body=scene.south)
        moves(scene.south, scene.north)
        cascade(held.pk)
        after = held.relays.get(body=scene.south)
        assert (after.parent_id, after.path, after.reached_at) == (before.parent_id, before.path, before.reached_at)

    def test_a_body_that_leaves_the_audience_before_it_was_reached_is_not_told(
        self, held: Advisory, scene: Scene
    ) -> None:
        moves(scene.agency, None)
        cascade(held.pk)
        release(held.relays.get(body=scene.north).pk, scene.officer)
        cascade(held.pk)
        assert told(held) == ["Beside", "Contact", "Member"]
        assert held.relays.get(body=scene.agency).purpose == "left"
        assert Seat.objects.get(relay__body=scene.agency).ended_at is not None
        assert not Recipient.objects.get(person__name="Below").targeted
        assert "agency" not in {row.body for row in coverage.read(held).rows}
        assert nothing_is_wanted()

    def test_and_is_told_once_it_is_back(self, held: Advisory, scene: Scene) -> None:
        moves(scene.agency, None)
        cascade(held.pk)
        moves(scene.agency, scene.south)
        cascade(held.pk)
        assert told(held) == ["Below", "Beside", "Contact"]
        assert held.relays.get(body=scene.agency).purpose == "target"
        assert Recipient.objects.get(person__name="Below").targeted

    def test_a_sponsor_that_is_let_go_on_first_does_not_change_whose_branch_it_counts_in(
        self, held: Advisory, scene: Scene
    ) -> None:
        Sponsor.objects.create(body=scene.agency, sponsor=scene.south)
        cascade(held.pk)
        assert held.relays.get(body=scene.agency).parent == held.relays.get(body=scene.north)

    def test_sponsors_in_a_circle_stay_roots_of_their_own_pass_after_pass(self, scene: Scene) -> None:
        left, right = scene.body("left"), scene.body("right", policy="hold", hold_hours=1)
        Sponsor.objects.create(body=left, sponsor=right)
        Sponsor.objects.create(body=right, sponsor=left)
        scene.person("ray", (right, "contact"))
        advisory = scene.advisory(left)
        cascade(advisory.pk)
        scene.person("late", (left, "member"))
        cascade(advisory.pk)
        assert told(advisory) == ["Late", "Ray"]
        assert nothing_is_wanted()

    def test_a_body_that_closes_after_it_was_reached_is_not_dark(self, held: Advisory, scene: Scene) -> None:
        close(scene.south, successor=scene.north, on=timezone.localdate(), by=scene.officer, why="merged")
        cascade(held.pk)
        assert [row.body for row in coverage.read(held).rows if row.state == "dark"] == ["government"]


class TestNobodyIsLeftToHoldIt:
    """Then nothing is waited for."""

    def test_its_last_contact_left(self, held: Advisory) -> None:
        Person.objects.filter(name="Contact").update(left_at=timezone.now())
        cascade(held.pk)
        assert told(held) == ["Below", "Beside", "Contact", "Member"]
        assert Record.objects.filter(kind="released, nobody to hold it").count() == 1

    def test_its_contacts_address_refuses_mail(self, held: Advisory) -> None:
        Person.objects.filter(name="Contact").update(bounced_at=timezone.now())
        cascade(held.pk)
        assert "Below" in told(held)

    def test_it_holds_nothing_any_more(self, held: Advisory, scene: Scene) -> None:
        Body.objects.filter(pk=scene.north.pk).update(policy="automatic", hold_hours=0)
        cascade(held.pk)
        assert "Below" in told(held)


class TestRepaired:
    """What was refused is written anew once it was put right, and once."""

    @pytest.fixture
    def refused(self, held: Advisory) -> Recipient:
        recipient = Recipient.objects.get(person__name="Beside")
        Message.objects.filter(recipient=recipient).update(state="failed")
        Recipient.objects.filter(pk=recipient.pk).update(outcome="unreachable", why="550 no such user")
        Person.objects.filter(pk=recipient.person_id).update(bounced_at=timezone.now())
        cascade(held.pk)
        assert recipient.messages.count() == 1
        return recipient

    def test_an_address_that_was_corrected_gets_the_mail(self, held: Advisory, refused: Recipient) -> None:
        Person.objects.filter(pk=refused.person_id).update(email="right@example.org", bounced_at=None)
        cascade(held.pk)
        cascade(held.pk)
        assert [one.state for one in refused.messages.order_by("pk")] == ["failed", "waiting"]
        refused.refresh_from_db()
        assert (refused.outcome, refused.why) == ("", "")

    def test_one_that_is_refused_again_waits_to_be_corrected_again(self, held: Advisory, refused: Recipient) -> None:
        Person.objects.filter(pk=refused.person_id).update(bounced_at=None)
        cascade(held.pk)
        refused.messages.update(state="failed")
        Person.objects.filter(pk=refused.person_id).update(bounced_at=timezone.now())
        cascade(held.pk)
        assert refused.messages.count() == 2
        Person.objects.filter(pk=refused.person_id).update(bounced_at=None)
        cascade(held.pk)
        assert sorted(refused.messages.values_list("key", flat=True)) == [
            f"revision:{held.current_id}:{refused.person_id}{more}" for more in ("", ":1", ":2")
        ]

    def test_a_body_with_nobody_to_tell_hears_it_when_a_contact_is_named(self, held: Advisory, scene: Scene) -> None:
        dark = scene.body("dark", scene.south)
        cascade(held.pk)
        scene.person("named", (dark, "contact"))
        cascade(held.pk)
        assert "Named" in told(held)


class TestAtATime:
    """Steps are of a bounded size, and a large body is compared piece by piece."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cascading, "PEOPLE_AT_ONCE", 5)
        monkeypatch.setattr(cascading, "FIRST_PEOPLE", 3)
        monkeypatch.setattr(cascading, "RELAYS_AT_ONCE", 4)
        monkeypatch.setattr(cascading, "MESSAGES_AT_ONCE", 4)
        monkeypatch.setattr(cascading, "BATCH", 2)

    def test_everybody_of_a_very_large_body_is_told_once(self, scene: Scene) -> None:
        for number in range(23):
            scene.person(f"p{number:02}", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        assert cascade(advisory.pk)
        assert len(told(advisory)) == 23
        assert max(batch.messages.count() for batch in Batch.objects.all()) <= 2
        assert nothing_is_wanted()

    def test_who_joins_a_piece_that_was_done_while_the_next_is_compared_is_not_forgotten(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = scene.person("first")
        for number in range(12):
            scene.person(f"p{number:02}", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        write = cascading._write
        pieces: list[cascading._Chunk] = []

        def joined(of: Advisory, chunk: cascading._Chunk) -> None:
            if chunk.above and not pieces:
                pieces.append(chunk)
                Membership.objects.create(person=first, body=scene.south, role="member")
            write(of, chunk)

        monkeypatch.setattr(cascading, "_write", joined)
        cascade(advisory.pk)
        cascade(advisory.pk)
        assert pieces
        assert "First" in told(advisory)

    def test_many_small_bodies_are_told_in_chunks(self, scene: Scene) -> None:
        for number in range(30):
            scene.person(f"p{number:02}", (scene.body(f"b{number:02}", scene.south), "member"))
        advisory = scene.advisory(scene.root)
        assert cascade(advisory.pk)
        assert len(told(advisory)) == 30

    def test_an_update_reaches_everybody_in_steps(self, scene: Scene) -> None:
        for number in range(11):
            scene.person(f"p{number:02}", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        cascade(advisory.pk)
        scene.revise(advisory)
        cascade(advisory.pk)
        assert len(told(advisory)) == 11


def test_who_is_let_go_on_while_people_are_told_is_told_as_well(
    held: Advisory, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The press comes between the look at a relay and the note that everybody there was looked at."""
    north = held.relays.get(body=scene.north)
    held.relays.update(stale=True)
    queue_at = cascading._queue_at

    def pressed(advisory: Advisory, chunk: cascading._Chunk, after: int) -> int | None:
        release(north.pk, scene.officer)
        return queue_at(advisory, chunk, after)

    monkeypatch.setattr(cascading, "_queue_at", pressed)
    assert cascade(held.pk)
    assert told(held) == ["Below", "Beside", "Contact", "Member"]
    assert nothing_is_wanted()


class TestGivingWay:
    def test_a_pass_ends_after_a_step_where_something_more_severe_waits(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rung: list[tuple[int, int]] = []
        monkeypatch.setattr(
            "alerts.wake.ring", lambda name, *args, rank=0: rung.append((*args, rank)) if args else None
        )
        scene.person("member", (scene.south, "member"))
        routine, critical = scene.advisory(scene.root, severity="low"), scene.advisory(scene.root, severity="critical")
        assert not cascade(routine.pk)
        assert rung == [(routine.pk, 3)]
        assert cascade(critical.pk)
        assert cascade(routine.pk)
        assert told(routine) == told(critical) == ["Member"]

    def test_a_long_pass_ends_after_its_turn_and_rings_for_another(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cascading, "TURN", -1)
        scene.person("member", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        turns = 1
        while not cascade(advisory.pk):
            turns += 1
        assert 1 < turns < 10
        assert told(advisory) == ["Member"]


def test_what_no_flag_says_is_found_when_everything_is_compared_anew(held: Advisory) -> None:
    """Rows that went missing as nothing of ours loses them: an operator's mistake, a restore of one table."""
    beside = Recipient.objects.get(person__name="Beside")
    beside.messages.all().delete()
    beside.seats.all().delete()
    assert cascade(held.pk)
    assert told(held) == ["Contact"]
    assert compare_anew(held.pk)
    assert told(held) == ["Beside", "Contact"]
    assert nothing_is_wanted()


class TestANoteThatIsMailed:
    @pytest.fixture
    def note(self, held: Advisory, scene: Scene) -> Note:
        """The south's contact adds a note; one there was told before, one is told later."""
        south = scene.person("sue", (scene.south, "contact"))
        cascade(held.pk)
        Message.objects.filter(person__name="Beside").update(state="sent", sent_at=timezone.now())
        Recipient.objects.filter(person__name="Beside").update(told_revision=1)
        note = Note.objects.create(relay=held.relays.get(body=scene.south), text="Ask Sue.", by=south)
        Note.objects.filter(pk=note.pk).update(mail_asked_at=timezone.now() + timedelta(seconds=1))
        return note

    def test_it_goes_once_to_those_who_were_told_before(self, held: Advisory, note: Note) -> None:
        assert wanting() == [held.pk]
        cascade(held.pk)
        cascade(held.pk)
        assert [one.person.name for one in Message.objects.filter(kind="note")] == ["Beside"]
        assert Note.objects.get().mailed_at is not None
        assert nothing_is_wanted()

    def test_one_that_was_replaced_goes_to_nobody(self, held: Advisory, note: Note) -> None:
        Note.objects.create(relay=note.relay, text="Ask Tim.", by=note.by)
        cascade(held.pk)
        assert not Message.objects.filter(kind="note").exists()
        assert nothing_is_wanted()
