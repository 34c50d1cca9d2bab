"""Deliver: claim a batch, most severe first, hand it to the route, and have it noted what became of each mail.

Before: a batch in the outbox. After: each of its messages is sent, refused, superseded, or moved to a later batch, and the
batch is done. Which route takes it is `alerts.routing.routes`' to say, and what happens to a route is told there and blames
nobody's address. The batch is leased, and noting an outcome (`alerts.delivery.settling`) renews the lease; a worker that dies
leaves it to whoever looks after the lease ran out, and at most the part that was not noted yet (100 mails, or 250 ms) is sent
twice. Something more severe overtakes in the middle of a batch.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from alerts import codes, tokens
from alerts.delivery.deliver_sql import (
    CLAIM,
    CLAIM_ANY,
    FINISH,
    HAND_BACK,
    HOLD,
    NOTE_KEY,
    OUTRANKED,
    PART,
    PART_ANY,
    PERSONAL,
    PERSONAL_ADDED,
    PERSONAL_ANSWER,
    PERSONAL_CODE,
    PERSONAL_PLAIN,
    PERSONAL_REMINDER,
    SUPERSEDE,
    SUPERSEDE_PLAIN,
)
from alerts.delivery.settling import ENDS_AFTER, Claimed, Part, lease, note, put_back, renew
from alerts.letters import chased, letter_blocks, letters
from alerts.letters.deliver_escalations_sql import PERSONAL_ESCALATION, SUPERSEDE_ESCALATIONS
from alerts.letters.deliver_reminders_sql import NOTE_KEYS, PERSONAL_DIGEST, SUPERSEDE_DIGESTS, SUPERSEDE_REMINDERS
from alerts.models import Advisory, Message, Revision
from alerts.models.message import DESK
from alerts.publishing import desk
from alerts.routing import judging, routes
from alerts.senders import Mail, QuotaSpent, RouteDown, RouteSlow, Sender, Senders
from alerts.statements import run

log = structlog.get_logger(__name__)

NOTE_EVERY = 0.25  # seconds
RENEWED_FOR = 0.5  # seconds: a lease as good as new
LONGEST = 45.0  # seconds with one batch: a task that runs for two minutes is killed, with what it knows
# The mails that go with answers: they lead to a recipient's page, and a reply to one may be an answer.
OF_ANSWERS = (Message.Kind.RECEIPT, Message.Kind.UNCLEAR, Message.Kind.OWN_LINK, Message.Kind.ANSWERED)
ASIDE = 45.0  # seconds for which a mail stands aside at which the route's trouble came


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
    if of := batch.advisory or batch.about:
        run(NOTE_KEY, advisory=of, key=tokens.fingerprint(settings.SECRET_KEY))
    part: Part | None = None
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
    run(FINISH, batch=batch.id, held=batch.leased_until, bound=batch.bound)
    return True


def _put_off(batch: Claimed, part: Part | None, down: RouteDown) -> None:
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
        put_back(batch, down.unknown, [reason] * len(down.unknown), now, route=way.name)
    at = next((id_ for id_ in part.personal if id_ not in part.known), None) if part is not None else None
    if at is not None and at not in down.unknown and part is not None and not part.known:
        put_back(batch, [at], [reason], now + timedelta(seconds=ASIDE), route=batch.bound)
    run(HOLD, batch=batch.id, held=batch.leased_until, bound=batch.bound, until=now, reason=reason)


def _skeleton(batch: Claimed) -> letters.Skeleton:
    """Made of the words as they are now, and kept before a mail leaves with it."""
    if batch.revision is None:
        about = (
            Advisory.objects.select_related("issuer", "draft", "current").get(pk=batch.about) if batch.about else None
        )
        cited = desk.reported(batch.id) if batch.kind == Message.Kind.REPORT else None
        skeleton = letters.plain_skeleton(batch.kind, about, cited, letters.severity_of(batch.rank))
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
        rows = run(claim, now=now, lease=lease(), long_ago=now - ENDS_AFTER, **choice.values)
        if not rows:
            continue
        batch = Claimed(*(*rows[0], choice))
        batch.limited = routes.is_limited(batch.route, known)
        if not choice.trying or routes.claims_the_try(batch.route, now, lease()):
            return batch
        run(HAND_BACK, batch=batch.id, held=batch.leased_until, bound=batch.bound)
    return None


def _take_part(batch: Claimed, most: int) -> Part | None:
    """The next messages that are still to be sent; None when there are none, somebody pressed stop, or it is not ours."""
    if time.monotonic() - batch.renewed_at > RENEWED_FOR and not renew(batch):
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
        if not renew(batch) or not routes.is_open(batch.route, timezone.now(), trying=batch.choice.trying):
            return None
        rows = _still_to_be_sent(batch, allowed)
    ids = [row[0] for row in rows[:allowed]]
    if not ids:
        return None
    part = Part(personal={}, people={}, given_back={})
    is_code = batch.kind == Message.Kind.CODE
    has_replies = bool(batch.advisory) or batch.kind in OF_ANSWERS
    linked: set[int] = set()
    now = timezone.now()
    date = letters.dated(now)
    for row in run(_personal_sql(batch), ids=ids, today=timezone.localdate(now)):
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
            answer,
            reminded,
        ) = row
        said = chased.chased_of(batch.kind, reminded, now, _own_link)
        linked.update(said.advisories)
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
            reply=addressed(tokens.make_32(number, issue, tokens.REPLY)) if has_replies else "",
            token=tokens.make_32(id_, 0, tokens.RETURN),
            held=letter_blocks.held_of(held, now),
            notes=letter_blocks.notes_of(notes),
            noted_by=noted_by or "",
            reminded=said.reminded,
            head=said.head,
            tail=said.tail,
            asks=said.asks,
            entries=said.entries,
            more=said.more,
            answer=letter_blocks.answer_of(answer),
            date=date,
            letter=batch.letter,
        )
    if linked:
        run(NOTE_KEYS, advisories=sorted(linked), key=tokens.fingerprint(settings.SECRET_KEY))
    return part


def _personal_sql(batch: Claimed) -> str:
    """What reads the personal parts of its mails."""
    if batch.advisory:
        if batch.kind == Message.Kind.REMINDER:
            return PERSONAL_REMINDER
        return PERSONAL_ADDED if batch.added else PERSONAL
    if batch.kind in OF_ANSWERS:
        return PERSONAL_ANSWER
    return _PLAIN.get(batch.kind, PERSONAL_PLAIN)


_PLAIN: dict[str, str] = {
    Message.Kind.CODE: PERSONAL_CODE,
    Message.Kind.DIGEST: PERSONAL_DIGEST,
    Message.Kind.ESCALATION: PERSONAL_ESCALATION,
}
# What is not to leave of it any more.
_SUPERSEDED: dict[str, str] = {
    Message.Kind.REMINDER: SUPERSEDE_REMINDERS,
    Message.Kind.DIGEST: SUPERSEDE_DIGESTS,
    Message.Kind.ESCALATION: SUPERSEDE_ESCALATIONS,
}


def _still_to_be_sent(batch: Claimed, most: int) -> list[tuple[Any, ...]]:
    """The ids of its next mails, at most so many; what was overtaken meanwhile is not among them."""
    what, limit = (PART_ANY, 1) if batch.choice.trying else (PART, most)
    if batch.advisory is None:
        run(SUPERSEDE_PLAIN, batch=batch.id, now=timezone.now())
    if superseded := _SUPERSEDED.get(batch.kind):
        run(superseded, batch=batch.id, advisory=batch.advisory, today=timezone.localdate())
    rows = run(what, batch=batch.id, limit=limit)
    if any(overtaken for _, overtaken in rows):
        run(SUPERSEDE, batch=batch.id)
        rows = run(what, batch=batch.id, limit=limit)
    return rows


def _link(kind: str, number: int, issue: int) -> str:
    """Where a mail leads: a recipient's page, a contact's, or for an introduction where warnings are checked.

    A mail to an advisory's desk names its page in its words: it is the same for everybody.
    """
    if kind in (Message.Kind.INTRODUCTION, Message.Kind.CANARY) or kind in DESK:
        return f"{settings.SITE_URL}/check"
    if kind in (Message.Kind.DIGEST, Message.Kind.ESCALATION):
        return ""  # each thing that it is about has its own
    if kind == Message.Kind.CHECK:
        return f"{settings.SITE_URL}/c/{tokens.make(number, issue, tokens.CHECK)}"
    return _own_link(number, issue)


def _own_link(recipient: int, issue: int) -> str:
    return f"{settings.SITE_URL}/a/{tokens.make(recipient, issue)}"


def _send_part(batch: Claimed, part: Part, skeleton: letters.Skeleton, sender: Sender) -> bool:
    """Send a part, noting as it goes. False when the batch is not to go on: not ours any more, or outranked."""
    noted_at = time.monotonic()
    try:
        for outcome in sender.send(_mails(part, skeleton)):
            part.settled.append(outcome)
            part.known.add(outcome.id)
            if not part.over and not sender.soon and time.monotonic() - noted_at > NOTE_EVERY:
                # No further mail is handed over; what is on the wire is waited for.
                part.over = not note(batch, part) or _gives_way(batch)
                noted_at = time.monotonic()
    except RouteDown:
        note(batch, part)
        raise
    if note(batch, part) and not part.over and not _gives_way(batch):
        return True
    _hand_back(batch)
    return False


def _hand_back(batch: Claimed) -> None:
    if not batch.condemned:
        run(HAND_BACK, batch=batch.id, held=batch.leased_until, bound=batch.bound)
        return
    until, reason = timezone.now() + timedelta(seconds=ASIDE), "the route refuses everybody"
    run(HOLD, batch=batch.id, held=batch.leased_until, bound=batch.bound, until=until, reason=reason)


def _gives_way(batch: Claimed) -> bool:
    """Whether something more severe waits, whose turn it is then, or it takes too long, or its route is to be let alone.

    So does it while the database is away: what is on the wire is to be noted first.
    """
    now = timezone.now()
    if time.monotonic() - batch.claimed_at > LONGEST:
        return True
    try:
        outranked = batch.rank > 0 and run(OUTRANKED, rank=batch.rank, now=now, **batch.choice.values)[0][0]
        return outranked or not routes.is_open(batch.route, now, trying=batch.choice.trying)
    except (OperationalError, InterfaceError):
        connection.close()
        return True


def _mails(part: Part, skeleton: letters.Skeleton) -> Iterator[Mail]:
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
