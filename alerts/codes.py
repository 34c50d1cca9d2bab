"""One-time codes: the six digits that open a locked page.

They are kept nowhere. They are made, whenever they are needed, from the row's id, its random issue value and the secret key,
under a purpose of their own. A code is checked against SECRET_KEY and each fallback, so that one outlives a change of key.
"""

import unicodedata
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

PURPOSE = "alerts.codes"
DIGITS = 6
LONGEST_TYPED = 40  # characters: six digits, with whatever stands between them


def digits(code_id: int, issue: UUID) -> str:
    """The six digits of this code, as they are mailed."""
    return _made(code_id, issue, settings.SECRET_KEY)


def typed_digits(typed: str) -> str:
    """The six digits that somebody typed, whatever stands between them; "" where it is no code."""
    if len(typed) > LONGEST_TYPED:
        return ""
    # Some keyboards write digits of their own width.
    found = [one for one in unicodedata.normalize("NFKC", typed) if one.isascii() and one.isalnum()]
    return "".join(found) if len(found) == DIGITS and all(one.isdigit() for one in found) else ""


def fits(typed: str, code_id: int, issue: UUID) -> bool:
    """Whether these six digits are this code's."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    # Every key is tried, whichever fits: how long it takes says nothing.
    return any([constant_time_compare(_made(code_id, issue, key), typed) for key in keys])  # noqa: C419


def _made(code_id: int, issue: UUID, key: str) -> str:
    digest = salted_hmac(PURPOSE, f"{code_id}:{issue.hex}", secret=key, algorithm="sha256").digest()
    return str(int.from_bytes(digest[:16], "big") % 10**DIGITS).zfill(DIGITS)
