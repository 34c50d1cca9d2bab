"""What is typed about people: its shape and its limits. Whether it may be so is the verbs' to say."""

from collections.abc import Callable
from typing import Any

from django import forms

from departments.models import Body, BodyAlias, Membership, Person, Role
from departments.noting import LONGEST_NAME, LONGEST_TELEPHONE, address_of, name_of, telephone_of
from departments.refusal import Refused
from departments.seating import LAST_IN_ORDER, WITH_POWERS

_PLAIN = {"autocomplete": "off"}


def _text(label: str, longest: int, hint: str = "", *, required: bool = True, **attributes: str) -> forms.CharField:
    label = label if required else f"{label} (may stay empty)"
    widget = forms.TextInput(attrs={**_PLAIN, **attributes})
    return forms.CharField(label=label, max_length=longest, help_text=hint, required=required, widget=widget)


def _address(label: str, hint: str = "") -> forms.CharField:
    # Not type=email: browsers refuse addresses in other scripts there.
    return _text(label, 320, hint, inputmode="email", spellcheck="false")


class _Plain(forms.Form):
    template_name = "departments/parts/fields.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)


def _checked(check: Callable[[str], str], typed: str) -> str:
    """What was typed, where it will do: said at its field then, and not above the form."""
    try:
        check(typed)
    except Refused as refused:
        raise forms.ValidationError(str(refused)) from None
    return typed


class _NamedForm(_Plain):
    """With an address, a name, and perhaps a telephone number."""

    def clean_email(self) -> str:
        """An address."""
        return _checked(address_of, self.cleaned_data["email"])

    def clean_name(self) -> str:
        """A name."""
        return _checked(name_of, self.cleaned_data["name"])

    def clean_telephone(self) -> str:
        """A telephone number, or nothing."""
        return _checked(telephone_of, self.cleaned_data["telephone"])


class _PlaceForm(_Plain):
    role = forms.ChoiceField(label="Role", choices=Role)
    order = forms.IntegerField(
        label="Order",
        min_value=0,
        max_value=LAST_IN_ORDER,
        initial=0,
        help_text="Among those of the same role; 0 is asked first.",
        widget=forms.TextInput(attrs={**_PLAIN, "inputmode": "numeric"}),
    )
    hours = forms.ChoiceField(label="Hours", choices=Membership.Hours, initial=Membership.Hours.IN)

    def __init__(self, *args: Any, powers: bool = False, **kwargs: Any) -> None:
        """`powers`: whether this viewer may name heads and officers; nobody else is offered those roles."""
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ChoiceField(label="Role", choices=roles(powers), initial=Role.MEMBER)


class AddForm(_PlaceForm, _NamedForm):
    """Somebody for a body."""

    email = _address("Address", "Where they read their mail. Whoever is known by it is the same person.")
    name = _text("Name", LONGEST_NAME)
    telephone = _text("Telephone", LONGEST_TELEPHONE, required=False)
    shared = forms.BooleanField(label="Several people read this mailbox", required=False)

    field_order = ["email", "name", "role", "order", "hours", "telephone", "shared"]


class PlaceForm(_PlaceForm):
    """A further place for somebody."""

    body = _text("Body", 500, "Its name, its abbreviation, or the last part of its page's address.")

    field_order = ["body", "role", "order", "hours"]

    def clean_body(self) -> Body:
        """The open body that is called so; where several are, which ones."""
        return _body_called(self.cleaned_data["body"])


class CorrectForm(_NamedForm):
    """What is written of somebody."""

    email = _address("Address")
    name = _text("Name", LONGEST_NAME)
    telephone = _text("Telephone", LONGEST_TELEPHONE, required=False)
    shared = forms.BooleanField(label="Several people read this mailbox", required=False)

    @staticmethod
    def of(person: Person) -> dict[str, object]:
        """What is written of them now."""
        return {
            "email": person.written,
            "name": person.name,
            "telephone": person.telephone,
            "shared": person.shared,
        }


class LeaveForm(_Plain):
    """When somebody left."""

    on = forms.DateField(
        label="The day on which they left", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class DelegateForm(_NamedForm):
    """Who opens somebody's mail."""

    email = _address("The delegate's address", "Somebody new comes into the directory with it.")
    name = _text("The delegate's name", LONGEST_NAME)
    until = forms.DateField(
        label="The last day",
        help_text="13 months from now at the latest; name them again then.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


def roles(powers: bool) -> list[tuple[str, str]]:
    """The roles that this viewer may give, with their labels."""
    return [(str(value), str(label)) for value, label in Role.choices if powers or value not in WITH_POWERS]


def _body_called(words: str) -> Body:
    name = " ".join(words.split())
    here = Body.objects.filter(closed=None)
    found = here.filter(slug=name.strip("/").rpartition("/")[2]).first()
    if found is not None:
        return found
    called = list(here.filter(name__iexact=name).order_by("slug")[:4])
    called = called or list(
        here.filter(pk__in=BodyAlias.objects.filter(text__iexact=name).values("body")).order_by("slug")[:4]
    )
    if len(called) == 1:
        return called[0]
    if not called:
        raise forms.ValidationError(f"No open body is called {name[:80]}. Look it up and copy its name.")
    slugs = ", ".join(body.slug for body in called[:3])
    raise forms.ValidationError(f"Several bodies are called so: {slugs}. Give one of these instead.")
