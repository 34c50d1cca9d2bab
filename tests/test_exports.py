"""Tables as files: what a spreadsheet makes of them, and what it must not."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.exports import as_csv, as_json, clean, defused, name_of, strictest

NASTY = [
    "=1+1",
    "+44 20 7946 0000",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u200b=1",
    "＝1",
    "＋1",
    "－1",
    "＠a",
    "−1",
    "﹣1",
]
words = st.one_of(
    st.text(),
    st.text(alphabet="=+-@＝＋－＠−\t\r\n\0 ',;|\"a\u200b\ufeff"),
    st.sampled_from(NASTY),
)


def read(columns: Sequence[str], rows: list[list[object]]) -> list[list[str]]:
    """As a spreadsheet reads it, without the line of names."""
    text = b"".join(as_csv(columns, rows)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


@given(st.lists(st.lists(words, min_size=2, max_size=2), max_size=6))
def test_whatever_the_words_they_come_back_and_none_of_them_begins_a_formula(rows: list[list[object]]) -> None:
    found = read(["one", "two"], rows)
    assert found == [[defused(clean(str(cell))) for cell in row] for row in rows]
    for cell, was in zip(chain(*found), chain(*rows), strict=True):
        assert cell.replace("'", "") == clean(str(was)).replace("'", "")
        # Where a comma is the sign of decimals, spreadsheets split a file at semicolons; others at bars, or at each line.
        for piece in (cell, *re.split(r"[;|\n]", cell)):
            first = unicodedata.normalize("NFKC", piece.lstrip(" \n\u200b\ufeff"))[:1]
            assert first not in ("=", "+", "-", "@", "−", "\t", "\r")
        assert not any(unicodedata.category(sign) == "Cc" and sign != "\n" for sign in cell)


@given(st.lists(st.lists(words, min_size=2, max_size=2), max_size=6))
def test_as_json_the_words_are_what_was_written_without_what_controls(rows: list[list[object]]) -> None:
    found = json.loads(b"".join(as_json({"table": "tree"}, ["one", "two"], rows)))
    assert found["table"] == "tree"
    assert found["columns"] == ["one", "two"]
    assert found["rows"] == [{"one": clean(str(one)), "two": clean(str(two))} for one, two in rows]


@pytest.mark.parametrize("word", NASTY)
def test_each_way_to_begin_a_formula_stands_behind_an_apostrophe(word: str) -> None:
    assert read(["a"], [[word]])[0][0].startswith("'")


def test_no_cell_is_a_formula_where_a_file_is_split_at_semicolons() -> None:
    row = ["Ann;=1+1;x", "Treasury; =cmd|' /C calc'!A0; Office", 'x;"=1+1"', "two\n@lines"]
    text = b"".join(as_csv(("a", "b", "c", "d"), [row])).decode("utf-8-sig")
    for line in csv.reader(io.StringIO(text), delimiter=";"):
        for cell in line:
            assert not cell.strip().startswith(("=", "+", "@", "-")), cell


def test_numbers_stay_numbers_and_dates_say_their_zone() -> None:
    moment = datetime(2020, 4, 24, 13, 10, tzinfo=UTC)
    row: list[object] = [-5, 1.5, float("nan"), True, None, moment, date(2020, 4, 24)]
    assert read([*"abcdefg"], [row]) == [["-5", "1.5", "", "yes", "", "2020-04-24T14:10:00+01:00", "2020-04-24"]]
    found = json.loads(b"".join(as_json({"as_at": moment}, [*"abcdefg"], [row])))
    assert found["as_at"] == "2020-04-24T14:10:00+01:00"
    assert list(found["rows"][0].values()) == [-5, 1.5, None, True, None, "2020-04-24T14:10:00+01:00", "2020-04-24"]


def test_it_is_what_spreadsheets_read_as_unicode_line_by_line() -> None:
    parts = b"".join(as_csv(["body", "n"], [["Ministère “Ü”, China", 1], ['say "no"\nthen', 2]]))
    assert parts.startswith(b"\xef\xbb\xbfbody,n\r\n")
    assert '"Ministère “Ü”, China",1\r\n"say ""no""\nthen",2\r\n'.encode() in parts


def test_a_million_rows_pass_through_in_parts() -> None:
    def rows() -> Iterator[Sequence[object]]:
        yield from (["body", number] for number in range(3000))

    for parts in (as_csv(["a", "b"], rows()), as_json({}, ["a", "b"], rows())):
        assert max(len(part) for part in parts) < 30_000


def test_the_name_says_whose_it_is_and_how_far_it_may_go() -> None:
    assert name_of("ADV-2020-0017", "tree", "AMBER", "csv") == "ADV-2020-0017-tree-TLP-AMBER.csv"
    assert name_of('A"/\r\n', "tree", "AMBER+STRICT", "json") == "A-----tree-TLP-AMBER-STRICT.json"
    assert name_of("ADV-2020-0017", "tree", "RED", "csv", exercise=True) == "EXERCISE-ADV-2020-0017-tree-TLP-RED.csv"
    assert strictest(["GREEN", "RED", "AMBER"]) == "RED"
    assert strictest([]) == "CLEAR"
