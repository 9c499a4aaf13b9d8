"""How Django finds this room."""

from django.apps import AppConfig


class UsageApp(AppConfig):
    name = "apps.usage"
    label = "usage"
    default_auto_field = "django.db.models.BigAutoField"
