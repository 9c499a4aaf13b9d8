"""How Django finds this room."""

from django.apps import AppConfig


class StorageApp(AppConfig):
    name = "apps.storage"
    label = "storage"
    default_auto_field = "django.db.models.BigAutoField"
