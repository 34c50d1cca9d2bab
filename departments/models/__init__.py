"""The nouns of the directory."""

from departments.models.body import Body, BodyAlias, Sponsor
from departments.models.history import BodyEvent, Change
from departments.models.membership import Delegation, Membership, Role
from departments.models.person import Person
from departments.models.topic import Remit, Topic

__all__ = [
    "Body",
    "BodyAlias",
    "BodyEvent",
    "Change",
    "Delegation",
    "Membership",
    "Person",
    "Remit",
    "Role",
    "Sponsor",
    "Topic",
]
