"""A mail server that keeps nothing: it offers PIPELINING and CHUNKING, counts mails, and looks at as little as it can.

A process of its own. `NOOP` is answered with how many mails it has had.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END = b"\r\n.\r\n"
OFFERS = {
    "plain": b"250 sink\r\n",
    "pipelining": b"250-sink\r\n250 PIPELINING\r\n",
    "chunking": b"250-sink\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
}
OK, GO_ON, BYE = b"250 OK\r\n", b"354 Go on\r\n", b"221 Bye\r\n"


class Sink(asyncio.Protocol):
    """One connection. Answers to what came at once leave at once."""

    mails = 0  # in all connections
    offer = OFFERS["chunking"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport, self.rest, self.in_content, self.chunk = transport, b"", False, 0
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Everything in it that is whole."""
        data = self.rest + data if self.rest else data
        at, end, answers = 0, len(data), []
        while at < end:
            if self.chunk:
                passed = min(self.chunk, end - at)
                at += passed
                self.chunk -= passed
                if not self.chunk:
                    Sink.mails += 1
                    answers.append(OK)
            elif self.in_content:
                # From the end of the line before: an empty content is a lone dot.
                found = data.find(END, at)
                if found < 0:
                    at = max(at, end - len(END) + 1)
                    break
                at, self.in_content = found + len(END), False
                Sink.mails += 1
                answers.append(OK)
            else:
                found = data.find(b"\r\n", at)
                if found < 0:
                    break
                verb = data[at : at + 4].upper()
                if verb == b"BDAT":
                    self.chunk = int(data[at + 5 : found].split()[0])
                    at = found + 2
                elif verb == b"DATA":
                    answers.append(GO_ON)
                    at, self.in_content = found, True
                    if end == found + 2:
                        break
                else:
                    answers.append(self.answer(verb))
                    at = found + 2
        self.rest = data[at:]
        if answers:
            self.transport.write(b"".join(answers))
        if answers and answers[-1] is BYE:
            self.transport.close()

    def answer(self, verb: bytes) -> bytes:
        """To a command; how many mails there were to `NOOP`."""
        if verb in (b"MAIL", b"RCPT", b"RSET"):
            return OK
        if verb == b"EHLO":
            return self.offer
        if verb == b"NOOP":
            return b"250 %d\r\n" % Sink.mails
        return BYE if verb == b"QUIT" else b"502 No\r\n" if verb != b"HELO" else OK


@contextmanager
def sink(offer: str = "chunking") -> Iterator[int]:
    """Its port, for as long as the context is open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", offer],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


async def _serve(offer: str) -> None:
    Sink.offer = OFFERS[offer]
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.get_running_loop().create_server(Sink, sock=listening)
        print(listening.getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
