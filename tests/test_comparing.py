"""What changed between two texts, as somebody would read it."""

from collections.abc import Sequence
from random import Random

import pytest

from alerts.models import Draft
from alerts.publishing.comparing import Difference, Piece, differences, text_of, text_of_draft
from tests import rows
from tests.yards import within

OLD = {"title": ["Do not use Zoom"], "summary": ["It is overheard."], "do_not_use_for": ["closed sessions"]}


def said(pieces: list[Piece], *hows: str) -> str:
    return "".join(piece.text for piece in pieces if piece.how in hows)


def test_the_same_text_has_no_differences() -> None:
    assert differences(OLD, OLD) == []


def test_only_the_fields_that_changed_are_named_in_the_order_of_reading() -> None:
    new = {**OLD, "title": ["Do not use Zoom 5"], "use_instead": ["a telephone"]}
    assert [one.label for one in differences(OLD, new)] == ["Title", "Use instead"]


def test_both_texts_can_be_read_back_from_the_pieces() -> None:
    old = {"guidance": ["First line here", "", "Second  line, with  blanks."]}
    new = {"guidance": ["First line there", "A new one", "Second line."]}
    [difference] = differences(old, new)
    assert said(difference.pieces, "same", "gone") == "\n".join(old["guidance"])
    assert said(difference.pieces, "same", "new") == "\n".join(new["guidance"])


def test_words_that_came_and_went_stand_beside_what_stayed() -> None:
    [difference] = differences({"title": ["Public business may go on today"]}, {"title": ["Public business may go on"]})
    assert difference == Difference("Title", [Piece("same", "Public business may go on"), Piece("gone", " today")])


def test_a_field_that_is_gone_is_struck_out_whole() -> None:
    [difference] = differences(OLD, {key: lines for key, lines in OLD.items() if key != "do_not_use_for"})
    assert difference.pieces == [Piece("gone", "closed sessions")]


def test_a_long_text_is_compared_by_its_lines() -> None:
    lines = [f"line {number} of many" for number in range(10_000)]
    [difference] = differences({"guidance": lines}, {"guidance": [*lines[:5_000], "new", *lines[5_000:]]})
    assert [piece.how for piece in difference.pieces] == ["same", "new", "same"]


def many(number: int, words: Sequence[str], between: str = " ") -> str:
    """So many of these words, always the same ones."""
    return between.join(Random(number).choices(words, k=number))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (many(4_900, "ab"), many(4_901, "ab")),
        (many(499, ["alpha", "beta", "gamma"]), many(498, ["alpha", "beta", "gamma"])),
        (" ".join("ab"[n % 2] for n in range(499)), " ".join("aab"[n % 3] for n in range(499))),
        (many(8_000, ["alpha", "beta"], "\n"), many(8_001, ["alpha", "beta"], "\n")),
        (many(50_000, "ab", "\n"), many(50_001, "ab", "\n")),
    ],
    ids=["two words", "three words", "in step", "short lines", "100,000 characters"],
)
def test_texts_made_to_be_hard_to_compare_are_compared_quickly(old: str, new: str) -> None:
    [difference] = within(200, lambda: differences({"guidance": old.splitlines()}, {"guidance": new.splitlines()}))
    assert (said(difference.pieces, "same", "gone"), said(difference.pieces, "same", "new")) == (old, new)


def test_a_long_text_in_which_a_few_words_changed_is_compared_by_its_words() -> None:
    old = [f"word{number % 1_700} and another{number % 1_900}" for number in range(2_000)]
    new = [*old[:3], "something else", *old[4:-3], "at the end too", *old[-2:]]
    [difference] = differences({"guidance": old}, {"guidance": new})
    gone, came = (said(difference.pieces, how).split() for how in ("gone", "new"))
    assert gone == ["word3", "and", "another3", "word297", "and", "another97"]
    assert came == ["something", "else", "at", "the", "end", "too"]


def test_what_takes_the_place_of_something_is_set_apart_from_it() -> None:
    [difference] = differences(
        {"title": ["All is here now, for the whole day"]}, {"title": ["All is gone, for the whole day"]}
    )
    assert [(piece.how, apart) for piece, apart in difference.shown] == [
        ("same", False), ("gone", False), ("new", True), ("same", False)]  # fmt: skip


@pytest.mark.django_db
def test_a_draft_reads_as_it_would_be_published_and_what_cannot_be_read_as_it_was_typed() -> None:
    advisory = rows.advisory()
    assert advisory.current is not None
    content = {
        "title": "Do not use Zoom",
        "actions": [{"text": "Move", "due": "soon", "of": "body"}, "odd"],
        "topics": 7,
    }
    draft = Draft(advisory=advisory, content=content)
    [difference] = differences(text_of(advisory.current), text_of_draft(draft))
    assert difference.label == "What is asked"
    assert said(difference.pieces, "new") == "Move, by soon (answered once for each body)"
