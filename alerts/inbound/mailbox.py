"""The mailbox to which bounces come (`MAILBOX_URL`), read over IMAP (RFC 9051) and TLS.

Before: mails in its folder. After: each that a machine wrote about a mail of ours is an event, and in the folder `Tocsin` (on a
server that can't move mail, only marked as seen); all others are as they were, unseen. How far it was read is remembered where
a restart may forget it: it is then read from the start, and every event is there already. One reader at a time.
"""

import hashlib
import imaplib
import ssl
import time
from contextlib import suppress
from email import message_from_bytes
from email.errors import MessageError
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from alerts.alone import alone
from alerts.inbound import take
from alerts.models import Heartbeat
from config.mail_url import Mailbox

log = structlog.get_logger(__name__)

AT_ONCE = 200  # mails in one run
LONGEST = 50.0  # seconds: a task has two minutes
PATIENCE = 20.0  # seconds that the server may take for an answer
LARGEST = 500_000  # octets of a mail that are looked at; a report stands in front of what it returns
FOLDER = "Tocsin"
AWAY = "mailbox away"  # the heartbeat that says since when it can't be read


def read() -> int:
    """Read what came since the last time; how many mails were taken for ours. 0 where there is no mailbox, or it is away."""
    if settings.MAILBOX is None:
        return 0
    with alone("alerts.mailbox") as free:
        if not free:
            return 0
        try:
            taken = _read(settings.MAILBOX)
        except (imaplib.IMAP4.error, OSError, EOFError) as error:
            # What a server says of a wrong password may repeat it.
            log.warning("the mailbox can't be read", host=settings.MAILBOX.host, error=type(error).__name__)
            Heartbeat.objects.get_or_create(process=AWAY, defaults={"at": timezone.now()})
            return 0
    Heartbeat.objects.filter(process=AWAY).delete()
    return taken


def _read(box: Mailbox) -> int:
    until, taken = time.monotonic() + LONGEST, 0
    server = imaplib.IMAP4_SSL(box.host, box.port, ssl_context=ssl.create_default_context(), timeout=PATIENCE)
    try:
        server.login(box.user, box.password)
        _check(server.select(_quoted(box.folder)))
        validity = _number(server.response("UIDVALIDITY")[1])
        can_move = b"MOVE" in _words(_check(server.capability()))
        mark = _Mark(box, validity)
        for uid in _since(server, mark.upto):
            if time.monotonic() > until:
                break
            if _is_ours(server, uid):
                _put_away(server, uid, can_move=can_move)
                taken += 1
            mark.set(uid)
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()
    return taken


class _Mark:
    """Up to which mail the folder was read. Another validity is another folder (RFC 9051, section 2.3.1.1)."""

    def __init__(self, box: Mailbox, validity: int) -> None:
        named = f"{box.host}\n{box.port}\n{box.user}\n{box.folder}\n{validity}"
        self._key = f"alerts.mailbox:{hashlib.sha256(named.encode()).hexdigest()[:32]}"
        self.upto = int(cache.get(self._key) or 0)

    def set(self, uid: int) -> None:
        """Up to this one."""
        self.upto = uid
        cache.set(self._key, uid, None)


def _since(server: imaplib.IMAP4, upto: int) -> list[int]:
    words = _words(_check(server.uid("SEARCH", f"UID {upto + 1}:*")))
    # "n:*" names the last mail even where it comes before n.
    return sorted({int(word) for word in words if word.isdigit() and int(word) > upto})[:AT_ONCE]


def _is_ours(server: imaplib.IMAP4, uid: int) -> bool:
    """Look at one mail without marking it as seen; whether it is done with. One that can't be read is left alone."""
    found = _check(server.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{LARGEST}>)"))
    content = next((part[1] for part in found if isinstance(part, tuple)), None)
    if not content:
        return False
    try:
        return take(message_from_bytes(content), timezone.now()).is_done
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.warning("a mail that can't be read", uid=uid, error=type(error).__name__)
        return False


def _put_away(server: imaplib.IMAP4, uid: int, *, can_move: bool) -> None:
    _check(server.uid("STORE", str(uid), "+FLAGS", r"(\Seen)"))
    if not can_move:
        return
    status, _ = server.uid("MOVE", str(uid), FOLDER)
    if status != "OK":
        server.create(FOLDER)
        _check(server.uid("MOVE", str(uid), FOLDER))


def _check(answer: tuple[str, list[Any]]) -> list[Any]:
    """What the server says, where it says yes."""
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(answer[0])
    return answer[1]


def _words(said: list[Any]) -> list[bytes]:
    return b" ".join(part for part in said if isinstance(part, bytes)).split()


def _number(said: list[Any]) -> int:
    return next((int(word) for word in _words(said) if word.isdigit()), 0)


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
