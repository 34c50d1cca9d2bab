"""The nouns of the directory."""

from departments.models.body import Body, BodyAlias, Calendar, HoldRequest, Sponsor
from departments.models.history import BodyEvent, Change, PersonEvent
from departments.models.membership import Delegation, Membership, Role
from departments.models.person import Person
from departments.models.standing import Standing, StandingMark
from departments.models.topic import Remit, Topic
from departments.models.upload import Upload

__all__ = [
    "Body",
    "BodyAlias",
    "BodyEvent",
    "Calendar",
    "Change",
    "Delegation",
    "HoldRequest",
    "Membership",
    "Person",
    "PersonEvent",
    "Remit",
    "Role",
    "Sponsor",
    "Standing",
    "StandingMark",
    "Topic",
    "Upload",
]
