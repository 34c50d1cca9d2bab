"""The minute's chase: clocks, what is due on them, and the post."""

from __future__ import annotations

import time
from datetime import datetime

from alerts.alone import alone
from alerts.chasing import clocks, posting, stepping

LONGEST = 20.0  # seconds of stepping, and of the post


def tend(now: datetime) -> bool:
    """All that the chase has to do as of this moment; False where there is more to do at once. Twice: nothing is left to do.

    One at a time: a person whom two steps concern gets one mail, so nothing is posted while a step is gone over.
    """
    with alone("alerts.chasing") as free:
        if not free:
            return True
        clocks.start(now)
        if not stepping.step(now, time.monotonic() + LONGEST):
            return False
        return posting.post(now, time.monotonic() + LONGEST)
