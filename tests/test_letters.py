"""The letter: whatever somebody is called, a strict parser reads it back exactly; and no more is said than the marking lets."""

import email
import email.policy
import json
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import markdown, marking
from alerts.letter_blocks import Added
from alerts.letter_words import Asked, Words
from alerts.letters import Personal, Skeleton
from alerts.models import Marking

WORDS = Words(
    reference="ADV-2026-0001",
    number=1,
    kind="notice",
    issuer="National Cyber Security Centre",
    severity="high",
    severity_name="High",
    marking="TLP:GREEN",
    exercise=False,
    open=True,
    code=False,
    subject="[High] Do not use Zoom for confidential business — today: answer by Tue 28 April, 17:00 BST",
    title="Do not use Zoom for confidential business",
    lead="Meetings may be overheard.",
    preview="Meetings may be overheard.",
    changed="",
    earlier="",
    informs=False,
    noted=False,
    stood_down=False,
    achieved=(),
    thanks=False,
    do_not=("Closed sessions",),
    fine=("Public sessions",),
    instead=("The approved service",),
    asked=(Asked("Move closed meetings", "Fri 1 May, 17:00 BST", False),),
    answer_by="Tue 28 April, 17:00 BST",
    check="https://alerts.example/check",
)
PERSONAL = Personal(
    message_key="revision:1:1",
    name="Ann Other",
    address="ann@example.org",
    bodies=("Foreign Affairs Committee", "HM Treasury"),
    link="https://alerts.example/a/7Qm2vX9cKpT4nR8sWd1yZb",
    contact="Béa Contact",
    telephone="020 7946 0001",
)
SKELETON = Skeleton(WORDS)
HEADERS = [
    *("To", "Message-ID", "Date", "From", "Subject", "Reply-To", "List-Id", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "Importance", "X-Priority", "MIME-Version", "Content-Type"),
]
LONGEST_ADDRESS = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org"
names = st.text(max_size=300) | st.sampled_from(
    [
        'Zoë "Q" O\'Brien <x@y.example>, Jr.',
        "=?utf-8?q?Ann?=",
        "Ann\r\nBcc: all@example.org",
        "PERSONALPARTNAMEPERSONALPART",
        "\u0627" * 200,
        "👩‍👩‍👧‍👦" * 40,
        "\\" * 30,
        "x" * 500,
        "",
        ".",
        "\0\x01\u2028",
    ]
)


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    assert found["Content-Transfer-Encoding"] == "quoted-printable"
    return str(found.get_content())


def display_name(content: bytes) -> str:
    """The name in To, by RFC 2047: blanks between two encoded words (section 6.2) are none.

    Python's newer header parser keeps them inside a phrase, so the older one reads here.
    """
    raw = str(email.message_from_bytes(content)["To"])
    if raw.startswith('"'):
        return str(email.message_from_bytes(content, policy=email.policy.SMTP)["To"].addresses[0].display_name)
    return str(make_header(decode_header(raw.rpartition("<")[0].strip())))


def written(name: str) -> str:
    """A name as one line, which is how it may stand in a mail."""
    kept = (character if character.isprintable() or character in "\u200c\u200d" else " " for character in name)
    return " ".join("".join(kept).split())


@given(names)
def test_any_name_is_read_back_exactly_and_starts_no_header(name: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, name=name))
    message = parsed(content)
    expected = written(name)
    [to] = message["To"].addresses
    assert to.addr_spec == "ann@example.org"
    assert display_name(content) == expected
    assert message.keys() == HEADERS
    assert part(message, "plain").splitlines()[0] == f"Dear {expected},"
    body = content.split(b"\r\n\r\n", 1)[1]
    assert max(len(line) for line in body.split(b"\r\n")) <= 76
    assert b"\n" not in content.replace(b"\r\n", b"")


@given(names | st.sampled_from(["\\" * 400, '"' * 300, "x" * 400, "x " * 250]))
def test_no_header_line_is_longer_than_a_server_takes(name: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, name=name, address=LONGEST_ADDRESS))
    headers = content.split(b"\r\n\r\n", 1)[0]
    assert max(len(line) for line in headers.split(b"\r\n")) < 998
    assert headers.isascii()
    assert display_name(content) == written(name)


def test_a_name_keeps_the_joiners_that_it_is_written_with() -> None:
    for name in ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "क\u094d\u200dष", "👩\u200d👩\u200d👧"):
        content = SKELETON.fill(replace(PERSONAL, name=name))
        assert display_name(content) == name
        assert f"Dear {name}," in part(parsed(content), "plain")
        assert f"Dear {name}," in part(parsed(content), "html")


@pytest.mark.parametrize("control", ["\r\n", "\n", "\0", "\x1b", "\x85", "\u2028", "\u202e", "\u200f", "\ufeff"])
def test_a_control_character_becomes_a_blank(control: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, name=f"Ann{control}Bcc: x"))
    assert display_name(content) == "Ann Bcc: x"
    assert parsed(content)["Bcc"] is None


@settings(deadline=None)
@given(st.lists(names, max_size=9), names, names)
def test_bodies_and_contacts_stand_as_they_are_called(bodies: list[str], contact: str, telephone: str) -> None:
    personal = replace(PERSONAL, bodies=tuple(bodies), contact=contact, telephone=telephone)
    message = parsed(SKELETON.fill(personal))
    text = part(message, "plain")
    for body in bodies[:6]:
        assert written(body) in text
    if written(contact):
        assert f"Or ask your contact, {written(contact)}" in text


def bare(words: str) -> str:
    """Without blanks and without marks: as it reads, wherever its lines are broken."""
    return "".join(words.replace(">", " ").split())


def plain(personal: Personal) -> str:
    return part(parsed(SKELETON.fill(personal)), "plain").replace("\r\n", "\n")


@settings(deadline=None)
@given(names, names, names | st.text(alphabet="a <&>\r\n\t=.\0\u2028", max_size=2_000))
def test_any_hold_and_any_note_are_read_back_and_start_nothing(held: str, body: str, text: str) -> None:
    personal = replace(PERSONAL, held=(held,), notes=(Added(body, "Tue 28 April, 17:00 BST", text),))
    content = SKELETON.fill(personal)
    message = parsed(content)
    assert message.keys() == HEADERS
    said = bare(part(message, "plain"))
    for words in (held, body, text):
        assert bare(written(words)) in said
    html = part(message, "html")
    assert "<script" not in html
    assert html.count("<h2") == part(parsed(SKELETON.fill(PERSONAL)), "html").count("<h2") + 1
    lines = content.split(b"\r\n\r\n", 1)[1].split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert b"\n" not in content.replace(b"\r\n", b"")
    kept = Personal.from_json(json.loads(json.dumps(personal.to_json())))
    assert replace(kept, link=PERSONAL.link) == personal


def test_nobody_else_has_a_line_or_a_blank_of_it() -> None:
    text = plain(PERSONAL)
    assert text.startswith("Dear Ann Other,\n\nDO NOT USE ZOOM")
    assert "\n\n\n" not in text
    assert "  2. Move closed meetings, by Fri 1 May, 17:00 BST\n\nAnswer here, without signing in:" in text
    html = part(parsed(SKELETON.fill(PERSONAL)), "html")
    assert "<p></p>" not in html
    assert "hold this" not in html


def test_a_note_keeps_its_lines_behind_a_mark_of_their_own() -> None:
    note = Added("HM Treasury", "Tue 28 April, 17:00 BST", "Ask <Béa>:\n\n  room 4\n" + "long " * 30)
    personal = replace(PERSONAL, notes=(note,))
    text = plain(personal)
    assert (
        "\nAdded by HM Treasury, not by the issuer (Tue 28 April, 17:00\nBST):\n> Ask <Béa>:\n>\n>   room 4\n> long"
        in text
    )
    assert text.index("2. Move closed meetings") < text.index("Added by") < text.index("Answer here")
    assert "Ask &lt;Béa&gt;:<br><br>  room 4<br>long" in part(parsed(SKELETON.fill(personal)), "html")


def test_what_an_older_mail_kept_is_read_still() -> None:
    kept = {name: value for name, value in PERSONAL.to_json().items() if name not in ("held", "notes", "noted_by")}
    assert replace(Personal.from_json(kept), link=PERSONAL.link) == PERSONAL


def test_many_holds_are_counted_once_enough_are_named() -> None:
    held = tuple(f"You hold this for Body {number} until 14:05 today (BST)." for number in range(9))
    for kind in ("plain", "html"):
        words = part(parsed(SKELETON.fill(replace(PERSONAL, held=held))), kind)
        assert "Body 5" in words
        assert "Body 6" not in words
        assert "3 more; the page names them." in words
        assert "Release them" in words


def test_a_name_is_no_markup_in_html() -> None:
    html = part(parsed(SKELETON.fill(replace(PERSONAL, name="<script>alert(1)</script>"))), "html")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert f'href="{PERSONAL.link}"' in html


def test_the_subject_is_one_line_and_whole() -> None:
    torn = replace(WORDS, subject="[High] Stop\r\nBcc: all@example.org\n\nnow")
    message = parsed(Skeleton(torn).fill(PERSONAL))
    assert message["Subject"] == "[High] Stop Bcc: all@example.org now"
    assert message.keys() == HEADERS
    assert parsed(SKELETON.fill(PERSONAL))["Subject"] == WORDS.subject


def test_a_mail_is_known_as_automatic_and_is_the_same_mail_whenever_it_is_made() -> None:
    first, second = (
        parsed(SKELETON.fill(replace(PERSONAL, date="Tue, 28 Apr 2026 17:00:00 +0100"))) for _ in range(2)
    )
    assert first.as_bytes() == second.as_bytes()
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["X-Auto-Response-Suppress"] == "All"
    assert first["Message-ID"] != parsed(SKELETON.fill(replace(PERSONAL, message_key="revision:1:2")))["Message-ID"]


def test_what_is_kept_of_a_mail_is_no_key_to_answering() -> None:
    kept = PERSONAL.to_json()
    assert PERSONAL.link not in str(kept)
    assert replace(Personal.from_json(kept), link=PERSONAL.link) == PERSONAL


def test_a_drill_says_so_in_its_headers_and_first_lines() -> None:
    message = parsed(Skeleton(replace(WORDS, exercise=True, subject="[EXERCISE] [High] x")).fill(PERSONAL))
    assert message["X-Exercise"] == "yes"
    assert "THIS IS AN EXERCISE" in part(message, "plain")


def test_an_update_says_first_what_changed() -> None:
    text = part(parsed(Skeleton(replace(WORDS, changed="Version 5 is out.")).fill(PERSONAL)), "plain")
    assert 0 < text.index("CHANGED: Version 5 is out.") < text.index("Do not use for:")


@pytest.mark.parametrize("label", [Marking.AMBER, Marking.AMBER_STRICT, Marking.RED])
def test_from_amber_up_only_the_open_title_stands_in_a_mail(label: str) -> None:
    assert not marking.text_in_mail(label)
    closed = replace(
        WORDS,
        open=False,
        title="Advice on video meetings",
        lead="",
        preview="",
        do_not=(),
        fine=(),
        instead=(),
        asked=(),
    )
    message = parsed(Skeleton(replace(closed, marking=f"TLP:{label}")).fill(PERSONAL))
    for kind in ("plain", "html"):
        words = part(message, kind)
        assert "overheard" not in words
        assert "Closed sessions" not in words
        assert PERSONAL.link in words
    assert marking.needs_code(Marking.RED)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<iframe src='https://x.example'></iframe>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://x.example/pixel.png)",
        '<a href="https://x.example" onclick="alert(1)">x</a>',
    ],
)
def test_markdown_runs_nothing_and_fetches_nothing(text: str) -> None:
    html = markdown.to_html(text)
    for danger in (
        "<script",
        "<iframe",
        "<img",
        'href="javascript',
        'href="data',
        '<a href="https://x.example" onclick',
    ):
        assert danger not in html


def test_markdown_that_is_too_long_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="is the most"):
        markdown.to_html("x" * 1_000_000)
