"""Advisories and their way down the tree."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = "Advisories"

    def ready(self) -> None:
        """Say on each body's page, and on each person's, what they were told; and what can be set off for the directory."""
        # Models are there only now.
        from anymail.signals import inbound, tracking

        from alerts import links  # noqa: F401  # its check
        from alerts.delivery.tracking import take_event
        from alerts.inbound import take_event as take_inbound
        from alerts.web.panel import told
        from alerts.web.person_panel import told_person
        from alerts.web.readiness_panel import ask_contacts_of, remedies
        from departments.panels import register, register_directory, register_person

        tracking.connect(take_event, dispatch_uid="alerts.delivery.tracking")
        inbound.connect(take_inbound, dispatch_uid="alerts.inbound")
        register(ask_contacts_of)
        register(told)
        register_person(told_person)
        register_directory(remedies)
