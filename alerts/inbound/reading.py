"""What a mail that came back to us is: a report about a mail of ours, an answer of a machine, a person's own words.

Standards: reports (RFC 3464), read receipts (RFC 8098), answers of machines (RFC 3834), list mail (RFC 2919).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import HeaderParser
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import islice

from django.conf import settings

from alerts import tokens

MOST_PARTS, DEEPEST = 50, 8
MOST_BOUNDARIES = 25  # a report, and what it returns, have a handful
LONGEST_TEXT = 20_000  # characters of a part that are looked at
LONGEST_HEADER = 4_000
OLDEST = timedelta(days=30)  # a report dated before is dated wrongly


class Kind(StrEnum):
    """What a mail is."""

    BOUNCED = "bounced"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    AWAY = "away"
    """An answer that a machine gave: out of office, a ticket's number."""
    RECEIPT = "receipt"
    """Somebody, or their program, says that it was opened."""
    OURS = "ours"
    """One of our own mails, which arrived here."""
    LIST = "list"
    REPLY = "reply"
    """Whatever else: for people to read."""


@dataclass(frozen=True)
class Read:
    """A mail, as far as it matters here."""

    kind: Kind
    at: datetime
    key: str
    """The same for the same mail, and for no other one."""
    token: str = ""
    """Of the message of ours that it is about."""
    words: str = ""
    address: str = ""
    is_ours: bool = False
    """It is about a mail of ours, or answers one."""
    reply: str = ""
    """The token of the recipient whose mail is replied to; only where a person may have written it."""
    answers: bool = False
    """It was taken as an answer that counts."""

    @property
    def is_done(self) -> bool:
        """Nobody need read it: a machine wrote it about a mail of ours, or it was taken as an answer."""
        return self.answers or (self.is_ours and self.kind not in (Kind.LIST, Kind.REPLY))


def classify(message: Message, received: datetime, *, envelope_to: str = "", envelope_from: str | None = None) -> Read:
    """What it is. `received`: when it came in, in case that it does not say. Never raises."""
    parts = list(parts_of(message))
    came_to = " ".join([envelope_to, *(value for name in _CAME_TO for value in headers_of(message, name))])
    token = _token(came_to, tokens.RETURN) or _token(_of_the_original(parts), tokens.RETURN)
    reply = _token(came_to, tokens.REPLY)
    is_ours = bool(token or reply)
    key = _first(message, "message-id").strip() or _digest_of_headers(message)
    at = _date(message, received)

    def read(kind: Kind, words: str = "", address: str = "", token: str = token, at: datetime = at) -> Read:
        return Read(kind, at, key, token, words, address, is_ours or bool(token))

    report = _delivery_report(parts)
    if report is not None:
        return read(*report)
    if any(part.get_content_type() == "message/disposition-notification" for part in parts):
        return read(Kind.RECEIPT)
    if _is_our_own(message):
        back = " ".join([*headers_of(message, "x-tocsin"), *headers_of(message, "return-path")])
        # Its own date says when it left.
        return read(Kind.OURS, token=_token(back, tokens.RETURN), at=received)
    # An answer may well come from nobody, and have any number in it.
    words = "" if _is_an_answer(message) else _words_of_a_bounce(message, parts, envelope_from)
    if words:
        return read(Kind.BOUNCED, words)
    if headers_of(message, "list-id") or _first(message, "precedence").strip().lower() == "list":
        return read(Kind.LIST)
    if _is_a_machines(message):
        return read(Kind.AWAY)
    # What comes from nobody wants no answer, whatever it says of itself.
    return replace(read(Kind.REPLY), reply="" if _is_from_nobody(message, envelope_from) else reply)


# --- whose it is ---

_CAME_TO = (
    "delivered-to",
    "x-original-to",
    "x-delivered-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
    "to",
    "cc",
)
# In an address; also where a forwarder put ours into its own (SRS: ...=alerts+TOKEN@..., VERP: ...+TOKEN=domain@...).
_TOKEN = re.compile(r"(?<![a-z0-9])([a-z2-7]{27,41})(?=[@=]|$|\s|>)", re.IGNORECASE)


def _token(where: str, purpose: str) -> str:
    """The first token of ours in it."""
    found = _TOKEN.finditer(where)
    return next((one[1].lower() for one in found if tokens.read_32(one[1], purpose) is not None), "")


_RETURNED = ("message/rfc822", "message/global", "message/global-headers", "text/rfc822-headers")


def _of_the_original(parts: list[Message]) -> str:
    """What the mail that came back has of us: its return path, and our own header."""
    said = []
    for part in parts:
        if part.get_content_type() not in _RETURNED:
            continue
        inner = part.get_payload()
        kept = inner[0] if isinstance(inner, list) and inner else None
        original = kept if isinstance(kept, Message) else HeaderParser().parsestr(_text(part))
        said += [*headers_of(original, "x-tocsin"), *headers_of(original, "return-path")]
    return " ".join(said)


def _is_our_own(message: Message) -> bool:
    host = settings.ALERTS_FROM.rpartition("@")[2].lower()
    return any(f"<alerts.{host}>" in value.lower() for value in headers_of(message, "list-id"))


# --- what it says ---

_ACTIONS = {"failed": Kind.BOUNCED, "delayed": Kind.DEFERRED, "delivered": Kind.DELIVERED}
_BY_STATUS = {"5": Kind.BOUNCED, "4": Kind.DEFERRED, "2": Kind.DELIVERED}
_GRAVEST = (Kind.BOUNCED, Kind.DEFERRED, Kind.DELIVERED)


def _delivery_report(parts: list[Message]) -> tuple[Kind, str, str] | None:
    """What a report says, the gravest of it first: its kind, the server's words, the address. None where it is no report.

    "Failed" is the end, whatever the status; "relayed" and "expanded" say no more than that it went on.
    """
    found: list[tuple[Kind, str, str]] = []
    reports = [
        part
        for part in parts
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    ]
    for report in reports:
        blocks = report.get_payload()
        for block in blocks[:MOST_PARTS] if isinstance(blocks, list) else []:
            if not isinstance(block, Message):
                continue
            action, status = _first(block, "action").strip().lower(), _first(block, "status").strip()
            kind = _ACTIONS.get(action)
            if kind is None and not action:
                kind = _BY_STATUS.get(status[:1])
            if kind is not None:
                said = _first(block, "diagnostic-code").partition(";")[2].strip()
                words = said if status in said else f"{status} {said}".strip()
                address = _first(block, "original-recipient") or _first(block, "final-recipient")
                found.append((kind, " ".join(words.split()), address.partition(";")[2].strip()))
    if not found:
        return (Kind.REPLY, "", "") if reports else None
    return min(found, key=lambda one: _GRAVEST.index(one[0]))


# A report of before there were standards for it: a code, and words that say that it is one. The code with its dots (RFC 3463),
# or the bare one (RFC 5321, section 4.2) where a server's answer stands: a number in a sentence is any number.
_BARE = r"5[0-5]\d(?=[ -]\D|-5\.)"
_CODE = re.compile(
    r"(?<![\d.])5\.[0-7]\.\d{1,3}(?![\d.])"
    rf"|^[ \t>]*<?{_BARE}"
    rf"|\b(?:said|says|smtp|error|code|response|responded|reply|replied|status|diagnostic)\b[ \t:;,(#=]*{_BARE}",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"undeliver|not (?:be )?delivered|n.t able to deliver|could ?n.t be delivered|could not deliver|unable to deliver"
    r"|delivery .{0,40}fail|delivery failure|failure notice|returned mail|permanent (?:error|failure)|non-?delivery",
    re.IGNORECASE,
)
_DAEMONS = ("mailer-daemon@", "postmaster@")


def _words_of_a_bounce(message: Message, parts: list[Message], envelope_from: str | None) -> str:
    """The line with the code, of a mail from nobody (RFC 5321, section 4.5.5) that says 5xx; "" otherwise.

    Its sender or its subject says that it is one; what anybody writes in a mail does not.
    """
    if not _is_from_nobody(message, envelope_from) and "mailer-daemon@" not in _first(message, "from").lower():
        return ""
    subject = _first(message, "subject")
    if not (_is_from_a_daemon(message) or _FAILED.search(subject)):
        return ""
    text = "\n".join(_text(part) for part in parts if part.get_content_type() == "text/plain")[:LONGEST_TEXT]
    # What was returned stands below, and may say anything.
    text = re.split(r"(?im)^[ \t>]*-*[ \t]*(?:below this line|original message|this is a copy of)", text)[0]
    if not _FAILED.search(f"{subject}\n{text}"):
        return ""
    return next((" ".join(line.split()) for line in text.splitlines() if _CODE.search(line)), "")


def _is_from_nobody(message: Message, envelope_from: str | None) -> bool:
    back = [envelope_from] if envelope_from is not None else headers_of(message, "return-path")
    return any(value.strip() in ("", "<>") for value in back)


def _is_from_a_daemon(message: Message) -> bool:
    sender = _first(message, "from").lower()
    return any(name in sender for name in _DAEMONS)


def _is_an_answer(message: Message) -> bool:
    """A machine says that it answers for somebody (RFC 3834, section 5). Some say so of their bounces as well."""
    if _is_from_a_daemon(message):
        return False
    return _auto_submitted(message) == "auto-replied" or _answers_by_custom(message)


def _is_a_machines(message: Message) -> bool:
    if _auto_submitted(message) not in ("", "no"):
        return True
    if _first(message, "precedence").strip().lower() in ("bulk", "junk", "auto_reply", "auto-reply"):
        return True
    return _answers_by_custom(message)


def _auto_submitted(message: Message) -> str:
    return re.split(r"[;(\s]", _first(message, "auto-submitted").strip(), maxsplit=1)[0].lower()


def _answers_by_custom(message: Message) -> bool:
    """By a header of before there was a standard. X-Auto-Response-Suppress is none: it asks for no answers."""
    return any(
        _first(message, name).strip().lower() not in ("", "no")
        for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply")
    )


# --- its parts ---

# The parameter of a multipart's type (RFC 2046, section 5.1.1; RFC 2231), also as JSON or a form has it in a webhook.
_BOUNDARY = re.compile(rb"boundary[*\d]*(?:\s|\\[rnt]|%0[9AD]|%20|\+)*(?:=|%3D)", re.IGNORECASE)


def is_knotted(content: bytes) -> bool:
    """Whether so many parts may stand within parts that to read it takes long: each line is compared with each boundary."""
    return sum(1 for _ in islice(_BOUNDARY.finditer(content), MOST_BOUNDARIES + 1)) > MOST_BOUNDARIES


def parts_of(message: Message, depth: int = 0) -> Iterator[Message]:
    """Its parts, not those of a mail within it."""
    inner = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(inner, list):
        yield message
        return
    if depth < DEEPEST:
        for part in inner[:MOST_PARTS]:
            if isinstance(part, Message):
                yield from parts_of(part, depth + 1)


def headers_of(message: Message, name: str) -> list[str]:
    """As they stand in the mail: whoever parses them may fail on them."""
    return [str(value)[:LONGEST_HEADER] for key, value in message.raw_items() if key.lower() == name][:20]


def _first(message: Message, name: str) -> str:
    return next(iter(headers_of(message, name)), "")


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return payload[: LONGEST_TEXT * 4].decode("utf-8", "replace")[:LONGEST_TEXT]


def _date(message: Message, received: datetime) -> datetime:
    try:
        at = parsedate_to_datetime(_first(message, "date"))
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return at if received - OLDEST < at < received else received
    except (ValueError, TypeError, IndexError, OverflowError):
        return received


def _digest_of_headers(message: Message) -> str:
    said = "\n".join(f"{name}: {str(value)[:LONGEST_HEADER]}" for name, value in message.raw_items())
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
