"""Tests press as quickly as they can; what is too quick for a person has tests of its own."""

import pytest

from alerts import suspicion


@pytest.fixture(autouse=True)
def no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a module that imports it: however soon a form comes back, that is no sign of a machine."""
    for name in ("FASTEST_PERSON", "SOONEST", "SOONEST_UNSEEN"):
        monkeypatch.setattr(suspicion, name, 0)
