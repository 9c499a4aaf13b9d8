"""How Django finds this room."""

from django.apps import AppConfig


class AutomationApp(AppConfig):
    name = "apps.automation"
    label = "automation"
    default_auto_field = "django.db.models.BigAutoField"
