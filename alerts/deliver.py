"""Deliver: claim a batch, most severe first, hand it to the route, and note what became of each mail.

Before: a batch in the outbox. After: each of its messages is sent, refused, superseded, or moved to a later batch, and the
batch is done. Which route takes it is `alerts.routes`' to say, and what happens to a route is told there and blames nobody's
address. The batch is leased, and noting an outcome renews the lease; a worker that dies leaves it to whoever
looks after the lease ran out, and at most the part that was not noted yet (100 mails, or 250 ms) is sent twice. A database
that is away for a while costs nothing: the worker keeps what it knows until it can be noted. Something more severe overtakes
in the middle of a batch.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from alerts import codes, counting, judging, letter_blocks, letters, record, routes, tokens
from alerts.deliver_sql import (
    CLAIM,
    CLAIM_ANY,
    DEFER,
    FINISH,
    HAND_BACK,
    HOLD,
    LOOK_AGAIN,
    NOTE_REFUSED,
    NOTE_SENT,
    NOTED,
    OUTRANKED,
    PART,
    PART_ANY,
    PATIENCE,
    PERSONAL,
    PERSONAL_ADDED,
    PERSONAL_CODE,
    PERSONAL_PLAIN,
    PUT_BACK,
    RENEW,
    STILL_THEIRS,
    SUPERSEDE,
    SUPERSEDE_PLAIN,
    WRITE_ANEW,
)
from alerts.judging import Refusal, Verdict
from alerts.models import Advisory, Message, Revision, TrackingEvent
from alerts.models.message import DESK
from alerts.routes import Choice
from alerts.senders import Mail, Outcome, QuotaSpent, RouteDown, RouteSlow, Sender, Senders
from alerts.wake import wake
from config.logs import scrub_tokens
from departments.models.person import Bounced
from departments.readiness import note_bounce

log = structlog.get_logger(__name__)

NOTE_EVERY = 0.25  # seconds
RENEWED_FOR = 0.5  # seconds: a lease as good as new
NOTE_AGAIN = 0.2  # seconds, while the database is away
LONGEST = 45.0  # seconds with one batch: a task that runs for two minutes is killed, with what it knows
FIRST_RETRY = 45.0  # seconds, a third either way
LONGEST_RETRY = 3600.0
ASIDE = 45.0  # seconds for which a mail stands aside at which the route's trouble came
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
class _Part:
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


def deliver(senders: Senders | None = None) -> bool:
    """Claim and send one batch. False when nothing is due, or no route is to be had.

    Whoever sends several after one another gives the `senders` that stay open meanwhile.
    """
    if senders is None:
        with Senders() as opened:
            return deliver(opened)
    batch = _claim()
    if batch is None:
        return False
    skeleton, way = _skeleton(batch), routes.way_of(batch.route)
    part: _Part | None = None
    try:
        sender = senders.of(way)
        while part := _take_part(batch, sender.most):
            if not _send_part(batch, part, skeleton, sender):
                return True
            if batch.choice.trying:
                # If it took one, the others go as they would have gone.
                _hand_back(batch)
                return True
    except RouteDown as down:
        senders.close()
        _put_off(batch, part, down)
        return True
    finally:
        routes.give_back_quota(way, batch.reserved - batch.handed, timezone.now())
    if batch.choice.trying:
        # There was nothing in it to try with.
        routes.is_to_be_tried(way, timezone.now())
    _execute(FINISH, batch=batch.id, held=batch.leased_until, bound=batch.bound)
    return True


def _put_off(batch: Claimed, part: _Part | None, down: RouteDown) -> None:
    """The route can't be had: it rests, and the batch waits or goes by another one. No try was spent.

    What may have left all the same waits for this very route, in a batch of its own. The mail at which trouble came stands
    aside for a moment: if it is the trouble, it holds up nobody.
    """
    way, now, reason = routes.way_of(batch.route), timezone.now(), routes.said(str(down))
    batch.handed += len(down.unknown)  # as far as a quota is concerned
    if isinstance(down, RouteSlow):
        elapsed = max(time.monotonic() - batch.claimed_at, 0.01)
        measured = batch.handed / elapsed if batch.handed else None
        until = routes.slows(way, reason, now, measured=measured, retry_after=down.retry_after)
    elif isinstance(down, QuotaSpent):
        until = routes.is_spent(way, reason, now)
    elif part is not None and part.known and not down.unknown:
        until = now  # it took some, and hung up: that is no reason to let it be
    else:
        until = routes.fails(way, reason, now)
    log.warning("the route is down", batch=batch.id, route=way.name, reason=reason, until=until)
    if down.unknown:
        _put_back(batch, down.unknown, [reason] * len(down.unknown), now, route=way.name)
    at = next((id_ for id_ in part.personal if id_ not in part.known), None) if part is not None else None
    if at is not None and at not in down.unknown and part is not None and not part.known:
        _put_back(batch, [at], [reason], now + timedelta(seconds=ASIDE), route=batch.bound)
    _execute(HOLD, batch=batch.id, held=batch.leased_until, bound=batch.bound, until=now, reason=reason)


def _put_back(
    batch: Claimed, ids: Iterable[int], errors: list[str], until: datetime, *, route: str = "", given_back: int = 0
) -> None:
    """Into a batch of their own, for nothing that they did."""
    _execute(
        PUT_BACK,
        batch=batch.id,
        held=batch.leased_until,
        ids=list(ids),
        errors=errors,
        until=until,
        given_back=given_back,
        route=route,
    )


def _skeleton(batch: Claimed) -> letters.Skeleton:
    """Made of the words as they are now, and kept before a mail leaves with it."""
    if batch.revision is None:
        about = Advisory.objects.select_related("issuer", "draft").get(pk=batch.about) if batch.about else None
        skeleton = letters.plain_skeleton(batch.kind, about)
    else:
        revision = Revision.objects.select_related("advisory__issuer").get(pk=batch.revision)
        skeleton = letters.skeleton(revision, batch.kind)
    batch.letter = letters.keep(skeleton)
    return skeleton


def _claim() -> Claimed | None:
    now, configured = timezone.now(), routes.ways()
    known = routes.states(configured)
    for way in configured:
        if known[way.name].owed:
            judging.give_back(way.name, known[way.name].owed, now)
    for choice in routes.choose(now, known):
        claim = CLAIM_ANY if choice.trying else CLAIM
        rows = _execute(claim, now=now, lease=_lease(), long_ago=now - ENDS_AFTER, **choice.values)
        if not rows:
            continue
        batch = Claimed(*(*rows[0], choice))
        batch.limited = routes.is_limited(batch.route, known)
        if not choice.trying or routes.claims_the_try(batch.route, now, _lease()):
            return batch
        _execute(HAND_BACK, batch=batch.id, held=batch.leased_until, bound=batch.bound)
    return None


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.BATCH_LEASE)


def _back_off(attempt: int) -> float:
    """Seconds until the next try: 30 to 60 at first, then doubling to an hour, never in step with others."""
    spread = random.uniform(2 / 3, 4 / 3)  # noqa: S311  # spreads load, keeps no secret
    return float(min(FIRST_RETRY * 2 ** min(max(attempt - 1, 0), 20), LONGEST_RETRY) * spread)


def _take_part(batch: Claimed, most: int) -> _Part | None:
    """The next messages that are still to be sent; None when there are none, somebody pressed stop, or it is not ours."""
    if time.monotonic() - batch.renewed_at > RENEWED_FOR and not _renew(batch):
        return None
    rows = _still_to_be_sent(batch, most)
    if not rows:
        return None
    way, now = routes.way_of(batch.route), timezone.now()
    allowed, seconds = routes.reserve(way, len(rows), now) if batch.limited else (len(rows), 0.0)
    if not allowed:
        return None  # not today: what is left waits, or leaves by another route
    batch.reserved += allowed
    if seconds:
        routes.wait(seconds)
        # Meanwhile it may have been stopped, overtaken, paused or taken over.
        if not _renew(batch) or not routes.is_open(batch.route, timezone.now(), trying=batch.choice.trying):
            return None
        rows = _still_to_be_sent(batch, allowed)
    ids = [row[0] for row in rows[:allowed]]
    if not ids:
        return None
    part = _Part(personal={}, people={}, given_back={})
    is_code = batch.kind == Message.Kind.CODE
    of_an_advisory = PERSONAL_ADDED if batch.added else PERSONAL
    personal = of_an_advisory if batch.advisory else PERSONAL_CODE if is_code else PERSONAL_PLAIN
    now = timezone.now()
    date = letters.dated(now)
    for row in _execute(personal, ids=ids):
        (
            id_,
            key,
            given_back,
            number,
            issue,
            person,
            name,
            address,
            bodies,
            contact,
            telephone,
            held,
            notes,
            noted_by,
        ) = row
        part.people[id_] = person
        part.given_back[id_] = given_back
        part.personal[id_] = letters.Personal(
            message_key=key,
            name=name,
            address=address,
            bodies=tuple(bodies or ()),
            link="" if is_code else _link(batch.kind, number, issue),
            contact=contact or "",
            telephone=telephone or "",
            code=codes.digits(number, issue) if is_code else "",
            reply=addressed(tokens.make_32(number, issue, tokens.REPLY)) if batch.advisory else "",
            token=tokens.make_32(id_, 0, tokens.RETURN),
            held=letter_blocks.held_of(held, now),
            notes=letter_blocks.notes_of(notes),
            noted_by=noted_by or "",
            date=date,
            letter=batch.letter,
        )
    return part


def _still_to_be_sent(batch: Claimed, most: int) -> list[tuple[Any, ...]]:
    """The ids of its next mails, at most so many; what was overtaken meanwhile is not among them."""
    what, limit = (PART_ANY, 1) if batch.choice.trying else (PART, most)
    if batch.advisory is None:
        _execute(SUPERSEDE_PLAIN, batch=batch.id, now=timezone.now())
    rows = _execute(what, batch=batch.id, limit=limit)
    if any(overtaken for _, overtaken in rows):
        _execute(SUPERSEDE, batch=batch.id)
        rows = _execute(what, batch=batch.id, limit=limit)
    return rows


def _link(kind: str, number: int, issue: int) -> str:
    """Where a mail leads: a recipient's page, a contact's, or for an introduction where warnings are checked.

    A mail to an advisory's desk names its page in its words: it is the same for everybody.
    """
    if kind in (Message.Kind.INTRODUCTION, Message.Kind.CANARY) or kind in DESK:
        return f"{settings.SITE_URL}/check"
    if kind == Message.Kind.CHECK:
        return f"{settings.SITE_URL}/c/{tokens.make(number, issue, tokens.CHECK)}"
    return f"{settings.SITE_URL}/a/{tokens.make(number, issue)}"


def _send_part(batch: Claimed, part: _Part, skeleton: letters.Skeleton, sender: Sender) -> bool:
    """Send a part, noting as it goes. False when the batch is not to go on: not ours any more, or outranked."""
    noted_at = time.monotonic()
    try:
        for outcome in sender.send(_mails(part, skeleton)):
            part.settled.append(outcome)
            part.known.add(outcome.id)
            if not part.over and not sender.soon and time.monotonic() - noted_at > NOTE_EVERY:
                # No further mail is handed over; what is on the wire is waited for.
                part.over = not _note(batch, part) or _gives_way(batch)
                noted_at = time.monotonic()
    except RouteDown:
        _note(batch, part)
        raise
    if _note(batch, part) and not part.over and not _gives_way(batch):
        return True
    _hand_back(batch)
    return False


def _hand_back(batch: Claimed) -> None:
    if not batch.condemned:
        _execute(HAND_BACK, batch=batch.id, held=batch.leased_until, bound=batch.bound)
        return
    until, reason = timezone.now() + timedelta(seconds=ASIDE), "the route refuses everybody"
    _execute(HOLD, batch=batch.id, held=batch.leased_until, bound=batch.bound, until=until, reason=reason)


def _gives_way(batch: Claimed) -> bool:
    """Whether something more severe waits, whose turn it is then, or it takes too long, or its route is to be let alone.

    So does it while the database is away: what is on the wire is to be noted first.
    """
    now = timezone.now()
    if time.monotonic() - batch.claimed_at > LONGEST:
        return True
    try:
        outranked = batch.rank > 0 and _execute(OUTRANKED, rank=batch.rank, now=now, **batch.choice.values)[0][0]
        return outranked or not routes.is_open(batch.route, now, trying=batch.choice.trying)
    except (OperationalError, InterfaceError):
        connection.close()
        return True


def _mails(part: _Part, skeleton: letters.Skeleton) -> Iterator[Mail]:
    for id_, personal in part.personal.items():
        if part.over:
            return
        yield Mail(id=id_, personal=personal, skeleton=skeleton, sender=addressed(personal.token))


def addressed(token: str) -> str:
    """Our own address with a token in it, where the mail system has such addresses (RFC 5233)."""
    if not settings.SUBADDRESS_SEPARATOR:
        return settings.ALERTS_FROM
    local, _, domain = settings.ALERTS_FROM.rpartition("@")
    return f"{local}{settings.SUBADDRESS_SEPARATOR}{token}@{domain}"


def _note(batch: Claimed, part: _Part) -> bool:
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
            if _renew(batch):
                until = time.monotonic() + settings.BATCH_LEASE
            _forget_noted(part)


def _renew(batch: Claimed) -> bool:
    return _has(batch, _execute(RENEW, batch=batch.id, lease=_lease(), held=batch.leased_until))


def _has(batch: Claimed, renewed: list[tuple[Any, ...]]) -> bool:
    """Remember the lease that was given, once it is committed; whether there is one."""
    if renewed:
        batch.leased_until = renewed[0][0]
        batch.renewed_at = time.monotonic()
    return bool(renewed)


def _forget_noted(part: _Part) -> None:
    """Nobody knows whether what was committed when the database went away was kept: what was is not noted again."""
    noted = {row[0] for row in _execute(NOTED, ids=[outcome.id for outcome in part.settled])}
    part.settled = [outcome for outcome in part.settled if outcome.id not in noted]


def _write_down(batch: Claimed, part: _Part) -> bool:
    """One transaction, which renews the lease."""
    way = routes.way_of(batch.route)
    settled = [_at_an_end(one) if batch.ends and one.kind == "later" else one for one in part.settled]
    sent = [outcome for outcome in settled if outcome.kind == "sent"]
    later = [outcome for outcome in settled if outcome.kind == "later"]
    mended = list[int]()
    with transaction.atomic():
        # A publication keeps the figures for a moment; the lease must not run out while we wait for that.
        _execute(PATIENCE, milliseconds=f"{settings.BATCH_LEASE * 1000 // 3}")
        if batch.advisory is not None:
            counting.share_figures(batch.advisory)
        if sent:
            # Before its refusals are judged: a run of them that begins with this very part goes on.
            routes.went(way, timezone.now())
        verdict = _judged(batch, part, way, settled)
        now, ours = verdict.at, verdict.ours
        refused = [one for one in settled if one.kind in ("refused", "suppressed") and one.id not in ours]
        if sent:
            _execute(
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
            _execute(
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
            _execute(
                DEFER,
                batch=batch.id,
                ids=[outcome.id for outcome in later],
                errors=_errors(later),
                until=now + timedelta(seconds=_back_off(batch.attempt)),
                attempt=batch.attempt,
            )
        if ours:
            batch.condemned = True
            put_back = [outcome for outcome in settled if outcome.id in ours]
            _put_back(batch, [one.id for one in put_back], _errors(put_back), now, given_back=1)
        renewed = _execute(RENEW, batch=batch.id, lease=_lease(), held=batch.leased_until)
    batch.handed += len(settled)
    part.settled = []
    if sent and way.reports and TrackingEvent.objects.filter(matched_at=None).exists():
        # What the provider said of a mail before it was noted here.
        wake("match_events")
    if batch.advisory is not None:
        # After the transaction, which must not wait for a publication or a pass while it has what these wait for.
        _execute(LOOK_AGAIN, advisory=batch.advisory, revision=batch.revision)
        if mended:
            _execute(WRITE_ANEW, advisory=batch.advisory, people=mended)
    return _has(batch, renewed)


def _errors(outcomes: list[Outcome]) -> list[str]:
    """What was said, in a line; what a server repeats of the mail may be somebody's own link."""
    said = [scrub_tokens(f"{outcome.code} {outcome.text}")[:500] for outcome in outcomes]
    return ["".join(character if character.isprintable() else " " for character in one) for one in said]


def _at_an_end(outcome: Outcome) -> Outcome:
    """Of somebody who was put off for long enough; their address may be well."""
    text = f"given up after {ENDS_AFTER.days} days: {outcome.text}"
    return Outcome(outcome.id, "refused", outcome.code, text, outcome.provider_id, about="mail")


def _judged(batch: Claimed, part: _Part, way: routes.Way, settled: list[Outcome]) -> Verdict:
    outcomes = [
        _refusal(part, one) for one in settled if one.kind != "later" and not (batch.ends and one.about == "mail")
    ]
    return judging.judge(way, outcomes, trying=batch.choice.trying)


def _refusal(part: _Part, outcome: Outcome) -> Refusal | None:
    """As the route is judged by it; None for a mail that was taken."""
    if outcome.kind == "sent":
        return None
    domain = part.personal[outcome.id].address.rpartition("@")[2]
    words = f"{outcome.code} {outcome.text}"
    return Refusal(outcome.id, words, domain, part.given_back.get(outcome.id, 0), listed=outcome.kind == "suppressed")


def _write_record(kind: str, batch: Claimed, part: _Part, outcomes: list[Outcome]) -> None:
    digest = record.digest_of(part.personal[outcome.id].message_key for outcome in outcomes)
    record.write(kind, batch.subject, revision=batch.number, mails=len(outcomes), digest=digest, route=batch.route)


def _note_bounces(part: _Part, refused: list[Outcome], now: datetime) -> list[int]:
    """Note whose address bounced; the people whose address was corrected while the mail was under way."""
    refused = [outcome for outcome in refused if outcome.about == "address"]
    addresses = {part.people[outcome.id]: part.personal[outcome.id].address for outcome in refused}
    still = _execute(STILL_THEIRS, people=list(addresses), addresses=list(addresses.values()))
    suppressed = {part.people[outcome.id] for outcome in refused if outcome.kind == "suppressed"}
    note_bounce({row[0] for row in still} - suppressed, now)
    note_bounce({row[0] for row in still} & suppressed, now, Bounced.SUPPRESSED)
    return sorted(set(addresses) - {row[0] for row in still})


def _execute(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []
