"""Tracking: what was said of a mail after it left, by a provider's webhook or in a bounce.

Before: events, each stored once as it came (`store`). After `match`: each is of one message of ours, whose fate, and with it
the recipient's outcome, the directory's word of the address, and the figures, is a function of the set of its events; or it
is given up as nobody's of ours, and counts nowhere. In whatever order they come, and however often, the end is the same: of
what is final the last by its own time stands, and "deferred" only where nothing is final. An event may come before delivery
noted its mail, or while another worker called it superseded: then it waits. Twice, or by two at once: the second finds nothing
to do.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.db import connection, transaction
from django.utils import timezone

from alerts import counting, record, tokens
from alerts.alone import alone
from alerts.delivery.deliver_sql import WRITE_ANEW
from alerts.delivery.tracking_sql import (
    GIVE_UP,
    HEARD_OF,
    LOCK_MESSAGES,
    LOCK_PEOPLE,
    LOCK_RECIPIENTS,
    MATCH,
    MOVED_ON,
    OF_THESE,
    SET_FATES,
    SET_OUTCOMES,
    SET_PEOPLE,
    STORE,
    TAKE,
    UNMATCHED,
)
from alerts.models import TrackingEvent
from alerts.routing.routes import said
from alerts.statements import run
from alerts.wake import wake
from departments.addresses import canonical

log = structlog.get_logger(__name__)

Type = TrackingEvent.Type

AT_ONCE = 500  # events matched in one transaction, at most
LONGEST = 20.0  # seconds for one look
LONGEST_ID = 180  # characters of a provider's own id of an event
# After how long an event is given up: one of a mail of ours that never was noted, and one that names no mail of ours.
WAITS_FOR_OURS = timedelta(days=3)
WAITS_FOR_ANY = timedelta(hours=1)
OLDEST = datetime(1970, 1, 1, tzinfo=UTC)  # what is dated before has no date; no page could show it


@dataclass(frozen=True)
class Heard:
    """One event as it is kept: what is needed, and nothing else of what came."""

    provider: str
    event_id: str
    type: str
    at: datetime
    token: str = ""
    """Ours, and verified; "" where it did not come back."""
    provider_id: str = ""
    address: str = ""
    said: str = ""


# --- what comes in ---

_gathered: ContextVar[list[Heard] | None] = ContextVar("_gathered", default=None)


@contextmanager
def gathering() -> Iterator[list[Heard]]:
    """Keep what a request says until it was read to its end, and then store all of it or, on an error, nothing.

    What is gathered is given to whoever reads it, who may yet empty it.
    """
    heard: list[Heard] = []
    token = _gathered.set(heard)
    try:
        yield heard
    finally:
        _gathered.reset(token)
    store(heard)


def take_event(*, event: AnymailTrackingEvent, esp_name: str, **_: object) -> None:
    """Anymail's signal of tracking: kept if it says what became of a mail. Opens and clicks are not."""
    heard = heard_of(event, esp_name, timezone.now())
    if heard is not None:
        keep(heard)


def keep(heard: Heard) -> None:
    """Store it, or gather it where a request is being read."""
    gathered = _gathered.get()
    if gathered is None:
        store([heard])
    else:
        gathered.append(heard)


def heard_of(event: AnymailTrackingEvent, esp_name: str, now: datetime) -> Heard | None:
    """What is kept of a provider's event; None for what is none of ours to know, and for what names no mail."""
    provider = esp_name.lower().replace(" ", "_")[:40]
    type_ = _type_of(event, provider)
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    token = _ours(_text(metadata.get("token"), 100))
    provider_id = _text(event.message_id, 250)
    if type_ is None or not (token or provider_id):
        return None
    address = _address(_text(event.recipient, 320))
    at = event.timestamp if isinstance(event.timestamp, datetime) and timezone.is_aware(event.timestamp) else None
    words = [_text(words, 2_000) for words in (event.mta_response, event.description)]
    return Heard(
        provider=provider,
        event_id=_event_id(_text(event.event_id, 1_000), type_, at, provider_id or token, address),
        type=type_,
        at=_within(at or now, now),
        token=token,
        provider_id=provider_id,
        address=address,
        said=said(next((one for one in words if one), "")),
    )


_TYPES = {
    EventType.DELIVERED: Type.DELIVERED,
    EventType.DEFERRED: Type.DEFERRED,
    EventType.BOUNCED: Type.BOUNCED,
    EventType.COMPLAINED: Type.COMPLAINED,
    EventType.AUTORESPONDED: Type.AUTORESPONDED,
}


def _type_of(event: AnymailTrackingEvent, provider: str) -> Type | None:
    if event.event_type == EventType.REJECTED:
        if event.reject_reason == RejectReason.INVALID:
            return Type.BOUNCED
        return Type.SUPPRESSED if _is_suppressed(event, provider) else Type.FAILED
    if event.event_type == EventType.FAILED:
        # Postal says so of what came back; elsewhere the provider itself did not send it, and the address is not to blame.
        return Type.BOUNCED if provider == "postal" else Type.FAILED
    if provider == "resend" and event.reject_reason == RejectReason.BLOCKED:
        return Type.SUPPRESSED
    return _TYPES.get(event.event_type)


def _is_suppressed(event: AnymailTrackingEvent, provider: str) -> bool:
    """Whether it was not sent for what this address did before; otherwise a policy of the provider's own, or its trouble."""
    if event.reject_reason == RejectReason.SPAM:
        return provider != "sparkpost"  # which says so of what a mail contains; elsewhere it is an earlier complaint
    if event.reject_reason in (RejectReason.BOUNCED, RejectReason.UNSUBSCRIBED):
        return True
    # SendGrid's, of which Anymail makes "other".
    theirs = event.esp_event if isinstance(event.esp_event, dict) else {}
    return provider == "sendgrid" and _text(theirs.get("reason"), 100).lower() == "spam reporting address"


def _within(at: datetime, now: datetime) -> datetime:
    """Nothing happened later than now, nor before there was mail of ours."""
    return max(min(at, now), OLDEST)


def _event_id(theirs: str, type_: str, at: datetime | None, mail: str, address: str) -> str:
    """One event, one id: some providers give none, and some give one to all the people of a call."""
    when = "" if theirs or at is None else at.isoformat()
    digest = hashlib.sha256("\n".join([theirs, type_, when, mail, address]).encode()).hexdigest()
    return f"{theirs}:{digest[:16]}" if theirs and len(theirs) <= LONGEST_ID else digest


def _ours(token: str) -> str:
    """The token, in lower case, if it is a message's of ours; otherwise "". Asks no database."""
    return token.lower() if tokens.read_32(token, tokens.RETURN) is not None else ""


def _text(value: object, longest: int) -> str:
    """Text that PostgreSQL takes, and no more than that of it."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    words = str(value)[:longest].replace("\x00", "")
    return words.encode("utf-8", "replace").decode().strip()


def _address(written: str) -> str:
    try:
        return canonical(written)[:320]
    except ValueError:
        return written.lower()


def heard_by_mail(
    token: str, type_: Type, at: datetime, key: str, words: str = "", address: str = "", provider: str = "smtp"
) -> Heard | None:
    """What a mail said of one of ours; `key` is what makes it the same mail when it is read again. None without our token."""
    token, now = _ours(token), timezone.now()
    if not token:
        return None
    # The key may be of octets that are no text.
    digest = hashlib.sha256("\n".join([key, token, type_]).encode("utf-8", "surrogatepass")).hexdigest()
    words = said(_text(words, 2_000))
    return Heard(provider, digest, type_, _within(at, now), token, address=_address(_text(address, 320)), said=words)


def arrived(token: str, at: datetime) -> bool:
    """The mail with this token was found in the mailbox that it was for. False where it is no token of ours."""
    heard = heard_by_mail(token, Type.DELIVERED, at, "arrived", provider="mailbox")
    if heard is not None:
        keep(heard)
    return heard is not None


def store(events: Iterable[Heard]) -> int:
    """Keep them, each once, and ring for them to be matched. How many were new."""
    kept = list(events)
    if not kept:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            STORE,
            {
                name: [getattr(heard, name) for heard in kept]
                for name in ("provider", "event_id", "provider_id", "token", "address", "type", "at", "said")
            },
        )
        new = int(cursor.rowcount)
    if new:
        wake("match_events")
    return new


# --- whose it is ---


@dataclass(frozen=True)
class _Found:
    """An event and the message that it is about."""

    event: int
    message: int


def match(now: datetime | None = None) -> int:
    """Look once at all that is unmatched, and do what follows from it. How many were matched; 0 while somebody else looks.

    After `LONGEST` the rest is for the next look, which is rung for.
    """
    with alone("alerts.match") as free:
        return _match(now or timezone.now()) if free else 0


def _match(now: datetime) -> int:
    until = time.monotonic() + LONGEST
    done, after = 0, (datetime.min.replace(tzinfo=now.tzinfo), 0)
    while rows := run(UNMATCHED, at=after[0], id=after[1], limit=AT_ONCE):
        after = (rows[-1][1], rows[-1][0])
        ours = {row[0]: _message_of(row[2]) for row in rows}
        found = run(MATCH, ids=list(ours), messages=list(ours.values()))
        by_advisory: dict[int | None, list[_Found]] = {}
        for event, message, advisory in found:
            by_advisory.setdefault(advisory, []).append(_Found(event, message))
        for advisory in sorted(by_advisory, key=lambda one: (one is None, one or 0)):
            done += _apply(advisory, by_advisory[advisory], now)
        run(
            GIVE_UP,
            ids=[row[0] for row in rows],
            now=now,
            ours=now - WAITS_FOR_OURS,
            any=now - WAITS_FOR_ANY,
        )
        if time.monotonic() > until:
            wake("match_events")
            break
    return done


def _message_of(token: str) -> int | None:
    read = tokens.read_32(token, tokens.RETURN) if token else None
    return read[0] if read else None


def _apply(advisory: int | None, found: list[_Found], now: datetime) -> int:
    """What these events make of their messages, people and figures, in one transaction; how many were taken."""
    with transaction.atomic():
        if advisory is not None:
            counting.share_figures(advisory)
        # What is locked is read in the next statement: a mail may be noted, or put back, at this very moment.
        run(LOCK_MESSAGES, messages=sorted({one.message for one in found}))
        taken = run(TAKE, events=[one.event for one in found], messages=[one.message for one in found], now=now)
        if not taken:
            return 0
        messages = sorted({message for _, message, _ in taken})
        run(SET_FATES, messages=messages)
        recipients = [row[0] for row in run(LOCK_RECIPIENTS, messages=messages)]
        run(SET_OUTCOMES, recipients=recipients)
        people = [row[0] for row in run(LOCK_PEOPLE, messages=messages)]
        if people:
            run(SET_PEOPLE, people=people, messages=messages)
        if advisory is None:
            run(HEARD_OF, messages=messages)
        moved_on = [row[0] for row in run(MOVED_ON, messages=messages)] if advisory is not None else []
        reference, keys = run(OF_THESE, messages=messages)[0]
        counts = Counter(type_ for _, _, type_ in taken)
        record.write("tracked", reference, mails=len(messages), digest=record.digest_of(keys), **counts)
    if moved_on:
        # After the transaction, which must not wait for a pass while it has what a pass waits for.
        run(WRITE_ANEW, advisory=advisory, people=moved_on)
        wake("cascade_due")
    return len(taken)
