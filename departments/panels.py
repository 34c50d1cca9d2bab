"""Places on a body's, a person's and the readiness page that other apps fill. They know this one; this one never knows them."""

from collections.abc import Callable
from typing import TypeAlias

from django.http import HttpRequest
from django.utils.safestring import SafeString

from departments.models import Body, Person

# Returns a piece of HTML with a heading of its own (h2), or "" where there is nothing to say to this person.
Panel: TypeAlias = Callable[[HttpRequest, Body], SafeString]
PersonPanel: TypeAlias = Callable[[HttpRequest, Person], SafeString]
DirectoryPanel: TypeAlias = Callable[[HttpRequest], SafeString]

_panels: list[Panel] = []
_person_panels: list[PersonPanel] = []
_directory_panels: list[DirectoryPanel] = []


def register(panel: Panel) -> Panel:
    """Show this panel on every body's page, after those registered before it. For `AppConfig.ready`; works as a decorator."""
    if panel not in _panels:
        _panels.append(panel)
    return panel


def panels_of(request: HttpRequest, body: Body) -> list[SafeString]:
    """What each registered panel has to say about this body, the silent ones left out."""
    return [html for panel in _panels if (html := panel(request, body))]


def register_person(panel: PersonPanel) -> PersonPanel:
    """As `register`, for every person's page."""
    if panel not in _person_panels:
        _person_panels.append(panel)
    return panel


def person_panels_of(request: HttpRequest, person: Person) -> list[SafeString]:
    """What each registered panel has to say about this person, the silent ones left out."""
    return [html for panel in _person_panels if (html := panel(request, person))]


def register_directory(panel: DirectoryPanel) -> DirectoryPanel:
    """As `register`, for the readiness page."""
    if panel not in _directory_panels:
        _directory_panels.append(panel)
    return panel


def directory_panels(request: HttpRequest) -> list[SafeString]:
    """What each registered panel has to say about the whole directory, the silent ones left out."""
    return [html for panel in _directory_panels if (html := panel(request))]
