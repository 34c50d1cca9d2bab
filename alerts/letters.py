"""The words of a mail. A skeleton is built once for each revision and kind; only the personal parts are filled in.

The skeleton is the MIME message in pieces: what is the same for everybody is encoded once, and each personal part is encoded
for where it stands (a header, quoted-printable text, quoted-printable HTML) and set between two pieces. A soft line
break (RFC 2045, section 6.7) stands at each seam, so that no piece needs to know its neighbour's length.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from email import quoprimime
from email.header import Header
from email.utils import format_datetime
from html import escape
from typing import Any
from urllib.parse import urlsplit

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from alerts import letter_blocks
from alerts.desk_words import DeskWords, desk_words
from alerts.letter_blocks import Added, Block
from alerts.letter_words import BY, Words, words_of
from alerts.models import Advisory, Message, Revision
from alerts.models.message import DESK
from alerts.plain_words import PlainWords, plain_words
from alerts.spelling import one_line

CRLF = "\r\n"
SEAM = b"=\r\n"
SHOWN_BODIES = 6
# Stand in a rendered template where a personal part goes. Letters only: no encoder touches them.
PLACES = re.compile("PERSONALPART(NAME|BODIES|LINK|ASK|CODE|HELD|NOTES|NOTED)PERSONALPART")
IMPORTANCE = {"critical": ("1", "high"), "high": ("2", "high"), "medium": ("3", "normal"), "low": ("5", "low")}


@dataclass(frozen=True)
class Personal:
    """What is one person's own in a mail; kept with the message, so that the very mail can be shown again."""

    message_key: str
    name: str
    address: str
    bodies: tuple[str, ...]
    link: str
    contact: str
    telephone: str
    code: str = ""
    reply: str = ""
    """Where an answer by mail goes, with the recipient's own token; empty: to all of us."""
    held: tuple[str, ...] = ()
    """A sentence for each body that they hold it for, as it was when the mail was made."""
    notes: tuple[Added, ...] = ()
    """What stands for them under the original, the nearest body's first; none where the text is not in the mail."""
    noted_by: str = ""
    """Of a mail about a note: the body that added it."""

    def to_json(self) -> dict[str, Any]:
        """As kept with the message: without the link and the address for replies, which are keys to answering and can be made
        again, and without a code."""
        return {**asdict(self), "bodies": list(self.bodies), "held": list(self.held), "link": "", "code": "", "reply": ""}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Personal":
        """The reverse of `to_json`; what an older mail kept has fewer parts."""
        notes = tuple(Added(*note) for note in kept.get("notes", ()))
        return cls(**{**kept, "bodies": tuple(kept["bodies"]), "held": tuple(kept.get("held", ())), "notes": notes})


class Skeleton:
    """Everything of a mail but its personal parts."""

    def __init__(self, words: Words | PlainWords | DeskWords, *, sent_at: str | None = None) -> None:
        self._date = sent_at
        self._host = urlsplit(settings.SITE_URL).hostname or "localhost"
        boundary = "part-" + hashlib.sha256(f"{words.reference}:{words.number}:{words.kind}".encode()).hexdigest()[:24]
        self._static_headers = _static_headers(words, boundary)
        self._from = _mailbox(f"{words.issuer} alerts", settings.ALERTS_FROM)
        self._noted = isinstance(words, Words) and words.noted
        self._subject, self._everybodys = words.subject, _header(words.subject)
        places = {name.lower(): f"PERSONALPART{name}PERSONALPART" for name in (*_PARTS, *_BLOCKS)}
        context = {"words": words, "places": places}
        text = render_to_string(f"alerts/mail/{words.template}.txt", context)
        html = css_inline.inline(render_to_string(f"alerts/mail/{words.template}.html", context))
        self._pieces: list[bytes | tuple[str, bool]] = [
            _part_head(boundary, "plain"),
            *_split(_tidy(text), html=False),
            _part_head(boundary, "html"),
            *_split(html, html=True),
            f"{CRLF}--{boundary}--{CRLF}".encode(),
        ]

    def fill(self, personal: Personal) -> bytes:
        """The whole MIME message for one person."""
        date = self._date or format_datetime(timezone.localtime())
        message_id = hashlib.sha256(personal.message_key.encode()).hexdigest()[:32]
        headers = (
            f"To: {_mailbox(personal.name, personal.address)}{CRLF}"
            f"Message-ID: <{message_id}@{self._host}>{CRLF}"
            f"Date: {date}{CRLF}"
            f"From: {self._from}{CRLF}"
            f"Subject: {self._subject_for(personal)}{CRLF}"
            f"Reply-To: {personal.reply or settings.ALERTS_FROM}{CRLF}"
        )
        # A skeleton knows its places: nobody's mail pays for the words of parts that it has no place for.
        body = [piece if isinstance(piece, bytes) else _encode(_told(personal, *piece)) for piece in self._pieces]
        return headers.encode() + self._static_headers + b"".join(body)

    def _subject_for(self, personal: Personal) -> str:
        """As everybody's; of a mail about a note it names whose, where the marking lets it."""
        if not self._noted:
            return self._everybodys
        return _header(self._subject.replace(BY, f" of {one_line(personal.noted_by)}" if personal.noted_by else ""))


def skeleton(revision: Revision, kind: str) -> Skeleton:
    """The skeleton of this revision's mails of a kind (`Message.Kind`)."""
    return Skeleton(words_of(revision, kind))


def plain_skeleton(kind: str, about: Advisory | None = None) -> Skeleton:
    """The skeleton of the mails of a kind that carries no revision; a desk mail and a code are about an advisory."""
    return Skeleton(_plain_words(kind, about))


def _plain_words(kind: str, about: Advisory | None) -> PlainWords | DeskWords:
    return desk_words(kind, about) if about and kind in DESK else plain_words(kind, about)


def again(message: Message, link: str = "") -> bytes:
    """The very mail that one person got: its revision, its kind, its personal parts and its date. `link` if it may be shown."""
    if message.personal is None or message.sent_at is None:
        raise ValueError(f"message {message.pk} was never sent")
    personal = Personal.from_json({**message.personal, "link": link or message.personal["link"]})
    date = format_datetime(timezone.localtime(message.sent_at))
    if message.revision is None:
        words: Words | PlainWords | DeskWords = _plain_words(message.kind, message.batch.about)
    else:
        words = words_of(message.revision, message.kind)
    return Skeleton(words, sent_at=date).fill(personal)


# --- the personal parts, as words ---


def _bodies(personal: Personal) -> str:
    shown = [one_line(body) for body in personal.bodies[:SHOWN_BODIES]]
    more = len(personal.bodies) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _ask(personal: Personal) -> str:
    contact, telephone = one_line(personal.contact), one_line(personal.telephone)
    if not contact:
        return ""
    return f" Or ask your contact, {contact}{f', on {telephone}' if telephone else ''}."


_PARTS: dict[str, Callable[[Personal], str]] = {
    "NAME": lambda personal: one_line(personal.name),
    "BODIES": _bodies,
    "LINK": lambda personal: personal.link,
    "ASK": _ask,
    # A code is not kept: where the mail is shown again, dots stand for it.
    "CODE": lambda personal: personal.code or "······",
}

_BLOCKS: dict[str, Block] = {
    "HELD": Block(
        lambda personal: letter_blocks.held_text(personal.held, personal.link),
        lambda personal: letter_blocks.held_html(personal.held, personal.link),
    ),
    "NOTES": Block(
        lambda personal: letter_blocks.notes_text(personal.notes),
        lambda personal: letter_blocks.notes_html(personal.notes),
    ),
    "NOTED": Block(
        lambda personal: letter_blocks.noted_text(personal.notes),
        lambda personal: letter_blocks.noted_html(personal.notes),
    ),
}


def _told(personal: Personal, name: str, html: bool) -> str:
    """A personal part as it stands in the text or, with everything escaped that somebody wrote, in the HTML."""
    if block := _BLOCKS.get(name):
        return block.html(personal) if html else block.text(personal)
    said = _PARTS[name](personal)
    return escape(said) if html else said


# --- encoding ---


def _static_headers(words: Words | PlainWords | DeskWords, boundary: str) -> bytes:
    priority, importance = IMPORTANCE[words.severity]
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    lines = [
        f"List-Id: <alerts.{host}>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        f"Importance: {importance}",
        f"X-Priority: {priority}",
        *(["X-Exercise: yes"] if words.exercise else []),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        "",
    ]
    return CRLF.join(lines).encode()


def _part_head(boundary: str, kind: str) -> bytes:
    return (
        f'{CRLF}--{boundary}{CRLF}Content-Type: text/{kind}; charset="utf-8"{CRLF}'
        f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}"
    ).encode()


def _header(text: str) -> str:
    """A header's value, folded, and encoded (RFC 2047) where it is not plain ASCII."""
    text = one_line(text)
    return Header(text, None if text.isascii() else "utf-8", maxlinelen=70).encode(linesep=CRLF)


def _mailbox(name: str, address: str) -> str:
    """`"Name" <address>` (RFC 5322, section 3.4); an encoded name is split so that no word is over 75 characters."""
    name = one_line(name)
    if not name:
        return f"<{address}>"
    # What looks encoded already would be decoded by the reader, so it is encoded once more.
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    # With the longest address (254 characters) the line stays under 998.
    if name.isascii() and len(quoted) <= 400 and "=?" not in name:
        return f'"{quoted}" <{address}>'
    return f"{Header(name, 'utf-8', maxlinelen=70).encode(linesep=CRLF)}{CRLF} <{address}>"


def _encode(text: str) -> bytes:
    """Quoted-printable with a soft break on either side; for nothing, one soft break."""
    return SEAM + _quoted_printable(text) + SEAM if text else SEAM


def _quoted_printable(text: str) -> bytes:
    octets = text.encode("utf-8", "replace").decode("latin-1")
    # One column is left for the soft break of a seam: no line is over 76 characters.
    return quoprimime.body_encode(octets, maxlinelen=75, eol=CRLF).encode("ascii")


def _split(text: str, *, html: bool) -> list[bytes | tuple[str, bool]]:
    pieces: list[bytes | tuple[str, bool]] = []
    for number, part in enumerate(PLACES.split(text)):
        if number % 2:
            pieces.append((part, html))
        elif part:
            pieces.append(_quoted_printable(part))
    return pieces


def _tidy(text: str) -> str:
    """No more than one empty line in a row, and no blanks at the ends of lines."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"
