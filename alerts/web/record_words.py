"""One paragraph for the record: what stood at a moment, in words that a minister or an answer to parliament can use.

It stands on its own wherever it is pasted: it carries its marking, its reference and its moment, names who could not be told
and who signed for what was left out, and says nothing that a mail under its marking could not say but names and figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format

from alerts import marking
from alerts.hold_words import lasted
from alerts.models import Advisory, State
from alerts.web.left_out import NAMED, LeftOut
from alerts.web.numbers import count

if TYPE_CHECKING:
    from alerts.coverage.glance import Named
    from alerts.web.coverage.view import CoverageView

TOPS = 3
"""So many branches are named; of more it is said how many bodies they have."""


def for_the_record(advisory: Advisory, view: CoverageView) -> str:
    """The paragraph, about what `view` shows: all of it, one branch, or the branches of whoever looks."""
    return " ".join(
        [
            *_heading(advisory),
            *_people(view, _where(view), as_at(view.as_at)),
            *_twice(view),
            *_told_apart(view),
            *_deadline(advisory, view.as_at),
            *_bodies(view),
            *_omissions(view),
        ]
    )


def as_at(moment: datetime) -> str:
    """ "16:24 BST on 24 April 2020"."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'H:i')} {local.tzname()} on {day(moment)}"


def day(moment: datetime) -> str:
    """ "24 April 2020"."""
    return date_format(timezone.localtime(moment), "j F Y")


def called(advisory: Advisory) -> str:
    """What it may be called wherever the paragraph goes: from AMBER up the open title alone."""
    if not marking.text_in_mail(advisory.marking):
        return advisory.open_title
    return " ".join(str(advisory.current.content.get("title", "")).split()) if advisory.current else ""


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"; names with commas of their own are told apart by semicolons."""
    if len(names) < 2:
        return "".join(names)
    if any("," in name for name in names):
        return f"{'; '.join(names[:-1])}; and {names[-1]}"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _heading(advisory: Advisory) -> Iterator[str]:
    if advisory.exercise:
        yield "EXERCISE: this was a drill."
    title = called(advisory)
    number = advisory.current.number if advisory.current else 1
    revision = f", revision {number}" if number > 1 else ""
    named = f" (“{title}”)" if title else ""
    yield f"TLP:{advisory.marking}. {advisory.reference}{named}, issued by {advisory.issuer.name}{revision}."
    if advisory.state == State.STOOD_DOWN:
        yield "It had been stood down."
    elif advisory.state == State.EXPIRED:
        yield "It had expired: nobody had said in time that it still held."
    elif advisory.stopped_at is not None:
        yield f"Sending had been stopped at {as_at(advisory.stopped_at)}."


def _where(view: CoverageView) -> str:
    """In which bodies the people are of whom it speaks."""
    targeted = view.bodies.targeted
    if view.of is not None:
        if view.own:
            return f"in {view.of.name} itself"
        below = f" and the bodies below it ({targeted:,} bodies in all)" if targeted > 1 else ""
        return f"in {view.of.name}{below}"
    if view.everything:
        return "in the one body that it is for" if targeted == 1 else f"in the {targeted:,} bodies that it is for"
    # What a filter finds stands at no top of anything.
    tops = [] if view.matching else [line.row.name for line in view.lines if not line.level]
    if not 0 < len(tops) <= TOPS or targeted <= 1:
        return f"in {count(targeted, 'body', 'bodies')} of those that it is for"
    below = "the bodies below it" if len(tops) == 1 else "the bodies below them"
    return f"in {listed([*tops, below])} ({targeted:,} bodies in all)"


def _people(view: CoverageView, where: str, moment: str) -> Iterator[str]:
    total, told = view.total, view.told
    if not total:
        yield f"As at {moment}, {_nobody(view, where)}."
        return
    who = f"{told:,} of the {total:,} people" if told else f"none of the {total:,} people"
    if total == 1:
        who = "the one person"
    elif told == total:
        who = f"all {total:,} people"
    if not told:
        yield f"As at {moment}, {who} {where} had {'not ' if total == 1 else ''}been told{_because(view)}."
    else:
        yield f"As at {moment}, {who} {where} had been told{_and(view)}."
        if view.not_told:
            yield f"{view.not_told:,} had not been told{_because(view)}."
    if view.no_word and view.parts.sent:
        by_office = ", or that their office told them" if view.figures.office else ""
        yield f"“Told” means that a mail server had taken the mail{by_office}; {_reported(view)}."


def _twice(view: CoverageView) -> Iterator[str]:
    """The whole alone counts each person once."""
    whole = view.everything and view.of is None
    if not whole and view.total and view.bodies.targeted > 1:
        yield "Whoever sits in two of these bodies is counted in both."


def _nobody(view: CoverageView, where: str) -> str:
    if not view.bodies.targeted:
        return "it was for nobody yet" if view.everything else "it was for nobody here"
    if view.bodies.dark >= view.bodies.targeted:
        named = _rung(view.dark_named[0]) if _is_that_body(view) and view.dark_named else f": {_dark(view)}"
        return f"nobody could be told {_by_mail(view)}{where}{named}"
    return f"nobody had been found yet who could be told {where}"


def _and(view: CoverageView) -> str:
    """How many of those told had answered, and how many of these had done what it asks for."""
    told, answered, acted = view.told, view.parts.answered, view.figures.acted
    if not answered:
        return ", and had not answered" if view.total == 1 else ", and nobody had answered"
    said = f"{answered:,} had answered"
    if answered == told:
        said = "had answered" if answered == 1 else "all of them had answered"
    if acted >= answered:
        return f", and {said}"
    if acted:
        return f", {said}, and {acted:,} had done all that it asks for"
    return f", and {said}, but {'had not' if answered == 1 else 'none of them had'} done all that it asks for"


def _because(view: CoverageView) -> str:
    """Why they had not been told."""
    parts = view.parts
    reasons = [
        (number, words)
        for number, words in (
            (parts.held, "were held by contacts of their bodies"),
            (parts.waiting, "were waiting to be sent it"),
            (parts.sent if view.reports_delivery else 0, "had been sent it, without word that it had arrived"),
            (parts.dark, "could not be reached at the addresses known"),
        )
        if number
    ]
    if len(reasons) == 1:
        return f": they {reasons[0][1]}"
    said = [f"{number:,} {words.replace('were', 'was', 1) if number == 1 else words}" for number, words in reasons]
    return f": {'; '.join(said[:-1])}; and {said[-1]}" if said else ""


def _reported(view: CoverageView) -> str:
    if view.some_reported:
        return "of some of them it was reported as delivered"
    return "whether it was delivered is not reported"


def _told_apart(view: CoverageView) -> Iterator[str]:
    if view.apart:
        yield f"Counted apart: {'; '.join(view.apart)}."
    if former := view.figures.former:
        yield f"{former:,} had answered an earlier revision and not this one, and may still have followed the old advice."
    if view.mail.late:
        yield f"To {view.mail.late:,} it was delayed by their mail {'server' if view.mail.late == 1 else 'servers'}."
    if view.mail.complained:
        yield f"{view.mail.complained:,} had reported the mail as spam."


def _deadline(advisory: Advisory, at: datetime) -> Iterator[str]:
    by = advisory.acknowledge_by
    if by is None or advisory.state == State.STOOD_DOWN:
        return
    yield f"Answers {'were' if by <= at else 'are'} due by {as_at(by)}{', which had passed' if by <= at else ''}."


def _bodies(view: CoverageView) -> Iterator[str]:
    # Where all of them are dark it was said already.
    if (dark := view.bodies.dark) and (view.total or dark < view.bodies.targeted):
        yield f"Nobody could be told {_by_mail(view)}in {count(dark, 'body', 'bodies')}: {_dark(view)}."
    if view.passed:
        number = view.passed.count
        held = f"It was held first by the contacts of {count(number, 'body', 'bodies')}"
        yield f"{held}, for {'' if number == 1 else 'at most '}{lasted(view.passed.longest)}."


def _omissions(view: CoverageView) -> Iterator[str]:
    if view.left_out:
        alike: dict[tuple[str, int | None, str], list[LeftOut]] = {}
        for item in view.left_out:
            alike.setdefault((item.reason, item.by.pk, item.by.name), []).append(item)
        yield f"Left out on purpose: {'; '.join(_left_out(items) for items in alike.values())}."
    if view.undecided:
        names = _and_more([body.name for body in view.undecided[:NAMED]], len(view.undecided[NAMED:]))
        yield f"Whether it concerns {names} had not been decided."


def _left_out(items: list[LeftOut]) -> str:
    """What one person signed for one reason, whenever they did: its bodies, the reason, who, and the days."""
    names = [body.name for item in items for body in item.bodies]
    first, last = min(item.at for item in items), max(item.at for item in items)
    on = f"on {day(first)}" if day(first) == day(last) else f"from {day(first)} to {day(last)}"
    again = [item.until for item in items if item.until]
    until = f", to be looked at again {'by' if len(again) == 1 else 'from'} {day(min(again))}" if again else ""
    said = f"“{items[0].reason}”, signed by {items[0].by.name} {on}{until}"
    return f"{_and_more(names[:NAMED], len(names[NAMED:]))} ({said})"


def _is_that_body(view: CoverageView) -> bool:
    """It speaks of one body alone, and has named it already."""
    return view.of is not None and (view.own or view.bodies.targeted == 1)


def _dark(view: CoverageView) -> str:
    """Their names; with who was told there by telephone."""
    names = [f"{row.name}{_rung(row)}" for row in view.dark_named]
    return _and_more(names, view.bodies.dark - len(names))


def _rung(dark: Named) -> str:
    return f" ({dark.rung.said})" if dark.rung else ""


def _by_mail(view: CoverageView) -> str:
    """Said where some of them were told otherwise."""
    return "by mail " if any(row.rung for row in view.dark_named) else ""


def _and_more(names: list[str], more: int) -> str:
    return listed([*names, *([f"{more:,} more"] if more > 0 else [])])
