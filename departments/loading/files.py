"""From the bytes of a file to rows with their line numbers, or to remarks that say what to do."""

import csv
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from departments.loading.report import NotUnderstood, Remark, stop_at_many

# A cell longer than this is an unclosed quote or no CSV at all (characters).
LONGEST_CELL = 100_000
# A line longer than this is no table: its cells alone would fill the memory (characters).
LONGEST_LINE = 1_000_000
LARGEST_FILE = 200_000_000  # bytes
MOST_LINES = 1_000_000
PACKED = b"PK\x03\x04"


class Table:
    """The rows of a CSV: the line of each, and its cells in the order that was asked for, white space as single spaces.

    Empty lines are none. Rows that do not fit are added to the trouble. Iterating raises `NotUnderstood` where nothing
    after the place can be trusted, such as an unclosed quote.
    """

    def __init__(self, text: str, columns: Sequence[str], trouble: list[Remark], optional: Sequence[str] = ()) -> None:
        # The longest cell is a setting of the whole process; a load never wants another one.
        csv.field_size_limit(LONGEST_CELL)
        self._trouble = trouble
        self._reader = csv.reader(_lines(text), strict=True)
        found = self._find_header(columns, optional)
        self.header = [*columns, *(name for name in optional if name in found)]
        self._width = len(found)
        self._ordered = itemgetter(*(found.index(name) for name in self.header))

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        reader, ordered, width = self._reader, self._ordered, self._width
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise NotUnderstood([*self._trouble, Remark(f"line {line}", _csv_error(error))]) from None
            if cells is None:
                return
            if line > MOST_LINES:
                reason = f"more than {MOST_LINES:,} lines: divide the file"
                raise NotUnderstood([*self._trouble, Remark(f"line {line}", reason)])
            if len(cells) == width:
                yield line, [" ".join(cell.split()) for cell in ordered(cells)]
            elif any(cells):
                self._trouble.append(Remark(f"line {line}", f"{len(cells)} columns where the header has {width}"))
            stop_at_many(self._trouble)

    def _find_header(self, columns: Sequence[str], optional: Sequence[str]) -> list[str]:
        wanted = f"the first line must be {','.join(columns)}"
        besides = f"; {', '.join(optional)} may stand there as well" if optional else ""
        try:
            header = [cell.strip().lower() for cell in next(self._reader, [])]
        except csv.Error as error:
            raise NotUnderstood([Remark("line 1", f"{_csv_error(error)}; {wanted}")]) from None
        names = set(header)
        if len(names) != len(header) or not set(columns) <= names <= {*columns, *optional}:
            found = ",".join(header)[:120] or "nothing"
            raise NotUnderstood([*self._trouble, Remark("line 1", f"{wanted}, but it is {found}{besides}")])
        return header


def read_text(path: Path) -> str:
    """The file as text, without a byte order mark. Raises `NotUnderstood` where it is not UTF-8 text, or too large."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            reason = f"more than {LARGEST_FILE // 1_000_000} MB: this is no file of bodies or people, or divide it"
            raise NotUnderstood([Remark(path.name, reason)])
        data = path.read_bytes()
    except OSError as error:
        raise NotUnderstood([Remark(str(path), f"cannot be read ({error.strerror})")]) from None
    if data.startswith(PACKED):
        raise NotUnderstood([Remark(path.name, "a spreadsheet or another packed file: save it as CSV (UTF-8)")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise NotUnderstood(
            [Remark(f"line {line}", f"byte {byte:#04x} is not UTF-8: save the file as UTF-8")]
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise NotUnderstood([Remark(f"line {line}", "a NUL character: this is not a text file")])
    return text


def _lines(text: str) -> Iterator[str]:
    """Each line with its end, one at a time: a file object in memory would take four bytes for each character."""
    ending = "\n" if "\n" in text else "\r"  # old spreadsheets on a Mac
    start, number = 0, 1
    while start < len(text):
        end = text.find(ending, start) + 1 or len(text)
        if end - start > LONGEST_LINE:
            reason = f"a line of {end - start:,} characters: at most {LONGEST_LINE:,}. This is no CSV, or its lines do not end"
            raise NotUnderstood([Remark(f"line {number}", reason)])
        yield text[start:end]
        start, number = end, number + 1


def _csv_error(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words:
        return "a quotation mark opened in this row is never closed"
    if "field larger" in words:
        return f"a cell of more than {LONGEST_CELL:,} characters: is a quotation mark left open?"
    return f"not CSV ({words})"
