"""Each sign of a machine, and the people who must not bear one."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from redis import Redis

from alerts import suspicion
from alerts.suspicion import (
    FASTEST_PERSON,
    HANDED_OVER_WITHIN,
    LONGEST_PROOF,
    MANY,
    MANY_WITHIN,
    SIGNS,
    SOONEST,
    SOONEST_UNSEEN,
    Client,
    Evidence,
    Hand,
    proves,
    signs,
)
from alerts.web import client as web_client
from alerts.web.client import answering, client_of

PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
HOUR = 3_600.0
SEEN, NONE, UNKNOWN = Hand.SEEN, Hand.NONE, Hand.UNKNOWN


@pytest.mark.parametrize(
    ("user_agent", "seconds", "expected"),
    [
        (PERSON, 30.0, []),
        (PERSON, 7 * 86_400.0, []),
        (PERSON, FASTEST_PERSON, []),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/90.0 Mobile Safari/537.36", 9.0, []),
        ("Lynx/2.8.9rel.1 libwww-FM/2.14", 9.0, []),
        ("w3m/0.5.3+git20230121", 9.0, []),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1; U; en) Presto/2.12.423 Version/12.16", 9.0, []),
        ("NokiaC3-00/5.0 (04.60) Profile/MIDP-2.1 Configuration/CLDC-1.1 (Java; U; en)", 9.0, []),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1", 9.0, []),
        ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko Microsoft Outlook 16.0", 9.0, []),
        (PERSON, 0.05, ["instant"]),
        ("", 30.0, ["nameless"]),
        ("   ", 30.0, ["nameless"]),
        ("Barracuda Sentinel (EE)", 30.0, ["scanner"]),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 30.0, ["scanner"]),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 0.0, ["scanner", "instant"]),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 HeadlessChrome/126.0 Safari/537.36", 30.0, ["automated"]),
        ("Mozilla/5.0 (Unknown; Linux x86_64) PhantomJS/1.9.8 Safari/534.34", 30.0, ["automated"]),
        ("Mozilla/5.0 (Windows NT; en-GB) WindowsPowerShell/5.1.19041", 30.0, ["automated"]),
        ("python-requests/2.32.3", 30.0, ["automated"]),
        ("Python/3.11 aiohttp/3.9.1", 30.0, ["automated"]),
        ("curl/8.5.0", 30.0, ["automated"]),
        ("Wget/1.21.4", 30.0, ["automated"]),
        ("Go-http-client/2.0", 30.0, ["automated"]),
        ("Java/17.0.9", 30.0, ["automated"]),
        ("okhttp/4.12.0", 30.0, ["automated"]),
        (" libwww-perl/6.77", 30.0, ["automated"]),
    ],
)
def test_a_machine_bears_the_sign_and_a_person_bears_none(user_agent: str, seconds: float, expected: list[str]) -> None:
    assert signs(Evidence(user_agent, seconds)) == expected


@pytest.mark.parametrize(
    ("seconds", "since", "hand", "suspect"),
    [
        (2.0, 2.5, SEEN, True),
        (2.0, SOONEST, SEEN, False),
        (20.0, 25.0, SEEN, False),
        (20.0, 25.0, UNKNOWN, True),
        (20.0, SOONEST_UNSEEN, UNKNOWN, False),
        (20.0, None, UNKNOWN, False),
        # The clocks of two machines.
        (2.0, -0.4, SEEN, True),
        # While the mail was handed over: a gateway looks before it takes it.
        (1.5, 0.0, SEEN, True),
        (HANDED_OVER_WITHIN, 0.0, SEEN, True),
        # A reminder left while somebody read.
        (HOUR, 1.0, SEEN, False),
        (HOUR, 1.0, UNKNOWN, False),
    ],
)
def test_what_comes_within_seconds_of_the_mail_is_a_gateways(
    seconds: float, since: float | None, hand: Hand, suspect: bool
) -> None:
    assert ("after the mail" in signs(Evidence(PERSON, seconds, since, hand))) is suspect


def test_a_script_that_saw_no_hand_is_a_sign_and_no_script_is_none() -> None:
    assert signs(Evidence(PERSON, 30.0, HOUR, NONE)) == ["untouched"]
    assert signs(Evidence(PERSON, 30.0, HOUR, SEEN)) == signs(Evidence(PERSON, 30.0, HOUR, UNKNOWN)) == []


def test_a_browser_that_says_so_is_automated_and_a_field_that_nobody_sees_is_a_decoy() -> None:
    assert signs(Evidence(PERSON, 30.0, automated=True, hand=SEEN)) == ["automated"]
    assert signs(Evidence(PERSON, 30.0, decoy=True, hand=SEEN)) == ["decoy"]


def test_many_at_once_is_a_sign_unless_a_hand_was_seen() -> None:
    assert signs(Evidence(PERSON, 30.0, others=MANY)) == ["many at once"]
    assert signs(Evidence(PERSON, 30.0, others=MANY - 1)) == []
    assert signs(Evidence(PERSON, 30.0, others=5_000, hand=SEEN)) == []


def test_a_proof_outweighs_every_sign_but_haste() -> None:
    everything = Evidence("curl/8 Mimecast", 0.1, 0.1, NONE, automated=True, decoy=True, others=MANY)
    assert len(signs(everything)) == len(SIGNS) - 1  # it has a name
    proved = Evidence("curl/8 Mimecast", 0.1, 0.1, NONE, automated=True, decoy=True, others=MANY, proved=True)
    assert signs(proved) == ["instant"]
    assert signs(Evidence("", 9.0, 9.0, NONE, automated=True, decoy=True, others=MANY, proved=True)) == []


def test_the_times_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)
    monkeypatch.setattr(suspicion, "SOONEST_UNSEEN", 0)
    assert signs(Evidence(PERSON, 0.0, 0.0)) == []


@pytest.mark.parametrize(
    "typed",
    ["0017", " 0017 ", "00 17", "-0017", "2020-0017", "ADV-2020-0017", "adv 2020 0017", "００１７", "٠٠١٧"],
)
def test_the_end_of_the_reference_proves_a_person_however_it_is_typed(typed: str) -> None:
    assert proves(typed, "ADV-2020-0017")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "    ",
        "----",
        "017",
        "0018",
        "yes",
        "test@example.org",
        "2020",
        "ADV-2020",
        "0017 0017",
        "0017\x00x",
        "\x00",
        "²²²²",
    ],
)
def test_anything_else_proves_nothing(typed: str) -> None:
    assert not proves(typed, "ADV-2020-0017")
    assert not proves(f"{'0' * LONGEST_PROOF}0017", "ADV-2020-0017")


def test_the_end_of_a_drills_reference_proves_a_person_as_well() -> None:
    assert proves("0003", "EX-2026-0003")
    assert proves("ex-2026-0003", "EX-2026-0003")
    assert not proves("Type the last four characters of the reference, EX-2026-0003", "EX-2026-0003")


def posted(agent: str = PERSON, address: str = "192.0.2.7", **fields: str) -> HttpRequest:
    return RequestFactory().post("/a/x", fields, REMOTE_ADDR=address, headers={"user-agent": agent})


def somebody(number: int = 1) -> tuple[int, str]:
    """A recipient's id, and the reference of their advisory."""
    return number, "ADV-2020-0017"


def test_a_request_is_read_with_limits_and_what_is_unknown_says_nothing() -> None:
    assert client_of(posted()) == Client(PERSON)
    assert client_of(posted(hand="seen", steered="1", remarks="x")) == Client(PERSON, SEEN, automated=True, decoy=True)
    assert client_of(posted(hand="none", remarks=" ")) == Client(PERSON, NONE, decoy=True)
    for odd in ("SEEN", "seen ", "x" * 100_000, "\x00", "0"):
        assert client_of(posted(hand=odd, steered=odd)) == Client(PERSON)
    assert client_of(RequestFactory().get("/a/x?hand=seen&steered=1")) == Client("")
    assert answering(posted(proof="00 17"), *somebody()).proved
    assert not answering(posted(proof="0017" * 1_000), *somebody()).proved


def test_others_are_counted_by_address_and_name_and_each_once() -> None:
    assert [answering(posted(), *somebody(number)).others for number in (1, 1, 2, 3, 1)] == [0, 0, 1, 2, 2]
    assert answering(posted(agent=f"{PERSON} Edg/126.0"), *somebody(4)).others == 0
    assert answering(posted(address="192.0.2.8"), *somebody(4)).others == 0


def test_whoever_shows_a_hand_is_not_counted_and_adds_nothing() -> None:
    for number in range(40):
        assert answering(posted(hand="seen"), *somebody(number)).others == 0
    assert answering(posted(), *somebody(99)).others == 0


def test_after_some_seconds_nobody_is_counted_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        answering(posted(), *somebody(number))
    later = timezone.now() + timedelta(seconds=MANY_WITHIN + 5)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert answering(posted(), *somebody(9)).others == 0


def test_without_redis_there_is_no_such_sign_and_nobody_waits(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [answering(posted(), *somebody(number)).others for number in range(9)] == [0] * 9


def test_an_address_is_in_no_key_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answering(posted(address="198.51.100.77"), *somebody(7))
    redis = Redis.from_url(settings.REDIS_URL)
    [key] = redis.keys(f"{web_client.ANSWERED}:*")
    assert b"198.51.100.77" not in key
    assert redis.zrange(key, 0, -1) == [b"7"]
    assert 0 < redis.ttl(key) <= MANY_WITHIN + 1
    assert "198.51.100.77" not in caplog.text


def test_each_sign_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({sign.name for sign in SIGNS}) == len(SIGNS)
    assert all(sign.reason.endswith(".") for sign in SIGNS)


def test_the_page_of_the_signs_is_the_table() -> None:
    page = (Path(__file__).parent.parent / "docs" / "suspicion.md").read_text()
    written = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert written == [(sign.name, sign.reason, "no" if sign.outweighs_proof else "yes") for sign in SIGNS]
    for figure in (FASTEST_PERSON, SOONEST, SOONEST_UNSEEN, HANDED_OVER_WITHIN, MANY_WITHIN, MANY + 1):
        assert re.search(rf"\b{figure:g}\b", page), figure
