"""A real SMTP server for tests: keeps what it is sent, and answers as it is told to."""

import asyncio
import email
import email.policy
import socket
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Received:
    """A mail as the server got it."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """Parsed strictly."""
        parsed = email.message_from_bytes(self.content, policy=email.policy.SMTP)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def subject(self) -> str:
        """The subject line."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The text part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


class Server:
    """Listens on a free loopback port while the context is open."""

    def __init__(self, *, utf8: bool = True) -> None:
        self.mails: list[Received] = []
        self.answers: dict[str, str] = {}
        self.on_mail: Callable[[], object] | None = None
        self.sender_answer = ""
        self.after_data: dict[str, str] = {}
        self.hang_up_after: set[str] = set()
        self.drop_after: int | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        # `enable_SMTPUTF8`: whether the server takes addresses beyond ASCII.
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=utf8)

    def __enter__(self) -> "Server":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The scripted answer to whoever sends, or yes."""
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The scripted answer to this address, or yes; then hang up on those of `hang_up_after`."""
        if address in self.hang_up_after:
            assert server.transport is not None
            asyncio.get_running_loop().call_soon(server.transport.close)
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail; or give the scripted answer to it (`after_data`, by address); or drop the connection without an
        answer, once `drop_after` mails were kept."""
        if self.drop_after is not None and len(self.mails) >= self.drop_after:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "421 gone"
        if envelope.rcpt_tos[0] in self.after_data:
            return self.after_data[envelope.rcpt_tos[0]]
        content: Any = envelope.content
        self.mails.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), bytes(content)))
        if self.on_mail is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.on_mail)
        return "250 Kept"
