"""How a mail's words become octets: its headers, its parts, and a picture that stands in its HTML."""

import base64
import re
from email import quoprimime
from email.header import Header
from typing import NamedTuple

from alerts.spelling import one_line

CRLF = "\r\n"
SEAM = b"=\r\n"
COLUMNS = 76  # of a line of base64 (RFC 2045, section 6.8)
_PLAIN = re.compile(r"[!-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?")  # what stands in quoted-printable as it is, in one line


def part_head(boundary: str, kind: str) -> bytes:
    """The beginning of a part of words: "plain" or "html"."""
    return (
        f'{CRLF}--{boundary}{CRLF}Content-Type: text/{kind}; charset="utf-8"{CRLF}'
        f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}"
    ).encode()


def end(boundary: str) -> bytes:
    """The end of the last part."""
    return f"{CRLF}--{boundary}--{CRLF}".encode()


def related_head(boundary: str, inner: str) -> bytes:
    """The beginning of a part that holds HTML and the pictures in it (RFC 2387), divided by `inner`."""
    kind = f'multipart/related; type="text/html";{CRLF} boundary="{inner}"'
    return f"{CRLF}--{boundary}{CRLF}Content-Type: {kind}{CRLF}".encode()


class Inline(NamedTuple):
    """A picture that the HTML names by its Content-ID (RFC 2392)."""

    id: str
    name: str
    png: bytes


def picture(boundary: str, shown: Inline) -> bytes:
    """A picture as a part."""
    written = base64.b64encode(shown.png).decode()
    lines = CRLF.join(written[start : start + COLUMNS] for start in range(0, len(written), COLUMNS))
    return (
        f"{CRLF}--{boundary}{CRLF}Content-Type: image/png{CRLF}Content-Transfer-Encoding: base64{CRLF}"
        f'Content-ID: <{shown.id}>{CRLF}Content-Disposition: inline; filename="{shown.name}"{CRLF}{CRLF}{lines}'
    ).encode()


def header(text: str) -> str:
    """A header's value, folded, and encoded (RFC 2047) where it is not plain ASCII."""
    text = one_line(text)
    return Header(text, None if text.isascii() else "utf-8", maxlinelen=70).encode(linesep=CRLF)


def mailbox(name: str, address: str) -> str:
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


def encode(text: str) -> bytes:
    """Quoted-printable with a soft break on either side; for nothing, one soft break."""
    return SEAM + quoted_printable(text) + SEAM if text else SEAM


def quoted_printable(text: str) -> bytes:
    """Words as octets; in lines of at most 75 characters."""
    if _PLAIN.fullmatch(text):
        return text.encode()
    octets = text.encode("utf-8", "replace").decode("latin-1")
    # One column is left for the soft break of a seam: no line is over 76 characters.
    return quoprimime.body_encode(octets, maxlinelen=75, eol=CRLF).encode("ascii")
