"""Plain mails into the outbox, set-based: whoever a query names gets one, once, in batches as a cascade writes them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from alerts.models import Message
from alerts.outbox_sql import CREATE, DROP, PLAIN_RANK, WRITE
from alerts.wake import wake
from departments.models import Person

BATCH = 500


def put(
    kind: str, query: str, values: dict[str, Any], now: datetime, *, about: int | None = None, rank: int = PLAIN_RANK
) -> list[str]:
    """A mail of this kind to everybody whom `query` names (`n`, `person_id`, `key`); the keys of those that are new.

    Within a transaction. A key that is there already is written no second time. `about`: the advisory of a desk mail.
    """
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
        cursor.execute(f"INSERT INTO plain_mails (n, person_id, key) {query}", values)
        cursor.execute(WRITE, {"kind": kind, "rank": rank, "size": BATCH, "now": now, "about": about})
        keys = [row[0] for row in cursor.fetchall()]
        cursor.execute(DROP)
    if keys:
        wake("deliver")
    return keys


def can_reach(person: Person) -> bool:
    """Whether a plain mail to them leaves at all: not to whoever has left, nor to an address from which mail comes back."""
    return person.left_at is None and person.bounced_at is None


def became_of(keys: Collection[str]) -> dict[str, str]:
    """Of those of these mails that were put here: "waiting", "sent", or "failed" where they never leave or came back."""
    returned = (Message.Fate.BOUNCED, Message.Fate.SUPPRESSED)
    whole = (Message.State.WAITING, Message.State.SENT)
    return {
        key: state if state in whole and fate not in returned else Message.State.FAILED.value
        for key, state, fate in Message.objects.filter(key__in=keys).values_list("key", "state", "fate")
    }
