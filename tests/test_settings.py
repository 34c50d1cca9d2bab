"""Settings that would break a promise are refused at the start, in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"EMAIL_TIMEOUT": "60", "BATCH_LEASE": "60"}, "EMAIL_TIMEOUT (60 s) must be less than BATCH_LEASE"),
        ({"EMAIL_TIMEOUT": "0"}, "EMAIL_TIMEOUT (0 s)"),
        ({"ALARM_URL": "ftp://example.org"}, "ALARM_URL"),
        ({"HEARTBEAT_URL": "example.org/ping"}, "HEARTBEAT_URL"),
        ({"SITE_URL": "alerts.example.gov.uk"}, "SITE_URL"),
    ],
)
def test_what_would_break_a_promise_is_refused(wrong: dict[str, str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "ImproperlyConfigured" in done.stderr
    assert says in done.stderr.splitlines()[-1]
