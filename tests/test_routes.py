"""Routes: what happens to one happens to all of it, burns nobody's try, and what may have left leaves by no other one."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.delivery.deliver import _claim, deliver
from alerts.models import Batch, Message, Recipient, Record, Route
from alerts.routing import judging, routes
from alerts.routing.judging import Refusal
from alerts.routing.routes import Way, choose, fails, reserve, slows, ways, went
from departments.models import Person
from tests.office import Office
from tests.smtp import Server
from tests.test_deliver import published

NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
WAY = Way("mail.example:25", "smtp", "mail.example", 25)
DENIED = "554 5.7.1 Relay access denied"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def the_route() -> Route:
    return Route.objects.get(name=WAY.name)


def judge(outcomes: Sequence[Refusal | None], *, trying: bool = False) -> set[int]:
    """Which of them are the route's doing."""
    with transaction.atomic():
        return judging.judge(WAY, outcomes, trying=trying).ours


def refusals(words: str, number: int, *, start: int = 1, domains: int = 1, before: int = 0) -> list[Refusal]:
    return [Refusal(n, words, f"d{n % domains}.example", before) for n in range(start, start + number)]


@pytest.mark.django_db
class TestOneThatCannotBeHad:
    def test_it_rests_a_little_longer_each_time_and_is_condemned_at_the_third(self) -> None:
        now = NOON
        rests = []
        for _ in range(3):
            until = fails(WAY, "ConnectionRefusedError", now)
            rests.append((until - now).total_seconds())
            now = until
        assert rests[0] < 6.1
        assert rests[0] < rests[1] < rests[2] < 30
        assert the_route().condemned_at is not None
        assert Record.objects.filter(kind="route condemned").count() == 1

    def test_several_workers_who_find_so_at_once_count_once(self) -> None:
        until = {fails(WAY, "ConnectionRefusedError", NOON) for _ in range(4)}
        assert len(until) == 1
        assert (the_route().failures, the_route().condemned_at) == (1, None)

    def test_the_first_mail_that_it_takes_makes_all_well(self) -> None:
        for day in range(4):
            fails(WAY, "ConnectionRefusedError", NOON + timedelta(days=day))
        went(WAY, NOON + timedelta(days=9))
        route = the_route()
        assert (route.failures, route.condemned_at, route.rests_until, route.why) == (0, None, None, "")

    def test_one_that_is_well_costs_no_writing(self, django_assert_num_queries: object) -> None:
        went(WAY, NOON)
        assert not Route.objects.exists()


@pytest.mark.django_db
class TestOneThatIsAskedForTooMuch:
    def test_its_pace_is_halved_and_climbs_again(self) -> None:
        until = slows(WAY, "421 4.7.0 Too fast", NOON, measured=80, retry_after=20)
        assert until == NOON + seconds(20)
        assert the_route().pace == 40
        went(WAY, NOON + seconds(25))
        assert the_route().pace == 40
        went(WAY, NOON + seconds(31))
        assert the_route().pace == 50
        for tens in range(4, 40):
            went(WAY, NOON + seconds(10 * tens + 1))
        assert the_route().pace is None

    def test_workers_who_are_told_at_the_same_time_halve_it_once(self) -> None:
        for n in range(4):
            slows(WAY, "421 Too fast", NOON + seconds(n / 10), measured=80, retry_after=None)
        assert the_route().pace == 40

    def test_told_again_later_it_is_halved_again_down_to_a_floor(self) -> None:
        for minutes in range(20):
            slows(WAY, "421 Too fast", NOON + timedelta(minutes=minutes), measured=80, retry_after=None)
        assert the_route().pace == routes.PACE_FLOOR

    def test_the_longest_rest_that_a_worker_was_given_stands(self) -> None:
        slows(WAY, "421", NOON, measured=80, retry_after=300)
        slows(WAY, "421", NOON, measured=80, retry_after=5)
        assert the_route().rests_until == NOON + seconds(300)


@pytest.mark.django_db
class TestARate:
    WAY = Way("mail.example:25", "smtp", rate=10)

    def test_half_a_second_of_mails_leaves_at_once_and_the_next_wait(self) -> None:
        assert reserve(self.WAY, 100, NOON) == (5, 0)
        assert reserve(self.WAY, 100, NOON) == (5, 0.5)
        assert reserve(self.WAY, 2, NOON) == (2, 1.0)

    def test_what_was_not_used_is_not_made_up_for(self) -> None:
        reserve(self.WAY, 100, NOON)
        assert reserve(self.WAY, 100, NOON + timedelta(hours=1)) == (5, 0)

    def test_a_slowed_route_keeps_to_the_slower_of_the_two(self) -> None:
        slows(self.WAY, "421", NOON, measured=8, retry_after=0)
        assert reserve(self.WAY, 100, NOON) == (2, 0)

    def test_one_that_has_none_reserves_nothing(self) -> None:
        assert reserve(WAY, 100, NOON) == (100, 0)
        assert not Route.objects.exists()


@pytest.mark.django_db
class TestAQuota:
    WAY = Way("mail.example:25", "smtp", quota=120)

    def test_so_many_leave_in_a_day(self) -> None:
        assert [reserve(self.WAY, 100, NOON)[0] for _ in range(3)] == [100, 20, 0]
        assert reserve(self.WAY, 100, NOON + timedelta(days=1)) == (100, 0)

    def test_what_did_not_leave_after_all_is_given_back(self) -> None:
        reserve(self.WAY, 100, NOON)
        routes.give_back_quota(self.WAY, 60, NOON)
        assert reserve(self.WAY, 100, NOON) == (80, 0)


@pytest.mark.django_db
class TestIsItThemOrUs:
    def test_many_in_a_row_refused_with_the_same_words_are_not_to_blame(self) -> None:
        assert judge(refusals(DENIED, 9)) == set()
        assert judge(refusals(DENIED, 3, start=10)) == {10, 11, 12}
        assert the_route().condemned_at is not None
        assert the_route().why == DENIED

    def test_one_that_was_taken_between_them_shows_that_it_is_them(self) -> None:
        outcomes = [*refusals(DENIED, 9), None, *refusals(DENIED, 9, start=20)]
        assert judge(outcomes) == set()
        assert the_route().condemned_at is None

    def test_other_words_begin_anew(self) -> None:
        assert judge([*refusals(DENIED, 9), *refusals("550 5.7.26 Not signed", 9, start=20)]) == set()

    def test_addresses_and_queue_numbers_in_the_words_make_no_difference(self) -> None:
        outcomes = [
            Refusal(n, f"554 5.7.1 <p{n}@a.example>: Relay access denied (4bXk{n}09zPq)", "a.example")
            for n in range(10)
        ]
        assert len(judge(outcomes)) == 10

    def test_a_closed_domain_is_its_peoples_trouble(self) -> None:
        words = "550 5.1.1 No such mailbox"
        assert judge(refusals(words, 50, domains=2)) == set()
        assert len(judge(refusals(words, 50, start=100, domains=3))) == 50

    def test_who_was_put_back_once_and_is_refused_while_others_are_taken_is_refused(self) -> None:
        assert judge(refusals(DENIED, 12, before=2)) == set()

    def test_while_it_is_condemned_nobody_is_blamed_for_the_same_words(self) -> None:
        judge(refusals(DENIED, 10))
        assert judge(refusals(DENIED, 1, start=50, before=2)) == {50}


@pytest.mark.django_db
class TestWhichTakesWhat:
    @pytest.fixture(autouse=True)
    def _two(self, settings: SettingsWrapper) -> None:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "one.example", 25
        settings.SECOND_EMAIL = {"EMAIL_HOST": "two.example", "EMAIL_PORT": 25}

    def test_the_first_takes_everything_while_it_is_well(self) -> None:
        (choice,) = choose(NOON)
        assert (choice.free, choice.down_to) == ("one.example:25", routes.EVERYTHING)

    def test_while_it_only_rests_everything_waits(self) -> None:
        fails(ways()[0], "x", NOON)
        (choice,) = choose(NOON)
        assert (choice.free, choice.open) == ("", ("two.example:25",))

    def test_condemned_it_leaves_what_is_severe_to_the_second(self) -> None:
        Route.objects.create(name="one.example:25", condemned_at=NOON, rests_until=NOON + seconds(60))
        (choice,) = choose(NOON)
        assert (choice.free, choice.down_to, choice.trying) == ("two.example:25", 1, False)

    def test_rested_it_is_tried(self) -> None:
        Route.objects.create(name="one.example:25", condemned_at=NOON, rests_until=NOON)
        trying, _ = choose(NOON)
        assert (trying.free, trying.trying, trying.open) == ("one.example:25", True, ("one.example:25",))

    def test_one_worker_tries_it(self) -> None:
        Route.objects.create(name="one.example:25", condemned_at=NOON, rests_until=NOON)
        assert routes.claims_the_try("one.example:25", NOON, NOON + seconds(60))
        assert not routes.claims_the_try("one.example:25", NOON, NOON + seconds(60))

    def test_with_its_quota_spent_it_leaves_what_is_severe_to_the_second(self, settings: SettingsWrapper) -> None:
        settings.EMAIL_QUOTA = 5
        Route.objects.create(name="one.example:25", day=NOON.date(), spent=5)
        assert choose(NOON)[0].free == "two.example:25"
        assert choose(NOON + timedelta(days=1))[0].free == "one.example:25"

    def test_paused_it_keeps_its_mail(self) -> None:
        Route.objects.create(name="one.example:25", paused_at=NOON)
        assert [choice.free for choice in choose(NOON)] == [""]

    def test_the_one_that_somebody_switched_to_is_the_first(self) -> None:
        Route.objects.create(name="two.example:25", preferred_at=NOON)
        assert (choose(NOON)[0].free, choose(NOON)[0].down_to) == ("two.example:25", routes.EVERYTHING)


@pytest.fixture
def second(settings: SettingsWrapper) -> Iterator[Server]:
    with Server() as running:
        settings.SECOND_EMAIL = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": running.port}
        yield running


def deliver_all() -> None:
    while deliver():
        pass


def rested() -> None:
    Route.objects.update(rests_until=timezone.now() - seconds(1))
    Batch.objects.filter(done_at=None).update(not_before=timezone.now())


@pytest.mark.django_db(transaction=True)
class TestOnItsWay:
    def test_a_server_that_refuses_everybody_is_condemned_and_nobody_is_to_blame(
        self, office: Office, server: Server
    ) -> None:
        published(office, people=14)
        server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        deliver_all()
        assert Route.objects.get().condemned_at is not None
        assert not Person.objects.exclude(bounced_at=None).exists()
        assert not Recipient.objects.exclude(outcome="").exists()
        assert Message.objects.filter(state="waiting").count() == 14
        server.answers = {}
        rested()
        deliver_all()
        assert len(server.mails) == len({mail.recipients[0] for mail in server.mails}) == 14
        assert Route.objects.get().condemned_at is None

    def test_who_was_refused_before_it_was_condemned_is_given_back(self, office: Office, server: Server) -> None:
        published(office, people=7)
        server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        deliver_all()
        assert Recipient.objects.filter(outcome="unreachable").count() == 7
        published(office, people=7, title="Another")
        deliver_all()
        assert not Recipient.objects.exclude(outcome="").exists()
        assert not Person.objects.exclude(bounced_at=None).exists()
        assert Message.objects.filter(state="waiting").count() == 14
        assert Message.objects.filter(given_back=1).count() == 14

    def test_what_is_severe_leaves_by_the_second_route_and_the_rest_waits(
        self, office: Office, server: Server, second: Server, settings: SettingsWrapper
    ) -> None:
        published(office, severity="critical", title="Critical")
        published(office, severity="medium", title="Medium")
        Route.objects.create(
            name=f"127.0.0.1:{server.port}", condemned_at=timezone.now(), rests_until=timezone.now() + seconds(60)
        )
        deliver_all()
        assert server.mails == []
        assert len(second.mails) == 5
        assert all("Critical" in mail.subject for mail in second.mails)
        assert set(Message.objects.filter(state="sent").values_list("route", flat=True)) == {f"127.0.0.1:{second.port}"}

    def test_a_mail_that_may_have_left_leaves_by_no_other_route(
        self, office: Office, server: Server, second: Server
    ) -> None:
        published(office, severity="critical")
        server.drop_after = 2
        deliver()
        Route.objects.update(condemned_at=timezone.now(), rests_until=timezone.now() + seconds(60))
        deliver_all()
        assert len(server.mails) == 2
        bound = Batch.objects.filter(done_at=None)
        assert {batch.route for batch in bound} == {f"127.0.0.1:{server.port}"}
        waiting = set(Message.objects.filter(state="waiting").values_list("person__email", flat=True))
        assert waiting
        assert len(second.mails) == 3 - len(waiting)
        assert waiting.isdisjoint(mail.recipients[0] for mail in second.mails)
        server.drop_after = None
        rested()
        deliver_all()
        assert len(server.mails) + len(second.mails) == 5

    def test_a_batch_whose_worker_died_stays_with_its_route(
        self, office: Office, server: Server, second: Server
    ) -> None:
        published(office, severity="critical")
        assert _claim() is not None
        Batch.objects.update(leased_until=timezone.now() - seconds(1))
        Route.objects.create(
            name=f"127.0.0.1:{server.port}", condemned_at=timezone.now(), rests_until=timezone.now() + seconds(60)
        )
        deliver_all()
        assert second.mails == []
        rested()
        deliver_all()
        assert len(server.mails) == 5

    def test_what_waits_for_a_route_that_is_configured_no_more_leaves_by_another(
        self, office: Office, server: Server
    ) -> None:
        published(office)
        Batch.objects.update(route="gone.example:25")
        deliver_all()
        assert len(server.mails) == 5

    def test_421_slows_the_route_and_burns_nobodys_try(self, office: Office, server: Server) -> None:
        published(office)
        server.answers["person001@example.org"] = "421 4.7.0 Too many, too fast"
        deliver_all()
        route = Route.objects.get()
        assert route.pace is not None
        assert route.condemned_at is None
        assert "421" in route.why or "Too many" in route.why
        assert not Message.objects.exclude(attempt=0).exists()
        assert not Batch.objects.filter(done_at=None).exclude(attempt=0).exists()
        server.answers = {}
        Route.objects.update(pace=None)
        rested()
        deliver_all()
        assert len(server.mails) == 5

    def test_the_quota_of_a_day_is_kept_to(self, office: Office, server: Server, settings: SettingsWrapper) -> None:
        settings.EMAIL_QUOTA = 3
        published(office)
        deliver_all()
        assert len(server.mails) == 3
        assert Message.objects.filter(state="waiting").count() == 2
        Route.objects.update(day=timezone.now().date() - timedelta(days=1))
        rested()
        deliver_all()
        assert len(server.mails) == 5

    def test_nothing_leaves_by_a_paused_route(self, office: Office, server: Server) -> None:
        published(office)
        Route.objects.create(name=f"127.0.0.1:{server.port}", paused_at=timezone.now())
        assert not deliver()
        assert server.mails == []

    def test_a_rate_is_kept_to(
        self, office: Office, server: Server, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.EMAIL_RATE = 4
        waited: list[float] = []
        monkeypatch.setattr(routes, "wait", waited.append)
        published(office)
        deliver_all()
        assert len(server.mails) == 5
        assert [round(seconds) for seconds in waited] == [0, 1]
