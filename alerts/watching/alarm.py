"""The two addresses outside: ALARM_URL is told what is not well, HEARTBEAT_URL is called only while all is well.

Before: troubles that audits wrote down. After: each that is open was said once, and again every hour that it lasts; when none
is left, that was said once. Who says it is decided by a conditional UPDATE; one that could not be said is tried at the next
audit. Nothing is posted inside a transaction. The addresses are secrets, and stand in no log.
"""

import json
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from alerts.models import Trouble
from alerts.statements import run
from alerts.watching import watch

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)
TIMEOUT = 5.0  # seconds
NAMED = 30  # troubles in the text of one message; its list has them all

# Two auditors: the second finds them said.
_TAKE = """
UPDATE alerts_trouble t SET said_at = %(now)s
FROM (SELECT id, said_at FROM alerts_trouble WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE) before
WHERE t.id = before.id
RETURNING t.id, before.said_at
"""

_GIVE_BACK = """
UPDATE alerts_trouble t SET said_at = before.said_at
FROM unnest(%(ids)s::bigint[], %(said)s::timestamptz[]) AS before(id, said_at)
WHERE t.id = before.id AND t.said_at = %(now)s
"""


def tell(now: datetime) -> bool:
    """Say what is new or has lasted another hour, or that all is well again. False where there was nothing to say.

    False as well where it could not be said: then the next audit tries again.
    """
    if not settings.ALARM_URL:
        return False
    with transaction.atomic():
        # What is new is said together with what lasts, so this moment is one auditor's alone.
        if not run("SELECT pg_try_advisory_xact_lock(hashtext('alerts.watching.alarm'))")[0][0]:
            return False
        opened = list(watch.troubles().filter(over_at=None))
        due = [one for one in opened if one.said_at is None or now - one.said_at >= AGAIN]
        over = [] if opened else list(watch.troubles().filter(over_at__gt=F("said_at")))
        said = opened if due else over
        taken = run(_TAKE, now=now, ids=[one.pk for one in said]) if said else []
    if not taken:
        return False
    if _call(settings.ALARM_URL, "ALARM_URL", _message(opened)):
        return True
    run(_GIVE_BACK, now=now, ids=[id_ for id_, _ in taken], said=[before for _, before in taken])
    return False


def report_well(now: datetime) -> bool:
    """Call HEARTBEAT_URL if all is well. Whether it was called, and heard."""
    if not settings.HEARTBEAT_URL or watch.troubles().filter(over_at=None).exclude(kind__in=watch.BESIDE).exists():
        return False
    if any(one.kind not in watch.BESIDE for one in watch.look(now)):
        return False
    return _call(settings.HEARTBEAT_URL, "HEARTBEAT_URL")


def _message(opened: list[Trouble]) -> dict[str, Any]:
    """What is posted: `text` alone is enough for a chat's incoming hook."""
    if not opened:
        text = f"All is well again at {settings.SITE_URL}."
    else:
        first = "One thing is" if len(opened) == 1 else f"{len(opened)} things are"
        lines = [f"- {one.says} (since {one.began_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)" for one in opened[:NAMED]]
        more = [f"- and {len(opened) - NAMED} more"] if len(opened) > NAMED else []
        text = "\n".join([f"{first} not well at {settings.SITE_URL}/operations/", *lines, *more])
    troubles = [
        {"kind": one.kind, "subject": one.subject, "since": one.began_at.isoformat(), "says": one.says}
        for one in opened
    ]
    return {"text": text, "site": settings.SITE_URL, "troubles": troubles, "well": not opened}


class _NoRedirect(HTTPRedirectHandler):
    """What was sent on elsewhere was not heard: a POST would become a GET, and a page answers that with 200."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Nowhere."""


def _call(address: str, name: str, message: dict[str, Any] | None = None) -> bool:
    """GET, or POST a message; whether somebody answered that it was heard."""
    body = None if message is None else json.dumps(message).encode()
    request = Request(address, data=body, headers={"User-Agent": "Tocsin"})  # noqa: S310  # settings let in http and https only
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
            return True
    except HTTPError as error:
        log.warning("nobody was reached outside", setting=name, status=error.code)
        error.close()
    except (OSError, HTTPException, ValueError) as error:
        log.warning("nobody was reached outside", setting=name, error=type(error).__name__)
    return False
