"""Signing in is for those with a duty: current officers, contacts, deputies, heads, administrators, auditors."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest, HttpResponse

from config.asker import asker
from departments.models import Person
from departments.models.membership import DUTIES


def has_duty(person: Person) -> bool:
    """Whether this person has a reason to sign in today."""
    if person.left_at is not None:
        return False
    if person.is_administrator or person.is_auditor:
        return True
    return person.memberships.filter(until=None, role__in=DUTIES, body__closed=None).exists()


class DutyBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """E-mail and password, for those with a duty and nobody else; asked again on every request."""

    def user_can_authenticate(self, user: Person) -> bool:
        """Whether this person may come in."""
        return has_duty(user)

    def get_user(self, user_id: Any) -> Person | None:
        """The signed-in person, unless their duty ended since."""
        person = Person.objects.filter(pk=user_id).first()
        return person if person is not None and has_duty(person) else None

    def has_perm(self, user: Any, permission: str, of: object = None) -> bool:
        """Permissions are `rules`', not this backend's."""
        return False


class DutyAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody signs up: the directory says who there is."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """By what tries to sign in are limited: as everywhere."""
        return asker(request)

    def pre_login(self, request: HttpRequest, user: Person, **how: Any) -> HttpResponse | None:
        """Whoever has no duty gets no session, whichever way they came; a right password is no duty."""
        if not has_duty(user):
            response: HttpResponse = self.respond_user_inactive(request, user)
            return response
        allowed: HttpResponse | None = super().pre_login(request, user, **how)
        return allowed
