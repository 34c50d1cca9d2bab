"""Who asks, as far as an address says it: what limits are counted by, and machines told apart by."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def asker(request: HttpRequest) -> str:
    """The address that asks, an IPv6 one as its network (/64): whoever has one has all 2**64 of it.

    Behind PROXIES proxies of ours that is what the outermost of them wrote down, so many from the end of X-Forwarded-For: what
    stands further to the front anybody may have sent. Where it holds no address, the one that is connected.
    """
    connected = str(request.META.get("REMOTE_ADDR", ""))
    passed_on = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.PROXIES else ""
    if not passed_on:
        return _network(connected) or connected
    # Fewer than there are proxies: it came in past the outermost, and the first is the one that was told.
    told = passed_on.split(",")[-settings.PROXIES :][0]
    return _network(told[:100]) or _network(connected) or connected


@lru_cache(maxsize=4096)
def _network(written: str) -> str:
    """Empty where it is no address. Some proxies write the port as well: 192.0.2.1:443, [2001:db8::1]:443."""
    bare = written.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    # A server that listens for both kinds has IPv4 as ::ffff:192.0.2.1.
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
