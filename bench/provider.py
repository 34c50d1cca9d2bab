"""`deliver_provider`: mails by a provider's API, through the real path, against the same calls made bare."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
from django.conf import settings

from alerts.cascading import cascade as cascading
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.models import Message
from alerts.senders import Senders, provider
from alerts.senders.providers import PROVIDERS
from bench.harness import Row, compare
from bench.warnings import advisory, government
from tests.provider_api import KEY

BODIES, PEOPLE = 500, 10_000
# Seconds that the stand-in takes for a call. For one mail Mailgun's median is 0.125, measured over 90 days of real calls
# (https://knock.app/email-api-benchmarks). What a call of 500 takes is published nowhere: that each further recipient, who has
# to be checked, filled in and queued, takes another half a millisecond is our own guess.
PAUSE, EACH = 0.125, 0.0005


def deliver_provider(_: Path) -> Row:
    """10,000 mails by calls as large as a batch, to a stand-in of Mailgun in a process of its own.

    A batch is a call: 500 recipients of the 1,000 that Mailgun takes, since a batch has no more. The stand-in reads each call
    and takes 0.375 seconds for it (`PAUSE`, `EACH`): one that answered at once would be no measure of anything but our
    own PostgreSQL.
    """
    root = government("by-a-provider", BODIES, PEOPLE)
    calls: list[requests.PreparedRequest] = []
    with _stand_in() as url:
        settings.EMAIL_PROVIDER = "mailgun"
        settings.ANYMAIL = {"MAILGUN_API_URL": f"{url}/v3", "MAILGUN_API_KEY": KEY}

        def ours() -> float:
            published = advisory(root, severity="critical")
            while not cascade(published.pk):
                pass
            started = time.perf_counter()
            with Senders() as senders:
                while deliver(senders):
                    pass
            return time.perf_counter() - started

        def bare() -> float:
            if not calls:
                with patch.object(provider._Bounded, "send", _noting(calls)):
                    ours()
            session = requests.Session()
            session.trust_env = False
            started = time.perf_counter()
            for call in calls:
                assert session.send(call, timeout=30).status_code == 200  # noqa: S101  # else nothing was measured
            return time.perf_counter() - started

        row = compare(
            "deliver_provider",
            ours,
            bare,
            against="the same calls made bare, one after another over one connection",
            bound=">= 0.7",
            things=PEOPLE,
            also=lambda: (
                len(calls) <= 1.1 * PEOPLE / min(cascading.BATCH, PROVIDERS["mailgun"].most)
                and Message.objects.filter(state="sent", route="mailgun").count() % PEOPLE == 0
                and not Message.objects.filter(state="waiting").exists()
            ),
        )
    settings.EMAIL_PROVIDER = ""
    return row


def _noting(calls: list[requests.PreparedRequest]) -> Any:
    send = provider._Bounded.send

    def noted(
        self: provider._Bounded, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        calls.append(request.copy())
        return send(self, request, *args, **kwargs)

    return noted


@contextmanager
def _stand_in() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.provider_api", "--pause", str(PAUSE), "--each", str(EACH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
