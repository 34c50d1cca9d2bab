"""SMTP: one connection for many mails, one recipient in each, each answer its own (RFC 5321)."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from django.conf import settings

from alerts.routes import Way
from alerts.senders import Mail, Outcome, RouteDown

LONGEST_WORDS = 400  # characters kept of what a server says
SHUTTING_DOWN = 421  # RFC 5321, section 4.2.3: the server closes the connection; no mail of ours is at fault


class _Hurried:
    """How long the server may still take, for all that it is asked until the next `hurry`."""

    sock: socket.socket | None
    _until = 0.0

    def hurry(self, seconds: float) -> None:
        """From now on."""
        self._until = time.monotonic() + seconds

    def getreply(self) -> tuple[int, bytes]:
        """An answer within what is left of the time; otherwise `TimeoutError`, as `smtplib` has it."""
        if self.sock is not None and self._until:
            self.sock.settimeout(max(self._until - time.monotonic(), 0.05))
        return super().getreply()  # type: ignore[misc,no-any-return]  # smtplib's


class _Smtp(_Hurried, smtplib.SMTP):
    pass


class _SmtpOverTls(_Hurried, smtplib.SMTP_SSL):
    pass


class SmtpSender:
    """A connection to a mail server. TLS certificates are verified.

    `EMAIL_TIMEOUT` is for connecting, and then for each mail as a whole: a lease lasts longer than either, however slowly a
    server answers each of the questions.
    """

    most = 100

    def __init__(self, way: Way) -> None:
        self.way = way

    def __enter__(self) -> "SmtpSender":
        try:
            self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise RouteDown(f"{type(error).__name__}: {error}") from error
        return self

    def _connect(self) -> None:
        host, port, patience = self.way.host, self.way.port, settings.EMAIL_TIMEOUT
        if self.way.tls == "implicit":
            context = ssl.create_default_context()
            self.server: _Smtp | _SmtpOverTls = _SmtpOverTls(host, port, timeout=patience, context=context)
        else:
            self.server = _Smtp(host, port, timeout=patience)
        self.server.hurry(patience)
        self.server.ehlo()
        if self.way.tls == "starttls":
            self.server.starttls(context=ssl.create_default_context())
            self.server.ehlo()
        if self.way.user:
            self.server.login(self.way.user, self.way.password)

    def __exit__(self, *_: object) -> None:
        self.server.hurry(settings.EMAIL_TIMEOUT)
        try:
            self.server.quit()
        except (OSError, smtplib.SMTPException):
            self.server.close()

    def send(self, mails: Iterable[Mail]) -> Iterator[Outcome]:
        """Hand over mails one after another, an outcome each; raises `RouteDown` when the connection goes."""
        for mail in mails:
            try:
                yield self._hand_over(mail)
            except (OSError, smtplib.SMTPServerDisconnected) as error:
                raise RouteDown(f"{type(error).__name__}: {error}") from error

    def _hand_over(self, mail: Mail) -> Outcome:
        self.server.hurry(settings.EMAIL_TIMEOUT)
        options = []
        if not mail.address.isascii():
            if not self.server.has_extn("smtputf8"):
                return Outcome(mail.id, "refused", 553, "our mail server takes no addresses beyond ASCII (SMTPUTF8)")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        code, words = self.server.mail(mail.sender, options)
        if code != 250 and not options:
            # It is us whom the server doesn't take (no login, a wrong sender): no address is to blame.
            raise RouteDown(f"mail from us was refused: {code} {_said(words)}")
        if code == 250:
            code, words = self.server.rcpt(mail.address)
        if code in (250, 251):
            try:
                code, words = self.server.data(mail.content)
            except smtplib.SMTPDataError as error:
                code, words = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        if code == 250:
            return Outcome(mail.id, "sent", code, _said(words))
        return self._refused(mail, code, words)

    def _refused(self, mail: Mail, code: int, words: bytes) -> Outcome:
        said = _said(words)
        if code == SHUTTING_DOWN or code < 0:
            raise smtplib.SMTPServerDisconnected(said or "the server closed the connection")
        # A server may refuse and hang up: this answer still stands, and the next mail finds out.
        with suppress(OSError):
            self.server.rset()
        return Outcome(mail.id, "later" if code < 500 else "refused", code, said)


def _said(words: bytes) -> str:
    return " ".join(words.decode("utf-8", "replace").split())[:LONGEST_WORDS]
