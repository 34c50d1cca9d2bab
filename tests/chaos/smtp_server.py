"""A mail server that remembers every mail that it accepted, and misbehaves when told to. `python -m tests.chaos.smtp_server`.

Each accepted mail is one line of SMTP_LOG (address, subject, Message-ID), written before the 250 is: kill -9 loses no
evidence. Whoever connects may send `XFAULT {"kind": ..., "times": ...}`, which takes effect with its answer:

- `greet`: 421 instead of the greeting, and the connection closed; `mail`: the same to MAIL
- `later`: 451 to RCPT, for a share of them (`share`)
- `slow`: `seconds` until a mail is accepted; `hang`: the same, and then the connection is dropped and nothing accepted
- `cut`: the connection dropped in the middle of a mail
"""

import asyncio
import json
import os
import random
import re
import signal
from contextlib import suppress
from dataclasses import dataclass, field

HEAD = re.compile(rb"^(Subject|Message-ID): (.*(?:\r\n[ \t].*)*)\r\n", re.MULTILINE | re.IGNORECASE)
REFUSED = b"refused-"  # addresses that begin so have no mailbox
LIMIT = 4 * 2**20  # bytes of a mail


class Dropped(Exception):
    """The connection is to be closed without another word."""


@dataclass
class Faults:
    """What is still to go wrong: how often, by kind."""

    times: dict[str, int] = field(default_factory=dict)
    share: float = 1.0
    seconds: float = 0.0
    dice: random.Random = field(default_factory=random.Random)

    def take(self, kind: str, share: float = 1.0) -> bool:
        """Whether this kind of fault happens now; then it happens once less."""
        if self.times.get(kind, 0) <= 0 or (share < 1.0 and self.dice.random() >= share):
            return False
        self.times[kind] -= 1
        return True

    def ask(self, words: bytes) -> None:
        """As XFAULT says."""
        asked = json.loads(words)
        self.times[asked["kind"]] = int(asked["times"])
        self.share, self.seconds = float(asked.get("share", 1.0)), float(asked.get("seconds", 0.0))
        self.dice.seed(asked.get("seed"))


class Post:
    """The server's state: its faults and its log."""

    def __init__(self, log: int) -> None:
        self.log, self.faults = log, Faults()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it or we hang up."""
        with suppress(Dropped, OSError, asyncio.IncompleteReadError):
            if self.faults.take("greet"):
                writer.write(b"421 4.3.2 Not now\r\n")
                await writer.drain()
            else:
                writer.write(b"220 chaos.example ESMTP\r\n")
                await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = b""
        while line := await reader.readline():
            verb, _, words = line.strip().partition(b" ")
            match verb.upper():
                case b"EHLO" | b"HELO":
                    writer.write(b"250-chaos.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
                case b"MAIL" if self.faults.take("mail"):
                    writer.write(b"421 4.3.2 Closing\r\n")
                    await writer.drain()
                    return
                case b"MAIL" | b"RSET":
                    address = b""
                    writer.write(b"250 OK\r\n")
                case b"RCPT":
                    wanted = words.partition(b":")[2].strip(b" <>").lower()
                    answer = self._recipient(wanted)
                    address = wanted if answer.startswith(b"250") else b""
                    writer.write(answer)
                case b"DATA" if not address:
                    writer.write(b"554 5.5.1 Nobody to send it to\r\n")
                case b"DATA":
                    writer.write(b"354 Go on\r\n")
                    writer.write(await self._mail(reader, address))
                case b"XFAULT":
                    self.faults.ask(words)
                    writer.write(b"250 As you like it\r\n")
                case b"QUIT":
                    writer.write(b"221 Bye\r\n")
                    return
                case _:
                    writer.write(b"250 OK\r\n")

    def _recipient(self, address: bytes) -> bytes:
        if address.startswith(REFUSED):
            return b"550 5.1.1 No such mailbox\r\n"
        if self.faults.take("later", self.faults.share):
            return b"451 4.7.1 Try again\r\n"
        return b"250 OK\r\n"

    async def _mail(self, reader: asyncio.StreamReader, address: bytes) -> bytes:
        """The answer to a mail; it is in the log before anybody hears that it was accepted."""
        if self.faults.take("cut"):
            await reader.readexactly(200)
            raise Dropped
        content = await reader.readuntil(b"\r\n.\r\n")
        if self.faults.take("hang"):
            await asyncio.sleep(self.faults.seconds)
            raise Dropped
        if self.faults.take("slow"):
            await asyncio.sleep(self.faults.seconds)
        head = {
            name.lower(): b" ".join(value.split()) for name, value in HEAD.findall(content.partition(b"\r\n\r\n")[0])
        }
        os.write(self.log, b"\t".join([address, head[b"subject"], head[b"message-id"]]) + b"\n")
        return b"250 2.0.0 Kept\r\n"


async def main() -> None:
    """Listen until SIGTERM."""
    post = Post(os.open(os.environ["SMTP_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    server = await asyncio.start_server(post.connected, "127.0.0.1", int(os.environ["SMTP_PORT"]), limit=LIMIT)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
