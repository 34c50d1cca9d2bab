"""The live stack."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web, worker, beat and mailbox as real processes, with the demo's directory; one for all live tests of a worker.

    Each test has its own advisory, counts only what is of it, and starts again whatever it killed. It is gone before the
    tests that are not live begin.
    """
    with running(tmp_path_factory.mktemp("live")) as live:
        live.manage("demo_load")
        yield live
