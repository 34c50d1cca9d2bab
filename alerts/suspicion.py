"""Suspicion: the table of signs by which a machine's answer is told from a person's.

Mail gateways open links, run scripts and press buttons. An answer that bears a sign is kept, counts for nothing, and is
asked once more; so a sign may err towards suspicion, but never often: each false one costs somebody a second press.
Whoever is asked once more types the end of the advisory's reference: any person can, no presser of buttons does, and it
outweighs every sign but haste.

How gateways behave, which is why no sign stands alone:
    they submit forms                   https://github.com/FusionAuth/fusionauth-site/pull/2922 (Safe Links)
    they press buttons, too             https://github.com/nextauthjs/next-auth/issues/1840 (Outlook)
    they run scripts                    https://stackoverflow.com/questions/59281750 (Office 365)
    the same one with two names,        https://stackoverflow.com/questions/35319164
    one of them a person's browser's
    some never say that they are one    https://university.act-on.com (Identifying False Positives in Email Clicks: Barracuda)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Names that link checkers, previewers and crawlers give themselves: lower case, and long enough to be no telephone's (there
# is one called CUBOT).
SCANNERS = (
    "applebot",
    "barracuda",
    "bingbot",
    "bingpreview",
    "discordbot",
    "facebookexternalhit",
    "fortiguard",
    "googlebot",
    "googleimageproxy",
    "ironport",
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
    "virustotal",
    "yandexbot",
    "zscaler",
)

# Names of browsers without a screen, and of what steers them; and names with which an HTTP library begins. Lynx and w3m are
# people's, and so is what has "libwww-FM" further on.
STEERED = (
    "headlesschrome",
    "phantomjs",
    "slimerjs",
    "puppeteer",
    "playwright",
    "selenium",
    "windowspowershell",
    "scrapy",
)
LIBRARIES = (
    "aiohttp/",
    "apache-httpclient/",
    "axios/",
    "curl/",
    "faraday ",
    "go-http-client/",
    "guzzlehttp/",
    "httpie/",
    "java-http-client/",
    "java/",
    "libcurl/",
    "libwww-perl/",
    "node-fetch",
    "okhttp/",
    "postmanruntime/",
    "python-httpx/",
    "python-requests/",
    "python-urllib/",
    "python/",
    "reqwest/",
    "ruby",
    "undici",
    "wget/",
)

# Seconds from the page to the answer. Nobody reads a page, makes a choice and presses in less; a script that fills a form does.
# It is measured here, so that a slow line only adds to it.
FASTEST_PERSON = 1.0

# Seconds from the mail to the answer. A mail that was handed over is yet to be put in a mailbox, fetched, opened and followed.
# Gateways look in those very seconds; several minutes are a person's (support.metacompliance.com, article 13056444972817).
# Without the signs of a person it is a minute: whoever has no scripts and is as quick as that is asked once more, not lost.
SOONEST = 3.0
SOONEST_UNSEEN = 60.0
# Links are looked at before a mail is taken, too (Safe Links: "URLs are scanned prior to message delivery"): while it is handed
# over, which is never for longer than this. A page that was open before then was found by an earlier mail, and a reminder that
# leaves while somebody reads makes nobody a machine.
HANDED_OVER_WITHIN = 60.0

# So many others within so many seconds. One in a hundred visitors of GOV.UK ran no scripts (gds.blog.gov.uk, 21 October 2013):
# of a ministry of 5,000 behind one address, fifty. If all of them answer in the same ten minutes, that is one in ten seconds,
# and with the same browser's name hardly ever four.
# What works off a list of links is seldom as slow.
MANY = 3
MANY_WITHIN = 10.0

# So many of the last characters of the reference are typed by whoever is asked once more.
PROOF = 4
LONGEST_PROOF = 100


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
    """For how many other recipients the same client answered within the last seconds, without the signs of a person."""
    proved: bool = False
    """Asked once more, it typed what a person was asked to type."""
    mistyped: bool = False
    """Asked once more, it typed something else."""

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
    outweighs_proof: bool = False
    """It stands although a person's proof was typed."""


def _is_steered(evidence: Evidence) -> bool:
    agent = evidence.user_agent.strip().casefold()
    return evidence.automated or agent.startswith(LIBRARIES) or any(name in agent for name in STEERED)


def _is_after_the_mail(evidence: Evidence) -> bool:
    since = evidence.since_mail
    if since is None or evidence.seconds > since + HANDED_OVER_WITHIN:
        return False
    return since < (SOONEST if evidence.hand is Hand.SEEN else SOONEST_UNSEEN)


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
        "automated",
        "The browser says that a program steers it, or has the name of one without a screen or of an HTTP library.",
        _is_steered,
    ),
    Sign(
        "instant",
        "The form came back sooner after it was issued than a person can choose and press. A proof typed in no time was not "
        "typed: it stands against one.",
        lambda evidence: evidence.seconds < FASTEST_PERSON,
        outweighs_proof=True,
    ),
    Sign(
        "after the mail",
        "The answer came within seconds of the mail: gateways look then, and a person has hardly got it. Where no hand was "
        "seen, within a minute.",
        _is_after_the_mail,
    ),
    Sign(
        "untouched",
        "The page's script ran and saw no key, touch, pointer or click that the browser vouches for: a script chose and sent.",
        lambda evidence: evidence.hand is Hand.NONE,
    ),
    Sign(
        "decoy",
        "A field was filled that is hidden from sight, from the keyboard and from screen readers. What fills in forms for a "
        "person may do so as well, so a proof outweighs it.",
        lambda evidence: evidence.decoy,
    ),
    Sign(
        "many at once",
        "The same browser at the same address answered for several recipients within seconds, and no hand was seen. People "
        "behind one shared address have hands.",
        lambda evidence: evidence.others >= MANY and evidence.hand is not Hand.SEEN,
    ),
)


def signs(evidence: Evidence) -> list[str]:
    """The names of the signs that an answer bears; empty for a person's."""
    return [sign.name for sign in SIGNS if sign.bears(evidence) and (sign.outweighs_proof or not evidence.proved)]


def proves(typed: str, reference: str) -> bool:
    """Whether this is what somebody was asked to type: the last four characters of the reference, or more of it.

    Spaces, hyphens and case make no difference, nor does the width or the script of a digit.
    """
    if len(typed) > LONGEST_PROOF:
        return False
    bare = _bare(typed)
    return len(bare) >= PROOF and _bare(reference).endswith(bare)


def _bare(text: str) -> str:
    # Digits of other scripts are the same digits, on the keyboards of those who write in them.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(str(unicodedata.decimal(one, one)) for one in folded if one.isalnum())
