"""Answers by mail: what counts as a person's own words, what they may say, whose they are, and what becomes of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import inbound, own_links, tokens
from alerts.answer_form import LONGEST_NAME
from alerts.answering import answers, doubts
from alerts.answering.answers import Given
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.inbound import mailbox
from alerts.inbound.own_words import Own, own_words
from alerts.inbound.replying import AFTER_THE_MAIL, ANOTHER_ADDRESS, MOST_RECEIPTS, TOLD_WITHIN
from alerts.inbound.understanding import TABLE, Meaning, Means, called_by, understood
from alerts.models import Acknowledgement, Code, Message, Recipient, Record
from config.mail_url import mailbox as mailbox_of
from departments.models import Delegation
from tests import rows
from tests.imap import Imap
from tests.office import Office
from tests.smtp import Server
from tests.test_tracking import mail_of
from tests.yards import within

NOON = datetime(2020, 4, 24, 12, 0, tzinfo=UTC)  # when the mail left
LATER = NOON + timedelta(minutes=5)
Read, How = Acknowledgement.Read, Acknowledgement.How

# --- what the words say ---

READ, DONE = Meaning(Read.YES), Meaning(Read.YES, done=True)

SAYS: dict[Means, list[str]] = {
    Means.READ: [
        "Read",
        "READ!",
        "I have read this.",
        "I’ve read and understood this, thanks",
        "Read & understood",
        "ok, understood",
        "OK understood",
        "Acknowledged",
        "Noted, with thanks.",
        "I understand.",
        "Happy to confirm that I have read this.",
        "Hi,\n\nUnderstood.\n\nThanks\nDana",
        "Understood, thanks\nDW",
        "Dear National Cyber Security Centre,\n\nWe have all read the guidance.\n\nDana Whitlock\nClerk\n020 7946 0001",
        "OFFICIAL\n\nRead and understood",
        "Read\n\nDana, Clerk",
        "Read\n\nKind regards,\n\nDANA WHITLOCK (she/her)\nHead of IT & Facilities | House of Commons\nT: 020 7946 0001"
        "\nmobile 07700 900001\nwww.parliament.example\ndana@parliament.example\n\nNo. 10, Parliament Street, London SW1A 2NE",
    ],
    Means.YES: [
        "Confirmed",
        "OK, confirmed. Thanks\nDana",
        "Yes",
        "Yes, I have.",
        "I confirm",
    ],
    Means.DONE: [
        "Done",
        "All done.",
        "Done, thanks!",
        "Read and done",
        "Read, understood and done",
        "It's done.",
        "Understood. All actions are completed.",
        "We have done all of this today",
        "Everything has been done",
    ],
    Means.HELP: [
        "Help",
        "Please help!",
        "I need help.",
        "Read, but I need help with the second one",
        "I don't understand what a closed meeting is.\nCan somebody ring me on 020 7946 0001?",
        "Can someone please help with the licences?",
        "We need some help",
    ],
    Means.DOUBT: [
        "Is this genuine?",
        "is this a scam??",
        "Is this real? I never heard of you.",
        "Phishing",
        "spam",
        "This looks like phishing to me.",
        "I think this is a phishing email",
        "Read. Is this mail genuine?",
    ],
}

UNCLEAR = [
    "",
    "   \n\n",
    "ok",
    "Thanks",
    "Received",
    "Seen",
    "Will do",
    "I will read this",
    "Please read",
    "Nearly done",
    "Done by Friday",
    "Done except the second one",
    "Done?",
    "Read?",
    "Yes?",
    "No",
    "Not read",
    "I haven't read this",
    "I have not yet read this",
    "Read, not understood",
    "Yes but not done",
    "Can't do it",
    "Never read",
    "Read\nbut I have not done it",
    "Read by nobody here",
    "Read 👍",
    "Read\n\nDana\nP.S. not done yet",
    "Read\n\nDana\nHowever, which meetings does this mean?",
    "Understood\n\nKind regards\nDana\nIs this genuine?",
    "Thanks,\nI have not understood it",
    "Warning: I have not read this email.\n\nNoted",
    "This is not phishing",
    "No help needed",
    "I do not need help",
    "Help desk is informed",
    "I don't understand why you send me this, I have not read it",
    "Which of our meetings does this mean?",
    "I read this to mean that Zoom is fine",
    "Done deal",
    "Read\n\nDana\nWe keep using Zoom until May.",
    "Read. Dana. We keep using Zoom until May.",
    "Read\n\nDana\nZoom stays in use",
    "Read\n\nDana\nWE KEEP USING ZOOM",
    "Read\n\nDana\nZoom Stays In Use Here.",
    "Read\n\nDana\nNot Me",
    "Read\n\nDana\nPS Ask Tom",
    "Hello nobody here reads this\nRead",
    "Read\n\nDana\nis on leave",
    "Read\n\nKind regards\nDana\nStill on Zoom until May",
    "Read\n\nDana\n" + "020 7946 0001\n" * 16,
    "\u202edaeR",
    "مقروء",
    "Прочитано",
    "rеad",  # its e is Cyrillic
    "x" * 5_000,
    "read " * 1_000,
    "?" * 5_000,
]


@pytest.mark.parametrize(("means", "words"), [(means, words) for means, all_ in SAYS.items() for words in all_])
def test_what_is_said_plainly_is_understood(means: Means, words: str) -> None:
    read = {Means.HELP: Read.HELP, Means.DOUBT: Read.PHISHING}.get(means, Read.YES)
    wanted = Meaning(read, means is Means.DONE, words if read != Read.YES else "")
    assert understood(Own(words), ["Dana Whitlock"]) == wanted


@pytest.mark.parametrize("words", UNCLEAR)
def test_what_may_mean_something_else_is_not(words: str) -> None:
    assert understood(Own(words), ["Dana Whitlock"]) is None


# Each is what stands below the words, of somebody called Asha Patel.
SIGNED_SO = [
    "Asha",
    "asha",
    "ASHA.",
    "- Asha",
    "-Asha",
    "\u2014 Asha",
    "-- \nAsha",
    "Asha P",
    "A. Patel",
    "A.P.",
    "A P",
    "AP",
    "Thanks Asha",
    "Many thanks Asha",
    "Thanks,\nAsha",
    "Kind regards Asha",
    "Thanks & regards,\nAsha",
    "All the best,\nAsha",
    "BW\nAsha",
    "Cheers\nAsha Patel\nClerk",
]


@pytest.mark.parametrize("below", SIGNED_SO)
@pytest.mark.parametrize("name", ["Asha Patel", "Patel, Asha", "Dr Asha Patel OBE", "Ásha-Marie Patel"])
def test_how_somebody_signs_with_their_own_name_says_nothing(name: str, below: str) -> None:
    if "Marie" in name and "AP" in below.replace(".", ""):
        name = "Ásha Patel"
    for between in ("\n", "\n\n"):
        own = own_words(written(f"Read and understood.{between}{below}\n"))
        assert understood(own, [name]) == READ


def test_a_first_name_is_known_from_their_address_where_the_directory_has_an_initial() -> None:
    own = Own("Read and understood.\n\nAsha")
    assert understood(own, ["A. Patel"]) is None
    assert understood(own, ["A. Patel", called_by("asha.patel2@x.example")]) == READ
    assert called_by("asha_marie.o'neil-7@x.example") == "asha marie neil"
    assert called_by("do-not.read.a@no.example") == "", "no word that tells anything is anybody's name by it"
    assert called_by("") == ""


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("Tom", "Asha Patel"),
        ("Almost", "A. Patel"),
        ("A", "Asha Patel"),
        ("P.", "Asha Patel"),
        ("A. Later", "Asha Patel"),
        ("Asha\nNot really", "Asha Patel"),
        ("Asha\nI have not done it", "Asha Patel"),
        ("Asha. Zoom stays in use", "Asha Patel"),
        ("Asha will look", "Asha Patel"),
        ("Asha, which meetings?", "Asha Patel"),
        ("- Asha has not", "Asha Patel"),
        ("? Asha", "Asha Patel"),
        ("A.P.?", "Asha Patel"),
        ("- Zoom\n- Asha", "Asha Patel"),
        ("Thanks Asha but no", "Asha Patel"),
        ("Thanks Asha, we keep using it", "Asha Patel"),
        ("Thanks Tom", "Asha Patel"),
        ("Regards to Asha", "Asha Patel"),
        ("All the best but not yet", "Asha Patel"),
        ("No", "Nina Oduya"),
        ("N.O.", "Nina Oduya"),
        ("N O", "Nina Oduya"),
        ("I will", "Ian Will"),
        ("No", "Oduya, Nina"),
        ("No", "Ms Nina Oduya MP"),
        ("Do not", "Do-Not Me"),
    ],
)
def test_a_signature_that_is_not_theirs_or_says_more_is_not_understood(below: str, name: str) -> None:
    assert understood(own_words(written(f"Read and understood.\n\n{below}")), [name]) is None


@pytest.mark.parametrize("words", ["Asha", "Thanks Asha", "Not read.\n\nAsha", "Read?\n\nAsha", "Thanks Asha\n\nRead"])
def test_a_name_alone_makes_nothing_of_other_words(words: str) -> None:
    assert understood(own_words(written(words)), ["Asha Patel"]) is None


def test_each_kind_of_sentence_in_the_table_has_its_examples() -> None:
    assert {means for means, _ in TABLE} == {*SAYS, Means.NOTHING, Means.SIGNED}


# --- what words are their own ---

OURS = "National Cyber Security Centre alerts"
QUOTED = "Dear Dana Whitlock,\n\nDO NOT USE ZOOM\n\nWe ask this of you:\n  1. Say that you have read this\n  2. Done"
MARKED = "\n".join(f"> {line}" for line in QUOTED.split("\n"))
ADDRESS = "alerts+ce4a6qj2w5lcyz6xk3vbd2kq7rtu@alerts.example"
OUTLOOK = (
    f"From: {OURS} <{ADDRESS}>\nSent: 24 April 2020 10:30\nTo: Dana Whitlock <dana@x.example>\nSubject: [High] Do not"
)
DISCLAIMER = (
    "This email and any files transmitted with it are confidential and intended solely for the use of the individual to "
    "whom they are addressed. If you have received it in error you must not read, use or copy it."
)

PROGRAMS = {
    "Gmail": f"Read\n\nOn Fri, 24 Apr 2020 at 10:31, {OURS} <\n{ADDRESS}> wrote:\n\n{MARKED}\n",
    "Gmail, broken in three": f"Read\n\nOn Fri, 24 Apr 2020 at 10:31, {OURS}\n<{ADDRESS}>\nwrote:\n\n{MARKED}\n",
    "Apple Mail": f"Read\n\n> On 24 Apr 2020, at 10:31, {OURS} <{ADDRESS}> wrote:\n> \n{MARKED}",
    "iPhone": f"Read\n\nSent from my iPhone\n\n> On 24 Apr 2020, at 10:31, {OURS} <{ADDRESS}> wrote:\n> \n> \ufeff{QUOTED[:9]}",
    "Outlook": f"Read\r\n\r\n{OUTLOOK}\n\n{QUOTED}".replace("\n", "\r\n").replace("\r\r", "\r"),
    "Outlook, with a rule": f"Read\n\n________________________________\n{OUTLOOK}\n\n{QUOTED}",
    "Outlook on a phone": (
        f"Read\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\n{OUTLOOK}\n\n{QUOTED}"
    ),
    "an old Outlook": f"Read\n\n-----Original Message-----\n{OUTLOOK}\n\n{QUOTED}",
    "Outlook in bold": f"Read\n\n*From:* {OURS}\n*Sent:* 24 April 2020 10:30\n*To:* Dana\n*Subject:* Do not\n\n{QUOTED}",
    "Thunderbird, below": f"On 24/04/2020 10:31, {OURS} wrote:\n{MARKED}\n\nRead\n",
    "Thunderbird, above": f"Read\n\nOn 24/04/2020 10:31, {OURS} wrote:\n{MARKED}\n",
    "a signature": f"Read\n\n-- \nDana Whitlock\nClerk\n\nOn 24/04/2020 10:31, {OURS} wrote:\n{MARKED}",
    "a disclaimer": f"Read\n\n{DISCLAIMER}\n\n{OUTLOOK}\n\n{QUOTED}",
    "a disclaimer at the end": f"Read\n\nOn 24/04/2020 10:31, {OURS} wrote:\n{MARKED}\n\n{DISCLAIMER}",
    "a signature with a mail system's words": f"Read\n\n-- \nDana Whitlock\nClerk\n\n{DISCLAIMER}",
    "Parliament": "Read\n\nUK Parliament Disclaimer: this e-mail is confidential to the intended recipient.",
    "a Samsung": f"Read\n\nSent from my Galaxy\n\n-------- Original message --------\n{OUTLOOK}\n\n{QUOTED}",
    "a banner": f"CAUTION: This email originated from outside of the organisation.\n\nRead\n\n{OUTLOOK}\n\n{QUOTED}",
    "Windows' Mail": f"Read\n\nSent from Mail for Windows\n\n{OUTLOOK}\n\n{QUOTED}",
}


def written(text: str, kind: str = "plain", charset: str = "utf-8") -> EmailMessage:
    mail = EmailMessage()
    mail.set_content(text, subtype=kind, charset=charset)
    return mail


@pytest.mark.parametrize("program", PROGRAMS)
def test_of_what_a_program_sends_the_persons_own_words_are_read(program: str) -> None:
    own = own_words(written(PROGRAMS[program]))
    assert own.words == "Read"
    assert understood(own, ["Dana Whitlock"]) == READ


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_quoted_alone_is_nobodys_answer(program: str) -> None:
    text = PROGRAMS[program].replace("Read\n", "\n").replace("Read\r\n", "\r\n")
    assert understood(own_words(written(text)), ["Dana Whitlock"]) is None


# As they are found below the mails of departments, and above those that come in from elsewhere.
NOTICES = [
    DISCLAIMER,
    "This email and any files transmitted with it are private and intended solely for the use of the individual or entity to\n"
    "whom they are addressed. If you have received this email in error please return it to the sender and then delete it from\n"
    "your system. This email message has been swept for computer viruses.",
    "This e-mail and any attachments is intended only for the attention of the addressee(s). Any unauthorised use, disclosure,"
    " storage or copying is not permitted. If you are not the intended recipient, please destroy all copies and inform the"
    " sender by return e-mail.",
    "Disclaimer: The information in this email is confidential. Any views expressed are not necessarily those of the Department"
    " for Work and Pensions. E-mails may be monitored and recorded for lawful purposes.",
    "Confidentiality notice\nThis message may contain confidential information. If you are not the intended recipient, you must"
    " not read, copy or distribute it.",
    "This e-mail has been checked for viruses, but no liability is accepted for any damage caused by any virus transmitted by"
    " this e-mail. This e-mail address is not secure, is not encrypted and should not be used for sensitive data.",
    "Please consider the environment before printing this email.\nPlease excuse brevity and any typos",
    "Follow us on Twitter @cabinetofficeuk",
    "I work flexibly, and do not expect an answer at night.",
    "My working days are Monday to Thursday.",
    "[EXTERNAL]",
    "CAUTION: This email originated from outside of the organisation. Do not click links or open attachments unless you"
    " recognise the sender and know the content is safe.",
    "You don\u2019t often get email from dana@x.example. Learn why this is important<https://aka.ms/LearnAbout>",
]


@pytest.mark.parametrize("notice", NOTICES)
def test_what_mail_systems_add_is_nobodys_word(notice: str) -> None:
    for text in (f"Read\n\n{notice}", f"{notice}\n\nRead", f"Read\n{notice}\n\n> quoted\n\n{notice}"):
        assert own_words(written(text)) == Own("Read")


SAID_LIKE_A_NOTICE = [
    "This email was not intended for me.",
    "This message contains a virus, I think.",
    "This email went to the wrong recipient, I am not Dana.",
    "This message is not confidential, so I sent it to all. Please call me.",
    "This message is confidential, so I sent it to nobody.",
    "This email is confidential\nand so I have let nobody see it",
    "Security note: we go on using Zoom.",
    "Disclaimer: we go on using Zoom.",
    "Any use of it is not prohibited here.",
    "If you have received this in error, we have too.",
    "Notice: the sender is unknown to us, and so we left the email alone.",
    "Warning: from outside, this message looks wrong to me.",
]


@pytest.mark.parametrize("words", SAID_LIKE_A_NOTICE)
def test_who_writes_like_a_notice_is_heard(words: str) -> None:
    for text in (f"Read\n\n{words}", f"{words}\n\nRead", f"Read\n{DISCLAIMER} {words}"):
        assert understood(own_words(written(text)), ["Dana Whitlock"]) is None


@pytest.mark.parametrize(
    "below",
    [
        "Sent from my iPhone\nWe keep using Zoom.",
        "Sent from my iPhone, we keep using Zoom",
        "Sent using my thumbs because Zoom is quicker",
        "-- \nWe keep using Zoom",
        "-- \nDana Whitlock\nclosed meetings stay as they are",
        "Best regards\nDana\nAll but Zoom Is Gone",
        "Thanks\n\nSent from my iPhone\nNot read",
    ],
)
def test_below_a_name_or_a_device_nothing_more_may_be_said(below: str) -> None:
    assert understood(own_words(written(f"Yes\n\n{below}")), ["Dana Whitlock"]) is None


@pytest.mark.parametrize(
    "device", ["Sent from Mail for Windows", "Sent from Yahoo Mail on Android", "Sent via my Phone."]
)
def test_with_what_it_was_sent_says_nothing(device: str) -> None:
    assert understood(own_words(written(f"Done\n\n{device}\n\nDana Whitlock\nClerk")), ["Dana Whitlock"]) == DONE


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ("> Do you still use Zoom?\nYes", None),
        ("> Do you still use Zoom?\nConfirmed", None),
        ("> 1. Move\nDone\n> 2. Count", None),
        ("> 1. Move\n> 2. Count\n\nAll done", None),
        ("Done\n\n> 1. Move\n\nYes", None),
        ("> 1. Move\nRead\n> 2. Count\nNo", None),
        ("<blockquote>1. Move</blockquote>Done<blockquote>2. Count</blockquote>", None),
        ("> 1. Move\nRead and understood\n> 2. Count", READ),
        ("> 1. Move\nI need help\n> 2. Count", Meaning(Read.HELP, text="I need help")),
        ("> 1. Move\n\nIs this genuine?", Meaning(Read.PHISHING, text="Is this genuine?")),
        ("Done\n\n> 1. Move\n> 2. Count", DONE),
    ],
)
def test_a_word_between_quoted_lines_is_said_of_these_and_not_of_all(words: str, means: Meaning | None) -> None:
    own = own_words(written(words, "html" if words.startswith("<") else "plain"))
    assert understood(own, ["Dana Whitlock"]) == means


IN_HTML = {
    "Gmail": (
        '<div dir="ltr">Read</div><br><div class="gmail_quote"><div dir="ltr">On Fri, 24 Apr 2020 at 10:31, '
        f'{OURS} &lt;<a href="mailto:{ADDRESS}">{ADDRESS}</a>&gt; wrote:<br></div><blockquote class="gmail_quote">'
        "<div>Say that you have read this</div><p>Done</p></blockquote></div>"
    ),
    "Outlook": (
        "<html><head><style>p.MsoNormal {margin:0cm}</style></head><body><div class=WordSection1><p class=MsoNormal>Read"
        "<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><div style='border:none;border-top:solid #E1E1E1 1.0pt'>"
        f"<p class=MsoNormal><b>From:</b> {OURS} &lt;{ADDRESS}&gt;<br><b>Sent:</b> 24 April 2020 10:30<br><b>To:</b> Dana"
        "<br><b>Subject:</b> Do not</p></div><p>Say that you have read this</p></div></body></html>"
    ),
    "Apple Mail": (
        f'<html><body>Read<br><div><br><blockquote type="cite"><div>On 24 Apr 2020, at 10:31, {OURS} wrote:</div>'
        "<div>Done<blockquote>deeper</blockquote></div></blockquote></div></body></html>"
    ),
    "nothing closed": "<p>Read<blockquote><p>Done",
}


@pytest.mark.parametrize("program", IN_HTML)
def test_where_there_is_no_text_the_html_is_read(program: str) -> None:
    assert own_words(written(IN_HTML[program], "html")).words == "Read"


def test_an_attachment_is_nobodys_words_and_a_second_text_is_read_too() -> None:
    mail = written("Read\n")
    mail.add_attachment("I have not read this", filename="minutes.txt")
    assert own_words(mail).words == "Read"
    apple = EmailMessage()
    apple.set_content("Read\n")
    apple.make_mixed()
    second = EmailMessage()
    second.set_content("I have not done it\n")
    apple.attach(second)
    assert understood(own_words(apple)) is None


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("text/plain; charset=iso-8859-1", b"Noted.\n\nKind regards\nRen\xe9"),
        ("text/plain; charset=utf-16", "Noted".encode("utf-16")),
        ("text/plain; charset=no-such-thing", b"Noted"),
        ("text/plain; charset=zip", b"Noted"),
        ("text/plain; charset=punycode", b"Noted"),
        ("text/plain; charset=\"utf-8'en'x\"", b"Noted"),
        ("text/plain", b"No\x00ted".replace(b"\x00", b"") + b"\x00"),
        ("text/plain; charset=us-ascii", "Noted\u200b\u202c".encode()),
    ],
)
def test_a_mail_in_any_charset_is_read(head: str, body: bytes) -> None:
    raw = f"Content-Type: {head}\nContent-Transfer-Encoding: 8bit\n\n".encode() + body
    for policy in (None, default):
        message = message_from_bytes(raw, policy=policy) if policy else message_from_bytes(raw)
        assert understood(own_words(message)) == READ


@pytest.mark.parametrize(
    "text",
    [
        "On " * 40_000,
        "From: a\n \n" * 20_000,
        "a" + " \n" * 60_000 + "b",
        ">" * 100_000,
        "> > \n" * 30_000,
        "On a\nwrote\n" * 10_000,
        "not a b c " * 10_000,
        "_" * 100_000,
        "Warning: mail " * 10_000,
        "Sent from my " * 10_000,
        "This email is confidential and " * 4_000,
        "If you have received this in error please " * 4_000,
        "If you have received this in error" + " please" * 14_000 + " I",
        "Any use" + " of it" * 16_000 + " I\n",
        "any use of it\n" * 7_000,
        "Any views expressed are not necessarily those of" + " The" * 20_000,
        "Read\nDana\n" + "Clerk " * 16_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_text_that_is_made_to_take_long_does_not(text: str) -> None:
    assert within(300, lambda: understood(own_words(written(text)))) is None


@pytest.mark.parametrize(
    "html", ["<div>" * 40_000, "<" * 50_000, "<!--" * 20_000, "<a " * 30_000, "&" * 50_000, "<blockquote>" * 9_000]
)
def test_html_that_is_made_to_take_long_does_not(html: str) -> None:
    assert within(300, lambda: understood(own_words(written(html, "html")))) is None


@bounded(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["plain", "html"]))
def test_no_words_however_strange_raise(text: str, kind: str) -> None:
    raw = f"Content-Type: text/{kind}; charset=utf-8\n\n".encode() + text.encode("utf-8", "surrogatepass")
    understood(own_words(message_from_bytes(raw)), [text])


# --- what becomes of it ---

pytestmark = pytest.mark.django_db


class Asked:
    """A warning with two actions of a person and one of a body, mailed to a contact at noon."""

    def __init__(self) -> None:
        self.advisory = rows.advisory()
        self.first = self.advisory.revisions.get()
        for key, of in (("move", "person"), ("count", "person"), ("tell", "body")):
            rows.action(self.first, key, of)
        self.relay = rows.relay(self.advisory, "treasury")
        self.recipient = rows.recipient(self.advisory, self.relay, who=rows.person("Dana Whitlock"), role="contact")
        self.mail = mail_of(self.recipient, sent_at=NOON)

    @property
    def address(self) -> str:
        return f"alerts+{tokens.make_32(self.recipient.pk, self.recipient.token_issue, tokens.REPLY)}@tocsin.example"

    def reply(self, words: str = "Read", **changes: str | None) -> bytes:
        """Their reply, as a mail system brings it; a header that is None is left out."""
        headers = {
            "From": f"Dana Whitlock <{self.recipient.person.email}>",
            "To": f"{OURS} <{self.address}>",
            "Date": "Fri, 24 Apr 2020 12:04:58 +0000",
            "Message-ID": "<reply-1@mx.example>",
            "Subject": "RE: [High] Do not use Zoom",
            "In-Reply-To": f"<{hashlib.sha256(self.mail.key.encode()).hexdigest()[:32]}@tocsin.example>",
            "Content-Type": "text/plain; charset=utf-8",
        }
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        by_name = {**headers, **{next((k for k in headers if k.lower() == n.lower()), n): v for n, v in named.items()}}
        head = "".join(f"{name}: {value}\n" for name, value in by_name.items() if value is not None)
        return f"{head}\n{words}\n".encode("utf-8", "surrogatepass")

    def takes(self, raw: bytes, received: datetime = LATER, **envelope: str) -> Acknowledgement | None:
        """What is kept of it, once however often it is read; None where nothing is."""
        before = Acknowledgement.objects.count()
        for policy in (None, default):
            message = message_from_bytes(raw, policy=policy) if policy else message_from_bytes(raw)
            read = inbound.take(message, received, **envelope)
        self.recipient.refresh_from_db()
        made = list(Acknowledgement.objects.order_by("pk")[before:])
        assert len(made) <= 1
        assert read.is_done == any(not one.suspect for one in made)
        return made[0] if made else None

    @property
    def mailed(self) -> list[str]:
        """The keys of the mails that go with answers."""
        kinds = (Message.Kind.RECEIPT, Message.Kind.UNCLEAR)
        return list(Message.objects.filter(kind__in=kinds).order_by("pk").values_list("key", flat=True))

    def choices(self, answer: Acknowledgement) -> dict[str, str]:
        return dict(answer.answers.values_list("action__key", "choice"))


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_a_reply_that_says_so_is_an_answer_once_with_a_receipt(asked: Asked) -> None:
    made = asked.takes(asked.reply())
    assert made is not None
    assert (made.how, made.read, made.revision, made.by, made.text) == ("reply", "yes", asked.first, None, "")
    assert (made.at, made.late, made.suspect, made.counts) == (LATER, False, [], True)
    assert asked.choices(made) == {"move": "later", "count": "later"}, "a body's action is left alone"
    assert (asked.recipient.answered_revision, asked.recipient.acted_revision) == (1, 0)
    assert Acknowledgement.objects.count() == 1
    assert asked.mailed == [f"receipt:{made.pk}"]
    entry = Record.objects.get(kind="acknowledged")
    assert (entry.actor, entry.details["how"]) == (asked.recipient.person, "reply")


def test_done_says_it_of_every_action_of_a_person(asked: Asked) -> None:
    made = asked.takes(asked.reply("All done."))
    assert made is not None
    assert asked.choices(made) == {"move": "done", "count": "done"}
    assert asked.recipient.acted_revision == 1


def test_who_said_more_before_takes_nothing_of_it_back_by_saying_that_they_have_read_it(asked: Asked) -> None:
    asked.takes(asked.reply("Done"))
    made = asked.takes(asked.reply("Noted, thanks", Message_ID="<reply-2@mx.example>"))
    assert made is not None
    assert asked.choices(made) == {"move": "done", "count": "done"}
    assert (asked.recipient.acted_revision, Acknowledgement.objects.count()) == (1, 2)


def test_who_needs_help_is_kept_with_their_words(asked: Asked) -> None:
    made = asked.takes(asked.reply("I need help.\nWhat is a closed meeting?\n\nDana"))
    assert made is not None
    assert (made.read, made.text) == ("help", "I need help.\nWhat is a closed meeting?\n\nDana")
    assert asked.recipient.needs_help


def test_a_doubt_is_told_to_the_issuer_once_and_does_not_count(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[int]()
    monkeypatch.setattr(doubts, "tell", lambda question: told.append(question.recipient_id))
    made = asked.takes(asked.reply("Is this genuine?"))
    assert made is not None
    assert (made.read, made.counts, asked.recipient.answered_revision) == ("phishing", False, 0)
    assert told == [asked.recipient.pk]
    assert asked.choices(made) == {}
    assert asked.mailed == [f"receipt:{made.pk}"]


def test_what_is_not_understood_is_no_answer_and_they_are_told_so_once_a_day(asked: Asked) -> None:
    now = timezone.now()
    for number in range(3):
        assert asked.takes(asked.reply("Which meetings?", Message_ID=f"<{number}@mx.example>"), now) is None
    assert asked.mailed == [f"unclear:{asked.recipient.pk}:{timezone.localdate(now).isoformat()}:1"]
    assert not Record.objects.filter(kind="acknowledged").exists()


def test_a_mailbox_that_is_read_again_another_day_tells_nobody_anew(asked: Asked) -> None:
    came_in = timezone.now()
    for days in (0, 1, 30):
        with time_machine.travel(came_in + timedelta(days=days), tick=False):
            assert asked.takes(asked.reply("Which meetings?"), came_in) is None
    assert len(asked.mailed) == 1


def test_nobody_is_told_of_what_they_wrote_days_ago(asked: Asked) -> None:
    assert asked.takes(asked.reply("Which meetings?"), timezone.now() - TOLD_WITHIN - timedelta(minutes=1)) is None
    assert asked.mailed == []


def test_whoever_has_answered_may_write_what_they_like(asked: Asked) -> None:
    asked.takes(asked.reply())
    inbound.take(message_from_bytes(asked.reply("Thanks. And Teams?", Message_ID="<2@mx.example>")), timezone.now())
    assert [key.partition(":")[0] for key in asked.mailed] == ["receipt"]


# --- machines ---


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated"},
        {"X-Autoreply": "yes"},
        {"Precedence": "bulk"},
        {"List-Id": "<talk.rows.example>"},
        {"List-Unsubscribe": "<mailto:leave@rows.example>"},
        {"Return-Path": "<>"},
        {"Subject": "Automatic reply: [High] Do not use Zoom"},
        {"Subject": "=?utf-8?q?Out_of_office=3A?= Read"},
        {"Subject": "Read: [High] Do not use Zoom"},
        {"Content-Type": "message/disposition-notification"},
        {"Content-Type": "message/delivery-status"},
    ],
)
@pytest.mark.parametrize("words", ["Read", "I am away until Monday."])
def test_a_machine_never_answers_and_is_never_answered(headers: dict[str, str], words: str, asked: Asked) -> None:
    for envelope in ({}, {"envelope_to": asked.address}):
        inbound.take(message_from_bytes(asked.reply(words, **headers)), LATER, **envelope)
    assert not Acknowledgement.objects.exists()
    assert asked.mailed == []


def test_a_reply_sooner_than_a_person_can_is_kept_as_suspect_and_not_answered(asked: Asked) -> None:
    made = asked.takes(asked.reply(), NOON + timedelta(seconds=2))
    assert made is not None
    assert (made.suspect, made.counts, asked.recipient.answered_revision) == ([AFTER_THE_MAIL], False, 0)
    assert asked.recipient.suspect_revision == 1
    asked.takes(asked.reply("Gone fishing", Message_ID="<2@mx.example>"), NOON + timedelta(seconds=2))
    assert asked.mailed == []


def test_what_answers_by_itself_gets_only_so_many_receipts(asked: Asked) -> None:
    for number in range(MOST_RECEIPTS + 3):
        inbound.take(message_from_bytes(asked.reply(Message_ID=f"<{number}@mx.example>")), timezone.now())
    assert Acknowledgement.objects.count() == MOST_RECEIPTS + 3
    assert len(asked.mailed) == MOST_RECEIPTS


# --- from whom ---


@pytest.mark.parametrize(
    "sender",
    [
        "mallory@elsewhere.example",
        "Dana Whitlock <dana@elsewhere.example>",
        '"person@rows.example" <mallory@elsewhere.example>',
        "a@x.example, b@x.example",
        "Dana Whitlock",
        "",
        "<@>",
        "\udcff\udcfe <\udcff@x.example>",
    ],
)
def test_from_anybody_elses_address_it_is_kept_and_does_not_count(sender: str, asked: Asked) -> None:
    made = asked.takes(asked.reply(From=sender))
    assert made is not None
    assert (made.suspect, made.counts, asked.mailed) == ([ANOTHER_ADDRESS], False, [])
    assert Record.objects.filter(kind="answered like a machine").count() == 1
    asked.takes(asked.reply("Who are you?", From=sender, Message_ID="<2@mx.example>"))
    assert asked.mailed == [], "nothing is mailed on the word of somebody else"


def test_their_address_is_theirs_however_it_is_written(asked: Asked) -> None:
    written_so = asked.recipient.person.email.upper()
    made = asked.takes(asked.reply(From=f'"Whitlock, Dana (Clerk)" <{written_so}>'))
    assert made is not None
    assert made.counts


def test_a_delegate_answers_through_the_office_by_name(asked: Asked) -> None:
    oona = rows.person("Oona Office")
    named = Delegation.objects.create(person=asked.recipient.person, delegate=oona, named_by=oona)
    made = asked.takes(asked.reply("Understood.\n\nOona", From=f"Oona <{oona.email}>"))
    assert made is not None
    assert (made.how, made.by, made.name_given, made.counts) == ("office", oona, "", True)
    assert (asked.recipient.office_revision, asked.recipient.answered_revision) == (1, 0)
    Delegation.objects.filter(pk=named.pk).update(until=timezone.now() - timedelta(seconds=1), since=NOON)
    later = asked.takes(asked.reply(From=oona.email, Message_ID="<2@mx.example>"), timezone.now())
    assert later is not None
    assert later.suspect == [ANOTHER_ADDRESS]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Clerk Two", "Clerk Two"),
        ("=?utf-8?q?B=C3=A9atrice?=", "Béatrice"),
        ("=?no-such?q?x?=", "=?no-such?q?x?="),
        ("=?utf-8?b?A?=", None),
        ("N" * 3_900, "N" * LONGEST_NAME),
        ("\u202eevil\x00", "evil"),
    ],
)
def test_of_a_shared_mailbox_the_name_in_from_is_kept(name: str, kept: str | None, asked: Asked) -> None:
    person = asked.recipient.person
    person.shared = True
    person.save(update_fields=["shared"])
    made = asked.takes(asked.reply(From=f"{name} <{person.email}>"))
    assert made is not None
    assert made.counts
    assert kept is None or made.name_given == kept


@pytest.mark.parametrize(
    "name", ["", "Treasury Press Office", "PRESS OFFICE (Treasury)", "press-office@rows.example", "!"]
)
def test_a_shared_mailbox_answers_for_nobody_without_a_persons_name(name: str, asked: Asked) -> None:
    person = asked.recipient.person
    person.shared, person.name = True, "Treasury Press Office"
    person.save(update_fields=["shared", "name"])
    sender = f'"{name}" <{person.email}>' if name else person.email
    assert asked.takes(asked.reply(From=sender), timezone.now()) is None
    assert [key.partition(":")[0] for key in asked.mailed] == ["unclear"]
    doubt = asked.takes(asked.reply("Is this genuine?", From=sender, Message_ID="<2@mx.example>"), timezone.now())
    assert doubt is not None
    assert doubt.read == Read.PHISHING, "which counts for nobody"


# --- to which revision ---


def test_the_revision_answered_is_that_of_the_mail_replied_to(asked: Asked) -> None:
    update = rows.revise(asked.advisory)
    second = mail_of(asked.recipient, 2, sent_at=NOON + timedelta(minutes=1))
    made = asked.takes(asked.reply())
    assert made is not None
    assert made.revision == asked.first, "the first was replied to, though the second was there by then"
    ids = f"<unknown@x.example> <{hashlib.sha256(second.key.encode()).hexdigest()[:32]}@tocsin.example>"
    made = asked.takes(asked.reply(In_Reply_To=None, References=ids, Message_ID="<2@mx.example>"))
    assert made is not None
    assert (made.revision, asked.recipient.answered_revision) == (update, 2)


def test_a_provider_names_its_mails_itself(asked: Asked) -> None:
    rows.revise(asked.advisory)
    mail_of(asked.recipient, 2, sent_at=NOON + timedelta(minutes=1), provider_id="<0102-abc@eu.mail.example>")
    Message.objects.filter(pk=asked.mail.pk).update(provider_id="010201-def")
    made = asked.takes(asked.reply(In_Reply_To="<010201-def@eu.mail.example>"))
    assert made is not None
    assert made.revision.number == 1
    made = asked.takes(asked.reply(In_Reply_To="<0102-abc@eu.mail.example>", Message_ID="<2@mx.example>"))
    assert made is not None
    assert made.revision.number == 2


def id_of(mail: Message) -> str:
    """Its Message-ID, with which it left."""
    return f"<{hashlib.sha256(mail.key.encode()).hexdigest()[:32]}@tocsin.example>"


def left(key: str, at: datetime) -> Message:
    """The mail with this key, handed over by now."""
    Message.objects.filter(key__startswith=key).update(state="sent", sent_at=at)
    return Message.objects.get(key__startswith=key)


def test_a_reply_to_a_mail_that_went_with_an_answer_is_of_the_revision_that_was_answered(asked: Asked) -> None:
    now = timezone.now()
    assert asked.takes(asked.reply("Which meetings?"), now) is None
    first = asked.takes(asked.reply("Read", Message_ID="<2@mx.example>"), now)
    assert first is not None
    unclear, receipt = left("unclear:", now), left(f"receipt:{first.pk}", now)
    rows.revise(asked.advisory)
    mail_of(asked.recipient, 2, sent_at=now)
    for number, mail in enumerate((unclear, receipt), 3):
        answer = asked.reply("Done", In_Reply_To=id_of(mail), Message_ID=f"<{number}@mx.example>", Date=None)
        made = asked.takes(answer, now + timedelta(minutes=number))
        assert made is not None
        assert made.revision == asked.first
        soon = asked.reply("Done", In_Reply_To=id_of(mail), Message_ID=f"<{number}-soon@mx.example>", Date=None)
        made = asked.takes(soon, now + timedelta(seconds=1))
        assert made is not None
        assert made.suspect == [AFTER_THE_MAIL], "sooner after this very mail than a person can"


def test_a_reply_to_ones_own_link_is_of_no_revision(asked: Asked) -> None:
    now = timezone.now()
    own_links.send(asked.recipient.pk, asked.advisory.pk, now)
    named = id_of(left("own-link:", now - timedelta(hours=1)))
    assert asked.takes(asked.reply("Read", In_Reply_To=named), now) is None
    assert asked.mailed == [f"unclear:{asked.recipient.pk}:{timezone.localdate(now).isoformat()}:0"]
    named = id_of(left("unclear:", now))
    again = asked.reply("Read", In_Reply_To=named, Message_ID="<2@mx.example>")
    assert asked.takes(again, now + timedelta(minutes=1)) is None


def test_where_no_mail_is_named_it_is_the_last_one_before_and_none_is_no_answer(asked: Asked) -> None:
    rows.revise(asked.advisory)
    mail_of(asked.recipient, 2, sent_at=LATER + timedelta(hours=1))
    made = asked.takes(asked.reply(In_Reply_To=None))
    assert made is not None
    assert made.revision.number == 1
    early = asked.reply(In_Reply_To=None, Date="Fri, 24 Apr 2020 11:00:00 +0000", Message_ID="<2@mx.example>")
    inbound.take(message_from_bytes(early), LATER)
    assert Acknowledgement.objects.count() == 1


def test_a_mail_that_lay_in_a_mailbox_is_as_late_as_it_came_in(asked: Asked) -> None:
    due = LATER + timedelta(minutes=1)
    type(asked.advisory).objects.filter(pk=asked.advisory.pk).update(acknowledge_by=due)
    made = asked.takes(asked.reply())
    assert made is not None
    assert not made.late
    made = asked.takes(asked.reply(Message_ID="<2@mx.example>"), due + timedelta(seconds=1))
    assert made is not None
    assert made.late


@pytest.mark.parametrize("number", [1, 2])
def test_what_lay_in_a_mailbox_takes_nothing_back_that_was_said_since(number: int, asked: Asked) -> None:
    if number == 2:
        rows.revise(asked.advisory)
    question = answers.question(asked.recipient.pk, number)
    assert question is not None
    answers.keep(question, Given(How.LINK, Read.YES, uuid4(), at=LATER + timedelta(days=1)))
    assert asked.takes(asked.reply("Help")) is None, "it lies where it was, for people to read"
    assert not asked.recipient.needs_help
    doubt = asked.takes(asked.reply("Is this genuine?", Message_ID="<2@mx.example>"))
    assert doubt is not None, "it takes nothing back"


def test_what_others_said_for_them_since_or_they_of_an_earlier_revision_is_no_later_word(asked: Asked) -> None:
    rows.revise(asked.advisory)
    mail_of(asked.recipient, 2, sent_at=NOON)
    since = LATER + timedelta(days=1)
    by_link = Given(How.LINK, Read.YES, uuid4(), at=since)
    by_telephone = answers.Told.TELEPHONE
    for_them = Given(How.BEHALF, Read.YES, uuid4(), by=rows.person(), told_how=by_telephone, told_at=since, at=since)
    for number, given_then in ((1, by_link), (2, for_them)):
        question = answers.question(asked.recipient.pk, number)
        assert question is not None
        answers.keep(question, given_then)
    made = asked.takes(asked.reply("Read", In_Reply_To=None))
    assert made is not None
    assert (made.how, made.revision.number, made.at) == ("reply", 2, LATER)


def test_a_reply_that_was_taken_is_done_with_whatever_was_said_since(asked: Asked) -> None:
    made = asked.takes(asked.reply())
    question = answers.question(asked.recipient.pk, 1)
    assert question is not None
    answers.keep(question, Given(How.LINK, Read.YES, uuid4(), at=LATER + timedelta(days=1)))
    assert made is not None
    assert inbound.take(message_from_bytes(asked.reply()), LATER).is_done
    assert Acknowledgement.objects.count() == 2


# --- tokens ---


def test_a_forged_token_costs_no_query(asked: Asked) -> None:
    right = asked.address
    for forged in (right.replace("+", "+a"), right.replace("@", "a@"), "alerts+" + "b" * 30 + "@tocsin.example", "x"):
        with CaptureQueriesContext(
            connection,
        ) as asked_for:
            inbound.take(message_from_bytes(asked.reply(To=forged)), LATER)
        assert len(asked_for) == 0, forged
    other = f"alerts+{tokens.make_32(asked.recipient.pk, 0, tokens.RETURN)}@tocsin.example"
    inbound.take(message_from_bytes(asked.reply(To=other)), LATER)
    assert not Acknowledgement.objects.exists()


def test_a_token_that_was_revoked_answers_nothing(asked: Asked) -> None:
    raw = asked.reply()
    Recipient.objects.filter(pk=asked.recipient.pk).update(token_issue=1)
    for words in (raw, raw.replace(b"\n\nRead", b"\n\nWhat?")):
        inbound.take(message_from_bytes(words), LATER)
    assert not Acknowledgement.objects.exists()
    assert asked.mailed == []


def test_what_is_stood_down_is_answered_late_and_nobody_is_asked_again(asked: Asked) -> None:
    rows.revise(asked.advisory, "stand-down")
    type(asked.advisory).objects.filter(pk=asked.advisory.pk).update(state="stood-down", acknowledge_by=NOON)
    inbound.take(message_from_bytes(asked.reply("What a relief.", Message_ID="<2@mx.example>")), LATER)
    assert asked.mailed == []
    made = asked.takes(asked.reply())
    assert made is not None
    assert (made.late, made.counts, made.revision.number) == (True, True, 1)


def test_at_red_only_whoever_unlocked_the_page_since_can_have_read_it(asked: Asked) -> None:
    type(asked.advisory).objects.filter(pk=asked.advisory.pk).update(marking="RED", open_title="Advice")
    assert asked.takes(asked.reply(), timezone.now()) is None
    assert len(asked.mailed) == 1
    assert asked.mailed[0].startswith("unclear:")
    since = asked.first.at
    code = Code.objects.create(
        recipient=asked.recipient,
        asked_at=since,
        expires_at=since + timedelta(hours=1),
        used_at=since - timedelta(days=1),
    )
    assert asked.takes(asked.reply()) is None, "that was an earlier text"
    doubt = asked.takes(asked.reply("Is this genuine?", Message_ID="<2@mx.example>"))
    assert doubt is not None
    assert doubt.read == Read.PHISHING, "to doubt it nobody need have read it"
    Code.objects.filter(pk=code.pk).update(used_at=since + timedelta(seconds=1))
    made = asked.takes(asked.reply())
    assert made is not None
    assert made.read == Read.YES


# --- bad input ---


def test_huge_and_deep_mails_are_left_alone_or_read_quickly(asked: Asked) -> None:
    whole = asked.reply("Read\n\n" + "> quoted\n" * 1_000_000)
    assert within(600, lambda: asked.takes(whole)) is not None
    deep = "".join(f'--b{n}\nContent-Type: multipart/mixed; boundary="b{n + 1}"\n\n' for n in range(200))
    raw = asked.reply(deep + "Read", Content_Type='multipart/mixed; boundary="b0"', Message_ID="<2@mx.example>")
    within(600, lambda: inbound.take(message_from_bytes(raw), LATER))
    assert Acknowledgement.objects.count() == 1


def test_a_key_of_any_octets_and_words_with_nuls_are_kept(asked: Asked) -> None:
    raw = asked.reply("I need help\n\x00with \ud800this \u202eone", Message_ID="<caf\udce9@mx.example>")
    made = asked.takes(raw.replace(b"caf\xed\xb3\xa9", b"caf\xe9"))
    assert made is not None
    assert made.text.startswith("I need help\n")
    assert "\x00" not in made.text


def test_no_word_of_it_is_in_the_log(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    asked.takes(asked.reply("I need help with confidentialwords"))
    asked.takes(asked.reply("Some otherwords", Message_ID="<2@mx.example>"))
    assert "confidentialwords" not in caplog.text
    assert "otherwords" not in caplog.text
    assert asked.address.partition("+")[2][:20] not in caplog.text


# --- the whole way ---


@pytest.fixture(scope="module")
def imap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imap]:
    with Imap(tmp_path_factory.mktemp("imap")) as running:
        yield running


def test_from_the_mail_that_left_to_the_mailbox_and_back_with_a_receipt(
    office: Office, server: Server, imap: Imap, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALERTS_FROM = "alerts@tocsin.example"
    settings.MAILBOX = mailbox_of("MAILBOX_URL", imap.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(imap.authority))
    monkeypatch.setattr("alerts.suspicion.SOONEST", -60.0)
    cache.clear()
    imap.empty()
    advisory = office.publish(acknowledge_within="P1D").advisory
    cascade(advisory.pk)
    while deliver():
        pass
    got = server.mails[0].message
    for subject, words in (("understood", "Done.\r\n\r\nCas\r\n"), ("question", "Which meetings?\r\n")):
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Subject"] = "Cas <CAS@example.org>", got["Reply-To"], subject
        answer["In-Reply-To"], answer["Message-ID"] = got["Message-ID"], f"<{subject}@example.org>"
        answer.set_content(words + "\r\n" + "\r\n".join(f"> {line}" for line in server.mails[0].text.splitlines()))
        imap.put(answer.as_bytes())
    assert mailbox.read() == 1
    assert imap.flags() == {"question": ""}, "what a person asks is left as it is"
    assert imap.flags("Tocsin") == {"understood": r"\Seen"}
    made = Acknowledgement.objects.get()
    assert (made.how, made.counts, dict(made.answers.values_list("action__key", "choice"))) == (
        "reply",
        True,
        {advisory.current.actions.get(of="person").key: "done"} if advisory.current else {},
    )
    while deliver():
        pass
    receipt = server.mails[-1]
    assert receipt.recipients == ["cas@example.org"]
    assert made.receipt in receipt.text
    assert "/a/" in receipt.text
    cache.clear()
    assert mailbox.read() == 0
    assert Acknowledgement.objects.count() == 1


def test_a_reply_that_a_provider_brings_in_is_an_answer(asked: Asked, settings: SettingsWrapper) -> None:
    settings.EMAIL_PROVIDER, settings.INBOUND_PROVIDER = "", "postmark"
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": "provider:a-long-random-word"}
    headers = {"authorization": "Basic cHJvdmlkZXI6YS1sb25nLXJhbmRvbS13b3Jk"}
    raw = asked.reply().decode()
    body = {
        "From": asked.recipient.person.email,
        "OriginalRecipient": asked.address,
        "RawEmail": raw,
        "Headers": [],
    }
    for _ in range(2):
        response = Client(headers=headers).post("/webhooks/postmark/inbound/", json.dumps(body), "application/json")
        assert response.status_code == 200
    made = Acknowledgement.objects.get()
    assert (made.how, made.counts, made.late) == ("reply", True, False)
