"""Logs: no token in any of them, however a mail program mangled the link, and all that an operator needs."""

import pytest
from django.test import Client

from alerts import tokens
from config.logs import scrub, scrub_path

MANGLED = ["{}", "<{}>", "=3D{}", " {}", "\u200b{}", "*{}*", "({})", "“{}”", "#{}", "{}.", "%3C{}%3E", "/{}", "\\{}"]


@pytest.fixture
def token() -> str:
    return tokens.make(7, 0)


@pytest.mark.parametrize("mangled", MANGLED)
@pytest.mark.parametrize("before", ["/a/", "/c/", "see https://alerts.example/a/", "/A/", ""])
def test_a_mangled_link_does_not_show_its_token(token: str, mangled: str, before: str) -> None:
    for number in (7, 10**6, 10**12):
        token = tokens.make(number, 1023)
        assert token not in scrub(f"{before}{mangled.format(token)}")


@pytest.mark.parametrize("broken_by", ["=", "=\n", " ", "\r\n ", "/", "\u200b", "%20", "-"])
def test_a_broken_link_shows_no_part_of_it(token: str, broken_by: str) -> None:
    for place in (6, 12, len(token) - 6):
        path = f"/a/{token[:place]}{broken_by}{token[place:]}"
        shown = scrub(scrub_path(path))
        assert token[:place] not in shown
        assert token[place:] not in shown
    assert token[6:] not in scrub(f"see /a/{token[:6]}={token[6:]}")


def test_a_path_still_says_which_page_it_was(token: str) -> None:
    assert scrub_path(f"/a/{token}") == "/a/<token>"
    assert scrub(scrub_path(f"/a/{token}/not-me")) == "/a/<token>/not-me"
    assert scrub_path(f"/c/<{token}>") == "/c/<token>"
    for path in ("/", "/a/", "/healthz", "/advisories/ADV-2026-0001/people/7/", "/static/alerts/hand.js"):
        assert scrub(scrub_path(path)) == path


def test_the_line_of_a_request_has_no_token(token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "request")
    for path in (f"/a/%3C{token}%3E", f"/a/%20{token}", f"/a/{token[:9]}%0A{token[9:]}", f"/a/{token}/x/{token}"):
        Client().get(path)
    out = "\n".join(str(entry.getMessage()) for entry in caplog.records)
    assert out.count("'path': '/a/<token>'") == 4
    assert token not in out
    assert token[9:] not in out


def test_what_an_operator_reads_stays() -> None:
    for text in (
        "ConnectionRefusedError: [Errno 111], SMTPAuthenticationError, CompressedManifestStaticFilesStorage",
        "250 2.0.0 Ok: queued as 4XyZ12345678901",
        "452 4.2.2 mailbox full, see https://spam.example/abc/why?ip=192.0.2.1",
        "task alerts.tasks.deliver[0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0] at 2026-11-28T12:00:00Z",
    ):
        assert scrub(text) == text
