"""Rate limits for what anybody may ask, by who asks (`config.asker`). Redis away: no limit, and nobody is locked out."""

import hashlib
import time

from django.core.cache import cache
from django.http import HttpRequest
from redis import RedisError

from config.asker import asker

WINDOW = 60  # seconds
# Whoever is known to be over it is so for a moment without Redis being asked: a flood costs little more than its own requests.
REMEMBERED = 2.0  # seconds
MOST_REMEMBERED = 10_000
_over: dict[str, float] = {}


def too_many(request: HttpRequest, what: str, most: int) -> bool:
    """Count one more of `what` from this address; True when it was more than `most` within a minute."""
    key = f"limit:{what}:{hashlib.sha256(asker(request).encode()).hexdigest()[:24]}"
    now = time.monotonic()
    if _over.get(key, 0.0) > now:
        return True
    try:
        is_over = _count(key) > most
    except (RedisError, ValueError):
        return False
    if is_over:
        if len(_over) >= MOST_REMEMBERED:
            _over.clear()
        _over[key] = now + REMEMBERED
    return is_over


def _count(key: str) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:
        # The first of its minute, or of those that came at once.
        return 1 if cache.add(key, 1, WINDOW) else int(cache.incr(key))
