"""What a press, a correction or a slow server does while a pass or a delivery is under way: nothing lost, nothing doubled."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tasks
from alerts.cascading import cascade as cascading
from alerts.cascading import noting, relays
from alerts.cascading.cascade import cascade, compare_anew, wanting
from alerts.cascading.holds import release
from alerts.delivery import deliver as delivering
from alerts.delivery import settling
from alerts.models import Advisory, Batch, Message, Note, Recipient, Relay, Route
from alerts.publishing import gaps, reviewing
from alerts.senders import Outcome
from departments.closing import close
from departments.models import Body, Membership, Person, Sponsor
from tests.smtp import Server
from tests.stack import until
from tests.test_cascade import Scene, told
from tests.test_wave import nothing_is_wanted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def meanwhile(work: Callable[[], object]) -> threading.Thread:
    """Somebody else does it, on a connection of their own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def settle(advisory: Advisory) -> None:
    for _ in range(3):
        cascade(advisory.pk)


def in_hand() -> tuple[settling.Claimed, Any]:
    """A batch as a worker has it: claimed, its first part filled in, nothing sent yet."""
    batch = delivering._claim()
    assert batch is not None
    part = delivering._take_part(batch, 100)
    assert part is not None
    return batch, part


def note_all(batch: settling.Claimed, part: Any, kind: Any = "sent") -> None:
    part.settled = [Outcome(id_, kind, 250, "so be it") for id_ in part.personal]
    settling.note(batch, part)


class TestPutInWhileAPassLooks:
    def test_a_body_between_becomes_a_target(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.person("target", (scene.agency, "member"))
        scene.person("member", (scene.north, "member"))
        advisory = scene.advisory(scene.agency)
        settle(advisory)
        scene.person("somebody", (scene.south, "member"))
        follow, presses = relays.follow, list[threading.Thread]()

        def pressed(of: Advisory, since: int) -> None:
            follow(of, since)
            if not presses:
                one = Advisory.objects.get(pk=advisory.pk)
                presses.append(meanwhile(lambda: gaps.put_in(one, [scene.north.pk], scene.officer)))

        monkeypatch.setattr(relays, "follow", pressed)
        cascade(advisory.pk)
        presses[0].join()
        settle(advisory)
        assert told(advisory) == ["Member", "Target"]

    def test_comparing_anew_finds_it_whatever_was_noted(self, scene: Scene) -> None:
        scene.person("member", (scene.north, "member"))
        advisory = scene.advisory(scene.agency)
        settle(advisory)
        gaps.put_in(advisory, [scene.north.pk], scene.officer)
        Advisory.objects.filter(pk=advisory.pk).update(seen=2**62)
        compare_anew(advisory.pk)
        assert told(advisory) == ["Member"]


class TestALargeBodyAndAShortTurn:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cascading, "PEOPLE_AT_ONCE", 5)
        monkeypatch.setattr(cascading, "FIRST_PEOPLE", 3)

    def test_each_turn_goes_on_where_the_last_one_ended(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cascading, "TURN", -1)
        for number in range(23):
            scene.person(f"p{number:02}", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        turns = 1
        while not cascade(advisory.pk):
            turns += 1
            assert turns < 20
        assert len(told(advisory)) == 23

    def test_and_so_it_does_where_something_more_severe_takes_every_turn(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(23):
            scene.person(f"p{number:02}", (scene.south, "member"))
        low = scene.advisory(scene.root, severity="low")
        monkeypatch.setattr(cascading, "_outranked", lambda _: True)
        for _ in range(20):
            cascade(low.pk)
        assert len(told(low)) == 23

    def test_who_is_let_go_on_behind_the_pieces_is_told(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        Body.objects.filter(pk=scene.south.pk).update(policy="hold", hold_hours=1)
        for number in range(12):
            scene.person(f"p{number:02}", (scene.south, "member"))
        scene.person("contact", (scene.south, "contact"))
        advisory = scene.advisory(scene.root)
        queue_at = cascading._queue_at

        def pressed(of: Advisory, chunk: Any, after: int) -> int | None:
            if chunk.above:
                release(advisory.relays.get(body=scene.south).pk, scene.officer)
            return queue_at(of, chunk, after)

        monkeypatch.setattr(cascading, "_queue_at", pressed)
        assert cascade(advisory.pk)
        assert len(told(advisory)) == 13
        assert nothing_is_wanted()


class TestANoteWhileMailsAreInHand:
    def test_who_was_sent_theirs_without_it_gets_it(self, scene: Scene) -> None:
        sue = scene.person("sue", (scene.south, "contact"))
        scene.person("bob", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        settle(advisory)
        batch, part = in_hand()
        noting.add_note(advisory.relays.get(body=scene.south).pk, sue, "Do this first.", None, mail=True)
        settle(advisory)
        assert Note.objects.get().mailed_at is None
        note_all(batch, part)
        Batch.objects.update(leased_until=None)
        settle(advisory)
        assert [one.person.name for one in Message.objects.filter(kind="note")] == ["Bob"]
        assert Note.objects.get().mailed_at is not None

    def test_who_has_it_in_theirs_is_not_mailed_again(self, scene: Scene) -> None:
        sue = scene.person("sue", (scene.south, "contact"))
        scene.person("bob", (scene.south, "member"))
        advisory = scene.advisory(scene.root)
        settle(advisory)
        noting.add_note(advisory.relays.get(body=scene.south).pk, sue, "Do this first.", None, mail=True)
        batch, part = in_hand()
        note_all(batch, part)
        Batch.objects.update(leased_until=None)
        settle(advisory)
        assert not Message.objects.filter(kind="note").exists()
        assert Note.objects.get().mailed_at is not None


class TestCorrectedMeanwhile:
    def test_a_refusal_of_the_old_address_does_not_blame_the_new_one(self, scene: Scene) -> None:
        person = scene.person("t", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        settle(advisory)
        batch, part = in_hand()
        Person.objects.filter(pk=person.pk).update(email="right@example.org", written="right@example.org")
        settle(advisory)
        note_all(batch, part, "refused")
        settle(advisory)
        person.refresh_from_db()
        assert person.bounced_at is None
        assert [one.state for one in Message.objects.order_by("pk")] == ["failed", "waiting"]

    def test_a_stand_down_that_was_refused_is_sent_once_the_address_was_put_right(self, scene: Scene) -> None:
        person = scene.person("t", (scene.agency, "member"))
        advisory = scene.advisory(scene.root)
        settle(advisory)
        Recipient.objects.update(told_revision=1)
        Message.objects.update(state="sent", sent_at=timezone.now())
        scene.revise(advisory, "stand-down")
        Advisory.objects.filter(pk=advisory.pk).update(state="stood-down")
        settle(advisory)
        Message.objects.filter(state="waiting").update(state="failed")
        Person.objects.filter(pk=person.pk).update(bounced_at=timezone.now())
        compare_anew(advisory.pk)
        assert not Message.objects.filter(state="waiting").exists()
        Person.objects.filter(pk=person.pk).update(bounced_at=None)
        assert cascading.to_be_compared() == [advisory.pk]
        scene.person("late", (scene.agency, "member"))
        compare_anew(advisory.pk)
        assert Message.objects.filter(state="waiting").count() == 1
        assert not Recipient.objects.filter(person__name="Late").exists()


def test_who_was_told_of_an_earlier_revision_after_its_lease_ran_out_hears_of_the_later_one(scene: Scene) -> None:
    person = scene.person("t", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    settle(advisory)
    batch, part = in_hand()
    Membership.objects.filter(person=person).update(until=timezone.now())
    settle(advisory)
    Batch.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    scene.revise(advisory)
    Message.objects.filter(state="waiting").update(state="superseded")
    settle(advisory)
    note_all(batch, part)
    settle(advisory)
    assert told(advisory) == ["T"]


def test_who_is_between_an_heir_and_its_audience_hears_it(scene: Scene) -> None:
    department = scene.body("department", scene.root)
    issuer, target = scene.body("issuer", department), scene.body("target", department)
    scene.person("contact", (department, "contact"))
    scene.person("member", (target, "member"))
    advisory = scene.advisory(target)
    Advisory.objects.filter(pk=advisory.pk).update(issuer=issuer)
    settle(advisory)
    assert told(advisory) == ["Member"]
    close(issuer, by=None, on=timezone.localdate(), why="merged", successor=scene.issuer)
    settle(advisory)
    reviewing.hand_over(timezone.now())
    settle(advisory)
    assert told(advisory) == ["Contact", "Member"]


def test_whoever_comes_to_stand_in_a_circle_has_a_path_that_is_true(scene: Scene) -> None:
    Body.objects.filter(pk=scene.north.pk).update(policy="hold", hold_hours=8)
    scene.person("contact", (scene.north, "contact"))
    left, right, third = scene.body("left", scene.north), scene.body("right", scene.north), scene.body("third")
    Sponsor.objects.create(body=third, sponsor=right)
    advisory = scene.advisory(scene.north, left)
    settle(advisory)
    Body.objects.filter(pk__in=[left.pk, right.pk]).update(parent=None)
    Sponsor.objects.create(body=left, sponsor=third)
    Sponsor.objects.create(body=right, sponsor=left)
    settle(advisory)
    for relay in advisory.relays.exclude(purpose="left").select_related("parent"):
        assert relay.path == [*(relay.parent.path if relay.parent else []), relay.pk]


def test_a_line_holds_it_no_longer_in_all_than_the_severity_allows(scene: Scene) -> None:
    """Four bodies one below another that hold: one hour of a warning of high severity, and not four."""
    above, line = scene.root, []
    for number in range(4):
        above = scene.body(f"b{number}", above, policy="hold", hold_hours=8)
        scene.person(f"contact{number}", (above, "contact"))
        line.append(above)
    scene.person("last", (above, "member"))
    advisory = scene.advisory(scene.root)
    settle(advisory)
    began = timezone.now()
    first = advisory.relays.get(body=line[0])
    Relay.objects.filter(pk=first.pk).update(reached_at=began - timedelta(minutes=40))
    release(first.pk, scene.officer)
    settle(advisory)
    second = advisory.relays.get(body=line[1])
    assert second.held_until is not None
    assert timedelta(minutes=19) < second.held_until - began < timedelta(minutes=21)
    Relay.objects.filter(pk=second.pk).update(reached_at=began - timedelta(minutes=20), held_until=began)
    settle(advisory)
    assert "Last" in told(advisory)


def test_the_mildest_gets_its_turn_while_somebody_joins_every_minute(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = scene.advisory(scene.root, severity="low")
    scene.advisory(scene.root, severity="high")
    monkeypatch.setattr(tasks, "LONG_TURN", -1)
    rung: list[str] = []
    monkeypatch.setattr(tasks, "wake", lambda name, *args, **kwargs: rung.append(name))
    scene.person("first", (scene.south, "member"))
    tasks.cascade_all()
    assert rung == ["cascade_all"]
    until("the mild one had its turn", lambda: tasks.cascade_all() or told(low) == ["First"])


def test_a_server_that_is_slow_with_each_answer_doubles_nothing(scene: Scene, settings: SettingsWrapper) -> None:
    """Each answer comes within EMAIL_TIMEOUT, all of them together do not: the mail is given up before the lease is."""
    settings.EMAIL_TIMEOUT, settings.BATCH_LEASE = 1, 2
    scene.person("one", (scene.agency, "member"))
    advisory = scene.advisory(scene.root)
    settle(advisory)

    class Slow(Server):
        async def handle_MAIL(self, *said: Any) -> str:  # noqa: N802  # aiosmtpd's
            await asyncio.sleep(0.7)
            return await super().handle_MAIL(*said)

        async def handle_RCPT(self, *said: Any) -> str:  # noqa: N802
            await asyncio.sleep(0.7)
            return await super().handle_RCPT(*said)

    with Slow() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        delivering.deliver()
        assert server.mails == []
    batch = Message.objects.get().batch
    assert (batch.leased_until, batch.done_at) == (None, None)
    rests_until = Route.objects.get().rests_until
    assert rests_until is not None
    assert rests_until > timezone.now()
    assert "timed out" in Message.objects.get().error
    assert wanting() in ([], [advisory.pk])


def test_a_batch_that_takes_too_long_is_handed_back_with_what_is_left_of_it(
    scene: Scene, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
    monkeypatch.setattr(delivering, "LONGEST", 0)
    for number in range(3):
        scene.person(f"p{number}", (scene.agency, "member"))
    settle(scene.advisory(scene.root))
    with Server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        delivering.deliver()
        assert len(server.mails) == 2  # the second one was on the wire
        while delivering.deliver():
            pass
        assert len(server.mails) == 3
    assert Message.objects.filter(state="sent").count() == 3
