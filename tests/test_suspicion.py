"""Each sign of a machine, and the people who must not bear one."""

from __future__ import annotations

import pytest

from alerts.suspicion import FASTEST_PERSON, SIGNS, Evidence, signs

PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "seconds", "expected"),
    [
        (PERSON, 30.0, []),
        (PERSON, 7 * 86_400.0, []),
        (PERSON, FASTEST_PERSON, []),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/90.0 Mobile Safari/537.36", 9.0, []),
        ("Lynx/2.8.9rel.1 libwww-FM/2.14", 9.0, []),
        (PERSON, 0.05, ["instant"]),
        ("", 30.0, ["nameless"]),
        ("   ", 30.0, ["nameless"]),
        ("Barracuda Sentinel (EE)", 30.0, ["scanner"]),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 30.0, ["scanner"]),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 0.0, ["scanner", "instant"]),
    ],
)
def test_a_machine_bears_the_sign_and_a_person_bears_none(user_agent: str, seconds: float, expected: list[str]) -> None:
    assert signs(Evidence(user_agent, seconds)) == expected


def test_each_sign_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({sign.name for sign in SIGNS}) == len(SIGNS)
    assert all(sign.reason.endswith(".") for sign in SIGNS)
