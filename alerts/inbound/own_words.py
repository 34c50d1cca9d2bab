"""A person's own words in a mail: without what they quote, their signature, and what mail systems add (`notices`).

What is quoted below a mark of its own (`>`, a blockquote) is left out here; where a quoted mail begins without one, and where
a signature does, mail-parser-reply says (MIT; English, which is what our mails are in). Reads no more of a mail than a person
would type: its patterns take time with the square of a text's length.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.message import Message
from html import unescape

from mailparser_reply import EmailMessage

from alerts.inbound.notices import without_notices
from alerts.inbound.reading import parts_of
from alerts.spelling import lines

LONGEST_PART = 100_000  # characters: what a program writes before the first word of its HTML is tens of thousands
LONGEST_READ = 3_000  # characters, without what is quoted
# Decoders that are for something else than mail, and slow; and ASCII, of which UTF-8 is more.
_NO_CHARSETS = ("ascii", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined")


@dataclass(frozen=True)
class Own:
    """What somebody wrote, and below it how they signed, with their telephone or not."""

    words: str
    below: str = ""
    answers_lines: bool = False
    """Some of it stands between lines that are quoted, or below them: it may be said of one of these, and of nothing else."""


def own_words(message: Message) -> Own:
    """Of a mail's text, or where it has none of its HTML. Empty where there is nothing of their own. Never raises."""
    parts = list(parts_of(message))
    text = _joined(parts, "text/plain") or _text_of_html(_joined(parts, "text/html"))
    above, among = (without_notices(one) for one in _without_quotes(lines(text)))
    own = _without_signature(f"{above}\n\n{among}".strip()[:LONGEST_READ])
    return replace(own, answers_lines=bool(among))


# --- the text ---


def _joined(parts: Iterable[Message], kind: str) -> str:
    """All its text of a kind that is not attached: some programs begin a new part behind a picture."""
    found = [_decoded(part) for part in parts if part.get_content_type() == kind and not _is_attached(part)]
    return "\n\n".join(found).strip()[:LONGEST_PART]


def _is_attached(part: Message) -> bool:
    said = next((str(value) for name, value in part.raw_items() if name.lower() == "content-disposition"), "")
    return said.strip().lower().startswith("attachment")


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        named = codecs.lookup(str(part.get_content_charset() or "utf-8")).name
        charset = "utf-8" if named in _NO_CHARSETS else named
        return payload[: LONGEST_PART * 2].decode(charset, "replace")[:LONGEST_PART]
    except (LookupError, ValueError, TypeError):
        # No such charset, or what its name says is none: then what most mails are in.
        return payload[: LONGEST_PART * 2].decode("utf-8", "replace")[:LONGEST_PART]


# What begins or ends a line, what nobody sees, and what says so. A tag ends at the first `>`; nothing is looked for twice.
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>|<[!?/][^<>]*>", re.IGNORECASE)
_BLOCKS = {"p", "div", "br", "tr", "li", "ul", "ol", "table", "hr", "h1", "h2", "h3", "h4", "pre", "body", "blockquote"}
_UNSEEN = {"head", "style", "script", "title"}


def _text_of_html(html: str) -> str:
    """A line for each block; what stands in a blockquote is marked as quoted text is."""
    said: list[str] = []
    quoted = unseen = at = 0
    html = _without_comments(html)
    for found in _TAG.finditer(html):
        if not unseen:
            said.append(_words(html[at : found.start()]))
        at, name = found.end(), (found[2] or "").lower()
        step = -1 if found[1] else 1
        quoted = max(0, quoted + step * (name == "blockquote"))
        unseen = max(0, unseen + step * (name in _UNSEEN))
        if name in _BLOCKS:
            said.append("\n> " if quoted else "\n")
    if not unseen:
        said.append(_words(html[at:]))
    return "\n".join(line.strip() for line in "".join(said).split("\n"))


def _words(html: str) -> str:
    """How the source is broken into lines says nothing."""
    return " ".join(unescape(f"|{html}|").split())[1:-1]


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (begins := html.find("<!--", at)) >= 0:
        kept.append(html[at:begins])
        ends = html.find("-->", begins)
        if ends < 0:
            return "".join(kept)
        at = ends + 3
    return "".join([*kept, html[at:]])


# --- what is not theirs ---

# "On 24 April ... wrote:", which programs break over up to four lines.
_WROTE = re.compile(r"on\b.{4,400}\bwrote:", re.IGNORECASE | re.DOTALL)
_WROTE_LINES = 4


def _without_quotes(text: str) -> tuple[str, str]:
    """What stands above the lines that are marked as quoted, without the line that says whose they are; and what does below."""
    above: list[str] = []
    among: list[str] = []
    kept, quoting = above, False
    for line in text.split("\n"):
        is_quoted = line.lstrip().startswith(">")
        if is_quoted and not quoting:
            _drop_who_wrote(kept)
            kept = among
            kept.append("")
        elif not is_quoted:
            kept.append(line)
        quoting = is_quoted
    return "\n".join(above), "\n".join(among)


def _drop_who_wrote(kept: list[str]) -> None:
    while kept and not kept[-1].strip():
        kept.pop()
    for many in range(1, min(_WROTE_LINES, len(kept)) + 1):
        if _WROTE.fullmatch("\n".join(kept[-many:]).strip()):
            del kept[-many:]
            return


# What telephones and programs sign with; the library knows the first two.
_DEVICE = re.compile(r"^(?:sent (?:from|via|using|by my)|get outlook for)\b", re.IGNORECASE | re.MULTILINE)
# Thanks are words like any others: more may follow.
_THANKS = re.compile(r"\s*(?:many )?(?:thanks|thank you)\b", re.IGNORECASE)


def _without_signature(text: str) -> Own:
    """What stands above a quoted mail and above the signature."""
    if not text:
        return Own("")
    found = EmailMessage(text=text, languages=["en"], keep_hyphen_lists=True).read().replies[0]
    if found.headers:
        return Own("")  # the first thing in it is somebody else's
    words, below = found.content, ""
    if found.signatures and not _THANKS.match(found.signatures):
        words, mark, rest = words.partition(found.signatures)
        below = mark + rest
    if device := _DEVICE.search(words):
        words, below = words[: device.start()], f"{words[device.start() :]}\n{below}"
    return Own(words.strip(), below.strip())
