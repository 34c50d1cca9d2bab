"""A loopback stand-in of two providers' APIs: Mailgun, which merges, and Resend, which takes one finished mail a call.

It answers as they document, keeps the mails that would leave (merged for each recipient, and then once more: what a value
holds is a place as well, for a provider that looks twice), and does as it is told: a status, silence, a line that breaks.
As a program it says its address, and takes `--pause` seconds for each call and `--each` for each recipient.
"""

import argparse
import base64
import email.policy
import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

KEY = "key-0123456789abcdef"
MOST = 1000
_ADDRESS = re.compile(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_PLACE = re.compile(r"%recipient\.([^%\s]+)%|%(recipient(?:_\w+)?|unsubscribe_url)%")


@dataclass(frozen=True)
class Left:
    """A mail as it would leave the provider: written out and parsed again, strictly."""

    recipient: str
    message: EmailMessage
    variables: dict[str, str]

    @property
    def text(self) -> str:
        """The text part."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML part."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class Script:
    """What to do with the next call: answer with a status, say nothing until the test ends, or hang up."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    says: object = None
    kept: bool = False
    """Carried out all the same."""
    hang: bool = False
    drop: bool = False


class Api:
    """Listens on a free loopback port while the context is open."""

    def __init__(self, *, pause: float = 0.0, each: float = 0.0, keeps: bool = True) -> None:
        self.mails: list[Left] = []
        self.calls: list[list[str]] = []
        """Whom each call was for."""
        self.bodies: list[bytes] = []
        self.requests: list[Mapping[str, str]] = []
        """The headers of each."""
        self.forms: list[dict[str, list[str]]] = []
        self.script: deque[Script] = deque()
        self.refuses: set[str] = set()
        """Addresses for which the whole call is refused."""
        self.pause, self.each, self.keeps = pause, each, keeps
        self.connections = 0
        self.by_key: dict[str, tuple[str, dict[str, str]]] = {}
        self.over = threading.Event()
        self.lock = threading.Lock()
        api = self

        class Handler(_Handler):
            pass

        Handler.api = api
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Api":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def settings(self) -> dict[str, Any]:
        """`settings.ANYMAIL`."""
        return {
            "MAILGUN_API_URL": f"{self.url}/v3",
            "MAILGUN_API_KEY": KEY,
            "RESEND_API_URL": f"{self.url}/resend/",
            "RESEND_API_KEY": KEY,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: Api

    def setup(self) -> None:
        """Count connections: one is to be kept."""
        super().setup()
        self.api.connections += 1

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:  # the name that http.server calls
        """As the provider of this path, or as the script says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        script = self.api.script.popleft() if self.api.script else Script()
        with self.api.lock:
            if self.api.keeps:
                self.api.bodies.append(body)
                self.api.requests.append(dict(self.headers))
            status, says = (0, None)
            if not script.status or script.kept:
                status, says = self._mailgun(body) if self.path.startswith("/v3/") else self._resend(body)
        if self.api.pause:
            time.sleep(self.api.pause + self.api.each * len(self.api.calls[-1]))
        if script.hang:
            self.api.over.wait(30)
        if script.hang or script.drop:
            self.close_connection = True
            return
        self._say(script.status or status, script.says if script.status else says, script.headers)

    def _say(self, status: int, says: object, headers: Mapping[str, str]) -> None:
        told = json.dumps(says).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(told)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    # --- Mailgun: POST /v3/DOMAIN/messages ---

    def _mailgun(self, body: bytes) -> tuple[int, object]:
        expected = "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()
        if self.headers["Authorization"] != expected:
            return 401, "Forbidden"
        form = self.form(body)
        recipients = [parseaddr(to) for to in form.get("to", [])]
        addresses = [address for _, address in recipients]
        self.api.calls.append(addresses)
        if self.api.keeps:
            self.api.forms.append(form)
        if len(addresses) > MOST:
            return 400, {"message": f"the number of recipients can't exceed {MOST}"}
        if not addresses or any(not _ADDRESS.fullmatch(one) or one in self.api.refuses for one in addresses):
            return 400, {"message": "to parameter is not a valid address. please check documentation"}
        if form.get("cc") or form.get("bcc"):
            return 400, {"message": "this stand-in knows no copies"}
        variables = json.loads(form.get("recipient-variables", ["{}"])[0])
        if self.api.keeps:
            for name, address in recipients:
                theirs = variables.get(address, {})
                seen = [(name, address)] if variables else recipients
                self.api.mails.append(Left(address, _merged(form, seen, theirs), theirs))
        number = hashlib.sha256(body).hexdigest()[:16]
        return 200, {"id": f"<{number}@mg.example.org>", "message": "Queued. Thank you."}

    def form(self, body: bytes) -> dict[str, list[str]]:
        """A form in either of its two ways of being written."""
        kind = self.headers["Content-Type"]
        if kind.startswith("application/x-www-form-urlencoded"):
            return parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True)
        edge = b"\r\n--" + kind.partition("boundary=")[2].encode()  # RFC 2046, section 5.1.1
        form: dict[str, list[str]] = {}
        for part in (b"\r\n" + body).split(edge)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = head.partition(b'name="')[2].partition(b'"')[0].decode()
            form.setdefault(name, []).append(value.decode())
        return form

    # --- Resend: POST /resend/emails ---

    def _resend(self, body: bytes) -> tuple[int, object]:
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return 401, {"statusCode": 401, "name": "missing_api_key", "message": "Missing API key"}
        told = json.loads(body)
        self.api.calls.append(told["to"])
        name, address = parseaddr(told["to"][0])
        if len(told["to"]) > 1 or told.get("bcc") or told.get("cc"):
            return 422, {"statusCode": 422, "name": "validation_error", "message": "this stand-in sends to one"}
        if not _ADDRESS.fullmatch(address) or address in self.api.refuses:
            return 422, {"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field."}
        key, digest = self.headers["Idempotency-Key"], hashlib.sha256(body).hexdigest()
        if key and key in self.api.by_key:
            before, answer = self.api.by_key[key]
            if before != digest:
                return 409, {
                    "statusCode": 409,
                    "name": "invalid_idempotent_request",
                    "message": "Same idempotency key used with a different request payload.",
                }
            return 200, answer
        message = _message(
            told["from"], [(name, address)], told["subject"], {**told.get("headers", {})}, told["text"], told["html"]
        )
        message["Reply-To"] = ", ".join(told.get("reply_to", []))
        self.api.mails.append(Left(address, _again(message), {}))
        answer = {"id": f"id-{len(self.api.mails)}"}
        if key:
            self.api.by_key[key] = digest, answer
        return 200, answer


def _merged(form: dict[str, list[str]], seen: list[tuple[str, str]], theirs: Mapping[str, str]) -> EmailMessage:
    """One recipient's mail, with every place filled, wherever it stands."""

    def fill(text: str) -> str:
        for _ in range(2):
            text = _PLACE.sub(lambda found: str(theirs.get(found[1], "")) if found[1] else "FETCHED", text)
        return text

    headers = {name[2:]: fill(values[0]) for name, values in form.items() if name.startswith("h:")}
    return _again(
        _message(
            fill(form["from"][0]),
            [(fill(name), address) for name, address in seen],
            fill(form["subject"][0]),
            headers,
            fill(form["text"][0]),
            fill(form["html"][0]),
        )
    )


def _message(
    sender: str, to: list[tuple[str, str]], subject: str, headers: Mapping[str, str], text: str, html: str
) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP.clone(max_line_length=5000))
    message["From"] = sender
    message["To"] = ", ".join(f'"{_quoted(name)}" <{address}>' if name else address for name, address in to)
    message["Subject"] = subject
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _again(message: EmailMessage) -> EmailMessage:
    parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def main() -> None:
    """Say the address, and answer until whoever started it goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--each", type=float, default=0.0)
    asked = parser.parse_args()
    with Api(pause=asked.pause, each=asked.each, keeps=False) as api:
        print(api.url, flush=True)
        input()


if __name__ == "__main__":
    main()
