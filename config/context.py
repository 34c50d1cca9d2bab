"""What every page may need to know."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """The site's name and address, and whether this is a development machine."""
    return {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL, "development": settings.DEBUG}
