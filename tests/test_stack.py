"""Stacks that run side by side are kept apart."""

from tests.stack import numbers_of

REDIS_HAS = range(1, 16)
"""Redis' databases but the first, which is the tests' own."""


def test_no_two_stacks_of_a_run_share_a_redis_database() -> None:
    given = [number for process in ("gw0", "gw1", "gw2", "gw3", "gw4") for number in numbers_of(process)]
    assert sorted(given) == list(REDIS_HAS)
