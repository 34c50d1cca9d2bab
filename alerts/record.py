"""The record: every verb writes here what it did, in the transaction in which it did it.

Before: nothing. After: one entry that no one can change. A high-volume step writes one entry for all of its rows, with
a digest over their keys, so that a single row can be shown to have been among them. Running a verb twice writes only
for what the second run really did.
"""

import hashlib
import json
from collections.abc import Iterable

from alerts.models import Record
from departments.models import Person


def write(kind: str, subject: str, actor: Person | None = None, /, **details: object) -> Record:
    """One entry: what happened (`kind`), to what (a reference or slug), by whom (None: the system)."""
    written, digest = entry(kind, subject, actor.pk if actor else None, **details)
    return Record.objects.create(kind=kind, subject=subject, actor=actor, details=json.loads(written), digest=digest)


def entry(kind: str, subject: str, actor: int | None, /, **details: object) -> tuple[str, str]:
    """An entry's details, as JSON, and its digest: for a statement that writes it together with what it is about."""
    body = json.dumps(
        {"kind": kind, "subject": subject, "actor": actor, "details": details},
        sort_keys=True,
        default=str,
        ensure_ascii=False,
    )
    return json.dumps(details, default=str), hashlib.sha256(body.encode()).hexdigest()


def digest_of(keys: Iterable[object]) -> str:
    """SHA-256 over keys, sorted as text, one a line: stands for all of them in one entry."""
    return hashlib.sha256("\n".join(sorted(str(key) for key in keys)).encode()).hexdigest()
