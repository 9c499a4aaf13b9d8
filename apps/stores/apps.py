"""How Django finds this room."""

from django.apps import AppConfig


class StoresApp(AppConfig):
    name = "apps.stores"
    label = "stores"
    default_auto_field = "django.db.models.BigAutoField"
