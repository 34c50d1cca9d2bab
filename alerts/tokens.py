"""Tokens: what stands behind `/a/` in a link, for one recipient of one advisory, and behind `/c/`, for one contact check.

Short and unguessable. Each kind has a purpose of its own, so that one is never taken for the other.
`<recipient and issue number, base 62><22 characters of HMAC-SHA-256, cut to 128 bits>`: letters and digits only, since link
finders drop a final dash. Nothing is stored but the issue number, which is raised to revoke. A token is checked against
SECRET_KEY and each fallback before any query, so a forged one costs no database.

Beside them those that stand in mail addresses, where case does not survive: the same, in lower-case base 32. In Reply-To it
is a recipient's, in the return path a message's.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

READER = "alerts.tokens.reader"
CHECK = "alerts.tokens.check"
REPLY = "alerts.tokens.reply"
RETURN = "alerts.tokens.return"
FINGERPRINT = "alerts.tokens.fingerprint"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGITS_32 = "abcdefghijklmnopqrstuvwxyz234567"
SIGNATURE = 22  # characters of base 62 hold 128 bits
ISSUES = 1024  # issue numbers run from 0 to 1023
LONGEST = 13 + SIGNATURE  # a recipient's id below 2**63, times ISSUES
SIGNATURE_32 = 26  # characters of base 32 hold 128 bits
LONGEST_32 = 15 + SIGNATURE_32
# Two digits at once.
_PAIRS_62 = [first + second for first in DIGITS for second in DIGITS]
_PAIRS_32 = [first + second for first in DIGITS_32 for second in DIGITS_32]


def make(recipient_id: int, issue: int, purpose: str = READER) -> str:
    """The token of this recipient (or check); raises `ValueError` for an issue number that there can't be."""
    if recipient_id < 1 or not 0 <= issue < ISSUES:
        raise ValueError(f"no token for recipient {recipient_id}, issue {issue}")
    number = _base62(recipient_id * ISSUES + issue)
    return number + _sign(number, settings.SECRET_KEY, purpose)


def read(token: str, purpose: str = READER) -> tuple[int, int] | None:
    """(recipient's or check's id, issue number) of a token that is ours, otherwise None. Asks no database."""
    if not SIGNATURE < len(token) <= LONGEST or not (token.isascii() and token.isalnum()):
        return None
    return _read(token[:-SIGNATURE], token[-SIGNATURE:], purpose, _sign, DIGITS)


def make_32(id_: int, issue: int, purpose: str) -> str:
    """The token that stands in an address: of a recipient (`REPLY`) or, with no issue number, of a message (`RETURN`)."""
    number = _base32(id_ * ISSUES + issue)
    return number + _sign_32(number, settings.SECRET_KEY, purpose)


def read_32(token: str, purpose: str) -> tuple[int, int] | None:
    """(id, issue number) of a token from an address, whatever its case; None where it is not ours. Asks no database."""
    token = token.lower()
    if not SIGNATURE_32 < len(token) <= LONGEST_32 or not set(token) <= set(DIGITS_32):
        return None
    return _read(token[:-SIGNATURE_32], token[-SIGNATURE_32:], purpose, _sign_32, DIGITS_32)


def fingerprint(key: str) -> str:
    """What a secret key is known by where it must not be said: 22 characters, from which nothing of the key can be told."""
    return _sign("", key, FINGERPRINT)


def _read(
    number: str, signature: str, purpose: str, sign: Callable[[str, str, str], str], digits: str
) -> tuple[int, int] | None:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    # Every key is tried, whichever fits: how long it takes says nothing.
    if not any([constant_time_compare(sign(number, key, purpose), signature) for key in keys]):  # noqa: C419
        return None
    value = 0
    for character in number:
        value = value * len(digits) + digits.index(character)
    return divmod(value, ISSUES)


def _sign(number: str, key: str, purpose: str) -> str:
    return _base62(int.from_bytes(_digest(number, key, purpose), "big")).rjust(SIGNATURE, "0")


def _sign_32(number: str, key: str, purpose: str) -> str:
    # As RFC 4648 has it, 40 bits at a time; after the 128 stand two more that are 0.
    digest = _digest(number, key, purpose)
    first, second, third, last = digest[:5], digest[5:10], digest[10:15], digest[15] << 2
    whole = "".join(
        _PAIRS_32[bits >> 30] + _PAIRS_32[bits >> 20 & 1023] + _PAIRS_32[bits >> 10 & 1023] + _PAIRS_32[bits & 1023]
        for bits in (int.from_bytes(first), int.from_bytes(second), int.from_bytes(third))
    )
    return whole + _PAIRS_32[last]


def _digest(number: str, key: str, purpose: str) -> bytes:
    signing = _signing(key, purpose).copy()
    signing.update(number.encode())
    return signing.digest()[:16]


@lru_cache(maxsize=32)
def _signing(key: str, purpose: str) -> hmac.HMAC:
    """What signs with this key for this purpose. Deriving it takes longer than signing with it."""
    return salted_hmac(purpose, "", secret=key, algorithm="sha256")


def _base32(value: int) -> str:
    if not value:
        return "0"
    pairs = []
    while value:
        value, pair = divmod(value, 1024)
        pairs.append(_PAIRS_32[pair])
    written = "".join(reversed(pairs))
    return written.removeprefix(DIGITS_32[0])


def _base62(value: int) -> str:
    if not value:
        return "0"
    pairs = []
    while value:
        value, pair = divmod(value, 3844)
        pairs.append(_PAIRS_62[pair])
    written = "".join(reversed(pairs))
    return written.removeprefix(DIGITS[0])
