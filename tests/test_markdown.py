"""Markdown: what an advisory's text becomes runs nothing, fetches nothing and goes nowhere odd."""

import re
from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from alerts import markdown

SCHEMES = {"http", "https", "mailto"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://x.example/a.js></SCRIPT>",
    "a <b onmouseover=alert(1)>b</b>",
    "<iframe src='https://x.example'></iframe>",
    "<svg/onload=alert(1)>",
    "<style>body { display: none }</style>",
    "<form action='https://x.example'><input name='password'></form>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "![pixel](https://x.example/pixel.png)",
    "![pixel][p]\n\n[p]: https://x.example/pixel.png",
    "<img src=https://x.example/pixel.png>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](data:image/png;base64,iVBORw0KGgo=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://x.example "\\" onclick=alert(1)")',
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
]
pieces = st.sampled_from([*HOSTILE, "\n", "\n\n", "> ", "- ", "# ", "`", "*", "[", "](", ")", "<", ">", '"', "&", "\0"])


class Tags(HTMLParser):
    """Which tags and attributes a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what stands between tags."""
        self.text += data


def scheme(link: str) -> str:
    """Where a browser would go: it drops tabs and line ends, and blanks in front, before it looks for a scheme."""
    found = re.match(
        r"([a-z][a-z0-9+.-]*):", re.sub(r"[\t\r\n]", "", link).lstrip("".join(map(chr, range(33)))).lower()
    )
    return found[1] if found else ""


def is_harmless(html: str) -> bool:
    """Only tags of the list; a title at most, and on a link its address, which goes only where people go."""
    for tag, attributes in Tags(html).seen:
        if tag not in markdown.TAGS or not set(attributes) <= {"title", *(("href", "rel") if tag == "a" else ())}:
            return False
        if scheme(attributes.get("href") or "") not in {"", *SCHEMES}:
            return False
    return True


def test_the_check_of_these_tests_sees_harm() -> None:
    for harm in (
        "<script>",
        "<img src=x>",
        "<a href='javascript:x'>",
        "<a href=' jAva\tscript:x'>",
        "<p onclick='x'>",
        "<p style='x'>",
    ):
        assert not is_harmless(harm)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    assert is_harmless(markdown.to_html(text))


@given(st.lists(pieces | st.text(max_size=20), max_size=12).map("".join))
def test_no_mixture_of_it_runs_either(text: str) -> None:
    assert is_harmless(markdown.to_html(text))


def test_raw_html_is_shown_as_it_was_written() -> None:
    assert Tags(markdown.to_html("Type <b>this</b> & that")).text.strip() == "Type <b>this</b> & that"


def test_what_is_meant_is_kept() -> None:
    html = markdown.to_html(
        "# Why\n\nIt is **not** *safe*:\n\n- one\n- two\n\n> said\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "[more](https://a.example/b?c=1&d=2) or <mailto:a@b.example>"
    )
    assert isinstance(html, SafeString)
    tags = Tags(html).seen
    assert {"h2", "strong", "em", "ul", "li", "blockquote", "table", "th", "td", "a"} <= {tag for tag, _ in tags}
    links = [attributes for tag, attributes in tags if tag == "a"]
    assert [link["href"] for link in links] == ["https://a.example/b?c=1&d=2", "mailto:a@b.example"]
    assert all(link["rel"] == "noopener noreferrer nofollow" for link in links)


def test_headings_go_one_level_down_and_no_further_than_six() -> None:
    html = markdown.to_html("\n\n".join(f"{'#' * level} {level}" for level in range(1, 7)))
    assert [tag for tag, _ in Tags(html).seen] == ["h2", "h3", "h4", "h5", "h6", "h6"]


def test_nothing_is_nothing() -> None:
    assert markdown.to_html("") == ""


@pytest.mark.parametrize("length", [markdown.LONGEST + 1, 1_000_000])
def test_what_is_too_long_is_refused_in_words(length: int) -> None:
    with pytest.raises(ValueError, match=f"has {length:,} characters; {markdown.LONGEST:,} is the most"):
        markdown.to_html("x" * length)


@pytest.mark.parametrize("unit", ["x", ">", "[", "*a", "- ", "<", "`", "[a](", "![", "| ", "&#", "**"])
def test_the_longest_text_there_may_be_is_done(unit: str) -> None:
    assert is_harmless(markdown.to_html((unit * markdown.LONGEST)[: markdown.LONGEST]))
