"""What became of one advisory for one person, in sentences. No address and no text of a mail is ever in them."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from alerts.coverage.told import Entry, LeftOut, Place
from alerts.hold_words import held_for, lasted
from alerts.models import Acknowledgement, Message, Recipient, Relay, Revision
from alerts.models.figures import ARRIVED_AT, OUT_OF_REACH
from alerts.routing.routes import reports_delivery, ways
from alerts.web.answer_words import way
from config.logs import scrub
from departments.lacks import LATE_FOR
from departments.models import Person, Role
from departments.seating import spoken

# Servers like to repeat the address that they refuse.
ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
LONGEST_REPLY = 200


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence; `dark` is set in the warm red."""

    text: str
    dark: bool = False


def verdict(entry: Entry) -> Said:
    """Were they told? In a few words, for the first line."""
    recipient, current = entry.recipient, entry.advisory.current
    if recipient is None:
        if entry.left_out:
            return Said("Not told: left out on purpose" if not entry.places else "Not told", dark=True)
        return Said("Not told", dark=True)
    number = current.number if current else 0
    # Whoever answered it has seen it; whoever's office did has heard of it.
    told = max(recipient.told_revision, recipient.answered_revision, recipient.office_revision)
    heard = recipient.answered_revision > 0 or recipient.office_revision > 0 or recipient.outcome in ARRIVED_AT
    reported = _reports(_last_route(entry))
    what = "Told" if heard else "Sent" if reported else "Handed over"
    if not recipient.targeted:
        what += ", for information"
    if recipient.outcome in OUT_OF_REACH and told < number:
        why = OUT_OF_REACH_BECAUSE[recipient.outcome]
        return Said(f"{what}: revision {told}, not revision {number}: {why}" if told else f"Not told: {why}", dark=True)
    if not told:
        return Said("Not told" if _over(entry) else "Not told yet", dark=True)
    if told < number:
        return Said(f"{what}: revision {told}, not yet revision {number}", dark=True)
    if recipient.answered_revision:
        put_down = recipient.behalf_revision and recipient.behalf_revision == recipient.answered_revision
        return Said(f"{what}, and answered{': put down for them' if put_down else ''}")
    if recipient.office_revision:
        return Said(f"{what} through their office")
    if recipient.outcome == Recipient.Outcome.COMPLAINED:
        return Said(f"{what}, and they reported it as spam: ring them and ask", dark=True)
    if recipient.outcome == Recipient.Outcome.DEFERRED:
        if _still_tried(_last_sent(entry)):
            return Said(f"{what}, and delayed by their mail server, which is asked again")
        return Said(f"{what}, and delayed by their mail server; no word of it since: ring them", dark=True)
    return Said(what if heard or reported else f"{what}; this route does not report delivery")


OUT_OF_REACH_BECAUSE: dict[str, str] = {
    Recipient.Outcome.UNREACHABLE: "their address was refused",
    Recipient.Outcome.BOUNCED: "the mail came back",
    Recipient.Outcome.SUPPRESSED: "the mail provider sends nothing to their address",
}


def _last_sent(entry: Entry) -> Message | None:
    """The last mail that left."""
    return next((one for one in reversed(entry.messages) if one.state == Message.State.SENT), None)


def _last_route(entry: Entry) -> str:
    """By which the last mail left that did; "" where none did, or nobody wrote it down then."""
    last = _last_sent(entry)
    return last.route if last else ""


def _still_tried(message: Message | None) -> bool:
    """Whether whoever has a mail that was put off may try it still: mail systems give up after some days."""
    return message is not None and message.fate_at is not None and message.fate_at > timezone.now() - LATE_FOR


def _reports(route: str) -> bool:
    """Whether this route says what arrived. One that is in the settings no more is known by its name: a server's has a port."""
    known = {way.name: way.reports for way in ways()}
    return known.get(route, ":" not in route) if route else reports_delivery()


def should_have(entry: Entry, person: Person) -> list[Said]:
    """As what they should have been told, a sentence for each way, and what stood against it."""
    said = []
    if entry.named is not None:
        why = f" (“{entry.named.why}”)" if entry.named.why else ""
        nowhere = "" if entry.recipient or entry.places else "; they sat in no body, and no way led to them"
        said.append(
            Said(f"Named by {entry.named.by.name}, whatever body they sit in{why}{nowhere}", dark=bool(nowhere))
        )
    said += [_through(entry, place, person) for place in entry.places]
    said += [_left_out(one) for one in entry.left_out]
    return said


def _through(entry: Entry, place: Place, person: Person) -> Said:
    body = place.relay.body.name
    role = f", as its {spoken(place.membership.role)}" if place.membership else ""
    if place.seat is None:
        return Said(f"Should have been told through {body}{role}, and was not: {_why_no_seat(entry, place, person)}")
    what = "Should have been told" if place.seat.counts else "For information"
    published = entry.advisory.published_at
    since = place.membership.since if place.membership else None
    joined = f", which they joined {_at(since)}, after it was published" if _after(since, published) else ""
    ended = f", until their place ended {_at(place.seat.ended_at)}" if place.seat.ended_at else ""
    dark = f". Nobody in {body} could be told" if place.dark else ""
    return Said(f"{what} through {body}{role}{joined}{ended}{dark}", dark=place.dark)


def _after(since: datetime | None, published: datetime | None) -> bool:
    return since is not None and published is not None and since > published


def _why_no_seat(entry: Entry, place: Place, person: Person) -> str:
    if not place.asked:
        roles = " and ".join(spoken(role) if role in Role.values else role for role in entry.roles)
        return f"it was for the {roles} of each body only"
    joined = place.membership.since if place.membership else None
    if joined and entry.stood_down_at and joined >= entry.stood_down_at:
        return f"they joined {_at(joined)}, after it was stood down {_at(entry.stood_down_at)}"
    if person.left_at is not None:
        return f"they left on {date_format(timezone.localtime(person.left_at), 'j F Y')}"
    if place.membership and place.membership.until and place.membership.until <= timezone.now():
        return f"their place ended {_at(place.membership.until)}"
    if entry.advisory.stopped_at:
        return f"it was stopped {_at(entry.advisory.stopped_at)}, and nothing unsent leaves"
    if _over(entry):
        return "it was stood down before they were looked up"
    return "its people are being looked up"


def _left_out(one: LeftOut) -> Said:
    how = f" with {one.through}, above it" if one.through else ""
    if one.remit:
        signed = f" (“{one.reason}”), signed by {one.by} {_at(one.at)}" if one.by else ", and nobody signed for it"
        return Said(f"{one.body} was left outside the audience although its remit matches{signed}", dark=True)
    signed = f" (“{one.reason}”), signed by {one.by} {_at(one.at)}" if one.by else ""
    return Said(f"{one.body} was left out on purpose{how}{signed}", dark=True)


def held(entry: Entry) -> list[Said]:
    """Who held it on its way to them, and for how long; each body once."""
    said: dict[int, Said] = {}
    for place in entry.places:
        for relay in place.holders:
            own = relay == place.relay and place.seat is not None and place.seat.contact
            said.setdefault(relay.pk, _held(relay, own))
    return list(said.values())


def _held(relay: Relay, own: bool) -> Said:
    told = "; as its contact they were told at once" if own else ""
    name = relay.body.name
    if relay.reached_at is None:
        return Said(f"Held by {name}{told}")
    if relay.released_at is None:
        until = f", goes on by itself {_at(relay.held_until)}" if relay.held_until else ""
        return Said(f"Held by {name} since {_moment(relay.reached_at)}{until}{told}")
    words = held_for(relay)
    return Said(f"{words[0].upper()}{words[1:]} {_at(relay.released_at)}{told}")


def mails(entry: Entry) -> list[Said]:
    """Each mail, and what became of it; then why the latest revision has none, where it has none."""
    said = [_mail(entry, message) for message in entry.messages]
    current, recipient = entry.advisory.current, entry.recipient
    if recipient is None or current is None or any(one.revision_id == current.pk for one in entry.messages):
        return said
    if recipient.told_revision < current.number:
        said.append(Said(f"Revision {current.number}: {_why_no_mail(entry)}", dark=True))
    return said


def _mail(entry: Entry, message: Message) -> Said:
    number = _revision(message).number
    what = f"{message.get_kind_display().capitalize()}, revision {number}"
    if message.kind == Message.Kind.NOTE:
        what = f"Note of a contact on revision {number}"
    reply = f": “{_for_others(message.error)}”" if message.error else ""
    match message.state:
        case Message.State.SENT if message.sent_at:
            took = lasted(message.sent_at - _revision(message).at)
            # What a mail server of ours took is not with theirs yet.
            handed = "handed to the mail provider" if message.route and _reports(message.route) else "handed over"
            became, dark = _became(entry, message, reply)
            return Said(f"{what}: {handed} {_at(message.sent_at)}, {took} after it was published{became}", dark=dark)
        case Message.State.FAILED if message.fate == Message.Fate.SUPPRESSED:
            return Said(f"{what}: not sent; the mail provider sends nothing to this address{reply}. {_ANEW}", dark=True)
        case Message.State.FAILED:
            return Said(f"{what}: refused {_at(message.failed_at)}{reply}", dark=True)
        case Message.State.SUPERSEDED if message.kind == Message.Kind.REMINDER:
            return Said(f"{what}: not sent, there was nothing to remind them of any more")
        case Message.State.SUPERSEDED:
            return Said(f"{what}: not sent, a later revision took its place first")
        case _ if entry.advisory.stopped_at:
            return Said(f"{what}: waiting, stopped {_at(entry.advisory.stopped_at)}: nothing unsent leaves", dark=True)
        case _ if message.attempt or message.batch.not_before > timezone.now():
            again = _at(message.batch.not_before)
            return Said(f"{what}: waiting, not taken yet{reply}; tried again {again}", dark=True)
        case _:
            return Said(f"{what}: waiting in the outbox", dark=True)


_ANEW = "It is sent anew once the provider took the address off its list and somebody pressed “Mail reaches them again”"


def _became(entry: Entry, message: Message, reply: str) -> tuple[str, bool]:
    """What the route said of a mail after it left, and whether something is to be done about it."""
    at = _at(message.fate_at)
    match message.fate:
        case Message.Fate.DELIVERED:
            return f", and delivered {at}", False
        case Message.Fate.DEFERRED:
            still = _still_tried(message)
            then = "and tried again" if still else "and no word since"
            return f"; delayed since {at.removeprefix('at ')}{reply}, {then}", not still
        case Message.Fate.BOUNCED:
            return f"; it came back {at}{reply}. It is sent anew once the address is corrected", True
        case Message.Fate.SUPPRESSED:
            return f"; the mail provider did not send it on {at}{reply}. {_ANEW}", True
        case Message.Fate.COMPLAINED:
            return f", delivered, and reported as spam {at}. Ring them and ask", True
    if _delivered(entry, message):
        return ", and delivered", False
    if message.route and not _reports(message.route):
        return "; this route does not report delivery", False
    return "", False


def _revision(message: Message) -> Revision:
    """The revision that it carried; an entry has no mails without one."""
    if message.revision is None:
        raise ValueError(f"message {message.pk} belongs to no advisory")
    return message.revision


def _delivered(entry: Entry, message: Message) -> bool:
    """The route said that it arrived; it is noted of the latest revision that they were told."""
    recipient = entry.recipient
    if recipient is None or recipient.outcome != "delivered":
        return False
    return recipient.told_revision == _revision(message).number


def _why_no_mail(entry: Entry) -> str:
    """What stands between a recipient and a mail that was never written."""
    if _over(entry):
        return "never told of the warning, so that standing it down was not written to them"
    if entry.advisory.stopped_at:
        return f"stopped {_at(entry.advisory.stopped_at)}: nothing unsent leaves"
    seats = [place for place in entry.places if place.seat is not None and place.seat.ended_at is None]
    if not seats:
        return "not sent, their place ended first"
    waits = [_waits(place) for place in seats]
    # One way that is open is enough.
    return "about to be written" if "" in waits else "; ".join(dict.fromkeys(waits))


def _waits(place: Place) -> str:
    relay = place.waits_for
    told_at_once = place.seat is not None and place.seat.contact and relay == place.relay
    if relay is None or (told_at_once and relay.state == Relay.State.HELD):
        return ""
    if relay.state == Relay.State.HELD:
        above = "" if relay == place.relay else " above"
        until = f" until {_moment(relay.held_until)}" if relay.held_until else ""
        return f"held{above} by {relay.body.name}{until}"
    return f"{relay.body.name} is not yet reached"


def answers(entry: Entry) -> list[Said]:
    """What they answered and when; or that they have not, where an answer was asked for."""
    said = [_answer(one) for one in entry.answers]
    recipient, due = entry.recipient, entry.due
    answered = any(one.counts for one in entry.answers)
    if recipient is None or not recipient.targeted or not recipient.told_revision or answered:
        return said
    if due is None:
        return [*said, Said("No answer")]
    over = due < timezone.now()
    return [*said, Said(f"No answer; one was asked for by {_moment(due)}", dark=over)]


def _answer(one: Acknowledgement) -> Said:
    how = way(one.how, one.by.name if one.by else None, one.name_given, one.told_how, one.told_at)
    if one.read == Acknowledgement.Read.PHISHING:
        looks = ", in a way that looks like a machine's" if one.suspect else ""
        text = f"Said of revision {one.revision.number} {_at(one.at)}, {how}: it looks like phishing{looks}"
        return Said(f"{text}. That is no answer", dark=True)
    late = ", late" if one.late else ""
    what = f"Answered revision {one.revision.number} {_at(one.at)}{late}, {how}"
    if one.suspect:
        return Said(f"{what}: like a machine, and not counted", dark=True)
    return Said(f"{what}: {one.get_read_display()}")


def _over(entry: Entry) -> bool:
    return entry.stood_down_at is not None


def _for_others(reply: str) -> str:
    """A server's words, for whoever may see this page: no address, and no link of theirs that would answer for them."""
    shown = scrub(ADDRESS.sub("(the address)", reply))
    return shown if len(shown) <= LONGEST_REPLY else f"{shown[:LONGEST_REPLY]}…"


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'H:i')} {local.tzname()} on {date_format(local, 'j F Y')}"


def _at(moment: datetime | None) -> str:
    """ "at 17:00 BST on 28 April 2020"."""
    return f"at {_moment(moment)}" if moment else ""
