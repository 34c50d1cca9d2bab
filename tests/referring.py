"""A department with a contact and a deputy, an agency below it, another department beside it; and a warning to all of them."""

from typing import Any
from uuid import uuid4

from django.core import signing
from django.test import Client
from django.utils import timezone

from alerts import tokens
from alerts.cascading import deciding, referrals
from alerts.cascading.cascade import cascade
from alerts.cascading.referrals import Typed
from alerts.models import Advisory, Message, Recipient, Referral
from alerts.suspicion import Client as Pressed
from alerts.suspicion import Hand
from departments.models import Body, Person
from tests.office import Office

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
SOMEBODY = Pressed(user_agent=AGENT, hand=Hand.SEEN)


class Referring:
    """The advisory, told to everybody in the branch; Cas is whose link it is."""

    def __init__(self, office: Office, **changes: object) -> None:
        self.office, self.department = office, office.department
        self.agency = self.body("agency", "An Agency", self.department)
        self.beside = self.body("beside", "Another Department", office.government)
        self.con = office.person("con", self.department, "contact")
        self.dep = office.person("dep", self.department, "deputy")
        self.top = office.person("top", office.government, "head")
        self.bea = office.person("bea", self.beside, "contact")
        self.meg = office.person("meg", self.agency, "member")
        self.root = Person.objects.create(
            email="root@example.org", written="root@example.org", name="Root", is_administrator=True
        )
        self.cas = office.cas
        self.advisory: Advisory = office.publish(**changes).advisory
        self.go()
        Recipient.objects.update(told_revision=1)

    def body(self, slug: str, name: str, parent: Body | None = None) -> Body:
        """One more body."""
        return Body.objects.create(slug=slug, name=name, kind="agency", parent=parent)

    def go(self) -> None:
        """One pass of the cascade."""
        assert cascade(self.advisory.pk)
        self.advisory.refresh_from_db()

    def recipient(self, who: Person | None = None) -> Recipient:
        """Somebody's row, as a link finds it."""
        return Recipient.objects.select_related(
            "person", "advisory__issuer", "advisory__current", "advisory__material"
        ).get(advisory=self.advisory, person=who or self.cas)

    def link(self, who: Person | None = None) -> str:
        """Somebody's own link."""
        recipient = self.recipient(who)
        return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"

    def say(self, kind: str, who: Person | None = None, client: Pressed = SOMEBODY, **typed: str) -> Referral:
        """Somebody with this person's link says so, after a minute on the page."""
        recipient = self.recipient(who)
        form = typed.pop("form", "") or form_of(recipient, kind)
        return referrals.say(recipient, kind, Typed(form, **typed), client)

    def also(self, name: str = "Nia New", email: str = "nia@example.org", who: Person | None = None) -> Referral:
        """Somebody else should see it."""
        return self.say("also", who, name=name, email=email)

    def passed(self, name: str = "Nia New", email: str = "nia@example.org") -> deciding.Decided:
        """The contact passes it on to them."""
        return deciding.pass_on(self.also(name, email).pk, self.con)

    def mails(self, who: str) -> int:
        """How many mails of the advisory somebody (by name) has."""
        return Message.objects.filter(advisory=self.advisory, person__name=who).count()


def form_of(recipient: Recipient, kind: str, age: float = 60) -> str:
    """A form's hidden value, issued so many seconds ago."""
    issued = timezone.now().timestamp() - age
    return signing.dumps([recipient.pk, kind, uuid4().hex, issued], salt="alerts.cascading.referrals.form")


def browser() -> Client:
    """A person's browser, without cookies, which checks what a site would of a form."""
    return Client(headers={"user-agent": AGENT}, enforce_csrf_checks=True)


def answers_of(said: Any) -> set[str]:
    """The names of those who have a mail about what was said."""
    return set(Message.objects.filter(kind="referral", batch__about=said).values_list("person__name", flat=True))
