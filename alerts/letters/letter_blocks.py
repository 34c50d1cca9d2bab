"""The blocks of a mail that only some people have: what they hold, the notes that stand for them, and what they answered.

Text and HTML alike.

A block is "" for everybody else, with no empty line left where it would have stood. Styles stand in the elements: these are
set in after the skeleton's style sheet was worked into it.
"""

import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format

from alerts import hold_words, spelling
from alerts.letters.letter_words import LABEL, WIDTH, short
from alerts.models import Acknowledgement, ActionAnswer

SHOWN = 6  # holds; the page has them all
_BLOCK = 'style="border-left: 5px solid #0b5c8a; padding: 4px 12px; margin: 12px 0;"'
_PARAGRAPH = 'style="margin: 0 0 12px;"'
_LAST = 'style="margin: 0;"'
_HEADING = 'style="font-size: 16px; margin: 0 0 4px;"'
_LINK = 'style="color: #0b5c8a;"'
_LISTED = 'style="margin: 0 0 12px; padding-left: 24px; overflow-wrap: anywhere;"'
_TABLE = 'style="border-collapse: collapse; margin: 12px 0; width: 100%;"'
_CELL = "border-top: 1px solid #d5d9d6; padding: 6px 12px 6px 0; vertical-align: top;"
_LABEL = f'scope="row" style="{_CELL} text-align: left; white-space: nowrap;"'
_SAID = f'style="{_CELL} overflow-wrap: anywhere;"'

TAKEN_BACK = "The note has been taken back since. The advisory stands as it was."


class Added(NamedTuple):
    """A note in a mail: whose, when, and its words, which may be several lines."""

    body: str
    at: str
    text: str


class Line(NamedTuple):
    """A line of a receipt, or of the issuer's answer: what it is about, and what is said of it."""

    label: str
    said: str


class Entry(NamedTuple):
    """One of several things that a mail is about: what is said of it, who or what is listed, and where it leads."""

    heading: str
    said: tuple[str, ...] = ()
    listed: tuple[Line, ...] = ()
    links: tuple[Line, ...] = ()
    """Each with its words; one that is not kept is "" when the mail is shown again."""


@dataclass(frozen=True)
class Block:
    """How a block is made in either part, from a mail's personal parts."""

    text: Callable[..., str]
    html: Callable[..., str]


def held_of(found: str | None, now: datetime) -> tuple[str, ...]:
    """What delivery read of somebody's holds (`deliver_sql.PERSONAL`), a sentence each."""
    said = []
    for body, until, people, looking in json.loads(found or "[]"):
        waits = hold_words.waits(people, looking)
        at = hold_words.until_exact(datetime.fromisoformat(until), now)
        said.append(f"You hold this for {body} until {at}. {waits[0].upper()}{waits[1:]}.")
    return tuple(said)


def notes_of(found: str | None) -> tuple[Added, ...]:
    """What delivery read of the notes that stand for somebody."""
    return tuple(Added(body, short(datetime.fromisoformat(at)), text) for body, at, text in json.loads(found or "[]"))


def reminded_text(reminded: str) -> str:
    """What a mail of the chase is about, above everything else: a paragraph a line, and lists after them."""
    said = [spelling.one_line(line) for line in reminded.split("\n") if line]
    return "".join(f"{_fill(one, then='  ' if one.startswith('- ') else '')}\n\n" for one in said)


def reminded_html(reminded: str) -> str:
    """The same, as HTML."""
    said = [spelling.one_line(line) for line in reminded.split("\n") if line]
    return "".join(f"<p {_PARAGRAPH}><b>{escape(one)}</b></p>" for one in said)


def entries_text(entries: Sequence[Entry], link: str) -> str:
    """Each under its heading; `link` stands where one is not kept."""
    return "".join(f"{_entry_text(entry, link)}\n\n" for entry in entries)


def _entry_text(entry: Entry, link: str) -> str:
    paragraphs = ["\n".join([_fill(_clean(entry.heading).upper()), *(_fill(_clean(one)) for one in entry.said)])]
    if entry.listed:
        said = (_fill(f"{_clean(one.label)}: {_clean(one.said)}", "- ", "  ") for one in entry.listed)
        paragraphs.append("\n".join(said))
    paragraphs += [f"{_fill(_clean(one.label))}:\n{one.said or link}" for one in entry.links]
    return "\n\n".join(paragraphs)


def entries_html(entries: Sequence[Entry], link: str) -> str:
    """The same, as HTML."""
    return "".join(f"<div {_BLOCK}>{_entry_html(entry, link)}</div>" for entry in entries)


def _entry_html(entry: Entry, link: str) -> str:
    said = "<br>".join(escape(_clean(one)) for one in entry.said)
    listed = "".join(
        f"<li><bdi>{escape(_clean(one.label))}</bdi>: {escape(_clean(one.said))}</li>" for one in entry.listed
    )
    links = "".join(
        f'<p {_LAST}><a {_LINK} href="{escape(one.said or link)}">{escape(_clean(one.label))}</a></p>'
        for one in entry.links
    )
    listing = f"<ul {_LISTED}>{listed}</ul>" if listed else ""
    return f"<h2 {_HEADING}>{escape(_clean(entry.heading))}</h2><p {_PARAGRAPH}>{said}</p>{listing}{links}"


def more_text(more: str) -> str:
    """What follows after everything that is named."""
    return f"{_fill(_clean(more))}\n\n" if more else ""


def more_html(more: str) -> str:
    """The same, as HTML."""
    return f"<p {_PARAGRAPH}>{escape(_clean(more))}</p>" if more else ""


def _clean(text: str) -> str:
    return spelling.one_line(text)


def held_text(held: Sequence[str], link: str) -> str:
    """What the reader holds, a paragraph each, with what to do about it."""
    if not held:
        return ""
    paragraphs = [_fill(spelling.one_line(one)) for one in _shown(held)]
    return "\n\n".join([*paragraphs, f"{_fill(_do(held))}\n{link}"]) + "\n\n"


def held_html(held: Sequence[str], link: str) -> str:
    """The same, as HTML."""
    if not held:
        return ""
    said = "".join(f"<p {_PARAGRAPH}><b>{escape(spelling.one_line(one))}</b></p>" for one in _shown(held))
    do = f'<p {_LAST}><a {_LINK} href="{escape(link)}">{escape(_do(held).removesuffix(":"))}</a></p>'
    return f"<div {_BLOCK}>{said}{do}</div>"


def _shown(held: Sequence[str]) -> list[str]:
    more = len(held) - SHOWN
    return [*held[:SHOWN], *([f"You hold it for {more} more; the page names them."] if more > 0 else [])]


def _do(held: Sequence[str]) -> str:
    return f"Release {'it' if len(held) == 1 else 'them'}, or add a note first:"


def notes_text(notes: Sequence[Added]) -> str:
    """The notes that stand for the reader, each under its heading, its lines as they were typed."""
    return "".join(f"{_fill(_heading(note))}\n{_indented(note.text)}\n\n" for note in notes)


def notes_html(notes: Sequence[Added]) -> str:
    """The same, as HTML."""
    return "".join(
        f"<div {_BLOCK}><h2 {_HEADING}>{escape(_heading(note))}</h2><p {_LAST}>{_broken(note.text)}</p></div>"
        for note in notes
    )


def noted_text(notes: Sequence[Added]) -> str:
    """What a mail about a note is about; it may have been taken back before the mail left."""
    return notes_text(notes) or f"{_fill(TAKEN_BACK)}\n\n"


def noted_html(notes: Sequence[Added]) -> str:
    """The same, as HTML."""
    return notes_html(notes) or f"<p {_PARAGRAPH}>{escape(TAKEN_BACK)}</p>"


How, Read = Acknowledgement.How, Acknowledgement.Read

MOST_OPEN = 10  # actions of bodies that a receipt names one by one

_READ: dict[str, str] = {
    Read.YES: "I have read this and understood it.",
    Read.HELP: "I have read this, and I need help.",
    Read.PHISHING: "This looks like phishing. It went to those who issued it, and counts as no answer.",
}


def answer_of(found: str | None) -> tuple[Line, ...]:
    """What delivery read of an answer (`deliver_sql.PERSONAL_ANSWER`), a line each; no more of a text than the marking lets."""
    if not found:
        return ()
    answer = json.loads(found)
    at = datetime.fromisoformat(answer["at"])
    if "reply" in answer:
        asked = [Line("You wrote", answer["asked"])] if answer["asked"] else []
        return (
            *asked,
            Line("Answer", answer["reply"]),
            Line("By", f"{answer['by']}, for {answer['issuer']}"),
            Line("On", exact(at)),
        )
    said = [
        Line("Advisory", f"{answer['reference']}, revision {answer['number']}"),
        Line("Title", answer["title"]),
        Line("Answered", exact(at)),
        Line("How", _how(answer)),
        Line("Receipt code", answer["receipt"]),
    ]
    if answer["late"]:
        # Of an earlier revision than the one that is to be answered the time is not known any more.
        due = f" It was asked for by {exact(datetime.fromisoformat(answer['due']))}." if answer["due"] else ""
        said.append(Line("Late", f"Yes.{due}"))
    said.append(Line("Your answer", _READ[answer["read"]]))
    if answer["text"]:
        said.append(Line("Your words", answer["text"]))
    said += [Line(f"Action {action['place']}", _choice(**action)) for action in answer["actions"] or ()]
    if answer.get("open") is not None:
        said.append(Line("Still open", _open(answer["open"])))
    return tuple(said)


def _open(actions: Sequence[dict[str, Any]]) -> str:
    """What is not done yet, a line each, and by when."""
    if not actions:
        return "Nothing else is asked of you."
    lines = []
    for one in actions[:MOST_OPEN]:
        body, text = f", for {one['body']}" if one["body"] else "", f": {one['text']}" if one["text"] else ""
        by = day(one["by_date"]) if one["by_date"] else exact(datetime.fromisoformat(one["due"]))
        lines.append(f"Action {one['place']}{body}, by {by}{text}")
    if len(actions) > MOST_OPEN:
        lines.append(f"And more of your bodies: {len(actions)} in all.")
    return "\n".join(lines)


def day(iso: str) -> str:
    """ "1 May 2026"."""
    return date_format(date.fromisoformat(iso), "j F Y")


def exact(moment: datetime) -> str:
    """ "24 April 2026, 10:31:05 BST"."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'j F Y, H:i:s')} {local.tzname()}"


def _how(answer: dict[str, str]) -> str:
    by, name = answer["by"] or "", answer["name"]
    match answer["how"]:
        case How.LINK:
            return f"By your link, by {name}." if name else "By your link."
        case How.REPLY:
            return f"By a reply to the mail, by {name}." if name else "By a reply to the mail."
        case How.OFFICE:
            return f"Through your office, by {by or name}."
    told = Acknowledgement.Told(answer["told_how"]).label
    return f"{by} put it down for you: told {told}, {exact(datetime.fromisoformat(answer['told_at']))}."


def _choice(
    place: int, text: str | None, body: str | None, choice: str, by_date: str | None, due: str, why: str | None
) -> str:
    """What was said of one action, and for when it was promised.

    `text` and `why` are None where the marking keeps them out of mails.
    """
    words = str(ActionAnswer.Choice(choice).label)
    if choice == ActionAnswer.Choice.LATER:
        words = "I can\N{RIGHT SINGLE QUOTATION MARK}t say yet: ask me again"
    if choice == ActionAnswer.Choice.LATER_DATE and by_date:
        words = f"Will be done by {day(by_date)}"
    if choice == ActionAnswer.Choice.WILL:
        words = f"{words}, by {exact(datetime.fromisoformat(due))}"
    said = f"{words}{f', for {body}' if body else ''}{f': {text}' if text else ''}"
    return f"{said}\nWhy: {why}" if why else said


def answer_text(answer: Sequence[Line]) -> str:
    """A receipt's lines, labels on the left."""
    return "".join(f"{_beside(line)}\n" for line in answer)


def answer_html(answer: Sequence[Line]) -> str:
    """The same, as HTML."""
    rows = "".join(
        f"<tr><th {_LABEL}>{escape(spelling.one_line(line.label))}</th><td {_SAID}>{_broken(line.said)}</td></tr>"
        for line in answer
    )
    return f"<table {_TABLE}>{rows}</table>" if rows else ""


def _beside(line: Line) -> str:
    blank = " " * LABEL
    # What somebody wrote may be several lines.
    first, *more = spelling.lines(line.said).split("\n")
    head = f"{f'{spelling.one_line(line.label)}:':<{LABEL}}"
    wrapped = [_fill(first, head, blank) or head.rstrip(), *(_fill(one, blank, blank) for one in more)]
    return "\n".join(wrapped)


def _heading(note: Added) -> str:
    return f"Added by {spelling.one_line(note.body)}, not by the issuer ({spelling.one_line(note.at)}):"


def _indented(text: str) -> str:
    return "\n".join(_wrapped(line) for line in spelling.lines(text).split("\n"))


def _wrapped(line: str) -> str:
    """A typed line in the mail's width, behind a mark that nothing of the issuer's has; its own blanks stay."""
    if not line.strip():
        return ">"
    return textwrap.fill(
        line,
        WIDTH,
        initial_indent="> ",
        subsequent_indent="> ",
        break_on_hyphens=False,
        break_long_words=False,
        replace_whitespace=False,
        expand_tabs=False,
    )


def _broken(text: str) -> str:
    return "<br>".join(escape(line) for line in spelling.lines(text).split("\n"))


def _fill(sentence: str, first: str = "", then: str = "") -> str:
    return textwrap.fill(
        sentence, WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=False
    )
