"""How Django finds this room."""

from django.apps import AppConfig


class NoticesApp(AppConfig):
    name = "apps.notices"
    label = "notices"
    default_auto_field = "django.db.models.BigAutoField"
