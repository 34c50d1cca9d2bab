"""The watchdog over live processes: a dead beat, a worker that is alive and idle, an emptied Redis, each by itself.

On a stack of its own: its clocks are short, and it empties a Redis that others would need. The machine may be busy with
theirs, so what is to come is waited for.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest

from tests.stack import ROOT, Stack, running, until

pytestmark = pytest.mark.live

SOON = {"BEAT_SILENT": "12", "WORKER_SILENT": "9", "AUDIT_EVERY": "3"}
PULSES = "SELECT 1 FROM alerts_heartbeat WHERE process LIKE 'worker:%%'"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SOON.items():
            patch.setenv(name, value)
        with running(tmp_path_factory.mktemp("watch")) as live:
            yield live


def wrong(stack: Stack) -> dict[str, str]:
    """What `/healthz` says is not well."""
    try:
        with urllib.request.urlopen(f"{stack.url}/healthz", timeout=5) as answer:  # noqa: S310  # our own address
            return dict(json.load(answer)["wrong"])
    except HTTPError as error:
        return dict(json.load(error)["wrong"])


def audit(stack: Stack) -> str:
    """What an operator reads, by hand."""
    command = [sys.executable, "manage.py", "audit"]
    return subprocess.run(command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=False).stdout


def pool(stack: Stack) -> list[int]:
    """The processes of the worker that run tasks."""
    main = (stack.place / "worker.pid").read_text().strip()
    ps = ["ps", "-A", "-o", "pid=,ppid="]
    every = subprocess.run(ps, capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, parent in map(str.split, every.splitlines()) if parent == main]


def test_an_emptied_redis_an_idle_pool_and_a_dead_beat_are_told_apart(stack: Stack) -> None:
    until("the pulse is heard and all is well", lambda: stack.query(PULSES) and not wrong(stack))
    stack.redis().flushdb()
    assert not {"broker", "worker", "workers"} & set(wrong(stack))
    until("the worker is known again", lambda: stack.redis().hlen("tocsin:workers") == 1)

    idle = pool(stack)
    assert idle
    for process in idle:
        os.kill(process, signal.SIGSTOP)
    stack.kill("beat")
    try:
        until("the idle worker is noticed", lambda: "worker" in wrong(stack))
        assert wrong(stack).get("worker") == "1 worker does not run what it should: see /operations/"
        until("which one is told to operators", lambda: "is alive and runs nothing: restart it" in audit(stack))
    finally:
        for process in idle:
            os.kill(process, signal.SIGCONT)
    until("the dead beat alone is left", lambda: set(wrong(stack)) == {"beat"})
    # The worker rings for the audit where no beat does.
    until(
        "it is written down",
        lambda: stack.query("SELECT 1 FROM alerts_trouble WHERE kind = 'beat' AND over_at IS NULL"),
    )
    os.kill(int((stack.place / "worker.pid").read_text()), signal.SIGTERM)
    until("the worker has said goodbye", lambda: not stack.redis().hlen("tocsin:workers") and not stack.query(PULSES))
