"""Tokens: what stands behind `/a/` in a link, for one recipient of one advisory, and behind `/c/`, for one contact check.

Short and unguessable. Each kind has a purpose of its own, so that one is never taken for the other.
`<recipient and issue number, base 62><22 characters of HMAC-SHA-256, cut to 128 bits>`: letters and digits only, since link
finders drop a final dash. Nothing is stored but the issue number, which is raised to revoke. A token is checked against
SECRET_KEY and each fallback before any query, so a forged one costs no database.
"""

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

READER = "alerts.tokens.reader"
CHECK = "alerts.tokens.check"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SIGNATURE = 22  # characters of base 62 hold 128 bits
ISSUES = 1024  # issue numbers run from 0 to 1023
LONGEST = 13 + SIGNATURE  # a recipient's id below 2**63, times ISSUES


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
    number, signature = token[:-SIGNATURE], token[-SIGNATURE:]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    # Every key is tried, whichever fits: how long it takes says nothing.
    if not any([constant_time_compare(_sign(number, key, purpose), signature) for key in keys]):  # noqa: C419
        return None
    value = 0
    for character in number:
        value = value * 62 + DIGITS.index(character)
    return divmod(value, ISSUES)


def _sign(number: str, key: str, purpose: str) -> str:
    digest = salted_hmac(purpose, number, secret=key, algorithm="sha256").digest()[:16]
    return _base62(int.from_bytes(digest, "big")).rjust(SIGNATURE, "0")


def _base62(value: int) -> str:
    characters = []
    while value:
        value, digit = divmod(value, 62)
        characters.append(DIGITS[digit])
    return "".join(reversed(characters)) or "0"
