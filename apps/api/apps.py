"""How Django finds this room."""

from django.apps import AppConfig


class ApiApp(AppConfig):
    name = "apps.api"
    label = "api"
    default_auto_field = "django.db.models.BigAutoField"
