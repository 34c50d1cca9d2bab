"""How much work something is, beside some that is always the same: seconds cannot tell a busy machine from a slow text."""

import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def within(yards: float, work: Callable[[], T]) -> T:
    """What the work answers; fails where this process took longer for it than for so many `_yard`s."""
    began = time.process_time()
    done = work()
    took = (time.process_time() - began) / _yard()
    assert took < yards, f"{took:.0f} times what counting to a million takes, where {yards:.0f} is the most"
    return done


@cache
def _yard() -> float:
    """What counting to a million takes this process, of its own time: a few hundredths of a second."""
    began = time.process_time()
    for _ in range(1_000_000):
        pass
    return max(time.process_time() - began, 1e-4)
