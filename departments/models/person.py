"""A person: one row an address. Those with a duty may also sign in, so this is Django's user as well."""

from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from rules.permissions import has_perm

from departments.addresses import canonical
from departments.lacks import LATE_FOR

# A person who left, came back or began to bounce changes whom their bodies can tell.
NOTE_PERSON = """
    INSERT INTO departments_change (body_id)
    SELECT DISTINCT m.body_id
    FROM new_rows n
    JOIN old_rows o ON o.id = n.id
    JOIN departments_membership m ON m.person_id = n.id AND m.until IS NULL
    WHERE (n.email, n.left_at, n.bounced_at, n.bounced_how, n.deferred_at)
        IS DISTINCT FROM (o.email, o.left_at, o.bounced_at, o.bounced_how, o.deferred_at);
    RETURN NULL;
"""


class PersonManager(BaseUserManager["Person"]):
    """Finding people by address, whatever its case."""

    def get_by_natural_key(self, email: str | None) -> "Person":
        """The person with this address; `Person.DoesNotExist` where nobody has it or it is not an address."""
        try:
            return self.get(email=canonical(email or ""))
        except ValueError:
            raise Person.DoesNotExist from None

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """A new person; without a password they cannot sign in until they set one by mail."""
        person = self.model(email=canonical(email), **{"written": email, **fields})
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """An administrator, for `manage.py createsuperuser`."""
        return self.create_user(email, password, **{"is_administrator": True, **fields})


class Bounced(models.TextChoices):
    """How it is known that mail does not reach somebody. Each has a remedy of its own."""

    REFUSED = "", "refused by the mail server"
    CAME_BACK = "bounced", "came back"
    SUPPRESSED = "suppressed", "the mail provider sends nothing there any more"
    COMPLAINED = "complained", "reported as spam"


class Person(AbstractBaseUser):
    """Somebody who can be told. `email` is canonical (see `departments.addresses`), `written` as it was given."""

    email = models.CharField(max_length=320, unique=True)
    written = models.CharField(max_length=320)
    name = models.CharField(max_length=500)
    shared = models.BooleanField(default=False, help_text="A mailbox that several people read.")
    telephone = models.CharField(max_length=50, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="Since when mail does not reach them.")
    bounced_how = models.CharField(max_length=10, choices=Bounced, blank=True, default="", db_default="")
    deferred_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when mail to them is late: their mail server puts it off."
    )
    is_administrator = models.BooleanField(default=False)
    is_auditor = models.BooleanField(default=False)
    password = models.CharField(max_length=128, default="!", db_default="!")

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name_plural = "people"
        indexes = [GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="person_name_trigram")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(is_administrator=True, is_auditor=True), name="auditor_changes_nothing"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="note_person",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
                func=NOTE_PERSON,
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        """The whole name."""
        return self.name

    @property
    def is_late(self) -> bool:
        """Whether their mail server puts mail off; whatever was put off for long arrived or came back."""
        return self.deferred_at is not None and self.deferred_at > timezone.now() - LATE_FOR

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # derived here: Django's is a plain attribute
        """Whether they are still here; whether they may sign in is `departments.signing_in`'s to say."""
        return self.left_at is None

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets them in."""
        return self.is_administrator

    def has_perm(self, permission: str, of: object = None) -> bool:
        """Permissions are predicates (`rules`), never rows."""
        return self.is_active and bool(has_perm(permission, self, of))

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the admin shows this app."""
        return self.is_active and self.is_administrator
