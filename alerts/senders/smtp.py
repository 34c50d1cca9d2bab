"""SMTP: one connection for many mails, one recipient in each, each answer its own (RFC 5321)."""

import smtplib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress

from django.conf import settings

from alerts.senders import Mail, Outcome, RouteDown

LONGEST_WORDS = 400  # characters kept of what a server says
SHUTTING_DOWN = 421  # RFC 5321, section 4.2.3: the server closes the connection; no mail of ours is at fault


class SmtpSender:
    """A connection to the configured server. TLS certificates are verified."""

    def __enter__(self) -> "SmtpSender":
        try:
            self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise RouteDown(f"{type(error).__name__}: {error}") from error
        return self

    def _connect(self) -> None:
        host, port, patience = settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT
        if settings.EMAIL_USE_SSL:
            context = ssl.create_default_context()
            self.server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=patience, context=context)
        else:
            self.server = smtplib.SMTP(host, port, timeout=patience)
        self.server.ehlo()
        if settings.EMAIL_USE_TLS:
            self.server.starttls(context=ssl.create_default_context())
            self.server.ehlo()
        if settings.EMAIL_HOST_USER:
            self.server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)

    def __exit__(self, *_: object) -> None:
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
        options = []
        if not mail.address.isascii():
            if not self.server.has_extn("smtputf8"):
                return Outcome(mail.id, "refused", 553, "our mail server takes no addresses beyond ASCII (SMTPUTF8)")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        code, words = self.server.mail(settings.ALERTS_FROM, options)
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
