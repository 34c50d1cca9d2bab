"""The forms about bodies. They read what was typed; whether it may be so is the verbs' to say."""

from datetime import date
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils import timezone

from departments.changing import Particulars
from departments.closing import LONGEST_WHY
from departments.holding import LONGEST_HOLD, LONGEST_REASON
from departments.models import Body, Calendar
from departments.search import bodies_like
from departments.slugs import LONGEST_KIND, LONGEST_NAME, LONGEST_SLUG

TOO_LONG = 30_000  # characters of a list


class BodyField(forms.CharField):
    """A body by its slug, or its whole name or abbreviation. A select box with 20,000 bodies would be no choice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_NAME, **kwargs)
        self.widget.attrs.update(
            {
                "list": "bodies-found",
                "autocomplete": "off",
                "hx-get": reverse_lazy("directory:suggest"),
                "hx-trigger": "keyup changed delay:200ms",
                "hx-target": "#bodies-found",
            }
        )

    def clean(self, value: Any) -> Any:
        """The open body; None where nothing was typed and nothing must be."""
        typed = super().clean(value)
        if not typed:
            return None
        if exact := Body.objects.filter(slug=typed).first():
            return exact
        found = list(bodies_like(typed)[:4])
        named = [one for one in found if one.name.casefold() == typed.casefold()]
        if len(named) == 1:
            return named[0]
        if not found:
            raise forms.ValidationError(f"No body is called “{typed[:80]}”. Write its name or its address here.")
        offered = ", ".join(f"{one.name} ({one.slug})" for one in found)
        raise forms.ValidationError(f"Which one? Write the part in brackets: {offered}.")


class ListField(forms.CharField):
    """One entry a line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=TOO_LONG, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A line each."""
        return "\n".join(value) if isinstance(value, (list, tuple)) else value

    def clean(self, value: Any) -> Any:
        """Without empty lines."""
        return tuple(line.strip() for line in super().clean(value).splitlines() if line.strip())


class DayField(forms.DateField):
    """A day, as the browser's own calendar gives it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": "Give a day, such as 2026-04-01."},
            **kwargs,
        )


class ParticularsForm(forms.Form):
    """What can be said of a body besides its place and its people."""

    name = forms.CharField(max_length=LONGEST_NAME)
    kind = forms.CharField(max_length=LONGEST_KIND, help_text="Such as executive agency, or select committee.")
    aliases = ListField(label="Other names", help_text="Abbreviations and old names, one a line: people look for them.")
    topics = ListField(label="Remit", help_text="Subjects such as foreign-affairs, one a line.")
    sponsors = ListField(
        label="Sponsors", help_text="Further bodies it answers to, by their addresses here, one a line."
    )
    domain = forms.CharField(
        label="Mail domain", required=False, max_length=255, help_text="Such as example.gov.uk. Others are remarked on."
    )
    opened = DayField(label="Opened on", required=False)
    calendar = forms.ChoiceField(
        label="Bank holidays",
        choices=Calendar.choices,
        required=False,
        help_text="Time to answer counts on its working days alone, but where a warning is critical.",
    )
    may_issue = forms.BooleanField(
        label="It is an issuing authority: it may warn beyond its own branch", required=False
    )

    def particulars(self) -> Particulars:
        """What was typed; for a form that is valid."""
        return Particulars(**{name: self.cleaned_data[name] for name in Particulars.__dataclass_fields__})


class ChangeForm(ParticularsForm):
    """What can be said of a body that is there."""

    below = forms.BooleanField(label="The same bank holidays for everything below it too", required=False)
    field_order = ["name", "kind", "aliases", "topics", "sponsors", "domain", "opened", "calendar", "below"]


class AddForm(ParticularsForm):
    """A new body."""

    slug = forms.CharField(
        label="Address here",
        max_length=LONGEST_SLUG,
        help_text="Letters, digits and hyphens; it stays for ever. Such as foreign-affairs-committee.",
    )
    field_order = ["name", "slug"]


class MoveForm(forms.Form):
    """Where a body is to hang."""

    under = BodyField(
        label="Under which body?", required=False, help_text="Its name, abbreviation or address here. Nothing: the top."
    )
    why = forms.CharField(label="Why? (stands in the history)", required=False, max_length=LONGEST_WHY)


def _today() -> date:
    return timezone.localdate()


class CloseForm(forms.Form):
    """That a body closes, when and why, and who takes over."""

    successor = BodyField(
        label="Who takes over? (leave empty where nobody does)",
        required=False,
        help_text="Its people, remit, names and whatever hangs below it go there.",
    )
    on = DayField(label="On which day?", initial=_today)
    why = forms.CharField(label="Why?", max_length=LONGEST_WHY, widget=forms.Textarea(attrs={"rows": 2}))


class WhyForm(forms.Form):
    """A reason."""

    why = forms.CharField(label="Why?", max_length=LONGEST_WHY, widget=forms.Textarea(attrs={"rows": 2}))


class HoldForm(forms.Form):
    """For how long warnings may be held, and why."""

    hours = forms.IntegerField(label="For up to how many hours?", min_value=1, max_value=LONGEST_HOLD)
    reason = forms.CharField(
        label="Why? (the parent body decides by it)",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
