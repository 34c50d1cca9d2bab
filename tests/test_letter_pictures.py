"""The letters on the docs' page are those that leave."""

import pytest
import time_machine
from pytest_django.fixtures import Settings as SettingsWrapper

from tests.letter_pictures import DAY, PAGE, PICTURES, SETTINGS, letters_of, page_with, text_of
from tests.smtp import Server


@pytest.mark.django_db(transaction=True)
def test_the_page_of_letters_says_what_they_say(server: Server, settings: SettingsWrapper) -> None:
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    with time_machine.travel(DAY):
        letters = letters_of(server)
    page = PAGE.read_text()
    assert page_with({name: text_of(mail) for name, mail in letters.items()}, page) == page
    assert [name for name in letters if f"(pictures/letter-{name}.png)" not in page] == []
    assert all((PICTURES / f"letter-{name}.png").exists() for name in letters)
    assert {name: mail.message["Importance"] for name, mail in letters.items() if name in ("red", "drill")} == {
        "red": "high",
        "drill": "normal",
    }
    for name, mail in letters.items():
        [to], [sender] = mail.message["To"].addresses, mail.message["From"].addresses
        assert [to.addr_spec] == mail.recipients
        assert mail.message["Cc"] is mail.message["Bcc"] is None
        # SPF is asked of the return path's domain, DKIM and DMARC of From's: they are one.
        assert mail.sender.rpartition("@")[2] == sender.domain == "alerts.example"
        # A reply says who answers what; of a mail about several, or about others, it says nothing.
        assert mail.message["Reply-To"].startswith("alerts@" if name in ("digest", "escalation") else "alerts+")
        assert mail.message["Reply-To"] != mail.sender
