"""Places on a body's page that other apps fill. They know this one; this one never knows them."""

from collections.abc import Callable
from typing import TypeAlias

from django.http import HttpRequest
from django.utils.safestring import SafeString

from departments.models import Body

# Returns a piece of HTML with a heading of its own (h2), or "" where there is nothing to say to this person.
Panel: TypeAlias = Callable[[HttpRequest, Body], SafeString]

_panels: list[Panel] = []


def register(panel: Panel) -> Panel:
    """Show this panel on every body's page, after those registered before it. For `AppConfig.ready`; works as a decorator."""
    if panel not in _panels:
        _panels.append(panel)
    return panel


def panels_of(request: HttpRequest, body: Body) -> list[SafeString]:
    """What each registered panel has to say about this body, the silent ones left out."""
    return [html for panel in _panels if (html := panel(request, body))]
