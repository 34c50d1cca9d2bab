"""`manage.py whatif ADVISORY --bodies FILE --people FILE`: who would not hear this, in a register of one's own, as text."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.management.files import advisory_in
from alerts.models import Severity
from alerts.publishing.whatif import NotTried, Sheet, whatif
from alerts.templatetags.tocsin import exact
from departments.loading.report import Progress

WIDTH = 78  # characters: what a page holds


class Command(BaseCommand):
    """Prints a sheet; publishes, mails and keeps nothing, and leaves the directory out of it."""

    help = (
        "Show who would not hear an advisory, and why, in a register of your own. Nothing is published, mailed or kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The three files."""
        parser.add_argument("advisory", type=Path, help="the advisory, as publish takes it (JSON)")
        parser.add_argument("--bodies", type=Path, required=True, metavar="FILE", help="as load_bodies takes it")
        parser.add_argument("--people", type=Path, required=True, metavar="FILE", help="as load_people takes it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Try it and print the sheet; exit code 1 and a sentence for each thing that is to be mended."""
        data = advisory_in(options["advisory"])
        try:
            sheet = whatif(data, options["bodies"], options["people"], self._progress(options["verbosity"]))
        except NotTried as error:
            said = ["Not tried."]
            for which, sentences in error.wrong.items():
                said += [f"The {which} ({options[which]}):", *sentences]
            raise CommandError("\n".join(map(_printable, said))) from None
        for line in lines_of(sheet):
            self.stdout.write(line)

    def _progress(self, verbosity: int) -> Progress:
        shown = verbosity > 1 or (verbosity == 1 and sys.stderr.isatty())
        return (lambda step: self.stderr.write(f"... {step}", self.style.NOTICE)) if shown else (lambda step: None)


def lines_of(sheet: Sheet) -> Iterator[str]:
    """The sheet, line by line, none wider than a page. The marking stands above and below."""
    marking = f"TLP:{sheet.marking}"
    yield marking
    if sheet.exercise:
        yield "EXERCISE: this is a drill"
    yield ""
    yield from _wrapped(sheet.title)
    yield from _wrapped(f"Severity: {Severity(sheet.severity).label}. As at {exact(sheet.at)}.")
    yield from _wrapped("Tried on a register of your own. Nothing was published, mailed or kept.")
    yield ""
    yield from _wrapped(
        f"It would reach {_count(sheet.people, 'person', 'people')} in {_count(sheet.bodies, 'body', 'bodies')}. "
        f"{_count(sheet.missed, 'body', 'bodies')} would not hear it."
    )
    if sheet.missed:
        yield from _wrapped(
            f"Of these {sheet.missed:,}, {sheet.outside:,} {_are(sheet.outside)} not in the audience, and {sheet.dark:,} "
            f"{_are(sheet.dark)} in it, with nobody to tell."
        )
    yield from _heading("Who would not hear this")
    for branch, bodies in sheet.unheard:
        yield from _wrapped(branch)
        for body in bodies:
            yield from _item(f"{body.name} ({body.slug}): {body.reason}")
        yield ""
    if not sheet.unheard:
        yield from _wrapped("Nobody who ought to hear it is left out, as far as this register knows.")
        yield ""
    yield from _heading("Whom it is for", blank=False)
    for line in sheet.audience:
        yield from _item(line)
    for name, reason in sheet.left_out:
        yield from _item(f'left out on purpose: {name}, "{reason}"')
    yield from _heading("The register")
    held = sheet.register
    yield from _item(
        f"{_count(held.bodies, 'body', 'bodies')}, and {_count(held.people, 'person', 'people')} "
        f"in {_count(held.places, 'place', 'places')}"
    )
    yield from _item(
        f"nobody out of hours: {sheet.no_night:,} of the {_count(sheet.bodies, 'body', 'bodies')} that it would reach"
    )
    if sheet.unknown:
        yield from _item(
            f"subjects that nobody here has as remit, so that they match nothing: {', '.join(sheet.unknown)}"
        )
    for what, remarks in sheet.remarks:
        yield from _heading(f"Remarks on the {what}")
        for remark in remarks:
            yield from _item(remark)
    yield from _heading("What this sheet can't know")
    for sentence in sheet.unknowable:
        yield from _item(sentence)
    yield ""
    yield marking


def _heading(words: str, *, blank: bool = True) -> Iterator[str]:
    if blank:
        yield ""
    yield words.upper()
    yield ""


def _item(words: str) -> Iterator[str]:
    yield from _wrapped(words, "  - ", "    ")


def _wrapped(words: str, first: str = "", then: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        _printable(words), WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False
    )


def _printable(words: str) -> str:
    """Nothing out of a file that a terminal would take for an order."""
    return "".join(sign if sign.isprintable() else " " for sign in words)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
