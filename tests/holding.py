"""A department that holds a warning for its people: two contacts, a member, and somebody in an agency below it."""

import re
from typing import Any

from django.test import Client

from alerts import tokens
from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Recipient, Relay
from departments.models import Body, Person
from tests.office import Office

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"


class Holding:
    """An advisory that the department holds, for four hours unless its severity lets it less."""

    def __init__(self, office: Office, **changes: object) -> None:
        self.office, self.department = office, office.department
        Body.objects.filter(pk=self.department.pk).update(policy="hold", hold_hours=4)
        self.agency = Body.objects.create(slug="agency", name="An Agency", kind="agency", parent=self.department)
        self.ann = office.person("ann", self.department, "contact")
        self.dan = office.person("dan", self.department, "deputy")
        self.meg = office.person("meg", self.agency, "member")
        Person.objects.filter(pk=self.ann.pk).update(name="Ann Contact", telephone="020 7946 0000")
        self.ann.refresh_from_db()
        self.advisory: Advisory = office.publish(**{"severity": "medium", **changes}).advisory
        self.go()
        self.relay = self.advisory.relays.get(body=self.department)

    def go(self) -> None:
        """One pass of the cascade."""
        assert cascade(self.advisory.pk)
        self.advisory.refresh_from_db()

    def recipient(self, who: Person) -> Recipient:
        """Somebody's row, as a link finds it."""
        return Recipient.objects.select_related(
            "person", "advisory__issuer", "advisory__current", "advisory__material"
        ).get(advisory=self.advisory, person=who)

    def link(self, who: Person) -> str:
        """Somebody's own link."""
        recipient = self.recipient(who)
        return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"

    def page(self, who: Person) -> str:
        """Somebody's page."""
        return browser().get(self.link(who)).content.decode()

    def form(self, who: Person, relay: Relay | None = None) -> dict[str, str]:
        """What the card's button sends."""
        number = (relay or self.relay).pk
        found = re.search(
            rf'name="relay" value="{number}"><input type="hidden" name="form" value="([^"]+)"', self.page(who)
        )
        assert found is not None
        return {"press": "release", "relay": str(number), "form": found[1]}

    def press(self, who: Person, **changes: str) -> Any:
        """Press the card's button."""
        return browser().post(self.link(who), {**self.form(who), **changes})

    def state(self) -> str:
        """Held or released."""
        self.relay.refresh_from_db()
        return self.relay.state


def browser() -> Client:
    """A person's browser, without cookies, which checks what a site would of a form."""
    return Client(headers={"user-agent": AGENT}, enforce_csrf_checks=True)
