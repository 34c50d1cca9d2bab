"""A mail server on the loopback that keeps every mail on disk and delivers none: for development and tests.

`python -m config.mailbox` with MAILBOX_DIR and MAILBOX_PORT; MAILBOX_REFUSES names a function such as
`demo.refusals:refusal` that gives an SMTP reply for an address that takes no mail. A mail is answered with 250 only
when its file is written (it survives any kill of this process; it is not synced against a power cut).
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from config.mailbox_store import Entry, Store

Refuses = Callable[[str], str | None]  # an address in; the reply that refuses it, or None

logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs every command, with its addresses

LINGER = 0.05  # seconds that the index may lag behind the files
LARGEST = 33_554_432  # bytes of a mail
LONGEST = 1_000  # bytes of a line with its end (RFC 5321, section 4.5.3.1.6)


class Post:
    """What aiosmtpd asks us: who is taken, and what becomes of a mail."""

    def __init__(self, store: Store, refuses: Refuses | None) -> None:
        self.store, self.refuses = store, refuses
        self._flush: asyncio.TimerHandle | None = None

    async def handle_EHLO(  # noqa: N802  # aiosmtpd looks for these names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer pipelining (RFC 2920): commands are read in order from a buffer, so it costs nothing."""
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or refuse it as it would be refused out there."""
        refused = self.refuses(address) if self.refuses else None
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        try:
            number = self.store.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        except OSError as error:
            return f"452 4.3.1 Cannot keep it now: {error.strerror}"
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(LINGER, self.flush)
        return f"250 2.0.0 Kept as {number}"

    def flush(self) -> None:
        """Let the index catch up with the files."""
        self._flush = None
        self.store.flush()


class Server(SMTP):
    """aiosmtpd's server, but for the content of a mail, which it reads line by line: that was most of its time."""

    line_length_limit = 65_536  # what the reader takes at once; commands have a limit of their own

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take one mail (RFC 5321, section 4.1.1.4)."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None  # noqa: S101  # there is one from the greeting on
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        if content is None:
            answer = "552 5.3.4 Too much mail data"
        elif max(map(len, content.split(b"\r\n"))) > LONGEST - 2:
            answer = "500 5.6.0 Line too long"
        else:
            self.envelope.content = self.envelope.original_content = content
            answer = await self.event_handler.handle_DATA(self, self.session, self.envelope)
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(answer)

    async def _content(self) -> bytes | None:
        """What stands before the line with the lone dot, its doubled dots made single; None when it is too much."""
        taken, ended = bytearray(b"\r\n"), False
        too_much = False
        while not ended:
            try:
                # Every end of a mail ends so; few lines within one do, and those are simply followed by more.
                taken += await self._reader.readuntil(b".\r\n")
                ended = taken.endswith(b"\r\n.\r\n")
            except asyncio.LimitOverrunError as error:
                taken += await self._reader.readexactly(error.consumed)
            if len(taken) > LARGEST:
                too_much = True
                del taken[:-5]
        return None if too_much else bytes(taken[:-3]).replace(b"\r\n..", b"\r\n.")[2:]


class Mailbox:
    """The server in a thread of its own: `start()`, then `port`; `stop()` at the end. Port 0 is any free one."""

    def __init__(self, place: Path, *, refuses: Refuses | None = None, port: int = 0) -> None:
        self.port = port
        self.store = Store(place)
        self._post = Post(self.store, refuses)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailbox", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> "Mailbox":
        """Listen. Raises OSError when the port is taken."""
        self.store.open()
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        except BaseException:
            self.stop()
            raise
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def mails(self) -> list[Entry]:
        """Every mail so far, the oldest first."""
        asyncio.run_coroutine_threadsafe(self._caught_up(), self._loop).result(10)
        return self.store.all()

    def stop(self) -> None:
        """Stop listening; what was answered with 250 is kept and in the index."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.store.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, "127.0.0.1", self.port)

    def _protocol(self) -> Server:
        return Server(self._post, hostname="mailbox.example", data_size_limit=LARGEST, loop=self._loop, ident="Mailbox")

    async def _caught_up(self) -> None:
        self._post.flush()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        self._post.flush()


def refusals(name: str) -> Refuses | None:
    """The function that `module:function` names; None for no name."""
    if not name:
        return None
    module, _, function = name.partition(":")
    found: Refuses = getattr(import_module(module), function)
    return found


def main() -> int:
    """Listen until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    place, port = Path(os.environ.get("MAILBOX_DIR", "mail")), int(os.environ.get("MAILBOX_PORT", "1025"))
    mailbox = Mailbox(place, refuses=refusals(os.environ.get("MAILBOX_REFUSES", "")), port=port)
    try:
        mailbox.start()
    except OSError as error:
        print(f"The mailbox cannot listen on port {port}: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"Mailbox on 127.0.0.1:{mailbox.port}, mails in {place}")
    ended.wait()
    mailbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
