"""Django's admin with our own door."""

from django.contrib.admin.apps import AdminConfig


class TablesConfig(AdminConfig):
    """Found by `INSTALLED_APPS`; registers every department's `admin` module."""

    default_site = "departments.admin_site.Site"
