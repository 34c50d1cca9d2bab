"""Suspicion: the table of signs by which a machine's answer is told from a person's.

Mail gateways open links, run scripts and press buttons. An answer that bears a sign is kept, counts for nothing, and is
asked once more; so a sign may err towards suspicion, but never often: each false one costs somebody a second press.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Names that link checkers, previewers and crawlers give themselves: lower case, and long enough to be no telephone's.
SCANNERS = (
    "barracuda",
    "bingbot",
    "bingpreview",
    "facebookexternalhit",
    "fortiguard",
    "googlebot",
    "googleimageproxy",
    "linkedinbot",
    "linkscanner",
    "mimecast",
    "proofpoint",
    "skypeuripreview",
    "slackbot",
    "telegrambot",
    "trendmicro",
    "twitterbot",
    "urlscan",
    "zscaler",
)

# Nobody reads a page and presses twice in less; a script that fills a form does.
FASTEST_PERSON = 0.2  # seconds


class Hand(StrEnum):
    """What the page's own script saw before the form was sent."""

    UNKNOWN = ""
    """No script ran: it says nothing, one way or the other."""
    SEEN = "seen"
    """A key, a touch or a pointer that the browser itself vouches for."""
    NONE = "none"
    """The form was sent, and nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a request says of whoever sent it."""

    user_agent: str = ""
    hand: Hand = Hand.UNKNOWN
    automated: bool = False
    """The browser says that a program steers it (WebDriver, section 4: `navigator.webdriver`)."""
    decoy: bool = False
    """It filled a field that nobody sees."""
    others: int = 0
    """For how many other recipients the same client answered within the last seconds."""
    proved: bool = False
    """Asked once more, it typed what a person was asked to type."""

    def evidence(self, seconds: float, since_mail: float | None = None) -> Evidence:
        """With the times that the form and the outbox know."""
        return Evidence(
            self.user_agent,
            seconds,
            since_mail,
            self.hand,
            self.automated,
            self.decoy,
            self.others,
            self.proved,
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one posted form."""

    user_agent: str
    seconds: float
    """Since the form was issued."""
    since_mail: float | None = None
    """Since the mail with the link was handed over; None where none was."""
    hand: Hand = Hand.UNKNOWN
    automated: bool = False
    decoy: bool = False
    others: int = 0
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign: its name (kept with the answer), why it is one, and its test."""

    name: str
    reason: str
    bears: Callable[[Evidence], bool]


SIGNS = (
    Sign(
        "scanner",
        "The browser calls itself by the name of a known scanner, previewer or crawler.",
        lambda evidence: any(name in evidence.user_agent.casefold() for name in SCANNERS),
    ),
    Sign(
        "nameless",
        "The browser gives no name at all; people's browsers do.",
        lambda evidence: not evidence.user_agent.strip(),
    ),
    Sign(
        "instant",
        "The form came back sooner after it was issued than a person can press.",
        lambda evidence: evidence.seconds < FASTEST_PERSON,
    ),
)


def signs(evidence: Evidence) -> list[str]:
    """The names of the signs that an answer bears; empty for a person's."""
    return [sign.name for sign in SIGNS if sign.bears(evidence)]
