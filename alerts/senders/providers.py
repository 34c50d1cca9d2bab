"""What each provider's API can do, in one table: docs/providers.md shows it, `alerts.senders.provider` goes by it.

Each figure has its source. Where a source could not be found, or two of them disagree, the cautious answer stands here and
`note` says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

_SPENT = re.compile(r"quota|credits?\b|(daily|monthly|sending|recipient) limit", re.IGNORECASE)
_TOO_FAST = re.compile(r"per (second|minute)|rate limit", re.IGNORECASE)
_BRACES = r"\{(?=[{%$]|\Z)"
JOINER = "\u2060"  # U+2060: no width, and no break


@dataclass(frozen=True)
class Provider:
    """A provider as Anymail knows it."""

    name: str
    most: int
    """The most recipients in one call. 1: the finished text of one mail a call."""
    source: str
    """Where the provider says so."""
    place: str = ""
    """How a recipient's own value is written into the words, with KEY for its name; empty: it merges nothing on the way."""
    raw: bool = False
    """It is known to put a value in as it is. Otherwise it may escape it (once more) in HTML: then only values in which nothing
    is to be escaped are merged, and the other mails go one a call."""
    opens: str = ""
    """What begins a place, or anything else that it would take for one: a character, as a regular expression."""
    own_ids: bool = True
    """Whether the answer has an id for each recipient, and not one for all."""
    own_status: bool = False
    """Whether the answer says of each recipient whether it was taken."""
    own_reply: Literal["", "headers", "content", "reply_to_list", "messages"] = ""
    """How each mail of a call gets a Reply-To of its own; empty: they have one for all, the sender's."""
    metadata: bool = True
    """Whether the message's token can go along, to come back with each event."""
    headers: bool = True
    """Whether headers of our own can go along."""
    tracking: bool = True
    """Whether a call can say that opens and clicks are not to be tracked; otherwise that is a setting of the account."""
    idempotency: str = ""
    """The header or field that keeps a call that is made twice from being done twice."""
    failed: Literal["refused", "later"] = "refused"
    """What becomes of a mail that it calls failed."""
    spent: tuple[int, ...] = (402,)
    """The HTTP status of a quota that is spent; or its words are such (`is_spent`)."""
    named: Mapping[str, int] = field(default_factory=dict)
    """Errors that it names instead of giving them a status of HTTP that says what became of the call."""
    note: str = ""

    @property
    def merges(self) -> bool:
        """Whether one call can carry many mails, each with its own parts."""
        return bool(self.place)

    def placed(self, key: str) -> str:
        """How the value of this name is written into the words."""
        return self.place.replace("KEY", key)

    def plain(self, text: str) -> str:
        """Text, or a header, in which nothing is taken for a place: a mark without width stands after what would begin one."""
        return _opening(self.opens).sub(_apart, text) if text and self.opens else text

    def plain_html(self, html: str) -> str:
        """The same for HTML, where a character reference stands for it (HTML Living Standard, section 13.1.4)."""
        return _opening(self.opens).sub(_referred, html) if html and self.opens else html

    def is_spent(self, status: int, words: str) -> bool:
        """Whether it takes no more mail today."""
        said = status >= 400 and _SPENT.search(words) and not _TOO_FAST.search(words)
        return status in self.spent or bool(said)


@lru_cache
def _opening(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _apart(found: re.Match[str]) -> str:
    return found[0] + JOINER


def _referred(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


_MANDRILL = {
    "Invalid_Key": 401,
    "PaymentRequired": 402,
    "Unknown_Subaccount": 403,
    "ValidationError": 400,
    "ServiceUnavailable": 503,
}
_SES = {
    "TooManyRequestsException": 429,
    "ThrottlingException": 429,
    "Throttling": 429,
    "LimitExceededException": 402,
    "AccountSuspendedException": 403,
    "SendingPausedException": 403,
    "MailFromDomainNotVerifiedException": 403,
    "MessageRejected": 400,
    "BadRequestException": 400,
    "NotFoundException": 404,
}
_ESPS = "https://anymail.dev/en/stable/esps"

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            Provider(
                "amazon_ses",
                most=1,
                source=f"{_ESPS}/amazon_ses/#limitations-and-quirks",
                tracking=False,
                named=_SES,
                note="Merging needs a stored template. It needs boto3, which is not installed here: "
                "pip install 'django-anymail[amazon-ses]==15.2'.",
            ),
            Provider(
                "brevo",
                most=1,
                source="https://developers.brevo.com/docs/batch-send-transactional-emails",
                opens=_BRACES,
                tracking=False,
                idempotency="idempotencyKey",
                note="1,000 versions a call, but parameters are documented for stored templates alone, and Anymail's"
                " page says that inline text is not merged. Its key for a call holds for 15 or 30 minutes (its pages differ).",
            ),
            Provider(
                "mailersend",
                most=1,
                source=f"{_ESPS}/mailersend/#batch-send-mode",
                opens=_BRACES,
                metadata=False,
                headers=False,
                note="Its bulk endpoint gives neither an id nor a status of a recipient. Headers of one's own are for"
                " Enterprise accounts alone, so none are sent; events are matched by its id of the message.",
            ),
            Provider(
                "mailgun",
                most=1000,
                source="https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending",
                place="%recipient.KEY%",
                raw=True,
                opens=r"%(?=recipient|unsubscribe_|mailing_list_|tag_unsubscribe|\Z)",
                own_ids=False,
                own_reply="headers",
                note="The maximum is in its older manual and its own libraries. One malformed address has the whole call"
                " refused (400): it is halved until that one is found.",
            ),
            Provider(
                "mailjet",
                most=50,
                source="https://dev.mailjet.com/reference/email/send-emails/",
                place="[[var:KEY]]",
                opens=r"[\[{](?=[\[{%]|\Z)",
                own_status=True,
                own_reply="messages",
                note="Whether it escapes a value in HTML is not documented.",
            ),
            Provider("mailtrap", most=1, source=f"{_ESPS}/mailtrap/#limitations-and-quirks", tracking=False),
            Provider(
                "mandrill",
                most=500,
                source=f"{_ESPS}/mandrill/#batch-sending-merge-and-esp-templates",
                place="*|KEY|*",
                opens=r"\*(?=\||\Z)",
                own_status=True,
                named=_MANDRILL,
                note="No maximum was found, so 500. Whether it escapes a value in HTML is not documented. It answers"
                " every error with 500 and a name. More than 10 recipients are queued, and refusals reported later.",
            ),
            Provider(
                "postal",
                most=1,
                source=f"{_ESPS}/postal/#limitations-and-quirks",
                metadata=False,
                tracking=False,
                note="One's own server. Events are matched by its id of the message.",
            ),
            Provider(
                "postmark",
                most=1,
                source="https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails",
                own_status=True,
                note="500 finished messages a call, but Anymail's batch has one text for all, and merging needs a stored"
                " template.",
            ),
            Provider(
                "resend",
                most=1,
                source="https://resend.com/docs/dashboard/emails/batch-sending",
                tracking=False,
                idempotency="Idempotency-Key",
                note="100 finished messages a call, but Anymail's batch has one text for all. Its key for a call holds for"
                " a day.",
            ),
            Provider("scaleway", most=1, source=f"{_ESPS}/scaleway/#limitations-and-quirks", tracking=False),
            Provider(
                "sendgrid",
                most=1000,
                source="https://www.twilio.com/docs/sendgrid/for-developers/sending-email/personalizations",
                place="-tocsin.KEY-",
                raw=True,
                opens=r"-(?=tocsin\.|\Z)",
                own_reply="reply_to_list",
                note="Anymail supports it no longer. Reply-To may not be set by headers, but is merged.",
            ),
            Provider(
                "sparkpost",
                most=1000,
                source="https://developers.sparkpost.com/api/transmissions/",
                place="{{{KEY}}}",
                raw=True,
                opens=_BRACES,
                own_ids=False,
                own_reply="content",
                spent=(402, 420),
                note="Thousands, it says, and no number, so 1,000. Reply-To is no header of one's own there, but is merged."
                " A call of which some are refused does not say which.",
            ),
            Provider(
                "unisender_go",
                most=500,
                source="https://godocs.unisender.ru/web-api-ref#email-send",
                place="{{KEY}}",
                opens=_BRACES,
                own_status=True,
                idempotency="idempotence_key",
                failed="later",
                note="Whether it escapes a value in HTML is not documented. For how long its key for a call holds"
                " was not found. A header of one's own for each recipient is not to be had.",
            ),
        )
    }
)
