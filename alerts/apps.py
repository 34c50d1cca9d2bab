"""Advisories and their way down the tree."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = "Advisories"

    def ready(self) -> None:
        """Say on each body's page, and on each person's, what they were told."""
        # Models are there only now.
        from alerts.web.panel import told
        from alerts.web.person_panel import told_person
        from departments.panels import register, register_person

        register(told)
        register_person(told_person)
