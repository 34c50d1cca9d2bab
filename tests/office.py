"""An office: an issuing authority with two officers, and a government with people; and an advisory's file, whole."""

from typing import Any

from alerts.models import Draft, Revision
from alerts.publishing.draft import from_file
from alerts.publishing.publish import publish_draft
from departments.models import Body, Membership, Person, Remit, Topic


def an_advisory(**changes: object) -> dict[str, Any]:
    """An advisory's file, whole."""
    return {
        "title": "Do not use Zoom for confidential business",
        "open_title": "Advice on video meetings",
        "severity": "high",
        "marking": "GREEN",
        "summary": "Meetings may be overheard.",
        "guidance": "# Why\n\nBecause.",
        "do_not_use_for": ["closed meetings"],
        "still_fine_for": ["public meetings"],
        "use_instead": ["the approved service"],
        "actions": [{"text": "Move closed meetings", "due": "P7D"}, {"text": "Count", "due": "P14D", "of": "body"}],
        "topics": ["china"],
        "audience": {"branches": ["government"]},
        **changes,
    }


class Office:
    """An issuing authority with two officers, and a government with people."""

    def __init__(self) -> None:
        self.centre = Body.objects.create(slug="centre", name="The Centre", kind="agency", may_issue=True)
        self.government = Body.objects.create(slug="government", name="Government", kind="government")
        self.department = Body.objects.create(
            slug="department", name="A Department", kind="department", parent=self.government
        )
        self.outside = Body.objects.create(slug="committee", name="China Committee", kind="committee")
        topic = Topic.objects.create(slug="china")
        Remit.objects.create(body=self.outside, topic=topic)
        self.ada, self.ben = self.person("ada", self.centre, "officer"), self.person("ben", self.centre, "officer")
        self.cas = self.person("cas", self.department, "member")

    def person(self, name: str, body: Body, role: str) -> Person:
        person = Person.objects.create(email=f"{name}@example.org", written=f"{name}@example.org", name=name.title())
        Membership.objects.create(person=person, body=body, role=role)
        return person

    def draft(self, **changes: object) -> Draft:
        return from_file(an_advisory(**changes), self.ada, self.centre)

    def publish(self, **changes: object) -> Revision:
        return publish_draft(self.draft(**changes), self.ben, accept_gaps="told otherwise")
