"""Steering: an operator pauses a route, switches to another one, has it tried, and has tried again what failed."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.cascading.cascade import cascade, compare_anew
from alerts.delivery import deliver as delivering
from alerts.models import Advisory, Batch, Message, Recipient, Record, Relay, Route
from alerts.publishing.stopping import stand_down, stop
from alerts.routing import judging, leaving, routes, steering
from departments.models import Membership, Person, PersonEvent
from departments.refusal import Refused
from tests import rows
from tests.office import Office
from tests.smtp import Server
from tests.test_counting import figures_of_rows, figures_read
from tests.test_deliver import deliver_all, published
from tests.test_tracking import heard, said

NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
FIRST, SECOND = "127.0.0.1:1", "mailgun"
ONE_AND_TWO = ["person001@example.org", "person002@example.org"]


@pytest.fixture
def ann() -> Person:
    """An administrator."""
    return rows.person("Ann Administrator", is_administrator=True)


@pytest.fixture
def two(settings: SettingsWrapper) -> None:
    """A mail server, and a provider beside it for what is severe."""
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.SECOND_EMAIL_PROVIDER = SECOND


def known(name: str = FIRST) -> Route:
    return Route.objects.get(name=name)


def recorded(kind: str) -> list[str | None]:
    """Who did it, each time."""
    return list(Record.objects.filter(kind=kind).values_list("actor__name", flat=True))


@pytest.mark.django_db
@pytest.mark.usefixtures("two")
class TestARoute:
    def test_it_is_paused_by_somebody_and_goes_on_by_somebody(self, ann: Person) -> None:
        done = steering.pause(FIRST, ann, NOON)
        assert done.changed
        assert done.says.endswith("Switch to mailgun if mail is not to wait.")
        assert (known().paused_at, known().paused_by) == (NOON, ann)
        assert not routes.is_open(FIRST, NOON)
        assert [choice for choice in routes.choose(NOON) if FIRST in choice.open] == []
        again = steering.resume(FIRST, ann, NOON + timedelta(minutes=7))
        assert again.says == f"{FIRST} takes mail again. It was paused for 7 min."
        assert known().paused_at is None
        assert routes.choose(NOON)[0].free == FIRST
        assert (recorded("route paused"), recorded("route resumed")) == ([ann.name], [ann.name])

    def test_pressing_twice_changes_nothing_and_says_who_was_first(self, ann: Person) -> None:
        steering.pause(FIRST, ann, NOON)
        ben = rows.person("Ben Also", is_administrator=True)
        again = steering.pause(FIRST, ben, NOON + timedelta(minutes=1))
        assert not again.changed
        assert again.says == f"{FIRST} was paused by Ann Administrator at 13:00 BST; nothing changed."
        assert recorded("route paused") == [ann.name]
        steering.resume(FIRST, ann, NOON)
        assert not steering.resume(FIRST, ann, NOON).changed
        assert len(recorded("route resumed")) == 1

    def test_it_is_taken_first_from_now_on(self, ann: Person) -> None:
        assert routes.choose(NOON)[0].free == FIRST
        assert steering.switch(SECOND, ann, NOON).says == "mailgun is taken first from now on."
        assert (routes.choose(NOON)[0].free, routes.choose(NOON)[0].down_to) == (SECOND, routes.EVERYTHING)
        assert not steering.switch(SECOND, ann, NOON).changed
        steering.switch(FIRST, ann, NOON + timedelta(minutes=1))
        assert routes.choose(NOON)[0].free == FIRST
        assert len(recorded("route switched")) == 2

    def test_what_may_have_left_by_the_other_one_is_said_to_wait_for_it(self, ann: Person) -> None:
        Batch.objects.create(rank=1, kind="check", size=40, not_before=NOON, route=FIRST)
        says = steering.switch(SECOND, ann, NOON).says
        assert f"Up to 40 mails may have left by {FIRST} already, and wait for it alone" in says

    def test_a_condemned_one_is_tried_at_once_with_a_single_mail(self, ann: Person) -> None:
        way = routes.way_of(FIRST)
        now = NOON
        for _ in range(3):
            now = routes.fails(way, "ConnectionRefusedError", now)
        before = now - timedelta(seconds=1)
        assert not [choice for choice in routes.choose(before) if choice.trying]
        assert steering.try_now(FIRST, ann, before).says.startswith("One mail is tried by")
        assert [choice.free for choice in routes.choose(before) if choice.trying] == [FIRST]
        assert known().condemned_at is not None
        assert not steering.try_now(FIRST, ann, before).changed

    def test_pausing_the_second_advises_to_switch_to_nothing(self, ann: Person) -> None:
        assert "Switch to" not in steering.pause(SECOND, ann, NOON).says

    def test_one_whose_quota_is_spent_is_not_said_to_be_tried(self, ann: Person, settings: SettingsWrapper) -> None:
        settings.EMAIL_QUOTA = 100
        Route.objects.create(name=FIRST, day=NOON.date(), spent=100, condemned_at=NOON)
        done = steering.try_now(FIRST, ann, NOON)
        assert not done.changed
        assert "takes mail again after midnight (UTC)" in done.says
        assert known().rests_until is None

    def test_a_paused_one_is_not_tried(self, ann: Person) -> None:
        steering.pause(FIRST, ann, NOON)
        with pytest.raises(Refused, match="resume it first"):
            steering.try_now(FIRST, ann, NOON)

    def test_only_those_that_are_configured_are_steered(self, ann: Person) -> None:
        for verb in steering.VERBS.values():
            with pytest.raises(Refused, match=r"configured: 127\.0\.0\.1:1 and mailgun"):
                verb("elsewhere:25", ann, NOON)
        assert not Route.objects.exists()

    def test_only_administrators_steer(self) -> None:
        auditor = rows.person(is_auditor=True)
        left = rows.person(is_administrator=True, left_at=NOON)
        for who in (auditor, left):
            for verb in steering.VERBS.values():
                with pytest.raises(Refused, match="Only administrators"):
                    verb(FIRST, who, NOON)
            with pytest.raises(Refused, match="Only administrators"):
                steering.retry_all(who, NOON)
            with pytest.raises(Refused, match="Only administrators"):
                steering.retry_person("somebody@example.org", who, NOON)
            with pytest.raises(Refused, match="Only administrators"):
                steering.retry_reason("key", who, NOON)
        assert not Record.objects.exists()

    def test_the_command_does_the_same_without_a_browser(self, ann: Person) -> None:
        def said(*words: str) -> str:
            out = StringIO()
            call_command("routes", *words, stdout=out)
            return out.getvalue()

        assert f"{FIRST} is well (taken first)" in said()
        assert "mailgun is well" in said()
        assert "is paused: nothing more leaves" in said("pause", FIRST, "--as", ann.email)
        assert "was paused by Ann Administrator" in said()
        assert "takes mail again" in said("resume", FIRST, "--as", ann.email)
        assert "taken first from now on" in said("switch", SECOND, "--as", ann.email)
        assert "Nothing that failed can be tried again." in said("retry", "--as", ann.email)
        assert "Nothing of Ann Administrator" in said("retry", ann.email, "--as", ann.email)
        for wrong in (["pause", FIRST], ["pause", "--as", ann.email], ["pause", "no.such:1", "--as", ann.email]):
            with pytest.raises(CommandError):
                said(*wrong)


@pytest.mark.django_db(transaction=True)
def test_a_pause_stops_a_worker_in_the_middle_of_a_batch(
    office: Office, ann: Person, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delivering.NOTE_EVERY <= 0.25  # so often a worker asks
    monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
    name = f"127.0.0.1:{server.port}"
    published(office, people=40)

    def after_three() -> None:
        if len(server.mails) == 3:
            steering.pause(name, ann, timezone.now())
            connection.close()  # the server's thread has one of its own

    server.on_mail = after_three
    deliver_all()
    stopped_at = len(server.mails)
    assert 3 <= stopped_at < 40
    assert Message.objects.filter(state="sent").count() == stopped_at
    assert Message.objects.filter(state="waiting", kind="notice").count() == 40 - stopped_at
    assert Batch.objects.get(done_at=None, kind="notice").leased_until is None
    deliver_all()
    assert len(server.mails) == stopped_at
    steering.resume(name, ann, timezone.now())
    deliver_all()
    told = [mail.recipients[0] for mail in server.mails]
    assert len(told) == len(set(told)) == Message.objects.count()


def refused(office: Office, server: Server, *people: str, words: str = "550 5.1.1 no such mailbox") -> Advisory:
    """An advisory of which the mails to these were refused."""
    for name in people:
        server.answers[f"{name}@example.org"] = words
    advisory = published(office)
    deliver_all()
    unreachable = Recipient.objects.exclude(outcome="").values_list("person__name", flat=True)
    assert set(unreachable) == {name.title() for name in people}
    server.answers.clear()
    return advisory


def go_on() -> None:
    """As the bell and the beat would."""
    for advisory in Advisory.objects.all():
        cascade(advisory.pk)
    deliver_all()


@pytest.mark.django_db(transaction=True)
class TestWhatFailed:
    def test_everybody_who_was_refused_is_mailed_again_once(self, office: Office, ann: Person, server: Server) -> None:
        advisory = refused(office, server, "person001", "person002")
        before = len(server.mails)
        done = steering.retry_all(ann, timezone.now())
        assert done.says.startswith(f"2 people are mailed again, of {advisory.reference}")
        again = steering.retry_all(ann, timezone.now())
        assert (again.changed, again.says) == (False, "Nothing that failed can be tried again.")
        go_on()
        assert sorted(mail.recipients[0] for mail in server.mails[before:]) == ONE_AND_TWO
        assert not steering.retry_all(ann, timezone.now()).changed
        go_on()
        assert len(server.mails) == len({mail.recipients[0] for mail in server.mails}) == before + 2
        assert not Recipient.objects.exclude(outcome="").exists()
        assert not Person.objects.exclude(bounced_at=None).exists()
        assert recorded("tried again") == [ann.name]
        steps = PersonEvent.objects.filter(what="reached again")
        assert sorted(step.person.name for step in steps) == ["Person001", "Person002"]
        assert {step.by for step in steps} == {ann}

    def test_whoever_is_refused_again_is_shown_again(self, office: Office, ann: Person, server: Server) -> None:
        refused(office, server, "person001")
        steering.retry_all(ann, timezone.now())
        server.answers["person001@example.org"] = "550 5.1.1 still not"
        go_on()
        assert Recipient.objects.get(outcome="unreachable").why == "550 5.1.1 still not"
        assert [(one.words, one.again) for one in leaving.reasons(timezone.now()) if one.again] == [
            ("550 5.1.1 still not", 1)
        ]
        assert steering.retry_all(ann, timezone.now()).changed

    def test_many_who_are_refused_again_alike_condemn_no_route(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        every_second = [f"person{n:03d}@example.org" for n in range(0, 2 * judging.IN_A_ROW + 4, 2)]
        server.answers = dict.fromkeys(every_second, "550 5.7.1 not from you")
        published(office, people=2 * judging.IN_A_ROW + 6)
        deliver_all()
        assert not Route.objects.exclude(condemned_at=None).exists()
        [reason] = leaving.reasons(timezone.now())
        assert reason.again == len(every_second)
        steering.retry_reason(reason.key, ann, timezone.now())
        go_on()
        assert Recipient.objects.filter(outcome="unreachable").count() == len(every_second)
        assert not Route.objects.exclude(condemned_at=None).exists()

    def test_one_persons_alone(self, office: Office, ann: Person, server: Server) -> None:
        refused(office, server, "person001", "person002")
        assert steering.retry_person(" Person002@EXAMPLE.org ", ann, timezone.now()).says.startswith(
            "1 person is mailed"
        )
        go_on()
        assert server.mails[-1].recipients == ["person002@example.org"]
        assert Recipient.objects.get(outcome="unreachable").person.name == "Person001"
        assert not steering.retry_person("person002@example.org", ann, timezone.now()).changed
        with pytest.raises(Refused, match="Nobody in the directory"):
            steering.retry_person("nobody@example.org", ann, timezone.now())

    def test_reasons_are_counted_by_words_without_addresses(
        self, office: Office, ann: Person, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(steering, "WORDS_AT_ONCE", 1)
        for n in (1, 2):
            server.answers[f"person00{n}@example.org"] = f"550 5.1.1 <person00{n}@example.org> no such mailbox"
        server.answers["person003@example.org"] = "550 5.7.1 not from you"
        published(office)
        deliver_all()
        server.answers.clear()
        name = f"127.0.0.1:{server.port}"
        alike, other = leaving.reasons(timezone.now())
        assert (alike.what, alike.route, alike.mails, alike.again) == ("refused", name, 2, 2)
        assert alike.words == "550 5.1.1 <<address>> no such mailbox"
        assert (other.words, other.mails) == ("550 5.7.1 not from you", 1)
        assert steering.retry_reason(alike.key, ann, timezone.now()).says.startswith("2 people are mailed again")
        go_on()
        assert Recipient.objects.get(outcome="unreachable").why == "550 5.7.1 not from you"
        assert not steering.retry_reason(alike.key, ann, timezone.now()).changed
        assert not steering.retry_reason("no such key", ann, timezone.now()).changed

    def test_what_came_back_or_is_suppressed_is_as_good_as_refused(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        published(office)
        deliver_all()
        now = timezone.now()
        for n, fate in ((1, "bounced"), (2, "suppressed"), (3, "complained")):
            person = Person.objects.get(name=f"Person00{n}")
            Message.objects.filter(person=person).update(fate=fate, fate_at=now, error=f"5.0.0 {fate}")
            outcome = fate if fate != "complained" else "complained"
            Recipient.objects.filter(person=person).update(outcome=outcome, why=fate)
            Person.objects.filter(pk=person.pk).update(bounced_at=now, bounced_how=fate)
        assert sorted(one.what for one in leaving.reasons(now)) == ["bounced", "complained", "suppressed"]
        assert steering.retry_all(ann, now).says.startswith("2 people")
        go_on()
        assert sorted(mail.recipients[0] for mail in server.mails[-2:]) == ONE_AND_TWO
        still = Person.objects.exclude(bounced_at=None).get()
        assert (still.name, still.bounced_how) == ("Person003", "complained")

    def test_nothing_of_what_is_stopped_over_or_overtaken_is_tried_again(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        advisory = refused(office, server, "person001")
        stop(advisory, office.ada)
        assert not steering.retry_all(ann, timezone.now()).changed
        Advisory.objects.update(stopped_at=None, stopped_by=None)
        stand_down(Advisory.objects.get(), office.ada, "over")
        assert not steering.retry_all(ann, timezone.now()).changed

    def test_whoever_left_is_not(self, office: Office, ann: Person, server: Server) -> None:
        refused(office, server, "person001")
        Person.objects.filter(name="Person001").update(left_at=timezone.now())
        assert not steering.retry_all(ann, timezone.now()).changed

    def test_nor_is_whoever_sits_nowhere_any_more(self, office: Office, ann: Person, server: Server) -> None:
        refused(office, server, "person001", "person002")
        Membership.objects.filter(person__name="Person001").update(until=timezone.now())
        go_on()
        assert steering.retry_all(ann, timezone.now()).says.startswith("1 person is mailed again")
        go_on()
        assert server.mails[-1].recipients == ["person002@example.org"]
        assert Person.objects.get(bounced_at__isnull=False).name == "Person001"

    def test_one_person_of_two_warnings_is_one_and_waits_for_no_mail_that_nobody_writes(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        first = refused(office, server, "person001")
        server.answers["person001@example.org"] = "550 5.1.1 no such mailbox"
        second = published(office, title="Another", open_title="Another", severity="low")
        deliver_all()
        done = steering.retry_all(ann, timezone.now())
        assert done.says.startswith(f"1 person is mailed again, of {first.reference} and {second.reference}: ")
        cascade(first.pk)
        deliver_all()  # refused again, before the other cascade has its turn
        go_on()
        assert not Message.objects.filter(state="waiting", person__name="Person001").exists()
        assert Recipient.objects.filter(outcome="unreachable", person__name="Person001").count() == 2
        assert steering.retry_all(ann, timezone.now()).changed

    def test_a_button_says_how_many_people_its_press_mails_again(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        refused(office, server, "person001", "person002", "person003")
        now = timezone.now()
        Message.objects.filter(person__name="Person001").update(failed_at=now - timedelta(days=2))
        [reason] = leaving.reasons(now)
        assert reason.again == 2
        assert steering.retry_reason(reason.key, ann, now).says.startswith("2 people are mailed again")
        assert leaving.any_to_try()
        assert steering.retry_all(ann, now).says.startswith("1 person is mailed again")
        assert not leaving.any_to_try()

    def test_what_comes_back_late_of_the_first_mail_says_nothing_of_the_second(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        advisory = published(office)
        deliver_all()
        first = Message.objects.get(person__name="Person001")
        said(heard(first, "bounced", 0, at=timezone.now()))
        steering.retry_all(ann, timezone.now())
        said(heard(first, "bounced", 0, at=timezone.now() - timedelta(hours=1)))
        go_on()
        second = Message.objects.filter(person__name="Person001").latest("pk")
        assert second.pk != first.pk
        said(heard(second, "delivered", 0, at=timezone.now()))
        said(heard(first, "bounced", 0, at=timezone.now()))
        left = Recipient.objects.get(person__name="Person001")
        assert (left.outcome, left.told_revision) == ("delivered", 1)
        assert figures_read(advisory) == figures_of_rows(advisory)
        before = len(server.mails)
        compare_anew(advisory.pk)
        deliver_all()
        assert len(server.mails) == before

    def test_who_dies_before_the_cascade_is_told_leaves_it_to_the_directory(
        self, office: Office, ann: Person, server: Server
    ) -> None:
        refused(office, server, "person001")
        steering.retry_all(ann, timezone.now())
        Relay.objects.update(to_tell=False)
        go_on()
        assert server.mails[-1].recipients == ["person001@example.org"]

    def test_a_press_asks_no_more_for_many_than_for_few(
        self, office: Office, ann: Person, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused(office, server, *[f"person{n:03d}" for n in range(4)])
        monkeypatch.setattr(steering, "MOST", 3)
        monkeypatch.setattr(steering, "AT_ONCE", 2)
        with CaptureQueriesContext(connection) as asked:
            done = steering.retry_all(ann, timezone.now())
        assert done.says.startswith("3 people")
        assert done.says.endswith("There are more: press once more for these.")
        assert len(asked) < 25
        assert steering.retry_all(ann, timezone.now()).says.startswith("1 person is")
