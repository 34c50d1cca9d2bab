"""Kept figures as a mail: the paragraph, the code and the picture, to whoever asked, as far as the marking lets them."""

from __future__ import annotations

import base64
import zlib
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from alerts.coverage import citing
from alerts.coverage.scope import scope
from alerts.delivery.deliver import deliver
from alerts.letters.letters import again, plain_skeleton
from alerts.models import Advisory, Batch, Citation, Letter, Message
from alerts.routing.routes import Way
from alerts.senders.provider import ProviderSender
from alerts.senders.providers import PROVIDERS
from departments.models import Person
from tests import rows
from tests.smtp import Server
from tests.test_providers import EVERY_SETTING, a_mail

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

RECORD = (
    "TLP:GREEN. ADV-2020-0017. As at 16:24 BST on 24 April 2020, 6,442 of the 7,940 people – “all” – had been told."
)


def a_png(size: int = 40) -> bytes:
    """A real one, whose octets look like nothing else."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    lines = b"".join(b"\0" + bytes((row * column) % 251 for column in range(3 * size)) for row in range(size))
    header = size.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


def a_citation(by: Person, marking: str = "GREEN", png: bytes | None = None, shown: str = "") -> Citation:
    advisory = Advisory.objects.first() or rows.advisory()
    if marking != advisory.marking:
        Advisory.objects.filter(pk=advisory.pk).update(marking=marking, open_title="Advice on meetings")
    content = {"v": 1, "record": RECORD, "marking": marking}
    svg, drawn = "<svg/>", a_png() if png is None else png
    return citing.keep(advisory, scope(advisory.pk), None, by, content, svg, drawn, advisory.published_at, shown)  # type: ignore[arg-type]


def press(person: Person, of: Citation) -> str:
    """Mail it to me; what the page then says."""
    client = Client()
    client.force_login(person, backend="departments.signing_in.DutyBackend")
    answer = client.post(f"/figures/{citing.spelled(of.code)}/mail/")
    assert answer.status_code == 302
    return " ".join(str(message) for message in client.get("/figures/").context["messages"])


def parts_of(mail: EmailMessage) -> dict[str, EmailMessage]:
    return {part.get_content_type(): part for part in mail.walk() if isinstance(part, EmailMessage)}


def test_it_carries_the_paragraph_the_code_and_the_picture_where_it_stands(server: Server, auditor: Person) -> None:
    cited = a_citation(auditor)
    assert f"on its way to {auditor.email}" in press(auditor, cited)
    assert deliver()
    (mail,) = server.mails
    assert mail.recipients == [auditor.email]
    assert mail.subject == "[High] Coverage of Do not use Zoom"
    parts = parts_of(mail.message)
    assert list(parts) == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    picture = parts["image/png"]
    assert picture.get_content() == a_png()
    assert picture["Content-Transfer-Encoding"] == "base64"
    assert picture.get_content_disposition() == "inline"
    html = str(parts["text/html"].get_content())
    assert f'src="cid:{str(picture["Content-ID"]).strip("<>")}"' in html
    assert parts["multipart/related"].get_param("type") == "text/html"
    for kind in ("text/plain", "text/html"):
        assert parts[kind]["Content-Transfer-Encoding"] == "quoted-printable"
        said = " ".join(str(parts[kind].get_content()).split())
        assert "6,442 of the 7,940 people – “all” – had been told." in said
        assert f"/figures/{citing.spelled(cited.code)}/" in said
        assert f"The code is {citing.spelled(cited.code)}." in said
        assert "TLP:GREEN" in said
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998
    plain = mail.content.split(b"multipart/related")[0]
    assert base64.b64encode(RECORD.encode())[:20] not in plain
    assert mail.content.count(b"base64") == 1


def test_it_is_the_very_mail_however_often_it_is_made_again(server: Server, auditor: Person) -> None:
    press(auditor, a_citation(auditor))
    deliver()
    message = Message.objects.select_related("batch__about").get(kind="report")
    Advisory.objects.update(marking="RED", open_title="Another title")
    assert again(message) == server.mails[0].content
    assert message.personal
    kept = Letter.objects.get(pk=message.personal["letter"]).content
    assert "picture" in kept
    assert base64.b64encode(a_png()).decode()[:40] not in str(kept)  # the citation has it


def test_each_person_has_it_once_and_everybody_who_may_see_it_may_have_it(server: Server, auditor: Person) -> None:
    cited, other = a_citation(auditor), rows.person("Oscar Other", is_auditor=True)
    press(auditor, cited)
    assert "was mailed to you before" in press(auditor, cited)
    press(other, cited)
    press(auditor, a_citation(auditor, shown="another page"))
    while deliver():
        pass
    assert sorted(mail.recipients[0] for mail in server.mails) == sorted([auditor.email, auditor.email, other.email])
    assert "was mailed to you before" in press(auditor, cited)
    codes = {line for mail in server.mails for line in mail.text.splitlines() if "/figures/" in line}
    assert len(codes) == 2  # each batch has the words of its own citation
    assert Batch.objects.filter(kind="report").count() == 3


@pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT", "RED"])
def test_from_amber_up_it_carries_the_open_title_and_the_link_alone(
    server: Server, auditor: Person, marking: str
) -> None:
    cited = a_citation(auditor, marking)
    press(auditor, cited)
    deliver()
    (mail,) = server.mails
    assert mail.subject == "[High] Coverage of Advice on meetings"
    parts = parts_of(mail.message)
    assert list(parts) == ["multipart/alternative", "text/plain", "text/html"]
    assert f"/figures/{citing.spelled(cited.code)}/" in mail.text
    for kind in ("text/plain", "text/html"):
        said = str(parts[kind].get_content())
        for hidden in ("6,442", "7,940", "Zoom", "cid:"):
            assert hidden not in said
        assert f"TLP:{marking}" in said


def test_what_was_kept_under_a_stricter_marking_stays_out_of_a_mail_for_good(server: Server, auditor: Person) -> None:
    cited = a_citation(auditor, "AMBER")
    Advisory.objects.update(marking="GREEN")
    press(auditor, cited)
    deliver()
    assert "6,442" not in server.mails[0].text


def test_figures_without_a_picture_are_mailed_without_one(server: Server, auditor: Person) -> None:
    press(auditor, a_citation(auditor, png=b""))
    deliver()
    assert list(parts_of(server.mails[0].message)) == ["multipart/alternative", "text/plain", "text/html"]
    assert "6,442" in server.mails[0].text


@pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "amazon_ses"])
def test_each_provider_is_given_the_picture_or_the_mail_without_it(
    name: str, settings: SettingsWrapper, auditor: Person
) -> None:
    settings.ANYMAIL = EVERY_SETTING
    cited = a_citation(auditor)
    skeleton = plain_skeleton("report", cited.advisory, cited)
    assert skeleton.picture is not None
    with ProviderSender(Way(name, name)) as sender:
        ((mail, *_), *_) = sender._calls([a_mail(0, skeleton=skeleton)])
        message, payload = sender._payload([mail])
    assert len(message.attachments) == (0 if name in ("brevo", "postal", "scaleway") else 1)
    assert f"cid:{skeleton.picture.id}" in str(message.alternatives[0])
    assert payload


def test_to_an_address_from_which_mail_came_back_none_is_made(auditor: Person) -> None:
    cited = a_citation(auditor)
    Person.objects.filter(pk=auditor.pk).update(bounced_at="2020-04-24T15:24Z", bounced_how="bounced")
    assert "mail to your address came back" in press(auditor, cited)
    assert not Message.objects.filter(kind="report").exists()
