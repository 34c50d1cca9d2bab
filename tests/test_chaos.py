"""The long round of killing (`make chaos`): a country of 20,000, and every process killed in every verb, by seed after seed.

CHAOS_ROUNDS is how many rounds; CHAOS_SEED runs one of them again.
"""

import os
from collections.abc import Iterator

import pytest

from tests.chaos import events
from tests.chaos.country import Country
from tests.chaos.machine import Machine, machine
from tests.chaos.round import Round, prepare, seeds

pytestmark = pytest.mark.chaos

SEEDS = seeds(int(os.environ.get("CHAOS_ROUNDS") or 5))
PEOPLE, BODIES = int(os.environ.get("CHAOS_PEOPLE") or 20_000), int(os.environ.get("CHAOS_BODIES") or 2_000)


@pytest.fixture(scope="module")
def country() -> Country:
    return Country.made(SEEDS[0], PEOPLE, BODIES)


@pytest.fixture(scope="module")
def ready(country: Country) -> Iterator[Machine]:
    with machine() as running:
        prepare(running, country)
        yield running


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_lost_whatever_is_killed_in_whatever_verb(ready: Machine, country: Country, seed: int) -> None:
    Round(ready, country, seed, events.EVENTS).run()


def test_without_a_kill_nothing_is_doubled(ready: Machine, country: Country) -> None:
    Round(ready, country, SEEDS[0] + 1, events.FAULTS | events.LIFE).run()
