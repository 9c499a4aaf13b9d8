"""How Django finds this room."""

from django.apps import AppConfig


class FlowApp(AppConfig):
    name = "apps.flow"
    label = "flow"
    default_auto_field = "django.db.models.BigAutoField"
