"""The tree of government and its people. Knows nothing of alerts."""

from django.apps import AppConfig


class DepartmentsConfig(AppConfig):
    name = "departments"
    verbose_name = "The tree and its people"
