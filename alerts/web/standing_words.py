"""How somebody stands with one advisory, in words, and what to do about it. No address is ever in them."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from alerts.coverage.standings import Standing
from alerts.last_word import Word
from alerts.models import Acknowledgement, Recipient, Relay
from alerts.web.answer_words import at, way
from alerts.web.numbers import count
from alerts.web.person_words import OUT_OF_REACH_BECAUSE

# Of each standing: what stands in the row, and how many there are of it, in the list of all.
ROW: Mapping[str, str] = {
    "help": "Needs help",
    "doubt": "Says that it looks like phishing",
    "unreachable": "Cannot be reached",
    "waiting": "Not sent yet",
    "suspect": "An answer like a machine's",
    "silent": "No answer yet",
    "office": "Told through their office",
    "answered": "Answered",
    "information": "For information",
}
LISTED: Mapping[str, tuple[str, str]] = {
    "help": ("needs help", "need help"),
    "doubt": ("says that it looks like phishing", "say that it looks like phishing"),
    "unreachable": ("cannot be reached", "cannot be reached"),
    "waiting": ("not sent yet", "not sent yet"),
    "suspect": ("answered like a machine", "answered like a machine"),
    "silent": ("silent", "silent"),
    "office": ("told through their office", "told through their office"),
    "answered": ("answered", "answered"),
    "information": ("for information", "for information"),
}
DARK = frozenset({"help", "doubt", "unreachable"})


def listed(standing: str, number: int) -> str:
    """ "1 needs help", "2,000 need help"."""
    return count(number, *LISTED[standing])


def said(one: Standing, holder: Relay | None, *, asks: bool = True) -> str:
    """Why they stand so, and since when: after the row's own few words. `asks`: the advisory still asks for answers."""
    reminded = f"reminded {at(one.reminded_at)}" if one.reminded_at and not one.acknowledged else ""
    parts = [part for part in (_why(one, holder, asks=asks), reminded, _heard(one)) if part]
    return ". ".join(f"{part[0].upper()}{part[1:]}" for part in parts)


def _why(one: Standing, holder: Relay | None, *, asks: bool) -> str:
    match one.standing:
        case "unreachable":
            return OUT_OF_REACH_BECAUSE.get(one.outcome, "")
        case "waiting":
            return _waits(one, holder)
        case "suspect":
            once_more = f"their page asks them once more{_mailed(one)}"
            return once_more if asks else _mailed(one).removeprefix(", ")
        case "silent":
            late = "; delayed by their mail server" if one.outcome == Recipient.Outcome.DEFERRED else ""
            spam = "; they reported it as spam" if one.outcome == Recipient.Outcome.COMPLAINED else ""
            return f"{_mailed(one).removeprefix(', ')}{late}{spam}"
        case "office":
            return f"not counted as their own answer{': they are still asked' if asks else ''}"
        case "information":
            return _mailed(one).removeprefix(", ")
    return ""


def _waits(one: Standing, holder: Relay | None) -> str:
    if holder is None or one.contact:
        return "waiting to be sent"
    until = f" until {_moment(holder.held_until)}" if holder.held_until else ""
    return f"held by the contacts of {holder.body.name}{until}"


def _mailed(one: Standing) -> str:
    if one.mailed_at is None:
        return ""
    again = f", revision {one.told_revision}" if one.told_revision > 1 else ""
    return f", mailed {at(one.mailed_at)}{again}"


def _heard(one: Standing) -> str:
    """The last thing that they said, and how it came."""
    word = one.word
    if word is None:
        return ""
    late = ", late" if word.late else ""
    if word.read == Acknowledgement.Read.PHISHING:
        return f"said of revision {word.number} {at(word.at)}, {_way(word)}"
    help_ = "" if one.standing == "help" or word.read != Acknowledgement.Read.HELP else ", and needed help"
    earlier = "" if one.acknowledged or one.standing in ("office", "help") else "an earlier one: "
    return f"{earlier}revision {word.number} answered {at(word.at)}{late}{help_}, {_way(word)}"


def _way(word: Word) -> str:
    return way(word.how, word.by_name, word.name_given, word.told_how, word.told_at)


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'H:i')} {local.tzname()} on {date_format(local, 'j F')}"
