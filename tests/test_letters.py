"""The letter: whatever somebody is called, a strict parser reads it back exactly; and no more is said than the marking lets."""

import email
import email.policy
import json
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from django.conf import settings as configured
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import markdown, marking, spelling
from alerts.letters.letter_blocks import Added
from alerts.letters.letter_words import Asked, Words
from alerts.letters.letters import Personal, Skeleton
from alerts.models import Marking
from departments.addresses import canonical

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
    check="alerts.example/check",
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


# What is not as the standards have it is an error, in any part and any header.
STRICT = email.policy.SMTP.clone(raise_on_defect=True)


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=STRICT)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    for name, value in message.items():
        assert getattr(value, "defects", ()) == (), (name, value.defects)
    return message


class Html(HTMLParser):
    """What a reader of HTML finds: the words of each paragraph, line by line, and where the links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self.links: list[str | None] = []
        self.inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p":
            self.paragraphs.append("")
            self.inside = True
        elif tag == "br":
            self.paragraphs[-1] += "\n"
        elif tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.paragraphs[-1] += data


def as_lines(content: bytes, kind: str) -> str:
    return part(parsed(content), kind).replace("\r\n", "\n")


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    assert found["Content-Transfer-Encoding"] == "quoted-printable"
    return str(found.get_content())


def display_name(content: bytes, header: str = "To") -> str:
    """The name in To (or From), by RFC 2047: blanks between two encoded words (section 6.2) are none.

    Python's newer header parser keeps them inside a phrase, so the older one reads here.
    """
    raw = str(email.message_from_bytes(content)[header])
    if raw.startswith('"'):
        return str(email.message_from_bytes(content, policy=email.policy.SMTP)[header].addresses[0].display_name)
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


@settings(deadline=None)
@given(names, st.lists(names.filter(written), min_size=1, max_size=9), names, names)
def test_html_says_exactly_what_the_text_says(name: str, bodies: list[str], contact: str, telephone: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, name=name, bodies=tuple(bodies), contact=contact, telephone=telephone))
    more = f"; and {len(bodies) - 6} more" if len(bodies) > 6 else ""
    get_it_for = f"You get this for: {'; '.join(written(body) for body in bodies[:6])}{more}."
    assert get_it_for in as_lines(content, "plain").split("\n")
    html = Html(as_lines(content, "html"))
    assert html.paragraphs[0] == f"Dear {written(name)},"
    assert html.paragraphs[1] == f"TLP:GREEN High. From National Cyber Security Centre.\n{get_it_for}"
    asks = f" Or ask your contact, {written(contact)}{f', on {written(telephone)}' if written(telephone) else ''}."
    said = f"Is this genuine? Do not trust the link alone. Type ADV-2026-0001 at {WORDS.check}."
    assert html.paragraphs[-1] == f"{said}{asks if written(contact) else ''} We never ask for a password."


@settings(deadline=None)
@given(
    st.from_regex(r"https://[a-z]{1,9}\.example(:[0-9]{1,5})?/[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{0,200}", fullmatch=True)
)
def test_any_link_is_read_back_exactly(link: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, link=link, held=("You hold it.",)))
    assert as_lines(content, "plain").split("\n").count(link) == 2
    assert Html(as_lines(content, "html")).links == [link, link]


words = st.text(alphabet="a <&>\"'=.\r\n\t\0\u2028Zoë\u202eفش👩\u200d👧", max_size=800)


@settings(deadline=None)
@given(names, words)
def test_a_note_is_read_back_line_by_line(body: str, text: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, notes=(Added(body, "today", text),)))
    clean = spelling.lines(text)
    assert clean in Html(as_lines(content, "html")).paragraphs
    quoted = [line[1:] for line in as_lines(content, "plain").split("\n") if line.startswith(">")]
    assert "".join("".join(quoted).split()) == "".join(clean.split())


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Whatever the directory takes as an address, in the form in which it keeps it."""
    atoms = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
    local = draw(st.text(alphabet=atoms + ".", min_size=1, max_size=64) | st.text(atoms + "äßΩ用户ñ.", max_size=30))
    domain = draw(st.sampled_from(["example.org", "bücher.example", "例え.jp", "a.b-c.co.uk", LONGEST_ADDRESS[65:]]))
    try:
        return canonical(f"{local}@{domain}")
    except ValueError:
        assume(False)
        raise


@settings(deadline=None)
@given(addresses(), names)
def test_any_address_of_the_directory_is_read_back_exactly(address: str, name: str) -> None:
    content = SKELETON.fill(replace(PERSONAL, address=address, name=name))
    headers = content.split(b"\r\n\r\n", 1)[0]
    assert max(map(len, headers.split(b"\r\n"))) < 998
    if address.isascii():
        assert headers.isascii()
        [to] = parsed(content)["To"].addresses
        assert to.addr_spec == address
        return
    # RFC 6532, section 3.2: such a header stands in UTF-8, and the mail goes to servers that say SMTPUTF8 only.
    assert [line for line in headers.split(b"\r\n") if not line.isascii()] == [
        line for line in headers.split(b"\r\n") if address.encode() in line
    ]
    message = email.message_from_string(content.decode(), policy=email.policy.SMTPUTF8.clone(raise_on_defect=True))
    [to] = message["To"].addresses
    assert to.addr_spec == address
    assert message.keys() == HEADERS


@pytest.mark.parametrize(
    ("issuer", "called"),
    [
        ("National Cyber Security Centre", "National Cyber Security Centre alerts"),
        ("security@bank.example", "security at bank.example alerts"),
        ("Ministère\r\nBcc: x@y.example", "Ministère Bcc: x at y.example alerts"),
        ("Office of the Deputy " * 25, f"{'Office of the Deputy ' * 4}Office of the… alerts"),
        ("x" * 500, f"{'x' * 99}… alerts"),
    ],
)
def test_the_sender_is_called_by_the_issuer_in_a_line_and_looks_like_no_other_address(issuer: str, called: str) -> None:
    content = Skeleton(replace(WORDS, issuer=issuer)).fill(PERSONAL)
    assert display_name(content, "From") == called
    [sender] = parsed(content)["From"].addresses
    assert sender.addr_spec == configured.ALERTS_FROM
    assert " ".join(issuer.split())[:400] in " ".join(part(parsed(content), "plain").split())


def test_what_is_said_of_us_is_all_in_our_own_domain(settings: SettingsWrapper) -> None:
    settings.ALERTS_FROM, settings.SITE_URL = "warnings@mail.gov.example", "https://elsewhere.example"
    message = parsed(Skeleton(WORDS).fill(replace(PERSONAL, reply="warnings+token@mail.gov.example")))
    assert message["From"].addresses[0].domain == "mail.gov.example"
    assert message["Message-ID"].endswith("@mail.gov.example>")
    assert message["List-Id"] == "<alerts.mail.gov.example>"
    assert message["Reply-To"] == "warnings+token@mail.gov.example"
    assert parsed(Skeleton(WORDS).fill(PERSONAL))["Reply-To"] == "warnings@mail.gov.example"


def test_a_text_that_looks_like_a_place_for_a_personal_part_is_a_text() -> None:
    typed = "PERSONALPARTNAMEPERSONALPART"
    copied = str(Skeleton(WORDS).kept["place"])
    lead = f"{typed} {copied}NAME{copied}"
    content = Skeleton(replace(WORDS, lead=lead)).fill(PERSONAL)
    assert "".join(lead.split()) in "".join(as_lines(content, "plain").split())
    assert lead in Html(as_lines(content, "html")).paragraphs


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
    first, second = (parsed(SKELETON.fill(replace(PERSONAL, date="Tue, 28 Apr 2026 17:00:00 +0100"))) for _ in range(2))
    assert first.as_bytes() == second.as_bytes()
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["X-Auto-Response-Suppress"] == "All"
    assert first["Message-ID"] != parsed(SKELETON.fill(replace(PERSONAL, message_key="revision:1:2")))["Message-ID"]


def test_a_mail_that_is_tried_again_is_the_same_mail_at_another_time() -> None:
    first, second = (
        parsed(SKELETON.fill(replace(PERSONAL, date=date)))
        for date in ("Tue, 28 Apr 2026 17:00:00 +0100", "Tue, 28 Apr 2026 17:01:00 +0100")
    )
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] != second["Date"]


@pytest.mark.parametrize(
    ("severity", "importance", "priority"),
    [("critical", "high", "1"), ("high", "high", "2"), ("medium", "normal", "3"), ("low", "low", "5")],
)
def test_its_importance_is_its_severity(severity: str, importance: str, priority: str) -> None:
    message = parsed(Skeleton(replace(WORDS, severity=severity)).fill(PERSONAL))
    assert (message["Importance"], message["X-Priority"]) == (importance, priority)


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
