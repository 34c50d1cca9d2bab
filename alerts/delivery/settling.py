"""Settling: a batch in somebody's hands, its lease, and what became of each of its mails, written down.

Before: mails of which an outcome was heard. After `note`: each message is sent, refused, put off, or put back for nothing
that it did; and the lease is renewed, in the same transaction. A database that is away for a while costs nothing: whoever
has the batch keeps what is known until it can be noted. Twice: what was noted is not noted again.
"""

import json
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from alerts import counting, record
from alerts.delivery.deliver_sql import (
    DEFER,
    LOOK_AGAIN,
    NOTE_REFUSED,
    NOTE_SENT,
    NOTED,
    PATIENCE,
    PUT_BACK,
    RENEW,
    STILL_THEIRS,
    WRITE_ANEW,
)
from alerts.letters import letters
from alerts.models import TrackingEvent
from alerts.routing import judging, routes
from alerts.routing.judging import Refusal, Verdict
from alerts.routing.routes import Choice
from alerts.senders import Outcome
from alerts.spelling import one_line
from alerts.statements import run
from alerts.wake import wake
from config.logs import scrub_tokens
from departments.models.person import Bounced
from departments.readiness import note_bounce

log = structlog.get_logger(__name__)

NOTE_AGAIN = 0.2  # seconds, while the database is away
FIRST_RETRY = 45.0  # seconds, a third either way
LONGEST_RETRY = 3600.0
ENDS_AFTER = timedelta(days=5)  # of being put off, of what is of no advisory, or of one that is over


@dataclass
class Claimed:
    """A batch that is ours until its lease runs out."""

    id: int
    rank: int
    leased_until: datetime
    advisory: int | None
    reference: str | None
    revision: int | None
    number: int | None
    kind: str
    attempt: int
    about: int | None
    route: str
    bound: str
    """The route that it had before, by which some of its mails may have left: they leave by no other one."""
    added: bool
    """Whether anything of its advisory is held, or has a note: then its mails may say so."""
    ends: bool
    """Whether it has been put off for long enough: whoever is put off once more is not asked again."""
    choice: Choice
    letter: int = 0
    """The number under which what its mails say alike is kept."""
    condemned: bool = False
    """Whether its mails were refused as everybody's are: what is left of it lets others go before."""
    limited: bool = True
    """Whether its route has a pace or a quota, as when it was claimed."""
    reserved: int = 0
    handed: int = 0
    """How many of its mails the route was asked to take since it was claimed, and how many were settled."""
    claimed_at: float = field(default_factory=time.monotonic)
    renewed_at: float = field(default_factory=time.monotonic)

    @property
    def subject(self) -> str:
        """What the record says it was about: the advisory's reference, or the kind of a plain mail."""
        return self.reference or self.kind


@dataclass
class Part:
    """Mails under way, and what is known of them but not noted yet."""

    personal: dict[int, letters.Personal]
    people: dict[int, int]
    given_back: dict[int, int]
    """How often a route refused somebody before as it refused everybody."""
    known: set[int] = field(default_factory=set)
    """Those of which an outcome was heard."""
    over: bool = False
    """Its mails that were not handed over yet are not to be."""
    settled: list[Outcome] = field(default_factory=list)


def lease() -> datetime:
    """Until when a batch that is taken or renewed now is ours."""
    return timezone.now() + timedelta(seconds=settings.BATCH_LEASE)


def _back_off(attempt: int) -> float:
    """Seconds until the next try: 30 to 60 at first, then doubling to an hour, never in step with others."""
    spread = random.uniform(2 / 3, 4 / 3)  # noqa: S311  # spreads load, keeps no secret
    return float(min(FIRST_RETRY * 2 ** min(max(attempt - 1, 0), 20), LONGEST_RETRY) * spread)


def note(batch: Claimed, part: Part) -> bool:
    """Write down what became of the mails settled so far. False when the batch is not ours any more.

    Again and again while that can't be done (the database restarts, a publication has the figures), for as long as a lease
    lasts since it was last renewed: what was sent is known here alone.
    """
    until = time.monotonic() + settings.BATCH_LEASE
    while True:
        try:
            return _write_down(batch, part)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > until:
                raise
            log.warning("not noted yet, and kept until it is", batch=batch.id, error=type(error).__name__)
        connection.close()
        time.sleep(NOTE_AGAIN)
        with suppress(OperationalError, InterfaceError):
            if renew(batch):
                until = time.monotonic() + settings.BATCH_LEASE
            _forget_noted(part)


def renew(batch: Claimed) -> bool:
    """Have the lease for longer; whether the batch is ours still."""
    return _has(batch, run(RENEW, batch=batch.id, lease=lease(), held=batch.leased_until))


def _has(batch: Claimed, renewed: list[tuple[Any, ...]]) -> bool:
    """Remember the lease that was given, once it is committed; whether there is one."""
    if renewed:
        batch.leased_until = renewed[0][0]
        batch.renewed_at = time.monotonic()
    return bool(renewed)


def _forget_noted(part: Part) -> None:
    """Nobody knows whether what was committed when the database went away was kept: what was is not noted again."""
    noted = {row[0] for row in run(NOTED, ids=[outcome.id for outcome in part.settled])}
    part.settled = [outcome for outcome in part.settled if outcome.id not in noted]


def put_back(
    batch: Claimed, ids: Iterable[int], errors: list[str], until: datetime, *, route: str = "", given_back: int = 0
) -> None:
    """Into a batch of their own, for nothing that they did."""
    run(
        PUT_BACK,
        batch=batch.id,
        held=batch.leased_until,
        ids=list(ids),
        errors=errors,
        until=until,
        given_back=given_back,
        route=route,
    )


def _write_down(batch: Claimed, part: Part) -> bool:
    """One transaction, which renews the lease."""
    way = routes.way_of(batch.route)
    settled = [_at_an_end(one) if batch.ends and one.kind == "later" else one for one in part.settled]
    sent = [outcome for outcome in settled if outcome.kind == "sent"]
    later = [outcome for outcome in settled if outcome.kind == "later"]
    mended = list[int]()
    with transaction.atomic():
        # A publication keeps the figures for a moment; the lease must not run out while we wait for that.
        run(PATIENCE, milliseconds=f"{settings.BATCH_LEASE * 1000 // 3}")
        if batch.advisory is not None:
            counting.share_figures(batch.advisory)
        if sent:
            # Before its refusals are judged: a run of them that begins with this very part goes on.
            routes.went(way, timezone.now())
        verdict = _judged(batch, part, way, settled)
        now, ours = verdict.at, verdict.ours
        refused = [one for one in settled if one.kind in ("refused", "suppressed") and one.id not in ours]
        if sent:
            run(
                NOTE_SENT,
                sent=json.dumps(
                    [
                        {
                            "id": outcome.id,
                            "provider_id": outcome.provider_id,
                            "personal": part.personal[outcome.id].to_json(),
                        }
                        for outcome in sent
                    ]
                ),
                now=now,
                number=batch.number,
                route=batch.route,
            )
            _write_record("sent", batch, part, sent)
        if refused:
            run(
                NOTE_REFUSED,
                ids=[outcome.id for outcome in refused],
                errors=_errors(refused),
                fates=["suppressed" if outcome.kind == "suppressed" else "" for outcome in refused],
                runs=[verdict.runs.get(outcome.id, 0) for outcome in refused],
                now=now,
                number=batch.number,
                route=batch.route,
            )
            mended = _note_bounces(part, refused, now)
            _write_record("refused", batch, part, refused)
        if later:
            run(
                DEFER,
                batch=batch.id,
                ids=[outcome.id for outcome in later],
                errors=_errors(later),
                until=now + timedelta(seconds=_back_off(batch.attempt)),
                attempt=batch.attempt,
            )
        if ours:
            batch.condemned = True
            again = [outcome for outcome in settled if outcome.id in ours]
            put_back(batch, [one.id for one in again], _errors(again), now, given_back=1)
        renewed = run(RENEW, batch=batch.id, lease=lease(), held=batch.leased_until)
    batch.handed += len(settled)
    part.settled = []
    if sent and way.reports and TrackingEvent.objects.filter(matched_at=None).exists():
        # What the provider said of a mail before it was noted here.
        wake("match_events")
    if batch.advisory is not None:
        # After the transaction, which must not wait for a publication or a pass while it has what these wait for.
        run(LOOK_AGAIN, advisory=batch.advisory, revision=batch.revision)
        if mended:
            run(WRITE_ANEW, advisory=batch.advisory, people=mended)
    return _has(batch, renewed)


def _judged(batch: Claimed, part: Part, way: routes.Way, settled: list[Outcome]) -> Verdict:
    outcomes = [
        _refusal(part, one) for one in settled if one.kind != "later" and not (batch.ends and one.about == "mail")
    ]
    return judging.judge(way, outcomes, trying=batch.choice.trying)


def _refusal(part: Part, outcome: Outcome) -> Refusal | None:
    """As the route is judged by it; None for a mail that was taken."""
    if outcome.kind == "sent":
        return None
    domain = part.personal[outcome.id].address.rpartition("@")[2]
    words = f"{outcome.code} {outcome.text}"
    return Refusal(outcome.id, words, domain, part.given_back.get(outcome.id, 0), listed=outcome.kind == "suppressed")


def _at_an_end(outcome: Outcome) -> Outcome:
    """Of somebody who was put off for long enough; their address may be well."""
    text = f"given up after {ENDS_AFTER.days} days: {outcome.text}"
    return Outcome(outcome.id, "refused", outcome.code, text, outcome.provider_id, about="mail")


def _errors(outcomes: list[Outcome]) -> list[str]:
    """What was said, in a line; what a server repeats of the mail may be somebody's own link."""
    return [one_line(scrub_tokens(f"{outcome.code} {outcome.text}"))[:500] for outcome in outcomes]


def _write_record(kind: str, batch: Claimed, part: Part, outcomes: list[Outcome]) -> None:
    digest = record.digest_of(part.personal[outcome.id].message_key for outcome in outcomes)
    record.write(kind, batch.subject, revision=batch.number, mails=len(outcomes), digest=digest, route=batch.route)


def _note_bounces(part: Part, refused: list[Outcome], now: datetime) -> list[int]:
    """Note whose address bounced; the people whose address was corrected while the mail was under way."""
    refused = [outcome for outcome in refused if outcome.about == "address"]
    addresses = {part.people[outcome.id]: part.personal[outcome.id].address for outcome in refused}
    still = run(STILL_THEIRS, people=list(addresses), addresses=list(addresses.values()))
    suppressed = {part.people[outcome.id] for outcome in refused if outcome.kind == "suppressed"}
    note_bounce({row[0] for row in still} - suppressed, now)
    note_bounce({row[0] for row in still} & suppressed, now, Bounced.SUPPRESSED)
    return sorted(set(addresses) - {row[0] for row in still})
