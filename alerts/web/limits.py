"""Rate limits for what anybody may ask, by who asks (`config.asker`). Redis away: no limit, and nobody is locked out."""

import hashlib
import time

from django.core.cache import cache
from django.http import HttpRequest
from redis import RedisError

from config.asker import asker
from departments.models import Person

WINDOW = 60  # seconds
DAY = 86_400  # seconds
# Whoever is known to be over it is so for a moment without Redis being asked: a flood costs little more than its own requests.
REMEMBERED = 2.0  # seconds
MOST_REMEMBERED = 10_000
_over: dict[str, float] = {}


def too_many(request: HttpRequest, what: str, most: int) -> bool:
    """Count one more of `what` from this address; True when it was more than `most` within a minute."""
    return _is_over(f"limit:{what}:{hashlib.sha256(asker(request).encode()).hexdigest()[:24]}", most, WINDOW)


def too_many_by(person: Person, what: str, most: int, window: int = WINDOW) -> bool:
    """The same by who is signed in: a whole ministry may ask from one address."""
    return _is_over(f"limit:{what}:person:{person.pk}:{window}", most, window)


def _is_over(key: str, most: int, window: int) -> bool:
    now = time.monotonic()
    if _over.get(key, 0.0) > now:
        return True
    try:
        is_over = _count(key, window) > most
    except (RedisError, ValueError):
        return False
    if is_over:
        if len(_over) >= MOST_REMEMBERED:
            _over.clear()
        _over[key] = now + REMEMBERED
    return is_over


def _count(key: str, window: int) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:
        # The first of its window, or of those that came at once.
        return 1 if cache.add(key, 1, window) else int(cache.incr(key))
