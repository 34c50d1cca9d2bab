"""What was drawn a moment ago, for whoever asks next: one drawing for all who look at the same, in each process.

Nothing of it is kept anywhere else: names of dark bodies do not lie about in a cache that others read.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

from alerts.pictures.engine import PATIENCE, WAITING, Busy

FRESH = 2.0
"""Seconds for which nobody asks whether it has changed."""
OLDEST = 60.0
"""Seconds after which it is drawn anew though no figure has changed: names may have, and it says its moment."""
MOST = 64
_room = BoundedSemaphore(WAITING)
"""For those who wait until somebody else has drawn it."""

Drawn = TypeVar("Drawn")


@dataclass(slots=True)
class _Place(Generic[Drawn]):
    turn: Lock
    drawn: Drawn | None = None
    version: str = ""
    asked_at: float = float("-inf")
    drawn_at: float = float("-inf")


class Shelf(Generic[Drawn]):
    """By key, the last ones asked for."""

    def __init__(self) -> None:
        self._places: OrderedDict[Hashable, _Place[Drawn]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, version: Callable[[], str], draw: Callable[[], Drawn]) -> Drawn:
        """What `draw` made, for the same `version` once. Raises NotDrawn; Busy where too many wait already.

        Those who ask while it is drawn, or while too many wait, have the one before. Where there is none they wait.
        """
        place = self._place(key)
        before = place.drawn
        if not place.turn.acquire(blocking=False):
            if before is not None:
                return before
            self._wait(place.turn)
        try:
            return self._current(place, version, draw)
        except Busy:
            if place.drawn is None:
                raise
            return place.drawn
        finally:
            place.turn.release()

    @staticmethod
    def _wait(turn: Lock) -> None:
        if not _room.acquire(blocking=False):
            raise Busy("others are waiting for it")
        try:
            if not turn.acquire(timeout=PATIENCE):
                raise Busy("others were waiting for it all the time")
        finally:
            _room.release()

    @staticmethod
    def _current(place: _Place[Drawn], version: Callable[[], str], draw: Callable[[], Drawn]) -> Drawn:
        now = time.monotonic()
        if place.drawn is not None and now - place.asked_at < FRESH:
            return place.drawn
        # Before it is drawn: a change between the two is then drawn twice rather than never.
        found = version()
        if place.drawn is None or found != place.version or now - place.drawn_at > OLDEST:
            place.drawn, place.version, place.drawn_at = draw(), found, now
        place.asked_at = time.monotonic()
        return place.drawn

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._places.clear()

    def _place(self, key: Hashable) -> _Place[Drawn]:
        with self._lock:
            place = self._places.pop(key, None) or _Place(Lock())
            self._places[key] = place
            if len(self._places) > MOST:
                self._places.popitem(last=False)
            return place


def etag(body: bytes) -> str:
    """By what it is made of."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
