"""The tree of government and its people. Knows nothing of alerts."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from departments.triggers import ignore_none


class DepartmentsConfig(AppConfig):
    name = "departments"
    verbose_name = "The tree and its people"

    def ready(self) -> None:
        """Have every connection say once that no trigger is to be ignored; and the system's checks know of ours."""
        from departments import checks  # noqa: F401  # models are there only now

        connection_created.connect(ignore_none)
