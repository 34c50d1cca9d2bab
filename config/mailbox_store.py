"""The mailbox on disk: a file a mail, and an index of them that is quick to list and to search.

The files are the truth. The index (hidden, SQLite) may lag behind them by moments, and is caught up when the store is
opened; deleting it loses nothing.
"""

import email
import email.policy
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

SHARD = 1_000  # mails in one folder
SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY, arrived REAL NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL, subject TEXT NOT NULL
)
"""
COLUMNS = "id, arrived, sender, recipients, subject"
MATCHES = "WHERE recipients LIKE :like ESCAPE '!' OR subject LIKE :like ESCAPE '!'"


@dataclass(frozen=True)
class Entry:
    """One mail as the index knows it; `arrived` is in seconds since the epoch, addresses are the envelope's."""

    id: int
    arrived: float
    sender: str
    recipients: str
    subject: str


class Store:
    """The mails of one folder. One process writes (`open`, `keep`, `flush`, `close`); any may read at any time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._index: sqlite3.Connection | None = None
        self._pending: list[tuple[int, float, str, str, str]] = []
        self._last = 0

    # --- writing ---

    def open(self) -> None:
        """Make the folder, and index what a killed writer left without an entry."""
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index = sqlite3.connect(self.place / ".index.sqlite", check_same_thread=False)
        self._index.execute("PRAGMA journal_mode = WAL")
        self._index.execute("PRAGMA synchronous = OFF")
        self._index.execute(SCHEMA)
        [(last,)] = self._index.execute("SELECT coalesce(max(id), 0) FROM mail")
        self._last = last
        for path in sorted(self.place.glob("*/*.eml")):
            if path.stem.isdigit() and int(path.stem) > last:
                self._note(int(path.stem), path.stat().st_mtime, path.read_bytes())
        self.flush()

    def keep(self, sender: str, recipients: Sequence[str], content: bytes) -> int:
        """Write one mail; its number. It appears under its name whole or not at all. Raises OSError."""
        number = self._last + 1
        path = self.path(number)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # As a real server does, the envelope goes on top: the file alone tells who it was for.
        head = "".join([f"Return-Path: <{sender}>\r\n", *(f"Delivered-To: {address}\r\n" for address in recipients)])
        half = path.with_name(f".{path.name}")
        whole = head.encode() + content
        half.write_bytes(whole)
        os.rename(half, path)
        self._note(number, time.time(), whole)
        return number

    def flush(self) -> None:
        """Put what is pending into the index."""
        if self._pending and self._index is not None:
            pending, self._pending = self._pending, []
            self._index.executemany(f"INSERT OR REPLACE INTO mail ({COLUMNS}) VALUES (?, ?, ?, ?, ?)", pending)
            self._index.commit()

    def close(self) -> None:
        """Flush, and let go of the index."""
        self.flush()
        if self._index is not None:
            self._index.close()
            self._index = None

    def _note(self, number: int, arrived: float, content: bytes) -> None:
        head = BytesHeaderParser(policy=email.policy.compat32).parsebytes(content.partition(b"\r\n\r\n")[0])
        recipients = ", ".join(str(value) for value in head.get_all("Delivered-To", []))
        sender = str(head.get("Return-Path", "")).strip("<>")
        self._last = max(self._last, number)
        self._pending.append((number, arrived, sender, recipients, plain(str(head.get("Subject", "")))))

    # --- reading ---

    def path(self, number: int) -> Path:
        """Where a mail is, or would be."""
        return self.place / f"{number // SHARD:05d}" / f"{number:08d}.eml"

    def count(self, query: str = "") -> int:
        """How many mails there are whose recipient or subject contains the query."""
        rows = self._read(f"SELECT count(*) FROM mail {MATCHES if query else ''}", {"like": _like(query)})
        return int(rows[0][0]) if rows else 0

    def page(self, query: str = "", *, offset: int = 0, limit: int = 50) -> list[Entry]:
        """The newest mails first, of those that `count` counts."""
        rows = self._read(
            f"SELECT {COLUMNS} FROM mail {MATCHES if query else ''} ORDER BY id DESC LIMIT :limit OFFSET :offset",
            {"like": _like(query), "limit": limit, "offset": offset},
        )
        return [Entry(*row) for row in rows]

    def all(self) -> list[Entry]:
        """Every mail, the oldest first."""
        return [Entry(*row) for row in self._read(f"SELECT {COLUMNS} FROM mail ORDER BY id", {})]

    def get(self, number: int) -> EmailMessage | None:
        """One mail, parsed; None when there is none of that number."""
        try:
            content = self.path(number).read_bytes()
        except OSError:
            return None
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        return parsed if isinstance(parsed, EmailMessage) else None

    def _read(self, statement: str, values: dict[str, object]) -> list[Any]:
        index = self.place / ".index.sqlite"
        if not index.exists():
            return []
        with closing(sqlite3.connect(index, timeout=5)) as connection:
            return connection.execute(statement, values).fetchall()


def plain(header: str) -> str:
    """A header's words without the encoding that mail puts them into (RFC 2047) and without line breaks."""
    try:
        parsed = email.policy.default.header_factory("subject", header.replace("\r", "").replace("\n", ""))
    except (ValueError, IndexError, LookupError):  # a mail may hold anything
        return header
    return str(parsed)


def _like(query: str) -> str:
    escaped = query.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"
