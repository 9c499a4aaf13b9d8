"""How Django finds this room."""

from django.apps import AppConfig


class DashboardApp(AppConfig):
    name = "apps.dashboard"
    label = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"
