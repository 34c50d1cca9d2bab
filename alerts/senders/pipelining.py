"""The dialogue with a mail server, in as few round trips as it allows, all of it within a time.

What is said and what is answered need not take turns where the server offers PIPELINING (RFC 2920): the envelope of a mail goes
as one group, together with the content of the mail before it. With CHUNKING as well (RFC 3030) nothing waits for a
permission, and whole mails follow one another. Answers come in the order of the questions, and each is counted off against
its own.
"""

import re
import select
import socket
import time
from collections import deque
from typing import NamedTuple

LONGEST_LINE = 8192  # octets of an answer; RFC 5321, section 4.5.3.1.5, has 512
MOST_LINES = 100  # of one answer
AT_ONCE = 65_536  # octets read at once
CODES = {b"%d" % code: code for code in range(200, 600)}


class NotSmtp(Exception):
    """What the server says makes no sense in its place."""


class Reply(NamedTuple):
    """A code, and the server's words."""

    code: int
    words: bytes


class Wire:
    """A connection on which everything is said and answered until a moment in time, whatever it takes single steps.

    A server that stops reading because nobody reads its answers does not happen: those to a few dozen mails fit into what the
    two ends keep for each other.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._sock: socket.socket | None = None
        self._rest = b""
        self._lines: deque[bytes] = deque()

    def hurry(self, seconds: float) -> None:
        """From now on everything has so much time in all."""
        self._until = time.monotonic() + seconds

    def on(self, sock: socket.socket) -> None:
        """Speak over this socket. What came over another one before (STARTTLS, RFC 3207, section 4.2) is forgotten."""
        if sock is not self._sock:
            self._sock, self._rest = sock, b""
            self._lines.clear()
            # The end of what is said must not wait for the answer to its beginning (Nagle's algorithm, RFC 1122).
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, said: bytes) -> int:
        """How many octets of it left. Fewer than all of them: the connection is gone, or the time is up. Raises nothing:
        what the server answered before it went is still to be read."""
        sock, done, whole = self._sock, 0, memoryview(said)
        assert sock is not None  # noqa: S101  # `on` was called
        try:
            while done < len(said):
                sock.settimeout(self._left())
                done += sock.send(whole[done:])
        except OSError:
            pass
        return done

    def reply(self) -> Reply:
        """The next answer, whole; raises `OSError` where none comes, and `NotSmtp` where it is none."""
        said: list[bytes] = []
        while True:
            line = self._lines.popleft() if self._lines else self._line()
            code = CODES.get(line[:3])
            if code is None or len(said) == MOST_LINES or line[3:4] not in (b" ", b"-", b"\r", b""):
                raise NotSmtp("what the server says is not SMTP")
            said.append(line[4:].rstrip())
            if line[3:4] != b"-":
                return Reply(code, b"\n".join(said))

    def is_disturbed(self) -> bool:
        """Whether the server says something that nobody asked for, or hung up."""
        if self._sock is None or self._sock.fileno() < 0:
            return True
        return bool(self._lines or self._rest or select.select([self._sock], [], [], 0)[0])

    def _line(self) -> bytes:
        while not self._lines:
            sock = self._sock
            assert sock is not None  # noqa: S101  # `on` was called
            sock.settimeout(self._left())
            more = sock.recv(AT_ONCE)
            if not more:
                raise ConnectionResetError("the server closed the connection")
            *lines, self._rest = (self._rest + more).split(b"\n")
            if len(self._rest) > LONGEST_LINE:
                raise NotSmtp("what the server says is not SMTP")
            self._lines.extend(lines)
        return self._lines.popleft()

    def _left(self) -> float:
        """An answer that is there already can always be read."""
        return max(self._until - time.monotonic(), 0.05)


def dotted(content: bytes) -> bytes:
    """As it goes after DATA: a dot more before each line that begins with one, and a dot at the end (RFC 5321, 4.5.2).

    Lines end in CRLF (section 2.3.8); of a content in which a lone CR or LF stands before a dot, every line does afterwards, so
    that no server takes one of them for the end.
    """
    if content.startswith(b".") or b"\n." in content or b"\r." in content or not content.endswith(b"\r\n"):
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content).removesuffix(b"\r\n") + b"\r\n"
        content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..").removeprefix(b"\r\n")
    return content + b".\r\n"
