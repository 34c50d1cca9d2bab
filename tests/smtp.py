"""A real SMTP server for tests: keeps what it is sent, and answers as it is told to."""

import asyncio
import email
import email.policy
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


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


class _Talks(SMTP):
    """Takes whole mails in one piece as well (RFC 3030), and goes on with DATA for nobody where it is asked to."""

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802  # the name that aiosmtpd calls
        """One chunk, the last one."""
        size, _, last = arg.partition(" ")
        assert last == "LAST"
        content = await self._reader.readexactly(int(size))
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Nobody is to get it")
            return
        self.envelope.content = self.envelope.original_content = content
        answer = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        await self.push(answer)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """RFC 2920, section 3.1: a server may ask for the content though it took no recipient."""
        handler = self.event_handler
        assert self.envelope is not None
        handler.asked_for.append(list(self.envelope.rcpt_tos))
        if handler.goes_on_for_nobody and self.envelope.mail_from and not self.envelope.rcpt_tos:
            await self.push("354 Go on")
            assert await self._reader.readline() == b".\r\n"
            self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
            await self.push("554 5.5.1 No valid recipients")
            return
        await super().smtp_DATA(arg)


class _Listens(Controller):
    def factory(self) -> SMTP:
        """The server of one connection."""
        return _Talks(self.handler, **self.SMTP_kwargs)


class Server:
    """Listens on a free loopback port while the context is open.

    `offers`: of PIPELINING and CHUNKING. `tls`: a certificate, for STARTTLS or, with `implicit`, from the first octet on.
    `logins` are those that somebody tried; with `auth` they are asked for.
    """

    def __init__(
        self,
        *,
        utf8: bool = True,
        offers: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        auth: bool = False,
    ) -> None:
        self.offers = offers
        self.asked_for: list[list[str]] = []
        self.goes_on_for_nobody = False
        self.logins: list[tuple[str, str]] = []
        self.connections = 0
        self._transports: list[asyncio.Transport] = []
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
        self._controller = _Listens(
            self,
            hostname="127.0.0.1",
            port=self.port,
            enable_SMTPUTF8=utf8,
            ssl_context=tls if implicit else None,
            tls_context=None if implicit else tls,
            authenticator=self._login,
            auth_required=auth,
            auth_require_tls=False,
        )

    def __enter__(self) -> "Server":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def hang_up(self) -> None:
        """On everybody, and only then return."""

        async def close() -> None:
            for transport in self._transports:
                transport.close()

        asyncio.run_coroutine_threadsafe(close(), self._controller.loop).result()

    def _login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: object) -> AuthResult:
        assert isinstance(said, LoginPassword)
        self.logins.append((said.login.decode(), said.password.decode()))
        return AuthResult(success=said.password == b"right", handled=False)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """With what it offers."""
        session.host_name = hostname
        self.connections += 1
        assert isinstance(server.transport, asyncio.Transport)
        self._transports.append(server.transport)
        return [responses[0], *(f"250-{offer}" for offer in self.offers), *responses[1:]]

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
