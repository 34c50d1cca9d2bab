"""Advisories and their way down the tree."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = "Advisories"

    def ready(self) -> None:
        """Say on each body's page what it was told."""
        # Models are there only now.
        from alerts.web.panel import told
        from departments.panels import register

        register(told)
