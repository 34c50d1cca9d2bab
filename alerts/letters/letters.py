"""The words of a mail. A skeleton is built once for each revision and kind; only the personal parts are filled in.

The skeleton is the MIME message in pieces: what is the same for everybody is encoded once, and each personal part is encoded
for where it stands (a header, quoted-printable text, quoted-printable HTML) and set between two pieces. A soft line
break (RFC 2045, section 6.7) stands at each seam, so that no piece needs to know its neighbour's length.

What a skeleton is made of is kept with the first mail that leaves with it (`keep`), and each message names it: the very mail
that somebody got can be made again years later (`again`), whatever became of the advisory, the directory and the settings.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property, lru_cache
from html import escape
from typing import Any

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from alerts import tokens
from alerts.letters import letter_blocks
from alerts.letters.letter_blocks import Added, Block, Entry, Line
from alerts.letters.letter_mime import (
    CRLF,
    Inline,
    encode,
    end,
    header,
    mailbox,
    part_head,
    picture,
    quoted_printable,
    related_head,
)
from alerts.letters.letter_words import BY, Words, words_of
from alerts.letters.plain_words import HEAD, TAIL, PlainWords, plain_words
from alerts.models import Advisory, Citation, Letter, Message, Revision, Severity
from alerts.models.message import DESK
from alerts.publishing.desk_words import DeskWords, desk_words
from alerts.spelling import one_line

SHOWN_BODIES = 6
LONGEST_CALLED = 100  # characters of an issuer's name in From, which a list of mails cuts much sooner
BUILT = 64  # skeletons that a worker has ready
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
    token: str = ""
    """The message's own, by which whatever comes back is known."""
    held: tuple[str, ...] = ()
    """A sentence for each body that they hold it for, as it was when the mail was made."""
    notes: tuple[Added, ...] = ()
    """What stands for them under the original, the nearest body's first; none where the text is not in the mail."""
    noted_by: str = ""
    """Of a mail about a note: the body that added it."""
    reminded: str = ""
    """Of a mail of the chase: what it is about, a paragraph a line. Of a reminder: since when they have been told."""
    head: str = ""
    """The same, in its subject: before the title, or all of it."""
    tail: str = ""
    """The same: after the title."""
    asks: str = ""
    """Of a reminder: the heading of what is asked, with their own time."""
    entries: tuple[Entry, ...] = ()
    """Of a mail of the chase about several: each of them."""
    more: str = ""
    """The same: what follows after them."""
    answer: tuple[Line, ...] = ()
    """Of a receipt: what was answered, a line each."""
    date: str = ""
    """When it was made, as its header says (`dated`); empty: now."""
    letter: int = 0
    """The number under which its skeleton is kept."""

    def to_json(self) -> dict[str, Any]:
        """As kept with the message: without the link and the address for replies, which are keys to answering and can be made
        again, and without a code. Where warnings are checked is a link for everybody, and is kept."""
        kept = {
            "message_key": self.message_key,
            "name": self.name,
            "address": self.address,
            "bodies": self.bodies,
            "link": self.link if self.link.endswith("/check") else "",
            "contact": self.contact,
            "telephone": self.telephone,
            "date": self.date,
            "letter": self.letter,
        }
        few = {
            "held": self.held,
            "notes": self.notes,
            "noted_by": self.noted_by,
            "reminded": self.reminded,
            "answer": self.answer,
            "head": self.head,
            "tail": self.tail,
            "asks": self.asks,
            "entries": [_without_keys(entry) for entry in self.entries],
            "more": self.more,
        }
        return kept | {name: value for name, value in few.items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Personal":
        """The reverse of `to_json`; what an older mail kept has fewer parts, and what a newer one did has more."""
        known = {field.name: kept[field.name] for field in fields(cls) if field.name in kept}
        lists = {name: tuple(kept.get(name, ())) for name in ("bodies", "held")}
        notes = tuple(Added(*note) for note in kept.get("notes", ()))
        answer = tuple(Line(*line) for line in kept.get("answer", ()))
        entries = tuple(
            Entry(heading, tuple(said), *(tuple(Line(*line) for line in lines) for lines in more))
            for heading, said, *more in kept.get("entries", ())
        )
        return cls(**known | lists | {"notes": notes, "answer": answer, "entries": entries})


def _without_keys(entry: Entry) -> Entry:
    """What is kept of it: a link of somebody's own is a key to answering, and can be made again; a page is not."""
    own = f"{settings.SITE_URL}/a/"
    return entry._replace(
        links=tuple(Line(one.label, "" if one.said.startswith(own) else one.said) for one in entry.links)
    )


class Skeleton:
    """Everything of a mail but its personal parts. `kept` is all that it is made of, and can be made of again."""

    def __init__(self, words: Words | PlainWords | DeskWords) -> None:
        self._put_together(_rendered(words))

    @classmethod
    def of_kept(cls, kept: Mapping[str, Any]) -> "Skeleton":
        """The very one that was kept."""
        made = cls.__new__(cls)
        made._put_together(kept)
        return made

    def _put_together(self, kept: Mapping[str, Any]) -> None:
        self.kept = kept
        boundary = kept["boundary"]
        self._sender = kept["address"]
        self._host = self._sender.rpartition("@")[2]
        self._static_headers = _static_headers(kept)
        self.picture = _picture(kept.get("picture"))
        self._from = mailbox(kept["from"], self._sender)
        self._noted, self._headed = kept["noted"], kept.get("headed", False)
        self._subject: str = kept["subject"]
        self._everybodys = header(self._subject)
        places = re.compile(f"{kept['place']}([A-Z]+){kept['place']}")
        self._pieces: list[bytes | tuple[str, bool]] = [
            part_head(boundary, "plain"),
            *_split(kept["text"], places, html=False),
            *_html(kept, places, self.picture),
            end(boundary),
        ]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that it is made of."""
        return hashlib.sha256(json.dumps(self.kept, sort_keys=True).encode()).hexdigest()

    def fill(self, personal: Personal) -> bytes:
        """The whole MIME message for one person."""
        date = personal.date or dated(timezone.now())
        message_id = hashlib.sha256(personal.message_key.encode()).hexdigest()[:32]
        headers = (
            f"To: {mailbox(personal.name, personal.address)}{CRLF}"
            f"Message-ID: <{message_id}@{self._host}>{CRLF}"
            f"Date: {date}{CRLF}"
            f"From: {self._from}{CRLF}"
            f"Subject: {self._subject_for(personal)}{CRLF}"
            f"Reply-To: {personal.reply or self._sender}{CRLF}"
            f"{f'X-Tocsin: {personal.token}{CRLF}' if personal.token else ''}"
        )
        # A skeleton knows its places: nobody's mail pays for the words of parts that it has no place for.
        body = [piece if isinstance(piece, bytes) else encode(_told(personal, *piece)) for piece in self._pieces]
        return headers.encode() + self._static_headers + b"".join(body)

    # --- for a provider's API, which puts the MIME message together itself: nothing here is encoded ---

    def subject(self, personal: Personal) -> str:
        """In one line."""
        return one_line(self._in_full(personal))

    def written(self, *, html: bool) -> list[str]:
        """A part's words, and between each two of them the name of the personal part that stands there."""
        return re.split(f"{self.kept['place']}([A-Z]+){self.kept['place']}", self.kept["html" if html else "text"])

    def told(self, personal: Personal, places: Iterable[str], *, html: bool) -> dict[str, str]:
        """One person's own parts, as they stand in the text or in the HTML."""
        return {place: _told(personal, place, html) for place in places}

    def _subject_for(self, personal: Personal) -> str:
        return header(self._in_full(personal)) if self._noted or self._headed else self._everybodys

    def _in_full(self, personal: Personal) -> str:
        """As everybody's; of a mail about a note it names whose, where the marking lets it, and the chase says what it is."""
        if self._noted:
            return self._subject.replace(BY, f" of {one_line(personal.noted_by)}" if personal.noted_by else "", 1)
        if self._headed:
            # The title stands between the two, and may have anything in it.
            before, _, after = self._subject.partition(HEAD)
            title, found, rest = after.rpartition(TAIL)
            return f"{before}{personal.head or 'Reminder:'}{f'{title}{personal.tail}{rest}' if found else after}"
        return self._subject


def skeleton(revision: Revision, kind: str) -> Skeleton:
    """The skeleton of this revision's mails of a kind (`Message.Kind`)."""
    return _built(words_of(revision, kind), settings.ALERTS_FROM)


def plain_skeleton(
    kind: str, about: Advisory | None = None, cited: Citation | None = None, severity: str = ""
) -> Skeleton:
    """The skeleton of the mails of a kind that carries no revision; a desk mail and a code are about an advisory, and a report
    is about a citation of it. `severity`: of what a digest is most of all about."""
    return _built(_plain_words(kind, about, cited, severity), settings.ALERTS_FROM)


def severity_of(rank: int) -> str:
    """As how severe a mail of no single advisory is marked, by the rank of its batch."""
    ranked = list(Severity)
    return ranked[min(rank, len(ranked) - 1)].value


@lru_cache(maxsize=BUILT)
def _built(words: Words | PlainWords | DeskWords, _sender: str) -> Skeleton:
    """Many batches have the same one. It is asked for by its very words and its sender, so that it never says what was true
    a moment ago; the words are read anew for each batch."""
    return Skeleton(words)


def _plain_words(kind: str, about: Advisory | None, cited: Citation | None, severity: str) -> PlainWords | DeskWords:
    return desk_words(kind, about, cited) if about and kind in DESK else plain_words(kind, about, severity)


def keep(made: Skeleton) -> int:
    """Keep a skeleton, before a mail leaves with it; its number. Twice: the same number."""
    found = Letter.objects.filter(digest=made.digest).values_list("pk", flat=True)
    if (number := found.first()) is None:
        # Another worker may keep the same one at this moment.
        Letter.objects.bulk_create([Letter(digest=made.digest, content=made.kept)], ignore_conflicts=True)
        number = found.get()
    return number


def again(message: Message, link: str = "") -> bytes:
    """The very mail that one person got: its letter, its personal parts and its date. `link` stands where their own one did.

    Byte for byte, but for what is a key: their link, the address for replies, the digits of a code, and a token that was made
    with an earlier key. Of a mail from before
    letters were kept it is made of the words as they are now.
    """
    if message.personal is None or message.sent_at is None:
        raise ValueError(f"message {message.pk} was never sent")
    personal = Personal.from_json(message.personal)
    date, token = personal.date or dated(message.sent_at), tokens.make_32(message.pk, 0, tokens.RETURN)
    personal = replace(personal, link=personal.link or link, date=date, token=token)
    return _skeleton_of(message, personal.letter).fill(personal)


def _skeleton_of(message: Message, letter: int) -> Skeleton:
    if letter:
        return Skeleton.of_kept(Letter.objects.get(pk=letter).content)
    if message.revision is None:
        return plain_skeleton(message.kind, message.batch.about, severity=severity_of(message.batch.rank))
    return skeleton(message.revision, message.kind)


def dated(moment: datetime) -> str:
    """As a mail's Date has it."""
    return format_datetime(timezone.localtime(moment))


# --- the personal parts, as words ---


def _bodies(personal: Personal) -> str:
    shown = [one_line(body) for body in personal.bodies[:SHOWN_BODIES]]
    more = len(personal.bodies) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _ask(personal: Personal) -> str:
    contact, telephone = one_line(personal.contact), one_line(personal.telephone)
    return f"Or ask your contact, {contact}{f', on {telephone}' if telephone else ''}." if contact else ""


_PARTS: dict[str, Callable[[Personal], str]] = {
    "ASKS": lambda personal: personal.asks or "We ask this of you",
    "HEAD": lambda personal: one_line(personal.head),
    "NAME": lambda personal: one_line(personal.name),
    "BODIES": _bodies,
    "LINK": lambda personal: personal.link,
    # A code is not kept: where the mail is shown again, dots stand for it.
    "CODE": lambda personal: personal.code or "······",
}

_BLOCKS: dict[str, Block] = {
    # After a sentence: in the text a line of its own.
    "ASK": Block(
        lambda personal: f"\n{said}" if (said := _ask(personal)) else "",
        lambda personal: f" {escape(said)}" if (said := _ask(personal)) else "",
    ),
    "REMINDED": Block(
        lambda personal: letter_blocks.reminded_text(personal.reminded),
        lambda personal: letter_blocks.reminded_html(personal.reminded),
    ),
    "ENTRIES": Block(
        lambda personal: letter_blocks.entries_text(personal.entries, personal.link),
        lambda personal: letter_blocks.entries_html(personal.entries, personal.link),
    ),
    "MORE": Block(
        lambda personal: letter_blocks.more_text(personal.more),
        lambda personal: letter_blocks.more_html(personal.more),
    ),
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
    "ANSWER": Block(
        lambda personal: letter_blocks.answer_text(personal.answer),
        lambda personal: letter_blocks.answer_html(personal.answer),
    ),
}


def _told(personal: Personal, name: str, html: bool) -> str:
    """A personal part as it stands in the text or, with everything escaped that somebody wrote, in the HTML."""
    if block := _BLOCKS.get(name):
        return block.html(personal) if html else block.text(personal)
    said = _PARTS[name](personal)
    return escape(said) if html else said


# --- encoding ---


def _rendered(words: Words | PlainWords | DeskWords) -> dict[str, Any]:
    """What a skeleton is made of, as it is kept: words, no octets."""
    # Stands where a personal part goes, in letters and digits that no encoder touches. Nobody can type it into a text: it
    # depends on the whole text.
    named = hashlib.sha256(repr(words).encode()).hexdigest()[:24]
    place = f"PERSONALPART{named}"
    context = {"words": words, "places": {name.lower(): f"{place}{name}{place}" for name in (*_PARTS, *_BLOCKS)}}
    host = settings.ALERTS_FROM.rpartition("@")[2]
    priority, importance = IMPORTANCE[words.severity]
    return {
        "from": f"{_called(words.issuer)} alerts",
        "address": settings.ALERTS_FROM,
        "subject": words.subject,
        "noted": isinstance(words, Words) and words.noted,
        **({} if isinstance(words, DeskWords) or not words.headed else {"headed": True}),
        "headers": [
            # In the domain of From: filters like to see one name.
            ["List-Id", f"<alerts.{host}>"],
            ["Auto-Submitted", "auto-generated"],
            ["X-Auto-Response-Suppress", "All"],
            ["Importance", importance],
            ["X-Priority", priority],
            *([["X-Exercise", "yes"]] if words.exercise else []),
        ],
        "boundary": f"part-{named}",
        "place": place,
        "text": _tidy(render_to_string(f"alerts/mail/{words.template}.txt", context)),
        "html": css_inline.inline(render_to_string(f"alerts/mail/{words.template}.html", context)),
        **({"picture": words.picture.kept} if isinstance(words, DeskWords) and words.picture else {}),
    }


def _called(issuer: str) -> str:
    """An issuer's name as From has it: no longer than a line, and nothing like an address, which a filter would take for a
    forged one."""
    name = one_line(issuer.replace("@", " at "))
    if len(name) <= LONGEST_CALLED:
        return name
    cut = name[: LONGEST_CALLED - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def _static_headers(kept: Mapping[str, Any]) -> bytes:
    lines = [
        *(f"{name}: {value}" for name, value in kept["headers"]),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{kept["boundary"]}"',
        "",
        "",
    ]
    return CRLF.join(lines).encode()


def _picture(named: Mapping[str, Any] | None) -> Inline | None:
    """What stands in the HTML: immutable and there for good, so that it is the same however often the mail is made again."""
    if not named:
        return None
    png = Citation.objects.values_list("png", flat=True).get(pk=named["citation"])
    return Inline(named["id"], named["name"], bytes(png))


def _html(kept: Mapping[str, Any], places: re.Pattern[str], shown: Inline | None) -> list[bytes | tuple[str, bool]]:
    """The HTML part; with the picture that stands in it, where it has one."""
    html = _split(kept["html"], places, html=True)
    if shown is None:
        return [part_head(kept["boundary"], "html"), *html]
    inner = f"{kept['boundary']}-inner"
    return [related_head(kept["boundary"], inner), part_head(inner, "html"), *html, picture(inner, shown), end(inner)]


def _split(text: str, places: re.Pattern[str], *, html: bool) -> list[bytes | tuple[str, bool]]:
    pieces: list[bytes | tuple[str, bool]] = []
    for number, part in enumerate(places.split(text)):
        if number % 2:
            pieces.append((part, html))
        elif part:
            pieces.append(quoted_printable(part))
    return pieces


def _tidy(text: str) -> str:
    """No more than one empty line in a row, and no blanks at the ends of lines."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"
