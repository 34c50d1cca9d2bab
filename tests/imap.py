"""A real mail server of the reading kind (pymap), over TLS, on loopback.

pymap, and not a server of our own: what it understands of IMAP was written by somebody else. It knows STARTTLS only, so that
TLS from the first octet is put in front of it here.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

USER, PASSWORD = "alerts@tocsin.example", "a pass/word"  # of a server that lives for one test

# pymap's own program, but for how it keeps the password: its 500,000 rounds were most of what a login cost.
_PROGRAM = """
from pymap.config import IMAPConfig
from pymap.main import main
from pysasl.hashing import BuiltinHash

IMAPConfig._get_hash_context = classmethod(lambda *_: BuiltinHash(rounds=1))
main()
"""


class Imap:
    """One mailbox, empty at first. `url` is what MAILBOX_URL would be; `authority` is the file that vouches for it."""

    def __init__(self, at: Path) -> None:
        self.authority, key = at / "cert.pem", at / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
                *("-keyout", str(key), "-out", str(self.authority)),
            ],
            check=True,
            capture_output=True,
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.authority, key)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._behind = free.getsockname()[1]
        self._front = socket.create_server(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self.url = f"imaps://alerts%40tocsin.example:a%20pass%2Fword@localhost:{self.port}/INBOX"

    def __enter__(self) -> Self:
        where = ["--host", "127.0.0.1", "--port", str(self._behind), "--no-tls", "--no-service", "managesieve"]
        who = ["dict", "--demo-user", USER, "--demo-password", PASSWORD, "--demo-data"]
        command = [sys.executable, "-c", _PROGRAM, *where, *who]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threading.Thread(target=self._serve, daemon=True).start()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._behind), 1):
                break
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._front.close()
        self._process.terminate()
        self._process.wait(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._front.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(client, server_side=True) as near,
            socket.create_connection(("127.0.0.1", self._behind)) as far,
        ):
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass_on, args=[far, near], daemon=True).start()
            self._pass_on(near, far)

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while said := one.recv(65_536):
                other.sendall(said)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def opened(self, folder: str = "INBOX") -> imaplib.IMAP4_SSL:
        """The folder, as somebody else's program sees it."""
        context = ssl.create_default_context(cafile=str(self.authority))
        box = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context, timeout=10)
        box.login(USER, PASSWORD)
        box.select(folder)
        return box

    def put(self, *mails: bytes) -> None:
        """Mails come in."""
        with self.opened() as box:
            for mail in mails:
                status, _ = box.append("INBOX", "", imaplib.Time2Internaldate(time.time()), mail)
                assert status == "OK"

    def empty(self) -> None:
        """Nothing is left."""
        with self.opened() as box:
            for folder in ("Sent", "Trash", "Tocsin"):
                box.delete(folder)
            box.store("1:*", "+FLAGS", r"(\Deleted)")
            box.expunge()

    def flags(self, folder: str = "INBOX") -> dict[str, str]:
        """By subject, how each mail of the folder is marked."""
        found = {}
        with self.opened(folder) as box:
            for number in box.search(None, "ALL")[1][0].split():
                _, said = box.fetch(number.decode(), "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
                part = next(one for one in said if isinstance(one, tuple))
                subject = part[1].decode().partition(":")[2].strip()
                found[subject] = " ".join(flag.decode() for flag in imaplib.ParseFlags(part[0]) if flag != rb"\Recent")
        return found
