"""Settings that would break a promise are refused at the start, in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.mail_url import mail_server

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"EMAIL_TIMEOUT": "60", "BATCH_LEASE": "60"}, "EMAIL_TIMEOUT (60 s) must be less than BATCH_LEASE"),
        ({"EMAIL_TIMEOUT": "0"}, "EMAIL_TIMEOUT (0 s)"),
        ({"ALARM_URL": "ftp://example.org"}, "ALARM_URL"),
        ({"HEARTBEAT_URL": "example.org/ping"}, "HEARTBEAT_URL"),
        ({"EMAIL_URL": "mail.example.gov.uk"}, "EMAIL_URL must be like smtp://"),
        ({"EMAIL_URL": "smtp://u:p@mail.example.gov.uk:25"}, "EMAIL_URL has a password and no TLS"),
        ({"EMAIL_URL": "smtp://mail.example.gov.uk:25?tsl=true"}, "EMAIL_URL must be like smtp://"),
        ({"SECOND_EMAIL_URL": "http://mail.example.gov.uk"}, "SECOND_EMAIL_URL must be like smtp://"),
        ({"SECOND_EMAIL_DOWN_TO": "grave"}, "SECOND_EMAIL_DOWN_TO"),
        ({"ALERTS_FROM": "Alerts <alerts@example.org>"}, "ALERTS_FROM"),
        ({"ALERTS_FROM": "alerts-of-the-whole-government@example.org"}, "ALERTS_FROM"),
        ({"SUBADDRESS_SEPARATOR": "@"}, "SUBADDRESS_SEPARATOR"),
        ({"SITE_URL": "alerts.example.gov.uk"}, "SITE_URL"),
        ({"PROXIES": "-1"}, "PROXIES is -1"),
        ({"MAILBOX_URL": "imap://u:p@mail.example.gov.uk"}, "MAILBOX_URL must be like imaps://"),
        ({"INBOUND_PROVIDER": "nobody"}, "INBOUND_PROVIDER is 'nobody'"),
        ({"INBOUND_PROVIDER": "postmark"}, "INBOUND_PROVIDER needs ANYMAIL_WEBHOOK_SECRET"),
    ],
)
def test_what_would_break_a_promise_is_refused(wrong: dict[str, str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "ImproperlyConfigured" in done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert "u:p" not in done.stderr


@pytest.mark.parametrize(
    ("given", "proxies"),
    [
        ({"SITE_URL": "https://alerts.example.gov.uk"}, "1"),
        ({"SITE_URL": "http://127.0.0.1:8000"}, "0"),
        ({"SITE_URL": "https://alerts.example.gov.uk", "PROXIES": "0"}, "0"),
        ({"SITE_URL": "https://alerts.example.gov.uk", "PROXIES": "2"}, "2"),
    ],
)
def test_a_site_at_https_has_a_proxy_in_front_unless_it_says_otherwise(given: dict[str, str], proxies: str) -> None:
    says = "from config.settings import PROXIES; print(PROXIES)"
    environment = {**os.environ, **given}
    done = subprocess.run(
        [sys.executable, "-c", says], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == proxies


@pytest.mark.parametrize(
    ("url", "port", "starttls", "implicit"),
    [
        ("smtp://mail.example.gov.uk", 25, False, False),
        ("smtp://u:p@mail.example.gov.uk?tls=true", 587, True, False),
        ("smtp+tls://u:p@mail.example.gov.uk:2525", 2525, True, False),
        ("smtps://u:p@mail.example.gov.uk", 465, False, True),
        ("smtp+ssl://u:p@mail.example.gov.uk", 465, False, True),
        ("smtp://u:p@mail.example.gov.uk:466?ssl=true", 466, False, True),
    ],
)
def test_a_mail_server_is_spoken_to_as_its_address_says(url: str, port: int, starttls: bool, implicit: bool) -> None:
    server = mail_server("EMAIL_URL", url)
    assert (server["EMAIL_PORT"], server["EMAIL_USE_TLS"], server["EMAIL_USE_SSL"]) == (port, starttls, implicit)
    assert server["EMAIL_HOST_PASSWORD"] == ("p" if "@" in url else "")


def test_what_a_password_is_made_of_is_taken_as_it_was_meant() -> None:
    assert mail_server("EMAIL_URL", "smtps://u%40x:p%3A%2F@mail.example")["EMAIL_HOST_PASSWORD"] == "p:/"
