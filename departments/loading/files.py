"""From the bytes of a file to rows with their line numbers, or to remarks that say what to do."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from departments.loading.report import NotUnderstood, Remark

# A cell longer than this is an unclosed quote or no CSV at all (characters).
LONGEST_CELL = 100_000


@dataclass(frozen=True)
class Row:
    """A row's cells by column name, each trimmed and with white space as single spaces."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_text(path: Path) -> str:
    """The file as text, without a byte order mark. Raises `NotUnderstood` where it is not UTF-8 text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotUnderstood([Remark(str(path), f"cannot be read ({error.strerror})")]) from None
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


def csv_rows(text: str, columns: Sequence[str], trouble: list[Remark]) -> Iterator[Row]:
    """Each row of a CSV with exactly these columns, in any order; empty lines are none.

    Rows that do not fit are added to `trouble`. Raises `NotUnderstood` where nothing after the place can be trusted:
    the header, or an unclosed quote.
    """
    # The longest cell is a setting of the whole process; a load never wants another one.
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = _header(reader, columns, trouble)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise NotUnderstood([*trouble, Remark(f"line {line}", _csv_error(error))]) from None
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(header):
            trouble.append(Remark(f"line {line}", f"{len(cells)} columns where the header has {len(header)}"))
            continue
        yield Row(line, {name: " ".join(cell.split()) for name, cell in zip(header, cells, strict=True)})


def _header(reader: Iterator[list[str]], columns: Sequence[str], trouble: list[Remark]) -> list[str]:
    wanted = f"the first line must be {','.join(columns)}"
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
    except csv.Error as error:
        raise NotUnderstood([Remark("line 1", f"{_csv_error(error)}; {wanted}")]) from None
    if sorted(header) != sorted(columns):
        found = ",".join(header)[:120] or "nothing"
        raise NotUnderstood([*trouble, Remark("line 1", f"{wanted}, but it is {found}")])
    return header


def _csv_error(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words:
        return "a quotation mark opened in this row is never closed"
    if "field larger" in words:
        return f"a cell of more than {LONGEST_CELL:,} characters: is a quotation mark left open?"
    return f"not CSV ({words})"
