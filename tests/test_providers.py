"""Providers: many mails in one call, each its own; each answer its own; and what is not known is said to be unknown."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from anymail.message import AnymailRecipientStatus
from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tokens
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.letters.letter_blocks import Added
from alerts.letters.letters import Skeleton
from alerts.models import Advisory, Batch, Message, Recipient, Route
from alerts.routing.routes import Way
from alerts.senders import Mail, Outcome, QuotaSpent, RouteDown, RouteSlow
from alerts.senders.provider import ProviderSender
from alerts.senders.providers import JOINER, PROVIDERS
from config import mail_provider
from departments.models import Person
from tests.office import Office
from tests.provider_api import KEY, Api, Script
from tests.test_letters import PERSONAL, WORDS, parsed
from tests.test_letters import part as as_it_stands

MAILGUN, RESEND = Way("mailgun", "mailgun"), Way("resend", "resend")
SKELETON = Skeleton(WORDS)
DOCS = Path(__file__).resolve().parent.parent / "docs" / "providers.md"
MERGING = [name for name, provider in PROVIDERS.items() if provider.merges]
EVERY_SETTING = {
    name: f"https://{name.lower()}.example.org/api" for names in mail_provider.NEEDED.values() for name in names
}


@pytest.fixture
def api(settings: SettingsWrapper) -> Iterator[Api]:
    """The stand-in, and both providers set to it."""
    with Api() as running:
        settings.ANYMAIL = running.settings()
        yield running


def a_mail(number: int, *, skeleton: Skeleton = SKELETON, **changes: Any) -> Mail:
    """To somebody of that number."""
    theirs = {
        "message_key": f"revision:1:{number}",
        "name": f"Person {number}",
        "address": f"person{number}@example.org",
        "link": f"https://alerts.example/a/link{number}",
        "reply": f"alerts+reply{number}@tocsin.example",
    }
    return Mail(number, replace(PERSONAL, **{"token": f"token{number}", **theirs, **changes}), skeleton, "")


def part(message: EmailMessage, kind: str) -> str:
    """A part's words, its lines parted as ours are."""
    return as_it_stands(message, kind).replace("\r\n", "\n")


def sent(way: Way, mails: list[Mail]) -> list[Outcome]:
    with ProviderSender(way) as sender:
        return list(sender.send(mails))


def failing(way: Way, mails: list[Mail]) -> RouteDown:
    """What was raised; it has no key, no address and no link in it."""
    with ProviderSender(way) as sender, pytest.raises(RouteDown) as raised:
        list(sender.send(mails))
    words = str(raised.value)
    assert KEY not in words
    assert "@example.org" not in words
    assert "/a/link" not in words
    return raised.value


class TestOneCall:
    def test_everybody_gets_their_own_mail_by_one_call_over_one_connection(self, api: Api) -> None:
        with ProviderSender(MAILGUN) as sender:
            outcomes = [*sender.send(a_mail(number) for number in range(5)), *sender.send([a_mail(5)])]
        assert [(one.id, one.kind) for one in outcomes] == [(number, "sent") for number in range(6)]
        assert all(one.provider_id.endswith("@mg.example.org>") for one in outcomes)
        assert [len(call) for call in api.calls] == [5, 1]
        assert api.connections == 1
        assert [mail.recipient for mail in api.mails] == [f"person{number}@example.org" for number in range(6)]

    def test_nobody_sees_whom_else_it_went_to(self, api: Api) -> None:
        sent(MAILGUN, [a_mail(number) for number in range(3)])
        for mail in api.mails:
            others = {f"person{number}@" for number in range(3)} - {mail.recipient.removesuffix("example.org")}
            written = mail.message.as_string()
            assert str(mail.message["To"]).count("@") == 1
            assert not any(other in written for other in others)
            assert mail.message["Cc"] is None
            assert mail.message["Bcc"] is None

    def test_it_is_the_mail_that_a_mail_server_would_have_had(self, api: Api) -> None:
        notes = (Added("HM Treasury", "1 May", 'Ask <us> & "them"\nfirst.'),)
        mails = [a_mail(0, name="Ann O'Brien", notes=notes), a_mail(1, held=("You hold this for A Body until noon.",))]
        sent(MAILGUN, mails)
        for mail, left in zip(mails, api.mails, strict=True):
            by_smtp = parsed(mail.content)
            assert left.text == part(by_smtp, "plain")
            assert left.html.strip() == part(by_smtp, "html").strip()
            for name in ("To", "From", "Subject", "Reply-To"):
                assert left.message[name] == by_smtp[name]
            for name, value in SKELETON.kept["headers"]:
                assert left.message[name] == value

    def test_a_drill_is_marked(self, api: Api) -> None:
        sent(MAILGUN, [a_mail(0, skeleton=Skeleton(replace(WORDS, exercise=True)))])
        assert api.mails[0].message["X-Exercise"] == "yes"

    def test_the_message_s_token_goes_along_and_opens_are_not_asked_for(self, api: Api) -> None:
        sent(MAILGUN, [a_mail(0), a_mail(1)])
        form = api.forms[0]
        assert [mail.variables["v:token"] for mail in api.mails] == ["token0", "token1"]
        assert form["v:token"] == ["%recipient.v:token%"]
        assert [form[name] for name in ("o:tracking", "o:tracking-opens", "o:tracking-clicks")] == [["no"]] * 3
        assert not any(name.startswith("o:tag") for name in form)

    def test_an_address_is_in_a_call_once_and_a_call_has_one_subject(self, api: Api) -> None:
        twice = [a_mail(0), a_mail(1), a_mail(2, address="person0@example.org")]
        noted = Skeleton(replace(WORDS, noted=True, subject="A note PERSONALPARTBYPERSONALPART"))
        of_two = [a_mail(number, skeleton=noted, noted_by=by) for number, by in enumerate(["A", "B", "A"], 3)]
        sent(MAILGUN, [*twice, *of_two])
        assert sorted(map(len, api.calls)) == [1, 1, 2, 2]
        assert len(api.mails) == 6
        assert [str(mail.message["Subject"]) for mail in api.mails if "note" in str(mail.message["Subject"])] == [
            "A note of A",
            "A note of A",
            "A note of B",
        ]

    def test_no_call_is_larger_than_the_provider_takes(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        with ProviderSender(MAILGUN) as sender:
            assert sender.most == 1000
            monkeypatch.setattr(sender, "most", 3)
            list(sender.send(a_mail(number) for number in range(7)))
        assert [len(call) for call in api.calls] == [3, 3, 1]

    def test_what_a_call_says_is_noted_at_once_and_not_one_by_one(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ProviderSender(MAILGUN) as sender:
            monkeypatch.setattr(sender, "most", 3)
            mails = [a_mail(number) for number in range(5)]
            # Another call comes after the third; after the fifth comes the end.
            assert [sender.soon for _ in sender.send(mails)] == [True, True, False, True, True]
            api.refuses = {"person1@example.org"}
            assert [sender.soon for _ in sender.send(mails[:3])] == [False, False, False]

    def test_where_nothing_is_merged_each_call_has_one_finished_mail(self, api: Api) -> None:
        mails = [a_mail(number, name="Zoë {{link}}") for number in range(3)]
        outcomes = sent(RESEND, mails)
        assert [one.provider_id for one in outcomes] == ["id-1", "id-2", "id-3"]
        assert api.connections == 1
        for mail, left in zip(mails, api.mails, strict=True):
            assert left.text == part(parsed(mail.content), "plain")
            assert left.message["Reply-To"] == mail.personal.reply
            assert json.loads(left.message["X-Metadata"]) == {"token": mail.token}


EVIL = [
    "%recipient.t_link%",
    "%recipient%",
    "%unsubscribe_url%",
    "{{link}}",
    "{{{t_link}}}",
    "{%if 1%}",
    "*|t_link|*",
    "[[var:t_link]]",
    "-tocsin.t_link-",
    "{$link}",
    "{",
    "100%",
    "=?utf-8?q?Mallory?=",
]


class TestWhatSomebodyWrote:
    """It comes out as it is, and fetches nothing."""

    @pytest.mark.parametrize("evil", EVIL)
    def test_a_name_and_an_advisory_s_words_are_no_place_to_fill(self, api: Api, evil: str) -> None:
        skeleton = Skeleton(
            replace(WORDS, title=f"On {evil}", subject=f"On {evil}", lead=f"{evil} is meant.", issuer=evil)
        )
        mail = a_mail(0, skeleton=skeleton, name=evil, notes=(Added(evil, "1 May", evil),), bodies=(evil,))
        sent(MAILGUN, [mail, a_mail(1, skeleton=skeleton)])
        left, by_smtp = api.mails[0], parsed(mail.content)
        assert left.text.replace(JOINER, "") == part(by_smtp, "plain")
        assert left.text.count(mail.personal.link) == part(by_smtp, "plain").count(mail.personal.link)
        assert shown(left.html) == shown(part(by_smtp, "html"))
        assert "FETCHED" not in left.message.as_string()
        for name in ("Subject", "To", "From"):
            assert str(left.message[name]).replace(JOINER, "") == str(by_smtp[name])

    @pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
    @pytest.mark.parametrize("name", MERGING)
    @pytest.mark.parametrize("evil", EVIL)
    def test_no_provider_takes_it_for_a_place(self, settings: SettingsWrapper, name: str, evil: str) -> None:
        """Each payload is merged here as its provider says that it merges, and then once more."""
        settings.ANYMAIL = EVERY_SETTING
        skeleton = Skeleton(replace(WORDS, title=f"On {evil}", lead=f"{evil} is meant."))
        mail = a_mail(0, skeleton=skeleton, name=evil, bodies=(evil,))
        provider = PROVIDERS[name]
        place = re.compile(re.escape(provider.place).replace("KEY", r"(\w+)"))
        with ProviderSender(Way(name, name)) as sender:
            message: Any = sender._message([mail, a_mail(1, skeleton=skeleton)])
        values = message.merge_data[mail.address]

        def fill(text: str) -> str:
            for _ in range(2):
                text = place.sub(lambda found: values[found[1]], text)
            return text

        by_smtp = parsed(mail.content)
        assert fill(str(message.body)).replace(JOINER, "") == part(by_smtp, "plain")
        assert shown(fill(str(message.alternatives[0].content))) == shown(part(by_smtp, "html"))
        for opening in ("{{", "{%", "[[", "*|", "%recipient", "-tocsin."):
            if opening in provider.place:
                assert opening not in "".join(values.values())

    @settings(max_examples=25, deadline=None)
    @given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=6))
    def test_any_name_arrives_as_by_a_mail_server(self, names: list[str]) -> None:
        mails = [a_mail(number, name=name) for number, name in enumerate(names)]
        with Api() as api, pytest.MonkeyPatch.context() as patch:
            from django.conf import settings as configured

            patch.setattr(configured, "ANYMAIL", api.settings())
            sent(MAILGUN, mails)
            left = {mail.recipient: mail for mail in api.mails}
        for mail in mails:
            by_smtp = parsed(mail.content)
            assert left[mail.address].text.replace(JOINER, "") == part(by_smtp, "plain").replace(JOINER, "")

    def test_a_value_that_a_provider_may_escape_again_goes_in_a_finished_mail(self, settings: SettingsWrapper) -> None:
        settings.ANYMAIL = EVERY_SETTING
        with ProviderSender(Way("mailjet", "mailjet")) as sender:
            calls = list(sender._calls([a_mail(0), a_mail(1, name="Ann O'Brien"), a_mail(2)]))
            assert sorted([mail.id for mail in call] for call in calls) == [[0, 2], [1]]
            alone: Any = sender._message(next(call for call in calls if call[0].id == 1))
        assert "Ann O&#x27;Brien" in str(alone.alternatives[0].content)
        assert "[[" not in str(alone.alternatives[0].content)


def shown(html: str) -> str:
    """HTML as a reader's program has it, with each reference read."""
    from html import unescape

    return unescape(html).replace(JOINER, "").strip()


class TestAnswers:
    """Each recipient's own; what is about the route is about nobody's address."""

    def test_one_malformed_address_never_harms_its_neighbours(self, api: Api) -> None:
        api.refuses = {"person3@example.org"}
        outcomes = sent(MAILGUN, [a_mail(number) for number in range(8)])
        assert {one.id for one in outcomes if one.kind == "sent"} == {0, 1, 2, 4, 5, 6, 7}
        refused = next(one for one in outcomes if one.kind == "refused")
        assert (refused.id, refused.code) == (3, 400)
        assert "not a valid address" in refused.text
        assert [mail.recipient for mail in api.mails] == [
            f"person{number}@example.org" for number in (0, 1, 2, 4, 5, 6, 7)
        ]
        assert len(api.calls) == 7

    def test_an_address_that_anymail_can_t_read_harms_nobody_else(self, api: Api) -> None:
        outcomes = sent(MAILGUN, [a_mail(0), a_mail(1, address='"@example.org'), a_mail(2)])
        assert sorted((one.id, one.kind) for one in outcomes) == [(0, "sent"), (1, "refused"), (2, "sent")]
        assert '"@example.org' not in next(one.text for one in outcomes if one.id == 1)

    @pytest.mark.parametrize(
        ("status", "kind", "words"),
        [
            ("sent", "sent", "sent"),
            ("queued", "sent", "queued"),
            ("rejected", "suppressed", "sends nothing"),
            ("invalid", "refused", "no address"),
            ("failed", "refused", "could not send"),
            ("unknown", "sent", "calls its status unknown"),
        ],
    )
    def test_each_status_is_what_it_says(self, status: str, kind: str, words: str) -> None:
        outcome = ProviderSender(RESEND)._outcome(a_mail(0), AnymailRecipientStatus("an-id", status))
        assert outcome.kind == kind
        assert words in outcome.text
        assert outcome.provider_id == ("an-id" if kind == "sent" else "")

    def test_everybody_rejected_is_each_one_s_own_outcome(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        rejected = AnymailRecipientStatus(None, "rejected")
        with ProviderSender(MAILGUN) as sender:
            monkeypatch.setattr(
                sender.backend,
                "parse_recipient_status",
                lambda *_: {f"Person{number}@Example.org": rejected for number in range(2)},
            )
            assert [one.kind for one in sender.send([a_mail(0), a_mail(1)])] == ["suppressed"] * 2

    @pytest.mark.parametrize(
        ("script", "kind", "unknown"),
        [
            (Script(401, says="Forbidden"), RouteDown, False),
            (Script(403, says={"message": "not allowed"}), RouteDown, False),
            (Script(404, says={"message": "Domain not found"}), RouteDown, False),
            (Script(402, says={"message": "pay"}), QuotaSpent, False),
            (
                Script(403, says={"message": "Domain is not allowed to send: recipient limit exceeded"}),
                QuotaSpent,
                False,
            ),
            (Script(429, says={"message": "You have reached your daily quota"}), QuotaSpent, False),
            (Script(429, says={"message": "slow down"}), RouteSlow, False),
            (Script(429, says={"message": "your quota of calls per second"}), RouteSlow, False),
            (Script(503, {"Retry-After": "7"}), RouteSlow, False),
            (Script(400, {"Retry-After": "7"}), RouteSlow, False),
            (Script(500, says={"message": "oops person1@example.org"}), RouteDown, True),
            (Script(503), RouteDown, True),
            (Script(200, says={"odd": 1}), RouteDown, True),
            (Script(200, says=[1]), RouteDown, True),
            (Script(drop=True), RouteDown, True),
        ],
    )
    def test_what_is_about_the_route_is_said_of_the_route(
        self, api: Api, script: Script, kind: type[RouteDown], unknown: bool
    ) -> None:
        api.script.append(script)
        down = failing(MAILGUN, [a_mail(1), a_mail(2)])
        assert type(down) is kind
        assert set(down.unknown) == ({1, 2} if unknown else set())
        assert len(api.bodies) == 1

    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [("13", 13.0), ("0", 0.0), ("-4", 0.0), ("nan", None), ("soon", None), (None, None)],
    )
    def test_how_long_to_wait_is_read(self, api: Api, retry_after: str | None, seconds: float | None) -> None:
        api.script.append(Script(429, {"Retry-After": retry_after} if retry_after else {}))
        down = failing(MAILGUN, [a_mail(1)])
        assert isinstance(down, RouteSlow)
        assert down.retry_after == seconds

    def test_until_when_to_wait_is_read(self, api: Api) -> None:
        until = datetime.now(UTC) + timedelta(seconds=90)
        api.script.append(Script(429, {"Retry-After": until.strftime("%a, %d %b %Y %H:%M:%S GMT")}))
        down = failing(MAILGUN, [a_mail(1)])
        assert isinstance(down, RouteSlow)
        assert down.retry_after is not None
        assert 80 < down.retry_after <= 90

    def test_what_was_settled_before_stands(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        api.script.extend([Script(), Script(500)])
        settled: list[Outcome] = []
        with ProviderSender(MAILGUN) as sender:
            monkeypatch.setattr(sender, "most", 2)
            outcomes = sender.send(a_mail(number) for number in range(6))
            settled.extend([next(outcomes), next(outcomes)])
            with pytest.raises(RouteDown) as raised:
                next(outcomes)
        assert [one.id for one in settled] == [0, 1]
        assert set(raised.value.unknown) == {2, 3}

    def test_a_silent_provider_is_not_waited_for_longer_than_a_mail_may_take(
        self, api: Api, settings: SettingsWrapper
    ) -> None:
        settings.EMAIL_TIMEOUT = 1
        api.script.append(Script(hang=True))
        began = timezone.now()
        assert set(failing(MAILGUN, [a_mail(1)]).unknown) == {1}
        assert timezone.now() - began < timedelta(seconds=1)

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:1/v3", "http://no-such-host.invalid/v3", "https://127.0.0.1:1/v3"]
    )
    def test_where_there_was_no_connection_nothing_is_unknown(self, settings: SettingsWrapper, url: str) -> None:
        settings.ANYMAIL = {"MAILGUN_API_URL": url, "MAILGUN_API_KEY": KEY}
        down = failing(MAILGUN, [a_mail(1)])
        assert (type(down), down.unknown) == (RouteDown, ())

    def test_a_certificate_that_is_not_good_is_no_connection(self, api: Api, settings: SettingsWrapper) -> None:
        settings.ANYMAIL = {**settings.ANYMAIL, "MAILGUN_API_URL": api.url.replace("http:", "https:")}
        assert type(failing(MAILGUN, [a_mail(1)])) is RouteDown
        assert not api.mails

    def test_a_key_that_is_missing_is_the_route_s_trouble(self, settings: SettingsWrapper) -> None:
        settings.ANYMAIL = {}
        with pytest.raises(RouteDown, match="MAILGUN_API_KEY"), ProviderSender(MAILGUN):
            pass

    def test_errors_that_are_named_say_what_became_of_the_call(self, api: Api) -> None:
        """Mandrill answers each of them with 500."""
        sender = ProviderSender(Way("mandrill", "mandrill"))
        for name, kind in (("Invalid_Key", RouteDown), ("PaymentRequired", QuotaSpent)):
            response = SimpleNamespace(response={"Error": {"Code": name}, "ResponseMetadata": {"HTTPStatusCode": 500}})
            found: Any = sender._understood(response, [1])
            assert type(found) is kind
            assert found.unknown == ()


class TestTheSameCallTwice:
    def test_a_call_is_known_by_its_key(self, api: Api) -> None:
        """Carried out, and the line broke before the answer."""
        api.script.append(Script(drop=True))
        assert set(failing(RESEND, [a_mail(1)]).unknown) == {1}
        assert [(one.kind, one.provider_id) for one in sent(RESEND, [a_mail(1)])] == [("sent", "id-1")]
        assert len(api.mails) == 1
        keys = [headers["Idempotency-Key"] for headers in api.requests]
        assert keys[0] == keys[1]
        assert re.fullmatch("[0-9a-f]{64}", keys[0])

    def test_other_words_under_the_same_key_mean_that_the_first_have_left(self, api: Api) -> None:
        sent(RESEND, [a_mail(1)])
        again = sent(RESEND, [a_mail(1, name="Corrected")])
        assert [(one.kind, one.text) for one in again] == [("sent", "carried out when it was asked for before")]
        assert len(api.mails) == 1

    def test_the_first_one_that_is_still_under_way_is_waited_for(self, api: Api) -> None:
        says = {"name": "concurrent_idempotent_requests", "message": "in progress"}
        api.script.append(Script(409, says=says))
        down = failing(RESEND, [a_mail(1)])
        assert isinstance(down, RouteSlow)
        assert down.unknown == (1,)


@pytest.mark.django_db(transaction=True)
class TestDelivered:
    @pytest.fixture(autouse=True)
    def _by_mailgun(self, api: Api, settings: SettingsWrapper) -> None:
        settings.EMAIL_PROVIDER = "mailgun"

    def published(self, office: Office, people: int = 5) -> Advisory:
        """To so many people in all."""
        for number in range(people - 1):
            office.person(f"person{number:03d}", office.department, "member")
        advisory = office.publish().advisory
        cascade(advisory.pk)
        return advisory

    def test_everybody_is_told_once_and_what_the_provider_calls_it_is_kept(self, office: Office, api: Api) -> None:
        self.published(office)
        while deliver():
            pass
        assert [len(call) for call in api.calls] == [5]
        assert Recipient.objects.filter(told_revision=1).count() == len(api.mails) == 5
        numbers = Message.objects.values_list("pk", flat=True)
        given = {tokens.make_32(number, 0, tokens.RETURN) for number in numbers}
        assert {mail.variables["v:token"] for mail in api.mails} == given
        for message in Message.objects.all():
            assert (message.state, message.route) == ("sent", "mailgun")
            assert message.provider_id.endswith("@mg.example.org>")
        assert not deliver()

    def test_a_refused_address_is_one_person_s(self, office: Office, api: Api) -> None:
        api.refuses = {"person001@example.org"}
        self.published(office)
        while deliver():
            pass
        assert len(api.mails) == 4
        assert Person.objects.get(bounced_at__isnull=False).email == "person001@example.org"

    def test_what_may_have_left_stays_with_the_route(self, office: Office, api: Api) -> None:
        self.published(office)
        api.script.append(Script(500, kept=True, says={"message": "oops"}))
        deliver()
        waiting = Batch.objects.filter(messages__state="waiting").distinct().get()
        assert waiting.route == "mailgun"
        assert waiting.messages.count() == 5
        route = Route.objects.get(name="mailgun")
        assert route.why.startswith("mailgun answered")
        assert "person" not in route.why

    def test_what_can_t_have_left_is_bound_to_no_route(
        self, office: Office, api: Api, settings: SettingsWrapper
    ) -> None:
        settings.ANYMAIL = {**settings.ANYMAIL, "MAILGUN_API_URL": "http://127.0.0.1:1/v3"}
        self.published(office)
        deliver()
        assert set(Batch.objects.values_list("route", flat=True)) == {""}
        assert Message.objects.filter(state="waiting").count() == 5

    def test_no_address_key_or_link_is_logged(self, office: Office, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        self.published(office)
        api.refuses = {"person001@example.org"}
        api.script.append(Script(429, says={"message": "person001@example.org: slow down"}))
        for _ in range(3):
            deliver()
            Route.objects.update(rests_until=None, next_at=None, pace=None)
            Batch.objects.update(not_before=timezone.now())
        words = "\n".join(str(entry.getMessage()) for entry in caplog.records)
        assert "slow down" in words
        assert "example.org" not in words
        assert KEY not in words


class _NoBoto(ModuleType):
    """boto3 is not installed here; what is built for it is built without it."""


@pytest.fixture
def boto(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Anymail's backend for Amazon SES imports."""
    names = ("boto3", "boto3.session", "botocore", "botocore.client", "botocore.config", "botocore.exceptions")
    modules: dict[str, Any] = {name: _NoBoto(name) for name in names}
    modules["boto3"].session = modules["boto3.session"]
    client = SimpleNamespace(close=lambda: None)
    modules["boto3.session"].Session = lambda **_: SimpleNamespace(client=lambda *_, **__: client)
    config = type("Config", (SimpleNamespace,), {"merge": lambda self, _: self})
    for name in ("botocore.client", "botocore.config"):
        modules[name].Config = config
    for name in ("BotoCoreError", "ClientError", "ConnectionError"):
        setattr(modules["botocore.exceptions"], name, type(name, (Exception,), {}))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)


@pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
@pytest.mark.usefixtures("boto")
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_each_provider_is_sent_can_be_built_and_has_one_recipient_a_mail(
    name: str, settings: SettingsWrapper
) -> None:
    settings.ANYMAIL = EVERY_SETTING
    provider = PROVIDERS[name]
    with ProviderSender(Way(name, name)) as sender:
        (call, *more) = list(sender._calls([a_mail(number) for number in range(3)]))
        assert len(call) == (3 if provider.merges else 1)
        assert len(more) == (0 if provider.merges else 2)
        _, payload = sender._payload(call)
    if name == "amazon_ses":
        payload.finalize_payload()
        built: Any = {**payload.params, "mime": payload.params.pop("Content")["Raw"]["Data"].decode()}
        assert built["Destination"] == {"ToAddresses": ["person0@example.org"]}
        assert "Reply-To: alerts+reply0@tocsin.example" in built["mime"]
        assert 'X-Metadata: {"token": "token0"}' in built["mime"]
        return
    written = payload.serialize_data()
    built = written if isinstance(written, dict) else json.loads(written)
    words = json.dumps(built)
    for number in range(len(call)):
        assert f"person{number}@example.org" in words
        assert provider.metadata == (f"token{number}" in words)
        # Its own Reply-To, wherever the provider lets it.
        has_own = provider.own_reply if provider.merges else True
        assert bool(has_own) == (f"alerts+reply{number}" in words)
    assert not re.search(r'"b?cc": (?!\[\])', words, re.IGNORECASE)
    assert ("X-Auto-Response-Suppress" in words) == provider.headers
    match name:
        case "mailgun":
            assert len(built["to"]) == len(json.loads(built["recipient-variables"])) == 3
        case "mailjet":
            assert [len(one["To"]) for one in built["Messages"]] == [1, 1, 1]
            assert [one["ReplyTo"]["Email"] for one in built["Messages"]] == [mail.personal.reply for mail in call]
        case "sendgrid":
            assert [len(one["to"]) for one in built["personalizations"]] == [1, 1, 1]
            assert built["reply_to_list"] == [{"email": "-tocsin.reply-@tocsin.example"}]
            assert built["personalizations"][0]["substitutions"]["-tocsin.reply-"] == "alerts+reply0"
        case "sparkpost":
            assert [one["address"]["header_to"].count("@") for one in built["recipients"]] == [1, 1, 1]
            assert built["content"]["reply_to"] == "{{{reply}}}@tocsin.example"
        case "mandrill":
            assert built["message"]["preserve_recipients"] is False
        case "unisender_go":
            assert "to" not in built["message"]["headers"]
            assert re.fullmatch("[0-9a-f]{64}", built["message"]["idempotence_key"])
        case "brevo":
            assert re.fullmatch("[0-9a-f-]{36}", built["headers"]["idempotencyKey"])
    assert len(re.findall(r"person\d@example\.org", words)) >= len(call)


def test_the_table_and_the_settings_know_the_same_providers_as_anymail() -> None:
    import anymail.backends

    modules = {path.stem for path in Path(anymail.backends.__path__[0]).glob("*.py")}
    # Not providers; and the old name of brevo.
    assert (
        set(PROVIDERS)
        == set(mail_provider.NEEDED)
        == modules
        - {
            "__init__",
            "base",
            "base_requests",
            "console",
            "test",
            "sendinblue",
        }
    )


def test_every_figure_has_its_source_and_the_docs_have_them_all() -> None:
    docs = DOCS.read_text()
    for name, provider in PROVIDERS.items():
        assert provider.source.startswith("https://")
        assert (provider.most > 1) == provider.merges
        row = next(line for line in docs.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"| {provider.most:,} |" in row
        assert provider.source in row
        assert f"| {provider.idempotency or 'none'} |" in row
        for needed in mail_provider.NEEDED[name]:
            assert f"`ANYMAIL_{needed}`" in row


class TestSettings:
    SECRET = "a-long-random-word:another-random-word"

    def found(self, environ: dict[str, str], *providers: str) -> dict[str, Any]:
        return mail_provider.anymail(environ, providers, timeout=30)

    def test_what_is_in_the_environment_is_anymail_s(self) -> None:
        environ = {
            "ANYMAIL_MAILGUN_API_KEY": "k",
            "ANYMAIL_WEBHOOK_SECRET": self.SECRET,
            "ANYMAIL_POSTMARK_SEND_DEFAULTS": '{"esp_extra": {"MessageStream": "alerts"}}',
            "OTHER": "x",
        }
        assert self.found(environ, "mailgun", "") == {
            "REQUESTS_TIMEOUT": 30,
            "MAILGUN_API_KEY": "k",
            "WEBHOOK_SECRET": self.SECRET,
            "POSTMARK_SEND_DEFAULTS": {"esp_extra": {"MessageStream": "alerts"}},
        }

    def test_a_provider_that_nobody_knows_is_refused_with_those_that_are_known(self) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"EMAIL_PROVIDER is 'mailgum': .*mailgun, mailjet"):
            mail_provider.known("EMAIL_PROVIDER", "mailgum")

    @pytest.mark.parametrize(
        ("environ", "providers", "says"),
        [
            ({"ANYMAIL_WEBHOOK_SECRET": SECRET}, ["mailgun"], "mailgun needs ANYMAIL_MAILGUN_API_KEY"),
            (
                {"ANYMAIL_WEBHOOK_SECRET": SECRET},
                ["", "mailjet"],
                "mailjet needs ANYMAIL_MAILJET_API_KEY and ANYMAIL_MAILJET_SECRET_KEY",
            ),
            ({"ANYMAIL_MAILGUN_API_KEY": "k"}, ["mailgun"], "ANYMAIL_WEBHOOK_SECRET must be"),
            (
                {"ANYMAIL_MAILGUN_API_KEY": "k", "ANYMAIL_WEBHOOK_SECRET": "short:one"},
                ["mailgun"],
                "ANYMAIL_WEBHOOK_SECRET",
            ),
            ({"ANYMAIL_MAILGUN_API_KEY": "k"}, ["mailgun", "mailgun"], "both mailgun"),
            ({"ANYMAIL_DEBUG_API_REQUESTS": "true"}, [], "ANYMAIL_DEBUG_API_REQUESTS must not be set"),
            ({"ANYMAIL_SEND_DEFAULTS": '{"bcc": ["a@example.org"]}'}, [], "ANYMAIL_SEND_DEFAULTS may have esp_extra"),
            ({"ANYMAIL_SEND_DEFAULTS": "{"}, [], "ANYMAIL_SEND_DEFAULTS is not JSON"),
            ({"ANYMAIL_WEBHOOK_SECRET": SECRET}, ["amazon_ses"], "needs boto3"),
        ],
    )
    def test_what_is_missing_or_would_break_a_promise_is_said_without_a_value(
        self, environ: dict[str, str], providers: list[str], says: str
    ) -> None:
        with pytest.raises(ImproperlyConfigured, match=re.escape(says)) as raised:
            self.found(environ, *providers)
        assert "a@example.org" not in str(raised.value)
        assert "short" not in str(raised.value)


def test_the_mails_of_signing_in_go_by_the_same_provider(api: Api, settings: SettingsWrapper) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    django_mail.send_mail(
        "Your link", "Open it.", "alerts@tocsin.example", ["person1@example.org"], html_message="Open it."
    )
    assert [(mail.recipient, str(mail.message["Subject"])) for mail in api.mails] == [
        ("person1@example.org", "Your link")
    ]
