"""The watchdog over live processes: a dead beat, a worker that is alive and idle, an emptied Redis, each by itself."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest

from tests.stack import Stack, running, until

pytestmark = pytest.mark.live

SOON = {"BEAT_SILENT": "12", "WORKER_SILENT": "9", "AUDIT_EVERY": "3"}


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


def pool(stack: Stack) -> list[int]:
    """The processes of the worker that run tasks."""
    main = (stack.place / "worker.pid").read_text().strip()
    ps = ["ps", "-A", "-o", "pid=,ppid="]
    every = subprocess.run(ps, capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, parent in map(str.split, every.splitlines()) if parent == main]


def test_an_emptied_redis_an_idle_pool_and_a_dead_beat_are_told_apart(stack: Stack) -> None:
    until("the pulse is heard", lambda: stack.query("SELECT 1 FROM alerts_heartbeat WHERE process LIKE 'worker:%%'"))
    stack.redis().flushdb()
    assert wrong(stack) == {}
    until("the worker is known again", lambda: stack.redis().hlen("tocsin:workers") == 1, within=5)

    idle = pool(stack)
    assert idle
    for process in idle:
        os.kill(process, signal.SIGSTOP)
    stack.kill("beat")
    try:
        until("the idle worker is noticed", lambda: any(name.startswith("worker ") for name in wrong(stack)), within=30)
        [said] = [says for name, says in wrong(stack).items() if name.startswith("worker ")]
        assert "alive and runs nothing" in said
    finally:
        for process in idle:
            os.kill(process, signal.SIGCONT)
    until("the dead beat alone is left", lambda: set(wrong(stack)) == {"beat"}, within=30)
    # The worker rings for the audit where no beat does.
    until(
        "it is written down",
        lambda: stack.query("SELECT 1 FROM alerts_trouble WHERE kind = 'beat' AND over_at IS NULL"),
        within=15,
    )
    os.kill(int((stack.place / "worker.pid").read_text()), signal.SIGTERM)
    until("the worker has said goodbye", lambda: not stack.redis().hlen("tocsin:workers"), within=15)
    assert stack.query("SELECT 1 FROM alerts_heartbeat WHERE process LIKE 'worker:%%'") == []
