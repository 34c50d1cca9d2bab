"""The words of "Where is it now": the sentence on top, the steps of the wave, and why somebody was not reached yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from alerts.coverage.where import Outbox, Place, Reason, Wave
from alerts.hold_words import lasted
from alerts.models import Advisory, State
from alerts.templatetags.tocsin import spoken
from alerts.web.numbers import count, people
from alerts.web.words import listed


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the wave: so much done of so much, and the same in words."""

    name: str
    said: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Why:
    """So many bodies or people whom it has not reached, and why; `door` leads on: "coverage", or nowhere."""

    kind: str
    """The pattern of the one bar."""
    number: int
    said: str
    named: list[Place] = field(default_factory=list)
    more: int = 0
    door: str = ""
    dark: bool = False


def verdict(advisory: Advisory, wave: Wave) -> tuple[str, str]:
    """The sentence on top: what is wrong (set in red; "" where nothing is), and the rest of it.

    Reached: their turn has come, and there is somebody to tell. Bodies with nobody to tell are none of these, and stand first.
    """
    revision = advisory.current
    assert revision is not None  # noqa: S101  # only what was published has this page
    sent = f"{wave.figures.sent:,} of {people(wave.promised)} {_was(wave.promised)} sent {_it(advisory)}"
    reached = f"{wave.reached.bodies:,} of {count(wave.bodies, 'body', 'bodies')}"
    if advisory.state == State.STOOD_DOWN:
        left = f" {count(wave.outbox.mails, 'mail', 'mails')} of that still to leave." if wave.outbox.mails else ""
        told = f"{people(wave.figures.sent)} {_was(wave.figures.sent)} told so."
        return "", f"Stood down {spoken(revision.at)}: {told}{left} Before that it had reached {reached}."
    if advisory.state == State.EXPIRED:
        return "Expired: nobody confirmed it in time.", f" It had reached {reached}; {sent}."
    if advisory.stopped:
        return f"Stopped: {reached} reached, {sent}.", " Nothing else leaves."
    if not wave.planned:
        return "", f"Nothing yet: published {lasted_exactly(wave.as_at - revision.at)} ago, being planned."
    if not wave.bodies:
        return "", "No body is to hear it, and nobody by name."
    number = wave.dark.bodies
    of = count(wave.bodies, "body", "bodies")
    dark, apart = (
        (f"{number:,} of {of} {'has' if number == 1 else 'have'} nobody to tell.", " ") if number else ("", "")
    )
    if wave.arrived:
        return dark, f"{apart}{_arrived(advisory, wave)}"
    return dark, f"{apart}It has reached {reached}{_still(wave)}. {sent}{_unreachable(wave)}."


def _arrived(advisory: Advisory, wave: Wave) -> str:
    figures, revision = wave.figures, advisory.current
    bodies = count(wave.bodies, "body", "bodies")
    if wave.reached.bodies < wave.bodies:
        bodies = f"{wave.reached.bodies:,} of {bodies}"
    if not figures.sent:
        return "Nobody whom it is for can be told."
    last = ""
    if wave.outbox.last_done and revision and wave.outbox.last_done > revision.at:
        after = "it was published" if revision.number == 1 else f"revision {revision.number} was published"
        last = f", the last of them {lasted_exactly(wave.outbox.last_done - revision.at)} after {after}"
    if figures.unreachable or wave.dark.bodies:
        who = f"{figures.sent:,} of {people(figures.targeted)}"
        return f"Everybody who can be reached was sent {_it(advisory)}: {bodies}, {who}{last}."
    return f"Everybody was sent {_it(advisory)}: {bodies}, {people(figures.targeted)}{last}."


def _still(wave: Wave) -> str:
    held, behind, following = wave.held.bodies, wave.behind.bodies, wave.next.bodies
    parts = []
    if held:
        parts.append(f"{held:,} {'holds' if held == 1 else 'hold'} it")
    if behind:
        parts.append(f"{behind:,} {'waits' if behind == 1 else 'wait'} behind {'it' if held == 1 else 'them'}")
    if following:
        parts.append(f"{following:,} {'comes' if following == 1 else 'come'} next")
    return f"; {', '.join(parts[:-1])}, and {parts[-1]}" if len(parts) > 1 else f"; {parts[0]}" if parts else ""


def _unreachable(wave: Wave) -> str:
    return f", and {people(wave.figures.unreachable)} cannot be reached" if wave.figures.unreachable else ""


def steps(wave: Wave) -> list[Step]:
    """Planned, written down, reached, queued, sent; before it is planned there is nothing to say of the others."""
    if not wave.planned:
        return [Step("Planned", "being planned", 0, 1)]
    figures, bodies = wave.figures, wave.bodies
    planned = f"{count(bodies, 'body', 'bodies')} in {count(len(wave.levels), 'level', 'levels')}"
    written = f"{figures.targeted:,} of {people(wave.promised)}"
    if wave.to_write:
        written += f"; {count(wave.to_write, 'body', 'bodies')} still to be looked at"
    queued = figures.targeted - max(figures.waiting - wave.outbox.mails, 0)
    sent = f"{figures.sent:,} of {people(wave.promised)}"
    if wave.last_minute:
        sent += f"; {count(wave.last_minute, 'mail', 'mails')} in the last minute"
    reached = f"{wave.reached.bodies:,} of {count(bodies, 'body', 'bodies')}"
    if wave.dark.bodies:
        reached += f"; {wave.dark.bodies:,} {'has' if wave.dark.bodies == 1 else 'have'} nobody to tell"
    return [
        Step("Planned", planned, 1, 1),
        Step("Written down", written, figures.targeted, wave.promised),
        Step("Reached", reached, wave.reached.bodies, bodies),
        Step("Queued", f"{queued:,} of {people(wave.promised)}", queued, wave.promised),
        Step("Sent", sent, figures.sent, wave.promised),
    ]


def whys(advisory: Advisory, wave: Wave) -> list[Why]:
    """Who was not reached or not sent it, and why: what waits for a body, for a mail, and what nobody waits for."""
    found = []
    if wave.dark.bodies:
        said = f"{_bodies_noun(wave.dark)} with nobody to tell"
        found.append(_why("dark", wave.dark, said, door="coverage", dark=True))
    found += [*_bodies(advisory, wave), *_mails(advisory, wave)]
    if refused := wave.figures.unreachable:
        noun = "person" if refused == 1 else "people"
        found.append(Why("dark", refused, f"{noun} whom mail does not reach", door="coverage", dark=True))
    if wave.left_out:
        noun = "body was" if wave.left_out == 1 else "bodies were"
        found.append(Why("none", wave.left_out, f"{noun} left out on purpose", door="coverage"))
    return found


def _bodies(advisory: Advisory, wave: Wave) -> Iterator[Why]:
    if advisory.state == State.STOOD_DOWN and wave.held.bodies:
        places = [Place(hold.relay.body.slug, hold.relay.body.name) for hold in wave.holds]
        yield _why(
            "held", Reason(wave.held.bodies, 0, places), f"{_bodies_noun(wave.held)} held it when it was stood down"
        )
    over = {State.EXPIRED: "expired", State.STOOD_DOWN: "was stood down"}.get(State(advisory.state), "")
    if wave.behind.bodies:
        held = wave.held.bodies
        above = f"behind {count(held, 'body that holds it', 'bodies that hold it')}"
        if over:
            above = f"behind {count(held, 'body', 'bodies')} that held it when it {over}"
        yield _why("held", wave.behind, f"{_bodies_noun(wave.behind)} {above}")
    if wave.next.bodies:
        verb = "comes" if wave.next.bodies == 1 else "come"
        said = f"{verb} next: nobody above {'it' if wave.next.bodies == 1 else 'them'} holds it"
        if over:
            said = f"not reached before it {over}"
        elif advisory.stopped:
            said = "not reached: it was stopped first"
        yield _why("waiting", wave.next, f"{_bodies_noun(wave.next)} {said}")
    if wave.stale.bodies and not over:
        said = "are written down at this moment" if not advisory.stopped else "are not all written down: it is stopped"
        whose = "body, whose people" if wave.stale.bodies == 1 else "bodies, whose people"
        yield _why("waiting", wave.stale, f"{whose} {said}")


def _mails(advisory: Advisory, wave: Wave) -> Iterator[Why]:
    """Of those whose body was reached. A stand-down is for everybody who was told, whatever their body."""
    outbox = wave.outbox
    left = outbox.mails if advisory.state == State.STOOD_DOWN else wave.queueing
    if advisory.stopped:
        if left:
            yield Why(
                "waiting", left, f"{_people_noun(left)} whose body was reached, not sent it: it was stopped first"
            )
        return
    turn = "whose mail waits for its turn to leave"
    if outbox.ahead:
        first = [reference or "a one-time code" for reference in outbox.ahead[:5]]
        turn = f"whose mail waits, since more severe mail goes first: {listed(first)}"
    why = f"the mail server said “{outbox.error}”" if outbox.error else "the mail server could not be had"
    put_off = f"put off: {why}; tried again {_soon(outbox, wave)}"
    for number, said in ((outbox.leaving, "being sent it now"), (outbox.due, turn), (outbox.later, put_off)):
        if shown := min(number, left):
            left -= shown
            yield Why("waiting", shown, f"{_people_noun(shown)} {said}")
    if left and advisory.state == State.LIVE:
        said = "whose body was reached, and whose mail is put into the outbox now"
        yield Why("waiting", left, f"{_people_noun(left)} {said}")


def _soon(outbox: Outbox, wave: Wave) -> str:
    away = outbox.next_try - wave.as_at if outbox.next_try else timedelta(0)
    return "now" if away <= timedelta(0) else f"in {lasted_exactly(away)}"


def _why(kind: str, reason: Reason, said: str, door: str = "", dark: bool = False) -> Why:
    return Why(kind, reason.bodies, said, reason.named, reason.more, door, dark)


def _bodies_noun(reason: Reason) -> str:
    return "body" if reason.bodies == 1 else "bodies"


def _people_noun(number: int) -> str:
    return "person" if number == 1 else "people"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _it(advisory: Advisory) -> str:
    number = advisory.current.number if advisory.current else 1
    return "it" if number == 1 else f"revision {number}"


def lasted_exactly(span: timedelta) -> str:
    """ "14 s", "2 min 14 s"; from an hour on as `lasted`."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s" if seconds % 60 else f"{seconds // 60} min"
    return lasted(span)
