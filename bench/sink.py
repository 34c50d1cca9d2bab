"""A mail server that keeps nothing, written as one is: a line at a time, each answered by itself. It counts mails.

It offers PIPELINING and CHUNKING. A process of its own. `NOOP` is answered with how many mails it has had.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OFFERS = {
    "plain": b"250 sink\r\n",
    "pipelining": b"250-sink\r\n250 PIPELINING\r\n",
    "chunking": b"250-sink\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
}
OK = b"250 OK\r\n"
LARGEST = 2**20  # octets of a mail


class Sink:
    """How many mails came, over all connections."""

    def __init__(self, offer: bytes) -> None:
        self.offer, self.mails = offer, 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it goes."""
        writer.write(b"220 sink\r\n")
        with suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                writer.write(await self._answer(line, reader, writer))
                if line[:4].upper() == b"QUIT":
                    break
        writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        match line[:4].upper():
            case b"MAIL" | b"RCPT" | b"RSET" | b"HELO":
                return OK
            case b"BDAT":
                await reader.readexactly(int(line.split()[1]))
            case b"DATA":
                writer.write(b"354 Go on\r\n")
                while await reader.readline() != b".\r\n":
                    pass
            case b"EHLO":
                return self.offer
            case b"NOOP":
                return b"250 %d\r\n" % self.mails
            case b"QUIT":
                return b"221 Bye\r\n"
            case _:
                return b"502 No\r\n"
        self.mails += 1
        return OK


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
    server = await asyncio.start_server(Sink(OFFERS[offer]).connected, "127.0.0.1", 0, limit=LARGEST)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
