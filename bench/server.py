"""gunicorn with the product and the yardsticks' views, on the benchmark's database; and the clients that ask it."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from bench.clients import Request

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2


class Server:
    """gunicorn with the product and the yardsticks, and the clients that ask it."""

    def __init__(self, folder: Path, port: int, clients: "subprocess.Popen[str]") -> None:
        self.folder, self.port, self._clients = folder, port, clients
        self.p99: dict[str, list[float]] = {}

    def ask(self, what: str, requests: list[Request], *statuses: int) -> float:
        """Seconds that all of them took; each must be answered with one of these statuses."""
        file = self.folder / "requests.json"
        file.write_text(json.dumps(requests))
        assert self._clients.stdin is not None  # noqa: S101
        assert self._clients.stdout is not None  # noqa: S101
        self._clients.stdin.write(f"{file}\n")
        self._clients.stdin.flush()
        said = json.loads(self._clients.stdout.readline())
        if not said["statuses"].keys() <= {str(status) for status in statuses}:
            raise RuntimeError(f"{what}: {said['statuses']}")
        self.p99.setdefault(what, []).append(said["p99"])
        return float(said["seconds"])

    def stated(self, ours: str, theirs: str) -> str:
        """The medians of what 99 of 100 requests stayed below."""
        mine, yard = (statistics.median(self.p99[what]) * 1000 for what in (ours, theirs))
        return f"p99 {mine:.0f} ms against {yard:.0f} ms"


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serving this database, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": str(ROOT),
    }
    serve = [
        "-m",
        "gunicorn",
        "bench.serving",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        str(WORKERS),
        "--threads",
        "8",
    ]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, *serve, "--no-control-socket"], env=environment, cwd=ROOT, **quiet)
    clients = subprocess.Popen(
        [sys.executable, "-m", "bench.clients", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        _until_there(port)
        yield Server(folder, port, clients)
    finally:
        for process in (clients, server):
            process.terminate()
            process.wait(20)


def _until_there(port: int) -> None:
    for _ in range(300):
        try:
            asked = HTTPConnection("127.0.0.1", port, timeout=2)
            asked.request("GET", "/bench/bare/x")
            if asked.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("gunicorn did not come up")
