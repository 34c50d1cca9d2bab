"""Each verb, killed after every single statement that writes and every commit, then run again: nothing lost, little doubled.

The verb runs in a process of its own, a fork of this one, which ends itself with SIGKILL at the step in question. What it
works on is made once, and put back each time.
"""

import gc
import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from alerts import counting
from alerts.cascading.cascade import cascade
from alerts.delivery import deliver
from alerts.models import Advisory, Batch, Delta, Draft, Message, Recipient, Revision, Seat, Tide, Whole
from alerts.models import Counter as Kept
from alerts.models.figures import FIGURES
from alerts.publishing.publish import publish_draft
from alerts.senders.smtp import SmtpSender
from departments.models import Body
from departments.refusal import Refused
from tests import browser
from tests.office import Office
from tests.put_back import PutBack
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True, scope="module")
def _no_browser() -> None:
    """Its loop stands in the thread that forks: Django would take the connection for that of a coroutine, and hand it on."""
    browser.stop()


MOST = 400  # steps that no verb here has
PART = 2

# PostgreSQL may not have noticed yet that whoever it worked for is dead. It holds their locks until it does, and a verb that
# only tries a lock would stand aside. It is waited for, at most this long (seconds). This process may have connections
# besides the one at hand, where a browser ran: they were there before, and stay.
_CLIENTS = "FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
THERE = f"SELECT array_agg(pid) {_CLIENTS}"
END_ITS_OWN = f"SELECT pg_terminate_backend(pid) {_CLIENTS} AND pid <> ALL(%s)"
PATIENCE = 60


class Steps:
    """Counts the statements and commits of a connection, and kills its process after the one in question."""

    def __init__(self, last: int) -> None:
        self.last, self.done = last, 0

    def step(self) -> None:
        """One is done."""
        self.done += 1
        if self.done == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """What `connection.execute_wrapper` calls."""
        result = execute(sql, params, many, context)
        # After one that only reads everything is as it was after the one before.
        if not sql.lstrip().startswith("SELECT"):
            self.step()
        return result


def killed_at(last: int, verb: Callable[[], object], further: Callable[[Steps], None] | None = None) -> bool:
    """Run a verb in a process of its own, killed after this many steps. False when it had fewer, and ended well.

    Afterwards nothing of it is left in the database either. `further` has other things that the verb does counted as steps.
    """
    with connection.cursor() as cursor:
        cursor.execute(THERE)
        (there,) = cursor.fetchone()
    child = os.fork()
    if child == 0:
        try:
            gc.disable()  # looking for garbage writes to every page that the two still share
            # It has one of its own. Ours is kept, in both: closed here it would be closed there as well.
            _ours, connection.connection = connection.connection, None
            steps = Steps(last)
            commit = connection._commit  # type: ignore[attr-defined]

            def and_step() -> None:
                commit()
                steps.step()

            connection._commit = and_step  # type: ignore[attr-defined]
            if further is not None:
                further(steps)
            with connection.execute_wrapper(steps.statement):
                verb()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), "the verb failed by itself"
    end = monotonic() + PATIENCE
    with connection.cursor() as cursor:
        cursor.execute(END_ITS_OWN, [there])
        while cursor.fetchone():
            assert monotonic() < end, "what it left does not end"
            sleep(0.002)
            cursor.execute(END_ITS_OWN, [there])
    return code != 0


def every_step(
    prepare: Callable[[], Any],
    verb: Callable[[Any], object],
    check: Callable[[Any], None],
    further: Callable[[Steps], None] | None = None,
) -> int:
    """Kill the verb after its first step, its second and so on, each time on the same; then run it again, and check."""
    with PutBack(prepare) as world:
        for last in range(1, MOST):
            made = world.again()
            killed = killed_at(last, partial(verb, made), further)
            Batch.objects.update(leased_until=None)  # the lease of whoever died runs out
            verb(made)
            try:
                check(made)
            except AssertionError as error:
                raise AssertionError(f"killed after step {last}") from error
            if not killed:
                return last
    raise AssertionError("it never ended by itself")


@pytest.fixture
def place() -> Office:
    """A department with two teams, one of which holds warnings; six people, one of whom sits in all of them."""
    office = Office()
    everywhere = office.person("everywhere", office.department, "member")
    for number in range(2):
        body = Body.objects.create(slug=f"part-{number}", name=f"Part {number}", kind="team", parent=office.department)
        for one in range(2):
            office.person(f"person-{number}-{one}", body, "contact" if one == 0 else "member")
        everywhere.memberships.create(body=body, role="member")
        if number == 1:
            Body.objects.filter(pk=body.pk).update(policy="hold", hold_hours=1)
    return office


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few, so that a few people go through every loop of a cascade."""
    monkeypatch.setattr("alerts.cascading.cascade.RELAYS_AT_ONCE", 3)
    monkeypatch.setattr("alerts.cascading.cascade.BATCH", 3)


def published(office: Office) -> Advisory:
    """An advisory that nobody has been told of."""
    return office.publish().advisory


def cascaded(office: Office) -> Advisory:
    """One whose mails lie in the outbox, and no other's do."""
    Batch.objects.filter(done_at=None).update(done_at=timezone.now())
    advisory = published(office)
    cascade(advisory.pk)
    return advisory


def figures_are_right(advisory: Advisory) -> None:
    """Folded, the kept figures are those of a recount."""
    while counting.fold(advisory.pk):
        pass
    assert not Delta.objects.filter(advisory=advisory).exists()
    kept, minutes = figures(advisory), tide(advisory)
    counting.recount(advisory.pk)
    assert (kept, minutes) == (figures(advisory), tide(advisory))


def tide(advisory: Advisory) -> set[tuple[int | None, int, datetime, int]]:
    """The minutes in which people answered, of each branch and of the whole."""
    return set(Tide.objects.filter(advisory=advisory).values_list("relay_id", "material", "minute", "acknowledged"))


def figures(advisory: Advisory) -> dict[int | None, tuple[int, ...]]:
    """What is kept: of each relay that counts anybody, and of the whole."""
    rows = Kept.objects.filter(advisory=advisory).values_list("relay_id", *FIGURES)
    found: dict[int | None, tuple[int, ...]] = {row[0]: row[1:] for row in rows if any(row[1:])}
    return found | {None: Whole.objects.values_list(*FIGURES).get(advisory=advisory)}


def seats(advisory: Advisory) -> set[tuple[str, str]]:
    """Who sits where."""
    of = Seat.objects.filter(relay__advisory=advisory, ended_at=None)
    return set(of.values_list("recipient__person__name", "relay__body__slug"))


def messages(advisory: Advisory) -> list[str]:
    """Who has a message of the current revision."""
    of = Message.objects.filter(revision=Advisory.objects.get(pk=advisory.pk).current_id)
    return sorted(of.values_list("person__name", flat=True))


@pytest.mark.usefixtures("_small")
def test_a_cascade_killed_at_every_step_is_taken_up_by_the_next(place: Office) -> None:
    whole = published(place)
    cascade(whole.pk)
    expected = seats(whole), messages(whole)
    assert len(expected[1]) == 5  # and one behind a hold

    def check(advisory: Advisory) -> None:
        assert (seats(advisory), messages(advisory)) == expected
        assert not advisory.relays.filter(stale=True).exists()
        assert all(sum(1 for _ in batch.messages.all()) == batch.size for batch in advisory.batches.all())
        figures_are_right(advisory)

    assert every_step(lambda: published(place), lambda one: cascade(one.pk), check) > 5


@pytest.mark.usefixtures("_small")
def test_a_cascade_of_an_update_killed_at_every_step_reaches_all_who_were_told(place: Office) -> None:
    def told() -> Advisory:
        advisory = cascaded(place)
        Message.objects.filter(advisory=advisory).update(state="sent")
        Recipient.objects.filter(advisory=advisory, messages__isnull=False).update(told_revision=1)
        revise(advisory, place)
        return advisory

    def check(advisory: Advisory) -> None:
        had = Message.objects.filter(advisory=advisory, revision__number=1).values_list("person__name", flat=True)
        assert messages(advisory) == sorted(had)

    assert every_step(told, lambda one: cascade(one.pk), check) > 5


def revise(advisory: Advisory, office: Office) -> Revision:
    """The next revision, published."""
    from alerts.publishing.draft import update_from_file
    from tests.office import an_advisory

    words = {key: value for key, value in an_advisory().items() if key not in ("audience", "severity", "marking")}
    draft = update_from_file(advisory, {**words, "what_changed": "Something."}, office.ada, material=True)
    return publish_draft(draft, office.ben, accept_gaps="told otherwise")


def test_a_delivery_killed_at_every_step_loses_nobody_and_doubles_at_most_a_part(
    place: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.cascading.cascade.BATCH", 4)
    monkeypatch.setattr(SmtpSender, "most", PART)

    def deliver_all(_: Advisory) -> None:
        while deliver.deliver():
            pass

    def check(advisory: Advisory) -> None:
        got = Counter(mail.recipients[0] for mail in server.mails)
        due = Message.objects.filter(advisory=advisory).values_list("person__email", flat=True)
        assert set(got) == set(due)
        assert sum(got.values()) - len(got) <= PART
        assert not Message.objects.filter(advisory=advisory).exclude(state="sent").exists()
        assert not advisory.batches.filter(done_at=None).exists()
        told = Recipient.objects.filter(advisory=advisory, told_revision=1).count()
        assert told == len(got)
        figures_are_right(advisory)
        server.mails.clear()

    def each_mail(steps: Steps) -> None:
        settled = SmtpSender._settled

        def and_step(self: SmtpSender, *said: Any) -> None:
            settled(self, *said)
            steps.step()

        SmtpSender._settled = and_step  # type: ignore[method-assign,assignment]

    assert every_step(lambda: cascaded(place), deliver_all, check, each_mail) > 15


def test_a_fold_killed_at_every_step_counts_everything_once(place: Office) -> None:
    def check(advisory: Advisory) -> None:
        figures_are_right(advisory)
        assert Whole.objects.get(advisory=advisory).targeted == 6
        assert sum(found for relay, _, _, found in tide(advisory) if relay is None) == 4

    def answered() -> Advisory:
        advisory = cascaded(place)
        for one in Recipient.objects.filter(advisory=advisory).order_by("pk")[:4]:
            Recipient.objects.filter(pk=one.pk).update(answered_revision=1)
        return advisory

    assert every_step(answered, lambda one: counting.fold(one.pk), check) > 2


def test_a_publication_killed_at_every_step_is_whole_or_not_there(place: Office) -> None:
    def publish(draft: Draft) -> None:
        # Whoever presses again after the commit finds that the draft is gone, and is told so.
        if Draft.objects.filter(pk=draft.pk).exists():
            publish_draft(draft, place.ben, accept_gaps="told otherwise")

    def check(draft: Draft) -> None:
        advisory = Advisory.objects.get(pk=draft.advisory_id)
        assert advisory.revisions.count() == 1
        assert advisory.current == advisory.material == advisory.revisions.get()
        assert advisory.state == "live"
        with pytest.raises((Refused, Draft.DoesNotExist)):
            publish_draft(draft, place.ben, accept_gaps="told otherwise")
        figures_are_right(advisory)

    assert every_step(place.draft, publish, check) > 10
