"""Webhooks: each provider's report, as it sends it, becomes an event; whoever has not the secret changes and learns nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tokens
from alerts.delivery import tracking
from alerts.models import Message, TrackingEvent
from tests import rows
from tests.test_tracking import Told, mail_of

pytestmark = pytest.mark.django_db

SECRET = "provider:a-long-random-word"
KEY = "key-of-the-signature"
WHEN = datetime(2020, 4, 24, 12, 30, tzinfo=UTC)
STAMP = int(WHEN.timestamp())
ADDRESS = "ada@rows.example"
PROVIDERS = [
    "mailgun",
    "postmark",
    "sendgrid",
    "sparkpost",
    "resend",
    "brevo",
    "mailjet",
    "mandrill",
    "mailtrap",
    "amazon_ses",
]


@pytest.fixture(autouse=True)
def _configured(settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER, settings.SECOND_EMAIL_PROVIDER, settings.INBOUND_PROVIDER = "mailgun", "", ""
    settings.ANYMAIL = {
        "WEBHOOK_SECRET": SECRET,
        "MAILGUN_WEBHOOK_SIGNING_KEY": KEY,
        "MANDRILL_WEBHOOK_KEY": KEY,
    }


def credentials(secret: str = SECRET) -> dict[str, Any]:
    return {"HTTP_AUTHORIZATION": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def mailgun(token: str, event: str = "delivered", **changes: object) -> dict[str, Any]:
    signed = hmac.new(KEY.encode(), f"{STAMP}one-token".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": str(STAMP), "token": "one-token", "signature": signed},
        "event-data": {
            "event": event,
            "id": "9fzwPBxtSAuB",
            "timestamp": STAMP + 0.25,
            "recipient": ADDRESS,
            "message": {"headers": {"message-id": "call-1@mg.example", "to": ADDRESS}},
            "delivery-status": {"code": 250, "message": "OK", "description": ""},
            "user-variables": {"token": token},
            **changes,
        },
    }


def ses(token: str) -> dict[str, Any]:
    notification = {
        "eventType": "Bounce",
        "mail": {
            "messageId": "0100-0000",
            "destination": [ADDRESS],
            "headers": [{"name": "X-Metadata", "value": json.dumps({"token": token})}],
        },
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": ADDRESS, "diagnosticCode": "smtp; 550 5.1.1 unknown"}],
        },
    }
    return {
        "Type": "Notification",
        "MessageId": "sns-1",
        "Timestamp": "2020-04-24T12:30:00.000Z",
        "Message": json.dumps(notification),
    }


def body_of(provider: str, token: str) -> Any:
    """A report, as this provider puts it, and the type that we keep it as."""
    return {
        "mailgun": mailgun(token, "failed", severity="permanent", reason="bounce"),
        "postmark": {
            "RecordType": "Bounce",
            "ID": 42,
            "Type": "HardBounce",
            "MessageID": "00000000-0000-0000-0000-000000000000",
            "Email": ADDRESS,
            "BouncedAt": "2020-04-24T12:30:00Z",
            "Description": "The server was unable to deliver your message",
            "Details": "smtp;550 5.1.1 unknown",
            "Metadata": {"token": token},
        },
        "sendgrid": [
            {
                "event": "bounce",
                "sg_event_id": "sg-1",
                "email": ADDRESS,
                "timestamp": STAMP,
                "type": "bounce",
                "reason": "550 5.1.1 unknown",
                "anymail_id": "any-1",
                "token": token,
            },
            {
                "event": "open",
                "sg_event_id": "sg-2",
                "email": ADDRESS,
                "timestamp": STAMP,
                "token": token,
                "useragent": "x",
            },
        ],
        "sparkpost": [
            {"msys": {}},
            {
                "msys": {
                    "message_event": {
                        "type": "bounce",
                        "bounce_class": "10",
                        "event_id": "92356927693813856",
                        "timestamp": str(STAMP),
                        "transmission_id": "65832150921904138",
                        "raw_rcpt_to": ADDRESS,
                        "raw_reason": "550 5.1.1 unknown",
                        "rcpt_meta": {"token": token},
                    }
                }
            },
        ],
        "resend": {
            "type": "email.bounced",
            "created_at": "2020-04-24T12:30:00.000Z",
            "data": {
                "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
                "to": [ADDRESS],
                "headers": [{"name": "X-Metadata", "value": json.dumps({"token": token})}],
                "bounce": {"message": "The recipient's email provider sent a hard bounce message"},
            },
        },
        "brevo": {
            "event": "hard_bounce",
            "email": ADDRESS,
            "ts_epoch": STAMP * 1000,
            "message-id": "<2020@smtp-relay.example>",
            "reason": "550 5.1.1 unknown",
            "X-Mailin-custom": json.dumps({"token": token}),
        },
        "mailjet": {
            "event": "bounce",
            "time": STAMP,
            "MessageID": 19421777835146490,
            "email": ADDRESS,
            "error": "user unknown",
            "Payload": json.dumps({"token": token}),
        },
        "mailtrap": {
            "events": [
                {
                    "event": "bounce",
                    "message_id": "b-1",
                    "event_id": "b-2",
                    "email": ADDRESS,
                    "timestamp": STAMP,
                    "response": "550 5.1.1 unknown",
                    "custom_variables": {"token": token},
                }
            ]
        },
        "mandrill": [
            {
                "event": "hard_bounce",
                "_id": "m-1",
                "ts": STAMP,
                "msg": {"email": ADDRESS, "diag": "smtp;550 5.1.1 unknown", "metadata": {"token": token}},
            }
        ],
        "amazon_ses": ses(token),
    }[provider]


def post(provider: str, body: object, **headers: Any) -> Any:
    """As this provider sends it, with the secret unless another one is given."""
    sent: Any = body if isinstance(body, (str, bytes)) else json.dumps(body)
    type_, headers = "application/json", {**credentials(), **headers}
    if provider == "mandrill" and not isinstance(body, (str, bytes)):
        url = f"http://{SECRET}@testserver/webhooks/mandrill/tracking/"
        signed = hmac.new(KEY.encode(), f"{url}mandrill_events{sent}".encode(), hashlib.sha1).digest()
        headers["HTTP_X_MANDRILL_SIGNATURE"] = base64.b64encode(signed).decode()
        sent, type_ = urlencode({"mandrill_events": sent}), "application/x-www-form-urlencoded"
    if provider == "amazon_ses":
        headers |= {"HTTP_X_AMZ_SNS_MESSAGE_TYPE": "Notification", "HTTP_X_AMZ_SNS_MESSAGE_ID": "sns-1"}
    if provider == "resend":
        headers["HTTP_SVIX_ID"] = "svix-1"
    return Client().post(f"/webhooks/{provider}/tracking/", sent, type_, **headers)


def token_of(mail: Message) -> str:
    return tokens.make_32(mail.pk, 0, tokens.RETURN)


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_providers_bounce_is_kept_once_and_is_of_the_mail_whose_token_came_back(
    provider: str, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Amazon's own library is needed for what is fetched from there, and nothing is.
    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", lambda **_: ({}, {}))
    settings.EMAIL_PROVIDER = provider
    told = Told()
    for _ in range(2):
        response = post(provider, body_of(provider, token_of(told.mail)))
        assert (response.status_code, response.content) == (200, b"")
    event = TrackingEvent.objects.get()
    assert (event.provider, event.type, event.address, event.at.replace(microsecond=0)) == (
        provider,
        "bounced",
        ADDRESS,
        WHEN,
    )
    assert event.provider_id
    assert event.event_id
    tracking.match()
    assert told.stands == ("bounced", "bounced", 0, "bounced", None)
    assert "@" not in Message.objects.get(pk=told.mail.pk).error


def test_a_report_of_delivery_makes_it_delivered() -> None:
    told = Told()
    assert post("mailgun", mailgun(token_of(told.mail))).status_code == 200
    tracking.match()
    assert told.stands == ("delivered", "delivered", 1, None, None)


def test_a_temporary_failure_is_a_delay_and_an_open_is_nothing() -> None:
    told = Told()
    post("mailgun", mailgun(token_of(told.mail), "failed", severity="temporary", reason="generic"))
    tracking.match()
    assert told.stands[:2] == ("deferred", "deferred")
    kept = TrackingEvent.objects.count()
    assert post("mailgun", mailgun(token_of(told.mail), "opened")).status_code == 200
    assert TrackingEvent.objects.count() == kept


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_thousand_events_of_one_call_are_stored_together(
    settings: SettingsWrapper, django_assert_num_queries: Any
) -> None:
    settings.EMAIL_PROVIDER = "sendgrid"
    told = Told()
    many = [
        {
            "event": "delivered",
            "sg_event_id": f"sg-{n}",
            "email": ADDRESS,
            "timestamp": STAMP,
            "token": token_of(told.mail),
        }
        for n in range(1000)
    ]
    with django_assert_num_queries(1):
        assert post("sendgrid", many).status_code == 200
    assert TrackingEvent.objects.count() == 1000


# --- who may ---


def nothing_was_kept() -> bool:
    return not TrackingEvent.objects.exists()


@pytest.mark.parametrize("secret", ["", "provider:wrong", "provider", SECRET.upper(), f"{SECRET} "])
def test_without_the_secret_nobody_changes_or_learns_anything(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    body = mailgun(token_of(told.mail))
    unknown = Client().get("/webhooks/nobody/tracking/")
    headers = credentials(secret) if secret else {"HTTP_AUTHORIZATION": ""}
    url = "/webhooks/mailgun/tracking/"
    asked = [
        post("mailgun", body, **headers),
        post("mailgun", "{", **headers),
        post("mailgun", "x" * 3_000_000, **headers),
        *(getattr(Client(), how)(url, **headers) for how in ("get", "head", "options", "put", "delete")),
        post("postmark", body, **headers),
        post("postmark", body),
    ]
    assert {(one.status_code, one.content, one.headers.get("Allow")) for one in asked} == {
        (unknown.status_code, unknown.content, None)
    }
    assert (unknown.status_code, unknown.content) == (404, b"")
    assert nothing_was_kept()
    assert token_of(told.mail) not in caplog.text
    assert ADDRESS not in caplog.text


@pytest.mark.parametrize("auth", ["Basic", "Basic !!!", "Basic /////w==", "Bearer x", "Basic a b", "\x00"])
def test_a_header_that_is_no_secret_is_as_good_as_none(auth: str) -> None:
    assert post("mailgun", mailgun("x"), HTTP_AUTHORIZATION=auth).status_code == 404


def test_the_providers_own_signature_is_asked_for_beside_the_secret() -> None:
    told = Told()
    body = mailgun(token_of(told.mail))
    body["signature"]["signature"] = "0" * 64
    response = post("mailgun", body)
    assert (response.status_code, response.content) == (404, b"")
    assert nothing_was_kept()


@pytest.mark.parametrize("secret", [None, "", [], [""]])
def test_where_no_secret_is_set_there_are_no_webhooks(settings: SettingsWrapper, secret: object) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": secret}
    assert post("mailgun", mailgun("x")).status_code == 404
    assert post("mailgun", mailgun("x"), **credentials("")).status_code == 404
    assert post("mailgun", mailgun("x"), **credentials(":")).status_code == 404


def test_while_a_secret_is_changed_the_old_one_and_the_new_one_are_right(settings: SettingsWrapper) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": ["provider:the-new-random-word", SECRET]}
    told = Told()
    for secret in ("provider:the-new-random-word", SECRET):
        assert post("mailgun", mailgun(token_of(told.mail)), **credentials(secret)).status_code == 200


def test_only_the_configured_providers_are_heard(settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER, settings.SECOND_EMAIL_PROVIDER, settings.INBOUND_PROVIDER = "brevo", "mailjet", "postmark"
    told = Told()
    for provider, status in [("mailgun", 404), ("brevo", 200), ("mailjet", 200), ("postmark", 404)]:
        assert post(provider, body_of(provider, token_of(told.mail))).status_code == status, provider
    for path, status in [
        ("postmark/inbound/", 200),
        ("postmark/", 404),
        ("mailgun/inbound/", 404),
        ("/inbound/", 404),
        ("", 404),
        ("inbound", 404),
    ]:
        found = Client().post(f"/webhooks/{path}", "{}", "application/json", **credentials())
        assert found.status_code == status, path


def test_with_the_secret_a_provider_may_look_whether_there_is_anybody() -> None:
    head = Client().head("/webhooks/mailgun/tracking/", **credentials())
    assert (head.status_code, head.content) == (200, b"")
    assert Client().get("/webhooks/mailgun/tracking/", **credentials()).status_code == 405


def test_amazon_is_asked_for_the_secret_which_it_does_not_show_otherwise(settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER = "amazon_ses"
    response = Client().post("/webhooks/amazon_ses/tracking/", "{}", "application/json")
    assert (response.status_code, response.headers["WWW-Authenticate"], response.content) == (401, "Basic", b"")
    settings.EMAIL_PROVIDER = "mailgun"
    assert Client().post("/webhooks/amazon_ses/tracking/", "{}", "application/json").status_code == 404


# --- what can't be read ---

DEEP = "[" * 100_000


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("provider", ["postmark", "sendgrid", "sparkpost", "resend", "brevo", "mailjet", "mailtrap"])
def test_what_is_no_report_is_400_and_is_not_kept(provider: str, settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER = provider
    for body in ["", "{", "[1]", "7", "null", b"\xff", DEEP]:
        response = post(provider, body)
        assert (response.status_code, response.content) == (400, b""), body[:10]
    assert post(provider, '{"event": {}, "type": [], "events": {}}').status_code in (200, 400)
    assert nothing_was_kept()


@pytest.mark.filterwarnings("ignore::Warning")
def test_of_a_call_with_one_event_that_can_not_be_read_nothing_is_kept(settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER = "sendgrid"
    right = {"event": "delivered", "sg_event_id": "sg", "email": ADDRESS, "timestamp": STAMP, "anymail_id": "a"}
    assert post("sendgrid", [right, {"email": ADDRESS}]).status_code == 400
    assert nothing_was_kept()


def test_what_was_read_of_a_call_before_the_answer_was_no_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()

    def reads_half(_: HttpRequest) -> HttpResponse:
        tracking.arrived(token_of(told.mail), WHEN)
        return HttpResponse(status=405)

    monkeypatch.setattr("alerts.web.webhooks._view_of", lambda _: reads_half)
    assert post("mailgun", "{}").status_code == 400
    assert nothing_was_kept()


def test_what_is_too_large_is_not_read(settings: SettingsWrapper) -> None:
    assert post("mailgun", "x" * 2_600_000).status_code == 413
    settings.INBOUND_PROVIDER = "postmark"
    for raw in ("x" * 600_000, 'Content-Type: multipart/mixed; boundary="b"\n' * 50):
        body = json.dumps({"RawEmail": raw})
        found = Client().post("/webhooks/postmark/inbound/", body, "application/json", **credentials())
        assert (found.status_code, found.content) == (413, b"")


def test_a_database_that_is_away_is_an_error_so_that_the_provider_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> int:
        raise OperationalError("away")

    monkeypatch.setattr(tracking, "store", away)
    client = Client(raise_request_exception=False)
    body = json.dumps(mailgun("x"))
    response = client.post("/webhooks/mailgun/tracking/", body, "application/json", **credentials())
    assert response.status_code == 500


# --- what comes back by a provider ---


def test_a_bounce_that_a_provider_brings_in_is_an_event(settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER, settings.INBOUND_PROVIDER = "", "postmark"
    told = Told()
    raw = (
        "From: MAILER-DAEMON@mx.example\r\nDate: Fri, 24 Apr 2020 12:30:00 +0000\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        "Final-Recipient: rfc822; ada@rows.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
    )
    body = {
        "From": "MAILER-DAEMON@mx.example",
        "OriginalRecipient": f"alerts+{token_of(told.mail)}@tocsin.example",
        "RawEmail": raw,
        "Headers": [],
    }
    for _ in range(2):
        response = Client().post("/webhooks/postmark/inbound/", json.dumps(body), "application/json", **credentials())
        assert response.status_code == 200
    tracking.match()
    assert TrackingEvent.objects.get().provider == "smtp"
    assert told.stands == ("bounced", "bounced", 0, "bounced", None)


def test_a_plain_mail_has_a_fate_as_well() -> None:
    told = Told()
    plain = mail_of(told.recipient)
    Message.objects.filter(pk=plain.pk).update(advisory=None, revision=None, recipient=None, kind="check")
    post("mailgun", mailgun(token_of(plain), "failed", severity="permanent"))
    tracking.match()
    assert told.stands == ("", "", 1, "bounced", None)
    assert rows.person().bounced_at is None
