"""Rate limits for what anybody may ask, by the asker's address. Redis away: no limit, and nobody is locked out."""

import hashlib

from django.core.cache import cache
from django.http import HttpRequest
from redis import RedisError

WINDOW = 60  # seconds


def too_many(request: HttpRequest, what: str, most: int) -> bool:
    """Count one more of `what` from this address; True when it was more than `most` within a minute."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    key = f"limit:{what}:{hashlib.sha256(address.encode()).hexdigest()[:24]}"
    try:
        cache.add(key, 0, WINDOW)
        return bool(cache.incr(key) > most)
    except (RedisError, ValueError):
        return False
