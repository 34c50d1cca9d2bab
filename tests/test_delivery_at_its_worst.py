"""Delivery at its worst: poison mails, odd servers, workers that die between two steps. Nobody is lost, doubled or blamed."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts.cascading.cascade import cascade
from alerts.delivery import deliver as delivering
from alerts.delivery import settling
from alerts.delivery.deliver import deliver
from alerts.models import Advisory, Batch, Message, Recipient, Record, Route
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stop
from alerts.routing import judging, leaving, routes, steering
from alerts.routing.judging import Refusal
from alerts.routing.routes import Way, reserve, slows, ways
from alerts.senders import RouteDown, open_sender
from alerts.senders.smtp import SmtpSender
from departments.models import Person
from tests import rows
from tests.office import Office, an_advisory
from tests.smtp import Server
from tests.test_deliver import published
from tests.test_routes import judge as judged

NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
WAY = Way("mail.example:25", "smtp", "mail.example", 25)
DENIED = "554 5.7.1 Relay access denied"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def deliver_all(most: int = 200) -> None:
    for _ in range(most):
        if not deliver():
            return
    raise AssertionError("it spins")


def rested() -> None:
    Route.objects.update(rests_until=timezone.now() - seconds(1), next_at=None)
    Batch.objects.filter(done_at=None, leased_until=None).update(not_before=timezone.now())


def lease_ran_out() -> None:
    Batch.objects.filter(done_at=None).update(leased_until=timezone.now() - seconds(1))


def refusals(words: str, number: int, *, start: int = 1, before: int = 0, domain: str = "d.example") -> list[Refusal]:
    return [Refusal(n, words, domain, before) for n in range(start, start + number)]


@pytest.fixture
def second(settings: SettingsWrapper) -> Iterator[Server]:
    with Server() as running:
        settings.SECOND_EMAIL = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": running.port}
        yield running


class Picky(Server):
    """Refuses mails that have a word in them."""

    word = b""
    says = "554 5.7.1 Message content rejected"
    greeting_slow = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = bytes(envelope.content)  # type: ignore[arg-type]
        if self.word and self.word in content:
            return self.says
        return await super().handle_DATA(server, session, envelope)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        if self.greeting_slow:
            return ["421 4.7.0 Too many connections, try again later"]
        return await super().handle_EHLO(server, session, envelope, hostname, responses)


@pytest.fixture
def picky(settings: SettingsWrapper) -> Iterator[Picky]:
    with Picky() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        assert isinstance(running, Picky)
        yield running


@pytest.mark.django_db(transaction=True)
class TestWordsOfServers:
    def test_a_refusal_with_a_nul_in_it_doubles_nobody(self, office: Office, server: Server) -> None:
        server.answers["person002@example.org"] = "550 5.1.1 no\x00such mailbox"
        published(office)
        for _ in range(3):
            try:
                deliver_all()
            except Exception as error:  # as a task would
                print(type(error), error)
            lease_ran_out()
        had = [mail.recipients[0] for mail in server.mails]
        assert sorted(had) == sorted(set(had))
        assert len(had) == 4

    def test_a_routes_trouble_with_a_nul_in_it_is_noted(self, office: Office, server: Server) -> None:
        server.sender_answer = "530 5.7.0 who\x00are you"
        published(office)
        deliver_all()
        assert Route.objects.get().failures == 1

    def test_a_password_beyond_ascii_is_the_routes_trouble_and_is_not_in_the_error(
        self, settings: SettingsWrapper
    ) -> None:
        with Server(auth=True) as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "tocsin", "geheim\u00e4rger"
            with pytest.raises(RouteDown) as down, open_sender(ways()[0]):
                pass
        assert "geheim" not in repr(down.value)
        assert down.value.__cause__ is None

    def test_a_way_shows_no_password(self) -> None:
        assert "secret-word" not in repr(Way("a:25", "smtp", "a", 25, "user", "secret-word"))


@pytest.mark.django_db(transaction=True)
class TestSlowed:
    def test_421_at_the_greeting_halves_the_pace_and_does_not_end_it(self, office: Office, picky: Picky) -> None:
        picky.greeting_slow = True
        published(office)
        deliver_all()
        pace = Route.objects.get().pace
        assert pace is None or pace >= 1  # a mail in ten seconds is not half of as fast as it goes

    def test_one_address_that_is_always_answered_421_holds_up_nobody_behind_it(
        self, office: Office, server: Server
    ) -> None:
        published(office)
        first = Message.objects.order_by("pk")[0].person.email
        server.answers[first] = "421 4.3.0 Milter trouble, try again later"
        for _ in range(10):
            deliver_all()
            Route.objects.update(pace=None)
            rested()
        assert len(server.mails) == 4

    def test_one_address_at_which_the_server_hangs_up_holds_up_nobody_behind_it(
        self, office: Office, server: Server
    ) -> None:
        published(office)
        first = Message.objects.order_by("pk")[0].person.email
        server.hang_up_after.add(first)
        for _ in range(10):
            deliver_all()
            rested()
        assert len(server.mails) == 4


@pytest.mark.django_db
class TestSlowedFigures:
    def test_a_route_with_a_rate_that_is_asked_for_too_much_is_slowed_below_it(self) -> None:
        way = Way("mail.example:25", "smtp", rate=10)
        slows(way, "421", NOON, measured=80, retry_after=0)
        number, _ = reserve(way, 100, NOON)
        assert number <= 3


def route_rested() -> None:
    """Its rest is over; whoever was put back for five minutes still is."""
    Route.objects.update(rests_until=timezone.now() - seconds(1))


@pytest.mark.django_db(transaction=True)
class TestOneThatIsPoison:
    """The try is always the next mail of the most severe batch: the very one that is refused."""

    # Each after 60, 120, 240, 300, 300, ... seconds: an hour and a half. Which mail is tried is left to chance, one in two is
    # refused, and with half as many tries one run in a few hundred found nothing else.
    TRIES = 20

    @pytest.mark.parametrize("says", ["554 5.7.1 Message content rejected", "552 5.3.4 Message too big for system"])
    def test_an_advisory_whose_content_is_refused_stops_no_other_one(
        self, office: Office, picky: Picky, monkeypatch: pytest.MonkeyPatch, says: str
    ) -> None:
        monkeypatch.setattr(SmtpSender, "most", 10)  # as many as go in 250 ms
        published(office, people=40, severity="critical", title="Poison")
        published(office, people=40, severity="high", title="Harmless")
        picky.word, picky.says = b"Poison", says
        for _ in range(self.TRIES):
            deliver_all()
            route_rested()
        assert sum("Harmless" in mail.subject for mail in picky.mails) == 40

    def test_a_refusal_of_the_content_blames_no_address(self, office: Office, picky: Picky) -> None:
        published(office, people=7, severity="critical", title="Poison")
        picky.word = b"Poison"
        deliver_all()
        assert not Person.objects.exclude(bounced_at=None).exists()

    @pytest.mark.parametrize(
        "says", ["550 Recipient address rejected: User unknown", "550 5.4.1 Recipient address rejected: Access denied"]
    )
    def test_one_dead_domain_stops_no_other_domain(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch, says: str
    ) -> None:
        """Without an enhanced code, or with X.4, as Exchange Online says of who is not there."""
        monkeypatch.setattr(SmtpSender, "most", 10)
        for n in range(40):
            p = office.person(f"dead{n:02d}", office.department, "member")
            Person.objects.filter(pk=p.pk).update(email=f"p{n}@dead.example", written=f"p{n}@dead.example")
            server.answers[f"p{n}@dead.example"] = says
        published(office, people=8)
        for _ in range(self.TRIES):
            deliver_all()
            route_rested()
        assert len(server.mails) >= 8


@pytest.mark.django_db(transaction=True)
class TestWhileAPaceIsWaitedFor:
    @pytest.fixture(autouse=True)
    def _slowly(self, settings: SettingsWrapper) -> None:
        settings.EMAIL_RATE = 2

    def test_what_is_stopped_meanwhile_does_not_leave(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        advisory = published(office)
        monkeypatch.setattr(
            routes, "wait", lambda _: Advisory.objects.get(pk=advisory.pk).stopped or stop(advisory, office.ben)
        )
        routes.reserve(routes.ways()[0], 1, timezone.now())
        deliver()
        assert server.mails == []

    def test_what_is_overtaken_meanwhile_does_not_leave(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        advisory = published(office)
        once = iter([True])

        def publish(_: float) -> None:
            if next(once, False):
                changed = an_advisory(title="Version 5", what_changed="x", earlier="replaced")
                publish_draft(update_from_file(advisory, changed, office.ada, material=True), office.ben)

        monkeypatch.setattr(routes, "wait", publish)
        routes.reserve(routes.ways()[0], 1, timezone.now())
        deliver()
        assert all("Version 5" in mail.subject for mail in server.mails)

    def test_nothing_leaves_by_a_route_that_is_paused_meanwhile(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(office)
        monkeypatch.setattr(routes, "wait", lambda _: Route.objects.update(paused_at=timezone.now()))
        routes.reserve(routes.ways()[0], 1, timezone.now())
        deliver()
        assert server.mails == []


@pytest.mark.django_db(transaction=True)
class TestGivenBack:
    def condemn(self, office: Office, server: Server) -> tuple[Advisory, Advisory]:
        """7 refused of one advisory, and as many of another one, at which the route is condemned."""
        first = published(office, people=7)
        server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        deliver_all()
        return first, published(office, people=7, title="Another")

    def test_whoever_dies_before_they_are_given_back_leaves_that_to_the_next(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.condemn(office, server)
        give_back = judging.give_back

        def killed(*_: object) -> int:
            monkeypatch.setattr(judging, "give_back", give_back)
            raise KeyboardInterrupt

        monkeypatch.setattr(judging, "give_back", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver_all()
        assert Route.objects.get().condemned_at is not None
        server.answers = {}
        lease_ran_out()
        rested()
        deliver_all()
        rested()
        deliver_all()
        assert not Recipient.objects.filter(outcome="unreachable").exists()
        assert not Person.objects.exclude(bounced_at=None).exists()
        assert len(server.mails) == 14

    def test_a_mail_that_another_worker_has_taken_at_that_moment_leaves_nobody_blamed(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another worker notes a mail that left before the run between the two transactions."""
        self.condemn(office, server)
        give_back = judging.give_back

        def others_first(name: str, owed: list[int], now: datetime) -> int:
            routes.went(routes.way_of(name), now)
            return give_back(name, owed, now)

        monkeypatch.setattr(judging, "give_back", others_first)
        deliver_all()
        server.answers = {}
        rested()
        deliver_all()
        rested()
        deliver_all()
        assert not Person.objects.exclude(bounced_at=None).exists()

    def test_whoever_was_written_to_anew_meanwhile_gets_one_mail(self, office: Office, server: Server) -> None:
        ann = rows.person("Ann Administrator", is_administrator=True)
        first, _ = self.condemn(office, server)
        steering.retry_all(ann, timezone.now())
        cascade(first.pk)
        # The second advisory's mails are refused first, and the route is condemned while the new mails of the first one wait.
        Batch.objects.filter(advisory=first, done_at=None).update(not_before=timezone.now() + timedelta(minutes=1))
        deliver_all()
        assert Route.objects.get().condemned_at is not None
        server.answers = {}
        for _ in range(3):
            rested()
            deliver_all()
        had = [(mail.recipients[0], mail.subject) for mail in server.mails]
        assert sorted(had) == sorted(set(had))

    def test_an_update_published_meanwhile_is_what_leaves_and_nobody_is_lost(
        self, office: Office, server: Server
    ) -> None:
        first, _ = self.condemn(office, server)
        deliver_all()
        changed = an_advisory(title="Version 5", what_changed="x", earlier="replaced")
        publish_draft(update_from_file(first, changed, office.ada, material=True), office.ben)
        cascade(first.pk)
        server.answers = {}
        for _ in range(3):
            rested()
            deliver_all()
            cascade(first.pk)
        of_first = [mail for mail in server.mails if first.reference in mail.text]
        assert all("Version 5" in mail.subject for mail in of_first)
        assert sorted(mail.recipients[0] for mail in of_first) == sorted({mail.recipients[0] for mail in of_first})
        assert len(of_first) == 7
        assert Recipient.objects.filter(advisory=first, told_revision=2).count() == 7

    def test_an_update_published_before_they_are_given_back_is_what_leaves(
        self, office: Office, server: Server
    ) -> None:
        first, _ = self.condemn(office, server)
        changed = an_advisory(title="Version 5", what_changed="x", earlier="replaced")
        publish_draft(update_from_file(first, changed, office.ada, material=True), office.ben)
        deliver_all()
        cascade(first.pk)
        server.answers = {}
        for _ in range(3):
            rested()
            deliver_all()
            cascade(first.pk)
        of_first = [mail for mail in server.mails if first.reference in mail.text]
        assert all("Version 5" in mail.subject for mail in of_first)
        assert len(of_first) == 7
        assert Recipient.objects.filter(advisory=first, told_revision=2).count() == 7

    def test_a_route_that_refuses_everybody_once_more_blames_nobody(self, office: Office, server: Server) -> None:
        """It takes one mail, and is then as broken as before."""
        published(office, people=14)
        everybody = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        server.answers = everybody
        deliver_all()
        assert Message.objects.filter(given_back=1).count() == 14
        server.answers = {}
        rested()
        while not server.mails:
            deliver()
        assert len(server.mails) == 1
        server.answers = everybody
        rested()
        deliver_all()
        assert not Person.objects.exclude(bounced_at=None).exists()

    def test_what_is_severe_and_was_refused_leaves_by_the_second_route_at_once(
        self, office: Office, server: Server, second: Server
    ) -> None:
        published(office, people=14, severity="critical")
        server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        deliver_all()
        assert Route.objects.get(name=ways()[0].name).condemned_at is not None
        assert len(second.mails) == 14


@pytest.mark.django_db
class TestJudging:
    def test_all_of_a_run_are_owed_another_try_whoever_noted_them(self) -> None:
        judged(refusals(DENIED, 4))
        judged(refusals(DENIED, 4, start=10))
        judged(refusals(DENIED, 4, start=20))
        route = Route.objects.get()
        assert route.condemned_at is not None
        assert route.owed == [route.run]

    def test_a_route_that_took_a_mail_after_the_run_is_not_condemned(self) -> None:
        judged([*refusals(DENIED, 12), None])
        route = Route.objects.get()
        assert route.condemned_at is None or route.why

    def test_words_that_only_differ_in_a_moment_are_the_same(self) -> None:
        outcomes = [Refusal(n, f"554 5.7.1 Denied at 12:03:{n + 10}", "a.example") for n in range(12)]
        assert len(judged(outcomes)) >= 10


@pytest.mark.django_db
class TestQuotas:
    def test_a_quota_that_is_spent_is_said_once(self) -> None:
        routes.is_spent(WAY, "452 quota", NOON)
        routes.is_spent(WAY, "452 quota", NOON)
        routes.is_spent(WAY, "452 quota", NOON + seconds(1))
        assert Record.objects.filter(kind="route condemned").count() == 1


@pytest.mark.django_db(transaction=True)
class TestWhichRoute:
    def test_mild_mail_does_not_leave_by_a_condemned_second_route_while_the_first_is_paused(
        self, office: Office, server: Server, second: Server
    ) -> None:
        first, other = ways()
        Route.objects.create(name=first.name, paused_at=timezone.now())
        Route.objects.create(name=other.name, condemned_at=timezone.now(), rests_until=timezone.now())
        published(office, severity="low")
        deliver_all()
        assert second.mails == []

    def test_mild_mail_does_not_leave_by_a_condemned_second_route_while_the_first_rests(
        self, office: Office, server: Server, second: Server
    ) -> None:
        first, other = ways()
        Route.objects.create(name=first.name, rests_until=timezone.now() + seconds(60), failures=1)
        Route.objects.create(name=other.name, condemned_at=timezone.now(), rests_until=timezone.now())
        published(office, severity="low")
        deliver_all()
        assert second.mails == []

    def test_both_condemned_each_is_tried_with_one_mail_and_all_are_told_once(
        self, office: Office, server: Server, second: Server
    ) -> None:
        for way in ways():
            Route.objects.create(name=way.name, condemned_at=timezone.now(), rests_until=timezone.now())
        published(office, severity="critical", people=7)
        deliver_all()
        had = [mail.recipients[0] for mail in [*server.mails, *second.mails]]
        assert len(had) == len(set(had)) == 7

    def test_switching_while_a_batch_is_bound_doubles_nobody(
        self, office: Office, server: Server, second: Server
    ) -> None:
        published(office, severity="critical")
        server.drop_after = 2
        deliver()
        steering.switch(ways()[1].name, rows.person("Ann", is_administrator=True), timezone.now())
        server.drop_after = None
        rested()
        deliver_all()
        had = [mail.recipients[0] for mail in [*server.mails, *second.mails]]
        assert len(had) == len(set(had)) == 5


@pytest.mark.django_db(transaction=True)
class TestADatabaseThatGoesAway:
    @pytest.mark.parametrize("offers", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")])
    def test_between_two_notes_it_doubles_nobody(
        self, office: Office, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch, offers: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0)
        monkeypatch.setattr(settling, "NOTE_AGAIN", 0)
        away = iter([True])
        gives_way = delivering._gives_way

        def sometimes(batch: Any) -> bool:
            if next(away, False):
                with connection.cursor() as cursor, suppress(OperationalError):
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return gives_way(batch)

        monkeypatch.setattr(delivering, "_gives_way", sometimes)
        with Server(offers=offers) as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            published(office, people=9)
            for _ in range(3):
                try:
                    deliver_all()
                except Exception as error:
                    print(type(error), error)
                    connection.close()
                lease_ran_out()
            had = [mail.recipients[0] for mail in server.mails]
            assert len(had) == len(set(had)) == 9


@pytest.mark.django_db(transaction=True)
class TestFigures:
    def test_mails_that_may_have_left_are_counted_once(self, office: Office, server: Server) -> None:
        published(office)
        Batch.objects.update(route=ways()[0].name)  # a worker died with it
        server.drop_after = 0
        for _ in range(2):
            deliver()
            rested()
        assert sum(leaving.bound(timezone.now()).values()) <= 5

    def test_a_canary_of_a_stopped_advisory_waits(
        self, office: Office, server: Server, settings: SettingsWrapper
    ) -> None:
        settings.CANARIES = {"canary.example": "c@canary.example"}
        advisory = published(office)
        stop(advisory, office.ben)
        deliver_all()
        assert server.mails == []

    def test_the_quota_counts_what_may_have_left(
        self, office: Office, server: Server, settings: SettingsWrapper
    ) -> None:
        settings.EMAIL_QUOTA = 100
        published(office)
        server.drop_after = 2
        deliver()
        unknown = Message.objects.filter(state="waiting", batch__route=ways()[0].name).count()
        assert unknown
        assert Route.objects.get().spent == len(server.mails) + unknown


EXCHANGE = (
    "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. AS(7230) "
    "[BN8NAM11FT012.eop-nam11.prod.protection.outlook.com 2026-05-01T12:00:{0:02d}.{0:03d}Z 08DBB2F1A2B3C{0:03d}]"
)
GMAIL = "550 5.7.26 Unauthenticated email is not accepted. ffacd0b85a97d-3a0{0:03d}c2b1esi1234{0:03d}f8f.{0} - gsmtp"


@pytest.mark.django_db
@pytest.mark.parametrize("words", [EXCHANGE, GMAIL])
def test_the_same_refusal_of_a_large_provider_counts_as_the_same(words: str) -> None:
    outcomes = [Refusal(n, words.format(n + 10), f"d{n}.example") for n in range(40)]
    assert len(judged(outcomes)) >= 30


class Always:
    """A sender with one outcome for everybody."""

    most, soon = 100, False

    def __init__(self, kind: str, code: int, text: str) -> None:
        self.kind, self.code, self.text = kind, code, text

    def __enter__(self) -> "Always":
        return self

    def __exit__(self, *_: object) -> None: ...

    def send(self, mails: Any) -> Iterator[Any]:
        from alerts.senders import Outcome

        for mail in mails:
            yield Outcome(mail.id, self.kind, self.code, self.text)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
class TestEverybodyAlike:
    def test_a_condemned_first_route_is_tried_though_the_second_has_much_to_do(
        self, office: Office, server: Server, second: Server
    ) -> None:
        Route.objects.create(name=ways()[0].name, condemned_at=timezone.now(), rests_until=timezone.now())
        for title in ("One", "Two", "Three", "Four"):
            published(office, severity="critical", title=title)
        deliver()
        deliver()
        assert server.mails


@pytest.mark.django_db(transaction=True)
class TestServersWithOddManners:
    def test_one_that_hangs_up_after_each_mail_is_not_let_alone_after_each(
        self, office: Office, server: Server
    ) -> None:
        published(office)
        server.on_mail = lambda: server_closes(server)
        # One that was on the wire, and of which nothing was heard, waits until the route has rested.
        for _ in range(3):
            deliver_all()
            rested()
        assert len({mail.recipients[0] for mail in server.mails}) == 5
        assert Message.objects.filter(state="sent").count() == 5

    def test_a_mail_answered_after_the_lease_was_taken_over_is_recorded_as_often_as_it_left(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(office)
        taken = iter([True])

        def take_over() -> None:
            if next(taken, False):
                lease_ran_out()
                server.on_mail = None
                from django.db import connection as theirs

                try:
                    deliver_all()
                finally:
                    theirs.close()

        server.on_mail = take_over
        deliver_all()
        sent = sum(entry.details["mails"] for entry in Record.objects.filter(kind="sent"))
        assert sent == len(server.mails)
        assert Message.objects.filter(state="sent").count() == 5
        assert Recipient.objects.filter(told_revision=1).count() == 5
        assert not Batch.objects.filter(done_at=None).exists()

    def test_one_that_only_knows_helo_is_spoken_to(
        self, office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.smtp import _Talks

        async def no_ehlo(self: Any, hostname: str) -> None:
            await self.push("502 5.5.1 What?")

        monkeypatch.setattr(_Talks, "smtp_EHLO", no_ehlo)
        published(office)
        deliver_all()
        assert len(server.mails) == 5


def server_closes(server: Server) -> None:
    """A 250 and then goodbye, without a word."""
    import asyncio

    def close() -> None:
        for transport in server._transports:
            asyncio.get_running_loop().call_later(0.0, transport.close)

    server._controller.loop.call_soon_threadsafe(lambda: server._controller.loop.call_later(0.002, close))


@pytest.mark.django_db(transaction=True)
class TestSeveralWorkers:
    def test_a_route_condemned_while_three_are_in_the_middle_blames_nobody(
        self, office: Office, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivering, "NOTE_EVERY", 0.001)
        with Server(offers=("PIPELINING", "CHUNKING")) as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            advisories = [published(office, people=40, title=f"Number {n}") for n in range(6)]
            server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
            trouble: list[BaseException] = []

            def work() -> None:
                try:
                    deliver_all()
                except BaseException as error:
                    trouble.append(error)
                finally:
                    connection.close()

            for answers in (server.answers, server.answers, {}, {}):
                server.answers = answers
                rested()
                threads = [threading.Thread(target=work) for _ in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(60)
            rested()
            deliver_all()
            assert trouble == []
            left = list(
                Message.objects.exclude(state="sent").values(
                    "id",
                    "state",
                    "error",
                    "given_back",
                    "attempt",
                    "route",
                    "batch_id",
                    "batch__route",
                    "batch__leased_until",
                    "batch__done_at",
                    "batch__not_before",
                    "advisory_id",
                    "revision__number",
                    "kind",
                    "person__email",
                    "recipient__outcome",
                )
            )
            assert left == []
            assert not Person.objects.exclude(bounced_at=None).exists()
            assert Message.objects.filter(advisory__in=advisories, state="sent").count() == 6 * 40
            had = [(mail.recipients[0], mail.subject) for mail in server.mails]
            assert len(had) == len(set(had))


@pytest.mark.django_db(transaction=True)
class TestHeld:
    def test_a_quota_spent_in_the_middle_of_a_part_sends_the_rest_the_next_day(
        self, office: Office, server: Server, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.EMAIL_QUOTA = 3
        monkeypatch.setattr(SmtpSender, "most", 2)
        published(office, people=7)
        deliver_all()
        assert len(server.mails) == Route.objects.get().spent == 3
        Route.objects.update(day=timezone.now().date() - timedelta(days=1))
        settings.EMAIL_QUOTA = 100
        deliver_all()
        assert len(server.mails) == 7

    def test_a_stopped_advisory_with_a_bound_and_a_given_back_batch_goes_on(
        self, office: Office, server: Server
    ) -> None:
        from alerts.publishing.stopping import go_on

        advisory = published(office, people=14)
        everybody = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        server.answers = everybody
        deliver_all()
        stop(advisory, office.ben)
        server.answers = {}
        rested()
        deliver_all()
        assert server.mails == []
        go_on(advisory, office.ben)
        rested()
        deliver_all()
        assert len(server.mails) == 14

    def test_421_after_the_batch_was_taken_over_leaves_the_other_alone(self, office: Office, server: Server) -> None:
        published(office)
        soon = timezone.now() + seconds(30)
        server.on_mail = lambda: Batch.objects.update(leased_until=soon)
        server.answers["person001@example.org"] = "421 4.7.0 no"
        deliver()
        batch = Batch.objects.get()
        assert (batch.leased_until, batch.done_at) == (soon, None)
        assert batch.route != ""


@pytest.mark.django_db(transaction=True)
class TestMoreOfIt:
    def test_figures_do_not_drift_when_people_are_given_back(self, office: Office, server: Server) -> None:
        from alerts import counting
        from alerts.models import Whole

        first = published(office, people=7)
        everybody = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        server.answers = everybody
        deliver_all()
        published(office, people=7, title="Another")
        deliver_all()
        server.answers = {"person001@example.org": "550 5.1.1 no"}
        for _ in range(3):
            rested()
            deliver_all()

        def figures() -> dict[str, Any]:
            whole = dict(Whole.objects.filter(advisory=first).values().get())
            whole.pop("folded")
            whole.pop("id", None)
            return whole

        counting.fold(first.pk)
        kept = figures()
        counting.recount(first.pk)
        assert figures() == kept

    def test_a_clock_that_went_back_an_hour_stops_no_mail(
        self, office: Office, server: Server, settings: SettingsWrapper
    ) -> None:
        settings.EMAIL_RATE = 100
        Route.objects.create(name=ways()[0].name, next_at=timezone.now() + timedelta(hours=1))
        published(office)
        deliver_all()
        assert len(server.mails) == 5

    def test_whose_put_back_mail_may_leave_again_need_not_wait_once_the_route_is_well(
        self, office: Office, server: Server
    ) -> None:
        published(office, people=14, severity="critical")
        server.answers = dict.fromkeys(Person.objects.values_list("email", flat=True), DENIED)
        deliver_all()
        published(office, people=14, severity="critical", title="Another")
        server.answers = {}
        Route.objects.update(rests_until=timezone.now() - seconds(1))
        deliver_all()
        assert Route.objects.get().condemned_at is None
        assert len(server.mails) == 28
