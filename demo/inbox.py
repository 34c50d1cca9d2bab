"""The demo's mail on disk, as a person's mail program finds it: each mail once, the oldest first.

Any folder with a file a mail will do (a Maildir as well): hidden files and what stands in `tmp` are not mail yet.
"""

import contextlib
import email
import email.message
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

SETTLES = 0.5  # seconds


@dataclass(frozen=True)
class Mail:
    """One mail in the mailbox; `key` names it for good, `arrived` is in seconds since the epoch."""

    key: str
    arrived: float
    to: str
    subject: str
    text: str


class Inbox:
    """What has come since it was last asked. Asking while nothing came costs one `stat` a folder."""

    def __init__(self, folder: Path, known: set[str]) -> None:
        self.folder = folder
        self.known = known
        self._looked: dict[Path, int] = {}

    def fresh(self) -> Iterator[Mail]:
        """Mails that were not there before and are not in `known`."""
        found = sorted((mtime, path) for folder in self._folders() for mtime, path in self._unread(folder))
        for mtime, path in found:
            try:
                mail = read(path, mtime)
            except (FileNotFoundError, IsADirectoryError):  # emptied meanwhile
                continue
            self.known.add(mail.key)
            yield mail

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [Path(top) for top, _, _ in os.walk(self.folder) if Path(top).name != "tmp"]

    def _unread(self, folder: Path) -> list[tuple[float, Path]]:
        changed = folder.stat().st_mtime_ns
        if self._looked.get(folder) == changed:
            return []
        unread = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or key_of(entry.name) in self.known or not entry.is_file():
                    continue
                with contextlib.suppress(FileNotFoundError):  # renamed or emptied meanwhile
                    unread.append((entry.stat().st_mtime, Path(entry.path)))
        # What was written this very moment may not be whole yet: it is read the next time.
        whole = [(mtime, path) for mtime, path in unread if mtime < time.time() - SETTLES]
        if len(whole) == len(unread):
            self._looked[folder] = changed
        return whole


def key_of(name: str) -> str:
    """A file's name without the flags that a Maildir adds when a mail is read."""
    return name.partition(":")[0]


def read(path: Path, arrived: float) -> Mail:
    """One mail from its file; a mail without a text part has an empty text."""
    message = email.message_from_bytes(path.read_bytes())
    subject = str(make_header(decode_header(message.get("Subject", ""))))
    return Mail(key_of(path.name), arrived, parseaddr(message.get("To", ""))[1].lower(), subject, _text(message))


def _text(message: email.message.Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            body = part.get_payload(decode=True)
            if isinstance(body, bytes):
                return body.decode(part.get_content_charset("utf-8"), "replace")
    return ""


def link(text: str, site: str) -> str | None:
    """The path of the first answering link in a mail, if it leads to our own site; links elsewhere are not followed."""
    found = re.search(re.escape(site.rstrip("/")) + r"(/a/[A-Za-z0-9]+)", text)
    return found[1] if found else None
