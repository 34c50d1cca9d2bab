"""The mailbox to which bounces come (`MAILBOX_URL`), read over IMAP (RFC 9051) and TLS.

Before: mails in its folder. After: each that a machine wrote about a mail of ours is an event, each by which a person answered
is an answer, and both are in the folder `Tocsin` (on a server that can't move mail, only marked as seen); all others are as
they were, unseen. How far it was read is remembered where a restart may forget it: it is then read from the start, and every
event and answer is there already. A mail that the server can't give is passed by, and asked for a few times more. One reader
at a time.
"""

import hashlib
import imaplib
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DataError
from django.utils import timezone

from alerts.alone import alone
from alerts.inbound import take
from alerts.inbound.reading import is_knotted
from alerts.models import Heartbeat
from config.mail_url import Mailbox

log = structlog.get_logger(__name__)

AT_ONCE = 200  # mails in one run
RANGE = 10_000  # numbers of mails asked for at once: an answer is one line, which no library reads without end
ASKED = 5  # times that a mail is asked for which the server can't give
MOST_ASKED = 100  # of them at a time
LONGEST = 50.0  # seconds: a task has two minutes
PATIENCE = 20.0  # seconds that the server may take for an answer
LARGEST = 500_000  # octets of a mail that are looked at; a report stands in front of what it returns
FOLDER = "Tocsin"
WELL = "mailbox"  # the heartbeat that says when it was last read
AWAY = "mailbox away"  # and this one since when it can't be, or, where it never was, since when that is tried


def read() -> int:
    """Read what came since the last time; how many mails were taken for ours. 0 where there is no mailbox, or it is away.

    When it was last read, or since when it can't be, stands in a heartbeat each, also of a run that was killed.
    """
    if settings.MAILBOX is None:
        return 0
    with alone("alerts.mailbox") as free:
        if not free:
            return 0
        if not Heartbeat.objects.filter(process=WELL).exists():
            _note_away()
        try:
            taken = _read(settings.MAILBOX)
        except (imaplib.IMAP4.error, OSError, EOFError) as error:
            # What a server says of a wrong password may repeat it.
            log.warning("the mailbox can't be read", host=settings.MAILBOX.host, error=type(error).__name__)
            _note_away()
            return 0
        Heartbeat.objects.update_or_create(process=WELL, defaults={"at": timezone.now()})
        Heartbeat.objects.filter(process=AWAY).delete()
    return taken


def _note_away() -> None:
    Heartbeat.objects.get_or_create(process=AWAY, defaults={"at": timezone.now()})


def _read(box: Mailbox) -> int:
    until, taken, given, kept_back = time.monotonic() + LONGEST, 0, 0, 0
    server = imaplib.IMAP4_SSL(box.host, box.port, ssl_context=ssl.create_default_context(), timeout=PATIENCE)
    try:
        server.login(box.user, box.password)
        _check(server.select(_quoted(box.folder)))
        validity = _number(server.response("UIDVALIDITY")[1])
        can_move = b"MOVE" in _words(_check(server.capability()))
        mark = _Mark(box, validity)
        for uid in [*_since(server, mark, until), *mark.again]:
            if time.monotonic() > until:
                break
            found = _fetched(server, uid)
            if found is None:
                kept_back += 1
                mark.pass_by(uid)
                continue
            given += 1
            if _is_ours(uid, *found):
                _put_away(server, uid, can_move=can_move)
                taken += 1
            mark.set(uid)
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()
    if kept_back and not given:
        raise imaplib.IMAP4.error("it gives no mail")
    return taken


class _Mark:
    """Up to which mail the folder was read, and which of these are to be asked for again, each how often it was already.

    Another validity is another folder (RFC 9051, section 2.3.1.1).
    """

    def __init__(self, box: Mailbox, validity: int) -> None:
        named = f"{box.host}\n{box.port}\n{box.user}\n{box.folder}\n{validity}"
        self._key = f"alerts.mailbox:{hashlib.sha256(named.encode()).hexdigest()[:32]}"
        self.upto = int(cache.get(self._key) or 0)
        self._asked: dict[int, int] = {
            int(uid): times for uid, times in (cache.get(f"{self._key}:asked") or {}).items()
        }

    @property
    def again(self) -> list[int]:
        """Those that the server could not give, the oldest first."""
        return sorted(self._asked)

    def set(self, uid: int) -> None:
        """Up to this one, if it comes after those that were read."""
        if uid > self.upto:
            self.upto = uid
            cache.set(self._key, uid, None)
        if self._asked.pop(uid, None) is not None:
            self._keep()

    def pass_by(self, uid: int) -> None:
        """This one can't be had, and stands in nobody's way."""
        times = self._asked.get(uid, 0) + 1
        log.warning("a mail that the mail server can't give", uid=uid, times=times)
        self.set(uid)
        if times < ASKED and len(self._asked) < MOST_ASKED:
            self._asked[uid] = times
            self._keep()

    def _keep(self) -> None:
        cache.set(f"{self._key}:asked", {str(uid): times for uid, times in self._asked.items()}, None)


def _since(server: imaplib.IMAP4, mark: _Mark, until: float) -> list[int]:
    """The next mails, in the order in which they came. By ranges: however many there are, no answer is longer than one's."""
    # "*" is the last one, where there is any.
    last, found = max(_numbers(server, "*"), default=0), list[int]()
    first = mark.upto + 1
    while first <= last and len(found) < AT_ONCE and time.monotonic() < until:
        upto = min(first + RANGE - 1, last)
        found += [uid for uid in _numbers(server, f"{first}:{upto}") if first <= uid <= upto]
        if not found:
            mark.set(upto)
        first = upto + 1
    return sorted(set(found))[:AT_ONCE]


def _numbers(server: imaplib.IMAP4, which: str) -> list[int]:
    return [int(word) for word in _words(_check(server.uid("SEARCH", f"UID {which}"))) if word.isdigit()]


def _fetched(server: imaplib.IMAP4, uid: int) -> tuple[bytes, datetime] | None:
    """A mail's beginning, without marking it as seen, and when it came in; None where the server can't give it."""
    try:
        said = _check(server.uid("FETCH", str(uid), f"(INTERNALDATE BODY.PEEK[]<0.{LARGEST}>)"))
    except imaplib.IMAP4.abort:
        raise  # It is not this mail: the server is gone.
    except imaplib.IMAP4.error:
        return None
    content = next((part[1] for part in said if isinstance(part, tuple)), b"")
    around = b" ".join(part[0] if isinstance(part, tuple) else part for part in said if part)
    return content, _came_in(around)


def _came_in(said: bytes) -> datetime:
    """As the server says; where it doesn't, now."""
    now = timezone.now()
    try:
        at = imaplib.Internaldate2tuple(said)
        return now if at is None else min(datetime.fromtimestamp(time.mktime(at), UTC), now)
    except (ValueError, OverflowError, OSError, KeyError):
        return now


def _is_ours(uid: int, content: bytes, came_in: datetime) -> bool:
    """Whether a mail is done with. One that can't be read is left alone, and so is one that would take long."""
    if not content:
        return False
    if is_knotted(content):
        log.warning("a mail of too many parts", uid=uid)
        return False
    try:
        return take(message_from_bytes(content), came_in).is_done
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError, DataError) as error:
        log.warning("a mail that can't be read", uid=uid, error=type(error).__name__)
        return False


def _put_away(server: imaplib.IMAP4, uid: int, *, can_move: bool) -> None:
    """What it said is kept already: where it can't be put away it lies where it is, and is not read again."""
    try:
        _check(server.uid("STORE", str(uid), "+FLAGS", r"(\Seen)"))
        if can_move and server.uid("MOVE", str(uid), FOLDER)[0] != "OK":
            server.create(FOLDER)
            _check(server.uid("MOVE", str(uid), FOLDER))
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        log.warning("a mail that can't be put away", uid=uid, error=type(error).__name__)


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
