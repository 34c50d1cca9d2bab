"""The benchmarks' own measuring: medians of turns, bounds that can fail, and what stands in the file."""

import csv
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.directory import slug, write_bodies, write_people
from bench.harness import Row, Timed, compare, table, within, write
from bench.rows import ROWS
from bench.sink import sink


def counting(turns: list[str], name: str, seconds: list[float]) -> Timed:
    """Notes its turn and says it took the next of these."""
    given = iter(seconds)

    def timed() -> float:
        turns.append(name)
        return next(given)

    return timed


def test_ours_and_the_yardstick_take_turns_and_their_medians_are_compared() -> None:
    turns: list[str] = []
    ours, yardstick = counting(turns, "ours", [9.0, 3.0, 2.0]), counting(turns, "yardstick", [1.0, 1.5, 80.0])
    row = compare("row", ours, yardstick, against="a bare one", bound="<= 2")
    assert turns == ["yardstick", "ours"] * 3
    assert (row.value, row.yardstick_value, row.ratio, row.holds) == (3.0, 1.5, 2.0, True)


@pytest.mark.parametrize(
    ("ratio", "bound", "holds"),
    [(2.0, "<= 2", True), (2.01, "<= 2", False), (0.6, ">= 0.6", True), (0.59, ">= 0.6", False)],
)
def test_a_bound_can_fail(ratio: float, bound: str, holds: bool) -> None:
    assert within(ratio, bound) is holds


@pytest.mark.parametrize("bound", ["< 2", "2", "<=", ""])
def test_a_bound_in_other_words_is_an_error(bound: str) -> None:
    with pytest.raises(ValueError, match=r"bound|convert"):
        within(1.0, bound)


def test_a_further_condition_fails_a_row_that_is_quick_enough() -> None:
    def always(seconds: float) -> Callable[[], float]:
        return lambda: seconds

    assert compare("row", always(1), always(1), against="itself", bound="<= 2").holds
    assert not compare("row", always(1), always(1), against="itself", bound="<= 2", also=lambda: False).holds


def test_the_results_are_a_list_of_rows_with_the_names_that_scripts_rest_on(tmp_path: Path) -> None:
    row = Row("a", 1.0, "s", "b", 2.0, 0.5, "<= 4", True)
    write([row], tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {
            "name": "a",
            "value": 1.0,
            "unit": "s",
            "yardstick": "b",
            "yardstick_value": 2.0,
            "ratio": 0.5,
            "bound": "<= 4",
            "holds": True,
        }
    ]
    assert "DOES NOT HOLD" not in table([row])
    assert "DOES NOT HOLD" in table([Row("a", 9.0, "s", "b", 2.0, 4.5, "<= 4", False)])


def test_the_rows_have_the_names_that_were_promised() -> None:
    assert {"load_directory", "load_unchanged", "tree_branch", "tree_page"} <= set(ROWS)
    assert {"reach_preview", "cascade_write", "cascade_first_mail", "cascade_idle"} <= set(ROWS)


def test_a_row_of_rates_says_how_many_a_second() -> None:
    row = compare("row", lambda: 2.0, lambda: 1.0, against="itself", bound=">= 0.6", things=1000)
    assert (row.value, row.unit, row.yardstick_value, row.ratio, row.holds) == (500, "/s", 1000, 0.5, False)
    assert "500 /s" in table([row])


def test_a_made_up_directory_is_as_large_as_it_was_asked_for_and_hangs_together(tmp_path: Path) -> None:
    with write_bodies(tmp_path / "bodies.csv", 300).open(newline="") as file:
        bodies = {row["slug"]: row["parent"] for row in csv.DictReader(file)}
    assert len(bodies) == 300
    assert sum(not parent for parent in bodies.values()) == 20
    assert all(not parent or parent in bodies for parent in bodies.values())
    with write_people(tmp_path / "people.csv", 100, 300).open(newline="") as file:
        people = list(csv.DictReader(file))
    assert len({row["email"] for row in people}) == 100
    assert len(people) == 110
    assert all(row["body"] in bodies for row in people)
    assert slug(0) in bodies


SAID = (
    b"EHLO x\r\n"
    b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    b"Subject: x\r\n\r\n..\r\n.\r\n"
    b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n"
    b"RSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nBDAT 7 LAST\r\nQUIT\r\nx"
    b"NOOP\r\nQUIT\r\n"
)
ANSWERED = [220, 250, *(250, 250, 354, 250) * 2, *[250] * 4, 250, 221]


@pytest.mark.parametrize("piece", [7, 1000])
def test_the_sink_counts_every_mail_however_it_arrives(piece: int) -> None:
    with sink() as port, socket.create_connection(("127.0.0.1", port)) as client:
        for at in range(0, len(SAID), piece):
            client.sendall(SAID[at : at + piece])
        heard = b"".join(iter(lambda: client.recv(65_536), b""))
    lines = heard.split(b"\r\n")[:-1]
    assert [int(line[:3]) for line in lines if line[3:4] == b" "] == ANSWERED
    assert b"250 3" in lines  # to NOOP
