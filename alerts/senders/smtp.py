"""SMTP: one connection for many mails, one recipient in each, each answer its own (RFC 5321).

As few round trips as the server allows (`alerts.senders.pipelining`). Where it offers CHUNKING and PIPELINING, some mails are
under way at once: as many as it took in a quarter of a second lately, so that a slow one has one. Otherwise the content of a
mail goes together with the envelope of the next, or, without PIPELINING, question after answer.
"""

import ipaddress
import re
import smtplib
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Literal

from django.conf import settings

from alerts.routing.routes import Way
from alerts.senders import Mail, Outcome, QuotaSpent, RouteDown, RouteSlow
from alerts.senders.pipelining import NotSmtp, Reply, Wire, dotted
from alerts.spelling import one_line

LONGEST_WORDS = 400  # characters kept of what a server says
SHUTTING_DOWN = 421  # RFC 5321, section 4.2.3: the server closes the connection; no mail of ours is at fault
GO_ON = 354
RESET = b"RSET\r\n"
MOST_AT_ONCE, MOST_OCTETS = 25, 131_072  # under way at once; more would wait for the buffers between two processes
AT_ONCE_FOR = 0.25  # seconds that the server may need for them
GOODBYE = 5.0  # seconds
# Mails over one connection. Some servers hang up after 1,000 (Exim: `smtp_accept_max_per_connection`) with a 421, which is no
# reason to slow down.
A_CONNECTION = 900

# What is said when a day's quota is spent, or too much was asked for, and is nobody's address:
# - Gmail: support.google.com/a/answer/3726730
# - Amazon SES: docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
# - Exchange Online: learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements, and what it answers
#   where the whole organisation has had its day's (5.7.233)
QUOTA = re.compile(
    r"5\.4\.5 daily .*(quota|limit) exceeded|daily smtp relay .*limit exceeded"
    r"|throttling failure: daily message quota exceeded"
    r"|submissionquotaexceeded|5\.7\.233 ",
    re.IGNORECASE,
)
TOO_MUCH = re.compile(
    r"peak smtp relay limit exceeded"
    r"|throttling failure: maximum sending rate exceeded"
    r"|4\.3\.2 concurrent connections limit exceeded",
    re.IGNORECASE,
)
# RFC 3463: X.3.4 and X.6 are of a mail's size and content; X.1, X.2 and such words are of a mailbox, whenever they are said.
OF_A_MAIL = re.compile(r"[45]\.(?:3\.4|6\.\d)\b")
OF_AN_ADDRESS = re.compile(r"^[45]\.[12]\.\d|user|mailbox|recipient|no such|unknown", re.IGNORECASE)
# What may stand between the brackets of a path; anything else would be another command.
_ADDRESS = re.compile(r"[^\x00-\x20\x7f<>]{1,320}")


class _OnAWire:
    """What `smtplib` asks is answered within a time for all of it, as everything else on the wire."""

    sock: socket.socket | None

    def __init__(self, wire: Wire, host: str, port: int, **more: object) -> None:
        self.wire = wire
        super().__init__(host, port, **more)  # type: ignore[call-arg]  # smtplib's

    def getreply(self) -> tuple[int, bytes]:
        """An answer, as `smtplib` has it."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        self.wire.on(self.sock)
        return self.wire.reply()


class _Smtp(_OnAWire, smtplib.SMTP):
    pass


class _SmtpOverTls(_OnAWire, smtplib.SMTP_SSL):
    pass


class SmtpSender:
    """A connection to a mail server. TLS certificates are verified; nobody logs in over a network that can be read.

    `EMAIL_TIMEOUT` is for connecting, and then for each mail from its first word until its answer: a lease lasts longer
    than either, however slowly a server answers each of the questions.
    """

    soon = False
    most = 100

    def __init__(self, way: Way) -> None:
        self.way = way
        self.wire = Wire()
        self._known: list[Outcome] = []
        self._unknown: set[int] = set()
        """Whose mail has left to its end, and no answer came."""
        self._busy = False
        """In the middle of a mail."""
        self._ahead = b""
        """What is to be said before anything else,"""
        self._owed: Mail | None = None
        """the mail that the answer to it settles, if any, and how long that one took until now."""
        self._took = 0.0
        self._at_once = 2
        self._handed = 0
        self._window: deque[Mail] = deque()
        """Those under way at once, when they left, and how many they were."""
        self._began, self._let_go_of = 0.0, 0
        self._trouble: RouteDown | None = None

    def __enter__(self) -> "SmtpSender":
        try:
            self._connect()
        except smtplib.SMTPResponseException as error:
            words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
            said = f"{error.smtp_code} {_said(words)}"
            raise (RouteSlow if error.smtp_code == SHUTTING_DOWN else RouteDown)(said) from error
        except (OSError, NotSmtp, smtplib.SMTPException) as error:
            raise RouteDown(f"{type(error).__name__}: {error}") from error
        except ValueError as error:
            # A host's name, or a login, that can't be told to a server. The error's words may have the password in them.
            raise RouteDown(f"{type(error).__name__} in the setting of the mail server") from None
        return self

    def _connect(self) -> None:
        self._handed, self._ahead, self._trouble = 0, b"", None
        self._window.clear()
        host, port, patience = self.way.host, self.way.port, settings.EMAIL_TIMEOUT
        self.wire.hurry(patience)
        if self.way.tls == "implicit":
            context = ssl.create_default_context()
            self.server: _Smtp | _SmtpOverTls = _SmtpOverTls(self.wire, host, port, timeout=patience, context=context)
        else:
            self.server = _Smtp(self.wire, host, port, timeout=patience)
        try:
            self._introduce()
        except BaseException:
            self.server.close()
            raise

    def _introduce(self) -> None:
        self._greet()
        if self.way.tls == "starttls":
            if not self.server.has_extn("starttls"):
                raise RouteDown("the mail server offers no STARTTLS, and its setting asks for TLS")
            self.server.starttls(context=ssl.create_default_context())
            self._greet()
        if self.way.user:
            if not self.way.tls and not _is_loopback(self.server.sock):
                raise RouteDown(
                    "a login is not sent over a connection without TLS: the setting of the mail server needs it"
                )
            self.server.login(self.way.user, self.way.password)
        self.pipelines = self.server.has_extn("pipelining")
        self.streams = self.pipelines and self.server.has_extn("chunking")
        self.takes_utf8 = self.server.has_extn("smtputf8")

    def _greet(self) -> None:
        code, words = self.server.ehlo()
        if code // 100 != 2 and code != SHUTTING_DOWN:
            code, words = self.server.helo()
        if code // 100 != 2:
            raise smtplib.SMTPResponseException(code, words)

    def __exit__(self, *_: object) -> None:
        # In the middle of a mail a goodbye would be part of the mail, which without an end is none.
        with suppress(OSError, NotSmtp):
            if not self._busy:
                self.wire.hurry(min(GOODBYE, settings.EMAIL_TIMEOUT))
                self.wire.say(b"QUIT\r\n")
                self.wire.reply()
        self.server.close()

    def send(self, mails: Iterable[Mail]) -> Iterator[Outcome]:
        """Hand over mails, an outcome each as soon as it is known; raises `RouteDown` when the connection goes."""
        if not self._busy and (self._handed + self.most > A_CONNECTION or self.wire.is_disturbed()):
            # It hangs up on whoever says nothing for a while; nothing of ours is under way.
            self.__exit__()
            self.__enter__()
        mails, turn = self._fit(mails), self._stream if self.streams else self._turn
        goes_on, trouble = True, None
        while goes_on and trouble is None:
            try:
                goes_on = turn(mails)
            except RouteDown as down:
                trouble = down
            except (OSError, NotSmtp) as error:
                trouble = RouteDown(f"{type(error).__name__}: {error}")
            settled, self._known = self._known, []
            yield from settled
        if trouble is not None:
            trouble.unknown = tuple(sorted(self._unknown))
            raise trouble

    def _fit(self, mails: Iterable[Mail]) -> Iterator[Mail]:
        """Those that can be told to this server at all."""
        for mail in mails:
            if not _ADDRESS.fullmatch(mail.address):
                self._settled(mail, Reply(553, b"5.1.3 not an address that a mail server can be told"))
            elif not mail.address.isascii() and not self.takes_utf8:
                self._settled(mail, Reply(553, b"our mail server takes no addresses beyond ASCII (SMTPUTF8)"))
            else:
                yield mail

    def _stream(self, mails: Iterator[Mail]) -> bool:
        """The answers to one of the mails under way; some more leave at once where none is. False when there were none.

        Each has its own time, from the answer to the one before: what a server that grows slow takes after all is heard of.
        """
        if not self._window and not self._let_go(mails):
            return False
        mail = self._window.popleft()
        patience = settings.EMAIL_TIMEOUT
        self.wire.hurry(patience if self._trouble is None else min(GOODBYE, patience))
        try:
            self._judge(mail, self._answers(4), ours=2)
        except RouteDown as down:
            # Those after it may have been taken all the same.
            self._trouble = self._trouble or down
        except (OSError, NotSmtp) as error:
            if isinstance(self._trouble, RouteSlow) and isinstance(error, ConnectionError):
                self._unknown.clear()  # it said that it closes the connection, and did
            raise self._trouble or error from error
        if self._window:
            return True
        if self._trouble is not None:
            raise self._trouble
        self._busy = False
        pace = self._let_go_of / max(time.monotonic() - self._began, 0.001)
        self._at_once = max(1, min(2 * self._at_once, MOST_AT_ONCE, int(pace * AT_ONCE_FOR)))
        return True

    def _let_go(self, mails: Iterator[Mail]) -> bool:
        """Some mails at once. False when there are none."""
        said, ends, size = [], {}, 0
        for mail in islice(mails, self._at_once):
            content = mail.content
            # Whatever became of the mail before, this one begins anew (RFC 3030, section 2).
            said += [RESET, *_envelope(mail), b"BDAT %d LAST\r\n" % len(content), content]
            self._window.append(mail)
            size += sum(map(len, said[-5:]))
            ends[mail.id] = size
            if size > MOST_OCTETS:
                break
        if not self._window:
            return False
        self._busy, self._began, self._let_go_of = True, time.monotonic(), len(self._window)
        self.wire.hurry(settings.EMAIL_TIMEOUT)
        self._say(b"".join(said), ends)
        return True

    def _turn(self, mails: Iterator[Mail]) -> bool:
        """What the one before still needs, together with the envelope of the next. False when there was nothing to do."""
        mail, ahead, owed = next(mails, None), self._ahead, self._owed
        if mail is None and not self._busy:
            return False
        self._busy, began = True, time.monotonic()
        self.wire.hurry(settings.EMAIL_TIMEOUT - self._took)
        self._ahead, self._owed, self._took = b"", None, 0.0
        content, envelope = b"", [*_envelope(mail), b"DATA\r\n"] if mail else []
        if self.pipelines:
            self._say(b"".join([ahead, *envelope]), {owed.id: len(ahead)} if owed else {})
            content = dotted(mail.content) if mail else b""  # while the server is at it
        if ahead:
            if not self.pipelines:
                self._say(ahead, {owed.id: len(ahead)} if owed else {})
            (reply,) = self._answers(1)
            if owed is not None:
                self._judge(owed, [reply], ours=0)
            # What the one before took is not the next one's.
            began = time.monotonic()
            self.wire.hurry(settings.EMAIL_TIMEOUT)
        if mail is not None:
            replies = self._answers(3) if self.pipelines else self._asked(envelope)
            self._next(mail, replies, content)
        self._busy = self._ahead not in (b"", RESET)
        self._took = time.monotonic() - began if self._owed is not None else 0.0
        return mail is not None

    def _asked(self, questions: Sequence[bytes]) -> list[Reply]:
        """Question after answer, until one is refused."""
        replies: list[Reply] = []
        for question in questions:
            if not replies or _is_well(replies[-1]):
                self._say(question, {})
                replies.append(self.wire.reply())
        return replies

    def _next(self, mail: Mail, replies: list[Reply], content: bytes) -> None:
        """After the answers to its envelope: its content goes next; or it is refused, and what it left is cleared away."""
        refused = [reply for reply in replies[:2] if not _is_well(reply)]
        let_go_on = len(replies) == 3 and replies[2].code == GO_ON
        if let_go_on and not refused:
            self._ahead, self._owed = content or dotted(mail.content), mail
            return
        if not refused and _is_well(replies[2]):
            raise NotSmtp("the server takes a mail before it has it")
        self._judge(mail, replies, ours=1)
        if let_go_on and _is_well(replies[1]):
            raise NotSmtp("the server goes on with a mail that it refused")
        # RFC 2920, section 3.1: it may ask for a content that nobody is to get.
        self._ahead = b".\r\n" if let_go_on else RESET

    def _say(self, said: bytes, ends: dict[int, int]) -> None:
        """`ends`: where in it which mail ends."""
        left = self.wire.say(said)
        self._unknown.update(id_ for id_, end in ends.items() if end <= left)

    def _answers(self, number: int) -> list[Reply]:
        """So many; fewer where the server refused and went."""
        replies: list[Reply] = []
        try:
            while len(replies) < number:
                replies.append(self.wire.reply())
        except (OSError, NotSmtp):
            if all(_is_well(reply) for reply in replies):
                raise
        return replies

    def _judge(self, mail: Mail, replies: Sequence[Reply], *, ours: int) -> None:
        """What became of a mail: as the first refusal says, otherwise as the last answer.

        The first `ours` answers are about us and not about the recipient. Raises what is the route's trouble.
        """
        self._unknown.discard(mail.id)
        self._handed += 1
        number, reply = next(
            ((number, reply) for number, reply in enumerate(replies) if not _is_well(reply)), (0, replies[-1])
        )
        if _is_well(reply):
            self._settled(mail, reply)
            return
        said = f"{reply.code} {_said(reply.words)}"
        if reply.code == SHUTTING_DOWN or TOO_MUCH.search(said):
            raise RouteSlow(said)
        if QUOTA.search(said):
            raise QuotaSpent(said)
        if number < ours and mail.address.isascii():
            # It is us whom the server doesn't take (no login, a wrong sender): no address is to blame.
            raise RouteDown(f"mail from us was refused: {said}")
        if reply.code < 400:
            raise NotSmtp(f"what the server says is not SMTP: {said}")
        self._settled(mail, reply, "mail" if number > ours or not ours else "address")

    def _settled(self, mail: Mail, reply: Reply, about: Literal["address", "mail"] = "address") -> None:
        """`about`: after the address was accepted what is refused is the mail, if the words do not say otherwise."""
        kind: Literal["sent", "later", "refused"] = (
            "sent" if reply.code < 400 else "later" if reply.code < 500 else "refused"
        )
        said = _said(reply.words)
        about = "mail" if OF_A_MAIL.match(said) else "address" if OF_AN_ADDRESS.search(said) else about
        self._known.append(Outcome(mail.id, kind, reply.code, said, about=about))


def _envelope(mail: Mail) -> list[bytes]:
    options = "" if mail.address.isascii() else " BODY=8BITMIME SMTPUTF8"
    return [f"MAIL FROM:<{mail.sender}>{options}\r\n".encode(), f"RCPT TO:<{mail.address}>\r\n".encode()]


def _is_well(reply: Reply) -> bool:
    return reply.code // 100 == 2


def _is_loopback(sock: socket.socket | None) -> bool:
    return sock is not None and ipaddress.ip_address(sock.getpeername()[0].partition("%")[0]).is_loopback


def _said(words: bytes) -> str:
    return one_line(words.decode("utf-8", "replace"))[:LONGEST_WORDS]
