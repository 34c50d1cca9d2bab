"""Nothing lost, shown by force: real processes killed at random moments of a cascade, in a short round of a few thousand.

The seed is printed; `CHAOS_SEED` runs it again. The long round is `make chaos`.
"""

from collections.abc import Iterator

import pytest

from tests.chaos import events
from tests.chaos.country import Country
from tests.chaos.machine import Machine, machine
from tests.chaos.round import Round, prepare, seeds

pytestmark = pytest.mark.live

[SEED] = seeds(1)
PEOPLE, BODIES = 4_000, 400


@pytest.fixture(scope="module")
def country() -> Country:
    return Country.made(SEED, PEOPLE, BODIES)


@pytest.fixture(scope="module")
def ready(country: Country) -> Iterator[Machine]:
    with machine() as running:
        prepare(running, country)
        yield running


def test_a_mail_server_that_misbehaves_loses_nothing_and_doubles_nothing(ready: Machine, country: Country) -> None:
    Round(ready, country, SEED, events.FAULTS, hurry=True, within=60).run()


def test_everybody_is_told_whatever_is_killed_and_little_is_doubled(ready: Machine, country: Country) -> None:
    Round(ready, country, SEED + 1, events.KILLS | events.LIFE, hurry=True, within=60).run()
