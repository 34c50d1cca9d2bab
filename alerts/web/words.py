"""Figures in words, as the pages say them."""

from django.utils import timezone
from django.utils.formats import date_format

from alerts.hold_words import lasted
from alerts.models import Advisory
from alerts.web.coverage_view import CoverageView
from alerts.web.left_out import NAMED
from alerts.web.numbers import count, has, people


def verdict(view: CoverageView) -> tuple[str, str]:
    """The sentence on top: what is wrong (set in red; "" where nothing is), and the rest of it."""
    dark = view.bodies.dark
    nobody = f"{dark:,} of {count(view.bodies.targeted, 'body has', 'bodies have')} nobody to tell"
    if dark == 1:
        nobody = f"1 of {count(view.bodies.targeted, 'body', 'bodies')} has nobody to tell"
    if view.not_told:
        wrong = (
            f"{view.not_told:,} of {view.total:,} {'person has' if view.total == 1 else 'people have'} not been told"
        )
        return wrong, f", and {nobody}." if dark else "."
    if dark:
        return nobody, "; everybody else has been told." if view.total else "."
    if not view.total:
        return "", "Nobody is to be told here." if view.bodies.targeted == 0 else "Nobody can be told yet."
    if view.silent:
        return (
            "",
            f"Everybody has been told; {view.silent:,} of {people(view.total)} {_have(view.silent)} not answered yet.",
        )
    return "", f"Everybody has been told, and {_all(view.total)} answered."


def for_the_record(advisory: Advisory, view: CoverageView) -> str:
    """One paragraph for a minister or an answer to parliament, true at its moment."""
    at = timezone.localtime(view.as_at)
    moment = f"{date_format(at, 'H:i')} {at.tzname()} on {date_format(at, 'j F Y')}"
    told = "told" if view.reports_delivery else f"told (the warning was handed over{_reported(view)})"
    where = f"{count(view.bodies.targeted, 'body', 'bodies')}{'' if view.everything else ' of these branches'}"
    said = [
        f"TLP:{advisory.marking}. {advisory.reference}, as at {moment}:",
        f"of {people(view.total)} in {where}, {has(view.told)} been {told} and {has(view.parts.answered)} answered.",
        f"{has(view.not_told)} not been told{_because(view)}."
        if view.not_told
        else "Nobody else was waiting to be told.",
    ]
    if not view.everything and view.bodies.targeted > 1:
        said.append("Whoever sits in two of these bodies is counted in both.")
    if view.apart:
        said.insert(2, f"Of these {people(view.total)}: {'; '.join(view.apart)}.")
    if view.dark:
        names = [row.name for row in view.dark_named]
        more = [f"{view.dark_more:,} more"] if view.dark_more else []
        said.append(f"Nobody could be told at {count(len(view.dark), 'body', 'bodies')}: {listed(names + more)}.")
    if view.mail.late:
        said.append(f"{has(view.mail.late)} been delayed by their mail servers.")
    if view.passed:
        first = view.passed.count == 1
        held = f"It was held first by the contacts of {count(view.passed.count, 'body', 'bodies')}"
        said.append(f"{held}, for {'' if first else 'at most '}{lasted(view.passed.longest)}.")
    for item in view.left_out:
        on = date_format(timezone.localtime(item.at), "j F Y")
        bodies = listed([*(body.name for body in item.named), *([f"{item.more:,} more"] if item.more else [])])
        were = "was" if len(item.bodies) == 1 else "were"
        said.append(f"{bodies} {were} left out on purpose (“{item.reason}”), signed by {item.by.name} on {on}.")
    if view.undecided:
        further = len(view.undecided[NAMED:])
        named = [body.name for body in view.undecided[:NAMED]]
        bodies = listed([*named, *([f"{further:,} more"] if further else [])])
        said.append(f"About {bodies} nobody had decided yet.")
    if advisory.exercise:
        said.insert(0, "EXERCISE: this was a drill.")
    return " ".join(said)


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _reported(view: CoverageView) -> str:
    """Where one of the routes reports delivery: of how many, as far as they have not answered, it was reported."""
    return f", and {has(view.parts.told)} been reported delivered" if view.some_reported else ""


def _because(view: CoverageView) -> str:
    parts = view.parts
    reasons = [
        f"{number:,} {words}"
        for number, words in (
            (parts.held, "held by contacts"),
            (parts.waiting, "waiting to be sent"),
            (parts.sent if view.reports_delivery else 0, "sent without word of delivery"),
            (parts.dark, "with an address that cannot be reached"),
        )
        if number
    ]
    return f": {listed(reasons)}" if reasons else ""


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _all(number: int) -> str:
    return "the one person has" if number == 1 else f"all {number:,} have"
