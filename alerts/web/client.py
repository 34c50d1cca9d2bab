"""What a request says of whoever sent it: the evidence by which a machine's press is told from a person's.

The fields are those of `reader_parts/hand.html` and `asked_again.html`: `hand` and `steered`, which the page's script fills,
`remarks`, the decoy, and `proof`. A form without them says nothing of a hand. What a field can't hold is not in it.
"""

from dataclasses import replace
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from alerts.suspicion import MANY_WITHIN, Client, Hand, proves
from config.asker import asker

ANSWERED = "tocsin:answered"


def client_of(request: HttpRequest) -> Client:
    """Read from the request alone; writes nothing."""
    hand = request.POST.get("hand", "")
    return Client(
        user_agent=request.headers.get("User-Agent", ""),
        hand=Hand(hand) if hand in tuple(Hand) else Hand.UNKNOWN,
        automated=request.POST.get("steered") == "1",
        decoy=request.POST.get("remarks", "") != "",
    )


def proving(request: HttpRequest, reference: str) -> Client:
    """Also what was typed as proof."""
    proof = request.POST.get("proof", "")
    proved = proves(proof, reference)
    return replace(client_of(request), proved=proved, mistyped=bool(proof.strip()) and not proved)


def answering(request: HttpRequest, recipient_id: int, reference: str) -> Client:
    """Of a posted answer: also for whom else the same client answered a moment ago.

    One round trip to Redis, and none for whoever shows a hand. Redis away: for nobody else.
    """
    client = proving(request, reference)
    return client if client.hand is Hand.SEEN else replace(client, others=_others(request, client, recipient_id))


def _others(request: HttpRequest, client: Client, recipient: int) -> int:
    """Note this one, and count the others of the last seconds. Keyed, so that nobody reads an address out of Redis."""
    who = salted_hmac(ANSWERED, f"{asker(request)}\n{client.user_agent}", algorithm="sha256")
    key, now = f"{ANSWERED}:{who.hexdigest()[:32]}", timezone.now().timestamp()
    try:
        with _redis(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(key, "-inf", now - MANY_WITHIN)
            pipe.zadd(key, {str(recipient): now})
            pipe.zcard(key)
            pipe.expire(key, int(MANY_WITHIN) + 1)
            return int(pipe.execute()[2]) - 1
    except RedisError:
        return 0


@cache
def _redis(url: str) -> Redis:
    # Tried once, and not for long: an answer must not wait for what it can do without.
    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
