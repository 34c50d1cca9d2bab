"""How long links work: as long as their advisory, and a year beyond; and whether the keys they were signed with are still here.

Each mail of an advisory is made with the SECRET_KEY of its moment, whose fingerprint is noted before it leaves. Whoever takes a
key out of SECRET_KEY and SECRET_KEY_FALLBACKS while such links still work would break them, and nobody would know: so it is a
system check, and web and workers refuse to start.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone

from alerts import tokens
from alerts.models import Advisory, State
from alerts.statements import run

# Stood down or expired, an advisory is still there to be read, and late answers are taken.
GRACE = timedelta(days=365)
TAG = "links"
NAMED = 5

# The advisories whose links still work and were signed with none of these keys. Index: link_key_once.
BROKEN = """
SELECT a.reference
FROM alerts_linkkey k
JOIN alerts_advisory a ON a.id = k.advisory_id
JOIN alerts_revision v ON v.id = a.current_id
WHERE NOT k.fingerprint = ANY(%(keys)s)
  AND (a.state = 'live' OR CASE a.state WHEN 'expired' THEN coalesce(a.review_by, v.at) ELSE v.at END > %(since)s)
GROUP BY a.id
ORDER BY a.id DESC
"""


def are_over(advisory: Advisory, now: datetime) -> bool:
    """Whether its links work no more: it was stood down, or was to be looked at again, longer ago than the grace."""
    if advisory.state not in (State.STOOD_DOWN, State.EXPIRED) or advisory.current is None:
        return False
    ended = advisory.review_by if advisory.state == State.EXPIRED else None
    return (ended or advisory.current.at) + GRACE < now


def broken(now: datetime) -> list[str]:
    """References of the advisories whose links the keys of now would break, the latest first."""
    keys = [tokens.fingerprint(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return [row[0] for row in run(BROKEN, keys=keys, since=now - GRACE)]


@register(TAG, deploy=False)
def check_keys(databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    """An error where a link that somebody has would stop to work. Only where the database may be asked, and is there."""
    if "default" not in (databases or ()):
        return []
    try:
        found = broken(timezone.now())
    except DatabaseError:
        # Not there yet, or not migrated yet: whoever starts says so themselves.
        connections["default"].close()
        return []
    if not found:
        return []
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return [
        Error(
            f"The links of {', '.join(found[:NAMED])}{more} were signed with a key that is not here any more: nobody could "
            "answer by them.",
            hint="Put the key that was SECRET_KEY before into SECRET_KEY_FALLBACKS, and leave it there while they are open.",
            id="alerts.E001",
        )
    ]
